// A checkpoint: a new file with the state at one version and the changes since takes the place of the one in use.
import Martlet
import MartletSimulation
import Testing

/// Runs a checkpoint to its end.
private func makeCheckpoint(
  _ store: StoreCore, keptFiles: Int = 0, between: () -> Void = {}
) throws -> CheckpointOutcome {
  let file = try #require(store.file)
  var checkpoint = try Checkpoint(
    store.keyspace, store.journal, file, store.clock, outlivesFlush: false, keptFiles: keptFiles)
  while true {
    if let outcome = checkpoint.step() { return outcome }
    between()
    if checkpoint.isWaiting { store.journal.commit() }
  }
}

extension CheckpointOutcome {
  fileprivate var isFinished: Bool { if case .finished = self { true } else { false } }
  fileprivate var isFailed: Bool { if case .failed = self { true } else { false } }
}

@Suite("A checkpoint")
struct CheckpointTests {
  @Test("holds the state, and the changes behind it")
  func state() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    for number in 0..<100 { server.send(redis: ["SET", "key", "\(number)"].map(bytes)) }
    server.store.journal.commit()
    let sizeBefore = disk.content.count
    #expect(try makeCheckpoint(server.store).isFinished)
    #expect(disk.content.count < sizeBefore / 2)
    #expect(disk.fileNames == ["database.txt"])
    server.send(redis: ["SET", "other", "1"].map(bytes))
    server.store.journal.commit()
    disk.crash()
    let store = try openStore(on: disk)
    #expect(store.contents() == server.store.contents())
    #expect(store.report.checkpoint == 100)
    #expect(store.report.version == 101)
  }

  @Test("holds marks of what is out of date, and tokens that clients chose; and so do the batches")
  func marks() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    for request in [
      "ms a 1 T100 F5\r\nx\r\n", "md a I\r\n", "ms b 1 E77\r\nx\r\n", "ms c 1 E7\r\nx\r\n",
      "md c I T50 E8\r\n",
      "ms d 1 T100\r\nx\r\n", "md d I T0\r\n", "ms e 1\r\nx\r\n",
    ] { #expect(server.memcached(request) == "HD\r\n", "\(request)") }
    server.store.journal.commit()
    // While the body is written, some of it changes.
    var requests = ["md e I\r\n", "ms a 1\r\ny\r\n", "md b I E78\r\n", "mg c\r\n"]
    let before = server.store.contents()
    #expect(
      try makeCheckpoint(server.store) {
        guard let request = requests.popLast() else { return }
        server.send(memcached: bytes(request))
      }.isFinished)
    #expect(requests.isEmpty)
    server.store.journal.commit()
    disk.crash()
    let store = try openStore(on: disk)
    let contents = store.contents()
    #expect(contents == server.store.contents())
    #expect(store.report.checkpoint == 8)
    func metadata(_ key: String) -> ItemMetadata? { contents[0][bytes(key)]?.metadata }
    #expect(metadata("a") == ItemMetadata())
    #expect(metadata("b") == ItemMetadata(cas: 78, isStale: true))
    #expect(metadata("c")?.cas == 8 && metadata("c")?.isStale == true)
    #expect(metadata("c")?.expiry == before[0][bytes("c")]?.metadata.expiry)
    #expect(metadata("d") == ItemMetadata(isStale: true))
    #expect(metadata("e") == ItemMetadata(isStale: true))
  }

  @Test("holds lists in their order, in lines of a few KiB, although they change meanwhile")
  func lists() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    // Packed, of chunks, and with a key that is longer than a line.
    let keys = ["short", "long", String(repeating: "k", count: 5000)]
    for (key, count) in zip(keys, [500, 20_000, 3]) {
      server.send(redis: ["RPUSH", key].map(bytes) + (0..<count).map { bytes("element \($0)") })
    }
    server.store.journal.commit()
    var step = 0
    #expect(
      try makeCheckpoint(server.store) {
        step += 1
        guard step < 300 else { return }
        for key in keys {
          server.send(redis: ["LPUSH", key, "new \(step)"].map(bytes))
          server.send(redis: ["LSET", key, "\(step % 3 == 0 ? -1 : step % 4)", "\(step)"].map(bytes))
          server.send(redis: ["RPOP", key].map(bytes))
        }
      }.isFinished)
    server.store.journal.commit()
    #expect(step > 300)
    let longest = disk.content.split(separator: UInt8(ascii: "\n")).map(\.count).max() ?? 0
    #expect(longest < 5000 + 4500)
    disk.crash()
    #expect(try openStore(on: disk).contents() == server.store.contents())
  }

  /// A checkpoint whose body is written, of a version that the journal has not written.
  private func bodyAhead(_ store: StoreCore) throws -> Checkpoint {
    let file = try #require(store.file)
    var checkpoint = try Checkpoint(
      store.keyspace, store.journal, file, store.clock, outlivesFlush: false, keptFiles: 0)
    while !checkpoint.isWaiting { _ = checkpoint.step() }
    return checkpoint
  }

  @Test("waits until the file in use has what led to it")
  func waits() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    server.send(redis: ["SET", "a", "1"].map(bytes))
    var checkpoint = try bodyAhead(server.store)
    _ = checkpoint.step()
    var isSwitching = checkpoint.isSwitching
    #expect(!isSwitching)
    server.store.journal.commit()
    _ = checkpoint.step()
    isSwitching = checkpoint.isSwitching
    #expect(isSwitching)
    server.store.journal.commit()
    let outcome = checkpoint.step()
    #expect(outcome?.isFinished == true)
    disk.crash()
    #expect(try openStore(on: disk).contents() == server.store.contents())
  }

  @Test(
    "gives up, and its room, when the file in use can't get there",
    arguments: [SimulatedDisk.outOfSpace, SimulatedDisk.inputOutputError])
  func givesUp(code: Int32) throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    server.send(redis: ["SET", "a", "1"].map(bytes))
    var checkpoint = try bodyAhead(server.store)
    if code == SimulatedDisk.outOfSpace {
      disk.isFull = true
    } else {
      var faults = SimulatedDisk.Faults()
      faults.brokenWrite = 1
      disk.order(faults)
    }
    server.store.journal.commit()
    disk.order(SimulatedDisk.Faults())
    let outcome = checkpoint.step()
    #expect(outcome?.isFailed == true)
    #expect(disk.fileNames == ["database.txt"])
    disk.isFull = false
    server.store.journal.commit()
    if code == SimulatedDisk.outOfSpace { #expect(try makeCheckpoint(server.store).isFinished) }
  }

  @Test("keeps so many of the files before it, each a database as it then was")
  func keptFiles() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    var states: [UInt64: [DatabaseContents]] = [:]
    for number in 1...5 {
      server.send(redis: ["SET", "key \(number)", "x"].map(bytes))
      server.store.journal.commit()
      states[server.store.journal.lastVersion] = server.store.contents()
      #expect(try makeCheckpoint(server.store, keptFiles: 2).isFinished)
    }
    #expect(disk.fileNames == ["database.txt", "database.txt.until-4", "database.txt.until-5"])
    for version in [4, 5] as [UInt64] {
      let loaded = try Simulation.load(disk["database.txt.until-\(version)"] ?? [], threads: 1)
      #expect(loaded.version == version)
      #expect(loaded.contents == states[version])
    }
    // Without a change it meets its own name.
    #expect(try makeCheckpoint(server.store, keptFiles: 2).isFinished)
    #expect(disk.fileNames == ["database.txt", "database.txt.until-4", "database.txt.until-5"])
    #expect(try makeCheckpoint(server.store, keptFiles: 0).isFinished)
    #expect(disk.fileNames == ["database.txt"])
  }

  @Test("keeps nothing of a batch that found no room", arguments: 1...20 as ClosedRange<UInt64>)
  func keptWithoutTornBatch(seed: UInt64) throws {
    let disk = SimulatedDisk(seed: seed)
    var server = TestServer(try openStore(on: disk))
    server.send(redis: ["SET", "a", "1"].map(bytes))
    server.store.journal.commit()
    let whole = disk.content
    let file = try #require(server.store.file)
    var checkpoint = try Checkpoint(
      server.store.keyspace, server.store.journal, file, server.store.clock, outlivesFlush: false,
      keptFiles: 1)
    while !checkpoint.isSwitching { _ = checkpoint.step() }
    server.send(redis: ["SET", "b", "2"].map(bytes))
    disk.isFull = true
    server.store.journal.commit()
    #expect(server.store.journal.room == .stalled)
    #expect(disk["database.txt.until-1"] == whole)
  }

  @Test(
    "that fails to rename leaves no second name to the file in use",
    arguments: 1...20 as ClosedRange<UInt64>)
  func failedRename(seed: UInt64) throws {
    let disk = SimulatedDisk(seed: seed)
    var server = TestServer(try openStore(on: disk))
    server.send(redis: ["SET", "a", "1"].map(bytes))
    server.store.journal.commit()
    var faults = SimulatedDisk.Faults()
    faults.rename = 0.5
    disk.order(faults)
    let outcome = try makeCheckpoint(server.store, keptFiles: 1)
    disk.order(SimulatedDisk.Faults())
    server.send(redis: ["SET", "b", "2"].map(bytes))
    server.store.journal.commit()
    disk.crash()
    _ = try openStore(on: disk)
    for name in disk.fileNames where name.hasPrefix(DatabaseFile.keptPrefix) {
      #expect(name == "database.txt.until-1", "\(outcome)")
      #expect(try Simulation.load(disk[name] ?? [], threads: 1).version == 1)
    }
  }
}

