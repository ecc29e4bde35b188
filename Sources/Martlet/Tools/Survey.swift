// Goes through a database file run by run, verifying checksums and order and applying nothing: for copies, and to learn
// which versions a file has.

/// What a walk through a file found.
package struct DatabaseSurvey {
  package var loaded: LoadedDatabase
  /// Why the file ends before its last line; nil when it is whole, but for a torn tail.
  package var damage: DatabaseError?

  /// Goes through a file, which doesn't change meanwhile.
  ///
  /// - Parameters:
  ///   - progress: told how far it is, in bytes.
  ///   - visit: given whole runs and the chunk that they lie in; it returns whether to go on.
  /// - Throws: `DatabaseError` when the header can't be read, and what `visit` throws.
  static func walk(
    _ file: any DiskFile, _ path: String, progress: DatabaseLoader.Progress = { _, _ in },
    _ visit: (borrowing DatabaseReader) throws -> Bool = { _ in true }
  ) throws -> DatabaseSurvey {
    var reader = try DatabaseReader(file, path)
    var survey = DatabaseSurvey(loaded: LoadedDatabase(reader))
    let size = try file.size()
    while try reader.next() {
      let runs = reader.runs
      let chunk = reader.chunk
      if let broken = runs.firstIndex(where: { !$0.isWhole(chunk.value.bytes) }) {
        reader.stop(after: broken)
      }
      survey.loaded.note(reader)
      if !reader.runs.isEmpty, try !visit(reader) { return survey }
      progress(reader.end, size)
    }
    do {
      survey.loaded.tail = try reader.tail(behind: survey.loaded, size)
    } catch let error as DatabaseError {
      survey.damage = error
    }
    return survey
  }
}

/// Applies the lines of a file to a keyspace that nobody else uses, one after the other.
struct LineReplay: ~Copyable {
  /// What a line was.
  enum Outcome: Equatable {
    /// Blank, or a comment.
    case nothing
    case selected
    case applied
    /// It is not a record, or doesn't fit the data, and changed nothing.
    case misfit(String)
  }

  let keyspace: Keyspace
  private var parser = RecordParser()
  private var database = 0

  init(_ keyspace: Keyspace) { self.keyspace = keyspace }

  /// Every run starts in database 0.
  mutating func beginRun() { database = 0 }

  /// Applies a line without its newline.
  mutating func apply(_ line: RawSpan, version: UInt64) -> Outcome {
    guard !line.isEmpty, line.byte(0) != UInt8(ascii: "#") else { return .nothing }
    var replay = Replay(keyspace)
    replay.database = database
    let count = keyspace.databaseCount
    var selected: Int?
    let outcome = parser.parse(line) { words -> Outcome in
      if words[0].equalsIgnoringCase("select") {
        guard words.count == 2, let number = words[1].decimal, number >= 0, number < count else {
          return .misfit("SELECT needs a number from 0 to \(count - 1)")
        }
        selected = number
        return .selected
      }
      if replay.apply(words, version: version) == .applied { return .applied }
      return .misfit(
        "not a record of this format, or it doesn't fit the data: another type at the key, a missing source")
    }
    if let selected { database = selected }
    return outcome
      ?? .misfit("its words can't be told apart: a quote or an escape is wrong, or a space too many")
  }

  /// Applies the lines of a whole run up to a version; the first line that doesn't fit, by its place in the chunk.
  mutating func apply(
    _ run: ClosedRun, _ chunk: Pinned<ByteQueue>, upTo limit: UInt64 = .max
  ) -> (misfitAt: Int, reason: String)? {
    var version: UInt64
    var step: UInt64 = 0
    switch run.line {
    case .commit(let commit): (version, step) = (commit.first, 1)
    case .part(_, let checkpoint): version = checkpoint
    case .checkpoint(let checkpoint, _, _, _): version = checkpoint
    }
    beginRun()
    var start = run.start
    while start < run.lineStart && version <= limit {
      let newline = chunk.value.bytes.firstIndex(of: UInt8(ascii: "\n"), from: start) ?? run.lineStart
      switch apply(chunk.value.bytes.extracting(start..<newline), version: version) {
      case .nothing, .selected: break
      case .applied: version += step
      case .misfit(let reason): return (start, reason)
      }
      start = newline + 1
    }
    return nil
  }
}
