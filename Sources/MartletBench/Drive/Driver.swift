// A thread of the load and its connections. It waits for its sockets, reads the replies that have come on one of them,
// and sends there what comes next; nothing is allocated for a request.
//
// Closed loop: each reply brings a request. With a fixed rate the schedule brings them, and a request's time counts from
// when it was due, whether or not it could be sent then. So a server that stalls is charged for all the requests that
// it kept from being sent, and not just for those that were on their way ("coordinated omission", Gil Tene).
internal import Martlet

/// When the parts of a run begin, in nanoseconds of the monotonic clock.
struct Timeline: Sendable {
  let start: Int64
  /// The end of the warm-up.
  let measuring: Int64
  /// `.max` when a number of requests ends it.
  let end: Int64
}

/// A thread's share of a fixed rate.
struct Arrivals: Sendable {
  /// Requests a second.
  let rate: Double
  /// Nanoseconds from the beginning to the first, so that the threads take turns.
  let offset: Int64
}

/// What a driver is to send.
enum Work: Sendable {
  /// A value for each key of a range of numbers: first all keys of the first kind, then of the next.
  case fill(kinds: [KeyKind], numbers: Range<Int>)
  /// The plan's mix; at most so many requests that are measured.
  case load(Timeline, requests: Int, Arrivals?)
}

struct Driver: ~Copyable {
  /// Bytes that are sent before more requests are written behind them.
  private static let sendBytes = 128 << 10
  /// How long requests that are due before the end may be sent after it, and how long a server may say nothing while it
  /// owes the last replies; in nanoseconds.
  static let drainLimit: Int64 = 5_000_000_000
  /// The longest wait, so that the time is looked at.
  private static let longestWait: Int64 = 50_000_000
  private static let publishInterval: Int64 = 100_000_000
  /// How long it may say nothing before that.
  private static let silenceLimit: Int64 = 60_000_000_000

  private let plan: LoadPlan
  private let depth: Int
  private let keysPerRequest: Int
  private let live: LiveFigures?

  private let poller: Poller
  private var connections: [Connection]
  /// `depth` places for each connection.
  private var flights: [Flight]
  /// `keysPerRequest` places for each flight.
  private var requested: [UInt32]
  private var output = RequestBuffer(capacity: Driver.sendBytes + 16384)

  private let verbs: [Verb]
  private let encoder: RequestEncoder
  private var check: ValueCheck
  private var chooser: KeyChooser
  private var random: SeededRandom

  private(set) var tally: Tally

  // The work that is done now.
  private var isIssuing = false
  private var inFlight = 0
  private var open: Int
  /// Requests that may still be sent and are measured.
  private var left = 0
  private var measuring = Int64.min
  private var fillKinds: [KeyKind] = []
  private var fillNumbers = 0..<0
  private var schedule: ArrivalSchedule?
  /// Of the schedule: how many were sent, and how many there are.
  private var scheduled = 0
  private var scheduledEnd = 0
  private var nextConnection = 0
  private var lastReply: Int64 = 0
  /// When the last reply came, or when none was owed.
  private var lastSign: Int64 = 0

  /// - Parameters:
  ///   - number: its place among `plan.threads`.
  ///   - sockets: connected and introduced.
  ///   - chooser: how its keys are chosen.
  init(
    _ plan: LoadPlan, _ space: KeySpace, number: Int, sockets: [CInt], _ chooser: KeyChooser,
    _ live: LiveFigures?
  ) throws(PlanError) {
    self.plan = plan
    self.live = live
    depth = plan.pipeline
    keysPerRequest = plan.mix.parts.contains { $0.verb == .mget } ? plan.multiget : 1
    poller = try Poller()
    connections = sockets.map { Connection($0, plan.wire) }
    open = sockets.count
    flights = Array(repeating: Flight(), count: sockets.count * depth)
    requested = Array(repeating: 0, count: flights.count * keysPerRequest)
    verbs = plan.mix.parts.map(\.verb)
    encoder = RequestEncoder(wire: plan.wire, space: space, members: plan.members)
    check = ValueCheck(space, isOn: plan.verifies)
    self.chooser = chooser
    random = SeededRandom(seed: SeededRandom.mix(plan.seed &+ UInt64(number)))
    tally = Tally(verbs: plan.mix.parts.count)
  }

  /// Begins to wait for its sockets.
  func watch() throws(PlanError) {
    for index in connections.indices {
      Sockets.unblock(connections[index].socket)
      guard poller.watch(connections[index].socket, index, isNew: true) else {
        throw PlanError("the system can't wait for \(connections.count) connections")
      }
    }
  }

  deinit {
    for connection in connections where connection.isOpen { Sockets.close(connection.socket) }
  }

