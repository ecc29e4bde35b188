// The meta commands of the memcached protocol: what is replied, whatever pieces the requests come in; and what is kept.
import Martlet
import Testing

@Suite("memcached's meta commands")
struct MemcachedMetaTests {
  @Test("Requests are replied to as memcached does", arguments: MetaConversations.all)
  func conversations(_ conversation: Conversation) {
    expectReplies(conversation)
  }

  @Test(
    "A pipeline in any two pieces, or byte by byte, gets the same replies", arguments: MetaConversations.all)
  func splits(_ conversation: Conversation) {
    expectSameInPieces(
      conversation.exchanges.map { $0.request + "\r\n" }.joined(),
      conversation.exchanges.map(\.reply).joined()
    ) { TestServer().memcachedClient() }
  }

  @Test("A value over the limit is passed over, and what was there is gone, whatever the mode")
  func tooLarge() {
    let client = TestServer().memcachedClient(SessionLimits(keyBytes: 250, valueBytes: 10))
    let body = String(repeating: "x", count: 11)
    let error = "SERVER_ERROR object too large for cache\r\n"
    for flags in ["", " q", " ME", " MA C5", " k O1"] {
      #expect(client.send("ms k 2\r\nab\r\nmg k\r\n") == "HD\r\nHD\r\n")
      #expect(client.send("ms k 11\(flags)\r\n\(body)\r\nmg k\r\n") == error + "EN\r\n")
    }
    #expect(client.send("ms k 6\r\nabcdef\r\n") == "HD\r\n")
    #expect(client.send("ms k 6 MA q\r\nabcdef\r\nmg k v\r\n") == error + "VA 6\r\nabcdef\r\n")
  }

  @Test("A collection is refused by name, and deleted")
  func collections() {
    let server = TestServer()
    #expect(server.redisClient().send(array(["SADD", "s", "x"])) == ":1\r\n")
    let client = server.memcachedClient()
    let error = "SERVER_ERROR the key holds a collection: use a Redis client for it\r\n"
    for request in [
      "mg s", "mg s v q", "mg s N0 T0", "ma s", "ma s N0", "md s I", "md s x", "ms s 1 MA\r\nx",
    ] {
      #expect(client.send(request + "\r\n") == error, "\(request)")
    }
    #expect(client.send("ms s 1 ME\r\nx\r\nms s 1 q\r\nx\r\nmg s v\r\n") == "NS\r\nVA 1\r\nx\r\n")
  }

  @Test("What writes a value takes the mark of the old one; what only names or times it keeps the mark")
  func marks() {
    let server = TestServer()
    let redis = server.redisClient()
    let client = server.memcachedClient()
    let takes = [
      "SET k 1", "SET k 1 KEEPTTL", "SETEX k 100 1", "GETSET k 1", "MSET k 1", "APPEND k 1", "SETRANGE k 0 1",
      "INCR k", "DECRBY k 1", "PREPEND k 1",
    ]
    let keeps = ["EXPIRE k 100", "PERSIST k", "GETEX k EX 100", "COPY k j", "RENAME k k", "GET k", "TTL k"]
    for (commands, isKept) in [(takes, false), (keeps, true)] {
      for command in commands {
        #expect(client.send("ms k 1 T50\r\n5\r\nmd k I\r\n") == "HD\r\nHD\r\n")
        _ = redis.send(array(command.split(separator: " ").map(String.init)))
        #expect(client.send("mg k\r\n") == (isKept ? "HD X W\r\n" : "HD\r\n"), "\(command)")
      }
    }
    #expect(client.send("ms k 1\r\n5\r\nmd k I\r\n") == "HD\r\nHD\r\n")
    #expect(redis.send(array(["RENAME", "k", "l"])) == "+OK\r\n")
    #expect(client.send("mg l v\r\n") == "VA 1 X W\r\n5\r\n")
    #expect(redis.send(array(["SET", "m", "1", "STALE"])) == "+OK\r\n")
    #expect(client.send("mg m\r\n") == "HD X W\r\n")
  }

