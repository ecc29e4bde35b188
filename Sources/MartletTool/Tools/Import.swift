// `martlet import`: commands, JSON lines, or Redis's own files, into a server or a folder.
import ArgumentParser
import Martlet
import MartletClient

struct Import: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Put exported data, Redis's files, or commands written by hand, into a server or a folder.",
    discussion: """
      With one argument, a file or - for standard input, it sends the commands to a server; with two, it puts them into \
      the database of the folder, which no server may be using, and which is made if it is missing.

      What the file is shows by its first bytes, unless --format says it. text: one command a line, quoted as redis-cli's, \
      any that change data and SELECT; blank lines and lines that begin with # are passed over. jsonl: what martlet export \
      --format jsonl writes. rdb: a snapshot of Redis or Valkey. aof: their append-only log, a file, or the folder or the \
      manifest of several; it is replayed in memory first. A key of an rdb or aof replaces what is at that key; streams, \
      values of modules and functions are left out and counted.

      A line or command that fails is told on standard error, and the others go on; the exit status is then 1, as when \
      something was left out. What is there already stays, unless it is changed.

      EXAMPLES
        martlet import data.txt
        martlet export old | martlet import new -
        martlet import --format jsonl --port 6380 data.jsonl
        martlet import /var/lib/redis/dump.rdb
        martlet import data /var/lib/redis/appendonlydir
      """,
    helpNames: .long)

  @OptionGroup var connection: ConnectionOptions

  @Option(
    help: ArgumentHelp(
      "text, jsonl, rdb or aof. (default: as the first bytes show)", valueName: "format"))
  var format: ImportFormat?

  @Option(help: ArgumentHelp("How many numbered databases the folder's store has.", valueName: "number"))
  var databases = 16

  @Argument(
    help: ArgumentHelp(
      "The data folder, if it isn't for a server, and the file, or -.", valueName: "dir> <file"),
    completion: .file())
  var places: [String] = []

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
      let tally = ImportTally()
      let input = try ImportInput(places[places.count - 1])
      let format = try self.format ?? input.format()
      let target = try await openTarget(tally, isRedis: format == .rdb || format == .aof)
      switch format {
      case .text: try await importLines(.text, input, target, tally)
      case .jsonl: try await importLines(.jsonl, input, target, tally)
      case .rdb: try await importSnapshot(input, target, tally)
      case .aof: try await importLog(input, target, tally)
      }
      try await target.finish()
      try ToolRun.say(tally.summary)
      if tally.errors > 0 || tally.file.leftOutText != nil { throw ExitCode.failure }
    }
  }

  private func openTarget(_ tally: ImportTally, isRedis: Bool) async throws -> any ImportTarget {
    if places.count == 2 {
      let folder = try DataFolder(places[0])
      let store = try FolderImport.open(folder, databases: databases, threads: 1)
      return FolderTarget(folder, store, tally, stopsAtSelect: isRedis)
    }
    let connection = try await MartletConnection.connect(to: connection.configuration)
    return ServerTarget(connection, tally, stopsAtSelect: isRedis)
  }

  private func importLines(
    _ format: DatabaseExport.Format, _ input: ImportInput, _ target: any ImportTarget, _ tally: ImportTally
  ) async throws {
    tally.unit = "line"
    var parser = ImportParser(format)
    let progress = ProgressLine("Importing")
    defer { progress.end() }
    while true {
      let bytes = try input.next()
      let requests = bytes.isEmpty ? parser.finish() : parser.append(bytes.span.raw)
      try await target.take(requests)
      progress.show(input.position, input.size)
      if bytes.isEmpty { break }
    }
  }

  private func importSnapshot(
    _ input: ImportInput, _ target: any ImportTarget, _ tally: ImportTally
  ) async throws {
    tally.unit = "byte"
    let progress = ProgressLine("Importing")
    defer { progress.end() }
    let snapshot = try Snapshot(input)
    var isWhole = false
    while !isWhole {
      let requests: [ImportParser.Request]
      do {
        requests = try snapshot.next()
      } catch {
        try await target.finish()
        throw ToolError("\(error). What stands before that is imported")
      }
      isWhole = requests.isEmpty
      try await target.take(requests)
      progress.show(snapshot.position, input.size)
    }
    tally.file = snapshot.tally
  }

  private func importLog(
    _ input: ImportInput, _ target: any ImportTarget, _ tally: ImportTally
  ) async throws {
    tally.unit = "key"
    let log = AppendOnlyImport { file, place, reason in tally.fail("\(file), byte \(place)", reason) }
    let reading = ProgressLine("Reading")
    let parts = try input.logFiles()
    let total = parts.reduce(0) { $0 + $1.size }
    var done = 0
    for (index, part) in parts.enumerated() {
      try log.read(part.bytes, part.path, isLast: index == parts.count - 1) {
        reading.show(done + $0, total)
      }
      done += part.size
    }
    reading.end()
    for note in log.notes { ToolRun.fail("warning: \(note)") }
    let progress = ProgressLine("Importing")
    defer { progress.end() }
    let now = WallClock().now()
    let keys = log.keyCount
    var requests: [ImportParser.Request] = []
    while log.next(&requests, now: now) {
      try await target.take(requests)
      requests.removeAll(keepingCapacity: true)
      progress.show(log.tally.keys, keys)
    }
    tally.file = log.tally
  }
}

