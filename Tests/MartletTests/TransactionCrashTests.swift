// Transactions on the disk: whole or not there at all, wherever the file ends, whoever else writes, and while the file is
// rewritten.
import Martlet
import Testing

@Suite("A transaction in the file")
struct TransactionCrashTests {
  /// What a store that is opened from a file of these bytes holds.
  private static func contents(of file: ArraySlice<UInt8>) throws -> [DatabaseContents] {
    let disk = SimulatedDisk()
    disk.content = Array(file)
    return try openStore(on: disk).contents()
  }

  @Test("is there whole or not at all, at whatever byte the file ends")
  func cutAnywhere() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    _ = server.redis(line: "SET k before")
    server.store.journal.commit()
    let before = server.store.contents()
    let start = disk.content.count
    for line in [
      "MULTI", "SET k after", "SADD s a b", "SELECT 2", "SET k other", "DEL absent", "SELECT 1", "APPEND k x",
      "SELECT 0", "SPOP s 2", "RENAME k j", "INCR n", "EXEC",
    ] {
      _ = server.redis(line: line)
      // A commit in the middle of the queueing has nothing to write.
      server.store.journal.commit()
    }
    let after = server.store.contents()
    let file = disk.content
    #expect(server.store.journal.lastVersion == 8)
    #expect(after[0][bytes("n")] != nil && after[2][bytes("k")] != nil)
    for end in start..<file.count { #expect(try Self.contents(of: file[..<end]) == before, "\(end)") }
    #expect(try Self.contents(of: file[...]) == after)
  }

  /// Two lanes that write pairs of equal values in transactions, while a third does `work` again and again.
  private static func writePairs(
    _ store: StoreCore, turns: Int, _ work: @escaping @Sendable (_ hasEnded: () -> Bool) -> Void
  ) {
    let running = SharedCounter(2)
    let writers = (0..<2).map { lane in
      SystemThread(name: "transactions") {
        var server = TestServer(store, seed: UInt64(lane + 1))
        for turn in 0..<turns {
          let database = turn % 3
          _ = server.redis(line: "SELECT \((turn + lane) % 3)")
          _ = server.redis(line: "MULTI")
          for half in ["x", "y", "z"] {
            _ = server.redis(line: "SELECT \(database)")
            _ = server.redis(line: "SET lane\(lane):\(half) \(turn)")
          }
          _ = server.redis(line: "EXEC")
        }
        running.subtract(1)
      }
    }
    work { running.value == 0 }
    for writer in writers { writer.join() }
  }

  /// Whether the values that a transaction set together are the same.
  private static func isWhole(_ contents: [DatabaseContents]) -> Bool {
    contents.allSatisfy { database in
      (0..<2).allSatisfy { lane in
        let values = ["x", "y", "z"].map { database[bytes("lane\(lane):\($0)")]?.content }
        return values.allSatisfy { $0 == values[0] }
      }
    }
  }

  @Test("shares batches with those of other sessions, and no batch ends inside one")
  func interleaved() throws {
    let disk = SimulatedDisk()
    let store = try openStore(on: disk, durability: .never)
    Self.writePairs(store, turns: 300) { hasEnded in
      while !hasEnded() { store.journal.commit() }
    }
    store.journal.commit()
    let file = disk.content
    // Each batch's end is where a crash may leave the file.
    var ends: [Int] = []
    var lineStart = 0
    for index in file.indices where file[index] == UInt8(ascii: "\n") {
      if file[lineStart..<index].starts(with: bytes("# commit ")) { ends.append(index + 1) }
      lineStart = index + 1
    }
    #expect(ends.count > 1)
    for end in ends.count > 150 ? ends.shuffled().prefix(150) : ends[...] {
      #expect(Self.isWhole(try Self.contents(of: file[..<end])), "\(end)")
    }
    #expect(try Self.contents(of: file[...]) == store.contents())
  }

  @Test(
    "is whole in a file that was rewritten while transactions ran", arguments: 1...5 as ClosedRange<UInt64>)
  func checkpoints(seed: UInt64) throws {
    let disk = SimulatedDisk(seed: seed)
    let store = try openStore(on: disk, durability: .always)
    store.journal.start()
    store.checkpointer.start()
    Self.writePairs(store, turns: 300) { hasEnded in
      while !hasEnded() { _ = store.checkpointer.request() }
    }
    #expect(store.checkpointer.status.finished > 0)
    store.checkpointer.stop()
    let written = store.contents()
    #expect(Self.isWhole(written))
    disk.crash()
    let recovered = try openStore(on: disk)
    #expect(Self.isWhole(recovered.contents()))
    store.journal.stop()
  }

  @Test(
    "survives crashes whole, with every one that was acknowledged", arguments: 1...40 as ClosedRange<UInt64>)
  func crashes(seed: UInt64) throws {
    let disk = SimulatedDisk(seed: seed)
    var random = RandomSource(seed: seed)
    var acknowledged = 0
    for _ in 0..<20 {
      var server = TestServer(try openStore(on: disk, seed: random.next()))
      let values = Set(
        ["a", "b", "c"].map { key in
          server.redis("GET", key).split(separator: "\r\n").last.flatMap { Int($0) } ?? 0
        })
      #expect(values.count == 1)
      #expect((values.first ?? 0) >= acknowledged)
      var number = values.first ?? 0
      if Bool.random(using: &random) {
        var faults = SimulatedDisk.Faults()
        faults.operationsUntilPowerLoss = Int.random(in: 0...6, using: &random)
        disk.order(faults)
      }
      for _ in 0..<Int.random(in: 0...10, using: &random) {
        number += 1
        _ = server.redis(line: "MULTI")
        for key in ["a", "b", "c"] { _ = server.redis(line: "INCR \(key)") }
        _ = server.redis(line: "EXEC")
        if Bool.random(using: &random) {
          server.store.journal.commit()
          if server.store.journal.mayShow(server.store.journal.lastVersion) { acknowledged = number }
        }
        if server.store.journal.failure != nil { break }
      }
      disk.crash()
    }
  }
}
