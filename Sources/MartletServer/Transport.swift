// What the server asks of a transport. There are two: SwiftNIO's event loops, which run everywhere, and io_uring, which
// needs Linux 6.1 and costs less.
import Logging
import Martlet

/// Moves the bytes between sockets and sessions.
package protocol Transport: Sendable {
  /// As the log and `INFO` name it.
  var name: String { get }
  /// Accepts clients on a socket that listens, and closes it in the end.
  func accept(on socket: ListeningSocket) async throws
  /// Has the connections looked at by a patience that has just changed.
  func patienceChanged()
  /// Stops listening, lets the connections send what they owe, and closes them.
  func drain() async
  /// Has no more writes taken, and returns when none is under way on any lane.
  func refuseWrites() async
  /// Ends the lanes' threads.
  func stop() async
}

/// Bounds for every transport.
enum TransportBounds {
  /// How long a connection may take to end when the server does, in seconds.
  static let drainSeconds: Int64 = 5
  /// How often expired keys are swept, in milliseconds.
  static let sweepMilliseconds: Int64 = 100
  /// The same when nothing is asked of the server, and there is nothing to sweep.
  static let restingSweepMilliseconds: Int64 = 500
  /// How long a sweep may take, in nanoseconds.
  static let sweepNanoseconds: Int64 = 2_000_000
}

extension Reception {
  /// The transport that the settings ask for, or the best that there is.
  package func makeTransport() throws(ServerError) -> any Transport {
    guard settings.transport != .nio else { return NIOTransport(self) }
    let name = Settings.TransportChoice.ioUring.rawValue
    #if os(Linux)
      let reason: String
      do {
        return try UringTransport(self)
      } catch {
        reason = error.description
      }
    #else
      let reason = "only Linux has it"
    #endif
    guard settings.transport == .auto else {
      throw .transportNotAvailable(name, reason: reason)
    }
    logger.notice("\(name) can't be used, so the portable transport serves: \(reason)")
    return NIOTransport(self)
  }
}
