// Keeps the data within the memory limit: evicts items, if the server may, and gives back memory that holds nothing.
//
// What is in use is kept a sixteenth below the limit, so that what is resident has room for memory that is idle for the
// moment: slots and runs that are free between others. A write that finds more in use first evicts, before it takes a
// lock and no more than a few items; the sweeper does the same ahead of time. Only when what is resident passes the limit
// all the same (as when values of other sizes come than those that go) does a write do more: it moves items off sparse
// pages, and evicts until there is room.
//
// An eviction is recorded like a deletion, and holds nobody: neither the write that made it nor a reader who misses the
// key waits for its record. What a checkpoint has put aside goes when it is written, so it counts as gone.

enum EvictionBounds {
  /// What is in use is kept this part (as a shift) below the limit.
  static let marginShift = 4
  /// The sweeper makes this part of the limit free beyond the margin.
  static let aheadShift = 7
  /// How many items a write evicts at most.
  static let ofRequest = 64
  /// How many items it evicts, and how many pages it empties, at most, when the limit itself has been passed.
  static let ofRequestInNeed = 16384
  /// After so many tries in a row that found nothing to evict, there is nothing.
  static let fruitlessTries = 64
  /// How much that is doomed is freed in place of an eviction.
  static let doomedFreedAtOnce = 256
  /// The sweeper empties pages when this part (as a shift) of what is resident is idle, whatever the limit.
  static let idleShift = 2
  /// How many steps are done between two looks at the clock.
  static let stepsAtOnce = 16
}

extension Execution {
  /// Whether there is memory for a write, having made room for it if that is allowed. To be asked before a lock is
  /// taken.
  @inline(__always)
  mutating func hasMemory() -> Bool {
    let limit = context.memoryLimit
    if limit == 0 { return true }
    if keyspace.usedBytes <= Self.target(limit) && keyspace.residentBytes <= limit { return true }
    return makeRoom(limit)
  }

  /// How much may be in use at a limit.
  @inline(__always)
  private static func target(_ limit: Int) -> Int { limit - limit >> EvictionBounds.marginShift }

  /// By how much what is resident is over a limit, when what a checkpoint has put aside is gone.
  private func overshoot(_ limit: Int) -> Int {
    keyspace.residentBytes - Int(keyspace.retainedBytes.value) - limit
  }

  @inline(never)
  private mutating func makeRoom(_ limit: Int) -> Bool {
    let policy = context.evictionPolicy
    // Evictions are recorded: without room for that the write can't be done either, and is told so.
    guard case .free = journal.room else { return policy != .none || keyspace.residentBytes <= limit }
    let start = WallClock.monotonicNanoseconds()
    defer { context.latency.note(.eviction, nanoseconds: WallClock.monotonicNanoseconds() - start) }
    if policy != .none { _ = evict(policy, to: Self.target(limit), atMost: EvictionBounds.ofRequest) }
    var left = EvictionBounds.ofRequestInNeed
    while overshoot(limit) > 0 && left > 0 {
      if policy == .none && isSqueezed { return false }
      if squeezeSome() {
        left -= 1
        continue
      }
      squeezed = (keyspace.accessTime, keyspace.usedBytes)
      guard policy != .none else { return false }
      let evicted = evict(policy, to: 0, atMost: EvictionBounds.ofRequest)
      // Nothing is left that may go.
      if evicted == 0 { return false }
      left -= evicted
    }
    return true
  }

  /// Whether there was nothing to give back a moment ago, and nothing has been freed since. A server that is full is
  /// asked for room by every write, and looking through all shards takes a while.
  private var isSqueezed: Bool {
    guard let squeezed else { return false }
    return squeezed.time == keyspace.accessTime && squeezed.usedBytes <= keyspace.usedBytes
  }

  /// Evicts until no more than `target` bytes are in use, at most `bound` items; how many it has evicted or freed.
  private mutating func evict(_ policy: EvictionPolicy, to target: Int, atMost bound: Int) -> Int {
    var excess = keyspace.usedBytes - Int(keyspace.retainedBytes.value) - target
    var evicted = 0
    var fruitless = 0
    while excess > 0 && evicted < bound && fruitless < EvictionBounds.fruitlessTries {
      if let freed = evictOne(policy) {
        excess -= freed
        evicted += 1
        fruitless = 0
      } else {
        fruitless += 1
      }
    }
    return evicted
  }

  /// Evicts up to `bound` items, whatever the limit is; how many it has evicted, or freed of what was doomed.
  package mutating func evict(atMost bound: Int) -> Int {
    evict(context.evictionPolicy, to: .min / 2, atMost: bound)
  }

  /// Evicts one item, or frees some of what is doomed already; how many bytes that has freed. Nil when there was nothing.
  private mutating func evictOne(_ policy: EvictionPolicy) -> Int? {
    let index = fullerShard()
    let keyspace = keyspace
    keyspace.lock(index)
    defer { keyspace.unlock(index) }
    let before = keyspace[index].shard.allocator.usedBytes
    if keyspace[index].shard.freeDoomed(EvictionBounds.doomedFreedAtOnce) == 0 {
      let now = clock.now()
      guard let victim = keyspace[index].shard.chooseVictim(policy, now: now, &random) else { return nil }
      let hasExpired = victim.item.mayHaveExpired && victim.item.hasExpired(now)
      if hasExpired {
        noteExpired(victim.item)
      } else {
        counters.value.evicted.add()
        if !victim.item.isFetched { counters.value.evictedUnfetched.add() }
        context.noteEviction()
        if context.watchers.want(.evictions) { tellEviction(victim.item, now) }
      }
      let weight = victim.item.weight
      evict(victim, index, hasExpired ? .expired : .evicted)
      // What is put aside for a checkpoint, or freed bit by bit, is on its way.
      return max(weight, before - keyspace[index].shard.allocator.usedBytes)
    }
    return before - keyspace[index].shard.allocator.usedBytes
  }

