// All declarations together, and what is found in them by name. It is put together once.

extension CommandDeclaration {
  /// Every command of the Redis protocol that there is, subcommands behind their command.
  public static let all: [CommandDeclaration] = withHelp(groups.flatMap { $0 })

  private static let groups: [[CommandDeclaration]] = [
    accessCommands, connectionCommands, waitCommands, transactionCommands, pubSubCommands, serverCommands,
    checkpointCommands, commandCommands, configCommands, infoCommands, observationCommands, debugCommands,
    genericCommands, sortCommands, objectCommands, numberedDatabaseCommands, stringCommands,
    severalStringCommands, hashCommands,
    fieldExpiryCommands, listCommands, blockingCommands, setCommands, setOperationCommands, bitmapCommands,
    bitfieldCommands, hyperLogLogCommands, geoCommands, sortedSetCommands, sortedSetRangeCommands,
    sortedSetAlgebraCommands,
  ]

  /// Puts behind the subcommands of each command the one that tells of them.
  private static func withHelp(_ declared: [CommandDeclaration]) -> [CommandDeclaration] {
    var lastPlaces: [String: Int] = [:]
    for (place, declaration) in declared.enumerated() where declaration.isSubcommand {
      lastPlaces[String(declaration.name.prefix { $0 != " " })] = place
    }
    let names = Set(declared.map(\.name))
    var all: [CommandDeclaration] = []
    for (place, declaration) in declared.enumerated() {
      all.append(declaration)
      let parent = String(declaration.name.prefix { $0 != " " })
      guard lastPlaces[parent] == place, !names.contains(parent + " HELP") else { continue }
      all.append(
        CommandDeclaration(
          parent + " HELP", arity: 2, [], declaration.group, since: helpSince[parent] ?? own, "O(1)", "",
          "Returns what the subcommands of \(parent) do."))
    }
    return all
  }

  /// The versions of Redis that introduced them.
  private static let helpSince = [
    "ACL": "6.0.0", "CLIENT": "5.0.0", "COMMAND": "5.0.0", "CONFIG": "5.0.0", "LATENCY": "2.8.13",
    "MEMORY": "4.0.0",
    "OBJECT": "6.2.0", "PUBSUB": "6.2.0", "SLOWLOG": "6.2.0",
  ]

  /// Those that aren't subcommands.
  static let commands: [CommandDeclaration] = all.filter { !$0.isSubcommand }

  /// The places in `all`, by name.
  private static let places: [String: Int] = Dictionary(
    uniqueKeysWithValues: all.enumerated().map { ($1.name, $0) })

  /// The specifications of the keys of each.
  static let keySpecifications: [[KeySpecification]] = all.map(\.keySpecifications)

  private static let families: [String: [CommandDeclaration]] = Dictionary(
    grouping: all.filter(\.isSubcommand), by: { String($0.name.prefix { $0 != " " }) })

  /// The declarations of the subcommands.
  public var subcommands: [CommandDeclaration] { isSubcommand ? [] : Self.families[name] ?? [] }

  /// The name as Redis shows it: `get`, `client|info`.
  var shownName: String { String(name.lowercased().map { $0 == " " ? "|" : $0 }) }

  /// Whether this is a subcommand like `CLIENT GETNAME`.
  public var isSubcommand: Bool { name.utf8.contains(UInt8(ascii: " ")) }

  /// The place in `all` of the declaration with a name in capitals, a subcommand's with a space.
  static func place(_ name: String) -> Int? { places[name] }

  /// The command or subcommand by the name that clients use: `get`, `client|info`.
  static func find(_ name: RawSpan) -> CommandDeclaration? {
    let wanted = String(name.extracting(first: 64).text.uppercased().map { $0 == "|" ? " " : $0 })
    return places[wanted].map { all[$0] }
  }

  /// The subcommand that the second word of a request names; nil when there is none.
  func subcommand(_ words: borrowing Words) -> CommandDeclaration? {
    guard let place = number(of: words, at: -1), place >= 0 else { return nil }
    return Self.all[place]
  }

  /// The place in `all` of what a request asks for: of its subcommand, if it has one; nil if it should have and names none.
  /// Then the request is refused, whoever it is from.
  func number(of words: borrowing Words, at index: Int) -> Int? {
    guard words.count > 1, !subcommands.isEmpty else { return index }
    return Self.place("\(name) \(words[1].extracting(first: 128).text.uppercased())")
  }
}
