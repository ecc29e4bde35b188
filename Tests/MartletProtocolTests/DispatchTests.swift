// From a request to the reply: who may ask, what is refused, what is logged, what is atomic, and what time does.
import Martlet
import Synchronization
import Testing

@Suite("Dispatch")
struct DispatchTests {
  // MARK: The password

  @Test("Without the password nothing but AUTH, HELLO and QUIT is served")
  func authentication() {
    let server = TestServer(password: "secret")
    let client = server.redisClient()
    let refusal = "-NOAUTH Authentication required.\r\n"
    for declaration in CommandDeclaration.all
    where !declaration.isSubcommand && !declaration.flags.contains(.noAuth) {
      let words = [declaration.name] + Array(repeating: "x", count: abs(declaration.arity) - 1)
      #expect(client.send(array(words)) == refusal, "\(declaration.name)")
    }
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
    for request in [
      "AUTH x", "AUTH Secret", "AUTH secretsecret", "AUTH \"\"", "AUTH nobody secret", "AUTH default x",
    ] {
      #expect(client.send(request + "\r\n") == wrong, "\(request)")
      #expect(client.send("GET k\r\n") == refusal)
    }
    #expect(client.send("AUTH default secret\r\nGET k\r\n") == "+OK\r\n$-1\r\n")
    // A wrong password afterwards takes nothing away.
    #expect(client.send("AUTH x\r\nGET k\r\n") == wrong + "$-1\r\n")
  }

