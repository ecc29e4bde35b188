// Queues the commands of a transaction, and runs them as one: with the shards of all their keys locked from the first
// to the last, and their records in one batch of the journal.
//
// The rules are Redis's (https://redis.io/docs/latest/develop/interact/transactions/): a command that can't be queued
// makes `EXEC` run none; one that fails when it runs leaves the others going; and `EXEC` runs none when a watched key has
// changed.

extension Execution {
  /// Dispatches a request that comes between `MULTI` and `EXEC`; nil when it runs as it would anywhere.
  @inline(never)
  mutating func dispatchInTransaction(
    _ words: borrowing Words, _ session: inout SessionState
  ) -> DispatchOutcome? {
    // Found again, so that no other request carries it here.
    guard let command = commands.find(words[0]) else { return nil }
    switch command.id {
    case .quit, .reset: return nil
    case .exec: return execute(command, words, &session)
    case .discard:
      note(command, words, session)
      session.endTransaction()
      reply.ok()
    // These two are no more than refused: the transaction goes on.
    case .multi: reply.error("ERR MULTI calls can not be nested")
    case .watch: reply.error("ERR WATCH inside MULTI is not allowed")
    default: queue(command, words, &session)
    }
    return .done
  }

  // MARK: Queueing

  private mutating func queue(
    _ command: CommandEntry, _ words: borrowing Words, _ session: inout SessionState
  ) {
    guard mayQueue(command, words, session) else {
      counters.value.rejected.add(command.index)
      return session.refuseTransaction()
    }
    if !context.attention.isEmpty { attend(words, session, command.index) }
    session.client.noteCommand(command.index)
    let transaction = session.transaction(store)
    if !transaction.isRefused {
      guard transaction.queue.append(command, words) else {
        session.refuseTransaction()
        return reply.error(
          "ERR the transaction is too large: it may have \(CommandQueue.maximumCommands) commands and "
            + "\(CommandQueue.maximumBytes) bytes. Send it in parts.")
      }
      session.client.transactionLength = transaction.queue.count
    }
    reply.simple("QUEUED")
  }

  /// Whether a command may be part of a transaction now; if not, the reply says why.
  private mutating func mayQueue(
    _ command: CommandEntry, _ words: borrowing Words, _ session: SessionState
  ) -> Bool {
    reply.command = -1
    let declaration = CommandDeclaration.all[command.index]
    if words.count > 1 && !declaration.subcommands.isEmpty {
      guard let place = subcommandPlace(words, session) else { return false }
      let chosen = CommandDeclaration.all[place]
      if chosen.flags.contains(.noMulti) {
        reply.error("ERR Command '\(chosen.shownName)' not allowed inside a transaction")
        return false
      }
    }
    if command.flags.contains(.noMulti) {
      reply.error("ERR Command not allowed inside a transaction")
      return false
    }
    // What is queued takes memory, whatever it is.
    if !hasMemory() {
      reply.error(Self.outOfMemory)
      return false
    }
    if command.flags.contains(.write) {
      switch journal.room {
      // There may be room when the command is run.
      case .free, .full: break
      case .stalled, .failed:
        replyJournalFailed()
        return false
      }
    }
    for index in command.keyPositions(words) where words[index].byteCount > session.limits.keyBytes {
      replyKeyTooLong(session.limits.keyBytes)
      return false
    }
    return true
  }

  // MARK: Running

  private mutating func execute(
    _ command: CommandEntry, _ words: borrowing Words, _ session: inout SessionState
  ) -> DispatchOutcome {
    let transaction = session.transaction(store)
    let flags = transaction.queue.flags
    if flags.contains(.denyOOM) && !hasMemory() {
      refuseExecution(because: Self.outOfMemory, &session)
      return .done
    }
    if flags.contains(.write) {
      switch journal.room {
      case .free: break
      case .full: return .waitForRoom
      case .stalled, .failed:
        refuseExecution(because: journalProblem, &session)
        return .done
      }
    }
    var outcome = DispatchOutcome.done
    startTiming()
    note(command, words, session)
    if transaction.isRefused {
      reply.error("EXECABORT Transaction discarded because of previous errors.")
    } else {
      let start = reply.buffer.count
      beginReply()
      outcome = run(transaction, &session)
      endReply(from: start, waitsForDisk: session.waitsForDisk)
    }
    reply.command = command.index
    endTiming(words, session)
    session.endTransaction()
    return outcome
  }

