// Going back to an earlier state, and copying a database.
import Martlet
import MartletSimulation
import Testing

@Suite("Restoring an earlier state")
struct RestoreTests {
  private func restored(_ history: DatabaseHistory, _ target: DatabaseHistory.Target) throws -> (
    [DatabaseContents], DatabaseHistory.State, SimulatedDisk
  ) {
    let state = try history.state(at: target)
    let disk = SimulatedDisk()
    try history.write(state, into: disk.toolFolder, now: SampleHistory.start)
    return (try contents(disk), state, disk)
  }

  @Test("to every version of a history gives what there was then", arguments: [1, 2, 3] as [UInt64])
  func everyVersion(seed: UInt64) throws {
    let sample = try SampleHistory(seed: seed, commands: 90, checkpointsAt: [20, 50, 51])
    let history = try DatabaseHistory(sample.disk.toolFolder)
    #expect(history.lastVersion == sample.states.last?.version)
    for expected in sample.states {
      let (contents, state, disk) = try restored(history, .version(expected.version))
      #expect(contents == expected.contents, "version \(expected.version) from \(state.source.name)")
      #expect(state.version == expected.version)
      #expect(try openStore(on: disk).report.version == expected.version)
    }
  }

  @Test("to a time gives the last batch closed by then")
  func times() throws {
    let sample = try SampleHistory(seed: 5, commands: 90, checkpointsAt: [20, 50])
    let history = try DatabaseHistory(sample.disk.toolFolder)
    let times = Set(sample.states.dropFirst().map(\.time)).sorted()
    // Batches are closed at the time of their last change at the earliest, and the clock moves only between batches.
    for time in times {
      let expected = try #require(sample.states.last { $0.time <= time })
      for wanted in [time, time + 99] {
        let (contents, state, _) = try restored(history, .time(wanted))
        #expect(state.version == expected.version)
        #expect(contents == expected.contents)
        #expect(state.cutBatch == nil)
      }
    }
    #expect(throws: ToolError.self) { try history.state(at: .time(SampleHistory.start - 1)) }
  }

  @Test("says when a version is in the middle of a batch")
  func middle() throws {
    let disk = SimulatedDisk()
    let store = try openStore(on: disk)
    var server = TestServer(store)
    for index in 1...3 { server.send(redis: ["SET", "key", "\(index)"].map(bytes)) }
    store.stop()
    let history = try DatabaseHistory(disk.toolFolder)
    let state = try history.state(at: .version(2))
    #expect(state.cutBatch == 1...3)
    #expect(try history.state(at: .version(3)).cutBatch == nil)
  }

  @Test("in place goes on from the last version, and can be undone")
  func inPlace() throws {
    let sample = try SampleHistory(seed: 8, commands: 60, checkpointsAt: [30])
    let last = try #require(sample.states.last)
    let earlier = sample.states[sample.states.count / 4]
    let disk = sample.disk
    let folder = disk.toolFolder
    let before = disk.content
    let history = try DatabaseHistory(folder)
    let old = try history.writeInPlace(history.state(at: .version(earlier.version)), now: SampleHistory.start)
    #expect(old.flatMap { disk[$0] } == before)
    #expect(try contents(disk) == earlier.contents)
    #expect(try openStore(on: disk).report.version == last.version + 1)

    // What was undone is still there by its versions, and so is what was restored.
    let after = try DatabaseHistory(folder)
    #expect(try restored(after, .version(last.version)).0 == last.contents)
    #expect(try restored(after, .version(last.version + 1)).0 == earlier.contents)
    for state in sample.states {
      #expect(try restored(after, .version(state.version)).0 == state.contents)
    }
  }

