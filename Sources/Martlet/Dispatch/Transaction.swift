// What a session keeps for its transactions: the commands queued since `MULTI`, and the keys that it watches.

/// Commands, word for word, in their order.
struct CommandQueue: ~Copyable {
  /// A transaction may have this many commands.
  static let maximumCommands = 1 << 20
  /// A transaction may take this many bytes: as many as a request may, what it costs to keep each word and command
  /// included.
  static let maximumBytes = 1 << 30

  private struct Place {
    let command: CommandEntry
    /// Where its words are among those of all commands.
    let words: Range<Int>
  }

  private var bytes = ByteQueue()
  private var ranges = WordRanges()
  private var places: [Place] = []
  /// The flags of all commands together.
  private(set) var flags: CommandDeclaration.Flags = []
  /// How many of them may change data.
  private(set) var writeCount = 0

  var count: Int { places.count }

  /// Queues a command; false when the queue would become too large.
  mutating func append(_ command: CommandEntry, _ words: borrowing Words) -> Bool {
    var added = 0
    for index in 0..<words.count { added += words[index].byteCount }
    let kept =
      (ranges.count + words.count) * MemoryLayout<WordRange>.stride
      + (places.count + 1) * MemoryLayout<Place>.stride
    guard places.count < Self.maximumCommands, bytes.count + added + kept <= Self.maximumBytes else {
      return false
    }
    let first = ranges.count
    for index in 0..<words.count {
      ranges.append(WordRange(bytes.count, count: words[index].byteCount))
      bytes.append(words[index])
    }
    places.append(Place(command: command, words: first..<ranges.count))
    flags.formUnion(command.flags)
    if command.flags.contains(.write) { writeCount += 1 }
    return true
  }

  func command(_ index: Int) -> CommandEntry { places[index].command }

  @_lifetime(borrow self)
  func words(_ index: Int) -> Words { Words(bytes.bytes, ranges.span).extracting(places[index].words) }
}

/// A session's transaction, and the keys it watches. It belongs to one session and to the thread that runs it; when it goes,
/// nothing is watched any more.
final class Transaction {
  /// A client may watch this many keys.
  static let maximumKeys = 1 << 16
  /// The keys that a client watches may have this many bytes together.
  static let maximumKeyBytes = 64 << 20

  private struct WatchedKey: Hashable {
    let database: Int
    let bytes: [UInt8]
  }

  /// It has the keyspace live for as long as a key in it is watched.
  private let store: StoreCore
  var queue = CommandQueue()
  /// A command couldn't be queued, so none will be run.
  private(set) var isRefused = false
  private var watches: [WatchedKey: Watch] = [:]
  private var watchedBytes = 0

  init(_ store: StoreCore) { self.store = store }

  deinit { endWatches() }

  /// Has `EXEC` refuse to run anything.
  func refuse() {
    isRefused = true
    queue = CommandQueue()
  }

  /// Forgets what is queued.
  func clear() {
    isRefused = false
    queue = CommandQueue()
  }

  // MARK: Watching

  /// Watches a key, if it isn't watched yet, whose shard is locked; false when there are too many.
  func watch(_ key: borrowing Key, _ database: Int) -> Bool {
    let watched = WatchedKey(database: database, bytes: key.bytes.array)
    if watches[watched] != nil { return true }
    guard watches.count < Self.maximumKeys, watchedBytes + key.bytes.byteCount <= Self.maximumKeyBytes else {
      return false
    }
    watchedBytes += key.bytes.byteCount
    watches[watched] = store.keyspace[key.shard].shard.beginWatch(key, database, now: store.clock.now())
    return true
  }

  /// Calls `body` with each watched key, its database and what it was.
  func forEachWatch(_ body: (borrowing Key, Int, Watch) -> Void) {
    for (watched, watch) in watches {
      body(store.keyspace.place(watched.bytes.span.raw), watched.database, watch)
    }
  }

  /// Ends all watches. It locks shards, one after the other.
  func endWatches() {
    let keyspace = store.keyspace
    forEachWatch { key, database, watch in
      keyspace.lock(key.shard)
      keyspace[key.shard].shard.endWatch(key.hash, database, watch)
      keyspace.unlock(key.shard)
    }
    watches = [:]
    watchedBytes = 0
  }
}

extension SessionState {
  /// Whether commands are queued until `EXEC`.
  var isInTransaction: Bool {
    get { attention.contains(.transaction) }
    nonmutating set { attend(.transaction, newValue) }
  }

  /// Has the commands that follow queued.
  mutating func beginTransaction(_ store: StoreCore) {
    _ = transaction(store)
    isInTransaction = true
    client.transactionLength = 0
  }

  /// Ends the transaction and all watches. No shard is locked.
  mutating func endTransaction() {
    isInTransaction = false
    client.transactionLength = -1
    transaction?.clear()
    transaction?.endWatches()
  }

  /// Has the transaction, if commands are being queued, refuse to run any.
  mutating func refuseTransaction() {
    guard isInTransaction else { return }
    transaction?.refuse()
    client.transactionLength = 0
  }

  /// What there is of a transaction, made when it is first asked for.
  mutating func transaction(_ store: StoreCore) -> Transaction {
    if let transaction { return transaction }
    let made = Transaction(store)
    transaction = made
    return made
  }
}
