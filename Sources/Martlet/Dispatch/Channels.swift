// Who listens to which channels, of all lanes. One lock guards it: all listeners see the messages of all channels in one
// order, as in Redis. Where nobody listens to anything, a message costs one look at a number.
//
// The lock is taken under the locks of shards (for events of keys), and under it only those of queues and doors are.

internal import Synchronization

/// What can be listened to.
enum ChannelKind: Int, CaseIterable {
  case channel
  /// All channels whose names match.
  case pattern
  /// One of a cluster's parts; to one server, a world of names of its own.
  case shardChannel
}

/// The channels that somebody listens to.
package final class Channels: Sendable {
  private typealias Listeners = [[UInt8]: [PushQueue]]

  private struct State {
    /// By the number of the kind.
    var listeners: [Listeners] = [[:], [:], [:]]
  }

  private let state = Guarded(State())
  /// How many channels and patterns there are that somebody listens to.
  private let channelCount = Atomic<Int>(0)
  private let shardChannelCount = Atomic<Int>(0)

  package init() {}

  // MARK: Listening

  func add(_ queue: PushQueue, _ kind: ChannelKind, _ name: [UInt8]) {
    state.withLock { state in
      state.listeners[kind.rawValue][name, default: []].append(queue)
      noteCounts(state)
    }
  }

  func remove(_ queue: PushQueue, _ kind: ChannelKind, _ name: [UInt8]) {
    state.withLock { state in
      state.listeners[kind.rawValue].remove(queue, name)
      noteCounts(state)
    }
  }

  /// Removes a client from several names at once.
  func remove(_ queue: PushQueue, _ kind: ChannelKind, all names: Set<[UInt8]>) {
    guard !names.isEmpty else { return }
    state.withLock { state in
      for name in names { state.listeners[kind.rawValue].remove(queue, name) }
      noteCounts(state)
    }
  }

  private func noteCounts(_ state: State) {
    let channels =
      state.listeners[ChannelKind.channel.rawValue].count
      + state.listeners[ChannelKind.pattern.rawValue].count
    channelCount.store(channels, ordering: .sequentiallyConsistent)
    shardChannelCount.store(
      state.listeners[ChannelKind.shardChannel.rawValue].count, ordering: .sequentiallyConsistent)
  }

  // MARK: Speaking

  /// Gives a message to all that listen to a channel; how many times it was given. O(its listeners and all patterns).
  ///
  /// - Parameter version: what has to be durable before anybody may see it; 0 for nothing.
  func publish(_ channel: RawSpan, _ message: RawSpan, until version: UInt64) -> Int {
    if channelCount.load(ordering: .sequentiallyConsistent) == 0 { return 0 }
    let name = channel.array
    return state.withLock { state in
      var count = 0
      if let queues = state.listeners[ChannelKind.channel.rawValue][name] {
        for queue in queues { queue.pushMessage("message", nil, channel, message, until: version) }
        count += queues.count
      }
      // In one order, so that the same requests have the same replies.
      let matching = state.listeners[ChannelKind.pattern.rawValue]
        .filter { Glob.matches($0.key.span.raw, channel) }
        .sorted { $0.key.lexicographicallyPrecedes($1.key) }
      for (pattern, queues) in matching {
        for queue in queues {
          queue.pushMessage("pmessage", pattern, channel, message, until: version)
        }
        count += queues.count
      }
      return count
    }
  }

  /// The same for a shard channel.
  func publishToShard(_ channel: RawSpan, _ message: RawSpan, until version: UInt64) -> Int {
    if shardChannelCount.load(ordering: .sequentiallyConsistent) == 0 { return 0 }
    let name = channel.array
    return state.withLock { state in
      guard let queues = state.listeners[ChannelKind.shardChannel.rawValue][name] else { return 0 }
      for queue in queues { queue.pushMessage("smessage", nil, channel, message, until: version) }
      return queues.count
    }
  }

  // MARK: Looking in

  /// How many listen to a name.
  func listenerCount(_ kind: ChannelKind, _ name: RawSpan) -> Int {
    let name = name.array
    return state.withLock { $0.listeners[kind.rawValue][name]?.count ?? 0 }
  }

  /// How many different names somebody listens to.
  func count(_ kind: ChannelKind) -> Int { state.withLock { $0.listeners[kind.rawValue].count } }

  /// The clients that listen to a name that isn't allowed them. O(all that is listened to).
  func listeners(where isForbidden: (ClientRecord, ChannelKind, RawSpan) -> Bool) -> [ClientRecord] {
    let listeners = state.withLock { $0.listeners }
    var found: [Int: ClientRecord] = [:]
    for kind in ChannelKind.allCases {
      for (name, queues) in listeners[kind.rawValue] {
        for queue in queues where isForbidden(queue.client, kind, name.span.raw) {
          found[queue.client.id] = queue.client
        }
      }
    }
    return Array(found.values)
  }

  /// The names that somebody listens to, in order.
  func names(_ kind: ChannelKind) -> [[UInt8]] {
    state.withLock { Array($0.listeners[kind.rawValue].keys) }.sorted { $0.lexicographicallyPrecedes($1) }
  }
}

