// Numbers in requests and records: decimal integers, read strictly.

extension RawSpan {
  /// The value of a decimal integer in its one canonical form: no spaces, no plus sign, no leading zeros; nil for
  /// anything else and for what a signed 64-bit integer can't hold. This is what Redis calls an integer.
  package var decimal: Int? {
    guard byteCount > 0 && byteCount <= 20 else { return nil }
    let isNegative = byte(0) == UInt8(ascii: "-")
    let start = isNegative ? 1 : 0
    guard let magnitude = digits(from: start) else { return nil }
    if byte(start) == UInt8(ascii: "0") && (byteCount > 1) { return nil }
    if isNegative {
      if magnitude == UInt64(Int.max) + 1 { return Int.min }
      return magnitude <= UInt64(Int.max) ? -Int(magnitude) : nil
    }
    return Int(exactly: magnitude)
  }

  /// The value of decimal digits, leading zeros allowed; nil for anything else and for what 64 bits can't hold.
  package var unsignedDecimal: UInt64? { digits(from: 0) }

  /// How many digits fit into 64 bits whatever they are.
  private static var safeDigits: Int { 19 }

  @inline(__always)
  private func digits(from start: Int) -> UInt64? {
    guard start < byteCount else { return nil }
    guard byteCount - start <= Self.safeDigits else { return manyDigits(from: start) }
    var value: UInt64 = 0
    for index in start..<byteCount {
      let digit = byte(index) &- UInt8(ascii: "0")
      guard digit <= 9 else { return nil }
      value = value &* 10 &+ UInt64(digit)
    }
    return value
  }

  @inline(never)
  private func manyDigits(from start: Int) -> UInt64? {
    var value: UInt64 = 0
    for index in start..<byteCount {
      let digit = byte(index) &- UInt8(ascii: "0")
      guard digit <= 9 else { return nil }
      let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = scaled.addingReportingOverflow(UInt64(digit))
      if overflow || carry { return nil }
      value = sum
    }
    return value
  }
}

/// The value of a hexadecimal digit in either case; nil for any other byte.
func hexadecimalValue(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}
