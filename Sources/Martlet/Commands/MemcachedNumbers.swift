// Numbers as memcached reads them: with C's `strtoul` and its kin, of which it takes more than plain digits.

extension RawSpan {
  /// A number of 64 bits without a sign: maybe white space, maybe a sign, digits, and then the end, or white space and
  /// anything. One below zero wraps around, as in C, and is taken if that leaves the upper bit clear.
  @inline(__always)
  var memcachedUnsigned: UInt64? { unsignedDecimal ?? unusualUnsigned(endsAtNUL: false) }

  /// The same in a value, where a zero byte is an end, too.
  @inline(__always)
  var memcachedCounter: UInt64? { unsignedDecimal ?? unusualUnsigned(endsAtNUL: true) }

  /// A number of 64 bits with a sign: maybe white space, maybe a sign, digits, and then the end, or white space and
  /// anything.
  @inline(__always)
  var memcachedSigned: Int? { unsignedDecimal.flatMap { Int(exactly: $0) } ?? unusualSigned }

  @inline(never)
  private func unusualUnsigned(endsAtNUL: Bool) -> UInt64? {
    guard let (isNegative, magnitude) = signAndDigits(endsAtNUL: endsAtNUL) else { return nil }
    guard isNegative else { return magnitude }
    let wrapped = 0 &- magnitude
    return wrapped > UInt64(Int64.max) ? nil : wrapped
  }

  @inline(never)
  private var unusualSigned: Int? {
    guard let (isNegative, magnitude) = signAndDigits(endsAtNUL: false) else { return nil }
    guard isNegative else { return Int(exactly: magnitude) }
    return magnitude == UInt64(Int.max) + 1 ? Int.min : Int(exactly: magnitude).map { -$0 }
  }

  private func signAndDigits(endsAtNUL: Bool) -> (isNegative: Bool, magnitude: UInt64)? {
    var start = 0
    while start < byteCount, Self.isWhiteSpace(byte(start)) { start += 1 }
    var isNegative = false
    if start < byteCount, byte(start) == UInt8(ascii: "-") || byte(start) == UInt8(ascii: "+") {
      isNegative = byte(start) == UInt8(ascii: "-")
      start += 1
    }
    var end = start
    while end < byteCount, !Self.isWhiteSpace(byte(end)), !endsAtNUL || byte(end) != 0 { end += 1 }
    return extracting(start..<end).unsignedDecimal.map { (isNegative, $0) }
  }

  /// What C's `isspace` says of a byte.
  private static func isWhiteSpace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || (9...13).contains(byte)
  }
}
