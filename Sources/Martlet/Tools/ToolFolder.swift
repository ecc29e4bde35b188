// The data folder as the tools see it: the database file, the earlier files beside it, and the one way in which a tool
// puts a new file in the place of the old. Whoever changes something holds the folder's lock (`DataFolder`); reading needs
// none.

/// What a tool can't do, and what to do about it.
package struct ToolError: Error, Equatable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// What all tools share.
package enum ToolLimits {
  /// More numbered databases than any server has: its setting ends there.
  package static let databases = 1024
  /// The bytes copied at once.
  static let copyBytes = 4 << 20
}

/// A folder with a database in it.
package struct ToolFolder: Sendable {
  package let path: String
  package let disk: any Disk

  package init(_ path: String, on disk: any Disk = SystemDisk()) {
    self.path = path
    self.disk = disk
  }

  package func file(_ name: String) -> String { path + "/" + name }

  /// A file of the folder as it is now, for reading.
  package func snapshot(_ name: String = DatabaseFile.name) throws -> FileSnapshot {
    do throws(DiskError) {
      return try FileSnapshot(disk.openToRead(file(name)), file(name))
    } catch {
      guard error.isMissing else { throw error }
      throw ToolError("\(path) holds no database: there is no \(name) in it")
    }
  }

  /// The files before the one in use that checkpoints have kept, the latest first.
  package func keptNames() throws(DiskError) -> [String] {
    try disk.names(in: path)
      .compactMap { name -> (name: String, version: UInt64)? in
        guard name.hasPrefix(DatabaseFile.keptPrefix) else { return nil }
        return UInt64(name.dropFirst(DatabaseFile.keptPrefix.count)).map { (name, $0) }
      }
      .sorted { $0.version > $1.version }
      .map(\.name)
  }

  /// A name that no file has: `database.txt.WHAT-20261122T161003Z`.
  package func freeName(_ what: String, time: Int64) throws(DiskError) -> String {
    var text = ByteQueue()
    text.append(time: time)
    let stamp = text.bytes.text.prefix { $0 != "." }.filter { $0 != "-" && $0 != ":" }
    let names = try disk.names(in: path)
    let wanted = "\(DatabaseFile.name).\(what)-\(stamp)Z"
    var name = wanted
    var number = 1
    while names.contains(name) {
      number += 1
      name = "\(wanted)-\(number)"
    }
    return name
  }

  /// Begins the file that is to take the database's place. What a tool leaves unfinished, the next start of a server
  /// removes.
  func beginNew(_ header: DatabaseHeader) throws(DiskError) -> NewDatabaseFile {
    let newPath = file(DatabaseFile.unfinishedName)
    let new = try disk.open(newPath)
    try new.truncate(to: 0)
    return try NewDatabaseFile(new, newPath, header)
  }

  /// Removes a file that `beginNew` has begun.
  func discard(_ new: NewDatabaseFile) throws(DiskError) { try disk.remove(new.path) }

  /// Lets a new file take the database's place, once it is on the disk.
  ///
  /// - Parameter name: what the file in use is called from then on; nil when there is none.
  func adopt(_ new: NewDatabaseFile, keepingOldAs name: String?) throws(DiskError) {
    try new.sync()
    if let name {
      try disk.link(file(DatabaseFile.name), to: file(name))
      // The old file has to have its second name before it loses its first.
      try disk.syncFolder(path)
    }
    try disk.rename(new.path, to: file(DatabaseFile.name))
    try disk.syncFolder(path)
  }
}

extension Keyspace {
  /// How many keys a numbered database has, expired ones among them. Nobody else may use the keyspace.
  func keyCount(_ database: Int) -> Int {
    var count = 0
    for shard in 0..<shardCount { count += self[shard].shard.count(database) }
    return count
  }

  /// The numbered databases that have keys, and how many.
  func keyCounts() -> [(database: Int, keys: Int)] {
    (0..<databaseCount).map { ($0, keyCount($0)) }.filter { $0.1 > 0 }
  }
}

/// A keyspace of a tool's own, freed with its last reference.
package final class ToolKeyspace: Sendable {
  package let keyspace: Keyspace

  /// - Parameter seed: the database's hash seed, so that what is written keeps its order.
  init(seed: UInt64, threads: Int = 1) {
    keyspace = Keyspace(
      shardCount: Keyspace.shardCount(threads: threads), databaseCount: ToolLimits.databases, seedNumber: seed
    )
  }

  deinit { keyspace.destroy() }

  /// All keys of all databases.
  package var keyCount: Int { keyspace.keyCounts().reduce(0) { $0 + $1.keys } }
}

/// Writes a keyspace as the body of a new file.
enum StateWriter {
  /// How many entries are taken from a shard at once.
  private static let entriesAtOnce = 256

  /// Writes all that the keyspace holds; how many keys.
  ///
  /// - Parameter time: when the state is written, in milliseconds since 1970.
  static func write(_ keyspace: Keyspace, to new: NewDatabaseFile, time: Int64) throws(DiskError) -> UInt64 {
    let version = new.header.checkpoint
    // A file without a checkpoint has no body, and nothing to put in it.
    guard version > 0 else { return 0 }
    var body = BodyWriter()
    for shard in 0..<keyspace.shardCount {
      keyspace[shard].shard.beginCut(version, outlivesFlush: true)
      defer { keyspace[shard].shard.endCut() }
      var hasMore = true
      while hasMore {
        hasMore = keyspace[shard].shard.advanceCut(entriesAtOnce, &body)
        let isLast = !hasMore && shard == keyspace.shardCount - 1
        guard body.count >= Checkpoint.partBytes || isLast else { continue }
        body.endPart(isLast: isLast)
        if body.count > 0 { try new.append(part: &body.records) }
        body.beginPart()
        if new.unsyncedBytes >= Checkpoint.unsyncedBytes { try new.sync() }
      }
    }
    try new.finishBody(keys: body.keys, time: time)
    return body.keys
  }
}
