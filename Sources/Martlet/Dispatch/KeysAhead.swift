// Keys of requests that have come and are not run yet. A table of some size isn't in the processor's caches: looking up a
// key waits for memory twice, once for the bucket and once for the entry, and that is most of what a short request
// costs. Where several requests have come together, or one has many keys, the memory of all of them is asked for at once,
// and then they are run one after the other.
//
// These are hints: whatever is asked for, and whether it is still there when the request is run, changes nothing but the
// time. So a session finds the keys by a short look that may be wrong.

/// Some keys that are likely to be looked up soon.
struct KeysAhead {
  /// So many at once: about as many lines of memory as a processor can wait for.
  static let capacity = 16

  fileprivate var hashes = InlineArray<16, UInt64>(repeating: 0)
  private(set) var count = 0

  var isFull: Bool { count == Self.capacity }

  @inline(__always)
  mutating func add(_ key: RawSpan, _ keyspace: Keyspace) {
    hashes[count] = keyspace.hash(key)
    count += 1
  }
}

extension Execution {
  /// Has the processor fetch what looking up some keys needs.
  @inline(never)
  func fetch(_ keys: borrowing KeysAhead, _ database: Int) {
    // A single one would be waited for at once.
    guard keys.count > 1 else { return }
    for index in 0..<keys.count {
      let hash = keys.hashes[index]
      let shard = keyspace.shardIndex(hash)
      // A table may not change while it is looked at; nobody is waited for.
      guard keyspace.tryLock(shard) else { continue }
      keyspace[shard].shard.fetchBucket(hash, database)
      keyspace.unlock(shard)
    }
    for index in 0..<keys.count {
      let hash = keys.hashes[index]
      let shard = keyspace.shardIndex(hash)
      guard keyspace.tryLock(shard) else { continue }
      keyspace[shard].shard.fetchEntry(hash, database)
      keyspace.unlock(shard)
    }
  }

  /// The same for some of the words from `start` on, which are keys of database 0.
  @inline(never)
  func fetch(_ words: borrowing Words, from start: Int) {
    var keys = KeysAhead()
    for index in start..<min(start + KeysAhead.capacity, words.count) { keys.add(words[index], keyspace) }
    fetch(keys, 0)
  }

  /// The same for some of the words from `start` on, which are keys whose shards are locked.
  @inline(never)
  func fetchLocked(_ words: borrowing Words, from start: Int, _ database: Int) {
    var keys = KeysAhead()
    for index in start..<min(start + KeysAhead.capacity, words.count) { keys.add(words[index], keyspace) }
    for index in 0..<keys.count {
      let hash = keys.hashes[index]
      keyspace[keyspace.shardIndex(hash)].shard.fetchBucket(hash, database)
    }
    for index in 0..<keys.count {
      let hash = keys.hashes[index]
      keyspace[keyspace.shardIndex(hash)].shard.fetchEntry(hash, database)
    }
  }
}
