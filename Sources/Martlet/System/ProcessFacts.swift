// What the process knows of itself.

internal import CMartlet

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

  /// The bytes of the process's memory that are resident; 0 where the system doesn't tell.
  static var residentBytes: Int {
    let file = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return 0 }
    defer { close(file) }
    var text: [UInt8] = Array(repeating: 0, count: 128)
    let count = unsafe read(file, &text, text.count)
    // Pages: of the whole, and of what is resident (proc(5)).
    let fields = text.prefix(max(0, count)).split(separator: UInt8(ascii: " "))
    guard fields.count > 1, let pages = Int(String(decoding: fields[1], as: UTF8.self)) else { return 0 }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }

  /// Has the buffers that have grown large for a while go back to the system when they are freed: for a server, which
  /// lives long. To be called before there are other threads.
  package static func returnFreedMemory() { martlet_return_freed_memory() }

  /// The system's name, its release and the kind of machine: `Linux 6.1.0 x86_64`.
  static var system: String {
    var names = utsname()
    guard unsafe uname(&names) == 0 else { return "unknown" }
    func text<Field>(_ field: Field) -> String {
      unsafe withUnsafeBytes(of: field) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
    }
    return "\(text(names.sysname)) \(text(names.release)) \(text(names.machine))"
  }

  /// How many bytes of memory the machine has; 0 where the system doesn't tell.
  static var systemMemoryBytes: Int {
    #if canImport(Darwin)
      return 0
    #else
      return max(0, Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE))))
    #endif
  }

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
