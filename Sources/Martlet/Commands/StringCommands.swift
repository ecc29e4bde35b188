// Strings: GET, SET and their kin.

internal let stringCommands: [CommandDeclaration] = [
  .init(
    "APPEND", arity: 3, [.write, .denyOOM, .fast], keys: .one, .string, since: "2.0.0", "O(1)", "key value",
    "Appends to a string, or makes one."),
  .init(
    "DECR", arity: 2, [.write, .denyOOM, .fast], keys: .one, .string, since: "1.0.0", "O(1)", "key",
    "Takes one from the integer at a key; a missing key counts as 0."),
  .init(
    "DECRBY", arity: 3, [.write, .denyOOM, .fast], keys: .one, .string, since: "1.0.0", "O(1)",
    "key decrement",
    "Takes a number from the integer at a key; a missing key counts as 0."),
  .init(
    "DELIFEQ", arity: 3, [.write, .fast], keys: .one, .string, since: "Valkey 9.0.0",
    "O(N), N being the value's bytes",
    "key value", "Deletes a key if it holds just this string."),
  .init(
    "GET", arity: 2, [.readOnly, .fast], keys: .one, .string, since: "1.0.0", "O(1)", "key",
    "Returns the string at a key."),
  .init(
    "GETDEL", arity: 2, [.write, .fast], keys: .one, .string, since: "6.2.0", "O(1)", "key",
    "Returns the string at a key and deletes the key."),
  .init(
    "GETEX", arity: -2, [.write, .fast], keys: .one, .string, since: "6.2.0", "O(1)",
    "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
    "Returns the string at a key and sets or takes away its expiry."),
  .init(
    "GETRANGE", arity: 4, [.readOnly], keys: .one, .string, since: "2.4.0",
    "O(N), N being the bytes returned",
    "key start end", "Returns a part of the string at a key."),
  .init(
    "GETSET", arity: 3, [.write, .denyOOM, .fast], keys: .one, .string, since: "1.0.0", "O(1)", "key value",
    "Sets a string and returns the one before."),
  .init(
    "INCR", arity: 2, [.write, .denyOOM, .fast], keys: .one, .string, since: "1.0.0", "O(1)", "key",
    "Adds one to the integer at a key; a missing key counts as 0."),
  .init(
    "INCRBY", arity: 3, [.write, .denyOOM, .fast], keys: .one, .string, since: "1.0.0", "O(1)",
    "key increment",
    "Adds a number to the integer at a key; a missing key counts as 0."),
  .init(
    "INCRBYFLOAT", arity: 3, [.write, .denyOOM, .fast], keys: .one, .string, since: "2.6.0", "O(1)",
    "key increment",
    "Adds a number, which may have a fraction, to the one at a key; a missing key counts as 0."),
  .init(
    "LCS", arity: -3, [.readOnly], keys: .two, .string, since: "7.0.0",
    "O(N*M), N and M being the bytes of the two strings",
    "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
    "Returns a longest common subsequence of two strings, its length, or where it stands in both."),
  .init(
    "PREPEND", arity: 3, [.write, .denyOOM, .fast], keys: .one, .string, since: CommandDeclaration.own,
    "O(N), N being the string's bytes", "key value", "Puts bytes before a string, or makes one."),
  .init(
    "PSETEX", arity: 4, [.write, .denyOOM], keys: .one, .string, since: "2.6.0", "O(1)",
    "key milliseconds value",
    "Sets a string that expires after some milliseconds."),
  .init(
    "SET", arity: -3, [.write, .denyOOM], keys: .one, .string, since: "1.0.0", "O(1)",
    "key value [NX | XX | IFEQ comparison-value | IFVERSION version] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
      + "PXAT unix-time-milliseconds | KEEPTTL] [FLAGS flags] [STALE]",
    "Sets a string, whatever the key held before; with IFEQ if it held just that string, with IFVERSION if OBJECT VERSION "
      + "is what is given. The flags are those of memcached's clients, and to these a stale one is marked as out of date."
  ),
  .init(
    "SETEX", arity: 4, [.write, .denyOOM], keys: .one, .string, since: "2.0.0", "O(1)", "key seconds value",
    "Sets a string that expires after some seconds."),
  .init(
    "SETNX", arity: 3, [.write, .denyOOM, .fast], keys: .one, .string, since: "1.0.0", "O(1)", "key value",
    "Sets a string if the key isn't there."),
  .init(
    "SETRANGE", arity: 4, [.write, .denyOOM], keys: .one, .string, since: "2.2.0",
    "O(N), N being the value's bytes",
    "key offset value", "Writes over a part of a string, or beyond its end."),
  .init(
    "STRLEN", arity: 2, [.readOnly, .fast], keys: .one, .string, since: "2.2.0", "O(1)", "key",
    "Returns the length of the string at a key in bytes."),
  .init(
    "SUBSTR", arity: 4, [.readOnly], keys: .one, .string, since: "1.0.0", "O(N), N being the bytes returned",
    "key start end", "Returns a part of the string at a key. GETRANGE is its newer name."),
]

