// Redis's replies: https://redis.io/docs/latest/develop/reference/protocol-spec/

extension ReplyReader {
  /// Reads a line of a reply, from `start` to before `end`.
  mutating func readRESP(
    _ bytes: RawSpan, _ start: Int, _ end: Int, _ expected: Expectation, _ requested: [UInt32]
  ) -> Step {
    guard start < end else { return broken("an empty line in place of a reply") }
    if elementsLeft > 0 { return readElement(bytes, start, end, expected, requested) }
    let verb = expected.verb
    switch bytes.byte(start) {
    case UInt8(ascii: "$"):
      guard let length = bulkLength(bytes, start, end) else { return brokenLine(bytes, start, end) }
      if verb != .get { note(.wrongKind, "a bulk string in reply to \(verb.rawValue)") }
      if length < 0 {
        misses = 1
        return self.end()
      }
      hits = 1
      expectBody(length, ofKey: verb == .get ? Int(requested[expected.firstKey]) : -1)
      return .needsMore
    case UInt8(ascii: "+"):
      if verb != .set || !bytes.hasText("+OK\r", at: start) { noteKind(bytes, start, end, verb) }
      return self.end()
    case UInt8(ascii: ":"):
      switch verb {
      case .delete, .touch, .sismember:
        if bytes.hasText(":0\r", at: start) { misses = 1 } else { hits = 1 }
      case .incr, .append, .sadd: break
      case .get, .set, .mget: noteKind(bytes, start, end, verb)
      }
      return self.end()
    case UInt8(ascii: "*"):
      guard verb == .mget, bytes.number(from: start + 1, to: end) == expected.keyCount else {
        return brokenLine(bytes, start, end)
      }
      elementsLeft = expected.keyCount
      return .needsMore
    case UInt8(ascii: "_"):
      if verb != .get { noteKind(bytes, start, end, verb) }
      misses = 1
      return self.end()
    case UInt8(ascii: "-"):
      note(.error, Self.shown(bytes, start + 1, end))
      return self.end()
    case UInt8(ascii: "!"):
      guard let length = bulkLength(bytes, start, end), length >= 0 else {
        return brokenLine(bytes, start, end)
      }
      note(.error, "")
      expectBody(length, ofKey: -1, isText: true)
      return .needsMore
    case UInt8(ascii: "#"), UInt8(ascii: ","), UInt8(ascii: "("):
      noteKind(bytes, start, end, verb)
      return self.end()
    default: return brokenLine(bytes, start, end)
    }
  }

  /// One value of an array.
  private mutating func readElement(
    _ bytes: RawSpan, _ start: Int, _ end: Int, _ expected: Expectation, _ requested: [UInt32]
  ) -> Step {
    let key = Int(requested[expected.firstKey + keysPassed])
    elementsLeft -= 1
    keysPassed += 1
    switch bytes.byte(start) {
    case UInt8(ascii: "$"):
      guard let length = bulkLength(bytes, start, end) else { return brokenLine(bytes, start, end) }
      if length >= 0 {
        hits += 1
        expectBody(length, ofKey: key)
        return .needsMore
      }
      misses += 1
    case UInt8(ascii: "_"): misses += 1
    default: return brokenLine(bytes, start, end)
    }
    return elementsLeft == 0 ? self.end() : .needsMore
  }

  /// The length that a line says behind its first byte; -1 for null; nil for none that can be.
  private func bulkLength(_ bytes: RawSpan, _ start: Int, _ end: Int) -> Int? {
    if bytes.hasText("$-1\r", at: start) { return -1 }
    guard let length = bytes.number(from: start + 1, to: end), length <= Self.maximumBody else { return nil }
    return length
  }

  mutating func noteKind(_ bytes: RawSpan, _ start: Int, _ end: Int, _ verb: Verb) {
    note(.wrongKind, "\(Self.shown(bytes, start, end)) in reply to \(verb.rawValue)")
  }

  mutating func brokenLine(_ bytes: RawSpan, _ start: Int, _ end: Int) -> Step {
    broken("a reply that can't be understood: \(Self.shown(bytes, start, end))")
  }
}
