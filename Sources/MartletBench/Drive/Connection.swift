// One connection of the load: what is on its way on it, and how far its replies are read.

/// A request without its reply.
struct Flight: Sendable {
  /// When it was sent, or with a fixed rate when it was due; in nanoseconds of the monotonic clock.
  var time: Int64 = 0
  /// Its bytes.
  var count: UInt32 = 0
  /// Its verb's place in the mix.
  var part: UInt16 = 0
  var isMeasured = false
}

struct Connection {
  let socket: CInt
  var reader: ReplyReader
  /// The oldest of its requests among the places it has for them, and how many there are.
  var first = 0
  var inFlight = 0
  /// The beginning of a line whose end hasn't come.
  var rest: [UInt8] = []
  /// What the system hasn't taken yet, from `unsentStart` on.
  var unsent: [UInt8] = []
  var unsentStart = 0
  var isOpen = true

  init(_ socket: CInt, _ wire: Wire) {
    self.socket = socket
    reader = ReplyReader(wire)
  }
}
