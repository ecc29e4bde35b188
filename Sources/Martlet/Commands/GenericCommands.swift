// Commands for keys of every type.

internal let genericCommands: [CommandDeclaration] = [
  .init(
    "COPY", arity: -3, [.write, .denyOOM], keys: .two, .generic, since: "6.2.0",
    "O(N), N being the value's bytes or members", "source destination [DB destination-db] [REPLACE]",
    "Copies a value to another key."),
  .init(
    "DEL", arity: -2, [.write], keys: .all, .generic, since: "1.0.0",
    "O(N), N being the keys and their members",
    "key [key ...]", "Deletes keys and returns how many there were."),
  .init(
    "EXISTS", arity: -2, [.readOnly, .fast], keys: .all, .generic, since: "1.0.0", "O(N), N being the keys",
    "key [key ...]", "Tells how many of the keys are there."),
  .init(
    "EXPIRE", arity: -3, [.write, .fast], keys: .one, .generic, since: "1.0.0", "O(1)",
    "key seconds [NX | XX | GT | LT]", "Has a key expire after some seconds."),
  .init(
    "EXPIREAT", arity: -3, [.write, .fast], keys: .one, .generic, since: "1.2.0", "O(1)",
    "key unix-time-seconds [NX | XX | GT | LT]", "Has a key expire at a time in seconds since 1970."),
  .init(
    "EXPIRETIME", arity: 2, [.readOnly, .fast], keys: .one, .generic, since: "7.0.0", "O(1)", "key",
    "Returns when a key expires, in seconds since 1970."),
  .init(
    "KEYS", arity: 2, [.readOnly, .allShards], .generic, since: "1.0.0", "O(N), N being all keys", "pattern",
    "Returns all keys that match a pattern. SCAN does so without stopping the others."),
  .init(
    "PERSIST", arity: 2, [.write, .fast], keys: .one, .generic, since: "2.2.0", "O(1)", "key",
    "Takes the expiry from a key."),
  .init(
    "PEXPIRE", arity: -3, [.write, .fast], keys: .one, .generic, since: "2.6.0", "O(1)",
    "key milliseconds [NX | XX | GT | LT]", "Has a key expire after some milliseconds."),
  .init(
    "PEXPIREAT", arity: -3, [.write, .fast], keys: .one, .generic, since: "2.6.0", "O(1)",
    "key unix-time-milliseconds [NX | XX | GT | LT]", "Has a key expire at a time in milliseconds since 1970."
  ),
  .init(
    "PEXPIRETIME", arity: 2, [.readOnly, .fast], keys: .one, .generic, since: "7.0.0", "O(1)", "key",
    "Returns when a key expires, in milliseconds since 1970."),
  .init(
    "PTTL", arity: 2, [.readOnly, .fast], keys: .one, .generic, since: "2.6.0", "O(1)", "key",
    "Returns how long a key has to live, in milliseconds."),
  .init(
    "RANDOMKEY", arity: 1, [.readOnly, .allShards], .generic, since: "1.0.0", "O(1)", "",
    "Returns a key by chance."),
  .init(
    "RENAME", arity: 3, [.write], keys: .two, .generic, since: "1.0.0",
    "O(N), N being the value's bytes or members",
    "key newkey", "Gives a value another key, in the place of what is there."),
  .init(
    "RENAMENX", arity: 3, [.write, .fast], keys: .two, .generic, since: "1.0.0",
    "O(N), N being the value's bytes or members", "key newkey", "Gives a value another key, if that is free."),
  .init(
    "SCAN", arity: -2, [.readOnly, .eachShard], .generic, since: "2.8.0",
    "O(1) for each call, O(N) for all keys",
    "cursor [MATCH pattern] [COUNT count] [TYPE type]", "Returns the keys a few at a time."),
  .init(
    "TOUCH", arity: -2, [.readOnly, .fast], keys: .all, .generic, since: "3.2.1", "O(N), N being the keys",
    "key [key ...]", "Tells how many of the keys are there, and counts as a use of them."),
  .init(
    "TTL", arity: 2, [.readOnly, .fast], keys: .one, .generic, since: "1.0.0", "O(1)", "key",
    "Returns how long a key has to live, in seconds."),
  .init(
    "TYPE", arity: 2, [.readOnly, .fast], keys: .one, .generic, since: "1.0.0", "O(1)", "key",
    "Returns the type of the value at a key."),
  .init(
    "UNLINK", arity: -2, [.write, .fast], keys: .all, .generic, since: "4.0.0",
    "O(N), N being the keys and their members", "key [key ...]",
    "Deletes keys and returns how many there were."),
]

