// Commands whose effects the model takes over from the store, where it foretells those of the others: nearly all other
// commands that change something, transactions, and clients that wait for data. What such a command should do other
// tests tell (the comparison with other servers above all). Here whatever it did has to be in the file.
internal import Martlet

extension Workload {
  /// One of them, or a few together.
  package mutating func followed(now: Int64) -> Operation {
    switch number(0...9) {
    case 0: .followed(transaction(now: now))
    case 1: servedWait()
    case 2: .restored(from: anyKey(), to: key(), at: chance(3) ? expiry(now) : nil)
    default: .followed([changing(now: now)])
    }
  }

  /// `MULTI` and what follows; some are abandoned, some fail because a watched key has changed.
  private mutating func transaction(now: Int64) -> [[[UInt8]]] {
    var requests: [[[UInt8]]] = []
    if chance(3) { requests.append([bytes("WATCH"), anyKey(), anyKey()]) }
    if chance(9) { requests.append(changing(now: now)) }
    requests.append([bytes("MULTI")])
    for _ in 0..<number(1...6) { requests.append(changing(now: now)) }
    requests.append([bytes(chance(9) ? "DISCARD" : "EXEC")])
    return requests
  }

  /// A client that waits for data, and others that may bring it.
  private mutating func servedWait() -> Operation {
    let key = chance(2) ? listKey() : sortedSetKey()
    let keys = chance(2) ? [key] : [anyKey(), key]
    let ends = [end().word, end().word]
    let waiting: [[UInt8]] =
      switch number(0...5) {
      case 0: [bytes("BLPOP")] + keys + [bytes("0")]
      case 1: [bytes("BRPOP")] + keys + [bytes("0")]
      case 2: [bytes("BLMOVE"), key, anyKey()] + ends + [bytes("0")]
      case 3:
        [bytes("BLMPOP"), bytes("0"), bytes("\(keys.count)")] + keys + [ends[0]]
          + [bytes("COUNT"), bytes("\(number(1...3))")]
      case 4: [bytes(chance(2) ? "BZPOPMIN" : "BZPOPMAX")] + keys + [bytes("0")]
      default:
        [bytes("BZMPOP"), bytes("0"), bytes("\(keys.count)")] + keys + [bytes(chance(2) ? "MIN" : "MAX")]
          + [bytes("COUNT"), bytes("\(number(1...3))")]
      }
    let elements = (0..<number(1...3)).map { _ in element() }
    let bringing: [[UInt8]] =
      switch number(0...5) {
      case 0, 1: [bytes(chance(2) ? "RPUSH" : "LPUSH"), key] + elements
      case 2, 3: [bytes("ZADD"), key] + elements.flatMap { [bytes("\(number(-5...5))"), $0] }
      case 4: [bytes("RENAME"), anyKey(), key]
      default: [bytes("COPY"), anyKey(), key, bytes("REPLACE")]
      }
    return .followed(
      chance(3)
        ? [[bytes("MULTI")], bringing, [bytes("DEL"), anyKey()], bringing, [bytes("EXEC")]]
        : [bringing, bringing],
      waiting: [[bytes("SELECT"), bytes("\(selected)")], waiting])
  }

  /// A key that is likely to be there, of any type.
  private mutating func anyKey() -> [UInt8] {
    switch number(0...5) {
    case 0: setKey()
    case 1: hashKey()
    case 2: sortedSetKey()
    case 3: listKey()
    case 4: bytes("log\(number(0...1))")
    default: key()
    }
  }

  private mutating func oneOf(_ names: String...) -> [UInt8] {
    bytes(names.randomElement(using: &random) ?? "")
  }

  /// A few keys, with their count before them.
  private mutating func counted(_ keys: [[UInt8]]) -> [[UInt8]] { [bytes("\(keys.count)")] + keys }

  private mutating func someSortedSets() -> [[UInt8]] {
    (0..<number(1...3)).map { _ in chance(4) ? setKey() : aSortedSetKey() }
  }

  /// A command that changes something, if there is what it needs.
  private mutating func changing(now: Int64) -> [[UInt8]] {
    switch number(0...5) {
    case 0: changingStrings(now: now)
    case 1: changingLists()
    case 2: changingSets()
    case 3: changingHashes(now: now)
    case 4: changingSortedSets()
    default: changingKeys(now: now)
    }
  }

