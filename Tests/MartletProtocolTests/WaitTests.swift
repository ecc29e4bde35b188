// Requests that wait: for what, for how long, and what the client is told.
import Martlet
import Synchronization
import Testing

@Suite("A request that waits")
struct WaitTests {
  private static let synced = "*2\r\n:1\r\n:0\r\n"
  private static let notSynced = "*2\r\n:0\r\n:0\r\n"

  /// The deadline of the request that a client waits with.
  private static func deadline(_ client: TestClient<RESPSession>) -> Int64? {
    if case .wait(let deadline) = client.lastStep { deadline } else { nil }
  }

  @Test("WAITAOF waits until what its client wrote is synced; what comes behind it waits its turn")
  func sync() {
    let server = TestServer(durability: .always)
    let client = server.redisClient()
    #expect(client.send("SET k v\r\nWAITAOF 1 0 0\r\nPING\r\n") == "+OK\r\n")
    #expect(client.lastStep == .wait(until: .max))
    #expect(client.send("ECHO more\r\n") == "")
    #expect(client.callAgain() == "")
    server.store.journal.commit()
    #expect(client.callAgain() == Self.synced + "+PONG\r\n$4\r\nmore\r\n")
    #expect(client.lastStep == .read(atLeast: 1))
    // And so for a request in an array.
    #expect(client.send(array(["INCR", "n"]) + array(["WAITAOF", "1", "0", "0"])) == ":1\r\n")
    server.store.journal.commit()
    #expect(client.callAgain() == Self.synced)
  }

  @Test("WAITAOF waits for nothing that others wrote, nor for what has been synced")
  func nothingToWaitFor() {
    let server = TestServer(durability: .always)
    let client = server.redisClient()
    #expect(client.send("WAITAOF 1 0 0\r\n") == Self.synced)
    #expect(client.send("SET k v\r\n") == "+OK\r\n")
    server.store.journal.commit()
    #expect(server.redisClient().send("SET j v\r\n") == "+OK\r\n")
    #expect(client.send("WAITAOF 1 0 0\r\nWAITAOF 0 0 0\r\n") == Self.synced + Self.synced)
    // A deletion is a write like others; a command that only reads is none.
    #expect(client.send("GET j\r\nWAITAOF 1 0 0\r\n") == "$1\r\nv\r\n" + Self.synced)
    #expect(client.send("DEL k\r\nWAITAOF 0 0 0\r\nWAITAOF 1 0 0\r\n") == ":1\r\n" + Self.notSynced)
  }

  @Test("The wait ends at the deadline that its first call set")
  func timeout() {
    let server = TestServer(durability: .always)
    let client = server.redisClient()
    #expect(client.send("SET k v\r\n") == "+OK\r\n")
    for (request, reply) in [
      ("WAITAOF 1 0 20", Self.notSynced), ("WAITAOF 0 1 20", Self.notSynced),
      ("WAITAOF 1 1 20", Self.notSynced),
      ("WAIT 1 20", ":0\r\n"),
    ] {
      let before = WallClock.monotonicNanoseconds()
      #expect(client.send(request + "\r\n") == "")
      guard let deadline = Self.deadline(client) else {
        Issue.record("\(request) doesn't wait")
        return
      }
      #expect(deadline >= before + 20_000_000)
      var replied = ""
      while replied.isEmpty {
        #expect(Self.deadline(client) == deadline)
        replied = client.callAgain()
      }
      #expect(replied == reply, "\(request)")
      #expect(WallClock.monotonicNanoseconds() >= deadline)
    }
    // So many milliseconds are for ever, in nanoseconds.
    #expect(client.send("WAIT 1 9223372036854775807\r\n") == "")
    #expect(client.lastStep == .wait(until: .max))
  }

  @Test("There are no replicas: who waits for one waits until the time is over, and for none not at all")
  func replicas() {
    let server = TestServer(durability: .always)
    let client = server.redisClient()
    #expect(client.send("SET k v\r\nWAIT 0 0\r\nWAIT -1 0\r\nWAIT 0 100\r\n") == "+OK\r\n:0\r\n:0\r\n:0\r\n")
    server.store.journal.commit()
    #expect(client.send("WAITAOF 1 1 0\r\n") == "")
    #expect(client.lastStep == .wait(until: .max))
    server.store.journal.commit()
    #expect(client.callAgain() == "")
    #expect(client.lastStep == .wait(until: .max))
  }

