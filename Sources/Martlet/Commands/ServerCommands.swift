// Commands about the server: what it is, what it knows, how it is set.

internal let serverCommands: [CommandDeclaration] = [
  .init(
    "COMMAND", arity: -1, [], .server, since: "2.8.13", "O(N), N being the commands", "",
    "Returns what there is to know of all commands."),
  .init(
    "COMMAND COUNT", arity: 2, [], .server, since: "2.8.13", "O(1)", "", "Returns the number of commands."),
  .init(
    "COMMAND DOCS", arity: -2, [], .server, since: "7.0.0", "O(N), N being the commands",
    "[command-name ...]",
    "Returns the documentation of commands."),
  .init(
    "COMMAND GETKEYS", arity: -4, [], .server, since: "2.8.13", "O(N), N being the arguments",
    "command [arg ...]", "Returns which arguments of a command are keys."),
  .init(
    "COMMAND INFO", arity: -2, [], .server, since: "2.8.13", "O(N), N being the commands",
    "[command-name ...]",
    "Returns what there is to know of some commands."),
  .init(
    "COMMAND LIST", arity: -2, [], .server, since: "7.0.0", "O(N), N being the commands",
    "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
    "Returns the names of all commands."),
  .init(
    "CONFIG", arity: -2, [], .server, since: "2.0.0", "Depends on the subcommand", "",
    "Commands about settings."),
  .init(
    "CONFIG GET", arity: -3, [.admin], .server, since: "2.0.0", "O(N), N being the settings",
    "parameter [parameter ...]", "Returns the settings whose names match patterns."),
  .init(
    "CONFIG SET", arity: -4, [.admin, .sensitive], .server, since: "2.0.0", "O(1)",
    "parameter value [parameter value ...]", "Changes settings while the server runs."),
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
    "INFO", arity: -1, [.eachShard], .server, since: "1.0.0", "O(1)", "[section [section ...]]",
    "Returns what the server knows of itself."),
  .init("TIME", arity: 1, [.fast], .server, since: "2.6.0", "O(1)", "", "Returns the server's time."),
]

