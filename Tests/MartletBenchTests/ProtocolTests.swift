import MartletBench
// Requests as bytes, and replies in every split.
import Testing

/// A key space whose values can be written down: `key:00001`, and four bytes of each value.
private let space = KeySpace(keys: 100, keyBytes: 9...9, valueBytes: 4...4, seed: 1)

@Suite("Requests")
struct RequestTests {
  private func request(
    _ wire: Wire, _ verb: Verb, _ keys: [UInt32] = [7], kind: KeyKind? = nil, members: Int = 1000
  ) -> String {
    var output = RequestBuffer()
    RequestEncoder(wire: wire, space: space, members: members).encode(
      verb, kind ?? verb.kind, keys, from: 0, count: keys.count, member: 42, to: &output)
    return output.bytes.text(from: 0, to: output.count)
  }

  @Test("RESP")
  func resp() {
    #expect(request(.redis, .get) == "*2\r\n$3\r\nGET\r\n$9\r\nkey:00007\r\n")
    #expect(request(.resp3, .set) == "*3\r\n$3\r\nSET\r\n$9\r\nkey:00007\r\n$4\r\nkey:\r\n")
    #expect(request(.redis, .set, kind: .counter) == "*3\r\n$3\r\nSET\r\n$9\r\nnum:00007\r\n$1\r\n0\r\n")
    #expect(request(.redis, .delete) == "*2\r\n$3\r\nDEL\r\n$9\r\nkey:00007\r\n")
    #expect(request(.redis, .incr) == "*2\r\n$4\r\nINCR\r\n$9\r\nnum:00007\r\n")
    #expect(request(.redis, .append) == "*3\r\n$6\r\nAPPEND\r\n$9\r\nlog:00007\r\n$4\r\nlog:\r\n")
    #expect(request(.redis, .touch) == "*3\r\n$6\r\nEXPIRE\r\n$9\r\nkey:00007\r\n$4\r\n3600\r\n")
    #expect(request(.redis, .sadd) == "*3\r\n$4\r\nSADD\r\n$9\r\nset:00007\r\n$10\r\nmember:042\r\n")
    #expect(
      request(.redis, .sismember, members: 1_000_001)
        == "*3\r\n$9\r\nSISMEMBER\r\n$9\r\nset:00007\r\n$14\r\nmember:0000042\r\n")
    #expect(request(.redis, .mget, [1, 2]) == "*3\r\n$4\r\nMGET\r\n$9\r\nkey:00001\r\n$9\r\nkey:00002\r\n")
  }

  @Test("memcached's classic commands")
  func classic() {
    #expect(request(.memcached, .get) == "get key:00007\r\n")
    #expect(request(.memcached, .set) == "set key:00007 0 0 4\r\nkey:\r\n")
    #expect(request(.memcached, .set, kind: .counter) == "set num:00007 0 0 1\r\n0\r\n")
    #expect(request(.memcached, .delete) == "delete key:00007\r\n")
    #expect(request(.memcached, .incr) == "incr num:00007 1\r\n")
    #expect(request(.memcached, .append) == "append log:00007 0 0 4\r\nlog:\r\n")
    #expect(request(.memcached, .touch) == "touch key:00007 3600\r\n")
    #expect(request(.memcached, .mget, [1, 2]) == "get key:00001 key:00002\r\n")
  }

  @Test("memcached's meta commands")
  func meta() {
    #expect(request(.meta, .get) == "mg key:00007 v\r\n")
    #expect(request(.meta, .set) == "ms key:00007 4\r\nkey:\r\n")
    #expect(request(.meta, .delete) == "md key:00007\r\n")
    #expect(request(.meta, .incr) == "ma num:00007\r\n")
    #expect(request(.meta, .append) == "ms log:00007 4 MA\r\nlog:\r\n")
    #expect(request(.meta, .touch) == "mg key:00007 T3600\r\n")
    #expect(request(.meta, .mget, [1, 2]) == "mg key:00001 k v q\r\nmg key:00002 k v q\r\nmn\r\n")
  }

  @Test("Numbers are written with all their digits", arguments: [0, 9, 10, 99, 100, 12_345, Int.max])
  func numbers(number: Int) {
    var output = RequestBuffer(capacity: 1)
    output.append(decimal: number)
    output.append(decimal: number % 1000, width: 5)
    let padded = String(number % 1000)
    #expect(
      output.bytes.text(from: 0, to: output.count)
        == "\(number)" + String(repeating: "0", count: 5 - padded.count) + padded)
  }
}

