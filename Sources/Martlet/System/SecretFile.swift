// A small file that holds secrets: read as a whole, with who else may read it.
#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The contents of a file that only its owner, and maybe a group, should be able to read.
package struct SecretFile: ~Copyable {
  package let contents: ByteQueue
  /// Whether every user of the machine may read or change it.
  package let isOpenToOthers: Bool

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - path: of a regular file; a pipe could keep the server waiting.
  ///   - limit: the most bytes that it may have.
  /// - Throws: `DiskError`, for a file that is larger with the code of "File too large".
  package init(_ path: String, atMost limit: Int) throws(DiskError) {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { throw DiskError("open", path, code: errno) }
    defer { close(file) }
    var facts = stat()
    guard unsafe fstat(file, &facts) == 0 else { throw DiskError("fstat", path, code: errno) }
    guard facts.st_mode & S_IFMT == S_IFREG else {
      throw DiskError("read", path, code: facts.st_mode & S_IFMT == S_IFDIR ? EISDIR : EINVAL)
    }
    var contents = ByteQueue()
    while contents.count <= limit {
      let wanted = limit + 1 - contents.count
      let got = unsafe contents.append(upTo: wanted) { unsafe read(file, $0, wanted) }
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { throw DiskError("read", path, code: errno) }
      if got == 0 { break }
    }
    guard contents.count <= limit else { throw DiskError("read", path, code: EFBIG) }
    self.contents = contents
    isOpenToOthers = facts.st_mode & (S_IROTH | S_IWOTH) != 0
  }

  /// What a file holds.
  package static func bytes(_ path: String, atMost limit: Int) throws(DiskError) -> [UInt8] {
    let file = try SecretFile(path, atMost: limit)
    return file.contents.bytes.array
  }

  /// Puts a file in the place of one, or makes one, that its owner alone can read. It is on the disk when this returns, and
  /// at any time the old one or the new one is there as a whole.
  package static func replace(_ path: String, by contents: RawSpan) throws(DiskError) {
    let written = path + ".new"
    let file = unsafe open(written, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw DiskError("open", written, code: errno) }
    do {
      defer { close(file) }
      var done = 0
      while done < contents.byteCount {
        let rest = contents.extracting(done..<contents.byteCount)
        let count = unsafe rest.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
        if count < 0 && errno == EINTR { continue }
        guard count >= 0 else { throw DiskError("write", written, code: errno) }
        done += count
      }
      guard fsync(file) == 0 else { throw DiskError("fsync", written, code: errno) }
    }
    guard unsafe rename(written, path) == 0 else { throw DiskError("rename", written, code: errno) }
    let end = path.lastIndex(of: "/").map { path[..<$0] } ?? "."
    let folder = unsafe open(end.isEmpty ? "/" : String(end), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw DiskError("open", String(end), code: errno) }
    defer { close(folder) }
    guard fsync(folder) == 0 else { throw DiskError("fsync", String(end), code: errno) }
  }
}

extension DiskError {
  /// Whether there is no such file.
  var isAbsence: Bool { code == ENOENT }
}
