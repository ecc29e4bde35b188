// The Redis protocol: what is replied, whatever pieces the requests come in; and what ends a connection.
import Martlet
import Testing

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

  @Test("Inline requests are replied to as Redis does", arguments: RedisConversations.all)
  func inline(_ conversation: Conversation) {
    #expect(play(conversation, isResp3: false) { $0 + "\r\n" } == [])
    #expect(play(conversation, isResp3: true) { $0 + "\r\n" } == [])
  }

  @Test("Requests in arrays are replied to as Redis does", arguments: RedisConversations.all)
  func arrays(_ conversation: Conversation) {
    #expect(play(conversation, isResp3: false, Self.asArray) == [])
    #expect(play(conversation, isResp3: true, Self.asArray) == [])
  }

  /// A line without quotes as an array; one with quotes as it is.
  private static func asArray(_ line: String) -> String {
    line.contains("\"") ? line + "\r\n" : array(line.split(separator: " ").map(String.init))
  }

  @Test(
    "A pipeline in any two pieces, or byte by byte, gets the same replies", arguments: RedisConversations.all)
  func splits(_ conversation: Conversation) {
    for form in [{ $0 + "\r\n" }, Self.asArray] {
      let pipeline = bytes(conversation.exchanges.map { form($0.request) }.joined())
      let expected = text(TestServer().redisClient().send(pipeline))
      #expect(expected == conversation.exchanges.map(\.reply).joined())
      // Every position of short pipelines, and of long ones as many, spread.
      for position in stride(from: 0, through: pipeline.count, by: max(1, pipeline.count / 700)) {
        let client = TestServer().redisClient()
        let reply = client.send(Array(pipeline[..<position])) + client.send(Array(pipeline[position...]))
        guard text(reply) == expected else {
          Issue.record("another reply when split at \(position)")
          break
        }
      }
      let client = TestServer().redisClient()
      var reply: [UInt8] = []
      for byte in pipeline { reply += client.send([byte]) }
      #expect(text(reply) == expected)
    }
  }
}
