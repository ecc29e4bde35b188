// DUMP payloads: those that Redis and Valkey wrote, those of older forms, and those of nobody.
import Martlet
import MartletSimulation
import Testing

/// The bytes of hexadecimal digits.
func data(hex digits: String) -> [UInt8] {
  let numbers = digits.map { UInt8($0.hexDigitValue!) }
  return stride(from: 0, to: numbers.count, by: 2).map { numbers[$0] << 4 | numbers[$0 + 1] }
}

/// A value behind its type, as a payload of a version.
func payload(_ value: [UInt8], version: UInt16 = 10) -> [UInt8] {
  var payload = ByteQueue()
  payload.append(value)
  payload.append(littleEndian: version)
  payload.append(littleEndian: payload.bytes.crc64(continuing: 0))
  return payload.bytes.array
}

/// A length and a string behind it.
private func string(_ content: [UInt8]) -> [UInt8] {
  content.count < 64
    ? [UInt8(content.count)] + content
    : [0x40 | UInt8(content.count >> 8), UInt8(content.count & 255)] + content
}

private func scores(_ members: [String: Double]) -> StoredItem.Content {
  .sortedSet(Dictionary(uniqueKeysWithValues: members.map { (bytes($0.key), $0.value) }))
}

private func list(_ elements: String...) -> StoredItem.Content { .list(elements.map(bytes)) }

private func hash(_ fields: [String: String]) -> StoredItem.Content {
  .hash(Dictionary(uniqueKeysWithValues: fields.map { (bytes($0.key), StoredField(bytes($0.value))) }))
}

private func set(_ members: String...) -> StoredItem.Content { .set(Set(members.map(bytes))) }

@Suite("DUMP and RESTORE")
struct DumpTests {
  struct Sample: Sendable, CustomTestStringConvertible {
    let name: String
    let payload: [UInt8]
    let content: StoredItem.Content

    init(_ name: String, _ payload: [UInt8], _ content: StoredItem.Content) {
      self.name = name
      self.payload = payload
      self.content = content
    }

    var testDescription: String { name }
  }

