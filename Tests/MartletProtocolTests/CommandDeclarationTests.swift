// The declarations of the commands: against Redis's own, against the code, and against their syntax lines.
import Martlet
import Testing

@Suite("The declarations of the commands")
struct CommandDeclarationTests {
  /// What `COMMAND INFO` of Redis 7.0.15 says: arity, those of the flags that there are here, and the keys' positions.
  private static let redis: [(name: String, arity: Int, flags: String, first: Int, last: Int, step: Int)] = [
    ("ACL", -2, "", 0, 0, 0),
    ("ACL CAT", -2, "", 0, 0, 0),
    ("ACL DELUSER", -3, "admin", 0, 0, 0),
    ("ACL DRYRUN", -4, "admin", 0, 0, 0),
    ("ACL GENPASS", -2, "", 0, 0, 0),
    ("ACL GETUSER", 3, "admin", 0, 0, 0),
    ("ACL HELP", 2, "", 0, 0, 0),
    ("ACL LIST", 2, "admin", 0, 0, 0),
    ("ACL LOAD", 2, "admin", 0, 0, 0),
    ("ACL LOG", -2, "admin", 0, 0, 0),
    ("ACL SAVE", 2, "admin", 0, 0, 0),
    ("ACL SETUSER", -3, "admin", 0, 0, 0),
    ("ACL USERS", 2, "admin", 0, 0, 0),
    ("CLIENT HELP", 2, "", 0, 0, 0),
    ("COMMAND GETKEYSANDFLAGS", -4, "", 0, 0, 0),
    ("COMMAND HELP", 2, "", 0, 0, 0),
    ("CONFIG HELP", 2, "", 0, 0, 0),
    ("CONFIG RESETSTAT", 2, "admin", 0, 0, 0),
    ("CONFIG REWRITE", 2, "admin", 0, 0, 0),
    ("DEBUG", -2, "admin", 0, 0, 0),
    ("LATENCY", -2, "", 0, 0, 0),
    ("LATENCY DOCTOR", 2, "admin", 0, 0, 0),
    ("LATENCY GRAPH", 3, "admin", 0, 0, 0),
    ("LATENCY HELP", 2, "", 0, 0, 0),
    ("LATENCY HISTOGRAM", -2, "admin", 0, 0, 0),
    ("LATENCY HISTORY", 3, "admin", 0, 0, 0),
    ("LATENCY LATEST", 2, "admin", 0, 0, 0),
    ("LATENCY RESET", -2, "admin", 0, 0, 0),
    ("MEMORY", -2, "", 0, 0, 0),
    ("MEMORY DOCTOR", 2, "", 0, 0, 0),
    ("MEMORY HELP", 2, "", 0, 0, 0),
    ("MEMORY MALLOC-STATS", 2, "", 0, 0, 0),
    ("MEMORY PURGE", 2, "", 0, 0, 0),
    ("MEMORY STATS", 2, "", 0, 0, 0),
    ("MEMORY USAGE", -3, "readonly", 2, 2, 1),
    ("ROLE", 1, "fast", 0, 0, 0),
    ("SLOWLOG", -2, "", 0, 0, 0),
    ("SLOWLOG GET", -2, "admin", 0, 0, 0),
    ("SLOWLOG HELP", 2, "", 0, 0, 0),
    ("SLOWLOG LEN", 2, "admin", 0, 0, 0),
    ("SLOWLOG RESET", 2, "admin", 0, 0, 0),
    ("ACL WHOAMI", 2, "", 0, 0, 0),
    ("APPEND", 3, "denyoom fast write", 1, 1, 1),
    ("AUTH", -2, "fast no_auth", 0, 0, 0),
    ("BITCOUNT", -2, "readonly", 1, 1, 1),
    ("BITFIELD", -2, "denyoom write", 1, 1, 1),
    ("BITFIELD_RO", -2, "fast readonly", 1, 1, 1),
    ("BITOP", -4, "denyoom write", 2, -1, 1),
    ("BITPOS", -3, "readonly", 1, 1, 1),
    ("CLIENT", -2, "", 0, 0, 0),
    ("CLIENT CACHING", 3, "", 0, 0, 0),
    ("CLIENT GETNAME", 2, "", 0, 0, 0),
    ("CLIENT GETREDIR", 2, "", 0, 0, 0),
    ("CLIENT TRACKING", -3, "", 0, 0, 0),
    ("CLIENT TRACKINGINFO", 2, "", 0, 0, 0),
    ("CLIENT UNPAUSE", 2, "admin", 0, 0, 0),
    ("MONITOR", 1, "admin", 0, 0, 0),
    ("CLIENT HELP", 2, "", 0, 0, 0),
    ("CLIENT ID", 2, "", 0, 0, 0),
    ("CLIENT INFO", 2, "", 0, 0, 0),
    ("CLIENT KILL", -3, "admin", 0, 0, 0),
    ("CLIENT LIST", -2, "admin", 0, 0, 0),
    ("CLIENT NO-EVICT", 3, "admin", 0, 0, 0),
    ("CLIENT PAUSE", -3, "admin", 0, 0, 0),
    ("CLIENT REPLY", 3, "no_multi", 0, 0, 0),
    ("CLIENT SETNAME", 3, "", 0, 0, 0),
    ("CLIENT UNBLOCK", -3, "admin", 0, 0, 0),
    ("COMMAND", -1, "", 0, 0, 0),
    ("COMMAND COUNT", 2, "", 0, 0, 0),
    ("COMMAND DOCS", -2, "", 0, 0, 0),
    ("COMMAND GETKEYS", -4, "", 0, 0, 0),
    ("COMMAND INFO", -2, "", 0, 0, 0),
    ("COMMAND LIST", -2, "", 0, 0, 0),
    ("CONFIG", -2, "", 0, 0, 0),
    ("CONFIG GET", -3, "admin", 0, 0, 0),
    ("CONFIG SET", -4, "admin", 0, 0, 0),
    ("COPY", -3, "denyoom write", 1, 2, 1),
    ("DBSIZE", 1, "fast readonly", 0, 0, 0),
    ("DECR", 2, "denyoom fast write", 1, 1, 1),
    ("DECRBY", 3, "denyoom fast write", 1, 1, 1),
    ("DEL", -2, "write", 1, -1, 1),
    ("DUMP", 2, "readonly", 1, 1, 1),
    ("ECHO", 2, "fast", 0, 0, 0),
    ("EXISTS", -2, "fast readonly", 1, -1, 1),
    ("EXPIRE", -3, "fast write", 1, 1, 1),
    ("EXPIREAT", -3, "fast write", 1, 1, 1),
    ("EXPIRETIME", 2, "fast readonly", 1, 1, 1),
    ("FLUSHALL", -1, "write", 0, 0, 0),
    ("FLUSHDB", -1, "write", 0, 0, 0),
    ("GET", 2, "fast readonly", 1, 1, 1),
    ("GETBIT", 3, "fast readonly", 1, 1, 1),
    ("GETDEL", 2, "fast write", 1, 1, 1),
    ("GETEX", -2, "fast write", 1, 1, 1),
    ("GETRANGE", 4, "readonly", 1, 1, 1),
    ("GETSET", 3, "denyoom fast write", 1, 1, 1),
    ("HDEL", -3, "fast write", 1, 1, 1),
    ("HELLO", -1, "fast no_auth", 0, 0, 0),
    ("HEXISTS", 3, "fast readonly", 1, 1, 1),
    ("HGET", 3, "fast readonly", 1, 1, 1),
    ("HGETALL", 2, "readonly", 1, 1, 1),
    ("HINCRBY", 4, "denyoom fast write", 1, 1, 1),
    ("HINCRBYFLOAT", 4, "denyoom fast write", 1, 1, 1),
    ("HKEYS", 2, "readonly", 1, 1, 1),
    ("HLEN", 2, "fast readonly", 1, 1, 1),
    ("HMGET", -3, "fast readonly", 1, 1, 1),
    ("HMSET", -4, "denyoom fast write", 1, 1, 1),
    ("HRANDFIELD", -2, "readonly", 1, 1, 1),
    ("HSCAN", -3, "readonly", 1, 1, 1),
    ("HSET", -4, "denyoom fast write", 1, 1, 1),
    ("HSETNX", 4, "denyoom fast write", 1, 1, 1),
    ("HSTRLEN", 3, "fast readonly", 1, 1, 1),
    ("HVALS", 2, "readonly", 1, 1, 1),
    ("INCR", 2, "denyoom fast write", 1, 1, 1),
    ("INCRBY", 3, "denyoom fast write", 1, 1, 1),
    ("INCRBYFLOAT", 3, "denyoom fast write", 1, 1, 1),
    ("INFO", -1, "", 0, 0, 0),
    ("KEYS", 2, "readonly", 0, 0, 0),
    ("LCS", -3, "readonly", 1, 2, 1),
    ("BLMOVE", 6, "blocking denyoom write", 1, 2, 1),
    ("BLMPOP", -5, "blocking movablekeys write", 0, 0, 0),
    ("BLPOP", -3, "blocking write", 1, -2, 1),
    ("BRPOP", -3, "blocking write", 1, -2, 1),
    ("BRPOPLPUSH", 4, "blocking denyoom write", 1, 2, 1),
    ("LINDEX", 3, "readonly", 1, 1, 1),
    ("LINSERT", 5, "denyoom write", 1, 1, 1),
    ("LLEN", 2, "fast readonly", 1, 1, 1),
    ("LMOVE", 5, "denyoom write", 1, 2, 1),
    ("LMPOP", -4, "movablekeys write", 0, 0, 0),
    ("LPOP", -2, "fast write", 1, 1, 1),
    ("LPOS", -3, "readonly", 1, 1, 1),
    ("LPUSH", -3, "denyoom fast write", 1, 1, 1),
    ("LPUSHX", -3, "denyoom fast write", 1, 1, 1),
    ("LRANGE", 4, "readonly", 1, 1, 1),
    ("LREM", 4, "write", 1, 1, 1),
    ("LSET", 4, "denyoom write", 1, 1, 1),
    ("LTRIM", 4, "write", 1, 1, 1),
    ("RPOP", -2, "fast write", 1, 1, 1),
    ("RPOPLPUSH", 3, "denyoom write", 1, 2, 1),
    ("RPUSH", -3, "denyoom fast write", 1, 1, 1),
    ("RPUSHX", -3, "denyoom fast write", 1, 1, 1),
    ("MGET", -2, "fast readonly", 1, -1, 1),
    ("MOVE", 3, "fast write", 1, 1, 1),
    ("MSET", -3, "denyoom write", 1, -1, 2),
    ("MSETNX", -3, "denyoom write", 1, -1, 2),
    ("OBJECT", -2, "", 0, 0, 0),
    ("OBJECT ENCODING", 3, "readonly", 2, 2, 1),
    ("OBJECT FREQ", 3, "readonly", 2, 2, 1),
    ("OBJECT HELP", 2, "", 0, 0, 0),
    ("OBJECT IDLETIME", 3, "readonly", 2, 2, 1),
    ("OBJECT REFCOUNT", 3, "readonly", 2, 2, 1),
    ("PERSIST", 2, "fast write", 1, 1, 1),
    ("PEXPIRE", -3, "fast write", 1, 1, 1),
    ("PEXPIREAT", -3, "fast write", 1, 1, 1),
    ("PEXPIRETIME", 2, "fast readonly", 1, 1, 1),
    ("PFADD", -2, "denyoom fast write", 1, 1, 1),
    ("PFCOUNT", -2, "readonly", 1, -1, 1),
    ("PFMERGE", -2, "denyoom write", 1, -1, 1),
    ("PING", -1, "fast", 0, 0, 0),
    ("PSETEX", 4, "denyoom write", 1, 1, 1),
    ("PTTL", 2, "fast readonly", 1, 1, 1),
    ("QUIT", -1, "fast no_auth", 0, 0, 0),
    ("PSUBSCRIBE", -2, "", 0, 0, 0),
    ("PUBLISH", 3, "fast", 0, 0, 0),
    ("PUBSUB", -2, "", 0, 0, 0),
    ("PUBSUB CHANNELS", -2, "", 0, 0, 0),
    ("PUBSUB HELP", 2, "", 0, 0, 0),
    ("PUBSUB NUMPAT", 2, "", 0, 0, 0),
    ("PUBSUB NUMSUB", -2, "", 0, 0, 0),
    ("PUBSUB SHARDCHANNELS", -2, "", 0, 0, 0),
    ("PUBSUB SHARDNUMSUB", -2, "", 0, 0, 0),
    ("PUNSUBSCRIBE", -1, "", 0, 0, 0),
    ("SPUBLISH", 3, "fast", 1, 1, 1),
    ("SSUBSCRIBE", -2, "", 1, -1, 1),
    ("SUBSCRIBE", -2, "", 0, 0, 0),
    ("SUNSUBSCRIBE", -1, "", 1, -1, 1),
    ("UNSUBSCRIBE", -1, "", 0, 0, 0),
    ("RANDOMKEY", 1, "readonly", 0, 0, 0),
    ("BGREWRITEAOF", 1, "admin", 0, 0, 0),
    ("SHUTDOWN", -1, "admin no_multi", 0, 0, 0),
    ("BGSAVE", -1, "admin", 0, 0, 0),
    ("LASTSAVE", 1, "fast", 0, 0, 0),
    ("SAVE", 1, "admin no_multi", 0, 0, 0),
    ("DISCARD", 1, "fast", 0, 0, 0),
    ("EXEC", 1, "", 0, 0, 0),
    ("MULTI", 1, "fast", 0, 0, 0),
    ("UNWATCH", 1, "fast", 0, 0, 0),
    ("WATCH", -2, "fast", 1, -1, 1),
    ("RENAME", 3, "write", 1, 2, 1),
    ("RENAMENX", 3, "fast write", 1, 2, 1),
    ("RESET", 1, "fast no_auth", 0, 0, 0),
    ("RESTORE", -4, "denyoom write", 1, 1, 1),
    ("SADD", -3, "denyoom fast write", 1, 1, 1),
    ("SCAN", -2, "readonly", 0, 0, 0),
    ("SCARD", 2, "fast readonly", 1, 1, 1),
    ("SDIFF", -2, "readonly", 1, -1, 1),
    ("SDIFFSTORE", -3, "denyoom write", 1, -1, 1),
    ("SELECT", 2, "fast", 0, 0, 0),
    ("SET", -3, "denyoom write", 1, 1, 1),
    ("SETBIT", 4, "denyoom write", 1, 1, 1),
    ("SETEX", 4, "denyoom write", 1, 1, 1),
    ("SETNX", 3, "denyoom fast write", 1, 1, 1),
    ("SETRANGE", 4, "denyoom write", 1, 1, 1),
    ("SINTER", -2, "readonly", 1, -1, 1),
    ("SINTERCARD", -3, "movablekeys readonly", 0, 0, 0),
    ("SINTERSTORE", -3, "denyoom write", 1, -1, 1),
    ("SISMEMBER", 3, "fast readonly", 1, 1, 1),
    ("SMEMBERS", 2, "readonly", 1, 1, 1),
    ("SMISMEMBER", -3, "fast readonly", 1, 1, 1),
    ("SMOVE", 4, "fast write", 1, 2, 1),
    ("SPOP", -2, "fast write", 1, 1, 1),
    ("SRANDMEMBER", -2, "readonly", 1, 1, 1),
    ("SREM", -3, "fast write", 1, 1, 1),
    ("SSCAN", -3, "readonly", 1, 1, 1),
    ("STRLEN", 2, "fast readonly", 1, 1, 1),
    ("SUBSTR", 4, "readonly", 1, 1, 1),
    ("SUNION", -2, "readonly", 1, -1, 1),
    ("SUNIONSTORE", -3, "denyoom write", 1, -1, 1),
    ("SWAPDB", 3, "fast write", 0, 0, 0),
    ("TIME", 1, "fast", 0, 0, 0),
    ("TOUCH", -2, "fast readonly", 1, -1, 1),
    ("TTL", 2, "fast readonly", 1, 1, 1),
    ("TYPE", 2, "fast readonly", 1, 1, 1),
    ("UNLINK", -2, "fast write", 1, -1, 1),
    ("WAIT", 3, "", 0, 0, 0),
    ("GEOADD", -5, "denyoom write", 1, 1, 1),
    ("GEODIST", -4, "readonly", 1, 1, 1),
    ("GEOHASH", -2, "readonly", 1, 1, 1),
    ("GEOPOS", -2, "readonly", 1, 1, 1),
    ("GEORADIUS", -6, "denyoom movablekeys write", 1, 1, 1),
    ("GEORADIUS_RO", -6, "readonly", 1, 1, 1),
    ("GEORADIUSBYMEMBER", -5, "denyoom movablekeys write", 1, 1, 1),
    ("GEORADIUSBYMEMBER_RO", -5, "readonly", 1, 1, 1),
    ("GEOSEARCH", -7, "readonly", 1, 1, 1),
    ("GEOSEARCHSTORE", -8, "denyoom write", 1, 2, 1),
    ("BZMPOP", -5, "blocking movablekeys write", 0, 0, 0),
    ("BZPOPMAX", -3, "blocking fast write", 1, -2, 1),
    ("BZPOPMIN", -3, "blocking fast write", 1, -2, 1),
    ("SORT", -2, "denyoom movablekeys write", 1, 1, 1),
    ("SORT_RO", -2, "movablekeys readonly", 1, 1, 1),
    ("ZADD", -4, "denyoom fast write", 1, 1, 1),
    ("ZCARD", 2, "fast readonly", 1, 1, 1),
    ("ZCOUNT", 4, "fast readonly", 1, 1, 1),
    ("ZDIFF", -3, "movablekeys readonly", 0, 0, 0),
    ("ZDIFFSTORE", -4, "denyoom movablekeys write", 1, 1, 1),
    ("ZINCRBY", 4, "denyoom fast write", 1, 1, 1),
    ("ZINTER", -3, "movablekeys readonly", 0, 0, 0),
    ("ZINTERCARD", -3, "movablekeys readonly", 0, 0, 0),
    ("ZINTERSTORE", -4, "denyoom movablekeys write", 1, 1, 1),
    ("ZLEXCOUNT", 4, "fast readonly", 1, 1, 1),
    ("ZMPOP", -4, "movablekeys write", 0, 0, 0),
    ("ZMSCORE", -3, "fast readonly", 1, 1, 1),
    ("ZPOPMAX", -2, "fast write", 1, 1, 1),
    ("ZPOPMIN", -2, "fast write", 1, 1, 1),
    ("ZRANDMEMBER", -2, "readonly", 1, 1, 1),
    ("ZRANGE", -4, "readonly", 1, 1, 1),
    ("ZRANGEBYLEX", -4, "readonly", 1, 1, 1),
    ("ZRANGEBYSCORE", -4, "readonly", 1, 1, 1),
    ("ZRANGESTORE", -5, "denyoom write", 1, 2, 1),
    ("ZREM", -3, "fast write", 1, 1, 1),
    ("ZREMRANGEBYLEX", 4, "write", 1, 1, 1),
    ("ZREMRANGEBYRANK", 4, "write", 1, 1, 1),
    ("ZREMRANGEBYSCORE", 4, "write", 1, 1, 1),
    ("ZREVRANGE", -4, "readonly", 1, 1, 1),
    ("ZREVRANGEBYLEX", -4, "readonly", 1, 1, 1),
    ("ZREVRANGEBYSCORE", -4, "readonly", 1, 1, 1),
    ("ZSCAN", -3, "readonly", 1, 1, 1),
    ("ZSCORE", 3, "fast readonly", 1, 1, 1),
    ("ZUNION", -3, "movablekeys readonly", 0, 0, 0),
    ("ZUNIONSTORE", -4, "denyoom movablekeys write", 1, 1, 1),
    // As Valkey 9.1.2 says them: Redis 7.0 doesn't have these, or with fewer words.
    ("ZRANK", -3, "fast readonly", 1, 1, 1),
    ("ZREVRANK", -3, "fast readonly", 1, 1, 1),
    ("DELIFEQ", 3, "fast write", 1, 1, 1),
    ("CLIENT NO-TOUCH", 3, "", 0, 0, 0),
    ("HEXPIRE", -6, "fast write", 1, 1, 1),
    ("HEXPIREAT", -6, "fast write", 1, 1, 1),
    ("HEXPIRETIME", -5, "fast readonly", 1, 1, 1),
    ("HGETDEL", -5, "fast write", 1, 1, 1),
    ("HGETEX", -5, "fast write", 1, 1, 1),
    ("HPERSIST", -5, "fast write", 1, 1, 1),
    ("HPEXPIRE", -6, "fast write", 1, 1, 1),
    ("HPEXPIREAT", -6, "fast write", 1, 1, 1),
    ("HPEXPIRETIME", -5, "fast readonly", 1, 1, 1),
    ("HPTTL", -5, "fast readonly", 1, 1, 1),
    ("HSETEX", -6, "denyoom fast write", 1, 1, 1),
    ("HTTL", -5, "fast readonly", 1, 1, 1),
    ("MSETEX", -4, "denyoom movablekeys write", 0, 0, 0),
  ]
  /// Commands that Redis 7.0.15 doesn't have: these came with 7.2, and Martlet's own.
  private static let newer: Set<String> = [
    "CLIENT CAPA", "CLIENT SETINFO", "WAITAOF", "CLIENT DURABILITY", "PREPEND", "DATABASE",
    "DATABASE INFO", "DATABASE READ", "DATABASE HELP", "OBJECT VERSION",
  ]

