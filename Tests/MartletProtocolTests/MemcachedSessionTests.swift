// The memcached protocol: what is replied, whatever pieces the requests come in; and what ends a connection.
import Martlet
import Testing

@Suite("The memcached protocol")
struct MemcachedSessionTests {
  @Test("Requests are replied to as memcached does", arguments: MemcachedConversations.all)
  func conversations(_ conversation: Conversation) {
    expectReplies(conversation)
  }

  @Test(
    "A pipeline in any two pieces, or byte by byte, gets the same replies",
    arguments: MemcachedConversations.all)
  func splits(_ conversation: Conversation) {
    expectSameInPieces(
      conversation.exchanges.map { $0.request + "\r\n" }.joined(),
      conversation.exchanges.map(\.reply).joined()
    ) { TestServer().memcachedClient() }
  }

  @Test("A body over the limit is passed over, a set of it leaves nothing old, and the connection goes on")
  func tooLarge() {
    let client = TestServer().memcachedClient(SessionLimits(keyBytes: 250, valueBytes: 10))
    let body = String(repeating: "x", count: 11)
    let error = "SERVER_ERROR object too large for cache\r\n"
    #expect(client.send("set k 0 0 2\r\nab\r\n") == "STORED\r\n")
    #expect(client.send("add k 0 0 11\r\n\(body)\r\nget k\r\n") == error + "VALUE k 0 2\r\nab\r\nEND\r\n")
    #expect(client.send("append k 0 0 9\r\n123456789\r\n") == error)
    #expect(client.send("set k 0 0 11\r\n\(body)\r\nget k\r\n") == error + "END\r\n")
    #expect(client.send("set k 0 0 11 noreply\r\n\(body)\r\nget k\r\n") == "END\r\n")
    // In pieces, the body not to be kept meanwhile; the reply comes when it has come.
    #expect(client.send("set k 0 0 100000\r\n") == "")
    for _ in 0..<100 {
      #expect(client.send(String(repeating: "get k\r\n...", count: 100)) == "")
      #expect(client.unconsumed == 0)
    }
    #expect(client.send("\r\nget k\r\n") == error + "END\r\n")
    #expect(client.send("set k 0 0 11 noreply\r\n") + client.send("\(body)\r\n") == "")
  }

  @Test("A get of many large values is replied in turns, whole and in order, and counts once")
  func largeReply() {
    let client = TestServer().memcachedClient()
    let value = String(repeating: "v", count: 200_000)
    #expect(client.send("set a 0 0 200000\r\n\(value)\r\nset b 0 0 1\r\nx\r\n") == "STORED\r\nSTORED\r\n")
    let one = "VALUE a 0 200000\r\n\(value)\r\n"
    let expected = String(repeating: one + "VALUE b 0 1\r\nx\r\n", count: 20) + "END\r\n"
    #expect(client.send("get\(String(repeating: " a b", count: 20))\r\n") == expected)
    #expect(client.largestReply < 600_000)
    #expect(client.send("get b\r\n") == "VALUE b 0 1\r\nx\r\nEND\r\n")
    // A key that is too long refuses the whole request, as long as it is.
    let long = String(repeating: "k", count: 251)
    let refusal = "CLIENT_ERROR bad command line format\r\n"
    #expect(client.send("get\(String(repeating: " a", count: 10)) \(long)\r\n") == refusal)
    #expect(client.send("gat 0 a a b\r\n") == one + one + "VALUE b 0 1\r\nx\r\nEND\r\n")
  }

  @Test("A classic reply waits for the quiet meta requests before it")
  func classicReplyBehindQuietOnes() throws {
    let client = TestServer(durability: .always).memcachedClient()
    #expect(client.send("ms a 1 q\r\nx\r\n") == "")
    #expect(client.send("version\r\n").hasPrefix("VERSION "))
    #expect(client.lastMarks.map(\.start) == [0])
    #expect(client.send("version\r\n").hasPrefix("VERSION ") && client.lastMarks.isEmpty)
  }

  @Test("The default limit of a value is 1 MiB")
  func defaultLimit() {
    let client = TestServer().memcachedClient()
    let most = String(repeating: "x", count: 1 << 20)
    #expect(client.send("set k 0 0 1048576\r\n\(most)\r\n") == "STORED\r\n")
    #expect(client.send("set k 0 0 1048577\r\n\(most)x\r\n") == "SERVER_ERROR object too large for cache\r\n")
    #expect(client.send("get k\r\n") == "END\r\n")
  }

  @Test("quit ends the connection, and so does a line without end; a long get is served")
  func endings() {
    let quit = TestServer().memcachedClient()
    #expect(quit.send("get k\r\nquit\r\nget k\r\n") == "END\r\n")
    #expect(quit.isClosed)
    for isWhole in [false, true] {
      let line = "set " + String(repeating: "k", count: 17_000) + (isWhole ? " 0 0 1\r\nx\r\n" : "")
      let client = TestServer().memcachedClient()
      #expect(client.send(line) == "CLIENT_ERROR line too long\r\n")
      #expect(client.isClosed)
    }
    let many = TestServer().memcachedClient()
    let keys = bytes("get " + (0..<2000).map { "key\($0)" }.joined(separator: " ") + "\r\n")
    #expect(text(many.send(Array(keys[..<5000])) + many.send(Array(keys[5000...]))) == "END\r\n")
  }

