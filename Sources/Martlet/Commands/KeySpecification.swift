// Where the keys of a command stand in a request and what becomes of them, as Redis describes it
// (https://redis.io/docs/latest/develop/reference/key-specs/). The dispatcher has no need of this: it finds keys by their
// positions alone. Access control, COMMAND INFO and COMMAND GETKEYSANDFLAGS have.

/// Some of a command's keys, and what it does with them.
package struct KeySpecification: Sendable, Equatable {
  /// Where the keys, or what tells of them, begin.
  package enum Start: Sendable, Equatable {
    case position(Int)
    /// Behind a word, which is looked for from a position on.
    case keyword(String, from: Int)
    /// Only the command's own code knows.
    case unknown
  }

  /// Which of the words from there on are keys.
  package enum Extent: Sendable, Equatable {
    /// Every `step`th up to `last`, which counts from the start; if negative, from the request's end.
    case range(last: Int, step: Int)
    /// As many as the word at the start says, from the `first` behind it on.
    case counted(first: Int, step: Int)
    case unknown
  }

  /// Redis's words for what becomes of the keys: `RO access`.
  package let flags: [String]
  package let start: Start
  package let extent: Extent

  /// What has to be permitted.
  package var access: KeyAccess {
    var access: KeyAccess = []
    if flags.contains("access") { access.insert(.read) }
    if !Set(flags).isDisjoint(with: ["insert", "delete", "update"]) { access.insert(.write) }
    return access
  }

  /// Reads a line of the table: flags, `@` and a position or `WORD@` and a position, and what follows from there: nothing
  /// for that one word, `last/step`, `#first/step`. Lines are ours, so an ill-formed one is a bug.
  fileprivate init(_ text: String) {
    var flags: [String] = []
    var start = Start.unknown
    var extent = Extent.unknown
    for word in text.split(separator: " ").map(String.init) {
      let numbers = word.split(whereSeparator: { $0 == "#" || $0 == "/" }).compactMap { Int($0) }
      if let at = word.firstIndex(of: "@"), let position = Int(word[word.index(after: at)...]) {
        start =
          word.hasPrefix("@") ? .position(position) : .keyword(String(word[..<at]), from: position)
        extent = .range(last: 0, step: 1)
      } else if word.hasPrefix("#"), numbers.count == 2 {
        extent = .counted(first: numbers[0], step: numbers[1])
      } else if numbers.count == 2 {
        extent = .range(last: numbers[0], step: numbers[1])
      } else if word != "?" {
        flags.append(word)
      }
    }
    self.flags = flags
    self.start = start
    self.extent = extent
  }

  /// The keys that a declaration gives the positions of.
  fileprivate init(_ keys: CommandDeclaration.KeyPositions, _ flags: String) {
    self.flags = flags.split(separator: " ").map(String.init)
    if keys.first != 0 {
      start = .position(keys.first)
      extent = .range(last: keys.last < 0 ? keys.last : keys.last - keys.first, step: keys.step)
    } else {
      start = .position(keys.count)
      extent = .counted(first: 1, step: 1)
    }
  }

  /// The positions of these keys in a request; none if it can't have them.
  package func positions(_ words: borrowing Words) -> [Int] {
    guard let first = begin(words), first < words.count else { return [] }
    switch extent {
    case .range(let last, let step):
      let end = last < 0 ? words.count + last : first + last
      guard end < words.count else { return [] }
      return Array(stride(from: first, through: end, by: step))
    case .counted(let offset, let step):
      guard let count = words[first].decimal, count > 0, count <= words.count / step,
        first + offset + (count - 1) * step < words.count
      else { return [] }
      return (0..<count).map { first + offset + $0 * step }
    case .unknown: return []
    }
  }

  private func begin(_ words: borrowing Words) -> Int? {
    switch start {
    case .position(let position): return position
    case .keyword(let word, let from):
      let expected = Array(word.lowercased().utf8)
      for index in min(from, words.count)..<words.count where words[index].lowercased == expected {
        return index + 1
      }
      return nil
    case .unknown: return nil
    }
  }
}

extension CommandDeclaration {
  /// The specifications of a command's keys.
  package var keySpecifications: [KeySpecification] {
    if let texts = KeySpecification.exceptions[name] { return texts.map { KeySpecification($0) } }
    guard keys != .none else { return [] }
    let known = KeySpecification.uses[name]
    return [KeySpecification(keys, known ?? (flags.contains(.write) ? "RW access update" : "RO access"))]
  }
}

