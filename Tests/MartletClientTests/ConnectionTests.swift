// The connection over a real socket, against a small server inside of the test.
import MartletClient
import NIOCore
import NIOPosix
import Testing

/// A server on a free port that passes each command, as it was decoded, to a closure and writes what that returns.
private struct ScriptedServer {
  let port: Int
  private let channel: any Channel

  init(_ answer: @escaping @Sendable ([String]) -> Answer) async throws {
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(ScriptedHandler(answer))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    port = try #require(channel.localAddress?.port)
  }

  func stop() async throws {
    try await channel.close()
  }

  enum Answer: Sendable {
    case reply(RESPValue)
    case silence
    case hangUp
  }
}

private final class ScriptedHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let answer: @Sendable ([String]) -> ScriptedServer.Answer
  private var parser = RESPParser()

  init(_ answer: @escaping @Sendable ([String]) -> ScriptedServer.Answer) {
    self.answer = answer
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    parser.append(unwrapInboundIn(data).readableBytesView)
    while let command = try? parser.next() {
      let words = (command.elements ?? []).compactMap(\.string)
      switch words.first == "HELLO" ? .reply(.map([])) : answer(words) {
      case .reply(let value): context.writeAndFlush(NIOAny(ByteBuffer(bytes: value.wire)), promise: nil)
      case .silence: break
      case .hangUp: context.close(promise: nil)
      }
    }
  }
}

private func connect(
  to server: ScriptedServer, commandTimeout: Duration? = .seconds(20)
) async throws -> MartletConnection {
  try await MartletConnection.connect(
    to: ConnectionConfiguration(port: server.port, commandTimeout: commandTimeout))
}

@Suite(.timeLimit(.minutes(1)))
struct ConnectionTests {
  @Test func manyTasksOnOneConnectionEachGetTheirOwnReply() async throws {
    let server = try await ScriptedServer { .reply(.blobString(ascii($0.last ?? ""))) }
    let connection = try await connect(to: server)
    let matched = try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<500 {
        group.addTask { try await connection.getString("key \(number)") == "key \(number)" }
      }
      return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(matched == 500)
    await connection.close()
    #expect(!connection.isOpen)
    try await server.stop()
  }

  @Test func aPipelineIsAnsweredInOrder() async throws {
    let server = try await ScriptedServer { .reply(.blobString(ascii($0.last ?? ""))) }
    let connection = try await connect(to: server)
    let replies = try await connection.pipeline((0..<100).map { Command("ECHO", $0) })
    #expect(replies.compactMap(\.string) == (0..<100).map(String.init))
    await connection.close()
    try await server.stop()
  }

  @Test func membersOfASortedSetComeWithTheirScores() async throws {
    let pair = RESPValue.array([.blobString(ascii("Ada")), .double(1.5)])
    let server = try await ScriptedServer { words in
      switch words.joined(separator: " ") {
      case "ZADD z 1.5 Ada inf Zoe": .reply(.number(2))
      case "ZINCRBY z 0.25 Ada": .reply(.double(1.75))
      case "ZSCORE z Ada": .reply(.double(1.5))
      case "ZRANK z Ada": .reply(.number(3))
      case "ZRANGE z 0 -1 WITHSCORES", "ZRANGE z 1 2 REV WITHSCORES", "ZRANGE z 1.0 inf BYSCORE WITHSCORES",
        "ZPOPMAX z 2":
        .reply(.array([pair]))
      case "ZREM z Ada Zoe": .reply(.number(1))
      case let line: .reply(line.hasSuffix("none") ? .null : .error(ServerError(line)))
      }
    }
    let connection = try await connect(to: server)
    #expect(try await connection.setScores(["Ada": 1.5, "Zoe": .infinity], of: "z") == 2)
    #expect(try await connection.incrementScore(of: "Ada", by: 0.25, in: "z") == 1.75)
    #expect(try await connection.score(of: "Ada", in: "z") == 1.5)
    #expect(try await connection.score(of: "none", in: "z") == nil)
    #expect(try await connection.rank(of: "Ada", in: "z") == 3)
    #expect(try await connection.rank(of: "none", in: "z") == nil)
    for found in [
      try await connection.scores(of: "z"),
      try await connection.scores(of: "z", from: 1, through: 2, isReversed: true),
      try await connection.scores(of: "z", in: 1...Double.infinity),
      try await connection.popScores(2, highest: true, from: "z"),
    ] {
      #expect(found.map(\.member) == [ascii("Ada")] && found.map(\.score) == [1.5])
    }
    #expect(try await connection.removeScores(of: "Ada", "Zoe", in: "z") == 1)
    await connection.close()
    try await server.stop()
  }

