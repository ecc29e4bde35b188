// A file is read back the same on any number of threads, and however it lies across the chunks that are read.
import Martlet
import MartletSimulation
import Testing

@Suite("Loading")
struct LoadingTests {
  /// A file with a body of several parts and with batches behind it, longer than a chunk; and what it holds.
  private func sample(seed: UInt64, size: Int) throws -> (
    content: [UInt8], contents: [DatabaseContents], version: UInt64
  ) {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    var workload = Workload(seed: seed, databaseCount: 4)
    func work(_ more: Int) {
      let end = disk.content.count + more
      while disk.content.count < end {
        for _ in 0..<50 {
          let operation = workload.next(now: 1_800_000_000_000)
          server.run(operation)
        }
        let filler = [UInt8](repeating: UInt8(ascii: "x"), count: size / 50)
        server.send(redis: [bytes("SET"), bytes("filler \(workload.number(0...30))"), filler])
        server.store.journal.commit()
      }
    }
    work(size / 2)
    let file = try #require(server.store.file)
    var checkpoint = try Checkpoint(
      server.store.keyspace, server.store.journal, file, server.store.clock, outlivesFlush: true, keptFiles: 0
    )
    while checkpoint.step() == nil { server.store.journal.commit() }
    work(size / 2)
    return (disk.content, server.store.contents(), server.store.journal.lastVersion)
  }

  @Test("gives the same on any number of threads", arguments: 1...6 as ClosedRange<UInt64>)
  func threads(seed: UInt64) throws {
    let sample = try sample(seed: seed, size: seed == 1 ? 20_000_000 : 60_000)
    for threads in [1, 2, 3, 7] {
      let loaded = try Simulation.load(sample.content, threads: threads)
      #expect(loaded.version == sample.version)
      #expect(loaded.contents == sample.contents, "\(threads) threads")
    }
  }

  @Test("stops at the same line on any number of threads", arguments: [1, 2, 3, 7])
  func damage(threads: Int) throws {
    let sample = try sample(seed: 3, size: 60_000)
    for place in stride(from: 1000, to: FileFacts(sample.content).vouchedEnd, by: 4999) {
      var content = sample.content
      content[place] ^= 1
      let alone = #expect(throws: DatabaseError.self) { _ = try Simulation.load(content, threads: 1) }
      let together = #expect(throws: DatabaseError.self) {
        _ = try Simulation.load(content, threads: threads)
      }
      #expect(alone == together)
    }
  }

  @Test("a body without its end is refused, wherever it ends")
  func tornBody() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    for number in 0..<20 { server.send(redis: ["SET", "key \(number)", "x"].map(bytes)) }
    server.store.journal.commit()
    let file = try #require(server.store.file)
    var checkpoint = try Checkpoint(
      server.store.keyspace, server.store.journal, file, server.store.clock, outlivesFlush: true, keptFiles: 0
    )
    while checkpoint.step() == nil { server.store.journal.commit() }
    let content = disk.content
    let header = (content.firstIndex(of: UInt8(ascii: "\n")) ?? 0) + 1
    for end in header..<content.count {
      #expect(throws: DatabaseError.self) { _ = try Simulation.load(Array(content[..<end]), threads: 2) }
    }
  }

  @Test("a note at the end that may not be on the disk is written once more")
  func unsyncedNote() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    server.send(redis: ["SET", "a", "1"].map(bytes))
    server.store.journal.commit()
    // The sync of the note fails, what it was for is lost from the disk, and memory still shows it.
    disk.order(SimulatedDisk.Faults(sync: 1))
    server.store.journal.stop()
    disk.endProgram()
    var next = TestServer(try openStore(on: disk))
    next.send(redis: ["SET", "b", "2"].map(bytes))
    next.store.journal.commit()
    #expect(next.store.journal.durable.value == 2)
    disk.crash()
    #expect(try openStore(on: disk).contents() == next.store.contents())
  }
}
