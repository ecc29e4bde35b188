// What memcached's commands do to a key, whichever of memcached's protocols asks for it: classic, meta or binary. The
// sessions parse and reply; the shard of the key is locked by them.

/// How a value is stored.
enum StoreMode {
  case set
  /// Only if the key isn't there.
  case add
  /// Only if the key is there.
  case replace
  /// Behind the value that is there.
  case append
  /// Before the value that is there.
  case prepend
}

/// What became of a value that was to be stored.
enum StoreOutcome {
  case stored
  /// The key was there and shouldn't be, or wasn't and should.
  case notStored
  /// The key's CAS token isn't the one that was given.
  case exists
  /// A CAS token was given, and the key isn't there.
  case notFound
  /// The value would be longer than the limit.
  case tooLarge
  /// The key holds a collection.
  case wrongType
}

/// What became of a counter that was to be changed.
enum CountOutcome {
  case counted(UInt64)
  case notFound
  /// The value is no number.
  case notNumber
  /// The key holds a collection.
  case wrongType
}

/// Why the journal takes no write now.
enum WriteRefusal {
  /// It is full: try again after its next commit.
  case waitForRoom
  case diskFull
  case failed

  /// What memcached's text protocols say of it; empty when the client isn't told but has to wait.
  var line: StaticString {
    switch self {
    case .waitForRoom: ""
    case .diskFull: "SERVER_ERROR the disk is full; writes resume by themselves when there is room\r\n"
    case .failed: "SERVER_ERROR the database can't be written: see the server's log\r\n"
    }
  }
}

/// What all of memcached's protocols share.
enum Memcached {
  /// The numbered database that they work on.
  static var database: Int { 0 }
  /// The version of memcached that clients take their behaviour from, and our own.
  static var version: String { "1.6.18-martlet-\(ServerContext.version)" }
  /// A number may be written in this many bytes, most of them blanks: memcached's reads none that is in two chunks.
  static var longestCounter: Int { 512 << 10 }
  /// Expiry times up to this many seconds count from now, larger ones from 1970.
  private static var relativeSeconds: Int { 60 * 60 * 24 * 30 }

  /// An expiry time of a request as milliseconds since 1970; 0 for never.
  static func expiry(_ seconds: Int, _ clock: WallClock) -> Int64 {
    if seconds == 0 { return 0 }
    if seconds < 0 { return 1 }
    if seconds <= relativeSeconds { return clock.now() + Int64(seconds) * 1000 }
    let (milliseconds, overflow) = Int64(seconds).multipliedReportingOverflow(by: 1000)
    return overflow ? .max : milliseconds
  }

  /// When a `flush_all` with a delay is to be done, in milliseconds since 1970; nil for at once. memcached does it a
  /// second earlier than it is told: with a delay of 1 at once, too.
  static func flushTime(_ delay: Int, _ clock: WallClock) -> Int64? {
    guard delay > 0 else { return nil }
    let time = expiry(delay, clock) - 1000
    return time <= clock.now() ? nil : time
  }
}

extension Execution {
  /// Why the journal takes no write now; nil when it does. To be asked before a lock is taken.
  var writeRefusal: WriteRefusal? {
    @inline(__always) get {
      switch journal.room {
      case .free: nil
      case .full: .waitForRoom
      case .stalled: .diskFull
      case .failed: .failed
      }
    }
  }

