// Growing bytes: replies on their way out, journal records on their way to the disk.

internal import CMartlet

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A growable run of bytes that is written at its end, read as a whole, and emptied from its front.
@safe package struct ByteQueue: ~Copyable, @unchecked Sendable {
  /// What `removeAll` keeps at most, so that one huge reply doesn't hold its memory for ever.
  private static let capacityKept = 256 << 10

  private var base: UnsafeMutableRawPointer?
  private var capacity = 0
  package private(set) var count = 0

  package init() { unsafe base = nil }

  deinit { unsafe free(base) }

  package var isEmpty: Bool {
    @inline(__always) get { count == 0 }
  }

  /// All the bytes.
  package var bytes: RawSpan {
    @_lifetime(borrow self)
    @inline(__always)
    get {
      let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(base ?? Self.nowhere), byteCount: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// All the bytes, for those who take them as a buffer.
  package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try unsafe body(UnsafeRawBufferPointer(start: base, count: count))
  }

  private static var nowhere: UnsafeMutableRawPointer {
    unsafe UnsafeMutableRawPointer(bitPattern: 8).unsafelyUnwrapped
  }

  package mutating func removeAll() { removeAll(keeping: Self.capacityKept) }

  /// Empties it, and gives its memory back if that is more than `limit` bytes.
  package mutating func removeAll(keeping limit: Int) {
    count = 0
    if capacity > limit {
      FreedMemory.note(capacity)
      unsafe free(base)
      unsafe base = nil
      capacity = 0
    }
  }

  /// Drops the first `length` bytes. O(count).
  package mutating func removeFirst(_ length: Int) {
    precondition(length >= 0 && length <= count)
    guard length < count else { return removeAll() }
    if length > 0, let base = unsafe base { unsafe memmove(base, base + length, count - length) }
    count -= length
  }

  /// Cuts back to an earlier count.
  package mutating func truncate(to length: Int) {
    precondition(length >= 0 && length <= count)
    count = length
  }

  /// Makes room for `extra` more bytes. Amortised O(1) a byte.
  @inline(__always)
  package mutating func reserve(_ extra: Int) {
    if capacity - count < extra { grow(extra) }
  }

  @inline(never)
  private mutating func grow(_ extra: Int) {
    let wanted = max(count + extra, capacity * 2, 256)
    guard let grown = unsafe realloc(base, wanted) else { fatalError("out of memory: \(wanted) bytes") }
    unsafe base = grown
    capacity = wanted
  }

  @inline(__always)
  package mutating func append(_ span: RawSpan) {
    reserve(span.byteCount)
    unsafe span.withUnsafeBytes { source in
      guard let start = source.baseAddress, source.count > 0 else { return }
      unsafe base.unsafelyUnwrapped.advanced(by: count).copyMemory(from: start, byteCount: source.count)
    }
    count += span.byteCount
  }

  @inline(__always)
  package mutating func append(byte: UInt8) {
    reserve(1)
    unsafe base.unsafelyUnwrapped.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count += 1
  }

  @inline(__always)
  package mutating func append(_ text: StaticString) {
    let length = text.utf8CodeUnitCount
    reserve(length)
    unsafe base.unsafelyUnwrapped.advanced(by: count).copyMemory(from: text.utf8Start, byteCount: length)
    count += length
  }

  /// Appends text in UTF-8. It has a name of its own so that a literal is never made a `String` first.
  package mutating func append(text: String) {
    append(text.utf8.span.raw)
  }

  package mutating func append(_ bytes: [UInt8]) {
    append(bytes.span.raw)
  }

  package mutating func append(repeating byte: UInt8, count length: Int) {
    reserve(length)
    if length > 0 { unsafe memset(base.unsafelyUnwrapped + count, Int32(byte), length) }
    count += length
  }

  package mutating func append(decimal number: Int) {
    if number < 0 { append(byte: UInt8(ascii: "-")) }
    append(decimal: UInt64(number.magnitude))
  }

  /// The decimal digits of a number.
  @inline(__always)
  package mutating func append(decimal number: UInt64) {
    if number < 10 { return append(byte: UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number)) }
    appendDigits(number)
  }

  private mutating func appendDigits(_ number: UInt64) {
    let length = Self.digitCount(number)
    reserve(length)
    let start = unsafe base.unsafelyUnwrapped + count
    var rest = number
    var index = length
    repeat {
      let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
      index -= 1
      unsafe start.storeBytes(
        of: UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digit), toByteOffset: index, as: UInt8.self)
      rest = quotient
    } while index > 0
    count += length
  }

  private static func digitCount(_ number: UInt64) -> Int {
    if number < 100 { return number < 10 ? 1 : 2 }
    var length = 3
    var rest = number / 1000
    while rest > 0 {
      rest /= 10
      length += 1
    }
    return length
  }

  /// The bytes of a number, the highest first.
  @inline(__always)
  package mutating func append<Number: FixedWidthInteger & BitwiseCopyable>(bigEndian number: Number) {
    reserve(MemoryLayout<Number>.size)
    unsafe base.unsafelyUnwrapped.storeBytes(of: number.bigEndian, toByteOffset: count, as: Number.self)
    count += MemoryLayout<Number>.size
  }

  /// The bytes of a number, the lowest first.
  package mutating func append<Number: FixedWidthInteger & BitwiseCopyable>(littleEndian number: Number) {
    append(bigEndian: number.byteSwapped)
  }

  /// The digits of a number in hexadecimal, padded with zeros to `width`.
  package mutating func append(hexadecimal number: UInt64, width: Int) {
    var shift = (width - 1) * 4
    while shift >= 0 {
      let digit = UInt8(truncatingIfNeeded: (number >> UInt64(shift)) & 15)
      append(byte: digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
      shift -= 4
    }
  }

  /// Lets `read` put up to `length` bytes behind the end; what it returns, the number of bytes if it isn't negative.
  mutating func append(upTo length: Int, _ read: (UnsafeMutableRawPointer) -> Int) -> Int {
    reserve(max(length, 1))
    let got = unsafe read(base.unsafelyUnwrapped + count)
    if got > 0 {
      precondition(got <= length)
      count += got
    }
    return got
  }
}

