// `martlet check`: reads a database file as a start would, into memory of its own, and changes nothing. A server may be
// using the folder: the file is read as long as it was when the check began.

/// What a check found in one file that is not damaged.
package struct DatabaseCheck: Sendable {
  package var path: String
  package var loaded: LoadedDatabase
  /// The numbered databases that have keys, and how many, expired ones among them.
  package var keys: [(database: Int, keys: Int)]

  /// Verifies a file.
  ///
  /// - Throws: `DatabaseError` with the line when it is damaged.
  package static func run(
    _ folder: ToolFolder, _ name: String = DatabaseFile.name, threads: Int,
    progress: @escaping DatabaseLoader.Progress = { _, _ in }
  ) throws -> DatabaseCheck {
    let file = try folder.snapshot(name)
    let (loaded, keyspace) = try load(file, folder.file(name), threads: threads, progress: progress)
    return DatabaseCheck(path: folder.file(name), loaded: loaded, keys: keyspace.keyspace.keyCounts())
  }

  /// Loads a file that doesn't change meanwhile.
  package static func load(
    _ file: any DiskFile, _ path: String, threads: Int,
    progress: @escaping DatabaseLoader.Progress = { _, _ in }
  ) throws -> (LoadedDatabase, ToolKeyspace) {
    let header = try DatabaseReader(file, path).header
    let keyspace = ToolKeyspace(seed: header.seed, threads: threads)
    let loader = DatabaseLoader(keyspace.keyspace, threads: threads, progress: progress)
    defer { loader.destroy() }
    return (try loader.load(file, path), keyspace)
  }

  /// What there is to tell, a line each.
  package var lines: [String] {
    var lines = ["\(path): whole"]
    let header = loaded.header
    let size = loaded.end
    var id = ByteQueue()
    id.append(hexadecimal: header.identity, width: 16)
    lines.append("  database \(id.bytes.text), version \(loaded.version)")
    if header.checkpoint > 0 {
      lines.append(
        "  body: \(loaded.bodyEnd) bytes, \(loaded.checkpointKeys) keys, the state at version \(header.checkpoint)"
      )
    }
    lines.append(
      "  changes: \(size - loaded.bodyEnd) bytes, \(loaded.batches) batches, \(loaded.records) records")
    if loaded.firstTime != 0 {
      lines.append("  from \(Self.text(loaded.firstTime)) to \(Self.text(loaded.lastTime))")
    }
    let list = keys.map { "\($0.keys) in database \($0.database)" }.joined(separator: ", ")
    lines.append("  keys: \(list.isEmpty ? "none" : list)")
    if let tail = loaded.tail {
      lines.append(
        "  note: \(tail.bytes) bytes from line \(tail.line) on belong to no whole batch"
          + (tail.holdsBatches ? ", though there are commit lines among them" : "")
          + ". They may be a batch that a running server is writing, or what a crash left: the next start drops them."
      )
    }
    return lines
  }

  /// A time for people.
  package static func text(_ time: Int64) -> String {
    var text = ByteQueue()
    text.append(time: time)
    return text.bytes.text
  }
}
