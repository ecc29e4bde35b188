// Lets clients in, or tells them why not; the same over every transport.
package import Logging
package import Martlet

/// Who is at the other end of a connection.
struct Peer {
  let endpoint: Endpoint
  /// Where it has connected to.
  let localEndpoint: Endpoint
  /// Whether it is on this machine.
  let isLocal: Bool

  init(_ endpoint: Endpoint, local localEndpoint: Endpoint, isLocal: Bool) {
    self.endpoint = endpoint
    self.localEndpoint = localEndpoint
    self.isLocal = isLocal
  }

  /// Somebody who came by a Unix socket: its path is all that is known.
  init(unixSocket path: String) {
    self.init(.unixSocket(path: path), local: .unixSocket(path: path), isLocal: true)
  }
}

/// Where every client comes by.
package struct Reception: Sendable {
  let store: StoreCore
  let context: ServerContext
  let settings: Settings
  let logger: Logger
  /// What all connections hold, up to its maximum.
  let heldBytes: HeldBytes
  let patience: Patience

  package init(
    store: StoreCore, context: ServerContext, settings: Settings, logger: Logger,
    heldBytes: HeldBytes = HeldBytes()
  ) {
    self.store = store
    self.context = context
    self.settings = settings
    self.logger = logger
    self.heldBytes = heldBytes
    patience = Patience(idle: settings.idleTimeout, write: settings.writeTimeout)
  }

  enum Answer {
    case welcome(ClientRecord)
    /// What to send before the connection is closed.
    case refused(String)
  }

  /// Takes in a client, or not.
  func receive(_ wire: WireProtocol, _ peer: Peer) -> Answer {
    if let text = Self.refusal(
      wire, isLocal: peer.isLocal, isOpen: context.users.isOpen, settings)
    {
      return .refused(text)
    }
    guard let client = context.clients.connect(from: peer.endpoint, to: peer.localEndpoint) else {
      return .refused(
        wire == .redis ? "-ERR max number of clients reached\r\n" : "ERROR Too many open connections\r\n")
    }
    logger.debug("client came", metadata: ["address": "\(client.address)", "protocol": "\(wire.rawValue)"])
    return .welcome(client)
  }

  /// The session of a client that was let in.
  func conversation(_ wire: WireProtocol, _ client: ClientRecord) -> Conversation {
    let usual: SessionLimits = wire == .redis ? .redis : .memcached
    let limits = SessionLimits(
      keyBytes: settings.maxKeyBytes ?? usual.keyBytes,
      valueBytes: settings.maxValueBytes ?? usual.valueBytes)
    return Conversation(client, ClientSession(wire, client, limits, context), heldBytes)
  }

  /// Notes that a client is gone.
  func leave(_ client: ClientRecord) {
    context.clients.disconnect(client)
    logger.debug("client left", metadata: ["address": "\(client.address)"])
  }

  /// Notes that a client is closed because it has sent nothing for too long.
  func noteIdle(_ client: ClientRecord) {
    context.clients.noteIdle()
    logger.debug("client was idle for too long", metadata: ["address": "\(client.address)"])
  }

  /// Notes that a client is closed because it doesn't take its replies.
  ///
  /// - Parameter count: how many bytes of them wait.
  func noteStalled(_ client: ClientRecord, _ count: Int) {
    logger.notice(
      "a client is closed: it has taken nothing of \(count) bytes of replies for as long as \(Setting.writeTimeout.option) allows",
      metadata: ["address": "\(client.address)"])
  }

  /// Notes that a client is closed because it doesn't take what others have for it.
  func noteOverrun(_ client: ClientRecord) {
    logger.notice(
      "a client is closed: more waits for it than client-output-buffer-limit allows",
      metadata: ["address": "\(client.address)"])
  }

  /// Why a client may not come in, however few there are; nil when it may.
  ///
  /// - Parameters:
  ///   - isLocal: whether it comes from this machine.
  ///   - isOpen: whether nobody has to say who he is; nil for what the settings say.
  package static func refusal(
    _ wire: WireProtocol, isLocal: Bool, isOpen: Bool? = nil, _ settings: Settings
  ) -> String? {
    let start = wire == .redis ? "-" : "SERVER_ERROR "
    guard settings.protectedMode, isOpen ?? settings.letsEverybodyIn, !isLocal else {
      return nil
    }
    let code = wire == .redis ? "DENIED " : ""
    return start + code
      + "Martlet runs in protected mode: it has no password, so only clients on its own machine are served. Set "
      + "\(Setting.password.option) (or \(Setting.password.variable)) or \(Setting.memcachedAuthFile.option), or turn the protection off with "
      + "\(Setting.protectedMode.option) no, and restart the server.\r\n"
  }
}