@Suite("Checkpoints by themselves")
struct CheckpointerTests {
  private let disk = SimulatedDisk()
  private let clock = WallClock(stoppedAt: 1_800_000_000_000)

  /// Waits for what has to happen, for as long as a slow machine may take.
  private func wait(until condition: () -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while !condition() {
      try #require(ContinuousClock.now < deadline, "it didn't happen within a minute")
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  private func start(_ policy: CheckpointPolicy) throws -> StoreCore {
    let store = try openStore(on: disk, clock: clock)
    store.checkpointer.policy = policy
    store.start()
    return store
  }

  private func write(_ store: StoreCore, _ count: Int) async throws {
    do {
      var server = TestServer(store)
      for number in 0..<count { server.send(redis: ["SET", "key", "value \(number)"].map(bytes)) }
    }
    try await wait { store.journal.durable.value == store.journal.lastVersion }
  }

  private func policy(growth: Int = 0, minimum: Int = 0, age: Int64 = 0) -> CheckpointPolicy {
    var policy = CheckpointPolicy()
    policy.growthPercent = growth
    policy.minimumBytes = minimum
    policy.maximumAge = age
    return policy
  }

  @Test("come when the file has grown")
  func bySize() async throws {
    let store = try start(policy(growth: 100, minimum: 10_000))
    try await write(store, 1000)
    try await wait { store.checkpointer.status.finished > 0 }
    // What was written meanwhile may be behind the body; then it is less than the body, or another one comes.
    try await wait { store.checkpointer.fileBytes < 10_000 }
    store.stop()
    #expect(try Simulation.load(disk.content, threads: 1).contents == store.contents())
  }

  @Test("come when the last one is old, and not before")
  func byAge() async throws {
    let store = try start(policy(age: 10_000))
    try await write(store, 1)
    clock.advance(milliseconds: 9999)
    #expect(store.checkpointer.status.finished == 0)
    clock.advance(milliseconds: 1)
    try await wait { store.checkpointer.status.finished == 1 }
    #expect(store.checkpointer.status.lastVersion == 1)
    store.stop()
  }

  @Test("come when asked for, also when there is nothing to write")
  func byRequest() async throws {
    let store = try start(policy())
    let first = try #require(store.checkpointer.request())
    try await wait { store.checkpointer.status.answered >= first }
    #expect(store.checkpointer.status.lastVersion == 0)
    try await write(store, 10)
    let second = try #require(store.checkpointer.request())
    try await wait { store.checkpointer.status.answered >= second }
    #expect(store.checkpointer.status.lastVersion == 10)
    #expect(store.checkpointer.status.finished == 2)
    store.stop()
    #expect(try openStore(on: disk).report.checkpoint == 10)
  }

  @Test("that fail are told of, leave the file in use as it is, and can be asked for again")
  func failure() async throws {
    let store = try start(policy())
    try await write(store, 10)
    let content = disk.content
    disk.isFull = true
    let first = try #require(store.checkpointer.request())
    try await wait { store.checkpointer.status.answered >= first }
    #expect(store.checkpointer.status.failed == 1)
    #expect(store.checkpointer.status.problem != nil)
    #expect(disk.content == content)
    disk.isFull = false
    let second = try #require(store.checkpointer.request())
    try await wait { store.checkpointer.status.answered >= second }
    #expect(store.checkpointer.status.finished == 1)
    #expect(store.checkpointer.status.problem == nil)
    store.stop()
  }
}
