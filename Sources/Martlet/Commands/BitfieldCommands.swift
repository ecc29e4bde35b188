// BITFIELD: whole numbers of any width at any place in the bits of a string. All operations of a request are worked out
// before the string changes, so that only the bytes are recorded that have become others.

internal let bitfieldCommands: [CommandDeclaration] = [
  .init(
    "BITFIELD", arity: -2, [.write, .denyOOM], keys: .one, .bitmap, since: "3.2.0", "O(1) for each operation",
    "key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | "
      + "INCRBY encoding offset increment> ...]",
    "Reads, sets and adds to whole numbers of some bits each in a string."),
  .init(
    "BITFIELD_RO", arity: -2, [.readOnly, .fast], keys: .one, .bitmap, since: "6.0.0",
    "O(1) for each operation",
    "key [GET encoding offset [GET encoding offset ...]]",
    "Reads whole numbers of some bits each in a string."),
]

/// The bits that a number takes.
private struct BitfieldShape {
  let isSigned: Bool
  let bits: Int
  /// The place of its first bit.
  let offset: Int

  private var lowest: Int128 { isSigned ? -(1 << Int128(bits - 1)) : 0 }
  private var highest: Int128 { (1 << Int128(isSigned ? bits - 1 : bits)) - 1 }

  /// The number that its bits stand for, which are the lowest of a word.
  func number(_ word: UInt64) -> Int {
    let unused = UInt64(64 - bits)
    return isSigned ? Int(bitPattern: UInt(word << unused)) >> Int(unused) : Int(word)
  }

  /// The bits of a number, as it is or as the rule for what doesn't fit makes it; nil if that is to fail.
  func word(_ number: Int128, _ rule: OverflowRule) -> UInt64? {
    var fitting = number
    if number < lowest || number > highest {
      switch rule {
      case .wrap: break
      case .saturate: fitting = number < lowest ? lowest : highest
      case .fail: return nil
      }
    }
    let unused = UInt64(64 - bits)
    return (UInt64(truncatingIfNeeded: fitting) << unused) >> unused
  }
}

/// What becomes of a number that doesn't fit.
private enum OverflowRule {
  case wrap, saturate, fail
}

private struct BitfieldOperation {
  enum Kind {
    case get
    case set(Int)
    case increment(Int)
  }

  let kind: Kind
  let shape: BitfieldShape
  let rule: OverflowRule

  var writes: Bool {
    if case .get = kind { return false }
    return true
  }
}

/// A string with changes that have not been made yet.
private struct ChangedBytes: ~Escapable {
  private let value: RawSpan
  private var changed: [Int: UInt8] = [:]

  @_lifetime(copy value)
  init(_ value: RawSpan) { self.value = value }

  private func byte(_ place: Int) -> UInt8 {
    changed[place] ?? (place < value.byteCount ? value.byte(place) : 0)
  }

  func word(_ shape: BitfieldShape) -> UInt64 {
    var word: UInt64 = 0
    for bit in shape.offset..<shape.offset + shape.bits {
      word = word << 1 | UInt64(byte(bit >> 3) >> UInt8(7 - bit & 7) & 1)
    }
    return word
  }

  mutating func put(_ word: UInt64, _ shape: BitfieldShape) {
    for index in 0..<shape.bits {
      let bit = shape.offset + index
      let mask = UInt8(0x80) >> UInt8(bit & 7)
      let isOne = word >> UInt64(shape.bits - 1 - index) & 1 == 1
      let before = byte(bit >> 3)
      changed[bit >> 3] = isOne ? before | mask : before & ~mask
    }
  }

  /// Whether the string becomes longer.
  private(set) var isLonger = false

  /// Has the string be at least so long.
  mutating func grow(to count: Int) {
    guard count > value.byteCount else { return }
    changed[count - 1] = byte(count - 1)
    isLonger = true
  }

  /// What has become another or is new: pieces without gaps, in their order.
  var pieces: [(start: Int, bytes: [UInt8])] {
    var pieces: [(start: Int, bytes: [UInt8])] = []
    for (place, byte) in changed.sorted(by: { $0.key < $1.key }) {
      if place < value.byteCount && value.byte(place) == byte { continue }
      if let last = pieces.last, last.start + last.bytes.count == place {
        pieces[pieces.count - 1].bytes.append(byte)
      } else {
        pieces.append((place, [byte]))
      }
    }
    return pieces
  }
}

extension Execution {
  /// `BITFIELD`, `BITFIELD_RO`
  mutating func bitfield(
    _ words: borrowing Words, _ database: Int, _ limits: SessionLimits, readsOnly: Bool
  ) {
    guard let operations = bitfieldOperations(words, limits) else { return }
    let end = operations.lazy.filter(\.writes).map { ($0.shape.offset + $0.shape.bits - 1) >> 3 + 1 }.max()
    guard let end else { return readBitfields(words, database, operations) }
    if readsOnly { return reply.error("ERR BITFIELD_RO only supports the GET subcommand") }
    let key = keyspace.place(words[1])
    let old = findToChange(key, database)
    if let old, !old.isString { return replyWrongType() }
    reply.array(operations.count)
    let (pieces, isWritten) =
      if let old { apply(operations, to: old.value, end) } else { apply(operations, to: RawSpan(), end) }
    if pieces.isEmpty {
      // One operation has undone another.
      if isWritten { note(.setBit, key, database, isNew: false) }
      return
    }
    let event = isWritten ? KeyEvent.setBit : .untold
    let group = journal.beginGroup()
    for (index, piece) in pieces.enumerated() {
      setRange(key, database, piece.start, piece.bytes.span.raw, index == 0 ? event : nil)
    }
    journal.endGroup(group)
  }

