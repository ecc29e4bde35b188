// Growing bytes: requests on their way out. Its own and not the store's, so that the compiler can see through every
// append of a request.
#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A growable run of bytes that is written at its end and emptied from its front.
@safe package struct RequestBuffer: ~Copyable {
  private var base: UnsafeMutableRawPointer
  private var capacity: Int
  package private(set) var count = 0

  package init(capacity: Int = 4096) {
    self.capacity = max(64, capacity)
    unsafe base = .allocate(byteCount: self.capacity, alignment: 16)
  }

  deinit { unsafe base.deallocate() }

  /// All the bytes.
  package var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(base), byteCount: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// All the bytes, for system calls.
  func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    unsafe body(UnsafeRawBufferPointer(start: base, count: count))
  }

  /// Appends the bytes from `start` on to an array.
  func copy(from start: Int, to array: inout [UInt8]) {
    array.append(bytes.extracting(start..<count))
  }

  package mutating func removeAll() { count = 0 }

  /// Drops the first `length` bytes. O(count).
  mutating func removeFirst(_ length: Int) {
    precondition(length >= 0 && length <= count)
    if length > 0 { unsafe memmove(base, base + length, count - length) }
    count -= length
  }

  mutating func removeLast(_ length: Int) {
    precondition(length >= 0 && length <= count)
    count -= length
  }

  @inline(__always)
  private mutating func reserve(_ extra: Int) {
    if capacity - count < extra { grow(extra) }
  }

  @inline(never)
  private mutating func grow(_ extra: Int) {
    let larger = max(capacity * 2, count + extra)
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
    unsafe bytes.copyMemory(from: base, byteCount: count)
    unsafe base.deallocate()
    unsafe base = bytes
    capacity = larger
  }

  @inline(__always)
  mutating func append(_ text: StaticString) {
    let length = text.utf8CodeUnitCount
    reserve(length)
    unsafe memcpy(base + count, text.utf8Start, length)
    count += length
  }

  mutating func append(text: String) {
    for byte in text.utf8 { append(byte: byte) }
  }

  @inline(__always)
  mutating func append(byte: UInt8) {
    reserve(1)
    unsafe base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count += 1
  }

  @inline(__always)
  mutating func append(_ span: RawSpan) {
    let length = span.byteCount
    reserve(length)
    let end = unsafe base + count
    unsafe span.withUnsafeBytes { source in
      if let start = source.baseAddress { unsafe memcpy(end, start, length) }
    }
    count += length
  }

  mutating func append(repeating byte: UInt8, count length: Int) {
    precondition(length >= 0)
    reserve(length)
    unsafe memset(base + count, Int32(byte), length)
    count += length
  }

  /// Appends a number from 0 on in decimal.
  @inline(__always)
  package mutating func append(decimal number: Int) {
    precondition(number >= 0)
    var width = 1
    var limit = 10
    while number >= limit && width < 18 {
      limit *= 10
      width += 1
    }
    if number >= limit { width += 1 }
    append(decimal: number, width: width)
  }

  /// Appends the last `width` digits of a number, with zeros before it.
  @inline(__always)
  package mutating func append(decimal number: Int, width: Int) {
    precondition(number >= 0 && width >= 0)
    reserve(width)
    var rest = UInt64(number)
    var position = width
    // Beyond its digits it is zeros.
    while position > 0 && rest > 0 {
      position -= 1
      let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
      unsafe base.storeBytes(of: 48 + UInt8(digit), toByteOffset: count + position, as: UInt8.self)
      rest = quotient
    }
    if position > 0 { unsafe memset(base + count, 48, position) }
    count += width
  }
}
