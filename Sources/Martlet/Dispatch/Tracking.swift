// Clients that keep values themselves are told when these may have changed: Redis's client-side caching
// (https://redis.io/docs/latest/develop/reference/client-side-caching/).
//
// Who tracks what it reads is entered in a table for each key that it reads, behind the read and under the lock of the key's
// shard: so no change comes between the two unseen. The first change of the key tells all who are entered, and forgets
// them. Who tracks by prefixes is told of all changes of keys that begin with one, whether it has read them or
// not. The word waits until the change is durable.

internal import Synchronization

/// A client that tracks, from when it begins to until it ends.
final class Tracker: Sendable {
  struct Options: Sendable {
    /// The client that is told in its place; 0 for none.
    var redirect = 0
    /// It is told of all keys that begin with one of its prefixes.
    var broadcasts = false
    /// It tracks only what it reads behind `CLIENT CACHING YES`.
    var isOptIn = false
    /// It tracks what it reads but behind `CLIENT CACHING NO`.
    var isOptOut = false
    /// It isn't told of its own changes.
    var skipsOwn = false
  }

  private struct State {
    var options: Options
    var isOn = true
    /// Whether the client that was to be told in its place is gone.
    var isBroken = false
  }

  let queue: PushQueue
  private let state: Guarded<State>

  init(_ queue: PushQueue, _ options: Options) {
    self.queue = queue
    state = Guarded(State(options: options))
  }

  var options: Options {
    get { state.withLock { $0.options } }
    set {
      state.withLock { state in
        state.options = newValue
        state.isBroken = false
      }
    }
  }

  /// Whether the client that was to be told in its place is gone.
  var isBroken: Bool { state.withLock { $0.isBroken } }

  /// As `CLIENT LIST` shows it.
  var letters: String { "t" + (isBroken ? "R" : "") + (options.broadcasts ? "B" : "") }

  /// Tells it no more.
  fileprivate func end() { state.withLock { $0.isOn = false } }

  /// Tells of a key that may have changed; nil for all keys.
  ///
  /// - Parameter client: the number of the client that has changed it; 0 for nobody.
  fileprivate func tell(_ key: RawSpan?, by client: Int, _ clients: ClientRegistry, until version: UInt64) {
    let (isOn, options) = state.withLock { ($0.isOn, $0.options) }
    guard isOn, !(options.skipsOwn && client == queue.client.id) else { return }
    guard options.redirect != 0 else {
      // Version 2 of the protocol has no way to tell it.
      return queue.push(until: version, onlyInVersion3: true) { bytes, _ in bytes.append(invalidation: key) }
    }
    if let other = clients.find(options.redirect) { return other.pushInvalidation(key, until: version) }
    state.withLock { $0.isBroken = true }
    queue.push(until: version, onlyInVersion3: true) { bytes, _ in
      bytes.append(">2\r\n")
      bytes.append(bulk: "tracking-redir-broken")
      bytes.append(byte: UInt8(ascii: ":"))
      bytes.append(decimal: options.redirect)
      bytes.append("\r\n")
    }
  }
}

extension ClientRecord {
  /// Tells it of a key that another client tracks; nil for all keys.
  fileprivate func pushInvalidation(_ key: RawSpan?, until version: UInt64) {
    let (queue, listens) = update { details -> (PushQueue?, Bool) in
      (details.queue, details.subscriptionCounts != (0, 0, 0))
    }
    queue?.push(until: version, onlyInVersion3: !listens) { bytes, protocolVersion in
      if protocolVersion >= 3 { return bytes.append(invalidation: key) }
      bytes.append("*3\r\n")
      bytes.append(bulk: "message")
      bytes.append(bulk: "__redis__:invalidate")
      if let key { bytes.append(key: key) } else { bytes.append("$-1\r\n") }
    }
  }
}

extension ByteQueue {
  fileprivate mutating func append(invalidation key: RawSpan?) {
    append(">2\r\n")
    append(bulk: "invalidate")
    if let key { append(key: key) } else { append("_\r\n") }
  }

  fileprivate mutating func append(key: RawSpan) {
    append("*1\r\n")
    append(bulk: key)
  }
}

