// Commands about who the clients are and what they may do: Redis's access control lists.

internal let accessCommands: [CommandDeclaration] = [
  .init(
    "ACL", arity: -2, [], .server, since: "6.0.0", "Depends on the subcommand", "",
    "Commands about users."),
  .init(
    "ACL CAT", arity: -2, [], .server, since: "6.0.0", "O(N), N being the commands", "[category]",
    "Returns the categories of commands, or the commands of one."),
  .init(
    "ACL DELUSER", arity: -3, [.admin], .server, since: "6.0.0", "O(N), N being the clients",
    "username [username ...]",
    "Deletes users and ends their connections; returns how many there were."),
  .init(
    "ACL DRYRUN", arity: -4, [.admin], .server, since: "7.0.0", "O(N), N being the user's rules",
    "username command [arg ...]",
    "Returns whether a user could run a command, without running it."),
  .init(
    "ACL GENPASS", arity: -2, [], .server, since: "6.0.0", "O(1)", "[bits]",
    "Returns a password made by chance, of 256 bits or as many as said."),
  .init(
    "ACL GETUSER", arity: 3, [.admin], .server, since: "6.0.0", "O(N), N being the user's rules", "username",
    "Returns the rules of a user."),
  .init(
    "ACL LIST", arity: 2, [.admin], .server, since: "6.0.0", "O(N), N being the users", "",
    "Returns all users with their rules, as the file of users has them."),
  .init(
    "ACL LOAD", arity: 2, [.admin], .server, since: "6.0.0", "O(N), N being the users", "",
    "Puts the users of the file in the place of those whom commands have defined."),
  .init(
    "ACL LOG", arity: -2, [.admin], .server, since: "6.0.0", "O(N), N being the entries", "[count | RESET]",
    "Returns what was denied to clients lately, or forgets it."),
  .init(
    "ACL SAVE", arity: 2, [.admin], .server, since: "6.0.0", "O(N), N being the users", "",
    "Writes the users whom commands have defined to the file of users in the data folder."),
  .init(
    "ACL SETUSER", arity: -3, [.admin, .sensitive], .server, since: "6.0.0", "O(N), N being the rules",
    "username [rule ...]",
    "Makes a user, or changes what one may do."),
  .init(
    "ACL USERS", arity: 2, [.admin], .server, since: "6.0.0", "O(N), N being the users", "",
    "Returns the names of all users."),
  .init(
    "ACL WHOAMI", arity: 2, [], .server, since: "6.0.0", "O(1)", "",
    "Returns the name of the user that the connection is."),
]

extension Execution {
  mutating func acl(_ words: borrowing Words, _ session: SessionState) -> DispatchOutcome {
    // Whether the client may no more do what it does.
    var isOver = false
    switch subcommand(words, session) {
    case "ACL CAT": listCategories(words)
    case "ACL DELUSER": deleteUsers(words, session, &isOver)
    case "ACL DRYRUN": tryRules(words)
    case "ACL GENPASS": makePassword(words)
    case "ACL GETUSER": showUser(words)
    case "ACL LIST": reply.bulks(context.users.lines(ofAll: true))
    case "ACL LOAD": loadUsers(session, &isOver)
    case "ACL LOG": showDenials(words)
    case "ACL SAVE": saveUsers()
    case "ACL SETUSER": changeUser(words, session, &isOver)
    case "ACL USERS": reply.bulks(context.users.all.map(\.nameBytes))
    case "ACL WHOAMI":
      let name = session.user?.nameBytes ?? Array(Users.defaultName.utf8)
      reply.bulk(name.span.raw)
    default: break
    }
    return isOver ? .close : .done
  }

  /// Has clients heed what has become of a user.
  ///
  /// - Parameter isOver: whether the one that asks is to be closed behind the reply.
  private func noteChange(of user: User, _ session: SessionState, _ isOver: inout Bool) {
    if context.noteChange(of: user, by: session.client) { isOver = true }
  }

