// Publish and subscribe: messages to whoever listens at the moment. Nothing of it is kept, and nothing recorded.

internal let pubSubCommands: [CommandDeclaration] = [
  .init(
    "PSUBSCRIBE", arity: -2, [], .pubsub, since: "2.0.0", "O(N), N being the patterns",
    "pattern [pattern ...]",
    "Listens to all channels whose names match patterns."),
  .init(
    "PUBLISH", arity: 3, [.fast], .pubsub, since: "2.0.0",
    "O(N+M), N being those who listen to the channel and M all patterns", "channel message",
    "Gives a message to all who listen to a channel, and returns how many they were."),
  .init(
    "PUBSUB", arity: -2, [], .pubsub, since: "2.8.0", "Depends on the subcommand", "",
    "Commands about what is listened to."),
  .init(
    "PUBSUB CHANNELS", arity: -2, [], .pubsub, since: "2.8.0", "O(N), N being all channels", "[pattern]",
    "Returns the channels that somebody listens to."),
  .init(
    "PUBSUB NUMPAT", arity: 2, [], .pubsub, since: "2.8.0", "O(1)", "",
    "Returns how many different patterns are listened to."),
  .init(
    "PUBSUB NUMSUB", arity: -2, [], .pubsub, since: "2.8.0", "O(N), N being the channels named",
    "[channel [channel ...]]", "Returns how many listen to channels."),
  .init(
    "PUBSUB SHARDCHANNELS", arity: -2, [], .pubsub, since: "7.0.0", "O(N), N being all shard channels",
    "[pattern]", "Returns the shard channels that somebody listens to."),
  .init(
    "PUBSUB SHARDNUMSUB", arity: -2, [], .pubsub, since: "7.0.0", "O(N), N being the channels named",
    "[shardchannel [shardchannel ...]]", "Returns how many listen to shard channels."),
  .init(
    "PUNSUBSCRIBE", arity: -1, [], .pubsub, since: "2.0.0", "O(N), N being the patterns",
    "[pattern [pattern ...]]", "Listens no more to some patterns, or to any."),
  .init(
    "SPUBLISH", arity: 3, [.fast], keys: .channel, .pubsub, since: "7.0.0",
    "O(N), N being those who listen to the channel",
    "shardchannel message",
    "Gives a message to all who listen to a shard channel, and returns how many they were."),
  .init(
    "SSUBSCRIBE", arity: -2, [], keys: .channels, .pubsub, since: "7.0.0", "O(N), N being the channels",
    "shardchannel [shardchannel ...]", "Listens to shard channels."),
  .init(
    "SUBSCRIBE", arity: -2, [], .pubsub, since: "2.0.0", "O(N), N being the channels",
    "channel [channel ...]", "Listens to channels."),
  .init(
    "SUNSUBSCRIBE", arity: -1, [], keys: .channels, .pubsub, since: "7.0.0", "O(N), N being the channels",
    "[shardchannel [shardchannel ...]]", "Listens no more to some shard channels, or to any."),
  .init(
    "UNSUBSCRIBE", arity: -1, [], .pubsub, since: "2.0.0", "O(N), N being the channels",
    "[channel [channel ...]]", "Listens no more to some channels, or to any."),
]

extension ChannelKind {
  fileprivate var subscribed: StaticString {
    switch self {
    case .channel: "subscribe"
    case .pattern: "psubscribe"
    case .shardChannel: "ssubscribe"
    }
  }

  fileprivate var unsubscribed: StaticString {
    switch self {
    case .channel: "unsubscribe"
    case .pattern: "punsubscribe"
    case .shardChannel: "sunsubscribe"
    }
  }
}

extension Subscriptions {
  /// The number that a client is told when it has begun or ended to listen to something of a kind.
  fileprivate func countShown(_ kind: ChannelKind) -> Int {
    kind == .shardChannel ? count(kind) : count(.channel) + count(.pattern)
  }
}

extension CommandID {
  /// Whether a client that listens, in version 2 of the protocol, may say it.
  var isForSubscribers: Bool {
    switch self {
    case .subscribe, .psubscribe, .ssubscribe, .unsubscribe, .punsubscribe, .sunsubscribe, .ping, .quit,
      .reset:
      true
    default: false
    }
  }

