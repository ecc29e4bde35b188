// What goes back to one client: bytes, and from where on they are held until a version is durable.

/// From this byte on, a reply may leave only once `version` is durable.
package struct HoldMark: Sendable, Equatable {
  package var start: Int
  package var version: UInt64
}

/// Replies of one session, in their order.
package struct Reply: ~Copyable {
  package var buffer = ByteQueue()
  /// Large values that go between the bytes of the buffer.
  package private(set) var lent: [LentValue] = []
  /// Rising in both fields.
  package private(set) var marks: [HoldMark] = []
  /// The version of the Redis protocol that the session speaks: 2 or 3.
  var version: UInt8 = 2
  /// The reply under way has grown over `maximumBytes`: what was to follow is not kept.
  private(set) var isOverfull = false

  /// Where errors are counted; nil where nobody asks for that.
  var counters: LaneCountersReference?
  /// The place of the declaration of the command that is being run, whose failure an error is; −1 for none, so that an
  /// error is a refusal.
  var command = -1

  /// What `maximumBytes` is for this one.
  package var limit = Reply.maximumBytes

  /// One command's reply may take this many bytes.
  package static let maximumBytes = 1 << 30

  package init() {}

  /// How many bytes all replies have.
  @inline(__always)
  package var count: Int { buffer.count + lent.byteCount }

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
    truncate(to: start)
    buffer.append(line)
    noteError(line.description.dropFirst())
  }

  /// Counts an error that begins with its code.
  @inline(never)
  private mutating func noteError(_ text: some StringProtocol) {
    guard let counters else { return }
    let code = String(text.prefix { $0 != " " && !$0.isNewline })
    counters.value.errors.withLock { $0[code, default: 0] += 1 }
    if command >= 0 { counters.value.failed.add(command) }
  }

  /// Takes the replies from `start` on back, a place in the buffer.
  mutating func truncate(to start: Int) {
    buffer.truncate(to: start)
    while let last = marks.last, last.start >= start { marks.removeLast() }
    guard !lent.isEmpty else { return }
    limit += lent.byteCount
    lent.empty(from: start)
    limit -= lent.byteCount
  }

  /// Puts a value that is lent behind the bytes that are there.
  mutating func append(_ value: LentValue) {
    lent.append(value)
    limit -= value.count
  }

  /// Takes the lent values out: they are sent, or taken back, by others.
  package mutating func removeLent() -> [LentValue] {
    var removed: [LentValue] = []
    swap(&removed, &lent)
    limit += removed.byteCount
    return removed
  }

  /// Empties it. What was lent must have been taken out.
  package mutating func removeAll() {
    assert(lent.isEmpty)
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

  mutating func simple(_ text: String) {
    buffer.append(byte: UInt8(ascii: "+"))
    buffer.append(text: text)
    endLine()
  }

  mutating func ok() { buffer.append("+OK\r\n") }

  /// An error that begins with its code: `ERR syntax error`.
  mutating func error(_ text: StaticString) {
    noteError(text.description)
    buffer.append(byte: UInt8(ascii: "-"))
    buffer.append(text)
    endLine()
  }

  /// An error with words of the client's in it: its line breaks become spaces, and those at its end are left out.
  mutating func error(_ text: String) { error(text.utf8.span.raw) }

  /// The same with a word of the client's as it is: see `shownInError`.
  mutating func error(_ before: StaticString, _ word: RawSpan, _ after: StaticString = "") {
    var text = ByteQueue()
    text.append(before)
    text.append(word.shownInError)
    text.append(after)
    error(text.bytes)
  }

  /// The same of bytes.
  mutating func error(_ text: RawSpan) {
    noteError(text.extracting(first: 64).text)
    buffer.append(byte: UInt8(ascii: "-"))
    func isLineBreak(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n") }
    var end = text.byteCount
    while end > 0 && isLineBreak(text.byte(end - 1)) { end -= 1 }
    for index in 0..<end {
      let byte = text.byte(index)
      buffer.append(byte: isLineBreak(byte) ? UInt8(ascii: " ") : byte)
    }
    endLine()
  }

  mutating func integer(_ number: Int) { header(":", number) }

  /// What stands before the bytes of a string.
  mutating func bulkHeader(_ count: Int) { header("$", count) }

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

  /// An array of texts.
  mutating func bulks(_ texts: [[UInt8]]) {
    array(texts.count)
    for text in texts { bulk(text.span.raw) }
  }

  /// A number with up to three decimals, given in thousandths and not negative.
  mutating func thousandths(_ number: Int) {
    var text = "\(number / 1000)"
    let rest = number % 1000
    if rest != 0 {
      let digits = "\(rest)"
      text += "." + String(repeating: "0", count: 3 - digits.utf8.count) + digits
      while text.hasSuffix("0") { text.removeLast() }
    }
    guard version >= 3 else { return bulk(text) }
    buffer.append(byte: UInt8(ascii: ","))
    buffer.append(text: text)
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

  /// A score: in version 2 its text.
  mutating func double(_ score: Double) { double(ScoreText(score).bytes) }

  /// The digits of a number with a fraction.
  mutating func double(_ digits: RawSpan) {
    if version < 3 { return bulk(digits) }
    guard hasRoom(for: digits.byteCount) else { return }
    buffer.append(byte: UInt8(ascii: ","))
    buffer.append(digits)
    endLine()
  }
  /// What isn't the reply to a request; in version 2 an array, which the client knows by its first word.
  mutating func push(_ count: Int) { header(version >= 3 ? ">" : "*", count) }

  /// A map of `count` pairs; in version 2 an array of twice as many.
  mutating func map(_ count: Int) {
    if version >= 3 { header("%", count) } else { header("*", count * 2) }
  }

  mutating func set(_ count: Int) { header(version >= 3 ? "~" : "*", count) }
}

extension RawSpan {
  /// What errors show of a word of the client's: its first 128 bytes, and like Redis's none from the first zero on.
  var shownInError: RawSpan {
    @_lifetime(copy self)
    get {
      let start = extracting(0..<Swift.min(128, byteCount))
      return start.extracting(0..<(start.firstIndex(of: 0) ?? start.byteCount))
    }
  }
}