extension Span where Element == UInt8 {
  /// The bytes as raw memory. It is safe for bytes, which have no padding.
  package var raw: RawSpan {
    @_lifetime(copy self)
    @inline(__always)
    get { unsafe bytes }
  }
}

extension Span where Element == UInt64 {
  /// The bytes as raw memory. It is safe for words, which have no padding.
  var raw: RawSpan {
    @_lifetime(copy self)
    get { unsafe bytes }
  }
}

extension StaticString {
  /// The byte at `index` of an ASCII text, checked.
  func byte(_ index: Int) -> UInt8 {
    precondition(index >= 0 && index < utf8CodeUnitCount)
    return unsafe utf8Start[index]
  }
}

extension RawSpan {
  /// The byte at `index`, checked.
  @inline(__always)
  package func byte(_ index: Int) -> UInt8 {
    precondition(index >= 0 && index < byteCount)
    return unsafe unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
  }

  /// The number whose bytes begin at `offset`, the highest first; checked.
  @inline(__always)
  package func bigEndian<Number: FixedWidthInteger & BitwiseCopyable>(_: Number.Type, at offset: Int)
    -> Number
  {
    precondition(offset >= 0 && offset + MemoryLayout<Number>.size <= byteCount)
    return Number(
      bigEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: Number.self))
  }

  /// The number whose bytes begin at `offset`, the lowest first; checked.
  @inline(__always)
  func word<Number: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(_: Number.Type, at offset: Int)
    -> UInt64
  {
    precondition(offset >= 0 && offset + MemoryLayout<Number>.size <= byteCount)
    let number = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: Number.self)
    return UInt64(Number(littleEndian: number))
  }

  /// Where `byte` first occurs at or after `start`; nil when it doesn't.
  package func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
    guard start < byteCount else { return nil }
    return unsafe withUnsafeBytes { buffer -> Int? in
      guard let base = buffer.baseAddress else { return nil }
      guard let found = unsafe memchr(base + start, Int32(byte), buffer.count - start) else { return nil }
      return unsafe UnsafeRawPointer(found) - base
    }
  }

  /// Each place where `byte` occurs, in order. Eight bytes are looked at as one word.
  @inline(__always)
  package func forEachIndex(of byte: UInt8, _ body: (Int) -> Void) {
    let low: UInt64 = 0x7f7f_7f7f_7f7f_7f7f
    let pattern = 0x0101_0101_0101_0101 &* UInt64(byte)
    var index = 0
    while index + 8 <= byteCount {
      // The top bit of each byte that equals: exact, for no carry passes from one byte to the next.
      let rest = word(UInt64.self, at: index) ^ pattern
      var found = ~(((rest & low) &+ low) | rest | low)
      while found != 0 {
        body(index + found.trailingZeroBitCount >> 3)
        found &= found - 1
      }
      index += 8
    }
    while index < byteCount {
      if unsafe unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self) == byte { body(index) }
      index += 1
    }
  }

  /// Whether the bytes stand in the database file as they are, without a closer look: not empty, and all of them
  /// visible ASCII but quotes and the backslash.
  @inline(__always)
  var isPlainWord: Bool {
    if byteCount >= Self.longWord { return isLongPlainWord }
    guard byteCount >= 8 else {
      guard byteCount > 0 else { return false }
      for index in 0..<byteCount {
        // Seven more bytes that are plain make a whole word of one.
        let byte = unsafe unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
        if Self.oddBytes(0x6161_6161_6161_6100 | UInt64(byte)) != 0 { return false }
      }
      return true
    }
    var odd: UInt64 = 0
    var index = 0
    while index + 8 <= byteCount {
      odd |= Self.oddBytes(unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self))
      index += 8
    }
    // The last eight bytes, some of them a second time.
    odd |= Self.oddBytes(unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: byteCount - 8, as: UInt64.self))
    return odd == 0
  }

  /// From so many bytes on a call of C, which has vectors, is faster.
  private static var longWord: Int { 256 }

  @inline(never)
  private var isLongPlainWord: Bool {
    unsafe withUnsafeBytes { unsafe martlet_is_plain($0.baseAddress, $0.count) != 0 }
  }

  /// How many bytes from `start` on stand as they are in double quotes, without a closer look.
  func quotableRun(from start: Int) -> Int {
    precondition(start >= 0 && start <= byteCount)
    return unsafe withUnsafeBytes {
      guard let base = $0.baseAddress else { return 0 }
      return unsafe martlet_quotable_run(base + start, $0.count - start)
    }
  }

  /// Not zero if one of eight bytes is not visible ASCII, or a quote or the backslash. Eight bytes are looked at as
  /// one word: Sean Eron Anderson, "Bit Twiddling Hacks", on a zero byte and on a byte less than n.
  @inline(__always)
  private static func oddBytes(_ word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    func zero(_ value: UInt64) -> UInt64 { (value &- ones) & ~value }
    let control = (word &- ones &* 0x21) & ~word
    let delete = zero(word ^ ones &* 0x7f)
    let quotes =
      zero(word ^ ones &* UInt64(UInt8(ascii: "\""))) | zero(word ^ ones &* UInt64(UInt8(ascii: "'")))
    let backslash = zero(word ^ ones &* UInt64(UInt8(ascii: "\\")))
    return (word | control | delete | quotes | backslash) & (ones &* 0x80)
  }

  /// Whether both hold the same bytes.
  @inline(__always)
  package func equals(_ other: RawSpan) -> Bool {
    guard byteCount == other.byteCount else { return false }
    return unsafe withUnsafeBytes { mine in
      unsafe other.withUnsafeBytes { theirs in
        guard let first = mine.baseAddress, let second = theirs.baseAddress else { return true }
        return unsafe memcmp(first, second, mine.count) == 0
      }
    }
  }

  /// Whether the bytes come before others, in the order of their values.
  func precedes(_ other: RawSpan) -> Bool {
    let common = min(byteCount, other.byteCount)
    let order = unsafe withUnsafeBytes { mine in
      unsafe other.withUnsafeBytes { theirs -> Int32 in
        guard common > 0, let first = mine.baseAddress, let second = theirs.baseAddress else { return 0 }
        return unsafe memcmp(first, second, common)
      }
    }
    return order == 0 ? byteCount < other.byteCount : order < 0
  }

  /// Whether the bytes begin with `text`, which isn't empty. Where the text is a literal, a comparison of a few words.
  @inline(__always)
  package func begins(with text: StaticString) -> Bool {
    let length = text.utf8CodeUnitCount
    guard byteCount >= length else { return false }
    return unsafe withUnsafeBytes {
      unsafe memcmp($0.baseAddress.unsafelyUnwrapped, text.utf8Start, length) == 0
    }
  }

  /// Whether the bytes are those of an ASCII text, letters matching in either case.
  /// `text` is in lower case.
  package func equalsIgnoringCase(_ text: StaticString) -> Bool {
    guard byteCount == text.utf8CodeUnitCount else { return false }
    for index in 0..<byteCount {
      var mine = byte(index)
      if mine >= UInt8(ascii: "A") && mine <= UInt8(ascii: "Z") { mine |= 0x20 }
      if unsafe text.utf8Start[index] != mine { return false }
    }
    return true
  }

  /// The CRC-32C of the bytes, continuing from `crc`; 0 starts a new one.
  package func crc32c(continuing crc: UInt32) -> UInt32 {
    unsafe withUnsafeBytes { unsafe martlet_crc32c(crc, $0.baseAddress, $0.count) }
  }

  /// The CRC-64 of Redis's RDB files, continuing from `crc`; 0 starts a new one.
  package func crc64(continuing crc: UInt64) -> UInt64 {
    unsafe withUnsafeBytes { unsafe martlet_crc64(crc, $0.baseAddress, $0.count) }
  }

  /// A copy with ASCII letters in lower case.
  var lowercased: [UInt8] {
    array.map { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0 }
  }

  /// A copy.
  package var array: [UInt8] {
    unsafe withUnsafeBytes { unsafe Array($0) }
  }

  /// The bytes as text, what isn't UTF-8 replaced.
  package var text: String {
    String(decoding: array, as: UTF8.self)
  }
}
