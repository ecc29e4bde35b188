// `martlet export`: the data of a keyspace for people and for other programs, in the order of databases and keys, so that
// two exports of the same data are the same, whatever the hash seeds.
//
// text: commands that redis-cli and `martlet cli` understand, too; so no base64. jsonl: an object a line.

/// Writes data as text.
package struct DatabaseExport: ~Copyable {
  package enum Format: String, Sendable, CaseIterable {
    case text, jsonl
  }

  /// How much is written at once, in bytes.
  private static let pieceBytes = 256 << 10
  /// A line of a collection's members is closed when it has this many bytes.
  private static let lineBytes = 4 << 10

  private let format: Format
  private let now: Int64
  private var bytes = ByteQueue()
  private var selected = 0
  /// How many keys have been written, and how many left out because their time has passed.
  package private(set) var keys = 0
  package private(set) var expired = 0

  /// - Parameter now: in milliseconds since 1970; keys that have expired by then are nobody's data any more.
  package init(_ format: Format, now: Int64) {
    self.format = format
    self.now = now
  }

  /// Writes all keys. O(n log n).
  ///
  /// - Parameters:
  ///   - progress: told how many keys are done, and how many there are.
  ///   - sink: takes the text in pieces.
  package mutating func write(
    _ data: ToolKeyspace, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in },
    to sink: (RawSpan) throws -> Void
  ) throws {
    let keyspace = data.keyspace
    let total = data.keyCount
    for database in 0..<keyspace.databaseCount {
      var items: [Item] = []
      for shard in 0..<keyspace.shardCount { keyspace[shard].shard.forEach(database) { items.append($0) } }
      items.sort { $0.key.precedes($1.key) }
      for item in items {
        if item.mayHaveExpired && item.hasExpired(now) {
          expired += 1
        } else {
          keys += 1
          switch format {
          case .text: appendCommands(item, database)
          case .jsonl: appendObject(item, database)
          }
        }
        guard bytes.count >= Self.pieceBytes else { continue }
        try sink(bytes.bytes)
        bytes.removeAll()
        progress(keys + expired, total)
      }
    }
    if !bytes.isEmpty { try sink(bytes.bytes) }
    progress(total, total)
  }

  /// The members in the order of their bytes, of a sorted set in that of their scores.
  private func sortedMembers(_ item: Item) -> [Member] {
    var members: [Member] = []
    if item.kind == .sortedSet {
      item.members.forEach(in: 0..<item.members.count) { members.append($0) }
      return members
    }
    item.members.forEach { if !$0.hasExpired(now) { members.append($0) } }
    members.sort { $0.key.precedes($1.key) }
    return members
  }

  // MARK: Commands

  private mutating func appendCommands(_ item: Item, _ database: Int) {
    if database != selected {
      bytes.append("SELECT ")
      bytes.append(decimal: database)
      bytes.append(byte: UInt8(ascii: "\n"))
      selected = database
    }
    switch item.kind {
    case .string:
      bytes.append("SET ")
      bytes.append(quotedWord: item.key)
      bytes.append(byte: UInt8(ascii: " "))
      bytes.append(quotedWord: item.value)
      if item.expires {
        bytes.append(" PXAT ")
        bytes.append(decimal: Int(item.expiry))
      }
      if item.flags != 0 {
        bytes.append(" FLAGS ")
        bytes.append(decimal: UInt64(item.flags))
      }
      if item.isStale { bytes.append(" STALE") }
      bytes.append(byte: UInt8(ascii: "\n"))
    case .set, .hash, .sortedSet: appendMembers(item)
    case .list: appendElements(item)
    }
  }

  /// The commands that make a list.
  private mutating func appendElements(_ item: Item) {
    var start: Int?
    var cursor = item.list.cursor(at: 0)
    while let element = cursor.next() {
      if let begun = start, bytes.count - begun > Self.lineBytes {
        bytes.append(byte: UInt8(ascii: "\n"))
        start = nil
      }
      if start == nil {
        start = bytes.count
        bytes.append("RPUSH ")
        bytes.append(quotedWord: item.key)
      }
      bytes.append(byte: UInt8(ascii: " "))
      if let integer = element.integer {
        bytes.append(decimal: integer)
      } else {
        bytes.append(quotedWord: element.text)
      }
    }
    if start != nil { bytes.append(byte: UInt8(ascii: "\n")) }
    appendExpiry(item)
  }

  /// The commands that make a collection: members that expire have one each.
  private mutating func appendMembers(_ item: Item) {
    let members = sortedMembers(item)
    var start: Int?
    for member in members where !member.expires {
      if let begun = start, bytes.count - begun > Self.lineBytes {
        bytes.append(byte: UInt8(ascii: "\n"))
        start = nil
      }
      if start == nil {
        start = bytes.count
        switch item.kind {
        case .hash: bytes.append("HSET ")
        case .sortedSet: bytes.append("ZADD ")
        case .set, .string, .list: bytes.append("SADD ")
        }
        bytes.append(quotedWord: item.key)
      }
      append(member)
    }
    if start != nil { bytes.append(byte: UInt8(ascii: "\n")) }
    for member in members where member.expires {
      bytes.append("HSETEX ")
      bytes.append(quotedWord: item.key)
      bytes.append(" PXAT ")
      bytes.append(decimal: Int(member.expiry))
      bytes.append(" FIELDS 1")
      append(member)
      bytes.append(byte: UInt8(ascii: "\n"))
    }
    appendExpiry(item)
  }

  /// The command that has a key with a collection expire, if it does.
  private mutating func appendExpiry(_ item: Item) {
    guard item.expires else { return }
    bytes.append("PEXPIREAT ")
    bytes.append(quotedWord: item.key)
    bytes.append(byte: UInt8(ascii: " "))
    bytes.append(decimal: Int(item.expiry))
    bytes.append(byte: UInt8(ascii: "\n"))
  }

  private mutating func append(_ member: Member) {
    if member.hasScore {
      bytes.append(byte: UInt8(ascii: " "))
      bytes.append(score: member.score)
    }
    bytes.append(byte: UInt8(ascii: " "))
    bytes.append(quotedWord: member.key)
    guard member.hasValue else { return }
    bytes.append(byte: UInt8(ascii: " "))
    bytes.append(quotedWord: member.value)
  }

  // MARK: Objects

  private mutating func appendObject(_ item: Item, _ database: Int) {
    bytes.append("{\"database\":")
    bytes.append(decimal: database)
    bytes.append(byte: UInt8(ascii: ","))
    append("key", "keyBase64", item.key)
    switch item.kind {
    case .string:
      bytes.append(",\"type\":\"string\",")
      append("value", "valueBase64", item.value)
    case .set:
      bytes.append(",\"type\":\"set\"")
      let members = sortedMembers(item)
      append("members", members.filter { $0.key.isUTF8 }) { $0.append(json: $1) }
      append("membersBase64", members.filter { !$0.key.isUTF8 }) {
        $0.append(byte: UInt8(ascii: "\""))
        $0.append(base64: $1)
        $0.append(byte: UInt8(ascii: "\""))
      }
    case .hash:
      bytes.append(",\"type\":\"hash\",\"fields\":[")
      for (index, member) in sortedMembers(item).enumerated() {
        bytes.append(index == 0 ? "{" : ",{")
        append("field", "fieldBase64", member.key)
        bytes.append(byte: UInt8(ascii: ","))
        append("value", "valueBase64", member.value)
        if member.expires {
          bytes.append(",\"expiry\":")
          bytes.append(decimal: Int(member.expiry))
        }
        bytes.append(byte: UInt8(ascii: "}"))
      }
      bytes.append(byte: UInt8(ascii: "]"))
    case .sortedSet:
      bytes.append(",\"type\":\"zset\",\"members\":[")
      for (index, member) in sortedMembers(item).enumerated() {
        bytes.append(index == 0 ? "{" : ",{")
        append("member", "memberBase64", member.key)
        // JSON has no infinite number.
        bytes.append(member.score.isFinite ? ",\"score\":" : ",\"score\":\"")
        bytes.append(score: member.score)
        bytes.append(member.score.isFinite ? "}" : "\"}")
      }
      bytes.append(byte: UInt8(ascii: "]"))
    case .list:
      bytes.append(",\"type\":\"list\",")
      appendElementArray(item.list)
    }
    if item.expires {
      bytes.append(",\"expiry\":")
      bytes.append(decimal: Int(item.expiry))
    }
    if item.flags != 0 {
      bytes.append(",\"flags\":")
      bytes.append(decimal: UInt64(item.flags))
    }
    if item.isStale { bytes.append(",\"stale\":true") }
    bytes.append(",\"version\":")
    bytes.append(decimal: item.version)
    bytes.append("}\n")
  }

  /// The elements of a list in their order: as texts or, if one of them isn't UTF-8, all in base64 under another name.
  private mutating func appendElementArray(_ list: ListElements) {
    var areTexts = true
    var cursor = list.cursor(at: 0)
    while areTexts, let element = cursor.next() { areTexts = element.text.isUTF8 }
    bytes.append(areTexts ? "\"elements\":[" : "\"elementsBase64\":[")
    cursor = list.cursor(at: 0)
    var word = ByteQueue()
    var isFirst = true
    while let element = cursor.next() {
      if !isFirst { bytes.append(byte: UInt8(ascii: ",")) }
      isFirst = false
      word.removeAll()
      element.append(to: &word)
      if areTexts {
        bytes.append(json: word.bytes)
      } else {
        bytes.append(byte: UInt8(ascii: "\""))
        bytes.append(base64: word.bytes)
        bytes.append(byte: UInt8(ascii: "\""))
      }
    }
    bytes.append(byte: UInt8(ascii: "]"))
  }

  /// A field with a text, or one of another name with the base64 of what isn't UTF-8.
  private mutating func append(_ name: StaticString, _ base64Name: StaticString, _ value: RawSpan) {
    let isText = value.isUTF8
    bytes.append(byte: UInt8(ascii: "\""))
    bytes.append(isText ? name : base64Name)
    bytes.append("\":")
    if isText { return bytes.append(json: value) }
    bytes.append(byte: UInt8(ascii: "\""))
    bytes.append(base64: value)
    bytes.append(byte: UInt8(ascii: "\""))
  }

  private mutating func append(
    _ name: StaticString, _ members: [Member], _ body: (inout ByteQueue, RawSpan) -> Void
  ) {
    guard !members.isEmpty else { return }
    bytes.append(",\"")
    bytes.append(name)
    bytes.append("\":[")
    for (index, member) in members.enumerated() {
      if index > 0 { bytes.append(byte: UInt8(ascii: ",")) }
      body(&bytes, member.key)
    }
    bytes.append(byte: UInt8(ascii: "]"))
  }
}
