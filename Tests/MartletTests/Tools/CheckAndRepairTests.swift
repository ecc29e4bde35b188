// Verifying a database file, and saving what is whole of a damaged one.
import Martlet
import MartletSimulation
import Testing

@Suite("Checking a database file")
struct CheckTests {
  @Test("tells what a whole file holds, and changes nothing")
  func whole() throws {
    let disk = try SampleHistory.bodyAndBatches(3)
    let before = disk.content
    let names = disk.fileNames
    let check = try DatabaseCheck.run(disk.toolFolder, threads: 2)
    #expect(check.loaded.version == 7)
    #expect(check.loaded.checkpointKeys == 4)
    #expect(check.loaded.header.checkpoint == 4)
    // The three, and the one that vouches for them.
    #expect(check.loaded.batches == 4)
    #expect(check.loaded.records == 3)
    #expect(check.loaded.tail == nil)
    #expect(check.keys.map(\.database) == [0])
    #expect(check.keys.map(\.keys) == [7])
    #expect(disk.content == before)
    #expect(disk.fileNames == names)
  }

  @Test("takes the torn end of a write for what it is")
  func tornTail() throws {
    let disk = try SampleHistory.bodyAndBatches(3)
    let lines = disk.lines.count
    disk.content += bytes("SET half a wr")
    let check = try DatabaseCheck.run(disk.toolFolder, threads: 1)
    let tail = try #require(check.loaded.tail)
    #expect(tail.bytes == 13)
    #expect(tail.line == lines + 1)
    #expect(!tail.holdsBatches)
    #expect(check.loaded.version == 7)
  }

  @Test("names the line where a run begins that is damaged")
  func damage() throws {
    let disk = try SampleHistory.bodyAndBatches(3)
    var lines = disk.lines
    let index = try #require(lines.firstIndex { $0.hasPrefix("SET key1 ") })
    lines[index] = "SET key1 other"
    disk.write(lines)
    let error = #expect(throws: DatabaseError.self) { try DatabaseCheck.run(disk.toolFolder, threads: 2) }
    #expect(error?.line == index + 1)
  }

  @Test("reads a file only as far as it was when it began, whatever is written meanwhile")
  func growing() throws {
    let disk = try SampleHistory.bodyAndBatches(3)
    let size = disk.content.count
    let file = try disk.toolFolder.snapshot()
    disk.content += bytes("SET later 1\n")
    #expect(try file.size() == size)
    var read = ByteQueue()
    #expect(try file.read(at: 0, count: 1 << 20, into: &read) == size)
    #expect(try file.read(at: size, count: 10, into: &read) == 0)
  }

  @Test("says when there is no database")
  func missing() {
    #expect(throws: ToolError.self) { try DatabaseCheck.run(SimulatedDisk().toolFolder, threads: 1) }
  }
}

@Suite("Repairing a database file")
struct RepairTests {
  private static let expected: [String: String] = [
    "body0": "value0", "body1": "value1", "body2": "value2", "key0": "value 0", "key1": "value 1",
    "key2": "value 2", "key3": "value 3",
  ]

  /// Repairs, and opens what is left.
  private func repair(_ disk: SimulatedDisk) throws -> (DatabaseRepair, [DatabaseContents]) {
    let damaged = disk.content
    let names = disk.fileNames
    let repair = try DatabaseRepair(disk.toolFolder)
    #expect(disk.content == damaged, "Nothing is changed before it is carried out")
    #expect(disk.fileNames == names)
    if repair.isWhole { return (repair, try contents(disk)) }
    let outcome = try repair.carryOut(time: SampleHistory.start)
    #expect(disk[outcome.original] == damaged)
    let contents = try contents(disk)
    #expect(try DatabaseCheck.run(disk.toolFolder, threads: 1).loaded.version == repair.version)
    return (repair, contents)
  }

  @Test("finds nothing to do on a whole file")
  func whole() throws {
    let disk = try SampleHistory.bodyAndBatches(4)
    let (repair, contents) = try repair(disk)
    #expect(repair.isWhole)
    #expect(strings(contents) == Self.expected)
  }

