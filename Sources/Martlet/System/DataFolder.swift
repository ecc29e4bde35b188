// The folder that holds the database, and the lock that keeps it to one store.
//
// The lock is `flock` on the file `lock` in the folder, so it goes with the process that holds it, however that
// ends. The file stays when the lock goes: to remove it would let two servers hold locks on two files of that name.
#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A data folder that no other store uses for as long as this object lives.
public final class DataFolder: Sendable {
  /// The folder's path, as it was given.
  public let path: String
  /// The open lock file. Its first line is the pid of the process that has the folder, its second one, if there is one,
  /// names the database that the folder holds.
  private let lock: CInt
  /// The database that the folder is known to hold; nil for none.
  public let database: String?

  /// Creates the folder if it is missing (for its owner only), checks that it can be written in, and locks it.
  ///
  /// The folder that it is in must exist, so that a misspelt path doesn't make a tree of folders.
  ///
  /// - Throws: ``StoreError/folderInUse(path:pid:)`` when another process has it, and
  ///   ``StoreError/folderNotWritable(path:reason:)`` when the system refuses.
  public init(_ path: String) throws(StoreError) {
    self.path = path
    try Self.create(path)
    guard unsafe access(path + "/.", W_OK | X_OK) == 0 else {
      throw .folderNotWritable(path: path, reason: Self.reason(errno))
    }
    let lock = try Self.takeLock(of: path)
    self.lock = lock
    database = Self.lines(of: lock).dropFirst().first.flatMap { line in
      line.hasPrefix(Self.databasePrefix) ? String(line.dropFirst(Self.databasePrefix.count)) : nil
    }
    try note(database)
  }

  deinit {
    // The pid stays; it is of no use to anybody any more. Closing the file is what gives the lock back.
    close(lock)
  }

  private static var databasePrefix: String { "database " }

  /// Has the folder be known to hold a database, so that the loss of its file is noticed.
  package func note(_ database: String?) throws(StoreError) {
    let text = "\(getpid())\n" + (database.map { Self.databasePrefix + $0 + "\n" } ?? "")
    let bytes = Array(text.utf8)
    guard ftruncate(lock, 0) == 0, unsafe pwrite(lock, bytes, bytes.count, 0) == bytes.count else {
      throw .folderNotWritable(path: path, reason: Self.reason(errno))
    }
  }

  /// The path of a file in the folder.
  public func file(_ name: String) -> String { path + "/" + name }

  /// The process that the folder's lock file names, if it runs. Nothing is locked to find out, so that no server that
  /// starts at this moment is turned away; and so it may have nothing to do with the folder any more.
  package static func probableUser(of path: String) -> Int32? {
    let lock = unsafe open(path + "/lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard lock >= 0 else { return nil }
    defer { close(lock) }
    guard let pid = readPid(from: lock), pid > 0, kill(pid, 0) == 0 || errno == EPERM else { return nil }
    return pid
  }

  private static func create(_ path: String) throws(StoreError) {
    if unsafe mkdir(path, 0o700) == 0 {
      try syncParent(of: path)
    } else if errno != EEXIST {
      throw .folderNotWritable(path: path, reason: Self.reason(errno))
    }
  }

  /// Makes a new folder's entry in its parent durable: without it, a crash could take the folder with all it holds.
  private static func syncParent(of path: String) throws(StoreError) {
    let parent = unsafe open(path + "/..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard parent >= 0 else { throw .folderNotWritable(path: path, reason: Self.reason(errno)) }
    defer { close(parent) }
    guard fsync(parent) == 0 else {
      throw .folderNotWritable(path: path, reason: Self.reason(errno))
    }
  }

  private static func takeLock(of path: String) throws(StoreError) -> CInt {
    let lock = unsafe open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard lock >= 0 else { throw .folderNotWritable(path: path, reason: Self.reason(errno)) }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      defer { close(lock) }
      if code == EWOULDBLOCK { throw .folderInUse(path: path, pid: readPid(from: lock)) }
      throw .folderNotWritable(path: path, reason: "it can't be locked: \(reason(code))")
    }
    return lock
  }

  /// The system's words for an error number.
  private static func reason(_ code: CInt) -> String { DiskError("", "", code: code).reason }

  private static func readPid(from lock: CInt) -> Int32? { lines(of: lock).first.flatMap { Int32($0) } }

  private static func lines(of lock: CInt) -> [Substring] {
    var bytes = [UInt8](repeating: 0, count: 128)
    let count = unsafe pread(lock, &bytes, bytes.count, 0)
    guard count > 0 else { return [] }
    return String(decoding: bytes[..<count], as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false)
  }
}
