// `martlet export`: the data as commands or as JSON lines.
import ArgumentParser
import Martlet
import MartletClient

struct Export: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write the data as commands or JSON lines, at one exact version.",
    discussion: """
      With a folder it exports the database in it, whether a server is running on it or not; without one, that of a \
      server, over the connection. Keys are in order, so two exports of the same data are the same.

      text: commands that redis-cli and martlet cli understand. jsonl: an object a line with database, key, type, \
      value, members or fields, expiry (milliseconds since 1970), flags and version; bytes that aren't UTF-8 are in \
      keyBase64, valueBase64, membersBase64 and fieldBase64.

      EXAMPLES
        martlet export data > data.txt
        martlet export --format jsonl --port 6380 | jq .key
        martlet export data --output data.txt
      """,
    helpNames: .long)

  @OptionGroup var connection: ConnectionOptions

  @Option(help: ArgumentHelp("text or jsonl.", valueName: "format"))
  var format = DatabaseExport.Format.text

  @Option(
    help: ArgumentHelp("The file to write instead of standard output; it must not exist.", valueName: "file"),
    completion: .file())
  var output: String?

  @Argument(help: "The data folder, if it isn't a server's.", completion: .directory)
  var folder: String?

  func run() async throws {
    try await ToolRun.run {
      let progress = ProgressLine("Reading")
      defer { progress.end() }
      let loaded: LoadedDatabase
      let data: ToolKeyspace
      if let folder {
        let source = ToolFolder(folder)
        (loaded, data) = try DatabaseCheck.load(
          try source.snapshot(), source.file(DatabaseFile.name), threads: ProcessFacts.processors,
          progress: progress.show)
      } else {
        let copy = try TemporaryFile()
        let copying = ProgressLine("Copying")
        defer { copying.end() }
        _ = try await ServerCopy.fetch(connection.configuration, progress: copying) { bytes, offset in
          try copy.write(bytes, at: offset)
        }
        copying.end()
        (loaded, data) = try DatabaseCheck.load(
          copy.file, "the server's database", threads: ProcessFacts.processors, progress: progress.show)
      }
      progress.end()
      try write(data, version: loaded.version)
    }
  }

  private func write(_ data: ToolKeyspace, version: UInt64) throws {
    var export = DatabaseExport(format, now: WallClock().now())
    let progress = ProgressLine("Writing")
    defer { progress.end() }
    if let output {
      let disk = SystemDisk()
      if (try? disk.openToRead(output)) != nil {
        throw ToolError("\(output) exists already: choose another name")
      }
      let file = try disk.open(output)
      var end = 0
      do {
        try export.write(data, progress: progress.show) { piece in
          try file.write(piece, at: end)
          end += piece.byteCount
        }
        try file.sync()
      } catch {
        try? disk.remove(output)
        throw error
      }
    } else {
      try export.write(data, progress: progress.show) { try StandardStream.output.write($0.array) }
    }
    progress.end()
    let expired = export.expired > 0 ? "; \(export.expired) that have expired were left out" : ""
    StandardStream.complain("exported \(export.keys) keys at version \(version)\(expired)")
  }
}

/// A file without a name, gone with this object.
final class TemporaryFile {
  let file: any DiskFile

  init() throws {
    var random = SystemRandomNumberGenerator()
    let folder = Environment["TMPDIR"] ?? "/tmp"
    let path = "\(folder)/martlet-\(String(UInt64.random(in: 0...UInt64.max, using: &random), radix: 16))"
    let disk = SystemDisk()
    file = try disk.open(path)
    try disk.remove(path)
  }

  func write(_ bytes: [UInt8], at offset: Int) throws {
    try file.write(bytes.span.raw, at: offset)
  }
}
