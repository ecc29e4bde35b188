// What memcached's meta commands do to a key besides what memcached's other commands do. The sessions parse and reply;
// the shard of the key is locked by them.

/// How `ms` stores a value.
struct MetaStore {
  var mode: StoreMode
  /// What a new value carries. A value that is added to keeps its own flags and expiry; the CAS token is for both.
  var metadata: ItemMetadata
  /// The CAS token that the key has to have; nil for any.
  var unique: UInt64?
  /// Whether a value whose CAS token is older than the key's is stored as a stale one.
  var allowsStale: Bool
  /// What expiry a key gets that is made because there is nothing to add to; nil if none is made.
  var vivification: Int64?
}

extension Execution {
  /// Stores a value.
  @inline(__always)
  mutating func store(_ request: MetaStore, _ key: borrowing Key, _ value: RawSpan, limit: Int)
    -> StoreOutcome
  {
    switch request.mode {
    case .set where request.unique == nil:
      return store(.set, key, value, request.metadata, unique: nil, limit: limit)
    case .add: return store(.add, key, value, request.metadata, unique: nil, limit: limit)
    case .replace where request.unique == nil:
      return store(.replace, key, value, request.metadata, unique: nil, limit: limit)
    case .set, .replace: return compareAndStore(request, key, value, limit: limit)
    case .append, .prepend: return add(request, key, value, limit: limit)
    }
  }

  private mutating func compareAndStore(
    _ request: MetaStore, _ key: borrowing Key, _ value: RawSpan, limit: Int
  ) -> StoreOutcome {
    if request.allowsStale, let unique = request.unique, unique != 0,
      let old = findToChange(key, Memcached.database), unique < old.cas
    {
      counters.value.casHits.add()
      let isClaimed = old.isClaimed
      var metadata = request.metadata
      metadata.expiry = old.expiry
      metadata.isStale = true
      set(key, Memcached.database, value, metadata)
      if isClaimed { itemWhateverItsExpiry(key)?.isClaimed = true }
      return .stored
    }
    return store(.set, key, value, request.metadata, unique: request.unique, limit: limit)
  }

  private mutating func add(
    _ request: MetaStore, _ key: borrowing Key, _ value: RawSpan, limit: Int
  ) -> StoreOutcome {
    guard let old = findToChange(key, Memcached.database) else {
      guard let expiry = request.vivification else { return .notStored }
      var metadata = request.metadata
      metadata.expiry = expiry
      return store(.set, key, value, metadata, unique: nil, limit: limit)
    }
    guard old.isString else { return .wrongType }
    // 0 is no token here, but is one for `set`.
    let unique = request.unique == 0 ? nil : request.unique
    guard request.metadata.cas != 0 else {
      return store(request.mode, key, value, ItemMetadata(), unique: unique, limit: limit)
    }
    if let unique, unique != old.cas { return .exists }
    guard old.valueCount + value.byteCount <= limit else { return .tooLarge }
    var joined = ByteQueue()
    if request.mode == .prepend { joined.append(value) }
    joined.append(old.value)
    if request.mode == .append { joined.append(value) }
    var metadata = old.metadata.ofChangedValue
    metadata.cas = request.metadata.cas
    set(key, Memcached.database, joined.bytes, metadata, request.mode == .append ? .append : .prepend)
    return .stored
  }

  /// The item that a change has left at a key; nil when there is none.
  func itemWhateverItsExpiry(_ key: borrowing Key) -> Item? {
    keyspace[key.shard].shard.find(key.bytes, key.hash, Memcached.database)
  }

  /// How many seconds are left until a time in milliseconds since 1970, as memcached counts them: begun ones are whole.
  /// 0 when it has passed.
  func secondsLeft(until expiry: Int64) -> Int {
    let now = clock.now()
    return expiry <= now ? 0 : Int((expiry - now - 1) / 1000 + 1)
  }
}
