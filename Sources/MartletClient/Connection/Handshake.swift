// The conversation that opens a connection: HELLO, with AUTH in it, or the older AUTH and SELECT one by one.

/// The greeting, as a state machine: each reply leads to the next command, or to the end.
struct Handshake: Sendable {
  enum Step: Sendable {
    case send(Command)
    case ready(RESPVersion)
    case failed(ClientError)
  }

  private enum Awaiting { case hello, auth, select, ping }

  private let username: String?
  private let password: String?
  private let database: Int
  private var version: RESPVersion
  private var awaiting = Awaiting.hello
  /// What the server said against HELLO, in case it closes the connection next.
  private(set) var refusal: ServerError?

  init(_ configuration: ConnectionConfiguration) {
    username = configuration.username
    password = configuration.password
    database = configuration.database
    version = configuration.preferredVersion
  }

  mutating func begin() -> Step {
    guard version == .resp3 else { return authenticate() }
    awaiting = .hello
    var hello = Command("HELLO", 3)
    if let password {
      hello.append("AUTH")
      hello.append(username ?? "default")
      hello.append(password)
    }
    return .send(hello)
  }

  mutating func received(_ reply: RESPValue) -> Step {
    switch (awaiting, reply) {
    case (.hello, .map), (.hello, .array):
      return select()
    case (.hello, .error(let error)):
      if password != nil, error.code == "WRONGPASS" { return .failed(.refused(error)) }
      // An older server, one that has no RESP3, or one that wants a password which may still be given by AUTH.
      refusal = error
      version = .resp2
      return authenticate()
    case (.auth, .simpleString):
      return select()
    case (.select, .simpleString), (.ping, .simpleString):
      return .ready(version)
    case (.ping, .error(let error)) where error.code == "NOAUTH":
      return .ready(version)
    case (.ping, .error(let error)):
      return .failed(.refused(refusal ?? error))
    case (_, .error(let error)):
      return .failed(.refused(error))
    default:
      return .failed(.protocolViolation(.unexpectedHandshakeReply(reply.typeName)))
    }
  }

  private mutating func authenticate() -> Step {
    guard let password else { return select() }
    awaiting = .auth
    var auth = Command("AUTH")
    if let username { auth.append(username) }
    auth.append(password)
    return .send(auth)
  }

  private mutating func select() -> Step {
    if database != 0 {
      awaiting = .select
      return .send(Command("SELECT", database))
    }
    guard version == .resp2, password == nil else { return .ready(version) }
    // Nothing was answered kindly so far: a server that is about to hang up is noticed here.
    awaiting = .ping
    return .send(Command("PING"))
  }
}
