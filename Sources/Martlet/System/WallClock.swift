// The one clock of a store: milliseconds since 1970 that never go back, whatever happens to the machine's clock.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The time for expiry. Copies show the same time.
package struct WallClock: Sendable {
  private let latest: SharedCounter
  private let followsSystem: Bool

  /// The system's clock.
  package init() {
    latest = SharedCounter()
    followsSystem = true
  }

  /// A clock that stands still until `advance`, for tests.
  package init(stoppedAt milliseconds: Int64) {
    latest = SharedCounter(UInt64(milliseconds))
    followsSystem = false
  }

  /// Milliseconds since 1970.
  @inline(__always)
  package func now() -> Int64 {
    guard followsSystem else { return Int64(latest.value) }
    let system = UInt64(Self.systemMicroseconds() / 1000)
    let seen = latest.value
    if seen == system { return Int64(seen) }
    return Int64(latest.raise(to: system))
  }

  /// Nanoseconds that only ever grow, as long as the clock isn't stopped; then they stand still with it.
  package func elapsedNanoseconds() -> Int64 {
    followsSystem ? Self.monotonicNanoseconds() : Int64(latest.value) * 1_000_000
  }

  /// Moves a stopped clock forward.
  package func advance(milliseconds: Int64) {
    precondition(!followsSystem && milliseconds >= 0)
    latest.add(UInt64(milliseconds))
  }

  /// The system's time in microseconds since 1970.
  package static func systemMicroseconds() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }

  /// The system's time in milliseconds since 1970, some milliseconds late and cheap.
  static func coarseMilliseconds() -> Int64 {
    #if canImport(Darwin)
      return systemMicroseconds() / 1000
    #else
      var time = timespec()
      unsafe clock_gettime(CLOCK_REALTIME_COARSE, &time)
      return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    #endif
  }

  /// When the clock of the place shows what UTC shows at `milliseconds`; in milliseconds since 1970.
  static func milliseconds(ofLocal milliseconds: Int64) -> Int64? {
    var seconds = time_t(milliseconds / 1000)
    var fields = unsafe tm()
    guard unsafe gmtime_r(&seconds, &fields) != nil else { return nil }
    // Whether summer time is in force is for the system to say.
    unsafe fields.tm_isdst = -1
    let local = unsafe mktime(&fields)
    return local == -1 ? nil : Int64(local) * 1000 + milliseconds % 1000
  }

  /// Nanoseconds that only ever grow, for measuring.
  package static func monotonicNanoseconds() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

extension ByteQueue {
  /// Appends a time as ISO 8601 has it, in UTC: `2026-11-22T16:07:12.123Z`.
  package mutating func append(time milliseconds: Int64) {
    let days = Int((milliseconds >= 0 ? milliseconds : milliseconds - 86_399_999) / 86_400_000)
    let inDay = Int(milliseconds - Int64(days) * 86_400_000)
    // The civil date of a day number: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    append(padded: year, 4)
    append(byte: UInt8(ascii: "-"))
    append(padded: month, 2)
    append(byte: UInt8(ascii: "-"))
    append(padded: day, 2)
    append(byte: UInt8(ascii: "T"))
    append(padded: inDay / 3_600_000, 2)
    append(byte: UInt8(ascii: ":"))
    append(padded: inDay / 60_000 % 60, 2)
    append(byte: UInt8(ascii: ":"))
    append(padded: inDay / 1000 % 60, 2)
    append(byte: UInt8(ascii: "."))
    append(padded: inDay % 1000, 3)
    append(byte: UInt8(ascii: "Z"))
  }

  private mutating func append(padded number: Int, _ width: Int) {
    var limit = 10
    for _ in 1..<width { limit *= 10 }
    while limit > 10 && number < limit / 10 {
      append(byte: UInt8(ascii: "0"))
      limit /= 10
    }
    append(decimal: number)
  }
}

extension RawSpan {
  /// The time that ISO 8601 text in UTC says, in milliseconds since 1970: `2026-11-22T16:07:12.123Z`, from the year 1 on;
  /// the fraction may be missing. Nil for anything else.
  package var time: Int64? {
    guard byteCount >= 20, byte(4) == UInt8(ascii: "-"), byte(7) == UInt8(ascii: "-"),
      byte(10) == UInt8(ascii: "T"), byte(13) == UInt8(ascii: ":"), byte(16) == UInt8(ascii: ":"),
      byte(byteCount - 1) == UInt8(ascii: "Z"),
      let year = extracting(0..<4).unsignedDecimal, let month = extracting(5..<7).unsignedDecimal,
      let day = extracting(8..<10).unsignedDecimal, let hour = extracting(11..<13).unsignedDecimal,
      let minute = extracting(14..<16).unsignedDecimal, let second = extracting(17..<19).unsignedDecimal,
      (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 60
    else { return nil }
    var fraction: UInt64 = 0
    if byteCount > 20 {
      guard byteCount == 24, byte(19) == UInt8(ascii: "."),
        let digits = extracting(20..<23).unsignedDecimal
      else { return nil }
      fraction = digits
    }
    // The day number of a civil date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    let shiftedYear = Int(year) - (month <= 2 ? 1 : 0)
    guard shiftedYear >= 0 else { return nil }
    let era = shiftedYear / 400
    let yearOfEra = shiftedYear - era * 400
    let shiftedMonth = Int(month) + (month > 2 ? -3 : 9)
    let dayOfYear = (153 * shiftedMonth + 2) / 5 + Int(day) - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    let seconds = days * 86_400 + Int(hour) * 3600 + Int(minute) * 60 + Int(second)
    return Int64(seconds * 1000 + Int(fraction))
  }
}
