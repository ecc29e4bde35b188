// The expiry of the fields of a hash, as Redis 7.4 and 8 and Valkey 9 have it. Where these differ, Valkey's way holds.
//
// A field's expiry is an absolute time. A field that has expired counts as absent; a change that names it deletes it, by
// a record of its own; the rest is the sweeper's.

internal let fieldExpiryCommands: [CommandDeclaration] = [
  .init(
    "HEXPIRE", arity: -6, [.write, .fast], keys: .one, .hash, since: "7.4.0",
    "O(N), N being the fields named",
    "key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    "Has fields of a hash expire after some seconds."),
  .init(
    "HEXPIREAT", arity: -6, [.write, .fast], keys: .one, .hash, since: "7.4.0",
    "O(N), N being the fields named",
    "key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    "Has fields of a hash expire at a time in seconds since 1970."),
  .init(
    "HEXPIRETIME", arity: -5, [.readOnly, .fast], keys: .one, .hash, since: "7.4.0",
    "O(N), N being the fields named", "key FIELDS numfields field [field ...]",
    "Returns when fields of a hash expire, in seconds since 1970."),
  .init(
    "HGETDEL", arity: -5, [.write, .fast], keys: .one, .hash, since: "8.0.0",
    "O(N), N being the fields named",
    "key FIELDS numfields field [field ...]",
    "Returns the values of fields of a hash and deletes the fields."),
  .init(
    "HGETEX", arity: -5, [.write, .fast], keys: .one, .hash, since: "8.0.0", "O(N), N being the fields named",
    "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] "
      + "FIELDS numfields field [field ...]",
    "Returns the values of fields of a hash and sets or takes away their expiry."),
  .init(
    "HPERSIST", arity: -5, [.write, .fast], keys: .one, .hash, since: "7.4.0",
    "O(N), N being the fields named", "key FIELDS numfields field [field ...]",
    "Takes the expiry from fields of a hash."),
  .init(
    "HPEXPIRE", arity: -6, [.write, .fast], keys: .one, .hash, since: "7.4.0",
    "O(N), N being the fields named",
    "key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    "Has fields of a hash expire after some milliseconds."),
  .init(
    "HPEXPIREAT", arity: -6, [.write, .fast], keys: .one, .hash, since: "7.4.0",
    "O(N), N being the fields named",
    "key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    "Has fields of a hash expire at a time in milliseconds since 1970."),
  .init(
    "HPEXPIRETIME", arity: -5, [.readOnly, .fast], keys: .one, .hash, since: "7.4.0",
    "O(N), N being the fields named", "key FIELDS numfields field [field ...]",
    "Returns when fields of a hash expire, in milliseconds since 1970."),
  .init(
    "HPTTL", arity: -5, [.readOnly, .fast], keys: .one, .hash, since: "7.4.0",
    "O(N), N being the fields named", "key FIELDS numfields field [field ...]",
    "Returns how long fields of a hash have to live, in milliseconds."),
  .init(
    "HSETEX", arity: -6, [.write, .denyOOM, .fast], keys: .one, .hash, since: "8.0.0",
    "O(N), N being the fields set",
    "key [NX | XX] [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
      + "PXAT unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]",
    "Sets fields of a hash with an expiry, if the hash, or all of the fields, are there or not."),
  .init(
    "HTTL", arity: -5, [.readOnly, .fast], keys: .one, .hash, since: "7.4.0",
    "O(N), N being the fields named", "key FIELDS numfields field [field ...]",
    "Returns how long fields of a hash have to live, in seconds."),
]

extension Execution {
  private static var wrongFieldCount: StaticString {
    "ERR numfields should be greater than 0 and match the provided number of fields"
  }

  /// The fields, or fields and values, behind `FIELDS numfields` at a position; nil when the reply says what is wrong.
  ///
  /// - Parameter mismatch: the error for another number than there are fields.
  @_lifetime(copy words)
  private mutating func namedFields(
    _ words: borrowing Words, at index: Int, wordsEach: Int = 1, mismatch: StaticString = wrongFieldCount
  ) -> Words? {
    guard index + 1 < words.count, words[index].equalsIgnoringCase("fields") else {
      reply.error(Self.syntaxError)
      return nil
    }
    guard let count = words[index + 1].decimal else {
      reply.error(Self.notInteger)
      return nil
    }
    let given = words.count - index - 2
    guard count > 0, count <= given, count * wordsEach == given else {
      reply.error(mismatch)
      return nil
    }
    return words.from(index + 2)
  }

  /// Where `FIELDS` stands; nil, with the reply saying so, when it doesn't.
  private mutating func fieldsPosition(_ words: borrowing Words, from start: Int) -> Int? {
    for index in start..<words.count where words[index].equalsIgnoringCase("fields") { return index }
    reply.error(Self.wrongFieldCount)
    return nil
  }

  // MARK: Setting an expiry

  /// Conditions of a new expiry.
  private struct ExpiryCondition {
    var onlyWithout = false
    var onlyWith = false
    var onlyLater = false
    var onlyEarlier = false

    /// Whether an expiry (0 for none) may become `time`.
    func allows(_ current: Int64, _ time: Int64) -> Bool {
      let old = current == 0 ? Int64.max : current
      return
        !(onlyWithout && current != 0 || onlyWith && current == 0 || onlyLater && time <= old
        || onlyEarlier && time >= old)
    }
  }

  /// `HEXPIRE` and its kin.
  mutating func expireFields(
    _ words: borrowing Words, _ database: Int, _ unit: TimeUnit, isAbsolute: Bool
  ) {
    guard let end = fieldsPosition(words, from: 3) else { return }
    var condition = ExpiryCondition()
    for index in 3..<end {
      if words[index].equalsIgnoringCase("nx") {
        condition.onlyWithout = true
      } else if words[index].equalsIgnoringCase("xx") {
        condition.onlyWith = true
      } else if words[index].equalsIgnoringCase("gt") {
        condition.onlyLater = true
      } else if words[index].equalsIgnoringCase("lt") {
        condition.onlyEarlier = true
      } else {
        return reply.error("ERR Unsupported option ", words[index])
      }
    }
    if condition.onlyWithout && (condition.onlyWith || condition.onlyLater || condition.onlyEarlier) {
      return reply.error("ERR NX and XX, GT or LT options at the same time are not compatible")
    }
    if condition.onlyLater && condition.onlyEarlier {
      return reply.error("ERR GT and LT options at the same time are not compatible")
    }
    guard let fields = namedFields(words, at: end) else { return }
    guard let number = words[2].decimal else { return reply.error(Self.notInteger) }
    guard number >= 0, let time = time(number, unit, isAbsolute) else {
      return reply.error("ERR invalid expire time in '\(words[0].text.lowercased())' command")
    }
    let key = keyspace.place(words[1])
    let (members, isRefused) = findToChange(key, database, fields: fields)
    if isRefused { return }

    let isPast = time <= clock.now()
    var chosen = ChosenMembers()
    var seen: Set<[UInt8]> = []
    reply.array(fields.count)
    for index in 0..<fields.count {
      guard let member = members?.find(fields[index]) else {
        reply.integer(-2)
        continue
      }
      let isSeen = fields.count > 1 && seen.contains(fields[index].array)
      if isSeen && isPast {
        reply.integer(-2)
      } else if !condition.allows(isSeen ? time : member.expiry, time) {
        reply.integer(0)
      } else {
        reply.integer(isPast ? 2 : 1)
        guard !isSeen else { continue }
        chosen.append(fields[index])
        if fields.count > 1 { seen.insert(fields[index].array) }
      }
    }
    let named = chosen.words
    if named.count > 0 { setExpiryOrDelete(key, database, named, time) }
  }

  /// Gives fields that are there an expiry, or deletes them when that has passed.
  private mutating func setExpiryOrDelete(
    _ key: borrowing Key, _ database: Int, _ fields: borrowing Words, _ time: Int64
  ) {
    if time <= clock.now() {
      removeMembers(.hash, key, database, fields, .fieldsExpired)
    } else {
      setFieldExpiry(key, database, fields, time)
    }
  }

  mutating func persistFields(_ words: borrowing Words, _ database: Int) {
    guard let fields = namedFields(words, at: 2) else { return }
    let key = keyspace.place(words[1])
    let (members, isRefused) = findToChange(key, database, fields: fields)
    if isRefused { return }
    var chosen = ChosenMembers()
    var seen: Set<[UInt8]> = []
    reply.array(fields.count)
    for index in 0..<fields.count {
      guard let member = members?.find(fields[index]) else {
        reply.integer(-2)
        continue
      }
      // Of a field that comes twice the second time finds what the first has made of it.
      let isKept = member.expires && (fields.count == 1 || seen.insert(fields[index].array).inserted)
      reply.integer(isKept ? 1 : -1)
      if isKept { chosen.append(fields[index]) }
    }
    let named = chosen.words
    if named.count > 0 { setFieldExpiry(key, database, named, 0) }
  }

  /// `HTTL` and its kin, or when it is absolute `HEXPIRETIME` and its: −2 for a field that isn't there, −1 for one that
  /// doesn't expire.
  mutating func fieldExpiry(
    _ words: borrowing Words, _ database: Int, _ unit: TimeUnit, isAbsolute: Bool
  ) {
    guard let fields = namedFields(words, at: 2, mismatch: Self.syntaxError) else { return }
    let (members, isRefused) = findMembers(.hash, words, database)
    if isRefused { return }
    let now = isAbsolute ? 0 : clock.now()
    reply.array(fields.count)
    for index in 0..<fields.count {
      guard let member = members?.find(fields[index]) else {
        reply.integer(-2)
        continue
      }
      let time = max(0, member.expiry - now)
      reply.integer(!member.expires ? -1 : Int(unit == .seconds ? Self.seconds(time) : time))
    }
  }

  // MARK: With values

  mutating func getAndDeleteFields(_ words: borrowing Words, _ database: Int) {
    guard let fields = namedFields(words, at: 2) else { return }
    let key = keyspace.place(words[1])
    let (members, isRefused) = findToChange(key, database, fields: fields)
    if isRefused { return }
    replyValuesThatGo(members, fields)
    // Nothing is taken that can't be returned.
    if !reply.isOverfull { _ = deleteFields(key, database, fields, of: members) }
  }

  /// Replies the values of fields that are deleted: of one that comes twice the second time finds nothing.
  private mutating func replyValuesThatGo(_ members: LiveMembers?, _ fields: borrowing Words) {
    var seen: Set<[UInt8]> = []
    reply.array(fields.count)
    for index in 0..<fields.count {
      let isFirst = fields.count == 1 || seen.insert(fields[index].array).inserted
      if isFirst, let member = members?.find(fields[index]) { reply.bulk(member.value) } else { reply.null() }
    }
  }

  mutating func getAndExpireFields(_ words: borrowing Words, _ database: Int) {
    guard let end = fieldsPosition(words, from: 2) else { return }
    var request = ExpiryRequest.unspecified
    var index = 2
    while index < end {
      guard request == .unspecified else { return reply.error(Self.syntaxError) }
      if words[index].equalsIgnoringCase("persist") {
        request = .remove
      } else if let asked = expiryOption(words.extracting(0..<end), &index, minimum: 0) {
        request = asked
      } else {
        return reply.error(Self.syntaxError)
      }
      index += 1
    }
    guard let fields = namedFields(words, at: end) else { return }
    let key = keyspace.place(words[1])
    let (members, isRefused) = findToChange(key, database, fields: fields)
    if isRefused { return }
    if request == .notInteger { return reply.error(Self.notInteger) }
    if request == .invalid { return reply.error("ERR invalid expire time in 'hgetex' command") }
    if case .at(let time) = request, time <= clock.now() {
      replyValuesThatGo(members, fields)
    } else {
      replyValues(members, fields)
    }
    if reply.isOverfull || request == .unspecified { return }
    var chosen = ChosenMembers()
    for index in 0..<fields.count {
      guard let member = members?.find(fields[index]), member.expires || request != .remove else { continue }
      chosen.append(fields[index])
    }
    let named = chosen.words
    guard named.count > 0 else { return }
    if case .at(let time) = request {
      setExpiryOrDelete(key, database, named, time)
    } else {
      setFieldExpiry(key, database, named, 0)
    }
  }

  mutating func setExpiringFields(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    guard let end = fieldsPosition(words, from: 2) else { return }
    var onlyIfKey: Bool?
    var onlyIfFields: Bool?
    var request = ExpiryRequest.unspecified
    var index = 2
    while index < end {
      if words[index].equalsIgnoringCase("nx"), onlyIfKey == nil {
        onlyIfKey = false
      } else if words[index].equalsIgnoringCase("xx"), onlyIfKey == nil {
        onlyIfKey = true
      } else if words[index].equalsIgnoringCase("fnx"), onlyIfFields == nil {
        onlyIfFields = false
      } else if words[index].equalsIgnoringCase("fxx"), onlyIfFields == nil {
        onlyIfFields = true
      } else if words[index].equalsIgnoringCase("keepttl"), request == .unspecified {
        request = .keep
      } else if request == .unspecified,
        let asked = expiryOption(words.extracting(0..<end), &index, minimum: 0)
      {
        request = asked
      } else {
        return reply.error(Self.syntaxError)
      }
      index += 1
    }
    guard let pairs = namedFields(words, at: end, wordsEach: 2) else { return }
    let key = keyspace.place(words[1])
    let (members, isRefused) = findToChange(key, database, fields: pairs, step: 2)
    if isRefused { return }
    if request == .notInteger { return reply.error(Self.notInteger) }
    if request == .invalid { return reply.error("ERR invalid expire time in 'hsetex' command") }
    guard accepts(pairs, limits) else { return }
    if let onlyIfKey, onlyIfKey != (members != nil) { return reply.integer(0) }
    if let onlyIfFields {
      for index in stride(from: 0, to: pairs.count, by: 2)
      where onlyIfFields != (members?.find(pairs[index]) != nil) {
        return reply.integer(0)
      }
    }
    reply.integer(1)
    switch request {
    case .at(let time) where time <= clock.now():
      // They have expired before they were set: what stays is their absence.
      var names = ChosenMembers()
      for index in stride(from: 0, to: pairs.count, by: 2) { names.append(pairs[index]) }
      // Valkey tells of both.
      note(.setFieldsExpiring, key, database, isNew: members == nil)
      if deleteFields(key, database, names.words, of: members, .fieldsExpired) == 0 {
        note(.fieldsExpired, key, database, isNew: false)
        if members == nil { note(.delete, key, database, isNew: false) }
      }
    case .at(let time): _ = putMembers(.hash, key, database, pairs, .setFieldsExpiring, .at(time))
    case .keep: _ = putMembers(.hash, key, database, pairs, .setFields, .keep)
    default: _ = putMembers(.hash, key, database, pairs, .setFields)
    }
  }

  // MARK: Sweeping

  /// Deletes fields that have expired, of some that it goes through.
  ///
  /// - Parameters:
  ///   - cursor: where to go on, 0 at first.
  ///   - entries: about how many to go through; of a packed hash it is all of them.
  /// - Returns: the next cursor, 0 at the end.
  mutating func deleteExpiredFields(
    _ key: borrowing Key, _ database: Int, _ cursor: UInt64, visiting entries: Int
  ) -> UInt64 {
    guard let item = findToChange(key, database), item.hasExpiringMembers else { return 0 }
    let members = item.members
    let now = clock.now()
    if cursor == 0 { members.table?.beginPass() }
    var expired = ChosenMembers()
    var visited = 0
    var next = cursor
    repeat {
      next = members.scan(next) { member in
        visited += 1
        if member.hasExpired(now) { expired.append(member.key) } else { members.table?.notePassed(member) }
      }
    } while next != 0 && visited < entries
    if next == 0 { members.table?.endPass() }
    let fields = expired.words
    if fields.count > 0 { removeMembers(.hash, key, database, fields, .fieldsExpired) }
    return next
  }
}