  private mutating func changingStrings(now: Int64) -> [[UInt8]] {
    let time = bytes("\(expiry(now))")
    return switch number(0...13) {
    case 0: [bytes("BITOP"), oneOf("AND", "OR", "XOR"), key(), key(), key()]
    case 1: [bytes("BITOP"), bytes("NOT"), key(), key()]
    case 2:
      [bytes("BITFIELD"), key()]
        + ["OVERFLOW", ["SAT", "WRAP", "FAIL"][number(0...2)], "INCRBY", "i5", "\(number(0...99))", "9"].map(
          bytes)
        + ["SET", "u4", "#\(number(0...99))", "\(number(0...15))"].map(bytes)
    case 3: [bytes("INCRBYFLOAT"), key(), bytes("\(Double(number(-9...9)) / 4)")]
    case 4: [bytes("GETDEL"), key()]
    case 5: [bytes("GETEX"), key()] + (chance(2) ? [bytes("PERSIST")] : [bytes("PXAT"), time])
    case 6: [bytes("GETSET"), key(), value()]
    case 7: [bytes("SETNX"), key(), value()]
    case 8: [bytes("MSETNX")] + (0..<number(1...3)).flatMap { _ in [key(), value()] }
    case 9: [bytes("SET"), key(), value(), bytes("IFEQ"), value()]
    case 10: [bytes("DECRBY"), key(), bytes("\(number(-9...9))")]
    case 11: [bytes("PFADD"), bytes("log\(number(0...1))")] + (0..<number(0...5)).map { _ in element() }
    case 12: [bytes("PFMERGE"), bytes("log\(number(0...1))")] + (0..<number(0...2)).map { _ in anyKey() }
    default: [bytes("PFCOUNT"), bytes("log0"), bytes("log1")]
    }
  }

  private mutating func changingLists() -> [[UInt8]] {
    switch number(0...4) {
    case 0:
      [bytes("LMPOP")] + counted([aListKey(), aListKey()]) + [
        end().word, bytes("COUNT"), bytes("\(number(1...3))"),
      ]
    case 1: [bytes("RPOPLPUSH"), aListKey(), aListKey()]
    case 2: [oneOf("LPUSHX", "RPUSHX"), aListKey(), element(), element()]
    case 3:
      [
        bytes("SORT"), anyKey(), bytes("ALPHA"), bytes("LIMIT"), bytes("\(number(0...3))"),
        bytes("\(number(1...9))"),
      ]
        + [bytes("STORE"), anyKey()]
    default:
      [bytes("SORT"), aListKey(), bytes("BY"), oneOf("key *", "hash*->f1", "nosort")]
        + [bytes("GET"), bytes("#"), bytes("GET"), oneOf("key *", "hash*->f2"), bytes("STORE"), anyKey()]
    }
  }

  private mutating func changingSets() -> [[UInt8]] {
    switch number(0...3) {
    case 0: [bytes("SPOP"), aSetKey()] + (chance(2) ? [] : [bytes("\(number(0...20))")])
    case 1: [oneOf("SINTERSTORE", "SDIFFSTORE"), aSetKey(), aSetKey(), aSetKey()]
    case 2: [bytes("SUNIONSTORE"), anyKey(), aSetKey(), aSetKey()]
    default: [bytes("SADD"), aSetKey()] + (0..<number(1...9)).map { _ in bytes("\(number(-99...99))") }
    }
  }

  private mutating func changingHashes(now: Int64) -> [[UInt8]] {
    let fields = [bytes("FIELDS")] + counted((0..<number(1...3)).map { _ in field() })
    let time = bytes("\(expiry(now))")
    return switch number(0...5) {
    case 0:
      [bytes("HGETEX"), aHashKey()] + (chance(2) ? [bytes("PERSIST")] : [bytes("PXAT"), time]) + fields
    case 1: [bytes("HGETDEL"), aHashKey()] + fields
    case 2: [bytes("HINCRBYFLOAT"), aHashKey(), field(), bytes("\(Double(number(-9...9)) / 4)")]
    case 3: [bytes("HSETNX"), aHashKey(), field(), value()]
    case 4:
      [bytes("HSETEX"), aHashKey(), oneOf("FNX", "FXX"), bytes("PXAT"), time]
        + [bytes("FIELDS"), bytes("1"), field(), value()]
    default: [bytes("HPEXPIREAT"), aHashKey(), time, oneOf("NX", "XX", "GT", "LT")] + fields
    }
  }

