// `martlet backup`: a verified copy of a database into a new folder.
import ArgumentParser
import Martlet
import MartletClient

struct Backup: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copy a database into a new folder, beside a running server, too.",
    discussion: """
      With one folder it copies the database of a server, over the connection; with two, that of the first folder, \
      whether a server is running on it or not. The copy is verified while it is made, holds all up to the last batch \
      that is on the disk, and is on the disk itself before this says that it is done. It is a data folder: \
      martlet serve --data TARGET.

      EXAMPLES
        martlet backup data /backup/monday
        martlet backup --host db.example.org --port 6380 monday
      """,
    helpNames: .long)

  @OptionGroup var connection: ConnectionOptions

  @Argument(
    help: ArgumentHelp(
      "The data folder, if it isn't a server's, and the folder to copy to, new or empty.",
      valueName: "dir> <target"),
    completion: .directory)
  var folders: [String] = []

  func validate() throws {
    guard (1...2).contains(folders.count) else {
      throw ValidationError(
        "The folder to copy to is needed, and before it the data folder, unless a server is to be copied.")
    }
  }

  func run() async throws {
    try await ToolRun.run {
      let target = folders[folders.count - 1]
      let progress = ProgressLine("Copying")
      defer { progress.end() }
      let backup: DatabaseBackup
      if folders.count == 2 {
        let source = ToolFolder(folders[0])
        // Before anything is made, it has to be clear that there is something to copy.
        _ = try source.snapshot()
        let lock = try ToolRun.lockEmpty(target)
        backup = try DatabaseBackup.copy(source, to: ToolFolder(target), progress: progress.show)
        withExtendedLifetime(lock) {}
      } else {
        let lock = try ToolRun.lockEmpty(target)
        let receiver = try DatabaseBackup.Receiver(ToolFolder(target))
        do {
          let copy = try await ServerCopy.fetch(connection.configuration, progress: progress) {
            bytes, offset in
            try receiver.write(bytes, at: offset)
          }
          progress.end()
          let verifying = ProgressLine("Verifying")
          defer { verifying.end() }
          backup = try receiver.finish(bytes: copy.bytes, progress: verifying.show)
        } catch {
          receiver.abandon()
          throw error
        }
        withExtendedLifetime(lock) {}
      }
      progress.end()
      let loaded = backup.loaded
      let time = loaded.lastTime == 0 ? "" : ", of \(DatabaseCheck.text(loaded.lastTime))"
      try ToolRun.say("Backed up into \(target): version \(loaded.version)\(time), \(loaded.end) bytes.")
    }
  }
}
