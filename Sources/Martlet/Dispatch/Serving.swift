// Clients that wait for data, on the side of who makes it: a command that makes a value at a key at which somebody waits
// serves those who wait behind itself, a transaction behind its last command. What is taken for them is recorded in one
// group with what made it, so that no crash parts the two.
//
// Who is served may want an element moved to another key, which may be in a shard that the command doesn't hold, and for
// which others may wait in turn. So before such a command begins, the shards are locked of all the keys to which what it
// makes may go.

/// A key at which a value has been made.
struct ReadyKey: Hashable {
  let bytes: [UInt8]
  let database: Int
}

extension Execution {
  /// Whether nobody waits for data anywhere.
  @inline(__always)
  private var isNobodyWaiting: Bool { keyspace.waiterCount.value == 0 }

  /// Notes that a value has been made at a key, if somebody waits there.
  @inline(__always)
  mutating func noteMade(_ key: borrowing Key, _ database: Int) {
    if !isNobodyWaiting { noteReady(key, database) }
  }

  @inline(never)
  private mutating func noteReady(_ key: borrowing Key, _ database: Int) {
    guard keyspace[key.shard].shard.waitingClients.contains(key.hash, database) else { return }
    let ready = ReadyKey(bytes: key.bytes.array, database: database)
    if readySet.insert(ready).inserted { readyKeys.append(ready) }
  }

  /// Notes that a database has become another, if somebody waits in it. Every shard is locked.
  mutating func noteChanged(_ database: Int) {
    guard !isNobodyWaiting else { return }
    // Who waits at several keys is found at each of them.
    var seen: Set<ObjectIdentifier> = []
    var waiters: [Waiter] = []
    for shard in 0..<keyspace.shardCount {
      keyspace[shard].shard.waitingClients.forEach(database) { waiter in
        if seen.insert(ObjectIdentifier(waiter)).inserted { waiters.append(waiter) }
      }
    }
    for waiter in waiters {
      for bytes in waiter.keys {
        let key = keyspace.place(bytes.span.raw)
        if keyspace[key.shard].shard.find(key.bytes, key.hash, database) != nil { noteReady(key, database) }
      }
    }
  }

  /// Has two databases change places, and serves those who find in theirs what they wait for. Every shard is locked.
  mutating func swapServing(_ words: borrowing Words) {
    if isNobodyWaiting || isRunningTransaction { return swapDatabases(words) }
    let group = journal.beginGroup()
    swapDatabases(words)
    serveReady()
    journal.endGroup(group)
  }

  /// Runs a command that may make values, and serves those who wait for them. The shards of its keys are locked.
  mutating func runServing(
    _ id: CommandID, _ words: borrowing Words, _ session: inout SessionState
  ) -> DispatchOutcome {
    if isNobodyWaiting || isRunningTransaction { return runMaking(id, words, &session) }
    assert(readyKeys.isEmpty, "a command that makes values runs elsewhere")
    guard let command = commands.find(words[0]) else { return runMaking(id, words, &session) }
    var held = command.holdsAllShards(words) ? ShardSet(first: keyspace.shardCount) : ShardSet()
    var places: Set<MadePlace> = []
    for position in command.keyPositions(words) {
      let key = keyspace.place(words[position])
      held.insert(key.shard)
      appendAwaited(key, &places)
    }
    guard !places.isEmpty else { return runMaking(id, words, &session) }
    let more = lockDestinations(Array(places), held)
    let keyspace = keyspace
    defer { more.forEach { keyspace.unlock($0) } }
    let group = journal.beginGroup()
    let outcome = runMaking(id, words, &session)
    serveReady()
    journal.endGroup(group)
    return outcome
  }

  // MARK: Destinations

  /// A key at which somebody may be served.
  struct MadePlace: Hashable {
    let hash: UInt64
    let shard: ShardIndex
    let database: Int
  }

  /// Adds a key to the places at which somebody waits, for each database in which somebody does.
  func appendAwaited(_ key: borrowing Key, _ places: inout Set<MadePlace>) {
    guard !keyspace[key.shard].shard.waitingClients.isEmpty else { return }
    for database in 0..<keyspace.databaseCount
    where keyspace[key.shard].shard.waitingClients.contains(key.hash, database) {
      places.insert(MadePlace(hash: key.hash, shard: key.shard, database: database))
    }
  }

