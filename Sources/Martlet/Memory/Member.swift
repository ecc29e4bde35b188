// One member of a collection: of a set the member itself, of a hash a field and its value, of a sorted set a member and
// its score.
//
//     0   whether it has a value, whether it expires, whether its lengths take four bytes each (a bit for each); how the
//         score is written, if it has one (3 bits): as an integer of 1, 2 or 4 bytes where it is one, or as a double
//     1   length of the key (1 or 4 bytes)
//         length of the value (1 or 4 bytes), if it has one
//         expiry (8 bytes), if set: milliseconds since 1970
//         or score (1, 2, 4 or 8 bytes), if it has one
//         the key: what it is found by, the member of a set or the field of a hash
//         the value
//
// It is written the same way wherever it stands: alone, in an allocation that a table points to, or in a row with others
// in a packed collection (see Members.swift). Nothing in it is aligned.

/// What a member is to be made of.
struct MemberContent: ~Escapable {
  let key: RawSpan
  let value: RawSpan
  let hasValue: Bool
  /// When it expires, in milliseconds since 1970; 0 for never.
  let expiry: Int64
  /// Of a member of a sorted set; 0 for others.
  let score: Double
  fileprivate let scoreForm: UInt8

  var hasScore: Bool { scoreForm != 0 }

  /// A member of a set.
  @_lifetime(copy key)
  init(_ key: RawSpan) {
    self.key = key
    value = key
    hasValue = false
    expiry = 0
    score = 0
    scoreForm = 0
  }

  /// A member of a sorted set.
  @_lifetime(copy key)
  init(_ key: RawSpan, score: Double) {
    self.key = key
    value = key
    hasValue = false
    expiry = 0
    self.score = score.withoutSignOfZero
    scoreForm = Member.scoreForm(score)
  }

  /// A field of a hash.
  @_lifetime(copy field, copy value)
  init(_ field: RawSpan, _ value: RawSpan, expiry: Int64) {
    key = field
    self.value = value
    hasValue = true
    self.expiry = expiry
    score = 0
    scoreForm = 0
  }

  fileprivate var isLong: Bool {
    key.byteCount > Member.longestShort || hasValue && value.byteCount > Member.longestShort
  }

  fileprivate var shape: UInt8 {
    (hasValue ? Member.withValue : 0) | (expiry != 0 ? Member.hasExpiry : 0) | (isLong ? Member.isLong : 0)
      | scoreForm
  }

  /// The bytes that it takes as a member.
  var size: Int {
    Member.headerSize(shape) + key.byteCount + (hasValue ? value.byteCount : 0)
  }

  /// The longer of the key and the value, in bytes.
  var longest: Int { hasValue ? max(key.byteCount, value.byteCount) : key.byteCount }
}

