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

  private struct Queue {
    let kinds: WatchedKinds
    var lines = ""
    /// How many lines found no room.
    var skipped = 0
  }

  private struct State {
    var queues: [Int: Queue] = [:]
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

  func watch(_ kinds: WatchedKinds) -> Watcher {
    let id = state.withLock { state in
      state.lastID += 1
      state.queues[state.lastID] = Queue(kinds: kinds)
      noteWanted(state)
      return state.lastID
    }
    return Watcher(self, id)
  }

  fileprivate func remove(_ id: Int) {
    state.withLock { state in
      state.queues[id] = nil
      noteWanted(state)
    }
  }

  fileprivate func take(_ id: Int) -> String {
    state.withLock { state in
      let lines = state.queues[id]?.lines ?? ""
      state.queues[id]?.lines = ""
      return lines
    }
  }

  private func noteWanted(_ state: State) {
    wanted.store(state.queues.values.reduce(0) { $0 | $1.kinds.rawValue }, ordering: .relaxed)
  }

  /// Tells of something of a kind; `text` is memcached's, from `type=` on.
  func tell(_ kind: WatchedKinds, _ text: String) {
    let time = WallClock.systemMicroseconds()
    let fraction = String(time % 1_000_000)
    let moment = "\(time / 1_000_000).\(String(repeating: "0", count: 6 - fraction.utf8.count))\(fraction)"
    state.withLock { state in
      state.lastEvent += 1
      let line = "ts=\(moment) gid=\(state.lastEvent) \(text)\n"
      for (id, queue) in state.queues where queue.kinds.contains(kind) {
        let note = queue.skipped > 0 ? "skipped=\(queue.skipped)\n" : ""
        if queue.lines.utf8.count + note.utf8.count + line.utf8.count > Self.maximumBytes {
          state.queues[id]?.skipped += 1
        } else {
          state.queues[id]?.lines += note + line
          state.queues[id]?.skipped = 0
        }
      }
    }
  }

  /// A key as memcached's log shows it: what isn't a letter, a digit or one of `-._~` as `%` and two hexadecimal digits.
  static func shown(_ key: RawSpan) -> String {
    let digits = Array("0123456789ABCDEF")
    var text = ""
    for index in 0..<key.byteCount {
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
