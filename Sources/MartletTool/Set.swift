// `martlet set`: the short form for storing a value.
import ArgumentParser
import MartletClient
import MartletConsole

struct SetValue: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "set",
    abstract: "Store a value under a key.",
    discussion: """
      Replaces the key's value if there is one. Options stand before the key. Prints OK to a terminal and nothing \
      elsewhere; the exit status is 0 once the server has stored the value.

      EXAMPLES
        martlet set Hello World
        martlet set greeting "Good morning"
        martlet set --expire 60 session:7 active
        martlet set balance -12
        martlet cli -x SET picture < picture.png
      """,
    helpNames: .long)

  @OptionGroup var connection: ConnectionOptions

  @Option(help: ArgumentHelp("Have the key go away after this time.", valueName: "seconds"))
  var expire: Int?

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp("The key and its value.", valueName: "key> <value"))
  var words: [String] = []

  func validate() throws {
    // What is captured for the key and the value hides --help from the parser.
    if words == ["--help"] { throw CleanExit.helpRequest(self) }
    if let expire, expire < 1 {
      throw ValidationError("The time (--expire) is a number of seconds from 1 on.")
    }
    if let first = words.first, first.hasPrefix("-"), first != "--" {
      throw ValidationError(
        "Unknown option '\(first)'. A key that begins with - needs: martlet set -- KEY VALUE")
    }
    guard words.count == (words.first == "--" ? 3 : 2) else {
      throw ValidationError(
        "A key and a value are needed, and options stand before them, for instance: martlet set Hello World")
    }
  }

  func run() async throws {
    guard var command = Command(words: [Array("SET".utf8)] + ProcessArguments.last(2)) else { return }
    if let expire {
      command.append("EX")
      command.append(expire)
    }
    let toTerminal = StandardStream.output.isTerminal
    let reply = try await OneCommand(connection.configuration, isRaw: !toTerminal).reply(to: command)
    if toTerminal { try StandardStream.output.write(ReplyFormatter.readable(reply) + "\n") }
  }
}
