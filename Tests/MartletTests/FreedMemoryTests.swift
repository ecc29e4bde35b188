// When the memory of freed buffers goes back to the system.
import Martlet
import Testing

@Suite("Freed memory")
struct FreedMemoryTests {
  private let second = FreedMemoryWatch.interval
  private let worth = FreedMemoryWatch.worthBytes

  /// The times at which memory is given back, of those at which so much has been freed.
  private func times(_ looks: [(time: Int64, freed: UInt64)]) -> [Int64] {
    var watch = FreedMemoryWatch()
    return looks.filter { watch.isDue(at: $0.time, freed: $0.freed) }.map(\.time)
  }

  @Test("is given back when a burst is over, and once; while it lasts the memory is needed again at once")
  func burst() {
    let freed = [0, 10, 20, 20, 20, 22, 22, 22].map { $0 * worth }
    #expect(times(freed.enumerated().map { (Int64($0 + 1) * second, $1) }) == [4 * second, 7 * second])
  }

  @Test("is given back now and then where there is always some, so that it doesn't grow for ever")
  func steady() {
    #expect(5...20 ~= times((1...100).map { (Int64($0) * second, UInt64($0) * worth) }).count)
  }

  @Test("stays where it is when it is little")
  func little() {
    #expect(times((1...100).map { (Int64($0) * second, worth - 1) }) == [])
    #expect(times((1...100).map { (Int64($0) * second, worth) }) == [2 * second])
  }

  @Test("isn't looked at all the time")
  func interval() {
    let looks = [second, 2 * second - 1, 2 * second].map { (time: $0, freed: worth) }
    #expect(times(looks) == [2 * second])
  }
}
