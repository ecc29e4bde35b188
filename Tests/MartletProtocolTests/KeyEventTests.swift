// What is told of keys: which events each command brings, to whom, and when they may leave.
import Martlet
import Testing

@Suite("Events of keys")
struct KeyEventTests {
  /// A request and the events that it brings, as Redis 7.0.15 does (for the expiry of fields Valkey 9.1.2): the event
  /// and its key. In one row after the other.
  private static let strings: [(request: String, events: String)] = [
    ("SET k v", "new(k) set(k)"), ("SET k v EX 100", "set(k) expire(k)"), ("SET k v KEEPTTL", "set(k)"),
    ("SET k v NX", ""), ("SET k v GET", "set(k)"), ("SETNX k2 v", "new(k2) set(k2)"), ("SETNX k2 v", ""),
    ("SETEX k3 100 v", "new(k3) set(k3) expire(k3)"), ("PSETEX k3 100000 v", "set(k3) expire(k3)"),
    ("GETSET k v", "set(k)"), ("GETDEL k", "del(k)"), ("GET k", "keymiss(k)"), ("MGET k k2", "keymiss(k)"),
    ("EXISTS k", "keymiss(k)"), ("TTL k", "keymiss(k)"), ("TYPE k", "keymiss(k)"),
    ("STRLEN k", "keymiss(k)"),
    ("GETRANGE k 0 1", "keymiss(k)"), ("TOUCH k", "keymiss(k)"), ("GETEX k2 EX 100", "expire(k2)"),
    ("GETEX k2 PERSIST", "persist(k2)"), ("GETEX k2", ""), ("GETEX k2 EXAT 1", "del(k2)"),
    ("GETEX k2", "keymiss(k2)"), ("GETDEL k2", "keymiss(k2)"),
    ("APPEND k v", "new(k) append(k)"), ("APPEND k v", "append(k)"), ("SETRANGE k 3 v", "setrange(k)"),
    ("SETRANGE k 3 \"\"", ""), ("SET n 1", "new(n) set(n)"), ("INCR n", "incrby(n)"), ("DECR n", "incrby(n)"),
    ("INCRBY n 2", "incrby(n)"), ("DECRBY n 2", "incrby(n)"), ("INCR n2", "new(n2) incrby(n2)"),
    ("MSET a 1 b 2", "new(a) set(a) new(b) set(b)"), ("MSET a 1", "set(a)"),
    ("MSETNX c 1 d 2", "new(c) set(c) new(d) set(d)"), ("MSETNX c 1 e 2", ""),
    ("DEL a b nokey", "del(a) del(b)"), ("DEL a", ""), ("UNLINK c c", "del(c)"),
    ("EXPIRE d 100", "expire(d)"),
    ("PEXPIREAT d 99999999999999", "expire(d)"), ("PERSIST d", "persist(d)"), ("PERSIST d", ""),
    ("EXPIRE d -1", "del(d)"), ("SET r 1", "new(r) set(r)"), ("SET r2 1", "new(r2) set(r2)"),
    ("RENAME r r2", "new(r2) rename_from(r) rename_to(r2)"),
    ("RENAMENX r2 r3", "new(r3) rename_from(r2) rename_to(r3)"), ("COPY r3 r4", "new(r4) copy_to(r4)"),
    ("COPY r3 r4 REPLACE", "new(r4) copy_to(r4)"), ("SADD s a", "new(s) sadd(s)"), ("SET s v", "set(s)"),
    ("FLUSHALL", ""),
  ]
  private static let collections: [(request: String, events: String)] = [
    ("HSET h a 1 b 2", "new(h) hset(h)"), ("HSET h a 2", "hset(h)"), ("HMSET h c 1", "hset(h)"),
    ("HSETNX h d 1", "hset(h)"), ("HSETNX h d 1", ""), ("HINCRBY h n 1", "hincrby(h)"),
    ("HINCRBYFLOAT h n 1", "hincrbyfloat(h)"), ("HDEL h a zz", "hdel(h)"), ("HDEL h zz", ""),
    ("HDEL h b c d n", "hdel(h) del(h)"), ("HGET h a", "keymiss(h)"), ("SADD s a b", "new(s) sadd(s)"),
    ("SADD s a", ""), ("SREM s a", "srem(s)"), ("SREM s zz", ""), ("SREM s b", "srem(s) del(s)"),
    ("SADD s a b c", "new(s) sadd(s)"), ("SPOP s", "spop(s)"), ("SPOP s 5", "spop(s) del(s)"),
    ("SADD s a", "new(s) sadd(s)"), ("SPOP s", "spop(s) del(s)"), ("SMEMBERS s", "keymiss(s)"),
    ("HSET h a 1 b 2 c 3", "new(h) hset(h)"), ("HEXPIRE h 100 FIELDS 1 a", "hexpire(h)"),
    ("HPEXPIREAT h 99999999999999 FIELDS 1 a", "hexpire(h)"), ("HPERSIST h FIELDS 1 a", "hpersist(h)"),
    ("HPERSIST h FIELDS 1 a", ""), ("HGETEX h EX 100 FIELDS 1 a", "hexpire(h)"),
    ("HGETEX h PERSIST FIELDS 1 a", "hpersist(h)"), ("HGETEX h FIELDS 1 a", ""),
    ("HSETEX h EX 100 FIELDS 1 a 1", "hset(h) hexpire(h)"), ("HSETEX h FIELDS 1 c 1", "hset(h)"),
    ("HSETEX h KEEPTTL FIELDS 1 a 1", "hset(h)"), ("HGETDEL h FIELDS 1 a", "hdel(h)"),
    ("HEXPIRE h 0 FIELDS 1 b", "hexpired(h)"), ("HEXPIRE h 0 FIELDS 1 c", "hexpired(h) del(h)"),
    ("HSETEX h2 EX 100 FIELDS 1 a 1", "new(h2) hset(h2) hexpire(h2)"),
  ]

