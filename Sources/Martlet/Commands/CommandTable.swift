// Finds a command by its name, in any case, without an allocation.

/// Which command it is. `Execution.run` has a case for each; the declarations give each its name.
package enum CommandID: UInt16, CaseIterable {
  // connection
  case auth, client, echo, hello, ping, quit, reset, select, wait, waitaof
  // transactions
  case discard, exec, multi, unwatch, watch
  // pubsub
  case psubscribe, publish, pubsub, punsubscribe, spublish, ssubscribe, subscribe, sunsubscribe, unsubscribe
  // server
  case acl, bgrewriteaof, bgsave, command, config, database, dbsize, flushall, flushdb, info, lastsave
  case monitor, save, shutdown, swapdb, time
  case debug, latency, memory, role, slowlog
  // generic
  case copy, del, dump, exists, expire, expireat, expiretime, keys, move, object, persist, pexpire, pexpireat
  case pexpiretime, pttl
  case randomkey, rename, renamenx, restore, scan, sort, sortro, touch, ttl, type, unlink
  // string
  case append, decr, decrby, delifeq, get, getdel, getex, getrange, getset, incr, incrby, incrbyfloat, lcs,
    mget
  case mset, msetex, msetnx, prepend
  case psetex, set, setex, setnx, setrange, strlen, substr
  // hash
  case hdel, hexists, hexpire, hexpireat, hexpiretime, hget, hgetall, hgetdel, hgetex, hincrby, hincrbyfloat
  case hkeys, hlen, hmget, hmset, hpersist, hpexpire, hpexpireat, hpexpiretime, hpttl, hrandfield, hscan, hset
  case hsetex, hsetnx, hstrlen, httl, hvals
  // list
  case blmove, blmpop, blpop, brpop, brpoplpush, bzmpop, bzpopmax, bzpopmin
  case lindex, linsert, llen, lmove, lmpop, lpop, lpos, lpush, lpushx, lrange, lrem, lset, ltrim, rpop
  case rpoplpush, rpush, rpushx
  // set
  case sadd, scard, sdiff, sdiffstore, sinter, sintercard, sinterstore, sismember, smembers, smismember,
    smove, spop
  case srandmember, srem, sscan, sunion, sunionstore
  // bitmap
  case bitcount, bitfield, bitfieldro, bitop, bitpos, getbit, setbit
  // hyperloglog
  case pfadd, pfcount, pfmerge
  // geo
  case geoadd, geodist, geohash, geopos, georadius, georadiusbymember, georadiusbymemberro, georadiusro
  case geosearch, geosearchstore
  // sorted set
  case zadd, zcard, zcount, zdiff, zdiffstore, zincrby, zinter, zintercard, zinterstore, zlexcount, zmpop
  case zmscore, zpopmax, zpopmin, zrandmember, zrange, zrangebylex, zrangebyscore, zrangestore, zrank, zrem
  case zremrangebylex, zremrangebyrank, zremrangebyscore, zrevrange, zrevrangebylex, zrevrangebyscore
  case zrevrank, zscan, zscore, zunion, zunionstore
}

/// What the dispatcher needs of a declaration.
struct CommandEntry {
  let id: CommandID
  let arity: Int
  let flags: CommandDeclaration.Flags
  let keys: CommandDeclaration.KeyPositions
  /// The place of the declaration in `CommandDeclaration.all`.
  let index: Int
  /// A call is timed if none of these bits is set in the count of calls.
  let timingMask: UInt64

  /// The positions of the keys in a request.
  func keyPositions(_ words: borrowing Words) -> KeySequence {
    var positions = KeySequence()
    if keys.first != 0 {
      positions.position = keys.first
      positions.last = keys.last < 0 ? words.count + keys.last : min(keys.last, words.count - 1)
      positions.step = keys.step
    }
    if let counted = countedKeys(words) { positions.counted = counted.makeIterator() }
    if keys.isStored { positions.stored = words.storedKey(from: -arity) }
    return positions
  }

  /// Whether a request reads or changes keys in any shard.
  func holdsAllShards(_ words: borrowing Words) -> Bool {
    flags.contains(.allShards) || flags.contains(.patternKeys) && words.haveKeyPatterns
  }

  /// The positions of the keys that an argument counts; nil if it isn't a number that the request can have. Then the
  /// command has no such keys, and refuses the request.
  private func countedKeys(_ words: borrowing Words) -> StrideTo<Int>? {
    guard keys.areCounted, keys.count < words.count, let count = words[keys.count].decimal else { return nil }
    let first = keys.count + 1
    let step = keys.countedStep
    guard count > 0 && count <= (words.count - first) / step else { return nil }
    return stride(from: first, to: first + count * step, by: step)
  }
}

extension Words {
  /// The position of the key that an option `STORE` or `STOREDIST` names; of several the last one counts.
  ///
  /// - Parameter start: the position of the first option.
  func storedKey(from start: Int) -> Int? {
    var stored: Int?
    var index = start
    while index + 1 < count {
      let word = self[index]
      if word.equalsIgnoringCase("store") || word.equalsIgnoringCase("storedist") {
        stored = index + 1
        index += 2
      } else if word.equalsIgnoringCase("by") || word.equalsIgnoringCase("get")
        || word.equalsIgnoringCase("count")
      {
        index += 2
      } else {
        index += word.equalsIgnoringCase("limit") ? 3 : 1
      }
    }
    return stored
  }
}