extension ItemKind {
  /// The name that `TYPE` gives it.
  var name: StaticString {
    switch self {
    case .string: "string"
    case .set: "set"
    case .hash: "hash"
    case .list: "list"
    case .sortedSet: "zset"
    }
  }
}

/// What `SCAN` and its kin are asked for besides the cursor.
struct ScanOptions: ~Escapable {
  var pattern: RawSpan
  var hasPattern = false
  var count = 10
  /// The type wanted; nil for any. A type that isn't known matches nothing.
  var kind: ItemKind?
  var isKindUnknown = false
  /// Whether fields are wanted without their values, or members without their scores.
  var omitsValues = false

  @_lifetime(copy words)
  init(_ words: borrowing Words) { pattern = words[0] }

  func matches(_ text: RawSpan) -> Bool { !hasPattern || Glob.matches(pattern, text) }
}

extension Execution {
  mutating func del(_ words: borrowing Words, _ database: Int) {
    var present = ChosenMembers()
    for index in 1..<words.count where findToChange(keyspace.place(words[index]), database) != nil {
      present.append(words[index])
    }
    let keys = present.words
    let deleted = keys.count > 0 ? delete(keys, database) : 0
    counters.value.deleteHits.add(UInt64(deleted))
    reply.integer(deleted)
  }

  mutating func exists(_ words: borrowing Words, _ database: Int) {
    var count = 0
    for index in 1..<words.count where look(keyspace.place(words[index]), database) != nil { count += 1 }
    reply.integer(count)
  }

  /// `TOUCH`: what `EXISTS` says, and the keys count as read.
  mutating func touch(_ words: borrowing Words, _ database: Int) {
    var count = 0
    for index in 1..<words.count where find(keyspace.place(words[index]), database) != nil { count += 1 }
    reply.integer(count)
  }

  mutating func type(_ words: borrowing Words, _ database: Int) {
    reply.simple(look(keyspace.place(words[1]), database)?.kind.name ?? "none")
  }

  // MARK: Expiry

  mutating func expire(_ words: borrowing Words, _ database: Int, _ unit: TimeUnit, isAbsolute: Bool) {
    var onlyWithout = false
    var onlyWith = false
    var onlyLater = false
    var onlyEarlier = false
    for index in 3..<max(3, words.count) {
      if words[index].equalsIgnoringCase("nx") {
        onlyWithout = true
      } else if words[index].equalsIgnoringCase("xx") {
        onlyWith = true
      } else if words[index].equalsIgnoringCase("gt") {
        onlyLater = true
      } else if words[index].equalsIgnoringCase("lt") {
        onlyEarlier = true
      } else {
        return reply.error("ERR Unsupported option ", words[index])
      }
    }
    if onlyWithout && (onlyWith || onlyLater || onlyEarlier) {
      return reply.error("ERR NX and XX, GT or LT options at the same time are not compatible")
    }
    if onlyLater && onlyEarlier {
      return reply.error("ERR GT and LT options at the same time are not compatible")
    }
    guard let number = words[2].decimal else { return reply.error(Self.notInteger) }
    guard let time = time(number, unit, isAbsolute) else {
      return reply.error("ERR invalid expire time in '\(words[0].text.lowercased())' command")
    }
    let key = keyspace.place(words[1])
    guard let item = findToChange(key, database) else { return reply.integer(0) }
    let current = item.expires ? item.expiry : nil
    let isRefused =
      (onlyWithout && current != nil) || (onlyWith && current == nil)
      || (onlyLater && time <= (current ?? .max)) || (onlyEarlier && time >= (current ?? .max))
    if isRefused { return reply.integer(0) }
    // A time of 0 is long past, and not the wish for no expiry that 0 stands for inside.
    setExpiryOrDelete(key, database, time == 0 ? 1 : time)
    reply.integer(1)
  }

