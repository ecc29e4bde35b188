// Applies the records of a database file to a keyspace: a restart today, a follower one day. A record is an effect, so
// a replay looks at no clock and takes no chances.

/// Applies records in the order of their versions. It has the keyspace to itself and takes no locks.
struct Replay {
  let keyspace: Keyspace
  /// The database that the records are for.
  var database = 0
  /// Where several threads share the shards: this one's number among how many. Of a record for several keys it then
  /// applies what concerns its own shards. Nil when all are its own.
  var share: (index: Int, count: Int)?

  init(_ keyspace: Keyspace) { self.keyspace = keyspace }

  /// What a line of the file was.
  enum Outcome: Equatable {
    case applied
    /// Not a record of this format.
    case rejected
  }

  /// Which keys a record looks at or changes.
  enum Reach {
    /// The one that its first word after the name is.
    case key
    /// Every word after the name, or every second one, each by itself.
    case eachKey(step: Int)
    /// All keys of a database, or of all.
    case everything
    /// Several, whose values go from one to another.
    case severalKeys
    /// It has no key: it is not a record.
    case nothing
  }

  /// Which keys a record concerns; whether it is a right one shows when it is applied.
  static func reach(of words: borrowing Words) -> Reach {
    let name = words[0]
    if words.count == 1 {
      return name.equalsIgnoringCase("flushdb") || name.equalsIgnoringCase("flushall")
        ? .everything : .nothing
    }
    if name.equalsIgnoringCase("del") { return words.count == 2 ? .key : .eachKey(step: 1) }
    if name.equalsIgnoringCase("mset") { return .eachKey(step: 2) }
    if name.equalsIgnoringCase("swapdb") { return .everything }
    if name.equalsIgnoringCase("rename") || name.equalsIgnoringCase("copy") { return .severalKeys }
    return .key
  }

  /// Whether a shard is this thread's.
  private func isMine(_ shard: ShardIndex) -> Bool {
    guard let share else { return true }
    return shard % share.count == share.index
  }

