// The requests that took long, for SLOWLOG: each with how long it waited for locks, how long it ran, and how long its reply
// then waited for the disk.
//
// What counts is the time for locks and for running, as in Redis, where a command is run alone; the wait for the disk is
// told besides, since it overlaps with that of everybody else. When a request is entered its reply may still be waiting,
// and so the log hears of the journal's commits as long as there is such an entry. `TimingRules` says which requests are
// timed at all.

internal import Synchronization

/// The last requests that took long.
package final class SlowLog: Sendable {
  /// Redis's defaults.
  package static let usualThreshold: Int64 = 10_000
  package static let usualLength = 128
  /// So many words of a request are kept, and so many bytes of each, as in Redis.
  private static let maximumWords = 32
  private static let maximumWordBytes = 128

  /// One request. Times are in microseconds, but for the first.
  package struct SlowRequest: Sendable {
    package fileprivate(set) var number = 0
    /// When it was run, in seconds since 1970.
    package let time: Int64
    package let lockWait: Int64
    package let execution: Int64
    /// How long its reply has waited for the disk; nil while it waits.
    package fileprivate(set) var diskWait: Int64?
    package let words: [[UInt8]]
    package let address: String
    package let name: String
    /// The version that its reply waits for, and since when, in nanoseconds of `WallClock.monotonicNanoseconds()`.
    fileprivate let awaitedVersion: UInt64
    fileprivate let awaitedSince: Int64

    package var duration: Int64 { lockWait + execution }

    /// How long the reply has waited for the disk by now.
    func diskWait(now: Int64) -> Int64 { diskWait ?? max(0, now - awaitedSince) / 1000 }
  }

  private struct State {
    /// The newest is last.
    var entries: [SlowRequest] = []
    var limit = SlowLog.usualLength
    var nextNumber = 0
  }

  private let thresholdBox = Atomic<Int64>(SlowLog.usualThreshold)
  private let waitingCount = Atomic<Int>(0)
  private let state = Guarded(State())

  package init() {}

  /// Requests that take this many microseconds are entered; none, if it is negative.
  package var threshold: Int64 {
    get { thresholdBox.load(ordering: .relaxed) }
    set { thresholdBox.store(newValue, ordering: .relaxed) }
  }

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
  package var entries: [SlowRequest] { state.withLock { $0.entries }.reversed() }

  package var count: Int { state.withLock { $0.entries.count } }

  package func removeAll() { state.withLock { $0.entries = [] } }

  /// Enters a request that has just been run.
  ///
  /// - Parameters:
  ///   - nanoseconds: how long it took, with the wait for locks.
  ///   - lockWait: how long it waited for locks, in nanoseconds.
  ///   - awaitedVersion: what its reply waits for; 0 if it doesn't wait.
  ///   - end: when it was done, in nanoseconds of `WallClock.monotonicNanoseconds()`.
  ///   - shownWords: how many of its words may be shown; the others are secret.
  func enter(
    _ words: borrowing Words, shownWords: Int, nanoseconds: Int64, lockWait: Int64, awaitedVersion: UInt64,
    end: Int64, _ client: ClientRecord
  ) {
    let entry = SlowRequest(
      time: WallClock.systemMicroseconds() / 1_000_000, lockWait: lockWait / 1000,
      execution: nanoseconds / 1000 - lockWait / 1000, diskWait: awaitedVersion == 0 ? 0 : nil,
      words: Self.kept(words, shownWords), address: client.address, name: client.update { $0.name },
      awaitedVersion: awaitedVersion, awaitedSince: end)
    state.withLock { state in
      var entry = entry
      entry.number = state.nextNumber
      state.nextNumber += 1
      guard state.limit > 0 else { return }
      if state.entries.count >= state.limit { state.entries.removeFirst() }
      state.entries.append(entry)
    }
    if awaitedVersion != 0 { waitingCount.store(1, ordering: .sequentiallyConsistent) }
  }

  /// The words that are kept, in Redis's way of saying what is left out.
  private static func kept(_ words: borrowing Words, _ shownWords: Int) -> [[UInt8]] {
    var kept: [[UInt8]] = []
    let isCut = words.count > maximumWords
    for index in 0..<(isCut ? maximumWords - 1 : words.count) {
      if index >= shownWords {
        kept.append(Array("(redacted)".utf8))
      } else if words[index].byteCount > maximumWordBytes {
        let left = words[index].byteCount - maximumWordBytes
        kept.append(
          words[index].extracting(first: maximumWordBytes).array + Array("... (\(left) more bytes)".utf8))
      } else {
        kept.append(words[index].array)
      }
    }
    if isCut { kept.append(Array("... (\(words.count - maximumWords + 1) more arguments)".utf8)) }
    return kept
  }

  /// Notes that replies which show versions up to `version` have left, or could.
  func noteDurable(_ version: UInt64) {
    guard waitingCount.load(ordering: .sequentiallyConsistent) != 0 else { return }
    let now = WallClock.monotonicNanoseconds()
    state.withLock { state in
      waitingCount.store(0, ordering: .sequentiallyConsistent)
      for index in state.entries.indices where state.entries[index].diskWait == nil {
        if state.entries[index].awaitedVersion <= version {
          state.entries[index].diskWait = state.entries[index].diskWait(now: now)
        } else {
          waitingCount.store(1, ordering: .sequentiallyConsistent)
        }
      }
    }
  }
}