extension KeySpecification {
  /// What becomes of keys, where it isn't `RO access`; from Valkey 9.1.2's COMMAND.
  private static let lines: [(use: String, commands: String)] = [
    ("OW insert", "MSETNX SETNX"),
    ("OW update", "MSET PSETEX RESTORE SETEX"),
    ("RM delete", "DEL DELIFEQ UNLINK"),
    (
      "RO",
      """
      EXISTS HEXISTS HLEN HSTRLEN LLEN SCARD SISMEMBER STRLEN TOUCH TYPE WATCH ZCARD MEMORY_USAGE OBJECT_ENCODING \
      OBJECT_FREQ OBJECT_IDLETIME OBJECT_REFCOUNT
      """
    ),
    ("RW access", "PFCOUNT PFDEBUG"),
    (
      "RW access delete",
      "BLPOP BRPOP BZPOPMAX BZPOPMIN GETDEL HGETDEL LPOP RPOP SPOP ZPOPMAX ZPOPMIN"
    ),
    (
      "RW access update",
      "DECR DECRBY GETEX GETSET HGETEX HINCRBY HINCRBYFLOAT INCR INCRBY INCRBYFLOAT MOVE SETBIT ZINCRBY"
    ),
    ("RW access update variable_flags", "BITFIELD SET"),
    ("RW delete", "HDEL LREM LTRIM SREM ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE"),
    ("RW insert", "APPEND PREPEND HSETEX HSETNX LINSERT LPUSH LPUSHX PFADD RPUSH RPUSHX SADD"),
    (
      "RW update",
      """
      EXPIRE EXPIREAT GEOADD HEXPIRE HEXPIREAT HMSET HPERSIST HPEXPIRE HPEXPIREAT HSET LSET PERSIST PEXPIRE PEXPIREAT \
      SETRANGE ZADD
      """
    ),
  ]

  fileprivate static let uses: [String: String] = lines.reduce(into: [:]) { uses, line in
    for name in line.commands.split(separator: " ") {
      uses[String(name.map { $0 == "_" ? " " : $0 })] = line.use
    }
  }

  /// The commands whose keys are of several uses, or not where positions can say.
  fileprivate static let exceptions: [String: [String]] = [
    "BITOP": ["OW update @2", "RO access @3 -1/1"],
    "BLMOVE": ["RW access delete @1", "RW insert @2"],
    "BLMPOP": ["RW access delete @2 #1/1"],
    "BRPOPLPUSH": ["RW access delete @1", "RW insert @2"],
    "BZMPOP": ["RW access delete @2 #1/1"],
    "COPY": ["RO access @1", "OW update @2"],
    "GEORADIUS": [
      "RO access @1", "OW update variable_flags STORE@6", "OW update variable_flags STOREDIST@6",
    ],
    "GEORADIUSBYMEMBER": [
      "RO access @1", "OW update variable_flags STORE@5", "OW update variable_flags STOREDIST@5",
    ],
    "GEOSEARCHSTORE": ["OW update @1", "RO access @2"],
    "LMOVE": ["RW access delete @1", "RW insert @2"],
    "LMPOP": ["RW access delete @1 #1/1"],
    "MSETEX": ["OW update @1 #1/2"],
    "PFMERGE": ["RW access insert @1", "RO access @2 -1/1"],
    "RENAME": ["RW access delete @1", "OW update @2"],
    "RENAMENX": ["RW access delete @1", "OW insert @2"],
    "RPOPLPUSH": ["RW access delete @1", "RW insert @2"],
    "SDIFFSTORE": ["OW update @1", "RO access @2 -1/1"],
    "SINTERCARD": ["RO access @1 #1/1"],
    "SINTERSTORE": ["OW update @1", "RO access @2 -1/1"],
    "SMOVE": ["RW access delete @1", "RW insert @2"],
    "SORT": ["RO access @1", "RO access ?", "OW update ?"],
    "SORT_RO": ["RO access @1", "RO access ?"],
    "SUNIONSTORE": ["OW update @1", "RO access @2 -1/1"],
    "ZDIFF": ["RO access @1 #1/1"],
    "ZDIFFSTORE": ["OW update @1", "RO access @2 #1/1"],
    "ZINTER": ["RO access @1 #1/1"],
    "ZINTERCARD": ["RO access @1 #1/1"],
    "ZINTERSTORE": ["OW update @1", "RO access @2 #1/1"],
    "ZMPOP": ["RW access delete @1 #1/1"],
    "ZRANGESTORE": ["OW update @1", "RO access @2"],
    "ZUNION": ["RO access @1 #1/1"],
    "ZUNIONSTORE": ["OW update @1", "RO access @2 #1/1"],
    // The channels of these are where keys of others are, for the clients of a cluster.
    "SPUBLISH": ["not_key @1"],
    "SSUBSCRIBE": ["not_key @1 -1/1"],
    "SUNSUBSCRIBE": ["not_key @1 -1/1"],
  ]
}
