// Goes through a database file that may be damaged or edited, without expecting anything of it: lines, and from time to
// time one that looks as if it closed a run.

/// What a first line says, though its checksum may be wrong.
struct LenientHeader {
  var identity: UInt64?
  var seed: UInt64?
  var checkpoint: UInt64?
  /// What the first run's checksum may continue from.
  var checksums: [UInt32] = []

  init() {}

  init(_ line: RawSpan) {
    for field in line.text.split(separator: ",") {
      let words = field.split(separator: " ")
      guard words.count >= 2, let value = words.last else { continue }
      switch words.dropLast().joined(separator: " ") {
      case "id": identity = value.count <= 16 ? UInt64(value, radix: 16) : nil
      case "hash seed": seed = value.count <= 16 ? UInt64(value, radix: 16) : nil
      case "checkpoint": checkpoint = UInt64(value)
      case "crc": if let crc = UInt32(value, radix: 16) { checksums.append(crc) }
      default: break
      }
    }
    if let digits = Checksum.lastDigits(line) {
      let computed = line.extracting(0..<digits.start).crc32c(continuing: 0)
      if !checksums.contains(computed) { checksums.append(computed) }
    }
  }
}

enum Checksum {
  /// The eight hexadecimal digits that a line ends with, and where they begin.
  static func lastDigits(_ line: RawSpan) -> (value: UInt32, start: Int)? {
    let start = line.byteCount - 8
    guard start >= 0, let value = value(line, at: start) else { return nil }
    return (value, start)
  }

  /// Where the digits of a closing line end, if something follows them in the line.
  static func overrun(_ bytes: RawSpan, _ line: Range<Int>) -> Int? {
    var index = line.lowerBound
    while let space = bytes.firstIndex(of: UInt8(ascii: " "), from: index), space + 13 < line.upperBound - 1 {
      index = space + 1
      if bytes.extracting(space..<line.upperBound).begins(with: " crc "), value(bytes, at: space + 5) != nil {
        return space + 13
      }
    }
    return nil
  }

  /// The value of eight hexadecimal digits; nil when there are none.
  static func value(_ bytes: RawSpan, at start: Int) -> UInt32? {
    guard start + 8 <= bytes.byteCount else { return nil }
    var value: UInt32 = 0
    for index in start..<start + 8 {
      guard let digit = hexadecimalValue(bytes.byte(index)) else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }
}

/// Some lines and the line that closes them, or that looks as if it did.
struct Segment {
  enum Kind {
    case part, checkpoint, commit
    /// The file ends without one.
    case unclosed
  }

  /// Places in the reader's chunk: of the first line, of the closing line, of the end.
  var start: Int
  var lineStart: Int
  var end: Int
  var kind: Kind
  /// The closing line, if it can be read.
  var closing: ReadClosingLine?
  /// The number of the first line, and of the closing line.
  var firstLine: Int
  var closingLine: Int
  /// Where the first line is in the file.
  var offset: Int

  /// The number of the last line.
  var lastLine: Int { kind == .unclosed ? closingLine - 1 : closingLine }
}

/// The header of a file, as far as it has one.
private struct FirstLine {
  var header: DatabaseHeader?
  var problem = "there is no header"
  var lenient = LenientHeader()
  /// Where the next line begins; 0 when the first line is no header.
  var end = 0

  init(of file: any DiskFile, _ path: String) throws {
    let bytes = try DatabaseReader.firstBytes(of: file)
    guard let newline = bytes.bytes.firstIndex(of: UInt8(ascii: "\n")), newline > 0 else { return }
    let line = bytes.bytes.extracting(0..<newline)
    guard !ClosingLine.isPossible(line),
      line.text.contains("martlet database") || line.text.contains("hash seed")
    else { return }
    if line.byte(newline - 1) == UInt8(ascii: "\r") {
      throw DatabaseError(
        path: path, line: 1,
        reason: "its lines end with CR LF: an editor has changed every line. Convert them to LF alone first")
    }
    let read = DatabaseHeader.read(line)
    header = read.header
    problem = read.problem
    lenient = LenientHeader(line)
    if read.header != nil { lenient.checksums = [read.crc] }
    end = newline + 1
  }
}

/// Reads a file segment by segment.
struct SegmentReader: ~Copyable {
  private static let chunkBytes = 8 << 20

