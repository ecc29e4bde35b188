// The client's door: one connection, safe to use from many tasks at once.
import NIOCore
import NIOPosix
import Synchronization

/// A connection to a Martlet server, or to any that speaks the Redis protocol.
///
///     let connection = try await MartletConnection.connect(to: ConnectionConfiguration(port: 6379))
///     try await connection.set("Hello", "World")
///     let value = try await connection.getString("Hello")  // "World"
///     await connection.close()
///
/// Calls may be made from many tasks at once: they are sent without waiting for each other, and each gets its own
/// reply, as replies come in the order of the commands. ``pipeline(_:timeout:)`` sends many commands in one piece.
///
/// A connection that was lost stays lost: make a new one. Whoever needs `MULTI` or `WATCH` should use a connection of
/// its own, or a pipeline that holds the whole transaction.
public final class MartletConnection: Sendable {
  public let configuration: ConnectionConfiguration
  /// The protocol that was agreed on.
  public let version: RESPVersion

  private let channel: any Channel
  private let handler: NIOLoopBound<ConnectionHandler>
  private let lastRequest = Atomic<UInt64>(0)

  private init(
    _ configuration: ConnectionConfiguration, version: RESPVersion, channel: any Channel,
    handler: NIOLoopBound<ConnectionHandler>
  ) {
    self.configuration = configuration
    self.version = version
    self.channel = channel
    self.handler = handler
  }

  deinit {
    channel.close(promise: nil)
  }

  /// Connects, greets the server, authenticates, and selects the database.
  ///
  /// - Throws: ``ClientError/connectionRefused(address:)``, ``ClientError/couldNotConnect(address:reason:)``,
  ///   ``ClientError/refused(_:)`` (for instance with a wrong password), ``ClientError/connectionLost(reason:)``, or
  ///   ``ClientError/protocolViolation(_:)`` when something else than such a server answers.
  public static func connect(
    to configuration: ConnectionConfiguration = ConnectionConfiguration()
  ) async throws(ClientError) -> MartletConnection {
    let timeout = TimeAmount(configuration.connectTimeout)
    let deadline = NIODeadline.now() + timeout
    let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connectTimeout(timeout)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
    let channel: any Channel
    let handler: NIOLoopBound<ConnectionHandler>
    do {
      (channel, handler) = try await bootstrap.connect(host: configuration.host, port: configuration.port) {
        channel in
        channel.eventLoop.makeCompletedFuture {
          let handler = ConnectionHandler(configuration, connectDeadline: deadline)
          try channel.pipeline.syncOperations.addHandler(handler)
          return (channel, NIOLoopBound(handler, eventLoop: channel.eventLoop))
        }
      }
    } catch {
      throw ConnectFailure.clientError(error, address: configuration.address)
    }
    let outcome = await withCheckedContinuation { continuation in
      channel.eventLoop.execute { handler.value.waitUntilConnected(continuation) }
    }
    return MartletConnection(configuration, version: try outcome.get(), channel: channel, handler: handler)
  }

  /// Connects, runs `body` with the connection, and closes it however `body` ends.
  public static func with<Value>(
    _ configuration: ConnectionConfiguration = ConnectionConfiguration(),
    _ body: (MartletConnection) async throws -> Value
  ) async throws -> Value {
    let connection = try await connect(to: configuration)
    do {
      let value = try await body(connection)
      await connection.close()
      return value
    } catch {
      await connection.close()
      throw error
    }
  }

  /// Whether the connection still stands, as far as this side knows.
  public var isOpen: Bool { channel.isActive }

  /// Sends a command and returns its reply.
  ///
  /// - Parameter timeout: how long to wait for the reply; nil for the configuration's `commandTimeout`. Commands that
  ///   block on the server need more than they block.
  /// - Throws: ``ClientError/server(_:)`` for an error reply, and the connection's errors.
  @discardableResult
  public func send(_ command: Command, timeout: Duration? = nil) async throws(ClientError) -> RESPValue {
    let reply = try await self.reply(to: command, timeout: timeout)
    if case .error(let error) = reply { throw .server(error) }
    return reply
  }

  /// Sends a command and returns its reply, an error reply too.
  public func reply(to command: Command, timeout: Duration? = nil) async throws(ClientError) -> RESPValue {
    let replies = try await pipeline([command], timeout: timeout)
    guard let reply = replies.first, replies.count == 1 else {
      preconditionFailure("a call got \(replies.count) replies to one command")
    }
    return reply
  }

  /// Sends many commands in one piece and returns their replies, one each, in the same order. The failure of one
  /// command (an ``RESPValue/error(_:)`` at its place) neither stops nor hides the others.
  ///
  /// - Throws: the connection's errors; ``ClientError/tooManyInFlight(limit:)`` when there are more commands than
  ///   ``ConnectionConfiguration/maximumInFlight``, of which then none is sent.
  public func pipeline(
    _ commands: [Command], timeout: Duration? = nil
  ) async throws(ClientError) -> [RESPValue] {
    let id = RequestID(lastRequest.wrappingAdd(1, ordering: .relaxed).newValue)
    let timeout = timeout ?? configuration.commandTimeout
    let handler = self.handler
    let eventLoop = channel.eventLoop
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        eventLoop.execute { handler.value.submit(id, commands, timeout: timeout, continuation) }
        // A task that was cancelled just before has told the loop too early.
        if Task.isCancelled { eventLoop.execute { handler.value.cancel(id) } }
      }
    } onCancel: {
      eventLoop.execute { handler.value.cancel(id) }
    }
    return try outcome.get()
  }

  /// Takes no more commands, waits for the replies of those under way (at most until they time out or are
  /// cancelled), and closes. Dropping the connection closes it at once.
  public func close() async {
    let handler = self.handler
    let eventLoop = channel.eventLoop
    await withCheckedContinuation { continuation in
      eventLoop.execute { handler.value.close(continuation) }
    }
  }
}
