// `martlet cli`: one command from the arguments, commands from a pipe, or a prompt for a person.
//
// Exit status: 0; 1 when a command was answered with an error or there was no connection; 64 (EX_USAGE) when an
// option doesn't exist.
import ArgumentParser
import MartletClient
import MartletConsole

struct CommandLineClient: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cli",
    abstract: "Send commands to a server, or open a prompt.",
    discussion: """
      With a command it sends that and prints the reply. Without one it opens a prompt, or, when standard input is \
      not a terminal, reads commands from it line by line (blank lines and lines that begin with # are passed over).

      Options stand before the command: all that follows its first word belongs to it.

      To a terminal replies are printed as redis-cli prints them ("World", (nil), (integer) 3). Elsewhere the bare \
      value is printed, and error replies go to standard error.

      Exit status: 0, or 1 when a command failed or there is no connection.

      EXAMPLES
        martlet cli
        martlet cli GET Hello
        martlet cli -h db.example.org -p 6380 -n 2 SCAN 0
        martlet cli SET counter -1
        martlet cli -x SET picture < picture.png
        martlet cli < commands.txt
        MARTLET_PASSWORD=... martlet cli INFO
      """,
    helpNames: .long)

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Flag(
    name: [.customShort("x"), .customLong("stdin")],
    help: "Read the command's last argument from standard input.")
  var readsLastArgument = false

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp("The command and its arguments.", valueName: "command"))
  var command: [String] = []

  /// The most bytes that -x reads: the largest value that servers take.
  static let maximumInputBytes = 512 << 20

  func validate() throws {
    // What is captured for the command hides --help from the parser.
    if command == ["--help"] { throw CleanExit.helpRequest(self) }
    if let first = command.first, first.hasPrefix("-"), first != "--" {
      throw ValidationError(
        "Unknown option '\(first)'. Options stand before the command; see: martlet cli --help")
    }
    if readsLastArgument, command.isEmpty {
      throw ValidationError("-x needs a command, for instance: martlet cli -x SET key < file")
    }
  }

  func run() async throws {
    let configuration = connection.configuration
    let count = command.first == "--" ? command.count - 1 : command.count
    if var command = Command(words: ProcessArguments.last(count)) {
      if readsLastArgument {
        command.append(try StandardStream.input.readToEnd(limit: Self.maximumInputBytes))
      }
      try await OneCommand(configuration, isRaw: output.isRaw).run(command)
    } else if StandardStream.input.isTerminal {
      var prompt = await Prompt(configuration, isRaw: output.isRaw)
      try await prompt.run()
    } else {
      try await PipedCommands(configuration, isRaw: output.isRaw).run()
    }
  }
}
