// The data in memory: shards, each with its lock, its tables and its allocator. No I/O, no clock of its own.
//
// A key belongs to the shard that eight bits of its hash name. A shard has one table for each numbered database. All
// of a shard is used under its lock only; `Execution` takes the locks, commands never do.

internal import CMartlet

/// A shard's number.
package typealias ShardIndex = Int

/// A key and where it belongs.
package struct Key: ~Escapable {
  package let bytes: RawSpan
  package let hash: UInt64
  package let shard: ShardIndex

  @_lifetime(copy bytes)
  @inline(__always)
  init(_ bytes: RawSpan, _ hash: UInt64, _ shard: ShardIndex) {
    self.bytes = bytes
    self.hash = hash
    self.shard = shard
  }
}

/// The shards of one store. A handle: copies share the data, and `destroy` ends it for all.
@safe package struct Keyspace: @unchecked Sendable {
  /// Bytes from one shard to the next, and from a lock to its shard, so that no two share a cache line (or a pair of
  /// lines that the processor fetches together).
  private static let lockStride = 128
  package static let maximumShards = 256

  private let locks: UnsafeMutableRawPointer
  private let shards: UnsafeMutablePointer<Shard>
  package let shardCount: Int
  package let databaseCount: Int
  let seed: SeedReference
  /// Bytes that the shards have put aside for a checkpoint: no part of the data any more.
  package let retainedBytes: SharedCounter
  /// The number that `seed` was made from.
  package let seedNumber: UInt64
  private let accessClock: SharedCounter
  private let memory = SharedMemoryCounts()
  /// Up to where collections are packed.
  package let packing: PackingSettings
  /// How many clients wait for data. It is raised under the locks of the shards whose keys they wait at, so that who holds one
  /// of these and finds 0 need not look for any.
  let waiterCount = SharedCounter()

  /// - Parameters:
  ///   - shardCount: a power of two, at most 256.
  ///   - databaseCount: how many numbered databases there are.
  ///   - seedNumber: a random number from which the hash function of this database is made.
  ///   - limits: up to where collections are packed at first.
  package init(
    shardCount: Int, databaseCount: Int, seedNumber: UInt64, limits: CollectionLimits = CollectionLimits()
  ) {
    precondition(shardCount > 0 && shardCount & (shardCount - 1) == 0 && shardCount <= Self.maximumShards)
    precondition(databaseCount > 0)
    self.shardCount = shardCount
    self.databaseCount = databaseCount
    self.seedNumber = seedNumber
    packing = PackingSettings(limits)
    seed = SeedReference(HashSeed(seedNumber))
    retainedBytes = SharedCounter()
    accessClock = SharedCounter()
    unsafe locks = .allocate(byteCount: shardCount * Self.lockStride, alignment: 128)
    unsafe shards = .allocate(capacity: shardCount)
    for index in 0..<shardCount {
      _ = unsafe Lock(at: locks + index * Self.lockStride)
      unsafe (shards + index).initialize(
        to: Shard(
          databaseCount: databaseCount, seed: seed, retainedBytes: retainedBytes, accessClock: accessClock,
          memory: memory, packing: packing))
    }
  }

  /// Frees everything. Nobody may use the keyspace after.
  package func destroy() {
    for index in 0..<shardCount { unsafe (shards + index).pointee.removeEverything() }
    unsafe shards.deinitialize(count: shardCount)
    unsafe shards.deallocate()
    unsafe locks.deallocate()
    seed.destroy()
    retainedBytes.destroy()
    accessClock.destroy()
    memory.destroy()
    packing.destroy()
    waiterCount.destroy()
  }

  /// A count of shards that lets `threads` threads meet seldom: a few for each, a power of two.
  package static func shardCount(threads: Int) -> Int {
    var count = 16
    while count < threads * 8 && count < maximumShards { count *= 2 }
    return count
  }

  /// The time that items are marked with when they are read or written, as late as it was last set.
  package var accessTime: AccessTime {
    @inline(__always) get { AccessTime(truncatingBits: accessClock.value) }
    nonmutating set { accessClock.set(UInt64(newValue.bits)) }
  }

  @inline(__always)
  func hash(_ key: RawSpan) -> UInt64 { seed.hash(key) }

  /// The shard of a key. Tags use the bits above these, buckets those below.
  @inline(__always)
  func shardIndex(_ hash: UInt64) -> ShardIndex {
    Int(truncatingIfNeeded: hash >> 40) & (shardCount - 1)
  }

  /// A key with its hash and its shard.
  @_lifetime(copy key)
  @inline(__always)
  package func place(_ key: RawSpan) -> Key {
    let hash = hash(key)
    return Key(key, hash, shardIndex(hash))
  }

  @inline(__always)
  package func lock(_ index: ShardIndex) { lockWord(index).lock() }

  /// Takes the lock of a shard if it is free; whether it was.
  @inline(__always)
  func tryLock(_ index: ShardIndex) -> Bool { lockWord(index).tryLock() }

  @inline(__always)
  package func unlock(_ index: ShardIndex) { lockWord(index).unlock() }

  @inline(__always)
  private func lockWord(_ index: ShardIndex) -> Lock {
    unsafe Lock(existingAt: locks + index * Self.lockStride)
  }

  /// A shard, to be used under its lock.
  @inline(__always)
  package subscript(index: ShardIndex) -> ShardReference { unsafe ShardReference(shards + index) }

  /// Lends the value of a large string, whose shard is locked, to somebody who reads it later.
  ///
  /// - Parameter position: see ``LentValue/position``.
  func lend(_ item: Item, _ index: ShardIndex, position: Int) -> LentValue {
    self[index].shard.allocator.lend(item)
    return LentValue(item, shard: index, position: position)
  }

  /// Takes back a value that was lent. Its shard isn't locked.
  func takeBack(_ value: LentValue) {
    lock(value.shard)
    self[value.shard].shard.takeBack(value)
    unlock(value.shard)
  }

  /// The bytes of memory that is resident for the data, in use or not: what the memory limit compares with.
  package var residentBytes: Int {
    @inline(__always) get { Int(truncatingIfNeeded: memory.resident.value) }
  }

  /// The bytes of memory in use for the data, but for some 4 KiB a shard.
  package var usedBytes: Int {
    @inline(__always) get { Int(truncatingIfNeeded: memory.used.value) }
  }

  /// The bytes in use in one shard, without its lock.
  func usedBytes(_ index: ShardIndex) -> Int { unsafe shards[index].publishedBytes }
}

