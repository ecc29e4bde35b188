// `martlet backup`: a copy of a database file, verified run by run while it is made, up to the last batch that is known to
// be on the disk.

/// What a copy holds.
package struct DatabaseBackup: Sendable {
  /// The copy, as it was verified.
  package let loaded: LoadedDatabase

  /// Copies a folder's database into another folder, which is empty and locked. A server may be using the first.
  ///
  /// - Throws: `DatabaseError` when what is copied is damaged. Nothing is left behind then.
  package static func copy(
    _ source: ToolFolder, to target: ToolFolder, progress: DatabaseLoader.Progress = { _, _ in }
  ) throws -> DatabaseBackup {
    let file = try source.snapshot()
    // What is in the file now may not be on the disk yet. A crash must not leave a copy with more in it than its original.
    try file.sync()
    return try receive(into: target) { copy in
      var position = 0
      let survey = try DatabaseSurvey.walk(file, source.file(DatabaseFile.name), progress: progress) {
        reader in
        if position == 0 { position = try copyBytes(of: file, to: reader.position, copy) }
        let end = reader.runs.last?.end ?? 0
        try copy.write(reader.chunk.value.bytes.extracting(0..<end), at: position)
        position += end
        return true
      }
      if let damage = survey.damage { throw damage }
      if position == 0 { _ = try copyBytes(of: file, to: survey.loaded.end, copy) }
      return survey.loaded
    }
  }

  private static func copyBytes(of file: any DiskFile, to end: Int, _ copy: any DiskFile) throws(DiskError)
    -> Int
  {
    var position = 0
    while position < end {
      var bytes = ByteQueue()
      let got = try file.read(at: position, count: min(ToolLimits.copyBytes, end - position), into: &bytes)
      guard got > 0 else { break }
      try copy.write(bytes.bytes, at: position)
      position += got
    }
    return position
  }

  /// Has `write` fill a folder's new database file, and lets it take its name once it is on the disk.
  private static func receive(
    into target: ToolFolder, _ write: (any DiskFile) throws -> LoadedDatabase
  ) throws -> DatabaseBackup {
    let path = target.file(DatabaseFile.unfinishedName)
    let copy = try target.disk.open(path)
    do {
      try copy.truncate(to: 0)
      let loaded = try write(copy)
      try copy.sync()
      try target.disk.rename(path, to: target.file(DatabaseFile.name))
      try target.disk.syncFolder(target.path)
      return DatabaseBackup(loaded: loaded)
    } catch {
      try? target.disk.remove(path)
      throw error
    }
  }

  // MARK: From a server

  /// A database file that comes over a connection, piece by piece, into a folder that is empty and locked.
  package final class Receiver: Sendable {
    private let target: ToolFolder
    private let path: String
    private let copy: any DiskFile

    package init(_ target: ToolFolder) throws(DiskError) {
      self.target = target
      path = target.file(DatabaseFile.unfinishedName)
      copy = try target.disk.open(path)
      try copy.truncate(to: 0)
    }

    /// Takes the piece that begins at `offset`.
    package func write(_ bytes: [UInt8], at offset: Int) throws(DiskError) {
      try copy.write(bytes.span.raw, at: offset)
    }

    /// Verifies all that came, and lets it take its name once it is on the disk.
    package func finish(bytes: Int, progress: DatabaseLoader.Progress = { _, _ in }) throws -> DatabaseBackup
    {
      do {
        let survey = try DatabaseSurvey.walk(copy, path, progress: progress)
        if let damage = survey.damage { throw damage }
        guard survey.loaded.end == bytes, survey.loaded.tail == nil else {
          throw ToolError("what came over the connection is not what the server has; try again")
        }
        try copy.sync()
        try target.disk.rename(path, to: target.file(DatabaseFile.name))
        try target.disk.syncFolder(target.path)
        return DatabaseBackup(loaded: survey.loaded)
      } catch {
        abandon()
        throw error
      }
    }

    /// Removes what has come.
    package func abandon() { try? target.disk.remove(path) }
  }
}
