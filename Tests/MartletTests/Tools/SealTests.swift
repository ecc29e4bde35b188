// Accepting what a person has edited.
import Martlet
import MartletSimulation
import Testing

@Suite("Sealing an edited database file")
struct SealTests {
  /// Edits a sample's lines, seals it, and checks that only closing lines are other than what the person left; what the
  /// strings are then.
  private func seal(
    _ batches: Int = 3, _ edit: (inout [String]) throws -> Void
  ) throws -> (strings: [String: String], changes: [DatabaseSeal.Change], disk: SimulatedDisk) {
    let disk = try SampleHistory.bodyAndBatches(batches)
    var lines = disk.lines
    try edit(&lines)
    disk.write(lines)
    let seal = try DatabaseSeal(disk.toolFolder, time: SampleHistory.start)
    #expect(!seal.isUnchanged)
    let original = try seal.carryOut()
    #expect(disk[original] == bytes(lines.joined(separator: "\n") + "\n"))
    func records(_ lines: [String]) -> [String] { lines.filter { !$0.hasPrefix("#") } }
    #expect(records(disk.lines) == records(lines))
    let contents = try contents(disk)
    // And it is whole for all the tools.
    let again = try DatabaseSeal(disk.toolFolder, time: SampleHistory.start)
    #expect(again.isUnchanged, "\(again.changes)")
    try again.abandon()
    #expect(try DatabaseRepair(disk.toolFolder).isWhole)
    #expect(!disk.fileNames.contains(DatabaseFile.unfinishedName))
    return (strings(contents), seal.changes, disk)
  }

  private func line(_ lines: [String], _ prefix: String) throws -> Int {
    try #require(lines.firstIndex { $0.hasPrefix(prefix) })
  }

  private static let expected: [String: String] = [
    "body0": "value0", "body1": "value1", "body2": "value2", "key0": "value 0", "key1": "value 1",
    "key2": "value 2",
  ]

  @Test("of a changed value")
  func changed() throws {
    var number = 0
    let (strings, changes, disk) = try seal { lines in
      number = try line(lines, "SET key1 ")
      lines[number] = "SET key1 edited"
    }
    var expected = Self.expected
    expected["key1"] = "edited"
    #expect(strings == expected)
    // Lines are counted from 1, and the closing line belongs to the run.
    #expect(changes.map(\.firstLine) == [number + 1])
    #expect(changes.map(\.lastLine) == [number + 2])
    #expect(changes.first?.lines == ["SET key1 edited"])
    // What is before it stands as it was.
    let original = try SampleHistory.bodyAndBatches(3).lines
    #expect(disk.lines[..<number] == original[..<number])
  }

  @Test("of lines added, which move the versions behind them up")
  func added() throws {
    let (strings, changes, disk) = try seal { lines in
      lines.insert(
        contentsOf: ["SET new 1", "# a remark", "", "SET new 2"], at: try line(lines, "SET key1 "))
    }
    #expect(strings["new"] == "2")
    #expect(strings["key2"] == "value 2")
    #expect(changes.count >= 1)
    #expect(disk.text.contains("# commit 6-8 "))
    #expect(disk.text.contains("# commit 9-9 "))
  }

  @Test("of lines removed, which leaves a gap")
  func removed() throws {
    let (strings, _, disk) = try seal { lines in lines.remove(at: try line(lines, "SET key1 ")) }
    #expect(strings["key1"] == nil)
    #expect(strings["key2"] == "value 2")
    #expect(disk.text.contains("# commit 6-5 "))
    #expect(disk.text.contains("# commit 7-7 "))
  }

  @Test("of a body")
  func body() throws {
    let (strings, changes, disk) = try seal { lines in
      lines[try line(lines, "SET body1 ")] = "SET body1 edited"
      lines.remove(at: try line(lines, "SET body2 "))
    }
    #expect(strings["body1"] == "edited")
    #expect(strings["body2"] == nil)
    #expect(strings["key2"] == "value 2")
    #expect(!changes.isEmpty)
    #expect(disk.text.contains(" keys 3 "))
  }

