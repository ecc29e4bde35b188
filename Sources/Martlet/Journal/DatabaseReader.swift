// Reads a database file run by run, a chunk at a time, and says which runs follow the rules. It changes nothing and
// applies nothing: recovery, the tools that check and mend, and the copy of a checkpoint's tail all read through it.
//
// What a run's closing line says is looked at here; whether the checksum is right is for the caller to ask, on as many
// threads as it likes.

/// A database file that can't be used, and where and why.
public struct DatabaseError: Error, Equatable, CustomStringConvertible {
  public let path: String
  /// The line, counted from 1; 0 when it isn't about a line.
  public let line: Int
  public let reason: String

  package init(path: String, line: Int, reason: String) {
    self.path = path
    self.line = line
    self.reason = reason
  }

  public var description: String { line == 0 ? "\(path): \(reason)" : "\(path), line \(line): \(reason)" }
}

/// Records and the line that closes them, as places in a chunk.
struct ClosedRun: Sendable {
  let start: Int
  /// Where the closing line begins.
  let lineStart: Int
  /// Where the closing line's checksum begins: it covers everything from `start` to here.
  let crcStart: Int
  let end: Int
  let line: ClosingLine
  /// The checksum that this run's continues from.
  let previousCRC: UInt32
  let crc: UInt32

  /// Whether the bytes are those that the checksum was made of.
  func isWhole(_ chunk: RawSpan) -> Bool {
    chunk.extracting(start..<crcStart).crc32c(continuing: previousCRC) == crc
  }
}

/// What may come next in a file.
struct ClosingOrder: Sendable {
  /// The body's version; 0 when there is none.
  let checkpoint: UInt64
  private var parts = 0
  private(set) var isBodyComplete: Bool
  /// The version that all runs so far have come to.
  private(set) var version: UInt64 = 0

  init(_ header: DatabaseHeader) {
    checkpoint = header.checkpoint
    isBodyComplete = header.checkpoint == 0
  }

  /// What may come behind a batch.
  init(_ header: DatabaseHeader, after version: UInt64) {
    checkpoint = header.checkpoint
    isBodyComplete = true
    self.version = version
  }

  /// Goes on to `line`, if it may follow; whether it may.
  mutating func advance(to line: ClosingLine) -> Bool {
    switch line {
    case .part(let number, let checkpoint):
      guard !isBodyComplete, checkpoint == self.checkpoint, number == parts + 1 else { return false }
      parts = number
    case .checkpoint(let version, let parts, _, _):
      guard !isBodyComplete, version == checkpoint, parts == self.parts else { return false }
      isBodyComplete = true
      self.version = version
    case .commit(let commit):
      // A batch without records ends at the version before its first.
      guard isBodyComplete, commit.first > version, commit.last >= commit.first - 1,
        commit.last >= version, commit.last <= Item.maximumVersion
      else { return false }
      version = commit.last
    }
    return true
  }
}

/// Goes through a database file from its header on.
struct DatabaseReader: ~Copyable {
  /// How much is read at a time, in bytes; more, if a run is longer. As much is read ahead.
  private static let chunkBytes = 8 << 20

  let file: any DiskFile
  let path: String
  let header: DatabaseHeader
  /// Where the chunk begins in the file.
  private(set) var position: Int
  /// The bytes that `runs` lie in.
  let chunk = Pinned(ByteQueue())
  /// The runs of the chunk that follow the rules and, by their closing lines, each other.
  private(set) var runs: [ClosedRun] = []
  private(set) var order: ClosingOrder
  /// Whether what follows the runs breaks the rules, or is nothing.
  private(set) var isAtEnd = false
  /// Where in the file a closing line stands that may not come there, though its checksum is right: no crash does that.
  private(set) var misplaced: Int?
  private var crc: UInt32
  private var searched = 0
  private var ahead = ReadAhead()

  /// Reads the header of a file that has one.
  init(_ file: any DiskFile, _ path: String) throws {
    self.file = file
    self.path = path
    let bytes = try Self.firstBytes(of: file)
    guard let newline = bytes.bytes.firstIndex(of: UInt8(ascii: "\n")) else {
      throw DatabaseError(
        path: path, line: 1,
        reason: "this is not a Martlet database: move the file away, or choose another folder")
    }
    let read = DatabaseHeader.read(bytes.bytes.extracting(0..<newline))
    guard let header = read.header else { throw DatabaseError(path: path, line: 1, reason: read.problem) }
    self.header = header
    order = ClosingOrder(header)
    crc = read.crc
    position = newline + 1
  }

