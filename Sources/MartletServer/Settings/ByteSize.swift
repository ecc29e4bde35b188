// Sizes as people write them in settings: a number and a unit, by the rule of redis.conf.

/// Numbers of bytes as text. The units are those of redis.conf, in either case: `k`, `m`, `g` and `t` are powers of
/// 1000; `kb`, `mb`, `gb` and `tb` are powers of 1024; a number alone, or with `b`, is bytes.
enum ByteSize {
  private static let units: [(name: String, bytes: Int)] = [
    ("tb", 1 << 40), ("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10),
    ("t", 1_000_000_000_000), ("g", 1_000_000_000), ("m", 1_000_000), ("k", 1000), ("b", 1), ("", 1),
  ]

  /// The bytes that a text like `64kb` says, or nil when it isn't a size or doesn't fit an `Int`.
  static func parse(_ text: String) -> Int? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let name = text[digits.endIndex...].lowercased()
    guard let count = Int(digits), let unit = units.first(where: { $0.name == name }) else { return nil }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: unit.bytes)
    return overflow ? nil : bytes
  }

  /// The shortest exact text of a number of bytes, in powers of 1024.
  static func text(_ bytes: Int) -> String {
    guard bytes > 0,
      let unit = units.first(where: { bytes.isMultiple(of: $0.bytes) && $0.name.hasSuffix("b") }),
      unit.bytes > 1
    else { return String(bytes) }
    return "\(bytes / unit.bytes)\(unit.name)"
  }
}