  /// Gives a key that is there an expiry, 0 for none, or deletes it when that has passed.
  mutating func setExpiryOrDelete(_ key: borrowing Key, _ database: Int, _ time: Int64) {
    if time != 0 && time <= clock.now() { delete(key, database) } else { setExpiry(key, database, time) }
  }

  mutating func persist(_ words: borrowing Words, _ database: Int) {
    let key = keyspace.place(words[1])
    guard let item = findToChange(key, database), item.expires else { return reply.integer(0) }
    setExpiry(key, database, 0)
    reply.integer(1)
  }

  mutating func timeToLive(_ words: borrowing Words, _ database: Int, _ unit: TimeUnit) {
    guard let item = look(keyspace.place(words[1]), database) else { return reply.integer(-2) }
    guard item.expires else { return reply.integer(-1) }
    let left = max(0, item.expiry - clock.now())
    reply.integer(Int(unit == .seconds ? Self.seconds(left) : left))
  }

  /// Milliseconds, rounded to seconds.
  static func seconds(_ milliseconds: Int64) -> Int64 {
    milliseconds / 1000 + (milliseconds % 1000 >= 500 ? 1 : 0)
  }

  mutating func expiryTime(_ words: borrowing Words, _ database: Int, _ unit: TimeUnit) {
    guard let item = look(keyspace.place(words[1]), database) else { return reply.integer(-2) }
    guard item.expires else { return reply.integer(-1) }
    reply.integer(Int(unit == .seconds ? Self.seconds(item.expiry) : item.expiry))
  }

  // MARK: Moving

  mutating func rename(_ words: borrowing Words, _ database: Int, onlyIfAbsent: Bool) {
    let key = keyspace.place(words[1])
    let newKey = keyspace.place(words[2])
    guard findToChange(key, database) != nil else { return reply.error("ERR no such key") }
    if words[1].equals(words[2]) {
      return onlyIfAbsent ? reply.integer(0) : reply.ok()
    }
    if onlyIfAbsent && find(newKey, database) != nil { return reply.integer(0) }
    rename(key, newKey, database)
    onlyIfAbsent ? reply.integer(1) : reply.ok()
  }

  mutating func copy(_ words: borrowing Words, _ database: Int) {
    var target = database
    var replaces = false
    var index = 3
    while index < words.count {
      if words[index].equalsIgnoringCase("replace") {
        replaces = true
      } else if words[index].equalsIgnoringCase("db"), index + 1 < words.count {
        index += 1
        guard let number = words[index].decimal else { return reply.error(Self.notInteger) }
        guard number >= 0 && number < keyspace.databaseCount else {
          return reply.error("ERR DB index is out of range")
        }
        target = number
      } else {
        return reply.error(Self.syntaxError)
      }
      index += 1
    }
    if target == database && words[1].equals(words[2]) {
      return reply.error("ERR source and destination objects are the same")
    }
    let key = keyspace.place(words[1])
    let newKey = keyspace.place(words[2])
    guard find(key, database) != nil else { return reply.integer(0) }
    if find(newKey, target) != nil && !replaces { return reply.integer(0) }
    copy(key, database, to: newKey, target)
    reply.integer(1)
  }

  // MARK: All keys

  mutating func keys(_ words: borrowing Words, _ database: Int) {
    var chosen = ChosenMembers()
    let now = clock.now()
    let pattern = words[1]
    let takesAll = pattern.equalsIgnoringCase("*")
    for shard in 0..<keyspace.shardCount {
      showAll(shard)
      keyspace[shard].shard.forEach(database) { item in
        if item.mayHaveExpired && item.hasExpired(now) { return }
        if takesAll || Glob.matches(pattern, item.key) { chosen.append(item.key) }
      }
    }
    guard !chosen.isOverfull else { return reply.refuseAsTooLarge() }
    let found = chosen.words
    reply.array(found.count)
    for index in 0..<found.count { reply.bulk(found[index]) }
  }

