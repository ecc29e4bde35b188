// Requests about which something is to be done besides running them: because of the client, which listens, is inside a
// transaction or may not do everything, or because of the server, which logs. All others take the shorter way through the
// dispatcher, and pay for this by one look at a word.

/// What is done about requests and changes besides running and making them: one word, of which each client has its part
/// and the server another.
struct Attention: OptionSet, Sendable {
  let rawValue: UInt32

  // Of one client.

  /// What it asks for is compared with what its user may do.
  static let guarded = Attention(rawValue: 1 << 0)
  /// Commands are queued until `EXEC`.
  static let transaction = Attention(rawValue: 1 << 1)
  /// Others may have something for it: it has a queue.
  static let pushes = Attention(rawValue: 1 << 2)
  /// It listens to something.
  static let subscriber = Attention(rawValue: 1 << 3)
  /// It is told when what it has read may have changed.
  static let tracker = Attention(rawValue: 1 << 4)
  /// It sees what all say.
  static let monitor = Attention(rawValue: 1 << 5)
  /// It wants no replies.
  static let silent = Attention(rawValue: 1 << 6)
  /// It wants none to the request under way, or to the next one.
  static let skips = Attention(rawValue: 1 << 7)
  static let skipsNext = Attention(rawValue: 1 << 8)
  /// What it was spared has shown something that isn't durable yet: the next reply waits for that.
  static let owing = Attention(rawValue: 1 << 9)
  /// Its reading doesn't count as use of a key.
  static let noTouch = Attention(rawValue: 1 << 10)

  // Of the server, about all requests.

  /// They are printed.
  static let log = Attention(rawValue: 1 << 16)
  /// They are timed, whatever they are.
  static let time = Attention(rawValue: 1 << 17)
  /// Keys that are asked for and aren't there are told of.
  static let misses = Attention(rawValue: 1 << 18)
  /// Clients see them.
  static let monitors = Attention(rawValue: 1 << 19)
  /// They may have to wait.
  static let paused = Attention(rawValue: 1 << 20)

  // Of the server, about all changes.

  /// What happens to keys is told.
  static let events = Attention(rawValue: 1 << 28)
  /// Clients are told of keys that may have changed.
  static let tracking = Attention(rawValue: 1 << 29)

  /// What is about a client.
  static var ofClient: Attention { Attention(rawValue: 0xffff) }
  /// What concerns requests.
  static var requests: Attention { Attention(rawValue: (1 << 28) - 1) }
  /// What concerns changes.
  static var changes: Attention { Attention(rawValue: ~((1 << 28) - 1)) }
  /// What is over before the request is run as any other.
  static var admissions: Attention { [.guarded, .transaction] }
}

extension SessionState {
  /// What about its requests isn't as with most clients'.
  var attention: Attention {
    @inline(__always) get { client.attention }
  }

  /// Begins or ends to do something about its requests.
  func attend(_ what: Attention, _ isOn: Bool) { client.attend(what, isOn) }

  /// Whether the client listens to something.
  var isSubscriber: Bool { attention.contains(.subscriber) }

  /// What others have for the client, made when it is first asked for.
  mutating func pushQueue(_ context: ServerContext) -> PushQueue {
    attend(.pushes, true)
    if let queue { return queue }
    let made = client.queue(context)
    made.setProtocolVersion(protocolVersion)
    made.setWaitsForDisk(waitsForDisk)
    queue = made
    return made
  }

  /// What the client listens to, made when it is first asked for.
  mutating func subscriptions(_ context: ServerContext) -> Subscriptions {
    if let subscriptions { return subscriptions }
    let made = Subscriptions(pushQueue(context), context.channels)
    subscriptions = made
    return made
  }

  /// Has the reply to the request that follows `CLIENT REPLY SKIP` left out.
  func beginSkipping() {
    guard attention.contains(.skipsNext) else { return }
    attend(.skipsNext, false)
    attend(.skips, true)
  }

  /// Makes known what the client listens to.
  mutating func noteSubscriptions() {
    guard let subscriptions else { return }
    let isSubscriber = subscriptions.count > 0
    attend(.subscriber, isSubscriber)
    queue?.setLimit(isSubscriber ? .pubsub : .normal)
    let counts = (
      subscriptions.count(.channel), subscriptions.count(.pattern), subscriptions.count(.shardChannel)
    )
    client.update { $0.subscriptionCounts = counts }
  }

  /// Has the client listen to nothing, and forget what waits for it.
  mutating func endSubscriptions() {
    subscriptions?.removeAll()
    noteSubscriptions()
    subscriptions = nil
    queue?.removeAll()
    queue?.setProtocolVersion(2)
    queue?.setWaitsForDisk(true)
  }
}

extension Execution {
  /// All that is done about the requests of a client, and about changes.
  @inline(__always)
  func attention(_ session: SessionState) -> Attention { session.attention.union(context.attention) }

