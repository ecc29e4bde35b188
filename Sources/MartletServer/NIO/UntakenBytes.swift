// How much of what was sent the other end of a channel hasn't taken, as the system knows it.
import NIOCore

#if os(Linux)
  /// What `SO_MEMINFO` tells of a socket's memory, in its order (linux/sock_diag.h).
  private struct SocketMemory: Sendable {
    /// The number of the option (asm-generic/socket.h).
    static let option: CInt = 55

    var received: UInt32, receiveBuffer: UInt32, sent: UInt32, sendBuffer: UInt32, ahead: UInt32,
      queued: UInt32
    var options: UInt32, backlog: UInt32, drops: UInt32

    /// A TCP socket counts what is queued, a Unix socket what was sent and not received.
    var untaken: Int { Int(queued > 0 ? queued : sent) }
  }
#endif

extension Channel {
  /// Calls `body` with about how many bytes of what was sent the other end hasn't taken; 0 if the system can't say.
  /// On the channel's event loop, and before it returns.
  func withUntakenBytes(_ body: @escaping (Int) -> Void) {
    guard let socket = self as? any SocketOptionProvider else { return body(0) }
    #if os(Linux)
      let memory: EventLoopFuture<SocketMemory> = socket.unsafeGetSocketOption(
        level: .socket, name: NIOBSDSocket.Option(rawValue: SocketMemory.option))
      memory.map { $0.untaken }.recover { _ in 0 }.assumeIsolated().whenSuccess { body($0) }
    #else
      // SO_NWRITE (sys/socket.h).
      let count: EventLoopFuture<CInt> = socket.unsafeGetSocketOption(
        level: .socket, name: NIOBSDSocket.Option(rawValue: 0x1024))
      count.map { Int($0) }.recover { _ in 0 }.assumeIsolated().whenSuccess { body($0) }
    #endif
  }
}
