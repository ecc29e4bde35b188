// The three standard streams, read and written with the system's own calls.
import ArgumentParser

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

struct StandardStream {
  static let input = StandardStream(descriptor: STDIN_FILENO)
  static let output = StandardStream(descriptor: STDOUT_FILENO)
  static let error = StandardStream(descriptor: STDERR_FILENO)

  /// The most that is read at once.
  static let maximumReadBytes = 64 << 10

  /// The system's error number, for messages.
  struct Failure: Error, CustomStringConvertible {
    let operation: String
    let code: Int32

    var description: String {
      let reason = unsafe String(cString: strerror(code))
      return "\(operation) failed: \(reason)"
    }
  }

  let descriptor: Int32

  var isTerminal: Bool { isatty(descriptor) == 1 }

  /// Some of the bytes to come; none at the end.
  func read() throws(Failure) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.maximumReadBytes)
    while true {
      let count = unsafe bytes.withUnsafeMutableBytes { unsafe readBytes(descriptor, $0) }
      if count >= 0 { return Array(bytes.prefix(count)) }
      guard errno == EINTR else { throw Failure(operation: "Reading", code: errno) }
    }
  }

  /// All bytes up to the end.
  func readToEnd(limit: Int) throws -> [UInt8] {
    var all: [UInt8] = []
    while true {
      let bytes = try read()
      if bytes.isEmpty { return all }
      guard all.count + bytes.count <= limit else {
        throw ValidationError("Standard input is longer than \(limit) bytes, the most that a value can have.")
      }
      all += bytes
    }
  }

  /// Writes all of the bytes.
  func write(_ bytes: [UInt8]) throws(Failure) {
    var start = 0
    while start < bytes.count {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe writeBytes(descriptor, UnsafeRawBufferPointer(rebasing: $0[start...]))
      }
      if count >= 0 {
        start += count
      } else if errno == EPIPE {
        // Whoever read the output has left, as `head` does. SwiftNIO ignores SIGPIPE; end as that would have.
        exit(128 + SIGPIPE)
      } else if errno != EINTR {
        throw Failure(operation: "Writing", code: errno)
      }
    }
  }

  func write(_ text: String) throws(Failure) {
    try write(Array(text.utf8))
  }

  /// Writes a message that there is no other place for.
  static func complain(_ message: String) {
    // Where even this fails there is nobody left to tell.
    try? error.write(message + "\n")
  }
}

private func readBytes(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
  unsafe read(descriptor, buffer.baseAddress, buffer.count)
}

private func writeBytes(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer) -> Int {
  unsafe write(descriptor, buffer.baseAddress, buffer.count)
}
