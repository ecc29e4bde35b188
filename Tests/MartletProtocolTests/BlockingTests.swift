// Clients that wait for data: who is served, in which order, with what, and what becomes of those who don't wait any more.
import Martlet
import Testing

@Suite("A client that waits for an element")
struct BlockingTests {
  private static let null = "*-1\r\n"

  /// The reply of `BLPOP` and its kin.
  private static func pair(_ key: String, _ element: String) -> String { array([key, element]) }

  /// A client that waits with a request.
  private func waiting(_ server: TestServer, _ request: String) -> TestClient<RESPSession> {
    let client = server.redisClient()
    #expect(client.send(request + "\r\n") == "")
    #expect(client.waitsForData)
    return client
  }

  /// Expects a client to have been woken once, and what it then hears.
  private func expect(
    _ client: TestClient<RESPSession>, hears reply: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(client.takeWakes() == 1, sourceLocation: sourceLocation)
    #expect(client.callAgain() == reply, sourceLocation: sourceLocation)
    #expect(!client.waitsForData, sourceLocation: sourceLocation)
  }

  private func expectStillWaiting(
    _ client: TestClient<RESPSession>, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(client.takeWakes() == 0, sourceLocation: sourceLocation)
    #expect(client.callAgain() == "", sourceLocation: sourceLocation)
    #expect(client.waitsForData, sourceLocation: sourceLocation)
  }

  @Test("is served by who brings it, in the order in which they came")
  func order() {
    let server = TestServer()
    let clients = (0..<4).map { _ in waiting(server, "BLPOP k 0") }
    let other = server.redisClient()
    #expect(other.send("RPUSH k a b\r\nLLEN k\r\n") == ":2\r\n:0\r\n")
    expect(clients[0], hears: Self.pair("k", "a"))
    expect(clients[1], hears: Self.pair("k", "b"))
    expectStillWaiting(clients[2])
    // Who comes again is the last in line.
    #expect(clients[0].send("BLPOP k 0\r\n") == "")
    #expect(other.send("LPUSH k 1 2 3\r\nLLEN k\r\n") == ":3\r\n:0\r\n")
    expect(clients[2], hears: Self.pair("k", "3"))
    expect(clients[3], hears: Self.pair("k", "2"))
    expect(clients[0], hears: Self.pair("k", "1"))
    #expect(other.send("RPUSH k a\r\nLLEN k\r\n") == ":1\r\n:1\r\n")
  }

  @Test("gets what each command gives, in both versions of the protocol")
  func commands() {
    let server = TestServer()
    let other = server.redisClient()
    for (request, push, reply, left) in [
      ("BLPOP k 0", "RPUSH k a b", Self.pair("k", "a"), ["b"]),
      ("BRPOP k 0", "RPUSH k a b", Self.pair("k", "b"), ["a"]),
      ("BLMPOP 0 2 j k LEFT COUNT 2", "RPUSH k a b c", "*2\r\n$1\r\nk\r\n" + array(["a", "b"]), ["c"]),
      ("BLMPOP 0 1 k RIGHT COUNT 9", "RPUSH k a b c", "*2\r\n$1\r\nk\r\n" + array(["c", "b", "a"]), []),
      ("BLMPOP 0 1 k RIGHT", "RPUSH k a b", "*2\r\n$1\r\nk\r\n" + array(["b"]), ["a"]),
      ("BLMOVE k m LEFT RIGHT 0", "RPUSH k a b", "$1\r\na\r\n", ["b"]),
      ("BRPOPLPUSH k k 0", "RPUSH k a b", "$1\r\nb\r\n", ["b", "a"]),
    ] {
      for version in [2, 3] {
        #expect(other.send("FLUSHALL\r\n") == "+OK\r\n")
        let client = server.redisClient()
        _ = client.send("HELLO \(version)\r\n")
        #expect(client.send(request + "\r\n") == "", "\(request)")
        _ = other.send(push + "\r\n")
        #expect(client.callAgain() == reply, "\(request)")
        #expect(other.send("LRANGE k 0 -1\r\n") == (left.isEmpty ? "*0\r\n" : array(left)), "\(request)")
      }
    }
    #expect(other.send("EXISTS m\r\n") == ":0\r\n")
  }

