// What one thread counts while it measures, and how that of all threads adds up.

/// The requests of one verb.
struct VerbTally: Sendable {
  var latency = Histogram()
  var hits = 0
  var misses = 0
  var errors = 0
  var sentBytes = 0
  var receivedBytes = 0

  mutating func add(_ other: VerbTally) {
    latency.add(other.latency)
    hits += other.hits
    misses += other.misses
    errors += other.errors
    sentBytes += other.sentBytes
    receivedBytes += other.receivedBytes
  }
}

/// Errors by their kind, each with the first text that was met.
struct ErrorLog: Sendable {
  /// More kinds than these are counted as one, `other`.
  static let maximumKinds = 32

  struct Entry: Sendable {
    var count: Int
    let first: String
  }

  private(set) var kinds: [String: Entry] = [:]
  var count: Int { kinds.values.reduce(0) { $0 + $1.count } }

  /// - Parameter times: how many there were.
  mutating func note(_ kind: String, _ text: String, times: Int = 1) {
    let known = kinds[kind] != nil || kinds.count < Self.maximumKinds
    kinds[known ? kind : "other", default: Entry(count: 0, first: text)].count += times
  }

  mutating func add(_ other: ErrorLog) {
    for (kind, entry) in other.kinds.sorted(by: { $0.key < $1.key }) {
      note(kind, entry.first, times: entry.count)
    }
  }

  /// The kind of an error that a server tells: its first word, as in `ERR syntax error`.
  static func kind(of text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).first.map { String($0.prefix(40)) } ?? "error"
  }
}

/// All that a thread counts.
struct Tally: Sendable {
  /// For each part of the mix.
  var verbs: [VerbTally]
  var errors = ErrorLog()
  /// From when a request was due until it was sent, with a fixed rate.
  var sendDelay = Histogram()
  /// The most requests that were due and couldn't be sent, since every connection was full.
  var backlogMaximum = 0
  /// Those that were never sent.
  var unsent = 0
  /// Requests in the whole run, those before measuring began included.
  var sent = 0
  var replies = 0
  /// How long the thread measured, and ran meanwhile, in nanoseconds.
  var elapsed: Int64 = 0
  var busy: [Int64] = []

  init(verbs: Int) { self.verbs = Array(repeating: VerbTally(), count: verbs) }

  mutating func add(_ other: Tally) {
    for index in verbs.indices { verbs[index].add(other.verbs[index]) }
    errors.add(other.errors)
    sendDelay.add(other.sendDelay)
    backlogMaximum += other.backlogMaximum
    unsent += other.unsent
    sent += other.sent
    replies += other.replies
    elapsed = max(elapsed, other.elapsed)
    busy += other.busy
  }
}
