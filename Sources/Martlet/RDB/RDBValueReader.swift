// Reads one value of an RDB file or a DUMP payload, an entry at a time: an element, a member, a field. The facts are those of
// rdb.c in Redis 7.0 to 8 (https://github.com/redis/redis) and Valkey 9 (https://github.com/valkey-io/valkey).
//
// Whoever asks for the next entry gets it in memory that is used again; nothing is kept but the one string that holds a packed
// collection.

/// One element of a list, member of a set or a sorted set, or field of a hash; or all of a string.
package struct RDBEntry: ~Copyable {
  /// The string, the element, the member or the field.
  package fileprivate(set) var text = ByteQueue()
  /// The value of a field.
  package fileprivate(set) var value = ByteQueue()
  /// Of a member of a sorted set.
  package fileprivate(set) var score = 0.0
  /// When the field expires, in milliseconds since 1970; nil for never.
  package fileprivate(set) var expiry: Int64?

  package init() {}

  fileprivate mutating func removeAll() {
    text.removeAll()
    value.removeAll()
    score = 0
    expiry = nil
  }
}

extension InputBytes {
  /// The longest string, in bytes: Redis has none that is longer.
  private static let maximumString = 512 << 20

  /// A number of up to 64 bits in 1, 2, 5 or 9 bytes, as lengths and counts are written.
  mutating func length() throws(RDBProblem) -> UInt64 {
    let first = try byte()
    guard first < 0xc0 else { throw .damaged("a length is none") }
    return try length(first)
  }

  private mutating func length(_ first: UInt8) throws(RDBProblem) -> UInt64 {
    switch first {
    case 0..<0x40: return UInt64(first)
    case 0x40..<0x80: return UInt64(first & 0x3f) << 8 | UInt64(try byte())
    case 0x80: return try bigEndian(UInt32.self)
    case 0x81: return try bigEndian(UInt64.self)
    default: throw .damaged("a length has an unknown form")
    }
  }

  private func stringLength(_ length: UInt64) throws(RDBProblem) -> Int {
    guard length <= Self.maximumString else { throw .damaged("a string is longer than 512 MiB") }
    return Int(length)
  }

  /// Appends a string: as it is, a number in decimal, or compressed.
  package mutating func string(_ string: inout ByteQueue) throws(RDBProblem) {
    let first = try byte()
    switch first {
    case 0..<0xc0: string.append(try take(try stringLength(try length(first))))
    case 0xc0: string.append(decimal: Int(Int8(truncatingIfNeeded: try littleEndian(UInt8.self))))
    case 0xc1: string.append(decimal: Int(Int16(truncatingIfNeeded: try littleEndian(UInt16.self))))
    case 0xc2: string.append(decimal: Int(Int32(truncatingIfNeeded: try littleEndian(UInt32.self))))
    case 0xc3:
      let compressed = try stringLength(try length())
      let count = try stringLength(try length())
      guard LZF.decompress(try take(compressed), count: count, to: &string) else {
        throw .damaged("a compressed string can't be decompressed")
      }
    default: throw .damaged("a string has an unknown form")
    }
  }

  /// Passes over a string.
  mutating func skipString() throws(RDBProblem) {
    let first = try byte()
    switch first {
    case 0..<0xc0: try skip(try stringLength(try length(first)))
    case 0xc0: try skip(1)
    case 0xc1: try skip(2)
    case 0xc2: try skip(4)
    case 0xc3:
      let compressed = try stringLength(try length())
      _ = try length()
      try skip(compressed)
    default: throw .damaged("a string has an unknown form")
    }
  }

  /// A score as a text behind its length, three of which stand for what is no digits.
  fileprivate mutating func textScore() throws(RDBProblem) -> Double {
    let length = try byte()
    switch length {
    case 253: throw .damaged("a score is not a number")
    case 254: return .infinity
    case 255: return -.infinity
    default:
      guard let score = try take(Int(length)).score else { throw .damaged("a score is not a number") }
      return score
    }
  }

  fileprivate mutating func double() throws(RDBProblem) -> Double {
    let score = Double(bitPattern: try littleEndian(UInt64.self))
    guard !score.isNaN else { throw .damaged("a score is not a number") }
    return score
  }
}