  @Test("A line is as long whether it comes whole or in pieces")
  func longLines() {
    let line = "set " + String(repeating: "k", count: 3000) + " 0 0 1\r\n"
    let refusal = "CLIENT_ERROR bad command line format\r\n"
    let whole = TestServer().memcachedClient()
    #expect(whole.send(line) == refusal)
    let pieces = TestServer().memcachedClient()
    #expect(pieces.send(String(line.prefix(2999))) == "")
    #expect(pieces.send(String(line.dropFirst(2999))) == refusal)
  }

  @Test("Numbers are read as C's strtoul reads them")
  func numbers() {
    let client = TestServer().memcachedClient()
    let read = [
      "0": 0, "007": 7, "+5": 5, "-0": 0, "\t7": 7, "7\u{b}x": 7, "4294967295": UInt32.max,
      "-18446744073709551615": 1,
    ]
    for (word, flags) in read {
      let reply = client.send("set k \(word) 0 1\r\nx\r\nget k\r\n")
      #expect(reply == "STORED\r\nVALUE k \(flags) 1\r\nx\r\nEND\r\n", "\(word)")
    }
    for word in ["-1", "-", "+-1", "1x", "0x1", "\t", "4294967296", "18446744073709551616", "1\u{0}1"] {
      #expect(client.send("set k \(word) 0 1\r\n") == "CLIENT_ERROR bad command line format\r\n", "\(word)")
    }
  }

  @Test("stats tells what clients read")
  func statistics() {
    let client = TestServer().memcachedClient()
    _ = client.send("set k 0 0 1\r\nx\r\nget k\r\nget j\r\nincr k 1\r\ndelete j\r\ntouch k 0\r\n")
    let statistics = client.send("stats\r\n")
    for field in [
      "cmd_get 2", "get_hits 1", "get_misses 1", "cmd_set 1", "delete_misses 1", "cmd_touch 1",
      "curr_items 1",
    ] {
      #expect(statistics.contains("STAT \(field)\r\n"), "\(field)")
    }
    #expect(statistics.hasSuffix("END\r\n"))
    #expect(client.send("version\r\n") == "VERSION 1.6.18-martlet-\(ServerContext.version)\r\n")
  }

  @Test("A collection is an error, not a miss, and stays what it is")
  func collections() {
    let server = TestServer()
    _ = server.redisClient().send("SADD s a\r\n")
    let client = server.memcachedClient()
    let error = "SERVER_ERROR the key holds a collection: use a Redis client for it\r\n"
    for request in ["get s", "gets s", "gat 0 s", "append s 0 0 1\r\nx", "incr s 1"] {
      #expect(client.send(request + "\r\n") == error, "\(request)")
    }
    #expect(server.redisClient().send("TYPE s\r\n") == "+set\r\n")
    #expect(client.send("set s 0 0 1\r\nx\r\n") == "STORED\r\n")
  }

  @Test("Flags and CAS survive what Redis clients do around them, and change with the value")
  func sharedKeys() {
    let server = TestServer()
    let client = server.memcachedClient()
    let redis = server.redisClient()
    _ = client.send("set k 9 0 1\r\n5\r\n")
    #expect(redis.send("GET k\r\nINCR k\r\n") == "$1\r\n5\r\n:6\r\n")
    #expect(client.send("gets k\r\n") == "VALUE k 9 1 2\r\n6\r\nEND\r\n")
    #expect(client.send("cas k 0 0 1 1\r\nx\r\n") == "EXISTS\r\n")
  }

  // MARK: Who it is

  private static let stranger = "CLIENT_ERROR unauthenticated\r\n"