  @Test("A client that sends no more is replied to at once, and what it sent before is run")
  func clientLeaves() {
    let server = TestServer(durability: .always)
    let client = server.redisClient()
    #expect(client.send("SET k v\r\nWAITAOF 1 1 0\r\nPING\r\n") == "+OK\r\n")
    #expect(client.finishSending() == Self.notSynced + "+PONG\r\n")
    #expect(client.send("WAIT 1 0\r\n") == "")
    #expect(client.finishSending() == ":0\r\n")
    // Without a request that waits it changes nothing.
    #expect(client.finishSending() == "")
    #expect(client.send("WAIT 1 0\r\n") == "")
    #expect(client.lastStep == .wait(until: .max))
  }

  @Test("Numbers that make no sense are refused, as Redis refuses them")
  func refusals() {
    let client = TestServer().redisClient()
    let number = "-ERR value is not an integer or out of range\r\n"
    let local = "-ERR value is out of range, value must between 0 and 1\r\n"
    let replicas = "-ERR value is out of range, must be positive\r\n"
    let timeout = "-ERR timeout is not an integer or out of range\r\n"
    let negative = "-ERR timeout is negative\r\n"
    for (request, reply) in [
      ("WAITAOF x 0 0", number), ("WAITAOF 99999999999999999999 0 0", number), ("WAITAOF 2 0 0", local),
      ("WAITAOF -1 0 0", local), ("WAITAOF 0 -1 0", replicas), ("WAITAOF 0 x 0", replicas),
      ("WAITAOF 0 0 x", timeout), ("WAITAOF 0 0 1.5", timeout), ("WAITAOF 1 1 -1", negative),
      ("WAITAOF 0 0", "-ERR wrong number of arguments for 'waitaof' command\r\n"),
      ("WAIT x 0", number), ("WAIT x x", number), ("WAIT 1 x", timeout), ("WAIT 0 -1", negative),
      ("WAIT 1", "-ERR wrong number of arguments for 'wait' command\r\n"),
    ] {
      #expect(client.send(request + "\r\n") == reply, "\(request)")
    }
  }

  @Test("However often it is called, it counts and is logged once, and CLIENT LIST shows that it waits")
  func countsOnce() {
    let log = Mutex<[String]>([])
    let server = TestServer(durability: .always) { _, words in log.withLock { $0.append(words) } }
    server.context.logsCommands = true
    let client = server.redisClient()
    let other = server.redisClient()
    #expect(client.send("WAIT 1 0\r\n") == "")
    for _ in 0..<10 { #expect(client.callAgain() == "") }
    #expect(log.withLock { $0 } == ["WAIT 1 0"])
    #expect(other.send("INFO stats\r\n").contains("total_commands_processed:2\r\n"))
    #expect(other.send("INFO clients\r\n").contains("blocked_clients:1\r\n"))
    #expect(
      other.send("CLIENT LIST\r\n").contains(" flags=b db=0 sub=0 psub=0 ssub=0 multi=-1 omem=0 cmd=wait "))
    #expect(client.finishSending() == ":0\r\n")
    #expect(other.send("INFO clients\r\n").contains("blocked_clients:0\r\n"))
    #expect(!other.send("CLIENT LIST\r\n").contains(" flags=b "))
  }

  @Test("RESET makes the connection what it was at its beginning")
  func reset() {
    let server = TestServer(password: "secret")
    let client = server.redisClient()
    #expect(
      client.send("HELLO 3 AUTH default secret SETNAME bird\r\nSELECT 3\r\nSET k v\r\n").hasSuffix(
        "+OK\r\n+OK\r\n"))
    #expect(client.send("RESET\r\nGET k\r\n") == "+RESET\r\n-NOAUTH Authentication required.\r\n")
    #expect(
      client.send("AUTH secret\r\nGET k\r\nCLIENT GETNAME\r\n") == "+OK\r\n$-1\r\n$-1\r\n")
    let line = client.send("CLIENT INFO\r\n")
    #expect(line.contains(" name= ") && line.contains(" db=0 ") && line.contains(" resp=2 "))
    // What it wrote is still waited for.
    #expect(client.send("WAITAOF 1 0 0\r\n") == "")
  }
}