  @Test("in place leaves the old database or the new one, whenever the power goes")
  func powerLoss() throws {
    let sample = try SampleHistory(seed: 9, commands: 40)
    let before = sample.disk.content
    let earlier = sample.states[sample.states.count / 2]
    var hasFailed = false
    var hasSucceeded = false
    for operations in 0..<40 {
      let disk = SimulatedDisk(seed: UInt64(operations))
      disk.content = before
      let history = try DatabaseHistory(disk.toolFolder)
      let state = try history.state(at: .version(earlier.version))
      var faults = SimulatedDisk.Faults()
      faults.operationsUntilPowerLoss = operations
      disk.order(faults)
      let isDone = (try? history.writeInPlace(state, now: SampleHistory.start)) != nil
      disk.crash()
      if disk.content == before {
        #expect(!isDone)
        hasFailed = true
      } else {
        #expect(try contents(disk) == earlier.contents, "power lost after \(operations) operations")
        // What was replaced has a name of its own by then.
        let kept = disk.fileNames.first { $0.contains(".before-restore-") }
        #expect(kept.flatMap { disk[$0] } == before)
        hasSucceeded = true
      }
    }
    #expect(hasFailed && hasSucceeded)
  }

  @Test("of what no file has any more names what there is")
  func outOfRange() throws {
    let disk = try SampleHistory.bodyAndBatches(2)
    let history = try DatabaseHistory(disk.toolFolder)
    for wanted: UInt64 in [3, 7, 1000] {
      let error = #expect(throws: ToolError.self) { try history.state(at: .version(wanted)) }
      #expect(error?.description.contains("versions 4 to 6") == true)
    }
  }

  @Test("uses a damaged file up to its damage, and no other database's")
  func damaged() throws {
    let disk = try SampleHistory.bodyAndBatches(4)
    var lines = disk.lines
    lines[try #require(lines.firstIndex { $0.hasPrefix("SET key2 ") })] = "SET key2 x"
    disk.write(lines)
    let other = SimulatedDisk()
    _ = try openStore(on: other, seed: 77)
    disk["database.txt.until-2"] = other.content
    let history = try DatabaseHistory(disk.toolFolder)
    #expect(history.sources.map(\.name) == [DatabaseFile.name])
    #expect(history.sources.first?.damage != nil)
    #expect(history.unusable.count == 1)
    #expect(strings(try restored(history, .version(6)).0).keys.contains("key1"))
    #expect(throws: ToolError.self) { try history.state(at: .version(7)) }
  }

  @Test("Times are read as people write them")
  func pointsInTime() {
    #expect(PointInTime.parse("2026-11-22T16:07:12.123Z") == 1_795_363_632_123)
    #expect(PointInTime.parse("2026-11-22 16:07:12Z") == 1_795_363_632_000)
    #expect(PointInTime.parse("2026-11-22T16:07Z") == 1_795_363_620_000)
    #expect(PointInTime.parse("2026-11-22T16:07:12.5Z") == 1_795_363_632_500)
    // The clock of the place is at most a day off.
    let local = PointInTime.parse("2026-11-22 16:07") ?? 0
    #expect(abs(local - 1_795_363_620_000) <= 86_400_000)
    for wrong in ["", "now", "2026-11-22", "2026-13-22T16:07Z", "16:07", "2026-11-22T16:07:12.1234Z"] {
      #expect(PointInTime.parse(wrong) == nil, "\(wrong)")
    }
  }
}

@Suite("Backing a database up")
struct BackupTests {
  @Test("copies every byte up to the last whole batch")
  func copy() throws {
    let source = try SampleHistory(seed: 4, commands: 80, checkpointsAt: [40]).disk
    let whole = source.content
    source.content += bytes("SET half a wr")
    let target = SimulatedDisk()
    let backup = try DatabaseBackup.copy(source.toolFolder, to: target.toolFolder)
    #expect(target.content == whole)
    #expect(target.fileNames == [DatabaseFile.name])
    #expect(backup.loaded.end == whole.count)
    #expect(
      try contents(target)
        == contents(
          {
            source.content = whole
            return source
          }()))
    // It survives a crash of the machine.
    target.crash()
    #expect(target.content == whole)
  }

