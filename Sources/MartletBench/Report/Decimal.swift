// Numbers as people read them.

package enum Decimal {
  /// A number with so many digits behind the point.
  package static func text(_ number: Double, digits: Int) -> String {
    guard number.isFinite, abs(number) < 1e15 else { return "\(number)" }
    var factor = 1.0
    for _ in 0..<digits { factor *= 10 }
    let scaled = Int64((abs(number) * factor).rounded())
    let sign = number < 0 && scaled > 0 ? "-" : ""
    let whole = grouped(scaled / Int64(factor))
    guard digits > 0 else { return sign + whole }
    let rest = String(scaled % Int64(factor))
    return sign + whole + "." + String(repeating: "0", count: digits - rest.count) + rest
  }

  /// A whole number, with commas between its thousands.
  static func grouped(_ number: Int64) -> String {
    let digits = Array(String(number.magnitude))
    var text = number < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index).isMultiple(of: 3) { text.append(",") }
      text.append(digit)
    }
    return text
  }

  package static func grouped(_ number: Int) -> String { grouped(Int64(number)) }

  /// Microseconds in the unit in which they are short: `850 ns` is never needed, `12.3 µs`, `1.23 ms`, `4.56 s`.
  package static func time(microseconds: Double) -> String {
    switch microseconds {
    case ..<999.95: text(microseconds, digits: 1) + " µs"
    case ..<999_995: text(microseconds / 1000, digits: 2) + " ms"
    default: text(microseconds / 1_000_000, digits: 2) + " s"
    }
  }

  static func percent(_ part: Double) -> String { text(part * 100, digits: 0) + " %" }

  /// `1.5 MiB`
  package static func bytes(_ count: Int) -> String {
    var number = Double(count)
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
      if number < 1024 { return text(number, digits: unit == "bytes" ? 0 : 1) + " " + unit }
      number /= 1024
    }
    return text(number, digits: 1) + " TiB"
  }
}
