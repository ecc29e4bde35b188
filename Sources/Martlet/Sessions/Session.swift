// What a transport drives: bytes in, bytes out. A session knows no socket, and the same sessions run over any transport.
//
// The transport hands a session all the input it has not consumed yet and gets back how much was consumed and what to
// do next. The replies are in the lane's `Execution.reply`, which the transport empties after each call; where a reply
// has to wait for the disk, a hold mark says so.

/// What a session did with its input, and what it wants next.
package struct SessionStep {
  package enum Next: Equatable {
    /// Call again when there are at least this many unconsumed bytes.
    case read(atLeast: Int)
    /// The journal is full: call again with the same input after its next commit.
    case waitForRoom
    /// A request waits for something: call again with the same input after the journal's next commit (or, if the session
    /// waits for data, when it is to be called), or when this time has come, whichever is first. In nanoseconds of `WallClock.monotonicNanoseconds()`; `.max` for no such time.
    case wait(until: Int64)
    /// Replies enough for one turn: send them, and call again.
    case again
    /// Send the replies and close.
    case close
  }

  package var consumed: Int
  package var next: Next
}

/// The protocol state of one connection.
package protocol Session: ~Copyable {
  /// Runs the whole requests in `input`.
  mutating func receive(_ input: RawSpan, _ execution: inout Execution) -> SessionStep

  /// Has the request that waits, if one does, be replied to when the session is called next, as if its time were over:
  /// the client sends no more, and may be gone.
  mutating func endWait()

  /// Whether the request that waits, if one does, waits for data: then no commit of the journal ends its wait, and the lane's
  /// `LaneDoor` is told when the session is to be called.
  var waitsForData: Bool { get }

  /// Ends a wait for data, because the reply would reach nobody; false when the client has been served already.
  mutating func abandonWait() -> Bool
}

extension Session where Self: ~Copyable {
  package var waitsForData: Bool { false }

  package mutating func abandonWait() -> Bool { true }
}

/// Bounds for every session, whatever its protocol.
enum SessionBounds {
  /// A session rests when its replies of one turn have come to this many bytes.
  static let turnBytes = 256 << 10
}
