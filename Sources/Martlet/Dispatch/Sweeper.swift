// Deletes what has expired and nobody asks for, a little at a time, and keeps memory in order. Reads treat an expired key,
// or field of a hash, as absent and leave it where it is; a change that meets one deletes it; the rest is the sweeper's.

/// Goes round the tables, deleting expired keys within a time budget.
package struct Sweeper: ~Copyable {
  /// Entries visited under one hold of a shard's lock.
  private static let entriesAtOnce = 64

  private var execution: Execution
  private var shard = 0
  private var database = 0
  private var cursor: UInt64 = 0
  /// Hashes that have been come to and whose fields are still to be gone through, and how far the last of them is.
  private var hashes: [(key: [UInt8], database: Int)] = []
  private var fieldCursor: UInt64 = 0
  /// The last change of places of databases when that was begun.
  private var swapBeforeFields: UInt64 = 0
  private var freedMemory = FreedMemoryWatch()

  package init(_ store: StoreCore, _ context: ServerContext, seed: UInt64) {
    execution = Execution(store, context, seed: seed)
  }

  /// Sweeps for about `nanoseconds`, or once round; evicts what it has to and frees what is to be freed for at most as
  /// long. It also does a scheduled flush that is due, sets the time that items are marked with, and after a burst of large
  /// requests has their memory go back to the system.
  package mutating func sweep(nanoseconds: Int64) {
    let start = WallClock.monotonicNanoseconds()
    noteFigures()
    sweepAll(nanoseconds)
    execution.context.latency.note(.sweep, nanoseconds: WallClock.monotonicNanoseconds() - start)
  }

  /// Notes how far the server has come, for what it tells of the last second.
  private func noteFigures() {
    let context = execution.context
    context.meter.note(
      commands: context.commandCount &+ context.sum { $0.commands.value },
      read: context.sum { $0.bytesRead.value }, written: context.sum { $0.bytesWritten.value },
      memory: execution.keyspace.residentBytes)
  }

  private mutating func sweepAll(_ nanoseconds: Int64) {
    execution.keyspace.accessTime = AccessTime(milliseconds: execution.clock.now())
    if freedMemory.isDue(at: WallClock.monotonicNanoseconds(), freed: FreedMemory.bytes) {
      FreedMemory.giveBack()
    }
    execution.endPauseIfOver()
    // Nothing changes while clients are paused.
    guard case .free = execution.journal.room, !execution.context.attention.contains(.paused) else { return }
    if execution.context.takeDueFlush(execution.clock.now()) { execution.flushLocking(0) }
    execution.tidyMemory(until: WallClock.monotonicNanoseconds() + nanoseconds)
    guard execution.context.sweepsExpired else { return }
    let deadline = WallClock.monotonicNanoseconds() + nanoseconds
    var visitedTables = 0
    let tables = execution.keyspace.shardCount * execution.keyspace.databaseCount
    while visitedTables < tables {
      guard case .free = execution.journal.room else { return }
      if sweepSome() { visitedTables += 1 }
      if WallClock.monotonicNanoseconds() >= deadline { return }
    }
  }

  /// Sweeps a few buckets; whether that was the end of a table.
  private mutating func sweepSome() -> Bool {
    if sweepFields() { return false }
    let keyspace = execution.keyspace
    let now = execution.clock.now()
    var expired = ChosenMembers()
    var visited = 0
    let locked = shard
    keyspace.lock(locked)
    defer { keyspace.unlock(locked) }
    if !keyspace[shard].shard.hasExpiring {
      cursor = 0
      database = 0
      shard = (shard + 1) % keyspace.shardCount
      return true
    }
    repeat {
      cursor = keyspace[shard].shard.scan(database, cursor) { item in
        visited += 1
        guard item.mayHaveExpired else { return }
        if item.hasExpired(now) {
          expired.append(item.key)
        } else if item.hasExpiringMembers && item.members.mayHaveExpired(now) {
          hashes.append((item.key.array, database))
        }
      }
    } while cursor != 0 && visited < Self.entriesAtOnce
    let words = expired.words
    for index in 0..<words.count { _ = execution.findToChange(keyspace.place(words[index]), database) }
    guard cursor == 0 else { return false }
    database += 1
    if database == keyspace.databaseCount {
      database = 0
      shard = (shard + 1) % keyspace.shardCount
    }
    return true
  }

  /// Goes through some fields of a hash, if there is one to go through.
  private mutating func sweepFields() -> Bool {
    guard let (key, database) = hashes.last else { return false }
    let keyspace = execution.keyspace
    let place = keyspace.place(key.span.raw)
    keyspace.lock(place.shard)
    defer { keyspace.unlock(place.shard) }
    let lastSwap = keyspace[place.shard].shard.lastSwap
    if swapBeforeFields != lastSwap {
      // What is at the key may be another hash, whose fields have to be gone through from the first.
      swapBeforeFields = lastSwap
      fieldCursor = 0
    }
    fieldCursor = execution.deleteExpiredFields(place, database, fieldCursor, visiting: Self.entriesAtOnce)
    if fieldCursor == 0 { hashes.removeLast() }
    return true
  }
}