  private static func names(_ flags: CommandDeclaration.Flags) -> String {
    let names: [(CommandDeclaration.Flags, String)] = [
      (.admin, "admin"), (.blocking, "blocking"), (.denyOOM, "denyoom"), (.fast, "fast"),
      (.movableKeys, "movablekeys"),
      (.noAuth, "no_auth"),
      (.noMulti, "no_multi"), (.readOnly, "readonly"),
      (.write, "write"),
    ]
    return names.filter { flags.contains($0.0) }.map(\.1).joined(separator: " ")
  }

  @Test("They say what Redis says")
  func equalToRedis() {
    for declaration in CommandDeclaration.all where !Self.newer.contains(declaration.name) {
      guard let redis = Self.redis.first(where: { $0.name == declaration.name }) else {
        Issue.record("\(declaration.name): Redis has no such command")
        continue
      }
      #expect(declaration.arity == redis.arity, "\(declaration.name)")
      #expect(Self.names(declaration.flags) == redis.flags, "\(declaration.name)")
      #expect(declaration.keys.first == redis.first, "\(declaration.name)")
      #expect(declaration.keys.last == redis.last, "\(declaration.name)")
      #expect(declaration.keys.step == redis.step, "\(declaration.name)")
    }
  }

  @Test("Every command that has code is declared once")
  func oneDeclarationEach() {
    let names = CommandDeclaration.all.map(\.name)
    #expect(Set(names).count == names.count)
    // The names of cases have no underscores.
    let commands = CommandDeclaration.all.filter { !$0.isSubcommand }
      .map { $0.name.lowercased().filter { $0 != "_" } }
    #expect(commands.sorted() == CommandID.allCases.map { "\($0)" }.sorted())
    for name in names where name.contains(" ") {
      #expect(names.contains(String(name.prefix { $0 != " " })), "\(name) has no command")
    }
  }

