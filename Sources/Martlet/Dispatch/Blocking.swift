// Clients that wait for data, on the side of who waits: a request that finds nothing has its client stand in line at its
// keys (see Keyspace/Waiters.swift), and is called again when it has been served or its time is over.

/// The request of a session that waits for data. When it goes, nobody waits any more.
final class BlockedRequest {
  /// It has the keyspace live for as long as somebody stands in line.
  private let store: StoreCore
  private let clients: BlockedClients
  let waiter: Waiter
  private var isInLine = true

  /// Stands in line at all keys, whose shards are locked.
  fileprivate init(_ store: StoreCore, _ clients: BlockedClients, _ waiter: Waiter) {
    self.store = store
    self.clients = clients
    self.waiter = waiter
    store.keyspace.waiterCount.add(1)
    clients.enter(waiter)
    for bytes in waiter.keys {
      let key = store.keyspace.place(bytes.span.raw)
      store.keyspace[key.shard].shard.waitingClients.append(waiter, key.hash)
    }
  }

  deinit { abandon() }

  /// Ends the wait, unless somebody has served it; whether it did. No shard is locked.
  @discardableResult
  func abandon() -> Bool {
    let isAbandoned = waiter.claim(.ended)
    leave(isLocked: false)
    return isAbandoned
  }

  /// Leaves the lines, the wait being over.
  ///
  /// - Parameter isLocked: whether the shards of all keys are locked.
  func leave(isLocked: Bool) {
    guard isInLine else { return }
    isInLine = false
    let keyspace = store.keyspace
    for bytes in waiter.keys {
      let key = keyspace.place(bytes.span.raw)
      if !isLocked { keyspace.lock(key.shard) }
      keyspace[key.shard].shard.waitingClients.removeOver(key.hash, waiter.database, ended: 1)
      if !isLocked { keyspace.unlock(key.shard) }
    }
    clients.leave(waiter)
    keyspace.waiterCount.subtract(1)
  }
}

/// The clients of all lanes that wait for data, by their numbers.
final class BlockedClients: Sendable {
  private let waiters = Guarded<[Int: Waiter]>([:])

  fileprivate func enter(_ waiter: Waiter) { waiters.withLock { $0[waiter.client] = waiter } }

  fileprivate func leave(_ waiter: Waiter) {
    waiters.withLock { if $0[waiter.client] === waiter { $0[waiter.client] = nil } }
  }

  /// Has a client wait no more; whether it did.
  ///
  /// - Parameter withError: whether it is replied to with an error and not as if its time were over.
  func unblock(_ client: Int, withError: Bool) -> Bool {
    guard let waiter = waiters.withLock({ $0[client] }),
      waiter.claim(withError ? .unblockedWithError : .unblocked)
    else { return false }
    waiter.wake()
    return true
  }
}

extension Execution {
  /// Has the request under way wait for data at some keys, whose shards are locked, and at which there is none. In a
  /// transaction nobody waits: there the reply says that there is none.
  ///
  /// - Parameters:
  ///   - keys: the positions of the keys.
  ///   - milliseconds: for how long; 0 for as long as it takes.
  mutating func waitForData(
    _ words: borrowing Words, _ keys: Range<Int>, _ wish: Wish, milliseconds: Int,
    _ session: inout SessionState
  ) -> DispatchOutcome {
    let (client, door) = (session.client, context.door(session.client))
    if isRunningTransaction {
      if case .move = wish { reply.null() } else { reply.nullArray() }
      return .done
    }
    let waiter = Waiter(
      client: client.id, database: session.database, keys: keys.map { words[$0].array }, wish
    ) { door?.wake(client) }
    session.blocked = BlockedRequest(store, context.blockedClients, waiter)
    return goOnWaiting(milliseconds: milliseconds, &session) ?? .wait(until: .min)
  }

  /// Nil when the time is over.
  private mutating func goOnWaiting(milliseconds: Int, _ session: inout SessionState) -> DispatchOutcome? {
    guard let outcome = session.wait(milliseconds: milliseconds) else { return nil }
    // There is no reply that would show anything.
    shown = 0
    return outcome
  }

  /// Looks at what has become of a request that waits for data, when it is called again; the shards of its keys are locked.
  mutating func goOn(with blocked: BlockedRequest, _ session: inout SessionState) -> DispatchOutcome {
    let waiter = blocked.waiter
    if waiter.state == .waiting {
      if let outcome = goOnWaiting(milliseconds: 0, &session) { return outcome }
      _ = waiter.claim(.ended)
    }
    blocked.leave(isLocked: true)
    session.blocked = nil
    switch waiter.state {
    case .granted: replyGranted(waiter)
    case .unblockedWithError: reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK")
    case .waiting, .ended, .unblocked:
      // The reply shows that there is nothing at any of the keys.
      for bytes in waiter.keys { _ = look(keyspace.place(bytes.span.raw), waiter.database) }
      reply.nullArray()
    }
    return .done
  }

  private mutating func replyGranted(_ waiter: Waiter) {
    shown = max(shown, waiter.version)
    switch (waiter.granted, waiter.wish) {
    case (.wrongType, _): replyWrongType()
    case (.elements(let elements, _), .move):
      for element in elements { reply.bulk(element.span.raw) }
    case (.elements(let elements, let key), .elements(_, let count)):
      reply.array(2)
      let bytes = waiter.keys[key]
      reply.bulk(bytes.span.raw)
      if count != nil { reply.array(elements.count) }
      for element in elements { reply.bulk(element.span.raw) }
    case (.members(let members, let key), .members(_, let count)):
      let bytes = waiter.keys[key]
      reply.array(count == nil ? 3 : 2)
      reply.bulk(bytes.span.raw)
      if count != nil { reply.array(members.count) }
      for member in members {
        if count != nil { reply.array(2) }
        reply.bulk(member.key.span.raw)
        reply.double(member.score)
      }
    // Who is granted something gets what it wished.
    case (.nothing, _), (.elements, _), (.members, _): reply.nullArray()
    }
  }
}
