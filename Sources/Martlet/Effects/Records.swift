// The records of the database file: one function for each effect, which writes it as a person would type it.
// `Replay` reads what is written here; docs/FORMAT.md lists it.

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

  /// `SADD key member [member ...]`
  mutating func recordAddMembers(_ key: RawSpan, _ members: borrowing Words) {
    begin("SADD", key)
    for index in 0..<members.count { next(members[index]) }
    end()
  }

  /// `SADD key member [member ...]`, of a whole set.
  mutating func recordMembers(_ set: Item) {
    recordMembersStart(set.key)
    // A closure can't change what it is called on.
    var members = ByteQueue()
    set.members.forEach { members.next($0.key) }
    append(members.bytes)
    end()
  }

  /// The beginning of `SADD key member [member ...]`: members follow, and a newline.
  mutating func recordMembersStart(_ key: RawSpan) { begin("SADD", key) }

  mutating func recordNextMember(_ member: RawSpan) { next(member) }

  /// `VERSION key number`, in a body only: the version of a key that has no `SET`.
  mutating func recordVersion(_ key: RawSpan, _ version: UInt64) {
    begin("VERSION", key)
    append(byte: UInt8(ascii: " "))
    append(decimal: version)
    end()
  }

  /// `SREM key member [member ...]`
  mutating func recordRemoveMembers(_ key: RawSpan, _ members: borrowing Words) {
    begin("SREM", key)
    for index in 0..<members.count { next(members[index]) }
    end()
  }

  /// `FLUSHDB`
  mutating func recordFlush() { append("FLUSHDB\n") }

  /// `FLUSHALL`
  mutating func recordFlushAll() { append("FLUSHALL\n") }
}