@Suite("Replies")
struct ReplyTests {
  /// What a reader made of a reply.
  struct Reading: Equatable, CustomStringConvertible {
    var verdict = Verdict.fine
    var hits = 0
    var misses = 0
    var text = ""
    var isBroken = false

    var description: String {
      "\(verdict) \(hits) hits \(misses) misses '\(text)'\(isBroken ? " broken" : "")"
    }
  }

  /// Reads a reply in pieces that end at each of the places, with what the reader leaves put before the next.
  private func read(
    _ wire: Wire, _ verb: Verb, _ reply: [UInt8], keys: [UInt32], splits: [Int], verifies: Bool
  ) -> (Reading, count: Int)? {
    var reader = ReplyReader(wire)
    var check = ValueCheck(space, isOn: verifies)
    let expected = Expectation(verb: verb, firstKey: 0, keyCount: keys.count)
    var rest: [UInt8] = []
    var start = 0
    for end in splits + [reply.count] {
      let piece = rest + reply[start..<end]
      start = end
      var position = 0
      let step = reader.read(piece.raw, &position, expected, keys, &check)
      rest = Array(piece[position...])
      if step == .needsMore { continue }
      let isError = reader.verdict != .fine || step == .broken
      return (
        Reading(
          verdict: step == .broken ? .fine : reader.verdict, hits: reader.hits, misses: reader.misses,
          text: isError ? reader.text : "", isBroken: step == .broken),
        // A reply that ends early has left something.
        reader.count + (end < reply.count || !rest.isEmpty ? 1_000_000 : 0)
      )
    }
    return nil
  }

  /// Reads a reply whole, in each two pieces, and byte by byte: always the same.
  private func expect(
    _ wire: Wire, _ verb: Verb, _ reply: String, _ expected: Reading, keys: [UInt32] = [7],
    verifies: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let bytes = Array(reply.utf8)
    let splits = [[]] + (1..<max(1, bytes.count)).map { [$0] } + [Array(1..<max(1, bytes.count))]
    for split in splits {
      guard let (reading, count) = read(wire, verb, bytes, keys: keys, splits: split, verifies: verifies)
      else {
        Issue.record("\(wire) \(verb): \(reply.debugDescription) has no end", sourceLocation: sourceLocation)
        return
      }
      #expect(
        reading == expected, "\(wire) \(verb) \(reply.debugDescription)", sourceLocation: sourceLocation)
      if !reading.isBroken { #expect(count == bytes.count, sourceLocation: sourceLocation) }
    }
  }

  private let hit = Reading(hits: 1)
  private let miss = Reading(misses: 1)
  private let done = Reading()

  private func error(_ text: String) -> Reading { Reading(verdict: .error, text: text) }
  private func wrongKind(_ text: String, hits: Int = 0, misses: Int = 0) -> Reading {
    Reading(verdict: .wrongKind, hits: hits, misses: misses, text: text)
  }
  private func broken(_ text: String, hits: Int = 0, misses: Int = 0) -> Reading {
    Reading(hits: hits, misses: misses, text: text, isBroken: true)
  }

