// The text file that is the database: a header; then, after a checkpoint, a body, which is the state at one version; then
// batches of changes, each closed by a commit line.
//
//     # martlet database, format 1, id 9f2c41d07b3e6a58, hash seed 1d0c…, checkpoint 0, crc 5b7e20aa
//     SET Hello World
//     # commit 1-1 synced 0 time 2026-11-22T16:07:12.123Z db 9f2c41d07b3e6a58 crc 1a2b3c4d
//
// docs/FORMAT.md is the reference. Opening reads all of it back. What follows the last whole batch is a torn tail, if
// nothing says that it was once synced: it is dropped, with a word about it. Damage before that stops the opening.
//
// A checkpoint writes a new file beside this one (`NewDatabaseFile`), which then takes its name and its place.

/// What opening a database file found and did.
package struct RecoveryReport: Sendable {
  /// The version of the last record.
  package var version: UInt64 = 0
  /// The numbered database that the last batch ended in.
  package var database = 0
  package var batches = 0
  package var records = 0
  /// The version of the checkpoint that the file begins with; 0 when it has none.
  package var checkpoint: UInt64 = 0
  /// The bytes of a torn tail that were dropped, and the line where it began.
  package var droppedBytes = 0
  package var droppedFromLine = 0
  /// Where what was dropped has been kept, if it held whole batches.
  package var droppedCopy: String?
  /// Whether a file was removed that a checkpoint had begun and not finished.
  package var hasRemovedUnfinishedCheckpoint = false
}

