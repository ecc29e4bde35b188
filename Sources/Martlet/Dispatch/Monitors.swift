// Who watches what all clients of the Redis protocol say: Redis's `MONITOR`. Each request is told when it has been run, and
// waits for the disk as its reply does.

internal import Synchronization

/// All clients that monitor.
final class Monitors: Sendable {
  private let queues = Guarded<[PushQueue]>([])

  func add(_ queue: PushQueue) { queues.withLock { $0.append(queue) } }

  /// Removes a client; how many are left.
  func remove(_ queue: PushQueue) -> Int {
    queues.withLock { queues in
      queues.removeAll { $0 === queue }
      return queues.count
    }
  }

  var count: Int { queues.withLock { $0.count } }

  /// Tells all of a line.
  func tell(_ line: RawSpan, until version: UInt64) {
    for queue in queues.withLock({ $0 }) { queue.push(until: version) { bytes, _ in bytes.append(line) } }
  }
}

/// That a client monitors, for as long as this exists. It belongs to one session.
final class Monitoring {
  private let queue: PushQueue
  private let context: ServerContext

  fileprivate init(_ queue: PushQueue, _ context: ServerContext) {
    self.queue = queue
    self.context = context
    context.monitors.add(queue)
    context.attend(.monitors, true)
  }

  deinit {
    if context.monitors.remove(queue) == 0 {
      context.attend(.monitors, false)
      // Somebody may have begun meanwhile.
      if context.monitors.count > 0 { context.attend(.monitors, true) }
    }
  }
}

extension SessionState {
  /// Has the client see what all say.
  fileprivate mutating func beginMonitoring(_ context: ServerContext) {
    monitoring = Monitoring(pushQueue(context), context)
    attend(.monitor, true)
    client.mark(.monitor, true)
  }

  mutating func endMonitoring() {
    monitoring = nil
    attend(.monitor, false)
  }
}

extension Execution {
  mutating func monitor(_ session: inout SessionState) {
    // Redis says nothing to one who monitors already.
    guard session.monitoring == nil else { return }
    session.beginMonitoring(context)
    reply.ok()
  }

  /// Tells those who monitor of a request that has been run.
  ///
  /// - Parameter version: what the request has shown.
  func tellMonitors(
    _ command: CommandEntry, _ words: borrowing Words, _ session: SessionState, showing version: UInt64
  ) {
    let declaration = CommandDeclaration.all[command.index]
    let flags = declaration.flags.union(declaration.subcommand(words)?.flags ?? [])
    // What operators do is nobody's business.
    guard !flags.contains(.admin) else { return }
    var line = ByteQueue()
    let time = WallClock.systemMicroseconds()
    let fraction = String(time % 1_000_000)
    line.append(byte: UInt8(ascii: "+"))
    line.append(decimal: Int(time / 1_000_000))
    line.append(byte: UInt8(ascii: "."))
    line.append(repeating: UInt8(ascii: "0"), count: 6 - fraction.utf8.count)
    line.append(text: "\(fraction) [\(session.database) \(session.client.monitoredAddress)]")
    let shown = flags.contains(.sensitive) && command.id != .hello ? 1 : words.count
    for index in 0..<words.count {
      line.append(byte: UInt8(ascii: " "))
      let isSecret = index >= shown || command.id == .hello && index > 1 && isPassword(words, index)
      if isSecret { line.append("\"(redacted)\"") } else { line.append(quoted: words[index]) }
    }
    line.append("\r\n")
    context.monitors.tell(line.bytes, until: journal.mayShow(version) ? 0 : version)
  }

  /// Whether a word of `HELLO` is a name or a password.
  private func isPassword(_ words: borrowing Words, _ index: Int) -> Bool {
    words[index - 1].equalsIgnoringCase("auth") || index > 2 && words[index - 2].equalsIgnoringCase("auth")
  }
}

extension ByteQueue {
  /// A word in quotes, what can't be seen as escapes, as Redis shows it.
  fileprivate mutating func append(quoted word: RawSpan) {
    append(byte: UInt8(ascii: "\""))
    for index in 0..<word.byteCount {
      let byte = word.byte(index)
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        append(byte: UInt8(ascii: "\\"))
        append(byte: byte)
      case UInt8(ascii: "\n"): append("\\n")
      case UInt8(ascii: "\r"): append("\\r")
      case UInt8(ascii: "\t"): append("\\t")
      case 7: append("\\a")
      case 8: append("\\b")
      case 0x20...0x7e: append(byte: byte)
      default:
        append("\\x")
        append(hexadecimal: UInt64(byte), width: 2)
      }
    }
    append(byte: UInt8(ascii: "\""))
  }
}
