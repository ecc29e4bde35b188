// The portable transport: SwiftNIO's event loops, one lane each, and the listening sockets.
import Martlet
import NIOCore
import NIOPosix
import Synchronization

/// The transport that runs everywhere.
final class NIOTransport: Transport {
  let name = "nio"

  private let group: MultiThreadedEventLoopGroup
  private let lanes: [Lane]
  private let reception: Reception
  private let isDraining = Atomic<Bool>(false)
  private let listeners = Mutex<[any Channel]>([])
  private let connections = Mutex<[Int: any Channel]>([:])
  /// Ends each connection from its own event loop.
  private let drains = Mutex<[Int: @Sendable () -> Void]>([:])

  init(_ reception: Reception) {
    self.reception = reception
    group = MultiThreadedEventLoopGroup(numberOfThreads: reception.settings.threads)
    var random = SystemRandomNumberGenerator()
    lanes = group.makeIterator().map { Lane(reception.store, reception.context, $0, seed: random.next()) }
    let lanes = lanes
    reception.store.journal.onCommit { for lane in lanes { lane.wake() } }
    scheduleSweeper()
  }

  private func scheduleSweeper() {
    let box = SweeperBox(Sweeper(reception.store, reception.context, seed: 0))
    let interval = TimeAmount.milliseconds(TransportBounds.sweepMilliseconds)
    lanes[0].eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
      box.sweeper.sweep(nanoseconds: TransportBounds.sweepNanoseconds)
    }
  }

  // MARK: Listening

  func listen(_ host: String, _ port: Int, _ wire: WireProtocol) async throws {
    let lanes = lanes
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: Int32(TransportBounds.backlog))
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
    let answer = reception.receive(
      wire, from: channel.remoteAddress?.text ?? "?", to: channel.localAddress?.text ?? "?",
      isLocal: channel.remoteAddress?.isLoopback ?? true)
    guard case .welcome(let client) = answer else {
      guard case .refused(let text) = answer else { return }
      channel.writeAndFlush(ByteBuffer(string: text)).whenComplete { _ in channel.close(promise: nil) }
      return
    }
    let onClose = { [self] in
      reception.leave(client)
      connections.withLock { $0[client.id] = nil }
      drains.withLock { $0[client.id] = nil }
    }
    connections.withLock { $0[client.id] = channel }
    let handler = ConnectionHandler(lane, reception.conversation(wire, client), onClose: onClose)
    try channel.pipeline.syncOperations.addHandler(handler)
    let bound = NIOLoopBound<any LaneConnection>(handler, eventLoop: channel.eventLoop)
    drains.withLock { $0[client.id] = { bound.eventLoop.execute { bound.value.drain() } } }
  }

  // MARK: Ending

  func drain() async {
    for listener in listeners.withLock({ $0 }) { try? await listener.close().get() }
    isDraining.store(true, ordering: .sequentiallyConsistent)
    // A connection that was just being let in is in the list once its event loop has been here.
    for lane in lanes { try? await lane.eventLoop.submit {}.get() }
    for drain in drains.withLock({ $0 }).values { drain() }
    let open = connections.withLock { $0 }.values.map(\.closeFuture)
    let allClosed = EventLoopFuture.andAllComplete(Array(open), on: lanes[0].eventLoop)
    let connections = connections.withLock { $0 }
    let impatience = lanes[0].eventLoop.scheduleTask(in: .seconds(TransportBounds.drainSeconds)) {
      for channel in connections.values { channel.close(promise: nil) }
    }
    try? await allClosed.get()
    impatience.cancel()
  }

  func refuseWrites() async {
    reception.store.journal.refuseWrites()
    for lane in lanes { try? await lane.eventLoop.submit {}.get() }
  }

  func stop() async { try? await group.shutdownGracefully() }
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
