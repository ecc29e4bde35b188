// A plain blocking socket, so that tests decide byte by byte what a client does.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The system's `send`, whose name the class below takes.
private func sendBytes(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ flags: Int32) -> Int {
  unsafe send(descriptor, bytes, count, flags)
}

/// A connection to a port or a Unix socket of this machine. Every wait ends after ten seconds.
final class RawSocket: @unchecked Sendable {
  private let descriptor: Int32

  /// Connects to a Unix socket.
  init(path: String) throws {
    descriptor = socket(AF_UNIX, Self.stream, 0)
    limitWaiting()
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let result = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    // What was made so far closes the socket.
    guard result == 0 else { throw Failure(code: errno) }
  }

  private func limitWaiting() {
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  init(port: Int, receiveBuffer: Int32? = nil) throws {
    descriptor = socket(AF_INET, Self.stream, 0)
    limitWaiting()
    // What is sent in two parts is to arrive in two parts.
    var one: Int32 = 1
    unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    if var size = receiveBuffer {
      unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    var address = Self.loopback(port)
    var result: Int32
    repeat {
      result = unsafe withUnsafePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      // After an interruption it goes on connecting, and the next call waits for that.
    } while result < 0 && errno == EINTR
    if result < 0 && errno == EISCONN { result = 0 }
    guard result == 0 else { throw Failure(code: errno) }
  }

  deinit { close(descriptor) }

  #if canImport(Darwin) || canImport(Musl)
    private static let descriptorLimit = RLIMIT_NOFILE
    private static let stream = SOCK_STREAM
  #else
    private static let descriptorLimit = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    private static let stream = Int32(SOCK_STREAM.rawValue)
  #endif

  /// Lets this process have so many sockets and files; whether it may.
  static func allowDescriptors(_ count: Int) -> Bool {
    var limit = rlimit()
    guard unsafe getrlimit(Self.descriptorLimit, &limit) == 0 else { return false }
    if limit.rlim_cur >= count { return true }
    limit.rlim_cur = min(rlim_t(count), limit.rlim_max)
    return unsafe setrlimit(Self.descriptorLimit, &limit) == 0
      && limit.rlim_cur >= count
  }

  struct Failure: Error {
    var code: Int32
  }

  private static func loopback(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
  }

  /// Ports that nobody listens on at the moment.
  static func freePorts(_ count: Int) throws -> [Int] {
    var descriptors: [Int32] = []
    defer { for descriptor in descriptors { close(descriptor) } }
    return try (0..<count).map { _ in
      let descriptor = socket(AF_INET, Self.stream, 0)
      descriptors.append(descriptor)
      var address = loopback(0)
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let result = unsafe withUnsafeMutablePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe bind(descriptor, $0, length) | getsockname(descriptor, $0, &length)
        }
      }
      guard result == 0 else { throw Failure(code: errno) }
      return Int(in_port_t(bigEndian: address.sin_port))
    }
  }

  /// Sends all of it; how much was sent when the other side stopped taking it.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Int {
    var sent = 0
    while sent < bytes.count {
      let length = unsafe bytes.withUnsafeBytes {
        unsafe sendBytes(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if length < 0 && errno == EINTR { continue }
      guard length > 0 else { break }
      sent += length
    }
    return sent
  }

  @discardableResult
  func send(_ text: String) -> Int { send(Array(text.utf8)) }

  /// Sends what can be sent without waiting.
  func sendWithoutWaiting(_ bytes: [UInt8]) -> Int {
    let length = unsafe bytes.withUnsafeBytes {
      unsafe sendBytes(
        descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
    }
    return max(0, length)
  }

  /// What has come, at most `length` bytes; empty at the end, and when nothing comes.
  func receive(_ length: Int = 1 << 16) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: length)
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, length, 0) }
      if count < 0 && errno == EINTR { continue }
      return Array(buffer.prefix(max(0, count)))
    }
  }

  /// Exactly so many bytes, or fewer if no more come.
  func receive(exactly length: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < length {
      let more = receive(min(1 << 16, length - bytes.count))
      if more.isEmpty { break }
      bytes += more
    }
    return bytes
  }

  /// A line without its end; empty at the connection's end, and when nothing comes.
  func receiveLine() -> String { receiveLineIfAny() ?? "" }

  private func receiveLineIfAny() -> String? {
    var line: [UInt8] = []
    while line.last != UInt8(ascii: "\n") {
      let byte = receive(1)
      guard !byte.isEmpty else { break }
      line += byte
    }
    guard !line.isEmpty else { return nil }
    return String(
      decoding: line.prefix { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }

  /// Lines up to and with the first that is the last by `isLast`; fewer if no more come.
  func receiveLines(through isLast: (String) -> Bool) -> [String] {
    var lines: [String] = []
    while let line = receiveLineIfAny() {
      lines.append(line)
      if isLast(line) { break }
    }
    return lines
  }

  /// All that comes until the other side closes.
  func receiveToEnd() -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let more = receive()
      if more.isEmpty { return bytes }
      bytes += more
    }
  }

  /// Sends, and takes a reply of as many bytes as the one expected has.
  func ask(_ request: String, expecting reply: String) -> Bool {
    send(request)
    return receive(exactly: reply.utf8.count) == Array(reply.utf8)
  }

  /// Says that nothing more will be sent.
  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }
}
