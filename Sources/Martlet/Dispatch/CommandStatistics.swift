// How often each command was called, and how long it took: what INFO's commandstats and latencystats and LATENCY HISTOGRAM
// tell.
//
// Calls are counted one by one; a lane has counts of its own, so that costs a few instructions. Time is another matter: two
// looks at the clock take as long as a third of a GET. So a request is timed if it may take long, and others by samples:
//
// - A command is **quick** if it does the same little work whatever is in the database, like GET and SET. Of quick
//   commands a lane times one call in 1024. All others are timed each time.
// - A request with many words is timed, whatever its command.
// - A request that finds a lock taken is timed from then on: what came before is short.
// - When the slow log is to hold requests that quick commands may well be (`TimingRules.quickBound`), every request is
//   timed.

/// When requests are timed.
enum TimingRules {
  /// Of quick commands one call in so many is timed, a power of two.
  static let sampling: UInt64 = 1024
  /// A request with so many words is timed.
  static let manyWords = 32
  /// If the slow log takes requests that are faster than this, in microseconds, all are timed.
  static let quickBound: Int64 = 1000
}

extension CommandDeclaration {
  /// Whether it does the same little work whatever is in the database.
  var isQuick: Bool {
    if flags.contains(.fast) {
      return flags.isDisjoint(with: [.allShards, .eachShard, .admin]) && !Self.takeMany.contains(name)
    }
    return ["SET", "SETEX", "PSETEX", "DEL", "MSET"].contains(name)
  }

  /// Commands that take as many members as a number says, however short the request.
  private static let takeMany: Set<String> = ["SPOP", "LPOP", "RPOP", "ZPOPMIN", "ZPOPMAX"]
}

/// The time of the request under way.
struct RequestTiming {
  /// When it began, in nanoseconds of `WallClock.monotonicNanoseconds()`; 0 while it isn't timed.
  var started: Int64 = 0
  /// How long it has waited for locks, in nanoseconds.
  var lockWait: Int64 = 0
}

/// Counts of durations, in buckets that grow with them: eight to each power of two, so that a bucket is an eighth wide.
enum LatencyBuckets {
  private static let eighths = 3
  /// Shorter ones, in nanoseconds, are in the first bucket: 2^7.
  private static let leastBits = 7
  /// Longer ones are in the last: 2^40, or 18 minutes.
  private static let mostBits = 40
  static let count = (mostBits - leastBits) << eighths

  /// The bucket of a duration in nanoseconds.
  static func index(_ nanoseconds: Int64) -> Int {
    let value = UInt64(max(nanoseconds, 1 << leastBits))
    let exponent = 63 - value.leadingZeroBitCount
    guard exponent < mostBits else { return count - 1 }
    let eighth = Int(truncatingIfNeeded: value >> UInt64(exponent - eighths)) & (1 << eighths - 1)
    return (exponent - leastBits) << eighths + eighth
  }

  /// The longest duration that a bucket holds, in nanoseconds.
  static func upperBound(_ index: Int) -> Int64 {
    let exponent = index >> eighths + leastBits
    let eighth = Int64(index & (1 << eighths - 1))
    return Int64(1) << Int64(exponent) + (eighth + 1) << Int64(exponent - eighths) - 1
  }
}

/// What there is to know of the calls of one command, of all lanes together.
struct CommandFigures {
  var calls: UInt64 = 0
  /// Refused before they were run.
  var rejected: UInt64 = 0
  /// Replied to with an error.
  var failed: UInt64 = 0
  var timed: UInt64 = 0
  /// How long the timed ones took together.
  var nanoseconds: UInt64 = 0
  /// How many of the timed ones are in each bucket; empty if there are none.
  var buckets: [UInt64] = []

  /// How long all calls took, in microseconds: if only some were timed, as long as those by their mean.
  var microseconds: UInt64 {
    guard timed > 0 else { return 0 }
    return UInt64(Double(nanoseconds) / 1000 * (Double(max(calls, timed)) / Double(timed)))
  }

  /// The duration in nanoseconds that so many of a hundred timed calls don't exceed.
  func percentile(_ percent: Double) -> Int64 {
    let wanted = max(1, UInt64((Double(timed) * percent / 100).rounded(.up)))
    var seen: UInt64 = 0
    for index in buckets.indices {
      seen += buckets[index]
      if seen >= wanted { return LatencyBuckets.upperBound(index) }
    }
    return 0
  }

  static func - (one: CommandFigures, other: CommandFigures) -> CommandFigures {
    var difference = one
    difference.calls &-= other.calls
    difference.rejected &-= other.rejected
    difference.failed &-= other.failed
    difference.timed &-= other.timed
    difference.nanoseconds &-= other.nanoseconds
    for index in other.buckets.indices { difference.buckets[index] &-= other.buckets[index] }
    return difference
  }
}

extension ServerContext {
  /// What is known of each command since the statistics were last reset, by the place of its declaration.
  var commandFigures: [CommandFigures] {
    let base = statisticsBase.withLock { $0.commands }
    let figures = allCommandFigures
    return base.isEmpty ? figures : zip(figures, base).map { $0 - $1 }
  }

