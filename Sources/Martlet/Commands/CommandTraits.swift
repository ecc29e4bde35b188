// What Redis says of commands besides what their declarations say: the categories of its access control lists, and how
// far replies depend on more than the data. Nearly all of it follows from a command's group and flags; what doesn't is
// listed here. The facts are those of Valkey 9.1.2's COMMAND and of Redis 7.0.15's, where they are the same.

extension CommandDeclaration {
  /// The categories, in Redis's order and without the `@`.
  package static let categoryNames = [
    "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo",
    "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction",
    "scripting",
  ]

  /// The categories of Redis's access control lists that it falls in, in Redis's order and without the `@`.
  package var categories: [String] {
    var members: Set<String> = []
    if let usual = usualCategory { members.insert(usual) }
    if flags.contains(.write) { members.insert("write") }
    if flags.contains(.readOnly) { members.insert("read") }
    if flags.contains(.admin) { members.formUnion(["admin", "dangerous"]) }
    members.insert(flags.contains(.fast) ? "fast" : "slow")
    members.formUnion(Self.furtherCategories[name] ?? [])
    return Self.categoryNames.filter { members.contains($0) }
  }

  private var usualCategory: String? {
    // A name that only stands before others is in none; COMMAND alone is a command as well.
    if Self.withoutUsualCategory.contains(name) || (name != "COMMAND" && !subcommands.isEmpty) { return nil }
    if name == "COMMAND" || name.hasPrefix("COMMAND ") { return "connection" }
    switch group.rawValue {
    case "generic": return "keyspace"
    case "server": return nil
    case "sorted-set": return "sortedset"
    case "transactions": return "transaction"
    default: return group.rawValue
    }
  }

  /// Whether Redis says of it that it has to do with channels: not of a command that is only its subcommands' name.
  var isAboutChannels: Bool { usualCategory == "pubsub" }

  private static let withoutUsualCategory: Set<String> = [
    "SORT", "SORT_RO", "WAIT", "WAITAOF", "PUBSUB HELP",
  ]

  private static let furtherCategories: [String: [String]] = [
    "BLMOVE": ["blocking"], "BLMPOP": ["blocking"], "BLPOP": ["blocking"], "BRPOP": ["blocking"],
    "BRPOPLPUSH": ["blocking"], "BZMPOP": ["blocking"], "BZPOPMAX": ["blocking"], "BZPOPMIN": ["blocking"],
    "DBSIZE": ["keyspace"], "FLUSHALL": ["keyspace", "dangerous"], "FLUSHDB": ["keyspace", "dangerous"],
    "INFO": ["dangerous"], "KEYS": ["dangerous"], "LASTSAVE": ["admin", "dangerous"],
    "RESTORE": ["dangerous"], "ROLE": ["admin", "dangerous"],
    "SORT": ["set", "sortedset", "list", "dangerous"], "SORT_RO": ["set", "sortedset", "list", "dangerous"],
    "SWAPDB": ["keyspace", "dangerous"], "WAIT": ["connection", "blocking"],
    "WAITAOF": ["connection", "blocking"],
  ]

  /// Redis's tips that are about the command and not about how a cluster should be asked.
  package var tips: [String] {
    if Self.repliesByChance.contains(name) { return ["nondeterministic_output"] }
    return Self.repliesInAnyOrder.contains(name) ? ["nondeterministic_output_order"] : []
  }

  private static let repliesByChance: Set<String> = [
    "CLIENT INFO", "CLIENT LIST", "DUMP", "HRANDFIELD", "HSCAN", "INFO", "LASTSAVE", "LATENCY DOCTOR",
    "LATENCY GRAPH", "LATENCY HISTOGRAM", "LATENCY HISTORY", "LATENCY LATEST", "MEMORY DOCTOR",
    "MEMORY MALLOC-STATS", "MEMORY STATS", "OBJECT ENCODING", "OBJECT FREQ", "OBJECT IDLETIME",
    "OBJECT REFCOUNT",
    "PTTL", "RANDOMKEY", "SCAN", "SLOWLOG GET", "SLOWLOG LEN", "SPOP", "SRANDMEMBER", "SSCAN", "TIME", "TTL",
    "ZRANDMEMBER", "ZSCAN",
  ]
  private static let repliesInAnyOrder: Set<String> = [
    "COMMAND", "COMMAND DOCS", "COMMAND INFO", "COMMAND LIST", "HGETALL", "HKEYS", "HVALS", "KEYS", "SDIFF",
    "SINTER", "SMEMBERS", "SUNION",
  ]

  /// Which of the arguments are channels, and whether they are patterns; nil for a command that has none to be permitted.
  /// Whoever may subscribe may end that, too.
  package var channels: (positions: KeyPositions, arePatterns: Bool)? {
    switch name {
    case "PUBLISH", "SPUBLISH": (.one, false)
    case "SUBSCRIBE", "SSUBSCRIBE": (.all, false)
    case "PSUBSCRIBE": (.all, true)
    default: nil
    }
  }

  /// What rules of access can name: every command by its place in `all`.
  package static let vocabulary: CommandVocabulary = {
    var categories: [String: CommandSet] = [:]
    for name in categoryNames { categories[name] = CommandSet(count: all.count) }
    for (number, declaration) in all.enumerated() {
      for name in declaration.categories { categories[name]?.insert(number) }
    }
    return CommandVocabulary(all.map(\.shownName), categories: categories)
  }()
}

extension Users {
  /// Lets everybody in as the default user, who may do everything.
  package convenience init() { self.init(CommandDeclaration.vocabulary) }

  /// Lets in those who know one of the passwords, and nobody if there are none. They may do everything.
  ///
  /// - Parameter credentials: a name may have several passwords. At most ``maximumCount``.
  package convenience init(_ credentials: [Credential]) {
    self.init(credentials, CommandDeclaration.vocabulary)
  }
}
