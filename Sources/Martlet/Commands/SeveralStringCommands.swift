// Several strings at once: read in one moment, set in one change.

internal let severalStringCommands: [CommandDeclaration] = [
  .init(
    "MGET", arity: -2, [.readOnly, .fast], keys: .all, .string, since: "1.0.0", "O(N), N being the keys",
    "key [key ...]", "Returns the strings at several keys, all of one moment."),
  .init(
    "MSET", arity: -3, [.write, .denyOOM], keys: .pairs, .string, since: "1.0.1", "O(N), N being the keys",
    "key value [key value ...]", "Sets several strings at once."),
  .init(
    "MSETEX", arity: -4, [.write, .denyOOM], keys: .countedPairs(by: 1), .string, since: "Valkey 9.1.0",
    "O(N), N being the keys",
    "numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
      + "PXAT unix-time-milliseconds | KEEPTTL]",
    "Sets several strings at once, with one expiry, and if that is said only if all of the keys or none of them are there."
  ),
  .init(
    "MSETNX", arity: -3, [.write, .denyOOM], keys: .pairs, .string, since: "1.0.1", "O(N), N being the keys",
    "key value [key value ...]", "Sets several strings at once, if none of the keys is there."),
]

extension Execution {
  mutating func getAll(_ words: borrowing Words, _ database: Int) {
    reply.array(words.count - 1)
    for index in 1..<words.count {
      if (index - 1) % KeysAhead.capacity == 0 { fetchLocked(words, from: index, database) }
      counters.value.gets.add()
      let key = keyspace.place(words[index])
      if let item = find(key, database), item.isString {
        counters.value.hits.add()
        replyBulk(item, key.shard)
      } else {
        counters.value.misses.add()
        reply.null()
      }
    }
  }

  mutating func setAll(
    _ words: borrowing Words, _ database: Int, _ limits: SessionLimits, onlyIfAbsent: Bool
  ) {
    guard words.count % 2 == 1 else { return replyArity(onlyIfAbsent ? "MSETNX" : "MSET") }
    for index in stride(from: 2, to: words.count, by: 2) {
      guard accepts(words[index], limits) else { return }
    }
    if onlyIfAbsent {
      for index in stride(from: 1, to: words.count, by: 2)
      where find(keyspace.place(words[index]), database) != nil {
        return reply.integer(0)
      }
    }
    counters.value.sets.add(UInt64(words.count / 2))
    setAll(words.from(1), database)
    if onlyIfAbsent { reply.integer(1) } else { reply.ok() }
  }

  /// `MSETEX`
  mutating func setAllExpiring(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    guard let count = words[1].decimal, count > 0, count <= Int(Int32.max) else {
      return reply.error("ERR invalid numkeys value or out of range")
    }
    guard 2 + 2 * count <= words.count else { return reply.error(Self.syntaxError) }
    let pairs = words.extracting(2..<2 + 2 * count)
    var onlyIfAbsent = false
    var onlyIfPresent = false
    var expiry = ExpiryRequest.unspecified
    var index = 2 + 2 * count
    while index < words.count {
      if words[index].equalsIgnoringCase("nx"), !onlyIfPresent {
        onlyIfAbsent = true
      } else if words[index].equalsIgnoringCase("xx"), !onlyIfAbsent {
        onlyIfPresent = true
      } else if words[index].equalsIgnoringCase("keepttl"), expiry == .unspecified {
        expiry = .keep
      } else if expiry == .unspecified, let request = expiryOption(words, &index) {
        expiry = request
      } else {
        return reply.error(Self.syntaxError)
      }
      index += 1
    }
    if expiry == .notInteger { return reply.error(Self.notInteger) }
    if expiry == .invalid { return reply.error("ERR invalid expire time in 'msetex' command") }
    for index in 0..<count {
      guard accepts(pairs[2 * index + 1], limits) else { return }
    }
    if onlyIfAbsent || onlyIfPresent {
      for index in 0..<count
      where (find(keyspace.place(pairs[2 * index]), database) != nil) == onlyIfAbsent {
        return reply.integer(0)
      }
    }
    counters.value.sets.add(UInt64(count))
    if expiry == .unspecified {
      setAll(pairs, database)
    } else {
      let group = journal.beginGroup()
      for index in 0..<count {
        setOrDelete(keyspace.place(pairs[2 * index]), database, pairs[2 * index + 1], expiry)
      }
      journal.endGroup(group)
    }
    reply.integer(1)
  }

  /// Sets a string with an expiry; one that has passed deletes the key.
  private mutating func setOrDelete(
    _ key: borrowing Key, _ database: Int, _ value: RawSpan, _ expiry: ExpiryRequest
  ) {
    var metadata = ItemMetadata()
    switch expiry {
    case .at(let time): metadata.expiry = time
    case .keep: metadata.expiry = find(key, database)?.expiry ?? 0
    default: break
    }
    if metadata.expiry == 0 || metadata.expiry > clock.now() {
      if case .at = expiry {
        set(key, database, value, metadata, .setExpiring)
      } else {
        set(key, database, value, metadata)
      }
      return
    }
    // It has expired before it was stored: what stays is the key's absence.
    let isThere = findToChange(key, database) != nil
    if isThere {
      delete(key, database, .setExpiring)
    } else {
      note(.setExpiring, key, database, isNew: true)
    }
    note(.expired, key, database, isNew: false)
  }
}
