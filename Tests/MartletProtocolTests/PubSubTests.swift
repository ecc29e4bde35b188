// What several clients hear of one another: on channels, in which order, and how much may wait for one.
import Martlet
import Testing

@Suite("Channels")
struct PubSubTests {
  private let server = TestServer()

  private func subscriber(_ request: String, resp3: Bool = false) -> TestClient<RESPSession> {
    let client = server.redisClient()
    if resp3 { _ = client.send("HELLO 3\r\n") }
    _ = client.send(request + "\r\n")
    return client
  }

  private func message(_ channel: String, _ message: String, resp3: Bool = false) -> String {
    (resp3 ? ">3" : "*3") + "\r\n$7\r\nmessage\r\n$\(channel.utf8.count)\r\n\(channel)\r\n"
      + "$\(message.utf8.count)\r\n\(message)\r\n"
  }

  @Test("All who listen hear a message, each in the version of the protocol that it speaks")
  func versions() {
    let old = subscriber("SUBSCRIBE news")
    let new = subscriber("SUBSCRIBE news", resp3: true)
    let speaker = server.redisClient()
    #expect(speaker.send("PUBLISH news hello\r\n") == ":2\r\n")
    #expect(old.pushes() == message("news", "hello"))
    #expect(new.pushes() == message("news", "hello", resp3: true))
    #expect(old.pushes() == "")
  }

