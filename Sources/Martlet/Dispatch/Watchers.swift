// Who watches what memcached's clients do (its `watch`). What happens is put, as a line, into the queue of each watcher
// that asked for its kind; the watcher's session looks there several times a second. Where nobody watches, a request
// pays for one look at a word.

internal import Synchronization

/// Kinds of what can be watched.
struct WatchedKinds: OptionSet, Sendable {
  let rawValue: UInt32

  /// Values that were asked for.
  static let fetchers = WatchedKinds(rawValue: 1)
  /// Values that were to be stored.
  static let mutations = WatchedKinds(rawValue: 2)
  /// Keys that made room for others.
  static let evictions = WatchedKinds(rawValue: 4)
}

/// One client that watches. It does so for as long as this exists.
final class Watcher: Sendable {
  private let watchers: Watchers
  private let id: Int

  fileprivate init(_ watchers: Watchers, _ id: Int) {
    self.watchers = watchers
    self.id = id
  }

  deinit { watchers.remove(id) }

  /// The lines since it was last asked.
  func take() -> String { watchers.take(id) }
}

/// All clients that watch.
package final class Watchers: Sendable {
  /// The lines that wait for a watcher may have this many bytes; what comes then is skipped, and counted. That is
  /// memcached's own default.
  static let maximumBytes = 256 << 10
  /// So many bytes of a key are shown.
  private static let maximumKeyBytes = 250

  /// So many may watch at once, as in memcached.
  static let maximumCount = 20

  private struct Queue {
    let id: Int
    let kinds: WatchedKinds
    private(set) var lines = ""
    /// How many lines found no room.
    private var skipped = 0

    init(_ id: Int, _ kinds: WatchedKinds) {
      self.id = id
      self.kinds = kinds
    }

    mutating func append(_ line: String) {
      let note = skipped > 0 ? "skipped=\(skipped)\n" : ""
      guard lines.utf8.count + note.utf8.count + line.utf8.count <= Watchers.maximumBytes else {
        skipped += 1
        return
      }
      lines += note
      lines += line
      skipped = 0
    }

    mutating func take() -> String {
      defer { lines = "" }
      return lines
    }
  }

  private struct State {
    var queues: [Queue] = []
    var lastID = 0
    var lastEvent = 0
  }

  private let state = Guarded(State())
  /// What any of them watches.
  private let wanted = Atomic<UInt32>(0)

  package init() {}

  /// Whether anybody watches things of a kind.
  @inline(__always)
  func want(_ kinds: WatchedKinds) -> Bool { wanted.load(ordering: .relaxed) & kinds.rawValue != 0 }

  /// Lets a client watch; nil when too many do.
  func watch(_ kinds: WatchedKinds) -> Watcher? {
    let id: Int? = state.withLock { state in
      guard state.queues.count < Self.maximumCount else { return nil }
      state.lastID += 1
      state.queues.append(Queue(state.lastID, kinds))
      noteWanted(state)
      return state.lastID
    }
    return id.map { Watcher(self, $0) }
  }

  fileprivate func remove(_ id: Int) {
    state.withLock { state in
      state.queues.removeAll { $0.id == id }
      noteWanted(state)
    }
  }

  fileprivate func take(_ id: Int) -> String {
    state.withLock { state in
      state.queues.firstIndex { $0.id == id }.map { state.queues[$0].take() } ?? ""
    }
  }

  private func noteWanted(_ state: State) {
    wanted.store(state.queues.reduce(0) { $0 | $1.kinds.rawValue }, ordering: .relaxed)
  }

  /// Tells of something of a kind; `text` is memcached's, from `type=` on.
  func tell(_ kind: WatchedKinds, _ text: String) {
    let time = WallClock.systemMicroseconds()
    let fraction = String(time % 1_000_000)
    let moment = "\(time / 1_000_000).\(String(repeating: "0", count: 6 - fraction.utf8.count))\(fraction)"
    state.withLock { state in
      state.lastEvent += 1
      let line = "ts=\(moment) gid=\(state.lastEvent) \(text)\n"
      for index in state.queues.indices where state.queues[index].kinds.contains(kind) {
        state.queues[index].append(line)
      }
    }
  }

  /// A key as memcached's log shows it: what isn't a letter, a digit or one of `-._~` as `%` and two hexadecimal digits.
  /// Of a long one, which only the Redis side has, the beginning.
  static func shown(_ key: RawSpan) -> String {
    let digits = Array("0123456789ABCDEF")
    var text = ""
    for index in 0..<min(key.byteCount, maximumKeyBytes) {
      let byte = key.byte(index)
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        text += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      }
    }
    return text
  }
}
