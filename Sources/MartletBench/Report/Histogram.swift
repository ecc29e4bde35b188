// Latencies, counted in buckets that grow with what they hold, as HdrHistogram has it (Gil Tene): exact below 512 ns, and
// from there on within 0.4 %. Counting is an index and an addition, and histograms of several threads are added up.

/// Counts of durations in nanoseconds.
package struct Histogram: Sendable, Equatable {
  /// Every power of two is divided into so many buckets.
  private static let divisions = 256
  /// log2 of that.
  private static let divisionBits = 8
  /// What is longer, some 18 minutes, counts as this long; `maximum` is exact all the same.
  package static let limit: Int64 = (1 << 40) - 1
  private static let bucketCount = index(of: limit) + 1

  private var counts = [UInt64](repeating: 0, count: bucketCount)
  package private(set) var count: UInt64 = 0
  private var sum: UInt64 = 0
  package private(set) var maximum: Int64 = 0
  private var smallest = Int64.max

  package init() {}

  @inline(__always)
  package mutating func record(_ nanoseconds: Int64) {
    let value = max(0, nanoseconds)
    counts[Self.index(of: min(value, Self.limit))] &+= 1
    count &+= 1
    sum &+= UInt64(value)
    if value > maximum { maximum = value }
    if value < smallest { smallest = value }
  }

  package mutating func add(_ other: Histogram) {
    for index in counts.indices { counts[index] &+= other.counts[index] }
    count &+= other.count
    sum &+= other.sum
    maximum = max(maximum, other.maximum)
    smallest = min(smallest, other.smallest)
  }

  /// What was counted here and not yet in an earlier state of the same histogram. Of its extremes only the buckets are
  /// known.
  package func since(_ earlier: Histogram) -> Histogram {
    var rest = Histogram()
    for index in counts.indices where counts[index] > earlier.counts[index] {
      rest.counts[index] = counts[index] &- earlier.counts[index]
      rest.smallest = min(rest.smallest, Self.bounds(of: index).lowerBound)
      rest.maximum = Self.bounds(of: index).upperBound
    }
    rest.count = count &- earlier.count
    rest.sum = sum &- earlier.sum
    return rest
  }

  /// The shortest; 0 if there is none.
  package var minimum: Int64 { count == 0 ? 0 : smallest }

  /// 0 if there is none.
  package var mean: Double { count == 0 ? 0 : Double(sum) / Double(count) }

  /// The least duration that so many of a hundred don't exceed, up to the width of its bucket; 0 if there is none.
  package func percentile(_ percent: Double) -> Int64 {
    guard count > 0 else { return 0 }
    let wanted = max(1, UInt64((percent / 100 * Double(count)).rounded(.up)))
    var seen: UInt64 = 0
    for index in counts.indices where counts[index] > 0 {
      seen += counts[index]
      if seen >= wanted { return min(Self.bounds(of: index).upperBound, maximum) }
    }
    return maximum
  }

  /// The buckets that hold something, from the shortest on: the longest duration of each, and how many it holds.
  package var buckets: [(upTo: Int64, count: UInt64)] {
    counts.indices.filter { counts[$0] > 0 }.map {
      (min(Self.bounds(of: $0).upperBound, maximum), counts[$0])
    }
  }

  @inline(__always)
  private static func index(of value: Int64) -> Int {
    if value < 2 * Int64(divisions) { return Int(value) }
    // The highest bit that is set, and the `divisionBits` below it, say where it is.
    let shift = 63 - value.leadingZeroBitCount - divisionBits
    return shift * divisions + Int(value >> Int64(shift))
  }

  /// The durations of a bucket.
  package static func bounds(of index: Int) -> ClosedRange<Int64> {
    if index < 2 * divisions { return Int64(index)...Int64(index) }
    let shift = index / divisions - 1
    let low = Int64(index - shift * divisions) << Int64(shift)
    return low...(low + (1 << Int64(shift)) - 1)
  }
}
