// memcached's replies, to classic and to meta commands: doc/protocol.txt of memcached.

extension ReplyReader {
  // MARK: Classic

  /// Reads a line of a reply to a classic command, from `start` to before `end`.
  mutating func readClassic(
    _ bytes: RawSpan, _ start: Int, _ end: Int, _ expected: Expectation, _ requested: [UInt32],
    _ check: inout ValueCheck
  ) -> Step {
    let verb = expected.verb
    switch verb {
    case .get, .mget:
      if bytes.hasText("VALUE ", at: start) {
        return readValueLine(bytes, start, end, expected, requested, &check)
      }
      if bytes.hasText("END\r", at: start) {
        misses = expected.keyCount - hits
        return self.end()
      }
    case .set: if bytes.hasText("STORED\r", at: start) { return self.end() }
    case .append:
      if bytes.hasText("STORED\r", at: start) { return hit() }
      if bytes.hasText("NOT_STORED\r", at: start) { return miss() }
    case .delete: if bytes.hasText("DELETED\r", at: start) { return hit() }
    case .touch: if bytes.hasText("TOUCHED\r", at: start) { return hit() }
    case .incr:
      // memcached's number may have 20 digits.
      if end > start, (start..<end).allSatisfy({ bytes.byte($0) &- 48 < 10 }) { return hit() }
    case .sadd, .sismember: break
    }
    if verb != .get && verb != .mget && bytes.hasText("NOT_FOUND\r", at: start) { return miss() }
    return readError(bytes, start, end, verb)
  }

  /// `VALUE key flags bytes`
  private mutating func readValueLine(
    _ bytes: RawSpan, _ start: Int, _ end: Int, _ expected: Expectation, _ requested: [UInt32],
    _ check: inout ValueCheck
  ) -> Step {
    let space = UInt8(ascii: " ")
    let nameStart = start + 6
    guard let nameEnd = bytes.firstIndex(of: space, from: nameStart, to: end),
      let flagsEnd = bytes.firstIndex(of: space, from: nameEnd + 1, to: end),
      let length = bytes.number(
        from: flagsEnd + 1, to: bytes.firstIndex(of: space, from: flagsEnd + 1, to: end) ?? end),
      length <= Self.maximumBody, hits < expected.keyCount
    else { return brokenLine(bytes, start, end) }
    hits += 1
    expectBody(
      length, ofKey: passKeys(to: bytes, nameStart, nameEnd, expected, requested, &check))
    return .needsMore
  }

  // MARK: Meta

  /// Reads a line of a reply to a meta command, from `start` to before `end`.
  mutating func readMeta(
    _ bytes: RawSpan, _ start: Int, _ end: Int, _ expected: Expectation, _ requested: [UInt32],
    _ check: inout ValueCheck
  ) -> Step {
    let verb = expected.verb
    switch verb {
    case .get, .mget:
      if bytes.hasText("VA ", at: start) {
        return readMetaValue(bytes, start, end, expected, requested, &check)
      }
      if verb == .mget && bytes.hasText("MN\r", at: start) {
        misses = expected.keyCount - hits
        return self.end()
      }
      if verb == .get && bytes.hasText("EN\r", at: start) { return miss() }
      if verb == .mget && isError(bytes, start) {
        // It stands for one of the commands; `MN` still ends the reply.
        note(.error, Self.shown(bytes, start, end))
        return .needsMore
      }
    case .set: if bytes.hasText("HD", at: start) { return self.end() }
    case .touch:
      if bytes.hasText("HD", at: start) { return hit() }
      if bytes.hasText("EN\r", at: start) { return miss() }
    case .delete, .incr, .append:
      if bytes.hasText("HD", at: start) { return hit() }
      if bytes.hasText("NF", at: start) || (verb == .append && bytes.hasText("NS", at: start)) {
        return miss()
      }
    case .sadd, .sismember: break
    }
    return readError(bytes, start, end, verb)
  }

  /// `VA bytes kKEY`
  private mutating func readMetaValue(
    _ bytes: RawSpan, _ start: Int, _ end: Int, _ expected: Expectation, _ requested: [UInt32],
    _ check: inout ValueCheck
  ) -> Step {
    let space = UInt8(ascii: " ")
    let lengthEnd = bytes.firstIndex(of: space, from: start + 3, to: end) ?? end
    guard let length = bytes.number(from: start + 3, to: lengthEnd), length <= Self.maximumBody,
      hits < expected.keyCount
    else { return brokenLine(bytes, start, end) }
    hits += 1
    var key = Int(requested[expected.firstKey])
    if expected.verb == .mget {
      guard lengthEnd + 1 < end, bytes.byte(lengthEnd + 1) == UInt8(ascii: "k") else {
        return brokenLine(bytes, start, end)
      }
      let nameEnd = bytes.firstIndex(of: space, from: lengthEnd + 2, to: end) ?? end
      key = passKeys(to: bytes, lengthEnd + 2, nameEnd, expected, requested, &check)
    }
    expectBody(length, ofKey: key)
    return .needsMore
  }

  // MARK: Both

  /// Finds the key with a name among the requested ones that nothing has come for yet: replies come in the order of
  /// the keys, and misses are left out. If values aren't compared, neither are names.
  private mutating func passKeys(
    to bytes: RawSpan, _ start: Int, _ end: Int, _ expected: Expectation, _ requested: [UInt32],
    _ check: inout ValueCheck
  ) -> Int {
    guard check.isOn else { return -1 }
    while keysPassed < expected.keyCount {
      let key = Int(requested[expected.firstKey + keysPassed])
      keysPassed += 1
      if check.isName(bytes, start, end, ofKey: key) { return key }
    }
    note(.wrongValue, "a value of \(Self.shown(bytes, start, end)), which was not asked for, or not now")
    return -1
  }

  private mutating func hit() -> Step {
    hits = 1
    return self.end()
  }

  private mutating func miss() -> Step {
    misses = 1
    return self.end()
  }

  private func isError(_ bytes: RawSpan, _ start: Int) -> Bool {
    bytes.hasText("ERROR", at: start) || bytes.hasText("CLIENT_ERROR", at: start)
      || bytes.hasText("SERVER_ERROR", at: start)
  }

  private mutating func readError(_ bytes: RawSpan, _ start: Int, _ end: Int, _ verb: Verb) -> Step {
    if isError(bytes, start) {
      note(.error, Self.shown(bytes, start, end))
    } else if bytes.hasText("VALUE ", at: start) || bytes.hasText("VA ", at: start) {
      return brokenLine(bytes, start, end)
    } else {
      noteKind(bytes, start, end, verb)
    }
    return self.end()
  }
}
