// Commands about the server: what it is, what it knows, how it is set.

internal let serverCommands: [CommandDeclaration] = [
  .init(
    "DATABASE", arity: -2, [.admin], .server, since: CommandDeclaration.own, "Depends on the subcommand", "",
    "Commands about the database file."),
  .init(
    "DATABASE INFO", arity: 2, [.admin], .server, since: CommandDeclaration.own, "O(1)", "",
    "Names the database file as it is now, and keeps it readable for this connection."),
  .init(
    "DATABASE READ", arity: 5, [.admin], .server, since: CommandDeclaration.own, "O(N), N being the bytes",
    "file offset count",
    "Returns bytes of the database file that DATABASE INFO has named, at most 1 MiB at a time."),
  .init(
    "DBSIZE", arity: 1, [.readOnly, .allShards, .fast], .server, since: "1.0.0", "O(1)", "",
    "Returns the number of keys in the chosen database."),
  .init(
    "FLUSHALL", arity: -1, [.write, .allShards], .server, since: "1.0.0", "O(N), N being the keys",
    "[ASYNC | SYNC]",
    "Deletes all keys of all databases."),
  .init(
    "FLUSHDB", arity: -1, [.write, .allShards], .server, since: "1.0.0", "O(N), N being the keys",
    "[ASYNC | SYNC]",
    "Deletes all keys of the chosen database."),
  .init(
    "MONITOR", arity: 1, [.admin], .server, since: "1.0.0", "O(1)", "",
    "Shows the connection what all clients of the Redis protocol say."),
  .init(
    "SHUTDOWN", arity: -1, [.admin, .noMulti], .server, since: "1.0.0",
    "O(N), N being the bytes not yet written",
    "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
    "Ends the server in order: everything is written, whatever the options."),
  .init("TIME", arity: 1, [.fast], .server, since: "2.6.0", "O(1)", "", "Returns the server's time."),
]

extension Execution {
  mutating func time() {
    let now = WallClock.systemMicroseconds()
    reply.array(2)
    reply.bulk(DecimalText(Int(now / 1_000_000)).bytes)
    reply.bulk(DecimalText(Int(now % 1_000_000)).bytes)
  }

  /// `SHUTDOWN`. Redis's options say whether a file is to be written first and who is to be waited for: here everything is in
  /// the file, and there are no replicas.
  mutating func shutdown(_ words: borrowing Words) -> DispatchOutcome {
    var abort = false
    var saves = false
    var savesNot = false
    for index in 1..<words.count {
      if words[index].equalsIgnoringCase("nosave") {
        savesNot = true
      } else if words[index].equalsIgnoringCase("save") {
        saves = true
      } else if words[index].equalsIgnoringCase("abort") {
        abort = true
      } else if !words[index].equalsIgnoringCase("now") && !words[index].equalsIgnoringCase("force") {
        reply.error(Self.syntaxError)
        return .done
      }
    }
    guard !(saves && savesNot), !abort || words.count == 2 else {
      reply.error(Self.syntaxError)
      return .done
    }
    guard !abort else {
      reply.error("ERR No shutdown in progress.")
      return .done
    }
    context.requestStop()
    return .close
  }

  mutating func dbsize(_ database: Int) {
    var count = 0
    for shard in 0..<keyspace.shardCount {
      showAll(shard)
      count += keyspace[shard].shard.count(database)
    }
    reply.integer(count)
  }

  mutating func flush(_ words: borrowing Words, _ database: Int?) {
    if words.count > 1 {
      guard words.count == 2, words[1].equalsIgnoringCase("async") || words[1].equalsIgnoringCase("sync")
      else {
        return reply.error(Self.syntaxError)
      }
    }
    counters.value.flushes.add()
    if let database { flush(database) } else { flushAll() }
    reply.ok()
  }

  // MARK: DATABASE

  /// A `DATABASE READ` returns at most this many bytes.
  private static var maximumReadBytes: Int { 1 << 20 }

  /// Copies the database file over the connection: `INFO` fixes what is copied, and `READ` returns it piece by piece. A
  /// checkpoint that replaces the file meanwhile changes nothing for this connection.
  mutating func database(_ words: borrowing Words, _ session: inout SessionState) {
    guard let name = subcommand(words, session) else { return }
    guard let file = store.file else { return reply.error("ERR this server keeps its data in memory only") }
    if name == "DATABASE INFO" {
      // What isn't on the disk yet has been shown to nobody, unless writes don't wait for the disk.
      let snapshot = file.snapshot(isSynced: journal.durability == .always)
      session.databaseCopy = snapshot
      reply.map(5)
      reply.bulk("file")
      reply.bulk(snapshot.name)
      reply.bulk("bytes")
      reply.integer(snapshot.bytes)
      reply.bulk("version")
      reply.integer(Int(snapshot.version))
      reply.bulk("time")
      reply.integer(Int(snapshot.time))
      reply.bulk("checkpoint")
      reply.integer(Int(snapshot.checkpoint))
    } else {
      readDatabase(words, session)
    }
  }

  private mutating func readDatabase(_ words: borrowing Words, _ session: SessionState) {
    guard let offset = words[3].decimal, let count = words[4].decimal else {
      return reply.error(Self.notInteger)
    }
    guard offset >= 0, count > 0, count <= Self.maximumReadBytes else {
      return reply.error(
        "ERR the offset has to be 0 or more, and the count from 1 to \(Self.maximumReadBytes)")
    }
    guard let snapshot = session.databaseCopy, snapshot.name == words[2].text else {
      return reply.error("ERR DATABASE INFO has not named this file on this connection: call it first")
    }
    var bytes = ByteQueue()
    do {
      // Once the file has ended there is nothing.
      _ = try snapshot.read(at: offset, count: count, into: &bytes)
    } catch {
      return reply.error("ERR the database file can't be read: \(error)")
    }
    reply.bulk(bytes.bytes)
  }
}
