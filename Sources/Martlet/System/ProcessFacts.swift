// What the process knows of itself.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

package enum ProcessFacts {
  /// The process's number.
  static var identifier: Int { Int(getpid()) }

  /// How many processors there are.
  package static var processors: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

  /// The time that processors have spent on this process, in microseconds: on its own code, and in the system for it.
  static var processorTime: (user: Int, system: Int) {
    var usage = rusage()
    #if canImport(Darwin)
      let who = RUSAGE_SELF
    #else
      let who = RUSAGE_SELF.rawValue
    #endif
    guard unsafe getrusage(who, &usage) == 0 else { return (0, 0) }
    func microseconds(_ time: timeval) -> Int { Int(time.tv_sec) * 1_000_000 + Int(time.tv_usec) }
    return (microseconds(usage.ru_utime), microseconds(usage.ru_stime))
  }
}
