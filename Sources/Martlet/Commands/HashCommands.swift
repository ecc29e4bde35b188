// Hashes: one key, many fields, each with a value. What concerns the expiry of fields is in FieldExpiryCommands.swift.

internal import CMartlet

internal let hashCommands: [CommandDeclaration] = [
  .init(
    "HDEL", arity: -3, [.write, .fast], keys: .one, .hash, since: "2.0.0", "O(N), N being the fields named",
    "key field [field ...]", "Deletes fields of a hash; the last one takes the hash with it."),
  .init(
    "HEXISTS", arity: 3, [.readOnly, .fast], keys: .one, .hash, since: "2.0.0", "O(1)", "key field",
    "Tells whether a hash has a field."),
  .init(
    "HGET", arity: 3, [.readOnly, .fast], keys: .one, .hash, since: "2.0.0", "O(1)", "key field",
    "Returns the value of a field of a hash."),
  .init(
    "HGETALL", arity: 2, [.readOnly], keys: .one, .hash, since: "2.0.0", "O(N), N being the fields", "key",
    "Returns all fields of a hash with their values."),
  .init(
    "HINCRBY", arity: 4, [.write, .denyOOM, .fast], keys: .one, .hash, since: "2.0.0", "O(1)",
    "key field increment", "Adds a number to the integer in a field; a missing field counts as 0."),
  .init(
    "HINCRBYFLOAT", arity: 4, [.write, .denyOOM, .fast], keys: .one, .hash, since: "2.6.0", "O(1)",
    "key field increment", "Adds a number, which may have a fraction, to the one in a field."),
  .init(
    "HKEYS", arity: 2, [.readOnly], keys: .one, .hash, since: "2.0.0", "O(N), N being the fields", "key",
    "Returns the names of all fields of a hash."),
  .init(
    "HLEN", arity: 2, [.readOnly, .fast], keys: .one, .hash, since: "2.0.0",
    "O(1), O(N) while fields have expired and are not deleted yet", "key",
    "Returns the number of fields of a hash."),
  .init(
    "HMGET", arity: -3, [.readOnly, .fast], keys: .one, .hash, since: "2.0.0",
    "O(N), N being the fields asked for", "key field [field ...]",
    "Returns the values of several fields of a hash."),
  .init(
    "HMSET", arity: -4, [.write, .denyOOM, .fast], keys: .one, .hash, since: "2.0.0",
    "O(N), N being the fields set", "key field value [field value ...]",
    "Sets fields of a hash, or makes one. HSET does so, too."),
  .init(
    "HRANDFIELD", arity: -2, [.readOnly], keys: .one, .hash, since: "6.2.0",
    "O(N), N being the fields asked for", "key [count [WITHVALUES]]",
    "Returns fields of a hash by chance; with a negative count the same may come again."),
  .init(
    "HSCAN", arity: -3, [.readOnly], keys: .one, .hash, since: "2.8.0",
    "O(1) for each call, O(N) for a whole hash", "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
    "Returns the fields of a hash a few at a time."),
  .init(
    "HSET", arity: -4, [.write, .denyOOM, .fast], keys: .one, .hash, since: "2.0.0", "O(1) for each field",
    "key field value [field value ...]",
    "Sets fields of a hash, or makes one, and returns how many are new."),
  .init(
    "HSETNX", arity: 4, [.write, .denyOOM, .fast], keys: .one, .hash, since: "2.0.0", "O(1)",
    "key field value", "Sets a field of a hash if it isn't there."),
  .init(
    "HSTRLEN", arity: 3, [.readOnly, .fast], keys: .one, .hash, since: "3.2.0", "O(1)", "key field",
    "Returns the length of the value of a field in bytes."),
  .init(
    "HVALS", arity: 2, [.readOnly], keys: .one, .hash, since: "2.0.0", "O(N), N being the fields", "key",
    "Returns the values of all fields of a hash."),
]

/// What is shown of the fields of a hash.
struct FieldParts: OptionSet {
  let rawValue: UInt8

  static let fields = FieldParts(rawValue: 1)
  static let values = FieldParts(rawValue: 2)
}

