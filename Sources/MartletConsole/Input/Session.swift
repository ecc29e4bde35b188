// What the prompt has to know of the conversation: where it goes, which database is selected, whether a transaction
// is open, and what a new connection must repeat after the old one was lost.
public import MartletClient

public struct Session: Sendable {
  /// Where and as whom to connect. `SELECT` and `AUTH` change it, so that a new connection resumes where the old
  /// one was.
  public private(set) var configuration: ConnectionConfiguration
  public private(set) var isInTransaction = false
  public var isConnected = false {
    didSet { if !isConnected { isInTransaction = false } }
  }

  public init(_ configuration: ConnectionConfiguration) {
    self.configuration = configuration
  }

  /// `127.0.0.1:6379> `, with the database in brackets unless it is 0 and `(TX)` in a transaction.
  public var prompt: String {
    guard isConnected else { return "not connected> " }
    let database = configuration.database == 0 ? "" : "[\(configuration.database)]"
    return configuration.address + database + (isInTransaction ? "(TX)" : "") + "> "
  }

  /// Learns from a command and its reply.
  public mutating func observe(_ words: [String], _ reply: RESPValue) {
    guard let name = words.first?.uppercased() else { return }
    if name == "EXEC" || name == "DISCARD" {
      // EXEC that is refused ends the transaction too; one without MULTI changes nothing.
      isInTransaction = false
      return
    }
    guard case .simpleString(let text) = reply, text != "QUEUED" else { return }
    switch (name, words.count) {
    case ("SELECT", 2):
      if let database = Int(words[1]) { configuration.database = database }
    case ("AUTH", 2):
      configuration.username = nil
      configuration.password = words[1]
    case ("AUTH", 3):
      configuration.username = words[1]
      configuration.password = words[2]
    case ("MULTI", 1):
      isInTransaction = true
    case ("RESET", 1):
      isInTransaction = false
      configuration.database = 0
    default:
      break
    }
  }
}
