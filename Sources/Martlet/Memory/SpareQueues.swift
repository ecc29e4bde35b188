// Queues that nobody uses at the moment, kept so that the next reply needs no allocation.

/// A stack of empty queues with memory.
@safe package struct SpareQueues: ~Copyable, @unchecked Sendable {
  /// So many are kept…
  private static let maximumCount = 1024
  /// …with this many bytes each, at most.
  private static let capacityKept = 16 << 10

  private let queues: UnsafeMutablePointer<ByteQueue>
  private var count = 0

  package init() { unsafe queues = .allocate(capacity: Self.maximumCount) }

  deinit {
    unsafe queues.deinitialize(count: count)
    unsafe queues.deallocate()
  }

  /// An empty queue, with memory if there is one.
  package mutating func take() -> ByteQueue {
    guard count > 0 else { return ByteQueue() }
    count -= 1
    return unsafe (queues + count).move()
  }

  /// Leaves `queue` empty and without memory, and keeps what it had for another.
  package mutating func reclaim(_ queue: inout ByteQueue) {
    queue.removeAll(keeping: Self.capacityKept)
    var taken = ByteQueue()
    swap(&taken, &queue)
    guard count < Self.maximumCount else { return }
    unsafe (queues + count).initialize(to: taken)
    count += 1
  }
}