  /// The events that a listener's pushes tell, of patterns on `__keyevent@*__:*`.
  private func events(_ pushed: String) -> String {
    let lines = pushed.split(separator: "\r\n", omittingEmptySubsequences: false)
    return lines.indices.filter { lines[$0] == "pmessage" }.map { index in
      "\(lines[index + 4].split(separator: "__:").last ?? "")(\(lines[index + 6]))"
    }.joined(separator: " ")
  }

  private func listener(_ server: TestServer, _ letters: String, _ pattern: String) throws
    -> TestClient<RESPSession>
  {
    server.context.eventClasses = try #require(KeyEventClasses(letters: letters))
    let listener = server.redisClient()
    _ = listener.send("PSUBSCRIBE \(pattern)\r\n")
    return listener
  }

  @Test(
    "Each command brings those that it brings in Redis, alone and in a transaction", arguments: [false, true])
  func commands(inTransaction: Bool) throws {
    for rows in [Self.strings, Self.collections] + KeyEventRows.all {
      let server = TestServer()
      let listener = try listener(server, "AKEmn", "__keyevent@*")
      let client = server.redisClient()
      for (request, expected) in rows {
        _ = client.send(inTransaction ? "MULTI\r\n\(request)\r\nEXEC\r\n" : "\(request)\r\n")
        #expect(events(listener.pushes()) == expected, "\(request)")
      }
    }
  }

