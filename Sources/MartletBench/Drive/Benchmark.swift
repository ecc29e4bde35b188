// A run from beginning to end: connects, fills, warms up, measures, reports.
internal import Martlet

/// How far a run is.
package struct BenchProgress: Sendable {
  package enum Stage: Sendable {
    case filling, warmingUp, measuring
  }

  package let stage: Stage
  /// Seconds since the stage began.
  package let seconds: Double
  /// Replies so far, and of how many; nil when time and not their number ends it.
  package let replies: Int
  package let total: Int?
  /// Of the last second.
  package let repliesPerSecond: Double
  package let latency: Histogram
  package let errors: Int
  package let backlog: Int?
}

/// Runs plans.
package enum Benchmark {
  /// Carries a plan out.
  ///
  /// - Parameter progress: called each second, if it is given; then the threads take a moment each second to tell.
  /// - Throws: when the plan is wrong, or the server can't be talked to at all. Errors while it runs are counted in the
  ///   report.
  package static func run(_ plan: LoadPlan, progress: ((BenchProgress) -> Void)?) throws(PlanError)
    -> BenchReport
  {
    try plan.validate()
    if let pid = plan.serverPid, ProcessUsage(pid: pid) == nil {
      throw PlanError("--server-pid \(pid): there is no such process to be seen on this machine")
    }
    let startedAt = WallClock().now()
    let arrival = try Arrival(plan)
    Interrupt.catchNext()
    let crew = try Crew(plan, arrival.sockets, isWatched: progress != nil)
    var fill: BenchReport.Fill?
    if plan.fills { fill = try self.fill(plan, crew, progress) }
    let (tally, usage) = try load(plan, crew, progress)
    return BenchReport(plan, startedAt: startedAt, server: arrival.server, fill, tally, usage)
  }

  /// Stores a value for every key that the mix asks for.
  private static func fill(
    _ plan: LoadPlan, _ crew: Crew, _ progress: ((BenchProgress) -> Void)?
  ) throws(PlanError) -> BenchReport.Fill {
    let kinds = KeyKind.allCases.filter { kind in
      kind != .set && plan.mix.parts.contains { $0.verb.kind == kind }
    }
    let total = kinds.count * plan.keys
    let start = Clock.now()
    let tally = try crew.run({ number, count in
      .fill(kinds: kinds, numbers: (total * number / count)..<(total * (number + 1) / count))
    }) { now, figures, lastSecond in
      progress?(
        BenchProgress(
          stage: .filling, seconds: Double(now - start) / 1e9, replies: figures.replies, total: total,
          repliesPerSecond: lastSecond.rate, latency: lastSecond.latency, errors: figures.errors, backlog: nil
        ))
    }
    if let (kind, entry) = tally.errors.kinds.max(by: { $0.value.count < $1.value.count }) {
      throw PlanError("filling failed \(tally.errors.count) times; \(kind): \(entry.first)")
    }
    guard !Interrupt.hasCome else { throw PlanError("interrupted while filling") }
    return BenchReport.Fill(keys: total, seconds: Double(Clock.now() - start) / 1e9)
  }

  private static func load(
    _ plan: LoadPlan, _ crew: Crew, _ progress: ((BenchProgress) -> Void)?
  ) throws(PlanError) -> (Tally, ServerUsage?) {
    // All threads are there by then.
    let start = Clock.now() + 10_000_000
    let measuring = start + Int64(plan.warmupSeconds * 1e9)
    let end = plan.requests == nil ? measuring + Int64(plan.durationSeconds * 1e9) : .max
    let timeline = Timeline(start: start, measuring: measuring, end: end)
    var before: ProcessUsage?
    let tally = try crew.run(
      { number, count in
        let total = plan.requests ?? Int.max / 2
        return .load(
          timeline, requests: total * (number + 1) / count - total * number / count,
          plan.rate.map {
            Arrivals(rate: $0 / Double(count), offset: Int64(Double(number) / $0 * 1e9))
          })
      }, stop: measuring, onStop: { before = plan.serverPid.flatMap { ProcessUsage(pid: $0) } }
    ) { now, figures, lastSecond in
      let isMeasuring = now >= measuring
      progress?(
        BenchProgress(
          stage: isMeasuring ? .measuring : .warmingUp,
          seconds: Double(now - (isMeasuring ? measuring : start)) / 1e9, replies: figures.replies,
          total: nil, repliesPerSecond: lastSecond.rate, latency: lastSecond.latency,
          errors: figures.errors, backlog: plan.rate == nil ? nil : figures.backlog))
    }
    let after = plan.serverPid.flatMap { ProcessUsage(pid: $0) }
    guard let before, let after else { return (tally, nil) }
    return (
      tally,
      ServerUsage(seconds: after.seconds - before.seconds, residentBytes: after.residentBytes)
    )
  }
}

