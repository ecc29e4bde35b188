// The portable transport: SwiftNIO's event loops, one lane each, and the listening sockets.
package import Logging
package import Martlet
import NIOCore
import NIOPosix
import Synchronization

/// Which protocol a listening socket speaks.
package enum WireProtocol: String, Sendable {
  case redis = "Redis"
  case memcached = "memcached"
}

/// Moves the bytes between sockets and sessions.
package final class NIOTransport: Sendable {
  /// How long a connection may take to end when the server does.
  private static let drainLimit = TimeAmount.seconds(5)
  /// How often expired keys are swept, and for how long at most.
  private static let sweepInterval = TimeAmount.milliseconds(100)
  private static let sweepNanoseconds: Int64 = 2_000_000

  private let group: MultiThreadedEventLoopGroup
  private let lanes: [Lane]
  private let store: StoreCore
  private let context: ServerContext
  private let settings: Settings
  private let logger: Logger
  private let isDraining = Atomic<Bool>(false)
  private let listeners = Mutex<[any Channel]>([])
  private let connections = Mutex<[Int: any Channel]>([:])
  /// Ends each connection from its own event loop.
  private let drains = Mutex<[Int: @Sendable () -> Void]>([:])

  /// - Parameter heldBytes: counts what all connections hold, up to its maximum.
  package init(
    _ store: StoreCore, _ context: ServerContext, _ settings: Settings, _ logger: Logger,
    heldBytes: HeldBytes = HeldBytes()
  ) {
    self.store = store
    self.context = context
    self.settings = settings
    self.logger = logger
    group = MultiThreadedEventLoopGroup(numberOfThreads: settings.threads)
    var random = SystemRandomNumberGenerator()
    lanes = group.makeIterator().map { Lane(store, context, $0, heldBytes, seed: random.next()) }
    let lanes = lanes
    store.journal.onCommit { for lane in lanes { lane.wake() } }
    scheduleSweeper()
  }

  private func scheduleSweeper() {
    let box = SweeperBox(Sweeper(store, context, seed: 0))
    lanes[0].eventLoop.scheduleRepeatedTask(initialDelay: Self.sweepInterval, delay: Self.sweepInterval) {
      _ in
      box.sweeper.sweep(nanoseconds: Self.sweepNanoseconds)
    }
  }

  // MARK: Listening

  /// Listens on an address; the port it got.
  package func listen(_ host: String, _ port: Int, _ wire: WireProtocol) async throws -> Int {
    let lanes = lanes
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
      // Who has finished sending, as `nc -N` has, is still owed the replies.
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      // A second read after a short one would only be told that there is nothing.
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelInitializer { [self] channel in
        guard let lane = lanes.first(where: { $0.eventLoop === channel.eventLoop }) else {
          return channel.eventLoop.makeFailedFuture(ChannelError.eof)
        }
        return channel.eventLoop.makeCompletedFuture { try welcome(channel, lane, wire) }
      }
    do {
      let channel = try await bootstrap.bind(host: host, port: port).get()
      listeners.withLock { $0.append(channel) }
      return channel.localAddress?.port ?? port
    } catch let error as IOError where error.errnoCode == EADDRINUSE {
      throw ServerError.portInUse(host: host, port: port)
    } catch {
      throw ServerError.cannotBind(host: host, port: port, reason: "\(error)")
    }
  }

  /// Lets a client in, or tells it why not.
  private func welcome(_ channel: any Channel, _ lane: Lane, _ wire: WireProtocol) throws {
    if isDraining.load(ordering: .sequentiallyConsistent) {
      throw ChannelError.inappropriateOperationForState
    }
    let isLocal = channel.remoteAddress?.isLoopback ?? true
    if let refusal = Self.refusal(wire, isLocal: isLocal, clientCount: context.clients.count, settings) {
      channel.writeAndFlush(ByteBuffer(string: refusal)).whenComplete { _ in channel.close(promise: nil) }
      return
    }
    let client = context.clients.connect(
      from: channel.remoteAddress?.text ?? "?", to: channel.localAddress?.text ?? "?")
    let limits = SessionLimits(
      keyBytes: settings.maxKeyBytes ?? (wire == .redis ? SessionLimits.redis : .memcached).keyBytes,
      valueBytes: settings.maxValueBytes ?? (wire == .redis ? SessionLimits.redis : .memcached).valueBytes)
    let onClose = { [self] in
      context.clients.disconnect(client)
      connections.withLock { $0[client.id] = nil }
      drains.withLock { $0[client.id] = nil }
      logger.debug("client left", metadata: ["address": "\(client.address)"])
    }
    logger.debug("client came", metadata: ["address": "\(client.address)", "protocol": "\(wire.rawValue)"])
    connections.withLock { $0[client.id] = channel }
    switch wire {
    case .redis:
      try add(
        ConnectionHandler(lane, RESPSession(client, limits, context), onClose: onClose), channel, client.id)
    case .memcached:
      try add(
        ConnectionHandler(lane, MemcachedSession(client, limits, context), onClose: onClose), channel,
        client.id)
    }
  }

  private func add<S: Session & ~Copyable>(_ handler: ConnectionHandler<S>, _ channel: any Channel, _ id: Int)
    throws
  {
    try channel.pipeline.syncOperations.addHandler(handler)
    let bound = NIOLoopBound<any LaneConnection>(handler, eventLoop: channel.eventLoop)
    drains.withLock { $0[id] = { bound.eventLoop.execute { bound.value.drain() } } }
  }

  /// Why a client may not come in; nil when it may.
  ///
  /// - Parameters:
  ///   - isLocal: whether it comes from this machine.
  ///   - clientCount: how many there are already.
  package static func refusal(
    _ wire: WireProtocol, isLocal: Bool, clientCount: Int, _ settings: Settings
  ) -> String? {
    let start = wire == .redis ? "-" : "SERVER_ERROR "
    if clientCount >= settings.maxConnections {
      return wire == .redis ? "-ERR max number of clients reached\r\n" : "ERROR Too many open connections\r\n"
    }
    guard settings.protectedMode, settings.password == nil, !isLocal else {
      return nil
    }
    let code = wire == .redis ? "DENIED " : ""
    return start + code
      + "Martlet runs in protected mode: it has no password, so only clients on its own machine are served. Set "
      + "\(Setting.password.option) (or \(Setting.password.variable)), or turn the protection off with "
      + "\(Setting.protectedMode.option) no, and restart the server.\r\n"
  }

  // MARK: Ending

  /// Stops listening, lets the connections send what they owe, and closes them.
  package func drain() async {
    for listener in listeners.withLock({ $0 }) { try? await listener.close().get() }
    isDraining.store(true, ordering: .sequentiallyConsistent)
    // A connection that was just being let in is in the list once its event loop has been here.
    for lane in lanes { try? await lane.eventLoop.submit {}.get() }
    for drain in drains.withLock({ $0 }).values { drain() }
    let open = connections.withLock { $0 }.values.map(\.closeFuture)
    let allClosed = EventLoopFuture.andAllComplete(Array(open), on: lanes[0].eventLoop)
    let connections = connections.withLock { $0 }
    let impatience = lanes[0].eventLoop.scheduleTask(in: Self.drainLimit) {
      for channel in connections.values { channel.close(promise: nil) }
    }
    try? await allClosed.get()
    impatience.cancel()
  }

  /// Has no more writes taken, and returns when none is under way on any lane.
  package func refuseWrites() async {
    store.journal.refuseWrites()
    for lane in lanes { try? await lane.eventLoop.submit {}.get() }
  }

  /// Ends the event loops.
  package func stop() async { try? await group.shutdownGracefully() }
}

/// Holds the sweeper for its event loop.
private final class SweeperBox: @unchecked Sendable {
  var sweeper: Sweeper
  init(_ sweeper: consuming Sweeper) { self.sweeper = sweeper }
}

extension SocketAddress {
  /// `127.0.0.1:6379`, `[::1]:6379`, or the path of a Unix socket.
  fileprivate var text: String {
    guard let ip = ipAddress, let port else { return pathname ?? "unknown" }
    return self.protocol == .inet6 ? "[\(ip)]:\(port)" : "\(ip):\(port)"
  }

  /// Whether the other end is on this machine.
  fileprivate var isLoopback: Bool {
    guard let ip = ipAddress else { return true }
    return ip == "::1" || ip.hasPrefix("127.") || ip.hasPrefix("::ffff:127.")
  }
}