  @Test("HELLO takes the password, and without it says so")
  func helloAuthentication() {
    let server = TestServer(password: "secret")
    let client = server.redisClient()
    #expect(
      client.send("HELLO 3\r\n").hasPrefix(
        "-NOAUTH HELLO must be called with the client already authenticated"))
    #expect(client.send("HELLO 3 AUTH default x\r\n").hasPrefix("-WRONGPASS"))
    // Refused, it changed nothing: errors are still those of version 2.
    #expect(client.send("GET k\r\n") == "-NOAUTH Authentication required.\r\n")
    let reply = client.send("HELLO 3 AUTH default secret SETNAME bird\r\n")
    #expect(
      reply == "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n"
        + "$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"
    )
    #expect(client.send("CLIENT GETNAME\r\nGET k\r\n") == "$4\r\nbird\r\n_\r\n")
    #expect(client.send("HELLO 2\r\nGET k\r\n").hasSuffix("*0\r\n$-1\r\n"))
  }

  @Test("A user is who it says it is, on every protocol and in CLIENT LIST, until RESET")
  func users() {
    let server = TestServer(users: ["ada": "secret", "bob": "word"])
    let client = server.redisClient()
    let refusal = "-NOAUTH Authentication required.\r\n"
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
    #expect(client.send("ACL WHOAMI\r\nAUTH secret\r\nAUTH default secret\r\n") == refusal + wrong + wrong)
    #expect(client.send("AUTH ada word\r\nAUTH ADA secret\r\nGET k\r\n") == wrong + wrong + refusal)
    #expect(client.send("AUTH ada secret\r\nACL WHOAMI\r\n") == "+OK\r\n$3\r\nada\r\n")
    #expect(client.send("CLIENT INFO\r\n").contains(" user=ada "))
    #expect(client.send("AUTH bob secret\r\nACL WHOAMI\r\n") == wrong + "$3\r\nada\r\n")
    #expect(client.send("HELLO 2 AUTH bob word\r\nACL WHOAMI\r\n").hasSuffix("$3\r\nbob\r\n"))
    #expect(client.send("RESET\r\nACL WHOAMI\r\n") == "+RESET\r\n" + refusal)
    let memcached = server.memcachedClient()
    #expect(memcached.send("set x 0 0 10\r\nada secret\r\n") == "STORED\r\n")
    #expect(
      client.send("AUTH bob word\r\nCLIENT LIST\r\n").split(separator: "\n").count {
        $0.contains(" user=ada ")
      } == 1)
  }

  @Test("Where everybody is let in, everybody is the default user")
  func nobodyAsked() {
    let client = TestServer().redisClient()
    #expect(client.send("ACL WHOAMI\r\nAUTH default anything\r\n") == "$7\r\ndefault\r\n+OK\r\n")
    #expect(client.send("ACL WHOAMI x\r\n") == "-ERR wrong number of arguments for 'acl|whoami' command\r\n")
    #expect(client.send("ACL NONE\r\n") == "-ERR unknown subcommand 'NONE'. Try ACL HELP.\r\n")
  }

  // MARK: Limits

  @Test("At the memory limit, what needs memory is refused, and the rest goes on")
  func memoryLimit() {
    let server = TestServer()
    let client = server.redisClient()
    _ = client.send("SET k v\r\nSADD s a\r\n")
    server.context.memoryLimit = 1
    let refusal = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
    for declaration in CommandDeclaration.all where declaration.flags.contains(.denyOOM) {
      let words = [declaration.name] + Array(repeating: "k", count: abs(declaration.arity) - 1)
      #expect(client.send(array(words)) == refusal, "\(declaration.name)")
    }
    #expect(client.send("GET k\r\nSMEMBERS s\r\nEXPIRE k 100\r\n") == "$1\r\nv\r\n*1\r\n$1\r\na\r\n:1\r\n")
    let memcached = server.memcachedClient()
    #expect(memcached.send("set j 0 0 1\r\nx\r\n") == "SERVER_ERROR out of memory storing object\r\n")
    #expect(memcached.send("get k\r\n") == "VALUE k 0 1\r\nv\r\nEND\r\n")
    #expect(client.send("DEL k\r\n") == ":1\r\n")
    server.context.memoryLimit = 0
    #expect(client.send("SET k v\r\n") == "+OK\r\n")
  }

  @Test("While the journal is full a write waits, unconsumed, and is done once")
  func fullJournal() {
    let server = TestServer(maximumPendingBytes: 1 << 16)
    let client = server.redisClient()
    let memcached = server.memcachedClient()
    let value = String(repeating: "x", count: 1 << 12)
    for _ in 0..<100 where client.lastStep != .waitForRoom { _ = client.send(array(["SET", "k", value])) }
    #expect(client.lastStep == .waitForRoom)
    let before = client.unconsumed
    #expect(client.send("INCR n\r\nGET n\r\n") == "")
    #expect(client.unconsumed == before + 15)
    for request in ["incr n 1", "set m 0 0 4096\r\n\(value)", "touch n 0", "delete m", "flush_all"] {
      let waiting = server.memcachedClient()
      #expect(waiting.send(request + "\r\n") == "")
      #expect(waiting.lastStep == .waitForRoom)
    }
    // Reads go on.
    #expect(server.redisClient().send("GET n\r\n") == "$-1\r\n")
    #expect(memcached.send("get n\r\n") == "END\r\n")
    server.store.journal.commit()
    #expect(client.send("PING\r\n") == "+OK\r\n:1\r\n$1\r\n1\r\n+PONG\r\n")
  }

  @Test("A write larger than the journal's buffer is admitted like any other")
  func largeWrite() {
    let server = TestServer(maximumPendingBytes: 1000)
    let client = server.redisClient()
    #expect(client.send("SET small 1\r\n") == "+OK\r\n")
    let value = String(repeating: "x", count: 2000)
    #expect(client.send(array(["SET", "large", value])) == "+OK\r\n")
    #expect(client.send("SET small 2\r\n") == "")
    #expect(client.lastStep == .waitForRoom)
  }

  @Test("A reply that would become too large is an error in its place, on both protocols")
  func replyTooLarge() {
    let server = TestServer()
    let client = server.redisClient()
    client.replyLimit = 1000
    #expect(client.send(array(["SET", "k", String(repeating: "x", count: 256)])) == "+OK\r\n")
    #expect(
      client.send("MGET k k k k k\r\nPING\r\n")
        == "-ERR the reply would be larger than 1 GiB: ask for less at a time\r\n+PONG\r\n")
    let memcached = server.memcachedClient()
    memcached.replyLimit = 1000
    #expect(
      memcached.send("get k k k k k\r\nget j\r\n")
        == "SERVER_ERROR the reply would be larger than 1 GiB: ask for less at a time\r\nEND\r\n")
  }

  // MARK: The log of commands

  @Test("The log shows who said what, quoted, and no passwords")
  func commandLog() {
    let lines = Mutex<[String]>([])
    let server = TestServer { address, words in lines.withLock { $0.append(address + " " + words) } }
    let client = server.redisClient(address: "127.0.0.1:40312")
    _ = client.send("SET before it\r\n")
    server.context.logsCommands = true
    server.context.parameters = [ConfigParameter("requirepass", get: { "" }, set: { _ in nil })]
    _ = client.send(
      "SET Hello World\r\nset \"two words\" \"a\\r\\n\\x01\"\r\nAUTH secret1\r\nauth default secret2\r\n")
    _ = client.send(
      "HELLO 2 AUTH default secret3\r\nCONFIG SET requirepass secret4\r\nconfig set requirepass secret5\r\n")
    _ = client.send("CONFIG GET requirepass\r\n")
    _ = server.memcachedClient().send("set k 0 0 3\r\na b\r\nget k\r\n")
    let heard = lines.withLock { $0 }
    #expect(
      heard == [
        "127.0.0.1:40312 SET Hello World", #"127.0.0.1:40312 set "two words" "a\r\n\x01""#,
        "127.0.0.1:40312 AUTH (arguments hidden)", "127.0.0.1:40312 auth (arguments hidden)",
        "127.0.0.1:40312 HELLO (arguments hidden)", "127.0.0.1:40312 CONFIG SET (arguments hidden)",
        "127.0.0.1:40312 config set (arguments hidden)", "127.0.0.1:40312 CONFIG GET requirepass",
        #"127.0.0.1:6 set k 0 0 3 "a b""#, "127.0.0.1:6 get k",
      ])
  }

  @Test("The log shows no password of a memcached client")
  func memcachedCommandLog() {
    let lines = Mutex<[String]>([])
    let server = TestServer(password: "secret") { _, words in lines.withLock { $0.append(words) } }
    server.context.logsCommands = true
    let client = server.memcachedClient()
    #expect(client.send("set x 0 0 14\r\ndefault secret\r\nget x\r\n") == "STORED\r\nEND\r\n")
    _ = server.memcachedClient().send("set x 0 0 15\r\ndefault secret2\r\nget x\r\n")
    let binary = server.binaryClient()
    _ = binary.send(frame(.saslAuth, key: "PLAIN", value: "\0default\0secret2"))
    _ = binary.send(frame(.saslAuth, key: "PLAIN", value: "\0default\0secret") + frame(.get, key: "y"))
    #expect(
      lines.withLock { $0 } == [
        "get x", "saslAuth (arguments hidden)", "saslAuth (arguments hidden)", "get y",
      ])
  }

  // MARK: Atomicity

  @Test("What MSET sets of several shards is seen all or not at all")
  func atomicity() async {
    let server = TestServer()
    let keys = (0..<8).map { "key\($0)" }
    await withTaskGroup(of: Bool.self) { group in
      for writer in 0..<2 {
        group.addTask {
          let client = server.redisClient()
          for round in 0..<3000 {
            // Half of them in the other order, which must not lock in another order.
            let order = round % 2 == 0 ? keys : keys.reversed()
            _ = client.send(array(["MSET"] + order.flatMap { [$0, "\(writer)-\(round)"] }))
          }
          return true
        }
        group.addTask {
          let client = server.redisClient()
          var isWhole = true
          for _ in 0..<3000 {
            let values = client.send(array(["MGET"] + keys)).split(separator: "\r\n").dropFirst()
            isWhole = isWhole && Set(values.filter { !$0.hasPrefix("$") }).count <= 1
          }
          return isWhole
        }
      }
      for await isWhole in group { #expect(isWhole) }
    }
  }

  // MARK: Time

  @Test("A key is there until its last millisecond, and then for nobody")
  func expiry() {
    let server = TestServer()
    let client = server.redisClient()
    _ = client.send("SET k v PX 1000\r\nSADD s a\r\nPEXPIRE s 1000\r\n")
    server.store.clock.advance(milliseconds: 999)
    #expect(client.send("PTTL k\r\nTTL k\r\nGET k\r\nSCARD s\r\n") == ":1\r\n:0\r\n$1\r\nv\r\n:1\r\n")
    server.store.clock.advance(milliseconds: 1)
    let version = server.store.journal.lastVersion
    #expect(
      client.send(
        "GET k\r\nEXISTS k s\r\nTTL k\r\nTYPE s\r\nSCARD s\r\nKEYS *\r\nSCAN 0\r\nRANDOMKEY\r\nSTRLEN k\r\n")
        == "$-1\r\n:0\r\n:-2\r\n+none\r\n:0\r\n*0\r\n*2\r\n$1\r\n0\r\n*0\r\n$-1\r\n:0\r\n")
    #expect(server.memcachedClient().send("get k s\r\n") == "END\r\n")
    // Reads delete nothing.
    #expect(server.store.journal.lastVersion == version)
    #expect(server.store.keyCount == 2)
    // Writes find nothing old.
    #expect(
      client.send("APPEND k w\r\nTTL k\r\nSADD s b\r\nSMEMBERS s\r\n")
        == ":1\r\n:-1\r\n:1\r\n*1\r\n$1\r\nb\r\n")
  }

  // MARK: What only Martlet has

  @Test("SET takes the flags of memcached's clients")
  func flags() {
    let server = TestServer()
    let client = server.redisClient()
    let memcached = server.memcachedClient()
    #expect(client.send("SET k v FLAGS 4294967295 PX 100000\r\n") == "+OK\r\n")
    #expect(memcached.send("get k\r\n") == "VALUE k 4294967295 1\r\nv\r\nEND\r\n")
    #expect(client.send("SET k w NX FLAGS 1\r\nSET k w XX GET flags 7\r\n") == "$-1\r\n$1\r\nv\r\n")
    #expect(memcached.send("get k\r\n") == "VALUE k 7 1\r\nw\r\nEND\r\n")
    #expect(client.send("SET k x\r\n") == "+OK\r\n")
    #expect(memcached.send("get k\r\n") == "VALUE k 0 1\r\nx\r\nEND\r\n")
    for wrong in ["4294967296", "-1", "x", "\"\""] {
      #expect(
        client.send("SET k y FLAGS \(wrong)\r\n") == "-ERR value is not an integer or out of range\r\n")
    }
    for wrong in ["FLAGS", "FLAGS 1 FLAGS 1", "FLAGS 1 2"] {
      #expect(client.send("SET k y \(wrong)\r\n") == "-ERR syntax error\r\n")
    }
    #expect(client.send("GET k\r\n") == "$1\r\nx\r\n")
  }

  @Test("PREPEND puts bytes before a string as APPEND puts them behind it")
  func prepend() {
    let client = TestServer().redisClient()
    for (request, reply) in [
      ("PREPEND k World", ":5"), ("PREPEND k \"Hello \"", ":11"), ("GETRANGE k 0 -1", "$11\r\nHello World"),
      ("PREPEND k \"\"", ":11"), ("PREPEND e \"\"", ":0"), ("EXISTS e", ":1"), ("SETEX t 100 b", "+OK"),
      ("PREPEND t a", ":2"), ("TTL t", ":100"), ("GET t", "$2\r\nab"), ("SADD s a", ":1"),
      ("PREPEND s x", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
      ("PREPEND k", "-ERR wrong number of arguments for 'prepend' command"),
    ] {
      #expect(client.send(request + "\r\n") == reply + "\r\n", "\(request)")
    }
  }

  // MARK: Time

  @Test("Every write treats an expired key as absent")
  func writesToExpired() {
    for (request, reply) in [
      ("SET k w NX", "+OK\r\n"), ("SET k w XX", "$-1\r\n"), ("SET k w GET", "$-1\r\n"),
      ("SETNX k w", ":1\r\n"),
      ("GETSET k w", "$-1\r\n"), ("GETDEL k", "$-1\r\n"), ("GETEX k PERSIST", "$-1\r\n"),
      ("INCR k", ":1\r\n"),
      ("MSETNX k 1 j 2", ":1\r\n"), ("DEL k", ":0\r\n"), ("PERSIST k", ":0\r\n"), ("EXPIRE k 10", ":0\r\n"),
      ("PREPEND k x", ":1\r\n"), ("RENAME k j", "-ERR no such key\r\n"),
      ("COPY k j", ":0\r\n"), ("SETRANGE k 1 x", ":2\r\n"),
      ("SREM k a", ":0\r\n"), ("SPOP k", "$-1\r\n"), ("SADD k a", ":1\r\n"), ("SET k w KEEPTTL", "+OK\r\n"),
    ] {
      let server = TestServer()
      let client = server.redisClient()
      _ = client.send("SET k 5 PX 1000\r\nSET o 1\r\n")
      server.store.clock.advance(milliseconds: 1000)
      #expect(client.send(request + "\r\n") == reply, "\(request)")
      #expect(["$2\r\n-1", ":-1\r\n", ":-2\r\n"].contains(client.send("TTL k\r\n")), "\(request)")
    }
    let server = TestServer()
    let client = server.redisClient()
    _ = client.send("SET k 5\r\nSET j 5 PX 1000\r\n")
    server.store.clock.advance(milliseconds: 1000)
    #expect(client.send("RENAMENX k j\r\nTTL j\r\nCOPY j k\r\n") == ":1\r\n:-1\r\n:1\r\n")
  }

  @Test("The sweeper deletes what has expired, in every database, and journals it")
  func sweeper() {
    let server = TestServer(databases: 4)
    let client = server.redisClient()
    for database in 0..<4 {
      _ = client.send("SELECT \(database)\r\n")
      for key in 0..<500 {
        _ = client.send("SET e\(key) v PX 1000\r\nSET s\(key) v PX 5000\r\nSET p\(key) v\r\n")
      }
    }
    var sweeper = Sweeper(server.store, server.context, seed: 1)
    let version = server.store.journal.lastVersion
    sweeper.sweep(nanoseconds: 60_000_000_000)
    #expect(server.store.journal.lastVersion == version)
    server.store.clock.advance(milliseconds: 1000)
    // A sweep of no time goes a step; many of them go round.
    for _ in 0..<5000 where server.store.keyCount > 4000 { sweeper.sweep(nanoseconds: 0) }
    #expect(server.store.keyCount == 4000)
    #expect(server.store.journal.lastVersion == version + 2000)
    server.store.clock.advance(milliseconds: 4000)
    for _ in 0..<2 { sweeper.sweep(nanoseconds: 60_000_000_000) }
    #expect(server.store.keyCount == 2000)
    #expect(client.send("INFO stats\r\n").contains("expired_keys:4000\r\n"))
  }

  @Test("The sweeper is at rest when nothing is asked, nothing expires and no flush is due some time")
  func sweeperAtRest() {
    let server = TestServer(databases: 4)
    let client = server.redisClient()
    var sweeper = Sweeper(server.store, server.context, seed: 1)
    func isAtRest(afterSweeps count: Int) -> Bool {
      for _ in 0..<count { sweeper.sweep(nanoseconds: 60_000_000_000) }
      return sweeper.isAtRest
    }
    _ = client.send("SET k v\r\n")
    #expect(!isAtRest(afterSweeps: 1))
    #expect(isAtRest(afterSweeps: 1))
    // A request ends the rest, whatever it does.
    _ = client.send("GET k\r\n")
    #expect(!isAtRest(afterSweeps: 1))
    #expect(isAtRest(afterSweeps: 1))
    // What expires some time has to be looked for, in whichever database it is, until it is gone.
    _ = client.send("SELECT 3\r\nSET e v PX 1000\r\n")
    #expect(!isAtRest(afterSweeps: 3))
    server.store.clock.advance(milliseconds: 1000)
    #expect(isAtRest(afterSweeps: 3))
    _ = client.send("HSET h f v\r\nHPEXPIRE h 1000 FIELDS 1 f\r\n")
    #expect(!isAtRest(afterSweeps: 3))
    server.store.clock.advance(milliseconds: 1000)
    #expect(isAtRest(afterSweeps: 3))
    _ = server.memcachedClient().send("flush_all 10\r\n")
    #expect(!isAtRest(afterSweeps: 3))
    server.store.clock.advance(milliseconds: 10_000)
    #expect(isAtRest(afterSweeps: 2))
  }

  @Test("A flush_all for later empties the database when its time has come")
  func delayedFlush() {
    let server = TestServer()
    let client = server.memcachedClient()
    var sweeper = Sweeper(server.store, server.context, seed: 1)
    // A second before what is said, as memcached does it.
    #expect(client.send("set k 0 0 1\r\nx\r\nflush_all 10\r\n") == "STORED\r\nOK\r\n")
    server.store.clock.advance(milliseconds: 8999)
    sweeper.sweep(nanoseconds: 1_000_000_000)
    #expect(client.send("get k\r\n") == "VALUE k 0 1\r\nx\r\nEND\r\n")
    server.store.clock.advance(milliseconds: 1)
    sweeper.sweep(nanoseconds: 1_000_000_000)
    #expect(client.send("get k\r\n") == "END\r\n")
    // A later one takes its place, and one for now leaves none.
    #expect(client.send("flush_all 10\r\nflush_all\r\nset k 0 0 1\r\nx\r\n") == "OK\r\nOK\r\nSTORED\r\n")
    server.store.clock.advance(milliseconds: 20_000)
    sweeper.sweep(nanoseconds: 1_000_000_000)
    #expect(client.send("get k\r\nflush_all 1\r\nget k\r\n") == "VALUE k 0 1\r\nx\r\nEND\r\nOK\r\nEND\r\n")
  }

  // MARK: Cursors

  /// The cursor and the words of a scan's reply.
  private static func parse(_ reply: String) -> (cursor: String, words: [String]) {
    let lines = reply.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
    let words = stride(from: 5, to: lines.count, by: 2).map { lines[$0] }
    return (lines[2], words)
  }

  @Test("A scan that goes round returns every key that was there all the time", arguments: [false, true])
  func scanUnderChange(_ isSet: Bool) {
    var random = RandomSource(seed: 3)
    let client = TestServer().redisClient()
    func add(_ name: String) { _ = client.send(isSet ? "SADD s \(name)\r\n" : "SET \(name) v\r\n") }
    func remove(_ name: String) { _ = client.send(isSet ? "SREM s \(name)\r\n" : "DEL \(name)\r\n") }
    let lasting = (0..<2000).map { "lasting\($0)" }
    for name in lasting { add(name) }
    for growth in [true, false] {
      if !growth { for key in 0..<20_000 { add("other\(key)") } }
      var seen: Set<String> = []
      var cursor = "0"
      var others = growth ? 0 : 20_000
      var rounds = 0
      repeat {
        let (next, words) = Self.parse(client.send((isSet ? "SSCAN s " : "SCAN ") + "\(cursor) COUNT 7\r\n"))
        seen.formUnion(words)
        cursor = next
        rounds += 1
        for _ in 0..<Int.random(in: 0..<30, using: &random) {
          if growth {
            add("other\(others)")
            others += 1
          } else if others > 0 {
            others -= 1
            remove("other\(others)")
          }
        }
      } while cursor != "0" && rounds < 100_000
      #expect(cursor == "0")
      #expect(seen.isSuperset(of: lasting))
    }
  }

  @Test("MATCH and TYPE choose, COUNT doesn't change what is found, and any cursor is taken")
  func scanOptions() {
    let client = TestServer().redisClient()
    for key in 0..<300 { _ = client.send("SET str\(key) v\r\nSADD set\(key) m\r\n") }
    func all(_ options: String) -> [String] {
      var found: [String] = []
      var cursor = "0"
      repeat {
        let (next, words) = Self.parse(client.send("SCAN \(cursor) \(options)\r\n"))
        found += words
        cursor = next
      } while cursor != "0"
      return found.sorted()
    }
    #expect(all("").count == 600)
    for count in [1, 10, 100, 10_000] {
      #expect(all("COUNT \(count) TYPE set") == (0..<300).map { "set\($0)" }.sorted())
    }
    #expect(all("MATCH str1?").count == 10)
    #expect(all("MATCH str1? TYPE set") == [])
    var random = RandomSource(seed: 5)
    for _ in 0..<1000 {
      let cursor =
        UInt64.random(in: 0...UInt64.max, using: &random) >> UInt64.random(in: 0..<64, using: &random)
      #expect(client.send("SCAN \(cursor)\r\n").hasPrefix("*2\r\n"))
      #expect(client.send("SSCAN set1 \(cursor)\r\n").hasPrefix("*2\r\n"))
    }
  }

  // MARK: Chance

  @Test("Members taken by chance are members, are different, and are then gone")
  func randomMembers() {
    let client = TestServer().redisClient()
    let members = (0..<100).map { "m\($0)" }
    _ = client.send(array(["SADD", "s"] + members))
    func words(_ reply: String) -> [String] {
      let lines = reply.split(separator: "\r\n").map(String.init)
      return stride(from: 2, to: lines.count, by: 2).map { lines[$0] }
    }
    for count in [1, 50, 99, 100, 1000] {
      let chosen = words(client.send("SRANDMEMBER s \(count)\r\n"))
      #expect(chosen.count == min(count, 100))
      #expect(Set(chosen).count == chosen.count && Set(chosen).isSubset(of: members))
    }
    #expect(words(client.send("SRANDMEMBER s -300\r\n")).count == 300)
    let popped = words(client.send("SPOP s 30\r\n"))
    #expect(Set(popped).count == 30)
    #expect(client.send("SCARD s\r\n") == ":70\r\n")
    let left = Set(words(client.send("SMEMBERS s\r\n")))
    #expect(left.union(popped) == Set(members) && left.isDisjoint(with: popped))
    #expect(words(client.send("SPOP s 70\r\n")).count == 70)
    #expect(client.send("EXISTS s\r\n") == ":0\r\n")
  }
}