  /// Applies one record.
  mutating func apply(_ words: borrowing Words, version: UInt64) -> Outcome {
    let name = words[0]
    let count = words.count
    if name.equalsIgnoringCase("set") {
      guard count >= 3, let (metadata, named) = metadata(words.from(3)), named <= version else {
        return .rejected
      }
      let key = place(words, 1)
      keyspace[key.shard].shard.setString(
        key.bytes, key.hash, database, words[2], metadata, named == 0 ? version : named)
    } else if name.equalsIgnoringCase("del") {
      guard count >= 2 else { return .rejected }
      for index in 1..<count {
        let key = place(words, index)
        guard isMine(key.shard) else { continue }
        keyspace[key.shard].shard.remove(key.bytes, key.hash, database, version)
      }
    } else if name.equalsIgnoringCase("mset") {
      guard count >= 3, count % 2 == 1 else { return .rejected }
      for index in stride(from: 1, to: count, by: 2) {
        let key = place(words, index)
        guard isMine(key.shard) else { continue }
        keyspace[key.shard].shard.setString(
          key.bytes, key.hash, database, words[index + 1], ItemMetadata(), version)
      }
    } else if name.equalsIgnoringCase("sadd") {
      guard count >= 3, putMembers(.set, words, words.from(2), .none, version) else { return .rejected }
    } else if name.equalsIgnoringCase("hset") {
      guard count >= 4, putMembers(.hash, words, words.from(2), .none, version) else { return .rejected }
    } else if name.equalsIgnoringCase("hsetex") {
      guard let (expiry, start) = fieldOptions(words),
        putMembers(.hash, words, words.from(start), expiry, version)
      else { return .rejected }
    } else if name.equalsIgnoringCase("srem") {
      guard count >= 3, removeMembers(.set, words, version) else { return .rejected }
    } else if name.equalsIgnoringCase("hdel") {
      guard count >= 3, removeMembers(.hash, words, version) else { return .rejected }
    } else if name.equalsIgnoringCase("zadd") {
      guard count >= 4, putScores(words, version) else { return .rejected }
    } else if name.equalsIgnoringCase("zrem") {
      guard count >= 3, removeMembers(.sortedSet, words, version) else { return .rejected }
    } else if name.equalsIgnoringCase("zremrangebyrank") {
      guard count == 4, removeRanks(words, version) else { return .rejected }
    } else if name.equalsIgnoringCase("hpexpireat") {
      guard count >= 6, let milliseconds = words[2].decimal, milliseconds != 0,
        setFieldExpiry(words, from: 3, Int64(milliseconds), version)
      else { return .rejected }
    } else if name.equalsIgnoringCase("hpersist") {
      guard count >= 5, setFieldExpiry(words, from: 2, 0, version) else { return .rejected }
    } else if let outcome = applyToList(words, version) {
      return outcome
    } else if name.equalsIgnoringCase("append") {
      guard count == 3, holds(words, .string) else { return .rejected }
      let key = place(words, 1)
      let end = keyspace[key.shard].shard.find(key.bytes, key.hash, database)?.valueCount ?? 0
      guard end + words[2].byteCount <= Limits.valueBytes else { return .rejected }
      keyspace[key.shard].shard.writeString(key.bytes, key.hash, database, at: end, words[2], version)
    } else if name.equalsIgnoringCase("prepend") {
      guard count == 3, holds(words, .string) else { return .rejected }
      let key = place(words, 1)
      keyspace[key.shard].shard.prependString(key.bytes, key.hash, database, words[2], version)
    } else if name.equalsIgnoringCase("setrange") {
      guard count == 4, holds(words, .string), let offset = words[2].decimal, offset >= 0,
        offset <= Limits.valueBytes - words[3].byteCount
      else { return .rejected }
      let key = place(words, 1)
      keyspace[key.shard].shard.writeString(key.bytes, key.hash, database, at: offset, words[3], version)
    } else if name.equalsIgnoringCase("pexpireat") {
      guard count == 3, let milliseconds = words[2].decimal else { return .rejected }
      setExpiry(words, Int64(milliseconds), version)
    } else if name.equalsIgnoringCase("persist") {
      guard count == 2 else { return .rejected }
      setExpiry(words, 0, version)
    } else if name.equalsIgnoringCase("stale") {
      guard count >= 2, holds(words, .string), let (expiry, cas) = staleOptions(words.from(2)) else {
        return .rejected
      }
      let key = place(words, 1)
      keyspace[key.shard].shard.markStale(
        key.bytes, key.hash, database, expiry: expiry, cas: cas, version)
    } else if name.equalsIgnoringCase("rename") {
      guard count == 3 else { return .rejected }
      let key = place(words, 1)
      let newKey = place(words, 2)
      guard let item = keyspace[key.shard].shard.release(key.bytes, key.hash, database, version) else {
        return .rejected
      }
      keyspace[newKey.shard].shard.adopt(item, newKey.bytes, newKey.hash, database, version)
    } else if name.equalsIgnoringCase("copy") {
      guard count == 5, words[3].equalsIgnoringCase("db"), let target = databaseNumber(words[4]) else {
        return .rejected
      }
      let key = place(words, 1)
      let newKey = place(words, 2)
      guard let item = keyspace[key.shard].shard.copy(key.bytes, key.hash, database) else { return .rejected }
      keyspace[newKey.shard].shard.adopt(item, newKey.bytes, newKey.hash, target, version)
    } else if name.equalsIgnoringCase("move") {
      guard count == 3, let target = databaseNumber(words[2]), target != database else { return .rejected }
      let key = place(words, 1)
      guard let item = keyspace[key.shard].shard.release(key.bytes, key.hash, database, version) else {
        return .rejected
      }
      keyspace[key.shard].shard.adopt(item, key.bytes, key.hash, target, version)
    } else if name.equalsIgnoringCase("swapdb") {
      guard count == 3, let first = databaseNumber(words[1]), let second = databaseNumber(words[2]),
        first != second
      else { return .rejected }
      for shard in 0..<keyspace.shardCount where isMine(shard) {
        keyspace[shard].shard.swapDatabases(first, second, version)
      }
    } else if name.equalsIgnoringCase("version") {
      guard count == 3, let named = words[2].unsignedDecimal, named <= version else { return .rejected }
      let key = place(words, 1)
      guard let item = keyspace[key.shard].shard.find(key.bytes, key.hash, database) else { return .rejected }
      item.version = named
    } else if name.equalsIgnoringCase("flushdb") {
      guard count == 1 else { return .rejected }
      for shard in 0..<keyspace.shardCount where isMine(shard) {
        keyspace[shard].shard.removeAll(database, version)
      }
    } else if name.equalsIgnoringCase("flushall") {
      guard count == 1 else { return .rejected }
      for shard in 0..<keyspace.shardCount where isMine(shard) {
        for database in 0..<keyspace.databaseCount { keyspace[shard].shard.removeAll(database, version) }
      }
    } else {
      return .rejected
    }
    return .applied
  }

  @_lifetime(copy words)
  func place(_ words: borrowing Words, _ index: Int) -> Key {
    keyspace.place(words[index])
  }

  /// The number of a database that there is.
  private func databaseNumber(_ word: RawSpan) -> Int? {
    guard let number = word.decimal, number >= 0, number < keyspace.databaseCount else { return nil }
    return number
  }

  /// Whether the key is free or has a value of this type.
  func holds(_ words: borrowing Words, _ kind: ItemKind) -> Bool {
    let hash = keyspace.hash(words[1])
    guard let item = keyspace[keyspace.shardIndex(hash)].shard.find(words[1], hash, database) else {
      return true
    }
    return item.kind == kind
  }

  /// Puts members into the collection that the record names; whether they fit.
  private func putMembers(
    _ kind: ItemKind, _ words: borrowing Words, _ members: borrowing Words, _ expiry: FieldExpiry,
    _ version: UInt64
  ) -> Bool {
    guard members.count > 0, members.count % kind.wordsPerMember == 0, holds(words, kind) else {
      return false
    }
    let key = place(words, 1)
    _ = keyspace[key.shard].shard.putMembers(
      kind, key.bytes, key.hash, database, members, expiry, version)
    return true
  }