/// An open `database.txt`.
package final class DatabaseFile: JournalLog, @unchecked Sendable {
  package static let name = "database.txt"
  /// What a checkpoint writes until it is whole.
  package static let unfinishedName = name + ".new"
  /// How the names of earlier files begin that a checkpoint keeps; the last version in them follows.
  package static let keptPrefix = name + ".until-"
  private static let copyBytes = 4 << 20

  let disk: any Disk
  let folder: String
  package let path: String
  package let identity: UInt64
  /// The number that the keyspace's hash function is made from.
  package let seed: UInt64

  // Used by one thread at a time: the one that opens, then the journal's.
  private(set) var file: any DiskFile
  private var end: Int
  private(set) var chain: ClosingChain
  /// A write has failed and may have left something behind `end`.
  private var needsCut = false

  /// Where the next batch will begin; and where it would, were there only what is known to be on the disk.
  private let lastBatch: Guarded<BatchStart>
  private let lastSynced: Guarded<BatchStart>

  /// How many bytes of whole batches the file has, and where its body ends: for others to read.
  package let writtenBytes = SharedCounter()
  package let bodyBytes = SharedCounter()

  private init(
    _ disk: any Disk, _ folder: String, _ file: any DiskFile, _ header: DatabaseHeader, end: Int, crc: UInt32
  ) {
    self.disk = disk
    self.folder = folder
    self.file = file
    path = folder + "/" + Self.name
    identity = header.identity
    seed = header.seed
    self.end = end
    chain = ClosingChain(identity: identity, crc: crc)
    let start = BatchStart(
      file: file, position: end, chain: chain, version: 0, checkpoint: header.checkpoint, time: 0)
    lastBatch = Guarded(start)
    lastSynced = Guarded(start)
    writtenBytes.set(UInt64(end))
    bodyBytes.set(UInt64(end))
  }

  /// Lets other threads know how far the file is written.
  private func publish(_ version: UInt64, time: Int64? = nil, checkpoint: UInt64? = nil) {
    lastBatch.withLock {
      $0 = BatchStart(
        file: file, position: end, chain: chain, version: version, checkpoint: checkpoint ?? $0.checkpoint,
        time: time ?? $0.time)
    }
    writtenBytes.set(UInt64(end))
  }

  /// Lets other threads know that all that is published is on the disk.
  private func publishSynced() {
    let start = lastBatch.withLock { $0 }
    lastSynced.withLock { $0 = start }
  }

  deinit {
    writtenBytes.destroy()
    bodyBytes.destroy()
  }

  /// Opens the database file in a folder, which exists, or begins a new one.
  ///
  /// - Parameters:
  ///   - hasHeldDatabase: whether the folder is known to have held one: then none is begun in it.
  ///   - random: where a new database gets its identity and its hash seed from.
  package static func open(
    _ folder: String, on disk: any Disk, hasHeldDatabase: Bool = false, random: inout RandomSource
  ) throws -> DatabaseFile {
    let path = folder + "/" + name
    let names = try disk.names(in: folder)
    if !names.contains(name) {
      if let other = names.filter({ $0.hasPrefix(name + ".") }).max() {
        throw DatabaseError(
          path: path, line: 0,
          reason:
            "the file is missing, though the folder has held a database: \(other) is there. Nothing was "
            + "started. Restore \(name) from a backup; to begin anew, move the other files away")
      }
    }
    let file = try disk.open(path)
    // The file's name has to survive before anybody is shown what is in it.
    try disk.syncFolder(folder)
    let start = try DatabaseReader.firstBytes(of: file)
    if !DatabaseHeader.isTorn(start.bytes) {
      let reader = try DatabaseReader(file, path)
      return DatabaseFile(disk, folder, file, reader.header, end: reader.position, crc: reader.chain.crc)
    }
    // Nothing but its very first write leaves a file without a header, and then there is nothing else.
    guard !hasHeldDatabase, !names.contains(where: { $0.hasPrefix(name + ".") }) else {
      throw DatabaseError(
        path: path, line: 1,
        reason:
          "the file is empty, though the folder has held a database. Nothing was started. Restore it from a "
          + "backup; to begin anew, use another folder")
    }
    let header = DatabaseHeader(identity: random.next(), seed: random.next(), checkpoint: 0)
    var fresh = ByteQueue()
    let crc = header.write(to: &fresh)
    try file.truncate(to: 0)
    try file.write(fresh.bytes, at: 0)
    try file.sync()
    return DatabaseFile(disk, folder, file, header, end: fresh.count, crc: crc)
  }

  // MARK: Reading back

  /// Fills the keyspace with what the file holds and makes durable what was read. To be called once, before the first
  /// `append`.
  ///
  /// - Parameters:
  ///   - threads: how many to load with.
  ///   - progress: told how far it is, in bytes.
  package func recover(
    into keyspace: Keyspace, threads: Int, progress: @escaping DatabaseLoader.Progress = { _, _ in }
  ) throws -> RecoveryReport {
    let loader = DatabaseLoader(keyspace, threads: threads, progress: progress)
    defer { loader.destroy() }
    let loaded = try loader.load(file, path)
    var report = RecoveryReport()
    report.version = loaded.version
    report.database = loaded.database
    report.batches = loaded.batches
    report.records = loaded.records
    report.checkpoint = loaded.header.checkpoint
    end = loaded.end
    chain = ClosingChain(identity: identity, crc: loaded.crc)
    if let tail = loaded.tail {
      report.droppedBytes = tail.bytes
      report.droppedFromLine = tail.line
      // Whole batches that nothing vouches for may be what a crash left, or what an editor broke: they are kept aside.
      if tail.holdsBatches { report.droppedCopy = try copyTail(from: end, version: report.version) }
      try file.truncate(to: end)
    }
    try rewrite(from: loaded.syncedEnd)
    try file.sync()
    if try disk.names(in: folder).contains(Self.unfinishedName) {
      try disk.remove(folder + "/" + Self.unfinishedName)
      report.hasRemovedUnfinishedCheckpoint = true
    }
    try removeSecondNames()
    publish(report.version, time: loaded.lastTime)
    publishSynced()
    bodyBytes.set(UInt64(loaded.bodyEnd))
    return report
  }

  /// Copies what is behind `offset` into a file of its own; its path.
  private func copyTail(from offset: Int, version: UInt64) throws(DiskError) -> String {
    let copyPath = "\(path).dropped-after-\(version)"
    let copy = try disk.open(copyPath)
    try copy.truncate(to: 0)
    var buffer = ByteQueue()
    var position = offset
    while try file.read(at: position, count: Self.copyBytes, into: &buffer) > 0 {
      try copy.write(buffer.bytes, at: position - offset)
      position += buffer.count
      buffer.removeAll()
    }
    try copy.sync()
    try disk.syncFolder(folder)
    return copyPath
  }

  /// Writes the bytes from `offset` to the end once more. After a sync that failed, the system may hold bytes in its
  /// memory that never reached the disk and that it no longer means to write.
  private func rewrite(from offset: Int) throws(DiskError) {
    var buffer = ByteQueue()
    var position = offset
    while position < end {
      buffer.removeAll()
      guard try file.read(at: position, count: min(Self.copyBytes, end - position), into: &buffer) > 0 else {
        return
      }
      try file.write(buffer.bytes, at: position)
      position += buffer.count
    }
  }

  // MARK: Writing

  package func append(_ records: inout ByteQueue, _ commit: Commit) throws(DiskError) {
    guard try file.isNamed(path) else { throw DiskError("write", path, code: DiskError.replacedCode) }
    if needsCut {
      try file.truncate(to: end)
      needsCut = false
    }
    let length = records.count
    var chain = chain
    chain.close(&records, with: .commit(commit))
    do {
      try file.write(records.bytes, at: end)
    } catch {
      records.truncate(to: length)
      needsCut = true
      throw error
    }
    self.chain = chain
    end += records.count
    publish(commit.last, time: commit.time)
  }

  package func sync() throws(DiskError) {
    try file.sync()
    publishSynced()
  }

  package func close(_ commit: Commit) throws(DiskError) {
    var none = ByteQueue()
    try append(&none, commit)
    try sync()
  }

  // MARK: For those who copy it

  /// The file as it is now, up to the end of a batch. It stays readable after a checkpoint has replaced the file. From
  /// any thread.
  ///
  /// - Parameter isSynced: whether only what is known to be on the disk counts.
  package func snapshot(isSynced: Bool) -> DatabaseSnapshot {
    let end = isSynced ? lastSynced.withLock { $0 } : copyStart()
    return DatabaseSnapshot(
      file: end.file, bytes: end.position, identity: identity, checkpoint: end.checkpoint,
      version: end.version, time: end.time)
  }

  // MARK: Checkpoints

  /// A place in a database file where a batch begins.
  package struct BatchStart: Sendable {
    let file: any DiskFile
    let position: Int
    let chain: ClosingChain
    let version: UInt64
    /// The version of the checkpoint that the file begins with.
    let checkpoint: UInt64
    /// When the batch before was closed; 0 when there is none.
    let time: Int64

    /// Reads the batches from there on.
    func reader(_ database: DatabaseFile) -> DatabaseReader {
      let header = DatabaseHeader(identity: database.identity, seed: database.seed, checkpoint: 0)
      return DatabaseReader(
        file, database.path, header, from: position, chain, ClosingOrder(header, after: version))
    }
  }

  /// Where the last batch written ends. From any thread.
  package func copyStart() -> BatchStart { lastBatch.withLock { $0 } }

  /// Begins the file that is to take this one's place.
  ///
  /// - Parameter checkpoint: the version of its body.
  package func beginNew(checkpoint: UInt64) throws(DiskError) -> NewDatabaseFile {
    let newPath = folder + "/" + Self.unfinishedName
    let file = try disk.open(newPath)
    try file.truncate(to: 0)
    return try NewDatabaseFile(
      file, newPath, DatabaseHeader(identity: identity, seed: seed, checkpoint: checkpoint))
  }

  /// Cuts off what a write that failed has left: it may be a whole batch, which a kept file is not to have. On the
  /// journal's thread. A failure is final, as that of any sync of the file in use.
  func cutBack() throws(DiskError) {
    guard needsCut else { return }
    try file.truncate(to: end)
    try file.sync()
    needsCut = false
  }

  /// Lets a new file, which has all that this one has, take its name and its place. On the journal's thread.
  ///
  /// - Parameters:
  ///   - version: the last version in both.
  ///   - keptFiles: how many of the files before it to keep.
  /// - Throws: when it fails; this file then keeps its name and its place.
  func adopt(_ new: NewDatabaseFile, version: UInt64, keptFiles: Int) throws(DiskError) {
    guard try file.isNamed(path) else { throw DiskError("rename", path, code: DiskError.replacedCode) }
    try new.sync()
    try removeSecondNames()
    if keptFiles > 0 {
      let kept = Self.keptPrefix + String(version)
      // A checkpoint without a change before it meets the name of the one before, in whose file there is more.
      if try !disk.names(in: folder).contains(kept) { try disk.link(path, to: folder + "/" + kept) }
    }
    do {
      try disk.rename(new.path, to: path)
    } catch {
      try? removeSecondNames()
      throw error
    }
    file = new.file
    end = new.end
    chain = new.chain
    needsCut = false
    publish(version, checkpoint: new.header.checkpoint)
    publishSynced()
    bodyBytes.set(UInt64(new.bodyEnd))
  }

  /// Takes away the names of kept files that are this file's own: a rename that failed, or a crash before it, has left
  /// the file with two. What is written from now on is not to be in a kept file.
  private func removeSecondNames() throws(DiskError) {
    for name in try disk.names(in: folder) where name.hasPrefix(Self.keptPrefix) {
      let kept = folder + "/" + name
      if try file.isNamed(kept) { try disk.remove(kept) }
    }
  }

  /// Makes durable that the new file has the name.
  func syncName() throws(DiskError) { try disk.syncFolder(folder) }

  /// Removes all but the last `count` of the earlier files that checkpoints have kept.
  func removeKept(butLast count: Int) throws(DiskError) {
    let kept = try disk.names(in: folder)
      .compactMap { name in
        name.hasPrefix(Self.keptPrefix) ? UInt64(name.dropFirst(Self.keptPrefix.count)) : nil
      }
      .sorted()
    for version in kept.dropLast(count) {
      try disk.remove(folder + "/" + Self.keptPrefix + String(version))
    }
  }

  /// Removes a new file that is not to be finished.
  func discard(_ new: NewDatabaseFile) throws(DiskError) { try disk.remove(new.path) }
}

