// The memcached protocol: what is replied, whatever pieces the requests come in; and what ends a connection.
import Martlet
import Testing

@Suite("The memcached protocol")
struct MemcachedSessionTests {
  @Test("Requests are replied to as memcached does", arguments: MemcachedConversations.all)
  func conversations(_ conversation: Conversation) {
    let client = TestServer().memcachedClient()
    var differences: [String] = []
    for exchange in conversation.exchanges {
      let reply = client.send(exchange.request + "\r\n")
      if reply != exchange.reply {
        differences.append(
          "\(exchange.request.debugDescription): \(reply.debugDescription), memcached says "
            + exchange.reply.debugDescription)
      }
    }
    #expect(differences == [])
  }

  @Test(
    "A pipeline in any two pieces, or byte by byte, gets the same replies",
    arguments: MemcachedConversations.all)
  func splits(_ conversation: Conversation) {
    let pipeline = bytes(conversation.exchanges.map { $0.request + "\r\n" }.joined())
    let expected = text(TestServer().memcachedClient().send(pipeline))
    #expect(expected == conversation.exchanges.map(\.reply).joined())
    for position in stride(from: 0, through: pipeline.count, by: max(1, pipeline.count / 700)) {
      let client = TestServer().memcachedClient()
      let reply = client.send(Array(pipeline[..<position])) + client.send(Array(pipeline[position...]))
      guard text(reply) == expected else {
        Issue.record("another reply when split at \(position)")
        break
      }
    }
    let client = TestServer().memcachedClient()
    var reply: [UInt8] = []
    for byte in pipeline { reply += client.send([byte]) }
    #expect(text(reply) == expected)
  }
}
