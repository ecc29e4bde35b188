// A server in the background (-d): a new process in a session of its own, rather than a fork of one that has threads. It says
// through a pipe that it serves, and only then does the process return that was started by hand; if it ends before, its
// exit status is passed on, and what it complains of is seen where it was started.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What a process knows that was started for the background.
struct Background: Sendable {
  /// The first argument of such a process.
  private static let argument = "--in-background"
  /// The pipe's end in it.
  private static let descriptor: Int32 = 3

  /// Makes the calling process one for the background if that is what it was started for; nil if it wasn't.
  init?(_ arguments: [String]) {
    guard arguments.first == Self.argument else { return nil }
    // Signals of the terminal are no longer for it.
    _ = setsid()
  }

  /// Tells the process that waits that clients are served, and lets go of its output.
  func serves(keepsOutput: Bool) {
    var byte: UInt8 = 1
    _ = unsafe write(Self.descriptor, &byte, 1)
    close(Self.descriptor)
    guard !keepsOutput else { return }
    let nowhere = unsafe open("/dev/null", O_RDWR)
    guard nowhere >= 0 else { return }
    for standard in [STDOUT_FILENO, STDERR_FILENO] { dup2(nowhere, standard) }
    if nowhere > STDERR_FILENO { close(nowhere) }
  }

  /// Starts this program in the background, with the arguments of `martlet memcached`. The exit status to end with: 0 when
  /// clients are served.
  static func start(_ arguments: [String]) throws -> Int32 {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { throw Serve.complaint(SystemProblem("a pipe"), exitCode: 1) }
    _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
    let words = [CommandLine.arguments[0], Memcached.name, argument] + arguments
    let process = spawn(words, keeping: ends[1])
    close(ends[1])
    guard process > 0 else { throw Serve.complaint(SystemProblem("a process"), exitCode: 1) }
    var byte: UInt8 = 0
    var count: Int
    repeat { count = unsafe read(ends[0], &byte, 1) } while count < 0 && errno == EINTR
    if count == 1 { return 0 }
    var status: Int32 = 0
    while unsafe waitpid(process, &status, 0) < 0 && errno == EINTR {}
    // By WIFEXITED and WEXITSTATUS of sys/wait.h.
    return status & 0x7f == 0 ? status >> 8 & 0xff : 1
  }

  /// Starts this program; its process number, or -1 with `errno` saying why not.
  private static func spawn(_ words: [String], keeping descriptor: Int32) -> pid_t {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
    #else
      var actions = unsafe posix_spawn_file_actions_t()
    #endif
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    if descriptor != Self.descriptor {
      unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, Self.descriptor)
      unsafe posix_spawn_file_actions_addclose(&actions, descriptor)
    }
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    var process: pid_t = -1
    var pointers = unsafe words.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
    let code = unsafe posix_spawnp(&process, program(words[0]), &actions, nil, &pointers, environ)
    errno = code
    return code == 0 ? process : -1
  }

  /// The path of this program, which may have been called by another name.
  private static func program(_ called: String) -> String {
    #if os(Linux)
      var path = [UInt8](repeating: 0, count: Int(PATH_MAX))
      let length = unsafe path.withUnsafeMutableBytes {
        unsafe readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
      }
      if length > 0 { return String(decoding: path.prefix(length), as: UTF8.self) }
    #endif
    return called
  }
}

/// What the system refused for a process in the background.
private struct SystemProblem: Error, CustomStringConvertible {
  let description: String

  init(_ what: String) {
    description =
      "can't start the server in the background: no \(what), \(unsafe String(cString: strerror(errno)))"
  }
}