/// The unit of a time in a request.
enum TimeUnit {
  case seconds, milliseconds
}

/// When a `SET` is to set.
private enum SetCondition: Equatable {
  case none, absent, present
  /// The key holds the string that is the word at this place.
  case equal(word: Int)
  /// The key's last write has this version; with 0 the key is absent.
  case version(UInt64)
}

/// What a client asks to become of a key's expiry.
enum ExpiryRequest: Equatable {
  /// Nothing was said.
  case unspecified
  /// As it is.
  case keep
  case remove
  /// Milliseconds since 1970.
  case at(Int64)
  /// Something that isn't a time.
  case notInteger
  /// A time that can't be.
  case invalid
}

extension Execution {
  private static var wrongType: StaticString {
    "WRONGTYPE Operation against a key holding the wrong kind of value"
  }
  static var notInteger: StaticString { "ERR value is not an integer or out of range" }
  static var syntaxError: StaticString { "ERR syntax error" }

  mutating func replyWrongType() { reply.error(Self.wrongType) }

  // MARK: Reading

  @inline(__always)
  mutating func get(_ words: borrowing Words, _ database: Int) {
    counters.value.gets.add()
    let key = keyspace.place(words[1])
    guard let item = find(key, database) else {
      counters.value.misses.add()
      return reply.null()
    }
    guard item.isString else { return replyWrongType() }
    counters.value.hits.add()
    replyBulk(item, key.shard)
  }

  mutating func stringLength(_ words: borrowing Words, _ database: Int) {
    guard let item = find(keyspace.place(words[1]), database) else { return reply.integer(0) }
    guard item.isString else { return replyWrongType() }
    reply.integer(item.valueCount)
  }

  mutating func getRange(_ words: borrowing Words, _ database: Int) {
    guard var start = words[2].decimal, var end = words[3].decimal else {
      return reply.error(Self.notInteger)
    }
    guard let item = find(keyspace.place(words[1]), database) else { return reply.bulk(RawSpan()) }
    guard item.isString else { return replyWrongType() }
    let length = item.valueCount
    if start < 0 && end < 0 && start > end { return reply.bulk(RawSpan()) }
    if start < 0 { start = max(0, start &+ length) }
    if end < 0 { end = max(0, end &+ length) }
    end = min(end, length - 1)
    guard start <= end, length > 0 else { return reply.bulk(RawSpan()) }
    reply.bulk(item.value.extracting(start..<end + 1))
  }

  // MARK: Writing

  /// Whether a value is within the limit; if not, the reply says so.
  mutating func accepts(_ value: RawSpan, _ limits: SessionLimits) -> Bool {
    if value.byteCount <= limits.valueBytes { return true }
    replyTooLong(limits.valueBytes)
    return false
  }

  @inline(never)
  mutating func replyTooLong(_ limit: Int) {
    if limit == Limits.valueBytes {
      reply.error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
    } else {
      reply.error("ERR the value is longer than max-value-bytes allows (\(limit))")
    }
  }

