// Sets: one key, many values.

internal let setCommands: [CommandDeclaration] = [
  .init(
    "SADD", arity: -3, [.write, .denyOOM, .fast], keys: .one, .set, since: "1.0.0", "O(1) for each member",
    "key member [member ...]", "Adds members to a set, or makes one."),
  .init(
    "SCARD", arity: 2, [.readOnly, .fast], keys: .one, .set, since: "1.0.0", "O(1)", "key",
    "Returns the number of members of a set."),
  .init(
    "SISMEMBER", arity: 3, [.readOnly, .fast], keys: .one, .set, since: "1.0.0", "O(1)", "key member",
    "Tells whether a value is a member of a set."),
  .init(
    "SMEMBERS", arity: 2, [.readOnly], keys: .one, .set, since: "1.0.0", "O(N), N being the members", "key",
    "Returns all members of a set."),
  .init(
    "SMISMEMBER", arity: -3, [.readOnly, .fast], keys: .one, .set, since: "6.2.0",
    "O(N), N being the values asked for",
    "key member [member ...]", "Tells for each of several values whether it is a member of a set."),
  .init(
    "SPOP", arity: -2, [.write, .fast], keys: .one, .set, since: "1.0.0", "O(N), N being the members taken",
    "key [count]", "Takes members out of a set by chance and returns them."),
  .init(
    "SRANDMEMBER", arity: -2, [.readOnly], keys: .one, .set, since: "1.0.0",
    "O(N), N being the members asked for",
    "key [count]", "Returns members of a set by chance; with a negative count the same may come again."),
  .init(
    "SREM", arity: -3, [.write, .fast], keys: .one, .set, since: "1.0.0", "O(N), N being the members named",
    "key member [member ...]", "Takes members out of a set; the last one takes the set with it."),
  .init(
    "SSCAN", arity: -3, [.readOnly], keys: .one, .set, since: "2.8.0",
    "O(1) for each call, O(N) for a whole set",
    "key cursor [MATCH pattern] [COUNT count]", "Returns the members of a set a few at a time."),
]

extension Execution {
  /// How many members SRANDMEMBER returns at most when they may repeat.
  private static let maximumRepeatedMembers = 16 << 20

  /// The members of the set at a key: nil and a reply of WRONGTYPE for another type, nil and none if it's absent.
  private mutating func findSet(_ words: borrowing Words, _ database: Int) -> (
    table: MemberTable?, isRefused: Bool
  ) {
    guard let item = find(keyspace.place(words[1]), database) else { return (nil, false) }
    guard item.kind == .set else {
      replyWrongType()
      return (nil, true)
    }
    return (item.members, false)
  }

  mutating func addMembers(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    let key = keyspace.place(words[1])
    if let item = findToChange(key, database), item.kind != .set { return replyWrongType() }
    for index in 2..<words.count where words[index].byteCount > limits.valueBytes {
      return replyTooLong(limits.valueBytes)
    }
    if let table = keyspace[key.shard].shard.find(key.bytes, key.hash, database)?.members {
      // What is all there already changes nothing, and costs the journal nothing.
      var isNew = false
      for index in 2..<words.count where !table.contains(words[index]) { isNew = true; break }
      if !isNew { return reply.integer(0) }
    }
    reply.integer(addMembers(key, database, words.from(2)))
  }

  mutating func removeMembers(_ words: borrowing Words, _ database: Int) {
    let key = keyspace.place(words[1])
    guard let item = findToChange(key, database) else { return reply.integer(0) }
    guard item.kind == .set else { return replyWrongType() }
    let table = item.members
    var isThere = false
    for index in 2..<words.count where table.contains(words[index]) { isThere = true; break }
    reply.integer(isThere ? removeMembers(key, database, words.from(2)) : 0)
  }

  mutating func countMembers(_ words: borrowing Words, _ database: Int) {
    let (table, isRefused) = findSet(words, database)
    if !isRefused { reply.integer(table?.count ?? 0) }
  }

  mutating func isMember(_ words: borrowing Words, _ database: Int) {
    let (table, isRefused) = findSet(words, database)
    if !isRefused { reply.integer(table?.contains(words[2]) == true ? 1 : 0) }
  }

  mutating func areMembers(_ words: borrowing Words, _ database: Int) {
    let (table, isRefused) = findSet(words, database)
    if isRefused { return }
    reply.array(words.count - 2)
    for index in 2..<words.count { reply.integer(table?.contains(words[index]) == true ? 1 : 0) }
  }

  mutating func members(_ words: borrowing Words, _ database: Int) {
    let (table, isRefused) = findSet(words, database)
    if isRefused { return }
    reply.set(table?.count ?? 0)
    table?.forEach { reply.bulk($0.key) }
  }