/// What memory all shards have together, in bytes.
struct SharedMemoryCounts {
  let resident = SharedCounter()
  let used = SharedCounter()

  func destroy() {
    resident.destroy()
    used.destroy()
  }
}

/// Where a shard is. (The thread sanitizer takes an access through a handle for one to the first address in it, so this
/// handle holds the shard's own address and nothing else.)
@safe package struct ShardReference {
  private let address: UnsafeMutablePointer<Shard>

  @inline(__always)
  init(_ address: UnsafeMutablePointer<Shard>) { unsafe self.address = unsafe address }

  /// The shard itself.
  package var shard: Shard {
    @inline(__always) unsafeAddress { unsafe UnsafePointer(address) }
    @inline(__always) nonmutating unsafeMutableAddress { unsafe address }
  }
}

/// A set of shards, to be locked in the one order that keeps everybody from deadlock: by number.
struct ShardSet {
  private var words: InlineArray<4, UInt64> = [0, 0, 0, 0]

  @inline(__always)
  init() {}

  /// The first `count` shards.
  init(first count: Int) { for index in 0..<count { insert(index) } }

  @inline(__always)
  mutating func insert(_ index: ShardIndex) { words[index >> 6] |= 1 << UInt64(index & 63) }

  func contains(_ index: ShardIndex) -> Bool { words[index >> 6] & 1 << UInt64(index & 63) != 0 }

  mutating func formUnion(_ other: ShardSet) { for index in 0..<4 { words[index] |= other.words[index] } }

  func isSuperset(of other: ShardSet) -> Bool {
    for index in 0..<4 where other.words[index] & ~words[index] != 0 { return false }
    return true
  }

  func subtracting(_ other: ShardSet) -> ShardSet {
    var rest = self
    for index in 0..<4 { rest.words[index] &= ~other.words[index] }
    return rest
  }

  @inline(__always)
  func forEach(_ body: (ShardIndex) -> Void) {
    for index in 0..<4 {
      var rest = words[index]
      while rest != 0 {
        body(index << 6 + rest.trailingZeroBitCount)
        rest &= rest - 1
      }
    }
  }
}