  /// Logs and counts a request that is run; how many of its command there have been.
  @discardableResult
  mutating func note(
    _ command: CommandEntry, _ words: borrowing Words, _ session: SessionState
  ) -> UInt64 {
    if !context.attention.isEmpty { attend(words, session, command.index) }
    session.client.noteCommand(command.index)
    reply.command = command.index
    return counters.value.calls.add(command.index)
  }

  /// Ends a transaction that can't be run as things are.
  mutating func refuseExecution(because problem: String, _ session: inout SessionState) {
    session.endTransaction()
    reply.error("EXECABORT Transaction discarded because of: \(problem)")
  }

  /// Runs what is queued, unless a watched key has changed. A command that ends the connection does so behind the last one.
  private mutating func run(_ transaction: Transaction, _ session: inout SessionState) -> DispatchOutcome {
    var queue = CommandQueue()
    swap(&queue, &transaction.queue)
    var shards = shards(queue, transaction)
    let keyspace = keyspace
    shards.forEach { lock($0) }
    // Those who wait at keys of the transaction are served behind its last command.
    let awaited = queue.writeCount > 0 ? awaitedPlaces(queue) : []
    if !awaited.isEmpty { shards.formUnion(lockDestinations(awaited, shards)) }
    let locked = shards
    defer { locked.forEach { keyspace.unlock($0) } }
    if hasChanged(transaction) {
      reply.nullArray()
      return .done
    }

    isRunningTransaction = true
    defer { isRunningTransaction = false }
    // One record is whole by itself.
    let group = queue.writeCount > 1 || !awaited.isEmpty ? journal.beginGroup() : nil
    var outcome = DispatchOutcome.done
    reply.array(queue.count)
    for index in 0..<queue.count {
      let command = queue.command(index)
      let start = reply.buffer.count
      guard mayRunQueued(command, queue.words(index), session) else { continue }
      counters.value.calls.add(command.index)
      reply.command = command.index
      if context.attention.contains(.misses) {
        noteMisses(command, queue.words(index), session.database)
      }
      // No command waits in here.
      if case .close = run(command.id, queue.words(index), &session) { outcome = .close }
      if context.attention.contains(.monitors) {
        tellMonitors(command, queue.words(index), session, showing: shown)
      }
      if session.attention.contains(.tracker) { enterReads(command, queue.words(index), session) }
      replaceIfOverfull(from: start)
      if command.flags.contains(.write) { session.noteWritten(shown) }
    }
    serveReady()
    if let group { journal.endGroup(group) }
    return outcome
  }

  /// The keys of the transaction, in whichever database, at which clients wait. Their shards are locked.
  private func awaitedPlaces(_ queue: borrowing CommandQueue) -> [MadePlace] {
    guard keyspace.waiterCount.value > 0 else { return [] }
    var places: Set<MadePlace> = []
    for index in 0..<queue.count {
      let words = queue.words(index)
      for position in queue.command(index).keyPositions(words) {
        appendAwaited(keyspace.place(words[position]), &places)
      }
    }
    return Array(places)
  }

  /// The shards that a transaction needs.
  private func shards(_ queue: borrowing CommandQueue, _ transaction: Transaction) -> ShardSet {
    if !queue.flags.isDisjoint(with: [.allShards, .eachShard]) {
      return ShardSet(first: keyspace.shardCount)
    }
    var shards = ShardSet()
    for index in 0..<queue.count {
      let words = queue.words(index)
      if queue.command(index).holdsAllShards(words) { return ShardSet(first: keyspace.shardCount) }
      for position in queue.command(index).keyPositions(words) {
        shards.insert(keyspace.place(words[position]).shard)
      }
    }
    transaction.forEachWatch { key, _, _ in shards.insert(key.shard) }
    return shards
  }

  /// Whether a watched key has changed. The reply shows what it is now.
  private mutating func hasChanged(_ transaction: Transaction) -> Bool {
    let keyspace = keyspace
    let now = clock.now()
    var shown = shown
    var hasChanged = false
    transaction.forEachWatch { key, database, watch in
      let shard = keyspace[key.shard]
      shown = max(
        shown,
        shard.shard.find(key.bytes, key.hash, database)?.version ?? shard.shard.deletionVersion(key.hash))
      if shard.shard.hasChanged(key, database, since: watch, now: now) { hasChanged = true }
    }
    self.shown = shown
    return hasChanged
  }
}