  /// How many words an argument takes at least.
  private static func leastWords(_ argument: CommandArgument) -> Int {
    if argument.isOptional { return 0 }
    switch argument.kind {
    case .token: return 1
    case .oneOf: return argument.parts.map(leastWords).min() ?? 0
    case .block: return argument.parts.map(leastWords).reduce(0, +)
    default: return argument.token == nil ? 1 : 2
    }
  }

  @Test("A name is known in any case, and none that differs in a byte")
  func names() {
    let client = TestServer().redisClient()
    func isKnown(_ name: [UInt8]) -> Bool {
      // Of too many words for any command.
      let words = [name] + Array(repeating: [UInt8(ascii: "x")], count: 300)
      var request = bytes("*\(words.count)\r\n")
      for word in words { request += bytes("$\(word.count)\r\n") + word + bytes("\r\n") }
      return !text(client.send(request)).contains("unknown command")
    }
    for name in [
      "GET", "SET", "TTL", "ECHO", "MGET", "EXISTS", "EXPIREAT", "EXPIRETIME", "PEXPIRETIME",
    ] {
      let right = bytes(name)
      #expect(isKnown(bytes(name.lowercased())))
      for place in right.indices {
        for byte in UInt8.min...UInt8.max {
          var other = right
          other[place] = byte
          let isSame = byte == right[place] || byte == right[place] | 0x20
          if isKnown(other) != isSame
            && !CommandDeclaration.all.contains(where: {
              bytes($0.name) == bytes(String(decoding: other, as: UTF8.self).uppercased())
            })
          {
            Issue.record("\(name) with \(byte) at \(place)")
          }
        }
      }
    }
  }

