// COMMAND: what the declarations say, told to clients.

internal let commandCommands: [CommandDeclaration] = [
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
    "COMMAND GETKEYSANDFLAGS", arity: -4, [], .server, since: "7.0.0", "O(N), N being the arguments",
    "command [arg ...]", "Returns which arguments of a command are keys, and what it does with each."),
  .init(
    "COMMAND INFO", arity: -2, [], .server, since: "2.8.13", "O(N), N being the commands",
    "[command-name ...]",
    "Returns what there is to know of some commands."),
  .init(
    "COMMAND LIST", arity: -2, [], .server, since: "7.0.0", "O(N), N being the commands",
    "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
    "Returns the names of all commands."),
]

extension Execution {
  mutating func command(_ words: borrowing Words, _ session: SessionState) {
    let commands = CommandDeclaration.commands
    guard words.count > 1 else {
      reply.array(commands.count)
      for declaration in commands { commandInfo(declaration) }
      return
    }
    switch subcommand(words, session) {
    case "COMMAND COUNT": reply.integer(commands.count)
    case "COMMAND LIST": commandList(words, commands)
    case "COMMAND GETKEYS": getKeys(words, withFlags: false)
    case "COMMAND GETKEYSANDFLAGS": getKeys(words, withFlags: true)
    case "COMMAND INFO":
      if words.count == 2 {
        reply.array(commands.count)
        for declaration in commands { commandInfo(declaration) }
      } else {
        reply.array(words.count - 2)
        for index in 2..<words.count {
          if let found = CommandDeclaration.find(words[index]) {
            commandInfo(found)
          } else {
            reply.null()
          }
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
        let category = filter.text.lowercased()
        chosen = CommandDeclaration.all.filter { $0.categories.contains(category) }
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

  private mutating func getKeys(_ words: borrowing Words, withFlags: Bool) {
    let request = words.from(2)
    guard let found = commands.find(request[0]),
      let number = CommandDeclaration.all[found.index].number(of: request, at: found.index)
    else { return reply.error("ERR Invalid command specified") }
    let declaration = CommandDeclaration.all[number]
    let specifications = CommandDeclaration.keySpecifications[number].filter { !$0.flags.contains("not_key") }
    guard !specifications.isEmpty else { return reply.error("ERR The command has no key arguments") }
    guard declaration.arity > 0 ? request.count == declaration.arity : request.count >= -declaration.arity
    else { return reply.error("ERR Invalid number of arguments specified for command") }
    let keys = AccessRequest(number, request).keys
    guard !keys.isEmpty else { return reply.error("ERR Invalid arguments specified for command") }
    reply.array(keys.count)
    for key in keys {
      guard withFlags else {
        reply.bulk(request[key.position])
        continue
      }
      reply.array(2)
      reply.bulk(request[key.position])
      let specification = specifications.first { $0.positions(request).contains(key.position) }
      // A key that only the command's own words tell of is written to.
      let flags = Self.flags(specification?.flags ?? ["OW", "update"], declaration.name, key.access)
      reply.set(flags.count)
      for flag in flags { reply.simple(flag) }
    }
  }

  /// What becomes of a key, where the request says more than the command alone.
  private static func flags(_ flags: [String], _ name: String, _ access: KeyAccess) -> [String] {
    guard flags.contains("variable_flags") else { return flags }
    switch (name, access) {
    case ("SET", .write): return ["OW", "update"]
    case ("BITFIELD", .read): return ["RO", "access"]
    default: return flags.filter { $0 != "variable_flags" }
    }
  }

  // MARK: COMMAND INFO

  /// One command as `COMMAND INFO` tells it.
  private mutating func commandInfo(_ declaration: CommandDeclaration) {
    reply.array(10)
    reply.bulk(declaration.shownName)
    reply.integer(declaration.arity)
    let flags = (declaration.isAboutChannels ? ["pubsub"] : []) + declaration.flags.names
    reply.set(flags.count)
    for flag in flags { reply.simple(flag) }
    reply.integer(declaration.keys.first)
    reply.integer(declaration.keys.last)
    reply.integer(declaration.keys.step)
    let categories = declaration.categories
    reply.set(categories.count)
    for category in categories { reply.simple("@" + category) }
    let tips = declaration.tips
    reply.array(tips.count)
    for tip in tips { reply.bulk(tip) }
    let specifications = declaration.keySpecifications
    reply.array(specifications.count)
    for specification in specifications { show(specification) }
    let subcommands = declaration.subcommands
    reply.array(subcommands.count)
    for subcommand in subcommands { commandInfo(subcommand) }
  }

  private mutating func show(_ specification: KeySpecification) {
    reply.map(3)
    reply.bulk("flags")
    reply.set(specification.flags.count)
    for flag in specification.flags { reply.simple(flag) }
    reply.bulk("begin_search")
    switch specification.start {
    case .position(let position):
      show(type: "index", [("index", .number(position))])
    case .keyword(let word, let from):
      show(type: "keyword", [("keyword", .text(word)), ("startfrom", .number(from))])
    case .unknown: show(type: "unknown", [])
    }
    reply.bulk("find_keys")
    switch specification.extent {
    case .range(let last, let step):
      show(type: "range", [("lastkey", .number(last)), ("keystep", .number(step)), ("limit", .number(0))])
    case .counted(let first, let step):
      show(
        type: "keynum",
        [("keynumidx", .number(0)), ("firstkey", .number(first)), ("keystep", .number(step))])
    case .unknown: show(type: "unknown", [])
    }
  }

  private enum Detail {
    case number(Int)
    case text(String)
  }

  private mutating func show(type: String, _ details: [(name: String, value: Detail)]) {
    reply.map(2)
    reply.bulk("type")
    reply.bulk(type)
    reply.bulk("spec")
    reply.map(details.count)
    for detail in details {
      reply.bulk(detail.name)
      switch detail.value {
      case .number(let number): reply.integer(number)
      case .text(let text): reply.bulk(text)
      }
    }
  }

  // MARK: COMMAND DOCS

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
        for flag in flags { reply.simple(flag) }
      }
      if !isPlain {
        reply.bulk("arguments")
        argumentDocs(argument.parts)
      }
    }
  }

  // MARK: HELP

  /// What `HELP` behind a name like CLIENT returns: the subcommands, with what they do.
  mutating func replyHelp(_ declaration: CommandDeclaration) {
    let subcommands = declaration.subcommands
    reply.array(1 + 2 * subcommands.count)
    reply.simple("\(declaration.name) <subcommand> [<arg> ...]. The subcommands are:")
    for subcommand in subcommands {
      let name = subcommand.name.dropFirst(declaration.name.count + 1)
      reply.simple(subcommand.syntax.isEmpty ? String(name) : "\(name) \(subcommand.syntax)")
      reply.simple("    " + subcommand.summary)
    }
  }
}

extension CommandDeclaration.Flags {
  /// Redis's names of those flags that it knows.
  fileprivate var names: [String] {
    let names: [(CommandDeclaration.Flags, String)] = [
      (.write, "write"), (.readOnly, "readonly"), (.denyOOM, "denyoom"), (.admin, "admin"),
      (.noAuth, "no_auth"), (.fast, "fast"), (.noMulti, "no_multi"), (.blocking, "blocking"),
      (.movableKeys, "movablekeys"),
    ]
    return names.filter { contains($0.0) }.map(\.1)
  }
}
