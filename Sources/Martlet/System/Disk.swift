// What the journal needs of a disk, and the real one. A simulated disk takes its place in tests.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A file or folder operation that failed.
public struct DiskError: Error, Equatable, CustomStringConvertible {
  /// What was tried: `write`, `fdatasync`, `open`, …
  public let operation: String
  public let path: String
  /// The system's error number.
  public let code: Int32

  public init(_ operation: String, _ path: String, code: Int32) {
    self.operation = operation
    self.path = path
    self.code = code
  }

  /// Stands for a system's error number where there is none: the open file has lost its name.
  package static let replacedCode: Int32 = -2

  /// Stands for a system's error number where there is none: the file doesn't hold what was written.
  package static let damagedCode: Int32 = -3

  /// The system's own words for the code.
  public var reason: String {
    switch code {
    case Self.replacedCode: "somebody has replaced or removed the file while it was open"
    case Self.damagedCode: "the file doesn't hold what was written to it"
    default: unsafe String(cString: strerror(code))
    }
  }

  public var description: String { "\(operation) \(path): \(reason)" }

  /// Whether there is no such file or folder.
  package var isMissing: Bool { code == ENOENT }

  /// Whether what was taken for a folder is none.
  package var isNoFolder: Bool { code == ENOTDIR }

  /// Stands for the error of a write to a file that is open for reading only.
  package static func readOnly(_ operation: String, _ path: String) -> DiskError {
    DiskError(operation, path, code: EBADF)
  }

  /// Whether the operation may succeed once there is more room on the disk.
  package var isLackOfRoom: Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }
}

/// Folders and files.
package protocol Disk: Sendable {
  /// Opens a file for reading and writing, making it if it is missing.
  func open(_ path: String) throws(DiskError) -> any DiskFile
  /// Opens a file that is there for reading only. Nothing about it changes; a write fails.
  func openToRead(_ path: String) throws(DiskError) -> any DiskFile
  /// The names of a folder's entries, in no order.
  func names(in folder: String) throws(DiskError) -> [String]
  /// Gives a file another name, in place of the file that has it.
  func rename(_ path: String, to newPath: String) throws(DiskError)
  /// Gives a file a second name, which must be free.
  func link(_ path: String, to newPath: String) throws(DiskError)
  /// Takes a file's name away.
  func remove(_ path: String) throws(DiskError)
  /// Makes the names in a folder durable.
  func syncFolder(_ path: String) throws(DiskError)
}

/// An open file.
package protocol DiskFile: AnyObject, Sendable {
  /// The file's length in bytes.
  func size() throws(DiskError) -> Int
  /// Appends up to `count` bytes from `offset` on to `buffer`; how many, 0 at the end of the file.
  func read(at offset: Int, count: Int, into buffer: inout ByteQueue) throws(DiskError) -> Int
  /// Writes all of `bytes` at `offset`.
  func write(_ bytes: RawSpan, at offset: Int) throws(DiskError)
  /// Returns once everything written is on the disk (`fdatasync`).
  func sync() throws(DiskError)
  /// Cuts the file to `size` bytes.
  func truncate(to size: Int) throws(DiskError)
  /// Whether this file, and no other, is what `path` names now.
  func isNamed(_ path: String) throws(DiskError) -> Bool
}

/// The files of the operating system.
package struct SystemDisk: Disk {
  package init() {}

  package func open(_ path: String) throws(DiskError) -> any DiskFile {
    let descriptor = Self.retrying { openFile(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
    guard descriptor >= 0 else { throw DiskError("open", path, code: errno) }
    return SystemFile(descriptor, path)
  }

  package func openToRead(_ path: String) throws(DiskError) -> any DiskFile {
    let descriptor = Self.retrying { openFile(path, O_RDONLY | O_CLOEXEC, 0) }
    guard descriptor >= 0 else { throw DiskError("open", path, code: errno) }
    return SystemFile(descriptor, path)
  }

  package func names(in folder: String) throws(DiskError) -> [String] {
    guard let stream = unsafe opendir(folder) else { throw DiskError("open", folder, code: errno) }
    defer { _ = unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { start in
        unsafe String(cString: UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self))
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  package func rename(_ path: String, to newPath: String) throws(DiskError) {
    guard renameFile(path, newPath) == 0 else { throw DiskError("rename", path, code: errno) }
  }

  package func link(_ path: String, to newPath: String) throws(DiskError) {
    guard linkFile(path, newPath) == 0 else { throw DiskError("link", path, code: errno) }
  }

  package func remove(_ path: String) throws(DiskError) {
    guard unsafe unlink(path) == 0 else { throw DiskError("remove", path, code: errno) }
  }

  package func syncFolder(_ path: String) throws(DiskError) {
    let descriptor = Self.retrying { openFile(path, O_RDONLY | O_CLOEXEC, 0) }
    guard descriptor >= 0 else { throw DiskError("open", path, code: errno) }
    defer { _ = close(descriptor) }
    guard Self.retrying({ fsync(descriptor) }) == 0 else { throw DiskError("fsync", path, code: errno) }
  }

  /// Calls again what a signal interrupted.
  static func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
      let result = call()
      if result >= 0 || errno != EINTR { return result }
    }
  }
}

/// `open(2)` under a name that a method called `open` doesn't hide.
private func openFile(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 {
  unsafe path.withCString { unsafe open($0, flags, mode) }
}

private func renameFile(_ path: String, _ newPath: String) -> Int32 { unsafe rename(path, newPath) }

private func linkFile(_ path: String, _ newPath: String) -> Int32 { unsafe link(path, newPath) }