/// Who tracks which keys.
package final class Tracking: Sendable {
  /// As many keys as Redis tracks by default.
  package static let defaultKeys = 1_000_000
  /// How many prefixes a client may have, and how many bytes they may have together.
  static let maximumPrefixes = 1 << 12
  static let maximumPrefixBytes = 1 << 20
  /// The table is in so many parts, each under a lock of its own.
  private static let parts = 64

  private typealias Table = [[UInt8]: [Tracker]]

  private struct Everybody {
    /// Who is told of what begins with a prefix.
    var prefixes: Table = [:]
    /// All who track, by the numbers of their clients.
    var trackers: [Int: Tracker] = [:]
  }

  private let tables: [Guarded<Table>]
  private let keyCountBox = Atomic<Int>(0)
  private let entryCountBox = Atomic<Int>(0)
  private let maximumKeysBox = Atomic<Int>(Tracking.defaultKeys)
  private let everybody = Guarded(Everybody())
  private let prefixCountBox = Atomic<Int>(0)
  private let clients: ClientRegistry

  init(_ clients: ClientRegistry) {
    tables = (0..<Self.parts).map { _ in Guarded([:]) }
    self.clients = clients
  }

  // MARK: Beginning and ending

  /// Has a client tell of its reads, or with prefixes be told of all that begins with one of them.
  func begin(_ tracker: Tracker, prefixes: [[UInt8]]) {
    everybody.withLock { everybody in
      everybody.trackers[tracker.queue.client.id] = tracker
      for prefix in prefixes { everybody.prefixes[prefix, default: []].append(tracker) }
      prefixCountBox.store(everybody.prefixes.count, ordering: .sequentiallyConsistent)
    }
  }

  /// Tells a client no more; how many are left. The keys that it has read are forgotten when they change.
  func end(_ tracker: Tracker, prefixes: [[UInt8]]) -> Int {
    tracker.end()
    return everybody.withLock { everybody in
      everybody.trackers[tracker.queue.client.id] = nil
      for prefix in prefixes {
        everybody.prefixes[prefix]?.removeAll { $0 === tracker }
        if everybody.prefixes[prefix]?.isEmpty == true { everybody.prefixes[prefix] = nil }
      }
      prefixCountBox.store(everybody.prefixes.count, ordering: .sequentiallyConsistent)
      return everybody.trackers.count
    }
  }

  // MARK: Reading and changing

  private func table(_ hash: UInt64) -> Guarded<Table> {
    tables[Int(truncatingIfNeeded: hash >> 40) & (Self.parts - 1)]
  }

  /// Enters a client as one that has read a key.
  func enter(_ tracker: Tracker, _ key: borrowing Key) {
    let name = key.bytes.array
    let isNew = table(key.hash).withLock { table -> Bool in
      guard let trackers = table[name] else {
        table[name] = [tracker]
        entryCountBox.wrappingAdd(1, ordering: .relaxed)
        return true
      }
      if !trackers.contains(where: { $0 === tracker }) {
        table[name]?.append(tracker)
        entryCountBox.wrappingAdd(1, ordering: .relaxed)
      }
      return false
    }
    guard isNew else { return }
    keyCountBox.wrappingAdd(1, ordering: .relaxed)
    forgetTooMany(besides: key.hash, name)
  }

  /// Forgets keys while there are more than may be, telling who has read them.
  private func forgetTooMany(besides hash: UInt64, _ name: [UInt8]) {
    let first = Int(truncatingIfNeeded: hash >> 40)
    for step in 0..<Self.parts where keyCount > maximumKeys {
      let table = tables[(first + step) & (Self.parts - 1)]
      while keyCount > maximumKeys {
        let victim = table.withLock { table -> (key: [UInt8], value: [Tracker])? in
          guard let victim = table.first(where: { $0.key != name }) else { return nil }
          table[victim.key] = nil
          return victim
        }
        guard let victim else { break }
        keyCountBox.wrappingSubtract(1, ordering: .relaxed)
        entryCountBox.wrappingSubtract(victim.value.count, ordering: .relaxed)
        for tracker in victim.value { tracker.tell(victim.key.span.raw, by: 0, clients, until: 0) }
      }
    }
  }

  /// Tells of a key that is changed, under the lock of its shard.
  ///
  /// - Parameters:
  ///   - client: the number of the client that changes it; 0 for nobody.
  ///   - version: what has to be durable before anybody may see it; 0 for nothing.
  func change(_ key: borrowing Key, by client: Int, until version: UInt64) {
    let name = key.bytes.array
    let trackers = table(key.hash).withLock { $0.removeValue(forKey: name) }
    if let trackers {
      keyCountBox.wrappingSubtract(1, ordering: .relaxed)
      entryCountBox.wrappingSubtract(trackers.count, ordering: .relaxed)
      for tracker in trackers { tracker.tell(key.bytes, by: client, clients, until: version) }
    }
    guard prefixCountBox.load(ordering: .sequentiallyConsistent) > 0 else { return }
    let told = everybody.withLock { everybody in
      everybody.prefixes.filter { name.starts(with: $0.key) }.flatMap(\.value)
    }
    for tracker in told { tracker.tell(key.bytes, by: client, clients, until: version) }
  }

  /// Tells all that every key may have changed, and forgets who has read which.
  func changeAll(until version: UInt64) {
    for table in tables {
      let (keys, entries) = table.withLock { table in
        defer { table = [:] }
        return (table.count, table.values.reduce(0) { $0 + $1.count })
      }
      keyCountBox.wrappingSubtract(keys, ordering: .relaxed)
      entryCountBox.wrappingSubtract(entries, ordering: .relaxed)
    }
    for tracker in everybody.withLock({ Array($0.trackers.values) }) {
      tracker.tell(nil, by: 0, clients, until: version)
    }
  }

  // MARK: Looking in

  /// How many keys are in the table.
  package var keyCount: Int { keyCountBox.load(ordering: .relaxed) }

  /// How many clients are entered at all keys together.
  package var entryCount: Int { entryCountBox.load(ordering: .relaxed) }

  /// How many keys may be in the table; with more, some are forgotten, and their readers told.
  package var maximumKeys: Int {
    get {
      let maximum = maximumKeysBox.load(ordering: .relaxed)
      return maximum == 0 ? .max : maximum
    }
    set { maximumKeysBox.store(newValue == .max ? 0 : newValue, ordering: .relaxed) }
  }

  /// How many clients track.
  package var clientCount: Int { everybody.withLock { $0.trackers.count } }

  /// How many prefixes there are that clients are told of.
  package var prefixCount: Int { prefixCountBox.load(ordering: .relaxed) }
}
