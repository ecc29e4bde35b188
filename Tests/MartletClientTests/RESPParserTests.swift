// The parser of replies: every type, every split of the input, garbage, and the limits.
import MartletClient
import Testing

/// Feeds a parser and returns all its replies.
private func parse(_ pieces: [ArraySlice<UInt8>], limits: ReplyLimits = ReplyLimits()) throws -> [RESPValue] {
  var parser = RESPParser(limits: limits)
  var replies: [RESPValue] = []
  for piece in pieces {
    parser.append(piece)
    while let reply = try parser.next() { replies.append(reply) }
  }
  return replies
}

private func parse(_ text: String, limits: ReplyLimits = ReplyLimits()) throws -> [RESPValue] {
  try parse([ascii(text)[...]], limits: limits)
}

struct RESPParserTests {
  @Test(arguments: [
    ("+OK\r\n", RESPValue.simpleString("OK")),
    ("-ERR no\r\n", .error(ServerError("ERR no"))),
    (":-42\r\n", .number(-42)),
    (":9223372036854775807\r\n", .number(.max)),
    ("$5\r\nW\r\nrd\r\n", .blobString(ascii("W\r\nrd"))),
    ("$0\r\n\r\n", .blobString([])),
    ("$-1\r\n", .null),
    ("*-1\r\n", .null),
    ("_\r\n", .null),
    (",3.25\r\n", .double(3.25)),
    (",-inf\r\n", .double(-.infinity)),
    ("#t\r\n", .boolean(true)),
    ("(12345678901234567890\r\n", .bigNumber("12345678901234567890")),
    ("!6\r\nERR no\r\n", .error(ServerError("ERR no"))),
    ("=7\r\nmkd:# a\r\n", .verbatim(format: "mkd", ascii("# a"))),
    ("*0\r\n", .array([])),
    ("*2\r\n:1\r\n*1\r\n+a\r\n", .array([.number(1), .array([.simpleString("a")])])),
    ("~1\r\n:1\r\n", .set([.number(1)])),
    ("%1\r\n+a\r\n:1\r\n", .map([.init(key: .simpleString("a"), value: .number(1))])),
    (">1\r\n+invalidate\r\n", .push([.simpleString("invalidate")])),
  ])
  func eachTypeOfReplyIsRead(wire: String, value: RESPValue) throws {
    #expect(try parse(wire) == [value])
  }