  @Test("gets members of a sorted set from each command that makes one, in the order in which they came")
  func members() {
    let server = TestServer()
    let other = server.redisClient()
    _ = other.send("ZADD source 1 a 2 b\r\n")
    for (request, maker, reply, left) in [
      ("BZPOPMIN z 0", "ZADD z 2 b 1 a", "*3\r\n$1\r\nz\r\n$1\r\na\r\n$1\r\n1\r\n", 1),
      ("BZPOPMAX j z 0", "ZADD z 2 b 1 a", "*3\r\n$1\r\nz\r\n$1\r\nb\r\n$1\r\n2\r\n", 1),
      (
        "BZMPOP 0 2 j z MIN COUNT 2", "ZADD z 2 b 1 a 3 c",
        "*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n", 1
      ),
      ("BZMPOP 0 1 z MAX", "ZINCRBY z 3 a", "*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\na\r\n$1\r\n3\r\n", 0),
      ("BZPOPMIN z 0", "ZUNIONSTORE z 1 source", "*3\r\n$1\r\nz\r\n$1\r\na\r\n$1\r\n1\r\n", 1),
      ("BZPOPMAX z 0", "ZRANGESTORE z source 0 -1", "*3\r\n$1\r\nz\r\n$1\r\nb\r\n$1\r\n2\r\n", 1),
      ("BZPOPMAX z 0", "COPY source z", "*3\r\n$1\r\nz\r\n$1\r\nb\r\n$1\r\n2\r\n", 1),
      ("BZPOPMAX z 0", "GEOADD z 0 0 a", "*3\r\n$1\r\nz\r\n$1\r\na\r\n$16\r\n3377699720527872\r\n", 0),
    ] {
      _ = other.send("DEL z\r\n")
      let first = waiting(server, request)
      let second = waiting(server, "BZPOPMIN z 0")
      let third = waiting(server, "BLPOP z 0")
      _ = other.send(maker + "\r\n")
      expect(first, hears: reply)
      if left > 0 {
        #expect(second.takeWakes() == 1, "\(request)")
      } else {
        expectStillWaiting(second)
        #expect(second.leave())
      }
      expectStillWaiting(third)
      #expect(third.leave())
      #expect(other.send("EXISTS z\r\n") == ":0\r\n", "\(request)")
    }
    // SORT makes a list.
    let waiter = waiting(server, "BLPOP z 0")
    #expect(other.send("SORT source BY nosort GET d_* GET # STORE z\r\n") == ":4\r\n")
    expect(waiter, hears: Self.pair("z", ""))
  }

  @Test("is told that its time is over, with a version of the protocol each, and is served no more")
  func timeout() {
    let server = TestServer()
    for version in [2, 3] {
      for request in [
        "BLPOP k j 0.02", "BRPOP k 0.02", "BLMOVE k j LEFT LEFT 0.02", "BRPOPLPUSH k j 0.02",
        "BLMPOP 0.02 1 k LEFT", "BZPOPMIN k 0.02", "BZPOPMAX j k 0.02", "BZMPOP 0.02 1 k MIN",
      ] {
        let client = server.redisClient()
        _ = client.send("HELLO \(version)\r\n")
        let before = WallClock.monotonicNanoseconds()
        #expect(client.send(request + "\r\n") == "")
        guard case .wait(let deadline) = client.lastStep else {
          Issue.record("\(request) doesn't wait")
          return
        }
        #expect(deadline >= before + 20_000_000 && deadline < before + 10_000_000_000)
        var replied = ""
        while replied.isEmpty { replied = client.callAgain() }
        #expect(WallClock.monotonicNanoseconds() >= deadline)
        #expect(replied == (version == 3 ? "_\r\n" : Self.null), "\(request)")
        #expect(server.redisClient().send("RPUSH k a\r\nLPOP k\r\n") == ":1\r\n$1\r\na\r\n")
      }
    }
  }

  @Test("is served no more once it is gone, nor is one whose client has sent its last byte")
  func gone() {
    let server = TestServer()
    let first = waiting(server, "BLPOP k 0")
    let second = waiting(server, "BLPOP k 0")
    let third = waiting(server, "BLPOP k 0")
    #expect(first.leave())
    #expect(second.finishSending() == Self.null)
    #expect(server.redisClient().send("RPUSH k a\r\nLLEN k\r\n") == ":1\r\n:0\r\n")
    expect(third, hears: Self.pair("k", "a"))
    #expect(first.takeWakes() == 0)
    // Who has been served can't leave any more.
    let fourth = waiting(server, "BLPOP k 0")
    _ = server.redisClient().send("RPUSH k b\r\n")
    #expect(!fourth.leave())
    expect(fourth, hears: Self.pair("k", "b"))
  }

