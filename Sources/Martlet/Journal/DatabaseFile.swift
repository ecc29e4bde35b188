// The text file that is the database: a header, then batches of records, each closed by a commit line.
//
//     # martlet database, format 1, id 9f2c41d07b3e6a58, hash seed 1d0c…, crc 5b7e20aa
//     SET Hello World
//     # commit 1-1 synced 0 time 2026-11-22T16:07:12.123Z db 9f2c41d07b3e6a58 crc 1a2b3c4d
//
// Each CRC-32C covers everything from the one before (which it continues) up to its own digits, so that the last one
// vouches for the whole file and for the order of its batches. docs/FORMAT.md is the reference.
//
// Opening reads all batches back. What follows the last whole batch is a torn tail, if nothing says that it was once
// synced: it is dropped, with a word about it. Damage before that stops the opening.

/// A database file that can't be used, and where and why.
public struct DatabaseError: Error, Equatable, CustomStringConvertible {
  public let path: String
  /// The line, counted from 1.
  public let line: Int
  public let reason: String

  public var description: String { "\(path), line \(line): \(reason)" }
}

/// What opening a database file found.
package struct RecoveryReport: Sendable {
  /// The version of the last record.
  package var version: UInt64 = 0
  /// The numbered database that the last batch ended in.
  package var database = 0
  package var batches = 0
  package var records = 0
  /// The bytes of a torn tail that were dropped, and the line where it began.
  package var droppedBytes = 0
  package var droppedFromLine = 0
  /// Where what was dropped has been kept, if it held whole batches.
  package var droppedCopy: String?
}