  /// The same since the server started.
  private var allCommandFigures: [CommandFigures] {
    var figures = Array(repeating: CommandFigures(), count: CommandDeclaration.all.count)
    forEachLane { lane in
      for index in figures.indices {
        figures[index].calls &+= lane.calls[index]
        figures[index].rejected &+= lane.rejected[index]
        figures[index].failed &+= lane.failed[index]
        figures[index].timed &+= lane.timed[index]
        figures[index].nanoseconds &+= lane.nanoseconds[index]
        guard figures[index].timed > 0 else { continue }
        lane.addBuckets(index, to: &figures[index].buckets)
      }
    }
    return figures
  }

  /// How many commands of the Redis protocol have been run, of all lanes, since the server started.
  var commandCount: UInt64 {
    var sum: UInt64 = 0
    forEachLane { lane in for index in CommandDeclaration.all.indices { sum &+= lane.calls[index] } }
    return sum
  }

  /// How often clients were told of errors since the statistics were last reset, by the errors' codes.
  var errorCounts: [String: UInt64] {
    var counts = allErrorCounts
    for (code, count) in statisticsBase.withLock({ $0.errors }) {
      counts[code] = counts[code].map { $0 &- count }
    }
    return counts.filter { $0.value > 0 }
  }

  private var allErrorCounts: [String: UInt64] {
    var counts: [String: UInt64] = [:]
    forEachLane { lane in
      for (code, count) in lane.errors.withLock({ $0 }) { counts[code, default: 0] &+= count }
    }
    return counts
  }

  /// The sum over all lanes of one counter since the statistics were last reset.
  func sumSinceReset(_ name: StatisticsBase.Name) -> UInt64 {
    sum(name.counter) &- statisticsBase.withLock { $0.sums[name] ?? 0 }
  }

  /// Has all statistics begin anew (`CONFIG RESETSTAT`).
  func resetStatistics() {
    var base = StatisticsBase()
    base.commands = allCommandFigures
    base.errors = allErrorCounts
    for name in StatisticsBase.Name.allCases { base.sums[name] = sum(name.counter) }
    base.clients = clients.total
    base.rejectedClients = clients.rejectedCount
    base.commandCount = commandCount
    statisticsBase.withLock { $0 = base }
    meter.resetPeak()
  }
}

/// What had been counted when the statistics were last reset.
struct StatisticsBase {
  /// The counters of lanes that a reset concerns.
  enum Name: CaseIterable {
    case commands, hits, misses, expired, evicted, bytesRead, bytesWritten

    var counter: (borrowing LaneCounters) -> UInt64 {
      switch self {
      case .commands: { $0.commands.value }
      case .hits: { $0.hits.value }
      case .misses: { $0.misses.value }
      case .expired: { $0.expired.value }
      case .evicted: { $0.evicted.value }
      case .bytesRead: { $0.bytesRead.value }
      case .bytesWritten: { $0.bytesWritten.value }
      }
    }
  }

  var commands: [CommandFigures] = []
  var commandCount: UInt64 = 0
  var errors: [String: UInt64] = [:]
  var sums: [Name: UInt64] = [:]
  var clients = 0
  var rejectedClients = 0
}

/// How much is done in a second, and the most memory that was ever in use; looked at several times a second.
final class Meter: Sendable {
  /// So many of the last looks are kept; with ten a second, those of 1.6 seconds, as in Redis.
  private static let lookCount = 16

  private struct Look {
    let time: Int64
    let commands: UInt64
    let read: UInt64
    let written: UInt64
  }

  private struct State {
    var looks: [Look] = []
    var peak = 0
  }

  /// What is done in a second.
  struct Rates {
    var commands = 0
    /// In bytes.
    var read = 0
    var written = 0
  }

  private let state = Guarded(State())

  /// Notes what has been counted by now.
  ///
  /// - Parameters:
  ///   - commands: how many commands have been run since the start.
  ///   - read: how many bytes have been read.
  ///   - written: how many bytes have been written.
  ///   - memory: how many bytes are in use.
  func note(commands: UInt64, read: UInt64, written: UInt64, memory: Int) {
    let look = Look(
      time: WallClock.monotonicNanoseconds(), commands: commands, read: read, written: written)
    state.withLock { state in
      if state.looks.count == Self.lookCount { state.looks.removeFirst() }
      state.looks.append(look)
      state.peak = max(state.peak, memory)
    }
  }

  /// The most memory that was in use, in bytes, the present being `memory`.
  func peak(_ memory: Int) -> Int {
    state.withLock { state in
      state.peak = max(state.peak, memory)
      return state.peak
    }
  }

  func resetPeak() { state.withLock { $0.peak = 0 } }

  /// The mean over the looks that are kept.
  var rates: Rates {
    state.withLock { state in
      guard let first = state.looks.first, let last = state.looks.last, last.time > first.time else {
        return Rates()
      }
      let seconds = Double(last.time - first.time) / 1e9
      return Rates(
        commands: Int(Double(last.commands &- first.commands) / seconds),
        read: Int(Double(last.read &- first.read) / seconds),
        written: Int(Double(last.written &- first.written) / seconds))
    }
  }
}