  /// Stores a value, unless what is there forbids it.
  ///
  /// - Parameters:
  ///   - metadata: what a new value carries besides its bytes; a value that is added to keeps its own.
  ///   - unique: the CAS token that the key has to have; nil for any.
  ///   - limit: the longest value, in bytes.
  @inline(__always)
  mutating func store(
    _ mode: StoreMode, _ key: borrowing Key, _ value: RawSpan, _ metadata: ItemMetadata, unique: UInt64?,
    limit: Int
  ) -> StoreOutcome {
    let database = Memcached.database
    if mode != .set || unique != nil {
      let old = findToChange(key, database)
      if let unique {
        guard let old else {
          if mode == .append || mode == .prepend { return .notStored }
          counters.value.casMisses.add()
          return .notFound
        }
        guard old.cas == unique else {
          counters.value.casMismatches.add()
          return .exists
        }
        counters.value.casHits.add()
      }
      switch mode {
      case .set: break
      case .add: if old != nil { return .notStored }
      case .replace: if old == nil { return .notStored }
      case .append, .prepend:
        guard let old else { return .notStored }
        guard old.isString else { return .wrongType }
        guard old.valueCount + value.byteCount <= limit else { return .tooLarge }
        if mode == .append { append(key, database, value) } else { prepend(key, database, value) }
        return .stored
      }
    }
    if metadata.expiry != 0 && metadata.expiry <= clock.now() {
      // It has expired before it was stored: what stays is the key's absence.
      if findToChange(key, database) != nil { delete(key, database, .expired) }
    } else {
      set(key, database, value, metadata, metadata.expiry == 0 ? .set : .setExpiring)
    }
    return .stored
  }

  /// Deletes a key; whether it was there.
  mutating func deleteCounting(_ key: borrowing Key) -> Bool {
    guard findToChange(key, Memcached.database) != nil else {
      counters.value.deleteMisses.add()
      return false
    }
    counters.value.deleteHits.add()
    delete(key, Memcached.database)
    return true
  }

  /// Gives a key an expiry, in milliseconds since 1970, or with 0 takes it away; whether the key is there.
  @discardableResult
  mutating func touchCounting(_ key: borrowing Key, _ expiry: Int64) -> Bool {
    counters.value.touches.add()
    guard let item = findToChange(key, Memcached.database) else { return false }
    // In memcached who touches a key counts as one who reads it.
    item.noteRead(keyspace.accessTime)
    counters.value.touchHits.add()
    setExpiryOrDelete(key, Memcached.database, expiry)
    return true
  }

  /// Adds to the number at a key, or takes from it. Up wraps around at 64 bits; down stops at 0. A number that gets
  /// shorter keeps the value's length, by spaces behind it; one that gets longer is a new value, which is not stale and
  /// which nobody has read or claimed.
  ///
  /// - Parameters:
  ///   - cas: the key's new CAS token; 0 for the change's version.
  ///   - expiry: the key's new expiry, in milliseconds since 1970, 0 for none; nil if it stays.
  mutating func count(
    _ key: borrowing Key, by amount: UInt64, isIncrement: Bool, cas: UInt64 = 0, expiry: Int64? = nil
  ) -> CountOutcome {
    guard let item = findToChange(key, Memcached.database) else {
      if isIncrement { counters.value.incrementMisses.add() } else { counters.value.decrementMisses.add() }
      return .notFound
    }
    guard item.isString else { return .wrongType }
    guard item.valueCount <= Memcached.longestCounter, let number = item.value.memcachedCounter else {
      return .notNumber
    }
    if isIncrement { counters.value.incrementHits.add() } else { counters.value.decrementHits.add() }
    let result = isIncrement ? number &+ amount : number - min(number, amount)
    var metadata = item.metadata.ofChangedValue
    metadata.cas = cas
    metadata.expiry = expiry ?? metadata.expiry
    if item.valueCount <= DecimalText.maximumWidth {
      let digits = DecimalText(result, paddedTo: item.valueCount)
      let isLonger = digits.bytes.byteCount > item.valueCount
      metadata.isStale = item.isStale && !isLonger
      set(key, Memcached.database, digits.bytes, metadata, isChange: !isLonger, .increment)
    } else {
      var digits = ByteQueue()
      digits.append(decimal: result)
      while digits.count < item.valueCount { digits.append(byte: UInt8(ascii: " ")) }
      metadata.isStale = item.isStale
      set(key, Memcached.database, digits.bytes, metadata, isChange: true, .increment)
    }
    return .counted(result)
  }

  /// Empties a database, taking and leaving all locks.
  mutating func flushLocking(_ database: Int) {
    for shard in 0..<keyspace.shardCount { keyspace.lock(shard) }
    flush(database)
    for shard in 0..<keyspace.shardCount { keyspace.unlock(shard) }
  }
}