  @inline(__always)
  mutating func set(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    guard accepts(words[2], limits) else { return }
    if words.count > 3 { return setWithOptions(words, database) }
    counters.value.sets.add()
    set(keyspace.place(words[1]), database, words[2], ItemMetadata())
    reply.ok()
  }

  @inline(never)
  private mutating func setWithOptions(_ words: borrowing Words, _ database: Int) {
    var condition = SetCondition.none
    var returnsOld = false
    var expiry = ExpiryRequest.unspecified
    var flags: UInt32?
    var isStale = false
    var index = 3
    while index < words.count {
      let option = words[index]
      if option.equalsIgnoringCase("nx"), condition == .none || condition == .absent {
        condition = .absent
      } else if option.equalsIgnoringCase("xx"), condition == .none || condition == .present {
        condition = .present
      } else if option.equalsIgnoringCase("ifeq"), condition == .none, index + 1 < words.count {
        index += 1
        condition = .equal(word: index)
      } else if option.equalsIgnoringCase("ifversion"), condition == .none, index + 1 < words.count {
        index += 1
        guard let version = words[index].unsignedDecimal else { return reply.error(Self.notInteger) }
        condition = .version(version)
      } else if option.equalsIgnoringCase("get") {
        returnsOld = true
      } else if option.equalsIgnoringCase("keepttl"), expiry == .unspecified {
        expiry = .keep
      } else if option.equalsIgnoringCase("flags"), flags == nil, index + 1 < words.count {
        index += 1
        guard let number = words[index].unsignedDecimal, let given = UInt32(exactly: number) else {
          return reply.error(Self.notInteger)
        }
        flags = given
      } else if option.equalsIgnoringCase("stale") {
        isStale = true
      } else if expiry == .unspecified, let request = expiryOption(words, &index) {
        expiry = request
      } else {
        return reply.error(Self.syntaxError)
      }
      index += 1
    }
    if expiry == .notInteger { return reply.error(Self.notInteger) }
    if expiry == .invalid { return reply.error("ERR invalid expire time in 'set' command") }

    let key = keyspace.place(words[1])
    let old = find(key, database)
    let isMet: Bool
    switch condition {
    case .none: isMet = true
    case .absent: isMet = old == nil
    case .present: isMet = old != nil
    case .version(let version): isMet = old?.version ?? 0 == version
    case .equal(let word):
      if let old, !old.isString { return replyWrongType() }
      isMet = old?.value.equals(words[word]) ?? false
    }
    if returnsOld, let old, !old.isString { return replyWrongType() }
    if returnsOld {
      if let old { reply.bulk(old.value) } else { reply.null() }
      if reply.isOverfull { return }
    }
    if !isMet {
      if !returnsOld { reply.null() }
      return
    }
    var metadata = ItemMetadata(flags: flags ?? 0, isStale: isStale)
    switch expiry {
    case .at(let time): metadata.expiry = time
    case .keep: metadata.expiry = old?.expiry ?? 0
    default: break
    }
    counters.value.sets.add()
    if metadata.expiry != 0 && metadata.expiry <= clock.now() {
      // It has expired before it was set: what stays is the key's absence.
      if findToChange(key, database) != nil { delete(key, database, .expired) }
    } else {
      if case .at = expiry {
        set(key, database, words[2], metadata, .setExpiring)
      } else {
        set(key, database, words[2], metadata)
      }
    }
    if !returnsOld { reply.ok() }
  }