  private mutating func listCategories(_ words: borrowing Words) {
    if words.count == 2 {
      reply.array(CommandDeclaration.categoryNames.count)
      for name in CommandDeclaration.categoryNames { reply.bulk(name) }
      return
    }
    guard words.count == 3 else { return replyWrongUse(words) }
    let name = words[2].text.lowercased()
    guard CommandDeclaration.categoryNames.contains(name) else {
      return reply.error("ERR Unknown category '\(words[2].extracting(first: 128).text)'")
    }
    let members = CommandDeclaration.all.filter { $0.categories.contains(name) }
    reply.array(members.count)
    for member in members { reply.bulk(member.shownName) }
  }

  /// What Redis says where a subcommand has too many arguments.
  mutating func replyWrongUse(_ words: borrowing Words) {
    reply.error(
      "ERR unknown subcommand or wrong number of arguments for '\(words[1].extracting(first: 128).text)'. Try "
        + "\(words[0].text.uppercased()) HELP.")
  }

  private mutating func makePassword(_ words: borrowing Words) {
    guard words.count <= 3 else { return replyWrongUse(words) }
    var bits = 256
    if words.count == 3 {
      guard let number = words[2].decimal else { return reply.error(Self.notInteger) }
      guard (1...4096).contains(number) else {
        return reply.error(
          "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096"
        )
      }
      bits = number
    }
    // Not from the lane's own source, whose next numbers can be told from the last ones.
    var system = SystemRandomNumberGenerator()
    let digits = Array("0123456789abcdef".utf8)
    let password = (0..<(bits + 3) / 4).map { _ in
      let byte: UInt8 = system.next()
      return digits[Int(byte & 15)]
    }
    reply.bulk(password.span.raw)
  }

  // MARK: Users

  private mutating func changeUser(
    _ words: borrowing Words, _ session: SessionState, _ isOver: inout Bool
  ) {
    let name = words[2]
    guard !name.hasSpaceOrNull else {
      return reply.error("ERR Usernames can't contain spaces or null characters")
    }
    guard name.byteCount <= Users.maximumNameBytes else {
      return reply.error("ERR the name of a user may have \(Users.maximumNameBytes) bytes")
    }
    var given: [[UInt8]] = []
    for index in 3..<max(3, words.count) { given.append(words[index].array) }
    let rules: [[UInt8]]
    do { rules = try UserRules.joinSelectors(given) } catch {
      let word = String(decoding: error.word, as: UTF8.self)
      return reply.error("ERR Unmatched parenthesis in acl selector starting at '\(word)'.")
    }
    do {
      let user = try context.users.change(name.array, rules)
      noteChange(of: user, session, &isOver)
      reply.ok()
    } catch {
      switch error {
      case .rule(let index, let problem):
        let rule = String(decoding: rules[index].prefix(128), as: UTF8.self)
        reply.error("ERR Error in ACL SETUSER modifier '\(rule)': \(problem.text)")
      case .tooManyUsers: reply.error("ERR there may be \(Users.maximumCount) users")
      case .tooManyPasswords:
        reply.error("ERR all users together may have \(Users.maximumCount) passwords")
      }
    }
  }

  private mutating func deleteUsers(
    _ words: borrowing Words, _ session: SessionState, _ isOver: inout Bool
  ) {
    for index in 2..<words.count where words[index].equalsExactly("default") {
      return reply.error("ERR The 'default' user cannot be removed")
    }
    var count = 0
    for index in 2..<words.count {
      guard let user = context.users.remove(words[index]) else { continue }
      noteChange(of: user, session, &isOver)
      count += 1
    }
    reply.integer(count)
  }

  private mutating func showUser(_ words: borrowing Words) {
    guard let user = context.users.find(words[2]) else { return reply.null() }
    let rules = user.rules
    reply.map(6)
    reply.bulk("flags")
    reply.set(rules.takesAnyPassword ? 2 : 1)
    if rules.isOn { reply.bulk("on") } else { reply.bulk("off") }
    if rules.takesAnyPassword { reply.bulk("nopass") }
    reply.bulk("passwords")
    reply.array(rules.passwords.count)
    for password in rules.passwords { reply.bulk(password.text) }
    show(rules.permissions)
    reply.bulk("selectors")
    reply.array(rules.selectors.count)
    for selector in rules.selectors {
      reply.map(3)
      show(selector)
    }
  }

