// The result of a run, with all that it takes to understand it later. Encoded as JSON it is the format that
// docs/BENCH.md describes: what is changed here is changed there, and `format` counts such changes.
internal import Martlet

/// A run and its figures. Times of requests are in microseconds.
package struct BenchReport: Codable, Sendable {
  /// What was chosen.
  package struct Settings: Codable, Sendable {
    package let wire: String
    package let target: String
    package let connections: Int
    package let threads: Int
    package let pipeline: Int
    package let multiget: Int
    package let members: Int
    package let rate: Double?
    package let requests: Int?
    package let durationSeconds: Double?
    package let warmupSeconds: Double
    package let keys: Int
    package let keyBytes: [Int]
    package let valueBytes: [Int]
    package let distribution: String
    package let mix: String
    package let fill: Bool
    package let verify: Bool
    package let seed: UInt64
  }

  /// How long requests took.
  package struct Latency: Codable, Sendable {
    package let mean: Double
    package let minimum: Double
    package let p50: Double
    package let p90: Double
    package let p99: Double
    package let p999: Double
    package let maximum: Double

    init(_ histogram: Histogram) {
      mean = histogram.mean / 1000
      minimum = Double(histogram.minimum) / 1000
      p50 = Double(histogram.percentile(50)) / 1000
      p90 = Double(histogram.percentile(90)) / 1000
      p99 = Double(histogram.percentile(99)) / 1000
      p999 = Double(histogram.percentile(99.9)) / 1000
      maximum = Double(histogram.maximum) / 1000
    }
  }

  /// The replies to one verb, or to all.
  package struct Figures: Codable, Sendable {
    package let name: String
    package let count: Int
    package let perSecond: Double
    package let latency: Latency
    /// Keys that were there, and that weren't, for the verbs that can tell.
    package let hits: Int
    package let misses: Int
    package let errors: Int
    package let sentBytes: Int
    package let receivedBytes: Int
    /// Pairs: the longest time of a bucket, and how many requests are in it.
    package let histogram: [[Double]]

    init(_ name: String, _ tally: VerbTally, seconds: Double) {
      self.name = name
      count = Int(tally.latency.count)
      perSecond = seconds > 0 ? Double(count) / seconds : 0
      latency = Latency(tally.latency)
      hits = tally.hits
      misses = tally.misses
      errors = tally.errors
      sentBytes = tally.sentBytes
      receivedBytes = tally.receivedBytes
      histogram = tally.latency.buckets.map { [Double($0.upTo) / 1000, Double($0.count)] }
    }
  }

  package struct ErrorKind: Codable, Sendable {
    package let kind: String
    package let count: Int
    package let first: String
  }

  package struct Fill: Codable, Sendable {
    package let keys: Int
    package let seconds: Double
  }

  /// How well the schedule of a fixed rate was kept.
  package struct Schedule: Codable, Sendable {
    package let rate: Double
    /// From when a request was due until it was sent.
    package let sendDelay: Latency
    package let backlogMaximum: Int
    package let unsent: Int
  }

  /// The load generator itself.
  package struct Generator: Codable, Sendable {
    package let cpuSeconds: Double
    /// How much of the time each thread ran, from 0 to 1.
    package let busy: [Double]
    package let isBottleneck: Bool
  }

  package struct Server: Codable, Sendable {
    package let pid: Int
    package let cpuSeconds: Double
    package let cpuMicrosecondsPerRequest: Double
    package let residentBytes: Int
  }

  /// Above this much of its time, a thread of the load generator may have been what held the others up.
  package static let busyLimit = 0.9
  /// Of this file's format.
  package static let currentFormat = 1

  package let format: Int
  package let program: String
  package let startedAt: String
  package let kernel: String?
  package let processor: String?
  package let processors: Int
  /// What the server says it is.
  package let serverVersion: String?
  package let settings: Settings
  package let fill: Fill?
  /// How long was measured.
  package let seconds: Double
  package let all: Figures
  package let verbs: [Figures]
  package let errors: [ErrorKind]
  package let errorCount: Int
  package let schedule: Schedule?
  package let generator: Generator
  package let server: Server?
  /// Requests that were sent, and replies, the warm-up's among them and those of filling not.
  package let sentWithWarmup: Int
  package let repliesWithWarmup: Int
  package let warnings: [String]

  package init(
    _ plan: LoadPlan, startedAt: Int64, server: String?, _ fill: Fill?, _ tally: Tally, _ usage: ServerUsage?
  ) {
    format = Self.currentFormat
    program = plan.program
    var time = ByteQueue()
    time.append(time: startedAt)
    self.startedAt = time.bytes.text
    kernel = ProcessUsage.kernel
    processor = ProcessUsage.processorName
    processors = ProcessFacts.processors
    serverVersion = server
    settings = Settings(
      wire: plan.wire.rawValue, target: plan.target.text, connections: plan.connections,
      threads: plan.threads,
      pipeline: plan.pipeline, multiget: plan.multiget, members: plan.members, rate: plan.rate,
      requests: plan.requests,
      durationSeconds: plan.requests == nil ? plan.durationSeconds : nil, warmupSeconds: plan.warmupSeconds,
      keys: plan.keys, keyBytes: [plan.keyBytes.lowerBound, plan.keyBytes.upperBound],
      valueBytes: [plan.valueBytes.lowerBound, plan.valueBytes.upperBound],
      distribution: plan.distribution.text, mix: plan.mix.text, fill: plan.fills, verify: plan.verifies,
      seed: plan.seed)
    self.fill = fill
    let seconds = Double(tally.elapsed) / 1e9
    self.seconds = seconds
    var sum = VerbTally()
    for verb in tally.verbs { sum.add(verb) }
    all = Figures("all", sum, seconds: seconds)
    verbs = zip(plan.mix.parts, tally.verbs).map { Figures($0.verb.rawValue, $1, seconds: seconds) }
    errors = tally.errors.kinds.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
      .map { ErrorKind(kind: $0.key, count: $0.value.count, first: $0.value.first) }
    errorCount = tally.errors.count
    schedule = plan.rate.map {
      Schedule(
        rate: $0, sendDelay: Latency(tally.sendDelay), backlogMaximum: tally.backlogMaximum,
        unsent: tally.unsent)
    }
    let busy = tally.busy.map { seconds > 0 ? min(1, Double($0) / 1e9 / seconds) : 0 }
    generator = Generator(
      cpuSeconds: Double(tally.busy.reduce(0, +)) / 1e9, busy: busy,
      isBottleneck: busy.contains { $0 > Self.busyLimit })
    self.server = usage.map {
      Server(
        pid: plan.serverPid ?? 0, cpuSeconds: $0.seconds,
        cpuMicrosecondsPerRequest: sum.latency.count > 0 ? $0.seconds * 1e6 / Double(sum.latency.count) : 0,
        residentBytes: $0.residentBytes)
    }
    sentWithWarmup = tally.sent
    repliesWithWarmup = tally.replies
    warnings = Self.warnings(plan, tally, busy: busy, count: sum.latency.count, seconds: seconds)
  }

  /// What a reader of the figures has to know.
  private static func warnings(
    _ plan: LoadPlan, _ tally: Tally, busy: [Double], count: UInt64, seconds: Double
  ) -> [String] {
    var warnings: [String] = []
    if let busiest = busy.max(), busiest > busyLimit {
      warnings.append(
        """
        a thread of the load generator ran \(Decimal.percent(busiest)) of the time: the server may be faster than \
        this shows. Give it more --threads, or less to do
        """)
    }
    if tally.unsent > 0 {
      warnings.append(
        """
        the server didn't keep up: \(tally.unsent) requests that were due were never sent. They are not among the \
        latencies, which would be longer with them
        """)
    } else if let rate = plan.rate, seconds > 0, Double(count) / seconds < 0.99 * rate,
      Double(tally.backlogMaximum) > rate / 100, plan.requests == nil
    {
      warnings.append(
        "the server didn't keep up at times: \(tally.backlogMaximum) requests were due and not sent")
    }
    if plan.rate != nil && tally.unsent == 0 && tally.backlogMaximum == 0
      && tally.sendDelay.percentile(99) > 1_000_000
    {
      warnings.append(
        "requests were sent late though connections were free: the load generator had too little processor time"
      )
    }
    if tally.isInterrupted { warnings.append("interrupted: it ran for a shorter time than it was to") }
    if count == 0 { warnings.append("nothing was measured: no reply came while measuring") }
    let hits = tally.verbs.reduce(0) { $0 + $1.hits }
    let misses = tally.verbs.reduce(0) { $0 + $1.misses }
    if misses > hits && !plan.fills {
      warnings.append("most keys weren't there; --fill stores them all first")
    }
    return warnings
  }
}
