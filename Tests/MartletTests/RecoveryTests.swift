// Opening a database file: what is torn is dropped, what is damaged stops the start, and nothing in between.
import Martlet
import MartletSimulation
import Testing

/// A database as text, made by hand, with its checksums right.
private struct HandmadeDatabase {
  static let identity = "0123456789abcdef"
  private(set) var text: String
  private var crc: UInt32

  init(format: String = "1") {
    text =
      "# martlet database, format \(format), id \(Self.identity), hash seed 00000000000000ff, checkpoint 0, crc "
    crc = Self.crc(text, 0)
    text += Self.hexadecimal(crc) + "\n"
  }

  mutating func append(
    _ records: String, versions: String, synced: UInt64 = 0, identity: String = HandmadeDatabase.identity
  ) {
    // A batch's checksum goes on where the one before ended: behind its "crc ".
    let batch =
      records + "# commit \(versions) synced \(synced) time 2026-11-22T16:07:12.123Z db \(identity) crc "
    crc = Self.crc(batch, crc)
    text += batch + Self.hexadecimal(crc) + "\n"
  }

  private static func crc(_ text: String, _ start: UInt32) -> UInt32 {
    let bytes = bytes(text)
    return unsafe bytes.span.bytes.crc32c(continuing: start)
  }

  private static func hexadecimal(_ number: UInt32) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}

private func disk(with text: String) -> SimulatedDisk {
  let disk = SimulatedDisk()
  disk.content = bytes(text)
  return disk
}

/// A database of several batches, and what it held after each.
private struct SampleDatabase {
  /// The file's size after the header and after each batch, and the contents then.
  private(set) var states: [(size: Int, contents: [DatabaseContents], version: UInt64)] = []
  private(set) var content: [UInt8] = []

  init() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    func note(_ server: borrowing TestServer) {
      states.append((disk.content.count, server.store.contents(), server.store.journal.lastVersion))
    }
    note(server)
    let batches = [
      [["SET", "Hello", "World"]],
      [["SET", "a b", "\r\n\u{1}\"", "PXAT", "1900000000000"], ["SADD", "set", "one", "two"]],
      [
        ["MSET", "x", "1", "y", "2"], ["SELECT", "3"], ["APPEND", "x", "three"],
        ["COPY", "x", "z", "DB", "0"],
      ],
      [["DEL", "x"], ["SELECT", "0"], ["RENAME", "Hello", "hello"]],
    ]
    for batch in batches {
      for command in batch { server.send(redis: command.map(bytes)) }
      server.store.journal.commit()
      note(server)
    }
    content = disk.content
  }
}

@Suite("Opening a database file")
struct RecoveryTests {
  @Test("twice gives the same")
  func twice() throws {
    let sample = try SampleDatabase()
    let disk = SimulatedDisk()
    disk.content = sample.content
    for _ in 0..<2 {
      let store = try openStore(on: disk)
      #expect(store.contents() == sample.states.last?.contents)
      #expect(store.report.version == sample.states.last?.version)
      #expect(store.report.batches == 4)
      #expect(store.report.droppedBytes == 0)
      #expect(disk.content == sample.content)
    }
  }

