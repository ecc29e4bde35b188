// Lets clients in, or tells them why not; the same over every transport.
package import Logging
package import Martlet

/// Where every client comes by.
package struct Reception: Sendable {
  let store: StoreCore
  let context: ServerContext
  let settings: Settings
  let logger: Logger
  /// What all connections hold, up to its maximum.
  let heldBytes: HeldBytes

  package init(
    store: StoreCore, context: ServerContext, settings: Settings, logger: Logger,
    heldBytes: HeldBytes = HeldBytes()
  ) {
    self.store = store
    self.context = context
    self.settings = settings
    self.logger = logger
    self.heldBytes = heldBytes
  }

  enum Answer {
    case welcome(ClientRecord)
    /// What to send before the connection is closed.
    case refused(String)
  }

  /// Takes in a client, or not.
  ///
  /// - Parameters:
  ///   - address: the client's, with its port.
  ///   - localAddress: that which it has connected to.
  ///   - isLocal: whether it comes from this machine.
  func receive(_ wire: WireProtocol, from address: String, to localAddress: String, isLocal: Bool) -> Answer {
    if let text = Self.refusal(wire, isLocal: isLocal, clientCount: context.clients.count, settings) {
      return .refused(text)
    }
    let client = context.clients.connect(from: address, to: localAddress)
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

  /// Why a client may not come in; nil when it may.
  ///
  /// - Parameters:
  ///   - isLocal: whether it comes from this machine.
  ///   - clientCount: how many there are already.
  package static func refusal(
    _ wire: WireProtocol, isLocal: Bool, clientCount: Int, _ settings: Settings
  ) -> String? {
    let start = wire == .redis ? "-" : "SERVER_ERROR "
    if clientCount >= settings.maxConnections {
      return wire == .redis ? "-ERR max number of clients reached\r\n" : "ERROR Too many open connections\r\n"
    }
    guard settings.protectedMode, settings.letsEverybodyIn, !isLocal else {
      return nil
    }
    let code = wire == .redis ? "DENIED " : ""
    return start + code
      + "Martlet runs in protected mode: it has no password, so only clients on its own machine are served. Set "
      + "\(Setting.password.option) (or \(Setting.password.variable)) or \(Setting.memcachedAuthFile.option), or turn the protection off with "
      + "\(Setting.protectedMode.option) no, and restart the server.\r\n"
  }
}