/// The whole batches of a database file at one moment, for reading while the file goes on growing.
package struct DatabaseSnapshot: Sendable {
  let file: any DiskFile
  /// How many there are, the header and the body among them.
  package let bytes: Int
  package let identity: UInt64
  /// The version of the checkpoint that the file begins with; 0 when it has none.
  package let checkpoint: UInt64
  /// The version of the last record, and when its batch was closed, in milliseconds since 1970.
  package let version: UInt64
  package let time: Int64

  /// Names the file, by its database and its checkpoint.
  package var name: String {
    var text = ByteQueue()
    text.append(hexadecimal: identity, width: 16)
    text.append(byte: UInt8(ascii: "-"))
    text.append(decimal: checkpoint)
    return text.bytes.text
  }

  /// Appends up to `count` bytes from `offset` on to `buffer`; how many, 0 at the end.
  package func read(at offset: Int, count: Int, into buffer: inout ByteQueue) throws(DiskError) -> Int {
    guard offset < bytes else { return 0 }
    return try file.read(at: offset, count: min(count, bytes - offset), into: &buffer)
  }
}

/// A database file in the making: the body of a checkpoint, and then a copy of the batches since.
package final class NewDatabaseFile: @unchecked Sendable {
  let file: any DiskFile
  let path: String
  let header: DatabaseHeader
  private(set) var end: Int
  private(set) var bodyEnd = 0
  private(set) var chain: ClosingChain
  private var parts = 0
  private var syncedEnd = 0

  init(_ file: any DiskFile, _ path: String, _ header: DatabaseHeader) throws(DiskError) {
    self.file = file
    self.path = path
    self.header = header
    var line = ByteQueue()
    let crc = header.write(to: &line)
    chain = ClosingChain(identity: header.identity, crc: crc)
    try file.write(line.bytes, at: 0)
    end = line.count
  }

  /// The bytes that a sync would have to write.
  var unsyncedBytes: Int { end - syncedEnd }

  /// Closes records with a line and writes both; `records` is empty after.
  private func append(_ records: inout ByteQueue, _ line: ClosingLine) throws(DiskError) {
    chain.close(&records, with: line)
    try file.write(records.bytes, at: end)
    end += records.count
    records.removeAll()
  }

  /// Writes a part of the body.
  package func append(part records: inout ByteQueue) throws(DiskError) {
    parts += 1
    try append(&records, .part(number: parts, checkpoint: header.checkpoint))
  }

  /// Says that the body is complete.
  package func finishBody(keys: UInt64, time: Int64) throws(DiskError) {
    var none = ByteQueue()
    try append(&none, .checkpoint(version: header.checkpoint, parts: parts, keys: keys, time: time))
    bodyEnd = end
  }

  /// Writes a batch.
  package func append(batch records: inout ByteQueue, _ commit: Commit) throws(DiskError) {
    try append(&records, .commit(commit))
  }

  package func sync() throws(DiskError) {
    try file.sync()
    syncedEnd = end
  }
}
