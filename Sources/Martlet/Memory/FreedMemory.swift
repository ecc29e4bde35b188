// Large buffers that have been freed. What lies between blocks that are still in use the C library keeps: after a burst
// of large requests that could be most of the process, for good. So what is freed is counted, and once a burst is over
// the library is told to give all whole pages back to the system. While it lasts they are needed again at once.

internal import CMartlet
internal import Synchronization

/// The large buffers of the whole process.
package enum FreedMemory {
  /// Smaller ones aren't counted.
  private static let countedBytes = 4 << 10
  private static let counter = Atomic<UInt64>(0)

  /// How many bytes of them were freed since the process began.
  static var bytes: UInt64 { counter.load(ordering: .relaxed) }

  /// Notes that a buffer is freed, or soon will be.
  @inline(__always)
  package static func note(_ bytes: Int) { if bytes >= countedBytes { count(bytes) } }

  @inline(never)
  private static func count(_ bytes: Int) { counter.wrappingAdd(UInt64(bytes), ordering: .relaxed) }

  /// Gives all whole pages that hold nothing back to the system.
  static func giveBack() { martlet_trim_memory() }
}

/// Says when freed memory is worth giving back.
package struct FreedMemoryWatch {
  /// How often it looks, in nanoseconds.
  package static let interval: Int64 = 1_000_000_000
  /// Less than this many bytes stay where they are.
  package static let worthBytes: UInt64 = 4 << 20
  /// A burst is over when since the last look less than this part was freed of what wasn't given back yet.
  private static let quietPart: UInt64 = 8

  private var nextLook: Int64 = 0
  private var seen: UInt64 = 0
  private var givenBack: UInt64 = 0

  package init() {}

  /// Whether freed memory is to be given back now; it then counts as given back.
  ///
  /// - Parameters:
  ///   - now: in nanoseconds of `WallClock.monotonicNanoseconds()`.
  ///   - freed: how many bytes were ever freed.
  package mutating func isDue(at now: Int64, freed: UInt64) -> Bool {
    guard now >= nextLook else { return false }
    nextLook = now + Self.interval
    let kept = freed &- givenBack
    let isQuiet = freed &- seen < kept / Self.quietPart
    seen = freed
    guard kept >= Self.worthBytes && isQuiet else { return false }
    givenBack = freed
    return true
  }
}