  @Test("A pattern hears what matches, besides the channel itself; shard channels are a world of their own")
  func patterns() {
    let client = subscriber("SUBSCRIBE news.art")
    _ = client.send("PSUBSCRIBE news.* *.art x\r\n")
    _ = client.send("SSUBSCRIBE news.art\r\n")
    let speaker = server.redisClient()
    #expect(speaker.send("PUBLISH news.art m\r\n") == ":3\r\n")
    let heard = client.pushes()
    #expect(heard.hasPrefix(message("news.art", "m")))
    for pattern in ["news.*", "*.art"] {
      #expect(
        heard.contains(
          "*4\r\n$8\r\npmessage\r\n$\(pattern.count)\r\n\(pattern)\r\n$8\r\nnews.art\r\n$1\r\nm\r\n"))
    }
    #expect(speaker.send("SPUBLISH news.art s\r\n") == ":1\r\n")
    #expect(client.pushes() == "*3\r\n$8\r\nsmessage\r\n$8\r\nnews.art\r\n$1\r\ns\r\n")
    #expect(speaker.send("PUBSUB NUMPAT\r\n") == ":3\r\n")
    #expect(speaker.send("PUBSUB CHANNELS n*\r\n") == "*1\r\n$8\r\nnews.art\r\n")
    #expect(speaker.send("PUBSUB CHANNELS x*\r\n") == "*0\r\n")
    #expect(speaker.send("PUBSUB SHARDCHANNELS\r\n") == "*1\r\n$8\r\nnews.art\r\n")
    #expect(speaker.send("PUBSUB NUMSUB news.art b\r\n") == "*4\r\n$8\r\nnews.art\r\n:1\r\n$1\r\nb\r\n:0\r\n")
    #expect(speaker.send("PUBSUB SHARDNUMSUB news.art\r\n") == "*2\r\n$8\r\nnews.art\r\n:1\r\n")
  }

  @Test("Who speaks to itself hears it behind the reply, in a transaction behind all replies")
  func itself() {
    let client = subscriber("SUBSCRIBE a", resp3: true)
    #expect(client.send("PUBLISH a x\r\nPING\r\n") == ":1\r\n" + message("a", "x", resp3: true) + "+PONG\r\n")
    #expect(
      client.send("MULTI\r\nPUBLISH a y\r\nPING\r\nEXEC\r\n")
        == "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n+PONG\r\n" + message("a", "y", resp3: true))
    #expect(client.pushes() == "")
  }

  @Test("What was said before a client left a channel comes before the word that it has left")
  func leaving() {
    let client = subscriber("SUBSCRIBE a")
    let speaker = server.redisClient()
    _ = speaker.send("PUBLISH a 1\r\nPUBLISH a 2\r\n")
    #expect(
      client.send("UNSUBSCRIBE a\r\n")
        == message("a", "1") + message("a", "2") + "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n")
    #expect(speaker.send("PUBLISH a 3\r\n") == ":0\r\n")
    #expect(client.pushes() == "")
  }

  @Test("A client that resets, or goes, listens no more")
  func going() {
    let speaker = server.redisClient()
    let client = subscriber("SUBSCRIBE a")
    #expect(client.send("RESET\r\n") == "+RESET\r\n")
    #expect(speaker.send("PUBLISH a x\r\n") == ":0\r\n")
    // It may listen anew.
    _ = client.send("SUBSCRIBE a\r\n")
    #expect(speaker.send("PUBLISH a y\r\n") == ":1\r\n")
    #expect(client.pushes() == message("a", "y"))
    do {
      let other = subscriber("PSUBSCRIBE *")
      #expect(speaker.send("PUBLISH a z\r\n") == ":2\r\n")
      withExtendedLifetime(other) {}
    }
    #expect(speaker.send("PUBLISH a z\r\n") == ":1\r\n")
    #expect(speaker.send("PUBSUB NUMPAT\r\n") == ":0\r\n")
  }

  @Test("A message waits until what its sender has written before is durable")
  func waits() {
    let server = TestServer(durability: .always)
    let client = server.redisClient()
    _ = client.send("SUBSCRIBE a\r\n")
    let careless = server.redisClient()
    _ = careless.send("CLIENT DURABILITY ASYNC\r\nSUBSCRIBE a\r\n")
    let speaker = server.redisClient()
    _ = speaker.send("PUBLISH a 0\r\n")
    _ = client.pushes()
    #expect(client.lastMarks.isEmpty)
    _ = speaker.send("SET k v\r\nPUBLISH a 1\r\n")
    #expect(client.pushes() == message("a", "1"))
    #expect(client.lastMarks.map(\.version) == [1])
    _ = careless.pushes()
    #expect(careless.lastMarks.isEmpty)
    _ = speaker.send("MULTI\r\nSET k w\r\nPUBLISH a 2\r\nEXEC\r\n")
    _ = speaker.send("PUBLISH a 3\r\n")
    #expect(client.pushes() == message("a", "2") + message("a", "3"))
    #expect(client.lastMarks.map(\.version) == [2])
    server.store.journal.commit()
    _ = speaker.send("PUBLISH a 4\r\n")
    #expect(client.pushes() == message("a", "4"))
    #expect(client.lastMarks.isEmpty)
  }

  @Test("The lane of a client hears once that something waits")
  func announced() {
    let client = subscriber("SUBSCRIBE a")
    #expect(server.lane.queue(client.record.id) == nil)
    _ = server.redisClient().send("PUBLISH a x\r\n")
    #expect(server.lane.queue(client.record.id) != nil)
  }

  @Test("Who takes too little is closed, and nothing is kept for it")
  func overrun() throws {
    #expect(server.context.outputLimits.set("pubsub 10000 0 0") { Int($0) })
    let client = subscriber("SUBSCRIBE a")
    let speaker = server.redisClient()
    for _ in 0..<9 {
      #expect(speaker.send("PUBLISH a \(String(repeating: "x", count: 1000))\r\n") == ":1\r\n")
    }
    let queue = try #require(server.lane.queue(client.record.id))
    #expect(!queue.isOverrun)
    _ = speaker.send("PUBLISH a \(String(repeating: "x", count: 1000))\r\n")
    #expect(queue.isOverrun)
    #expect(client.pushes() == "")
    // What comes after is for nobody.
    _ = speaker.send("PUBLISH a y\r\n")
    #expect(client.pushes() == "")
  }

  @Test("A soft limit closes who is above it for too long, and not who has been")
  func softLimit() throws {
    #expect(server.context.outputLimits.set("pubsub 0 1000 0") { Int($0) })
    let client = subscriber("SUBSCRIBE a")
    let speaker = server.redisClient()
    _ = speaker.send("PUBLISH a x\r\n")
    let queue = try #require(server.lane.queue(client.record.id))
    #expect(!queue.isOverrun)
    _ = speaker.send("PUBLISH a \(String(repeating: "x", count: 1000))\r\n")
    #expect(queue.isOverrun)

    #expect(server.context.outputLimits.set("pubsub 0 1000 1000") { Int($0) })
    let patient = subscriber("SUBSCRIBE b")
    for _ in 0..<5 { _ = speaker.send("PUBLISH b \(String(repeating: "x", count: 1000))\r\n") }
    #expect(patient.pushes().count > 5000)
  }

  @Test("The limits are written as Redis writes them, and nothing else is taken")
  func limits() {
    let limits = OutputLimits()
    #expect(limits.text == "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60")
    #expect(limits.set("normal 1 2 3 replica 4 5 6") { Int($0) })
    #expect(limits.text == "normal 1 2 3 slave 4 5 6 pubsub 33554432 8388608 60")
    for text in [
      "", "pubsub", "pubsub 1 2", "foo 1 2 3", "pubsub 1 x 3", "pubsub 1 2 -3", "normal 1 2 3 foo 1 2 3",
    ] {
      #expect(!limits.set(text) { Int($0) }, "\(text)")
    }
    #expect(limits.text == "normal 1 2 3 slave 4 5 6 pubsub 33554432 8388608 60")
  }

  @Test(
    "However much waits, it comes in pieces of whole messages, in order",
    arguments: [10, 3000, 40_000, 200_000])
  func pieces(_ size: Int) {
    let client = subscriber("SUBSCRIBE a")
    let speaker = server.redisClient()
    var expected = ""
    var heard = ""
    for number in 0..<100 {
      let text = "\(number)-" + String(repeating: "x", count: size)
      #expect(speaker.send(array(["PUBLISH", "a", text])) == ":1\r\n")
      expected += message("a", text)
      // A reply takes some of what waits along, and stands between whole messages.
      if number % 7 == 3 {
        let reply = client.send("PING \(number)\r\n")
        let pong = "*2\r\n$4\r\npong\r\n$\(String(number).count)\r\n\(number)\r\n"
        #expect(reply.contains(pong))
        heard += reply.replacing(pong, with: "")
      }
    }
    heard += client.pushes()
    #expect(heard == expected)
  }
}
