// What has been acknowledged survives any crash, and no crash leaves half a command: a workload from a seed against a
// model, on a disk that loses power, runs full and fails to sync, hundreds of times a database.
import Martlet
import Testing

/// One database's many lives.
private struct Simulation {
  let seed: UInt64
  let durability: Durability
  private let disk: SimulatedDisk
  private var workload: Workload
  private var random: RandomSource
  /// What the store held after each change that may still be found.
  private var history: [UInt64: [DatabaseContents]]
  /// The version that clients have been shown, or been told is kept.
  private var acknowledged: UInt64 = 0
  private var now: Int64 = 1_800_000_000_000
  private(set) var crashes = 0
  private(set) var recoveredVersion: UInt64 = 0

  static let databaseCount = 4

  init(seed: UInt64, durability: Durability) {
    self.seed = seed
    self.durability = durability
    random = RandomSource(seed: seed)
    disk = SimulatedDisk(seed: random.next())
    workload = Workload(seed: random.next(), databaseCount: Self.databaseCount)
    history = [0: Array(repeating: [:], count: Self.databaseCount)]
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private func check(_ condition: Bool, _ what: @autoclosure () -> String) throws {
    if !condition { throw Failure(description: "seed \(seed), crash \(crashes): \(what())") }
  }

  /// Opens, works, and crashes, a number of times.
  mutating func run(lives: Int) throws {
    for _ in 0..<lives {
      try live()
      disk.crash()
      crashes += 1
    }
  }

  private mutating func live() throws {
    var faults = SimulatedDisk.Faults()
    if workload.chance(2) { faults.operationsUntilPowerLoss = workload.number(0...30) }
    if workload.chance(4) { faults.write = 0.1 }
    if workload.chance(4) { faults.sync = 0.1 }
    disk.order(faults)
    let clock = WallClock(stoppedAt: now)
    let store: StoreCore
    do {
      store = try openStore(on: disk, durability: durability, clock: clock, seed: random.next())
    } catch is DiskError {
      return
    }
    let recovered = store.report.version
    recoveredVersion = recovered
    try check(
      recovered >= acknowledged, "recovered to version \(recovered), acknowledged was \(acknowledged)")
    guard let expected = history[recovered] else {
      throw Failure(
        description: "seed \(seed), crash \(crashes): version \(recovered) is the middle of a command")
    }
    try check(store.contents() == expected, "version \(recovered) is not what it was")
    acknowledged = recovered
    history = [recovered: expected]
    try work(store, Model(databases: expected, version: recovered))
  }

  private mutating func work(_ store: StoreCore, _ start: Model) throws {
    var model = start
    var server = TestServer(store, seed: random.next())
    var held = HeldReplies(HeldBytes())
    /// Where in all the bytes ever held each reply ends, and the version it shows.
    var replies: [(end: Int, shows: UInt64)] = []
    var received = 0
    var released = 0
    for _ in 0..<workload.number(0...60) {
      if store.journal.room == .stalled {
        // The disk is full: nothing is taken until a batch has found room, which the next try may do.
        try check(
          server.redis("SET", "refused", "1").hasPrefix("-MISCONF"), "a write was taken on a full disk")
        store.journal.commit()
        if store.journal.failure != nil || !disk.hasPower { break }
        if store.journal.room == .stalled { continue }
      }
      let operation = workload.next(now: now)
      if let words = operation.redisWords {
        server.send(redis: words)
      } else {
        server.send(memcached: operation.memcachedInput)
      }
      let shows = model.apply(operation, now: now)
      try check(
        store.journal.lastVersion == model.version,
        "\(operation) brought version \(store.journal.lastVersion) instead of \(model.version)")
      history[model.version] = model.databases
      held.append(server.execution.reply)
      received += server.execution.reply.buffer.count
      replies.append((received, shows))

      if workload.chance(4) { store.journal.commit() }
      if workload.chance(8) {
        let step = Int64(workload.number(1...2000))
        now += step
        store.clock.advance(milliseconds: step)
      }
      let free = held.releasedCount(by: store.journal)
      held.removeFirst(free)
      released += free
      while let first = replies.first, first.end <= released {
        if durability == .always { acknowledged = max(acknowledged, first.shows) }
        replies.removeFirst()
      }
      acknowledged = max(acknowledged, store.journal.durable.value)
      if store.journal.failure != nil || !disk.hasPower { break }
    }
    try check(store.contents() == model.databases, "the store in memory is not what it should be")
    if workload.chance(8) { store.journal.stop() }
    acknowledged = max(acknowledged, store.journal.durable.value)
  }
}

@Suite("After a crash")
struct CrashTests {
  @Test("everything acknowledged is there, and whole commands only", arguments: 1...40 as ClosedRange<UInt64>)
  func acknowledgedSurvives(seed: UInt64) throws {
    var simulation = Simulation(seed: seed, durability: .always)
    try simulation.run(lives: 80)
    #expect(simulation.recoveredVersion > 0)
  }

  @Test("with replies that don't wait, everything synced is there", arguments: 1...10 as ClosedRange<UInt64>)
  func syncedSurvives(seed: UInt64) throws {
    var simulation = Simulation(seed: seed, durability: seed.isMultiple(of: 2) ? .everysec : .never)
    try simulation.run(lives: 80)
  }
}
