// Bitmaps: the bits of a string, the highest of the first byte first. A bit that is set is recorded as the byte it is in.

internal let bitmapCommands: [CommandDeclaration] = [
  .init(
    "BITCOUNT", arity: -2, [.readOnly], keys: .one, .bitmap, since: "2.6.0", "O(N), N being the bytes",
    "key [start [end [BYTE | BIT]]]", "Returns how many bits of a string, or of a part of it, are 1."),
  .init(
    "BITOP", arity: -4, [.write, .denyOOM], keys: KeyPositions(first: 2, last: -1, step: 1), .bitmap,
    since: "2.6.0", "O(N), N being the bytes of all strings", "<AND | OR | XOR | NOT> destkey key [key ...]",
    "Combines the bits of several strings, or turns those of one over, and keeps the result."),
  .init(
    "BITPOS", arity: -3, [.readOnly], keys: .one, .bitmap, since: "2.8.7", "O(N), N being the bytes",
    "key bit [start [end [BYTE | BIT]]]", "Returns where the first bit is that is 1, or that is 0."),
  .init(
    "GETBIT", arity: 3, [.readOnly, .fast], keys: .one, .bitmap, since: "2.2.0", "O(1)", "key offset",
    "Returns a bit of a string."),
  .init(
    "SETBIT", arity: 4, [.write, .denyOOM], keys: .one, .bitmap, since: "2.2.0",
    "O(1), O(N) where the string grows to N bytes", "key offset value",
    "Sets a bit of a string and returns what it was."),
]

private typealias KeyPositions = CommandDeclaration.KeyPositions

/// What `BITOP` makes of the bits of several strings.
private enum BitOperation {
  case and, or, xor, not
}

extension Execution {
  static var badBitOffset: StaticString { "ERR bit offset is not an integer or out of range" }

  /// The place of a bit in a request; nil, with a reply saying so, if a value can't be so long.
  private mutating func bitOffset(_ word: RawSpan, _ limits: SessionLimits) -> Int? {
    if let offset = word.decimal, offset >= 0, offset >> 3 < limits.valueBytes { return offset }
    reply.error(Self.badBitOffset)
    return nil
  }

  // MARK: One bit

  mutating func getBit(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    guard let offset = bitOffset(words[2], limits) else { return }
    guard let item = find(keyspace.place(words[1]), database) else { return reply.integer(0) }
    guard item.isString else { return replyWrongType() }
    guard offset >> 3 < item.valueCount else { return reply.integer(0) }
    reply.integer(Self.bit(offset, of: item.value.byte(offset >> 3)))
  }

  /// A bit of the byte that it is in.
  private static func bit(_ offset: Int, of byte: UInt8) -> Int { Int(byte >> UInt8(7 - offset & 7)) & 1 }

  mutating func setBit(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    guard let offset = bitOffset(words[2], limits) else { return }
    guard let bit = words[3].decimal, bit == 0 || bit == 1 else {
      return reply.error("ERR bit is not an integer or out of range")
    }
    let key = keyspace.place(words[1])
    let old = findToChange(key, database)
    if let old, !old.isString { return replyWrongType() }
    let place = offset >> 3
    let isInside = place < old?.valueCount ?? 0
    let before = isInside ? old?.value.byte(place) ?? 0 : 0
    let mask = 0x80 >> UInt8(offset & 7)
    let after: InlineArray<1, UInt8> = [bit == 1 ? before | UInt8(mask) : before & ~UInt8(mask)]
    if !isInside || before != after[0] { setRange(key, database, place, after.span.raw, .setBit) }
    reply.integer(Self.bit(offset, of: before))
  }

  // MARK: Ranges

  /// Which bits of a string a request names.
  private enum BitRange {
    /// Up to and without the second one; the end is said, or is that of the string.
    case bits(Range<Int>, hasEnd: Bool)
    case nothing(hasEnd: Bool)
  }

