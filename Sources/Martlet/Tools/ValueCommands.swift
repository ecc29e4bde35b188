// The commands that make one value in the place of whatever is at its key, for those who import values that they read entry by
// entry. A collection is deleted first and then made by as many commands as it needs.

/// Turns the entries of one value into commands.
struct ValueCommands {
  private let kind: ItemKind
  private let key: [UInt8]
  /// When the key expires, in milliseconds since 1970; 0 for never.
  private let expiry: Int64
  private let place: Int
  private var words: [[UInt8]] = []
  private var members = 0
  private var bytes = 0

  /// - Parameter place: where the value is in what is imported.
  init(_ kind: ItemKind, _ key: [UInt8], expiry: Int64, place: Int) {
    self.kind = kind
    self.key = key
    self.expiry = expiry
    self.place = place
  }

  /// Begins: what is at the key goes, unless it is just replaced.
  func begin(_ requests: inout [ImportParser.Request]) {
    if kind != .string { append(["DEL"], [key], &requests) }
  }

  private func append(_ start: [String], _ rest: [[UInt8]], _ requests: inout [ImportParser.Request]) {
    requests.append(.command(start.map { Array($0.utf8) } + rest, place: place))
  }

  /// Adds a string, an element, or a member of a set.
  mutating func add(_ text: [UInt8], _ requests: inout [ImportParser.Request]) {
    switch kind {
    case .string:
      let options = expiry == 0 ? [] : [Array("PXAT".utf8), Array("\(expiry)".utf8)]
      append(["SET"], [key, text] + options, &requests)
    case .list: add([text], by: "RPUSH", &requests)
    default: add([text], by: "SADD", &requests)
    }
  }

  /// Adds a member of a sorted set.
  mutating func add(_ member: [UInt8], score: Double, _ requests: inout [ImportParser.Request]) {
    add([ScoreText(score).bytes.array, member], by: "ZADD", &requests)
  }

  /// Adds a field of a hash.
  ///
  /// - Parameter expiry: in milliseconds since 1970; nil for never.
  mutating func add(
    _ field: [UInt8], _ value: [UInt8], expiry: Int64?, _ requests: inout [ImportParser.Request]
  ) {
    if let expiry {
      append(
        ["HSETEX"], [key] + ["PXAT", "\(expiry)", "FIELDS", "1"].map { Array($0.utf8) } + [field, value],
        &requests)
    } else {
      add([field, value], by: "HSET", &requests)
    }
  }

  private mutating func add(
    _ member: [[UInt8]], by command: String, _ requests: inout [ImportParser.Request]
  ) {
    if words.isEmpty { words = [Array(command.utf8), key] }
    words += member
    members += 1
    bytes += member.reduce(0) { $0 + $1.count }
    if members >= ImportParser.maximumMembers || bytes >= ImportParser.membersBytes { flush(&requests) }
  }

  private mutating func flush(_ requests: inout [ImportParser.Request]) {
    guard !words.isEmpty else { return }
    requests.append(.command(words, place: place))
    words = []
    members = 0
    bytes = 0
  }

  /// Ends: all entries have been added.
  mutating func end(_ requests: inout [ImportParser.Request]) {
    flush(&requests)
    if kind != .string && expiry != 0 { append(["PEXPIREAT"], [key, Array("\(expiry)".utf8)], &requests) }
  }
}
