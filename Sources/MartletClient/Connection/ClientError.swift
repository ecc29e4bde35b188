// Everything that can go wrong between a call and its reply, as one closed type.

/// Why a call of the client failed.
public enum ClientError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Nothing listens at the address.
  case connectionRefused(address: String)
  /// No connection came about, for another reason: an unknown name, no route, no answer in time.
  case couldNotConnect(address: String, reason: String)
  /// The server answered, but would not have this client: a wrong password, too many clients, an unknown database.
  case refused(ServerError)
  /// The connection ended while the command was under way. Whether it was carried out is unknown.
  case connectionLost(reason: String)
  /// The connection was closed before the call, so the command was not sent.
  case closed
  /// No reply came in time. Whether the command was carried out is unknown; the connection remains usable, and
  /// the late reply is dropped when it comes.
  case timedOut(after: Duration)
  /// The task was cancelled. Whether the command was carried out is unknown; the connection remains usable.
  case cancelled
  /// The server refused the command or failed it.
  case server(ServerError)
  /// What the server sent isn't its protocol; the connection was closed.
  case protocolViolation(ProtocolViolation)
  /// The command succeeded, with a reply of another type than the method can return.
  case unexpectedReply(command: String, type: String)
  /// More commands wait for replies than ``ConnectionConfiguration/maximumInFlight`` allows; this one was not sent.
  case tooManyInFlight(limit: Int)
  /// The command would end the matching of replies with commands (`SUBSCRIBE`, `MONITOR`, `CLIENT REPLY`…), so it
  /// was not sent.
  case unsupportedCommand(String)

  public var description: String {
    switch self {
    case .connectionRefused(let address): "could not connect to \(address): connection refused"
    case .couldNotConnect(let address, let reason): "could not connect to \(address): \(reason)"
    case .refused(let error): "the server refused the connection: \(error.text)"
    case .connectionLost(let reason):
      "the connection was lost before the reply (\(reason)); whether the command was carried out is unknown"
    case .closed: "the connection is closed; the command was not sent"
    case .timedOut(let duration):
      "no reply came within \(duration); whether the command was carried out is unknown"
    case .cancelled: "the call was cancelled; whether the command was carried out is unknown"
    case .server(let error): error.text
    case .protocolViolation(let violation): "the server broke the protocol: \(violation)"
    case .unexpectedReply(let command, let type): "\(command) was answered by a \(type)"
    case .tooManyInFlight(let limit): "\(limit) commands are waiting for replies, which is the limit"
    case .unsupportedCommand(let name): "\(name) can't share a connection with other commands"
    }
  }
}
