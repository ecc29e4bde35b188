// How replies look, and that nothing in them can disturb a terminal.
import MartletClient
import MartletConsole
import Testing

private func blob(_ text: String) -> RESPValue { .blobString(Array(text.utf8)) }

struct ReplyFormatterTests {
  @Test(arguments: [
    (RESPValue.simpleString("OK"), "OK"),
    (blob("World"), #""World""#),
    (blob("a\"b\\\n\u{1}"), #""a\"b\\\n\x01""#),
    (.blobString([0xFF, 0x41]), #""\xffA""#),
    (.null, "(nil)"),
    (.number(3), "(integer) 3"),
    (.double(3.5), "(double) 3.5"),
    (.double(2), "(double) 2"),
    (.boolean(true), "(true)"),
    (.bigNumber("123"), "123"),
    (.error(ServerError("ERR no")), "(error) ERR no"),
    (.array([]), "(empty array)"),
    (.set([]), "(empty set)"),
    (.map([]), "(empty hash)"),
    (.array([blob("a"), .null]), "1) \"a\"\n2) (nil)"),
    (.set([.number(1)]), "1~ (integer) 1"),
    (.map([.init(key: blob("a"), value: .number(1))]), "1# \"a\" => (integer) 1"),
    (
      .array([.array([.number(1), .number(2)]), .number(3)]),
      "1) 1) (integer) 1\n   2) (integer) 2\n2) (integer) 3"
    ),
    (.verbatim(format: "txt", Array("a\nb".utf8)), "a\nb"),
  ])
  func repliesForPeopleLookAsInRedisCLI(reply: RESPValue, text: String) {
    #expect(ReplyFormatter.readable(reply) == text)
  }

  @Test func numbersOfLongListsAreAligned() {
    let lines = ReplyFormatter.readable(.array(Array(repeating: .null, count: 10))).split(separator: "\n")
    #expect(lines.first == " 1) (nil)")
    #expect(lines.last == "10) (nil)")
  }

  @Test(arguments: [
    (RESPValue.blobString([0xFF, 0x00]), [UInt8]([0xFF, 0x00])),
    (.number(-3), Array("-3".utf8)),
    (.null, []),
    (.double(0.5), Array("0.5".utf8)),
    (.array([blob("a"), .array([.number(1), .null])]), Array("a\n1\n".utf8)),
    (
      .map([.init(key: blob("a"), value: blob("b")), .init(key: blob("c"), value: .null)]),
      Array("a b\nc ".utf8)
    ),
  ])
  func rawRepliesAreTheBareBytes(reply: RESPValue, bytes: [UInt8]) {
    #expect(ReplyFormatter.raw(reply) == bytes)
  }

  @Test(arguments: [
    RESPValue.simpleString("\u{1B}[2J"), .error(ServerError("ERR \u{1B}]0;x\u{7}")),
    blob("\u{1B}[31m\u{9B}1m"),
    .verbatim(format: "txt", Array("\u{1B}[2J\u{202E}".utf8)), .blobString([0x9B, 0x31]),
    .map([.init(key: blob("\u{1B}c"), value: .simpleString("\u{200F}"))]),
  ])
  func nothingInAReplyControlsTheTerminal(reply: RESPValue) {
    let text = ReplyFormatter.readable(reply)
    #expect(text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control && $0 != "\u{202E}" })
  }

  @Test func textOfManyLinesIsRecognisedByItsCommand() {
    #expect(ReplyFormatter.isText(replyTo: ["info"]))
    #expect(ReplyFormatter.isText(replyTo: ["Client", "list"]))
    #expect(!ReplyFormatter.isText(replyTo: ["GET", "info"]))
    #expect(!ReplyFormatter.isText(replyTo: []))
  }
}

struct AdviceTests {
  @Test func aRefusedConnectionTellsHowToStartTheServer() {
    #expect(
      ClientError.connectionRefused(address: "127.0.0.1:6379").advice
        == "Could not connect to 127.0.0.1:6379: connection refused. Is the server running? Start it with: martlet serve"
    )
  }

  @Test func aWrongPasswordTellsWhereToSetIt() {
    #expect(ClientError.refused(ServerError("WRONGPASS no.")).advice.contains("MARTLET_PASSWORD"))
  }
}
