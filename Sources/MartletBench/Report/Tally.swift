// What one thread counts while it measures, and how that of all threads adds up.

/// The requests of one verb.
package struct VerbTally: Sendable {
  package var latency = Histogram()
  package var hits = 0
  package var misses = 0
  package var errors = 0
  package var sentBytes = 0
  package var receivedBytes = 0

  package init() {}

  package mutating func add(_ other: VerbTally) {
    latency.add(other.latency)
    hits += other.hits
    misses += other.misses
    errors += other.errors
    sentBytes += other.sentBytes
    receivedBytes += other.receivedBytes
  }
}

/// Errors by their kind, each with the first text that was met.
package struct ErrorLog: Sendable {
  /// More kinds than these are counted as one, `other`.
  package static let maximumKinds = 32

  package struct Entry: Sendable {
    package var count: Int
    package let first: String
  }

  package private(set) var kinds: [String: Entry] = [:]

  package init() {}

  package var count: Int { kinds.values.reduce(0) { $0 + $1.count } }

  /// - Parameter times: how many there were.
  package mutating func note(_ kind: String, _ text: String, times: Int = 1) {
    let known = kinds[kind] != nil || kinds.count < Self.maximumKinds
    kinds[known ? kind : "other", default: Entry(count: 0, first: text)].count += times
  }

  package mutating func add(_ other: ErrorLog) {
    for (kind, entry) in other.kinds.sorted(by: { $0.key < $1.key }) {
      note(kind, entry.first, times: entry.count)
    }
  }

  /// The kind of an error that a server tells: its first word, as in `ERR syntax error`.
  package static func kind(of text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).first.map { String($0.prefix(40)) } ?? "error"
  }
}

/// All that a thread counts.
package struct Tally: Sendable {
  /// For each part of the mix.
  package var verbs: [VerbTally]
  package var errors = ErrorLog()
  /// From when a request was due until it was sent, with a fixed rate.
  package var sendDelay = Histogram()
  /// The most requests that were due and couldn't be sent, since every connection was full.
  package var backlogMaximum = 0
  /// Those that were never sent.
  package var unsent = 0
  /// Requests in the whole run, those before measuring began included.
  package var sent = 0
  package var replies = 0
  package var isInterrupted = false
  /// How long the thread measured, and ran meanwhile, in nanoseconds.
  package var elapsed: Int64 = 0
  package var busy: [Int64] = []

  package init(verbs: Int) { self.verbs = Array(repeating: VerbTally(), count: verbs) }

  package mutating func add(_ other: Tally) {
    for index in verbs.indices { verbs[index].add(other.verbs[index]) }
    errors.add(other.errors)
    sendDelay.add(other.sendDelay)
    backlogMaximum += other.backlogMaximum
    unsent += other.unsent
    sent += other.sent
    replies += other.replies
    isInterrupted = isInterrupted || other.isInterrupted
    elapsed = max(elapsed, other.elapsed)
    busy += other.busy
  }
}
