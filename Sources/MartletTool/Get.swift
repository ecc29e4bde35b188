// `martlet get`: the short form for the value of a key.
import ArgumentParser
import MartletClient
import MartletConsole

struct Get: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the value of a key.",
    discussion: """
      Prints the value and a line break. If there is no such key, it prints nothing ((nil) to a terminal) and the \
      exit status is 1.

      EXAMPLES
        martlet get Hello
        martlet get -n 2 user:1
        if name=$(martlet get name); then echo "Hello, $name"; fi
      """,
    helpNames: .long)

  @OptionGroup var connection: ConnectionOptions

  @Argument(help: "The key, compared byte by byte.")
  var key: String

  func run() async throws {
    let command = Command("GET", ProcessArguments.bytes(of: key))
    let toTerminal = StandardStream.output.isTerminal
    let reply = try await OneCommand(connection.configuration, isRaw: !toTerminal).reply(to: command)
    guard let value = reply.bytes else {
      if toTerminal { try StandardStream.output.write("(nil)\n") }
      throw ExitCode.failure
    }
    try StandardStream.output.write(
      (toTerminal ? Array(VisibleText.unquoted(value).utf8) : value) + [UInt8(ascii: "\n")])
  }
}
