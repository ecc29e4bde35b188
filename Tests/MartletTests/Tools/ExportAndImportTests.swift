// Data as text and back.
import Martlet
import MartletSimulation
import Testing

@Suite("Exporting and importing")
struct ExportAndImportTests {
  private func export(_ disk: SimulatedDisk, _ format: DatabaseExport.Format, now: Int64 = 0) throws -> String
  {
    let (_, data) = try DatabaseCheck.load(disk.toolFolder.snapshot(), "", threads: 2)
    var export = DatabaseExport(format, now: now)
    var text: [UInt8] = []
    try export.write(data) { text += $0.array }
    return String(decoding: text, as: UTF8.self)
  }

  /// Imports into a new store; the errors with their lines.
  private func load(_ text: String, _ format: DatabaseExport.Format, into disk: SimulatedDisk) throws
    -> [String]
  {
    // The clock stands before all expiries.
    let target = FolderImport(try openStore(on: disk, clock: WallClock(stoppedAt: 1)))
    var parser = ImportParser(format)
    var problems: [String] = []
    let input = bytes(text)
    var entries: [ImportParser.Request] = []
    // In pieces that cut lines anywhere.
    for start in stride(from: 0, to: input.count, by: 1000) {
      entries += parser.append(Array(input[start..<min(start + 1000, input.count)]).span.raw)
    }
    for entry in entries + parser.finish() {
      switch entry {
      case .problem(let reason, let line): problems.append("\(line): \(reason)")
      case .command(let words, let line):
        if let error = try target.run(words) { problems.append("\(line): \(error)") }
      }
    }
    try target.finish()
    return problems
  }

