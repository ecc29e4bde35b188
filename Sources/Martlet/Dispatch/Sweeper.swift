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
  /// There is something that expires, now or some time.
  private var hasMetExpiring = false
  /// How many commands had been run at the last sweep.
  private var commandsBefore: UInt64 = 0
  /// No command has been run since the sweep before, and there was nothing to sweep: so the next sweep may come later.
  package private(set) var isAtRest = false

  package init(_ store: StoreCore, _ context: ServerContext, seed: UInt64) {
    execution = Execution(store, context, seed: seed)
  }

  /// Sweeps for about `nanoseconds`, or once round; evicts what it has to and frees what is to be freed for at most as
  /// long. It also does a scheduled flush that is due, sets the time that items are marked with, and after a burst of large
  /// requests has their memory go back to the system.
  package mutating func sweep(nanoseconds: Int64) {
    let start = WallClock.monotonicNanoseconds()
    let commands = noteFigures()
    let foundNothing = sweepAll(nanoseconds)
    isAtRest = foundNothing && commands == commandsBefore
    commandsBefore = commands
    execution.context.latency.note(.sweep, nanoseconds: WallClock.monotonicNanoseconds() - start)
  }

  /// Notes how far the server has come, for what it tells of the last second; how many commands it has run.
  private func noteFigures() -> UInt64 {
    let context = execution.context
    let commands = context.commandCount &+ context.sum { $0.commands.value }
    context.meter.note(
      commands: commands, read: context.sum { $0.bytesRead.value },
      written: context.sum { $0.bytesWritten.value },
      memory: execution.keyspace.residentBytes)
    return commands
  }

  /// Whether nothing was left to do, and nothing will be as long as no command is run.
  private mutating func sweepAll(_ nanoseconds: Int64) -> Bool {
    execution.keyspace.accessTime = AccessTime(milliseconds: execution.clock.now())
    if freedMemory.isDue(at: WallClock.monotonicNanoseconds(), freed: FreedMemory.bytes) {
      FreedMemory.giveBack()
    }
    execution.endPauseIfOver()
    // Nothing changes while clients are paused.
    guard case .free = execution.journal.room, !execution.context.attention.contains(.paused) else {
      return false
    }
    if execution.context.takeDueFlush(execution.clock.now()) { execution.flushLocking(0) }
    let wasTidy = execution.tidyMemory(until: WallClock.monotonicNanoseconds() + nanoseconds)
    guard execution.context.sweepsExpired else { return false }
    let deadline = WallClock.monotonicNanoseconds() + nanoseconds
    var visitedTables = 0
    hasMetExpiring = false
    let tables = execution.keyspace.shardCount * execution.keyspace.databaseCount
    while visitedTables < tables {
      guard case .free = execution.journal.room else { return false }
      visitedTables += sweepSome()
      if WallClock.monotonicNanoseconds() >= deadline { return false }
    }
    return !hasMetExpiring && wasTidy && !execution.context.isFlushScheduled
  }

  /// Sweeps a few buckets; how many tables it is through with. In a shard in which nothing expires, that is all at once.
  private mutating func sweepSome() -> Int {
    if sweepFields() { return 0 }
    let keyspace = execution.keyspace
    let now = execution.clock.now()
    var expired = ChosenMembers()
    var visited = 0
    let locked = shard
    keyspace.lock(locked)
    defer { keyspace.unlock(locked) }
    if !keyspace[shard].shard.hasExpiring {
      defer {
        cursor = 0
        database = 0
        shard = (shard + 1) % keyspace.shardCount
      }
      return keyspace.databaseCount - database
    }
    hasMetExpiring = true
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
    guard cursor == 0 else { return 0 }
    database += 1
    if database == keyspace.databaseCount {
      database = 0
      shard = (shard + 1) % keyspace.shardCount
    }
    return 1
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