  mutating func randomKey(_ database: Int) {
    var keyCount = 0
    for shard in 0..<keyspace.shardCount {
      showAll(shard)
      keyCount += keyspace[shard].shard.count(database)
    }
    guard keyCount > 0 else { return reply.null() }
    let now = clock.now()
    // A shard by its share of the keys; a few tries if all that comes up has expired, as Redis does.
    for _ in 0..<100 {
      var position = Int.random(in: 0..<keyCount, using: &random)
      var shard = 0
      while position >= keyspace[shard].shard.count(database) {
        position -= keyspace[shard].shard.count(database)
        shard += 1
      }
      if let item = keyspace[shard].shard.randomItem(database, &random),
        !(item.mayHaveExpired && item.hasExpired(now))
      {
        return reply.bulk(item.key)
      }
    }
    reply.null()
  }

  /// Goes through the shards one after the other: the low bits of the cursor are the shard, the rest its cursor.
  mutating func scan(_ words: borrowing Words, _ database: Int) {
    guard let cursor = words[1].unsignedDecimal else { return reply.error("ERR invalid cursor") }
    guard let options = scanOptions(words, from: 2) else { return }
    let shardCount = UInt64(keyspace.shardCount)
    var shard = Int(cursor % shardCount)
    var place = cursor / shardCount
    var chosen = ChosenMembers()
    var visited = 0
    let now = clock.now()
    while shard < keyspace.shardCount && visited < options.count {
      lockInTurn(shard)
      showAll(shard)
      repeat {
        place = keyspace[shard].shard.scan(database, place) { item in
          visited += 1
          if options.isKindUnknown || item.mayHaveExpired && item.hasExpired(now) { return }
          if let kind = options.kind, item.kind != kind { return }
          if options.matches(item.key) { chosen.append(item.key) }
        }
      } while place != 0 && visited < options.count
      unlockInTurn(shard)
      if place == 0 { shard += 1 }
    }
    replyScan(shard == keyspace.shardCount ? 0 : place * shardCount + UInt64(shard), chosen)
  }

  /// The options of a `SCAN` from a position on; nil when the reply says what is wrong with them.
  ///
  /// - Parameter collection: the type of the collection that is scanned; nil for a scan of keys.
  @_lifetime(copy words)
  mutating func scanOptions(
    _ words: borrowing Words, from start: Int, ofMembers collection: ItemKind? = nil
  ) -> ScanOptions? {
    var options = ScanOptions(words)
    var index = start
    while index < words.count {
      if words[index].equalsIgnoringCase("novalues") {
        guard collection == .hash else {
          reply.error("ERR NOVALUES option can only be used in HSCAN")
          return nil
        }
        options.omitsValues = true
        index += 1
        continue
      }
      if words[index].equalsIgnoringCase("noscores") {
        guard collection == .sortedSet else {
          reply.error("ERR NOSCORES option can only be used in ZSCAN")
          return nil
        }
        options.omitsValues = true
        index += 1
        continue
      }
      guard index + 1 < words.count else {
        reply.error(Self.syntaxError)
        return nil
      }
      let value = words[index + 1]
      if words[index].equalsIgnoringCase("match") {
        options.pattern = value
        options.hasPattern = true
      } else if words[index].equalsIgnoringCase("count") {
        guard let count = value.decimal else {
          reply.error(Self.notInteger)
          return nil
        }
        guard count > 0 else {
          reply.error(Self.syntaxError)
          return nil
        }
        options.count = count
      } else if collection == nil && words[index].equalsIgnoringCase("type") {
        if value.equalsIgnoringCase("string") {
          options.kind = .string
        } else if value.equalsIgnoringCase("set") {
          options.kind = .set
        } else if value.equalsIgnoringCase("hash") {
          options.kind = .hash
        } else if value.equalsIgnoringCase("list") {
          options.kind = .list
        } else if value.equalsIgnoringCase("zset") {
          options.kind = .sortedSet
        } else {
          options.isKindUnknown = true
        }
      } else {
        reply.error(Self.syntaxError)
        return nil
      }
      index += 2
    }
    return options
  }
}