  /// Reads `EX seconds` and its kin at `index`, which moves to the option's last word; nil for another word.
  ///
  /// - Parameter minimum: the lowest number that is taken for a time.
  func expiryOption(_ words: borrowing Words, _ index: inout Int, minimum: Int = 1) -> ExpiryRequest? {
    let option = words[index]
    let unit: TimeUnit
    let isAbsolute: Bool
    if option.equalsIgnoringCase("ex") {
      (unit, isAbsolute) = (.seconds, false)
    } else if option.equalsIgnoringCase("px") {
      (unit, isAbsolute) = (.milliseconds, false)
    } else if option.equalsIgnoringCase("exat") {
      (unit, isAbsolute) = (.seconds, true)
    } else if option.equalsIgnoringCase("pxat") {
      (unit, isAbsolute) = (.milliseconds, true)
    } else {
      return nil
    }
    guard index + 1 < words.count else { return nil }
    index += 1
    guard let number = words[index].decimal else { return .notInteger }
    guard number >= minimum, let time = time(number, unit, isAbsolute) else { return .invalid }
    return .at(time)
  }

  /// A time in a request as milliseconds since 1970; nil when it can't be told.
  func time(_ number: Int, _ unit: TimeUnit, _ isAbsolute: Bool) -> Int64? {
    let (milliseconds, overflow) = number.multipliedReportingOverflow(by: unit == .seconds ? 1000 : 1)
    if overflow { return nil }
    if isAbsolute { return Int64(milliseconds) }
    let (sum, carry) = Int64(milliseconds).addingReportingOverflow(clock.now())
    return carry ? nil : sum
  }

  mutating func setExpiring(
    _ words: borrowing Words, _ database: Int, _ limits: SessionLimits, _ unit: TimeUnit
  ) {
    guard accepts(words[3], limits) else { return }
    guard let number = words[2].decimal else { return reply.error(Self.notInteger) }
    guard number > 0, let expiry = time(number, unit, false) else {
      return reply.error(
        unit == .seconds
          ? "ERR invalid expire time in 'setex' command" : "ERR invalid expire time in 'psetex' command")
    }
    counters.value.sets.add()
    set(keyspace.place(words[1]), database, words[3], ItemMetadata(expiry: expiry), .setExpiring)
    reply.ok()
  }

  mutating func setIfAbsent(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    guard accepts(words[2], limits) else { return }
    let key = keyspace.place(words[1])
    if find(key, database) != nil { return reply.integer(0) }
    counters.value.sets.add()
    set(key, database, words[2], ItemMetadata())
    reply.integer(1)
  }

  /// `DELIFEQ`
  mutating func deleteIfEqual(_ words: borrowing Words, _ database: Int) {
    let key = keyspace.place(words[1])
    guard let old = findToChange(key, database) else { return reply.integer(0) }
    guard old.isString else { return replyWrongType() }
    guard old.value.equals(words[2]) else { return reply.integer(0) }
    delete(key, database)
    reply.integer(1)
  }

  mutating func getSet(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    guard accepts(words[2], limits) else { return }
    let key = keyspace.place(words[1])
    if let old = find(key, database) {
      guard old.isString else { return replyWrongType() }
      reply.bulk(old.value)
      if reply.isOverfull { return }
    } else {
      reply.null()
    }
    counters.value.sets.add()
    set(key, database, words[2], ItemMetadata())
  }

  mutating func getDelete(_ words: borrowing Words, _ database: Int) {
    let key = keyspace.place(words[1])
    guard let old = findToChange(key, database) else { return reply.null() }
    guard old.isString else { return replyWrongType() }
    reply.bulk(old.value)
    // Nothing is taken that can't be returned.
    if reply.isOverfull { return }
    delete(key, database)
  }

  mutating func getExpire(_ words: borrowing Words, _ database: Int) {
    var request = ExpiryRequest.unspecified
    var index = 2
    while index < words.count {
      guard request == .unspecified else { return reply.error(Self.syntaxError) }
      if words[index].equalsIgnoringCase("persist") {
        request = .remove
      } else if let asked = expiryOption(words, &index) {
        request = asked
      } else {
        return reply.error(Self.syntaxError)
      }
      index += 1
    }
    // Redis looks for the key before it looks at the number.
    let key = keyspace.place(words[1])
    guard let item = findToChange(key, database) else { return reply.null() }
    guard item.isString else { return replyWrongType() }
    if request == .notInteger { return reply.error(Self.notInteger) }
    if request == .invalid { return reply.error("ERR invalid expire time in 'getex' command") }
    reply.bulk(item.value)
    if reply.isOverfull { return }
    switch request {
    case .at(let time): setExpiryOrDelete(key, database, time)
    case .remove where item.expires: setExpiry(key, database, 0)
    default: break
    }
  }

