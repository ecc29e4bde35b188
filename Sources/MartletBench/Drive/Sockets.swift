// System calls: sockets, what waits for them, and what /proc knows of a server.
internal import CMartletBench

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Where to connect to.
@safe struct SocketAddress: @unchecked Sendable {
  fileprivate var value = bench_address()

  /// All the addresses of a target.
  static func all(of target: Target) throws(PlanError) -> [SocketAddress] {
    var all: [SocketAddress] = []
    switch target {
    case .unix(let path):
      var address = SocketAddress()
      guard unsafe bench_unix_address(path, &address.value) == 0 else {
        throw PlanError("\(path) is too long for the name of a Unix socket")
      }
      all.append(address)
    case .tcp(let host, let port):
      // A name with more addresses than these doesn't mean one server.
      while all.count < 16 {
        var address = SocketAddress()
        let code = unsafe bench_resolve(host, CInt(port), CInt(all.count), &address.value)
        if code == -ENOENT { break }
        guard code == 0 else {
          let reason = unsafe String(cString: gai_strerror(code + 1000))
          throw PlanError("can't find \(host): \(reason)")
        }
        all.append(address)
      }
    }
    return all
  }

  var text: String {
    var text = [CChar](repeating: 0, count: 128)
    unsafe withUnsafePointer(to: value) { unsafe bench_address_text($0, &text, text.count) }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// A connected socket, or the negated `errno`.
  func connect(milliseconds: Int) -> CInt {
    unsafe withUnsafePointer(to: value) { unsafe bench_connect($0, CInt(milliseconds)) }
  }
}

/// Sockets by their descriptors.
enum Sockets {
  static func isAgain(_ result: Int) -> Bool { result == -Int(EAGAIN) || result == -Int(EWOULDBLOCK) }

  /// The system's words for a negated `errno`.
  static func reason(_ result: Int) -> String { unsafe String(cString: strerror(CInt(-result))) }

  static func unblock(_ socket: CInt) { bench_unblock(socket) }

  static func close(_ socket: CInt) { bench_close(socket) }

  /// Lets this process have so many sockets; how many it can have.
  static func allow(_ count: Int) -> Int { bench_allow_descriptors(count) }

  /// Sends bytes from `start` on; how many were taken, or the negated `errno`.
  static func send(_ socket: CInt, _ bytes: borrowing RequestBuffer, from start: Int = 0) -> Int {
    unsafe bytes.withUnsafeBytes { source in
      precondition(start <= source.count)
      return unsafe bench_send(socket, source.baseAddress.unsafelyUnwrapped + start, source.count - start)
    }
  }

  static func send(_ socket: CInt, _ bytes: [UInt8], from start: Int) -> Int {
    unsafe bytes.withUnsafeBytes { source in
      precondition(start < source.count)
      return unsafe bench_send(socket, source.baseAddress.unsafelyUnwrapped + start, source.count - start)
    }
  }

  /// Sends all of it on a socket that blocks; 0, or the negated `errno`.
  static func sendAll(_ socket: CInt, _ bytes: [UInt8]) -> Int {
    var sent = 0
    while sent < bytes.count {
      let taken = send(socket, bytes, from: sent)
      if taken < 0 { return taken }
      sent += taken
    }
    return 0
  }

  /// What comes on a socket that blocks; nil with the negated `errno` if nothing does.
  static func receive(_ socket: CInt) -> (bytes: [UInt8], result: Int) {
    var bytes = [UInt8](repeating: 0, count: 16 << 10)
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe bench_receive(socket, $0.baseAddress, $0.count) }
    return (Array(bytes.prefix(max(0, count))), count)
  }
}

/// Where a thread receives: replies are read here, whichever connection they are of.
@safe struct InputBuffer: ~Copyable {
  /// The most that is received at once.
  private static let received = 256 << 10
  private static let capacity = received + ReplyReader.maximumLine

  private let base: UnsafeMutableRawPointer

  init() { unsafe base = .allocate(byteCount: Self.capacity, alignment: 64) }

  deinit { unsafe base.deallocate() }

  /// Puts what is left of an earlier piece at the beginning.
  mutating func begin(with rest: [UInt8]) {
    precondition(rest.count <= ReplyReader.maximumLine)
    unsafe rest.withUnsafeBytes { bytes in
      if let start = bytes.baseAddress { unsafe base.copyMemory(from: start, byteCount: bytes.count) }
    }
  }

  /// Receives behind the first `count` bytes; how many came, 0 at the end, or the negated `errno`.
  mutating func receive(_ socket: CInt, behind count: Int) -> Int {
    precondition(count >= 0 && count <= ReplyReader.maximumLine)
    return unsafe bench_receive(socket, base + count, Self.received)
  }

