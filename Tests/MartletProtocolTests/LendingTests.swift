// Large values that are lent for as long as their replies are on the way: they stay what they were, and come back.
import Martlet
import Testing

@Suite("Lent values")
struct LendingTests {
  private static let value = String(repeating: "v", count: 100_000)

  private static func bulk(_ value: String) -> String { "$\(value.utf8.count)\r\n\(value)\r\n" }

  /// A server with a large value at `key`, and a client that has been lent it.
  private func lending() -> (TestServer, TestClient<RESPSession>) {
    let server = TestServer()
    let client = server.redisClient()
    client.lendsValues = true
    #expect(client.send(array(["SET", "key", Self.value])) == "+OK\r\n")
    #expect(client.send(array(["GET", "key"])) == Self.bulk(Self.value))
    #expect(client.lent.count == 1)
    return (server, client)
  }

  private static let everyChange: [(words: [String], left: String?)] = [
    (["SET", "key", String(repeating: "w", count: 100_000)], String(repeating: "w", count: 100_000)),
    (["SET", "key", "short"], "short"),
    (["APPEND", "key", "x"], value + "x"),
    (["SETRANGE", "key", "0", "x"], "x" + value.dropFirst()),
    (["SETRANGE", "key", "300000", "x"], value + String(repeating: "\0", count: 200_000) + "x"),
    (["EXPIRE", "key", "100"], value),
    (["DEL", "key"], nil),
    (["GETDEL", "key"], nil),
    (["FLUSHALL"], nil),
    (["RENAME", "key", "other"], nil),
    (["SADD", "key", "member"], value),
  ]

  @Test(
    "A lent value stays as it was, whatever becomes of its key, and is free afterwards",
    arguments: everyChange.indices)
  func changes(_ number: Int) {
    let (words, left) = Self.everyChange[number]
    let (server, client) = lending()
    let other = server.redisClient()
    let copied = TestServer()
    let copying = copied.redisClient()
    _ = copying.send(array(["SET", "key", Self.value]))
    #expect(other.send(array(words)) == copying.send(array(words)))
    // Others' values find no room in what is lent.
    for number in 0..<20 {
      for client in [other, copying] {
        _ = client.send(array(["SET", "k\(number)", String(repeating: "o", count: 100_000)]))
      }
    }
    #expect(client.lent.allSatisfy { $0.bytes.equals(Self.value.utf8.span.raw) })
    #expect(other.send(array(["GET", "key"])) == (left.map(Self.bulk) ?? "$-1\r\n"))
    client.takeBack()
    #expect(server.store.keyspace.usedBytes == copied.store.keyspace.usedBytes)
  }

  @Test("What is lent twice comes back twice")
  func twice() {
    let (server, client) = lending()
    let other = server.redisClient()
    other.lendsValues = true
    #expect(other.send(array(["GET", "key"])) == Self.bulk(Self.value))
    #expect(client.send(array(["DEL", "key"])) == ":1\r\n")
    client.takeBack()
    for number in 0..<20 {
      _ = client.send(array(["SET", "k\(number)", String(repeating: "o", count: 100_000)]))
    }
    #expect(other.lent.allSatisfy { $0.bytes.equals(Self.value.utf8.span.raw) })
    other.takeBack()
  }

  @Test("Replies with lent values are what they are with copies")
  func sameReplies() {
    let small = "small"
    let requests =
      array(["SET", "a", Self.value]) + array(["SET", "b", small]) + array(["MGET", "a", "b", "none", "a"])
      + array(["MULTI"]) + array(["GET", "a"]) + array(["GET", "b"]) + array(["GET", "a"]) + array(["EXEC"])
      + array(["GET", "b"]) + array(["GET", "a"]) + array(["GETRANGE", "a", "0", "3"])
    let client = TestServer().redisClient()
    client.lendsValues = true
    #expect(client.send(requests) == TestServer().redisClient().send(requests))
    #expect(client.lent.count == 5)
    client.takeBack()
  }

  @Test("Clients of memcached are lent values, too")
  func memcached() {
    let requests =
      "set a 7 0 100000\r\n\(Self.value)\r\nget a\r\nset b 0 0 1\r\nb\r\nget b a none a\r\nmg a v f\r\nmg a v s q\r\n"
      + "gat 0 a\r\nmn\r\n"
    let client = TestServer().memcachedClient()
    client.lendsValues = true
    #expect(client.send(requests) == TestServer().memcachedClient().send(requests))
    #expect(client.lent.count == 6)
    client.takeBack()
  }

  @Test("A reply that becomes too large is replaced, with all that was lent for it")
  func tooLarge() {
    let (_, client) = lending()
    client.takeBack()
    client.replyLimit = 250_000
    #expect(client.send(array(["MGET", "key", "key"])).hasPrefix("*2\r\n$100000\r\n"))
    client.takeBack()
    let refused = "-ERR the reply would be larger than 1 GiB: ask for less at a time\r\n"
    #expect(client.send(array(["MGET", "key", "key", "key"])) == refused)
    client.takeBack()
    #expect(
      client.send(array(["GET", "key"]) + array(["MGET", "key", "key", "key"])).hasSuffix("\r\n" + refused))
    client.takeBack()
    #expect(client.replyLimit == 250_000)
  }

  @Test("Replies that are held have copies of what they were lent, and leave from the right byte on")
  func held() {
    let server = TestServer(durability: .always)
    var execution = Execution(server.store, server.context, seed: 1)
    execution.lendsValues = true
    var session = RESPSession(
      server.context.clients.connect(from: "127.0.0.1:5", to: "127.0.0.1:6379"), .redis, server.context)
    var held = HeldReplies(HeldBytes())
    _ = unsafe session.receive(bytes(array(["SET", "a", Self.value])).span.bytes, &execution)
    execution.reply.removeAll()
    server.store.journal.commit()

    let requests =
      array(["GET", "a"]) + array(["GET", "a"]) + array(["SET", "b", "c"]) + array(["GET", "a"])
    _ = unsafe session.receive(bytes(requests).span.bytes, &execution)
    #expect(execution.reply.lent.count == 3)
    held.append(execution.reply)
    execution.takeBack(execution.reply.removeLent())
    execution.reply.removeAll()
    let free = Self.bulk(Self.value) + Self.bulk(Self.value)
    #expect(held.releasedCount(by: server.store.journal) == free.utf8.count)
    server.store.journal.commit()
    let replies = free + "+OK\r\n" + Self.bulk(Self.value)
    #expect(held.releasedCount(by: server.store.journal) == replies.utf8.count)
    #expect(held.prefix(held.count).array == bytes(replies))
    held.removeAll()
  }
}
