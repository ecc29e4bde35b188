// The Redis protocol: what is replied, whatever pieces the requests come in; and what ends a connection.
import Martlet
import Testing

extension Conversation {
  /// Those of the Redis protocol.
  static let all = RedisConversations.all + HashConversations.all + ListConversations.all
}

@Suite("The Redis protocol")
struct RESPSessionTests {
  /// Plays a conversation line by line and collects what differs.
  private func play(_ conversation: Conversation, isResp3: Bool, _ form: (String) -> String) -> [String] {
    let client = TestServer().redisClient()
    if isResp3 { _ = client.send("HELLO 3\r\n") }
    var differences: [String] = []
    for exchange in conversation.exchanges {
      let reply = client.send(form(exchange.request))
      let expected = isResp3 ? exchange.resp3 : exchange.reply
      if reply != expected {
        differences.append(
          "\(exchange.request): \(reply.debugDescription), Redis says \(expected.debugDescription)")
      }
    }
    return differences
  }

  @Test(
    "Inline requests are replied to as Redis does", arguments: Conversation.ofRedis)
  func inline(_ conversation: Conversation) {
    #expect(play(conversation, isResp3: false) { $0 + "\r\n" } == [])
    #expect(play(conversation, isResp3: true) { $0 + "\r\n" } == [])
  }

  @Test(
    "Requests in arrays are replied to as Redis does",
    arguments: Conversation.ofRedis)
  func arrays(_ conversation: Conversation) {
    #expect(play(conversation, isResp3: false, Self.asArray) == [])
    #expect(play(conversation, isResp3: true, Self.asArray) == [])
  }

  /// A line without quotes as an array; one with quotes as it is.
  private static func asArray(_ line: String) -> String {
    line.contains("\"") ? line + "\r\n" : array(line.split(separator: " ").map(String.init))
  }

  @Test(
    "A pipeline in any two pieces, or byte by byte, gets the same replies",
    arguments: Conversation.ofRedis)
  func splits(_ conversation: Conversation) {
    for form in [{ $0 + "\r\n" }, Self.asArray] {
      expectSameInPieces(
        conversation.exchanges.map { form($0.request) }.joined(),
        conversation.exchanges.map(\.reply).joined()
      ) { TestServer().redisClient() }
    }
  }

  // MARK: What ends a connection

