// Where to connect, as whom, and within which limits.

/// The version of the protocol to ask the server for.
public enum RESPVersion: Int, Sendable, Hashable {
  case resp2 = 2
  case resp3 = 3
}

/// Where a ``MartletConnection`` goes, as whom, and its limits.
public struct ConnectionConfiguration: Sendable {
  public static let defaultPort = 6379

  /// A name or an address.
  public var host: String
  public var port: Int
  /// The user's name; nil for the server's default user. Not used without a password.
  public var username: String?
  public var password: String?
  /// The numbered database.
  public var database: Int
  /// The protocol to ask for. A server that refuses RESP3 is spoken to in RESP2.
  public var preferredVersion: RESPVersion
  /// How long connecting may take, the greeting included.
  public var connectTimeout: Duration
  /// How long a command may wait for its reply; nil for as long as it takes.
  public var commandTimeout: Duration?
  /// The most commands waiting for replies at once.
  public var maximumInFlight: Int
  public var replyLimits: ReplyLimits
  /// Called with each push, on the connection's event loop: it must return soon.
  public var onPush: (@Sendable ([RESPValue]) -> Void)?

  public init(
    host: String = "127.0.0.1", port: Int = ConnectionConfiguration.defaultPort, username: String? = nil,
    password: String? = nil, database: Int = 0, preferredVersion: RESPVersion = .resp3,
    connectTimeout: Duration = .seconds(10), commandTimeout: Duration? = .seconds(30),
    maximumInFlight: Int = 65_536, replyLimits: ReplyLimits = ReplyLimits(),
    onPush: (@Sendable ([RESPValue]) -> Void)? = nil
  ) {
    self.host = host
    self.port = port
    self.username = username
    self.password = password
    self.database = database
    self.preferredVersion = preferredVersion
    self.connectTimeout = connectTimeout
    self.commandTimeout = commandTimeout
    self.maximumInFlight = maximumInFlight
    self.replyLimits = replyLimits
    self.onPush = onPush
  }

  /// Host and port as people write them, an IPv6 address in brackets.
  public var address: String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