  @Test("They are told by key and by event, with the number of the database")
  func channels() throws {
    let server = TestServer()
    let listener = try listener(server, "KEg", "__key*")
    let client = server.redisClient()
    _ = client.send("SELECT 3\r\nSET a:b v\r\nDEL a:b\r\n")
    let pattern = "$6\r\n__key*\r\n"
    #expect(
      listener.pushes()
        == "*4\r\n$8\r\npmessage\r\n\(pattern)$18\r\n__keyspace@3__:a:b\r\n$3\r\ndel\r\n"
        + "*4\r\n$8\r\npmessage\r\n\(pattern)$18\r\n__keyevent@3__:del\r\n$3\r\na:b\r\n")
  }

  @Test(
    "Only the classes asked for are told",
    arguments: [
      ("", ""), ("AK", ""), ("E", ""), ("E$", "set set"), ("Eg", "expire del"), ("Es", "sadd"),
      ("Eh", "hset"), ("En", "new new new"), ("EA", "set set expire sadd hset del"), ("Em", "keymiss"),
    ])
  func classes(letters: String, expected: String) throws {
    let server = TestServer()
    let listener = try listener(server, letters, "__keyevent@*")
    let client = server.redisClient()
    _ = client.send("SET k v\r\nSET k v EX 10\r\nSADD s m\r\nHSET h f v\r\nDEL k\r\nGET k\r\n")
    let names = events(listener.pushes()).split(separator: " ").map { $0.prefix { $0 != "(" } }
    #expect(names.joined(separator: " ") == expected)
  }

  @Test("memcached's commands bring them, too")
  func memcached() throws {
    let server = TestServer()
    let listener = try listener(server, "EAn", "__keyevent@*")
    let client = server.memcachedClient()
    for (request, expected) in [
      ("set k 0 0 1\r\n1\r\n", "new(k) set(k)"), ("set k 0 100 1\r\n1\r\n", "set(k) expire(k)"),
      ("append k 0 0 1\r\n0\r\n", "append(k)"), ("prepend k 0 0 1\r\n1\r\n", "prepend(k)"),
      ("incr k 5\r\n", "incrby(k)"), ("decr k 5\r\n", "incrby(k)"), ("touch k 100\r\n", "expire(k)"),
      ("touch k 0\r\n", "persist(k)"), ("md k I\r\n", "stale(k)"), ("ms k 1 MA\r\nx\r\n", "append(k)"),
      ("add other 0 0 1\r\nv\r\n", "new(other) set(other)"), ("add other 0 0 1\r\nv\r\n", ""),
      ("delete k\r\n", "del(k)"), ("get k\r\n", ""), ("flush_all\r\n", ""),
    ] {
      _ = client.send(request)
      #expect(events(listener.pushes()) == expected, "\(request)")
    }
  }

  @Test("A key that has expired is told of when it is deleted: by a change, or by the sweeper")
  func expiry() throws {
    let server = TestServer()
    let listener = try listener(server, "EAn", "__keyevent@*")
    let client = server.redisClient()
    _ = client.send(
      "SET a v PX 10\r\nSET b v PX 10\r\nSET c v PX 10\r\nHSET h f v g v\r\nHPEXPIRE h 10 FIELDS 1 f\r\n")
    _ = listener.pushes()
    server.store.clock.advance(milliseconds: 20)
    _ = client.send("GET a\r\n")
    #expect(listener.pushes() == "")
    _ = client.send("APPEND a v\r\n")
    #expect(events(listener.pushes()) == "expired(a) new(a) append(a)")
    _ = client.send("SET b v\r\n")
    #expect(events(listener.pushes()) == "expired(b) new(b) set(b)")
    var sweeper = Sweeper(server.store, server.context, seed: 1)
    sweeper.sweep(nanoseconds: 1_000_000_000)
    #expect(Set(events(listener.pushes()).split(separator: " ")) == ["expired(c)", "hexpired(h)"])
  }

  @Test("A key that makes room for others is told of")
  func eviction() throws {
    let server = TestServer()
    let listener = try listener(server, "Ee", "__keyevent@*")
    let client = server.redisClient()
    _ = client.send("SET a v\r\n")
    server.context.evictionPolicy = .lru
    var execution = Execution(server.store, server.context, seed: 1)
    #expect(execution.evict(atMost: 1) == 1)
    #expect(events(listener.pushes()) == "evicted(a)")
  }

  @Test("They leave when the change that they tell of is durable")
  func held() throws {
    let server = TestServer(durability: .always)
    let listener = try listener(server, "EA", "__keyevent@*")
    let client = server.redisClient()
    _ = client.send("SET a v\r\n")
    #expect(events(listener.pushes()) == "set(a)")
    #expect(listener.lastMarks.map(\.version) == [1])
    _ = client.send("SET a v\r\nDEL a\r\n")
    #expect(events(listener.pushes()) == "set(a) del(a)")
    #expect(listener.lastMarks.map(\.version) == [2, 3])
    #expect(listener.lastMarks.first?.start == 0)
    server.store.journal.commit()
    _ = client.send("CLIENT DURABILITY ASYNC\r\nSET a v\r\n")
    #expect(events(listener.pushes()) == "set(a)")
    #expect(listener.lastMarks.map(\.version) == [4])
  }

  @Test("Letters are written back as Redis writes them")
  func letters() {
    for (given, shown) in [
      ("", ""), ("KEA", "AKE"), ("Kx", "xK"), ("AKEmn", "AKEm"), ("KEn", "nKE"), ("g$", "g$"),
      ("g$lshzxetdE", "AE"),
    ] {
      #expect(KeyEventClasses(letters: given)?.text == shown, "\(given)")
    }
    #expect(KeyEventClasses(letters: "KQ") == nil)
  }
}
