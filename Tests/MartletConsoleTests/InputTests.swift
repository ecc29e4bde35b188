// Words, lines, and what the prompt remembers of the conversation.
import MartletClient
import MartletConsole
import Testing

struct InputWordsTests {
  @Test(arguments: [
    ("", []),
    ("  GET   key\t", ["GET", "key"]),
    (#"SET "two words" 'a b'"#, ["SET", "two words", "a b"]),
    (#"SET k "a\n\r\t\b\a\"\\\q""#, ["SET", "k", "a\n\r\t\u{8}\u{7}\"\\q"]),
    (#"SET k 'it\'s \n'"#, ["SET", "k", #"it's \n"#]),
    (#"SET "" ''"#, ["SET", "", ""]),
    (#"SET größe 日本"#, ["SET", "größe", "日本"]),
    (#"key="a b""#, ["key=a b"]),
    (#"a\nb"#, [#"a\nb"#]),
  ])
  func wordsAreSplitByTheQuotingRules(line: String, words: [String]) throws {
    #expect(try InputWords.split(line.utf8).map { String(decoding: $0, as: UTF8.self) } == words)
  }

  @Test func hexadecimalEscapesGiveAnyByte() throws {
    #expect(try InputWords.split(#""\x00\xfF\xg1\x+1""#.utf8) == [[0x00, 0xFF] + Array("xg1x+1".utf8)])
  }

  @Test func bytesThatAreNotUTF8StayWhatTheyAre() throws {
    #expect(try InputWords.split([0xFF, 0x20, 0xC3]) == [[0xFF], [0xC3]])
  }

  @Test(arguments: [
    (#"SET "a"#, QuotingError.unclosedQuote("\"")),
    ("SET 'a", .unclosedQuote("'")),
    (#"SET "a\"#, .unclosedQuote("\"")),
    (#"SET "a"b"#, .textAfterQuote),
  ])
  func brokenQuotesAreErrors(line: String, problem: QuotingError) {
    #expect(throws: problem) { try InputWords.split(line.utf8) }
    #expect(InputWords(of: line.utf8).problem == problem)
  }

  @Test func aLineBeingTypedTellsWhetherItsLastWordMayGoOn() {
    #expect(InputWords(of: "GET ke".utf8).lastIsUnfinished)
    #expect(!InputWords(of: "GET ke ".utf8).lastIsUnfinished)
    #expect(InputWords(of: #"GET "a "#.utf8).texts == ["GET", "a "])
  }

  @Test(arguments: [[0x00, 0x22, 0x5C, 0x41, 0xFF, 0x0A], Array("größe 日本 \u{202E}".utf8), []])
  func whatIsPrintedQuotedCanBeTypedAgain(bytes: [UInt8]) throws {
    #expect(try InputWords.split(VisibleText.quoted(bytes).utf8) == [bytes])
  }
}

struct InputLinesTests {
  private let wire = Array("SET a 1\r\n\n# note\nGET a".utf8)

  @Test func everySplitGivesTheSameLines() throws {
    for split in 0...wire.count {
      var input = InputLines()
      var lines = try input.append(wire[..<split])
      lines += try input.append(wire[split...])
      if let last = input.finish() { lines.append(last) }
      #expect(lines.map(\.number) == [1, 2, 3, 4])
      #expect(lines.map { String(decoding: $0.bytes, as: UTF8.self) } == ["SET a 1", "", "# note", "GET a"])
      #expect(lines.map(\.isBlank) == [false, true, true, false])
    }
  }

  @Test func aLineAboveTheLimitIsRefusedWithItsNumber() {
    var input = InputLines(limit: 4)
    let error = #expect(throws: InputLines.LineTooLong.self) { try input.append(Array("1234\n12345".utf8)) }
    #expect(error?.number == 2)
  }
}

struct SessionTests {
  private let ok = RESPValue.simpleString("OK")

  private func connected() -> Session {
    var session = Session(ConnectionConfiguration())
    session.isConnected = true
    return session
  }

  @Test func thePromptShowsAddressDatabaseAndTransaction() {
    var session = connected()
    #expect(session.prompt == "127.0.0.1:6379> ")
    session.observe(["select", "3"], ok)
    #expect(session.prompt == "127.0.0.1:6379[3]> ")
    session.observe(["MULTI"], ok)
    #expect(session.prompt == "127.0.0.1:6379[3](TX)> ")
    session.observe(["EXEC"], .array([]))
    #expect(session.prompt == "127.0.0.1:6379[3]> ")
  }

  @Test func whatTheServerRefusedChangesNothing() {
    var session = connected()
    session.observe(["SELECT", "99"], .error(ServerError("ERR DB index is out of range")))
    session.observe(["AUTH", "wrong"], .error(ServerError("WRONGPASS no")))
    #expect(session.configuration.database == 0)
    #expect(session.configuration.password == nil)
  }

  @Test func aNewConnectionRepeatsThePasswordAndTheDatabase() {
    var session = connected()
    session.observe(["AUTH", "ada", "pw"], ok)
    session.observe(["SELECT", "2"], ok)
    session.isConnected = false
    #expect(session.prompt == "not connected> ")
    #expect(session.configuration.username == "ada")
    #expect(session.configuration.password == "pw")
    #expect(session.configuration.database == 2)
  }

  @Test func aTransactionEndsWithItsConnection() {
    var session = connected()
    session.observe(["MULTI"], ok)
    session.isConnected = false
    session.isConnected = true
    #expect(!session.isInTransaction)
  }

  @Test func aSelectThatIsOnlyQueuedChangesNothingYet() {
    var session = connected()
    session.observe(["MULTI"], ok)
    session.observe(["SELECT", "3"], .simpleString("QUEUED"))
    #expect(session.configuration.database == 0)
  }
}
