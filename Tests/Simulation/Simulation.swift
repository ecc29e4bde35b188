// The many lives of one database: the real engine, journal, checkpoints and recovery, on one thread, from a seed, on a
// disk that fails; against a model that says what there has to be.
//
// A life opens the store, works for a while, and ends: the power goes, or the program ends, at any operation of the
// disk. The next life has to find what was acknowledged, whole commands and whole groups only, exactly as the model has
// it; or, where the disk has written to the wrong place, may refuse to start. (A batch that was the last one and of which
// nothing later speaks can't be told from what a crash leaves: see docs/FORMAT.md.)
//
// Everything that happens follows from the seed, so a failure is repeated by the same seed.

package import Martlet

/// One database's lives.
package struct Simulation {
  /// What a simulation may not find.
  package struct Failure: Error, CustomStringConvertible {
    package let seed: UInt64
    /// Counted from 1.
    package let life: Int
    package let what: String

    package var description: String { "seed \(seed), life \(life): \(what)" }
  }

  /// What has been met so far.
  package struct Counts: Sendable {
    /// Lives, each of which ended with a crash or the end of the program.
    package var crashes = 0
    package var checkpointsFinished = 0
    package var checkpointsOvertaken = 0
    package var checkpointsFailed = 0
    /// Checkpoints that a crash ended.
    package var checkpointsCrashed = 0
    /// How often the disk was full, and then had room again while the store ran.
    package var stallsOvercome = 0
    /// Starts refused because of damage.
    package var refusals = 0
    package var keptFilesRead = 0
    package var evictions = 0

    package init() {}

    package static func += (sum: inout Counts, other: Counts) {
      sum.crashes += other.crashes
      sum.checkpointsFinished += other.checkpointsFinished
      sum.checkpointsOvertaken += other.checkpointsOvertaken
      sum.checkpointsFailed += other.checkpointsFailed
      sum.checkpointsCrashed += other.checkpointsCrashed
      sum.stallsOvercome += other.stallsOvercome
      sum.refusals += other.refusals
      sum.keptFilesRead += other.keptFilesRead
      sum.evictions += other.evictions
    }
  }

  /// A checkpoint under way. (A class, since what can't be copied can't be taken out of an optional for a step.)
  private final class RunningCheckpoint {
    var checkpoint: Checkpoint
    let outlivesFlush: Bool
    /// Whether a database was emptied since it began.
    var hasSeenFlush = false

    init(_ checkpoint: consuming Checkpoint, outlivesFlush: Bool) {
      self.checkpoint = checkpoint
      self.outlivesFlush = outlivesFlush
    }
  }

  /// What one life has at hand.
  private struct Life: ~Copyable {
    let store: StoreCore
    var server: TestServer
    var model: Model
    var held = HeldReplies(HeldBytes())
    /// Where in all the bytes ever held each reply ends, and the version it shows.
    var replies: [(end: Int, shows: UInt64)] = []
    var received = 0
    var released = 0
    /// Groups begun and not ended.
    var groups: [Int] = []
    var checkpoint: RunningCheckpoint?

    var journal: Journal { store.journal }

    init(_ store: StoreCore, _ model: Model, seed: UInt64) {
      self.store = store
      self.model = model
      server = TestServer(store, seed: seed)
    }
  }

  package static let databaseCount = 4
  /// The most turns that a life has.
  private static let turns = 60

  package let seed: UInt64
  private let durability: Durability
  private let evicts: Bool
  private let bug: DeliberateBug?
  private let disk: SimulatedDisk
  private let flawedDisk: FlawedDisk?
  private var workload: Workload
  private var random: RandomSource
  /// What the store held after each change that may still be found.
  private var history: [UInt64: [DatabaseContents]]
  /// The version that clients have been shown, or been told is kept.
  private var acknowledged: UInt64 = 0
  private var now: Int64 = 1_800_000_000_000
  private var faults = SimulatedDisk.Faults()
  /// How many writes had gone astray when the file was last found whole.
  private var knownMisdirections = 0
  /// What the kept files hold, by their versions.
  private var keptStates: [UInt64: [DatabaseContents]] = [:]
  /// A start was refused, rightly: there is nothing more to do.
  package private(set) var isOver = false
  package private(set) var counts = Counts()
  package private(set) var recoveredVersion: UInt64 = 0

  /// - Parameters:
  ///   - durability: nil to have the seed choose it.
  ///   - bug: what to do wrong on purpose.
  package init(seed: UInt64, durability: Durability? = nil, bug: DeliberateBug? = nil) {
    self.seed = seed
    self.bug = bug
    var random = RandomSource(seed: seed)
    let disk = SimulatedDisk(seed: random.next())
    self.disk = disk
    flawedDisk = bug.map { FlawedDisk(disk, $0) }
    workload = Workload(seed: random.next(), databaseCount: Self.databaseCount)
    let chosen: Durability = [.always, .always, .always, .always, .everysec, .never][Int(random.next() % 6)]
    self.durability = durability ?? chosen
    evicts = random.next() % 3 == 0
    self.random = random
    history = [0: Array(repeating: [:], count: Self.databaseCount)]
  }

  /// Lives a number of lives, fewer if a start is refused, rightly, because of damage.
  package mutating func run(lives: Int) throws {
    for _ in 0..<lives where !isOver {
      let isKilled = try live()
      if !isKilled || !disk.hasPower {
        disk.crash()
      } else {
        disk.endProgram()
      }
      flawedDisk?.forget()
      counts.crashes += 1
    }
  }

  /// The files as they are now, by their names.
  package var files: [(name: String, content: [UInt8])] {
    disk.fileNames.map { ($0, disk[$0] ?? []) }
  }

  private func failure(_ what: String) -> Failure {
    Failure(seed: seed, life: counts.crashes + 1, what: what)
  }

  private func check(_ condition: Bool, _ what: @autoclosure () -> String) throws {
    if !condition { throw failure(what()) }
  }

  /// Whether contents are what they should be; the failure names a key where they aren't.
  private func compare(
    _ found: [DatabaseContents], _ expected: [DatabaseContents], _ what: @autoclosure () -> String
  ) throws {
    if found == expected { return }
    for (database, (found, expected)) in zip(found, expected).enumerated() {
      for key in Set(found.keys).union(expected.keys) where found[key] != expected[key] {
        throw failure(
          "\(what()) is not what it should be: database \(database), key \(String(decoding: key, as: UTF8.self).debugDescription) "
            + "is \(Self.text(found[key])) instead of \(Self.text(expected[key]))")
      }
    }
    throw failure("\(what()) should have \(expected.count) databases and has \(found.count)")
  }

  private static func text(_ item: StoredItem?) -> String {
    guard let item else { return "absent" }
    let content: String
    switch item.content {
    case .string(let value): content = "\(value.count) bytes"
    case .set(let members): content = "\(members.count) members"
    case .hash(let fields): content = "\(fields.count) fields"
    case .sortedSet(let scores): content = "\(scores.count) scores"
    case .list(let elements): content = "\(elements.count) elements"
    }
    let metadata = item.metadata
    return
      "\(content) (version \(item.version), expiry \(metadata.expiry), flags \(metadata.flags), cas \(metadata.cas))"
  }

  // MARK: A life

  /// Opens, checks, works; whether the life ends by the end of the program and not of the power.
  private mutating func live() throws -> Bool {
    if workload.chance(16) { try flipBit() }
    chooseFaults()
    disk.order(faults)
    let misdirections = disk.misdirections
    guard let store = try open() else { return false }
    try checkRecovered(store)
    // All checksums were right when the file was read. (What recovery wrote itself may have gone astray.)
    knownMisdirections = misdirections
    let version = store.report.version
    let expected = history[version] ?? []
    try checkKeptFiles()
    acknowledged = version
    recoveredVersion = version
    history = [version: expected]
    workload.reconnect()
    var life = Life(store, Model(databases: expected, version: version), seed: random.next())
    try work(&life)
    return workload.chance(4)
  }

  private mutating func chooseFaults() {
    faults = SimulatedDisk.Faults()
    if workload.chance(2) { faults.operationsUntilPowerLoss = workload.number(0...60) }
    if workload.chance(5) { faults.write = 0.1 }
    if workload.chance(20) { faults.brokenWrite = 0.05 }
    if workload.chance(5) { faults.sync = 0.1 }
    if workload.chance(6) { faults.rename = 0.4 }
    if workload.chance(12) { faults.read = 0.1 }
    // What a misdirected write has written over is known to have been safe only where every batch waits for its sync.
    if durability == .always && bug == nil && workload.chance(30) { faults.misdirection = 0.05 }
  }

  /// Opens the store; nil when the disk didn't let it, or has done damage that is rightly refused.
  private mutating func open() throws -> StoreCore? {
    var random = RandomSource(seed: random.next())
    let bug = bug
    flawedDisk?.isRecovering = true
    defer { flawedDisk?.isRecovering = false }
    do {
      return try StoreCore(
        folder: SimulatedDisk.folder, disk: flawedDisk ?? disk, durability: durability,
        threads: workload.chance(8) ? workload.number(2...3) : 1, databases: Self.databaseCount,
        clock: WallClock(stoppedAt: now), random: &random,
        log: { file -> any JournalLog in
          if let bug { FlawedLog(file, bug) } else { file }
        })
    } catch is DiskError {
      return nil
    } catch {
      try check(disk.misdirections > knownMisdirections, "the start was refused: \(error)")
      counts.refusals += 1
      isOver = true
      return nil
    }
  }

  private mutating func checkRecovered(_ store: StoreCore) throws {
    let recovered = store.report.version
    try check(
      recovered >= acknowledged, "recovered to version \(recovered), acknowledged was \(acknowledged)")
    guard let expected = history[recovered] else {
      throw failure("version \(recovered) is the middle of a command or of a group")
    }
    try compare(store.contents(), expected, "version \(recovered)")
  }

  /// Flips a bit somewhere below what the file itself says was synced, and has a copy be opened.
  private mutating func flipBit() throws {
    var content = disk.content
    let end = FileFacts(content).vouchedEnd
    guard end > 0, disk.misdirections == knownMisdirections else { return }
    let place = workload.number(0...end - 1)
    content[place] ^= 1 << UInt8(workload.number(0...7))
    let copy = SimulatedDisk()
    copy.content = content
    do {
      let store = try openStore(on: copy)
      // The case of a checksum's digit says nothing.
      try check(
        history[store.report.version] == store.contents() && store.report.version >= acknowledged,
        "with a bit changed in byte \(place) of \(content.count), of which \(end) were vouched for, the start was not refused"
      )
    } catch is DatabaseError {
      try check(copy.content == content, "a file was changed whose start was refused")
    }
  }

  // MARK: Kept files

  /// Whether each of the earlier files is a database of its own, and what it was when it was put aside.
  private mutating func checkKeptFiles() throws {
    let names = disk.fileNames.filter { $0.hasPrefix(DatabaseFile.keptPrefix) }
    var states: [UInt64: [DatabaseContents]] = [:]
    for name in names {
      guard let version = UInt64(name.dropFirst(DatabaseFile.keptPrefix.count)) else {
        throw failure("a file with the name \(name)")
      }
      states[version] = keptStates[version] ?? history[version]
      guard let state = states[version] else {
        throw failure("\(name) is named for the middle of a command, or for what was never written")
      }
      guard workload.chance(4) else { continue }
      counts.keptFilesRead += 1
      do {
        let loaded = try Self.load(disk[name] ?? [], threads: 1)
        if loaded.version == version {
          try check(loaded.contents == state, "\(name) doesn't hold what it should")
        } else {
          // What wasn't synced may be gone from it.
          try check(
            durability != .always && loaded.version < version,
            "\(name) goes up to version \(loaded.version)")
        }
      } catch let error as DatabaseError {
        try check(disk.misdirections > 0, "\(name) can't be opened: \(error)")
      }
    }
    keptStates = states
  }

  // MARK: Work

  private mutating func work(_ life: inout Life) throws {
    for _ in 0..<workload.number(0...Self.turns) {
      if try isTakingWrites(&life) {
        try turn(&life)
        if evicts && workload.chance(4) { try evictSome(&life) }
      }
      try advanceCheckpoint(&life)
      if workload.chance(4) { life.journal.commit() }
      if workload.chance(8) {
        let step = Int64(workload.number(1...2000))
        now += step
        life.store.clock.advance(milliseconds: step)
      }
      releaseReplies(&life)
      if life.journal.failure != nil || !disk.hasPower { break }
      if workload.chance(60) { disk.isFull = true }
    }
    try compare(life.store.contents(), life.model.databases, "the store in memory")
    if workload.chance(8) { try stop(&life) }
    if life.checkpoint != nil { counts.checkpointsCrashed += 1 }
    acknowledged = max(acknowledged, life.journal.durable.value)
  }

  /// Tries to go on where the disk was full; whether writes are taken.
  private mutating func isTakingWrites(_ life: inout Life) throws -> Bool {
    guard life.journal.room == .stalled else { return true }
    let reply: String = life.server.redis("SET", "refused", "1")
    try check(reply.hasPrefix("-MISCONF"), "a write was taken on a full disk")
    if disk.isFull && workload.chance(3) { disk.isFull = false }
    let mustGoOn = disk.hasPower && !disk.isFull && faults.isNone
    life.journal.commit()
    if life.journal.failure != nil { return false }
    if life.journal.room == .free {
      counts.stallsOvercome += 1
      return true
    }
    try check(!mustGoOn, "there is room on the disk, and the journal doesn't go on")
    return false
  }

  /// A command; maybe the beginning or the end of a group.
  private mutating func turn(_ life: inout Life) throws {
    if workload.chance(25) && life.groups.count < 2 { life.groups.append(life.journal.beginGroup()) }
    let operation = workload.next(now: now)
    life.server.run(operation)
    let version = life.journal.lastVersion
    let shows =
      operation.isFollowed
      ? life.model.follow(life.store.contents(), version: version)
      : life.model.apply(operation, now: now, lastVersion: version)
    try check(
      life.journal.lastVersion == life.model.version,
      "\(operation) brought version \(life.journal.lastVersion) instead of \(life.model.version)")
    switch operation {
    case .flush, .flushAll: life.checkpoint?.hasSeenFlush = true
    default: break
    }
    life.held.append(life.server.execution.reply)
    life.received += life.server.execution.reply.buffer.count
    life.replies.append((life.received, shows))
    if !life.groups.isEmpty && workload.chance(4) {
      life.journal.endGroup(life.groups.remove(at: workload.number(0...life.groups.count - 1)))
    }
    if life.groups.isEmpty { history[life.model.version] = life.model.databases }
  }

  /// Evicts a few items, whatever memory they take.
  private mutating func evictSome(_ life: inout Life) throws {
    life.server.context.evictionPolicy = workload.chance(3) ? .volatileTTL : .lru
    for _ in 0..<workload.number(1...4) {
      let before = life.journal.lastVersion
      _ = life.server.execution.evict(atMost: 1)
      // What was doomed may have been freed instead.
      guard life.journal.lastVersion > before else { continue }
      let found = life.store.contents()
      for (database, expected) in life.model.databases.enumerated() {
        for key in expected.keys where found[database][key] == nil { life.model.evict(key, database) }
      }
      counts.evictions += 1
      try check(
        life.journal.lastVersion == life.model.version,
        "an eviction brought version \(life.journal.lastVersion) instead of \(life.model.version)")
      if life.groups.isEmpty { history[life.model.version] = life.model.databases }
    }
  }

  /// Lets the replies go that may, and notes what they showed.
  private mutating func releaseReplies(_ life: inout Life) {
    let free = life.held.releasedCount(by: life.journal)
    life.held.removeFirst(free)
    life.released += free
    while let first = life.replies.first, first.end <= life.released {
      if durability == .always { acknowledged = max(acknowledged, first.shows) }
      life.replies.removeFirst()
    }
    acknowledged = max(acknowledged, life.journal.durable.value)
  }

  /// Ends the store in order.
  private mutating func stop(_ life: inout Life) throws {
    while let running = life.checkpoint {
      guard running.checkpoint.isSwitching else {
        running.checkpoint.abandon()
        life.checkpoint = nil
        break
      }
      life.journal.commit()
      if let outcome = running.checkpoint.step() { try finishCheckpoint(&life, outcome) }
    }
    life.journal.stop()
    if life.journal.failure == nil && life.groups.isEmpty {
      try check(
        life.journal.durable.value == life.model.version, "stopped in order, and not all of it is durable")
    }
  }

  // MARK: Checkpoints

  /// Maybe begins a checkpoint, or goes on with one.
  private mutating func advanceCheckpoint(_ life: inout Life) throws {
    if life.checkpoint == nil {
      guard life.groups.isEmpty && life.model.version > 0 && workload.chance(12) else { return }
      let outlivesFlush = workload.chance(2)
      guard let file = life.store.file else { return }
      do {
        let checkpoint = try Checkpoint(
          life.store.keyspace, life.journal, file, life.store.clock, outlivesFlush: outlivesFlush,
          keptFiles: workload.number(0...2))
        try check(
          checkpoint.version == life.model.version, "the cut is not at the last version")
        life.checkpoint = RunningCheckpoint(checkpoint, outlivesFlush: outlivesFlush)
        if bug == .forgottenDeletions {
          for shard in 0..<life.store.keyspace.shardCount {
            life.store.keyspace[shard].shard.forgetDeletionsInCut()
          }
        }
        if bug == .forgottenMembers {
          for shard in 0..<life.store.keyspace.shardCount {
            life.store.keyspace[shard].shard.forgetMembersInCut()
          }
        }
      } catch is DiskError {
        counts.checkpointsFailed += 1
        try check(!faults.isNone || disk.isFull, "a checkpoint couldn't begin, and nothing was wrong")
      }
    }
    // Mostly a few steps, so that commands come between them; now and then many.
    for _ in 0..<(workload.chance(10) ? 300 : workload.number(0...20)) {
      guard let running = life.checkpoint else { return }
      if running.checkpoint.isWaiting && workload.chance(2) { life.journal.commit() }
      if let outcome = running.checkpoint.step() { try finishCheckpoint(&life, outcome) }
    }
  }

  private mutating func finishCheckpoint(_ life: inout Life, _ outcome: CheckpointOutcome) throws {
    guard let running = life.checkpoint else { return }
    life.checkpoint = nil
    let keyspace = life.store.keyspace
    try check(keyspace.retainedBytes.value == 0, "the end of a checkpoint has left something behind")
    switch outcome {
    case .finished(let version, let bytes):
      counts.checkpointsFinished += 1
      try check(version == running.checkpoint.version, "a checkpoint of another version was finished")
      try checkFile(life, checkpoint: version, bodyBytes: bytes)
    case .overtaken:
      counts.checkpointsOvertaken += 1
      try check(
        running.hasSeenFlush && !running.outlivesFlush, "a checkpoint was overtaken, and by nothing")
    case .failed(let reason):
      counts.checkpointsFailed += 1
      try check(
        !faults.isNone || disk.isFull || life.journal.failure != nil,
        "a checkpoint failed, and nothing was wrong: \(reason)")
    }
  }

  /// Whether the file begins with exactly the state of the checkpoint's version, and goes on to the last batch.
  private mutating func checkFile(_ life: borrowing Life, checkpoint: UInt64, bodyBytes: Int) throws {
    guard disk.hasPower, disk.misdirections == knownMisdirections, life.journal.room != .stalled else {
      return
    }
    let content = disk.content
    do {
      let body = try Self.load(Array(content[..<bodyBytes]), threads: workload.chance(4) ? 3 : 1)
      try check(body.version == checkpoint, "the body is of version \(body.version) instead of \(checkpoint)")
      try compare(
        body.contents, history[checkpoint] ?? [], "the body of the checkpoint of version \(checkpoint)")
      let all = try Self.load(content, threads: workload.chance(4) ? workload.number(2...7) : 1)
      try check(
        all.version == life.journal.writtenVersion,
        "the file after the checkpoint of version \(checkpoint) goes up to version \(all.version) instead of "
          + "\(life.journal.writtenVersion)")
      try compare(
        all.contents, history[all.version] ?? [], "the file after the checkpoint of version \(checkpoint)")
    } catch let error as DatabaseError {
      throw failure("the file after the checkpoint of version \(checkpoint) can't be read: \(error)")
    }
  }

  /// Reads a database file by itself.
  package static func load(_ content: [UInt8], threads: Int) throws
    -> (version: UInt64, contents: [DatabaseContents])
  {
    let disk = SimulatedDisk()
    disk.content = content
    let keyspace = Keyspace(shardCount: 16, databaseCount: databaseCount, seedNumber: 7)
    defer { keyspace.destroy() }
    let loader = DatabaseLoader(keyspace, threads: threads)
    defer { loader.destroy() }
    let path = SimulatedDisk.folder + "/" + DatabaseFile.name
    let loaded = try loader.load(try disk.open(path), path)
    return (loaded.version, keyspace.contents())
  }
}

