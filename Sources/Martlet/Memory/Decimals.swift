// Numbers with a fraction in requests, counted with as Redis does: see decimals.c.

internal import CMartlet

extension RawSpan {
  /// Whether a text is a number, with a fraction or without.
  enum DecimalFraction {
    case none, finite, infinite
  }

  /// Whether this is what Redis calls a float.
  var isDecimalFraction: DecimalFraction {
    let answer = unsafe withUnsafeBytes { text in
      guard let start = text.baseAddress else { return Int32(0) }
      return unsafe martlet_is_decimal(start.assumingMemoryBound(to: CChar.self), text.count)
    }
    return answer == 0 ? .none : answer < 0 ? .infinite : .finite
  }
}

/// A number with a fixed count of digits behind the point.
struct FixedDecimal {
  private static let capacity = 400

  private let digits: [UInt8]

  /// - Parameters:
  ///   - number: finite.
  ///   - places: how many digits are behind the point, at most 17.
  ///   - isShortened: zeros at the end are left out, and the point if nothing follows it.
  init(_ number: Double, places: Int, isShortened: Bool = false) {
    var digits = unsafe [UInt8](unsafeUninitializedCapacity: Self.capacity) { buffer, count in
      let start = unsafe UnsafeMutableRawPointer(buffer.baseAddress.unsafelyUnwrapped)
      count = Int(
        unsafe martlet_print_decimal(
          number, Int32(places), start.assumingMemoryBound(to: CChar.self), buffer.count))
    }
    if isShortened && places > 0 {
      while digits.last == UInt8(ascii: "0") { digits.removeLast() }
      if digits.last == UInt8(ascii: ".") { digits.removeLast() }
    }
    self.digits = digits
  }

  var bytes: RawSpan {
    @_lifetime(borrow self)
    get { digits.span.raw }
  }
}

/// The digits of the sum of two numbers with fractions.
struct DecimalSum {
  private static let capacity = 5 << 10

  private let digits: [UInt8]

  /// Nil when one of them isn't a number, or the sum is not finite.
  init?(_ first: RawSpan, _ second: RawSpan) {
    guard !first.isEmpty, !second.isEmpty else { return nil }
    let digits = unsafe [UInt8](unsafeUninitializedCapacity: Self.capacity) { buffer, count in
      let length = unsafe first.withUnsafeBytes { first in
        unsafe second.withUnsafeBytes { second in
          unsafe martlet_add_decimals(
            first.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self), first.count,
            second.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self), second.count,
            UnsafeMutableRawPointer(buffer.baseAddress.unsafelyUnwrapped).assumingMemoryBound(to: CChar.self),
            buffer.count)
        }
      }
      count = max(0, Int(length))
    }
    guard !digits.isEmpty else { return nil }
    self.digits = digits
  }

  var bytes: RawSpan {
    @_lifetime(borrow self)
    get { digits.span.raw }
  }
}