  @Test("of an empty database is one")
  func empty() throws {
    let source = SimulatedDisk()
    _ = try openStore(on: source)
    let target = SimulatedDisk()
    _ = try DatabaseBackup.copy(source.toolFolder, to: target.toolFolder)
    #expect(target.content == source.content)
    #expect(try openStore(on: target).keyCount == 0)
  }

  @Test("of a damaged file fails, and leaves nothing behind")
  func damaged() throws {
    let source = try SampleHistory.bodyAndBatches(4)
    for index in stride(from: 0, to: source.content.count - 200, by: 7) {
      let damaged = SimulatedDisk()
      damaged.content = source.content
      damaged.content[index] ^= 1
      let target = SimulatedDisk()
      #expect(throws: (any Error).self, "byte \(index)") {
        try DatabaseBackup.copy(damaged.toolFolder, to: target.toolFolder)
      }
      #expect(target.fileNames.isEmpty)
    }
  }

  @Test("over a connection goes on with the same file though a checkpoint replaces it")
  func overConnection() throws {
    let disk = SimulatedDisk()
    let store = try openStore(on: disk)
    var server = TestServer(store)
    for index in 0..<20 { server.send(redis: ["SET", "key\(index)", "value"].map(bytes)) }
    store.journal.commit()
    let before = disk.content
    let info = server.redis("DATABASE", "INFO").split(separator: "\r\n")
    let name = String(try #require(info.firstIndex(of: "file").map { info[$0 + 2] }))
    #expect(info.contains(":\(before.count)"))
    #expect(info.contains(":20"))
    func read(_ offset: Int, _ count: Int) -> [UInt8] {
      server.redis([bytes("DATABASE"), bytes("READ"), bytes(name), bytes("\(offset)"), bytes("\(count)")])
    }
    #expect(read(0, 100) == bulk(Array(before[..<100])))
    server.send(redis: ["SET", "later", "1"].map(bytes))
    store.journal.commit()
    try store.makeCheckpoint(keptFiles: 0)
    #expect(disk.content != before)
    #expect(read(100, 1 << 20) == bulk(Array(before[100...])))
    #expect(read(before.count, 10) == bulk([]))

    // The next one is of the new file.
    let next = server.redis("DATABASE", "INFO").split(separator: "\r\n")
    #expect(!next.contains(Substring(name)))
    #expect(next.contains(":\(disk.content.count)"))
    #expect(read(0, 10).starts(with: bytes("-ERR DATABASE INFO has not named this file")))
    store.stop()
  }

  @Test("over a connection never shows what isn't on the disk yet")
  func onlySynced() throws {
    let disk = SimulatedDisk()
    let store = try openStore(on: disk)
    var server = TestServer(store)
    server.send(redis: ["SET", "a", "1"].map(bytes))
    store.journal.commit()
    let synced = disk.content.count
    disk.order(
      {
        var faults = SimulatedDisk.Faults()
        faults.sync = 1
        return faults
      }())
    server.send(redis: ["SET", "b", "2"].map(bytes))
    store.journal.commit()
    #expect(disk.content.count > synced)
    #expect(server.redis("DATABASE", "INFO").contains(":\(synced)\r\n"))
  }

  @Test("over a connection is bounded")
  func bounds() throws {
    var server = TestServer(try openStore(on: SimulatedDisk()))
    #expect(server.redis("DATABASE", "READ", "x", "0", "1").hasPrefix("-ERR DATABASE INFO has not named"))
    for (offset, count) in [("0", "1048577"), ("0", "0"), ("-1", "1")] {
      #expect(server.redis("DATABASE", "READ", "x", offset, count).hasPrefix("-ERR the offset has to be"))
    }
    #expect(server.redis("DATABASE", "READ", "x", "a", "1").hasPrefix("-ERR value is not an integer"))
    var inMemory = TestServer.inMemory()
    #expect(inMemory.redis("DATABASE", "INFO").hasPrefix("-ERR this server keeps its data in memory only"))
  }
}