  private func removeMembers(_ kind: ItemKind, _ words: borrowing Words, _ version: UInt64) -> Bool {
    guard holds(words, kind) else { return false }
    let key = place(words, 1)
    _ = keyspace[key.shard].shard.removeMembers(key.bytes, key.hash, database, words.from(2), version)
    return true
  }

  /// Gives the members of the sorted set that the record names their scores; whether they are scores.
  private func putScores(_ words: borrowing Words, _ version: UInt64) -> Bool {
    guard words.count % 2 == 0, holds(words, .sortedSet) else { return false }
    var scores: [Double] = []
    for index in stride(from: 2, to: words.count, by: 2) {
      guard let score = words[index].score else { return false }
      scores.append(score)
    }
    let key = place(words, 1)
    _ = keyspace[key.shard].shard.putScores(
      key.bytes, key.hash, database, scores, words.from(2), step: 2, version)
    return true
  }

  private func removeRanks(_ words: borrowing Words, _ version: UInt64) -> Bool {
    guard holds(words, .sortedSet), let first = words[2].decimal, let last = words[3].decimal else {
      return false
    }
    let key = place(words, 1)
    let count =
      keyspace[key.shard].shard.find(key.bytes, key.hash, database)?.members.count ?? 0
    guard first >= 0, first <= last, last < count else { return false }
    keyspace[key.shard].shard.removeRanks(key.bytes, key.hash, database, first..<last + 1, version)
    return true
  }

  /// `FIELDS number field [field ...]` from a position on, which get an expiry, or with 0 lose theirs; whether it is so.
  private func setFieldExpiry(
    _ words: borrowing Words, from start: Int, _ milliseconds: Int64, _ version: UInt64
  ) -> Bool {
    guard words[start].equalsIgnoringCase("fields"), words[start + 1].decimal == words.count - start - 2,
      holds(words, .hash)
    else { return false }
    let key = place(words, 1)
    keyspace[key.shard].shard.setFieldExpiry(
      key.bytes, key.hash, database, words.from(start + 2), milliseconds, version)
    return true
  }

  /// `PXAT milliseconds | KEEPTTL` and `FIELDS number` of an `HSETEX`, and where the fields begin; nil for anything else.
  private func fieldOptions(_ words: borrowing Words) -> (FieldExpiry, start: Int)? {
    guard words.count >= 6 else { return nil }
    var expiry = FieldExpiry.keep
    var index = 3
    if words[2].equalsIgnoringCase("pxat"), let number = words[3].decimal, number != 0 {
      expiry = .at(Int64(number))
      index = 4
    } else if !words[2].equalsIgnoringCase("keepttl") {
      return nil
    }
    guard words.count >= index + 4, words[index].equalsIgnoringCase("fields"),
      let count = words[index + 1].decimal, count > 0, count <= words.count,
      words.count == index + 2 + 2 * count
    else { return nil }
    return (expiry, index + 2)
  }

  private func setExpiry(_ words: borrowing Words, _ milliseconds: Int64, _ version: UInt64) {
    let hash = keyspace.hash(words[1])
    let shard = keyspace.shardIndex(hash)
    keyspace[shard].shard.setExpiry(words[1], hash, database, milliseconds, version)
  }

  /// `[PXAT milliseconds] [CAS number]`; nil for anything else.
  private func staleOptions(_ options: borrowing Words) -> (expiry: Int64?, cas: UInt64)? {
    var expiry: Int64?
    var cas: UInt64 = 0
    guard options.count % 2 == 0 else { return nil }
    for index in stride(from: 0, to: options.count, by: 2) {
      if options[index].equalsIgnoringCase("pxat"), let number = options[index + 1].decimal {
        expiry = Int64(number)
      } else if options[index].equalsIgnoringCase("cas"), let number = options[index + 1].unsignedDecimal {
        cas = number
      } else {
        return nil
      }
    }
    return (expiry, cas)
  }

  /// `[PXAT milliseconds] [FLAGS number] [CAS number] [STALE] [VERSION number]`, the version 0 when it isn't there; nil
  /// for anything else.
  private func metadata(_ options: borrowing Words) -> (ItemMetadata, version: UInt64)? {
    var metadata = ItemMetadata()
    var version: UInt64 = 0
    var index = 0
    while index < options.count {
      if options[index].equalsIgnoringCase("stale") {
        metadata.isStale = true
        index += 1
        continue
      }
      guard index + 1 < options.count else { return nil }
      if options[index].equalsIgnoringCase("pxat"), let number = options[index + 1].decimal {
        metadata.expiry = Int64(number)
      } else if options[index].equalsIgnoringCase("flags"), let number = options[index + 1].unsignedDecimal {
        guard let flags = UInt32(exactly: number) else { return nil }
        metadata.flags = flags
      } else if options[index].equalsIgnoringCase("cas"), let number = options[index + 1].unsignedDecimal {
        metadata.cas = number
      } else if options[index].equalsIgnoringCase("version"), let number = options[index + 1].unsignedDecimal
      {
        version = number
      } else {
        return nil
      }
      index += 2
    }
    return (metadata, version)
  }
}
