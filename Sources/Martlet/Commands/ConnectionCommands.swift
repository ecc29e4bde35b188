// Commands about the connection itself.

internal let connectionCommands: [CommandDeclaration] = [
  .init(
    "AUTH", arity: -2, [.noAuth, .fast, .sensitive], .connection, since: "1.0.0", "O(1)",
    "[username] password",
    "Gives the server its password."),
  .init(
    "CLIENT", arity: -2, [], .connection, since: "2.4.0", "Depends on the subcommand", "",
    "Commands about client connections."),
  .init(
    "CLIENT DURABILITY", arity: -2, [], .connection, since: CommandDeclaration.own, "O(1)",
    "[DEFAULT | ASYNC]",
    "With ASYNC, this connection's replies don't wait for the disk. Without an argument, returns what holds."),
  .init(
    "CLIENT GETNAME", arity: 2, [], .connection, since: "2.6.9", "O(1)", "", "Returns the connection's name."),
  .init(
    "CLIENT ID", arity: 2, [], .connection, since: "5.0.0", "O(1)", "", "Returns the connection's number."),
  .init(
    "CLIENT INFO", arity: 2, [], .connection, since: "6.2.0", "O(1)", "",
    "Returns what CLIENT LIST says of this one."),
  .init(
    "CLIENT LIST", arity: -2, [.admin], .connection, since: "2.4.0", "O(N), N being the clients", "",
    "Returns a line for each connected client."),
  .init(
    "CLIENT SETINFO", arity: 4, [], .connection, since: "7.2.0", "O(1)",
    "<LIB-NAME libname | LIB-VER libver>",
    "Says which client library this is."),
  .init(
    "CLIENT SETNAME", arity: 3, [], .connection, since: "2.6.9", "O(1)", "connection-name",
    "Names the connection, for CLIENT LIST."),
  .init(
    "CLIENT UNBLOCK", arity: -3, [.admin], .connection, since: "5.0.0", "O(1)", "client-id [TIMEOUT | ERROR]",
    "Has a client that waits for data go on as if its time were over, or with an error."),
  .init(
    "ECHO", arity: 2, [.fast], .connection, since: "1.0.0", "O(1)", "message", "Returns the message."),
  .init(
    "HELLO", arity: -1, [.noAuth, .fast, .sensitive], .connection, since: "6.0.0", "O(1)",
    "[protover [AUTH username password] [SETNAME clientname]]",
    "Chooses the protocol's version and says what the server is."),
  .init(
    "PING", arity: -1, [.fast], .connection, since: "1.0.0", "O(1)", "[message]",
    "Returns PONG, or the message: a sign of life."),
  .init(
    "QUIT", arity: -1, [.noAuth, .fast], .connection, since: "1.0.0", "O(1)", "", "Ends the connection."),
  .init(
    "RESET", arity: 1, [.noAuth, .fast], .connection, since: "6.2.0", "O(1)", "",
    "Makes the connection what it was when it began."),
  .init(
    "SELECT", arity: 2, [.fast], .connection, since: "1.0.0", "O(1)", "index",
    "Chooses the numbered database of the connection."),
]

extension Execution {
  mutating func ping(_ words: borrowing Words) {
    switch words.count {
    case 1: reply.simple("PONG")
    case 2: reply.bulk(words[1])
    default: replyArity("PING")
    }
  }

  mutating func select(_ words: borrowing Words, _ session: inout SessionState) {
    guard let number = words[1].decimal else { return reply.error(Self.notInteger) }
    guard number >= 0 && number < keyspace.databaseCount else {
      return reply.error("ERR DB index is out of range")
    }
    session.database = number
    session.client.update { $0.database = Int32(number) }
    reply.ok()
  }

  mutating func reset(_ session: inout SessionState) {
    session.reset(context)
    reply.version = session.protocolVersion
    reply.simple("RESET")
  }

  // MARK: AUTH and HELLO

