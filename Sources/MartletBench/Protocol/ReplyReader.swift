// Replies, read as they come: in any pieces, and never more of them kept than a line. What a reply has to be is known
// from its request, so only that is understood, and everything else is an error that is told with its text.
//
// The reader is a state machine without I/O. It is in a line or in the body of a value; what a line means is each
// protocol's own matter (RESPReplies.swift, MemcachedReplies.swift).

/// What a request asked for, and so what its reply may be.
package struct Expectation {
  let verb: Verb
  /// Where its keys are among those requested.
  let firstKey: Int
  let keyCount: Int

  package init(verb: Verb, firstKey: Int, keyCount: Int) {
    self.verb = verb
    self.firstKey = firstKey
    self.keyCount = keyCount
  }
}

/// What a whole reply said.
package enum Verdict: UInt8 {
  case fine
  /// The server refused; the reader's `text` is what it said.
  case error
  /// A reply of another kind than the request's.
  case wrongKind
  /// A value that isn't the one that its key has.
  case wrongValue
}

/// Reads the replies of one connection, one after the other.
package struct ReplyReader {
  /// How far it came.
  package enum Step: UInt8 {
    /// All bytes but those from the position on are used; they begin a line.
    case needsMore
    /// A reply has ended.
    case done
    /// What came can't be a reply, so that nobody knows where the next begins; `text` says why.
    case broken
  }

  /// The longest line of a reply.
  package static let maximumLine = 16 << 10
  /// The longest value.
  static let maximumBody = 512 << 20
  /// How much of a text is kept.
  static let maximumText = 200

  private let wire: Wire

  // What the reply said so far.
  package var hits = 0
  package var misses = 0
  /// Its bytes.
  package private(set) var count = 0
  package var verdict = Verdict.fine
  package private(set) var text = ""

  /// Bytes of a value, its line end among them, that are still to come.
  private var bodyLeft = 0
  private var bodyLength = 0
  /// Whether the value is one that was asked for, and whose; -1 for one that isn't.
  private var bodyKey = -1
  private var isBodyText = false
  /// Elements of an array that are still to come; -1 when there is none.
  var elementsLeft = -1
  /// How many of the requested keys are behind what has come.
  var keysPassed = 0
  private var isBegun = false

  package init(_ wire: Wire) { self.wire = wire }

  /// Reads on from `position` to the end of a reply or of the bytes.
  package mutating func read(
    _ bytes: RawSpan, _ position: inout Int, _ expected: Expectation, _ requested: [UInt32],
    _ check: inout ValueCheck
  ) -> Step {
    if !isBegun { begin() }
    let start = position
    defer { count += position - start }
    while true {
      if bodyLeft > 0 {
        guard readBody(bytes, &position, &check) else { return .broken }
        if bodyLeft > 0 { return .needsMore }
        if isEndedByBody(expected) { return end() }
        continue
      }
      let limit = min(bytes.byteCount, position + Self.maximumLine)
      guard let newline = bytes.firstIndex(of: UInt8(ascii: "\n"), from: position, to: limit) else {
        return bytes.byteCount - position < Self.maximumLine
          ? .needsMore : broken("a line of more than \(Self.maximumLine) bytes")
      }
      let lineStart = position
      position = newline + 1
      guard newline > lineStart, bytes.byte(newline - 1) == UInt8(ascii: "\r") else {
        return broken("a line that doesn't end with CR LF: \(Self.shown(bytes, lineStart, newline))")
      }
      let step =
        switch wire {
        case .redis, .resp3: readRESP(bytes, lineStart, newline - 1, expected, requested)
        case .memcached: readClassic(bytes, lineStart, newline - 1, expected, requested, &check)
        case .meta: readMeta(bytes, lineStart, newline - 1, expected, requested, &check)
        }
      if step == .needsMore { continue }
      return step
    }
  }

  private mutating func begin() {
    isBegun = true
    hits = 0
    misses = 0
    count = 0
    verdict = .fine
    elementsLeft = -1
    keysPassed = 0
  }

  /// The reply is whole.
  mutating func end() -> Step {
    isBegun = false
    return .done
  }

  mutating func broken(_ reason: String) -> Step {
    text = reason
    return .broken
  }

  /// Notes that this reply isn't what it should be; what is noted first stays.
  @inline(never)
  mutating func note(_ verdict: Verdict, _ text: String) {
    guard self.verdict == .fine else { return }
    self.verdict = verdict
    self.text = text
  }

  /// A line of a reply as text, cut if it is long.
  static func shown(_ bytes: RawSpan, _ start: Int, _ end: Int) -> String {
    bytes.text(from: start, to: min(end, start + maximumText))
  }

  // MARK: Values

  /// A value of `length` bytes follows, of the key at a place among those requested, or of none.
  mutating func expectBody(_ length: Int, ofKey key: Int, isText: Bool = false) {
    bodyLength = length
    bodyLeft = length + 2
    bodyKey = key
    isBodyText = isText
    if isText { text = "" }
  }

  /// Whether a value's end is the reply's.
  private func isEndedByBody(_ expected: Expectation) -> Bool {
    switch wire {
    case .redis, .resp3: elementsLeft <= 0
    case .memcached: false
    case .meta: expected.verb != .mget
    }
  }

  private mutating func readBody(_ bytes: RawSpan, _ position: inout Int, _ check: inout ValueCheck) -> Bool {
    let offset = bodyLength + 2 - bodyLeft
    let ofValue = min(max(0, bodyLength - offset), bytes.byteCount - position)
    let piece = bytes.extracting(position..<(position + ofValue))
    if isBodyText {
      let shown = min(ofValue, Self.maximumText - text.utf8.count)
      if shown > 0 { text += piece.text(from: 0, to: shown) }
    } else if bodyKey >= 0, check.isOn, offset <= bodyLength,
      !check.isPiece(piece, at: offset, of: bodyLength, key: bodyKey)
    {
      note(.wrongValue, check.complaint(bodyKey, bodyLength))
    }
    position += ofValue
    bodyLeft -= ofValue
    while bodyLeft <= 2 && bodyLeft > 0 && position < bytes.byteCount {
      guard bytes.byte(position) == UInt8(ascii: bodyLeft == 2 ? "\r" : "\n") else {
        text = "a value of \(bodyLength) bytes that CR LF doesn't follow"
        return false
      }
      position += 1
      bodyLeft -= 1
    }
    return true
  }
}

/// Compares values with what they have to be.
package struct ValueCheck: ~Copyable {
  let space: KeySpace
  let isOn: Bool
  private var scratch = RequestBuffer()

  package init(_ space: KeySpace, isOn: Bool) {
    self.space = space
    self.isOn = isOn
  }

  mutating func isPiece(_ piece: RawSpan, at offset: Int, of length: Int, key: Int) -> Bool {
    length == space.valueLength(key, .value) && space.isPiece(piece, at: offset, ofValue: key, &scratch)
  }

  /// Whether a range of a line is the name of a key.
  mutating func isName(_ bytes: RawSpan, _ start: Int, _ end: Int, ofKey key: Int) -> Bool {
    scratch.removeAll()
    space.appendKey(key, .value, space.keyLength(key), to: &scratch)
    return bytes.extracting(start..<end).isSame(as: scratch.bytes)
  }

  mutating func complaint(_ key: Int, _ length: Int) -> String {
    scratch.removeAll()
    space.appendKey(key, .value, space.keyLength(key), to: &scratch)
    let name = scratch.bytes.text(from: 0, to: min(scratch.count, 64))
    return "\(name) has \(length) bytes that are not its \(space.valueLength(key, .value))"
  }
}