  /// What `[start [end [BYTE | BIT]]]` from a position on says; nil, when it isn't that, with a reply.
  private struct BitBounds {
    var start = 0
    var end = -1
    var hasEnd = false
    var areBits = false

    /// Both ends are counted from the string's, and the wrong way round: nothing to `BITCOUNT`, however short the string
    /// is. (To `BITPOS`, as to Redis's, both may be the first byte of a short one.)
    var areReversed: Bool { start < 0 && end < 0 && start > end }

    /// The range in a string of so many bytes, both ends counted from the string's where they are negative.
    func range(in bytes: Int) -> BitRange {
      let count = areBits ? bytes * 8 : bytes
      let first = start < 0 ? max(0, start &+ count) : start
      let last = min(end < 0 ? max(0, end &+ count) : end, count - 1)
      guard first <= last else { return .nothing(hasEnd: hasEnd) }
      return .bits(areBits ? first..<last + 1 : first * 8..<(last + 1) * 8, hasEnd: hasEnd)
    }
  }

  private mutating func bitBounds(_ words: borrowing Words, from position: Int) -> BitBounds? {
    var bounds = BitBounds()
    guard words.count <= position + 3 else {
      reply.error(Self.syntaxError)
      return nil
    }
    if words.count > position {
      guard let start = words[position].decimal else {
        reply.error(Self.notInteger)
        return nil
      }
      bounds.start = start
    }
    if words.count > position + 2 {
      bounds.areBits = words[position + 2].equalsIgnoringCase("bit")
      guard bounds.areBits || words[position + 2].equalsIgnoringCase("byte") else {
        reply.error(Self.syntaxError)
        return nil
      }
    }
    if words.count > position + 1 {
      guard let end = words[position + 1].decimal else {
        reply.error(Self.notInteger)
        return nil
      }
      bounds.end = end
      bounds.hasEnd = true
    }
    return bounds
  }

  mutating func countBits(_ words: borrowing Words, _ database: Int) {
    guard let bounds = bitBounds(words, from: 2) else { return }
    guard let item = find(keyspace.place(words[1]), database) else { return reply.integer(0) }
    guard item.isString else { return replyWrongType() }
    guard !bounds.areReversed, case .bits(let bits, _) = bounds.range(in: item.valueCount) else {
      return reply.integer(0)
    }
    reply.integer(item.value.countOfOnes(bits))
  }

  mutating func findBit(_ words: borrowing Words, _ database: Int) {
    guard let bit = words[2].decimal else { return reply.error(Self.notInteger) }
    guard bit == 0 || bit == 1 else { return reply.error("ERR The bit argument must be 1 or 0.") }
    guard let bounds = bitBounds(words, from: 3) else { return }
    guard let item = find(keyspace.place(words[1]), database) else { return reply.integer(bit == 1 ? -1 : 0) }
    guard item.isString else { return replyWrongType() }
    switch bounds.range(in: item.valueCount) {
    case .nothing: reply.integer(-1)
    case .bits(let bits, let hasEnd):
      if let place = item.value.firstBit(bit == 1, in: bits) { return reply.integer(place) }
      // Behind a string there are zeros without end.
      reply.integer(bit == 1 || hasEnd ? -1 : item.valueCount * 8)
    }
  }

  // MARK: Combining