extension Execution {
  // MARK: Reading

  /// Replies with the value of a field, or null.
  private mutating func replyValue(_ member: Member?) {
    if let member { reply.bulk(member.value) } else { reply.null() }
  }

  mutating func getField(_ words: borrowing Words, _ database: Int) {
    let (members, isRefused) = findMembers(.hash, words, database)
    if !isRefused { replyValue(members?.find(words[2])) }
  }

  mutating func getFields(_ words: borrowing Words, _ database: Int) {
    let (members, isRefused) = findMembers(.hash, words, database)
    if !isRefused { replyValues(members, words.from(2)) }
  }

  /// Replies with the values of several fields, null for each that isn't there.
  mutating func replyValues(_ members: LiveMembers?, _ fields: borrowing Words) {
    reply.array(fields.count)
    for index in 0..<fields.count { replyValue(members?.find(fields[index])) }
  }

  mutating func fieldExists(_ words: borrowing Words, _ database: Int) {
    let (members, isRefused) = findMembers(.hash, words, database)
    if !isRefused { reply.integer(members?.find(words[2]) != nil ? 1 : 0) }
  }

  mutating func fieldLength(_ words: borrowing Words, _ database: Int) {
    let (members, isRefused) = findMembers(.hash, words, database)
    if !isRefused { reply.integer(members?.find(words[2])?.valueCount ?? 0) }
  }

  /// `HGETALL`, `HKEYS`, `HVALS`.
  mutating func fields(_ words: borrowing Words, _ database: Int, _ parts: FieldParts) {
    let (members, isRefused) = findMembers(.hash, words, database)
    if isRefused { return }
    let count = members?.count ?? 0
    if parts == [.fields, .values] { reply.map(count) } else { reply.array(count) }
    members?.forEach { member in
      if parts.contains(.fields) { reply.bulk(member.key) }
      if parts.contains(.values) { reply.bulk(member.value) }
    }
  }

  mutating func randomFields(_ words: borrowing Words, _ database: Int) {
    var count: Int?
    let withValues = words.count > 3
    if words.count > 2 {
      guard let given = randomCount(words[2], largest: withValues ? Int.max / 2 : Int.max) else { return }
      guard words.count <= 4, !withValues || words[3].equalsIgnoringCase("withvalues") else {
        return reply.error(Self.syntaxError)
      }
      count = given
    }
    let (members, isRefused) = findMembers(.hash, words, database)
    if isRefused { return }
    guard withValues, let count, let members else {
      return replyRandom(members, count) { $0.bulk($1.key) }
    }
    // Version 3 of the protocol has a pair for each, version 2 one list of both.
    if reply.version < 3 {
      reply.array(2 * (count < 0 ? -count : min(count, members.count)))
      return showRandom(members, count) {
        $0.bulk($1.key)
        $0.bulk($1.value)
      }
    }
    replyRandom(members, count) {
      $0.array(2)
      $0.bulk($1.key)
      $0.bulk($1.value)
    }
  }

  // MARK: Changing

  /// The fields of the hash at a key that is about to be changed. Those of the ones named that have expired are deleted
  /// first.
  mutating func findToChange(
    _ key: borrowing Key, _ database: Int, fields: borrowing Words, step: Int = 1
  ) -> (members: LiveMembers?, isRefused: Bool) {
    let (members, isRefused) = findToChange(.hash, key, database)
    guard let members, members.now != 0 else { return (members, isRefused) }
    var expired = ChosenMembers()
    for index in stride(from: 0, to: fields.count, by: step) {
      if members.members.find(fields[index])?.hasExpired(members.now) == true {
        expired.append(fields[index])
      }
    }
    guard expired.words.count > 0 else { return (members, false) }
    removeMembers(.hash, key, database, expired.words, .fieldsExpired)
    return findToChange(.hash, key, database)
  }

