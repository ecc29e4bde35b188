// When requests are due, if they come at a fixed rate whatever the server does.

/// Requests at equal distances.
package struct ArrivalSchedule: Sendable, Equatable {
  /// When the first is due, in nanoseconds of the monotonic clock.
  let start: Int64
  /// Nanoseconds from one to the next.
  let interval: Double

  package init(start: Int64, rate: Double) {
    self.start = start
    interval = 1e9 / rate
  }

  /// When the request with a number, counted from 0, is due.
  @inline(__always)
  package func time(of number: Int) -> Int64 { start + Int64(Double(number) * interval) }

  /// How many are due by a time, that time included.
  @inline(__always)
  package func count(by time: Int64) -> Int {
    guard time >= start else { return 0 }
    var count = Int(Double(time - start) / interval) + 1
    // Rounding is to agree with `time(of:)`.
    while count > 0 && self.time(of: count - 1) > time { count -= 1 }
    while self.time(of: count) <= time { count += 1 }
    return count
  }
}
