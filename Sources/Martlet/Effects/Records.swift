// The records of the database file: one function for each effect, which writes it as a person would type it.
// `Replay` reads what is written here; docs/FORMAT.md lists it.

extension ItemKind {
  /// The record that puts members into a collection of this type.
  fileprivate var recordOfMembers: StaticString {
    switch self {
    case .hash: "HSET"
    case .sortedSet: "ZADD"
    case .set, .string, .list: "SADD"
    }
  }

  /// The record that takes members out of a collection of this type.
  fileprivate var recordOfRemoval: StaticString {
    switch self {
    case .hash: "HDEL"
    case .sortedSet: "ZREM"
    case .set, .string, .list: "SREM"
    }
  }
}

extension ByteQueue {
  /// A record of a command with one key.
  @inline(__always)
  private mutating func begin(_ command: StaticString, _ key: RawSpan) {
    append(command)
    append(byte: UInt8(ascii: " "))
    append(word: key)
  }

  @inline(__always)
  private mutating func next(_ word: RawSpan) {
    append(byte: UInt8(ascii: " "))
    append(word: word)
  }

  @inline(__always)
  private mutating func end() { append(byte: UInt8(ascii: "\n")) }

  /// `SET key value [PXAT milliseconds] [FLAGS number] [CAS number] [STALE] [VERSION number]`, the version in a body
  /// only.
  @inline(__always)
  mutating func recordSet(_ key: RawSpan, _ value: RawSpan, _ metadata: ItemMetadata, version: UInt64 = 0) {
    begin("SET", key)
    next(value)
    if metadata.expiry != 0 {
      append(" PXAT ")
      append(decimal: Int(metadata.expiry))
    }
    if metadata.flags != 0 {
      append(" FLAGS ")
      append(decimal: UInt64(metadata.flags))
    }
    if metadata.cas != 0 {
      append(" CAS ")
      append(decimal: metadata.cas)
    }
    if metadata.isStale { append(" STALE") }
    if version != 0 {
      append(" VERSION ")
      append(decimal: version)
    }
    end()
  }

  /// `MSET key value [key value ...]`, of pairs in a row.
  mutating func recordSetAll(_ pairs: borrowing Words) {
    append("MSET")
    for index in 0..<pairs.count { next(pairs[index]) }
    end()
  }

  /// `APPEND key value`
  mutating func recordAppend(_ key: RawSpan, _ value: RawSpan) {
    begin("APPEND", key)
    next(value)
    end()
  }

  /// `PREPEND key value`
  mutating func recordPrepend(_ key: RawSpan, _ value: RawSpan) {
    begin("PREPEND", key)
    next(value)
    end()
  }

  /// `SETRANGE key offset value`
  mutating func recordSetRange(_ key: RawSpan, _ offset: Int, _ value: RawSpan) {
    begin("SETRANGE", key)
    append(byte: UInt8(ascii: " "))
    append(decimal: offset)
    next(value)
    end()
  }

  /// `DEL key`
  mutating func recordDelete(_ key: RawSpan) {
    begin("DEL", key)
    end()
  }

  /// `DEL key [key ...]`
  mutating func recordDelete(_ keys: borrowing Words) {
    append("DEL")
    for index in 0..<keys.count { next(keys[index]) }
    end()
  }

  /// `PEXPIREAT key milliseconds`, or `PERSIST key` for 0.
  mutating func recordExpiry(_ key: RawSpan, _ milliseconds: Int64) {
    if milliseconds == 0 {
      begin("PERSIST", key)
    } else {
      begin("PEXPIREAT", key)
      append(byte: UInt8(ascii: " "))
      append(decimal: Int(milliseconds))
    }
    end()
  }

  /// `STALE key [PXAT milliseconds] [CAS number]`: an expiry of 0 is none, a nil one stays.
  mutating func recordStale(_ key: RawSpan, expiry: Int64?, cas: UInt64) {
    begin("STALE", key)
    if let expiry {
      append(" PXAT ")
      append(decimal: Int(expiry))
    }
    if cas != 0 {
      append(" CAS ")
      append(decimal: cas)
    }
    end()
  }