  mutating func combineBits(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    let operation: BitOperation
    if words[1].equalsIgnoringCase("and") {
      operation = .and
    } else if words[1].equalsIgnoringCase("or") {
      operation = .or
    } else if words[1].equalsIgnoringCase("xor") {
      operation = .xor
    } else if words[1].equalsIgnoringCase("not") {
      operation = .not
    } else {
      return reply.error(Self.syntaxError)
    }
    guard operation != .not || words.count == 4 else {
      return reply.error("ERR BITOP NOT must be called with a single source key.")
    }
    var count = 0
    var shortest = Int.max
    for index in 3..<words.count {
      let item = find(keyspace.place(words[index]), database)
      if let item, !item.isString { return replyWrongType() }
      count = max(count, item?.valueCount ?? 0)
      shortest = min(shortest, item?.valueCount ?? 0)
    }
    guard count <= limits.valueBytes else { return replyTooLong(limits.valueBytes) }
    let key = keyspace.place(words[2])
    guard count > 0 else {
      if findToChange(key, database) != nil { delete(key, database) }
      return reply.integer(0)
    }
    var result = [UInt64](repeating: 0, count: (count + 7) / 8)
    for index in 3..<words.count {
      guard let item = find(keyspace.place(words[index]), database) else { continue }
      Self.combine(item.value, into: &result, operation, isFirst: index == 3)
    }
    if operation == .and {
      // What one of them doesn't have is zeros.
      for index in result.indices { result[index] &= Self.mask(index, of: shortest) }
    }
    if operation == .not {
      for index in result.indices { result[index] = ~result[index] }
    }
    set(key, database, result.span.raw.extracting(0..<count), ItemMetadata())
    reply.integer(count)
  }

  /// Those bits of a word that are within so many bytes, the first byte being the lowest.
  private static func mask(_ word: Int, of bytes: Int) -> UInt64 {
    let inside = bytes - word * 8
    return inside >= 8 ? .max : inside <= 0 ? 0 : 1 << UInt64(inside * 8) - 1
  }

  private static func combine(
    _ value: RawSpan, into result: inout [UInt64], _ operation: BitOperation, isFirst: Bool
  ) {
    let whole = value.byteCount / 8
    for index in 0..<whole {
      let word = value.word(UInt64.self, at: index * 8)
      switch operation {
      case .and: result[index] = isFirst ? word : result[index] & word
      case .or, .not: result[index] |= word
      case .xor: result[index] ^= word
      }
    }
    guard value.byteCount % 8 > 0 else { return }
    var rest: UInt64 = 0
    for place in whole * 8..<value.byteCount { rest |= UInt64(value.byte(place)) << UInt64(place % 8 * 8) }
    switch operation {
    case .and: result[whole] = isFirst ? rest : result[whole] & rest
    case .or, .not: result[whole] |= rest
    case .xor: result[whole] ^= rest
    }
  }
}

extension RawSpan {
  /// How many of some bits are 1.
  fileprivate func countOfOnes(_ bits: Range<Int>) -> Int {
    guard !bits.isEmpty else { return 0 }
    let first = bits.lowerBound >> 3
    let last = (bits.upperBound - 1) >> 3
    // The bits of the first and of the last byte that don't count.
    let before = byte(first) & ~(0xff >> UInt8(bits.lowerBound & 7))
    let behind = byte(last) & (0x7f >> UInt8((bits.upperBound - 1) & 7))
    var count = -before.nonzeroBitCount - behind.nonzeroBitCount
    var place = first
    while place + 8 <= last + 1 {
      count += word(UInt64.self, at: place).nonzeroBitCount
      place += 8
    }
    while place <= last {
      count += byte(place).nonzeroBitCount
      place += 1
    }
    return count
  }

  /// The first of some bits that is 1, or that is 0.
  fileprivate func firstBit(_ isOne: Bool, in bits: Range<Int>) -> Int? {
    let skipped: UInt8 = isOne ? 0 : 0xff
    let skippedWord: UInt64 = isOne ? 0 : .max
    var bit = bits.lowerBound
    while bit < bits.upperBound {
      if bit & 7 == 0 {
        if bit + 64 <= bits.upperBound && word(UInt64.self, at: bit >> 3) == skippedWord {
          bit += 64
          continue
        }
        if bit + 8 <= bits.upperBound && byte(bit >> 3) == skipped {
          bit += 8
          continue
        }
      }
      if (byte(bit >> 3) >> UInt8(7 - bit & 7) & 1 == 1) == isOne { return bit }
      bit += 1
    }
    return nil
  }
}
