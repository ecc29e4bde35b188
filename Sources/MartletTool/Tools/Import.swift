// `martlet import`: commands or JSON lines into a server or a folder.
import ArgumentParser
import Martlet
import MartletClient

struct Import: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Put exported data, or commands written by hand, into a server or a folder.",
    discussion: """
      With one argument, a file or - for standard input, it sends the commands to a server; with two, it puts them into \
      the database of the folder, which no server may be using, and which is made if it is missing.

      text: one command a line, quoted as redis-cli's, any that change data and SELECT; blank lines and lines that begin \
      with # are passed over. jsonl: what martlet export --format jsonl writes.

      A line that fails is told on standard error, and the others go on; the exit status is then 1. What is there \
      already stays, unless the commands change it.

      EXAMPLES
        martlet import data.txt
        martlet export old | martlet import new -
        martlet import --format jsonl --port 6380 data.jsonl
      """,
    helpNames: .long)

  @OptionGroup var connection: ConnectionOptions

  @Option(help: ArgumentHelp("text or jsonl.", valueName: "format"))
  var format = DatabaseExport.Format.text

  @Option(help: ArgumentHelp("How many numbered databases the folder's store has.", valueName: "number"))
  var databases = 16

  @Argument(
    help: ArgumentHelp(
      "The data folder, if it isn't for a server, and the file, or -.", valueName: "dir> <file"),
    completion: .file())
  var places: [String] = []

  /// The most errors that are told one by one.
  private static let toldErrors = 100
  /// What is sent to a server before its replies are awaited: commands, and about as many bytes.
  private static let batchCommands = 1000
  private static let batchBytes = 4 << 20
  private static let readBytes = 256 << 10

  func validate() throws {
    guard (1...2).contains(places.count) else {
      throw ValidationError(
        "A file is needed, or - for standard input; before it the folder, unless it is for a server.")
    }
    guard (1...ToolLimits.databases).contains(databases) else {
      throw ValidationError("The number of databases is from 1 to \(ToolLimits.databases).")
    }
  }

  func run() async throws {
    try await ToolRun.run {
      let input = try ImportInput(places[places.count - 1])
      var tally = Tally()
      if places.count == 2 {
        try intoFolder(places[0], input, &tally)
      } else {
        try await intoServer(input, &tally)
      }
      try ToolRun.say("\(tally.done) commands done, \(tally.errors) errors")
      if tally.errors > 0 { throw ExitCode.failure }
    }
  }

  /// What became of the commands.
  private struct Tally {
    var done = 0
    var errors = 0

    mutating func fail(_ line: Int, _ reason: String) {
      errors += 1
      if errors <= Import.toldErrors { ToolRun.fail("line \(line): \(reason)") }
      if errors == Import.toldErrors { ToolRun.fail("further errors are only counted") }
    }
  }

  private func intoFolder(_ path: String, _ input: borrowing ImportInput, _ tally: inout Tally) throws {
    let folder = try DataFolder(path)
    let target = try FolderImport.open(folder, databases: databases, threads: 1)
    var parser = ImportParser(format)
    let progress = ProgressLine("Importing")
    defer { progress.end() }
    var position = 0
    while true {
      let bytes = try input.read(at: position, count: Self.readBytes)
      position += bytes.count
      let entries = bytes.isEmpty ? parser.finish() : parser.append(bytes.span.raw)
      for entry in entries {
        switch entry {
        case .problem(let reason, let line): tally.fail(line, reason)
        case .command(let words, let line):
          if let error = try target.run(words) { tally.fail(line, error) } else { tally.done += 1 }
        }
      }
      progress.show(position, input.size)
      if bytes.isEmpty { break }
    }
    try target.finish()
    withExtendedLifetime(folder) {}
  }

  private func intoServer(_ input: borrowing ImportInput, _ tally: inout Tally) async throws {
    let connection = try await MartletConnection.connect(to: connection.configuration)
    var parser = ImportParser(format)
    let progress = ProgressLine("Importing")
    defer { progress.end() }
    var position = 0
    var batch: [(command: Command, line: Int)] = []
    var batchBytes = 0
    while true {
      let bytes = try input.read(at: position, count: Self.readBytes)
      position += bytes.count
      for entry in bytes.isEmpty ? parser.finish() : parser.append(bytes.span.raw) {
        switch entry {
        case .problem(let reason, let line): tally.fail(line, reason)
        case .command(let words, let line):
          guard let command = Command(words: words) else { continue }
          batch.append((command, line))
          batchBytes += words.reduce(0) { $0 + $1.count }
        }
        if batch.count >= Self.batchCommands || batchBytes >= Self.batchBytes {
          try await send(&batch, connection, &tally)
          batchBytes = 0
        }
      }
      progress.show(position, input.size)
      if bytes.isEmpty { break }
    }
    try await send(&batch, connection, &tally)
    await connection.close()
  }

  private func send(
    _ batch: inout [(command: Command, line: Int)], _ connection: MartletConnection, _ tally: inout Tally
  ) async throws {
    guard !batch.isEmpty else { return }
    for (reply, sent) in zip(try await connection.pipeline(batch.map(\.command)), batch) {
      if case .error(let error) = reply { tally.fail(sent.line, error.text) } else { tally.done += 1 }
    }
    batch.removeAll(keepingCapacity: true)
  }
}

/// A file, or standard input.
private struct ImportInput {
  private let file: (any DiskFile)?
  /// In bytes; 0 when nobody knows.
  let size: Int

  init(_ path: String) throws {
    if path == "-" {
      file = nil
      size = 0
    } else {
      let file = try SystemDisk().openToRead(path)
      self.file = file
      size = try file.size()
    }
  }

  /// The next bytes; none at the end.
  func read(at offset: Int, count: Int) throws -> [UInt8] {
    guard let file else { return try StandardStream.input.read() }
    var bytes = ByteQueue()
    _ = try file.read(at: offset, count: count, into: &bytes)
    return bytes.bytes.array
  }
}