  /// Locks the shards of the keys that elements may be moved to when somebody is served at some places. Nothing has been read
  /// yet by who holds `held`: these may be unlocked and locked anew, so that all are locked in the one order.
  ///
  /// - Returns: the shards that are locked besides those held.
  func lockDestinations(_ places: [MadePlace], _ held: ShardSet) -> ShardSet {
    let keyspace = keyspace
    var locked = held
    while true {
      let needed = destinations(of: places, locked)
      if locked.isSuperset(of: needed) { return locked.subtracting(held) }
      locked.forEach { keyspace.unlock($0) }
      locked.formUnion(needed)
      locked.forEach { keyspace.lock($0) }
    }
  }

  /// The shards of the keys that elements may be moved to, as far as the shards that are locked tell.
  private func destinations(of places: [MadePlace], _ locked: ShardSet) -> ShardSet {
    var needed = ShardSet()
    var left = places
    var seen = Set(places)
    while let place = left.popLast() {
      guard locked.contains(place.shard) else { continue }
      keyspace[place.shard].shard.waitingClients.forEach(place.hash, place.database) { waiter in
        guard case .move(_, _, let destination) = waiter.wish else { return true }
        let key = keyspace.place(destination.span.raw)
        needed.insert(key.shard)
        let next = MadePlace(hash: key.hash, shard: key.shard, database: place.database)
        if seen.insert(next).inserted { left.append(next) }
        return true
      }
    }
    return needed
  }

  // MARK: Serving

  /// Serves those who wait at the keys at which values have been made, and those who wait for what that makes. A group of the
  /// journal is open. The reply under way shows nothing of it.
  mutating func serveReady() {
    guard !readyKeys.isEmpty else { return }
    let before = shown
    var served: [Waiter] = []
    var next = 0
    while next < readyKeys.count {
      let ready = readyKeys[next]
      next += 1
      readySet.remove(ready)
      serve(keyspace.place(ready.bytes.span.raw), ready.database, &served)
    }
    readyKeys.removeAll()
    shown = before
    for waiter in served { waiter.wake() }
  }

  private mutating func serve(_ key: borrowing Key, _ database: Int, _ served: inout [Waiter]) {
    while let item = findToChange(key, database),
      let (waiter, place) = nextInLine(key, database, item.kind)
    {
      grant(waiter, place, key, database)
      served.append(waiter)
      keyspace[key.shard].shard.waitingClients.removeOver(key.hash, database, ended: 1)
    }
  }

  /// Claims the first who waits at a key for a type of value.
  private func nextInLine(
    _ key: borrowing Key, _ database: Int, _ kind: ItemKind
  ) -> (waiter: Waiter, place: Int)? {
    var found: (Waiter, Int)?
    keyspace[key.shard].shard.waitingClients.forEach(key.hash, database) { waiter in
      guard waiter.wish.kind == kind, let place = waiter.index(of: key.bytes), waiter.claim(.granted) else {
        return true
      }
      found = (waiter, place)
      return false
    }
    return found
  }

  /// Gives a client what it waits for, which there is.
  private mutating func grant(_ waiter: Waiter, _ place: Int, _ key: borrowing Key, _ database: Int) {
    let before = ownClient
    ownClient = waiter.client
    defer { ownClient = before }
    switch waiter.wish {
    case .elements(let end, let count):
      guard let list = findListToChange(key, database).list else { break }
      let taken = min(count ?? 1, list.count)
      var elements: [[UInt8]] = []
      list.forEach(taken, from: end) { elements.append($0.array) }
      popElements(key, database, taken, from: end)
      return waiter.grant(.elements(elements, key: place), version: shown)
    case .move(let from, let to, let destination):
      let newKey = keyspace.place(destination.span.raw)
      if let other = findToChange(newKey, database), other.kind != .list {
        return waiter.grant(.wrongType, version: shown)
      }
      guard let list = findListToChange(key, database).list else { break }
      let element = list.element(from == .head ? 0 : list.count - 1).array
      moveElement(key, database, from, to: newKey, to)
      return waiter.grant(.elements([element], key: place), version: shown)
    case .members(let end, let count):
      guard let members = findToChange(.sortedSet, key, database).members else { break }
      let ranks = end.ranks(count ?? 1, of: members.count)
      var taken: [(key: [UInt8], score: Double)] = []
      members.members.forEach(in: ranks, isReversed: end == .highest) {
        taken.append(($0.key.array, $0.score))
      }
      remove(key, database, members.members, ranks, .pop(end))
      return waiter.grant(.members(taken, key: place), version: shown)
    }
    waiter.grant(.nothing, version: shown)
  }
}
