// `martlet import`: bytes in, commands out, each with the line that it came from. It knows no file and no server.
//
// Text is read by the rules of redis-cli's quotes, and base64 as the database file has it is understood besides. Only
// commands that change data are let through, and SELECT.

/// Splits an import into commands.
package struct ImportParser: ~Copyable {
  /// The longest line, in bytes: that of a value of the greatest length with every byte escaped, and its key.
  package static let maximumLineBytes = 4 * Limits.valueBytes + (64 << 20)
  /// A collection is imported by commands with at most so many members, or bytes.
  static let maximumMembers = 1000
  static let membersBytes = 64 << 10

  /// What a line asks for, and which one it was; or in a file of Redis's at which byte it began.
  package enum Request: Equatable {
    /// The words of a command.
    case command([[UInt8]], place: Int)
    /// A line that is no command, and why.
    case problem(String, place: Int)
  }

  private let format: DatabaseExport.Format
  private let maximumLineBytes: Int
  private var unfinished = ByteQueue()
  private var searched = 0
  private var line = 0
  private var selected = 0
  /// The rest of a line that is too long is passed over.
  private var isSkipping = false
  private var parser = RecordParser()

  package init(_ format: DatabaseExport.Format, maximumLineBytes: Int = ImportParser.maximumLineBytes) {
    self.format = format
    self.maximumLineBytes = maximumLineBytes
  }

  /// Takes bytes; what the lines that end in them ask for.
  package mutating func append(_ bytes: RawSpan) -> [Request] {
    unfinished.append(bytes)
    var entries: [Request] = []
    var start = 0
    while let newline = unfinished.bytes.firstIndex(of: UInt8(ascii: "\n"), from: searched) {
      take(start..<newline, &entries)
      start = newline + 1
      searched = start
    }
    unfinished.removeFirst(start)
    searched = unfinished.count
    if unfinished.count > maximumLineBytes && !isSkipping {
      entries.append(.problem("longer than \(maximumLineBytes) bytes", place: line + 1))
      isSkipping = true
    }
    if isSkipping {
      unfinished.removeAll()
      searched = 0
    }
    return entries
  }

  /// The input is at its end: what stands behind the last line end is a line too.
  package mutating func finish() -> [Request] {
    var entries: [Request] = []
    if !unfinished.isEmpty { take(0..<unfinished.count, &entries) }
    unfinished.removeAll()
    searched = 0
    return entries
  }

  private mutating func take(_ range: Range<Int>, _ entries: inout [Request]) {
    line += 1
    if isSkipping {
      isSkipping = false
      return
    }
    var end = range.upperBound
    if end > range.lowerBound && unfinished.bytes.byte(end - 1) == UInt8(ascii: "\r") { end -= 1 }
    let bytes = unfinished.bytes.extracting(range.lowerBound..<end).array
    let content = bytes.first { !Self.isSpace($0) }
    guard let content, content != UInt8(ascii: "#") else { return }
    switch format {
    case .text: entries.append(command(bytes))
    case .jsonl:
      do throws(JSONObjectReader.Problem) {
        try object(bytes, &entries)
      } catch {
        entries.append(.problem(error.text, place: line))
      }
    }
  }

  // MARK: Commands

  private static let flags: [String: CommandDeclaration.Flags] = CommandDeclaration.all.reduce(into: [:]) {
    $0[$1.name] = $1.flags
  }

  private mutating func command(_ bytes: [UInt8]) -> Request {
    switch words(bytes) {
    case .failure(let problem): return .problem(problem.text, place: line)
    case .success(let words):
      guard let first = words.first else { return .problem("there is no command", place: line) }
      let name = String(decoding: first, as: UTF8.self).uppercased()
      guard let flags = Self.flags[name] else { return .problem("unknown command '\(name)'", place: line) }
      guard flags.contains(.write) || name == "SELECT" else {
        return .problem("\(name) doesn't change data, so it has no place in an import", place: line)
      }
      return .command(words, place: line)
    }
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

  /// The words of a line.
  private mutating func words(_ line: [UInt8]) -> Result<[[UInt8]], JSONObjectReader.Problem> {
    func problem(_ text: String) -> Result<[[UInt8]], JSONObjectReader.Problem> {
      .failure(.init(text: text))
    }
    var words: [[UInt8]] = []
    var index = 0
    while true {
      while index < line.count, Self.isSpace(line[index]) { index += 1 }
      guard index < line.count else { return .success(words) }
      var word: [UInt8] = []
      let start = index
      while index < line.count, !Self.isSpace(line[index]) {
        let byte = line[index]
        guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") else {
          word.append(byte)
          index += 1
          continue
        }
        let isBase64 = byte == UInt8(ascii: "\"") && index == start + 3 && word == Array("b64".utf8)
        index += 1
        if isBase64 {
          guard let end = line[index...].firstIndex(of: UInt8(ascii: "\"")),
            let decoded = base64(line[index..<end])
          else { return problem("the base64 of a word is wrong") }
          word = decoded
          index = end + 1
        } else if !Self.readQuoted(line, &index, by: byte, into: &word) {
          return problem("a quote (\(Character(Unicode.Scalar(byte)))) is not closed")
        }
        if index < line.count, !Self.isSpace(line[index]) {
          return problem("a closing quote must be followed by a space")
        }
      }
      words.append(word)
    }
  }

  /// Reads up to the closing quote; whether there is one.
  private static func readQuoted(
    _ line: [UInt8], _ index: inout Int, by quote: UInt8, into word: inout [UInt8]
  ) -> Bool {
    while index < line.count {
      let byte = line[index]
      index += 1
      if byte == quote { return true }
      guard byte == UInt8(ascii: "\\"), index < line.count else {
        word.append(byte)
        continue
      }
      let letter = line[index]
      if quote == UInt8(ascii: "'") {
        word.append(letter == quote ? letter : byte)
        if letter == quote { index += 1 }
        continue
      }
      index += 1
      switch letter {
      case UInt8(ascii: "n"): word.append(0x0a)
      case UInt8(ascii: "r"): word.append(0x0d)
      case UInt8(ascii: "t"): word.append(0x09)
      case UInt8(ascii: "b"): word.append(0x08)
      case UInt8(ascii: "a"): word.append(0x07)
      case UInt8(ascii: "x"):
        if index + 2 <= line.count, let high = hexadecimalValue(line[index]),
          let low = hexadecimalValue(line[index + 1])
        {
          word.append(high << 4 | low)
          index += 2
        } else {
          word.append(letter)
        }
      default: word.append(letter)
      }
    }
    return false
  }

  private mutating func base64(_ digits: some Sequence<UInt8>) -> [UInt8]? {
    // The database file's own reader knows how.
    let word = Array("b64\"".utf8) + Array(digits) + Array("\"".utf8)
    return parser.parse(word.span.raw) { words in words.count == 1 ? words[0].array : nil } ?? nil
  }

  // MARK: Objects

  private mutating func object(
    _ bytes: [UInt8], _ entries: inout [Request]
  ) throws(JSONObjectReader.Problem) {
    typealias Problem = JSONObjectReader.Problem
    let fields = try JSONObjectReader.read(bytes)
    func integer(_ name: String, _ range: ClosedRange<Int64>) throws(Problem) -> Int64? {
      try Self.integer(name, fields, range)
    }
    let key = try text("key", fields)
    let database = try integer("database", 0...Int64(ToolLimits.databases - 1)) ?? 0
    let expiry = try integer("expiry", 1...Int64.max)
    let flags = try integer("flags", 0...Int64(UInt32.max)) ?? 0
    guard let isStale = fields["stale", default: .boolean(false)].boolean else {
      throw Problem(text: "stale has to be true or false")
    }
    if Int(database) != selected {
      selected = Int(database)
      entries.append(.command([Array("SELECT".utf8), Array("\(database)".utf8)], place: line))
    }
    let type = fields["type"]?.string.map { String(decoding: $0, as: UTF8.self) } ?? "string"
    switch type {
    case "string":
      var words = [Array("SET".utf8), key, try text("value", fields)]
      if let expiry { words += [Array("PXAT".utf8), Array("\(expiry)".utf8)] }
      if flags != 0 { words += [Array("FLAGS".utf8), Array("\(flags)".utf8)] }
      if isStale { words.append(Array("STALE".utf8)) }
      entries.append(.command(words, place: line))
    case "set":
      var members = try strings("members", fields)
      for digits in try strings("membersBase64", fields) {
        guard let decoded = base64(digits) else { throw Problem(text: "the base64 of a member is wrong") }
        members.append(decoded)
      }
      guard !members.isEmpty else { throw Problem(text: "a set needs members") }
      addMembers(members.map { [$0] }, by: "SADD", to: key, &entries)
      expire(key, at: expiry, &entries)
    case "hash":
      guard let objects = fields["fields"]?.objects, !objects.isEmpty else {
        throw Problem(text: "a hash needs fields, which are an array of objects")
      }
      try addFields(objects, to: key, &entries)
      expire(key, at: expiry, &entries)
    case "zset":
      guard let objects = fields["members"]?.objects, !objects.isEmpty else {
        throw Problem(text: "a sorted set needs members, which are an array of objects")
      }
      var members: [[[UInt8]]] = []
      for object in objects { members.append(try scoredMember(object)) }
      addMembers(members, by: "ZADD", to: key, &entries)
    case "list":
      var elements = try strings("elements", fields)
      for digits in try strings("elementsBase64", fields) {
        guard let decoded = base64(digits) else { throw Problem(text: "the base64 of an element is wrong") }
        elements.append(decoded)
      }
      guard !elements.isEmpty else { throw Problem(text: "a list needs elements") }
      addMembers(elements.map { [$0] }, by: "RPUSH", to: key, &entries)
      expire(key, at: expiry, &entries)
    default: throw Problem(text: "values of the type '\(type)' are not known")
    }
  }

  private static func integer(
    _ name: String, _ fields: [String: JSONValue], _ range: ClosedRange<Int64>
  ) throws(JSONObjectReader.Problem) -> Int64? {
    guard let value = fields[name], value != .null else { return nil }
    guard let number = value.integer, range.contains(number) else {
      throw JSONObjectReader.Problem(
        text: "\(name) has to be an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// The strings of an array that may be left out.
  private func strings(
    _ name: String, _ fields: [String: JSONValue]
  ) throws(JSONObjectReader.Problem) -> [[UInt8]] {
    guard let value = fields[name] else { return [] }
    guard let strings = value.strings else {
      throw JSONObjectReader.Problem(text: "\(name) has to be an array of strings")
    }
    return strings
  }

  /// Fields of a hash, each with a name, a value and maybe an expiry.
  private mutating func addFields(
    _ objects: [[String: JSONValue]], to key: [UInt8], _ entries: inout [Request]
  ) throws(JSONObjectReader.Problem) {
    var plain: [[[UInt8]]] = []
    var expiring: [[[UInt8]]] = []
    for object in objects {
      let pair = [try text("field", object), try text("value", object)]
      if let expiry = try Self.integer("expiry", object, 1...Int64.max) {
        let words = ["HSETEX", nil, "PXAT", "\(expiry)", "FIELDS", "1"].map {
          $0.map { Array($0.utf8) } ?? key
        }
        expiring.append(words + pair)
      } else {
        plain.append(pair)
      }
    }
    if !plain.isEmpty { addMembers(plain, by: "HSET", to: key, &entries) }
    for words in expiring { entries.append(.command(words, place: line)) }
  }

  /// A member of a sorted set: its score, a number or a text (`inf`), and its name.
  private mutating func scoredMember(
    _ object: [String: JSONValue]
  ) throws(JSONObjectReader.Problem) -> [[UInt8]] {
    let member = try text("member", object)
    guard let digits = object["score"]?.digits, digits.span.raw.score != nil else {
      throw JSONObjectReader.Problem(text: "score has to be a number, or \"inf\" or \"-inf\"")
    }
    return [digits, member]
  }

  private func expire(_ key: [UInt8], at expiry: Int64?, _ entries: inout [Request]) {
    guard let expiry else { return }
    entries.append(.command([Array("PEXPIREAT".utf8), key, Array("\(expiry)".utf8)], place: line))
  }

  /// The bytes of a field that is a text, or base64 under another name.
  private mutating func text(
    _ name: String, _ fields: [String: JSONValue]
  ) throws(JSONObjectReader.Problem) -> [UInt8] {
    if let text = fields[name]?.string { return text }
    guard let digits = fields[name + "Base64"]?.string else {
      throw JSONObjectReader.Problem(text: "there is neither \(name) nor \(name)Base64, which are strings")
    }
    guard let decoded = base64(digits) else {
      throw JSONObjectReader.Problem(text: "the base64 of \(name)Base64 is wrong")
    }
    return decoded
  }

  /// Members of a collection, each of one word or more, by as many commands as they need.
  private func addMembers(
    _ members: [[[UInt8]]], by command: String, to key: [UInt8], _ entries: inout [Request]
  ) {
    var words = [Array(command.utf8), key]
    var count = 0
    var length = 0
    for member in members {
      if count >= Self.maximumMembers || length >= Self.membersBytes {
        entries.append(.command(words, place: line))
        words.removeLast(words.count - 2)
        count = 0
        length = 0
      }
      words += member
      count += 1
      length += member.reduce(0) { $0 + $1.count }
    }
    entries.append(.command(words, place: line))
  }
}