  /// What redis-server 7.0.15 and valkey-server 9.1.2 replied to DUMP.
  static let written = [
    Sample("a string", data(hex: "000568656c6c6f0a006372df766534200a"), .string(bytes("hello"))),
    Sample("a number of 8 bits", data(hex: "00c0f90a005e26d130d7a242ab"), .string(bytes("-7"))),
    Sample("a number of 16 bits", data(hex: "00c139300a009d94ea2793fc08b9"), .string(bytes("12345"))),
    Sample(
      "a number of 32 bits", data(hex: "00c2009435770a00421228d8e073c087"), .string(bytes("2000000000"))),
    Sample(
      "a number of 64 bits", data(hex: "000c3132333435363738393031320a00911001b1d116e7ac"),
      .string(bytes("123456789012"))),
    Sample(
      "a compressed string", data(hex: "00c30b3c0361626361e02d020162630a006f6029e4afd764ac"),
      .string(bytes(String(repeating: "abcabc", count: 10)))),
    Sample(
      "a long run", data(hex: "00c30c4190017878e0ff00e07b000178780a001ab99fcd2cbccfca"),
      .string(bytes(String(repeating: "x", count: 400)))),
    Sample(
      "a list of every number",
      data(
        hex:
          "1201022b2b00000007008161020101f178ec03f2a0860104f38096980005f40010a5d4e80000000984776f726405ff0a006e4de1394b13a04e"
      ),
      list("a", "1", "-5000", "100000", "10000000", "1000000000000", "word")),
    Sample(
      "a list of two nodes",
      data(
        hex: "12020213130000000400816102816202816302816402ff020a0a0000000100816502ff0a00587c9d97098c43a9"),
      list("a", "b", "c", "d", "e")),
    Sample(
      "a list with a node of one element",
      data(hex: "1202010d30313233343536373839616263020a0a0000000100816202ff0a00956f08f75b362eb0"),
      list("0123456789abc", "b")),
    Sample(
      "an intset of 16 bits", data(hex: "0b0e0200000003000000d4fe010002000a00bddd0046b38de81d"),
      set("1", "2", "-300")),
    Sample(
      "an intset of 32 bits", data(hex: "0b10040000000200000001000000a08601000a00d7b548c007796515"),
      set("1", "100000")),
    Sample(
      "an intset of 64 bits",
      data(hex: "0b180800000002000000010000000000000000e40b54020000000a00d9ebbecf4de6277b"),
      set("1", "10000000000")),
    Sample("a set", data(hex: "02030161c00501620a00ae6ac9a4dbc5045e"), set("a", "b", "5")),
    Sample(
      "a set in a listpack", data(hex: "140f0f00000003008161028162020501ff5000f03a30cd9adc90cd"),
      set("a", "b", "5")),
    Sample(
      "a hash in a listpack", data(hex: "1012120000000400816602817602816e020501ff0a008490939f57b4f3c2"),
      hash(["f": "v", "n": "5"])),
    Sample("a hash", data(hex: "040201660176016ec0050a0075cf1024b38fa82f"), hash(["f": "v", "n": "5"])),
    Sample(
      "a hash of Valkey's with a field that expires",
      data(hex: "16020166017600409452a3030000016ec005ffffffffffffffff5000a0f5271420a4a4fd"),
      .hash([
        bytes("f"): StoredField(bytes("v"), expiry: 4_000_000_000_000), bytes("n"): StoredField(bytes("5")),
      ])),
    Sample(
      "a sorted set", data(hex: "05020161000000000000f83f0162000000000000f0ff0a0048977e33659e660b"),
      scores(["a": 1.5, "b": -.infinity])),
    Sample(
      "a sorted set in a listpack",
      data(hex: "111d1d0000000600816202842d696e660581610283312e35048163020301ff0a002970c58fcde6fc31"),
      scores(["a": 1.5, "b": -.infinity, "c": 3])),
    Sample(
      "a sorted set of Valkey's",
      data(hex: "111d1d0000000600816202842d696e660581610283312e35048163020301ff5000e65a0c1e53b49bc5"),
      scores(["a": 1.5, "b": -.infinity, "c": 3])),
  ]

  /// Of each element the length of the one before, and the whole between its lengths.
  private static func ziplist(_ elements: [UInt8]..., count: Int? = nil) -> [UInt8] {
    var body: [UInt8] = []
    var previous = 0
    var last = 10
    for element in elements {
      last = 10 + body.count
      let before: [UInt8] =
        previous < 254 ? [UInt8(previous)] : [0xfe, UInt8(previous & 255), UInt8(previous >> 8), 0, 0]
      body += before + element
      previous = before.count + element.count
    }
    let size = 10 + body.count + 1
    return [UInt8(size & 255), UInt8(size >> 8), 0, 0, UInt8(last & 255), UInt8(last >> 8), 0, 0]
      + [UInt8(count ?? elements.count), 0] + body + [0xff]
  }

