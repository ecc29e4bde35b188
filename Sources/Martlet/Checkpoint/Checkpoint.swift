// A checkpoint under way: writes a new database file that begins with the state at one version, copies the batches since
// behind it, and has it take the place of the one in use. It goes in small steps, so that a thread of its own can pace it
// and a simulation can run it between other things.
//
//     cut ──► body, shard by shard ──► copy of the batches since ──► the journal's thread copies the last, syncs, renames
//
// The cut is made with all shards locked for an instant: the journal ends a batch there, and every shard begins to keep
// what the body still has to be given (see Keyspace/Cut.swift). If anything fails, the file in use stays what it is.

/// How a checkpoint went, or why it didn't.
package enum CheckpointOutcome: Sendable {
  /// The new file is in place: its checkpoint's version, and how many bytes its body has.
  case finished(version: UInt64, bytes: Int)
  /// A database was emptied while it ran: it is to begin anew.
  case overtaken
  case failed(String)
}

/// One checkpoint.
package struct Checkpoint: ~Copyable {
  /// A part of the body is closed when it has this many bytes.
  static let partBytes = 256 << 10
  /// Entries taken under one hold of a shard's lock.
  private static let entriesAtOnce = 32
  /// What may be written before it is synced, so that the syncs of the journal don't wait for much.
  static let unsyncedBytes = 256 << 10
  /// When more than this has been put aside, it is written before anything else; writers wait at eight times as much.
  private static let retainedBytes = Checkpointer.maximumRetainedBytes / 8
  /// What may be left for the journal's thread to copy.
  private static let lastCopyBytes = 256 << 10
  /// The bytes of batches copied in one step.
  private static let copyBytes = 1 << 20

  private enum Phase {
    case body, copy, switching
  }

  private let keyspace: Keyspace
  private let journal: Journal
  private let file: DatabaseFile
  private let clock: WallClock
  private let keptFiles: Int
  package let version: UInt64
  private let new: NewDatabaseFile
  private var phase = Phase.body
  private var body = BodyWriter()
  private var shard = 0
  private var tail: Pinned<DatabaseReader>
  private let outcome = Guarded<CheckpointOutcome?>(nil)

  /// Makes the cut.
  ///
  /// - Parameters:
  ///   - outlivesFlush: whether it goes on when a database is emptied meanwhile, at the price that writers may have to
  ///     wait.
  ///   - keptFiles: how many files before the new one to keep.
  package init(
    _ keyspace: Keyspace, _ journal: Journal, _ file: DatabaseFile, _ clock: WallClock, outlivesFlush: Bool,
    keptFiles: Int
  ) throws(DiskError) {
    self.keyspace = keyspace
    self.journal = journal
    self.file = file
    self.clock = clock
    self.keptFiles = keptFiles
    // A place before the cut where a batch begins.
    let start = file.copyStart()
    for shard in 0..<keyspace.shardCount { keyspace.lock(shard) }
    let version = journal.cut()
    if version > 0 {
      for shard in 0..<keyspace.shardCount {
        keyspace[shard].shard.beginCut(version, outlivesFlush: outlivesFlush)
      }
    }
    for shard in 0..<keyspace.shardCount { keyspace.unlock(shard) }
    self.version = version
    do {
      new = try file.beginNew(checkpoint: version)
    } catch {
      Self.endCut(keyspace)
      throw error
    }
    tail = Pinned(start.reader(file))
  }

  deinit {
    tail.destroy()
  }

  /// Does a little; the outcome, when there is one. The caller goes on calling until then.
  package mutating func step() -> CheckpointOutcome? {
    do {
      switch phase {
      case .body: return try writeBody()
      case .copy:
        try copySome()
        return nil
      case .switching: return outcome.withLock { $0 }
      }
    } catch {
      abandon()
      return .failed("\(error)")
    }
  }

  /// Whether the next step has nothing to do until the journal's thread has done its part.
  package var isWaiting: Bool {
    switch phase {
    case .body: false
    case .copy: !isCutWritten
    case .switching: true
    }
  }

  /// Whether the journal's thread has the new file: the checkpoint can't be abandoned any more.
  package var isSwitching: Bool {
    if case .switching = phase { return true }
    return false
  }

  /// Whether the file in use has all that the body has. On a full disk it may take long.
  private var isCutWritten: Bool { file.copyStart().version >= version }

  /// Ends a checkpoint that is not to be finished. It must not be switching.
  package mutating func abandon() {
    Self.endCut(keyspace)
    try? file.discard(new)
    journal.notify()
  }

  private static func endCut(_ keyspace: Keyspace) {
    for shard in 0..<keyspace.shardCount {
      keyspace.lock(shard)
      keyspace[shard].shard.endCut()
      keyspace.unlock(shard)
    }
  }

  // MARK: The body

  /// Takes what has been put aside in shards that the body hasn't come to, when that has become much.
  private mutating func drainOthers() {
    guard keyspace.retainedBytes.value > Self.retainedBytes else { return }
    for other in shard..<keyspace.shardCount {
      keyspace.lock(other)
      if keyspace[other].shard.cutVersion == version {
        keyspace[other].shard.drainCut(Self.entriesAtOnce, &body)
      }
      keyspace.unlock(other)
    }
  }

  private mutating func writeBody() throws(DiskError) -> CheckpointOutcome? {
    drainOthers()
    keyspace.lock(shard)
    guard keyspace[shard].shard.cutVersion == version else {
      keyspace.unlock(shard)
      abandon()
      return .overtaken
    }
    let hasMore = keyspace[shard].shard.advanceCut(Self.entriesAtOnce, &body)
    keyspace.unlock(shard)
    let isLast = !hasMore && shard == keyspace.shardCount - 1
    if body.count >= Self.partBytes || isLast {
      body.endPart(isLast: isLast)
      if body.count > 0 { try new.append(part: &body.records) }
      body.beginPart()
      if new.unsyncedBytes >= Self.unsyncedBytes { try new.sync() }
      // Writers may have waited for what was put aside to go.
      journal.notify()
    }
    if !hasMore { shard += 1 }
    if isLast {
      Self.endCut(keyspace)
      try new.finishBody(keys: body.keys, time: clock.now())
      phase = .copy
    }
    return nil
  }

  // MARK: The batches since

  private mutating func copySome() throws(DiskError) {
    // The batches that lead to the cut would follow a body that has them already.
    guard isCutWritten else {
      // What will not be written, or lacks the room that the new file takes, isn't waited for.
      if let problem = journal.failure ?? journal.stallReason { throw problem }
      return
    }
    try Self.copy(tail, to: new, upTo: Int(file.writtenBytes.value), bytes: Self.copyBytes)
    if new.unsyncedBytes >= Self.unsyncedBytes { try new.sync() }
    guard Int(file.writtenBytes.value) - tail.value.end <= Self.lastCopyBytes else { return }
    try new.sync()
    phase = .switching
    let (tail, new, file, journal, outcome, keptFiles) = (self.tail, new, file, journal, outcome, keptFiles)
    let version = version
    journal.betweenBatches {
      func giveUp(_ error: DiskError) {
        try? file.discard(new)
        outcome.withLock { $0 = .failed("\(error)") }
      }
      // What the file in use holds on the disk is not known any more then: nothing may be made of it.
      if let failure = journal.failure { return giveUp(failure) }
      if keptFiles > 0 {
        do throws(DiskError) {
          try file.cutBack()
        } catch {
          journal.noteFailure(error)
          return giveUp(error)
        }
      }
      let result: CheckpointOutcome
      do throws(DiskError) {
        try Self.copy(tail, to: new, upTo: Int(file.writtenBytes.value), bytes: .max)
        try file.adopt(new, version: journal.writtenVersion, keptFiles: keptFiles)
        result = .finished(version: version, bytes: Int(file.bodyBytes.value))
      } catch {
        return giveUp(error)
      }
      do throws(DiskError) {
        // Without this a crash could bring the old file back, and what is acknowledged from now on is not in it.
        try file.syncName()
        journal.noteAllDurable()
        try? file.removeKept(butLast: keptFiles)
      } catch {
        journal.noteFailure(error)
      }
      outcome.withLock { $0 = result }
    }
  }

  /// Copies whole batches, those above the checkpoint's version, as far as they are written.
  private static func copy(
    _ tail: Pinned<DatabaseReader>, to new: NewDatabaseFile, upTo limit: Int, bytes: Int
  ) throws(DiskError) {
    let start = tail.value.end
    while tail.value.end < limit && tail.value.end - start < bytes {
      guard try tail.value.next(limit: limit) else {
        throw DiskError("read", tail.value.path, code: DiskError.damagedCode)
      }
      for run in tail.value.runs {
        guard run.isWhole(tail.value.chunk.value.bytes) else {
          throw DiskError("read", tail.value.path, code: DiskError.damagedCode)
        }
        guard case .commit(let commit) = run.line, commit.last > new.header.checkpoint else { continue }
        var records = ByteQueue()
        records.append(tail.value.chunk.value.bytes.extracting(run.start..<run.lineStart))
        try new.append(batch: &records, commit)
      }
    }
  }
}

