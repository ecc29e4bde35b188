// Files of Redis and Valkey, whole and broken.
import Martlet
import MartletSimulation
import Testing

/// Files that redis-server 7.0.15 and valkey-server 9.1.2 wrote.
private enum Written {
  /// In database 0 a string and a list that expires; in 3 a hash, a set, a sorted set, and a stream with a group.
  static let redis = data(
    hex: """
      524544495330303130fa0972656469732d76657206372e302e3135fa0a72656469732d62697473c040fa056374696d65c24c450c6bfa08757365\
      642d6d656dc2e0ba1c00fa08616f662d62617365c000fe00fb0201fc00409452a303000012016c01020c0c00000002008161020101ff00017301\
      76fe03fb04001001680d0d0000000200816602817602ff11017a0c0c0000000200816d020101ff13017801100000000000000001000000000000\
      00011d1d0000000a0001010001010181610200010201000100018162020401ff0101010101000001010167010101010000000000000001000000\
      0000000001cdb2ee27a201000001010163cdb2ee27a201000001000000000000000100000000000000010b01740c020000000200000001000200\
      ff0a50e9760c27bc82
      """)
  /// In database 0 a string; in 3 a hash with a field that expires, and a stream with a group.
  static let valkey = data(
    hex: """
      56414c4b4559303830fa0a76616c6b65792d76657205392e312e32fa0a72656469732d62697473c040fa056374696d65c24c450c6bfa08757365\
      642d6d656dc2083d1f00fa08616f662d62617365c000fe00fb01000001730176fe03fb0200160168020166017600409452a30300000167017\
      7ffffffffffffffff1501780110000000000000000100000000000000011d1d0000000a0001010001010181610200010201000100018162020401ff\
      01010101010000010101670101010100000000000000010000000000000001d3b2ee27a201000001010163d3b2ee27a2010000d3b2ee27a20100\
      000100000000000000010000000000000001ffb249e97c54cb5877
      """)
}

/// Bytes that come a few at a time.
private func inPieces(_ all: [UInt8], of length: Int) -> InputBytes {
  var start = 0
  return InputBytes { () throws(DiskError) -> [UInt8] in
    let piece = Array(all[start..<min(start + length, all.count)])
    start += piece.count
    return piece
  }
}

/// A line for each command, its words as text.
private func lines(_ requests: [ImportParser.Request]) -> [String] {
  requests.compactMap { request in
    guard case .command(let words, _) = request else { return nil }
    return words.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
  }
}

@Suite("RDB files")
struct RDBFileTests {
  private func read(_ file: [UInt8], pieces: Int = 1000, now: Int64 = 0) throws(RDBProblem) -> (
    lines: [String], tally: RedisFileTally
  ) {
    var reader = try RDBImport(inPieces(file, of: pieces), now: now)
    var requests: [ImportParser.Request] = []
    while try reader.next(&requests) {}
    return (lines(requests), reader.tally)
  }

