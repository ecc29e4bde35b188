// When something took long that clients had to wait for, for LATENCY: requests, writes to the disk, sweeps. Events have
// Redis's names (https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency-monitor/).

internal import Synchronization

/// What took long lately, by kind.
package final class LatencyMonitor: Sendable {
  /// The kinds of what is watched; the raw value is Redis's name.
  package enum Event: String, Sendable, CaseIterable {
    /// A request of a command that may take long by itself.
    case command
    /// A request of a command that should never take long: it waited for a lock, or the machine was busy.
    case fastCommand = "fast-command"
    /// A sync of the journal, which the replies to writes wait for.
    case sync = "aof-fsync-always"
    /// A write of a batch to the journal's file.
    case write = "aof-write"
    /// A sweep for expired keys, with what else it does.
    case sweep = "expire-cycle"
    /// Making room for a write.
    case eviction = "eviction-cycle"
  }

  package struct Sample: Sendable {
    /// In seconds since 1970.
    package let time: Int64
    package var milliseconds: Int64
  }

  /// What is kept of one kind.
  package struct Series: Sendable {
    /// The oldest first; of each second the longest.
    package var samples: [Sample] = []
    package var longest: Int64 = 0
  }

  /// So many samples of each kind are kept, as in Redis.
  private static let sampleCount = 160

  private let thresholdBox = Atomic<Int64>(0)
  private let series = Guarded<[Event: Series]>([:])

  package init() {}

  /// What takes this many milliseconds is noted; nothing, if it is 0.
  package var threshold: Int64 {
    get { thresholdBox.load(ordering: .relaxed) }
    set { thresholdBox.store(newValue, ordering: .relaxed) }
  }

  /// Notes how long something took, if that was long.
  @inline(__always)
  func note(_ event: Event, nanoseconds: Int64) {
    let threshold = threshold
    if threshold > 0 && nanoseconds >= threshold * 1_000_000 {
      enter(event, nanoseconds / 1_000_000, WallClock.systemMicroseconds() / 1_000_000)
    }
  }

  @inline(never)
  func enter(_ event: Event, _ milliseconds: Int64, _ time: Int64) {
    self.series.withLock { all in
      var series = all[event] ?? Series()
      series.longest = max(series.longest, milliseconds)
      if let last = series.samples.last, last.time == time {
        series.samples[series.samples.count - 1].milliseconds = max(last.milliseconds, milliseconds)
      } else {
        if series.samples.count == Self.sampleCount { series.samples.removeFirst() }
        series.samples.append(Sample(time: time, milliseconds: milliseconds))
      }
      all[event] = series
    }
  }

  /// What has been noted of each kind.
  package var all: [Event: Series] { series.withLock { $0 } }

  /// Forgets what was noted of some kinds; of how many there was something.
  package func remove(_ events: [Event]) -> Int {
    series.withLock { all in
      var removed = 0
      for event in events where all.removeValue(forKey: event) != nil { removed += 1 }
      return removed
    }
  }
}
