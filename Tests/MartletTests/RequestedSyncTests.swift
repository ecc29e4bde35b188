// The journal's own promises to those who write.
import Martlet
import MartletSimulation
import Testing

@Suite("A requested sync")
struct RequestedSyncTests {
  @Test(
    "syncs what is written when it is asked to, whatever the setting", arguments: Durability.allCases,
    0..<5 as Range<UInt64>)
  func requestSync(durability: Durability, seed: UInt64) throws {
    let disk = SimulatedDisk(seed: seed)
    var server = TestServer(try openStore(on: disk, durability: durability))
    let journal = server.store.journal
    let called = Signal()
    journal.onCommit { called.raise() }
    journal.start()
    for round in 1...20 as ClosedRange<UInt64> {
      server.send(redis: ["SET", "k", "\(round)"].map(bytes))
      let limit = WallClock.monotonicNanoseconds() + 20_000_000_000
      while journal.durable.value < round && WallClock.monotonicNanoseconds() < limit {
        journal.requestSync()
        // A listener that is never called would let this sleep to the limit.
        called.wait(nanoseconds: 20_000_000_000)
      }
      #expect(journal.durable.value == round)
    }
    disk.crash()
    var after = TestServer(try openStore(on: disk))
    #expect(after.redis("GET", "k") == "$2\r\n20\r\n")
    journal.stop()
    called.destroy()
  }
}