  @Test("by sending its lines as a client would gives the same, too")
  func sentByClient() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    for command in [
      ["SET", "Hello", "World"], ["SET", "a b", "\r\n\"", "PXAT", "1900000000000", "FLAGS", "7"],
      ["SADD", "set", "one", "two"], ["MSET", "x", "1", "y", "2"], ["SELECT", "3"], ["APPEND", "x", "3"],
      ["PREPEND", "x", "4"], ["PREPEND", "new", "p"], ["SETRANGE", "x", "5", "z"],
      ["COPY", "x", "z", "DB", "0"], ["SELECT", "0"], ["RENAME", "Hello", "hello"], ["DEL", "x", "y"],
      ["SREM", "set", "one"], ["SPOP", "set"], ["PEXPIREAT", "hello", "1900000000000"], ["INCR", "n"],
      ["SETBIT", "bits", "9", "1"], ["BITFIELD", "bits", "SET", "u8", "0", "7", "SET", "u4", "90", "9"],
      ["BITOP", "AND", "others", "hello", "hello"],
      ["INCRBYFLOAT", "fraction", "1.5"], ["MSETEX", "2", "x", "1", "y", "2", "PXAT", "1900000000000"],
      ["SADD", "one", "1", "2", "3"], ["SADD", "two", "2", "3", "4"], ["SUNIONSTORE", "all", "one", "two"],
      ["SINTERSTORE", "one", "one", "two"], ["SMOVE", "two", "one", "4"], ["MOVE", "one", "2"],
      ["SWAPDB", "0", "2"], ["SET", "after", "1"], ["SELECT", "2"], ["SET", "x", "3", "IFEQ", "1"],
    ] { server.send(redis: command.map(bytes)) }
    for input in [
      "set f 5 0 1\r\nx\r\n", "append f 0 0 1\r\ny\r\n", "prepend f 0 0 1\r\nw\r\n", "touch a 0\r\n",
      "gat 0 hello\r\n",
    ] { _ = server.memcached(input) }
    server.store.journal.commit()
    var other = TestServer(try openStore(on: SimulatedDisk()))
    for line in disk.text.split(separator: "\n") where !line.hasPrefix("#") {
      let reply = other.redis(line: String(line))
      #expect(!reply.hasPrefix("-"), "\(line): \(reply)")
    }
    #expect(other.store.contents() == server.store.contents())
  }

  @Test("cut at any byte gives the whole batches before it")
  func cutAnywhere() throws {
    let sample = try SampleDatabase()
    for size in 0...sample.content.count {
      let disk = SimulatedDisk()
      disk.content = Array(sample.content[..<size])
      let store = try openStore(on: disk)
      guard let state = sample.states.last(where: { $0.size <= size }) else {
        #expect(store.keyCount == 0)
        continue
      }
      #expect(store.contents() == state.contents, "cut to \(size) bytes")
      #expect(store.report.droppedBytes == size - state.size)
      if size > state.size {
        let line = sample.content[..<state.size].count { $0 == UInt8(ascii: "\n") } + 1
        #expect(store.report.droppedFromLine == line)
      }
      #expect(disk.content.count == state.size)
      // And it goes on from there.
      var server = TestServer(store)
      #expect(server.redis("SET", "after", "cut") == "+OK\r\n")
      store.journal.commit()
      #expect(try openStore(on: disk).contents() == store.contents())
    }
  }

  @Test("with any byte damaged never gives anything else than whole batches, and stops below what was synced")
  func damagedAnywhere() throws {
    let sample = try SampleDatabase()
    var random = RandomSource(seed: 7)
    let lastBatch = sample.states[sample.states.count - 2].size
    for index in sample.content.indices {
      for _ in 0..<2 {
        let disk = SimulatedDisk()
        disk.content = sample.content
        disk.content[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        let damaged = disk.content
        if damaged[index] ^ sample.content[index] == 0x20, (try? openStore(on: disk))?.report.version == 8 {
          // The case of a checksum's digit says nothing.
          #expect("abcdef".utf8.contains(damaged[index] | 0x20))
        } else if index < lastBatch {
          let error = #expect(throws: DatabaseError.self, "byte \(index)") { _ = try openStore(on: disk) }
          #expect(disk.content == damaged)
          if index >= sample.states[0].size, let error {
            let start = sample.states.last { $0.size <= index }?.size ?? 0
            #expect(error.line == sample.content[..<start].count { $0 == UInt8(ascii: "\n") } + 1)
          }
        } else if let store = try? openStore(on: disk) {
          #expect(store.contents() == sample.states[sample.states.count - 2].contents, "byte \(index)")
        }
      }
    }
  }

  @Test("says of a damaged batch where it begins and that nothing was started")
  func damageIsNamed() throws {
    let sample = try SampleDatabase()
    let disk = disk(
      with: String(decoding: sample.content, as: UTF8.self).replacing("Hello World", with: "Hello Mars!"))
    let error = #expect(throws: DatabaseError.self) { _ = try openStore(on: disk) }
    #expect(error?.path == "/data/database.txt")
    #expect(error?.line == 2)
    #expect(error?.reason.hasPrefix("damaged") == true)
  }

  @Test(
    "of another program, of the future, or with a damaged header is refused and left alone",
    arguments: [
      ("hello\n", "not a Martlet database"),
      ("hello", "not a Martlet database"),
      (String(repeating: "x", count: 10_000), "not a Martlet database"),
      (HandmadeDatabase(format: "2").text, "a format this version"),
      (HandmadeDatabase(format: "10").text, "a format this version"),
      (HandmadeDatabase().text.replacing("00ff", with: "00fe"), "the header is damaged"),
      (HandmadeDatabase().text.replacing("\n", with: "\r\n"), "the header is damaged"),
    ])
  func foreignFiles(text: String, reason: String) {
    let disk = disk(with: text)
    let error = #expect(throws: DatabaseError.self) { _ = try openStore(on: disk) }
    #expect(error?.line == 1)
    #expect(error?.reason.contains(reason) == true)
    #expect(disk.text == text)
  }

  @Test("made by hand works: comments, empty lines and commands in either case")
  func handmade() throws {
    var database = HandmadeDatabase()
    database.append("# by hand\n\nset Hello World\nSADD s \"two words\" b64\"YQ==\"\n", versions: "1-2")
    database.append(
      "SELECT 2\nMSET a 1 b 2\nDEL a b\nSET c d FLAGS 7 CAS 9 PXAT 5\n", versions: "3-5", synced: 2)
    let store = try openStore(on: disk(with: database.text))
    #expect(store.report.version == 5)
    #expect(store.report.records == 5)
    let contents = store.contents()
    #expect(
      contents[0] == [
        bytes("Hello"): StoredItem(content: .string(bytes("World")), version: 1),
        bytes("s"): StoredItem(content: .set([bytes("two words"), bytes("a")]), version: 2),
      ])
    #expect(
      contents[2] == [
        bytes("c"): StoredItem(
          content: .string(bytes("d")), metadata: ItemMetadata(expiry: 5, flags: 7, cas: 9), version: 5)
      ])
  }

  @Test(
    "stops at a record that is none, in its line",
    arguments: [
      "NONSENSE a b", "SET a", "SET a b c", "SET a b PXAT x", "SET a b FLAGS 4294967296", "MSET a",
      "MSET a b c", "DEL",
      "SADD s", "SREM string x", "APPEND set x", "SETRANGE a -1 x", "SETRANGE a 536870912 x", "PEXPIREAT a",
      "PERSIST", "STALE", "STALE set", "STALE string PXAT", "STALE string PXAT x", "STALE string FLAGS 1",
      "SET a b STALE 1",
      "RENAME missing b", "COPY missing b DB 0", "COPY string b DB 99", "SELECT -1",
      "FLUSHDB now",
      "FLUSHALL now", " SET a b", "SET  a b", "SET a b ", "SET \"a b", "SET a b64\"Y\"", "\"\" a",
      "SET \"a\"b c",
    ])
  func rejectedRecords(record: String) {
    var database = HandmadeDatabase()
    database.append("SET string x\nSADD set y\n", versions: "1-2")
    database.append("SET a b\n\(record)\n", versions: "3-4")
    let error = #expect(throws: DatabaseError.self) { _ = try openStore(on: disk(with: database.text)) }
    #expect(error?.line == 6)
    #expect(error?.reason.hasPrefix("not a record of this format") == true)
  }

  @Test("stops when the line feed before the line that vouches for everything is gone")
  func lostLineFeed() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    #expect(server.redis("SET", "Hello", "World") == "+OK\r\n")
    server.store.journal.stop()
    let last = try #require(disk.content.dropLast().lastIndex(of: UInt8(ascii: "\n")))
    disk.content[last] = UInt8(ascii: "x")
    #expect(throws: DatabaseError.self) { _ = try openStore(on: disk) }
  }

  @Test("says how many numbered databases a file needs")
  func numberedDatabases() {
    var database = HandmadeDatabase()
    database.append("SET a b\nSELECT 4\nSET c d\n", versions: "1-2")
    let error = #expect(throws: DatabaseError.self) { _ = try openStore(on: disk(with: database.text)) }
    #expect(error?.line == 3)
    #expect(error?.reason.contains("set --databases to 5 or more") == true)
  }

  @Test(
    "stops where a commit line speaks of more or fewer records than there are",
    arguments: [
      "1-1", "1-3", "1-18446744073709551615",
    ])
  func recordCount(versions: String) {
    var database = HandmadeDatabase()
    database.append("SET a b\nSET c d\n", versions: versions)
    let error = #expect(throws: DatabaseError.self) { _ = try openStore(on: disk(with: database.text)) }
    #expect(error?.line == 4)
  }

  @Test("stops at a commit line that goes back, though its checksum is right")
  func backwards() {
    var database = HandmadeDatabase()
    database.append("SET a b\n", versions: "1-1")
    database.append("SET c d\n", versions: "2-2", synced: 1)
    database.append("SET e f\n", versions: "2-2", synced: 1)
    database.append("SET g h\n", versions: "3-3", synced: 2)
    let error = #expect(throws: DatabaseError.self) { _ = try openStore(on: disk(with: database.text)) }
    #expect(error?.line == 7)
    #expect(error?.reason.contains("does not follow") == true)
  }

  @Test("stops where another database's batches begin")
  func mixedFiles() throws {
    var database = HandmadeDatabase()
    database.append("SET a b\n", versions: "1-1")
    database.append("SET c d\n", versions: "2-2", synced: 1, identity: "ffffffffffffffff")
    let error = #expect(throws: DatabaseError.self) { _ = try openStore(on: disk(with: database.text)) }
    #expect(error?.line == 4)
    #expect(error?.reason.contains("another database") == true)
  }

  @Test("whose batches were reordered, repeated or left out never gives them in a wrong order")
  func batchesInAnotherOrder() throws {
    let sample = try SampleDatabase()
    let sizes = sample.states.map(\.size)
    let header = sample.content[..<sizes[0]]
    let batches = (1..<sizes.count).map { sample.content[sizes[$0 - 1]..<sizes[$0]] }
    let wholes: [[Int]] = [[1, 0, 2, 3], [0, 0, 1, 2, 3], [0, 2, 3], [0, 1, 3, 2], [1, 2, 3], [3]]
    for order in wholes {
      let disk = SimulatedDisk()
      disk.content = Array(header) + order.flatMap { batches[$0] }
      if let store = try? openStore(on: disk) {
        #expect(sample.states.contains { $0.contents == store.contents() }, "order \(order)")
      }
    }
  }

  @Test("of zeros alone, as a crash while the first line was written leaves it, begins a new one")
  func zeros() throws {
    let disk = SimulatedDisk()
    disk.content = [UInt8](repeating: 0, count: 90)
    let store = try openStore(on: disk)
    #expect(store.keyCount == 0)
    #expect(disk.text.hasPrefix("# martlet database, format 1"))
  }

  @Test(
    "that a crash left while it was begun is found again, name and all",
    arguments: 1...50 as ClosedRange<UInt64>)
  func crashWhileBeginning(seed: UInt64) throws {
    for operation in 0..<12 {
      let disk = SimulatedDisk(seed: seed)
      disk.order(SimulatedDisk.Faults(operationsUntilPowerLoss: operation))
      _ = try? openStore(on: disk)
      disk.crash()
      var server = TestServer(try openStore(on: disk))
      server.send(redis: [bytes("SET"), bytes("a"), bytes("b")])
      server.store.journal.commit()
      #expect(server.store.journal.durable.value == 1)
      disk.crash()
      #expect(try openStore(on: disk).report.version == 1, "power lost at operation \(operation)")
    }
  }

  @Test("is text that a person reads: plain words stand verbatim")
  func plainText() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    server.send(redis: ["SET", "Hello", "World"].map(bytes))
    server.send(redis: ["SET", "two words", "grüße"].map(bytes))
    server.store.journal.commit()
    let lines = disk.text.split(separator: "\n")
    #expect(lines.count == 4)
    #expect(lines[1] == "SET Hello World")
    #expect(lines[2] == "SET \"two words\" grüße")
    #expect(lines[3].hasPrefix("# commit 1-2 synced 0 time 2027-01-15T08:00:00.000Z db "))
  }
}
