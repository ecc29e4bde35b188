// OBJECT: what is known about a value besides itself.

internal let objectCommands: [CommandDeclaration] = [
  .init(
    "OBJECT", arity: -2, [], .generic, since: "2.2.3", "Depends on the subcommand", "",
    "Commands about what is known of a value besides itself."),
  .init(
    "OBJECT ENCODING", arity: 3, [.readOnly], keys: .second, .generic, since: "2.2.3", "O(1)", "key",
    "Returns how a value is kept in memory."),
  .init(
    "OBJECT FREQ", arity: 3, [.readOnly], keys: .second, .generic, since: "4.0.0", "O(1)", "key",
    "Refused, since how often a key is used is not counted."),
  .init(
    "OBJECT HELP", arity: 2, [], .generic, since: "6.2.0", "O(1)", "", "Returns what OBJECT can tell."),
  .init(
    "OBJECT IDLETIME", arity: 3, [.readOnly], keys: .second, .generic, since: "2.2.3", "O(1)", "key",
    "Returns for how many seconds a key has not been read or written."),
  .init(
    "OBJECT REFCOUNT", arity: 3, [.readOnly], keys: .second, .generic, since: "2.2.3", "O(1)", "key",
    "Returns 1: no two keys share a value."),
  .init(
    "OBJECT VERSION", arity: 3, [.readOnly], keys: .second, .generic, since: CommandDeclaration.own, "O(1)",
    "key",
    "Returns the version of the last change of a key, for SET with IFVERSION; 0 when the key isn't there."),
]

extension CommandDeclaration.KeyPositions {
  /// The one behind the name of a subcommand.
  static let second = Self(first: 2, last: 2, step: 1)
}

extension Item {
  /// Up to this length, in bytes, Redis keeps a string and what it knows of it as one.
  private static var longestEmbedded: Int { 44 }

  /// Redis's name for how the value is kept. Of a string it says what Redis would make of it.
  var encoding: StaticString {
    switch kind {
    case .string:
      if value.decimal != nil { return "int" }
      return valueCount <= Self.longestEmbedded ? "embstr" : "raw"
    case .set, .hash: return members.isPacked ? "listpack" : "hashtable"
    case .sortedSet: return members.isPacked ? "listpack" : "skiplist"
    case .list: return list.isPacked ? "listpack" : "quicklist"
    }
  }
}

extension Execution {
  mutating func object(_ words: borrowing Words, _ session: SessionState) {
    guard let name = subcommand(words, session) else { return }
    if name == "OBJECT HELP" { return objectHelp() }
    let item = look(keyspace.place(words[2]), session.database)
    if name == "OBJECT VERSION" { return reply.integer(Int(item?.version ?? 0)) }
    guard let item else { return reply.null() }
    switch name {
    case "OBJECT ENCODING": reply.bulk(item.encoding)
    case "OBJECT IDLETIME": reply.integer(Int(item.lastAccess.age(keyspace.accessTime) / 1000))
    case "OBJECT REFCOUNT": reply.integer(1)
    default:
      reply.error(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when "
          + "switching between policies at runtime LRU and LFU data will take some time to adjust.")
    }
  }

  private mutating func objectHelp() {
    let lines: [StaticString] = [
      "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "ENCODING <key>",
      "    Return the kind of internal representation used in order to store the value",
      "    associated with a <key>.",
      "FREQ <key>",
      "    Return the access frequency index of the <key>. The returned integer is",
      "    proportional to the logarithm of the recent access frequency of the key.",
      "IDLETIME <key>",
      "    Return the idle time of the <key>, that is the approximated number of",
      "    seconds elapsed since the last access to the key.",
      "REFCOUNT <key>",
      "    Return the number of references of the value associated with the specified",
      "    <key>.",
      "VERSION <key>",
      "    Return the version of the last change of the <key>, 0 if it does not exist.",
      "HELP",
      "    Print this help.",
    ]
    reply.array(lines.count)
    for line in lines { reply.simple(line) }
  }
}
