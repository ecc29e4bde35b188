// What was denied to clients lately, for `ACL LOG`: who wanted what, where, and how often. The same again within a minute
// counts to the entry that there is, as in Redis.

/// The last denials.
package final class AccessLog: Sendable {
  /// So many entries are kept, unless set otherwise: Redis's default.
  package static let usualLength = 128
  /// The same again within so many milliseconds is one entry.
  private static let groupingTime: Int64 = 60_000
  /// So many of the newest entries are looked through for the same.
  private static let groupingDepth = 10

  package enum Reason: String, Sendable {
    case command, key, channel, auth
  }

  package enum Context: String, Sendable {
    case toplevel, multi
  }

  package struct Refusal: Sendable {
    package let reason: Reason
    package let context: Context
    /// What was denied: the command, the key, the channel.
    package let object: [UInt8]
    package let user: String
    /// The client as `CLIENT LIST` shows it.
    package fileprivate(set) var client: String
    package fileprivate(set) var count = 1
    package let number: Int
    /// In milliseconds since 1970.
    package let created: Int64
    package fileprivate(set) var updated: Int64
  }

  private struct State {
    /// The newest is last.
    var entries: [Refusal] = []
    var limit = AccessLog.usualLength
    var nextNumber = 0
    var counts: [Reason: Int] = [:]
  }

  private let state = Guarded(State())

  package init() {}

  /// How many entries are kept.
  package var limit: Int {
    get { state.withLock { $0.limit } }
    set {
      state.withLock { state in
        state.limit = newValue
        state.entries.removeFirst(max(0, state.entries.count - newValue))
      }
    }
  }

  /// The entries, the newest first.
  package var entries: [Refusal] { state.withLock { $0.entries }.reversed() }

  /// How often something was denied for a reason since the start.
  package func count(_ reason: Reason) -> Int { state.withLock { $0.counts[reason] ?? 0 } }

  package func removeAll() { state.withLock { $0.entries = [] } }

  func note(
    _ reason: Reason, _ context: Context, _ object: [UInt8], user: String, client: String, now: Int64
  ) {
    state.withLock { state in
      state.counts[reason, default: 0] += 1
      guard state.limit > 0 else { return }
      let recent = state.entries.indices.suffix(Self.groupingDepth)
      let same = recent.last { index in
        let entry = state.entries[index]
        return entry.reason == reason && entry.context == context && entry.object == object
          && entry.user == user
          && now - entry.updated <= Self.groupingTime
      }
      if let same {
        var entry = state.entries.remove(at: same)
        entry.count += 1
        entry.updated = now
        entry.client = client
        state.entries.append(entry)
        return
      }
      if state.entries.count >= state.limit { state.entries.removeFirst() }
      state.entries.append(
        Refusal(
          reason: reason, context: context, object: object, user: user, client: client,
          number: state.nextNumber, created: now, updated: now))
      state.nextNumber += 1
    }
  }
}
