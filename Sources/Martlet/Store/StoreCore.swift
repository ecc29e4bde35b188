// The store's parts put together: opened from a folder, closed in order.

/// The data of one database and what makes it durable.
package final class StoreCore: Sendable {
  package let keyspace: Keyspace
  package let journal: Journal
  package let clock: WallClock
  /// What opening found; empty for a store in memory.
  package let report: RecoveryReport
  package let file: DatabaseFile?
  package let checkpointer: Checkpointer

  /// Opens the database in a folder, which exists, reading back what it holds.
  ///
  /// - Parameters:
  ///   - threads: how many threads will use the store, for the number of shards.
  ///   - databases: how many numbered databases there are.
  ///   - limits: up to where collections are packed at first.
  ///   - hasHeldDatabase: whether the folder is known to have held a database, so that none is begun in it.
  ///   - log: what the journal writes to, made of the file: the file itself, or what stands before it.
  package init(
    folder: String, disk: any Disk = SystemDisk(), durability: Durability, threads: Int, databases: Int = 16,
    policy: CheckpointPolicy = CheckpointPolicy(), limits: CollectionLimits = CollectionLimits(),
    hasHeldDatabase: Bool = false, clock: WallClock = WallClock(),
    random: inout RandomSource, progress: @escaping DatabaseLoader.Progress = { _, _ in },
    log: (DatabaseFile) -> any JournalLog = { $0 }
  ) throws {
    let file = try DatabaseFile.open(folder, on: disk, hasHeldDatabase: hasHeldDatabase, random: &random)
    keyspace = Keyspace(
      shardCount: Keyspace.shardCount(threads: threads), databaseCount: databases, seedNumber: file.seed,
      limits: limits)
    keyspace.accessTime = AccessTime(milliseconds: clock.now())
    do {
      report = try file.recover(into: keyspace, threads: threads, progress: progress)
    } catch {
      keyspace.destroy()
      throw error
    }
    self.file = file
    self.clock = clock
    journal = Journal(
      log: log(file), durability: durability, version: report.version, database: report.database,
      clock: clock,
      retained: keyspace.retainedBytes, maximumRetainedBytes: Checkpointer.maximumRetainedBytes)
    checkpointer = Checkpointer(keyspace, journal, file, clock, policy, report: report)
  }

  /// A store that keeps nothing on a disk.
  ///
  /// - Parameter durability: what its journal does about syncs, which sync nothing.
  package init(
    inMemory threads: Int, databases: Int = 16, durability: Durability = .never,
    clock: WallClock = WallClock(),
    maximumPendingBytes: Int = Journal.defaultPendingBytes, random: inout RandomSource
  ) {
    keyspace = Keyspace(
      shardCount: Keyspace.shardCount(threads: threads), databaseCount: databases, seedNumber: random.next())
    report = RecoveryReport()
    file = nil
    self.clock = clock
    keyspace.accessTime = AccessTime(milliseconds: clock.now())
    journal = Journal(
      log: ForgetfulLog(), durability: durability, version: 0, clock: clock,
      maximumPendingBytes: maximumPendingBytes)
    checkpointer = Checkpointer(keyspace, journal, nil, clock, CheckpointPolicy(), report: report)
  }

  /// Opens the database in a folder that is locked for this process.
  package static func open(
    _ folder: DataFolder, durability: Durability, threads: Int, databases: Int = 16,
    policy: CheckpointPolicy = CheckpointPolicy(), limits: CollectionLimits = CollectionLimits(),
    progress: @escaping DatabaseLoader.Progress = { _, _ in }
  ) throws(StoreError) -> StoreCore {
    var system = SystemRandomNumberGenerator()
    var random = RandomSource(seed: system.next())
    do {
      let disk = SystemDisk()
      if let database = folder.database, try !disk.names(in: folder.path).contains(DatabaseFile.name) {
        throw DatabaseError(
          path: folder.file(DatabaseFile.name), line: 0,
          reason:
            "the file is missing, though the folder has held the database \(database). Nothing was started. "
            + "Restore it from a backup; to begin anew, remove \(folder.file("lock"))")
      }
      let store = try StoreCore(
        folder: folder.path, durability: durability, threads: threads, databases: databases, policy: policy,
        limits: limits, hasHeldDatabase: folder.database != nil, random: &random, progress: progress)
      if let file = store.file {
        var identity = ByteQueue()
        identity.append(hexadecimal: file.identity, width: 16)
        try folder.note(identity.bytes.text)
      }
      return store
    } catch let error as StoreError {
      throw error
    } catch let error as DatabaseError {
      throw .databaseDamaged(path: error.path, line: error.line, reason: error.reason)
    } catch {
      throw .folderNotWritable(path: folder.path, reason: "\(error)")
    }
  }

  deinit { keyspace.destroy() }

  /// Starts the threads that write.
  package func start() {
    journal.start()
    checkpointer.start()
  }

  /// Writes and syncs what has been appended, and ends the threads.
  package func stop() {
    checkpointer.stop()
    journal.stop()
  }

  /// How many keys there are, expired ones that nobody has touched among them.
  package var keyCount: Int {
    var sum = 0
    for shard in 0..<keyspace.shardCount {
      keyspace.lock(shard)
      for database in 0..<keyspace.databaseCount { sum += keyspace[shard].shard.count(database) }
      keyspace.unlock(shard)
    }
    return sum
  }

  /// How many absent keys somebody watches.
  package var watchedAbsenceCount: Int {
    var sum = 0
    for shard in 0..<keyspace.shardCount {
      keyspace.lock(shard)
      sum += keyspace[shard].shard.watchedAbsences.count
      keyspace.unlock(shard)
    }
    return sum
  }
}

/// A log for a store in memory: it takes everything and keeps nothing.
private final class ForgetfulLog: JournalLog {
  func append(_ records: inout ByteQueue, _ commit: Commit) throws(DiskError) {}
  func sync() throws(DiskError) {}
  func close(_ commit: Commit) throws(DiskError) {}
}