  @Test("RESP")
  func resp() {
    for wire in [Wire.redis, .resp3] {
      expect(wire, .get, "$4\r\nkey:\r\n", hit)
      expect(wire, .get, "$-1\r\n", miss)
      expect(wire, .get, "_\r\n", miss)
      expect(wire, .set, "+OK\r\n", done)
      expect(wire, .delete, ":1\r\n", hit)
      expect(wire, .delete, ":0\r\n", miss)
      expect(wire, .touch, ":0\r\n", miss)
      expect(wire, .incr, ":0\r\n", done)
      expect(wire, .append, ":12\r\n", done)
      expect(wire, .sadd, ":0\r\n", done)
      expect(wire, .sismember, ":1\r\n", hit)
      expect(wire, .sismember, ":0\r\n", miss)
      expect(wire, .get, "-NOAUTH Authentication required.\r\n", error("NOAUTH Authentication required."))
      expect(wire, .mget, "-ERR no\r\n", error("ERR no"), keys: [1, 2])
      expect(wire, .set, "!8\r\nERR a\r\nb\r\n", Reading(verdict: .error, text: "ERR a\r\nb"))
      expect(
        wire, .mget, "*3\r\n$4\r\nkey:\r\n$-1\r\n$4\r\nkey:\r\n", Reading(hits: 2, misses: 1),
        keys: [1, 2, 3])
      expect(wire, .mget, "*2\r\n_\r\n_\r\n", Reading(misses: 2), keys: [1, 2])
    }
  }

  @Test("A RESP reply of another kind is told, and the next one is still found")
  func respKinds() {
    expect(.redis, .set, "$4\r\nkey:\r\n", wrongKind("a bulk string in reply to set", hits: 1))
    expect(.redis, .get, ":1\r\n", wrongKind(":1 in reply to get"))
    expect(.redis, .set, "+QUEUED\r\n", wrongKind("+QUEUED in reply to set"))
    expect(.redis, .set, "+OKAY\r\n", wrongKind("+OKAY in reply to set"))
    expect(.resp3, .set, "_\r\n", wrongKind("_ in reply to set", misses: 1))
    expect(.resp3, .get, "#t\r\n", wrongKind("#t in reply to get"))
  }

  @Test("What no RESP reply can be ends the connection")
  func respBroken() {
    let prefix = "a reply that can't be understood: "
    expect(.redis, .get, "$9999999999\r\n", broken(prefix + "$9999999999"))
    expect(.redis, .get, "$99999999999999999999\r\n", broken(prefix + "$99999999999999999999"))
    expect(.redis, .get, "$-2\r\n", broken(prefix + "$-2"))
    expect(.redis, .get, "$\r\n", broken(prefix + "$"))
    expect(.redis, .get, "HTTP/1.1 400 Bad Request\r\n", broken(prefix + "HTTP/1.1 400 Bad Request"))
    expect(.redis, .mget, "*3\r\n", broken(prefix + "*3"), keys: [1, 2])
    expect(.redis, .mget, "*2\r\n:1\r\n", broken(prefix + ":1"), keys: [1, 2])
    expect(.resp3, .get, "%1\r\n", broken(prefix + "%1"))
    expect(.redis, .get, "\r\n", broken("an empty line in place of a reply"))
    expect(.redis, .set, "+OK\n", broken("a line that doesn't end with CR LF: +OK"))
    expect(
      .redis, .get, "$4\r\nkey:xx", broken("a value of 4 bytes that CR LF doesn't follow", hits: 1))
  }

  @Test("memcached's classic replies")
  func classic() {
    expect(.memcached, .get, "VALUE key:00007 0 4\r\nkey:\r\nEND\r\n", hit)
    expect(.memcached, .get, "VALUE key:00007 0 4 99\r\nkey:\r\nEND\r\n", hit)
    expect(.memcached, .get, "END\r\n", miss)
    expect(.memcached, .set, "STORED\r\n", done)
    expect(.memcached, .append, "STORED\r\n", hit)
    expect(.memcached, .append, "NOT_STORED\r\n", miss)
    expect(.memcached, .delete, "DELETED\r\n", hit)
    expect(.memcached, .delete, "NOT_FOUND\r\n", miss)
    expect(.memcached, .touch, "TOUCHED\r\n", hit)
    expect(.memcached, .incr, "18446744073709551615\r\n", hit)
    expect(.memcached, .incr, "NOT_FOUND\r\n", miss)
    expect(
      .memcached, .mget, "VALUE key:00001 0 4\r\nkey:\r\nVALUE key:00003 0 4\r\nkey:\r\nEND\r\n",
      Reading(hits: 2, misses: 1), keys: [1, 2, 3])
    expect(.memcached, .mget, "END\r\n", Reading(misses: 3), keys: [1, 2, 3])
    expect(.memcached, .get, "ERROR\r\n", error("ERROR"))
    expect(.memcached, .set, "SERVER_ERROR out of memory\r\n", error("SERVER_ERROR out of memory"))
    expect(.memcached, .get, "CLIENT_ERROR unauthenticated\r\n", error("CLIENT_ERROR unauthenticated"))
    expect(.memcached, .get, "STORED\r\n", wrongKind("STORED in reply to get"))
    expect(.memcached, .set, "NOT_FOUND\r\n", miss, verifies: false)
  }

