// Times as people write them: ISO 8601, in UTC with a Z behind it, else by the clock of the place.

package enum PointInTime {
  /// The time that a text says, in milliseconds since 1970; nil for anything else.
  ///
  /// `2026-11-22T16:07:12.123Z`, with the fraction or the seconds left out, too, a space in place of the T, and
  /// without the Z for local time.
  package static func parse(_ text: String) -> Int64? {
    var text = text
    let isLocal = !text.hasSuffix("Z")
    if !isLocal { text.removeLast() }
    let parts = text.split(whereSeparator: { $0 == "T" || $0 == " " })
    guard parts.count == 2 else { return nil }
    var time = String(parts[1])
    if time.utf8.count == 5 { time += ":00" }
    if let point = time.firstIndex(of: ".") {
      let digits = time[time.index(after: point)...]
      guard (1...3).contains(digits.count) else { return nil }
      time += String(repeating: "0", count: 3 - digits.count)
    }
    guard let utc = "\(parts[0])T\(time)Z".utf8.span.raw.time else { return nil }
    return isLocal ? WallClock.milliseconds(ofLocal: utc) : utc
  }
}
