// Finds a command by its name, in any case, without an allocation.

/// Which command it is. `Execution.run` has a case for each; the declarations give each its name.
package enum CommandID: UInt16, CaseIterable {
  // connection
  case auth, client, echo, hello, ping, quit, reset, select, wait, waitaof
  // transactions
  case discard, exec, multi, unwatch, watch
  // server
  case acl, bgrewriteaof, bgsave, command, config, database, dbsize, flushall, flushdb, info, lastsave
  case save, time
  // generic
  case copy, del, exists, expire, expireat, expiretime, keys, persist, pexpire, pexpireat, pexpiretime, pttl
  case randomkey, rename, renamenx, scan, touch, ttl, type, unlink
  // string
  case append, decr, decrby, get, getdel, getex, getrange, getset, incr, incrby, mget, mset, msetnx, prepend
  case psetex, set, setex, setnx, setrange, strlen, substr
  // hash
  case hdel, hexists, hexpire, hexpireat, hexpiretime, hget, hgetall, hgetdel, hgetex, hincrby, hincrbyfloat
  case hkeys, hlen, hmget, hmset, hpersist, hpexpire, hpexpireat, hpexpiretime, hpttl, hrandfield, hscan, hset
  case hsetex, hsetnx, hstrlen, httl, hvals
  // set
  case sadd, scard, sismember, smembers, smismember, spop, srandmember, srem, sscan
}

/// What the dispatcher needs of a declaration.
struct CommandEntry {
  let id: CommandID
  let arity: Int
  let flags: CommandDeclaration.Flags
  let keys: CommandDeclaration.KeyPositions
  /// The place of the declaration in `CommandDeclaration.all`.
  let index: Int

  /// The positions of the keys in a request of so many words.
  func keyPositions(_ wordCount: Int) -> StrideThrough<Int> {
    if keys.first == 0 { return stride(from: 1, through: 0, by: 1) }
    return stride(from: keys.first, through: keys.last < 0 ? wordCount + keys.last : keys.last, by: keys.step)
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
  private static let capacity = 1024

  private init() {
    var slots = [Slot?](repeating: nil, count: Self.capacity)
    for (index, declaration) in CommandDeclaration.all.enumerated() where !declaration.isSubcommand {
      guard let id = CommandID(named: declaration.name), let name = Self.pack(declaration.name.utf8.span.raw)
      else {
        preconditionFailure("\(declaration.name) is declared and has no code")
      }
      var place = Self.place(name)
      while slots[place] != nil { place = (place + 1) % Self.capacity }
      slots[place] = Slot(
        name: name,
        entry: CommandEntry(
          id: id, arity: declaration.arity, flags: declaration.flags, keys: declaration.keys, index: index))
    }
    self.slots = PinnedArray(slots)
  }

  /// The command with this name; nil when there is none.
  @inline(__always)
  func find(_ name: RawSpan) -> CommandEntry? {
    guard let packed = Self.pack(name) else { return nil }
    var place = Self.place(packed)
    while let slot = slots[place] {
      if slot.name == packed { return slot.entry }
      place = (place + 1) % Self.capacity
    }
    return nil
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
    let lowercased = name.lowercased()
    guard let id = Self.allCases.first(where: { "\($0)" == lowercased }) else { return nil }
    self = id
  }
}

extension CommandDeclaration {
  /// Every command of the Redis protocol that there is, subcommands behind their command.
  public static let all: [CommandDeclaration] =
    accessCommands + connectionCommands + waitCommands + transactionCommands + serverCommands
    + checkpointCommands + genericCommands + stringCommands + hashCommands + fieldExpiryCommands + setCommands

  /// The name as Redis shows it: `get`, `client|info`.
  var shownName: String { String(name.lowercased().map { $0 == " " ? "|" : $0 }) }

  /// Whether this is a subcommand like `CLIENT GETNAME`.
  public var isSubcommand: Bool { name.utf8.contains(UInt8(ascii: " ")) }
}