  /// `RENAME key newkey`
  mutating func recordRename(_ key: RawSpan, _ newKey: RawSpan) {
    begin("RENAME", key)
    next(newKey)
    end()
  }

  /// `COPY source destination DB number`
  mutating func recordCopy(_ source: RawSpan, _ destination: RawSpan, _ database: Int) {
    begin("COPY", source)
    next(destination)
    append(" DB ")
    append(decimal: database)
    end()
  }

  /// `MOVE key number`
  mutating func recordMove(_ key: RawSpan, _ database: Int) {
    begin("MOVE", key)
    append(byte: UInt8(ascii: " "))
    append(decimal: database)
    end()
  }

  /// `SWAPDB number number`
  mutating func recordSwap(_ first: Int, _ second: Int) {
    append("SWAPDB ")
    append(decimal: first)
    append(byte: UInt8(ascii: " "))
    append(decimal: second)
    end()
  }

  // MARK: Collections

  /// `SADD key member [member ...]`, `HSET key field value [field value ...]`, or for fields whose expiry is said
  /// `HSETEX key PXAT milliseconds | KEEPTTL FIELDS number field value [field value ...]`.
  mutating func recordMembers(
    _ kind: ItemKind, _ key: RawSpan, _ members: borrowing Words, _ expiry: FieldExpiry = .none
  ) {
    if expiry == .none {
      recordMembersStart(kind, key)
    } else {
      recordFieldsStart(key, expiry, members.count / 2)
    }
    for index in 0..<members.count { next(members[index]) }
    end()
  }

  /// The records of all members of a collection: those that don't expire first.
  mutating func recordMembers(_ collection: Item) {
    // A closure can't change what it is called on.
    var plain = ByteQueue()
    var expiring = ByteQueue()
    collection.members.forEach { member in
      if member.expires {
        expiring.recordExpiringField(collection.key, member)
      } else {
        plain.recordNextMember(member)
      }
    }
    if !plain.isEmpty {
      recordMembersStart(collection.kind, collection.key)
      append(plain.bytes)
      end()
    }
    append(expiring.bytes)
  }

  /// The beginning of `SADD key member [member ...]` or its kin: members follow, and a newline.
  mutating func recordMembersStart(_ kind: ItemKind, _ key: RawSpan) {
    begin(kind.recordOfMembers, key)
  }

  mutating func recordNextMember(_ member: Member) {
    if member.hasScore { next(member.score) }
    next(member.key)
    if member.hasValue { next(member.value) }
  }

  /// `HSETEX key PXAT milliseconds FIELDS 1 field value`
  mutating func recordExpiringField(_ key: RawSpan, _ member: Member) {
    recordFieldsStart(key, .at(member.expiry), 1)
    recordNextMember(member)
    end()
  }

  /// `HSETEX key PXAT milliseconds | KEEPTTL FIELDS number`
  private mutating func recordFieldsStart(_ key: RawSpan, _ expiry: FieldExpiry, _ count: Int) {
    begin("HSETEX", key)
    if case .at(let milliseconds) = expiry {
      append(" PXAT ")
      append(decimal: Int(milliseconds))
    } else {
      append(" KEEPTTL")
    }
    append(" FIELDS ")
    append(decimal: count)
  }

  /// `ZADD key score member [score member ...]`
  ///
  /// - Parameter words: as many members as scores, each the last of `step` words.
  mutating func recordScores(_ key: RawSpan, _ scores: [Double], _ words: borrowing Words, step: Int) {
    recordMembersStart(.sortedSet, key)
    for (index, score) in scores.enumerated() {
      next(score)
      next(words[index * step + step - 1])
    }
    end()
  }

  private mutating func next(_ score: Double) {
    append(byte: UInt8(ascii: " "))
    append(score: score)
  }

  /// `ZREMRANGEBYRANK key first last`
  mutating func recordRemoveRanks(_ key: RawSpan, _ ranks: Range<Int>) {
    begin("ZREMRANGEBYRANK", key)
    append(byte: UInt8(ascii: " "))
    append(decimal: ranks.lowerBound)
    append(byte: UInt8(ascii: " "))
    append(decimal: ranks.upperBound - 1)
    end()
  }

