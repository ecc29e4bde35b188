// What the process knows of itself.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

enum ProcessFacts {
  /// The process's number.
  static var identifier: Int { Int(getpid()) }
}
