// MOVE and SWAPDB: what they leave behind in memory, in the file, and in a checkpoint that is under way.
import Martlet
import MartletSimulation
import Testing

@Suite("Numbered databases")
struct NumberedDatabaseTests {
  /// A server whose databases 0, 1 and 2 hold items of every type, with expiry and without.
  private func server(on disk: SimulatedDisk) throws -> TestServer {
    var server = TestServer(try openStore(on: disk))
    for database in 0..<3 {
      server.send(redis: ["SELECT", "\(database)"].map(bytes))
      for index in 0..<200 { server.send(redis: ["SET", "k\(index)", "\(database)"].map(bytes)) }
      server.send(
        redis: ["SADD", "s"].map(bytes) + (0..<(database * 300)).map { bytes("m\($0)") } + [bytes("m")])
      server.send(redis: ["SET", "e\(database)", "v", "PXAT", "1900000000000"].map(bytes))
      server.send(redis: ["HSET", "h\(database)", "f", "v"].map(bytes))
      server.send(redis: ["HPEXPIREAT", "h\(database)", "1900000000000", "FIELDS", "1", "f"].map(bytes))
    }
    server.send(redis: ["SELECT", "0"].map(bytes))
    return server
  }

  @Test("change places whole, and are what they were after a restart", arguments: [1, 3])
  func swap(threads: Int) throws {
    let disk = SimulatedDisk()
    var server = try server(on: disk)
    let before = server.store.contents()
    let versionBefore = server.store.journal.lastVersion
    #expect(server.redis("SWAPDB", "0", "2") == "+OK\r\n")
    #expect(server.store.journal.lastVersion == versionBefore + 1)
    #expect(server.store.contents() == [before[2], before[1], before[0], before[3]])
    #expect(server.redis("SWAPDB", "3", "0") == "+OK\r\n")
    #expect(server.store.contents() == [before[3], before[1], before[0], before[2]])
    server.send(redis: ["SET", "k1", "new"].map(bytes))
    #expect(server.redis("MOVE", "k1", "1") == ":0\r\n")
    #expect(server.redis("MOVE", "k1", "2") == ":0\r\n")
    #expect(server.redis("SELECT", "1") == "+OK\r\n")
    #expect(server.redis("MOVE", "h1", "3") == ":1\r\n")
    #expect(server.redis("MOVE", "s", "0") == ":1\r\n")
    // What expires is known in each.
    let info = server.redis(line: "INFO keyspace")
    #expect(info.contains("db0:keys=2,expires=0") && info.contains("db3:keys=204,expires=1"))
    server.store.journal.commit()
    var random = RandomSource(seed: 1)
    let next = try StoreCore(
      folder: SimulatedDisk.folder, disk: disk, durability: .always, threads: threads, databases: 4,
      clock: WallClock(stoppedAt: 1_800_000_000_000), random: &random)
    #expect(next.contents() == server.store.contents())
  }

  @Test("swapped after their keys have expired are swept, with the fields of their hashes")
  func sweep() throws {
    let clock = WallClock(stoppedAt: 1_800_000_000_000)
    var server = TestServer.inMemory(databases: 4, clock: clock)
    server.send(redis: ["SET", "e", "v", "PX", "100"].map(bytes))
    server.send(redis: ["HSETEX", "h", "PX", "100", "FIELDS", "1", "f", "v"].map(bytes))
    server.send(redis: ["SWAPDB", "0", "3"].map(bytes))
    server.send(redis: ["SET", "other", "v", "PX", "100"].map(bytes))
    clock.advance(milliseconds: 200)
    var sweeper = Sweeper(server.store, server.context, seed: 1)
    sweeper.sweep(nanoseconds: 1_000_000_000)
    #expect(server.store.keyCount == 0)
  }

  @Test("that change places while a checkpoint is made are in it as they were", arguments: 1...12)
  func checkpoint(step: Int) throws {
    let disk = SimulatedDisk()
    var server = try server(on: disk)
    server.store.journal.commit()
    guard let file = server.store.file else { return }
    var checkpoint = try Checkpoint(
      server.store.keyspace, server.store.journal, file, server.store.clock, outlivesFlush: true, keptFiles: 0
    )
    var steps = 0
    while true {
      if let outcome = checkpoint.step() {
        guard case .finished = outcome else {
          Issue.record("\(outcome)")
          return
        }
        break
      }
      steps += 1
      if steps == step || steps == 3 * step {
        for command in [
          ["SWAPDB", "0", "1"], ["SET", "k1", "changed"], ["DEL", "k2"], ["SREM", "s", "m"],
          ["SWAPDB", "1", "3"],
          ["MOVE", "k3", "3"], ["SADD", "s", "m1", "new"], ["SWAPDB", "2", "0"], ["APPEND", "k4", "x"],
          ["FLUSHDB"],
        ] { server.send(redis: command.map(bytes)) }
      }
      server.store.journal.commit()
    }
    server.store.journal.commit()
    #expect(disk.text.hasPrefix("# martlet database"))
    #expect(try openStore(on: disk).contents() == server.store.contents())
  }
}
