// A client's connection as a state machine without I/O: it is told what happened (bytes came, a call was made, time
// passed, the connection ended) and answers what is to be done. The channel handler only carries that out.
//
// Replies come in the order of the commands, so the calls under way are a queue. A call that is given up (timed out,
// cancelled) keeps its place there without a receiver, or every later reply would go to the wrong call.

/// Names one call: a single command or a pipeline.
package struct RequestID: Sendable, Hashable {
  let number: UInt64

  package init(_ number: UInt64) {
    self.number = number
  }
}

/// A point on the clock that the machine is given, in nanoseconds from any fixed start.
package typealias Nanoseconds = UInt64

package struct ConnectionStateMachine: Sendable {
  /// What is to be done, in this order.
  package enum Action: Sendable, Equatable {
    case write([UInt8])
    /// The greeting is over; calls may be made.
    case ready(RESPVersion)
    /// The connection failed before it was ready.
    case failConnect(ClientError)
    case answer(RequestID, [RESPValue])
    case fail(RequestID, ClientError)
    case push([RESPValue])
    /// Close the socket. `ended` is to be called when it is closed.
    case close
  }

  private enum State {
    case greeting(Handshake, deadline: Nanoseconds)
    case ready
    /// No more calls; closed when those under way are answered.
    case draining
    case closed
  }

  /// A call under way.
  private struct Request {
    /// Nil when it was given up.
    var id: RequestID?
    var replies: [RESPValue] = []
    let expected: Int
    let deadline: Nanoseconds?
    let timeout: Duration
  }

  private var state: State
  private var parser: RESPParser
  private var requests = Queue<Request>()
  private let maximumInFlight: Int
  /// How many commands of all requests wait for their reply.
  package private(set) var commandsInFlight = 0

  package init(_ configuration: ConnectionConfiguration, connectDeadline: Nanoseconds) {
    state = .greeting(Handshake(configuration), deadline: connectDeadline)
    parser = RESPParser(limits: configuration.replyLimits)
    maximumInFlight = configuration.maximumInFlight
  }

  /// Whether calls are taken.
  package var isReady: Bool {
    if case .ready = state { true } else { false }
  }

  // MARK: - What the socket says

  /// The socket is connected: the greeting begins.
  package mutating func connected() -> [Action] {
    guard case .greeting(var handshake, let deadline) = state else { return [] }
    let step = handshake.begin()
    state = .greeting(handshake, deadline: deadline)
    return carryOut(step)
  }

  package mutating func received(_ bytes: some Sequence<UInt8>) -> [Action] {
    if case .closed = state { return [] }
    parser.append(bytes)
    var actions: [Action] = []
    do throws(ProtocolViolation) {
      while let reply = try parser.next() {
        actions += try take(reply)
        if case .closed = state { break }
      }
    } catch {
      actions += end(.protocolViolation(error))
    }
    return actions
  }

  /// The socket was closed, by whomever.
  package mutating func ended(reason: String) -> [Action] {
    switch state {
    case .greeting(let handshake, _):
      end(handshake.refusal.map(ClientError.refused) ?? .connectionLost(reason: reason), closing: false)
    case .ready, .draining:
      end(.connectionLost(reason: reason), closing: false)
    case .closed:
      []
    }
  }

  // MARK: - What the program wants

  /// A call of one or more commands.
  ///
  /// - Parameter deadline: when to give up; nil for never.
  package mutating func submit(
    _ id: RequestID, _ commands: [Command], deadline: Nanoseconds?, timeout: Duration = .zero
  ) -> [Action] {
    guard isReady else { return [.fail(id, .closed)] }
    guard !commands.isEmpty else { return [.answer(id, [])] }
    if let refused = commands.first(where: \.breaksReplyOrder) {
      return [.fail(id, .unsupportedCommand(refused.name))]
    }
    guard commandsInFlight + commands.count <= maximumInFlight else {
      return [.fail(id, .tooManyInFlight(limit: maximumInFlight))]
    }
    commandsInFlight += commands.count
    requests.append(Request(id: id, expected: commands.count, deadline: deadline, timeout: timeout))
    var bytes: [UInt8] = []
    for command in commands { command.encode(into: &bytes) }
    return [.write(bytes)]
  }

  /// Gives a call up. Its replies are dropped when they come.
  package mutating func cancel(_ id: RequestID) -> [Action] {
    guard let index = requests.firstIndex(where: { $0.id == id }) else { return [] }
    requests[index].id = nil
    return [.fail(id, .cancelled)] + closeIfDrained()
  }

  /// Takes no more calls, and closes once those under way are answered.
  package mutating func close() -> [Action] {
    switch state {
    case .greeting: return end(.closed)
    case .ready:
      state = .draining
      return closeIfDrained()
    case .draining, .closed: return []
    }
  }

  // MARK: - Time

  /// When `timePassed` is to be called next, if nothing else happens.
  package var nextDeadline: Nanoseconds? {
    if case .greeting(_, let deadline) = state { return deadline }
    return requests.reduce(nil) { earliest, request in
      guard request.id != nil, let deadline = request.deadline else { return earliest }
      return min(earliest ?? deadline, deadline)
    }
  }

  package mutating func timePassed(now: Nanoseconds) -> [Action] {
    if case .greeting(_, let deadline) = state {
      return deadline <= now ? end(.connectionLost(reason: "the greeting was not answered in time")) : []
    }
    var actions: [Action] = []
    for index in requests.indices {
      guard let id = requests[index].id, let deadline = requests[index].deadline, deadline <= now else {
        continue
      }
      requests[index].id = nil
      actions.append(.fail(id, .timedOut(after: requests[index].timeout)))
    }
    return actions + closeIfDrained()
  }

  // MARK: - Steps

  private mutating func take(_ reply: RESPValue) throws(ProtocolViolation) -> [Action] {
    if case .push(let elements) = reply { return [.push(elements)] }
    if case .greeting(var handshake, let deadline) = state {
      let step = handshake.received(reply)
      state = .greeting(handshake, deadline: deadline)
      return carryOut(step)
    }
    guard !requests.isEmpty else {
      // A server may say why it hangs up.
      if case .error(let error) = reply { return end(.refused(error)) }
      throw .unaskedReply
    }
    commandsInFlight -= 1
    requests[requests.startIndex].replies.append(reply)
    guard requests[requests.startIndex].replies.count == requests[requests.startIndex].expected else {
      return []
    }
    let request = requests.removeFirst()
    return (request.id.map { [.answer($0, request.replies)] } ?? []) + closeIfDrained()
  }

  private mutating func carryOut(_ step: Handshake.Step) -> [Action] {
    switch step {
    case .send(let command):
      var bytes: [UInt8] = []
      command.encode(into: &bytes)
      return [.write(bytes)]
    case .ready(let version):
      state = .ready
      return [.ready(version)]
    case .failed(let error):
      return end(error)
    }
  }

  private mutating func closeIfDrained() -> [Action] {
    guard case .draining = state, requests.allSatisfy({ $0.id == nil }) else { return [] }
    return end(.closed)
  }

  /// The one way into `closed`: whoever waits is told.
  private mutating func end(_ error: ClientError, closing: Bool = true) -> [Action] {
    var actions: [Action] = []
    if case .greeting = state { actions.append(.failConnect(error)) }
    actions += requests.compactMap { request in request.id.map { .fail($0, error) } }
    state = .closed
    requests = Queue()
    commandsInFlight = 0
    return closing ? actions + [.close] : actions
  }
}