  @Test("Where there are users, a client says set with its name and password first")
  func authentication() {
    func client() -> TestClient<MemcachedSession> {
      TestServer(password: "secret", users: ["ada": "two words"]).memcachedClient()
    }
    for (token, isRight) in [
      ("ada two words", true), ("default secret", true), ("ada secret", false), ("ada two", false),
      ("default two words", false), (" ada two words", false), ("ada two words ", false),
    ] {
      let client = client()
      let reply = client.send("set x 0 0 \(token.utf8.count)\r\n\(token)\r\nget x\r\n")
      #expect(
        reply == (isRight ? "STORED\r\nEND\r\n" : "CLIENT_ERROR authentication failure\r\n" + Self.stranger),
        "\(token)")
      // What is stored from then on is stored.
      #expect(
        !isRight || client.send("set x 0 0 1\r\n1\r\nget x\r\n") == "STORED\r\nVALUE x 0 1\r\n1\r\nEND\r\n")
    }
    for token in ["ada", "ada ", "", "two-words"] {
      #expect(
        client().send("set x 0 0 \(token.utf8.count)\r\n\(token)\r\n")
          == "CLIENT_ERROR bad authentication token format\r\n")
    }
  }

  @Test("A stranger is told nothing but that it is one, and changes nothing")
  func strangers() {
    let server = TestServer(users: ["ada": "secret"])
    let client = server.memcachedClient()
    for request in [
      "get k", "quit", "version", "stats", "mn", "flush_all", "set", "set k 0 0", "set k 0 0 x",
      "set k 0 0 -1", "set k 0 0 4294967296", "",
      "x", "SET k 0 0 10", String(repeating: "k ", count: 1000),
    ] {
      #expect(client.send(request + "\r\n") == Self.stranger, "\(request)")
    }
    #expect(client.send("add k 0 0 10\r\nada secret\r\n") == Self.stranger + Self.stranger)
    #expect(
      client.send("set k 0 0 10\r\nada secretxx") == "CLIENT_ERROR bad command line termination\r\n")
    #expect(!client.isClosed)
    #expect(client.send("set k 0 0 10 noreply\r\nada secret\r\nget k\r\n") == "STORED\r\nEND\r\n")
  }

  @Test("A stranger that sends more than names and passwords need is closed without a word")
  func largeStrangers() {
    for request in [
      "set x 0 0 1000000\r\n", "set x 0 0 4294967295\r\n", String(repeating: "x", count: 2049),
    ] {
      let client = TestServer(users: ["ada": "secret"]).memcachedClient()
      #expect(client.send(request) == "")
      #expect(client.isClosed)
    }
  }

  @Test("An authentication in pieces gets the same replies")
  func authenticationInPieces() {
    let pipeline = bytes(
      "get k\r\nset x 0 0 3\r\nada\r\nset x 0 0 10\r\nada secret\r\nset k 0 0 1\r\n1\r\nget k\r\n")
    let expected =
      Self.stranger
      + "CLIENT_ERROR bad authentication token format\r\nSTORED\r\nSTORED\r\nVALUE k 0 1\r\n1\r\nEND\r\n"
    for position in 0...pipeline.count {
      let client = TestServer(users: ["ada": "secret"]).memcachedClient()
      let reply = client.send(Array(pipeline[..<position])) + client.send(Array(pipeline[position...]))
      #expect(text(reply) == expected, "split at \(position)")
    }
  }

  @Test("Garbage never crashes a session", arguments: 0..<40 as Range<UInt64>)
  func garbage(_ seed: UInt64) {
    var random = RandomSource(seed: seed)
    let pieces = MemcachedConversations.all.flatMap(\.exchanges).map(\.request)
    for _ in 0..<30 {
      let client = TestServer().memcachedClient(SessionLimits(keyBytes: 20, valueBytes: 100))
      var input: [UInt8] = []
      for _ in 0..<30 {
        var request = bytes(pieces.randomElement(using: &random)! + "\r\n")
        if Int.random(in: 0..<3, using: &random) == 0 {
          request[Int.random(in: 0..<request.count, using: &random)] = UInt8.random(
            in: 0...255, using: &random)
        }
        input += request
      }
      var rest = input[...]
      while !rest.isEmpty {
        let length = Int.random(in: 1...max(1, min(rest.count, 200)), using: &random)
        _ = client.send(Array(rest.prefix(length)))
        rest = rest.dropFirst(length)
      }
    }
  }

  @Test("touch and gat change no value, so its CAS stays; incr and append make a new one")
  func touchKeepsCAS() {
    let client = TestServer().memcachedClient()
    _ = client.send("set k 0 0 1\r\n1\r\ntouch k 100\r\ngat 200 k\r\n")
    #expect(client.send("gets k\r\n") == "VALUE k 0 1 1\r\n1\r\nEND\r\n")
    #expect(client.send("incr k 1\r\ngets k\r\n") == "2\r\nVALUE k 0 1 4\r\n2\r\nEND\r\n")
    #expect(client.send("touch k 100\r\nappend k 0 0 1\r\nx\r\n") == "TOUCHED\r\nSTORED\r\n")
    #expect(client.send("gets k\r\n") == "VALUE k 0 2 6\r\n2x\r\nEND\r\n")
  }

  // MARK: What differs from memcached, and is meant to

  @Test("Flags over 32 bits are refused, and far expiry times stay in the future")
  func intendedDifferences() {
    let client = TestServer().memcachedClient()
    #expect(client.send("set k 4294967296 0 1\r\n").hasPrefix("CLIENT_ERROR bad command line format\r\n"))
    // memcached keeps times in 32 bits, and far ones wrap around into the past.
    #expect(
      client.send("set k 0 9223372036854775807 1\r\nx\r\nget k\r\n")
        == "STORED\r\nVALUE k 0 1\r\nx\r\nEND\r\n")
  }
}
