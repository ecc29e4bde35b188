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
  private let entrances = Mutex<[(socket: ListeningSocket, channel: any Channel)]>([])

  init(_ reception: Reception) {
    self.reception = reception
    group = MultiThreadedEventLoopGroup(numberOfThreads: reception.settings.threads)
    var random = SystemRandomNumberGenerator()
    lanes = group.makeIterator().map { Lane(reception, $0, seed: random.next()) }
    let lanes = lanes
    reception.store.journal.onCommit { for lane in lanes { lane.wake() } }
    scheduleSweeper()
    patienceChanged()
  }

  private func scheduleSweeper() {
    let box = SweeperBox(Sweeper(reception.store, reception.context, seed: 0))
    let interval = TimeAmount.milliseconds(TransportBounds.sweepMilliseconds)
    lanes[0].eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
      box.sweeper.sweep(nanoseconds: TransportBounds.sweepNanoseconds)
    }
  }

  // MARK: Listening

  func accept(on socket: ListeningSocket) async throws {
    guard let descriptor = socket.takeDescriptor() else { return }
    let lanes = lanes
    let listener = socket.listener
    let bootstrap = ServerBootstrap(group: group)
      // With too many files open, another try at once would fail as well.
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(AcceptBackoffHandler())
        }
      }
      .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
      // Who has finished sending, as `nc -N` has, is still owed the replies.
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      // A second read after a short one would only be told that there is nothing.
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelInitializer { [self] channel in
        guard let lane = lanes.first(where: { $0.eventLoop === channel.eventLoop }) else {
          return channel.eventLoop.makeFailedFuture(ChannelError.eof)
        }
        return channel.eventLoop.makeCompletedFuture { try welcome(channel, lane, listener) }
      }
    let channel = try await bootstrap.withBoundSocket(descriptor).get()
    entrances.withLock { $0.append((socket, channel)) }
  }

  /// Lets a client in, or tells it why not.
  private func welcome(_ channel: any Channel, _ lane: Lane, _ listener: Listener) throws {
    if lane.isDraining { throw ChannelError.inappropriateOperationForState }
    let peer = listener.path.map(Peer.init(unixSocket:)) ?? Peer(channel)
    let answer = reception.receive(listener.wire, peer)
    guard case .welcome(let client) = answer else {
      guard case .refused(let text) = answer else { return }
      channel.writeAndFlush(ByteBuffer(string: text)).whenComplete { _ in channel.close(promise: nil) }
      return
    }
    let handler = ConnectionHandler(lane, reception, reception.conversation(listener.wire, client))
    try channel.pipeline.syncOperations.addHandler(handler)
  }

  func patienceChanged() {
    for lane in lanes { lane.eventLoop.execute { lane.beImpatient() } }
  }

  // MARK: Ending

  func drain() async {
    for entrance in entrances.withLock({ $0 }) {
      try? await entrance.channel.close().get()
      entrance.socket.removeFile()
    }
    let ends = lanes.map { lane in lane.eventLoop.flatSubmit { lane.drain() } }
    let lanes = lanes
    let impatience = lanes[0].eventLoop.scheduleTask(in: .seconds(TransportBounds.drainSeconds)) {
      for lane in lanes { lane.eventLoop.execute { lane.closeAll() } }
    }
    for end in ends { try? await end.get() }
    impatience.cancel()
  }

  func refuseWrites() async {
    reception.store.journal.refuseWrites()
    for lane in lanes { try? await lane.eventLoop.submit {}.get() }
  }

  func stop() async {
    try? await group.shutdownGracefully()
    reception.context.removeDoors()
  }
}

/// Holds the sweeper for its event loop.
private final class SweeperBox: @unchecked Sendable {
  var sweeper: Sweeper
  init(_ sweeper: consuming Sweeper) { self.sweeper = sweeper }
}

extension Peer {
  /// Who is at the other end of a TCP connection.
  fileprivate init(_ channel: any Channel) {
    self.init(
      .other(channel.remoteAddress?.text ?? "?"), local: .other(channel.localAddress?.text ?? "?"),
      isLocal: channel.remoteAddress?.isLoopback ?? false)
  }
}

extension SocketAddress {
  /// `127.0.0.1:6379` or `[::1]:6379`.
  fileprivate var text: String {
    guard let ip = ipAddress, let port else { return "?" }
    return self.protocol == .inet6 ? "[\(ip)]:\(port)" : "\(ip):\(port)"
  }

  /// Whether the other end is on this machine.
  fileprivate var isLoopback: Bool {
    guard let ip = ipAddress else { return false }
    return ip == "::1" || ip.hasPrefix("127.") || ip.hasPrefix("::ffff:127.")
  }
}