  /// Bytes that break the protocol, and Redis's last words, if it has any.
  private static let broken: [(input: String, reply: String)] = [
    ("*abc\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
    ("*99999999999999999999\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
    ("*1048577\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
    ("*\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
    ("*1\r\n:1\r\n", "-ERR Protocol error: expected '$', got ':'\r\n"),
    ("*2\r\n$4\r\nPING\r\nx", "-ERR Protocol error: expected '$', got 'x'\r\n"),
    ("*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
    ("*1\r\n$abc\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
    ("*1\r\n$536870913\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
    ("GET \"a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
    ("GET \"a\"b\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
    ("GET 'a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
    ("QUIT\r\n", "+OK\r\n"),
    ("POST / HTTP/1.1\r\n", ""),
    ("Host: example\r\n", ""),
  ]

  @Test("Requests that break the protocol get its error, after what came before, and the connection ends")
  func brokenRequests() {
    for (input, reply) in Self.broken {
      for isByteByByte in [false, true] {
        let client = TestServer().redisClient()
        let all = bytes("PING\r\n" + input + "PING\r\n")
        var heard: [UInt8] = []
        if isByteByByte {
          for byte in all { heard += client.send([byte]) }
        } else {
          heard = client.send(all)
        }
        #expect(text(heard) == "+PONG\r\n" + reply, "\(input.debugDescription)")
        #expect(client.isClosed, "\(input.debugDescription)")
      }
    }
  }

  @Test("Empty requests get no reply")
  func emptyRequests() {
    let client = TestServer().redisClient()
    #expect(client.send("\r\n\n*0\r\n*-1\r\n   \r\nPING\n") == "+PONG\r\n")
    #expect(!client.isClosed)
  }

  @Test("Inline words are quoted as in Redis")
  func inlineQuoting() {
    let client = TestServer().redisClient()
    for (line, word) in [
      ("ECHO \"a\\x41\\n\\\\\\\"\"", "aA\n\\\""), ("ECHO 'a\\'b\\n'", "a'b\\n"), ("ECHO a\\b", "a\\b"),
      ("  ECHO\t''  ", ""), ("ECHO \"\\xzz\\q\"", "xzzq"), ("ECHO a\"b\"", "ab"),
    ] {
      #expect(client.send(line + "\r\n") == "$\(word.utf8.count)\r\n\(word)\r\n", "\(line)")
    }
  }

  // MARK: Limits

  @Test("An inline request may have 64 KiB, whole or in pieces")
  func longInline() {
    let most = "ECHO " + String(repeating: "a", count: (64 << 10) - 6)
    #expect(TestServer().redisClient().send(most + "\r\n").hasPrefix("$65530\r\n"))
    let tooLong = bytes("ECHO " + String(repeating: "a", count: 64 << 10) + "\r\n")
    let error = "-ERR Protocol error: too big inline request\r\n"
    let whole = TestServer().redisClient()
    #expect(text(whole.send(tooLong)) == error)
    #expect(whole.isClosed)
    let pieces = TestServer().redisClient()
    #expect(text(pieces.send(Array(tooLong[..<5000])) + pieces.send(Array(tooLong[5000...]))) == error)
    #expect(pieces.isClosed)
  }

  @Test("Numbers of a request that never end are refused")
  func endlessLength() {
    let client = TestServer().redisClient()
    #expect(client.send("*" + String(repeating: "0", count: 70_000)).hasPrefix("-ERR Protocol error"))
    #expect(client.isClosed)
    let other = TestServer().redisClient()
    #expect(other.send("*1\r\n$" + String(repeating: "x", count: 70_000)).hasPrefix("-ERR Protocol error"))
    #expect(other.isClosed)
  }

  @Test("A request of the most words is served")
  func manyWords() {
    let client = TestServer().redisClient()
    let count = 1 << 20
    let request = "*\(count)\r\n$3\r\nDEL\r\n" + String(repeating: "$1\r\nk\r\n", count: count - 1)
    #expect(client.send(request) == ":0\r\n")
  }

  @Test("Before the password, requests are small")
  func unauthenticatedLimits() {
    func client() -> TestClient<RESPSession> { TestServer(password: "secret").redisClient() }
    let many = client()
    #expect(many.send("*11\r\n") == "-ERR Protocol error: unauthenticated multibulk length\r\n")
    #expect(many.isClosed)
    let large = client()
    #expect(
      large.send("*2\r\n$4\r\nAUTH\r\n$16385\r\n") == "-ERR Protocol error: unauthenticated bulk length\r\n")
    #expect(large.isClosed)
    let right = client()
    #expect(
      right.send("AUTH secret\r\n*11\r\n" + "$3\r\nDEL\r\n" + String(repeating: "$1\r\nk\r\n", count: 10))
        == "+OK\r\n:0\r\n")
  }

  @Test("Keys and values over the server's limits are refused, and the connection goes on")
  func settableLimits() {
    let client = TestServer().redisClient(SessionLimits(keyBytes: 5, valueBytes: 10))
    let key = "-ERR the key is longer than max-key-bytes allows (5)\r\n"
    let value = "-ERR the value is longer than max-value-bytes allows (10)\r\n"
    for (request, reply) in [
      ("SET 12345 1234567890", "+OK\r\n"), ("SET 123456 v", key), ("GET 123456", key), ("DEL a 123456", key),
      ("MSET a 1 123456 2", key), ("RENAME 12345 123456", key), ("COPY 12345 123456", key),
      ("SADD 123456 m", key),
      ("EXPIRE 123456 1", key), ("SET k 12345678901", value), ("APPEND 12345 x", value),
      ("PREPEND 12345 x", value),
      ("SETNX k 12345678901", value),
      ("SETEX k 9 12345678901", value), ("GETSET k 12345678901", value), ("MSET k 1 j 12345678901", value),
      ("SETRANGE k 5 123456", value), ("SADD s 12345678901", value), ("EXISTS k j s", ":0\r\n"),
      ("SETRANGE k 5 12345", ":10\r\n"), ("SADD s 1234567890", ":1\r\n"), ("PING", "+PONG\r\n"),
    ] {
      #expect(client.send(request + "\r\n") == reply, "\(request)")
    }
  }

  // MARK: Chance

  @Test("Garbage never crashes a session", arguments: 0..<40 as Range<UInt64>)
  func garbage(_ seed: UInt64) {
    var random = RandomSource(seed: seed)
    let pieces = Conversation.ofRedis.flatMap(\.exchanges).map(\.request)
    for _ in 0..<30 {
      let client = TestServer().redisClient(
        SessionLimits(keyBytes: 20, valueBytes: 1000))
      var input: [UInt8] = []
      for _ in 0..<20 {
        switch Int.random(in: 0..<6, using: &random) {
        case 0:
          input += (0..<Int.random(in: 0..<40, using: &random)).map { _ in
            UInt8.random(in: 0...255, using: &random)
          }
        case 1:
          input += bytes(
            "*\(Int.random(in: -2..<5, using: &random))\r\n$\(Int.random(in: -2..<9, using: &random))\r\n")
        case 2:
          var request = bytes(Self.asArray(pieces.randomElement(using: &random)!))
          request[Int.random(in: 0..<request.count, using: &random)] = UInt8.random(
            in: 0...255, using: &random)
          input += request
        default: input += bytes(Self.asArray(pieces.randomElement(using: &random)!))
        }
      }
      // The fixture checks what is consumed.
      var rest = input[...]
      while !rest.isEmpty {
        let length = Int.random(in: 1...max(1, min(rest.count, 200)), using: &random)
        _ = client.send(Array(rest.prefix(length)))
        rest = rest.dropFirst(length)
      }
    }
  }

  @Test("Numbers at their bounds crash no command")
  func extremeNumbers() {
    let numbers = [
      "9223372036854775807", "-9223372036854775808", "18446744073709551615", "0", "-1", "4611686018427387904",
    ]
    let client = TestServer().redisClient()
    _ = client.send("SET k abc\r\nSADD s a b c\r\nSET n 5\r\nPEXPIREAT n 9223372036854775807\r\n")
    // QUIT ends the session, and WAIT may wait for ever.
    for declaration in CommandDeclaration.all
    where !declaration.isSubcommand && declaration.name != "QUIT" && declaration.name != "WAIT" {
      for first in numbers {
        for second in numbers {
          for key in ["n", "s"] {
            for line in [
              "\(declaration.name) \(key) \(first)", "\(declaration.name) \(key) \(first) \(second)",
              "\(declaration.name) \(first) \(second)", "\(declaration.name) \(first) COUNT \(second)",
              "\(declaration.name) \(key) \(first) COUNT \(second)",
            ] where declaration.name != "SRANDMEMBER" || !first.hasPrefix("-") {
              let reply = client.send(line + "\r\n")
              #expect(!reply.isEmpty && !client.isClosed, "\(line)")
            }
          }
        }
      }
    }
  }

  // MARK: What differs from Redis, and is meant to

  @Test("Where Redis is lax or silent, requests are refused")
  func intendedDifferences() {
    let client = TestServer().redisClient()
    for (request, reply) in [
      // Redis takes the last of an option given twice.
      ("SET k v EX 10 EX 20", "-ERR syntax error\r\n"), ("GETEX k PERSIST PERSIST", "-ERR syntax error\r\n"),
      // Redis reads cursors as C's strtoul does.
      ("SCAN -1", "-ERR invalid cursor\r\n"), ("SCAN +0", "-ERR invalid cursor\r\n"),
      ("SCAN \"\"", "-ERR invalid cursor\r\n"), ("HSCAN none -1", "-ERR invalid cursor\r\n"),
      // Redis would begin to return as many.
      ("SRANDMEMBER none -16777217", "-ERR value is out of range\r\n"),
      ("HRANDFIELD none -16777217", "-ERR value is out of range\r\n"),
    ] {
      #expect(client.send(request + "\r\n") == reply, "\(request)")
    }
  }
}
