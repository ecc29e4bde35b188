// A file as long as it was at one moment, for reading only: others may be writing behind that. A database file grows or is
// replaced as a whole, so what was in it then is still there.

/// The first bytes of a file.
package final class FileSnapshot: DiskFile {
  private let file: any DiskFile
  private let path: String
  private let limit: Int

  package init(_ file: any DiskFile, _ path: String) throws(DiskError) {
    self.file = file
    self.path = path
    limit = try file.size()
  }

  package func size() throws(DiskError) -> Int { limit }

  package func read(at offset: Int, count: Int, into buffer: inout ByteQueue) throws(DiskError) -> Int {
    guard offset < limit else { return 0 }
    return try file.read(at: offset, count: min(count, limit - offset), into: &buffer)
  }

  package func write(_ bytes: RawSpan, at offset: Int) throws(DiskError) { throw .readOnly("write", path) }

  package func sync() throws(DiskError) { try file.sync() }

  package func truncate(to size: Int) throws(DiskError) { throw .readOnly("truncate", path) }

  package func isNamed(_ path: String) throws(DiskError) -> Bool { try file.isNamed(path) }
}
