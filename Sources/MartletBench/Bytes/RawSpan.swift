// What the readers ask of bytes.
#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension RawSpan {
  @inline(__always)
  func byte(_ index: Int) -> UInt8 {
    precondition(index >= 0 && index < byteCount)
    return unsafe unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
  }

  /// Where a byte comes first from `start` on, and before `end`.
  @inline(__always)
  func firstIndex(of byte: UInt8, from start: Int, to end: Int) -> Int? {
    precondition(start >= 0 && start <= end && end <= byteCount)
    return unsafe withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress,
        let found = unsafe memchr(base + start, Int32(byte), end - start)
      else { return nil }
      return unsafe UnsafeRawPointer(found) - base
    }
  }

  /// Whether these are the bytes of `other`.
  @inline(__always)
  func isSame(as other: RawSpan) -> Bool {
    guard byteCount == other.byteCount else { return false }
    if byteCount == 0 { return true }
    return unsafe withUnsafeBytes { mine in
      unsafe other.withUnsafeBytes { theirs in
        unsafe memcmp(mine.baseAddress.unsafelyUnwrapped, theirs.baseAddress.unsafelyUnwrapped, mine.count)
          == 0
      }
    }
  }

  /// Whether the bytes from `start` on begin with a text.
  @inline(__always)
  func hasText(_ text: StaticString, at start: Int) -> Bool {
    let length = text.utf8CodeUnitCount
    guard start >= 0, byteCount - start >= length else { return false }
    return unsafe withUnsafeBytes { bytes in
      unsafe memcmp(bytes.baseAddress.unsafelyUnwrapped + start, text.utf8Start, length) == 0
    }
  }

  /// The number from 0 on that the digits of a range say; nil if there are none, others are among them, or it is longer
  /// than 18 digits.
  @inline(__always)
  func number(from start: Int, to end: Int) -> Int? {
    guard start < end, end - start <= 18 else { return nil }
    var number = 0
    for index in start..<end {
      let digit = byte(index) &- 48
      guard digit < 10 else { return nil }
      number = number * 10 + Int(digit)
    }
    return number
  }

  /// The bytes of a range as text; what isn't UTF-8 is replaced.
  package func text(from start: Int, to end: Int) -> String {
    String(decoding: (start..<end).map { byte($0) }, as: UTF8.self)
  }
}

extension [UInt8] {
  /// All the bytes.
  package var raw: RawSpan {
    @_lifetime(borrow self)
    get {
      let bytes = self.span
      return unsafe _overrideLifetime(bytes.bytes, borrowing: self)
    }
  }

  mutating func append(_ span: RawSpan) {
    unsafe span.withUnsafeBytes { unsafe append(contentsOf: $0) }
  }
}