/// The positions of the keys in a request, one after the other.
struct KeySequence: Sequence, IteratorProtocol {
  fileprivate var position = 1
  fileprivate var last = 0
  fileprivate var step = 1
  fileprivate var counted = stride(from: 0, to: 0, by: 1).makeIterator()
  fileprivate var stored: Int?

  mutating func next() -> Int? {
    if position <= last {
      defer { position += step }
      return position
    }
    if let next = counted.next() { return next }
    defer { stored = nil }
    return stored
  }
}

/// The commands by name: an open-addressed table that is built once and never changes.
struct CommandTable: Sendable {
  private struct Slot {
    /// The name in capitals, in 16 bytes.
    var name: SIMD2<UInt64>
    var entry: CommandEntry
  }

  static let shared = CommandTable()

  private let slots: PinnedArray<Slot?>
  /// Those whose names don't fit into a slot.
  private let longNames: [(name: [UInt8], entry: CommandEntry)]
  private static let capacity = 1024

  private init() {
    var slots = [Slot?](repeating: nil, count: Self.capacity)
    var longNames: [(name: [UInt8], entry: CommandEntry)] = []
    for (index, declaration) in CommandDeclaration.all.enumerated() where !declaration.isSubcommand {
      guard let id = CommandID(named: declaration.name) else {
        preconditionFailure("\(declaration.name) is declared and has no code")
      }
      var flags = declaration.flags
      let keys = declaration.keysOfAll
      // Not every subcommand has them.
      if keys != declaration.keys { flags.insert(.movableKeys) }
      let entry = CommandEntry(
        id: id, arity: declaration.arity, flags: flags, keys: keys, index: index,
        timingMask: declaration.isQuick ? TimingRules.sampling - 1 : 0)
      guard let name = Self.pack(declaration.name.utf8.span.raw) else {
        longNames.append((Array(declaration.name.utf8), entry))
        continue
      }
      var place = Self.place(name)
      while slots[place] != nil { place = (place + 1) % Self.capacity }
      slots[place] = Slot(name: name, entry: entry)
    }
    self.slots = PinnedArray(slots)
    self.longNames = longNames
  }

  /// The command with this name; nil when there is none.
  @inline(__always)
  func find(_ name: RawSpan) -> CommandEntry? {
    guard let packed = Self.pack(name) else { return findLong(name) }
    var place = Self.place(packed)
    while let slot = slots[place] {
      if slot.name == packed { return slot.entry }
      place = (place + 1) % Self.capacity
    }
    return nil
  }

  @inline(never)
  private func findLong(_ name: RawSpan) -> CommandEntry? {
    longNames.first { long in
      guard long.name.count == name.byteCount else { return false }
      return long.name.indices.allSatisfy { index in
        let byte = name.byte(index)
        let isLetter = byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")
        return long.name[index] == (isLetter ? byte & ~0x20 : byte)
      }
    }?.entry
  }

  /// Up to 16 bytes in capitals; nil for longer names.
  @inline(__always)
  private static func pack(_ name: RawSpan) -> SIMD2<UInt64>? {
    let count = name.byteCount
    guard count <= 16 && count > 0 else { return nil }
    // Parts that overlap put the same bytes in the same places.
    if count > 8 {
      return SIMD2(
        capitals(name.word(UInt64.self, at: 0)),
        capitals(name.word(UInt64.self, at: count - 8) >> UInt64((16 - count) * 8)))
    }
    let word: UInt64
    if count == 8 {
      word = name.word(UInt64.self, at: 0)
    } else if count >= 4 {
      word =
        name.word(UInt32.self, at: 0) | name.word(UInt32.self, at: count - 4) << UInt64((count - 4) * 8)
    } else {
      word =
        name.word(UInt8.self, at: 0) | name.word(UInt8.self, at: count / 2) << UInt64(count / 2 * 8)
        | name.word(UInt8.self, at: count - 1) << UInt64((count - 1) * 8)
    }
    return SIMD2(capitals(word), 0)
  }

  /// Eight characters with the letters of ASCII in capitals.
  @inline(__always)
  private static func capitals(_ word: UInt64) -> UInt64 {
    let lows: UInt64 = 0x7f7f_7f7f_7f7f_7f7f
    // The top bit of each byte says: at least `a`, more than `z`. No carry leaves a byte.
    let low = word & lows
    let fromA = low &+ 0x1f1f_1f1f_1f1f_1f1f
    let beyondZ = low &+ 0x0505_0505_0505_0505
    let areLetters = (fromA ^ beyondZ) & ~word & ~lows
    return word ^ areLetters >> 2
  }

  @inline(__always)
  private static func place(_ name: SIMD2<UInt64>) -> Int {
    let mixed = (name[0] ^ name[1] &* 0x9e37_79b9_7f4a_7c15) &* 0xff51_afd7_ed55_8ccd
    return Int(truncatingIfNeeded: mixed >> 54)
  }
}

extension CommandID {
  fileprivate init?(named name: String) {
    let lowercased = name.lowercased().filter { $0 != "_" }
    guard let id = Self.allCases.first(where: { "\($0)" == lowercased }) else { return nil }
    self = id
  }
}

extension CommandDeclaration {
  /// Where the keys of a request are: its own, or of a command with subcommands those that any of them has. These have
  /// one key, at the same place, or none.
  fileprivate var keysOfAll: KeyPositions {
    if keys.areChannels { return .none }
    return subcommands.lazy.map(\.keys).first { $0 != .none } ?? keys
  }
}