extension [[UInt8]: [PushQueue]] {
  /// Removes a listener; O(those of the name).
  fileprivate mutating func remove(_ queue: PushQueue, _ name: [UInt8]) {
    guard let count = self[name]?.count else { return }
    if count == 1 {
      if self[name]?.first === queue { self[name] = nil }
    } else if let index = self[name]?.lastIndex(where: { $0 === queue }) {
      self[name]?.swapAt(index, count - 1)
      self[name]?.removeLast()
    }
  }
}

extension PushQueue {
  /// Pushes a message of a channel.
  ///
  /// - Parameter pattern: what the channel's name matches, if that is why the client gets it.
  func pushMessage(
    _ kind: StaticString, _ pattern: [UInt8]?, _ channel: RawSpan, _ message: RawSpan, until version: UInt64
  ) {
    push(until: version) { bytes, protocolVersion in
      bytes.reserve(
        channel.byteCount + message.byteCount + (pattern?.count ?? 0) + Self.longestMessageFrame)
      bytes.append(byte: protocolVersion >= 3 ? UInt8(ascii: ">") : UInt8(ascii: "*"))
      bytes.append(pattern == nil ? "3\r\n" : "4\r\n")
      bytes.append(bulk: kind)
      if let pattern { bytes.append(bulk: pattern.span.raw) }
      bytes.append(bulk: channel)
      bytes.append(bulk: message)
    }
  }

  /// What a message has around its words at most, in bytes.
  private static var longestMessageFrame: Int { 64 }
}

extension ByteQueue {
  /// A bulk string of the Redis protocol.
  mutating func append(bulk bytes: RawSpan) {
    append(byte: UInt8(ascii: "$"))
    append(decimal: UInt64(bytes.byteCount))
    append("\r\n")
    append(bytes)
    append("\r\n")
  }

  mutating func append(bulk text: StaticString) {
    append(byte: UInt8(ascii: "$"))
    append(decimal: text.utf8CodeUnitCount)
    append("\r\n")
    append(text)
    append("\r\n")
  }
}

/// What one client listens to. It belongs to one session and to the thread that runs it; when it goes, the client listens
/// to nothing any more.
final class Subscriptions {
  /// A client may listen to so many names.
  static let maximumCount = 1 << 20
  /// The names that a client listens to may have this many bytes together.
  static let maximumBytes = 64 << 20

  private let channels: Channels
  private let queue: PushQueue
  private var names: [Set<[UInt8]>] = [[], [], []]
  private var bytes = 0

  init(_ queue: PushQueue, _ channels: Channels) {
    self.queue = queue
    self.channels = channels
  }

  deinit { removeAll() }

  /// How many names of a kind the client listens to.
  func count(_ kind: ChannelKind) -> Int { names[kind.rawValue].count }

  /// How many names the client listens to, of all kinds.
  var count: Int { names.reduce(0) { $0 + $1.count } }

  func all(_ kind: ChannelKind) -> Set<[UInt8]> { names[kind.rawValue] }

  /// Whether the client may listen to some more names.
  func hasRoom(for words: borrowing Words) -> Bool {
    var added = bytes
    for index in 0..<words.count { added += words[index].byteCount }
    return count + words.count <= Self.maximumCount && added <= Self.maximumBytes
  }

  /// Has the client listen to a name, if it doesn't yet.
  func add(_ kind: ChannelKind, _ name: RawSpan) {
    let name = name.array
    guard names[kind.rawValue].insert(name).inserted else { return }
    bytes += name.count
    channels.add(queue, kind, name)
  }

  /// Has the client listen to a name no more. What was said before it is in its queue.
  func remove(_ kind: ChannelKind, _ name: [UInt8]) {
    guard names[kind.rawValue].remove(name) != nil else { return }
    bytes -= name.count
    channels.remove(queue, kind, name)
  }

  func removeAll() {
    for kind in ChannelKind.allCases {
      channels.remove(queue, kind, all: names[kind.rawValue])
      names[kind.rawValue] = []
    }
    bytes = 0
  }
}
