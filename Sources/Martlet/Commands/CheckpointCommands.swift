// Commands that have the database file rewritten, under the names that Redis's clients know. Martlet has one file and
// not two, so they all do the same.

internal let checkpointCommands: [CommandDeclaration] = [
  .init(
    "BGREWRITEAOF", arity: 1, [.admin], .server, since: "1.0.0", "O(1)", "",
    "Has the database file rewritten in the background: the data as it is, without its past."),
  .init(
    "BGSAVE", arity: -1, [.admin], .server, since: "1.0.0", "O(1)", "[SCHEDULE]",
    "Has the database file rewritten in the background, as BGREWRITEAOF has."),
  .init(
    "LASTSAVE", arity: 1, [.fast], .server, since: "1.0.0", "O(1)", "",
    "Returns when the database file was last rewritten, in seconds since 1970."),
  .init(
    "SAVE", arity: 1, [.admin, .noMulti], .server, since: "1.0.0", "O(N), N being the keys", "",
    "Has the database file rewritten and replies when that is done. Other clients go on meanwhile."),
]

extension Execution {
  mutating func lastSave() { reply.integer(Int(store.checkpointer.status.lastTime / 1000)) }

  mutating func saveInBackground(_ words: borrowing Words) {
    if words.count > 1 {
      guard words.count == 2, words[1].equalsIgnoringCase("schedule") else {
        return reply.error(Self.syntaxError)
      }
    }
    guard store.checkpointer.request() != nil else {
      return reply.error("ERR Background save already in progress")
    }
    reply.simple("Background saving started")
  }

  mutating func rewriteInBackground() {
    guard store.checkpointer.request() != nil else {
      return reply.error("ERR Background append only file rewriting already in progress")
    }
    reply.simple("Background append only file rewriting started")
  }

  mutating func save(_ session: inout SessionState) -> DispatchOutcome {
    let number: Int
    if let awaited = session.awaitedCheckpoint {
      number = awaited
    } else if let requested = store.checkpointer.request() {
      number = requested
      session.awaitedCheckpoint = requested
    } else {
      reply.error("ERR Background save already in progress")
      return .done
    }
    let status = store.checkpointer.status
    if status.answered < number, let outcome = session.wait(milliseconds: 0) { return outcome }
    session.awaitedCheckpoint = nil
    guard status.answered >= number else {
      // Its client sends no more, and nothing is waited for on its behalf.
      reply.error("ERR the database file is still being rewritten")
      return .done
    }
    if let problem = status.answer {
      reply.error(
        "ERR the database file could not be rewritten (\(problem)); the one in use is as good as before")
    } else {
      reply.ok()
    }
    return .done
  }
}