/// A value of which entries are read one after the other.
package struct RDBValueReader: ~Copyable {
  private let type: RDBType
  /// The type of the value that it makes.
  package let kind: ItemKind
  /// How many entries, or nodes of a list, stand in the input behind what has been read.
  private var left: UInt64 = 1
  /// The packed entries that are being read.
  private var packed: PackedElements? = nil
  /// The earliest time of all, on which those of the fields count up.
  private var earliest: Int64 = 0
  /// How many entries have been read.
  package private(set) var count = 0

  /// Begins with a value that follows its type. Nothing of `input` but this value may be read until there are no more
  /// entries.
  ///
  /// - Throws: `unsupported` for a stream or a module's value.
  package init(_ type: RDBType, _ input: inout InputBytes) throws(RDBProblem) {
    self.type = type
    kind = type.kind ?? .string
    switch type {
    case .string: break
    case .list, .set, .sortedSetOfTexts, .sortedSet, .hash, .hashOfValkey, .listOfZiplists, .listOfListpacks,
      .hashWithExpiries(isEarly: true):
      left = try input.length()
    case .hashWithExpiries(isEarly: false):
      earliest = try Self.time(try input.littleEndian(UInt64.self))
      left = try input.length()
    case .listOfZiplist, .sortedSetOfZiplist, .hashOfZiplist: try openPacked(.ziplist, &input)
    case .hashOfZipmap: try openPacked(.zipmap, &input)
    case .setOfIntegers: try openPacked(.intset, &input)
    case .setOfListpack, .sortedSetOfListpack, .hashOfListpack, .hashOfListpackWithExpiries(isEarly: true):
      try openPacked(.listpack, &input)
    case .hashOfListpackWithExpiries(isEarly: false):
      _ = try input.littleEndian(UInt64.self)
      try openPacked(.listpack, &input)
    case .stream: throw .unsupported("streams are not supported")
    case .module: throw .unsupported("values of modules are not supported")
    }
  }

  private mutating func openPacked(
    _ form: PackedElements.Form, _ input: inout InputBytes
  ) throws(RDBProblem) {
    var string = ByteQueue()
    try input.string(&string)
    packed = try PackedElements(string, form)
    left = 0
  }

  private static func time(_ number: UInt64) throws(RDBProblem) -> Int64 {
    guard let time = Int64(exactly: number) else { throw .damaged("a time is too far away") }
    return time
  }

  /// Reads the next entry; false when there are no more.
  package mutating func next(_ entry: inout RDBEntry, _ input: inout InputBytes) throws(RDBProblem) -> Bool {
    entry.removeAll()
    while true {
      if packed != nil {
        if try nextPacked(&entry) { break }
        packed = nil
      }
      guard left > 0 else { return false }
      left -= 1
      if try nextPlain(&entry, &input) { break }
    }
    count += 1
    return true
  }

  /// Reads an entry that stands alone; false if it was a node, which is now open.
  private mutating func nextPlain(
    _ entry: inout RDBEntry, _ input: inout InputBytes
  ) throws(RDBProblem) -> Bool {
    switch type {
    case .listOfZiplists, .listOfListpacks:
      let container = type == .listOfZiplists ? 2 : try input.length()
      if container == 1 {
        try input.string(&entry.text)
        return true
      }
      guard container == 2 else { throw .damaged("a node of a list has an unknown form") }
      var string = ByteQueue()
      try input.string(&string)
      packed = try PackedElements(string, type == .listOfZiplists ? .ziplist : .listpack)
      return false
    case .sortedSetOfTexts:
      try input.string(&entry.text)
      entry.score = try input.textScore()
    case .sortedSet:
      try input.string(&entry.text)
      entry.score = try input.double()
    case .hash:
      try input.string(&entry.text)
      try input.string(&entry.value)
    case .hashOfValkey:
      try input.string(&entry.text)
      try input.string(&entry.value)
      let time = Int64(bitPattern: try input.littleEndian(UInt64.self))
      guard time >= -1 else { throw .damaged("a time lies before 1970") }
      if time >= 0 { entry.expiry = time }
    case .hashWithExpiries(let isEarly):
      let distance = try Self.time(try input.length())
      if distance > 0 {
        let (time, overflow) = earliest.addingReportingOverflow(isEarly ? distance : distance - 1)
        if overflow { throw .damaged("a time is too far away") }
        entry.expiry = time
      }
      try input.string(&entry.text)
      try input.string(&entry.value)
    default: try input.string(&entry.text)
    }
    return true
  }

  private mutating func nextPacked(_ entry: inout RDBEntry) throws(RDBProblem) -> Bool {
    guard try packed?.next(&entry.text) == true else { return false }
    switch kind {
    case .string, .list, .set: break
    case .sortedSet:
      try second(&entry.value)
      guard let score = entry.value.bytes.score else { throw .damaged("a score is not a number") }
      entry.score = score
      entry.value.removeAll()
    case .hash:
      try second(&entry.value)
      guard case .hashOfListpackWithExpiries = type else { break }
      var digits = ByteQueue()
      try second(&digits)
      guard let time = digits.bytes.decimal, time >= 0 else { throw .damaged("a time is not a number") }
      if time > 0 { entry.expiry = Int64(time) }
    }
    return true
  }

  /// Reads what belongs to the packed element before.
  private mutating func second(_ element: inout ByteQueue) throws(RDBProblem) {
    guard try packed?.next(&element) == true else {
      throw .damaged("a packed collection lacks its last part")
    }
  }
}