extension Execution {
  mutating func time() {
    let now = WallClock.systemMicroseconds()
    reply.array(2)
    reply.bulk(DecimalText(Int(now / 1_000_000)).bytes)
    reply.bulk(DecimalText(Int(now % 1_000_000)).bytes)
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

  // MARK: CONFIG

  mutating func config(_ words: borrowing Words, _ session: SessionState) {
    guard let name = subcommand(words, session) else { return }
    if name == "CONFIG GET" {
      let found = context.parameters.filter { parameter in
        let name = parameter.name.utf8.span.raw
        for index in 2..<words.count where Glob.matches(words[index].lowercased.span.raw, name) {
          return true
        }
        return false
      }
      reply.map(found.count)
      for parameter in found {
        reply.bulk(parameter.name)
        reply.bulk(parameter.get())
      }
    } else {
      guard words.count % 2 == 0 else { return replyArity(name) }
      setConfig(words)
    }
  }

  private mutating func setConfig(_ words: borrowing Words) {
    let parameters = context.parameters
    // No name may be wrong before anything changes; a value is looked at when its turn comes.
    for index in stride(from: 2, to: words.count, by: 2) {
      let name = words[index].text.lowercased()
      guard let parameter = parameters.first(where: { $0.name == name }) else {
        return reply.error(
          "ERR Unknown option or number of arguments for CONFIG SET - '\(words[index].extracting(first: 128).text)'"
        )
      }
      guard parameter.set != nil else {
        return reply.error(
          "ERR CONFIG SET failed (possibly related to argument '\(name)') - can't set immutable config")
      }
    }
    for index in stride(from: 2, to: words.count, by: 2) {
      let name = words[index].text.lowercased()
      let value = words[index + 1].text
      if let problem = parameters.first(where: { $0.name == name })?.set?(value) {
        return reply.error("ERR CONFIG SET failed (possibly related to argument '\(name)') - \(problem)")
      }
    }
    reply.ok()
  }

  // MARK: INFO

  mutating func info(_ words: borrowing Words) {
    var wanted: Set<String> = []
    for index in 1..<max(1, words.count) { wanted.insert(words[index].text.lowercased()) }
    let takesAll = !wanted.isDisjoint(with: ["all", "everything", "default"]) || wanted.isEmpty
    var text = ""
    var section = ""
    for (name, field, value) in facts() where takesAll || wanted.contains(name.lowercased()) {
      if name != section {
        if !section.isEmpty { text += "\r\n" }
        text += "# \(name)\r\n"
        section = name
      }
      text += "\(field):\(value)\r\n"
    }
    reply.verbatim(text)
  }

  private mutating func facts() -> [(section: String, name: String, value: String)] {
    let now = WallClock.systemMicroseconds() / 1000
    let uptime = (now - context.startTime) / 1000
    let hits = context.sum { $0.hits.value }
    let misses = context.sum { $0.misses.value }
    let resident = keyspace.residentBytes
    let processResident = ProcessFacts.residentBytes
    let limit = context.memoryLimit
    let failure = journal.failure ?? journal.stallReason
    let checkpoints = store.checkpointer.status
    var facts: [(section: String, name: String, value: String)] = [
      ("Server", "redis_version", ServerContext.redisVersion),
      ("Server", "martlet_version", ServerContext.version),
      ("Server", "redis_mode", "standalone"),
      ("Server", "arch_bits", "64"),
      ("Server", "uptime_in_seconds", "\(uptime)"),
      ("Server", "uptime_in_days", "\(uptime / 86_400)"),
      ("Clients", "connected_clients", "\(context.clients.count)"),
      ("Clients", "maxclients", "\(context.clients.limit)"),
      ("Clients", "blocked_clients", "\(context.clients.waitingCount)"),
      ("Memory", "used_memory", "\(resident)"),
      ("Memory", "used_memory_human", Self.human(resident)),
      ("Memory", "used_memory_dataset", "\(keyspace.usedBytes)"),
      ("Memory", "used_memory_rss", "\(processResident)"),
      ("Memory", "used_memory_rss_human", Self.human(processResident)),
      ("Memory", "mem_fragmentation_ratio", Self.ratio(processResident, resident)),
      ("Memory", "maxmemory", "\(limit)"),
      ("Memory", "maxmemory_human", Self.human(limit)),
      ("Memory", "maxmemory_policy", context.evictionPolicy.redisName),
      ("Persistence", "loading", "0"),
      ("Persistence", "durability", journal.durability.rawValue),
      ("Persistence", "last_version", "\(journal.lastVersion)"),
      ("Persistence", "durable_version", "\(journal.durable.value)"),
      ("Persistence", "journal_status", failure.map { "err (\($0))" } ?? "ok"),
      ("Persistence", "rdb_changes_since_last_save", "\(journal.lastVersion - checkpoints.lastVersion)"),
      ("Persistence", "rdb_bgsave_in_progress", checkpoints.isRunning ? "1" : "0"),
      ("Persistence", "rdb_last_save_time", "\(checkpoints.lastTime / 1000)"),
      ("Persistence", "rdb_last_bgsave_status", checkpoints.problem == nil ? "ok" : "err"),
      ("Persistence", "rdb_last_bgsave_time_sec", "\(checkpoints.lastDuration / 1000)"),
      ("Persistence", "aof_enabled", "1"),
      ("Persistence", "aof_rewrite_in_progress", checkpoints.isRunning ? "1" : "0"),
      ("Persistence", "aof_last_bgrewrite_status", checkpoints.problem == nil ? "ok" : "err"),
      ("Persistence", "aof_last_rewrite_time_sec", "\(checkpoints.lastDuration / 1000)"),
      ("Persistence", "aof_rewrites", "\(checkpoints.finished)"),
      ("Persistence", "aof_current_size", "\(store.checkpointer.fileBytes)"),
      ("Persistence", "aof_base_size", "\(store.checkpointer.bodyBytes)"),
      ("Persistence", "checkpoint_version", "\(checkpoints.lastVersion)"),
      ("Persistence", "checkpoint_retained_bytes", "\(keyspace.retainedBytes.value)"),
      ("Persistence", "aof_last_write_status", failure == nil ? "ok" : "err"),
      ("Stats", "total_connections_received", "\(context.clients.total)"),
      ("Stats", "rejected_connections", "\(context.clients.rejectedCount)"),
      ("Stats", "idle_connections_closed", "\(context.clients.idleCount)"),
      ("Stats", "total_commands_processed", "\(context.sum { $0.commands.value })"),
      ("Stats", "expired_keys", "\(context.sum { $0.expired.value })"),
      ("Stats", "evicted_keys", "\(context.sum { $0.evicted.value })"),
      ("Stats", "keyspace_hits", "\(hits)"),
      ("Stats", "keyspace_misses", "\(misses)"),
      ("Replication", "role", "master"),
      ("Replication", "connected_slaves", "0"),
      ("Cluster", "cluster_enabled", "0"),
    ]
    // The server's own facts join the section they name.
    for fact in context.currentFacts() {
      let place = facts.lastIndex { $0.section == fact.section }.map { $0 + 1 } ?? facts.count
      facts.insert(fact, at: place)
    }
    for database in 0..<keyspace.databaseCount {
      var keys = 0
      var expiring = 0
      for shard in 0..<keyspace.shardCount {
        lockInTurn(shard)
        keys += keyspace[shard].shard.count(database)
        expiring += keyspace[shard].shard.expiringCount(database)
        showAll(shard)
        unlockInTurn(shard)
      }
      if keys > 0 {
        facts.append(("Keyspace", "db\(database)", "keys=\(keys),expires=\(expiring),avg_ttl=0"))
      }
    }
    return facts
  }

  /// How much larger the first is than the second, with two decimals.
  private static func ratio(_ bytes: Int, _ base: Int) -> String {
    let hundredths = base == 0 ? 0 : Int((Double(bytes) / Double(base) * 100).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
  }

  /// Bytes as Redis shows them to people: `1.50M`.
  private static func human(_ bytes: Int) -> String {
    var value = Double(bytes)
    var unit = "B"
    for next in ["K", "M", "G", "T"] where value >= 1024 {
      value /= 1024
      unit = next
    }
    if unit == "B" { return "\(bytes)B" }
    let hundredths = Int((value * 100).rounded())
    let rest = hundredths % 100
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)\(unit)"
  }

  // MARK: COMMAND

  mutating func command(_ words: borrowing Words, _ session: SessionState) {
    let commands = CommandDeclaration.all.filter { !$0.isSubcommand }
    guard words.count > 1 else {
      reply.array(commands.count)
      for declaration in commands { commandInfo(declaration) }
      return
    }
    switch subcommand(words, session) {
    case "COMMAND COUNT": reply.integer(commands.count)
    case "COMMAND LIST": commandList(words, commands)
    case "COMMAND GETKEYS": getKeys(words)
    case "COMMAND INFO":
      if words.count == 2 {
        reply.array(commands.count)
        for declaration in commands { commandInfo(declaration) }
      } else {
        reply.array(words.count - 2)
        for index in 2..<words.count {
          if let found = CommandDeclaration.find(words[index]) { commandInfo(found) } else { reply.null() }
        }
      }
    case "COMMAND DOCS":
      var chosen = commands
      if words.count > 2 {
        chosen = []
        for index in 2..<words.count {
          if let found = CommandDeclaration.find(words[index]) { chosen.append(found) }
        }
      }
      reply.map(chosen.count)
      for declaration in chosen { commandDocs(declaration) }
    default: break
    }
  }

  private mutating func commandList(_ words: borrowing Words, _ commands: [CommandDeclaration]) {
    var chosen = commands
    if words.count > 2 {
      guard words.count == 5, words[2].equalsIgnoringCase("filterby") else {
        return reply.error(Self.syntaxError)
      }
      let filter = words[4]
      if words[3].equalsIgnoringCase("module") {
        chosen = []
      } else if words[3].equalsIgnoringCase("aclcat") {
        let category = "@" + filter.text.lowercased()
        chosen = CommandDeclaration.all.filter { $0.categories.contains { "\($0)" == category } }
      } else if words[3].equalsIgnoringCase("pattern") {
        let pattern = filter.lowercased
        chosen = CommandDeclaration.all.filter { Glob.matches(pattern, Array($0.shownName.utf8)) }
      } else {
        return reply.error(Self.syntaxError)
      }
    }
    reply.array(chosen.count)
    for declaration in chosen { reply.bulk(declaration.shownName) }
  }

  private mutating func getKeys(_ words: borrowing Words) {
    guard let found = commands.find(words[2]) else { return reply.error("ERR Invalid command specified") }
    let count = words.count - 2
    guard found.keys.first != 0 else { return reply.error("ERR The command has no key arguments") }
    guard found.arity > 0 ? count == found.arity : count >= -found.arity else {
      return reply.error("ERR Invalid number of arguments specified for command")
    }
    let last = found.keys.last < 0 ? count + found.keys.last : found.keys.last
    let positions = stride(from: found.keys.first, through: last, by: found.keys.step)
    reply.array(Array(positions).count)
    for position in positions { reply.bulk(words[2 + position]) }
  }

  /// One command as `COMMAND INFO` tells it.
  private mutating func commandInfo(_ declaration: CommandDeclaration) {
    reply.array(10)
    reply.bulk(declaration.shownName)
    reply.integer(declaration.arity)
    let flags = declaration.flags.names
    reply.set(flags.count)
    for flag in flags { reply.simple(flag) }
    reply.integer(declaration.keys.first)
    reply.integer(declaration.keys.last)
    reply.integer(declaration.keys.step)
    let categories = declaration.categories
    reply.set(categories.count)
    for category in categories { reply.simple(category) }
    reply.array(0)  // tips
    reply.array(0)  // key specifications
    let subcommands = declaration.subcommands
    reply.array(subcommands.count)
    for subcommand in subcommands { commandInfo(subcommand) }
  }

  /// A command's name and its documentation, a pair of the map that `COMMAND DOCS` returns.
  private mutating func commandDocs(_ declaration: CommandDeclaration) {
    reply.bulk(declaration.shownName)
    let arguments = CommandSyntax.parse(declaration.syntax)
    let subcommands = declaration.subcommands
    reply.map(4 + (arguments.isEmpty ? 0 : 1) + (subcommands.isEmpty ? 0 : 1))
    reply.bulk("summary")
    reply.bulk(declaration.summary)
    reply.bulk("since")
    reply.bulk(declaration.since)
    reply.bulk("group")
    reply.bulk(declaration.group.rawValue)
    reply.bulk("complexity")
    reply.bulk(declaration.complexity)
    if !arguments.isEmpty {
      reply.bulk("arguments")
      argumentDocs(arguments)
    }
    if !subcommands.isEmpty {
      reply.bulk("subcommands")
      reply.map(subcommands.count)
      for subcommand in subcommands { commandDocs(subcommand) }
    }
  }

  private mutating func argumentDocs(_ arguments: [CommandArgument]) {
    reply.array(arguments.count)
    for argument in arguments {
      let flags = (argument.isOptional ? ["optional"] : []) + (argument.isRepeated ? ["multiple"] : [])
      let isPlain = argument.parts.isEmpty
      let showsText = isPlain && argument.kind != .token
      reply.map(
        2 + (showsText ? 1 : 0) + (argument.kind == .key ? 1 : 0) + (argument.token == nil ? 0 : 1)
          + (flags.isEmpty ? 0 : 1) + (isPlain ? 0 : 1))
      reply.bulk("name")
      reply.bulk(argument.name)
      reply.bulk("type")
      reply.bulk(argument.kind.rawValue)
      if showsText {
        reply.bulk("display_text")
        reply.bulk(argument.name)
      }
      if argument.kind == .key {
        reply.bulk("key_spec_index")
        reply.integer(0)
      }
      if let token = argument.token {
        reply.bulk("token")
        reply.bulk(token)
      }
      if !flags.isEmpty {
        reply.bulk("flags")
        reply.set(flags.count)
        for flag in flags { reply.simple(flag == "optional" ? "optional" : "multiple") }
      }
      if !isPlain {
        reply.bulk("arguments")
        argumentDocs(argument.parts)
      }
    }
  }
}

extension CommandDeclaration {
  /// The declarations of the subcommands.
  public var subcommands: [CommandDeclaration] {
    isSubcommand ? [] : Self.all.filter { $0.isSubcommand && $0.name.utf8.starts(with: (name + " ").utf8) }
  }