  /// Tells who watches that an item is evicted.
  @inline(never)
  private func tellEviction(_ item: Item, _ now: Int64) {
    let left = item.expires ? (item.expiry - now) / 1000 : -1
    let idle = item.lastAccess.age(keyspace.accessTime) / 1000
    context.watchers.tell(
      .evictions,
      "type=eviction key=\(Watchers.shown(item.key)) fetch=\(item.isFetched ? "yes" : "no") ttl=\(left) la=\(idle) "
        + "clsid=0 size=\(item.weight)")
  }

  /// Of two shards by chance the one that has more in use, so that they stay even.
  private mutating func fullerShard() -> ShardIndex {
    let chance = random.next()
    let first = Int(truncatingIfNeeded: chance) & (keyspace.shardCount - 1)
    let second = Int(truncatingIfNeeded: chance >> 32) & (keyspace.shardCount - 1)
    return keyspace.usedBytes(first) >= keyspace.usedBytes(second) ? first : second
  }

  /// Gives back some memory that holds nothing, of the next shard that has any; whether there was any.
  private mutating func squeezeSome() -> Bool {
    let keyspace = keyspace
    for _ in 0..<keyspace.shardCount {
      let index = squeezedShard
      keyspace.lock(index)
      let isDone = keyspace[index].shard.squeeze()
      keyspace.unlock(index)
      squeezedShard = (index + 1) % keyspace.shardCount
      if isDone { return true }
    }
    return false
  }

  /// Gives back what memory holds nothing, as far as that can be found at once. In a transaction only what isn't part of the
  /// shards.
  mutating func giveBackMemory() {
    var left = EvictionBounds.ofRequestInNeed
    while !isRunningTransaction && left > 0 && squeezeSome() { left -= 1 }
    FreedMemory.giveBack()
  }

  // MARK: Ahead of time

  /// Frees what is doomed, evicts ahead of the writes, and gives back what is idle; until a time in nanoseconds of
  /// `WallClock.monotonicNanoseconds()`. Whether there was nothing of that to do.
  mutating func tidyMemory(until deadline: Int64) -> Bool {
    var wasTidy = freeDoomed(until: deadline)
    let limit = context.memoryLimit
    let policy = context.evictionPolicy
    while policy != .none && limit > 0 {
      guard case .free = journal.room, WallClock.monotonicNanoseconds() < deadline else { return false }
      let target = Self.target(limit) - limit >> EvictionBounds.aheadShift
      let evicted = evict(policy, to: target, atMost: EvictionBounds.stepsAtOnce)
      if evicted > 0 { wasTidy = false }
      if evicted < EvictionBounds.stepsAtOnce { break }
    }
    while WallClock.monotonicNanoseconds() < deadline {
      var steps = 0
      while steps < EvictionBounds.stepsAtOnce && isIdle(limit) && squeezeSome() { steps += 1 }
      if steps > 0 {
        wasTidy = false
        continue
      }
      // What is left idle can't be given back: only less data makes room.
      guard case .free = journal.room, policy != .none && limit > 0 && overshoot(limit) > 0,
        evict(policy, to: 0, atMost: EvictionBounds.stepsAtOnce) > 0
      else { return wasTidy }
    }
    return false
  }

  /// Whether much of what is resident holds nothing, or all of it is more than the limit.
  private func isIdle(_ limit: Int) -> Bool {
    let resident = keyspace.residentBytes
    return resident - keyspace.usedBytes > resident >> EvictionBounds.idleShift
      || limit > 0 && overshoot(limit) > 0
  }

  /// Whether nothing was doomed.
  private mutating func freeDoomed(until deadline: Int64) -> Bool {
    let keyspace = keyspace
    var wasTidy = true
    for index in 0..<keyspace.shardCount {
      while true {
        keyspace.lock(index)
        let freed = keyspace[index].shard.freeDoomed(EvictionBounds.doomedFreedAtOnce)
        keyspace.unlock(index)
        if freed == 0 { break }
        wasTidy = false
        if WallClock.monotonicNanoseconds() >= deadline { return false }
      }
    }
    return wasTidy
  }

  /// Evicts until the data is within the limit, however long that takes: for a server that has loaded more. The journal
  /// has been started. How many items it has evicted.
  package mutating func evictAll() -> Int {
    let limit = context.memoryLimit
    let policy = context.evictionPolicy
    var evicted = 0
    while policy != .none && limit > 0 && keyspace.residentBytes > limit {
      switch journal.room {
      case .free: break
      case .full:
        SystemThread.sleep(nanoseconds: 1_000_000)
        continue
      case .stalled, .failed: return evicted
      }
      if squeezeSome() { continue }
      let count = evict(policy, to: 0, atMost: EvictionBounds.ofRequest)
      if count == 0 { break }
      evicted += count
    }
    return evicted
  }
}