  @Test("Names that are too long for the table are known, too")
  func longNames() {
    let client = TestServer().redisClient()
    for name in ["GEORADIUSBYMEMBER", "georadiusbymember_ro", "GeoRadiusByMember_RO"] {
      #expect(!text(client.send(bytes("\(name)\r\n"))).contains("unknown command"))
    }
    for name in ["GEORADIUSBYMEMBER_R", "georadiusbymember\u{7f}ro", "GEORADIUSBYMEMBERS_RO"] {
      #expect(text(client.send(bytes("\(name)\r\n"))).contains("unknown command"))
    }
  }

  @Test("The syntax lines agree with the arity")
  func syntaxAndArity() {
    for declaration in CommandDeclaration.all where declaration.subcommands.isEmpty {
      let arguments = CommandSyntax.parse(declaration.syntax)
      let least = (declaration.isSubcommand ? 2 : 1) + arguments.map(Self.leastWords).reduce(0, +)
      let isOpen = arguments.contains { $0.isOptional || $0.isRepeated }
      switch declaration.name {
      // Redis takes words that say nothing, or more than it says.
      case "QUIT", "CLIENT LIST", "DEBUG": continue
      // A command with keys has two words.
      case "COMMAND GETKEYS", "COMMAND GETKEYSANDFLAGS": #expect(least == 3)
      default: #expect(declaration.arity == (isOpen ? -least : least), "\(declaration.name)")
      }
    }
  }