  private func withoutVersions(_ text: String) -> String { text.replacing(/,"version":[0-9]+}/, with: "}") }

  @Test("there and back gives the same", arguments: DatabaseExport.Format.allCases)
  func roundTrip(format: DatabaseExport.Format) throws {
    var filled = 0
    for seed in UInt64(1)...8 {
      let source = try SampleHistory(seed: seed, commands: 150, checkpointsAt: [70]).disk
      let exported = try export(source, format)
      if !exported.isEmpty { filled += 1 }
      let target = SimulatedDisk()
      #expect(try load(exported, format, into: target) == [])
      #expect(withoutVersions(try export(target, format)) == withoutVersions(exported), "seed \(seed)")
      // And the data is the same, but for versions and the CAS tokens that are they.
      func plain(_ contents: [DatabaseContents]) -> [[[UInt8]: StoredItem]] {
        contents.map {
          $0.mapValues { item in
            var item = item
            item.version = 0
            item.metadata.cas = 0
            return item
          }
        }
      }
      #expect(try plain(contents(target)) == plain(contents(source)), "seed \(seed)")
    }
    // A history may end with an emptied database.
    #expect(filled >= 4)
  }

  @Test("Text is commands in order, quoted without base64")
  func text() throws {
    let disk = SimulatedDisk()
    let source = """
      # by hand

      SET b 'it''s'
      SET b "two words" PXAT 4000000000000
      SELECT 2
      SADD set z a "\\xff"
      PEXPIREAT set 4000000000001
      HSET z b 1 "\\xff" "a value" a 2
      HSETEX z PXAT 4000000000002 FIELDS 1 c 3
      RPUSH zz b 1 "\\xff" "3 4" 1
      PEXPIREAT zz 4000000000003
      ZADD zset 2 b 1.5 c inf "\\xff" 2 a
      SET "\\x00\\x01\\x02\\x03\\x04\\x05" b64"AAECAwQF"
      select 0
        SET  a   "Zo\u{eb}"  
      """
    #expect(try load(source, .text, into: disk) == ["3: a closing quote must be followed by a space"])
    let expected = """
      SET a Zo\u{eb}
      SET b "two words" PXAT 4000000000000
      SELECT 2
      SET "\\x00\\x01\\x02\\x03\\x04\\x05" "\\x00\\x01\\x02\\x03\\x04\\x05"
      SADD set a z "\\xff"
      PEXPIREAT set 4000000000001
      HSET z a 2 b 1 "\\xff" "a value"
      HSETEX z PXAT 4000000000002 FIELDS 1 c 3
      ZADD zset 1.5 c 2 a 2 b inf "\\xff"
      RPUSH zz b 1 "\\xff" "3 4" 1
      PEXPIREAT zz 4000000000003

      """
    #expect(try export(disk, .text) == expected)
    #expect(try !export(disk, .text, now: 4_000_000_000_002).contains("HSETEX"))
    // Who has expired is left out.
    #expect(try !export(disk, .text, now: 4_000_000_000_000).contains("two words"))
  }

  @Test("JSON lines name what isn't UTF-8 apart")
  func json() throws {
    let disk = SimulatedDisk()
    #expect(
      try load(
        "SET \"a\\xff\" \"q\\\"\\n\"\nHSET h x y \"\\xff\" \"\\xfe\"\n"
          + "HSETEX h PXAT 4000000000000 FIELDS 1 z 1\nSADD s x \"\\xfe\"\nPEXPIREAT s 4000000000000\n"
          + "RPUSH t b 17 b\nRPUSH u a \"\\xff\" 1\n",
        .text, into: disk)
        == [])
    let expected = """
      {"database":0,"keyBase64":"Yf8=","type":"string","value":"q\\"\\n","version":1}
      {"database":0,"key":"h","type":"hash","fields":[{"field":"x","value":"y"},{"field":"z","value":"1","expiry":4000000000000},{"fieldBase64":"/w==","valueBase64":"/g=="}],"version":3}
      {"database":0,"key":"s","type":"set","members":["x"],"membersBase64":["/g=="],"expiry":4000000000000,"version":5}
      {"database":0,"key":"t","type":"list","elements":["b","17","b"],"version":6}
      {"database":0,"key":"u","type":"list","elementsBase64":["YQ==","/w==","MQ=="],"version":7}

      """
    #expect(try export(disk, .jsonl) == expected)
    let target = SimulatedDisk()
    #expect(try load(expected, .jsonl, into: target) == [])
    #expect(try export(target, .jsonl) == expected)
  }

  @Test("JSON with escapes and spaces is read, too")
  func jsonByHand() throws {
    let disk = SimulatedDisk()
    let text = """
      { "key" : "\\u0041\\ud83d\\ude00\\/" , "value" : "x" , "type" : "string", "flags": 0, "expiry": null }
      """
    #expect(try load(text, .jsonl, into: disk) == [])
    #expect(strings(try contents(disk)) == ["A\u{1f600}/": "x"])
  }

  @Test(
    "Lines that are wrong are told by their numbers, and the others go on",
    arguments: [
      (DatabaseExport.Format.text, "GET a"), (.text, "NOSUCH a"), (.text, "SET a"), (.text, "SET \"a b"),
      (.text, "SET a b64\"?\""), (.text, "SELECT 99"), (.text, "SHUTDOWN"), (.jsonl, "{"), (.jsonl, "[]"),
      (.jsonl, "{}"),
      (.jsonl, "{\"key\":\"a\"}"), (.jsonl, "{\"key\":\"a\",\"value\":1}"),
      (.jsonl, "{\"key\":\"a\",\"value\":\"b\"} x"),
      (.jsonl, "{\"key\":\"a\",\"value\":\"b\",\"flags\":-1}"),
      (.jsonl, "{\"key\":\"a\",\"type\":\"set\",\"members\":[]}"),
      (.jsonl, "{\"key\":\"a\",\"type\":\"hash\",\"fields\":[]}"),
      (.jsonl, "{\"key\":\"a\",\"type\":\"hash\",\"fields\":[{\"field\":\"b\"}]}"),
      (.jsonl, "{\"key\":\"a\",\"type\":\"hash\",\"fields\":[{\"fields\":[{\"field\":\"b\"}]}]}"),
      (.jsonl, "{\"key\":\"a\",\"type\":\"tree\",\"value\":\"b\"}"),
      (.jsonl, "{\"key\":\"\\ud800\",\"value\":\"b\"}"),
      (.jsonl, "{\"keyBase64\":\"?\",\"value\":\"b\"}"),
      (.jsonl, "{\"key\":\"a\",\"key\":\"b\",\"value\":\"c\"}"),
    ])
  func problems(format: DatabaseExport.Format, line: String) throws {
    let right = ["SET good 1", "SET good 2"]
    let lines = format == .text ? right : (1...2).map { "{\"key\":\"good\",\"value\":\"\($0)\"}" }
    let disk = SimulatedDisk()
    let problems = try load([lines[0], line, lines[1]].joined(separator: "\n"), format, into: disk)
    #expect(problems.count == 1)
    #expect(problems.first?.hasPrefix("2: ") == true, "\(problems)")
    #expect(strings(try contents(disk)) == ["good": "2"])
  }

  @Test("A line that is too long is passed over")
  func longLine() {
    var parser = ImportParser(.text, maximumLineBytes: 20)
    var entries = parser.append(bytes("SET a 1\nSET a 1111111111111111").span.raw)
    entries += parser.append(bytes("11111\nSET b 2").span.raw) + parser.finish()
    #expect(
      entries == [
        .command(["SET", "a", "1"].map(bytes), place: 1), .problem("longer than 20 bytes", place: 2),
        .command(["SET", "b", "2"].map(bytes), place: 3),
      ])
  }
}
