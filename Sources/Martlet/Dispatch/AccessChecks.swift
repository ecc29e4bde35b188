// Whether a client may do what it asks for. A client whose user may do everything never comes here: `ClientRecord.isGuarded`
// says so, and is all that its requests look at.

extension Execution {
  /// Whether a request may go on; if not, the reply says why.
  @inline(never)
  mutating func admit(
    _ command: CommandEntry, _ words: borrowing Words, _ session: inout SessionState
  ) -> Bool {
    guard let user = session.user else {
      if command.flags.contains(.noAuth) { return true }
      refuse(command.index)
      reply.error("NOAUTH Authentication required.")
      return false
    }
    if command.flags.contains(.noAuth) { return true }
    let declaration = CommandDeclaration.all[command.index]
    guard let number = declaration.number(of: words, at: command.index) else { return true }
    let rules = user.rules
    let request = AccessRequest(number, words)
    guard let denial = rules.denial(request, words) else { return true }
    refuse(command.index)
    session.refuseTransaction()
    note(denial, request, words, session, user)
    switch denial {
    case .command:
      reply.error(
        "NOPERM this user has no permissions to run the '\(CommandDeclaration.all[number].shownName)' command"
      )
    case .key:
      reply.error("NOPERM this user has no permissions to access one of the keys used as arguments")
    case .channel:
      reply.error("NOPERM this user has no permissions to access one of the channels used as arguments")
    }
    return false
  }

  /// Whether a command that was queued may still be run: the user's rules may have changed since.
  mutating func mayRunQueued(
    _ command: CommandEntry, _ words: borrowing Words, _ session: SessionState
  ) -> Bool {
    guard session.client.isGuarded, let user = session.user, !command.flags.contains(.noAuth),
      let number = CommandDeclaration.all[command.index].number(of: words, at: command.index)
    else { return true }
    let request = AccessRequest(number, words)
    guard let denial = user.rules.denial(request, words) else { return true }
    refuse(command.index)
    note(denial, request, words, session, user)
    let reason =
      switch denial {
      case .command: "no permission to execute the command or subcommand"
      case .key: "no permission to touch the specified keys"
      case .channel: "no permission to access one of the channels used as arguments to the command"
      }
    reply.error(
      "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is "
        + "no longer allowed for the following reason: \(reason)")
    return false
  }

  private func note(
    _ denial: Denial, _ request: AccessRequest, _ words: borrowing Words, _ session: SessionState,
    _ user: User
  ) {
    let reason: AccessLog.Reason
    let object: [UInt8]
    switch denial {
    case .command:
      (reason, object) = (.command, Array(CommandDeclaration.all[request.command].shownName.utf8))
    case .key(let position): (reason, object) = (.key, words[position].array)
    case .channel(let position): (reason, object) = (.channel, words[position].array)
    }
    context.accessLog.note(
      reason, session.isInTransaction ? .multi : .toplevel, object, user: user.name,
      client: session.client.line, now: WallClock.systemMicroseconds() / 1000)
  }

  /// Notes that somebody gave a wrong name or password.
  func noteWrongPassword(_ name: String, _ command: String, _ session: SessionState) {
    context.accessLog.note(
      .auth, .toplevel, Array(command.utf8), user: name, client: session.client.line,
      now: WallClock.systemMicroseconds() / 1000)
  }

  /// Whether the client may read all keys, as commands have to know whose arguments don't name what they read.
  func mayReadAllKeys(_ session: SessionState) -> Bool {
    guard session.client.isGuarded, let user = session.user else { return true }
    return user.rules.allowsReadingAllKeys
  }
}

extension ServerContext {
  /// Has all clients that are a user heed what has become of it. Those of one that is gone are closed, and those that listen
  /// to what they may listen to no more.
  ///
  /// - Parameter own: the client that has changed it, which hears the reply first.
  /// - Returns: whether that one is to be closed.
  package func noteChange(of user: User, by own: ClientRecord? = nil) -> Bool {
    let concerned = clients.all.filter { $0.noteChange(of: user) }
    var closed = concerned
    if !user.isRemoved {
      let numbers = Set(concerned.lazy.filter { $0.update { $0.listens } }.map(\.id))
      if numbers.isEmpty { return false }
      let rules = user.rules
      closed = channels.listeners { client, kind, name in
        numbers.contains(client.id) && !rules.allowsChannel(name, isPattern: kind == .pattern)
      }
    }
    var closesOwn = false
    for client in closed {
      if client === own { closesOwn = true } else { door(client)?.close(client) }
    }
    return closesOwn
  }
}

extension SessionState {
  /// Whether the client's user has been deleted. Then nothing more is done for it.
  var isRemoved: Bool { user?.isRemoved ?? false }
}

extension AccessRequest {
  /// What a request asks for.
  ///
  /// - Parameter number: the command's, or its subcommand's.
  init(_ number: Int, _ words: borrowing Words) {
    let declaration = CommandDeclaration.all[number]
    self.init(command: number, firstArgument: 1)
    for specification in CommandDeclaration.keySpecifications[number]
    where !specification.flags.contains("not_key") {
      for position in specification.positions(words) { keys.append((position, specification.access)) }
    }
    addSpecialKeys(declaration.name, words)
    if let named = declaration.channels {
      channelsArePatterns = named.arePatterns
      channels = Array(1..<(named.positions == .one ? min(2, words.count) : words.count))
    }
  }

  /// Adds keys, and takes away permissions that aren't needed, where only the command's own words say so.
  private mutating func addSpecialKeys(_ name: String, _ words: borrowing Words) {
    switch name {
    case "SORT":
      if let position = words.storedKey(from: 2) { keys.append((position, .write)) }
    case "SET":
      // Only with GET does it show what was there.
      for index in min(3, words.count)..<words.count
      where words[index].equalsIgnoringCase("get") || words[index].equalsIgnoringCase("ifeq") {
        return
      }
      keys = keys.map { ($0.position, .write) }
    case "BITFIELD":
      var access: KeyAccess = []
      for index in min(2, words.count)..<words.count {
        if words[index].equalsIgnoringCase("get") { access.insert(.read) }
        if words[index].equalsIgnoringCase("set") || words[index].equalsIgnoringCase("incrby") {
          access = [.read, .write]
        }
      }
      keys = keys.map { ($0.position, access) }
    default: break
    }
  }
}
