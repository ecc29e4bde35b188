// The scores of sorted sets as text: in requests, in replies and in the records of the database file.
//
// A score is written with as few digits as it takes to read it back bit for bit, in the form that Valkey writes: an
// integer as one, else up to some zeros without an exponent. (Redis 7.0 writes 17 digits: 0.1 is 0.10000000000000001 to
// it.) The rule by which the form is chosen is that of Andreas Samuelsson's fpconv, which Valkey uses.

internal import CMartlet

extension Double {
  /// What a sorted set keeps of a score: Redis's small ones don't keep the sign of zero either.
  var withoutSignOfZero: Double { self == 0 ? 0 : self }
}

extension RawSpan {
  /// The score that a text is; nil for none and for one that a double can't hold.
  var score: Double? {
    if byteCount <= 15, let integer = decimal { return Double(integer) }
    guard let (number, isExact) = double, isExact else { return nil }
    return number
  }

  /// The score that bounds a range: nothing counts as 0, and what is too large for a double as infinite.
  var scoreBound: Double? {
    if isEmpty { return 0 }
    if byteCount <= 15, let integer = decimal { return Double(integer) }
    return double?.number
  }

  /// The number that the text is, and whether a double can hold that.
  private var double: (number: Double, isExact: Bool)? {
    var number = 0.0
    let outcome = unsafe withUnsafeBytes { text in
      guard let start = text.baseAddress else { return Int32(0) }
      return unsafe martlet_parse_double(start.assumingMemoryBound(to: CChar.self), text.count, &number)
    }
    return outcome == 0 ? nil : (number, outcome > 0)
  }
}

extension ByteQueue {
  /// Integers up to this are written as such.
  private static let largestInteger = 0x1p62

  /// Appends a score. It is a number.
  mutating func append(score: Double) {
    if abs(score) < Self.largestInteger, score.rounded(.towardZero) == score,
      score != 0 || score.sign == .plus
    {
      return append(decimal: Int(score))
    }
    guard score.isFinite else { return score < 0 ? append("-inf") : append("inf") }
    if score.sign == .minus { append(byte: UInt8(ascii: "-")) }
    if score == 0 { return append(byte: UInt8(ascii: "0")) }
    let digits = ShortestDigits(score.magnitude)
    append(digits)
  }

  private mutating func append(_ number: ShortestDigits) {
    let count = number.count
    let exponent = number.exponent
    // The place of the first digit, as an exponent.
    let leading = exponent + count - 1
    if exponent >= 0 && leading < count + 7 {
      append(number, 0..<count)
      append(repeating: UInt8(ascii: "0"), count: exponent)
    } else if exponent < 0 && (exponent > -7 || abs(leading) < 4) {
      if leading < 0 {
        append("0.")
        append(repeating: UInt8(ascii: "0"), count: -leading - 1)
        append(number, 0..<count)
      } else {
        append(number, 0..<leading + 1)
        append(byte: UInt8(ascii: "."))
        append(number, leading + 1..<count)
      }
    } else {
      append(number, 0..<1)
      if count > 1 {
        append(byte: UInt8(ascii: "."))
        append(number, 1..<count)
      }
      append(byte: UInt8(ascii: "e"))
      append(byte: leading < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
      append(decimal: abs(leading))
    }
  }

  private mutating func append(_ number: ShortestDigits, _ range: Range<Int>) {
    for index in range { append(byte: number[index]) }
  }
}

/// The fewest digits that tell a number from all other doubles: it is as good as these digits, as an integer, times ten to
/// an exponent.
private struct ShortestDigits {
  private var digits = InlineArray<20, UInt8>(repeating: 0)
  private(set) var count = 0
  private(set) var exponent = 0

  /// - Parameter number: finite and above zero.
  init(_ number: Double) {
    // The standard library finds them, and writes them in a form of its own.
    var isBehindPoint = false
    var isExponent = false
    var isNegative = false
    var written = 0
    for byte in number.description.utf8 {
      switch byte {
      case UInt8(ascii: "."): isBehindPoint = true
      case UInt8(ascii: "e"): isExponent = true
      case UInt8(ascii: "-"): isNegative = true
      case UInt8(ascii: "+"): break
      default:
        let digit = Int(byte) - 0x30
        if isExponent {
          written = written * 10 + digit
          continue
        }
        if isBehindPoint { exponent -= 1 }
        if (count > 0 || digit > 0) && count < 20 {
          digits[count] = byte
          count += 1
        }
      }
    }
    exponent += isNegative ? -written : written
    while count > 1 && digits[count - 1] == UInt8(ascii: "0") {
      count -= 1
      exponent += 1
    }
  }

  subscript(index: Int) -> UInt8 { digits[index] }
}

/// The text of a score.
struct ScoreText: ~Copyable {
  private var text = ByteQueue()

  init(_ score: Double) { text.append(score: score) }

  var bytes: RawSpan {
    @_lifetime(borrow self)
    get { text.bytes }
  }
}