  /// Does some work from beginning to end; what it counted is in `tally`.
  mutating func run(_ work: Work) {
    tally = Tally(verbs: verbs.count)
    var input = InputBuffer()
    begin(work)
    var busyBefore = Clock.threadTime()
    var hasBegun = false
    var nextPublication = Clock.now() + Self.publishInterval
    var end = Int64.max
    // With a fixed rate, requests that are due before the end may be late.
    if case .load(let timeline, _, let arrivals) = work, timeline.end != .max {
      end = timeline.end + (arrivals == nil ? 0 : Self.drainLimit)
    }
    if case .load(let timeline, _, _) = work { waitUntil(timeline.start) }
    if isIssuing && schedule == nil { issueFirst() }
    while true {
      let now = Clock.now()
      if !hasBegun && now >= measuring {
        hasBegun = true
        busyBefore = Clock.threadTime()
      }
      if isIssuing && schedule != nil { issueDue(now) }
      if isIssuing && (now >= end || Interrupt.hasCome) {
        isIssuing = false
        lastSign = now
      }
      if inFlight == 0 { lastSign = now }
      if (!isIssuing && inFlight == 0) || open == 0 || now - lastSign >= patience { break }
      if live != nil && now >= nextPublication {
        publish(now)
        nextPublication = now + Self.publishInterval
      }
      let count = poller.wait(nanoseconds: pause(now))
      for number in 0..<count {
        let event = poller.event(number)
        guard connections[event.index].isOpen else { continue }
        if event.isWritable { sendRest(event.index) }
        if event.isReadable && connections[event.index].isOpen { receive(event.index, &input) }
      }
    }
    finish(work, busyBefore)
  }

  private mutating func begin(_ work: Work) {
    scheduled = 0
    lastReply = Clock.now()
    lastSign = lastReply
    switch work {
    case .fill(let kinds, let numbers):
      fillKinds = kinds
      fillNumbers = numbers
      schedule = nil
      measuring = .min
      left = numbers.count
      isIssuing = left > 0
    case .load(let timeline, let requests, let arrivals):
      fillKinds = []
      measuring = timeline.measuring
      left = requests
      isIssuing = true
      guard let arrivals else {
        schedule = nil
        break
      }
      Clock.sleepExactly()
      let schedule = ArrivalSchedule(start: timeline.start + arrivals.offset, rate: arrivals.rate)
      self.schedule = schedule
      let before = schedule.count(by: measuring - 1)
      scheduledEnd =
        timeline.end == .max ? before + requests : schedule.count(by: timeline.end - 1)
    }
  }

  /// Waits for the beginning.
  private func waitUntil(_ time: Int64) {
    while true {
      let now = Clock.now()
      if now >= time { return }
      _ = poller.wait(nanoseconds: time - now)
    }
  }

  /// How long the server may say nothing while it owes replies.
  private var patience: Int64 { isIssuing ? Self.silenceLimit : Self.drainLimit }

  /// How long to wait for events.
  private func pause(_ now: Int64) -> Int64 {
    guard let schedule, isIssuing, inFlight < open * depth else { return Self.longestWait }
    return min(Self.longestWait, schedule.time(of: scheduled) - now)
  }

  private mutating func finish(_ work: Work, _ busyBefore: Int64) {
    let now = Clock.now()
    for index in connections.indices where connections[index].isOpen && connections[index].inFlight > 0 {
      lose(
        index, "timeout", "no reply within \(patience / 1_000_000_000) s")
    }
    tally.isInterrupted = Interrupt.hasCome
    if schedule != nil && !tally.isInterrupted { tally.unsent = max(0, scheduledEnd - scheduled) }
    let begin = max(measuring, 0)
    switch work {
    case .fill: break
    case .load(let timeline, _, _):
      // If it ran as long as it was to run, it lasted that long even when the last reply came before.
      let isFull = open > 0 && timeline.end != .max && !tally.isInterrupted
      let last = isFull ? max(timeline.end, lastReply) : lastReply
      tally.elapsed = max(0, min(last, now) - begin)
    }
    tally.busy = [Clock.threadTime() - busyBefore]
  }

  // MARK: Requests

  /// Fills all connections.
  private mutating func issueFirst() {
    for index in connections.indices where connections[index].isOpen { issue(index, depth) }
  }

  /// Sends the next requests on a connection, up to so many; in a closed loop.
  @inline(__always)
  private mutating func issue(_ index: Int, _ count: Int) {
    let now = Clock.now()
    let isMeasured = now >= measuring
    for _ in 0..<count {
      if isMeasured {
        guard left > 0 else {
          isIssuing = false
          break
        }
        left -= 1
      }
      write(index, time: now, isMeasured: isMeasured)
      guard connections[index].isOpen else { return }
    }
    flush(index)
  }