  /// The first `count` bytes.
  @_lifetime(borrow self)
  func bytes(_ count: Int) -> RawSpan {
    precondition(count >= 0 && count <= Self.capacity)
    let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(base), byteCount: count)
    return unsafe _overrideLifetime(span, borrowing: self)
  }
}

/// Waits for many sockets.
@safe struct Poller: ~Copyable {
  /// The most events of one wait.
  private static let capacity = 512

  private let descriptor: CInt
  private let events: UnsafeMutablePointer<bench_event>

  init() throws(PlanError) {
    descriptor = bench_poller_make()
    unsafe events = .allocate(capacity: Self.capacity)
    guard descriptor >= 0 else {
      throw PlanError("can't wait for sockets: \(Sockets.reason(Int(descriptor)))")
    }
  }

  deinit {
    if descriptor >= 0 { bench_close(descriptor) }
    unsafe events.deallocate()
  }

  /// Waits for bytes to read, and if asked for room to write; whether the system does.
  func watch(_ socket: CInt, _ index: Int, writes: Bool = false, isNew: Bool = false) -> Bool {
    bench_poller_watch(descriptor, socket, UInt32(index), writes ? 1 : 0, isNew ? 1 : 0) == 0
  }

  /// Waits; how many events there are.
  func wait(nanoseconds: Int64) -> Int {
    max(0, Int(unsafe bench_poller_wait(descriptor, events, CInt(Self.capacity), max(0, nanoseconds))))
  }

  /// An event of the last wait.
  @inline(__always)
  func event(_ number: Int) -> (index: Int, isReadable: Bool, isWritable: Bool) {
    precondition(number >= 0 && number < Self.capacity)
    let event = unsafe events[number]
    return (
      Int(event.index), event.flags & UInt32(BENCH_READABLE) != 0, event.flags & UInt32(BENCH_WRITABLE) != 0
    )
  }
}

/// Has one thread hear that others are done.
@safe struct Bell: ~Copyable, Sendable {
  private let hearing: CInt
  private let ringing: CInt

  init() throws(PlanError) {
    var ends: [CInt] = [0, 0]
    let code = unsafe bench_bell_make(&ends)
    guard code == 0 else { throw PlanError("can't make a pipe: \(Sockets.reason(Int(code)))") }
    (hearing, ringing) = (ends[0], ends[1])
  }

  deinit {
    bench_close(hearing)
    bench_close(ringing)
  }

  func ring() { bench_bell_ring(ringing) }

  /// Takes one ring, if it comes in time; whether it came.
  func hear(milliseconds: Int) -> Bool { bench_bell_hear(hearing, CInt(milliseconds)) != 0 }
}

/// Time, in nanoseconds.
enum Clock {
  /// Of the monotonic clock.
  @inline(__always)
  static func now() -> Int64 { bench_now() }

  /// How long the calling thread has run.
  static func threadTime() -> Int64 { bench_thread_time() }

  /// Has the calling thread's sleeps end when they are to end.
  static func sleepExactly() { bench_sleep_exactly() }
}

/// Ctrl-C: the first ends a run, which is then reported; the second ends the program.
enum Interrupt {
  static func catchNext() { bench_catch_interrupt() }

  static var hasCome: Bool { bench_is_interrupted() != 0 }
}

/// What the system knows of a process on this machine.
struct ProcessUsage: Sendable {
  /// Time on all processors since its start, in seconds; it is counted in hundredths.
  let seconds: Double
  let residentBytes: Int

  /// Nil where there is no such process, or no /proc.
  init?(pid: Int) {
    // The name, in parentheses, may have anything in it: the fields begin behind the last parenthesis (proc(5)).
    guard let line = Self.read("/proc/\(pid)/stat"), let name = line.lastIndex(of: ")") else { return nil }
    let fields = line[line.index(after: name)...].split(separator: " ")
    guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]),
      let pages = Int(fields[21])
    else { return nil }
    seconds = (user + system) / Double(bench_clock_ticks())
    residentBytes = pages * bench_page_bytes()
  }

  private static func read(_ path: String) -> String? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe bench_read_file(path, $0.baseAddress, $0.count) }
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }

  /// What the processor calls itself; nil where there is no /proc.
  static var processorName: String? {
    read("/proc/cpuinfo")?.split(whereSeparator: \.isNewline).first { $0.hasPrefix("model name") }?
      .split(separator: ":").last.map { String($0.drop { $0 == " " }) }
  }

  /// Linux's release, such as `6.1.0`; nil where there is no /proc.
  static var kernel: String? {
    read("/proc/sys/kernel/osrelease").map { String($0.prefix { !$0.isNewline }) }
  }
}