  @Test("memcached's meta replies")
  func meta() {
    expect(.meta, .get, "VA 4\r\nkey:\r\n", hit)
    expect(.meta, .get, "EN\r\n", miss)
    expect(.meta, .set, "HD\r\n", done)
    expect(.meta, .append, "NS\r\n", miss)
    expect(.meta, .delete, "HD\r\n", hit)
    expect(.meta, .delete, "NF\r\n", miss)
    expect(.meta, .incr, "NF\r\n", miss)
    expect(.meta, .touch, "HD\r\n", hit)
    expect(.meta, .touch, "EN\r\n", miss)
    expect(
      .meta, .mget, "VA 4 kkey:00001\r\nkey:\r\nVA 4 kkey:00003\r\nkey:\r\nMN\r\n",
      Reading(hits: 2, misses: 1), keys: [1, 2, 3])
    expect(.meta, .mget, "MN\r\n", Reading(misses: 2), keys: [1, 2])
    expect(.meta, .get, "CLIENT_ERROR bad\r\n", error("CLIENT_ERROR bad"))
    expect(.meta, .mget, "ERROR\r\nMN\r\n", Reading(verdict: .error, misses: 2, text: "ERROR"), keys: [1, 2])
  }

  @Test("What no memcached reply can be ends the connection")
  func memcachedBroken() {
    let prefix = "a reply that can't be understood: "
    expect(.memcached, .get, "VALUE key:00007 0 x\r\n", broken(prefix + "VALUE key:00007 0 x"))
    expect(.memcached, .get, "VALUE key:00007 0\r\n", broken(prefix + "VALUE key:00007 0"))
    expect(
      .memcached, .get, "VALUE key:00007 0 4\r\nkey:\r\nVALUE key:00007 0 4\r\n",
      broken(prefix + "VALUE key:00007 0 4", hits: 1))
    expect(.memcached, .set, "VALUE key:00007 0 4\r\n", broken(prefix + "VALUE key:00007 0 4"))
    expect(.meta, .get, "VA 999999999999\r\n", broken(prefix + "VA 999999999999"))
    expect(.meta, .mget, "VA 4\r\n", broken(prefix + "VA 4", hits: 1), keys: [1, 2])
  }

  @Test("A wrong value is noticed only when values are compared")
  func wrongValues() {
    let replies: [(Wire, String)] = [
      (.redis, "$4\r\nkez:\r\n"), (.memcached, "VALUE key:00007 0 4\r\nkez:\r\nEND\r\n"),
      (.meta, "VA 4\r\nkez:\r\n"), (.redis, "$3\r\nkey\r\n"), (.redis, "$5\r\nkey:0\r\n"),
      (.redis, "$0\r\n\r\n"),
    ]
    for (wire, reply) in replies {
      expect(wire, .get, reply, hit, verifies: false)
      let length = reply.contains("kez") ? 4 : reply.contains("$3") ? 3 : reply.contains("$5") ? 5 : 0
      expect(
        wire, .get, reply,
        Reading(verdict: .wrongValue, hits: 1, text: "key:00007 has \(length) bytes that are not its 4"))
    }
    expect(
      .memcached, .get, "VALUE key:00008 0 4\r\nkey:\r\nEND\r\n",
      Reading(
        verdict: .wrongValue, hits: 1, text: "a value of key:00008, which was not asked for, or not now"))
    expect(
      .meta, .mget, "VA 4 kkey:00002\r\nkey:\r\nVA 4 kkey:00001\r\nkey:\r\nMN\r\n",
      Reading(
        verdict: .wrongValue, hits: 2, text: "a value of key:00001, which was not asked for, or not now"),
      keys: [1, 2])
  }