/// What the server's process used while it was measured.
package struct ServerUsage: Sendable {
  let seconds: Double
  let residentBytes: Int

  package init(seconds: Double, residentBytes: Int) {
    self.seconds = seconds
    self.residentBytes = residentBytes
  }
}

/// The threads of a run.
private struct Crew {
  /// A driver that one thread at a time works with.
  private final class Member: @unchecked Sendable {
    var driver: Driver
    let live: LiveFigures?

    init(_ driver: consuming Driver, _ live: LiveFigures?) {
      self.driver = driver
      self.live = live
    }
  }

  private let members: [Member]

  init(_ plan: LoadPlan, _ sockets: [CInt], isWatched: Bool) throws(PlanError) {
    let space = KeySpace(
      keys: plan.keys, keyBytes: plan.keyBytes, valueBytes: plan.valueBytes, seed: plan.seed)
    let chooser = KeyChooser(plan.distribution, keys: plan.keys)
    var members: [Member] = []
    for number in 0..<plan.threads {
      let range = (sockets.count * number / plan.threads)..<(sockets.count * (number + 1) / plan.threads)
      let live = isWatched ? LiveFigures() : nil
      let driver = try Driver(
        plan, space, number: number, sockets: Array(sockets[range]),
        chooser.beginning(at: Double(number) / Double(plan.threads)), live)
      try driver.watch()
      members.append(Member(driver, live))
    }
    self.members = members
  }

  /// Has all threads work, and tells each second how far they are.
  ///
  /// - Parameters:
  ///   - stop: a time of the monotonic clock at which `onStop` is called.
  func run(
    _ work: (_ number: Int, _ count: Int) -> Work, stop: Int64 = .max, onStop: () -> Void = {},
    progress: (Int64, LiveFigures.Figures, (rate: Double, latency: Histogram)) -> Void
  ) throws(PlanError) -> Tally {
    let bell = SharedBell(try Bell())
    let start = Clock.now()
    let threads = members.indices.map { number in
      let member = members[number]
      let work = work(number, members.count)
      member.live?.set(LiveFigures.Figures(time: start))
      return SystemThread(name: "martlet-bench") {
        member.driver.run(work)
        bell.bell.ring()
      }
    }
    var running = threads.count
    var stop = stop
    var previous = (time: start, figures: LiveFigures.Figures(time: start))
    while running > 0 {
      let next = min(stop, previous.time + 1_000_000_000)
      let pause = max(0, (next - Clock.now()) / 1_000_000 + 1)
      if bell.bell.hear(milliseconds: Int(pause)) { running -= 1 }
      let now = Clock.now()
      if now >= stop {
        onStop()
        stop = .max
      }
      if now - previous.time >= 1_000_000_000 && running > 0 {
        var figures = LiveFigures.Figures(time: start)
        for member in members { if let live = member.live { figures.add(live.now) } }
        let seconds = Double(figures.time - previous.figures.time) / 1e9
        let rate = seconds > 0 ? Double(figures.replies - previous.figures.replies) / seconds : 0
        progress(now, figures, (rate, figures.latency.since(previous.figures.latency)))
        previous = (now, figures)
      }
    }
    for thread in threads { thread.join() }
    var tally = members[0].driver.tally
    for member in members.dropFirst() { tally.add(member.driver.tally) }
    return tally
  }
}

/// A bell that closures share.
private final class SharedBell: Sendable {
  let bell: Bell

  init(_ bell: consuming Bell) { self.bell = bell }
}