  private mutating func readBitfields(
    _ words: borrowing Words, _ database: Int, _ operations: [BitfieldOperation]
  ) {
    let item = find(keyspace.place(words[1]), database)
    if let item, !item.isString { return replyWrongType() }
    reply.array(operations.count)
    if let item {
      _ = apply(operations, to: item.value, 0)
    } else {
      _ = apply(operations, to: RawSpan(), 0)
    }
  }

  /// Replies to all operations; what they change of a string, and whether one of them has written something else than was
  /// there.
  ///
  /// - Parameter end: how long the string becomes at least. As in Redis, it has room for all that is to be written, also
  ///   for what then fails.
  private mutating func apply(
    _ operations: [BitfieldOperation], to value: RawSpan, _ end: Int
  ) -> (pieces: [(start: Int, bytes: [UInt8])], isWritten: Bool) {
    var bytes = ChangedBytes(value)
    bytes.grow(to: end)
    var isWritten = false
    for operation in operations where apply(operation, &bytes) { isWritten = true }
    return (bytes.pieces, isWritten)
  }

  /// Whether it makes the string longer or another.
  private mutating func apply(_ operation: BitfieldOperation, _ bytes: inout ChangedBytes) -> Bool {
    let shape = operation.shape
    let before = shape.number(bytes.word(shape))
    let wanted: Int128
    switch operation.kind {
    case .get:
      reply.integer(before)
      return false
    // As in Redis, a negative number is too large for an unsigned field.
    case .set(let number): wanted = shape.isSigned ? Int128(number) : Int128(UInt(bitPattern: number))
    case .increment(let amount): wanted = Int128(before) + Int128(amount)
    }
    guard let word = shape.word(wanted, operation.rule) else {
      reply.null()
      return false
    }
    bytes.put(word, shape)
    if case .set = operation.kind { reply.integer(before) } else { reply.integer(shape.number(word)) }
    return bytes.isLonger || shape.number(word) != before
  }

  // MARK: Reading the request

  private mutating func bitfieldOperations(
    _ words: borrowing Words, _ limits: SessionLimits
  ) -> [BitfieldOperation]? {
    var operations: [BitfieldOperation] = []
    var rule = OverflowRule.wrap
    var index = 2
    while index < words.count {
      let left = words.count - index - 1
      if words[index].equalsIgnoringCase("overflow"), left >= 1 {
        if words[index + 1].equalsIgnoringCase("wrap") {
          rule = .wrap
        } else if words[index + 1].equalsIgnoringCase("sat") {
          rule = .saturate
        } else if words[index + 1].equalsIgnoringCase("fail") {
          rule = .fail
        } else {
          reply.error("ERR Invalid OVERFLOW type specified")
          return nil
        }
        index += 2
        continue
      }
      let gets = words[index].equalsIgnoringCase("get") && left >= 2
      let sets = words[index].equalsIgnoringCase("set") && left >= 3
      let increments = words[index].equalsIgnoringCase("incrby") && left >= 3
      guard gets || sets || increments else {
        reply.error(Self.syntaxError)
        return nil
      }
      guard let shape = bitfieldShape(words[index + 1], words[index + 2], limits) else { return nil }
      var kind = BitfieldOperation.Kind.get
      if !gets {
        guard let number = words[index + 3].decimal else {
          reply.error(Self.notInteger)
          return nil
        }
        kind = sets ? .set(number) : .increment(number)
      }
      operations.append(BitfieldOperation(kind: kind, shape: shape, rule: rule))
      index += gets ? 3 : 4
    }
    return operations
  }

  /// Reads `u8` and a place as `8` or, in numbers of this width, `#1`.
  private mutating func bitfieldShape(
    _ encoding: RawSpan, _ place: RawSpan, _ limits: SessionLimits
  ) -> BitfieldShape? {
    let isSigned = !encoding.isEmpty && encoding.byte(0) == UInt8(ascii: "i")
    guard isSigned || !encoding.isEmpty && encoding.byte(0) == UInt8(ascii: "u"),
      let bits = encoding.extracting(1..<encoding.byteCount).decimal, bits >= 1, bits <= (isSigned ? 64 : 63)
    else {
      reply.error(
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
      return nil
    }
    let isMultiple = !place.isEmpty && place.byte(0) == UInt8(ascii: "#")
    guard let number = isMultiple ? place.extracting(1..<place.byteCount).decimal : place.decimal else {
      reply.error(Self.badBitOffset)
      return nil
    }
    let (offset, overflow) = number.multipliedReportingOverflow(by: isMultiple ? bits : 1)
    guard !overflow, offset >= 0, offset >> 3 < limits.valueBytes,
      (offset + bits - 1) >> 3 < limits.valueBytes
    else {
      reply.error(Self.badBitOffset)
      return nil
    }
    return BitfieldShape(isSigned: isSigned, bits: bits, offset: offset)
  }
}