  @Test("A file of Redis becomes commands, in pieces of any size", arguments: [1, 2, 7, 100, 100_000])
  func redis(pieces: Int) throws {
    let (lines, tally) = try read(Written.redis, pieces: pieces)
    #expect(
      lines == [
        "SELECT 0", "DEL l", "RPUSH l a 1", "PEXPIREAT l 4000000000000", "SET s v", "SELECT 3", "DEL h",
        "HSET h f v", "DEL z", "ZADD z 1 m", "DEL t", "SADD t 1 2",
      ])
    #expect(tally.keys == 5)
    #expect(tally.leftOutText == "1 streams")
  }

  @Test("A file of Valkey with fields that expire becomes commands")
  func valkey() throws {
    let (lines, tally) = try read(Written.valkey)
    #expect(
      lines == [
        "SELECT 0", "SET s v", "SELECT 3", "DEL h", "HSETEX h PXAT 4000000000000 FIELDS 1 f v", "HSET h g w",
      ])
    #expect(tally.keys == 2)
    #expect(tally.leftOutText == "1 streams")
  }

  @Test("What has expired is left out and counted")
  func expired() throws {
    let (lines, tally) = try read(Written.redis, now: 4_000_000_000_000)
    #expect(!lines.contains { $0.contains(" l") })
    #expect(tally.expired == 1)
    #expect(tally.keys == 4)
    #expect(try read(Written.valkey, now: 4_000_000_000_000).lines.contains("HSET h g w"))
    #expect(try !read(Written.valkey, now: 4_000_000_000_000).lines.joined().contains("HSETEX"))
  }

  @Test("A file that ends too early is told, wherever it ends", arguments: [Written.redis, Written.valkey])
  func truncated(file: [UInt8]) {
    for length in 9..<file.count {
      #expect(throws: RDBProblem.truncated) { try read(Array(file[..<length])) }
    }
  }

  @Test("No bit can change unnoticed", arguments: [Written.redis, Written.valkey])
  func anyBit(file: [UInt8]) {
    for bit in 0..<file.count * 8 {
      var wrong = file
      wrong[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(throws: RDBProblem.self, "bit \(bit)") { try read(wrong) }
    }
  }

  @Test("A file without a checksum is believed")
  func withoutChecksum() throws {
    let file = Array(Written.redis.dropLast(8)) + [UInt8](repeating: 0, count: 8)
    #expect(try read(file).tally.keys == 5)
    // Before version 5 there was none.
    let old = bytes("REDIS0003") + [0xfe, 0, 0xfd, 0, 0x28, 0x6b, 0xee, 0, 1, 97, 1, 98, 0xff]
    #expect(throws: RDBProblem.self) { try read(old) }
    let times = bytes("REDIS0003") + [0xfe, 0, 0xfd, 0, 0x28, 0x6b, 0x6e, 0, 1, 97, 1, 98, 0xff]
    #expect(try read(times).lines == ["SELECT 0", "SET a b PXAT 1852516352000"])
  }

  @Test("Functions, modules and what is said of a file are passed over")
  func passedOver() throws {
    let moduleData: [UInt8] = [2, 5, 1, 7, 3, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 5, 1, 97, 0]
    var file = bytes("REDIS0010") + [0xf5, 2, 97, 98, 0xf7, 0x81, 1, 2, 3, 4, 5, 6, 7, 8, 2, 2] + moduleData
    file += [0xfe, 2, 0xf8, 5, 0xf9, 5, 7, 1, 109, 0x81, 1, 2, 3, 4, 5, 6, 7, 8] + moduleData
    file += [0xf4, 1, 2, 3, 0, 1, 97, 0xc0, 7, 0xff] + [UInt8](repeating: 0, count: 8)
    let (lines, tally) = try read(file)
    #expect(lines == ["SELECT 2", "SET a 7"])
    #expect(tally.leftOutText == "1 function libraries, 2 values of modules")
  }

  @Test("What isn't known is refused with its place, and what comes before it is there")
  func unknown() throws {
    let file = bytes("REDIS0012") + [0, 1, 97, 1, 98, 0x1d, 1, 99]
    var reader = try RDBImport(InputBytes(file.span.raw), now: 0)
    var requests: [ImportParser.Request] = []
    #expect(
      throws: RDBProblem.unsupported(
        "at byte 14 there is a value or a part of the type 29, which is not known")
    ) {
      while try reader.next(&requests) {}
    }
    #expect(lines(requests) == ["SET a b"])
    for head in ["REDIS0017", "REDIS0080", "VALKEY011", "VALKEY082"] {
      #expect(throws: RDBProblem.self, "\(head)") { try read(bytes(head) + [0xff]) }
    }
  }

  @Test("A large collection comes in many commands, a few at a time")
  func large() throws {
    var file = bytes("REDIS0011") + [2, 1, 115, 0x80, 0, 1, 0, 0]
    for number in 0..<65536 { file += [0xc1, UInt8(number & 255), UInt8(number >> 8)] }
    file += [0xff] + [UInt8](repeating: 0, count: 8)
    var reader = try RDBImport(inPieces(file, of: 5000), now: 0)
    var most = 0
    var members = 0
    var requests: [ImportParser.Request] = []
    while try reader.next(&requests) {
      most = max(most, requests.count)
      for case .command(let words, _) in requests where words[0] == bytes("SADD") {
        #expect(words.count <= 1002)
        members += words.count - 2
      }
      requests.removeAll()
    }
    #expect(members == 65536)
    #expect(most < 300)
  }
}

