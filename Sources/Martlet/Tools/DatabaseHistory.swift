// `martlet restore`: the state of a database at an earlier version or time, from the file in use and the earlier ones
// beside it. Every batch carries its versions and its time; a file covers what its body and its batches have.

/// Which versions and times the files of a folder have.
package struct DatabaseHistory {
  /// One file, as far as it is whole.
  package struct Source: Sendable {
    package var name: String
    package var header: DatabaseHeader
    /// The first and the last version whose state it has.
    package var firstVersion: UInt64
    package var lastVersion: UInt64
    /// When the first of them was written, and the last; 0 when it has nothing.
    package var firstTime: Int64
    package var lastTime: Int64
    package var batches: Int
    /// Why it ends before its last line.
    package var damage: DatabaseError?
  }

  /// What to go back to.
  package enum Target: Equatable, Sendable {
    case version(UInt64)
    /// The last batch closed at or before this time, in milliseconds since 1970.
    case time(Int64)
  }

  /// The beginning of the names of files that a restore has replaced.
  static let replacedPrefix = DatabaseFile.name + ".before-restore-"

  private let folder: ToolFolder
  /// The file in use first, then from the latest to the earliest.
  package private(set) var sources: [Source] = []
  /// Files that are of no use, and why.
  package private(set) var unusable: [DatabaseError] = []

  /// Reads all the files. O(their size).
  package init(
    _ folder: ToolFolder, progress: (_ name: String, _ done: Int, _ total: Int) -> Void = { _, _, _ in }
  )
    throws
  {
    self.folder = folder
    let names = try folder.disk.names(in: folder.path)
    let earlier = names.filter { $0.hasPrefix(DatabaseFile.keptPrefix) || $0.hasPrefix(Self.replacedPrefix) }
    for name in (names.contains(DatabaseFile.name) ? [DatabaseFile.name] : []) + earlier {
      do {
        try add(name) { progress(name, $0, $1) }
      } catch let error as DatabaseError {
        unusable.append(error)
      }
    }
    guard let first = sources.first else {
      if let problem = unusable.first { throw problem }
      throw ToolError("\(folder.path) holds no database: there is no \(DatabaseFile.name) in it")
    }
    // Files of another database, which somebody has put there, are no part of this one's past.
    for other in sources where other.header.identity != first.header.identity {
      unusable.append(DatabaseError(path: folder.file(other.name), line: 1, reason: "of another database"))
    }
    sources.removeAll { $0.header.identity != first.header.identity }
    let rest = sources.filter { $0.name != DatabaseFile.name }.sorted { $0.lastVersion > $1.lastVersion }
    sources = sources.filter { $0.name == DatabaseFile.name } + rest
  }

  private mutating func add(_ name: String, _ progress: DatabaseLoader.Progress) throws {
    let path = folder.file(name)
    let survey = try DatabaseSurvey.walk(try folder.snapshot(name), path, progress: progress)
    let loaded = survey.loaded
    guard loaded.version >= loaded.header.checkpoint else {
      throw survey.damage ?? DatabaseError(path: path, line: 1, reason: "its body isn't complete")
    }
    sources.append(
      Source(
        name: name, header: loaded.header, firstVersion: loaded.header.checkpoint,
        lastVersion: loaded.version,
        firstTime: loaded.firstTime, lastTime: loaded.lastTime, batches: loaded.batches, damage: survey.damage
      ))
  }

  /// The highest version that any file has.
  package var lastVersion: UInt64 { sources.map(\.lastVersion).max() ?? 0 }

  /// What can be restored, for messages.
  package var range: String {
    let times = sources.filter { $0.firstTime != 0 }
    let versions = ranges.map { $0.0 == $0.1 ? "\($0.0)" : "\($0.0) to \($0.1)" }.joined(separator: " and ")
    guard let first = times.map(\.firstTime).min(), let last = times.map(\.lastTime).max() else {
      return "versions \(versions)"
    }
    return
      "versions \(versions), and times from \(DatabaseCheck.text(first)) on (the last change is of \(DatabaseCheck.text(last)))"
  }

  /// The versions that there are, in runs.
  private var ranges: [(UInt64, UInt64)] {
    var ranges: [(UInt64, UInt64)] = []
    for source in sources.sorted(by: { $0.firstVersion < $1.firstVersion }) {
      if let last = ranges.last, source.firstVersion <= last.1 + 1 {
        ranges[ranges.count - 1].1 = max(last.1, source.lastVersion)
      } else {
        ranges.append((source.firstVersion, source.lastVersion))
      }
    }
    return ranges
  }

  // MARK: Finding the state

  /// A state found again.
  package struct State: Sendable {
    package let keyspace: ToolKeyspace
    package let source: Source
    /// The version of the last record in it, at or before the one asked for.
    package let version: UInt64
    /// When its batch was closed, or its checkpoint was made; 0 for an empty database that has no batch yet.
    package let time: Int64
    /// The versions of its batch, when it ends in the middle of one.
    package let cutBatch: ClosedRange<UInt64>?
  }

  /// Reads the state back.
  ///
  /// - Throws: `ToolError` with the range that there is, when the target is not in it.
  package func state(at target: Target, progress: DatabaseLoader.Progress = { _, _ in }) throws -> State {
    let wanted: UInt64
    switch target {
    case .version(let version): wanted = version
    case .time(let time):
      guard let version = try version(at: time) else {
        throw ToolError(
          "there is no state of \(DatabaseCheck.text(time)) any more. What can be restored: \(range)")
      }
      wanted = version
    }
    guard let source = sources.first(where: { $0.firstVersion <= wanted && wanted <= $0.lastVersion }) else {
      throw ToolError("version \(wanted) is in none of the files. What can be restored: \(range)")
    }
    return try read(source, upTo: wanted, progress)
  }

  /// The version of the last batch closed at or before a time.
  private func version(at time: Int64) throws -> UInt64? {
    var found: UInt64?
    for source in sources {
      // The body of a file was the state when it was written, and for some time before.
      let path = folder.file(source.name)
      _ = try DatabaseSurvey.walk(try folder.snapshot(source.name), path, progress: { _, _ in }) { reader in
        for run in reader.runs {
          switch run.line {
          case .part: break
          case .checkpoint(let version, _, _, let closed):
            if closed <= time { found = max(found ?? 0, version) }
          case .commit(let commit):
            if commit.time <= time { found = max(found ?? 0, commit.last) }
          }
        }
        return true
      }
    }
    return found
  }

  private func read(_ source: Source, upTo wanted: UInt64, _ progress: DatabaseLoader.Progress) throws
    -> State
  {
    let keyspace = ToolKeyspace(seed: source.header.seed)
    var replay = LineReplay(keyspace.keyspace)
    var version = source.firstVersion
    var time: Int64 = 0
    var cutBatch: ClosedRange<UInt64>?
    let path = folder.file(source.name)
    _ = try DatabaseSurvey.walk(try folder.snapshot(source.name), path, progress: progress) { reader in
      for run in reader.runs {
        switch run.line {
        case .part: break
        case .checkpoint(_, _, _, let closed): time = closed
        case .commit(let commit):
          guard commit.first <= wanted else { return false }
          version = min(commit.last, wanted)
          time = commit.time
          if commit.last > wanted { cutBatch = commit.first...commit.last }
        }
        if let misfit = replay.apply(run, reader.chunk, upTo: wanted) {
          throw DatabaseError(
            path: path, line: try reader.lineNumber(at: reader.position + misfit.misfitAt),
            reason: misfit.reason)
        }
      }
      return true
    }
    return State(keyspace: keyspace, source: source, version: version, time: time, cutBatch: cutBatch)
  }

  // MARK: Writing it

  /// Writes a state into a new folder, which is empty and locked.
  ///
  /// - Parameter now: in milliseconds since 1970.
  package func write(_ state: State, into target: ToolFolder, now: Int64) throws(DiskError) {
    try write(state, into: target, version: state.version, now: now, keepingOldAs: nil)
  }

  /// Has a state take the place of what the folder, which is locked, holds now; what that is called then.
  ///
  /// The versions go on from the last one there was: none is ever given to two different changes, and what was replaced
  /// can be restored by its own versions.
  package func writeInPlace(_ state: State, now: Int64) throws(DiskError) -> String? {
    let hasOld = try folder.disk.names(in: folder.path).contains(DatabaseFile.name)
    let name = hasOld ? try folder.freeName("before-restore", time: now) : nil
    try write(state, into: folder, version: lastVersion + 1, now: now, keepingOldAs: name)
    return name
  }

  private func write(
    _ state: State, into target: ToolFolder, version: UInt64, now: Int64, keepingOldAs name: String?
  ) throws(DiskError) {
    let source = state.source.header
    let new = try target.beginNew(
      DatabaseHeader(identity: source.identity, seed: source.seed, checkpoint: version))
    do {
      _ = try StateWriter.write(state.keyspace.keyspace, to: new, time: now)
      try target.adopt(new, keepingOldAs: name)
    } catch {
      try? target.discard(new)
      throw error
    }
  }
}
