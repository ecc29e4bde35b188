// The reason of a failed system call, in the system's own words.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Why a system call failed.
struct SystemError: Error, Equatable, CustomStringConvertible {
  /// The `errno` of the call.
  let code: CInt

  /// The failure of the system call made last on this thread.
  static var last: SystemError { SystemError(code: errno) }

  var description: String { unsafe String(cString: strerror(code)) }
}
