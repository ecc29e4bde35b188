// `martlet check --repair`: saves what is whole of a damaged file.
//
// Each run can be verified by itself, beginning with the digits that the line before it shows. So a damaged run is left
// out as a whole and those behind it are not lost with it; should the damage be in those very digits, or in a line that
// closes a run, what they must have been is tried as well. The records of whole runs are then replayed, and those that
// no longer fit are left out, too. What is saved becomes the body of a new file.

/// What a repair would do, or has done.
package final class DatabaseRepair {
  /// Lines that are left out, and why.
  package struct LeftOut: Equatable {
    package var firstLine: Int
    package var lastLine: Int
    package var reason: String
    /// Where they are in the file, in bytes.
    var start: Int
    var end: Int
  }

  /// How many places in a damaged run are tried as the beginning of another.
  private static let maximumAttempts = 256

  private let folder: ToolFolder
  private let path: String
  private let file: any DiskFile
  private let keyspace: ToolKeyspace
  private var header: DatabaseHeader
  /// What is wrong with the first line; empty when nothing is.
  package private(set) var headerProblem = ""
  package private(set) var leftOut: [LeftOut] = []
  /// The version of the last record saved.
  package private(set) var version: UInt64 = 0
  package private(set) var batches = 0
  package private(set) var records = 0
  package private(set) var isBodyComplete = false
  private var parts = 0

  /// Whether the file is whole, so that there is nothing to repair.
  package var isWhole: Bool { leftOut.isEmpty && headerProblem.isEmpty && isBodyComplete }

  package var keyCount: Int { keyspace.keyCount }

  /// Finds out what can be saved. Nothing is changed yet.
  package init(_ folder: ToolFolder, progress: DatabaseLoader.Progress = { _, _ in }) throws {
    self.folder = folder
    path = folder.file(DatabaseFile.name)
    let file = try folder.snapshot()
    self.file = file
    header = try Self.findHeader(file, path)
    keyspace = ToolKeyspace(seed: header.seed)
    var reader = try SegmentReader(file, path, splitsLines: true)
    if reader.header == nil { headerProblem = reader.headerProblem }
    isBodyComplete = header.checkpoint == 0
    try read(&reader, progress)
    if !isBodyComplete { version = header.checkpoint }
  }

  /// The header, or what it must have been, by the lines that repeat parts of it.
  private static func findHeader(_ file: any DiskFile, _ path: String) throws -> DatabaseHeader {
    var reader = try SegmentReader(file, path)
    if let header = reader.header { return header }
    var identities: [UInt64: Int] = [:]
    var checkpoint: UInt64?
    while let segment = try reader.nextSegment() {
      guard let closing = segment.closing else { continue }
      identities[closing.identity, default: 0] += 1
      switch closing.line {
      case .part(_, let version), .checkpoint(let version, _, _, _):
        if checkpoint == nil { checkpoint = version }
      case .commit: break
      }
    }
    let lenient = reader.lenientHeader
    guard let identity = identities.max(by: { $0.value < $1.value })?.key ?? lenient.identity else {
      throw DatabaseError(
        path: path, line: 1, reason: "this is not a Martlet database: there is nothing to save")
    }
    // A body says of which version it is; a hash seed may be any.
    return DatabaseHeader(
      identity: identity, seed: lenient.seed ?? identity, checkpoint: checkpoint ?? 0)
  }

  // MARK: Reading

  private func read(_ reader: inout SegmentReader, _ progress: DatabaseLoader.Progress) throws {
    let size = try file.size()
    var replay = LineReplay(keyspace.keyspace)
    // What the next run's checksum may continue from.
    var checksums = reader.lenientHeader.checksums
    // The line before has lost its end.
    var isBehindOverrun = false
    while let segment = try reader.nextSegment() {
      let chunk = reader.chunk
      progress(reader.done, size)
      if segment.kind == .unclosed {
        leaveOut(
          segment.firstLine, segment.lastLine, segment.offset, segment.offset + segment.end - segment.start,
          "no line closes it: the end of a write that was cut off")
        continue
      }
      guard let closing = segment.closing else {
        leaveOut(segment, "the line that closes it is damaged")
        checksums = Self.checksums(behind: segment, chunk, checksums)
        isBehindOverrun = chunk.value.bytes.byte(segment.end - 1) != UInt8(ascii: "\n")
        continue
      }
      let covered = segment.start..<closing.crcStart
      var whole = Self.continues(checksums, chunk, covered, closing.crc) ? segment : nil
      if whole == nil, isBehindOverrun, segment.start + 1 < closing.crcStart,
        Self.continues(checksums, chunk, segment.start + 1..<closing.crcStart, closing.crc)
      {
        // The byte that was a line end once.
        var rest = segment
        rest.start += 1
        rest.offset += 1
        whole = rest
      }
      isBehindOverrun = false
      if whole == nil, let found = Self.wholeEnd(of: segment, closing, chunk) {
        var rest = segment
        rest.start = found
        let lines = chunk.value.bytes.count(of: UInt8(ascii: "\n"), in: segment.start..<found)
        rest.firstLine += lines
        rest.offset += found - segment.start
        leaveOut(
          segment.firstLine, max(segment.firstLine, rest.firstLine - 1), segment.offset, rest.offset,
          Self.damaged)
        whole = rest
      }
      if let whole {
        save(whole, closing, chunk, &replay)
        checksums = [closing.crc]
      } else {
        leaveOut(segment, Self.damaged)
        // Either the lines are damaged, or the digits.
        checksums = [closing.crc] + Self.computed(checksums, chunk, covered)
      }
    }
  }

  private static let damaged = "damaged: the lines are not those that the checksum was made of"

  private static func continues(
    _ checksums: [UInt32], _ chunk: Pinned<ByteQueue>, _ covered: Range<Int>, _ crc: UInt32
  ) -> Bool {
    let bytes = chunk.value.bytes.extracting(covered)
    for previous in checksums where bytes.crc32c(continuing: previous) == crc { return true }
    return false
  }

  private static func computed(
    _ checksums: [UInt32], _ chunk: Pinned<ByteQueue>, _ covered: Range<Int>
  ) -> [UInt32] {
    let bytes = chunk.value.bytes.extracting(covered)
    // More than two guesses in a row lead nowhere.
    return checksums.prefix(2).map { bytes.crc32c(continuing: $0) }
  }

  /// What may come behind a closing line that can't be read.
  private static func checksums(
    behind segment: Segment, _ chunk: Pinned<ByteQueue>, _ before: [UInt32]
  ) -> [UInt32] {
    let hasNewline = chunk.value.bytes.byte(segment.end - 1) == UInt8(ascii: "\n")
    let end = segment.end - (hasNewline ? 1 : 0)
    let shown =
      Checksum.lastDigits(chunk.value.bytes.extracting(segment.lineStart..<end)).map { [$0.value] } ?? []
    return shown + computed(before, chunk, segment.start..<max(segment.lineStart, end - 8))
  }

  /// Where in a segment, whose own checksum is wrong, a whole run begins that its closing line closes: behind something
  /// that was a closing line once.
  private static func wholeEnd(
    of segment: Segment, _ closing: ReadClosingLine, _ chunk: Pinned<ByteQueue>
  ) -> Int? {
    let bytes = chunk.value.bytes
    var attempts = 0
    var index = segment.start
    while attempts < maximumAttempts, let found = bytes.firstIndex(of: UInt8(ascii: "c"), from: index),
      found + 13 <= segment.lineStart
    {
      index = found + 1
      guard bytes.extracting(found..<segment.lineStart).begins(with: "crc "),
        let digits = Checksum.value(bytes, at: found + 4)
      else { continue }
      attempts += 1
      // Behind the digits is a newline, or what has become of it.
      let start = found + 13
      if continues([digits], chunk, start..<closing.crcStart, closing.crc) { return start }
    }
    return nil
  }

  // MARK: Saving

  private func save(
    _ segment: Segment, _ closing: ReadClosingLine, _ chunk: Pinned<ByteQueue>, _ replay: inout LineReplay
  ) {
    guard closing.identity == header.identity else {
      return leaveOut(segment, "it belongs to another database")
    }
    var version: UInt64
    var step: UInt64 = 0
    switch closing.line {
    case .part(let number, let checkpoint):
      guard !isBodyComplete, checkpoint == header.checkpoint, number > parts else {
        return leaveOut(segment, "a part of a body that may not come here")
      }
      parts = number
      version = checkpoint
    case .checkpoint(let checkpoint, _, _, _):
      guard !isBodyComplete, checkpoint == header.checkpoint else {
        return leaveOut(segment, "the end of a body that may not come here")
      }
      isBodyComplete = true
      self.version = checkpoint
      version = checkpoint
    case .commit(let commit):
      guard commit.first > max(self.version, header.checkpoint), commit.last >= commit.first - 1,
        commit.last <= Item.maximumVersion
      else { return leaveOut(segment, "its versions do not follow those before it") }
      if !isBodyComplete {
        // Its end is lost; the changes since are not.
        isBodyComplete = true
        leaveOut(
          segment.firstLine, segment.firstLine, segment.offset, segment.offset,
          "before this line: the line that ends the body is missing or damaged: keys may be missing")
      }
      (version, step) = (commit.first, 1)
      self.version = max(self.version, commit.last)
      batches += 1
    }
    replay.beginRun()
    var start = segment.start
    var line = segment.firstLine
    while start < segment.lineStart {
      let newline = chunk.value.bytes.firstIndex(of: UInt8(ascii: "\n"), from: start) ?? segment.lineStart
      switch replay.apply(chunk.value.bytes.extracting(start..<newline), version: version) {
      case .nothing, .selected: break
      case .applied:
        version += step
        records += 1
      case .misfit(let reason):
        let offset = segment.offset + start - segment.start
        leaveOut(line, line, offset, offset + newline + 1 - start, reason)
        version += step
      }
      start = newline + 1
      line += 1
    }
  }

  private func leaveOut(_ segment: Segment, _ reason: String) {
    leaveOut(
      segment.firstLine, segment.lastLine, segment.offset, segment.offset + segment.end - segment.start,
      reason)
  }

  private func leaveOut(_ firstLine: Int, _ lastLine: Int, _ start: Int, _ end: Int, _ reason: String) {
    if let last = leftOut.last, last.reason == reason, last.end == start {
      leftOut[leftOut.count - 1].lastLine = lastLine
      leftOut[leftOut.count - 1].end = end
    } else {
      leftOut.append(
        LeftOut(firstLine: firstLine, lastLine: lastLine, reason: reason, start: start, end: end))
    }
  }

  // MARK: Carrying it out

  /// Where what was there before has gone.
  package struct Outcome: Equatable {
    /// The name of the original.
    package var original: String
    /// The name of the file with the lines left out; nil when there are none.
    package var leftOut: String?
  }

  /// Writes what is saved and has it take the place of the damaged file. The folder is locked.
  package func carryOut(time: Int64) throws -> Outcome {
    header.checkpoint = version
    let new = try folder.beginNew(header)
    let original = try folder.freeName("damaged", time: time)
    var outcome = Outcome(original: original)
    do {
      _ = try StateWriter.write(keyspace.keyspace, to: new, time: time)
      if leftOut.contains(where: { $0.end > $0.start }) {
        let name = try folder.freeName("left-out", time: time)
        try writeLeftOut(to: folder.file(name))
        outcome.leftOut = name
      }
      try folder.adopt(new, keepingOldAs: original)
    } catch {
      try? folder.discard(new)
      throw error
    }
    return outcome
  }

  private func writeLeftOut(to path: String) throws(DiskError) {
    let copy = try folder.disk.open(path)
    try copy.truncate(to: 0)
    var end = 0
    for entry in leftOut where entry.end > entry.start {
      var bytes = ByteQueue()
      bytes.append(text: "# lines \(entry.firstLine)-\(entry.lastLine): \(entry.reason)\n")
      var position = entry.start
      repeat {
        let wanted = min(ToolLimits.copyBytes, entry.end - position)
        let got = wanted > 0 ? try file.read(at: position, count: wanted, into: &bytes) : 0
        position += max(got, 0)
        if got == 0 { position = entry.end }
        if position == entry.end, bytes.bytes.byte(bytes.count - 1) != UInt8(ascii: "\n") {
          bytes.append(byte: UInt8(ascii: "\n"))
        }
        try copy.write(bytes.bytes, at: end)
        end += bytes.count
        bytes.removeAll()
      } while position < entry.end
    }
    try copy.sync()
  }
}
