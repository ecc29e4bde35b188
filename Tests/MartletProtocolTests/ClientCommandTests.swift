// What one client may ask about others, and of its own replies: MONITOR, CLIENT KILL, LIST, PAUSE, REPLY, NO-TOUCH.
import Martlet
import Testing

@Suite("MONITOR and CLIENT")
struct ClientCommandTests {
  private let server = TestServer()

  /// The lines that one who monitors has seen, without their times.
  private func seen(_ monitor: TestClient<RESPSession>) -> [Substring] {
    monitor.pushes().split(separator: "\r\n").map { line in
      #expect(line.wholeMatch(of: #/\+\d+\.\d{6} \[\d+ .*\] ".*"/#) != nil, "\(line)")
      return line.drop { $0 != "[" }
    }
  }

  // MARK: MONITOR

  @Test("Who monitors sees what is said when it has been run, quoted, without secrets and what operators do")
  func monitors() {
    let monitor = server.redisClient(address: "127.0.0.1:1")
    #expect(monitor.send("MONITOR\r\n") == "+OK\r\n")
    #expect(monitor.send("MONITOR\r\n") == "")
    let client = server.redisClient(address: "127.0.0.1:2")
    _ = client.send(
      "SET k \"a\\\"b\\\\\\n\\r\\t\\x01\\xff\"\r\nSELECT 3\r\nGET k\r\nCONFIG GET *\r\nCLIENT LIST\r\n")
    _ = client.send(
      "AUTH name secret\r\nHELLO 2 AUTH default secret SETNAME me\r\nNOSUCH\r\nGET\r\nCLIENT ID\r\n")
    #expect(
      seen(monitor) == [
        #"[0 127.0.0.1:2] "SET" "k" "a\"b\\\n\r\t\x01\xff""#, #"[3 127.0.0.1:2] "SELECT" "3""#,
        #"[3 127.0.0.1:2] "GET" "k""#, #"[3 127.0.0.1:2] "AUTH" "(redacted)" "(redacted)""#,
        #"[3 127.0.0.1:2] "HELLO" "2" "AUTH" "(redacted)" "(redacted)" "SETNAME" "me""#,
        #"[3 127.0.0.1:2] "CLIENT" "ID""#,
      ])
    _ = client.send("MULTI\r\nSET k 1\r\nGET k\r\n")
    #expect(seen(monitor) == [#"[3 127.0.0.1:2] "MULTI""#])
    _ = client.send("EXEC\r\n")
    #expect(
      seen(monitor) == [
        #"[3 127.0.0.1:2] "SET" "k" "1""#, #"[3 127.0.0.1:2] "GET" "k""#, #"[3 127.0.0.1:2] "EXEC""#,
      ])
    #expect(monitor.send("GET k\r\n") == "-ERR Replica can't interact with the keyspace\r\n")
    #expect(client.send("CLIENT LIST\r\n").contains(" flags=O "))
    #expect(monitor.send("RESET\r\n").hasPrefix("+RESET\r\n"))
    _ = client.send("PING\r\n")
    #expect(monitor.pushes() == "")
    #expect(monitor.send("GET none\r\n") == "$-1\r\n")
  }

  @Test("What a request shows is seen when it is durable")
  func monitorsWait() {
    let server = TestServer(durability: .always)
    let monitor = server.redisClient()
    _ = monitor.send("MONITOR\r\n")
    _ = server.redisClient().send("SET k v\r\n")
    #expect(seen(monitor).count == 1)
    #expect(monitor.lastMarks.map(\.version) == [1])
  }

  // MARK: CLIENT REPLY

  @Test("Without replies nothing comes but pushes; SKIP leaves out one")
  func replies() {
    let client = server.redisClient()
    #expect(client.send("CLIENT REPLY maybe\r\n") == "-ERR syntax error\r\n")
    #expect(client.send("CLIENT REPLY SKIP\r\nSET k v\r\nGET k\r\n") == "$1\r\nv\r\n")
    #expect(client.send("CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING\r\nPING 1\r\n") == "$1\r\n1\r\n")
    #expect(client.send("CLIENT REPLY SKIP\r\nNOSUCH\r\nPING 1\r\n") == "$1\r\n1\r\n")
    #expect(client.send("CLIENT REPLY SKIP\r\nGET\r\nPING 1\r\n") == "$1\r\n1\r\n")
    #expect(client.send("CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\n") == "+OK\r\n")
    #expect(
      client.send(
        "CLIENT REPLY OFF\r\nGET k\r\nNOSUCH\r\nGET\r\nMULTI\r\nSET k w\r\nEXEC\r\nCLIENT REPLY SKIP\r\n")
        == "")
    #expect(client.send("SUBSCRIBE a\r\nUNSUBSCRIBE\r\n").hasPrefix("*3\r\n$9\r\nsubscribe\r\n"))
    #expect(client.send("CLIENT REPLY ON\r\nGET k\r\n") == "+OK\r\n$1\r\nw\r\n")
    #expect(client.send("CLIENT REPLY OFF\r\nRESET\r\nPING\r\n") == "+RESET\r\n+PONG\r\n")
    #expect(
      client.send("MULTI\r\nCLIENT REPLY OFF\r\nEXEC\r\n")
        == "+OK\r\n-ERR Command 'client|reply' not allowed inside a transaction\r\n"
        + "-EXECABORT Transaction discarded because of previous errors.\r\n")
  }

  @Test("The next reply waits for what was shown without one")
  func repliesThatWait() {
    let server = TestServer(durability: .always)
    let client = server.redisClient()
    #expect(client.send("CLIENT REPLY SKIP\r\nSET k v\r\n") == "")
    #expect(client.lastMarks.isEmpty)
    #expect(client.send("PING\r\n") == "+PONG\r\n")
    #expect(client.lastMarks.map(\.version) == [1])
    #expect(client.send("PING\r\n") == "+PONG\r\n")
    #expect(client.lastMarks.isEmpty)
    #expect(client.send("CLIENT REPLY OFF\r\nSET k v\r\nSET k w\r\nCLIENT REPLY ON\r\n") == "+OK\r\n")
    #expect(client.lastMarks.map(\.version) == [3])
  }

  // MARK: CLIENT PAUSE

  @Test("In a pause requests wait, all of them or those that write; and go on when it ends")
  func pause() {
    let client = server.redisClient()
    let other = server.redisClient()
    for (request, reply) in [
      ("CLIENT PAUSE abc", "-ERR timeout is not an integer or out of range\r\n"),
      ("CLIENT PAUSE -1", "-ERR timeout is negative\r\n"),
      ("CLIENT PAUSE 10 FOO", "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n"),
      ("CLIENT PAUSE 100000 WRITE", "+OK\r\n"),
    ] { #expect(other.send(request + "\r\n") == reply) }
    #expect(client.send("GET k\r\n") == "$-1\r\n")
    for request in ["SET k v", "PUBLISH a b", "FLUSHALL"] {
      let writer = server.redisClient()
      #expect(writer.send(request + "\r\n") == "", "\(request)")
      #expect(writer.lastStep == .waitForRoom)
      #expect(writer.unconsumed > 0)
    }
    #expect(client.send("SET k v\r\nGET k\r\n") == "")
    let calls = server.store.journal.calls
    #expect(other.send("CLIENT UNPAUSE\r\n") == "+OK\r\n")
    #expect(server.store.journal.calls > calls)
    #expect(client.callAgain() == "+OK\r\n$1\r\nv\r\n")

    #expect(other.send("CLIENT PAUSE 100000\r\n") == "+OK\r\n")
    #expect(client.send("GET k\r\n") == "")
    #expect(client.lastStep == .waitForRoom)
  }

  @Test("A pause whose time is over ends, and those who wait are called")
  func pauseEnds() {
    let client = server.redisClient()
    #expect(server.redisClient().send("CLIENT PAUSE 1\r\n") == "+OK\r\n")
    let deadline = WallClock.monotonicNanoseconds() + 5_000_000
    while WallClock.monotonicNanoseconds() < deadline {}
    var sweeper = Sweeper(server.store, server.context, seed: 1)
    let calls = server.store.journal.calls
    sweeper.sweep(nanoseconds: 1_000_000)
    #expect(server.store.journal.calls > calls)
    #expect(client.send("PING\r\n") == "+PONG\r\n")
  }

  // MARK: CLIENT KILL and LIST

  @Test("Clients are killed by what they are; who asks only if it says so")
  func kill() {
    let clients = (1...4).map { server.redisClient(address: "10.0.0.\($0):\($0)") }
    _ = clients[0].send("CLIENT SETNAME first\r\n")
    _ = clients[1].send("SUBSCRIBE a\r\n")
    _ = clients[2].send("SELECT 5\r\n")
    let killer = clients[3]
    let ids = clients.map(\.record.id)
    for (request, reply) in [
      ("foo", "-ERR No such client\r\n"), ("ID", "-ERR No such client\r\n"),
      ("ID abc", "-ERR client-id should be greater than 0\r\n"),
      ("ID 0", "-ERR client-id should be greater than 0\r\n"), ("ID 99999", ":0\r\n"),
      ("TYPE foo", "-ERR Unknown client type 'foo'\r\n"), ("USER nobody", "-ERR No such user 'nobody'\r\n"),
      ("FOO bar", "-ERR syntax error\r\n"), ("SKIPME foo", "-ERR syntax error\r\n"),
      ("ADDR 1.2.3.4:5", ":0\r\n"), ("LADDR 1.2.3.4:5", ":0\r\n"), ("TYPE master", ":0\r\n"),
      ("TYPE replica", ":0\r\n"), ("MAXAGE 1000", ":0\r\n"), ("ID \(ids[3])", ":0\r\n"),
      ("ID \(ids[0]) USER nobody", "-ERR No such user 'nobody'\r\n"),
    ] { #expect(killer.send("CLIENT KILL \(request)\r\n") == reply, "\(request)") }
    #expect(server.lane.closed == [])
    #expect(killer.send("CLIENT KILL TYPE pubsub\r\n") == ":1\r\n")
    #expect(killer.send("CLIENT KILL NAME first\r\n") == ":1\r\n")
    #expect(killer.send("CLIENT KILL 10.0.0.3:3\r\n") == "+OK\r\n")
    #expect(server.lane.closed == [ids[1], ids[0], ids[2]])
    #expect(killer.send("CLIENT KILL ID \(ids[0]) \(ids[2]) SKIPME yes\r\n") == ":2\r\n")
    #expect(killer.send("CLIENT KILL USER default\r\n") == ":3\r\n")
    #expect(!killer.isClosed)
    #expect(killer.send("CLIENT KILL ID \(ids[3]) SKIPME no\r\n") == ":1\r\n")
    #expect(killer.isClosed)
  }

  @Test("The list can be of some")
  func list() {
    let clients = (1...3).map { server.redisClient(address: "10.0.0.\($0):\($0)") }
    _ = clients[0].send("CLIENT SETNAME first\r\nCLIENT SETINFO LIB-NAME lib\r\nCLIENT SETINFO LIB-VER 1\r\n")
    _ = clients[1].send("SELECT 5\r\nSUBSCRIBE a\r\n")
    let asker = clients[2]
    let ids = clients.map(\.record.id)
    for (filter, expected) in [
      ("", [0, 1, 2]), ("TYPE normal", [0, 2]), ("TYPE pubsub", [1]), ("TYPE master", []),
      ("ID \(ids[0]) \(ids[2]) 99", [0, 2]), ("NAME first", [0]), ("LIB-NAME lib", [0]), ("LIB-VER 1", [0]),
      ("DB 5", [1]), ("FLAGS P", [1]), ("FLAGS N", [0, 2]), ("ADDR 10.0.0.2:2", [1]), ("IP 10.0.0.3", [2]),
      ("LADDR 127.0.0.1:6379", [0, 1, 2]), ("USER default", [0, 1, 2]), ("SKIPME yes", [0, 1]),
      ("TYPE normal SKIPME yes", [0]), ("MAXAGE 100", []), ("IDLE 100", []),
    ] {
      let listed = asker.send("CLIENT LIST \(filter)\r\n").matches(of: #/\bid=(\d+) /#).compactMap {
        Int($0.1)
      }
      #expect(listed == expected.map { ids[$0] }, "\(filter)")
    }
    for (filter, reply) in [
      ("TYPE foo", "-ERR Unknown client type 'foo'\r\n"), ("TYPE", "-ERR syntax error\r\n"),
      ("ID", "-ERR syntax error\r\n"), ("ID x", "-ERR Invalid client ID\r\n"),
      ("FOO", "-ERR syntax error\r\n"),
      ("ID 1 x", "-ERR syntax error\r\n"), ("DB -1", "-ERR syntax error\r\n"),
    ] { #expect(asker.send("CLIENT LIST \(filter)\r\n") == reply, "\(filter)") }
  }

  // MARK: What a client is spared

  @Test("Reading doesn't count with NO-TOUCH, but by TOUCH")
  func noTouch() {
    let client = server.redisClient()
    _ = client.send("SET k v\r\nSET l v\r\n")
    func isFetched(_ key: String) -> Bool {
      server.memcachedClient().send("mg \(key) h\r\n") == "HD h1\r\n"
    }
    #expect(client.send("CLIENT NO-TOUCH x\r\n") == "-ERR syntax error\r\n")
    #expect(client.send("CLIENT NO-TOUCH ON\r\n") == "+OK\r\n")
    _ = client.send("GET k\r\nMGET k l\r\n")
    #expect(!isFetched("k"))
    _ = client.send("SET k v\r\nTOUCH k\r\n")
    #expect(isFetched("k"))
    #expect(client.send("CLIENT NO-TOUCH OFF\r\n") == "+OK\r\n")
    _ = client.send("SET l v\r\nGET l\r\n")
    #expect(isFetched("l"))
  }

  @Test("What is asked for is seen in the list")
  func marks() {
    let client = server.redisClient()
    #expect(client.send("CLIENT NO-EVICT x\r\n") == "-ERR syntax error\r\n")
    #expect(client.send("CLIENT NO-EVICT ON\r\nCLIENT NO-TOUCH ON\r\n") == "+OK\r\n+OK\r\n")
    #expect(client.send("CLIENT INFO\r\n").contains(" flags=eT "))
    #expect(client.send("CLIENT NO-EVICT OFF\r\nCLIENT TRACKING ON BCAST\r\n") == "+OK\r\n+OK\r\n")
    #expect(client.send("CLIENT INFO\r\n").contains(" flags=tBT "))
    _ = client.send("RESET\r\n")
    #expect(client.send("CLIENT INFO\r\n").contains(" flags=N "))
  }
}
