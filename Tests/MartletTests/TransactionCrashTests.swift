// Transactions on the disk: whole or not there at all, wherever the file ends, whoever else writes, and while the file is
// rewritten.
import Martlet
import MartletSimulation
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

  /// How many keys a transaction of `writeTogether` sets.
  private static let keysTogether = 50

  /// Two lanes, each setting keys of its own to the same value in transactions, again and again until `work`, which
  /// runs meanwhile, has ended and there have been a few.
  private static func writeTogether(_ store: StoreCore, during work: () -> Void) {
    let isDone = SharedCounter()
    let writers = (0..<2).map { lane in
      SystemThread(name: "transactions") {
        var server = TestServer(store, seed: UInt64(lane + 1))
        var turn = 0
        while turn < 50 || isDone.value == 0 {
          _ = server.redis(line: "SELECT \((turn + lane) % 3)")
          _ = server.redis(line: "MULTI")
          for key in 0..<keysTogether {
            if key % 10 == 0 { _ = server.redis(line: "SELECT \((turn + key / 10) % 3)") }
            _ = server.redis(line: "SET lane\(lane):\(key) \(turn)")
          }
          _ = server.redis(line: "EXEC")
          turn += 1
        }
      }
    }
    work()
    isDone.set(1)
    for writer in writers { writer.join() }
    isDone.destroy()
  }

  /// Whether what a transaction of `writeTogether` set is all there: each key's highest value is the same.
  private static func isWhole(_ contents: [DatabaseContents]) -> Bool {
    (0..<2).allSatisfy { lane in
      let values = (0..<keysTogether).map { key in
        contents.compactMap { database -> Int? in
          guard case .string(let value)? = database[bytes("lane\(lane):\(key)")]?.content else { return nil }
          return Int(String(decoding: value, as: UTF8.self))
        }.max()
      }
      return values.allSatisfy { $0 == values[0] }
    }
  }

  /// Where in a file its batches end, which is where a crash may leave it.
  private static func batchEnds(_ file: [UInt8]) -> [Int] {
    var ends: [Int] = []
    var lineStart = 0
    for index in file.indices where file[index] == UInt8(ascii: "\n") {
      if file[lineStart..<index].starts(with: bytes("# commit ")) { ends.append(index + 1) }
      lineStart = index + 1
    }
    return ends
  }

  @Test("is not parted by a commit in its midst, nor by another session's transaction there")
  func commitInside() throws {
    let disk = SimulatedDisk()
    let store = try openStore(on: disk)
    var server = TestServer(store)
    // Keys of different shards, so that both transactions can be under way.
    let key = "key"
    let shard = store.keyspace.place(key.utf8.span.raw).shard
    let other = try #require(
      (0..<1000).map { "other\($0)" }.first { store.keyspace.place($0.utf8.span.raw).shard != shard })
    server.context.parameters = [
      ConfigParameter("inside", get: { "" }) { _ in
        let thread = SystemThread(name: "inside") {
          var second = TestServer(store, seed: 2)
          for line in ["MULTI", "SET \(other) 1", "SELECT 1", "SET \(other) 2", "EXEC"] {
            _ = second.redis(line: line)
          }
          store.journal.commit()
          // What came after the first transaction had begun can't be on the disk before that ends.
          let isSecondHeld = second.isReplyHeld
          #expect(isSecondHeld)
          _ = second.redis(line: "SET \(other) 3")
          store.journal.commit()
          #expect(store.journal.durable.value == 1)
        }
        thread.join()
        return nil
      }
    ]
    for line in [
      "SELECT 2", "SET before 1", "MULTI", "SET \(key) 1", "CONFIG SET inside 1", "SET \(key) 2", "EXEC",
    ] {
      _ = server.redis(line: line)
    }
    let isHeldBefore = server.isReplyHeld
    store.journal.commit()
    let isHeldAfter = server.isReplyHeld
    #expect(isHeldBefore && !isHeldAfter)
    #expect(store.journal.lastVersion == 6)
    let file = disk.content
    #expect(Self.batchEnds(file).count == 2)
    #expect(try Self.contents(of: file[...]) == store.contents())
    #expect(try Self.contents(of: file.dropLast()).map(\.count) == [0, 0, 1, 0])
  }

  @Test("shares batches with those of other sessions, and no batch ends inside one")
  func interleaved() throws {
    let disk = SimulatedDisk()
    let store = try openStore(on: disk, durability: .never)
    Self.writeTogether(store) {
      // A commit writes a batch if anything has come since the last.
      let start = disk.operations
      while disk.operations < start + 200 { store.journal.commit() }
    }
    store.journal.commit()
    let file = disk.content
    let ends = Self.batchEnds(file)
    #expect(ends.count > 1)
    for index in stride(from: 0, to: ends.count, by: max(1, ends.count / 50)) {
      #expect(Self.isWhole(try Self.contents(of: file[..<ends[index]])), "\(ends[index])")
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
    let event = Signal()
    Self.writeTogether(store) {
      store.checkpointer.onEvent { _ in event.raise() }
      let limit = WallClock.monotonicNanoseconds() + 60_000_000_000
      while store.checkpointer.status.finished < 2 && WallClock.monotonicNanoseconds() < limit {
        _ = store.checkpointer.request()
        event.wait(nanoseconds: 1_000_000_000)
      }
    }
    #expect(store.checkpointer.status.finished >= 2)
    store.checkpointer.stop()
    event.destroy()
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