  @Test func anErrorReplyIsThrownWithItsText() async throws {
    let server = try await ScriptedServer { _ in .reply(.error(ServerError("WRONGTYPE not a number"))) }
    let connection = try await connect(to: server)
    await #expect(throws: ClientError.server(ServerError("WRONGTYPE not a number"))) {
      try await connection.increment("a")
    }
    await connection.close()
    try await server.stop()
  }

  @Test func aReplyOfAnotherTypeIsAnError() async throws {
    let server = try await ScriptedServer { _ in .reply(.array([])) }
    let connection = try await connect(to: server)
    await #expect(throws: ClientError.unexpectedReply(command: "GET", type: "array")) {
      try await connection.get("a")
    }
    await connection.close()
    try await server.stop()
  }

  @Test func aServerThatHangsUpIsAConnectionLostAndThenClosed() async throws {
    let server = try await ScriptedServer { _ in .hangUp }
    let connection = try await connect(to: server)
    await #expect(throws: ClientError.connectionLost(reason: "the server closed it")) {
      try await connection.get("a")
    }
    await #expect(throws: ClientError.closed) { try await connection.get("a") }
    try await server.stop()
  }

  @Test func aPortWithoutServerIsRefused() async throws {
    let server = try await ScriptedServer { _ in .silence }
    try await server.stop()
    await #expect(throws: ClientError.connectionRefused(address: "127.0.0.1:\(server.port)")) {
      try await connect(to: server)
    }
  }

  @Test func aReplyThatNeverComesTimesOut() async throws {
    let server = try await ScriptedServer { _ in .silence }
    let connection = try await connect(to: server, commandTimeout: .milliseconds(20))
    await #expect(throws: ClientError.timedOut(after: .milliseconds(20))) { try await connection.get("a") }
    await connection.close()
    try await server.stop()
  }

  @Test func aCancelledTaskDoesNotWaitForItsReply() async throws {
    let server = try await ScriptedServer { _ in .silence }
    let connection = try await connect(to: server, commandTimeout: nil)
    let task = Task { try await connection.get("a") }
    task.cancel()
    await #expect(throws: ClientError.cancelled) { try await task.value }
    await connection.close()
    try await server.stop()
  }

  @Test func aScanFetchesPortionsUntilTheCursorIsZeroAgain() async throws {
    let server = try await ScriptedServer { words in
      #expect(words.dropFirst(2) == ["MATCH", "user:*", "COUNT", "7"])
      return switch words[1] {
      case "0": .reply(.array([.blobString(ascii("17")), .array([.blobString(ascii("user:1"))])]))
      case "17": .reply(.array([.blobString(ascii("9")), .array([])]))
      default:
        .reply(
          .array([
            .blobString(ascii("0")), .array([.blobString(ascii("user:2")), .blobString(ascii("user:3"))]),
          ]))
      }
    }
    let connection = try await connect(to: server)
    var keys: [String] = []
    for try await key in connection.keys(matching: "user:*", portion: 7) {
      keys.append(String(decoding: key, as: UTF8.self))
    }
    #expect(keys == ["user:1", "user:2", "user:3"])
    await connection.close()
    try await server.stop()
  }

  @Test func setSaysItsConditionAndExpiryToTheServer() async throws {
    let server = try await ScriptedServer { words in
      words == ["SET", "a", "b", "NX", "PX", "1500"] ? .reply(.null) : .reply(.simpleString("OK"))
    }
    let connection = try await connect(to: server)
    #expect(try await connection.set("a", "b", if: .ifAbsent, expiry: .after(.milliseconds(1500))) == false)
    #expect(try await connection.set("a", "b", if: .ifPresent) == true)
    await connection.close()
    try await server.stop()
  }

  @Test func theMethodsForListsSayWhatTheyMeanAndReadTheReplies() async throws {
    let server = try await ScriptedServer { words in
      switch words.joined(separator: " ") {
      case "RPUSH l a b": .reply(.number(2))
      case "LPUSH l y x": .reply(.number(4))
      case "LLEN l": .reply(.number(4))
      case "LRANGE l 1 -1": .reply(.array([.blobString(ascii("y")), .blobString(ascii("a"))]))
      case "LINDEX l -1", "RPOP l", "LMOVE l m RIGHT LEFT": .reply(.blobString(ascii("b")))
      case "BLPOP l m 1.5": .reply(.array([.blobString(ascii("l")), .blobString(ascii("x"))]))
      default: .reply(.null)
      }
    }
    let connection = try await connect(to: server)
    #expect(try await connection.append("a", "b", to: "l") == 2)
    #expect(try await connection.prepend("x", "y", to: "l") == 4)
    #expect(try await connection.elementCount(of: "l") == 4)
    #expect(try await connection.elements(of: "l", from: 1) == [ascii("y"), ascii("a")])
    #expect(try await connection.element(-1, of: "l") == ascii("b"))
    #expect(try await connection.element(7, of: "l") == nil)
    #expect(try await connection.removeLast(from: "l") == ascii("b"))
    #expect(try await connection.removeFirst(from: "missing") == nil)
    #expect(try await connection.moveLast(from: "l", toHeadOf: "m") == ascii("b"))
    let served = try await connection.removeFirst(fromAnyOf: "l", "m", waitingFor: .milliseconds(1500))
    #expect(served?.key == ascii("l") && served?.element == ascii("x"))
    #expect(try await connection.removeLast(fromAnyOf: "l", waitingFor: .seconds(1)) == nil)
    await connection.close()
    try await server.stop()
  }
}