  /// `SREM key member [member ...]` or its kin: `HDEL`, `ZREM`.
  mutating func recordRemoveMembers(_ kind: ItemKind, _ key: RawSpan, _ members: borrowing Words) {
    begin(kind.recordOfRemoval, key)
    for index in 0..<members.count { next(members[index]) }
    end()
  }

  /// `HPEXPIREAT key milliseconds FIELDS number field [field ...]`, or for 0
  /// `HPERSIST key FIELDS number field [field ...]`.
  mutating func recordFieldExpiry(_ key: RawSpan, _ fields: borrowing Words, _ milliseconds: Int64) {
    if milliseconds == 0 {
      begin("HPERSIST", key)
    } else {
      begin("HPEXPIREAT", key)
      append(byte: UInt8(ascii: " "))
      append(decimal: Int(milliseconds))
    }
    append(" FIELDS ")
    append(decimal: fields.count)
    for index in 0..<fields.count { next(fields[index]) }
    end()
  }

  // MARK: Lists

  /// `RPUSH key element [element ...]` or `LPUSH ...`
  mutating func recordPush(_ key: RawSpan, _ words: borrowing Words, at end: ListEnd) {
    begin(end == .head ? "LPUSH" : "RPUSH", key)
    for index in 0..<words.count { next(words[index]) }
    self.end()
  }

  /// The beginning of `RPUSH key element [element ...]`: elements follow, and a newline.
  mutating func recordElementsStart(_ key: RawSpan) { begin("RPUSH", key) }

  mutating func recordNextElement(_ element: ListElement) {
    if let integer = element.integer {
      append(byte: UInt8(ascii: " "))
      append(decimal: integer)
    } else {
      next(element.text)
    }
  }

  /// `LPOP key count` or `RPOP key count`
  mutating func recordPop(_ key: RawSpan, _ count: Int, from end: ListEnd) {
    begin(end == .head ? "LPOP" : "RPOP", key)
    append(byte: UInt8(ascii: " "))
    append(decimal: count)
    self.end()
  }

  /// `LTRIM key start stop`, both from 0 on, the stop among what is kept.
  mutating func recordTrim(_ key: RawSpan, to kept: Range<Int>) {
    begin("LTRIM", key)
    append(byte: UInt8(ascii: " "))
    append(decimal: kept.lowerBound)
    append(byte: UInt8(ascii: " "))
    append(decimal: kept.upperBound - 1)
    end()
  }

  /// `LSET key index element`, the index from 0 on.
  mutating func recordSetElement(_ key: RawSpan, _ index: Int, _ word: RawSpan) {
    begin("LSET", key)
    append(byte: UInt8(ascii: " "))
    append(decimal: index)
    next(word)
    end()
  }

  /// `LINSERT key BEFORE|AFTER pivot element`
  mutating func recordInsertElement(_ key: RawSpan, isAfter: Bool, _ pivot: RawSpan, _ word: RawSpan) {
    begin("LINSERT", key)
    append(isAfter ? " AFTER" : " BEFORE")
    next(pivot)
    next(word)
    end()
  }

  /// `LREM key count element`: a count below zero counts from the tail, 0 is for all.
  mutating func recordRemoveElements(_ key: RawSpan, _ count: Int, _ word: RawSpan) {
    begin("LREM", key)
    append(byte: UInt8(ascii: " "))
    append(decimal: count)
    next(word)
    end()
  }

  /// `VERSION key number`, in a body only: the version of a key that has no `SET`.
  mutating func recordVersion(_ key: RawSpan, _ version: UInt64) {
    begin("VERSION", key)
    append(byte: UInt8(ascii: " "))
    append(decimal: version)
    end()
  }

  /// `FLUSHDB`
  mutating func recordFlush() { append("FLUSHDB\n") }

  /// `FLUSHALL`
  mutating func recordFlushAll() { append("FLUSHALL\n") }
}