@Suite("Append-only logs")
struct AppendOnlyTests {
  /// A command as a log has it.
  private static func command(_ text: String) -> [UInt8] {
    request(text.split(separator: " ").map { bytes(String($0)) })
  }

  private static func log(_ commands: String...) -> [UInt8] { commands.flatMap(command) }

  private struct Outcome {
    var lines: [String]
    var complaints: [String]
    var tally: RedisFileTally
    var notes: [String]
  }

  private func read(_ files: [UInt8]..., now: Int64 = 0, pieces: Int = 1000) throws -> Outcome {
    final class Complaints { var all: [String] = [] }
    let complaints = Complaints()
    let log = AppendOnlyImport { complaints.all.append("\($0) \($1): \($2)") }
    for (number, file) in files.enumerated() {
      try log.read(inPieces(file, of: pieces), "\(number)", isLast: number == files.count - 1) { _ in }
    }
    var requests: [ImportParser.Request] = []
    while log.next(&requests, now: now) {}
    return Outcome(lines: lines(requests), complaints: complaints.all, tally: log.tally, notes: log.notes)
  }

  @Test("Commands come to what they come to, in the protocol's form", arguments: [1, 3, 64, 1000])
  func commands(pieces: Int) throws {
    let outcome = try read(
      Self.log(
        "SELECT 0", "set a 1", "INCR a", "RPUSH l 1 2 3", "LPOP l", "MULTI", "SADD s x", "HSET h f v", "EXEC",
        "SELECT 2", "ZADD z 1.5 m", "PEXPIREAT z 4000000000000", "DEL s"), pieces: pieces)
    #expect(
      Set(outcome.lines) == [
        "SELECT 0", "SET a 2", "DEL l", "RPUSH l 2 3", "DEL s", "SADD s x", "DEL h", "HSET h f v", "SELECT 2",
        "DEL z",
        "ZADD z 1.5 m",
        "PEXPIREAT z 4000000000000",
      ])
    #expect(outcome.tally.keys == 5)
    #expect(outcome.complaints == [] && outcome.notes == [] && outcome.tally.leftOutText == nil)
  }

  @Test("A counter whose time has passed isn't counted on as one without a time")
  func expiredCounter() throws {
    let log = Self.log("INCR c", "PEXPIREAT c 1000", "INCR c", "SET d 1 PXAT 1000", "APPEND d 2", "SET e 1")
    #expect(try read(log, now: 5000).lines == ["SELECT 0", "SET e 1"])
    #expect(try read(log, now: 5000).tally.expired == 2)
    #expect(try read(log, now: 500).lines.contains("SET c 2 PXAT 1000"))
  }

  @Test("A snapshot may come before the commands, and files after one another")
  func preamble() throws {
    let outcome = try read(
      Written.redis + Self.log("SELECT 3", "SADD t 3"), Self.log("SELECT 0", "APPEND s w", "DEL l"), [])
    #expect(outcome.lines.contains("SET s vw"))
    #expect(outcome.lines.contains { $0.hasPrefix("SADD t ") && $0.count == "SADD t 1 2 3".count })
    #expect(!outcome.lines.joined().contains("RPUSH"))
    #expect(outcome.tally.keys == 4)
    #expect(outcome.tally.leftOutText == "1 streams")
  }

  @Test("Notes in the log are passed over; commands that aren't known or fail are told")
  func others() throws {
    let outcome = try read(
      bytes("#TS:1700000000\r\n")
        + Self.log("SET a 1", "XADD x 1-1 f v", "xadd x 1-2 f v", "GET a", "LPUSH a 1"))
    #expect(outcome.lines == ["SELECT 0", "SET a 1"])
    #expect(outcome.tally.leftOutText == "1 GET commands, 2 XADD commands")
    #expect(outcome.complaints.count == 1)
    #expect(outcome.complaints[0].hasPrefix("0 ") && outcome.complaints[0].contains("WRONGTYPE"))
  }

  @Test("What its server was writing when it ended is left out with a note; a transaction as a whole")
  func tail() throws {
    let whole = Self.log("SET a 1", "SET b 2")
    let second = Self.log("SET a 1").count
    for length in second + 1..<whole.count {
      let outcome = try read(Array(whole[..<length]))
      #expect(outcome.lines == ["SELECT 0", "SET a 1"])
      #expect(outcome.notes.count == 1 && outcome.notes[0].contains("begins at byte \(second)"))
    }
    let transaction = Self.log("SET a 1", "MULTI", "SET b 2", "SET c 3", "EXEC")
    for length in second + 1..<transaction.count {
      let outcome = try read(Array(transaction[..<length]))
      #expect(outcome.lines == ["SELECT 0", "SET a 1"])
      #expect(outcome.notes.count == 1 && outcome.notes[0].contains("begins at byte \(second)"))
    }
    // Only the last file may end so.
    #expect(throws: ToolError.self) { try read(Array(whole.dropLast()), whole) }
    #expect(throws: ToolError.self) { try read(Array(transaction.dropLast()), whole) }
    #expect(throws: ToolError.self) { try read(Array(Written.redis.dropLast(20))) }
  }

  @Test(
    "A log that is damaged is refused with the place",
    arguments: [
      "x", "*0\r\n", "*-1\r\n", "*1048577\r\n", "*2\r\n$3\r\nSET\r\n+a\r\n", "*1\r\n$-1\r\n",
      "*1\r\n$3\r\nSETxx*", "*1\r\n$536870913\r\n",
    ])
  func damaged(text: String) throws {
    let error = #expect(throws: ToolError.self) {
      try read(Self.log("SET a 1") + bytes(text) + [UInt8](repeating: 120, count: 2000))
    }
    #expect(error?.description.hasPrefix("0: damaged before byte \(Self.log("SET a 1").count): ") == true)
  }

  @Test("The manifest says which files come in which order")
  func manifest() throws {
    let text = """
      file a.1.base.rdb seq 1 type b
      file a.0.incr.aof seq 0 type h
      file "a b.1.incr.aof" seq 1 type i
      # a comment
      file a.2.incr.aof seq 2 type i

      """
    #expect(
      try AppendOnlyManifest.read(bytes(text).span.raw) == ["a.1.base.rdb", "a b.1.incr.aof", "a.2.incr.aof"])
    for wrong in [
      "", "file a", "file ../a seq 1 type b", "file a seq x type b", "file a seq 1 type q",
      "file a seq 1 type b\nfile b seq 1 type b", "file a seq 2 type i\nfile b seq 1 type i",
      "file \"\" seq 1 type i",
    ] {
      #expect(throws: ToolError.self, "\(wrong)") { try AppendOnlyManifest.read(bytes(wrong).span.raw) }
    }
  }

  @Test("A format is known by its first bytes")
  func recognised() {
    func format(_ text: String) -> ImportFormat { .recognised(bytes(text).span.raw) }
    #expect(format("REDIS0011") == .rdb)
    #expect(format("VALKEY080") == .rdb)
    #expect(format("REDIS001x") == .text)
    #expect(format("*3\r\n$3\r\nSET") == .aof)
    #expect(format("#TS:17000") == .aof)
    #expect(format("file a.aof seq 1 type b") == .aof)
    #expect(format("{\"key\":1}") == .jsonl)
    #expect(format("# a comment") == .text)
    #expect(format("SET a b") == .text)
    #expect(format("") == .text)
  }
}