/// An RDB file that is read.
private final class Snapshot {
  private let path: String
  private var file: RDBImport

  init(_ input: ImportInput) throws {
    path = input.path
    do throws(RDBProblem) {
      file = try RDBImport(input.bytes, now: WallClock().now())
    } catch {
      throw ToolError("\(input.path): \(error.text(at: 0))")
    }
  }

  var position: Int { file.position }
  var tally: RedisFileTally { file.tally }

  /// The next commands; none at the end.
  func next() throws(ToolError) -> [ImportParser.Request] {
    var requests: [ImportParser.Request] = []
    do throws(RDBProblem) {
      while requests.isEmpty, try file.next(&requests) {}
    } catch {
      throw ToolError("\(path): \(error.text(at: file.position))")
    }
    return requests
  }
}

/// What became of an import.
private final class ImportTally {
  /// The most errors that are told one by one.
  private static let toldErrors = 100

  /// What the places of commands count.
  var unit = "line"
  var done = 0
  private(set) var errors = 0
  var file = RedisFileTally()

  func fail(_ place: Int, _ reason: String) { fail("\(unit) \(place)", reason) }

  func fail(_ place: String, _ reason: String) {
    errors += 1
    if errors <= Self.toldErrors { ToolRun.fail("\(place): \(reason)") }
    if errors == Self.toldErrors { ToolRun.fail("further errors are only counted") }
  }

  var summary: String {
    var text = "\(done) commands done, \(errors) errors"
    if file.keys > 0 { text += "; \(file.keys) keys" }
    if file.expired > 0 { text += "; \(file.expired) keys had expired" }
    if let leftOut = file.leftOutText { text += "; left out: \(leftOut)" }
    return text
  }
}

/// Where the commands of an import go.
private protocol ImportTarget {
  func take(_ requests: [ImportParser.Request]) async throws
  /// Returns when everything has been done.
  func finish() async throws
}

/// What is told when a database can't be selected, for files in which what follows would get into another one.
private func wrongDatabase(_ reason: String) -> ToolError {
  ToolError("a database of the file can't be selected (\(reason)): what comes before it is imported")
}

/// The database of a folder.
private final class FolderTarget: ImportTarget {
  private let folder: DataFolder
  private let store: FolderImport
  private let tally: ImportTally
  private let stopsAtSelect: Bool
  private var isFinished = false

  init(_ folder: DataFolder, _ store: FolderImport, _ tally: ImportTally, stopsAtSelect: Bool) {
    self.folder = folder
    self.store = store
    self.tally = tally
    self.stopsAtSelect = stopsAtSelect
  }

  func take(_ requests: [ImportParser.Request]) throws {
    for request in requests {
      switch request {
      case .problem(let reason, let place): tally.fail(place, reason)
      case .command(let words, let place):
        guard let error = try store.run(words) else {
          tally.done += 1
          continue
        }
        tally.fail(place, error)
        guard stopsAtSelect && words[0] == Array("SELECT".utf8) else { continue }
        try finish()
        throw wrongDatabase(error)
      }
    }
  }

  func finish() throws {
    if !isFinished { try store.finish() }
    isFinished = true
    withExtendedLifetime(folder) {}
  }
}

/// A server.
private final class ServerTarget: ImportTarget {
  /// What is sent before its replies are awaited: commands, and about as many bytes.
  private static let batchCommands = 1000
  private static let batchBytes = 4 << 20