  /// The command or subcommand by the name that clients use: `get`, `client|info`.
  fileprivate static func find(_ name: RawSpan) -> CommandDeclaration? {
    let wanted = name.extracting(first: 64).text.uppercased().map { $0 == "|" ? " " : $0 }
    return all.first { Array($0.name) == wanted }
  }

  /// The categories of Redis's access lists that it falls in.
  fileprivate var categories: [StaticString] {
    var names: [StaticString] = []
    switch group {
    case .connection: names.append("@connection")
    case .generic: names.append("@keyspace")
    case .hash: names.append("@hash")
    case .server: break
    case .set: names.append("@set")
    case .string: names.append("@string")
    case .transactions: names.append("@transaction")
    }
    if flags.contains(.write) { names.append("@write") }
    if flags.contains(.readOnly) { names.append("@read") }
    if flags.contains(.admin) { names += ["@admin", "@dangerous"] }
    names.append(flags.contains(.fast) ? "@fast" : "@slow")
    return names
  }
}

extension CommandDeclaration.Flags {
  /// Redis's names of those flags that it knows.
  fileprivate var names: [StaticString] {
    var names: [StaticString] = []
    if contains(.write) { names.append("write") }
    if contains(.readOnly) { names.append("readonly") }
    if contains(.denyOOM) { names.append("denyoom") }
    if contains(.admin) { names.append("admin") }
    if contains(.noAuth) { names.append("no_auth") }
    if contains(.fast) { names.append("fast") }
    if contains(.noMulti) { names.append("no_multi") }
    return names
  }
}

extension RawSpan {
  /// A copy with ASCII letters in lower case.
  fileprivate var lowercased: [UInt8] {
    array.map { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0 }
  }
}
