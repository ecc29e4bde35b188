// Keys that are to be looked up soon: those of requests that have come and are not run yet, or of records that are read
// back. A table of some size isn't in the processor's caches: looking up a key waits for memory twice, once for the bucket
// and once for the entry, and that is most of what a short request costs. Where several requests have come together, or one
// has many keys, the memory of all of them is asked for at once, and then they are run one after the other.
//
// These are hints: whatever is asked for, and whether it is still there when the key is looked up, changes nothing but the
// time. So the keys are found by a short look that may be wrong.

/// Some keys that are likely to be looked up soon.
struct KeysAhead {
  /// So many at once: about as many lines of memory as a processor can wait for.
  static let capacity = 16

  fileprivate var hashes = InlineArray<16, UInt64>(repeating: 0)
  private(set) var count = 0

  var isFull: Bool { count == Self.capacity }

  @inline(__always)
  mutating func add(_ key: RawSpan, _ keyspace: Keyspace) { add(keyspace.hash(key)) }

  @inline(__always)
  mutating func add(_ hash: UInt64) {
    hashes[count] = hash
    count += 1
  }
}

extension Keyspace {
  /// Has the processor fetch what looking up some keys needs. Their shards are not locked, and nobody is waited for.
  @inline(never)
  func fetch(_ keys: borrowing KeysAhead, _ database: Int) {
    // A single one would be waited for at once.
    guard keys.count > 1 else { return }
    for index in 0..<keys.count {
      let hash = keys.hashes[index]
      let shard = shardIndex(hash)
      // A table may not change while it is looked at.
      guard tryLock(shard) else { continue }
      self[shard].shard.fetchBucket(hash, database)
      unlock(shard)
    }
    for index in 0..<keys.count {
      let hash = keys.hashes[index]
      let shard = shardIndex(hash)
      guard tryLock(shard) else { continue }
      self[shard].shard.fetchEntry(hash, database)
      unlock(shard)
    }
  }

  /// The same for keys whose shards are the caller's: it has locked them, or nobody else uses them.
  @inline(__always)
  func fetchOwned(_ keys: borrowing KeysAhead, _ database: Int) {
    for index in 0..<keys.count {
      let hash = keys.hashes[index]
      self[shardIndex(hash)].shard.fetchBucket(hash, database)
    }
    for index in 0..<keys.count {
      let hash = keys.hashes[index]
      self[shardIndex(hash)].shard.fetchEntry(hash, database)
    }
  }
}