/// Writes items as the records of a body.
package struct BodyWriter: CutReader, ~Copyable {
  /// A line of a collection's members is closed when it has this many bytes.
  private static let lineBytes = 4 << 10

  var records = ByteQueue()
  private(set) var keys: UInt64 = 0
  /// The numbered database that the next record would be for.
  private var database = 0
  /// The large collection or long list that is being written, and its line, if one has been begun.
  private var collection: CutCollection?
  private var list: CutList?
  private var lineStart = 0

  package init() {}

  package var count: Int { records.count }

  /// Every part starts in database 0.
  mutating func beginPart() {
    if database != 0 { database = -1 }
  }

  /// Who takes the lines as commands is in database 0 after the last part.
  mutating func endPart(isLast: Bool) {
    endLine()
    if isLast { select(0) }
  }

  private mutating func select(_ wanted: Int) {
    endLine()
    guard database != wanted else { return }
    records.append("SELECT ")
    records.append(decimal: wanted)
    records.append(byte: UInt8(ascii: "\n"))
    database = wanted
  }

  package mutating func take(_ item: Item, _ database: Int) {
    select(database)
    keys += 1
    switch item.kind {
    case .string: records.recordSet(item.key, item.value, item.metadata, version: item.version)
    case .set, .hash, .sortedSet:
      records.recordMembers(item)
      recordRest(item.key, item.metadata, item.version)
    case .list:
      var start: Int?
      var cursor = item.list.cursor(at: 0)
      while let element = cursor.next() {
        if let begun = start, records.count - begun > Self.lineBytes {
          records.append(byte: UInt8(ascii: "\n"))
          start = nil
        }
        if start == nil {
          start = records.count
          records.recordElementsStart(item.key)
        }
        records.recordNextElement(element)
      }
      records.append(byte: UInt8(ascii: "\n"))
      recordRest(item.key, item.metadata, item.version)
    }
  }

  package mutating func take(_ element: ListElement, of list: CutList) {
    if self.list !== list || records.count - lineStart > Self.lineBytes {
      select(list.database)
      self.list = list
      lineStart = records.count
      let key = list.key
      records.recordElementsStart(key.span.raw)
    }
    records.recordNextElement(element)
  }

  package mutating func finish(_ list: CutList) {
    select(list.database)
    keys += 1
    let key = list.key
    recordRest(key.span.raw, list.metadata, list.version)
  }

  package mutating func take(_ member: Member, of collection: CutCollection) {
    let key = collection.key
    if member.expires {
      // It has a record of its own.
      select(collection.database)
      return records.recordExpiringField(key.span.raw, member)
    }
    if self.collection !== collection || records.count - lineStart > Self.lineBytes {
      select(collection.database)
      self.collection = collection
      lineStart = records.count
      records.recordMembersStart(collection.kind, key.span.raw)
    }
    records.recordNextMember(member)
  }

  package mutating func finish(_ collection: CutCollection) {
    select(collection.database)
    keys += 1
    let key = collection.key
    recordRest(key.span.raw, collection.metadata, collection.version)
  }

  private mutating func endLine() {
    guard collection != nil || list != nil else { return }
    records.append(byte: UInt8(ascii: "\n"))
    collection = nil
    list = nil
  }

  private mutating func recordRest(_ key: RawSpan, _ metadata: ItemMetadata, _ version: UInt64) {
    if metadata.expiry != 0 { records.recordExpiry(key, metadata.expiry) }
    records.recordVersion(key, version)
  }
}