  /// Whether it is run, and not queued, in a transaction.
  var isToldInTransaction: Bool {
    switch self {
    case .exec, .discard, .multi, .watch: true
    default: false
    }
  }

  /// Whether its replies are pushes.
  var repliesByPushes: Bool { isForSubscribers && self != .ping && self != .quit && self != .reset }
}

extension Execution {
  // MARK: Listening

  mutating func subscribe(_ kind: ChannelKind, _ words: borrowing Words, _ session: inout SessionState) {
    let subscriptions = session.subscriptions(context)
    guard subscriptions.hasRoom(for: words.from(1)) else {
      return reply.error(
        "ERR a client may listen to \(Subscriptions.maximumCount) channels and patterns, with names of "
          + "\(Subscriptions.maximumBytes) bytes together")
    }
    for index in 1..<words.count {
      subscriptions.add(kind, words[index])
      confirm(kind.subscribed, words[index], subscriptions.countShown(kind))
    }
    session.noteSubscriptions()
  }

  mutating func unsubscribe(_ kind: ChannelKind, _ words: borrowing Words, _ session: inout SessionState) {
    let subscriptions = session.subscriptions(context)
    var counts: [Int] = []
    var names: [[UInt8]] = []
    if words.count == 1 {
      names = subscriptions.all(kind).sorted { $0.lexicographicallyPrecedes($1) }
    } else {
      for index in 1..<words.count { names.append(words[index].array) }
    }
    for name in names {
      subscriptions.remove(kind, name)
      counts.append(subscriptions.countShown(kind))
    }
    // What was said on a channel before the client left it comes before the word that it has left.
    if !isRunningTransaction { session.queue?.takeAll(into: &reply) }
    for (name, count) in zip(names, counts) { confirm(kind.unsubscribed, name.span.raw, count) }
    if names.isEmpty { confirm(kind.unsubscribed, nil, subscriptions.countShown(kind)) }
    session.noteSubscriptions()
  }

  /// Says what has become of one name; nil for none at all.
  private mutating func confirm(_ word: StaticString, _ name: RawSpan?, _ count: Int) {
    reply.push(3)
    reply.bulk(word)
    if let name { reply.bulk(name) } else { reply.null() }
    reply.integer(count)
  }

  // MARK: Speaking

  mutating func publish(_ words: borrowing Words, _ session: SessionState) {
    reply.integer(context.channels.publish(words[1], words[2], until: versionToHear(session)))
  }

  mutating func publishToShard(_ words: borrowing Words, _ session: SessionState) {
    reply.integer(context.channels.publishToShard(words[1], words[2], until: versionToHear(session)))
  }

  /// What has to be durable before anybody hears what a client says: all that it has written before. 0 if it is.
  private func versionToHear(_ session: SessionState) -> UInt64 {
    let version = max(shown, session.lastWritten)
    return journal.mayShow(version) ? 0 : version
  }

  // MARK: PUBSUB

  mutating func pubsub(_ words: borrowing Words, _ session: SessionState) {
    switch subcommand(words, session) {
    case "PUBSUB CHANNELS": channelNames(.channel, words)
    case "PUBSUB SHARDCHANNELS": channelNames(.shardChannel, words)
    case "PUBSUB NUMSUB": listenerCounts(.channel, words)
    case "PUBSUB SHARDNUMSUB": listenerCounts(.shardChannel, words)
    case "PUBSUB NUMPAT": reply.integer(context.channels.count(.pattern))
    default: break
    }
  }

  private mutating func channelNames(_ kind: ChannelKind, _ words: borrowing Words) {
    guard words.count <= 3 else {
      return reply.error(
        "ERR unknown subcommand or wrong number of arguments for '\(words[1].extracting(first: 128).text)'. Try PUBSUB HELP."
      )
    }
    var names = context.channels.names(kind)
    if words.count == 3 {
      let pattern = words[2]
      names = names.filter { Glob.matches(pattern, $0.span.raw) }
    }
    reply.array(names.count)
    for name in names { reply.bulk(name.span.raw) }
  }

  private mutating func listenerCounts(_ kind: ChannelKind, _ words: borrowing Words) {
    reply.array(2 * (words.count - 2))
    for index in 2..<max(2, words.count) {
      reply.bulk(words[index])
      reply.integer(context.channels.listenerCount(kind, words[index]))
    }
  }
}
