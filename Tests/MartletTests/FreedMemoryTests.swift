// When the memory of freed buffers goes back to the system.
import Martlet
import Testing

@Suite("Freed memory")
struct FreedMemoryTests {
  private let second = FreedMemoryWatch.interval
  private let worth = FreedMemoryWatch.worthBytes

  @Test("is given back when a burst is over, and once")
  func burst() {
    var watch = FreedMemoryWatch()
    #expect(!watch.isDue(at: 10 * second, freed: 0))
    // While it lasts the memory is needed again at once.
    #expect(!watch.isDue(at: 11 * second, freed: 10 * worth))
    #expect(!watch.isDue(at: 12 * second, freed: 20 * worth))
    #expect(watch.isDue(at: 13 * second, freed: 20 * worth + 1))
    #expect(!watch.isDue(at: 14 * second, freed: 20 * worth + 1))
    // Another one.
    #expect(!watch.isDue(at: 15 * second, freed: 22 * worth))
    #expect(watch.isDue(at: 16 * second, freed: 22 * worth))
  }

  @Test("is given back now and then where there is always some, so that it doesn't grow for ever")
  func steady() {
    var watch = FreedMemoryWatch()
    let times = (1...100).filter { watch.isDue(at: Int64($0) * second, freed: UInt64($0) * worth) }
    #expect(5...20 ~= times.count)
  }

  @Test("stays where it is when it is little")
  func little() {
    var watch = FreedMemoryWatch()
    for time in 1...100 { #expect(!watch.isDue(at: Int64(time) * second, freed: worth - 1)) }
  }

  @Test("isn't looked at all the time")
  func interval() {
    var watch = FreedMemoryWatch()
    #expect(!watch.isDue(at: second, freed: worth))
    #expect(!watch.isDue(at: 2 * second - 1, freed: worth))
    #expect(watch.isDue(at: 2 * second, freed: worth))
  }
}
