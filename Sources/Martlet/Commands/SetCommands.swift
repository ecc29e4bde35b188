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
    "SMOVE", arity: 4, [.write, .fast], keys: .two, .set, since: "1.0.0", "O(1)", "source destination member",
    "Moves a member from one set to another."),
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
  mutating func addMembers(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    let key = keyspace.place(words[1])
    let (members, isRefused) = findToChange(.set, key, database)
    if isRefused { return }
    for index in 2..<words.count {
      guard accepts(words[index], limits) else { return }
    }
    if let members {
      // What is all there already changes nothing, and costs the journal nothing.
      var isNew = false
      for index in 2..<words.count where members.find(words[index]) == nil { isNew = true; break }
      if !isNew { return reply.integer(0) }
    }
    reply.integer(putMembers(.set, key, database, words.from(2), .addMembers))
  }

  /// `SREM` and `ZREM`.
  mutating func removeMembers(
    _ kind: ItemKind, _ words: borrowing Words, _ database: Int, _ event: KeyEvent
  ) {
    let key = keyspace.place(words[1])
    let (members, isRefused) = findToChange(kind, key, database)
    if isRefused { return }
    guard let members else { return reply.integer(0) }
    var isThere = false
    for index in 2..<words.count where members.find(words[index]) != nil { isThere = true; break }
    reply.integer(isThere ? removeMembers(kind, key, database, words.from(2), event) : 0)
  }

  mutating func isMember(_ words: borrowing Words, _ database: Int) {
    let (members, isRefused) = findMembers(.set, words, database)
    if !isRefused { reply.integer(members?.find(words[2]) != nil ? 1 : 0) }
  }

  mutating func areMembers(_ words: borrowing Words, _ database: Int) {
    let (members, isRefused) = findMembers(.set, words, database)
    if isRefused { return }
    reply.array(words.count - 2)
    for index in 2..<words.count { reply.integer(members?.find(words[index]) != nil ? 1 : 0) }
  }

  mutating func members(_ words: borrowing Words, _ database: Int) {
    let (members, isRefused) = findMembers(.set, words, database)
    if isRefused { return }
    reply.set(members?.count ?? 0)
    members?.forEach { reply.bulk($0.key) }
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
    let (members, isRefused) = findToChange(.set, key, database)
    if isRefused { return }
    guard let members else { return isSingle ? reply.null() : reply.set(0) }
    if wanted == 0 { return reply.set(0) }
    if wanted >= members.count {
      // All of them: the key goes, and that is what is recorded. Nothing is taken that can't be returned.
      var size = 0
      members.forEach { size += $0.keyCount }
      guard size <= Reply.maximumBytes else { return reply.refuseAsTooLarge() }
      if !isSingle { reply.set(members.count) }
      members.forEach { reply.bulk($0.key) }
      if !reply.isOverfull {
        delete(key, database, .popMembers)
        noteIfEmptied(key, database)
      }
      return
    }
    var chosen = ChosenMembers()
    members.randomMembers(wanted, &random) { chosen.append($0.key) }
    guard !chosen.isOverfull else { return reply.refuseAsTooLarge() }
    if !isSingle { reply.set(wanted) }
    let words = chosen.words
    for index in 0..<words.count { reply.bulk(words[index]) }
    if !reply.isOverfull { removeMembers(.set, key, database, words, .popMembers) }
  }

  /// `SMOVE`: two records that no crash parts.
  mutating func moveMember(_ words: borrowing Words, _ database: Int) {
    let source = keyspace.place(words[1])
    let destination = keyspace.place(words[2])
    let member = words.extracting(3..<4)
    let (members, isRefused) = findToChange(.set, source, database)
    if isRefused { return }
    guard let members else { return reply.integer(0) }
    let isThere = members.find(words[3]) != nil
    let (others, isDestinationRefused) = findToChange(.set, destination, database)
    if isDestinationRefused { return }
    guard isThere, !words[1].equals(words[2]) else { return reply.integer(isThere ? 1 : 0) }
    if others?.find(words[3]) != nil {
      removeMembers(.set, source, database, member, .removeMembers)
    } else {
      let group = journal.beginGroup()
      removeMembers(.set, source, database, member, .removeMembers)
      _ = putMembers(.set, destination, database, member, .addMembers)
      journal.endGroup(group)
    }
    reply.integer(1)
  }

  mutating func randomMembers(_ words: borrowing Words, _ database: Int) {
    guard words.count <= 3 else { return reply.error(Self.syntaxError) }
    var count: Int?
    if words.count == 3 {
      guard let given = randomCount(words[2]) else { return }
      count = given
    }
    let (members, isRefused) = findMembers(.set, words, database)
    if isRefused { return }
    replyRandom(members, count) { $0.bulk($1.key) }
  }
}