  mutating func auth(_ words: borrowing Words, _ session: inout SessionState) {
    guard words.count <= 3 else { return reply.error(Self.syntaxError) }
    if words.count == 2 && context.users.defaultTakesAnyPassword {
      return reply.error(
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
          + "configuration is correct?")
    }
    let user =
      words.count == 2
      ? context.users.authenticate(words[1]) : context.users.authenticate(words[1], words[2])
    guard let user else {
      noteWrongPassword(words.count == 2 ? Users.defaultName : words[1].text, "AUTH", session)
      return replyWrongPassword()
    }
    session.become(user)
    reply.ok()
  }

  private mutating func replyWrongPassword() {
    reply.error("WRONGPASS invalid username-password pair or user is disabled.")
  }

  mutating func hello(_ words: borrowing Words, _ session: inout SessionState) {
    var version = session.protocolVersion
    if words.count > 1 {
      guard let number = words[1].decimal else {
        return reply.error("ERR Protocol version is not an integer or out of range")
      }
      guard number == 2 || number == 3 else { return reply.error("NOPROTO unsupported protocol version") }
      version = UInt8(number)
    }
    var user = session.user
    var name: String?
    var index = 2
    while index < words.count {
      if words[index].equalsIgnoringCase("auth"), index + 2 < words.count {
        user = context.users.authenticate(words[index + 1], words[index + 2])
        guard user != nil else {
          noteWrongPassword(words[index + 1].text, "HELLO", session)
          return replyWrongPassword()
        }
        index += 3
      } else if words[index].equalsIgnoringCase("setname"), index + 1 < words.count {
        guard Self.isClientName(words[index + 1]) else { return replyBadName() }
        name = words[index + 1].text
        index += 2
      } else {
        return reply.error("ERR Syntax error in HELLO option '", words[index], "'")
      }
    }
    guard let user else {
      return reply.error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> "
          + "option can be used to authenticate the client and select the RESP protocol version at the same time"
      )
    }
    session.become(user)
    session.protocolVersion = version
    reply.version = version
    session.client.update {
      $0.protocolVersion = version
      if let name { $0.name = name }
    }
    reply.map(7)
    reply.bulk("server")
    reply.bulk("redis")
    reply.bulk("version")
    reply.bulk(ServerContext.redisVersion)
    reply.bulk("proto")
    reply.integer(Int(version))
    reply.bulk("id")
    reply.integer(session.client.id)
    reply.bulk("mode")
    reply.bulk("standalone")
    reply.bulk("role")
    reply.bulk("master")
    reply.bulk("modules")
    reply.array(0)
  }

  // MARK: CLIENT

  mutating func client(_ words: borrowing Words, _ session: inout SessionState) {
    switch subcommand(words, session) {
    case "CLIENT DURABILITY": clientDurability(words, &session)
    case "CLIENT GETNAME":
      let name = session.client.update { $0.name }
      if name.isEmpty { reply.null() } else { reply.bulk(name) }
    case "CLIENT SETNAME":
      guard Self.isClientName(words[2]) else { return replyBadName() }
      let name = words[2].text
      session.client.update { $0.name = name }
      reply.ok()
    case "CLIENT SETINFO": setClientInfo(words, session)
    case "CLIENT ID": reply.integer(session.client.id)
    case "CLIENT INFO": reply.verbatim(session.client.line + "\n")
    case "CLIENT LIST": clientList(words)
    case "CLIENT UNBLOCK": unblockClient(words)
    default: break
    }
  }

  private mutating func clientDurability(_ words: borrowing Words, _ session: inout SessionState) {
    if words.count == 2 {
      return reply.bulk(session.waitsForDisk ? journal.durability.rawValue : "async")
    }
    guard words.count == 3 else { return reply.error(Self.syntaxError) }
    if words[2].equalsIgnoringCase("default") {
      session.waitsForDisk = true
    } else if words[2].equalsIgnoringCase("async") {
      session.waitsForDisk = false
    } else {
      return reply.error(Self.syntaxError)
    }
    reply.ok()
  }

  private mutating func unblockClient(_ words: borrowing Words) {
    var withError = false
    if words.count == 4 {
      withError = words[3].equalsIgnoringCase("error")
      guard withError || words[3].equalsIgnoringCase("timeout") else {
        return reply.error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
      }
    }
    guard words.count <= 4 else {
      return reply.error(
        "ERR unknown subcommand or wrong number of arguments for 'unblock'. Try CLIENT HELP.")
    }
    guard let client = words[2].decimal else { return reply.error(Self.notInteger) }
    reply.integer(context.blockedClients.unblock(client, withError: withError) ? 1 : 0)
  }

  private mutating func setClientInfo(_ words: borrowing Words, _ session: SessionState) {
    let isName = words[2].equalsIgnoringCase("lib-name")
    guard isName || words[2].equalsIgnoringCase("lib-ver") else {
      return reply.error("ERR Unrecognized option '", words[2], "'")
    }
    guard Self.isClientName(words[3]) else {
      return reply.error(
        isName
          ? "ERR lib-name cannot contain spaces, newlines or special characters."
          : "ERR lib-ver cannot contain spaces, newlines or special characters.")
    }
    let text = words[3].text
    session.client.update { if isName { $0.libraryName = text } else { $0.libraryVersion = text } }
    reply.ok()
  }

  private mutating func clientList(_ words: borrowing Words) {
    var clients = context.clients.all
    if words.count > 2 {
      if words[2].equalsIgnoringCase("id"), words.count > 3 {
        var wanted: Set<Int> = []
        for index in 3..<words.count {
          guard let id = words[index].decimal else { return reply.error("ERR Invalid client ID") }
          wanted.insert(id)
        }
        clients = clients.filter { wanted.contains($0.id) }
      } else if words[2].equalsIgnoringCase("type"), words.count == 4 {
        // Every client here is a normal one: no replicas, no subscribers.
        if !words[3].equalsIgnoringCase("normal") {
          guard
            words[3].equalsIgnoringCase("master") || words[3].equalsIgnoringCase("replica")
              || words[3].equalsIgnoringCase("slave") || words[3].equalsIgnoringCase("pubsub")
          else { return reply.error("ERR Unknown client type '", words[3], "'") }
          clients = []
        }
      } else {
        return reply.error(Self.syntaxError)
      }
    }
    reply.verbatim(clients.map { $0.line + "\n" }.joined())
  }

  /// The full name of the subcommand that the second word is, as declared; nil, with the reply saying why, when there
  /// is no such one or it has too few or too many words. Nil as well for HELP, which is replied to. The call counts as the
  /// subcommand's.
  mutating func subcommand(_ words: borrowing Words, _ session: SessionState) -> String? {
    guard let place = subcommandPlace(words, session) else { return nil }
    let name = CommandDeclaration.all[place].name
    if reply.command >= 0 {
      counters.value.calls.add(reply.command, .max)
      counters.value.calls.add(place)
      reply.command = place
    }
    guard words[1].equalsIgnoringCase("help") else { return name }
    if let command = commands.find(words[0]) { replyHelp(CommandDeclaration.all[command.index]) }
    return nil
  }

  /// The place of the declaration of the subcommand that the second word is; nil, with the reply saying why, when there is no
  /// such one or it has too few or too many words.
  mutating func subcommandPlace(_ words: borrowing Words, _ session: SessionState) -> Int? {
    let prefix = words[0].text.uppercased() + " "
    let name = prefix + words[1].extracting(first: 128).text.uppercased()
    guard let place = CommandDeclaration.place(name) else {
      var text = ByteQueue()
      text.append("ERR unknown subcommand '")
      text.append(words[1].shownInError)
      text.append(text: "'. Try \(prefix)HELP.")
      reply.error(text.bytes)
      return nil
    }
    let arity = CommandDeclaration.all[place].arity
    guard arity > 0 ? words.count == arity : words.count >= -arity else {
      replyArity(name)
      return nil
    }
    session.client.noteCommand(place)
    return place
  }

  private mutating func replyBadName() {
    reply.error("ERR Client names cannot contain spaces, newlines or special characters.")
  }

  /// The longest name of a client or its library, in bytes.
  private static let maximumName = 1024

  /// Names are visible ASCII without spaces.
  private static func isClientName(_ name: RawSpan) -> Bool {
    guard name.byteCount <= maximumName else { return false }
    for index in 0..<name.byteCount where !(0x21...0x7e).contains(name.byte(index)) { return false }
    return true
  }
}