  /// Goes on in a file where a run begins.
  ///
  /// - Parameters:
  ///   - position: where it begins, in bytes.
  ///   - chain: the checksum before it.
  ///   - order: what may come there.
  init(
    _ file: any DiskFile, _ path: String, _ header: DatabaseHeader, from position: Int, _ chain: ClosingChain,
    _ order: ClosingOrder
  ) {
    self.file = file
    self.path = path
    self.header = header
    self.position = position
    self.order = order
    crc = chain.crc
  }

  deinit { chunk.destroy() }

  /// The start of a file, enough of it to hold a header.
  static func firstBytes(of file: any DiskFile) throws(DiskError) -> ByteQueue {
    var bytes = ByteQueue()
    while bytes.count < DatabaseHeader.maximumBytes,
      try file.read(at: bytes.count, count: DatabaseHeader.maximumBytes - bytes.count, into: &bytes) > 0
    {}
    return bytes
  }

  /// Where the last of `runs` ends in the file.
  var end: Int { position + (runs.last?.end ?? 0) }

  /// The checksum behind the last of `runs`.
  var chain: ClosingChain { ClosingChain(identity: header.identity, crc: runs.last?.crc ?? crc) }

  /// Reads on behind the runs there are; whether there are more. No run behind `limit` in the file is looked for.
  mutating func next(limit: Int = .max) throws(DiskError) -> Bool {
    if let last = runs.last {
      crc = last.crc
      position += last.end
      chunk.value.removeFirst(last.end)
      searched = 0
      runs.removeAll(keepingCapacity: true)
    }
    guard !isAtEnd else { return false }
    findRuns()
    while runs.isEmpty && !isAtEnd {
      let offset = position + chunk.value.count
      let wanted = min(max(Self.chunkBytes - chunk.value.count, Self.chunkBytes / 2), limit - offset)
      if wanted <= 0 { return false }
      let got: Int
      if let taken = try ahead.take(at: offset, into: &chunk.value) {
        got = taken
      } else {
        got = try file.read(at: offset, count: wanted, into: &chunk.value)
      }
      if got == 0 {
        isAtEnd = true
      } else {
        // A small file is read at once, and of one that is read in part nothing is read in vain.
        if got >= wanted && limit == .max {
          ahead.begin(file, at: offset + got, count: Self.chunkBytes)
        }
        findRuns()
      }
    }
    return !runs.isEmpty
  }

  /// Finds the whole runs of the chunk.
  private mutating func findRuns() {
    var start = 0
    var previous = crc
    var next = searched
    defer { searched = next }
    while let place = chunk.value.bytes.nextClosingLine(from: &next) {
      guard let read = ClosingLine.read(chunk.value.bytes, at: place.start), read.identity == header.identity
      else {
        isAtEnd = true
        return
      }
      let run = ClosedRun(
        start: start, lineStart: place.start, crcStart: read.crcStart, end: place.end, line: read.line,
        previousCRC: previous, crc: read.crc)
      guard order.advance(to: read.line) else {
        isAtEnd = true
        if run.isWhole(chunk.value.bytes) { misplaced = self.position + place.start }
        return
      }
      runs.append(run)
      start = place.end
      previous = read.crc
      // What is to be said about the body is said before anything is put on top of it.
      if case .checkpoint = read.line { return }
    }
  }

  /// Keeps only the first runs: what follows them breaks the rules. (`order` is then of no use any more.)
  mutating func stop(after count: Int) {
    runs.removeSubrange(count...)
    isAtEnd = true
    misplaced = nil
  }

  /// The number of the line that begins at a place of the file. O(place).
  func lineNumber(at offset: Int) throws(DiskError) -> Int {
    try Self.lineNumber(in: file, at: offset)
  }

  /// The number of the line that begins at a place of a file. O(place).
  static func lineNumber(in file: any DiskFile, at offset: Int) throws(DiskError) -> Int {
    var bytes = ByteQueue()
    var line = 1
    var position = 0
    while position < offset {
      bytes.removeAll()
      let got = try file.read(at: position, count: min(chunkBytes, offset - position), into: &bytes)
      if got == 0 { break }
      var index = 0
      while let newline = bytes.bytes.firstIndex(of: UInt8(ascii: "\n"), from: index) {
        line += 1
        index = newline + 1
      }
      position += got
    }
    return line
  }
}