  private let connection: MartletConnection
  private let tally: ImportTally
  private let stopsAtSelect: Bool
  private var batch: [(command: Command, place: Int)] = []
  private var batchBytes = 0

  init(_ connection: MartletConnection, _ tally: ImportTally, stopsAtSelect: Bool) {
    self.connection = connection
    self.tally = tally
    self.stopsAtSelect = stopsAtSelect
  }

  func take(_ requests: [ImportParser.Request]) async throws {
    for request in requests {
      switch request {
      case .problem(let reason, let place): tally.fail(place, reason)
      case .command(let words, let place):
        guard let command = Command(words: words) else { continue }
        let isSelect = stopsAtSelect && words[0] == Array("SELECT".utf8)
        // Nothing may be on its way to a database that turns out not to be there.
        if isSelect { try await send() }
        batch.append((command, place))
        batchBytes += words.reduce(0) { $0 + $1.count }
        if isSelect {
          let errors = tally.errors
          try await send()
          if tally.errors > errors { throw wrongDatabase("the server refuses it") }
        }
      }
      if batch.count >= Self.batchCommands || batchBytes >= Self.batchBytes { try await send() }
    }
  }

  private func send() async throws {
    guard !batch.isEmpty else { return }
    for (reply, sent) in zip(try await connection.pipeline(batch.map(\.command)), batch) {
      if case .error(let error) = reply { tally.fail(sent.place, error.text) } else { tally.done += 1 }
    }
    batch.removeAll(keepingCapacity: true)
    batchBytes = 0
  }

  func finish() async throws {
    try await send()
    await connection.close()
  }
}

/// A file, or standard input, read from the first byte to the last.
private final class ImportInput {
  private static let readBytes = 256 << 10

  let path: String
  private let file: (any DiskFile)?
  /// In bytes; 0 when nobody knows.
  let size: Int
  private(set) var position = 0
  /// What has been read to see what it is.
  private var ahead: [UInt8] = []
  /// Of a folder the manifest in it.
  private var isFolder = false

  init(_ path: String) throws {
    var path = path
    if path == "-" {
      self.path = path
      file = nil
      size = 0
      return
    }
    if let names = try? SystemDisk().names(in: path) {
      let manifests = names.filter { $0.hasSuffix(AppendOnlyManifest.nameEnd) }
      guard let manifest = manifests.first, manifests.count == 1 else {
        throw ToolError("\(path) is a folder, and there isn't one manifest of an append-only log in it")
      }
      path += "/" + manifest
    }
    let file = try SystemDisk().openToRead(path)
    self.path = path
    self.file = file
    size = try file.size()
  }

  /// The bytes that show what it is.
  func head() throws -> [UInt8] {
    while ahead.count < ImportFormat.headBytes {
      let bytes = try read()
      if bytes.isEmpty { break }
      ahead += bytes
    }
    return ahead
  }

  /// What it is, as its first bytes show.
  func format() throws -> ImportFormat {
    let head = try head()
    return .recognised(head.span.raw)
  }

  /// The next bytes; none at the end.
  func next() throws(DiskError) -> [UInt8] {
    let bytes = ahead.isEmpty ? try read() : ahead
    ahead = []
    return bytes
  }

  /// All that has not been read yet.
  var bytes: InputBytes {
    InputBytes { () throws(DiskError) -> [UInt8] in try self.next() }
  }

  private func read() throws(DiskError) -> [UInt8] {
    guard let file else {
      do throws(StandardStream.Failure) {
        return try StandardStream.input.read()
      } catch {
        throw DiskError("read", "standard input", code: error.code)
      }
    }
    var bytes = ByteQueue()
    position += try file.read(at: position, count: Self.readBytes, into: &bytes)
    return bytes.bytes.array
  }

  /// The files of an append-only log: those that it lists, if it is a manifest, or itself.
  func logFiles() throws -> [ImportInput] {
    let head = try head()
    guard AppendOnlyManifest.isStart(head.span.raw) else { return [self] }
    var text: [UInt8] = []
    while text.count <= AppendOnlyManifest.maximumBytes {
      let bytes = try next()
      if bytes.isEmpty { break }
      text += bytes
    }
    let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
    return try AppendOnlyManifest.read(text.span.raw).map { try ImportInput(folder + $0) }
  }
}
