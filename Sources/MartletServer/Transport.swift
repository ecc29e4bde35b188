// What the server asks of a transport. There are two: SwiftNIO's event loops, which run everywhere, and io_uring, which
// needs Linux 6.1 and costs less.
import Martlet

/// Moves the bytes between sockets and sessions.
protocol Transport: Sendable {
  /// As the log and `INFO` name it.
  var name: String { get }
  /// Listens on an address.
  func listen(_ host: String, _ port: Int, _ wire: WireProtocol) async throws
  /// Stops listening, lets the connections send what they owe, and closes them.
  func drain() async
  /// Has no more writes taken, and returns when none is under way on any lane.
  func refuseWrites() async
  /// Ends the lanes' threads.
  func stop() async
}

/// Bounds for every transport.
enum TransportBounds {
  /// Connections that the system keeps until they are accepted.
  static let backlog = 1024
  /// How long a connection may take to end when the server does, in seconds.
  static let drainSeconds: Int64 = 5
  /// How often expired keys are swept, in milliseconds.
  static let sweepMilliseconds: Int64 = 100
  /// How long a sweep may take, in nanoseconds.
  static let sweepNanoseconds: Int64 = 2_000_000
}