  @Test("with any byte damaged loses at most the run that it is in")
  func anyByte() throws {
    let sample = try SampleHistory.bodyAndBatches(4).content
    var random = RandomSource(seed: 3)
    for index in sample.indices {
      let disk = SimulatedDisk()
      disk.content = sample
      disk.content[index] ^= 1 << UInt8.random(in: 0..<7, using: &random)
      let (repair, contents) = try repair(disk)
      let left = strings(contents)
      let lost = Self.expected.filter { left[$0.key] != $0.value }.keys
      // Nothing that was never written.
      #expect(left.allSatisfy { Self.expected[$0.key] == $0.value }, "byte \(index): \(left)")
      let runs = Set(lost.map { $0.hasPrefix("body") ? "body" : $0 })
      #expect(runs.count <= 1, "byte \(index) of \(repair.leftOut): lost \(lost.sorted())")
      if !repair.isWhole && index > 200 { #expect(!repair.leftOut.isEmpty) }
    }
  }

  @Test("with a block of zeros keeps all but what the block touches and the run behind it")
  func zeros() throws {
    let sample = try SampleHistory.bodyAndBatches(12).content
    for start in stride(from: 0, to: sample.count - 64, by: 16) {
      let disk = SimulatedDisk()
      disk.content = sample
      disk.content.replaceSubrange(start..<start + 64, with: [UInt8](repeating: 0, count: 64))
      let (_, contents) = try repair(disk)
      let left = strings(contents)
      let lost = (0..<12).filter { left["key\($0)"] != "value \($0)" }
      #expect(lost.count <= 3, "block at \(start): lost \(lost)")
      #expect(left.allSatisfy { key, value in key.hasPrefix("body") || value == "value " + key.dropFirst(3) })
    }
  }

  @Test("with any line gone loses at most two runs, and never invents anything")
  func anyLine() throws {
    let sample = try SampleHistory.bodyAndBatches(4).lines
    for index in sample.indices {
      let disk = SimulatedDisk()
      var lines = sample
      lines.remove(at: index)
      disk.write(lines)
      let (_, contents) = try repair(disk)
      let left = strings(contents)
      #expect(left.allSatisfy { Self.expected[$0.key] == $0.value }, "line \(index + 1)")
      let lost = Self.expected.keys.filter { left[$0] == nil }
      #expect(Set(lost.map { $0.hasPrefix("body") ? "body" : $0 }).count <= 2, "line \(index + 1): \(lost)")
    }
  }

  @Test("says which lines are left out and why, and keeps them in a file")
  func leftOut() throws {
    let disk = try SampleHistory.bodyAndBatches(4)
    var lines = disk.lines
    let index = try #require(lines.firstIndex { $0.hasPrefix("SET key1 ") })
    lines[index] = "SET key1 other"
    lines.append("SET half a w")
    disk.write(lines)
    let repair = try DatabaseRepair(disk.toolFolder)
    #expect(repair.leftOut.map(\.firstLine) == [index + 1, lines.count])
    #expect(repair.leftOut.map(\.lastLine) == [index + 2, lines.count])
    #expect(repair.version == 8)
    let outcome = try repair.carryOut(time: SampleHistory.start)
    let kept = String(decoding: try #require(outcome.leftOut.flatMap { disk[$0] }), as: UTF8.self)
    #expect(kept.contains("SET key1 other\n# commit "))
    #expect(kept.contains("SET half a w\n"))
    #expect(kept.hasPrefix("# lines \(index + 1)-\(index + 2): "))
    #expect(try strings(contents(disk)) == Self.expected.filter { $0.key != "key1" })
  }

  @Test("leaves out single records that don't fit what is left")
  func misfits() throws {
    let disk = SimulatedDisk()
    let store = try openStore(on: disk)
    var server = TestServer(store)
    for batch in [
      [["SET", "a", "1"], ["SET", "keep", "2"]],
      [["RENAME", "a", "b"], ["APPEND", "missing", "x"], ["SET", "c", "3"]],
    ] {
      for command in batch { server.send(redis: command.map(bytes)) }
      store.journal.commit()
    }
    store.stop()
    var lines = disk.lines
    let damaged = try #require(lines.firstIndex(of: "SET a 1"))
    lines[damaged] = "SET a 2"
    disk.write(lines)
    let repair = try DatabaseRepair(disk.toolFolder)
    let rename = try #require(lines.firstIndex(of: "RENAME a b"))
    #expect(repair.leftOut.map(\.firstLine) == [damaged + 1, rename + 1])
    _ = try repair.carryOut(time: SampleHistory.start)
    let contents = try contents(disk)
    #expect(strings(contents) == ["missing": "x", "c": "3"])
    #expect(contents[0][bytes("c")]?.version == 5)
  }

  @Test("without a header takes it from the other lines")
  func noHeader() throws {
    let disk = try SampleHistory.bodyAndBatches(4)
    let whole = disk.lines
    disk.write(["# martlet database, format 1, id 0000, ha"] + whole.dropFirst())
    let (repair, contents) = try repair(disk)
    #expect(!repair.headerProblem.isEmpty)
    let left = strings(contents)
    for index in 0..<4 { #expect(left["key\(index)"] == "value \(index)") }
    disk.content = bytes("just a text\nof somebody\n")
    #expect(throws: DatabaseError.self) { try DatabaseRepair(disk.toolFolder) }
  }

  @Test("keeps what a random history held up to the damage behind its last batch")
  func history() throws {
    for seed in UInt64(1)...6 {
      let history = try SampleHistory(seed: seed, commands: 60, checkpointsAt: [30])
      let disk = history.disk
      let whole = try contents(disk)
      // The line that vouches for it all loses its checksum.
      disk.content.removeLast(3)
      let repair = try DatabaseRepair(disk.toolFolder)
      #expect(!repair.isWhole)
      _ = try repair.carryOut(time: SampleHistory.start)
      #expect(try contents(disk) == whole, "seed \(seed)")
    }
  }
}