  let file: any DiskFile
  let path: String
  /// What a segment's places are in.
  let chunk = Pinned(ByteQueue())
  /// The header, if it is right; why not, and what can be read of it, if it isn't.
  let header: DatabaseHeader?
  let headerProblem: String
  let lenientHeader: LenientHeader
  /// Whether the first line is meant to be a header.
  let hasHeaderLine: Bool
  private let splitsLines: Bool
  /// The number of the next segment's first line.
  private(set) var line: Int
  /// Where the chunk begins in the file.
  private(set) var position: Int
  /// Where in the chunk the next segment begins, and from where on its end is looked for.
  private var next = 0
  private var searched = 0
  private var isAtEnd = false

  /// - Parameter splitsLines: whether a line that closes a run and goes on behind its checksum is taken for two.
  init(_ file: any DiskFile, _ path: String, splitsLines: Bool = false) throws {
    let first = try FirstLine(of: file, path)
    self.file = file
    self.path = path
    self.splitsLines = splitsLines
    header = first.header
    headerProblem = first.problem
    lenientHeader = first.lenient
    hasHeaderLine = first.end > 0
    position = first.end
    line = first.end > 0 ? 2 : 1
  }

  deinit { chunk.destroy() }

  /// How far it is in the file.
  var done: Int { position + next }

  /// The next segment; nil at the end. Its places are good until the next call.
  mutating func nextSegment() throws(DiskError) -> Segment? {
    while true {
      var position = searched
      let place = chunk.value.bytes.nextClosingLine(from: &position)
      searched = position
      if let place { return take(upTo: place.start, place.end) }
      if isAtEnd { return takeRest() }
      chunk.value.removeFirst(next)
      self.position += next
      searched -= next
      next = 0
      if try file.read(
        at: self.position + chunk.value.count, count: Self.chunkBytes, into: &chunk.value) == 0
      {
        isAtEnd = true
      }
    }
  }

  private mutating func take(upTo lineStart: Int, _ lineEnd: Int) -> Segment {
    let chunk = chunk
    let bytes = chunk.value.bytes
    let closing = ClosingLine.read(bytes, at: lineStart)
    var end = lineEnd
    if splitsLines, closing == nil, let place = Checksum.overrun(bytes, lineStart..<lineEnd) {
      end = place
      searched = place
    }
    let kind: Segment.Kind
    switch true {
    case bytes.extracting(lineStart..<end).begins(with: "# part "): kind = .part
    case bytes.extracting(lineStart..<end).begins(with: "# checkpoint "): kind = .checkpoint
    default: kind = .commit
    }
    let lines = bytes.count(of: UInt8(ascii: "\n"), in: next..<lineStart)
    let segment = Segment(
      start: next, lineStart: lineStart, end: end, kind: kind, closing: closing,
      firstLine: line, closingLine: line + lines, offset: position + next)
    next = end
    line += lines + (end == lineEnd ? 1 : 0)
    return segment
  }

  /// What is behind the last closing line, which may be a closing line without its newline.
  private mutating func takeRest() -> Segment? {
    let chunk = chunk
    let bytes = chunk.value.bytes
    guard next < bytes.byteCount else { return nil }
    var lines = bytes.count(of: UInt8(ascii: "\n"), in: next..<bytes.byteCount)
    if bytes.byte(bytes.byteCount - 1) != UInt8(ascii: "\n") { lines += 1 }
    let segment = Segment(
      start: next, lineStart: bytes.byteCount, end: bytes.byteCount, kind: .unclosed, closing: nil,
      firstLine: line, closingLine: line + lines, offset: position + next)
    next = bytes.byteCount
    line += lines
    return segment
  }
}

extension RawSpan {
  /// How often `byte` occurs in a part.
  func count(of byte: UInt8, in range: Range<Int>) -> Int {
    var count = 0
    let part = extracting(range)
    var index = 0
    while let found = part.firstIndex(of: byte, from: index) {
      count += 1
      index = found + 1
    }
    return count
  }
}
