// One member of a collection: of a set the member itself, of a hash a field and its value.
//
//     0   whether it has a value, whether it expires, whether its lengths take four bytes each (a bit for each)
//     1   length of the key (1 or 4 bytes)
//         length of the value (1 or 4 bytes), if it has one
//         expiry (8 bytes), if set: milliseconds since 1970
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

  /// A member of a set.
  @_lifetime(copy key)
  init(_ key: RawSpan) {
    self.key = key
    value = key
    hasValue = false
    expiry = 0
  }

  /// A field of a hash.
  @_lifetime(copy field, copy value)
  init(_ field: RawSpan, _ value: RawSpan, expiry: Int64) {
    key = field
    self.value = value
    hasValue = true
    self.expiry = expiry
  }

  fileprivate var isLong: Bool {
    key.byteCount > Member.longestShort || hasValue && value.byteCount > Member.longestShort
  }

  fileprivate var shape: UInt8 {
    (hasValue ? Member.withValue : 0) | (expiry != 0 ? Member.hasExpiry : 0) | (isLong ? Member.isLong : 0)
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

  package let address: UnsafeMutableRawPointer

  package init(address: UnsafeMutableRawPointer) { unsafe self.address = unsafe address }

  fileprivate static func headerSize(_ shape: UInt8) -> Int {
    let lengthSize = shape & isLong != 0 ? 4 : 1
    return 1 + lengthSize + (shape & withValue != 0 ? lengthSize : 0) + (shape & hasExpiry != 0 ? 8 : 0)
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
    shape & Self.withValue != 0 ? MemberContent(key, value, expiry: expiry) : MemberContent(key)
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

  /// Takes another value and expiry where it is, if they take the same room; whether they did. The key is the same.
  func overwrite(_ content: borrowing MemberContent) -> Bool {
    guard content.shape == shape, content.hasValue, content.value.byteCount == valueCount else {
      return false
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
