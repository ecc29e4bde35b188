// The digits of whole numbers.

/// The decimal digits of a number, without an allocation.
struct DecimalText {
  /// How wide a number can be made by padding.
  static var maximumWidth: Int { 24 }

  private var digits = InlineArray<24, UInt8>(repeating: 0)
  private var start = 24

  init(_ number: Int) {
    self.init(UInt64(number.magnitude))
    if number < 0 { prepend(UInt8(ascii: "-")) }
  }

  init(_ number: UInt64) {
    var rest = number
    repeat {
      prepend(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
  }

  /// The digits with spaces behind them up to a width, as memcached's `decr` leaves them.
  init(_ number: UInt64, paddedTo width: Int) {
    let bare = DecimalText(number)
    let length = min(Self.maximumWidth, max(width, 24 - bare.start))
    for index in 0..<24 { digits[index] = UInt8(ascii: " ") }
    start = 24 - length
    for index in bare.start..<24 { digits[start + index - bare.start] = bare.digits[index] }
  }

  private mutating func prepend(_ byte: UInt8) {
    start -= 1
    digits[start] = byte
  }

  var bytes: RawSpan {
    @_lifetime(borrow self)
    get { digits.span.raw.extracting(start..<24) }
  }
}