  // MARK: Changing a part

  mutating func append(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    guard let length = lengthened(words, database, limits) else { return }
    append(keyspace.place(words[1]), database, words[2])
    reply.integer(length)
  }

  mutating func prepend(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    guard let length = lengthened(words, database, limits) else { return }
    prepend(keyspace.place(words[1]), database, words[2])
    reply.integer(length)
  }

  /// The length of the string at a key with a value put to it; nil, with the reply saying why, when that can't be.
  private mutating func lengthened(
    _ words: borrowing Words, _ database: Int, _ limits: SessionLimits
  ) -> Int? {
    let old = findToChange(keyspace.place(words[1]), database)
    if let old, !old.isString {
      replyWrongType()
      return nil
    }
    let length = (old?.valueCount ?? 0) + words[2].byteCount
    guard length <= limits.valueBytes else {
      replyTooLong(limits.valueBytes)
      return nil
    }
    return length
  }

  mutating func setRange(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    guard let offset = words[2].decimal else { return reply.error(Self.notInteger) }
    guard offset >= 0 else { return reply.error("ERR offset is out of range") }
    let key = keyspace.place(words[1])
    let old = findToChange(key, database)
    if let old, !old.isString { return replyWrongType() }
    guard !words[3].isEmpty else { return reply.integer(old?.valueCount ?? 0) }
    guard offset <= limits.valueBytes - words[3].byteCount else { return replyTooLong(limits.valueBytes) }
    let length = max(old?.valueCount ?? 0, offset + words[3].byteCount)
    setRange(key, database, offset, words[3])
    reply.integer(length)
  }

  mutating func incrementBy(_ words: borrowing Words, _ database: Int) {
    guard let amount = words[2].decimal else { return reply.error(Self.notInteger) }
    increment(words, database, by: amount)
  }

  mutating func decrementBy(_ words: borrowing Words, _ database: Int) {
    guard let amount = words[2].decimal else { return reply.error(Self.notInteger) }
    guard amount != Int.min else { return reply.error("ERR decrement would overflow") }
    increment(words, database, by: -amount)
  }

  mutating func increment(_ words: borrowing Words, _ database: Int, by amount: Int) {
    let key = keyspace.place(words[1])
    let old = find(key, database)
    var number = 0
    if let old {
      guard old.isString else { return replyWrongType() }
      guard let value = old.value.decimal else { return reply.error(Self.notInteger) }
      number = value
    }
    let (sum, overflow) = number.addingReportingOverflow(amount)
    guard !overflow else { return reply.error("ERR increment or decrement would overflow") }
    let digits = DecimalText(sum)
    set(key, database, digits.bytes, old?.metadata.ofChangedValue ?? ItemMetadata(), .increment)
    reply.integer(sum)
  }

  mutating func incrementByFraction(_ words: borrowing Words, _ database: Int) {
    let key = keyspace.place(words[1])
    let old = find(key, database)
    if let old, !old.isString { return replyWrongType() }
    guard old?.value.isDecimalFraction != RawSpan.DecimalFraction.none,
      words[2].isDecimalFraction != .none
    else { return reply.error("ERR value is not a valid float") }
    let zero = DecimalText(0)
    guard let sum = old.map({ DecimalSum($0.value, words[2]) }) ?? DecimalSum(zero.bytes, words[2]) else {
      return reply.error("ERR increment would produce NaN or Infinity")
    }
    set(key, database, sum.bytes, old?.metadata.ofChangedValue ?? ItemMetadata(), .incrementByFraction)
    reply.bulk(sum.bytes)
  }
}