/// An open `database.txt`.
package final class DatabaseFile: JournalLog, @unchecked Sendable {
  package static let name = "database.txt"
  /// What is read at a time.
  private static let readSize = 4 << 20
  /// The longest header that is looked for.
  private static let maximumHeader = 4096
  private static let headerStart: StaticString = "# martlet database, format "
  /// The length of the header of format 1, in bytes.
  private static let headerSize = 92
  private static let commitStart: StaticString = "# commit "

  private let disk: any Disk
  private let file: any DiskFile
  private let path: String
  private let identity: UInt64
  /// The number that the keyspace's hash function is made from.
  package let seed: UInt64

  // Used by one thread at a time: the one that opens, then the journal's.
  private var end: Int
  private var crc: UInt32

  private init(
    _ disk: any Disk, _ file: any DiskFile, _ path: String, identity: UInt64, seed: UInt64, end: Int,
    crc: UInt32
  ) {
    self.disk = disk
    self.file = file
    self.path = path
    self.identity = identity
    self.seed = seed
    self.end = end
    self.crc = crc
  }

  /// Opens the database file in a folder, which exists, or begins a new one.
  ///
  /// - Parameter random: where a new database gets its identity and its hash seed from.
  package static func open(_ folder: String, on disk: any Disk, random: inout RandomSource) throws
    -> DatabaseFile
  {
    let path = folder + "/" + name
    let file = try disk.open(path)
    // The file's name has to survive before anybody is shown what is in it.
    try disk.syncFolder(folder)
    var header = ByteQueue()
    while header.count < maximumHeader,
      try file.read(at: header.count, count: maximumHeader - header.count, into: &header) > 0
    {}
    let isTorn = isTornHeader(header.bytes)
    if !isTorn, let end = header.bytes.firstIndex(of: UInt8(ascii: "\n")) {
      return try read(header.bytes.extracting(0..<end), disk, file, path)
    }
    guard isTorn else {
      throw DatabaseError(
        path: path, line: 1,
        reason: "this is not a Martlet database: move the file away, or choose another folder")
    }
    let identity = random.next()
    let seed = random.next()
    var fresh = ByteQueue()
    fresh.append(headerStart)
    fresh.append("1, id ")
    fresh.append(hexadecimal: identity, width: 16)
    fresh.append(", hash seed ")
    fresh.append(hexadecimal: seed, width: 16)
    fresh.append(", crc ")
    let crc = fresh.bytes.crc32c(continuing: 0)
    fresh.append(hexadecimal: UInt64(crc), width: 8)
    fresh.append(byte: UInt8(ascii: "\n"))
    try file.truncate(to: 0)
    try file.write(fresh.bytes, at: 0)
    try file.sync()
    return DatabaseFile(disk, file, path, identity: identity, seed: seed, end: fresh.count, crc: crc)
  }

  /// Whether the whole of a file is what a crash leaves while the very first line is written: a part of that line, with
  /// zeros for what didn't reach the disk. Such a file has never held a record; anything else is not ours to write over.
  private static func isTornHeader(_ content: RawSpan) -> Bool {
    guard content.byteCount <= headerSize else { return false }
    for index in 0..<min(content.byteCount, headerStart.utf8CodeUnitCount) {
      let byte = content.byte(index)
      if byte != 0 && byte != headerStart.byte(index) { return false }
    }
    return content.firstIndex(of: 0) != nil || content.firstIndex(of: UInt8(ascii: "\n")) == nil
  }

  private static func read(_ line: RawSpan, _ disk: any Disk, _ file: any DiskFile, _ path: String) throws
    -> DatabaseFile
  {
    var fields = LineReader(line)
    guard fields.skip(headerStart) else {
      throw DatabaseError(
        path: path, line: 1,
        reason: "this is not a Martlet database: move the file away, or choose another folder")
    }
    guard fields.skip("1, ") else {
      throw DatabaseError(
        path: path, line: 1, reason: "a format this version of Martlet doesn't know: use a newer one")
    }
    guard fields.skip("id "), let identity = fields.hexadecimal(), fields.skip(", hash seed "),
      let seed = fields.hexadecimal(), fields.skip(", crc "),
      case let covered = line.extracting(0..<fields.position).crc32c(continuing: 0),
      let crc = fields.hexadecimal(), fields.isAtEnd, crc == UInt64(covered)
    else {
      throw DatabaseError(
        path: path, line: 1, reason: "the header is damaged: restore the file from a backup")
    }
    return DatabaseFile(
      disk, file, path, identity: identity, seed: seed, end: line.byteCount + 1, crc: covered)
  }

  // MARK: Reading back

  /// Hands every batch to `replay` and makes durable what was read. To be called once, before the first `append`.
  package func recover(into keyspace: Keyspace) throws -> RecoveryReport {
    var report = RecoveryReport()
    var parser = RecordParser()
    var buffer = ByteQueue()
    var bufferStart = end
    var line = 2
    var searched = 0
    // Where each batch ends that isn't yet said to be synced; up to `syncedEnd` all are.
    var unsynced: [(last: UInt64, end: Int)] = []
    var syncedEnd = end
    while true {
      // Whole batches in the buffer.
      var taken = 0
      while let commit = nextCommit(buffer.bytes, from: &searched) {
        let batch = buffer.bytes.extracting(taken..<commit.end)
        guard let closed = accept(batch, commit.start - taken, after: report.version) else { break }
        try apply(batch.extracting(0..<commit.start - taken), closed, keyspace, &parser, &line, &report)
        taken = commit.end
        searched = taken
        end = bufferStart + taken
        unsynced.append((closed.last, end))
        let known = unsynced.prefix { $0.last <= closed.synced }
        if let lastKnown = known.last {
          syncedEnd = lastKnown.end
          unsynced.removeFirst(known.count)
        }
      }
      if taken > 0 {
        buffer.removeFirst(taken)
        bufferStart += taken
        searched = 0
      } else if nextCommit(buffer.bytes, from: &searched) != nil {
        break
      }
      if try file.read(at: bufferStart + buffer.count, count: Self.readSize, into: &buffer) == 0 { break }
    }
    try dropTail(&report, line)
    try rewrite(from: syncedEnd)
    try file.sync()
    return report
  }

  /// The first complete commit line at or after `position`, which moves to where the next search has to start.
  private func nextCommit(_ bytes: RawSpan, from position: inout Int) -> (start: Int, end: Int)? {
    var start = position
    while let newline = bytes.firstIndex(of: UInt8(ascii: "\n"), from: start) {
      if bytes.extracting(start..<newline).begins(with: Self.commitStart) { return (start, newline + 1) }
      start = newline + 1
      position = start
    }
    return nil
  }

  /// The commit of a batch, if it is whole and follows `version`; `lineStart` is where its commit line begins.
  private func accept(_ batch: RawSpan, _ lineStart: Int, after version: UInt64) -> Commit? {
    guard let (commit, identity, crcStart, crc) = Self.readCommit(batch, lineStart) else { return nil }
    let covered = batch.extracting(0..<crcStart).crc32c(continuing: self.crc)
    guard covered == crc, identity == self.identity, commit.first == version + 1, commit.last >= version
    else {
      return nil
    }
    self.crc = covered
    return commit
  }

  /// The fields of the commit line that begins at `start`.
  private static func readCommit(_ bytes: RawSpan, _ start: Int) -> (
    Commit, UInt64, crcStart: Int, crc: UInt32
  )? {
    var fields = LineReader(bytes, from: start)
    guard fields.skip(commitStart), let first = fields.decimal(), fields.skip("-"),
      let last = fields.decimal(),
      fields.skip(" synced "), let synced = fields.decimal(), fields.skip(" time "), fields.skipWord(),
      fields.skip(" db "), let identity = fields.hexadecimal(), fields.skip(" crc ")
    else { return nil }
    let crcStart = fields.position
    guard let crc = fields.hexadecimal(), fields.skip("\n") else { return nil }
    return (
      Commit(first: first, last: last, time: 0, synced: synced), identity, crcStart,
      UInt32(truncatingIfNeeded: crc)
    )
  }

  private func apply(
    _ records: RawSpan, _ commit: Commit, _ keyspace: Keyspace, _ parser: inout RecordParser,
    _ line: inout Int,
    _ report: inout RecoveryReport
  ) throws(DatabaseError) {
    var replay = Replay(keyspace)
    var version = commit.first
    var start = 0
    while start < records.byteCount {
      let newline = records.firstIndex(of: UInt8(ascii: "\n"), from: start) ?? records.byteCount
      let text = records.extracting(start..<newline)
      if !text.isEmpty && text.byte(0) != UInt8(ascii: "#") {
        let outcome = parser.parse(text) { words in replay.apply(words, version: version) }
        switch outcome {
        case .applied: version += 1
        case .selected: break
        case .rejected, nil:
          throw DatabaseError(
            path: path, line: line, reason: "not a record of this format, or it doesn't fit the data so far")
        }
      }
      line += 1
      start = newline + 1
    }
    guard version - 1 == commit.last else {
      throw DatabaseError(
        path: path, line: line,
        reason: "the commit line speaks of \(commit.last &- commit.first &+ 1) records, there are "
          + "\(version &- commit.first)")
    }
    line += 1
    report.version = commit.last
    if version != commit.first { report.database = replay.database }
    report.batches += 1
    report.records += Int(commit.last &- commit.first &+ 1)
  }

  /// Cuts off what follows the last whole batch, unless a later commit line says that it was once on the disk.
  private func dropTail(_ report: inout RecoveryReport, _ line: Int) throws {
    let size = try file.size()
    guard size > end else { return }
    var buffer = ByteQueue()
    var bufferStart = end
    var searched = 0
    var holdsBatches = false
    while try file.read(at: bufferStart + buffer.count, count: Self.readSize, into: &buffer) > 0 {
      while let commit = nextCommit(buffer.bytes, from: &searched) {
        if let (later, identity, _, _) = Self.readCommit(buffer.bytes, commit.start) {
          holdsBatches = true
          if identity != self.identity {
            throw DatabaseError(
              path: path, line: line,
              reason: "from here on it belongs to another database: two files have been mixed")
          }
          if later.synced > report.version {
            throw DatabaseError(
              path: path, line: line,
              reason:
                "damaged: the batch that begins here was once safely on the disk and no longer is what was "
                + "written. Nothing was started. Restore the file from a backup, or undo the change made to it"
            )
          }
        }
        searched = commit.end
      }
      buffer.removeFirst(searched)
      bufferStart += searched
      searched = 0
    }
    report.droppedBytes = size - end
    report.droppedFromLine = line
    // Whole batches that nothing vouches for may be what a crash left, or what an editor broke: they are kept aside.
    if holdsBatches { report.droppedCopy = try copyTail(from: end, version: report.version) }
    try file.truncate(to: end)
  }

  /// Copies what is behind `offset` into a file of its own; its path.
  private func copyTail(from offset: Int, version: UInt64) throws(DiskError) -> String {
    let copyPath = "\(path).dropped-after-\(version)"
    let copy = try disk.open(copyPath)
    try copy.truncate(to: 0)
    var buffer = ByteQueue()
    var position = offset
    while try file.read(at: position, count: Self.readSize, into: &buffer) > 0 {
      try copy.write(buffer.bytes, at: position - offset)
      position += buffer.count
      buffer.removeAll()
    }
    try copy.sync()
    return copyPath
  }

  /// Writes the bytes from `offset` to the end once more. After a sync that failed, the system may hold bytes in its
  /// memory that never reached the disk and that it no longer means to write.
  private func rewrite(from offset: Int) throws(DiskError) {
    var buffer = ByteQueue()
    var position = offset
    while position < end {
      buffer.removeAll()
      guard try file.read(at: position, count: min(Self.readSize, end - position), into: &buffer) > 0 else {
        return
      }
      try file.write(buffer.bytes, at: position)
      position += buffer.count
    }
  }

  // MARK: Writing

  package func append(_ records: inout ByteQueue, _ commit: Commit) throws(DiskError) {
    records.append(Self.commitStart)
    records.append(decimal: commit.first)
    records.append(byte: UInt8(ascii: "-"))
    records.append(decimal: commit.last)
    records.append(" synced ")
    records.append(decimal: commit.synced)
    records.append(" time ")
    records.append(time: commit.time)
    records.append(" db ")
    records.append(hexadecimal: identity, width: 16)
    records.append(" crc ")
    let covered = records.bytes.crc32c(continuing: crc)
    records.append(hexadecimal: UInt64(covered), width: 8)
    records.append(byte: UInt8(ascii: "\n"))
    try file.write(records.bytes, at: end)
    end += records.count
    crc = covered
  }

  package func sync() throws(DiskError) { try file.sync() }

  package func close(_ commit: Commit) throws(DiskError) {
    var none = ByteQueue()
    try append(&none, commit)
    try file.sync()
  }
}

/// Reads the fields of a header or commit line one after the other.
private struct LineReader: ~Escapable {
  private let bytes: RawSpan
  private(set) var position: Int

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan, from position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  var isAtEnd: Bool { position == bytes.byteCount }

  /// Passes over `text` if it comes next; whether it did.
  mutating func skip(_ text: StaticString) -> Bool {
    guard bytes.extracting(position..<bytes.byteCount).begins(with: text) else { return false }
    position += text.utf8CodeUnitCount
    return true
  }

  /// Passes over everything up to a space.
  mutating func skipWord() -> Bool {
    guard let end = bytes.firstIndex(of: UInt8(ascii: " "), from: position) else { return false }
    position = end
    return true
  }

  mutating func decimal() -> UInt64? {
    let start = position
    while position < bytes.byteCount, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes.byte(position)) {
      position += 1
    }
    return bytes.extracting(start..<position).unsignedDecimal
  }

  mutating func hexadecimal() -> UInt64? {
    let start = position
    var value: UInt64 = 0
    while position < bytes.byteCount, position - start < 16,
      let digit = hexadecimalValue(bytes.byte(position))
    {
      value = value << 4 | UInt64(digit)
      position += 1
    }
    return position > start ? value : nil
  }
}
