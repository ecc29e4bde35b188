// Clients that keep values themselves: who is told of which keys, when, and in whose place.
import Martlet
import Testing

@Suite("Tracking")
struct TrackingTests {
  private let server = TestServer()

  private func client(_ requests: String..., resp3: Bool = true) -> TestClient<RESPSession> {
    let client = server.redisClient()
    if resp3 { _ = client.send("HELLO 3\r\n") }
    for request in requests { #expect(client.send(request + "\r\n") == "+OK\r\n", "\(request)") }
    return client
  }

  private func invalid(_ keys: String...) -> String {
    keys.map { ">2\r\n$10\r\ninvalidate\r\n*1\r\n$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
  }

  private let everything = ">2\r\n$10\r\ninvalidate\r\n_\r\n"

  @Test("A key that was read is told of once, when it changes; another only when it is read")
  func once() {
    let reader = client("CLIENT TRACKING ON")
    let writer = server.redisClient()
    _ = reader.send("GET a\r\nMGET b c\r\n")
    _ = writer.send("SET a 1\r\nSET a 2\r\nSET other 1\r\n")
    #expect(reader.pushes() == invalid("a"))
    _ = writer.send("MSET c 1 b 2\r\n")
    #expect(reader.pushes() == invalid("c", "b"))
    _ = writer.send("SET a 3\r\n")
    #expect(reader.pushes() == "")
  }

  @Test(
    "Whatever changes a key is told",
    arguments: [
      "EXPIRE k 100", "DEL k", "APPEND k x", "RENAME k other", "RENAME other k", "COPY other k REPLACE",
      "GETEX k EX 100", "SETRANGE k 3 x", "INCR n", "HSET h f w", "HDEL h f", "SADD s n", "SREM s m",
      "SPOP s", "HEXPIRE h 100 FIELDS 1 f", "GETDEL k", "SET k v", "MSET x 1 k 2",
    ])
  func changes(request: String) {
    let writer = server.redisClient()
    _ = writer.send("SET k v\r\nSET other v\r\nSET n 1\r\nHSET h f v\r\nSADD s m\r\n")
    let reader = client("CLIENT TRACKING ON")
    _ = reader.send("GET k\r\nGET n\r\nHGETALL h\r\nSMEMBERS s\r\n")
    _ = writer.send(request + "\r\n")
    let key = request.split(separator: " ").first { ["k", "n", "h", "s"].contains($0) } ?? ""
    #expect(reader.pushes() == invalid(String(key)))
  }

  @Test("What memcached's clients change, what expires and what is evicted is told, too")
  func others() {
    let reader = client("CLIENT TRACKING ON", "SET k v", "SET e v PX 10")
    _ = reader.send("GET k\r\nGET e\r\n")
    _ = server.memcachedClient().send("set k 0 0 1\r\nx\r\n")
    #expect(reader.pushes() == invalid("k"))
    server.store.clock.advance(milliseconds: 20)
    var sweeper = Sweeper(server.store, server.context, seed: 1)
    sweeper.sweep(nanoseconds: 1_000_000_000)
    #expect(reader.pushes() == invalid("e"))
    _ = reader.send("GET k\r\n")
    server.context.evictionPolicy = .lru
    var execution = Execution(server.store, server.context, seed: 1)
    _ = execution.evict(atMost: 1)
    #expect(reader.pushes() == invalid("k"))
  }

  @Test("An emptied database is told as one word", arguments: ["FLUSHALL", "FLUSHDB"])
  func flushed(request: String) {
    let reader = client("CLIENT TRACKING ON")
    _ = reader.send("GET a\r\nGET b\r\n")
    _ = server.redisClient().send(request + "\r\n")
    #expect(reader.pushes() == everything)
  }

  @Test("A client hears of its own changes behind the reply, but with NOLOOP")
  func own() {
    let reader = client("CLIENT TRACKING ON")
    _ = reader.send("GET a\r\n")
    #expect(reader.send("SET a 1\r\nPING\r\n") == "+OK\r\n" + invalid("a") + "+PONG\r\n")
    _ = reader.send("CLIENT TRACKING ON NOLOOP\r\nGET a\r\n")
    #expect(reader.send("SET a 2\r\n") == "+OK\r\n")
    _ = reader.send("GET a\r\n")
    _ = server.redisClient().send("SET a 3\r\n")
    #expect(reader.pushes() == invalid("a"))
  }

  @Test("With prefixes a client is told of what begins so, read or not; without one of everything")
  func broadcasting() {
    let some = client("CLIENT TRACKING ON BCAST PREFIX user: PREFIX item:")
    let all = client("CLIENT TRACKING ON BCAST")
    let writer = server.redisClient()
    _ = writer.send(
      "SET user:1 a\r\nSET use a\r\nMSET item:1 a other b\r\nRENAME item:1 item:2\r\nSADD user:s m\r\n")
    #expect(some.pushes() == invalid("user:1", "item:1", "item:1", "item:2", "user:s"))
    #expect(all.pushes() == invalid("user:1", "use", "item:1", "other", "item:1", "item:2", "user:s"))
    #expect(some.send("CLIENT TRACKING OFF\r\n") == "+OK\r\n")
    _ = writer.send("SET user:1 b\r\n")
    #expect(some.pushes() == "")
  }

  @Test("OPTIN tracks what follows CACHING YES, one command or one transaction")
  func optIn() {
    let reader = client("CLIENT TRACKING ON OPTIN")
    let writer = server.redisClient()
    _ = reader.send("GET a\r\nCLIENT CACHING YES\r\nGET b\r\nGET c\r\n")
    _ = reader.send("CLIENT CACHING YES\r\nMULTI\r\nGET d\r\nGET e\r\nEXEC\r\nGET f\r\n")
    for key in ["a", "b", "c", "d", "e", "f"] { _ = writer.send("SET \(key) 1\r\n") }
    #expect(reader.pushes() == invalid("b", "d", "e"))
  }

  @Test("OPTOUT tracks all but what follows CACHING NO")
  func optOut() {
    let reader = client("CLIENT TRACKING ON OPTOUT")
    _ = reader.send("GET a\r\nCLIENT CACHING NO\r\nGET b\r\nGET c\r\n")
    let writer = server.redisClient()
    for key in ["a", "b", "c"] { _ = writer.send("SET \(key) 1\r\n") }
    #expect(reader.pushes() == invalid("a", "c"))
  }

  @Test("Another client may be told in its place, in either version of the protocol")
  func redirected() {
    let listener = client(resp3: false)
    _ = listener.send("SUBSCRIBE __redis__:invalidate\r\n")
    let reader = client("CLIENT TRACKING ON REDIRECT \(listener.record.id)", resp3: false)
    let writer = server.redisClient()
    _ = reader.send("GET a\r\n")
    _ = writer.send("SET a 1\r\nFLUSHALL\r\n")
    let message = "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n"
    #expect(listener.pushes() == message + "*1\r\n$1\r\na\r\n" + message + "$-1\r\n")
    #expect(reader.pushes() == "")

    let new = client()
    #expect(reader.send("CLIENT TRACKING ON REDIRECT \(new.record.id)\r\nGET a\r\n") == "+OK\r\n$-1\r\n")
    _ = writer.send("SET a 2\r\n")
    #expect(new.pushes() == invalid("a"))
    #expect(reader.send("CLIENT GETREDIR\r\n") == ":\(new.record.id)\r\n")
  }

  @Test("A client whose place is taken by one that is gone hears of that")
  func brokenRedirection() {
    let other = client()
    let reader = client("CLIENT TRACKING ON REDIRECT \(other.record.id)")
    server.context.clients.disconnect(other.record)
    _ = reader.send("GET a\r\n")
    _ = server.redisClient().send("SET a 1\r\n")
    #expect(reader.pushes() == ">2\r\n$21\r\ntracking-redir-broken\r\n:\(other.record.id)\r\n")
    #expect(reader.send("CLIENT TRACKINGINFO\r\n").contains("$15\r\nbroken_redirect\r\n"))
    #expect(server.redisClient().send("CLIENT LIST\r\n").contains(" flags=tR "))
  }

  @Test("Version 2 of the protocol has no way to be told")
  func version2() {
    let reader = client("CLIENT TRACKING ON", resp3: false)
    _ = reader.send("GET a\r\n")
    _ = server.redisClient().send("SET a 1\r\n")
    #expect(reader.pushes() == "")
  }

  @Test("Who ends tracking, resets or goes is told no more")
  func ending() {
    let writer = server.redisClient()
    for request in ["CLIENT TRACKING OFF", "RESET"] {
      let reader = client("CLIENT TRACKING ON")
      _ = reader.send("GET a\r\n" + request + "\r\n")
      _ = writer.send("SET a 1\r\n")
      #expect(reader.pushes() == "", "\(request)")
    }
    do {
      let reader = client("CLIENT TRACKING ON BCAST")
      #expect(server.context.tracking.clientCount == 1)
      withExtendedLifetime(reader) {}
    }
    #expect(server.context.tracking.clientCount == 0)
    #expect(server.context.tracking.prefixCount == 0)
  }

  @Test("With more keys than may be, some are forgotten, and their readers told")
  func bounded() {
    server.context.tracking.maximumKeys = 100
    let reader = client("CLIENT TRACKING ON")
    var told = ""
    for number in 0..<1000 { told += reader.send("GET key\(number)\r\n") }
    #expect(server.context.tracking.keyCount == 100)
    let count = told.ranges(of: "invalidate").count
    #expect(count == 900)
    let writer = server.redisClient()
    for number in 0..<1000 { _ = writer.send("SET key\(number) v\r\n") }
    #expect(reader.pushes().ranges(of: "invalidate").count == 100)
    #expect(server.context.tracking.keyCount == 0)
  }

  @Test("The word waits until the change is durable")
  func held() {
    let server = TestServer(durability: .always)
    let reader = server.redisClient()
    _ = reader.send("HELLO 3\r\nCLIENT TRACKING ON\r\nGET a\r\n")
    _ = server.redisClient().send("SET a 1\r\n")
    #expect(reader.pushes() == invalid("a"))
    #expect(reader.lastMarks.map(\.version) == [1])
  }
}
