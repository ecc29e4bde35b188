// The options that say which server to talk to. They are named as redis-cli's, -h for the host among them.
import ArgumentParser
import MartletClient

struct ConnectionOptions: ParsableArguments {
  /// Which protocol is asked for.
  enum ProtocolChoice: EnumerableFlag {
    case resp2, resp3

    static func name(for value: ProtocolChoice) -> NameSpecification {
      value == .resp2 ? .customShort("2") : .customShort("3")
    }

    static func help(for value: ProtocolChoice) -> ArgumentHelp? {
      value == .resp2 ? "Speak RESP2." : "Speak RESP3, if the server does."
    }
  }

  @Option(name: [.customShort("h"), .long], help: "The server's name or address.")
  var host = "127.0.0.1"

  @Option(name: .shortAndLong, help: "The server's port.")
  var port = ConnectionConfiguration.defaultPort

  @Option(name: .long, help: ArgumentHelp("The user's name; without it the default user.", valueName: "name"))
  var user: String?

  @Option(
    name: [.customShort("a"), .long],
    help: "The password. Others may see it in the list of processes: better set MARTLET_PASSWORD.")
  var password: String?

  @Option(
    name: [.customShort("n"), .long], help: ArgumentHelp("The numbered database.", valueName: "number"))
  var database = 0

  @Flag(exclusivity: .chooseLast)
  var protocolChoice = ProtocolChoice.resp3

  func validate() throws {
    guard (1...65_535).contains(port) else {
      throw ValidationError("The port (-p) is a number from 1 to 65535.")
    }
    guard database >= 0 else { throw ValidationError("The database (-n) is a number from 0 on.") }
  }

  /// The configuration that the options and MARTLET_PASSWORD ask for. Commands may take as long as they take.
  var configuration: ConnectionConfiguration {
    if let password { ProcessArguments.hide(password) }
    return ConnectionConfiguration(
      host: host, port: port, username: user, password: password ?? Environment["MARTLET_PASSWORD"],
      database: database, preferredVersion: protocolChoice == .resp2 ? .resp2 : .resp3, commandTimeout: nil)
  }
}

/// How replies are printed.
struct OutputOptions: ParsableArguments {
  @Flag(
    inversion: .prefixedNo,
    help: "Print bare values, or quoted ones with their types. Without either: bare unless to a terminal.")
  var raw: Bool?

  var isRaw: Bool { raw ?? !StandardStream.output.isTerminal }
}