  /// Three pairs of a map.
  private mutating func show(_ permissions: Permissions) {
    reply.bulk("commands")
    reply.bulk(permissions.commandsText)
    reply.bulk("keys")
    let keys = permissions.keysText
    reply.bulk(keys.span.raw)
    reply.bulk("channels")
    let channels = permissions.channelsText
    reply.bulk(channels.span.raw)
  }

  private mutating func tryRules(_ words: borrowing Words) {
    guard let user = context.users.find(words[2]) else {
      return reply.error("ERR User '\(words[2].extracting(first: 128).text)' not found")
    }
    let request = words.from(3)
    guard let command = commands.find(request[0]) else {
      return reply.error("ERR Command '\(request[0].extracting(first: 128).text)' not found")
    }
    let number = CommandDeclaration.all[command.index].number(of: request, at: command.index)
    guard let number else {
      return reply.error("ERR Command '\(request[0].extracting(first: 128).text)' not found")
    }
    let arity = CommandDeclaration.all[number].arity
    guard arity > 0 ? request.count == arity : request.count >= -arity else {
      return replyArity(CommandDeclaration.all[number].name)
    }
    let name = CommandDeclaration.all[number].shownName
    let denial =
      command.flags.contains(.noAuth) ? nil : user.rules.denial(AccessRequest(number, request), request)
    switch denial {
    case nil: reply.ok()
    case .command: reply.bulk("This user has no permissions to run the '\(name)' command")
    case .key(let position):
      reply.bulk("This user has no permissions to access the '\(request[position].text)' key")
    case .channel(let position):
      reply.bulk("This user has no permissions to access the '\(request[position].text)' channel")
    }
  }

  // MARK: The file of users

  private static var noUsersFile: String {
    "ERR this server keeps its data in memory only, so there is no file of users"
  }

  private mutating func saveUsers() {
    guard let path = context.usersPath else { return reply.error(Self.noUsersFile) }
    var text = ByteQueue()
    for line in context.users.lines(ofAll: false) {
      text.append(line.span.raw)
      text.append(byte: UInt8(ascii: "\n"))
    }
    do {
      try SecretFile.replace(path, by: text.bytes)
      reply.ok()
    } catch {
      reply.error("ERR the users could not be written: \(error)")
    }
  }

  private mutating func loadUsers(_ session: SessionState, _ isOver: inout Bool) {
    guard context.usersPath != nil else { return reply.error(Self.noUsersFile) }
    do {
      isOver = try context.loadUsers(by: session.client)
      reply.ok()
    } catch {
      reply.error("ERR \(error)")
    }
  }

  // MARK: ACL LOG

  private mutating func showDenials(_ words: borrowing Words) {
    guard words.count <= 3 else { return replyWrongUse(words) }
    var count = 10
    if words.count == 3 {
      if words[2].equalsIgnoringCase("reset") {
        context.accessLog.removeAll()
        return reply.ok()
      }
      guard let number = words[2].decimal else { return reply.error(Self.notInteger) }
      count = max(0, number)
    }
    let entries = context.accessLog.entries.prefix(count)
    let now = WallClock.systemMicroseconds() / 1000
    reply.array(entries.count)
    for entry in entries {
      reply.map(10)
      reply.bulk("count")
      reply.integer(entry.count)
      reply.bulk("reason")
      reply.bulk(entry.reason.rawValue)
      reply.bulk("context")
      reply.bulk(entry.context.rawValue)
      reply.bulk("object")
      reply.bulk(entry.object.span.raw)
      reply.bulk("username")
      reply.bulk(entry.user)
      reply.bulk("age-seconds")
      reply.thousandths(Int(max(0, now - entry.created)))
      reply.bulk("client-info")
      reply.bulk(entry.client)
      reply.bulk("entry-id")
      reply.integer(entry.number)
      reply.bulk("timestamp-created")
      reply.integer(Int(entry.created))
      reply.bulk("timestamp-last-updated")
      reply.integer(Int(entry.updated))
    }
  }
}