  @Test("A reply that is left out is vouched for by the next one, which waits for the disk in its place")
  func quiet() {
    let server = TestServer(durability: .always)
    let client = server.memcachedClient()
    #expect(client.send("ms k 1 q\r\nx\r\n") == "")
    #expect(client.send("mn\r\n") == "MN\r\n")
    #expect(client.lastMarks.map(\.version) == [1])
    server.store.journal.commit()
    #expect(client.send("mn\r\n") == "MN\r\n")
    #expect(client.lastMarks.isEmpty)
    // A miss that isn't told shows a deletion.
    #expect(client.send("md k q\r\n") == "")
    server.store.journal.commit()
    #expect(server.memcachedClient().send("ms k 1\r\ny\r\nmd k\r\n") == "HD\r\nHD\r\n")
    #expect(client.send("mg k q\r\n") == "")
    #expect(client.send("mn\r\n") == "MN\r\n")
    #expect(client.lastMarks.map(\.version) == [4])
  }

  @Test("Nothing is made or touched by those who have to wait for the journal")
  func waitsForRoom() {
    let server = TestServer(durability: .always, maximumPendingBytes: 1)
    let client = server.memcachedClient()
    #expect(client.send("ms k 1\r\nx\r\n") == "HD\r\n")
    for request in ["mg k T30\r\n", "mg j N30\r\n", "md k\r\n", "md k I\r\n", "ma k\r\n", "ms k 1\r\ny\r\n"] {
      let client = server.memcachedClient()
      #expect(client.send(request) == "")
      #expect(client.lastStep == .waitForRoom)
    }
    #expect(server.memcachedClient().send("mg k v t\r\nmg j\r\n") == "VA 1 t-1\r\nx\r\nEN\r\n")
  }

  @Test("Over the memory limit nothing is made: a miss stays one")
  func memoryLimit() {
    let server = TestServer()
    let client = server.memcachedClient()
    #expect(client.send("ms n 1\r\n5\r\n") == "HD\r\n")
    server.context.memoryLimit = 1
    #expect(client.send("ms k 1 q\r\nx\r\n") == "SERVER_ERROR out of memory storing object\r\n")
    #expect(client.send("mg k N30 k\r\n") == "EN kk\r\n")
    #expect(client.send("ma k N30\r\n") == "SERVER_ERROR Out of memory allocating new item\r\n")
    #expect(client.send("mg n v\r\nmd n\r\n") == "VA 1\r\n5\r\nHD\r\n")
  }

  @Test("Random requests are all replied to, and byte by byte as they are whole")
  func randomRequests() {
    let words = [
      "a", "b", "YQ==", "k", "v", "q", "t", "f", "c", "h", "l", "s", "u", "b", "x", "I", "T0", "T30", "T-1",
      "N0",
      "N30", "R30", "R100", "C1", "C5", "E7", "F3", "M", "MA", "ME", "MS", "MD", "M-", "J5", "D3", "O1", "O",
      "Px", "1",
      "\u{ff}",
    ]
    for seed in 1...200 as ClosedRange<UInt64> {
      var random = RandomSource(seed: seed)
      var pipeline = ""
      for _ in 0..<30 {
        let command = ["mg", "ms", "md", "ma", "me", "mn", "mg", "ms"].randomElement(using: &random) ?? ""
        var request = [command, ["a", "b", "c", "YQ=="].randomElement(using: &random) ?? ""]
        if command == "ms" { request.append("1") }
        for _ in 0..<Int.random(in: 0...5, using: &random) {
          request.append(words.randomElement(using: &random) ?? "")
        }
        pipeline += request.joined(separator: " ") + "\r\n" + (command == "ms" ? "5\r\n" : "")
      }
      let whole = TestServer().memcachedClient().send(bytes(pipeline))
      let client = TestServer().memcachedClient()
      var reply: [UInt8] = []
      for byte in bytes(pipeline) { reply += client.send([byte]) }
      #expect(reply == whole, "seed \(seed)")
      #expect(client.send("\r\nmn\r\n").hasSuffix("MN\r\n"), "seed \(seed)")
    }
  }
}
