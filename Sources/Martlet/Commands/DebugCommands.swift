// DEBUG, for the suites that test servers: only what they need, and only if `enable-debug-command` allows it.

internal let debugCommands: [CommandDeclaration] = [
  .init(
    "DEBUG", arity: -2, [.admin, .eachShard], .server, since: "1.0.0", "Depends on the subcommand",
    "<SLEEP seconds | OBJECT key | SET-ACTIVE-EXPIRE value>",
    "Does things that only tests need; enable-debug-command has to allow it.")
]

extension Execution {
  /// The longest that `DEBUG SLEEP` sleeps, in seconds.
  private static var maximumSleep: Double { 3600 }

  mutating func debug(_ words: borrowing Words, _ session: SessionState) {
    guard context.allowsDebug(session.client) else {
      return reply.error(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a "
          + "local connection, otherwise you need to set this option in the configuration file, and then restart the server."
      )
    }
    let name = words[1]
    if name.equalsIgnoringCase("sleep"), words.count == 3 {
      sleep(words[2])
    } else if name.equalsIgnoringCase("object"), words.count == 3 {
      describe(words[2], session.database)
    } else if name.equalsIgnoringCase("set-active-expire"), words.count == 3 {
      guard let isOn = words[2].decimal else { return reply.error(Self.notInteger) }
      context.sweepsExpired = isOn != 0
      reply.ok()
    } else if name.equalsIgnoringCase("help"), words.count == 2 {
      reply.array(2)
      reply.simple("DEBUG \(debugCommands[0].syntax)")
      reply.simple("    " + debugCommands[0].summary)
    } else {
      reply.error(
        "ERR unknown subcommand or wrong number of arguments for '\(name.extracting(first: 128).text)'. Try DEBUG HELP."
      )
    }
  }

  /// Does nothing for some seconds, and so does everybody whom this thread serves.
  private mutating func sleep(_ word: RawSpan) {
    guard let seconds = Double(word.text), seconds >= 0, seconds <= Self.maximumSleep else {
      return reply.error("ERR value is not a valid float")
    }
    SystemThread.sleep(nanoseconds: Int64(seconds * 1e9))
    reply.ok()
  }

  private mutating func describe(_ name: RawSpan, _ database: Int) {
    let key = keyspace.place(name)
    lockInTurn(key.shard)
    defer { unlockInTurn(key.shard) }
    guard let item = look(key, database) else { return reply.error("ERR no such key") }
    let idle = item.lastAccess.age(keyspace.accessTime) / 1000
    reply.simple(
      "Value at:0x0 refcount:1 encoding:\(item.encoding) serializedlength:\(item.weight) lru:0 "
        + "lru_seconds_idle:\(idle)")
  }
}