  @Test func attributesAreLeftOut() throws {
    #expect(
      try parse("|1\r\n+ttl\r\n:5\r\n*2\r\n|0\r\n:1\r\n|1\r\n+a\r\n*1\r\n:9\r\n:2\r\n:3\r\n") == [
        .array([.number(1), .number(2)]), .number(3),
      ])
  }

  @Test func everySplitInTwoGivesTheSameReplies() throws {
    let replies: [RESPValue] = [
      .simpleString("OK"), .blobString(ascii("a\r\nb")), .null, .double(1.5), .boolean(false), .number(-7),
      .array([.set([.number(1)]), .map([.init(key: .blobString([]), value: .array([]))])]),
      .verbatim(format: "txt", ascii("hi")), .push([.number(1)]), .error(ServerError("ERR x")),
    ]
    let wire = replies.flatMap(\.wire)
    for split in wire.indices {
      #expect(try parse([wire[..<split], wire[split...]]) == replies, "split at \(split)")
    }
    #expect(try parse(wire.map { [$0][...] }) == replies, "byte by byte")
  }

  @Test(arguments: UInt64(1)...200)
  func randomRepliesInRandomPiecesAreReadBack(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let replies = (0..<8).map { _ in RESPValue.random(using: &generator) }
    var rest = replies.flatMap(\.wire)[...]
    var pieces: [ArraySlice<UInt8>] = []
    while !rest.isEmpty {
      pieces.append(rest.prefix(Int.random(in: 1...30, using: &generator)))
      rest = rest.dropFirst(pieces.last?.count ?? 0)
    }
    #expect(try parse(pieces) == replies)
  }

  @Test(arguments: [
    "GET\r\n", "\r\n", "HTTP/1.1 400 Bad Request\r\n", ":12a\r\n", ":\r\n", ":9223372036854775808\r\n",
    "$x\r\n",
    "$-2\r\n", "$?\r\n", "*?\r\n", "%-1\r\n", "$3\r\nabcd\r\n", "$3\r\nabc\rx", "+a\nb\r\n", "+a\rb\r\n",
    "#x\r\n",
    ",1,5\r\n", ",\r\n", ",0x10\r\n", "(1x\r\n", "(-\r\n", "_x\r\n", "=3\r\nabc\r\n", "=5\r\nabcde\r\n",
    "!-1\r\n",
    "*1\r\n>1\r\n:1\r\n", "$999999999999999999999\r\n",
  ])
  func brokenStreamsAreRefused(wire: String) {
    #expect(throws: ProtocolViolation.self) { try parse(wire) }
  }

  @Test func afterAViolationNothingIsReadAnyMore() throws {
    var parser = RESPParser()
    parser.append(ascii("?\r\n"))
    #expect(throws: ProtocolViolation.unknownType(UInt8(ascii: "?"))) { try parser.next() }
    parser.append(ascii("+OK\r\n"))
    #expect(throws: ProtocolViolation.unknownType(UInt8(ascii: "?"))) { try parser.next() }
  }

  @Test(arguments: UInt64(1)...200)
  func garbageNeverTrapsAndNeverYieldsMoreThanItsBytes(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var wire = (0..<6).flatMap { _ in RESPValue.random(using: &generator).wire }
    for _ in 0..<Int.random(in: 1...6, using: &generator) {
      guard let index = wire.indices.randomElement(using: &generator) else { break }
      switch Int.random(in: 0..<3, using: &generator) {
      case 0: wire[index] = UInt8.random(in: .min ... .max, using: &generator)
      case 1: wire.remove(at: index)
      default:
        wire.insert(
          contentsOf: ascii("*$%~>|=!:,#(_+-\r\n0123456789").shuffled(using: &generator).prefix(3), at: index)
      }
    }
    var parser = RESPParser(limits: ReplyLimits(maximumBytes: 10_000, maximumElements: 1000))
    var count = 0
    for byte in wire {
      parser.append([byte])
      while let reply = try? parser.next() {
        _ = reply
        count += 1
      }
    }
    #expect(count * 3 <= wire.count)
  }

  @Test func aStringLongerThanTheLimitIsRefusedBeforeItComes() {
    let limits = ReplyLimits(maximumBytes: 100)
    #expect(throws: ProtocolViolation.replyTooLong(limit: 100)) { try parse("$101\r\n", limits: limits) }
    #expect(throws: ProtocolViolation.replyTooLong(limit: 100)) {
      try parse("*3\r\n$40\r\n\(String(repeating: "a", count: 40))\r\n$60\r\n", limits: limits)
    }
  }

  @Test func theLimitIsForEachReplyAndNotForTheirSum() throws {
    let reply = RESPValue.blobString(ascii(String(repeating: "a", count: 80)))
    let wire = Array(repeating: reply.wire, count: 5).flatMap { $0 }
    #expect(try parse([wire[...]], limits: ReplyLimits(maximumBytes: 100)).count == 5)
  }

  @Test func moreElementsThanTheLimitAreRefusedByTheirCount() {
    let limits = ReplyLimits(maximumElements: 10)
    #expect(throws: ProtocolViolation.tooManyElements(limit: 10)) { try parse("*11\r\n", limits: limits) }
    #expect(throws: ProtocolViolation.tooManyElements(limit: 10)) { try parse("%6\r\n", limits: limits) }
    #expect(throws: ProtocolViolation.tooManyElements(limit: 10)) {
      try parse("*6\r\n*5\r\n", limits: limits)
    }
    #expect(throws: ProtocolViolation.self) { try parse("%999999999999999999\r\n") }
  }

  @Test func nestingDeeperThanTheLimitIsRefused() throws {
    let limits = ReplyLimits(maximumDepth: 4)
    #expect(try parse(String(repeating: "*1\r\n", count: 4) + ":1\r\n", limits: limits).count == 1)
    #expect(throws: ProtocolViolation.nestedTooDeep(limit: 4)) {
      try parse(String(repeating: "*1\r\n", count: 5), limits: limits)
    }
  }

  @Test func aLineWithoutEndIsRefusedAtTheLimit() {
    let limits = ReplyLimits(maximumLineBytes: 50)
    #expect(throws: ProtocolViolation.lineTooLong(limit: 50)) {
      try parse("+" + String(repeating: "a", count: 60), limits: limits)
    }
  }
}