/// What the lines of a database file say of it, read by other code than the store's.
package struct FileFacts {
  /// Everything before this is said to have been synced, in bytes.
  package private(set) var vouchedEnd = 0

  package init(_ content: [UInt8]) {
    var synced: UInt64 = 0
    var batches: [(last: UInt64, end: Int)] = []
    var start = 0
    while let newline = content[start...].firstIndex(of: UInt8(ascii: "\n")) {
      let line = content[start..<newline]
      let end = newline + 1
      start = end
      // A line with zeros in it, as a crash leaves them, says nothing.
      guard line.first == UInt8(ascii: "#"), line.count < 300, !line.contains(0) else { continue }
      let fields = String(decoding: line, as: UTF8.self).split(separator: " ")
      if fields.count == 11, fields[1] == "commit", fields[3] == "synced", fields[10].count == 8 {
        let versions = fields[2].split(separator: "-").compactMap { UInt64($0) }
        guard versions.count == 2, let said = UInt64(fields[4]) else { continue }
        // What a line says of the batches before it goes for those that are there before it.
        synced = max(synced, said)
        if let known = batches.last(where: { $0.last <= synced }) { vouchedEnd = max(vouchedEnd, known.end) }
        // Of a batch without records only a line knows that speaks of the version after it.
        batches.append((max(versions[0], versions[1]), end))
      } else if fields.count > 2, fields[1] == "checkpoint" {
        vouchedEnd = max(vouchedEnd, end)
      }
    }
  }
}