  mutating func popMembers(_ words: borrowing Words, _ database: Int) {
    guard words.count <= 3 else { return reply.error(Self.syntaxError) }
    var wanted = 1
    if words.count == 3 {
      guard let count = words[2].decimal, count >= 0 else {
        return reply.error("ERR value is out of range, must be positive")
      }
      wanted = count
    }
    let isSingle = words.count == 2
    let key = keyspace.place(words[1])
    guard let item = findToChange(key, database) else {
      return isSingle ? reply.null() : reply.set(0)
    }
    guard item.kind == .set else { return replyWrongType() }
    if wanted == 0 { return reply.set(0) }
    let table = item.members
    if wanted >= table.count {
      // All of them: the key goes, and that is what is recorded. Nothing is taken that can't be returned.
      var size = 0
      table.forEach { size += $0.keyCount }
      guard size <= Reply.maximumBytes else { return reply.refuseAsTooLarge() }
      if !isSingle { reply.set(table.count) }
      table.forEach { reply.bulk($0.key) }
      if !reply.isOverfull { delete(key, database) }
      return
    }
    var chosen = ChosenMembers()
    table.randomMembers(wanted, &random) { chosen.append($0.key) }
    guard !chosen.isOverfull else { return reply.refuseAsTooLarge() }
    if !isSingle { reply.set(wanted) }
    let words = chosen.words
    for index in 0..<words.count { reply.bulk(words[index]) }
    if !reply.isOverfull { _ = removeMembers(key, database, words) }
  }

  mutating func randomMembers(_ words: borrowing Words, _ database: Int) {
    guard words.count <= 3 else { return reply.error(Self.syntaxError) }
    guard words.count == 3 else {
      let (table, isRefused) = findSet(words, database)
      if isRefused { return }
      if let member = table?.random(&random) { reply.bulk(member.key) } else { reply.null() }
      return
    }
    guard let count = words[2].decimal else { return reply.error(Self.notInteger) }
    guard count != Int.min else {
      return reply.error(
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
    }
    guard count >= -Self.maximumRepeatedMembers else { return reply.error("ERR value is out of range") }
    let (table, isRefused) = findSet(words, database)
    if isRefused { return }
    guard let table, count != 0 else { return reply.array(0) }
    if count < 0 {
      reply.array(-count)
      for _ in 0..<(-count) {
        guard let member = table.random(&random) else { break }
        reply.bulk(member.key)
      }
    } else if count >= table.count {
      reply.array(table.count)
      table.forEach { reply.bulk($0.key) }
    } else {
      var chosen = ChosenMembers()
      table.randomMembers(count, &random) { chosen.append($0.key) }
      guard !chosen.isOverfull else { return reply.refuseAsTooLarge() }
      let words = chosen.words
      reply.array(words.count)
      for index in 0..<words.count { reply.bulk(words[index]) }
    }
  }

  mutating func scanMembers(_ words: borrowing Words, _ database: Int) {
    guard let cursor = words[2].unsignedDecimal else { return reply.error("ERR invalid cursor") }
    guard let options = scanOptions(words, from: 3, takesType: false) else { return }
    let (table, isRefused) = findSet(words, database)
    if isRefused { return }
    guard let table else { return replyScan(0, ChosenMembers()) }
    var chosen = ChosenMembers()
    var next = cursor
    var visited = 0
    repeat {
      next = table.scan(next) { member in
        visited += 1
        if options.matches(member.key) { chosen.append(member.key) }
      }
    } while next != 0 && visited < options.count
    replyScan(next, chosen)
  }

  mutating func replyScan(_ cursor: UInt64, _ chosen: borrowing ChosenMembers) {
    guard !chosen.isOverfull else { return reply.refuseAsTooLarge() }
    reply.array(2)
    reply.bulk(DecimalText(cursor).bytes)
    let words = chosen.words
    reply.array(words.count)
    for index in 0..<words.count { reply.bulk(words[index]) }
  }
}

/// Words copied out of the keyspace, as many as one reply can hold.
struct ChosenMembers: ~Copyable {
  private var bytes = ByteQueue()
  private var ranges = WordRanges()

  /// Whether more came than one reply can hold: the rest was not taken.
  private(set) var isOverfull = false

  mutating func append(_ word: RawSpan) {
    guard bytes.count + word.byteCount <= Reply.maximumBytes else {
      isOverfull = true
      return
    }
    ranges.append(WordRange(bytes.count, count: word.byteCount))
    bytes.append(word)
  }

  var words: Words {
    @_lifetime(borrow self)
    get { Words(bytes.bytes, ranges.span) }
  }
}