  @Test("leaves the line with its session")
  func sessionEnds() {
    let server = TestServer()
    do { _ = waiting(server, "BLPOP k j 0") }
    let client = waiting(server, "BLPOP k 0")
    #expect(
      server.redisClient().send("RPUSH k a\r\nRPUSH j b\r\nLLEN k\r\nLLEN j\r\n")
        == ":1\r\n:1\r\n:0\r\n:1\r\n")
    expect(client, hears: Self.pair("k", "a"))
  }

  @Test("at several keys is served once, by the first that has something")
  func severalKeys() {
    let server = TestServer()
    let client = waiting(server, "BLPOP a b a c 0")
    let other = server.redisClient()
    #expect(other.send("RPUSH b 1\r\nRPUSH a 2\r\nRPUSH c 3\r\n") == ":1\r\n:1\r\n:1\r\n")
    expect(client, hears: Self.pair("b", "1"))
    #expect(other.send("LLEN a\r\nLLEN b\r\nLLEN c\r\n") == ":1\r\n:0\r\n:1\r\n")
    #expect(client.send("BLPOP b c a 0\r\n") == Self.pair("c", "3"))
  }

  @Test("is not served by a transaction before its end, and then with what that has left")
  func transaction() {
    let server = TestServer()
    let first = waiting(server, "BLPOP k 0")
    let second = waiting(server, "BRPOP k 0")
    let other = server.redisClient()
    #expect(
      other.send("MULTI\r\nRPUSH k a\r\nDEL k\r\nLLEN k\r\nEXEC\r\n")
        == "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:1\r\n:1\r\n:0\r\n")
    expectStillWaiting(first)
    #expect(
      other.send("MULTI\r\nRPUSH k a b c\r\nLPOP k\r\nLLEN k\r\nEXEC\r\nLLEN k\r\n")
        == "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:3\r\n$1\r\na\r\n:2\r\n:0\r\n")
    expect(first, hears: Self.pair("k", "b"))
    expect(second, hears: Self.pair("k", "c"))
    // In a transaction it doesn't wait.
    #expect(first.send("MULTI\r\nBLPOP k 0\r\nEXEC\r\n") == "+OK\r\n+QUEUED\r\n*1\r\n*-1\r\n")
  }

  @Test("gets an element that another has moved to its key, however many move it on")
  func chain() {
    let server = TestServer()
    let movers = (0..<20).map { waiting(server, "BLMOVE k\($0) k\($0 + 1) LEFT RIGHT 0") }
    let last = waiting(server, "BLPOP k20 0")
    // A ring that leads nowhere.
    let ring = [waiting(server, "BLMOVE r s LEFT LEFT 0"), waiting(server, "BLMOVE s r LEFT LEFT 0")]
    #expect(server.redisClient().send("RPUSH k0 a\r\nRPUSH r b\r\n") == ":1\r\n:1\r\n")
    for mover in movers { expect(mover, hears: "$1\r\na\r\n") }
    expect(last, hears: Self.pair("k20", "a"))
    for client in ring { expect(client, hears: "$1\r\nb\r\n") }
    let sizes = server.redisClient().send("DBSIZE\r\nLRANGE r 0 -1\r\n")
    #expect(sizes == ":1\r\n" + array(["b"]))
  }

  @Test("and can't have it moved to a value of another type is told so, and the next is served")
  func wrongDestination() {
    let server = TestServer()
    let client = waiting(server, "BLMOVE k s LEFT LEFT 0")
    let next = waiting(server, "BLPOP k 0")
    #expect(server.redisClient().send("SET s v\r\nRPUSH k a\r\n") == "+OK\r\n:1\r\n")
    expect(client, hears: "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n")
    expect(next, hears: Self.pair("k", "a"))
  }

  @Test(
    "is served by RENAME, COPY, MOVE, RESTORE, SWAPDB, LMOVE and RPOPLPUSH, and not by what is no list, nor in another database"
  )
  func otherCommands() {
    let server = TestServer()
    let other = server.redisClient()
    _ = other.send("SELECT 1\r\nRPUSH k x\r\nSELECT 0\r\n")
    let client = server.redisClient()
    func expectServed(_ requests: String, _ element: String) {
      #expect(client.send("BLPOP k 0\r\n") == "")
      _ = other.send(requests)
      #expect(client.takeWakes() == 1, "\(requests)")
      #expect(client.callAgain() == Self.pair("k", element), "\(requests)")
    }
    expectServed("RPUSH l a b c\r\nRENAME l k\r\nDEL k\r\n", "a")
    expectServed("RPUSH l d\r\nRENAMENX l k\r\nDEL k\r\n", "d")
    expectServed("RPUSH l e f\r\nCOPY l k\r\nDEL k\r\n", "e")
    expectServed(
      "RESTORE k 0 \"\\x01\\x01\\x01\\x72\\x0a\\x00\\x9e\\x11\\xcb\\x6a\\x49\\xe0\\xb1\\xb5\"\r\n", "r")
    expectServed("LMOVE l k RIGHT LEFT\r\n", "f")
    expectServed("RPOPLPUSH l k\r\n", "e")
    expectServed("SELECT 1\r\nCOPY k k DB 0\r\nSELECT 0\r\n", "x")
    expectServed("SELECT 2\r\nRPUSH k m n\r\nMOVE k 0\r\nSELECT 0\r\nDEL k\r\n", "m")
    expectServed("SELECT 2\r\nRPUSH k s\r\nSWAPDB 0 2\r\nSWAPDB 0 2\r\nSELECT 0\r\n", "s")
    expectServed("MULTI\r\nSELECT 2\r\nRPUSH k t u\r\nSWAPDB 2 0\r\nEXEC\r\nSELECT 0\r\nSWAPDB 0 2\r\n", "t")
    expectServed("SET k v\r\nDEL k\r\nSADD k m\r\nDEL k\r\nRPUSH other y\r\nRPUSH k z\r\n", "z")
    #expect(
      client.send("SELECT 1\r\nBLPOP k 0\r\nSELECT 0\r\n") == "+OK\r\n" + Self.pair("k", "x") + "+OK\r\n")
  }

  @Test("is served in the command that makes it, and not in a later one")
  func servedAtOnce() {
    let server = TestServer()
    let other = server.redisClient()
    let first = waiting(server, "BZPOPMIN k 0")
    // It is of another type, and whatever is added to it.
    #expect(
      other.send("RPUSH k x\r\nRPUSHX k y\r\nLPUSHX k z\r\nDEL k\r\nZADD k 1 m\r\n").hasSuffix(":1\r\n:1\r\n")
    )
    expect(first, hears: "*3\r\n$1\r\nk\r\n$1\r\nm\r\n$1\r\n1\r\n")
  }

  @Test("at very many keys is no burden to SWAPDB")
  func manyKeys() {
    let server = TestServer()
    let other = server.redisClient()
    let client = waiting(server, "BLPOP " + (0..<8_000).map { "k\($0)" }.joined(separator: " ") + " 0")
    #expect(other.send("SELECT 1\r\nRPUSH k7 x\r\nSWAPDB 0 1\r\n") == "+OK\r\n:1\r\n+OK\r\n")
    expect(client, hears: Self.pair("k7", "x"))
  }

  @Test("keeps what it is given, although its user may not ask for it any more")
  func deniedMeanwhile() {
    let server = TestServer()
    let admin = server.redisClient()
    _ = admin.send("ACL SETUSER u on nopass +@all ~*\r\n")
    let client = server.redisClient()
    #expect(client.send("AUTH u x\r\nBLPOP k 0\r\n") == "+OK\r\n")
    #expect(admin.send("ACL SETUSER u -blpop\r\nRPUSH k v\r\n") == "+OK\r\n:1\r\n")
    expect(client, hears: Self.pair("k", "v"))
    #expect(client.send("BLPOP k 0\r\n").hasPrefix("-NOPERM"))
  }

  @Test("is told by CLIENT UNBLOCK that it waits no more")
  func unblock() {
    let server = TestServer()
    let other = server.redisClient()
    for (words, reply) in [
      ("", Self.null), (" TIMEOUT", Self.null),
      (" ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"),
    ] {
      let client = server.redisClient()
      let id = client.send("CLIENT ID\r\n").dropFirst().dropLast()
      #expect(other.send("CLIENT UNBLOCK \(id)\(words)\r\n") == ":0\r\n")
      #expect(client.send("BLPOP k 0\r\n") == "")
      #expect(other.send("CLIENT UNBLOCK \(id)\(words)\r\n") == ":1\r\n")
      #expect(other.send("CLIENT UNBLOCK \(id)\(words)\r\n") == ":0\r\n")
      #expect(other.send("RPUSH k a\r\nLPOP k\r\n") == ":1\r\n$1\r\na\r\n")
      expect(client, hears: reply)
    }
    #expect(other.send("CLIENT UNBLOCK x\r\n") == "-ERR value is not an integer or out of range\r\n")
    #expect(
      other.send("CLIENT UNBLOCK 1 NOW\r\n") == "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n")
  }

  @Test("hears of an element only once it is as durable as what brought it")
  func durability() {
    let server = TestServer(durability: .always)
    let client = waiting(server, "BLPOP k 0")
    let other = server.redisClient()
    #expect(other.send("RPUSH k a\r\n") == ":1\r\n")
    #expect(server.store.journal.lastVersion == 2)
    #expect(client.callAgain() == Self.pair("k", "a"))
    #expect(client.lastMarks.map(\.version) == [2])
    server.store.journal.commit()
    #expect(server.store.journal.durable.value == 2)
    // What came behind the request that waited is run.
    #expect(client.send("BLPOP k 0\r\nPING\r\n") == "")
    _ = other.send("RPUSH k b\r\n")
    #expect(client.callAgain() == Self.pair("k", "b") + "+PONG\r\n")
  }

  @Test("is replied to although the journal takes no more writes: what it gets has been taken")
  func fullJournal() {
    let server = TestServer(durability: .always, maximumPendingBytes: 10)
    let client = waiting(server, "BLMOVE k m LEFT LEFT 0")
    let other = server.redisClient()
    #expect(other.send("RPUSH k a\r\n") == ":1\r\n")
    #expect(other.send("RPUSH k b\r\n") == "")
    expect(client, hears: "$1\r\na\r\n")
  }

  @Test("is shown as one that waits, and counts once however often it is called")
  func shown() {
    let server = TestServer()
    let client = waiting(server, "BLPOP k 0")
    for _ in 0..<5 { expectStillWaiting(client) }
    let other = server.redisClient()
    #expect(
      other.send("CLIENT LIST\r\n").contains(" flags=b db=0 sub=0 psub=0 ssub=0 multi=-1 omem=0 cmd=blpop "))
    #expect(other.send("INFO clients\r\n").contains("blocked_clients:1\r\n"))
    #expect(other.send("INFO stats\r\n").contains("total_commands_processed:4\r\n"))
    _ = other.send("RPUSH k a\r\n")
    expect(client, hears: Self.pair("k", "a"))
    #expect(!other.send("CLIENT LIST\r\n").contains(" flags=b "))
  }

  @Test("however many come and go, the line stays right", arguments: 1...20 as ClosedRange<UInt64>)
  func chance(seed: UInt64) {
    var random = RandomSource(seed: seed)
    let server = TestServer()
    let other = server.redisClient()
    let keys = ["a", "b", "c"]
    // Who waits, in the order in which they came, and at which keys.
    var line: [(client: TestClient<RESPSession>, keys: [String])] = []
    var lists: [String: [String]] = [:]
    var next = 0
    for _ in 0..<400 {
      switch Int.random(in: 0..<5, using: &random) {
      case 0, 1:
        let client = server.redisClient()
        let wanted = keys.shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random))
        let reply = client.send("BLPOP \(wanted.joined(separator: " ")) 0\r\n")
        if let key = wanted.first(where: { lists[$0]?.isEmpty == false }) {
          #expect(reply == Self.pair(key, lists[key]!.removeFirst()))
        } else {
          #expect(reply == "")
          line.append((client, Array(wanted)))
        }
      case 2, 3:
        let key = keys.randomElement(using: &random)!
        let count = Int.random(in: 1...4, using: &random)
        let elements = (0..<count).map { "\(next + $0)" }
        next += count
        _ = other.send("RPUSH \(key) \(elements.joined(separator: " "))\r\n")
        lists[key, default: []] += elements
        while let place = line.firstIndex(where: { $0.keys.contains(key) }), !lists[key]!.isEmpty {
          let client = line.remove(at: place).client
          #expect(client.takeWakes() == 1)
          #expect(client.callAgain() == Self.pair(key, lists[key]!.removeFirst()))
        }
      default:
        guard !line.isEmpty else { continue }
        let leaving = line.remove(at: Int.random(in: line.indices, using: &random)).client
        if Bool.random(using: &random) {
          #expect(leaving.leave())
        } else {
          #expect(leaving.finishSending() == Self.null)
        }
      }
    }
    for (client, _) in line { #expect(client.takeWakes() == 0) }
    for key in keys { #expect(other.send("LLEN \(key)\r\n") == ":\(lists[key]?.count ?? 0)\r\n") }
  }
}
