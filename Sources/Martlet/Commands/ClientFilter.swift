// Which clients `CLIENT LIST` and `CLIENT KILL` mean. The filters are those of Redis 7 and, beyond them, of Valkey 9.

/// What a client has to be; all that is given has to hold.
struct ClientFilter {
  var ids: Set<Int>?
  private var kind: OutputLimits.Class?
  /// Nobody is a master here.
  private var isOfMasters = false
  private var user: String?
  private var address: String?
  private var localAddress: String?
  private var ip: String?
  private var name: String?
  private var libraryName: String?
  private var libraryVersion: String?
  private var database: Int?
  private var letters: String?
  /// In seconds.
  private var leastAge: Int?
  private var leastIdle: Int?
  var skipsOwn: Bool

  init(skipsOwn: Bool) { self.skipsOwn = skipsOwn }

  /// Takes the option at `index`, which moves behind it; why not, as an error of a reply, if it can't.
  mutating func take(_ words: borrowing Words, _ index: inout Int, _ users: Users) -> String? {
    let option = words[index]
    guard index + 1 < words.count else { return Self.syntaxError }
    let value = words[index + 1].text
    if option.equalsIgnoringCase("id") { return takeIDs(words, &index) }
    index += 2
    if option.equalsIgnoringCase("type") {
      isOfMasters = ["master", "primary"].contains(value.lowercased())
      kind = OutputLimits.Class(named: value)
      return kind == nil && !isOfMasters ? "ERR Unknown client type '\(value.prefix(128))'" : nil
    }
    if option.equalsIgnoringCase("user") {
      user = value
      return users.has(words[index - 1]) ? nil : "ERR No such user '\(value.prefix(128))'"
    }
    if option.equalsIgnoringCase("skipme") {
      guard value.lowercased() == "yes" || value.lowercased() == "no" else { return Self.syntaxError }
      skipsOwn = value.lowercased() == "yes"
      return nil
    }
    if option.equalsIgnoringCase("addr") { address = value; return nil }
    if option.equalsIgnoringCase("laddr") { localAddress = value; return nil }
    if option.equalsIgnoringCase("ip") { ip = value; return nil }
    if option.equalsIgnoringCase("name") { name = value; return nil }
    if option.equalsIgnoringCase("lib-name") { libraryName = value; return nil }
    if option.equalsIgnoringCase("lib-ver") { libraryVersion = value; return nil }
    if option.equalsIgnoringCase("flags") { letters = value; return nil }
    let number = words[index - 1].decimal
    if option.equalsIgnoringCase("db") { return set(\.database, number, atLeast: 0) }
    if option.equalsIgnoringCase("maxage") { return set(\.leastAge, number, atLeast: 1) }
    if option.equalsIgnoringCase("idle") { return set(\.leastIdle, number, atLeast: 1) }
    return Self.syntaxError
  }

  private mutating func set(
    _ place: WritableKeyPath<ClientFilter, Int?>, _ number: Int?, atLeast least: Int
  ) -> String? {
    guard let number, number >= least else { return Self.syntaxError }
    self[keyPath: place] = number
    return nil
  }

  /// All numbers behind the word.
  private mutating func takeIDs(_ words: borrowing Words, _ index: inout Int) -> String? {
    var chosen = ids ?? []
    var isFirst = true
    index += 1
    repeat {
      guard let id = words[index].decimal else {
        // Behind the numbers the next option comes.
        if !isFirst { break }
        return "ERR Invalid client ID"
      }
      isFirst = false
      chosen.insert(id)
      index += 1
    } while index < words.count
    ids = chosen
    return nil
  }

  private static let syntaxError = "ERR syntax error"

  /// Whether a client is meant.
  ///
  /// - Parameter own: the client that asks.
  func matches(_ client: ClientRecord, own: ClientRecord) -> Bool {
    if skipsOwn && client === own || isOfMasters { return false }
    if let ids, !ids.contains(client.id) { return false }
    if let address, client.address != address { return false }
    if let localAddress, client.localAddress != localAddress { return false }
    if let ip, client.ip != ip { return false }
    if let leastAge, client.ageSeconds < leastAge { return false }
    if let leastIdle, client.idleSeconds < leastIdle { return false }
    if let letters, !letters.allSatisfy({ client.letters.contains($0) }) { return false }
    return client.update { details in
      if let kind, kind != (details.listens ? .pubsub : .normal) { return false }
      if let user, user != details.user?.name ?? Users.defaultName { return false }
      if let name, name != details.name { return false }
      if let libraryName, libraryName != details.libraryName { return false }
      if let libraryVersion, libraryVersion != details.libraryVersion { return false }
      if let database, database != Int(details.database) { return false }
      return true
    }
  }
}

extension Execution {
  mutating func clientList(_ words: borrowing Words, _ session: SessionState) {
    var filter = ClientFilter(skipsOwn: false)
    var index = 2
    while index < words.count {
      if let problem = filter.take(words, &index, context.users) { return reply.error(problem) }
    }
    let clients = context.clients.all.filter { filter.matches($0, own: session.client) }
    reply.verbatim(clients.map { $0.line + "\n" }.joined())
  }

  /// Closes clients; whether the one that asks is among them.
  mutating func clientKill(_ words: borrowing Words, _ session: SessionState) -> Bool {
    if words.count == 3 {
      // The old form: one client, by its address.
      let address = words[2].text
      guard let client = context.clients.all.first(where: { $0.address == address }) else {
        reply.error("ERR No such client")
        return false
      }
      reply.ok()
      return kill(client, session)
    }
    var filter = ClientFilter(skipsOwn: true)
    var index = 2
    while index < words.count {
      if let problem = filter.take(words, &index, context.users) {
        reply.error(problem == "ERR Invalid client ID" ? Self.noClientID : problem)
        return false
      }
    }
    if let ids = filter.ids, ids.contains(where: { $0 <= 0 }) {
      reply.error(Self.noClientID)
      return false
    }
    let clients = context.clients.all.filter { filter.matches($0, own: session.client) }
    reply.integer(clients.count)
    var killsOwn = false
    for client in clients where kill(client, session) { killsOwn = true }
    return killsOwn
  }

  private static var noClientID: String { "ERR client-id should be greater than 0" }

  /// Has a client closed; whether it is the one that asks, which hears the reply first.
  private func kill(_ client: ClientRecord, _ session: SessionState) -> Bool {
    if client === session.client { return true }
    context.door(client)?.close(client)
    return false
  }
}