  @Test("with a closing line gone, or broken", arguments: ["# commit 6-6", "# part 1", "# checkpoint"])
  func closingLines(prefix: String) throws {
    let gone = try seal { lines in lines.remove(at: try line(lines, prefix)) }
    #expect(gone.strings == Self.expected)
    let broken = try seal { lines in lines[try line(lines, prefix)] = prefix + " oh no" }
    #expect(broken.strings == Self.expected)
    #expect(broken.changes.contains { $0.notes.contains { $0.contains("written anew") } })
  }

  @Test("with all closing lines of the body gone, its lines become changes")
  func noBody() throws {
    let (strings, _, _) = try seal { lines in
      lines.removeAll { $0.hasPrefix("# part") || $0.hasPrefix("# checkpoint") }
    }
    #expect(strings == Self.expected)
  }

  @Test("with lines added at the end, with and without a line end")
  func atTheEnd() throws {
    let (strings, changes, disk) = try seal { lines in lines += ["SET last 1", "DEL key0"] }
    #expect(strings["last"] == "1")
    #expect(strings["key0"] == nil)
    #expect(changes.last?.notes.contains { $0.contains("new closing line") } == true)
    #expect(disk.text.contains("# commit 8-9 "))

    disk.content += bytes("SET really")
    #expect(throws: DatabaseError.self) { try DatabaseSeal(disk.toolFolder, time: SampleHistory.start) }
    disk.content += bytes(" last")
    let seal = try DatabaseSeal(disk.toolFolder, time: SampleHistory.start)
    #expect(seal.changes.last?.lines == ["SET really last"])
    try seal.abandon()
  }

  @Test("with the header edited or gone")
  func header() throws {
    let edited = try seal { lines in
      lines[0] = lines[0].replacing("hash seed", with: "hash  seed")
    }
    #expect(edited.strings == Self.expected)
    let gone = try seal { lines in lines.removeFirst() }
    #expect(gone.strings == Self.expected)
  }

  @Test("stops at a record that can't be replayed, and leaves everything as it was")
  func misfit() throws {
    for wrong in [
      "SET key1", "SADD key0 a", "SET \"key1 x", "nonsense", "SELECT 99999", "SET key1 x VERSION 999",
    ] {
      let disk = try SampleHistory.bodyAndBatches(3)
      var lines = disk.lines
      let index = try line(lines, "SET key1 ")
      lines[index] = wrong
      disk.write(lines)
      let before = disk.content
      let names = disk.fileNames
      let error = #expect(throws: DatabaseError.self, "\(wrong)") {
        try DatabaseSeal(disk.toolFolder, time: SampleHistory.start)
      }
      #expect(error?.line == index + 1, "\(wrong)")
      #expect(disk.content == before)
      #expect(disk.fileNames == names)
    }
  }

  @Test("doesn't drop what has come to stand behind a checksum")
  func joinedLines() throws {
    let disk = try SampleHistory.bodyAndBatches(3)
    var lines = disk.lines
    let index = try line(lines, "SET key1 ")
    lines[index - 1] += lines.remove(at: index)
    disk.write(lines)
    let error = #expect(throws: DatabaseError.self) {
      try DatabaseSeal(disk.toolFolder, time: SampleHistory.start)
    }
    #expect(error?.line == index)
  }

  @Test("finds nothing to do on a file that nobody edited")
  func untouched() throws {
    for seed in UInt64(1)...4 {
      let disk = try SampleHistory(seed: seed, commands: 60, checkpointsAt: [30]).disk
      let seal = try DatabaseSeal(disk.toolFolder, time: SampleHistory.start)
      #expect(seal.isUnchanged, "seed \(seed): \(seal.changes)")
      #expect(disk[DatabaseFile.unfinishedName] == disk.content, "what would be written is what is there")
      try seal.abandon()
    }
  }
}
