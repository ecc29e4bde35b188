// The lines of the database file that are Martlet's own: the header, and the lines that close runs of records and
// vouch for them. docs/FORMAT.md is the reference.
//
// Every such line ends with a CRC-32C that continues from the one before it, so the last vouches for the whole file, and
// yet each run can be checked by itself, beginning with the digits that the line before it shows.

/// The first line of a database file.
package struct DatabaseHeader: Sendable, Equatable {
  /// Names this database; every closing line repeats it.
  package var identity: UInt64
  /// The number that the keyspace's hash function is made from.
  package var seed: UInt64
  /// The version whose state is the file's body; 0 when it has none.
  package var checkpoint: UInt64

  fileprivate static let start: StaticString = "# martlet database, format "
  /// The longest header that is looked for, in bytes.
  static let maximumBytes = 4096
  /// The length of the header of a new database, in bytes.
  private static let freshBytes = 106

  /// The line, and the checksum that the next one continues from.
  func write(to bytes: inout ByteQueue) -> UInt32 {
    let start = bytes.count
    bytes.append(Self.start)
    bytes.append("1, id ")
    bytes.append(hexadecimal: identity, width: 16)
    bytes.append(", hash seed ")
    bytes.append(hexadecimal: seed, width: 16)
    bytes.append(", checkpoint ")
    bytes.append(decimal: checkpoint)
    bytes.append(", crc ")
    let crc = bytes.bytes.extracting(start..<bytes.count).crc32c(continuing: 0)
    bytes.append(hexadecimal: UInt64(crc), width: 8)
    bytes.append(byte: UInt8(ascii: "\n"))
    return crc
  }

  /// Reads the header from a file's first line, which comes without its newline; why not, when it isn't one.
  static func read(_ line: RawSpan) -> (header: DatabaseHeader?, crc: UInt32, problem: String) {
    var fields = LineReader(line)
    guard fields.skip(start) else {
      return (nil, 0, "this is not a Martlet database: move the file away, or choose another folder")
    }
    guard fields.skip("1, ") else {
      return (nil, 0, "a format this version of Martlet doesn't know: use a newer one")
    }
    guard fields.skip("id "), let identity = fields.hexadecimal(), fields.skip(", hash seed "),
      let seed = fields.hexadecimal(), fields.skip(", checkpoint "), let checkpoint = fields.decimal(),
      fields.skip(", crc "), case let covered = line.extracting(0..<fields.position).crc32c(continuing: 0),
      let crc = fields.hexadecimal(), fields.isAtEnd, crc == UInt64(covered)
    else { return (nil, 0, "the header is damaged: restore the file from a backup") }
    return (DatabaseHeader(identity: identity, seed: seed, checkpoint: checkpoint), covered, "")
  }

  /// Whether the whole of a file is what a crash leaves while the very first line is written: a part of that line, with
  /// zeros for what didn't reach the disk. Such a file has never held a record; anything else is not ours to write over.
  static func isTorn(_ content: RawSpan) -> Bool {
    guard content.byteCount <= freshBytes else { return false }
    for index in 0..<min(content.byteCount, start.utf8CodeUnitCount) {
      let byte = content.byte(index)
      if byte != 0 && byte != start.byte(index) { return false }
    }
    return content.firstIndex(of: 0) != nil || content.firstIndex(of: UInt8(ascii: "\n")) == nil
  }
}

