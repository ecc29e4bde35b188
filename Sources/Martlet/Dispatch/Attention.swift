// Requests about which something is to be done besides running them: because of the client, which listens or is inside a
// transaction, or because of the server, which logs. All others take the shorter way through the dispatcher, and pay for
// this by a look at two words.

/// What about a client's requests isn't as with most clients'.
struct SessionAttention: OptionSet, Sendable {
  let rawValue: UInt8

  /// Commands are queued until `EXEC`.
  static let transaction = SessionAttention(rawValue: 1 << 0)
  /// Others may have something for the client: it has a queue.
  static let pushes = SessionAttention(rawValue: 1 << 1)
  /// The client listens to something.
  static let subscriber = SessionAttention(rawValue: 1 << 2)
}

/// What is done about all requests, or all changes, besides running and making them.
struct Attention: OptionSet, Sendable {
  let rawValue: UInt32

  /// They are logged.
  static let log = Attention(rawValue: 1 << 0)
  /// Keys that are asked for and aren't there are told of.
  static let misses = Attention(rawValue: 1 << 1)
  /// What happens to keys is told.
  static let events = Attention(rawValue: 1 << 16)

  /// What concerns requests.
  static let requests: Attention = [.log, .misses]
  /// What concerns changes.
  static let changes: Attention = [.events]
}

extension SessionState {
  /// Whether the client listens to something.
  var isSubscriber: Bool { attention.contains(.subscriber) }

  /// What others have for the client, made when it is first asked for.
  mutating func pushQueue(_ context: ServerContext) -> PushQueue {
    attention.insert(.pushes)
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

  /// Makes known what the client listens to.
  mutating func noteSubscriptions() {
    guard let subscriptions else { return }
    let isSubscriber = subscriptions.count > 0
    if isSubscriber { attention.insert(.subscriber) } else { attention.remove(.subscriber) }
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
  /// Dispatches a request about which something is to be done besides running it.
  @inline(never)
  mutating func dispatchAttended(_ words: borrowing Words, _ session: inout SessionState) -> DispatchOutcome {
    // Found again, so that no other request carries it here.
    guard let command = commands.find(words[0]) else { return .done }
    // What has come before the reply is before the reply.
    if session.attention.contains(.pushes) { session.queue?.takeSome(into: &reply) }
    let outcome = runAttended(command, words, &session)
    switch outcome {
    case .done, .close: if session.attention.contains(.pushes) { session.queue?.takeSome(into: &reply) }
    case .wait, .waitForRoom: break
    }
    return outcome
  }

  private mutating func runAttended(
    _ command: CommandEntry, _ words: borrowing Words, _ session: inout SessionState
  ) -> DispatchOutcome {
    if session.isSubscriber && session.protocolVersion == 2 && !command.id.isForSubscribers {
      let name = CommandDeclaration.all[command.index].shownName
      reply.error(
        "ERR Can't execute '\(name)': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
          + "context")
      return .done
    }
    if session.isInTransaction, let outcome = dispatchInTransaction(words, &session) { return outcome }
    if let refusal = refusal(command) { return refusal }
    if !session.isWaiting { noteRequest(command, words, session) }
    let start = reply.buffer.count
    beginReply()
    defer {
      replaceIfOverfull(from: start)
      endReply(from: start, waitsForDisk: session.waitsForDisk)
      if command.flags.contains(.write) { session.noteWritten(shown) }
    }
    guard let shards = shards(command, words, session) else { return .done }
    let keyspace = keyspace
    shards.forEach { keyspace.lock($0) }
    defer { shards.forEach { keyspace.unlock($0) } }
    if context.attention.contains(.misses) && command.looksUpKeys {
      noteMisses(command, words, session.database)
    }
    return run(command.id, words, &session)
  }

  /// The shards that a command needs; nil when a key is too long, the reply saying so.
  private mutating func shards(
    _ command: CommandEntry, _ words: borrowing Words, _ session: SessionState
  ) -> ShardSet? {
    var shards = ShardSet()
    if command.flags.contains(.allShards) {
      for shard in 0..<keyspace.shardCount { shards.insert(shard) }
      return shards
    }
    for index in command.keyPositions(words) {
      guard words[index].byteCount <= session.limits.keyBytes else {
        replyKeyTooLong(session.limits.keyBytes)
        return nil
      }
      shards.insert(keyspace.place(words[index]).shard)
    }
    return shards
  }
}
