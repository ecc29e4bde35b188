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
}
