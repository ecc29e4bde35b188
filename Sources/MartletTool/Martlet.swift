// The program `martlet`: one file a subcommand, this one names them.
import ArgumentParser

@main
struct MartletCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "martlet",
    abstract: "A key-value store whose database is a text file.",
    discussion: """
      EXAMPLES
        martlet serve
        martlet set Hello World
        martlet get Hello
        martlet cli
      """,
    version: "0.1.0",
    subcommands: [
      Serve.self, Memcached.self, CommandLineClient.self, Get.self, SetValue.self, Check.self, Restore.self, Backup.self,
      Export.self, Import.self,
    ])

  /// memcached's options aren't of the style that the rest of the program has, `-h` and `-V` among them.
  static func main() async {
    let arguments = Array(CommandLine.arguments.dropFirst())
    guard arguments.first == Memcached.name else { return await main(nil) }
    do {
      try await Memcached.run(Array(arguments.dropFirst()))
    } catch {
      exit(withError: error)
    }
  }
}
