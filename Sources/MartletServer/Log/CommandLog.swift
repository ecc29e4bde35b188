// The log of commands: one line on standard output for each command of a client, with its address.
import Martlet
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Prints commands as whole lines, whichever thread they come from.
final class CommandLog: Sendable {
  private let lock = Mutex(())

  /// Prints `2026-11-22T16:07:12.123Z 127.0.0.1:40312 SET Hello World`.
  func print(_ address: String, _ words: String) {
    var line = ByteQueue()
    line.append(time: WallClock.systemMicroseconds() / 1000)
    line.append(" ")
    line.append(text: address)
    line.append(" ")
    line.append(text: words)
    line.append("\n")
    let bytes = line.bytes.array
    lock.withLock { _ in
      var rest = bytes[...]
      while !rest.isEmpty {
        let written = unsafe rest.withUnsafeBytes { unsafe write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        if written < 0 && errno == EINTR { continue }
        guard written > 0 else { return }
        rest = rest.dropFirst(written)
      }
    }
  }
}