  @Test("Syntax lines are read as Redis describes its arguments")
  func syntax() {
    let set = CommandSyntax.parse("key value [NX | XX] [EX seconds | KEEPTTL]")
    #expect(set.map(\.kind) == [.key, .string, .oneOf, .oneOf])
    #expect(set.map(\.isOptional) == [false, false, true, true])
    #expect(set[3].parts.map(\.token) == ["EX", "KEEPTTL"])
    #expect(set[3].parts.map(\.kind) == [.integer, .token])
    let pairs = CommandSyntax.parse("key value [key value ...]")
    #expect(pairs.count == 1)
    #expect(pairs[0].kind == .block && pairs[0].isRepeated && !pairs[0].isOptional)
    #expect(pairs[0].parts.map(\.name) == ["key", "value"])
    let keys = CommandSyntax.parse("key [key ...]")
    #expect(keys.count == 1)
    #expect(keys[0].isRepeated && !keys[0].isOptional && keys[0].kind == .key)
  }

  // MARK: COMMAND

  /// Moves over one value of either version of the protocol; false when it isn't one.
  private static func skip(_ reply: [UInt8], _ position: inout Int) -> Bool {
    guard let end = reply[position...].firstIndex(of: UInt8(ascii: "\r")), end + 1 < reply.count else {
      return false
    }
    let type = Character(Unicode.Scalar(reply[position]))
    let line = text(Array(reply[position + 1..<end]))
    position = end + 2
    switch type {
    case "+", "-", ":": return true
    case "_": return line.isEmpty
    case "$", "=":
      guard let length = Int(line), length >= -1 else { return false }
      position += length < 0 ? 0 : length + 2
      return position <= reply.count
    case "*", "~", "%":
      guard let count = Int(line), count >= -1 else { return false }
      for _ in 0..<max(0, type == "%" ? 2 * count : count) where !skip(reply, &position) { return false }
      return true
    default: return false
    }
  }

