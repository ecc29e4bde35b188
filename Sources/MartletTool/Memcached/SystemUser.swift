// Becoming another user, for good (-u), and the file with the process number (-P).

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A user of this machine.
struct SystemUser: Sendable {
  struct Problem: Error, CustomStringConvertible {
    let description: String
  }

  private let name: String
  private let number: uid_t
  private let group: gid_t

  static var isRoot: Bool { geteuid() == 0 }

  /// The user of a name, if this process may become another one: as root only, like memcached.
  static func named(_ name: String) throws(Problem) -> SystemUser? {
    guard isRoot else { return nil }
    guard let entry = unsafe getpwnam(name) else {
      throw Problem(description: "there is no user \(name) on this machine: choose another one (-u)")
    }
    return unsafe SystemUser(name: name, number: entry.pointee.pw_uid, group: entry.pointee.pw_gid)
  }

  /// Makes this process that user's, with all its threads, and no way back.
  func become() throws(Problem) {
    guard number != geteuid() else { return }
    let isDone = unsafe initgroups(name, numericCast(group)) == 0 && setgid(group) == 0 && setuid(number) == 0
    guard isDone else {
      throw Problem(description: "can't become the user \(name): \(unsafe String(cString: strerror(errno)))")
    }
    guard setuid(0) != 0 else { throw Problem(description: "can't give up being root for good") }
  }
}

/// A file with this process's number in it.
enum PIDFile {
  static func write(_ path: String) throws(SystemUser.Problem) {
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    let text = Array("\(getpid())\n".utf8)
    let written = file < 0 ? -1 : Self.write(file, text)
    let code = errno
    if file >= 0 { close(file) }
    guard written == text.count else {
      throw SystemUser.Problem(
        description:
          "can't write the process number to \(path) (-P): \(unsafe String(cString: strerror(code)))")
    }
  }

  /// Removes the file, if the number in it is this process's.
  static func remove(_ path: String) {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    var bytes = [UInt8](repeating: 0, count: 32)
    let count = unsafe read(file, &bytes, bytes.count)
    close(file)
    guard String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "\(getpid())\n" else { return }
    _ = unsafe unlink(path)
  }

  private static func write(_ file: Int32, _ bytes: [UInt8]) -> Int {
    #if canImport(Glibc)
      unsafe Glibc.write(file, bytes, bytes.count)
    #elseif canImport(Musl)
      unsafe Musl.write(file, bytes, bytes.count)
    #else
      unsafe Darwin.write(file, bytes, bytes.count)
    #endif
  }
}
