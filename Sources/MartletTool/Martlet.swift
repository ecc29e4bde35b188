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
        martlet bench
      """,
    version: "0.1.0",
    subcommands: [
      Serve.self, CommandLineClient.self, Get.self, SetValue.self, Check.self, Restore.self, Backup.self,
      Export.self, Import.self, Bench.self,
    ])
}