/// The address of one member.
@safe package struct Member: TableEntry {
  fileprivate static let withValue: UInt8 = 1
  fileprivate static let hasExpiry: UInt8 = 2
  fileprivate static let isLong: UInt8 = 4
  fileprivate static let longestShort = 255
  /// How a score is written.
  private static let scoreForms: UInt8 = 0x70
  private static let scoreOf8Bits: UInt8 = 0x10
  private static let scoreOf16Bits: UInt8 = 0x20
  private static let scoreOf32Bits: UInt8 = 0x30
  private static let scoreAsDouble: UInt8 = 0x40

  package let address: UnsafeMutableRawPointer

  package init(address: UnsafeMutableRawPointer) { unsafe self.address = unsafe address }

  fileprivate static func headerSize(_ shape: UInt8) -> Int {
    let lengthSize = shape & isLong != 0 ? 4 : 1
    return 1 + lengthSize + (shape & withValue != 0 ? lengthSize : 0) + (shape & hasExpiry != 0 ? 8 : 0)
      + (shape & scoreForms != 0 ? scoreSize(shape) : 0)
  }

  private static func scoreSize(_ shape: UInt8) -> Int { 1 << (Int(shape & scoreForms) >> 4 - 1) }

  /// The shortest form that holds a score.
  fileprivate static func scoreForm(_ score: Double) -> UInt8 {
    guard let integer = Int32(exactly: score) else { return scoreAsDouble }
    if Int8(exactly: integer) != nil { return scoreOf8Bits }
    return Int16(exactly: integer) != nil ? scoreOf16Bits : scoreOf32Bits
  }

  @inline(__always)
  private var shape: UInt8 { unsafe address.load(as: UInt8.self) }

  /// When it expires, in milliseconds since 1970; 0 for never.
  package var expiry: Int64 {
    let shape = shape
    guard shape & Self.hasExpiry != 0 else { return 0 }
    return unsafe address.loadUnaligned(fromByteOffset: Self.headerSize(shape) - 8, as: Int64.self)
  }

  package var expires: Bool { shape & Self.hasExpiry != 0 }

  /// Whether it is a member of a sorted set.
  package var hasScore: Bool { shape & Self.scoreForms != 0 }

  /// The score of a member of a sorted set; 0 of any other.
  package var score: Double {
    let shape = shape
    let offset = Self.headerSize(shape)
    switch shape & Self.scoreForms {
    case Self.scoreAsDouble: return unsafe address.loadUnaligned(fromByteOffset: offset - 8, as: Double.self)
    case Self.scoreOf8Bits: return Double(unsafe address.load(fromByteOffset: offset - 1, as: Int8.self))
    case Self.scoreOf16Bits:
      return Double(unsafe address.loadUnaligned(fromByteOffset: offset - 2, as: Int16.self))
    case Self.scoreOf32Bits:
      return Double(unsafe address.loadUnaligned(fromByteOffset: offset - 4, as: Int32.self))
    default: return 0
    }
  }

  private static func write(_ score: Double, _ shape: UInt8, endingAt end: UnsafeMutableRawPointer) {
    switch shape & scoreForms {
    case scoreAsDouble: unsafe (end - 8).storeBytes(of: score, as: Double.self)
    case scoreOf8Bits: unsafe (end - 1).storeBytes(of: Int8(score), as: Int8.self)
    case scoreOf16Bits: unsafe (end - 2).storeBytes(of: Int16(score), as: Int16.self)
    case scoreOf32Bits: unsafe (end - 4).storeBytes(of: Int32(score), as: Int32.self)
    default: break
    }
  }

  /// Whether it is a field of a hash.
  package var hasValue: Bool { shape & Self.withValue != 0 }

  /// Whether its time has passed: it is there, and is shown to nobody.
  func hasExpired(_ now: Int64) -> Bool {
    let expiry = expiry
    return expiry != 0 && expiry <= now
  }

  @inline(__always)
  private func length(_ index: Int, _ shape: UInt8) -> Int {
    shape & Self.isLong == 0
      ? Int(unsafe address.load(fromByteOffset: 1 + index, as: UInt8.self))
      : Int(unsafe address.loadUnaligned(fromByteOffset: 1 + 4 * index, as: UInt32.self))
  }

  @inline(__always)
  package var keyCount: Int { length(0, shape) }

  package var valueCount: Int {
    let shape = shape
    return shape & Self.withValue != 0 ? length(1, shape) : 0
  }

  @inline(__always)
  package var keyStart: UnsafeRawPointer { unsafe UnsafeRawPointer(address) + Self.headerSize(shape) }

  /// The value of a field.
  package var value: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = unsafe RawSpan(_unsafeStart: keyStart + keyCount, byteCount: valueCount)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The bytes of all of it.
  var size: Int { Self.headerSize(shape) + keyCount + valueCount }

  /// What it was made of.
  var content: MemberContent {
    @_lifetime(borrow self)
    get { content(expiry: expiry) }
  }

  /// The same with another expiry.
  @_lifetime(borrow self)
  func content(expiry: Int64) -> MemberContent {
    if hasScore { return MemberContent(key, score: score) }
    return hasValue ? MemberContent(key, value, expiry: expiry) : MemberContent(key)
  }

  /// Writes it out, as it is in memory.
  func append(to bytes: inout ByteQueue) {
    let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(address), byteCount: size)
    bytes.append(span)
  }

  // MARK: Making, changing, freeing

  /// Writes a member where there is room for its size.
  static func write(_ content: borrowing MemberContent, to address: UnsafeMutableRawPointer) {
    let shape = content.shape
    unsafe address.storeBytes(of: shape, as: UInt8.self)
    if shape & isLong == 0 {
      unsafe address.storeBytes(
        of: UInt8(truncatingIfNeeded: content.key.byteCount), toByteOffset: 1, as: UInt8.self)
      if content.hasValue {
        unsafe address.storeBytes(
          of: UInt8(truncatingIfNeeded: content.value.byteCount), toByteOffset: 2, as: UInt8.self)
      }
    } else {
      unsafe address.storeBytes(of: UInt32(content.key.byteCount), toByteOffset: 1, as: UInt32.self)
      if content.hasValue {
        unsafe address.storeBytes(of: UInt32(content.value.byteCount), toByteOffset: 5, as: UInt32.self)
      }
    }
    let start = headerSize(shape)
    if content.expiry != 0 {
      unsafe address.storeBytes(of: content.expiry, toByteOffset: start - 8, as: Int64.self)
    }
    if content.hasScore { unsafe write(content.score, shape, endingAt: address + start) }
    unsafe copy(content.key, to: address + start)
    if content.hasValue { unsafe copy(content.value, to: address + start + content.key.byteCount) }
  }

  private static func copy(_ bytes: RawSpan, to destination: UnsafeMutableRawPointer) {
    unsafe bytes.withUnsafeBytes { source in
      guard let start = source.baseAddress, source.count > 0 else { return }
      unsafe destination.copyMemory(from: start, byteCount: source.count)
    }
  }

  static func make(_ content: borrowing MemberContent, _ allocator: inout Allocator) -> Member {
    let address = unsafe allocator.allocate(content.size)
    unsafe write(content, to: address)
    return unsafe Member(address: address)
  }

  /// Whether another value and expiry, or another score, take the same room. The key is the same.
  func fits(_ content: borrowing MemberContent) -> Bool {
    content.shape == shape
      && (content.hasScore || content.hasValue && content.value.byteCount == valueCount)
  }

  /// Takes another value and expiry, or another score, where it is, if they take the same room; whether they did. The
  /// key is the same.
  func overwrite(_ content: borrowing MemberContent) -> Bool {
    guard fits(content) else { return false }
    if content.hasScore {
      unsafe Self.write(content.score, shape, endingAt: UnsafeMutableRawPointer(mutating: keyStart))
      return true
    }
    if content.expiry != 0 {
      unsafe address.storeBytes(
        of: content.expiry, toByteOffset: Self.headerSize(shape) - 8, as: Int64.self)
    }
    unsafe Self.copy(content.value, to: UnsafeMutableRawPointer(mutating: keyStart) + keyCount)
    return true
  }

  func destroy(_ allocator: inout Allocator) {
    unsafe allocator.deallocate(address, size)
  }
}