  @Test("What COMMAND, COMMAND DOCS and their kin return is whole", arguments: [2, 3])
  func wellFormed(_ version: Int) {
    let client = TestServer().redisClient()
    _ = client.send("HELLO \(version)\r\n")
    for request in [
      "COMMAND", "COMMAND DOCS", "COMMAND DOCS GET set nosuch", "COMMAND INFO",
      "COMMAND INFO get nosuch client",
      "COMMAND LIST", "COMMAND COUNT", "INFO", "INFO memory", "INFO nosuch", "CONFIG GET *", "CLIENT LIST",
      "CLIENT INFO",
      "TIME", "HELLO",
    ] {
      let reply = bytes(client.send(request + "\r\n"))
      var position = 0
      #expect(Self.skip(reply, &position), "\(request)")
      #expect(position == reply.count, "\(request)")
    }
  }

  @Test("COMMAND INFO and DOCS have Redis's shape")
  func shapes() {
    let client = TestServer().redisClient()
    #expect(
      client.send("COMMAND INFO get\r\n")
        == "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"
        + "*3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n"
        + "*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n"
        + "$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n"
        + "$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n"
        + "*0\r\n")
    let docs = client.send("COMMAND DOCS GET\r\n")
    #expect(docs.hasPrefix("*2\r\n$3\r\nget\r\n*10\r\n$7\r\nsummary\r\n"))
    #expect(
      docs.contains("$5\r\nsince\r\n$5\r\n1.0.0\r\n$5\r\ngroup\r\n$6\r\nstring\r\n$10\r\ncomplexity\r\n"))
    #expect(client.send("COMMAND COUNT\r\n") == ":\(CommandID.allCases.count)\r\n")
  }
}
