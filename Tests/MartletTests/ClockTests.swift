// The clock of a store, and times as the database file shows them.
import Martlet
import MartletSimulation
import Testing

@Suite("The clock")
struct ClockTests {
  @Test("never goes back, whoever looks")
  func neverBack() {
    let clock = WallClock()
    let start = clock.now()
    let threads = (0..<2).map { _ in
      SystemThread(name: "clock-test") {
        var last = clock.now()
        for _ in 0..<100_000 {
          let now = clock.now()
          precondition(now >= last)
          last = now
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(clock.now() >= start)
  }

  @Test("stands still for tests until it is moved, in all its copies")
  func stopped() {
    let clock = WallClock(stoppedAt: 1000)
    let copy = clock
    #expect(clock.now() == 1000)
    clock.advance(milliseconds: 5)
    #expect(copy.now() == 1005)
  }

  @Test(
    "is shown in ISO 8601",
    arguments: [
      (Int64(0), "1970-01-01T00:00:00.000Z"),
      (1, "1970-01-01T00:00:00.001Z"),
      (-1, "1969-12-31T23:59:59.999Z"),
      (-86_400_000, "1969-12-31T00:00:00.000Z"),
      (-86_400_001, "1969-12-30T23:59:59.999Z"),
      (951_782_400_000, "2000-02-29T00:00:00.000Z"),
      (951_868_799_999, "2000-02-29T23:59:59.999Z"),
      (951_868_800_000, "2000-03-01T00:00:00.000Z"),
      (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
      (1_735_689_599_999, "2024-12-31T23:59:59.999Z"),
      (1_795_363_632_123, "2026-11-22T16:07:12.123Z"),
      (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
      (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
      (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
      (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
    ])
  func isoTime(milliseconds: Int64, expected: String) {
    var text = ByteQueue()
    text.append(time: milliseconds)
    #expect(text.bytes.text == expected)
  }
}
