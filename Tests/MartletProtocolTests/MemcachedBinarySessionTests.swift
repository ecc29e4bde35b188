// memcached's binary protocol: what is replied, whatever pieces the requests come in; what ends a connection; who may
// speak it. What exactly is replied to what is compared with memcached itself in Tests/Clients.
import Martlet
import Testing

/// What a request asks for, by its number.
enum Opcode: UInt8, CaseIterable {
  case get = 0, set, add, replace, delete, increment, decrement, quit, flush, getq, noop, version, getk, getkq
  case append, prepend, stat, setq, addq, replaceq, deleteq, incrementq, decrementq, quitq, flushq, appendq
  case prependq, verbosity, touch, gat, gatq
  case saslList = 0x20
  case saslAuth, saslStep, gatk, gatkq
  case unknown = 0x55
}

/// The bytes of a number, the highest first.
func bigEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
  (0..<MemoryLayout<Number>.size).reversed().map { UInt8(truncatingIfNeeded: number >> Number($0 * 8)) }
}

/// A request of memcached's binary protocol.
func frame(
  _ opcode: Opcode, key: String = "", extras: [UInt8] = [], value: String = "", cas: UInt64 = 0,
  opaque: UInt32 = 0xdead_beef, magic: UInt8 = 0x80, keyCount: Int? = nil, bodyCount: Int? = nil
) -> [UInt8] {
  let body = extras + bytes(key) + bytes(value)
  return [magic, opcode.rawValue] + bigEndian(UInt16(keyCount ?? key.unicodeScalars.count))
    + [UInt8(extras.count), 0] + bigEndian(UInt16(0)) + bigEndian(UInt32(bodyCount ?? body.count))
    + bigEndian(opaque) + bigEndian(cas) + body
}

/// A `set` or its like.
private func store(_ opcode: Opcode, _ key: String, _ value: String, flags: UInt32 = 0, cas: UInt64 = 0)
  -> [UInt8]
{
  frame(opcode, key: key, extras: bigEndian(flags) + bigEndian(UInt32(0)), value: value, cas: cas)
}

/// The extras of `increment` and `decrement`.
private func steps(_ amount: UInt64, _ initial: UInt64, _ expiry: UInt32 = 0) -> [UInt8] {
  bigEndian(amount) + bigEndian(initial) + bigEndian(expiry)
}

/// A reply, taken apart: `STATUS[ key=…][ flags…][ cas=N] body`.
private struct BinaryReply: Equatable, CustomStringConvertible {
  var opcode: UInt8
  var status: UInt16
  var extras: [UInt8]
  var key: String
  var value: String
  var opaque: UInt32
  var cas: UInt64

  var description: String {
    "\(opcode): \(status)" + (extras.isEmpty ? "" : " \(extras)") + (key.isEmpty ? "" : " \(key)")
      + (value.isEmpty ? "" : " \(value)") + (cas == 0 ? "" : " #\(cas)")
  }
}