  mutating func setFields(
    _ words: borrowing Words, _ database: Int, _ limits: SessionLimits, repliesOK: Bool
  ) {
    guard words.count % 2 == 0 else { return replyArity(repliesOK ? "HMSET" : "HSET") }
    let key = keyspace.place(words[1])
    let pairs = words.from(2)
    if findToChange(key, database, fields: pairs, step: 2).isRefused { return }
    guard accepts(pairs, limits) else { return }
    let added = putMembers(.hash, key, database, pairs, .setFields)
    if repliesOK { reply.ok() } else { reply.integer(added) }
  }

  /// Whether fields and values are within the limit; if not, the reply says so.
  mutating func accepts(_ pairs: borrowing Words, _ limits: SessionLimits) -> Bool {
    for index in 0..<pairs.count {
      guard accepts(pairs[index], limits) else { return false }
    }
    return true
  }

  mutating func setFieldIfAbsent(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    let key = keyspace.place(words[1])
    let (members, isRefused) = findToChange(key, database, fields: words.extracting(2..<3))
    if isRefused { return }
    if members?.find(words[2]) != nil { return reply.integer(0) }
    guard accepts(words.from(2), limits) else { return }
    reply.integer(putMembers(.hash, key, database, words.from(2), .setFields))
  }

  mutating func deleteFields(_ words: borrowing Words, _ database: Int) {
    let key = keyspace.place(words[1])
    let fields = words.from(2)
    let (members, isRefused) = findToChange(key, database, fields: fields)
    if isRefused { return }
    reply.integer(deleteFields(key, database, fields, of: members))
  }

  /// Deletes those of some fields that are there; how many they were.
  mutating func deleteFields(
    _ key: borrowing Key, _ database: Int, _ fields: borrowing Words, of members: LiveMembers?,
    _ event: KeyEvent = .deleteFields
  ) -> Int {
    var present = ChosenMembers()
    for index in 0..<fields.count where members?.find(fields[index]) != nil { present.append(fields[index]) }
    let words = present.words
    return words.count > 0 ? removeMembers(.hash, key, database, words, event) : 0
  }

  mutating func incrementField(_ words: borrowing Words, _ database: Int) {
    guard let amount = words[3].decimal else { return reply.error(Self.notInteger) }
    let key = keyspace.place(words[1])
    let (members, isRefused) = findToChange(key, database, fields: words.extracting(2..<3))
    if isRefused { return }
    let old = members?.find(words[2])
    var number = 0
    if let old {
      guard let value = old.value.decimal else { return reply.error("ERR hash value is not an integer") }
      number = value
    }
    let (sum, overflow) = number.addingReportingOverflow(amount)
    guard !overflow else { return reply.error("ERR increment or decrement would overflow") }
    setNumber(
      key, database, words[2], DecimalText(sum).bytes, keepsExpiry: old?.expires ?? false, .incrementField)
    reply.integer(sum)
  }

  mutating func incrementFieldByFraction(_ words: borrowing Words, _ database: Int) {
    let amount = words[3].isDecimalFraction
    guard amount != .none else { return reply.error("ERR value is not a valid float") }
    guard amount != .infinite else { return reply.error("ERR value is NaN or Infinity") }
    let key = keyspace.place(words[1])
    let (members, isRefused) = findToChange(key, database, fields: words.extracting(2..<3))
    if isRefused { return }
    let zero = DecimalText(0)
    let old = members?.find(words[2])
    if let old, old.value.isDecimalFraction == .none { return reply.error("ERR hash value is not a float") }
    guard let sum = old.map({ DecimalSum($0.value, words[3]) }) ?? DecimalSum(zero.bytes, words[3]) else {
      return reply.error("ERR increment would produce NaN or Infinity")
    }
    setNumber(
      key, database, words[2], sum.bytes, keepsExpiry: old?.expires ?? false, .incrementFieldByFraction)
    reply.bulk(sum.bytes)
  }

  /// Sets a field to the result of a sum, which is what is recorded.
  private mutating func setNumber(
    _ key: borrowing Key, _ database: Int, _ field: RawSpan, _ digits: RawSpan, keepsExpiry: Bool,
    _ event: KeyEvent
  ) {
    var pair = ChosenMembers()
    pair.append(field)
    pair.append(digits)
    _ = putMembers(.hash, key, database, pair.words, event, keepsExpiry ? .keep : .none)
  }
}
