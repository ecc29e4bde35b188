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
    "CLIENT CACHING", arity: 3, [], .connection, since: "6.0.0", "O(1)", "<YES | NO>",
    "Says whether what the next command reads is tracked."),
  .init(
    "CLIENT CAPA", arity: -3, [], .connection, since: "Valkey 8.0.0", "O(1)", "capability [capability ...]",
    "Says what the client can do, of which nothing matters here."),
  .init(
    "CLIENT DURABILITY", arity: -2, [], .connection, since: CommandDeclaration.own, "O(1)",
    "[DEFAULT | ASYNC]",
    "With ASYNC, this connection's replies don't wait for the disk. Without an argument, returns what holds."),
  .init(
    "CLIENT GETNAME", arity: 2, [], .connection, since: "2.6.9", "O(1)", "", "Returns the connection's name."),
  .init(
    "CLIENT GETREDIR", arity: 2, [], .connection, since: "6.0.0", "O(1)", "",
    "Returns the number of the client that is told in place of this one; 0 for none, -1 without tracking."),
  .init(
    "CLIENT ID", arity: 2, [], .connection, since: "5.0.0", "O(1)", "", "Returns the connection's number."),
  .init(
    "CLIENT INFO", arity: 2, [], .connection, since: "6.2.0", "O(1)", "",
    "Returns what CLIENT LIST says of this one."),
  .init(
    "CLIENT KILL", arity: -3, [.admin], .connection, since: "2.4.0", "O(N), N being the clients",
    "<ip:port | ID client-id [client-id ...] | TYPE type | USER username | ADDR ip:port | LADDR ip:port | "
      + "MAXAGE seconds | IDLE seconds | NAME name | FLAGS flags | DB index | IP ip | LIB-NAME name | "
      + "LIB-VER version> [SKIPME yes-or-no]",
    "Closes the connections of clients."),
  .init(
    "CLIENT LIST", arity: -2, [.admin], .connection, since: "2.4.0", "O(N), N being the clients",
    "[TYPE type] [ID client-id [client-id ...]] [USER username] [ADDR ip:port] [LADDR ip:port] "
      + "[SKIPME yes-or-no] [MAXAGE seconds] [IDLE seconds] [NAME name] [FLAGS flags] [DB index] [IP ip] "
      + "[LIB-NAME name] [LIB-VER version]",
    "Returns a line for each connected client, or for some of them."),
  .init(
    "CLIENT NO-EVICT", arity: 3, [.admin], .connection, since: "7.0.0", "O(1)", "<ON | OFF>",
    "Asks not to be closed for want of memory, which no client is."),
  .init(
    "CLIENT NO-TOUCH", arity: 3, [], .connection, since: "7.2.0", "O(1)", "<ON | OFF>",
    "Has what this connection reads not count as used."),
  .init(
    "CLIENT PAUSE", arity: -3, [.admin], .connection, since: "3.0.0", "O(1)", "timeout [WRITE | ALL]",
    "Has the requests of all clients, or those that write, wait for some milliseconds."),
  .init(
    "CLIENT REPLY", arity: 3, [.noMulti], .connection, since: "3.2.0", "O(1)", "<ON | OFF | SKIP>",
    "Says whether the connection wants replies."),
  .init(
    "CLIENT SETINFO", arity: 4, [], .connection, since: "7.2.0", "O(1)",
    "<LIB-NAME libname | LIB-VER libver>",
    "Says which client library this is."),
  .init(
    "CLIENT SETNAME", arity: 3, [], .connection, since: "2.6.9", "O(1)", "connection-name",
    "Names the connection, for CLIENT LIST."),
  .init(
    "CLIENT TRACKING", arity: -3, [], .connection, since: "6.0.0", "O(1)",
    "<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
    "Has the connection told when what it has read may have changed."),
  .init(
    "CLIENT TRACKINGINFO", arity: 2, [], .connection, since: "6.2.0", "O(1)", "",
    "Returns how the connection tracks what it reads."),
  .init(
    "CLIENT UNBLOCK", arity: -3, [.admin], .connection, since: "5.0.0", "O(1)", "client-id [TIMEOUT | ERROR]",
    "Has a client that waits for data go on as if its time were over, or with an error."),
  .init(
    "CLIENT UNPAUSE", arity: 2, [.admin], .connection, since: "6.2.0", "O(N), N being the clients that wait",
    "", "Ends a pause of the clients."),
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
  mutating func ping(_ words: borrowing Words, _ session: SessionState) {
    guard words.count <= 2 else { return replyArity("PING") }
    if session.isSubscriber && reply.version == 2 {
      // In the shape of what else such a client is sent.
      reply.array(2)
      reply.bulk("pong")
      reply.bulk(words.count == 2 ? words[1] : RawSpan())
    } else if words.count == 2 {
      reply.bulk(words[1])
    } else {
      reply.simple("PONG")
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
    session.client.queue?.setProtocolVersion(version)
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

  mutating func client(_ words: borrowing Words, _ session: inout SessionState) -> DispatchOutcome {
    switch subcommand(words, session) {
    case "CLIENT CACHING": clientCaching(words, session)
    // `redirect`, the only one there is, is about replicas.
    case "CLIENT CAPA": reply.ok()
    case "CLIENT DURABILITY": clientDurability(words, &session)
    case "CLIENT GETREDIR": clientRedirection(session)
    case "CLIENT TRACKING": clientTracking(words, &session)
    case "CLIENT TRACKINGINFO": clientTrackingInfo(session)
    case "CLIENT GETNAME":
      let name = session.client.update { $0.name }
      if name.isEmpty { reply.null() } else { reply.bulk(name) }
    case "CLIENT SETNAME":
      if Self.isClientName(words[2]) {
        let name = words[2].text
        session.client.update { $0.name = name }
        reply.ok()
      } else {
        replyBadName()
      }
    case "CLIENT SETINFO": setClientInfo(words, session)
    case "CLIENT ID": reply.integer(session.client.id)
    case "CLIENT INFO": reply.verbatim(session.client.line + "\n")
    case "CLIENT KILL": return clientKill(words, session) ? .close : .done
    case "CLIENT LIST": clientList(words, session)
    case "CLIENT NO-EVICT": clientNoEvict(words, session)
    case "CLIENT NO-TOUCH": clientNoTouch(words, &session)
    case "CLIENT PAUSE": clientPause(words)
    case "CLIENT REPLY": clientReply(words, &session)
    case "CLIENT UNBLOCK": unblockClient(words)
    case "CLIENT UNPAUSE": clientUnpause()
    default: break
    }
    return .done
  }

  private mutating func clientDurability(_ words: borrowing Words, _ session: inout SessionState) {
    if words.count == 2 {
      return reply.bulk(session.waitsForDisk ? journal.durability.rawValue : "async")
    }
    guard words.count == 3 else { return reply.error(Self.syntaxError) }
    if words[2].equalsIgnoringCase("default") {
      session.waitsForDisk = true
      session.client.queue?.setWaitsForDisk(true)
    } else if words[2].equalsIgnoringCase("async") {
      session.waitsForDisk = false
      session.client.queue?.setWaitsForDisk(false)
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

  private mutating func clientReply(_ words: borrowing Words, _ session: inout SessionState) {
    if words[2].equalsIgnoringCase("on") {
      session.attend([.silent, .skips], false)
      reply.ok()
    } else if words[2].equalsIgnoringCase("off") {
      session.attend(.silent, true)
    } else if words[2].equalsIgnoringCase("skip") {
      if !session.attention.contains(.silent) { session.attend(.skipsNext, true) }
    } else {
      reply.error(Self.syntaxError)
    }
  }

  /// `CLIENT NO-EVICT`, which changes nothing: no client is closed for want of memory.
  private mutating func clientNoEvict(_ words: borrowing Words, _ session: SessionState) {
    guard let isOn = onOrOff(words[2]) else { return reply.error(Self.syntaxError) }
    session.client.mark(.noEvict, isOn)
    reply.ok()
  }

  private mutating func clientNoTouch(_ words: borrowing Words, _ session: inout SessionState) {
    guard let isOn = onOrOff(words[2]) else { return reply.error(Self.syntaxError) }
    session.attend(.noTouch, isOn)
    session.client.mark(.noTouch, isOn)
    reply.ok()
  }

  private func onOrOff(_ word: RawSpan) -> Bool? {
    word.equalsIgnoringCase("on") ? true : word.equalsIgnoringCase("off") ? false : nil
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
