// The lock of a shard, and the other short locks: one word, taken by one compare-and-exchange when free; a waiter
// spins a little and then sleeps in the kernel (Drepper, "Futexes Are Tricky", mutex 2).

internal import CMartlet
internal import Synchronization

/// A mutual exclusion lock in memory that its owner pins. It isn't fair and not reentrant.
@safe struct Lock: @unchecked Sendable {
  private static let free: UInt32 = 0
  private static let held: UInt32 = 1
  /// Held, and somebody may be asleep.
  private static let contended: UInt32 = 2
  /// How often a waiter looks again before it sleeps.
  private static let spins = 100

  private let word: UnsafeMutablePointer<Atomic<UInt32>>

  /// A lock in the 4 bytes at `address`, which this initialises.
  init(at address: UnsafeMutableRawPointer) {
    unsafe word = address.bindMemory(to: Atomic<UInt32>.self, capacity: 1)
    unsafe word.initialize(to: Atomic(Self.free))
  }

  /// The lock that `init(at:)` made at `address`.
  @inline(__always)
  init(existingAt address: UnsafeMutableRawPointer) {
    unsafe word = address.assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  /// A lock in memory of its own, never freed: for what lives as long as the process or its owner's `destroy`.
  init() {
    unsafe self.init(at: .allocate(byteCount: 64, alignment: 64))
  }

  func destroy() {
    unsafe UnsafeMutableRawPointer(word).deallocate()
  }

  @inline(__always)
  func lock() {
    if !tryLock() { lockSlowly() }
  }

  /// Takes the lock if it is free; whether it was.
  @inline(__always)
  func tryLock() -> Bool {
    unsafe word.pointee.compareExchange(
      expected: Self.free, desired: Self.held, successOrdering: .acquiring, failureOrdering: .relaxed
    ).exchanged
  }

  @inline(__always)
  func unlock() {
    if unsafe word.pointee.exchange(Self.free, ordering: .releasing) == Self.contended {
      unsafe martlet_wake(UnsafeRawPointer(word).assumingMemoryBound(to: UInt32.self), 1)
    }
  }

  @inline(__always)
  func withLock<Result: ~Copyable>(_ body: () throws -> Result) rethrows -> Result {
    lock()
    defer { unlock() }
    return try body()
  }

  @inline(never)
  private func lockSlowly() {
    for _ in 0..<Self.spins {
      if unsafe word.pointee.load(ordering: .relaxed) == Self.free && tryLock() { return }
    }
    while unsafe word.pointee.exchange(Self.contended, ordering: .acquiring) != Self.free {
      unsafe martlet_wait(UnsafeRawPointer(word).assumingMemoryBound(to: UInt32.self), Self.contended, -1)
    }
  }
}

/// A count that one thread at a time writes, under a lock, and others read without it; on a cache line of its own.
@safe struct PublishedCount: @unchecked Sendable {
  private let word: UnsafeMutablePointer<Atomic<Int>>

  init() {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
    unsafe word = memory.bindMemory(to: Atomic<Int>.self, capacity: 1)
    unsafe word.initialize(to: Atomic(0))
  }

  func destroy() { unsafe UnsafeMutableRawPointer(word).deallocate() }