  /// Sends what the schedule asks for by now, on all connections in turn.
  private mutating func issueDue(_ now: Int64) {
    guard let schedule else { return }
    let due = min(scheduledEnd, schedule.count(by: now))
    while scheduled < due && inFlight < open * depth {
      // Several that are due at once are spread evenly.
      let share = max(1, (due - scheduled) / open)
      repeat {
        nextConnection = nextConnection + 1 < connections.count ? nextConnection + 1 : 0
      } while !connections[nextConnection].isOpen || connections[nextConnection].inFlight == depth
      let index = nextConnection
      issueDue(index, min(share, depth - connections[index].inFlight, due - scheduled), schedule, now)
    }
    if now >= measuring { tally.backlogMaximum = max(tally.backlogMaximum, due - scheduled) }
    if scheduled == scheduledEnd { isIssuing = false }
  }

  /// Sends so many requests that are due on one connection.
  private mutating func issueDue(_ index: Int, _ count: Int, _ schedule: ArrivalSchedule, _ now: Int64) {
    for _ in 0..<count {
      let time = schedule.time(of: scheduled)
      scheduled += 1
      let isMeasured = time >= measuring
      if isMeasured { tally.sendDelay.record(now - time) }
      write(index, time: time, isMeasured: isMeasured)
      guard connections[index].isOpen else { return }
    }
    flush(index)
  }

  /// Writes the next request behind those that wait to be sent.
  @inline(__always)
  private mutating func write(_ index: Int, time: Int64, isMeasured: Bool) {
    let place = connections[index].first + connections[index].inFlight
    let slot = index * depth + (place < depth ? place : place - depth)
    let start = slot * keysPerRequest
    let before = output.count
    var part = 0
    if fillKinds.isEmpty {
      part = plan.mix.draw(&random)
      let verb = verbs[part]
      let count = verb == .mget ? keysPerRequest : 1
      for offset in 0..<count { requested[start + offset] = UInt32(chooser.draw(&random)) }
      let member = verb.kind == .set ? random.below(plan.members) : 0
      encoder.encode(
        verb, verb.kind, requested, from: start, count: count, member: member, to: &output)
    } else {
      let number = fillNumbers.upperBound - left - 1
      requested[start] = UInt32(number % plan.keys)
      encoder.encode(
        .set, fillKinds[number / plan.keys], requested, from: start, count: 1, member: 0, to: &output)
    }
    flights[slot] = Flight(
      time: time, count: UInt32(truncatingIfNeeded: output.count - before), part: UInt16(part),
      isMeasured: isMeasured)
    connections[index].inFlight += 1
    inFlight += 1
    tally.sent += 1
    if output.count >= Self.sendBytes { flush(index) }
  }

  /// Has the system take what was written for a connection, or keeps it there.
  @inline(__always)
  private mutating func flush(_ index: Int) {
    guard output.count > 0 else { return }
    var sent = 0
    if connections[index].unsent.isEmpty {
      while sent < output.count {
        let taken = Sockets.send(connections[index].socket, output, from: sent)
        if taken < 0 {
          if Sockets.isAgain(taken) { break }
          output.removeAll()
          return lose(index, "connection", "sending failed: \(Sockets.reason(taken))")
        }
        sent += taken
      }
      if sent == output.count { return output.removeAll() }
      guard poller.watch(connections[index].socket, index, writes: true) else {
        output.removeAll()
        return lose(index, "connection", "the system doesn't wait for it")
      }
    }
    keep(index, from: sent)
  }

  @inline(never)
  private mutating func keep(_ index: Int, from start: Int) {
    output.copy(from: start, to: &connections[index].unsent)
    output.removeAll()
  }

  /// Goes on with what the system didn't take.
  private mutating func sendRest(_ index: Int) {
    let taken = Sockets.send(
      connections[index].socket, connections[index].unsent, from: connections[index].unsentStart)
    if taken < 0 {
      if Sockets.isAgain(taken) { return }
      return lose(index, "connection", "sending failed: \(Sockets.reason(taken))")
    }
    connections[index].unsentStart += taken
    guard connections[index].unsentStart == connections[index].unsent.count else { return }
    connections[index].unsent.removeAll(keepingCapacity: true)
    connections[index].unsentStart = 0
    if !poller.watch(connections[index].socket, index) {
      lose(index, "connection", "the system doesn't wait for it")
    }
  }

  // MARK: Replies