  @Test("A line without an end is not kept for ever")
  func longLine() {
    let bytes = [UInt8](repeating: UInt8(ascii: "+"), count: ReplyReader.maximumLine)
    let (reading, _) = read(.redis, .set, bytes, keys: [1], splits: [100], verifies: false) ?? (Reading(), 0)
    #expect(reading.isBroken && reading.text.contains("a line of more than"))
    #expect(read(.redis, .set, Array(bytes.dropLast()), keys: [1], splits: [], verifies: false) == nil)
  }

  @Test("Replies that follow each other are told apart")
  func several() {
    var reader = ReplyReader(.redis)
    var check = ValueCheck(space, isOn: false)
    let bytes = Array("$4\r\nkey:\r\n$-1\r\n-ERR x\r\n$4\r\nkey:\r\n".utf8)
    var position = 0
    var readings: [Reading] = []
    while position < bytes.count {
      #expect(
        reader.read(bytes.raw, &position, Expectation(verb: .get, firstKey: 0, keyCount: 1), [7], &check)
          == .done)
      readings.append(Reading(verdict: reader.verdict, hits: reader.hits, misses: reader.misses))
    }
    #expect(readings == [hit, miss, Reading(verdict: .error), hit])
  }
}

@Suite("The handshake")
struct HandshakeTests {
  private func requests(_ wire: Wire, user: String? = nil, password: String? = nil) -> [String] {
    Handshake.exchanges(wire, user: user, password: password).map {
      String(decoding: $0.request, as: UTF8.self)
    }
  }

  @Test("Each protocol has its way to say who we are")
  func requests() {
    #expect(requests(.redis).isEmpty && requests(.memcached).isEmpty && requests(.meta).isEmpty)
    #expect(requests(.redis, password: "pw") == ["*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n"])
    #expect(requests(.redis, user: "me", password: "pw") == ["*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$2\r\npw\r\n"])
    #expect(requests(.resp3) == ["*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"])
    #expect(requests(.meta, user: "me", password: "pw") == ["set auth 0 0 5\r\nme pw\r\n"])
  }

  @Test("A reply is whole when its last byte is there, and not before")
  func shapes() {
    for reply in [
      "+OK\r\n", "-ERR no\r\n", "$5\r\nhello\r\n", "$-1\r\n", "*2\r\n:1\r\n$1\r\na\r\n",
      "%2\r\n+a\r\n:1\r\n+b\r\n*0\r\n",
      "*1\r\n*1\r\n%1\r\n$1\r\nx\r\n~1\r\n:1\r\n", "_\r\n",
    ] {
      let bytes = Array(reply.utf8)
      #expect(RESPShape.end(of: bytes) == bytes.count)
      for count in 0..<bytes.count { #expect(RESPShape.end(of: Array(bytes[..<count])) == nil) }
    }
  }

  @Test("The server says what it is")
  func servers() {
    let info = "$30\r\n# Server\r\nredis_version:7.0.15\r\nos:Linux\r\n"
    #expect(Handshake.server(.redis, Array(info.utf8)) == "redis 7.0.15")
    #expect(
      Handshake.server(.resp3, Array("redis_version:7.2.4\r\nvalkey_version:9.1.0\r\n".utf8))
        == "valkey 9.1.0")
    #expect(Handshake.server(.redis, Array("-NOPERM no\r\n".utf8)) == nil)
    #expect(Handshake.server(.meta, Array("VERSION 1.6.18\r\n".utf8)) == "memcached 1.6.18")
    #expect(Handshake.server(.meta, Array("ERROR\r\n".utf8)) == nil)
    #expect(
      Handshake.isSpoken(.redis, Array(info.utf8)) && Handshake.isSpoken(.redis, Array("-NOPERM\r\n".utf8)))
    #expect(!Handshake.isSpoken(.redis, Array("ERROR\r\n".utf8)) && !Handshake.isSpoken(.redis, []))
    #expect(Handshake.isSpoken(.meta, Array("CLIENT_ERROR unauthenticated\r\n".utf8)))
    #expect(!Handshake.isSpoken(.memcached, Array("-ERR unknown command\r\n".utf8)))
  }
}
