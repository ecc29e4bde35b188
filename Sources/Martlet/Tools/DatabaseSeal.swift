// `martlet check --seal`: accepts what a person has edited. The text stays as it is, line by line; the lines that close
// runs are written anew, with the checksums and versions that belong to what is there now.
//
// A record takes the place that its line has: where records were added the versions behind them move up, where some are
// gone there is a gap. A closing line that can't be read is replaced by a right one; one that is gone has its run taken
// into the next; lines behind the last are closed with a new commit line.

/// A sealing, which is done but for the last step.
package final class DatabaseSeal {
  /// A run that a person has changed.
  package struct Change: Equatable {
    package var firstLine: Int
    package var lastLine: Int
    /// What is to be said about it.
    package var notes: [String]
    /// The first of its lines, as they are now.
    package var lines: [String]
  }

  /// How many lines of a changed run are kept to be shown, and how much of each, in bytes.
  private static let shownLines = 40
  private static let shownBytes = 400

  private let folder: ToolFolder
  private let path: String
  private let new: NewDatabaseFile
  private let keyspace: ToolKeyspace
  private let time: Int64
  package private(set) var changes: [Change] = []
  package private(set) var version: UInt64 = 0
  private var isBodyComplete: Bool
  private var parts = 0
  private var synced: UInt64 = 0
  private var lastTime: Int64
  /// What the next run's checksum continues from in the file as it is; nil when nobody can say.
  private var previous: UInt32?

  package var keyCount: Int { keyspace.keyCount }

  /// Reads the file and writes the new one beside it. The folder is locked.
  ///
  /// - Parameter time: what new commit lines say, in milliseconds since 1970.
  /// - Throws: `DatabaseError` with the line of a record that can't be replayed. Nothing is left behind then.
  package init(_ folder: ToolFolder, time: Int64, progress: DatabaseLoader.Progress = { _, _ in }) throws {
    self.folder = folder
    self.time = time
    lastTime = time
    path = folder.file(DatabaseFile.name)
    let file = try folder.snapshot()
    var reader = try SegmentReader(file, path)
    let (header, headerNotes) = try Self.header(&reader, file, path)
    keyspace = ToolKeyspace(seed: header.seed)
    isBodyComplete = header.checkpoint == 0
    previous = reader.header == nil ? nil : reader.lenientHeader.checksums.first
    new = try folder.beginNew(header)
    if !headerNotes.isEmpty {
      changes.append(Change(firstLine: 1, lastLine: 1, notes: headerNotes, lines: []))
    }
    do {
      var whole = try SegmentReader(file, path)
      let size = try file.size()
      var replay = LineReplay(keyspace.keyspace)
      while let segment = try whole.nextSegment() {
        try seal(segment, whole.chunk, header, &replay)
        progress(whole.done, size)
      }
      if !isBodyComplete { try finishBody(line: whole.line) }
    } catch {
      try? folder.discard(new)
      throw error
    }
  }

  private static func header(_ reader: inout SegmentReader, _ file: any DiskFile, _ path: String) throws
    -> (DatabaseHeader, notes: [String])
  {
    if let header = reader.header { return (header, []) }
    let lenient = reader.lenientHeader
    var identity = lenient.identity
    var checkpoint = lenient.checkpoint
    var isClosed = false
    while identity == nil || checkpoint == nil, let segment = try reader.nextSegment() {
      guard let closing = segment.closing else { continue }
      if identity == nil { identity = closing.identity }
      if isClosed { continue }
      switch closing.line {
      case .part(_, let version), .checkpoint(let version, _, _, _):
        checkpoint = checkpoint ?? version
      case .commit: checkpoint = checkpoint ?? 0
      }
      isClosed = true
    }
    guard let identity else {
      throw DatabaseError(
        path: path, line: 1,
        reason:
          "the header can't be read, and no other line says which database this is: restore its first line")
    }
    let header = DatabaseHeader(
      identity: identity, seed: lenient.seed ?? identity, checkpoint: checkpoint ?? 0)
    return (header, [reader.hasHeaderLine ? "the header is written anew" : "a header is added"])
  }

  // MARK: Run by run

  private func seal(
    _ segment: Segment, _ chunk: Pinned<ByteQueue>, _ header: DatabaseHeader, _ replay: inout LineReplay
  ) throws {
    var notes: [String] = []
    let isWhole = isUnchanged(segment, chunk)
    previous = segment.closing?.crc
    if segment.kind == .unclosed && isBlank(chunk.value.bytes.extracting(segment.start..<segment.lineStart)) {
      return
    }
    if segment.kind != .unclosed {
      if segment.closing == nil {
        let line = segment.lineStart..<segment.end
        if Checksum.overrun(chunk.value.bytes, line) != nil {
          throw DatabaseError(
            path: path, line: segment.closingLine,
            reason: "something stands behind the checksum: put it on a line of its own. Nothing was changed")
        }
        notes.append("its closing line could not be read and is written anew")
      }
      if let closing = segment.closing, closing.identity != header.identity {
        notes.append("its closing line was of another database and is written anew")
      }
    } else {
      notes.append("nothing closed these lines: a new closing line is added")
    }
    var records = ByteQueue()
    records.append(chunk.value.bytes.extracting(segment.start..<segment.lineStart))
    if !records.isEmpty, records.bytes.byte(records.count - 1) != UInt8(ascii: "\n") {
      records.append(byte: UInt8(ascii: "\n"))
      notes.append("its last line had no line end")
    }
    switch segment.kind {
    case .part where !isBodyComplete, .unclosed where !isBodyComplete:
      try apply(records.bytes, segment.firstLine, first: header.checkpoint, step: 0, &replay)
      if case .part(let number, _)? = segment.closing?.line, number != parts + 1 {
        notes.append("the parts are counted anew")
      }
      parts += 1
      try new.append(part: &records)
    case .checkpoint where !isBodyComplete:
      if !records.isEmpty {
        try apply(records.bytes, segment.firstLine, first: header.checkpoint, step: 0, &replay)
        notes.append("a line is added that closes the body's last part")
        parts += 1
        try new.append(part: &records)
      }
      if case .checkpoint(_, let parts, let keys, let time)? = segment.closing?.line {
        lastTime = time
        if parts != self.parts || keys != UInt64(keyspace.keyCount) {
          notes.append("the body has \(self.parts) parts and \(keyspace.keyCount) keys now")
        }
      }
      try writeBodyEnd()
    default:
      if !isBodyComplete {
        try finishBody(line: segment.firstLine)
      }
      if segment.kind == .part || segment.kind == .checkpoint {
        notes.append("a line of a body can't stand here: it becomes a commit line")
      }
      try sealBatch(segment, &records, &notes, &replay)
    }
    if !isWhole || !notes.isEmpty {
      note(segment, chunk, notes)
    }
  }

  private func sealBatch(
    _ segment: Segment, _ records: inout ByteQueue, _ notes: inout [String], _ replay: inout LineReplay
  ) throws {
    var commit = Commit(first: version + 1, last: version, time: lastTime, synced: synced)
    var wasNamed: (first: UInt64, last: UInt64)?
    if case .commit(let read)? = segment.closing?.line, read.first <= Item.maximumVersion {
      commit = read
      commit.first = max(read.first, version + 1)
      wasNamed = (read.first, read.last)
    } else if segment.kind == .unclosed {
      commit.time = time
    }
    let count = try apply(records.bytes, segment.firstLine, first: commit.first, step: 1, &replay)
    guard commit.first + count - 1 <= Item.maximumVersion else {
      throw DatabaseError(path: path, line: segment.closingLine, reason: "its versions are too high")
    }
    commit.last = commit.first + count - 1
    // No line may say that more was synced than there was.
    commit.synced = min(commit.synced, version)
    if let wasNamed, wasNamed != (commit.first, commit.last) {
      notes.append(
        "versions \(wasNamed.first)-\(wasNamed.last) become \(commit.first)-\(commit.last): it has \(count) records"
      )
    }
    version = max(version, commit.last)
    synced = commit.synced
    lastTime = commit.time
    try new.append(batch: &records, commit)
  }

  /// Ends the body where its own last line is missing.
  private func finishBody(line: Int) throws(DiskError) {
    changes.append(
      Change(
        firstLine: line, lastLine: line,
        notes: ["the line that ends the body was missing: one is added before this line"], lines: []))
    try writeBodyEnd()
  }

  private func writeBodyEnd() throws(DiskError) {
    try new.finishBody(keys: UInt64(keyspace.keyCount), time: lastTime)
    isBodyComplete = true
    version = new.header.checkpoint
  }

  /// Replays lines; how many records there were.
  @discardableResult
  private func apply(
    _ lines: RawSpan, _ firstLine: Int, first: UInt64, step: UInt64, _ replay: inout LineReplay
  ) throws -> UInt64 {
    replay.beginRun()
    var start = 0
    var number = firstLine
    var count: UInt64 = 0
    while start < lines.byteCount {
      let newline = lines.firstIndex(of: UInt8(ascii: "\n"), from: start) ?? lines.byteCount
      switch replay.apply(lines.extracting(start..<newline), version: first + count * step) {
      case .nothing, .selected: break
      case .applied: count += 1
      case .misfit(let reason):
        throw DatabaseError(
          path: path, line: number, reason: reason + ". Correct this line; nothing was changed")
      }
      start = newline + 1
      number += 1
    }
    return count
  }

  /// Whether a run and its closing line are as Martlet wrote them, as far as the file itself can say.
  private func isUnchanged(_ segment: Segment, _ chunk: Pinned<ByteQueue>) -> Bool {
    guard let closing = segment.closing, let previous else { return false }
    return chunk.value.bytes.extracting(segment.start..<closing.crcStart).crc32c(continuing: previous)
      == closing.crc
  }

  private func isBlank(_ lines: RawSpan) -> Bool {
    for index in 0..<lines.byteCount where lines.byte(index) != UInt8(ascii: "\n") { return false }
    return true
  }

  private func note(_ segment: Segment, _ chunk: Pinned<ByteQueue>, _ notes: [String]) {
    var lines: [String] = []
    var start = segment.start
    while start < segment.lineStart && lines.count < Self.shownLines {
      let newline = chunk.value.bytes.firstIndex(of: UInt8(ascii: "\n"), from: start) ?? segment.lineStart
      lines.append(chunk.value.bytes.extracting(start..<min(newline, start + Self.shownBytes)).text)
      start = newline + 1
    }
    changes.append(
      Change(firstLine: segment.firstLine, lastLine: segment.lastLine, notes: notes, lines: lines))
  }

  // MARK: The last step

  /// Whether the file is as Martlet wrote it, so that there is nothing to accept.
  package var isUnchanged: Bool { changes.isEmpty }

  /// Has the new file take the place of the edited one; what that is called now.
  package func carryOut() throws(DiskError) -> String {
    let original = try folder.freeName("unsealed", time: time)
    try folder.adopt(new, keepingOldAs: original)
    return original
  }

  /// Leaves everything as it was.
  package func abandon() throws(DiskError) { try folder.discard(new) }
}
