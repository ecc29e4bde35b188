// One event-loop thread: its means to run commands, and the connections that wait for the journal.
import Martlet
import NIOCore
import Synchronization

/// A connection of a lane, used on its event loop only.
protocol LaneConnection: AnyObject {
  /// The journal has committed, or failed: what waited for it, for durable replies or for room, looks again.
  func journalAdvanced()
  /// The server ends: take no more requests, send what is owed, close.
  func drain()
}

/// What belongs to one event loop. It is used on that loop only, but for `wake`.
final class Lane: @unchecked Sendable {
  /// The largest output buffer, in bytes, that is kept for the next reply.
  private static let outputKept = 1 << 20

  let store: StoreCore
  let eventLoop: any EventLoop
  var execution: Execution
  /// Written to, handed to a channel, and used again: NIO takes a copy only if it can't send at once.
  private var output = ByteBuffer()
  private var waiting: [any LaneConnection] = []
  private let hasWaiting = Atomic<Bool>(false)

  init(_ store: StoreCore, _ context: ServerContext, _ eventLoop: any EventLoop, seed: UInt64) {
    self.store = store
    self.eventLoop = eventLoop
    execution = Execution(store, context, seed: seed)
  }

  /// The session's replies as NIO sends them. They are then out of the way of the next.
  func takeReply() -> ByteBuffer {
    prepareOutput()
    unsafe execution.reply.buffer.withUnsafeBytes { _ = unsafe output.writeBytes($0) }
    execution.reply.removeAll()
    return output
  }

  /// Bytes as NIO sends them.
  func copy(_ bytes: RawSpan) -> ByteBuffer {
    prepareOutput()
    unsafe bytes.withUnsafeBytes { _ = unsafe output.writeBytes($0) }
    return output
  }

  private func prepareOutput() {
    if output.capacity > Self.outputKept { output = ByteBuffer() } else { output.clear() }
  }

  /// Has `journalAdvanced` called after the journal's next commit.
  func wait(_ waiter: any LaneConnection) {
    waiting.append(waiter)
    hasWaiting.store(true, ordering: .sequentiallyConsistent)
  }

  /// Tells the waiting connections that the journal has committed. From any thread.
  func wake() {
    guard hasWaiting.exchange(false, ordering: .sequentiallyConsistent) else { return }
    eventLoop.execute { self.advance() }
  }

  /// Looks again at all that wait.
  func advance() {
    var woken: [any LaneConnection] = []
    swap(&woken, &waiting)
    for waiter in woken { waiter.journalAdvanced() }
  }
}
