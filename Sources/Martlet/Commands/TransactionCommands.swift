// Commands that begin and end a transaction. How one is queued and run is the dispatcher's (see TransactionDispatch).

internal let transactionCommands: [CommandDeclaration] = [
  .init(
    "DISCARD", arity: 1, [.fast], .transactions, since: "2.0.0", "O(N), N being the commands queued", "",
    "Ends a transaction without running it."),
  .init(
    "EXEC", arity: 1, [], .transactions, since: "1.2.0", "Depends on the commands queued", "",
    "Runs the commands of a transaction as one; returns null if a watched key has changed."),
  .init(
    "MULTI", arity: 1, [.fast], .transactions, since: "1.2.0", "O(1)", "",
    "Begins a transaction: the commands that follow are queued until EXEC."),
  .init(
    "UNWATCH", arity: 1, [.fast], .transactions, since: "2.2.0", "O(N), N being the keys watched", "",
    "Watches no key any more."),
  .init(
    "WATCH", arity: -2, [.fast], keys: .all, .transactions, since: "2.2.0", "O(N), N being the keys",
    "key [key ...]", "Has the next EXEC run nothing if one of the keys changes before it."),
]

extension Execution {
  @inline(never)
  mutating func beginTransaction(_ session: inout SessionState) {
    session.beginTransaction(store)
    reply.ok()
  }

  @inline(never)
  mutating func watch(_ words: borrowing Words, _ session: inout SessionState) {
    let transaction = session.transaction(store)
    for index in 1..<words.count
    where !transaction.watch(keyspace.place(words[index]), session.database) {
      return reply.error(
        "ERR too many keys are watched: there may be \(Transaction.maximumKeys), with "
          + "\(Transaction.maximumKeyBytes) bytes. UNWATCH ends all watches.")
    }
    reply.ok()
  }

  @inline(never)
  mutating func unwatch(_ session: inout SessionState) {
    // When a transaction runs, its watches have done their work; they end with it.
    if !isRunningTransaction { session.transaction?.endWatches() }
    reply.ok()
  }
}
