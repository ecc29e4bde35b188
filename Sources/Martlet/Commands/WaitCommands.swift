// Commands that wait until what a connection has written is safe.
//
// A command that has to wait says so by its outcome, and is run again after each commit of the journal and when its time
// is over. So it looks at everything anew each time, and keeps nothing but its deadline, in `SessionState`.

internal let waitCommands: [CommandDeclaration] = [
  .init(
    "WAIT", arity: 3, [], .generic, since: "3.0.0", "O(1)", "numreplicas timeout",
    "Waits until replicas have what this connection wrote, or for some milliseconds; returns how many have. "
      + "There are no replicas."),
  .init(
    "WAITAOF", arity: 4, [], .generic, since: "7.2.0", "O(1)", "numlocal numreplicas timeout",
    "Waits until what this connection wrote is on the disk, or for some milliseconds; returns whether it is."),
]

extension Execution {
  mutating func waitForReplicas(_ words: borrowing Words, _ session: inout SessionState) -> DispatchOutcome {
    guard let replicas = words[1].decimal else {
      reply.error(Self.notInteger)
      return .done
    }
    guard let timeout = timeout(words[2]) else { return .done }
    if replicas > 0, !isRunningTransaction, let outcome = session.wait(milliseconds: timeout) {
      return outcome
    }
    reply.integer(0)
    return .done
  }

  mutating func waitForSync(_ words: borrowing Words, _ session: inout SessionState) -> DispatchOutcome {
    guard let local = words[1].decimal else {
      reply.error(Self.notInteger)
      return .done
    }
    guard local == 0 || local == 1 else {
      reply.error("ERR value is out of range, value must between 0 and 1")
      return .done
    }
    guard let replicas = words[2].decimal, replicas >= 0 else {
      reply.error("ERR value is out of range, must be positive")
      return .done
    }
    guard let timeout = timeout(words[3]) else { return .done }

    let isSynced = session.lastWritten <= journal.durable.value
    if local == 1 && !isSynced {
      guard journal.failure == nil else {
        replyJournalFailed()
        return .done
      }
      journal.requestSync()
    }
    let isPending = local == 1 && !isSynced || replicas > 0
    if isPending, !isRunningTransaction, let outcome = session.wait(milliseconds: timeout) { return outcome }
    reply.array(2)
    reply.integer(isSynced ? 1 : 0)
    reply.integer(0)
    return .done
  }

  /// The milliseconds that a client is ready to wait; nil, with the reply saying why, when they are none.
  private mutating func timeout(_ word: RawSpan) -> Int? {
    guard let milliseconds = word.decimal else {
      reply.error("ERR timeout is not an integer or out of range")
      return nil
    }
    guard milliseconds >= 0 else {
      reply.error("ERR timeout is negative")
      return nil
    }
    return milliseconds
  }
}
