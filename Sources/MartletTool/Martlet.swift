// The program `martlet`: one file a subcommand, this one names them.
import ArgumentParser
import Dispatch

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
      Serve.self, Memcached.self, CommandLineClient.self, Get.self, SetValue.self, Check.self, Restore.self,
      Backup.self, Export.self, Import.self, Bench.self,
    ])
}

@main
enum Program {
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    guard arguments.first == Memcached.name else {
      Task.detached {
        await MartletCommand.main(nil)
        MartletCommand.exit()
      }
      dispatchMain()
    }
    // memcached's options aren't of the style that the rest of the program has, `-h` and `-V` among them.
    Task.detached {
      do {
        try await Memcached.run(Array(arguments.dropFirst()))
        MartletCommand.exit()
      } catch {
        MartletCommand.exit(withError: error)
      }
    }
    // `dispatchMain` would end this thread but for its shell, which the system's change of users leaves out (-u): root's
    // rights would live on in it.
    DispatchSemaphore(value: 0).wait()
  }
}