  @inline(__always)
  private mutating func receive(_ index: Int, _ input: inout InputBuffer) {
    let kept = connections[index].rest.count
    if kept > 0 { input.begin(with: connections[index].rest) }
    let received = input.receive(connections[index].socket, behind: kept)
    guard received > 0 else {
      if received == 0 { return lose(index, "connection", "the server closed a connection") }
      if Sockets.isAgain(received) { return }
      return lose(index, "connection", "receiving failed: \(Sockets.reason(received))")
    }
    if kept > 0 { connections[index].rest.removeAll(keepingCapacity: true) }
    let now = Clock.now()
    let finished = read(index, input.bytes(kept + received), now)
    guard connections[index].isOpen, finished > 0 else { return }
    lastReply = now
    lastSign = now
    guard isIssuing else { return }
    if let schedule {
      // When all were full, the requests that are due wait for this.
      let due = min(scheduledEnd, schedule.count(by: now)) - scheduled
      if due > 0 { issueDue(index, min(due, finished), schedule, now) }
    } else {
      issue(index, finished)
    }
  }

  /// Reads the replies that are whole; how many.
  @inline(__always)
  private mutating func read(_ index: Int, _ bytes: RawSpan, _ now: Int64) -> Int {
    var position = 0
    var finished = 0
    while connections[index].inFlight > 0 {
      let slot = index * depth + connections[index].first
      let flight = flights[slot]
      let verb = fillKinds.isEmpty ? verbs[Int(flight.part)] : .set
      let expected = Expectation(
        verb: verb, firstKey: slot * keysPerRequest, keyCount: verb == .mget ? keysPerRequest : 1)
      switch connections[index].reader.read(bytes, &position, expected, requested, &check) {
      case .needsMore:
        connections[index].rest.append(bytes.extracting(position..<bytes.byteCount))
        return finished
      case .broken:
        lose(index, "protocol", connections[index].reader.text)
        return finished
      case .done:
        count(index, flight, now)
        let first = connections[index].first + 1
        connections[index].first = first < depth ? first : 0
        connections[index].inFlight -= 1
        inFlight -= 1
        finished += 1
      }
    }
    if position < bytes.byteCount {
      let shown = ReplyReader.shown(bytes, position, min(bytes.byteCount, position + 40))
      lose(index, "protocol", "the server sent more than it was asked for: \(shown)")
    }
    return finished
  }

  /// Counts a reply.
  @inline(__always)
  private mutating func count(_ index: Int, _ flight: Flight, _ now: Int64) {
    tally.replies += 1
    guard flight.isMeasured else { return }
    let part = Int(flight.part)
    tally.verbs[part].latency.record(now - flight.time)
    tally.verbs[part].hits += connections[index].reader.hits
    tally.verbs[part].misses += connections[index].reader.misses
    tally.verbs[part].sentBytes += Int(flight.count)
    tally.verbs[part].receivedBytes += connections[index].reader.count
    if connections[index].reader.verdict != .fine { noteError(index, part) }
  }

  @inline(never)
  private mutating func noteError(_ index: Int, _ part: Int) {
    tally.verbs[part].errors += 1
    let text = connections[index].reader.text
    switch connections[index].reader.verdict {
    case .error: tally.errors.note(ErrorLog.kind(of: text), text)
    case .wrongKind: tally.errors.note("unexpected reply", text)
    case .wrongValue: tally.errors.note("wrong value", text)
    case .fine: break
    }
  }

  /// Gives a connection up; the requests on their way on it have no reply.
  @inline(never)
  private mutating func lose(_ index: Int, _ kind: String, _ reason: String) {
    guard connections[index].isOpen else { return }
    connections[index].isOpen = false
    Sockets.close(connections[index].socket)
    open -= 1
    let lost = connections[index].inFlight
    tally.errors.note(kind, reason)
    if lost > 0 {
      tally.errors.note("unanswered", "requests whose connection was given up: \(reason)", times: lost)
    }
    inFlight -= lost
    connections[index].inFlight = 0
  }

  // MARK: Progress

  private func publish(_ now: Int64) {
    var figures = LiveFigures.Figures(time: now)
    figures.replies = tally.replies
    figures.errors = tally.errors.count
    for verb in tally.verbs { figures.latency.add(verb.latency) }
    if let schedule { figures.backlog = max(0, min(scheduledEnd, schedule.count(by: now)) - scheduled) }
    live?.set(figures)
  }
}

/// What a thread tells of its work while it goes on.
final class LiveFigures: Sendable {
  struct Figures: Sendable {
    /// When they were told, in nanoseconds of the monotonic clock.
    var time: Int64
    var replies = 0
    var errors = 0
    var backlog = 0
    var latency = Histogram()

    mutating func add(_ other: Figures) {
      time = max(time, other.time)
      replies += other.replies
      errors += other.errors
      backlog += other.backlog
      latency.add(other.latency)
    }
  }

  private let figures = Guarded(Figures(time: 0))

  func set(_ new: Figures) { figures.withLock { $0 = new } }

  var now: Figures { figures.withLock { $0 } }
}
