// Many counts that one thread adds to and others read, without a lock and without a locked instruction.

internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A fixed number of counts at a fixed address. They begin at 0.
@safe struct CountArray: @unchecked Sendable {
  private let start: UnsafeMutablePointer<Atomic<UInt64>>
  let count: Int

  init(count: Int) {
    self.count = count
    unsafe start = .allocate(capacity: count)
    for index in 0..<count { unsafe (start + index).initialize(to: Atomic(0)) }
  }

  func destroy() {
    unsafe start.deinitialize(count: count)
    unsafe start.deallocate()
  }

  /// Adds to a count, by the one thread that writes; what it is then.
  @inline(__always)
  @discardableResult
  func add(_ index: Int, _ amount: UInt64 = 1) -> UInt64 {
    precondition(index >= 0 && index < count)
    let sum = unsafe start[index].load(ordering: .relaxed) &+ amount
    unsafe start[index].store(sum, ordering: .relaxed)
    return sum
  }

  subscript(index: Int) -> UInt64 {
    precondition(index >= 0 && index < count)
    return unsafe start[index].load(ordering: .relaxed)
  }
}

/// A count array that takes memory only where something has been counted: it is made by the one thread that writes when
/// that first adds something, and of zeros that the system makes when they are touched.
@safe struct LazyCountArray: ~Copyable, @unchecked Sendable {
  private let pointer = Atomic<UInt>(0)
  private let count: Int

  init(count: Int) { self.count = count }

  deinit { unsafe free(existing) }

  private var existing: UnsafeMutablePointer<Atomic<UInt64>>? {
    unsafe UnsafeMutablePointer(bitPattern: pointer.load(ordering: .acquiring))
  }

  func add(_ index: Int) {
    precondition(index >= 0 && index < count)
    let start = unsafe existing ?? make()
    unsafe start[index].store(start[index].load(ordering: .relaxed) &+ 1, ordering: .relaxed)
  }

  private func make() -> UnsafeMutablePointer<Atomic<UInt64>> {
    guard let memory = unsafe calloc(count, MemoryLayout<Atomic<UInt64>>.stride) else {
      fatalError("there is no memory for \(count) counts")
    }
    let start = unsafe memory.bindMemory(to: Atomic<UInt64>.self, capacity: count)
    pointer.store(UInt(bitPattern: start), ordering: .releasing)
    return unsafe start
  }

  /// Adds some of the counts to as many sums, which are made if there are none.
  func add(_ range: Range<Int>, to sums: inout [UInt64]) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    guard let start = unsafe existing else { return }
    if sums.isEmpty { sums = Array(repeating: 0, count: range.count) }
    for index in 0..<range.count {
      unsafe sums[index] &+= start[range.lowerBound + index].load(ordering: .relaxed)
    }
  }
}
