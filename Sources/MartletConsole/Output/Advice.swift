// What a person is told when something failed: what happened, and what to do next.
public import MartletClient

extension ClientError {
  /// A message of one or two sentences for the command line.
  public var advice: String {
    switch self {
    case .connectionRefused(let address):
      "Could not connect to \(address): connection refused. Is the server running? Start it with: martlet serve"
    case .couldNotConnect(let address, let reason):
      "Could not connect to \(address): \(reason). Check the host (-h) and the port (-p)."
    case .refused(let error) where error.code == "WRONGPASS" || error.code == "NOAUTH":
      "The server refused the connection: \(error.text) Set the password in MARTLET_PASSWORD, or give it with -a."
    case .refused(let error):
      "The server refused the connection: \(error.text)"
    case .connectionLost(let reason):
      "The connection was lost before the reply (\(reason)). Whether the command was carried out is unknown: "
        + "look before you repeat it."
    case .closed:
      "The connection is closed; the command was not sent."
    case .timedOut(let duration):
      "No reply came within \(duration). Whether the command was carried out is unknown: look before you repeat it."
    case .cancelled:
      "The command was given up; whether it was carried out is unknown."
    case .server(let error):
      error.text
    case .protocolViolation(let violation):
      "What answers there does not speak the Redis protocol: \(violation). Is the port (-p) right?"
    case .unexpectedReply(let command, let type):
      "\(command) was answered by a \(type), which was not expected. Is this a Martlet or Redis server?"
    case .tooManyInFlight(let limit):
      "\(limit) commands are waiting for replies, which is the limit. Wait for some of them first."
    case .unsupportedCommand(let name):
      "\(name) is not supported here: its replies come without being asked for."
    }
  }
}
