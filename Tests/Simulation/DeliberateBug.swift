// Bugs on purpose: a disk, a file and a log that break one promise each. That the simulation finds every one of them is
// what its silence is worth.
package import Martlet
private import Synchronization

/// What can be made to go wrong that never may.
package enum DeliberateBug: String, CaseIterable, Sendable {
  /// Every fourth sync of a file does nothing and says that it did.
  case skippedSync
  /// A sync says at once that it is done, and is done before the next write: replies leave too early.
  case earlyAcknowledgement
  /// A failed sync of the database file is taken for one that was done.
  case ignoredSyncFailure
  /// Every eighth batch isn't written.
  case lostBatch
  /// A batch is written as two, with a sync between them.
  case splitBatch
  /// Recovery doesn't sync what it shows.
  case unsyncedRecovery
  /// The folder isn't synced once a file in it has another name.
  case unsyncedRename
  /// The new file of a checkpoint isn't synced before it takes its name.
  case unsyncedCheckpoint
  /// A checkpoint doesn't keep what is deleted or replaced before it has come to it.
  case forgottenDeletions
  /// A checkpoint doesn't keep the members of large collections that are removed or replaced before it has come to them.
  case forgottenMembers
}

/// A disk that has the bug, if it is one of a disk.
package final class FlawedDisk: Disk {
  private let base: SimulatedDisk
  fileprivate let bug: DeliberateBug
  fileprivate let state = Guarded(State())

  fileprivate struct State {
    var syncs = 0
    var isRecovering = false
    var hasRenamed = false
  }

  package init(_ base: SimulatedDisk, _ bug: DeliberateBug) {
    self.base = base
    self.bug = bug
  }

  /// Whether a store is being opened.
  package var isRecovering: Bool {
    get { state.withLock { $0.isRecovering } }
    set { state.withLock { $0.isRecovering = newValue } }
  }

  package func open(_ path: String) throws(DiskError) -> any DiskFile {
    FlawedFile(try base.open(path), path, self)
  }

  package func openToRead(_ path: String) throws(DiskError) -> any DiskFile { try base.openToRead(path) }

  package func names(in folder: String) throws(DiskError) -> [String] { try base.names(in: folder) }

  package func rename(_ path: String, to newPath: String) throws(DiskError) {
    state.withLock { $0.hasRenamed = true }
    try base.rename(path, to: newPath)
  }

  package func link(_ path: String, to newPath: String) throws(DiskError) {
    try base.link(path, to: newPath)
  }

  package func remove(_ path: String) throws(DiskError) { try base.remove(path) }

  package func syncFolder(_ path: String) throws(DiskError) {
    let isSkipped = state.withLock { state in
      bug == .unsyncedRename && state.hasRenamed || bug == .unsyncedRecovery && state.isRecovering
    }
    if !isSkipped { try base.syncFolder(path) }
  }

  /// The machine has been started anew.
  package func forget() { state.withLock { $0 = State() } }

  /// Whether the sync that is due now is to be left out.
  fileprivate func skipsSync(_ path: String) -> Bool {
    state.withLock { state in
      state.syncs += 1
      switch bug {
      case .skippedSync: return state.syncs.isMultiple(of: 4)
      case .unsyncedRecovery: return state.isRecovering
      case .unsyncedCheckpoint: return path.hasSuffix(DatabaseFile.unfinishedName)
      default: return false
      }
    }
  }
}

/// A file of a `FlawedDisk`.
private final class FlawedFile: DiskFile {
  private let base: any DiskFile
  private let path: String
  private let disk: FlawedDisk
  private let owesSync = Guarded(false)

  init(_ base: any DiskFile, _ path: String, _ disk: FlawedDisk) {
    self.base = base
    self.path = path
    self.disk = disk
  }

  func size() throws(DiskError) -> Int { try base.size() }

  func read(at offset: Int, count: Int, into buffer: inout ByteQueue) throws(DiskError) -> Int {
    try base.read(at: offset, count: count, into: &buffer)
  }

  func write(_ bytes: RawSpan, at offset: Int) throws(DiskError) {
    let owed = owesSync.withLock { owesSync in
      defer { owesSync = false }
      return owesSync
    }
    if owed { try base.sync() }
    try base.write(bytes, at: offset)
  }

  func sync() throws(DiskError) {
    if disk.skipsSync(path) { return }
    if disk.bug == .earlyAcknowledgement { return owesSync.withLock { $0 = true } }
    try base.sync()
  }

  func truncate(to size: Int) throws(DiskError) {
    try base.truncate(to: size)
  }

  func isNamed(_ path: String) throws(DiskError) -> Bool { try base.isNamed(path) }
}

/// A log that has the bug, if it is one of a log.
package final class FlawedLog: JournalLog {
  private let base: any JournalLog
  private let bug: DeliberateBug
  private let batches = Atomic<Int>(0)

  package init(_ base: any JournalLog, _ bug: DeliberateBug) {
    self.base = base
    self.bug = bug
  }

  package func append(_ records: inout ByteQueue, _ commit: Commit) throws(DiskError) {
    let number = batches.add(1, ordering: .relaxed).newValue
    switch bug {
    case .lostBatch where number.isMultiple(of: 8): return
    case .splitBatch where commit.last > commit.first: try appendInHalves(records.bytes.array, commit)
    default: try base.append(&records, commit)
    }
  }

  private func appendInHalves(_ records: [UInt8], _ commit: Commit) throws(DiskError) {
    let half = commit.first + (commit.last - commit.first) / 2
    var first = ByteQueue()
    var second = ByteQueue()
    var version = commit.first
    var database = bytes("SELECT 0\n")
    for line in records.split(separator: UInt8(ascii: "\n")).map({ Array($0) + [UInt8(ascii: "\n")] }) {
      let isSelect = line.starts(with: "SELECT ".utf8)
      if isSelect { database = line }
      if version <= half {
        first.append(line)
      } else {
        if second.isEmpty && !isSelect { second.append(database) }
        second.append(line)
      }
      if !isSelect { version += 1 }
    }
    var (firstCommit, secondCommit) = (commit, commit)
    firstCommit.last = half
    secondCommit.first = half + 1
    try base.append(&first, firstCommit)
    try base.sync()
    try base.append(&second, secondCommit)
  }

  package func sync() throws(DiskError) {
    do {
      try base.sync()
    } catch {
      if bug != .ignoredSyncFailure { throw error }
    }
  }

  package func close(_ commit: Commit) throws(DiskError) { try base.close(commit) }
}
