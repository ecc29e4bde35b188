// The connection's state machine: the greeting, the matching of replies, giving up, limits, and the end.
import MartletClient
import Testing

private typealias Action = ConnectionStateMachine.Action

private func wire(_ commands: Command...) -> Action {
  var bytes: [UInt8] = []
  for command in commands { command.encode(into: &bytes) }
  return .write(bytes)
}

private let ok = RESPValue.simpleString("OK")
private let greeting = RESPValue.map([.init(key: .blobString(ascii("proto")), value: .number(3))])
private let first = RequestID(1)
private let second = RequestID(2)

private func connecting(_ configuration: ConnectionConfiguration = ConnectionConfiguration())
  -> ConnectionStateMachine
{
  ConnectionStateMachine(configuration, connectDeadline: 1000)
}

private func ready(_ configuration: ConnectionConfiguration = ConnectionConfiguration())
  -> ConnectionStateMachine
{
  var machine = connecting(configuration)
  _ = machine.connected()
  #expect(machine.received(greeting.wire) == [.ready(.resp3)])
  return machine
}

struct GreetingTests {
  @Test func theServerIsAskedForRESP3() {
    var machine = connecting()
    #expect(machine.connected() == [wire(Command("HELLO", 3))])
    #expect(machine.received(greeting.wire) == [.ready(.resp3)])
  }

  @Test func nameAndPasswordGoWithTheGreetingAndTheDatabaseIsSelectedNext() {
    var machine = connecting(ConnectionConfiguration(username: "ada", password: "secret", database: 3))
    #expect(machine.connected() == [wire(Command("HELLO", 3, "AUTH", "ada", "secret"))])
    #expect(machine.received(greeting.wire) == [wire(Command("SELECT", 3))])
    #expect(machine.received(ok.wire) == [.ready(.resp3)])
  }

  @Test func aServerWithoutHELLOIsSpokenToInRESP2() {
    var machine = connecting(ConnectionConfiguration(password: "secret", database: 1))
    _ = machine.connected()
    #expect(machine.received(ascii("-ERR unknown command 'HELLO'\r\n")) == [wire(Command("AUTH", "secret"))])
    #expect(machine.received(ok.wire) == [wire(Command("SELECT", 1))])
    #expect(machine.received(ok.wire) == [.ready(.resp2)])
  }

  @Test func aServerThatWantsAPasswordCanBeConnectedToWithout() {
    var machine = connecting()
    _ = machine.connected()
    let refusal = ascii("-NOAUTH Authentication required.\r\n")
    #expect(machine.received(refusal) == [wire(Command("PING"))])
    #expect(machine.received(refusal) == [.ready(.resp2)])
  }

  @Test func aWrongPasswordEndsTheConnection() {
    var machine = connecting(ConnectionConfiguration(password: "wrong"))
    _ = machine.connected()
    let error = ServerError("WRONGPASS invalid username-password pair or user is disabled.")
    #expect(machine.received(RESPValue.error(error).wire) == [.failConnect(.refused(error)), .close])
  }

  @Test func whatTheServerSaidBeforeItHungUpIsTold() {
    var machine = connecting()
    _ = machine.connected()
    let error = ServerError("ERR max number of clients reached")
    _ = machine.received(RESPValue.error(error).wire)
    #expect(machine.ended(reason: "the server closed it") == [.failConnect(.refused(error))])
  }

  @Test func somethingThatIsNoSuchServerIsAViolation() {
    var machine = connecting()
    _ = machine.connected()
    #expect(
      machine.received(ascii("HTTP/1.1 400 Bad Request\r\n"))
        == [.failConnect(.protocolViolation(.unknownType(UInt8(ascii: "H")))), .close])
  }

  @Test func aGreetingWithoutAnAnswerEndsAtTheDeadline() {
    var machine = connecting()
    _ = machine.connected()
    #expect(machine.nextDeadline == 1000)
    #expect(machine.timePassed(now: 999) == [])
    #expect(
      machine.timePassed(now: 1000)
        == [.failConnect(.connectionLost(reason: "the greeting was not answered in time")), .close])
  }
}

