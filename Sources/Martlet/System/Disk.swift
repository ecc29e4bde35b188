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

  /// The system's own words for the code.
  public var reason: String { unsafe String(cString: strerror(code)) }

  public var description: String { "\(operation) \(path): \(reason)" }
}

/// A folder's files.
package protocol Disk: Sendable {
  /// Opens a file for reading and writing, making it if it is missing.
  func open(_ path: String) throws(DiskError) -> any DiskFile
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
}

/// The files of the operating system.
package struct SystemDisk: Disk {
  package init() {}

  package func open(_ path: String) throws(DiskError) -> any DiskFile {
    let descriptor = Self.retrying { openFile(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
    guard descriptor >= 0 else { throw DiskError("open", path, code: errno) }
    return SystemFile(descriptor, path)
  }

  package func syncFolder(_ path: String) throws(DiskError) {
    let descriptor = Self.retrying { openFile(path, O_RDONLY | O_CLOEXEC, 0) }
    guard descriptor >= 0 else { throw DiskError("open", path, code: errno) }
    defer { _ = close(descriptor) }
    guard Self.retrying({ fsync(descriptor) }) == 0 else { throw DiskError("fsync", path, code: errno) }
  }

  /// Calls again what a signal interrupted.
  fileprivate static func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
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

/// A file of the operating system. It closes with its last reference.
private final class SystemFile: DiskFile {
  private let descriptor: Int32
  private let path: String

  init(_ descriptor: Int32, _ path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit { _ = close(descriptor) }

  func size() throws(DiskError) -> Int {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw DiskError("stat", path, code: errno) }
    return Int(status.st_size)
  }

  func read(at offset: Int, count: Int, into buffer: inout ByteQueue) throws(DiskError) -> Int {
    let descriptor = descriptor
    let got = unsafe buffer.append(upTo: count) { start in
      SystemDisk.retrying { unsafe pread(descriptor, start, count, off_t(offset)) }
    }
    guard got >= 0 else { throw DiskError("read", path, code: errno) }
    return got
  }

  func write(_ bytes: RawSpan, at offset: Int) throws(DiskError) {
    var done = 0
    while done < bytes.byteCount {
      let written = unsafe bytes.withUnsafeBytes { source in
        SystemDisk.retrying {
          unsafe pwrite(
            descriptor, source.baseAddress.unsafelyUnwrapped + done, source.count - done, off_t(offset + done)
          )
        }
      }
      guard written > 0 else { throw DiskError("write", path, code: written == 0 ? EIO : errno) }
      done += written
    }
  }

  func sync() throws(DiskError) {
    #if canImport(Darwin)
      // On Darwin only this reaches the platters (fcntl(2)).
      guard unsafe SystemDisk.retrying({ unsafe fcntl(descriptor, F_FULLFSYNC) }) >= 0 else {
        throw DiskError("fsync", path, code: errno)
      }
    #else
      guard SystemDisk.retrying({ fdatasync(descriptor) }) == 0 else {
        throw DiskError("fdatasync", path, code: errno)
      }
    #endif
  }

  func truncate(to size: Int) throws(DiskError) {
    guard SystemDisk.retrying({ ftruncate(descriptor, off_t(size)) }) == 0 else {
      throw DiskError("truncate", path, code: errno)
    }
  }
}