private func number(_ bytes: some Collection<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

/// All the replies in some bytes, which must be whole.
private func replies(_ bytes: [UInt8]) -> [BinaryReply] {
  var found: [BinaryReply] = []
  var rest = bytes[...]
  while !rest.isEmpty {
    let header = Array(rest.prefix(24))
    guard header.count == 24, header[0] == 0x81 else {
      Issue.record("no reply: \(Array(rest.prefix(40)))")
      return found
    }
    let (key, extras, body) = (Int(number(header[2..<4])), Int(header[4]), Int(number(header[8..<12])))
    let content = Array(rest.dropFirst(24).prefix(body))
    guard content.count == body, key + extras <= body else {
      Issue.record("a reply whose lengths are wrong: \(header)")
      return found
    }
    found.append(
      BinaryReply(
        opcode: header[1], status: UInt16(number(header[6..<8])), extras: Array(content.prefix(extras)),
        key: text(Array(content[extras..<extras + key])), value: text(Array(content[(extras + key)...])),
        opaque: UInt32(number(header[12..<16])), cas: number(header[16..<24])))
    rest = rest.dropFirst(24 + body)
  }
  return found
}

@Suite("memcached's binary protocol")
struct MemcachedBinarySessionTests {
  /// What the replies to some bytes say.
  private func said(_ client: TestClient<MemcachedBinarySession>, _ request: [UInt8]) -> [String] {
    replies(client.send(request)).map(\.description)
  }

  @Test("A reply has the header that the protocol gives it, byte for byte")
  func layout() {
    let client = TestServer().binaryClient()
    let stored = client.send(store(.set, "Hello", "World", flags: 0xdead_beef))
    #expect(
      stored == bytes("\u{81}\u{1}") + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef]
        + bigEndian(UInt64(1)))
    #expect(
      client.send(frame(.getk, key: "Hello"))
        == [0x81, 0x0c, 0, 5, 4, 0, 0, 0, 0, 0, 0, 14, 0xde, 0xad, 0xbe, 0xef] + bigEndian(UInt64(1))
        + [0xde, 0xad, 0xbe, 0xef] + bytes("HelloWorld"))
    #expect(
      client.send(frame(.get, key: "none"))
        == [0x81, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0, 0, 0, 0, 0]
        + bytes("Not found"))
  }

  @Test("Each command does what it says, and quiet ones speak only of what went wrong, or was found")
  func commands() {
    let client = TestServer().binaryClient()
    let flags = "[0, 0, 0, 7]"
    let exchanges: [([UInt8], [String])] = [
      (store(.set, "k", "one", flags: 7), ["1: 0 #1"]), (frame(.get, key: "k"), ["0: 0 \(flags) one #1"]),
      (frame(.getk, key: "k"), ["12: 0 \(flags) k one #1"]),
      (frame(.getkq, key: "k"), ["13: 0 \(flags) k one #1"]),
      (frame(.getq, key: "k"), ["9: 0 \(flags) one #1"]), (frame(.getq, key: "x"), []),
      (frame(.getkq, key: "x"), []),
      (frame(.getk, key: "x"), ["12: 1 x"]), (store(.add, "k", "v"), ["2: 2 Data exists for key."]),
      (store(.addq, "k", "v"), ["18: 2 Data exists for key."]),
      (store(.replace, "x", "v"), ["3: 1 Not found"]),
      (store(.replaceq, "x", "v"), ["19: 1 Not found"]), (store(.replaceq, "k", "two"), []),
      (store(.set, "k", "v", cas: 1), ["1: 2 Data exists for key."]),
      (store(.set, "x", "v", cas: 1), ["1: 1 Not found"]),
      (store(.add, "k", "three", cas: 2), ["2: 0 #3"]), (frame(.append, key: "k", value: "!"), ["14: 0 #4"]),
      (frame(.prepend, key: "k", value: "!"), ["15: 0 #5"]), (frame(.appendq, key: "k", value: "?"), []),
      (frame(.append, key: "x", value: "!"), ["14: 5 Not stored."]),
      (frame(.prependq, key: "x", value: "!", cas: 1), ["26: 5 Not stored."]),
      (frame(.append, key: "k", value: "!", cas: 1), ["14: 2 Data exists for key."]),
      (frame(.get, key: "k"), ["0: 0 [0, 0, 0, 0] !three!? #6"]),
      (frame(.increment, key: "n", extras: steps(1, 9)), ["5: 0 \0\0\0\0\0\0\0\u{9} #7"]),
      (frame(.incrementq, key: "n", extras: steps(1, 9)), []),
      (frame(.decrement, key: "n", extras: steps(99, 9)), ["6: 0 \0\0\0\0\0\0\0\0 #9"]),
      (frame(.get, key: "n"), ["0: 0 [0, 0, 0, 0] 0  #9"]),
      (frame(.increment, key: "m", extras: steps(1, 9, .max)), ["5: 1 Not found"]),
      (
        frame(.increment, key: "k", extras: steps(1, 9)),
        ["5: 6 Non-numeric server-side value for incr or decr"]
      ),
      (frame(.increment, key: "n", extras: steps(1, 9), cas: 3), ["5: 2 Data exists for key."]),
      (frame(.touch, key: "k", extras: [0, 0, 0, 100]), ["28: 0 [0, 0, 0, 0] #6"]),
      (frame(.gat, key: "k", extras: [0, 0, 0, 0]), ["29: 0 [0, 0, 0, 0] !three!? #6"]),
      (frame(.gatkq, key: "k", extras: [0, 0, 0, 0]), ["36: 0 [0, 0, 0, 0] k !three!? #6"]),
      (frame(.gatq, key: "x", extras: [0, 0, 0, 0]), []),
      (frame(.gatk, key: "x", extras: [0, 0, 0, 0]), ["35: 1 x"]),
      (frame(.touch, key: "x", extras: [0, 0, 0, 0]), ["28: 1 Not found"]),
      (frame(.delete, key: "k", cas: 5), ["4: 2 Data exists for key."]),
      (frame(.delete, key: "k", cas: 6), ["4: 0"]),
      (frame(.deleteq, key: "k"), ["20: 1 Not found"]), (frame(.deleteq, key: "n"), []),
      (frame(.noop), ["10: 0"]),
      (frame(.version), ["11: 0 1.6.18-martlet-\(ServerContext.version)"]),
      (frame(.verbosity), ["27: 129 Unknown command"]),
      (frame(.unknown, value: "body"), ["85: 129 Unknown command"]),
      (frame(.saslList), ["32: 129 Unknown command"]),
      (frame(.saslAuth, key: "PLAIN", value: "x"), ["33: 129 Unknown command"]),
      (store(.setq, "k", "v"), []), (frame(.flush, extras: [0, 0, 0, 9]), ["8: 0"]),
      (frame(.getk, key: "k"), ["12: 0 [0, 0, 0, 0] k v #15"]),
      (frame(.flushq), []), (frame(.get, key: "k"), ["0: 1 Not found"]),
      (frame(.stat, key: "none"), ["16: 1 Not found"]),
      (frame(.stat, key: "reset"), ["16: 0"]), (frame(.quit), ["7: 0"]),
    ]
    for (request, expected) in exchanges {
      let said = said(client, request)
      #expect(said == expected, "\(request)")
    }
    #expect(client.isClosed)
    let other = TestServer().binaryClient()
    #expect(other.send(frame(.quitq) + frame(.noop)).isEmpty)
    #expect(other.isClosed)
  }

  /// Requests of every kind, and refused ones, that leave the connection open.
  private var pipeline: [UInt8] {
    var requests: [[UInt8]] = [
      store(.set, "k", "value", flags: 3), store(.setq, "q", "1"), store(.add, "k", "x"),
      store(.addq, "a", ""),
      store(.replace, "k", String(repeating: "v", count: 90)), store(.replaceq, "none", "x"),
      store(.set, "k", String(repeating: "v", count: 101)), frame(.append, key: "q", value: "2"),
      store(.setq, "l", String(repeating: "v", count: 300)),
      frame(.appendq, key: "q", value: String(repeating: "3", count: 101)),
      frame(.increment, key: "q", extras: steps(5, 0)), frame(.decrementq, key: "q", extras: steps(1, 0)),
      frame(.incrementq, key: "i", extras: steps(1, 77)), frame(.gat, key: "q", extras: [0, 0, 1, 0]),
      frame(.stat, key: "sizes"),
      frame(.unknown, key: "key", extras: [1, 2], value: "value"),
      frame(.saslAuth, key: "PLAIN", value: "\0a\0b"),
      frame(.delete, key: "a"), frame(.flush, extras: [0, 0, 1, 0]), frame(.noop),
    ]
    requests += ["k", "q", "a", "l", "i"].flatMap { key in
      [Opcode.get, .getq, .getk, .getkq].map { frame($0, key: key, opaque: UInt32(key.utf8.count)) }
    }
    return requests.flatMap { $0 }
  }

  @Test("A pipeline in any two pieces, or byte by byte, gets the same replies")
  func splits() {
    let limits = SessionLimits(keyBytes: 250, valueBytes: 100)
    let expected = TestServer().binaryClient(limits).send(pipeline)
    #expect(replies(expected).count == 31)
    for position in 0...pipeline.count {
      let client = TestServer().binaryClient(limits)
      let reply = client.send(Array(pipeline[..<position])) + client.send(Array(pipeline[position...]))
      guard reply == expected else {
        Issue.record("another reply when split at \(position)")
        break
      }
    }
    let client = TestServer().binaryClient(limits)
    #expect(pipeline.flatMap { client.send([$0]) } == expected)
    #expect(!client.isClosed)
  }

  @Test("A body of another shape than the command's closes the connection, before it has come")
  func shapes() {
    let four: [UInt8] = [0, 0, 0, 0]
    let twenty = steps(1, 1)
    var wrong: [([UInt8], UInt16)] = [
      (frame(.get), 4), (frame(.get, key: "k", extras: [0]), 4), (frame(.get, key: "k", value: "v"), 4),
      (frame(.set, key: "k", value: "v"), 4), (frame(.set, extras: four + four, value: "v"), 4),
      (frame(.add, key: "k", extras: four, value: "v"), 4),
      (frame(.append, key: "k", extras: [0], value: "v"), 4),
      (frame(.prepend, value: "v"), 4), (frame(.delete), 4), (frame(.delete, key: "k", value: "v"), 4),
      (frame(.increment, key: "k", extras: four), 4),
      (frame(.increment, key: "k", extras: twenty, value: "v"), 4),
      (frame(.decrement, extras: twenty), 4), (frame(.touch, key: "k"), 4), (frame(.touch, extras: four), 4),
      (frame(.gat, key: "k", extras: four, value: "v"), 4), (frame(.flush, extras: [0]), 4),
      (frame(.flush, key: "k"), 4),
      (frame(.flush, extras: four, value: "v"), 4), (frame(.noop, key: "k"), 4),
      (frame(.version, value: "v"), 4),
      (frame(.quit, extras: [0]), 4), (frame(.stat, extras: [0]), 4), (frame(.stat, key: "k", value: "v"), 4),
      (frame(.saslList, key: "k"), 4), (frame(.saslAuth), 4),
      (frame(.saslStep, key: "PLAIN", extras: [0]), 4),
      (frame(.get, key: String(repeating: "k", count: 251)), 4),
    ]
    for opcode in Opcode.allCases {
      wrong.append((frame(opcode, key: "key", bodyCount: 2), 0x81))
      wrong.append((frame(opcode, extras: four, bodyCount: 3), 0x81))
      wrong.append((frame(opcode, key: String(repeating: "k", count: 250), bodyCount: 0), 0x81))
    }
    for (request, status) in wrong {
      let client = TestServer().binaryClient()
      let found = replies(client.send(Array(request.prefix(24))))
      #expect(found.map(\.status) == [status], "\(request.prefix(24))")
      #expect(client.isClosed, "\(request.prefix(24))")
    }
    for first: UInt8 in [0, 0x81, UInt8(ascii: "g")] {
      let client = TestServer().binaryClient()
      #expect(client.send(frame(.noop) + [first]).count == 24)
      #expect(client.isClosed)
    }
  }

  @Test("A body over the limit is passed over, a set of it leaves nothing old, and the connection goes on")
  func tooLarge() {
    let client = TestServer().binaryClient(SessionLimits(keyBytes: 250, valueBytes: 10))
    let long = String(repeating: "x", count: 11)
    #expect(said(client, store(.set, "k", "ab")) == ["1: 0 #1"])
    #expect(
      said(client, store(.add, "k", long) + frame(.getkq, key: "k")) == [
        "2: 3 Too large.", "13: 0 [0, 0, 0, 0] k ab #1",
      ])
    #expect(said(client, frame(.append, key: "k", value: "123456789")) == ["14: 5 Not stored."])
    #expect(
      said(client, store(.setq, "k", long) + frame(.get, key: "k")) == ["17: 3 Too large.", "0: 1 Not found"])
    // In pieces, the body not to be kept meanwhile; the largest there can be.
    let huge = frame(.set, key: "k", extras: steps(0, 0).dropLast(12), bodyCount: Int(UInt32.max))
    #expect(said(client, huge) == ["1: 3 Too large."])
    for _ in 0..<100 {
      #expect(client.send([UInt8](repeating: 0x80, count: 10_000)).isEmpty)
      #expect(client.unconsumed == 0)
    }
    #expect(!client.isClosed)
  }

  @Test("A collection is an error, and stays what it is")
  func collections() {
    let server = TestServer()
    _ = server.redisClient().send("SADD s a\r\n")
    let client = server.binaryClient()
    for request in [
      frame(.get, key: "s"), frame(.getkq, key: "s"), frame(.gat, key: "s", extras: [0, 0, 0, 1]),
      frame(.append, key: "s", value: "x"), frame(.increment, key: "s", extras: steps(1, 1)),
    ] {
      #expect(replies(client.send(request)).map(\.status) == [0x83])
    }
    #expect(server.redisClient().send("TYPE s\r\nTTL s\r\n") == "+set\r\n:-1\r\n")
    #expect(said(client, store(.set, "s", "x")) == ["1: 0 #2"])
  }

  @Test("At the memory limit nothing more is stored, and the rest goes on")
  func memoryLimit() {
    let server = TestServer()
    let client = server.binaryClient()
    _ = client.send(store(.set, "k", "1"))
    server.context.memoryLimit = 1
    #expect(said(client, store(.set, "k", "2")) == ["1: 130 Out of memory allocating item"])
    #expect(
      said(client, frame(.incrementq, key: "n", extras: steps(1, 1))) == [
        "21: 130 Out of memory allocating new item"
      ])
    #expect(
      said(client, frame(.get, key: "k") + frame(.delete, key: "k")) == ["0: 0 [0, 0, 0, 0] 1 #1", "4: 0"])
  }

  @Test(
    "A reply waits for what it shows, and for the quiet requests before it, which it says have not failed")
  func durability() {
    let server = TestServer(durability: .always)
    let client = server.binaryClient()
    _ = client.send(store(.set, "k", "1"))
    #expect(client.lastMarks.map(\.version) == [1])
    server.store.journal.commit()
    _ = client.send(frame(.get, key: "k"))
    #expect(client.lastMarks.isEmpty)
    #expect(client.send(store(.setq, "a", "1") + store(.setq, "b", "1")).isEmpty)
    #expect(client.lastMarks.isEmpty)
    // Long after, and in a turn of its own.
    _ = client.send(frame(.noop))
    #expect(client.lastMarks.map(\.version) == [3])
    _ = client.send(frame(.deleteq, key: "a") + frame(.getq, key: "a") + frame(.unknown))
    #expect(client.lastMarks.map(\.version) == [4])
    server.store.journal.commit()
    _ = client.send(frame(.noop))
    #expect(client.lastMarks.isEmpty)
    // What another client hasn't been told yet isn't shown to this one, by a miss neither.
    _ = server.memcachedClient().send("delete b\r\n")
    #expect(client.send(frame(.getq, key: "b")).isEmpty)
    _ = client.send(frame(.noop))
    #expect(client.lastMarks.map(\.version) == [5])
  }

  @Test("A full journal has a write wait, and nothing of it done")
  func fullJournal() {
    let server = TestServer(durability: .always, maximumPendingBytes: 1000)
    let client = server.binaryClient()
    var sent = 0
    while client.lastStep != .waitForRoom, sent < 1000 {
      #expect(replies(client.send(store(.set, "k\(sent)", String(repeating: "v", count: 50)))).count <= 1)
      sent += 1
    }
    #expect(client.lastStep == .waitForRoom)
    #expect(client.callAgain() == "")
    server.store.journal.commit()
    #expect(replies(bytes(client.callAgain())).map(\.status) == [0])
  }

  // MARK: Which protocol, and who

  @Test("The first byte chooses between memcached's protocols, once")
  func choice() {
    let server = TestServer()
    let binary = server.client(on: .memcached)
    #expect(replies(binary.send(frame(.noop))).count == 1)
    #expect(binary.send("version\r\n") == "")
    #expect(binary.isClosed)
    let classic = server.client(on: .memcached)
    #expect(classic.send("g") == "")
    #expect(classic.send("et k\r\n") == "END\r\n")
    #expect(text(classic.send(frame(.version) + bytes("\r\n"))) == "ERROR\r\n")
    #expect(server.client(on: .redis).send("PING\r\n") == "+PONG\r\n")
  }

  private func authentication(_ message: String, mechanism: String = "PLAIN") -> [UInt8] {
    frame(.saslAuth, key: mechanism, value: message)
  }

  @Test("Where there are users, a client authenticates by SASL PLAIN first")
  func authentication() {
    let server = TestServer(users: ["ada": "secret"])
    for (message, isRight) in [
      ("\0ada\0secret", true), ("ada\0ada\0secret", true), ("bob\0ada\0secret", false),
      ("\0ada\0wrong", false),
      ("\0ada\0secret\0", false), ("\0ada", false), ("ada\0secret", false), ("\0\0secret", false),
      ("\0ada\0", false),
      ("\0", false), (String(repeating: "x", count: 17_000), false),
    ] {
      let client = server.binaryClient()
      #expect(said(client, frame(.version)).count == 1)
      #expect(said(client, frame(.saslList)) == ["32: 0 PLAIN"])
      #expect(
        said(client, authentication(message))
          == (isRight ? ["33: 0 Authenticated"] : ["33: 32 Auth failure."]),
        "\(message)")
      #expect(said(client, frame(.noop)) == (isRight ? ["10: 0"] : ["10: 32 Auth failure."]))
      #expect(client.isClosed != isRight)
    }
  }

  @Test("What came to nothing can be tried again; a failure and a new beginning take away what was reached")
  func authenticationAgain() {
    let client = TestServer(users: ["ada": "secret"]).binaryClient()
    let right = authentication("\0ada\0secret", mechanism: "plain")
    let failure = ["33: 32 Auth failure."]
    #expect(said(client, authentication("\0ada\0wrong")) == failure)
    #expect(said(client, authentication("", mechanism: "CRAM-MD5")) == failure)
    #expect(said(client, frame(.saslStep, key: "PLAIN", value: "\0ada\0secret")) == ["34: 32 Auth failure."])
    #expect(
      said(client, authentication("", mechanism: String(repeating: "x", count: 33))) == [
        "33: 4 Invalid arguments"
      ])
    #expect(said(client, authentication("")) == ["33: 33"])
    #expect(said(client, frame(.saslStep, key: "PLAIN", value: "\0ada\0secret")) == ["34: 0 Authenticated"])
    #expect(said(client, frame(.noop)) == ["10: 0"])
    #expect(said(client, authentication("\0ada\0wrong")) == failure)
    #expect(said(client, right + frame(.noop)) == ["33: 0 Authenticated", "10: 0"])
    #expect(said(client, frame(.saslList) + frame(.noop)) == ["32: 0 PLAIN", "10: 32 Auth failure."])
    #expect(client.isClosed)
  }

  @Test("Nothing but SASL and version is served to a stranger", arguments: Opcode.allCases)
  func strangers(_ opcode: Opcode) {
    let server = TestServer(users: ["ada": "secret"])
    guard ![.version, .saslList, .saslAuth, .saslStep].contains(opcode) else { return }
    let client = server.binaryClient()
    #expect(replies(client.send(frame(opcode, key: "k", extras: [0, 0, 0, 0]))).map(\.status) == [32])
    #expect(client.isClosed)
  }

  @Test("Where SASL is a must, the text protocol isn't served")
  func saslOnly() {
    let server = TestServer(users: ["ada": "secret"], requiresSASL: true)
    let classic = server.client(on: .memcached)
    #expect(classic.send("set x 0 0 10\r\nada secret\r\n") == "")
    #expect(classic.isClosed)
    let binary = server.client(on: .memcached)
    #expect(replies(binary.send(authentication("\0ada\0secret"))).map(\.status) == [0])
    #expect(server.redisClient().send("AUTH ada secret\r\n") == "+OK\r\n")
  }

  // MARK: Chance

  @Test(
    "Garbage never crashes a session, and never gets it to reply what is no reply",
    arguments: 0..<40 as Range<UInt64>)
  func garbage(_ seed: UInt64) {
    var random = RandomSource(seed: seed)
    for _ in 0..<30 {
      let server = TestServer(users: Bool.random(using: &random) ? ["ada": "secret"] : nil)
      let client = server.binaryClient(SessionLimits(keyBytes: 20, valueBytes: 100))
      var input = server.context.users.isOpen ? [] : authentication("\0ada\0secret")
      for _ in 0..<20 {
        let extras = [UInt8](
          repeating: UInt8.random(in: 0...255, using: &random),
          count: [0, 0, 4, 8, 20].randomElement(using: &random)!)
        var request = frame(
          Opcode.allCases.randomElement(using: &random)!,
          key: ["", "k", "q", "PLAIN"].randomElement(using: &random)!,
          extras: extras,
          value: String(repeating: "7", count: [0, 0, 1, 100, 101].randomElement(using: &random)!),
          cas: UInt64.random(in: 0...3, using: &random))
        if Int.random(in: 0..<20, using: &random) == 0 {
          request[Int.random(in: 0..<request.count, using: &random)] = UInt8.random(
            in: 0...255, using: &random)
        }
        input += request
      }
      var output: [UInt8] = []
      var rest = input[...]
      while !rest.isEmpty {
        let length = Int.random(in: 1...max(1, min(rest.count, 200)), using: &random)
        output += client.send(Array(rest.prefix(length)))
        rest = rest.dropFirst(length)
      }
      _ = replies(output)
    }
  }
}