  private static func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + bytes(text) }

  /// What older servers wrote, and newer ones than could be asked, as their sources have it.
  static let others = [
    Sample(
      "a list one by one", payload([1, 2] + string(bytes("a")) + [0xc0, 5], version: 1), list("a", "5")),
    Sample(
      "a ziplist of every number",
      payload(
        [10]
          + string(
            ziplist(
              text("abc"), [0xf1], [0xfd], [0xfe, 0x80], [0xc0, 0xff, 0x7f], [0xf0, 1, 2, 0x80],
              [0xd0, 0, 0, 0, 1],
              [0xe0, 0, 0, 0, 0, 0, 0, 0, 1], text(""))), version: 6),
      list("abc", "0", "12", "-128", "32767", "-8388095", "16777216", "72057594037927936", "")),
    Sample(
      "a ziplist of long texts",
      payload(
        [10]
          + string(
            ziplist(
              [0x40, 100] + [UInt8](repeating: 97, count: 100),
              [0x80, 0, 0, 1, 0] + [UInt8](repeating: 98, count: 256), text("c")
            )), version: 6),
      .list([[UInt8](repeating: 97, count: 100), [UInt8](repeating: 98, count: 256), bytes("c")])),
    Sample(
      "a list of ziplists",
      payload([14, 2] + string(ziplist(text("a"), text("b"))) + string(ziplist(text("c"))), version: 9),
      list("a", "b", "c")),
    Sample(
      "a hash in a zipmap",
      // The example in Redis's zipmap.c, and two bytes free behind a value.
      payload(
        [9]
          + string(
            [2, 3] + bytes("foo") + [3, 0] + bytes("bar") + [5] + bytes("hello") + [5, 2] + bytes("world") + [
              0, 0, 0xff,
            ]),
        version: 3),
      hash(["foo": "bar", "hello": "world"])),
    Sample(
      "a hash in a ziplist", payload([13] + string(ziplist(text("f"), [0xf6])), version: 9), hash(["f": "5"])),
    Sample(
      "a sorted set in a ziplist",
      payload([12] + string(ziplist(text("a"), text("1.5"), text("b"), [0xf4])), version: 9),
      scores(["a": 1.5, "b": 3])),
    Sample(
      "a sorted set with texts for scores",
      payload(
        [3, 3] + string(bytes("a")) + [3] + bytes("1.5") + string(bytes("b")) + [254] + string(bytes("c")) + [
          255
        ], version: 6),
      scores(["a": 1.5, "b": .infinity, "c": -.infinity])),
    Sample(
      "a hash of Redis 7.4",
      payload(
        [24] + data(hex: "00409452a3030000") + [3, 1] + string(bytes("f")) + string(bytes("v")) + [0]
          + string(bytes("g"))
          + string(bytes("w")) + [0x41, 0x00] + string(bytes("h")) + string(bytes("x")), version: 12),
      .hash([
        bytes("f"): StoredField(bytes("v"), expiry: 4_000_000_000_000), bytes("g"): StoredField(bytes("w")),
        bytes("h"): StoredField(bytes("x"), expiry: 4_000_000_000_255),
      ])),
    Sample(
      "a hash of Redis 7.4 in a listpack",
      payload(
        [25] + data(hex: "00409452a3030000")
          + string(data(hex: "1f0000000600816602817602f400409452a30300000981670281770200" + "01ff")),
        version: 12),
      .hash([
        bytes("f"): StoredField(bytes("v"), expiry: 4_000_000_000_000), bytes("g"): StoredField(bytes("w")),
      ])),
    Sample(
      "an early hash of Redis 7.4",
      payload(
        [22, 2, 0x81] + data(hex: "000003a352944000") + string(bytes("f")) + string(bytes("v")) + [0]
          + string(bytes("g"))
          + string(bytes("w")), version: 12),
      .hash([
        bytes("f"): StoredField(bytes("v"), expiry: 4_000_000_000_000), bytes("g"): StoredField(bytes("w")),
      ])),
  ]

  private func restore(
    _ payload: [UInt8], _ server: inout TestServer, _ key: String = "k", _ options: String...
  ) -> String {
    String(
      decoding: server.redis([bytes("RESTORE"), bytes(key), bytes("0"), payload] + options.map(bytes)),
      as: UTF8.self)
  }

  private func dump(_ server: inout TestServer, _ key: [UInt8]) -> [UInt8] {
    let reply = server.redis([bytes("DUMP"), key])
    guard let end = reply.firstIndex(of: UInt8(ascii: "\n")), reply.count > 5 else { return [] }
    return Array(reply[(end + 1)..<(reply.count - 2)])
  }

  @Test("reads what Redis and Valkey write in every form", arguments: written + others)
  func samples(sample: Sample) {
    var server = TestServer.inMemory()
    #expect(restore(sample.payload, &server) == "+OK\r\n")
    #expect(server.store.contents()[0][bytes("k")]?.content == sample.content)
    // And again from what is written here.
    let written = dump(&server, bytes("k"))
    #expect(restore(written, &server, "again") == "+OK\r\n")
    #expect(server.store.contents()[0][bytes("again")]?.content == sample.content)
  }

  @Test("writes short strings as Redis does, byte for byte", arguments: written.prefix(5))
  func sameBytes(sample: Sample) {
    var server = TestServer.inMemory()
    #expect(restore(sample.payload, &server) == "+OK\r\n")
    #expect(dump(&server, bytes("k")) == sample.payload)
  }

  @Test("refuses a payload of which any bit is another one", arguments: written)
  func anyBit(sample: Sample) {
    var server = TestServer.inMemory()
    for bit in 0..<sample.payload.count * 8 {
      var wrong = sample.payload
      wrong[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(restore(wrong, &server) == "-ERR DUMP payload version or checksum are wrong\r\n")
    }
    #expect(server.store.keyCount == 0)
  }

  @Test(
    "refuses what is no value, though the checksum is right",
    arguments: [
      "", "00", "0005616263", "00c4", "00ff", "00c3023c0061", "00c303033f6162", "00c3048000000001ffff",
      "0080ffffffff61", "0081ffffffffffffffff61", "0200", "0101", "0280ffffffff0161", "02020161",
      "020201610161",
      "0402016101620161" + "0163", "0501" + "0161" + "000000000000f87f", "03010161fd", "0301016103616263",
      "0300",
      // A listpack that says another length, another count, ends nowhere, or whose elements contradict themselves.
      "100a0b0000000200816102ff", "100e0e0000000300816602817602ff", "100d0d00000002008166028176ff",
      "100e0e0000000200816602817602fe", "100e0e0000000200816602817603ff", "100e0e0000000200bf6602817602ff",
      "100a0a0000000100816602ff", "10130000", "1007070000000000ff",
      "1013" + "1300000004008161020101816102" + "0201ffff",
      "140d0d0000000200816102816102ff",
      // A ziplist, an intset, a zipmap that are wrong.
      "0a0b0b0000000a0000000000ff", "0a0e0e0000000a0000000100050161ff",
      "0a0d0d0000000a000000020000016" + "1ff",
      "0b0a03000000010000000500", "0b0c02000000020000000500", "0b0c0200000002000000" + "05000300",
      "0b0c0200000002000000" + "05000500", "090401016100ff", "0903010161ff", "0902ff00",
      // Nodes of a list.
      "120103016100", "1201020a0a0000000200816102ff", "0e010b0b0000000a000000000000ff",
      "fe00", "fa0000", "08", "1a00", "ff",
    ])
  func bad(hex: String) {
    var server = TestServer.inMemory()
    let digits = hex.count % 2 == 0 ? hex : hex + "0"
    #expect(restore(payload(data(hex: digits)), &server) == "-ERR Bad data format\r\n")
    #expect(server.store.keyCount == 0)
  }

  @Test("tells of streams and modules that there is no place for them")
  func unsupported() {
    var server = TestServer.inMemory()
    for type in [15, 19, 21] as [UInt8] {
      #expect(restore(payload([type, 0]), &server) == "-ERR Bad data format: streams are not supported\r\n")
    }
    #expect(
      restore(payload([7, 0]), &server) == "-ERR Bad data format: values of modules are not supported\r\n")
  }

  @Test("knows the versions of Redis and Valkey and no others")
  func versions() {
    var server = TestServer.inMemory()
    for version in 0...200 as ClosedRange<UInt16> {
      let reply = restore(payload([0, 1, 97], version: version), &server, "k\(version)")
      let isKnown = (1...16).contains(version) || (80...81).contains(version)
      #expect(
        reply == (isKnown ? "+OK\r\n" : "-ERR DUMP payload version or checksum are wrong\r\n"), "\(version)")
    }
  }

  /// A value by chance, made by commands; its key.
  private func makeValue(_ random: inout RandomSource, _ server: inout TestServer, _ key: [UInt8]) {
    func word() -> [UInt8] {
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        return bytes(
          "\(Int.random(in: Int.min...Int.max, using: &random) >> Int.random(in: 0..<63, using: &random))")
      case 1:
        return [UInt8](
          repeating: UInt8.random(in: 0...255, using: &random), count: Int.random(in: 0..<300, using: &random)
        )
      default:
        return (0..<Int.random(in: 0..<12, using: &random)).map { _ in
          UInt8.random(in: 0...255, using: &random)
        }
      }
    }
    let count = [1, 3, 20, 300].randomElement(using: &random)!
    switch Int.random(in: 0..<5, using: &random) {
    case 0: _ = server.redis([bytes("SET"), key, word()])
    case 1: _ = server.redis([bytes("RPUSH"), key] + (0..<count).map { _ in word() })
    case 2: _ = server.redis([bytes("SADD"), key] + (0..<count).map { _ in word() })
    case 3:
      for _ in 0..<count {
        let score = bytes(
          ["-inf", "inf", "\(Double.random(in: -1e9...1e9, using: &random))", "17"].randomElement(
            using: &random)!)
        _ = server.redis([bytes("ZADD"), key, score, word()])
      }
    default:
      _ = server.redis([bytes("HSET"), key] + (0..<2 * count).map { _ in word() })
      if Bool.random(using: &random) {
        let time = bytes("\(4_000_000_000_000 + Int.random(in: 0..<1000, using: &random))")
        _ = server.redis(
          [bytes("HSETEX"), key, bytes("PXAT"), time, bytes("FIELDS"), bytes("2")]
            + (0..<4).map { _ in word() })
      }
    }
  }

  @Test("gives back what went in, also after a restart", arguments: 1...24 as ClosedRange<UInt64>)
  func roundTrip(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let disk = SimulatedDisk(seed: seed)
    var server = TestServer(try openStore(on: disk, durability: .never))
    for number in 0..<12 {
      let key = bytes("k\(number % 8)")
      if number % 3 == 0 || server.redis([bytes("EXISTS"), key]) == bytes(":0\r\n") {
        _ = server.redis([bytes("DEL"), key])
        makeValue(&random, &server, key)
      }
      let original = server.store.contents()[0][key]?.content
      let copy = bytes("k\(Int.random(in: 0..<8, using: &random))")
      let value = dump(&server, key)
      let time = Bool.random(using: &random) ? "0" : "4000000000000"
      let words = ["RESTORE", "", time, "", "REPLACE", "ABSTTL"].map(bytes)
      #expect(server.redis([words[0], copy, words[2], value, words[4], words[5]]) == bytes("+OK\r\n"))
      let made = server.store.contents()[0][copy]
      #expect(made?.content == original, "seed \(seed)")
      #expect(made?.metadata.expiry == Int64(time))
    }
    server.store.journal.commit()
    let before = server.store.contents()
    server.store.stop()
    #expect(try openStore(on: disk).contents() == before)
  }

  @Test(
    "Nothing that changes in a payload can do more than be refused", arguments: 1...40 as ClosedRange<UInt64>)
  func damage(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var server = TestServer.inMemory()
    let samples = Self.written + Self.others
    for _ in 0..<300 {
      let sample = samples.randomElement(using: &random)!
      var value = Array(sample.payload.dropLast(10))
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let index = Int.random(in: 0..<value.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: value[index] = UInt8.random(in: 0...255, using: &random)
        case 1: value[index] = [0, 0xff, 0x80, 0xc3, 0x81, 0xf0].randomElement(using: &random)!
        case 2: value.insert(UInt8.random(in: 0...255, using: &random), at: index)
        default: if value.count > 1 { value.remove(at: index) }
        }
      }
      let version = UInt16([10, 12, 80].randomElement(using: &random)!)
      let reply = restore(payload(value, version: version), &server, "k", "REPLACE")
      #expect(reply == "+OK\r\n" || reply.hasPrefix("-ERR Bad data format"), "\(value)")
      guard reply == "+OK\r\n" else { continue }
      // What was taken is a value like any other.
      let written = dump(&server, bytes("k"))
      #expect(written.isEmpty || restore(written, &server, "again", "REPLACE") == "+OK\r\n")
    }
  }

  @Test("is recorded as a person would type it, as one group")
  func records() throws {
    let disk = SimulatedDisk(seed: 1)
    var server = TestServer(try openStore(on: disk, durability: .never))
    for (key, number) in [("s", 0), ("l", 7), ("S", 13), ("h", 17), ("z", 18)] {
      let reply = server.redis([
        bytes("RESTORE"), bytes(key), bytes("4000000000000"), Self.written[number].payload, bytes("ABSTTL"),
      ])
      #expect(reply == bytes("+OK\r\n"))
    }
    #expect(restore(Self.written[1].payload, &server, "l", "REPLACE") == "+OK\r\n")
    #expect(restore(Self.written[8].payload, &server, "z", "REPLACE") == "+OK\r\n")
    server.store.journal.commit()
    let lines = disk.text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    #expect(
      lines == [
        "SET s hello PXAT 4000000000000",
        "RPUSH l a 1 -5000 100000 10000000 1000000000000 word", "PEXPIREAT l 4000000000000",
        "SADD S a 5 b", "PEXPIREAT S 4000000000000",
        "HSET h n 5", "HSETEX h PXAT 4000000000000 FIELDS 1 f v", "PEXPIREAT h 4000000000000",
        "ZADD z 1.5 a -inf b", "PEXPIREAT z 4000000000000",
        "SET l -7", "DEL z", "RPUSH z a b c d e",
      ])
    server.store.stop()
  }

  @Test("Fields whose time has passed are left out, and a hash without others is none")
  func expiredFields() {
    var server = TestServer.inMemory(clock: WallClock(stoppedAt: 2000))
    let field = { (name: String, time: [UInt8]) in string(bytes(name)) + string(bytes("v")) + time }
    let past = data(hex: "e803000000000000")
    let never = data(hex: "ffffffffffffffff")
    #expect(restore(payload([22, 1] + field("f", past), version: 80), &server) == "+OK\r\n")
    #expect(server.store.keyCount == 0)
    #expect(
      restore(payload([22, 2] + field("f", past) + field("g", never), version: 80), &server) == "+OK\r\n")
    #expect(server.redis("HKEYS", "k") == "*1\r\n$1\r\ng\r\n")
    // It takes the place of what was there all the same.
    #expect(restore(payload([22, 1] + field("f", past), version: 80), &server, "k", "REPLACE") == "+OK\r\n")
    #expect(server.store.keyCount == 0)
    #expect(
      restore(payload([22, 1] + field("f", data(hex: "feffffffffffffff")), version: 80), &server)
        == "-ERR Bad data format\r\n")
  }

  @Test("keeps the limits of values")
  func limits() {
    var server = TestServer.inMemory()
    _ = server.redis([bytes("SET"), bytes("k"), [UInt8](repeating: 97, count: 2000)])
    let value = dump(&server, bytes("k"))
    let context = server.context
    let session = RESPSession(
      context.clients.connect(from: "test", to: "test"), SessionLimits(keyBytes: 10, valueBytes: 1000),
      context)
    var strict = session
    let input = request([bytes("RESTORE"), bytes("new"), bytes("0"), value])
    server.execution.reply.removeAll()
    _ = unsafe strict.receive(input.span.bytes, &server.execution)
    #expect(
      server.execution.reply.buffer.bytes.text
        == "-ERR the value is longer than max-value-bytes allows (1000)\r\n")
    #expect(server.store.keyCount == 1)
  }

  @Test("IDLETIME says how long a key has been idle")
  func idleTime() {
    var server = TestServer.inMemory(clock: WallClock(stoppedAt: 1_800_000_000_000))
    let value = Self.written[0].payload
    _ = server.redis([bytes("RESTORE"), bytes("k"), bytes("0"), value, bytes("IDLETIME"), bytes("1000")])
    #expect(server.redis("OBJECT", "IDLETIME", "k") == ":1000\r\n")
    _ = server.redis([
      bytes("RESTORE"), bytes("l"), bytes("0"), value, bytes("IDLETIME"), bytes("9223372036854775807"),
    ])
    #expect(server.redis("OBJECT", "IDLETIME", "l").dropFirst().prefix(7) == "4194303")
  }

  @Test("The checksum is Redis's")
  func checksum() {
    #expect(bytes("123456789").span.raw.crc64(continuing: 0) == 0xe9c6_d914_c4b8_d9ca)
    let first = bytes("12345").span.raw.crc64(continuing: 0)
    #expect(bytes("6789").span.raw.crc64(continuing: first) == 0xe9c6_d914_c4b8_d9ca)
  }
}