  @inline(__always)
  var value: Int {
    get { unsafe word.pointee.load(ordering: .relaxed) }
    nonmutating set { unsafe word.pointee.store(newValue, ordering: .relaxed) }
  }
}

/// A number that one side raises and many read, on a cache line of its own.
@safe package struct SharedCounter: @unchecked Sendable {
  private let word: UnsafeMutablePointer<Atomic<UInt64>>

  package init(_ value: UInt64 = 0) {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
    unsafe word = memory.bindMemory(to: Atomic<UInt64>.self, capacity: 1)
    unsafe word.initialize(to: Atomic(value))
  }

  package func destroy() { unsafe UnsafeMutableRawPointer(word).deallocate() }

  @inline(__always)
  package var value: UInt64 { unsafe word.pointee.load(ordering: .sequentiallyConsistent) }

  @inline(__always)
  package func set(_ value: UInt64) { unsafe word.pointee.store(value, ordering: .sequentiallyConsistent) }

  /// Adds for a counter that has one writer: no locked instruction.
  @inline(__always)
  package func addAsOnlyWriter(_ amount: UInt64) {
    unsafe word.pointee.store(word.pointee.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
  }

  @inline(__always)
  @discardableResult
  package func add(_ amount: UInt64) -> UInt64 {
    unsafe word.pointee.wrappingAdd(amount, ordering: .acquiringAndReleasing).newValue
  }

  @inline(__always)
  @discardableResult
  package func subtract(_ amount: UInt64) -> UInt64 {
    unsafe word.pointee.wrappingSubtract(amount, ordering: .acquiringAndReleasing).newValue
  }

  /// Raises the value to at least `candidate`; the value after.
  package func raise(to candidate: UInt64) -> UInt64 {
    let result = unsafe word.pointee.max(candidate, ordering: .acquiringAndReleasing)
    return result.newValue
  }
}

/// A sleeping place for one thread that others wake: a wake that comes first isn't lost.
@safe package struct Signal: @unchecked Sendable {
  private let word: UnsafeMutablePointer<Atomic<UInt32>>

  package init() {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
    unsafe word = memory.bindMemory(to: Atomic<UInt32>.self, capacity: 1)
    unsafe word.initialize(to: Atomic(0))
  }

  package func destroy() { unsafe UnsafeMutableRawPointer(word).deallocate() }

  /// Wakes the sleeper, or lets its next sleep return at once. Costs a load when it has been raised already.
  package func raise() {
    if unsafe word.pointee.load(ordering: .sequentiallyConsistent) == 1 { return }
    if unsafe word.pointee.exchange(1, ordering: .acquiringAndReleasing) == 2 {
      unsafe martlet_wake(UnsafeRawPointer(word).assumingMemoryBound(to: UInt32.self), 1)
    }
  }

  /// Sleeps until raised, or for about `nanoseconds` (negative: no limit), and lowers the signal.
  package func wait(nanoseconds: Int64 = -1) {
    if unsafe word.pointee.compareExchange(expected: 0, desired: 2, ordering: .acquiringAndReleasing)
      .exchanged
    {
      unsafe martlet_wait(UnsafeRawPointer(word).assumingMemoryBound(to: UInt32.self), 2, nanoseconds)
    }
    unsafe word.pointee.store(0, ordering: .sequentiallyConsistent)
  }
}

/// A fixed number of values that never change, found without reference counts.
@safe struct PinnedArray<Element>: @unchecked Sendable {
  private let start: UnsafeMutablePointer<Element>
  let count: Int

  /// The elements live as long as the process.
  init(_ elements: [Element]) {
    count = elements.count
    unsafe start = .allocate(capacity: elements.count)
    for index in elements.indices { unsafe (start + index).initialize(to: elements[index]) }
  }

  subscript(index: Int) -> Element {
    @inline(__always) get {
      precondition(index >= 0 && index < count)
      return unsafe start[index]
    }
  }
}

/// A value at a fixed address, whose access needs no check at run time: for state that a lock or a single thread
/// guards.
@safe struct Pinned<Value: ~Copyable>: @unchecked Sendable {
  private let pointer: UnsafeMutablePointer<Value>

  init(_ value: consuming Value) {
    unsafe pointer = .allocate(capacity: 1)
    unsafe pointer.initialize(to: value)
  }

  func destroy() {
    unsafe pointer.deinitialize(count: 1)
    unsafe pointer.deallocate()
  }

  var value: Value {
    @inline(__always) unsafeAddress { unsafe UnsafePointer(pointer) }
    @inline(__always) nonmutating unsafeMutableAddress { unsafe pointer }
  }
}

/// A value under a `Lock`. (`Synchronization.Mutex` does the same, but the thread sanitizer doesn't understand it when
/// it is contended.)
package final class Guarded<Value: ~Copyable>: @unchecked Sendable {
  private let lock = Lock()
  private let pinned: Pinned<Value>

  package init(_ value: consuming sending Value) { pinned = Pinned(value) }

  deinit {
    pinned.destroy()
    lock.destroy()
  }

  /// Runs `body` with the value, alone.
  package func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    lock.lock()
    defer { lock.unlock() }
    return try body(&pinned.value)
  }
}