struct MatchingTests {
  @Test func repliesGoToTheCallsInTheirOrder() {
    var machine = ready()
    #expect(machine.submit(first, [Command("GET", "a")], deadline: nil) == [wire(Command("GET", "a"))])
    #expect(machine.submit(second, [Command("GET", "b")], deadline: nil) == [wire(Command("GET", "b"))])
    #expect(
      machine.received(ascii("$1\r\n1\r\n:2\r\n"))
        == [.answer(first, [.blobString(ascii("1"))]), .answer(second, [.number(2)])])
  }

  @Test func aPipelineIsWrittenAtOnceAndAnsweredTogetherWithItsErrors() {
    var machine = ready()
    let commands = [Command("INCR", "a"), Command("GET", "b")]
    #expect(machine.submit(first, commands, deadline: nil) == [wire(commands[0], commands[1])])
    #expect(machine.received(ascii(":1\r\n")) == [])
    #expect(
      machine.received(ascii("-WRONGTYPE no\r\n"))
        == [.answer(first, [.number(1), .error(ServerError("WRONGTYPE no"))])])
  }

  @Test func anEmptyPipelineIsAnsweredWithoutAskingTheServer() {
    var machine = ready()
    #expect(machine.submit(first, [], deadline: nil) == [.answer(first, [])])
  }

  @Test func aPushAnswersNobody() {
    var machine = ready()
    _ = machine.submit(first, [Command("GET", "a")], deadline: nil)
    #expect(
      machine.received(ascii(">1\r\n+news\r\n_\r\n"))
        == [.push([.simpleString("news")]), .answer(first, [.null])])
  }

  @Test func aLateReplyToACancelledCallGoesToNobodyElse() {
    var machine = ready()
    _ = machine.submit(first, [Command("GET", "a")], deadline: nil)
    _ = machine.submit(second, [Command("GET", "b")], deadline: nil)
    #expect(machine.cancel(first) == [.fail(first, .cancelled)])
    #expect(machine.cancel(first) == [])
    #expect(machine.received(ascii(":1\r\n:2\r\n")) == [.answer(second, [.number(2)])])
  }

  @Test func manyThousandCallsStayInOrder() {
    var machine = ready(ConnectionConfiguration(maximumInFlight: 20_000))
    var answered: [RequestID] = []
    var asked: [RequestID] = []
    for number in UInt64(1)...10_000 {
      asked.append(RequestID(number))
      _ = machine.submit(RequestID(number), [Command("PING")], deadline: nil)
      guard number % 3 == 0 else { continue }
      for case .answer(let id, _) in machine.received(ascii("+PONG\r\n+PONG\r\n")) { answered.append(id) }
    }
    while machine.commandsInFlight > 0 {
      for case .answer(let id, _) in machine.received(ascii("+PONG\r\n")) { answered.append(id) }
    }
    #expect(answered == asked)
  }

  @Test(arguments: [
    Command("SUBSCRIBE", "a"), Command("monitor"), Command("CLIENT", "reply", "OFF"),
    Command("PSYNC", "?", -1),
  ])
  func commandsThatWouldBreakTheMatchingAreNotSent(command: Command) {
    var machine = ready()
    #expect(
      machine.submit(first, [command], deadline: nil) == [.fail(first, .unsupportedCommand(command.name))])
    #expect(machine.commandsInFlight == 0)
  }

  @Test func commandsAboveTheLimitAreRefusedAndTheOthersGoOn() {
    var machine = ready(ConnectionConfiguration(maximumInFlight: 2))
    _ = machine.submit(first, [Command("PING"), Command("PING")], deadline: nil)
    #expect(
      machine.submit(second, [Command("PING")], deadline: nil) == [.fail(second, .tooManyInFlight(limit: 2))])
    #expect(machine.received(ascii("+PONG\r\n+PONG\r\n")).count == 1)
    #expect(machine.submit(second, [Command("PING")], deadline: nil) == [wire(Command("PING"))])
  }
}

struct TimeoutTests {
  @Test func onlyCallsPastTheirDeadlineAreGivenUp() {
    var machine = ready()
    _ = machine.submit(first, [Command("GET", "a")], deadline: 50, timeout: .seconds(5))
    _ = machine.submit(second, [Command("GET", "b")], deadline: 40, timeout: .seconds(4))
    #expect(machine.nextDeadline == 40)
    #expect(machine.timePassed(now: 45) == [.fail(second, .timedOut(after: .seconds(4)))])
    #expect(machine.nextDeadline == 50)
    #expect(machine.received(ascii(":1\r\n:2\r\n")) == [.answer(first, [.number(1)])])
    #expect(machine.nextDeadline == nil)
  }
}

struct EndTests {
  @Test func aLostConnectionFailsTheCallsUnderWayAndRefusesNewOnes() {
    var machine = ready()
    _ = machine.submit(first, [Command("SET", "a", "b")], deadline: nil)
    #expect(machine.ended(reason: "reset") == [.fail(first, .connectionLost(reason: "reset"))])
    #expect(machine.submit(second, [Command("PING")], deadline: nil) == [.fail(second, .closed)])
  }

  @Test func closingWaitsForTheRepliesUnderWay() {
    var machine = ready()
    _ = machine.submit(first, [Command("GET", "a")], deadline: nil)
    #expect(machine.close() == [])
    #expect(machine.submit(second, [Command("PING")], deadline: nil) == [.fail(second, .closed)])
    #expect(machine.received(ascii(":1\r\n")) == [.answer(first, [.number(1)]), .close])
    #expect(machine.ended(reason: "closed") == [])
  }

  @Test func closingDoesNotWaitForCallsThatWereGivenUp() {
    var machine = ready()
    _ = machine.submit(first, [Command("GET", "a")], deadline: 10)
    _ = machine.submit(second, [Command("GET", "a")], deadline: nil)
    _ = machine.timePassed(now: 10)
    #expect(machine.close() == [])
    #expect(machine.cancel(second) == [.fail(second, .cancelled), .close])
  }

  @Test func aConnectionWithoutCallsClosesAtOnce() {
    var machine = ready()
    #expect(machine.close() == [.close])
    #expect(machine.close() == [])
  }

  @Test func brokenRepliesFailEveryCall() {
    var machine = ready()
    _ = machine.submit(first, [Command("GET", "a")], deadline: nil)
    _ = machine.submit(second, [Command("GET", "a")], deadline: nil)
    let violation = ClientError.protocolViolation(.unknownType(UInt8(ascii: "?")))
    #expect(
      machine.received(ascii(":1\r\n?\r\n"))
        == [.answer(first, [.number(1)]), .fail(second, violation), .close])
    #expect(machine.received(ascii(":2\r\n")) == [])
  }

  @Test func aReplyThatNobodyAskedForEndsTheConnection() {
    var machine = ready()
    #expect(machine.received(ok.wire) == [.close])
    #expect(!machine.isReady)
  }
}
