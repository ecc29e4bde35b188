// What goes back to one client: bytes, and from where on they are held until a version is durable.

/// From this byte on, a reply may leave only once `version` is durable.
package struct HoldMark: Sendable, Equatable {
  package var start: Int
  package var version: UInt64
}

/// Replies of one session, in their order.
package struct Reply: ~Copyable {
  package var buffer = ByteQueue()
  /// Rising in both fields.
  package private(set) var marks: [HoldMark] = []
  /// The version of the Redis protocol that the session speaks: 2 or 3.
  var version: UInt8 = 2
  /// The reply under way has grown over `maximumBytes`: what was to follow is not kept.
  private(set) var isOverfull = false

  /// What `maximumBytes` is for this one.
  package var limit = Reply.maximumBytes

  /// One command's reply may take this many bytes.
  package static let maximumBytes = 1 << 30

  package init() {}

  /// Holds the bytes from `start` on until `version` is durable.
  mutating func hold(from start: Int, until version: UInt64) {
    if let last = marks.last, last.version >= version { return }
    marks.append(HoldMark(start: start, version: version))
  }

  /// Whether `length` more bytes still fit into one reply; if not, the reply is to be replaced.
  @inline(__always)
  mutating func hasRoom(for length: Int) -> Bool {
    if buffer.count + length <= limit { return true }
    isOverfull = true
    return false
  }

  /// Says that the reply under way would be too large.
  mutating func refuseAsTooLarge() { isOverfull = true }

  /// Puts an error in the place of a reply from `start` on that has become too large.
  @inline(__always)
  mutating func replaceIfOverfull(from start: Int, with line: StaticString) {
    guard isOverfull else { return }
    isOverfull = false
    buffer.truncate(to: start)
    buffer.append(line)
  }

  package mutating func removeAll() {
    buffer.removeAll()
    if !marks.isEmpty { marks.removeAll(keepingCapacity: true) }
  }
}

/// The Redis protocol, versions 2 and 3 (https://redis.io/docs/latest/develop/reference/protocol-spec/).
extension Reply {
  @inline(__always)
  private mutating func endLine() { buffer.append("\r\n") }

  private mutating func header(_ type: Unicode.Scalar, _ count: Int) {
    buffer.append(byte: UInt8(ascii: type))
    buffer.append(decimal: count)
    endLine()
  }

  /// A status without line breaks: `+OK`.
  mutating func simple(_ text: StaticString) {
    buffer.append(byte: UInt8(ascii: "+"))
    buffer.append(text)
    endLine()
  }

  mutating func ok() { buffer.append("+OK\r\n") }

  /// An error that begins with its code: `ERR syntax error`.
  mutating func error(_ text: StaticString) {
    buffer.append(byte: UInt8(ascii: "-"))
    buffer.append(text)
    endLine()
  }

  /// An error with words of the client's in it: its line breaks become spaces.
  mutating func error(_ text: String) {
    buffer.append(byte: UInt8(ascii: "-"))
    for byte in text.utf8 {
      buffer.append(byte: byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n") ? UInt8(ascii: " ") : byte)
    }
    endLine()
  }

  mutating func integer(_ number: Int) { header(":", number) }

  @inline(__always)
  mutating func bulk(_ bytes: RawSpan) {
    guard hasRoom(for: bytes.byteCount) else { return }
    buffer.append(byte: UInt8(ascii: "$"))
    buffer.append(decimal: UInt64(bytes.byteCount))
    endLine()
    buffer.append(bytes)
    endLine()
  }

  mutating func bulk(_ text: String) { bulk(text.utf8.span.raw) }

  mutating func bulk(_ text: StaticString) {
    header("$", text.utf8CodeUnitCount)
    buffer.append(text)
    endLine()
  }

  /// Text with its format: `txt`.
  mutating func verbatim(_ text: String) {
    guard version >= 3 else { return bulk(text) }
    guard hasRoom(for: text.utf8.count) else { return }
    header("=", text.utf8.count + 4)
    buffer.append("txt:")
    buffer.append(text: text)
    endLine()
  }

  @inline(__always)
  mutating func null() { buffer.append(version >= 3 ? "_\r\n" : "$-1\r\n") }

  /// In the place of an array that there isn't.
  mutating func nullArray() { buffer.append(version >= 3 ? "_\r\n" : "*-1\r\n") }

  mutating func array(_ count: Int) { header("*", count) }

  /// A map of `count` pairs; in version 2 an array of twice as many.
  mutating func map(_ count: Int) {
    if version >= 3 { header("%", count) } else { header("*", count * 2) }
  }

  mutating func set(_ count: Int) { header(version >= 3 ? "~" : "*", count) }
}