  private mutating func changingSortedSets() -> [[UInt8]] {
    let (low, high) = (bytes("\(number(-9...0))"), bytes("\(number(0...9))"))
    return switch number(0...10) {
    case 0: [bytes("ZRANGESTORE"), anyKey(), aSortedSetKey(), bytes("0"), bytes("\(number(-1...5))")]
    case 1:
      [bytes("ZRANGESTORE"), aSortedSetKey(), aSortedSetKey(), high, low, bytes("BYSCORE"), bytes("REV")]
    case 2:
      [oneOf("ZINTERSTORE", "ZDIFFSTORE"), aSortedSetKey()] + counted([aSortedSetKey(), aSortedSetKey()])
    case 3:
      [bytes("ZUNIONSTORE"), anyKey()] + counted([aSortedSetKey(), aSetKey()])
        + [bytes("WEIGHTS"), high, high, bytes("AGGREGATE"), oneOf("MIN", "MAX", "SUM")]
    case 4:
      [bytes("ZMPOP")] + counted(someSortedSets())
        + [oneOf("MIN", "MAX"), bytes("COUNT"), bytes("\(number(1...9))")]
    case 5: [bytes("ZREMRANGEBYSCORE"), aSortedSetKey(), low, high]
    case 6: [bytes("ZREMRANGEBYLEX"), aSortedSetKey(), bytes("[f3"), bytes("(m4")]
    case 7: [bytes("ZADD"), aSortedSetKey(), oneOf("GT", "LT", "XX", "NX"), bytes("CH"), high, field()]
    case 8: [bytes("ZADD"), aSortedSetKey(), bytes("INCR"), high, field()]
    case 9:
      [bytes("GEOADD"), sortedSetKey()]
        + (0..<number(1...3)).flatMap { _ in
          [bytes("\(number(-179...179))"), bytes("\(number(-85...85))"), field()]
        }
    default:
      [bytes("GEOSEARCHSTORE"), aSortedSetKey(), sortedSetKey(), bytes("FROMLONLAT"), bytes("0"), bytes("0")]
        + [bytes("BYRADIUS"), bytes("\(number(1...20_000))"), bytes("km")]
        + (chance(2) ? [bytes("STOREDIST")] : [])
    }
  }

  private mutating func changingKeys(now: Int64) -> [[UInt8]] {
    switch number(0...6) {
    case 0: [bytes("RENAMENX"), anyKey(), anyKey()]
    case 1: [bytes("COPY"), anyKey(), anyKey(), bytes("REPLACE")]
    case 2: [bytes("UNLINK"), anyKey(), anyKey()]
    case 3: [bytes("PEXPIREAT"), anyKey(), bytes("1")]
    case 4: [bytes("PEXPIREAT"), anyKey(), bytes("\(expiry(now))"), oneOf("NX", "XX", "GT", "LT")]
    case 5: [bytes("PERSIST"), anyKey()]
    default: [bytes("TOUCH"), anyKey()]
    }
  }
}

extension TestServer {
  /// Does a command of the workload; the replies and their marks are in `execution.reply`.
  package mutating func run(_ operation: Operation) {
    switch operation {
    case .followed(let requests, let waiting):
      if waiting.isEmpty { send(redis: requests) } else { send(redis: requests, toOneWhoWaitsWith: waiting) }
    case .restored(let key, let newKey, let expiry):
      let dumped = redis([bytes("DUMP"), key])
      guard let start = dumped.firstIndex(of: UInt8(ascii: "\n")), start + 1 < dumped.count else { return }
      send(
        redis: [bytes("RESTORE"), newKey, bytes("\(expiry ?? 0)"), Array(dumped[(start + 1)...].dropLast(2))]
          + [bytes("REPLACE"), bytes("ABSTTL")])
    default:
      if let words = operation.redisWords {
        send(redis: words)
      } else {
        send(memcached: operation.memcachedInput)
      }
    }
  }
}