  /// Dispatches a request about which something is to be done besides running it; nil when it then runs as any other.
  @inline(never)
  mutating func dispatchAttended(_ words: borrowing Words, _ session: inout SessionState) -> DispatchOutcome?
  {
    // Found again, so that no other request carries it here.
    guard let command = commands.find(words[0]) else { return .done }
    let attention = attention(session).intersection(.requests)
    if attention.contains(.guarded) {
      if session.isRemoved { return .close }
      let start = reply.buffer.count
      // A request that waits was admitted when it began to, and what it has been given is gone from the keyspace.
      guard session.waitsForData || admit(command, words, &session) else {
        silenceRefusal(from: start, &session)
        return .done
      }
    }
    if attention.isSubset(of: .admissions) {
      return session.isInTransaction ? dispatchInTransaction(words, &session) : nil
    }
    if attention.contains(.paused) && isHeldByPause(command, session) { return .waitForRoom }
    // What has come before the reply is before the reply.
    if attention.contains(.pushes) { session.queue?.takeSome(into: &reply) }
    if attention.contains(.tracker) { ownClient = session.client.id }
    defer { ownClient = 0 }
    session.beginSkipping()
    let start = reply.buffer.count
    beginReply()
    let outcome = runAttended(command, words, &session)
    switch outcome {
    case .done, .close: break
    case .wait, .waitForRoom: return outcome
    }
    if session.attention.contains(.tracker) { session.forgetCaching(behind: command) }
    silence(from: start, &session, repliesByPushes: command.id.repliesByPushes)
    if session.attention.contains(.pushes) { session.queue?.takeSome(into: &reply) }
    return outcome
  }

  /// Takes back an error about a request that wasn't run, if the client wants no reply.
  @inline(never)
  mutating func silenceRefusal(from start: Int, _ session: inout SessionState) {
    guard !session.attention.isSubset(of: .admissions) else { return }
    session.beginSkipping()
    shown = 0
    silence(from: start, &session, repliesByPushes: false)
  }

  /// Takes back the reply that began at `start`, if the client wants none; what it has shown, a later one will.
  private mutating func silence(from start: Int, _ session: inout SessionState, repliesByPushes: Bool) {
    if !session.attention.isDisjoint(with: [.silent, .skips]) && !repliesByPushes {
      reply.truncate(to: start)
      if shown > 0 {
        session.shownLater = max(session.shownLater, shown)
        session.attend(.owing, true)
      }
    } else if session.attention.contains(.owing) {
      showWhatWasQuiet(&session, from: start)
      session.attend(.owing, false)
    }
    if session.attention.contains(.skips) { session.attend(.skips, false) }
  }

  private mutating func runAttended(
    _ command: CommandEntry, _ words: borrowing Words, _ session: inout SessionState
  ) -> DispatchOutcome {
    if session.isSubscriber && session.protocolVersion == 2 && !command.id.isForSubscribers {
      let declaration = CommandDeclaration.all[command.index]
      let name = declaration.subcommand(words)?.shownName ?? declaration.shownName
      reply.error(
        "ERR Can't execute '\(name)': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
          + "context")
      refuse(command.index)
      return .done
    }
    if session.attention.contains(.monitor) && !command.flags.isDisjoint(with: [.readOnly, .write]) {
      reply.error("ERR Replica can't interact with the keyspace")
      return .done
    }
    if session.isInTransaction, let outcome = dispatchInTransaction(words, &session) {
      if case .done = outcome, context.attention.contains(.monitors), command.id.isToldInTransaction {
        tellMonitors(command, words, session, showing: shown)
      }
      return outcome
    }
    if let refusal = refusal(command, session) { return refusal }
    let goesOn = session.isWaiting
    if !goesOn {
      let calls = note(command, words, session)
      if calls & command.timingMask == 0 || words.count >= TimingRules.manyWords { startTiming() }
    }
    reply.command = command.index
    let start = reply.buffer.count
    beginReply()
    defer {
      if context.attention.contains(.monitors) && !goesOn {
        tellMonitors(command, words, session, showing: shown)
      }
      replaceIfOverfull(from: start)
      endReply(from: start, waitsForDisk: session.waitsForDisk)
      if command.flags.contains(.write) { session.noteWritten(shown) }
      if timing.started != 0 { endTiming(words, session) }
    }
    guard let shards = shards(command, words, session) else { return .done }
    let keyspace = keyspace
    shards.forEach { lock($0) }
    defer { shards.forEach { keyspace.unlock($0) } }
    if context.attention.contains(.misses) { noteMisses(command, words, session.database) }
    let untouched = session.attention.contains(.noTouch) ? readMarks(command, words, session.database) : []
    let outcome = run(command.id, words, &session)
    for (index, marks) in untouched { putBack(marks, words[index], session.database) }
    if session.attention.contains(.tracker) { enterReads(command, words, session) }
    return outcome
  }

  // MARK: Reading that doesn't count

  /// What is known of the reading of a command's keys, by their positions; of none, if the command is there to touch them.
  private func readMarks(
    _ command: CommandEntry, _ words: borrowing Words, _ database: Int
  ) -> [(position: Int, marks: UInt64)] {
    guard command.flags.contains(.readOnly) && command.id != .touch else { return [] }
    var found: [(position: Int, marks: UInt64)] = []
    for position in command.keyPositions(words) {
      let key = keyspace.place(words[position])
      if let item = keyspace[key.shard].shard.find(key.bytes, key.hash, database) {
        found.append((position, item.readMarks))
      }
    }
    return found
  }

  private func putBack(_ marks: UInt64, _ word: RawSpan, _ database: Int) {
    let key = keyspace.place(word)
    keyspace[key.shard].shard.find(key.bytes, key.hash, database)?.readMarks = marks
  }
}