/// A line that closes a run of records.
package enum ClosingLine: Sendable, Equatable {
  /// A batch of changes.
  case commit(Commit)
  /// A part of the body, counted from 1.
  case part(number: Int, checkpoint: UInt64)
  /// The end of the body.
  case checkpoint(version: UInt64, parts: Int, keys: UInt64, time: Int64)

  /// What can be one starts so.
  static func isPossible(_ line: RawSpan) -> Bool {
    line.begins(with: "# commit ") || line.begins(with: "# part ") || line.begins(with: "# checkpoint ")
  }

  /// Reads the line that begins at `start` and ends with a newline; nil when it is not one of these.
  static func read(_ bytes: RawSpan, at start: Int) -> ReadClosingLine? {
    var fields = LineReader(bytes, from: start)
    let line: ClosingLine
    if fields.skip("# commit ") {
      guard let first = fields.decimal(), fields.skip("-"), let last = fields.decimal(),
        fields.skip(" synced "), let synced = fields.decimal(), fields.skip(" time "),
        let time = fields.time()
      else { return nil }
      line = .commit(Commit(first: first, last: last, time: time, synced: synced))
    } else if fields.skip("# part ") {
      guard let number = fields.decimal(), number <= UInt32.max, fields.skip(" of checkpoint "),
        let version = fields.decimal()
      else { return nil }
      line = .part(number: Int(number), checkpoint: version)
    } else if fields.skip("# checkpoint ") {
      guard let version = fields.decimal(), fields.skip(" parts "), let parts = fields.decimal(),
        parts <= UInt32.max, fields.skip(" keys "), let keys = fields.decimal(), fields.skip(" time "),
        let time = fields.time()
      else { return nil }
      line = .checkpoint(version: version, parts: Int(parts), keys: keys, time: time)
    } else {
      return nil
    }
    guard fields.skip(" db "), let identity = fields.hexadecimal(), fields.skip(" crc ") else { return nil }
    let crcStart = fields.position
    guard let crc = fields.hexadecimal(), crc <= UInt32.max, fields.skip("\n") else { return nil }
    return ReadClosingLine(
      line: line, identity: identity, crcStart: crcStart, crc: UInt32(truncatingIfNeeded: crc))
  }
}

/// A closing line as it stands in a file.
struct ReadClosingLine {
  let line: ClosingLine
  let identity: UInt64
  /// Where the digits of the checksum begin: it covers everything before.
  let crcStart: Int
  let crc: UInt32
}

/// What a file's next closing line needs to know of those before.
struct ClosingChain: Sendable {
  let identity: UInt64
  private(set) var crc: UInt32

  init(identity: UInt64, crc: UInt32) {
    self.identity = identity
    self.crc = crc
  }

  /// Puts behind `records` the line that closes them.
  mutating func close(_ records: inout ByteQueue, with line: ClosingLine) {
    switch line {
    case .commit(let commit):
      records.append("# commit ")
      records.append(decimal: commit.first)
      records.append(byte: UInt8(ascii: "-"))
      records.append(decimal: commit.last)
      records.append(" synced ")
      records.append(decimal: commit.synced)
      records.append(" time ")
      records.append(time: commit.time)
    case .part(let number, let checkpoint):
      records.append("# part ")
      records.append(decimal: number)
      records.append(" of checkpoint ")
      records.append(decimal: checkpoint)
    case .checkpoint(let version, let parts, let keys, let time):
      records.append("# checkpoint ")
      records.append(decimal: version)
      records.append(" parts ")
      records.append(decimal: parts)
      records.append(" keys ")
      records.append(decimal: keys)
      records.append(" time ")
      records.append(time: time)
    }
    records.append(" db ")
    records.append(hexadecimal: identity, width: 16)
    records.append(" crc ")
    crc = records.bytes.crc32c(continuing: crc)
    records.append(hexadecimal: UInt64(crc), width: 8)
    records.append(byte: UInt8(ascii: "\n"))
  }
}

extension RawSpan {
  /// Where the first line that could be a closing line and is there to its end begins, and where it ends. `position`
  /// moves to where the next search has to start.
  ///
  /// - Parameter anywhere: whether to look within lines, too: behind a line feed that is none any more.
  func nextClosingLine(from position: inout Int, anywhere: Bool = false) -> (start: Int, end: Int)? {
    while let start = firstIndex(of: UInt8(ascii: "#"), from: position) {
      let beginsLine = anywhere || start == 0 || byte(start - 1) == UInt8(ascii: "\n")
      guard beginsLine else {
        position = start + 1
        continue
      }
      guard let newline = firstIndex(of: UInt8(ascii: "\n"), from: start) else {
        position = start
        return nil
      }
      position = anywhere ? start + 1 : newline + 1
      if ClosingLine.isPossible(extracting(start..<newline)) { return (start, newline + 1) }
    }
    position = byteCount
    return nil
  }
}

/// Reads the fields of a header or closing line one after the other.
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

  mutating func decimal() -> UInt64? {
    let start = position
    while position < bytes.byteCount, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes.byte(position)) {
      position += 1
    }
    return bytes.extracting(start..<position).unsignedDecimal
  }

  /// A time as ISO 8601 has it, up to the next space.
  mutating func time() -> Int64? {
    guard let end = bytes.firstIndex(of: UInt8(ascii: " "), from: position) else { return nil }
    defer { position = end }
    return bytes.extracting(position..<end).time
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
