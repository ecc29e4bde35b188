// One event-loop thread: its means to run commands, and the connections that wait for the journal.
import Martlet
import NIOCore
import Synchronization

/// A connection of a lane, used on its event loop only.
protocol LaneConnection: AnyObject {
  /// The journal has committed, or failed: what waited for it, for durable replies or for room, looks again.
  func journalAdvanced()
  /// What its session has waited for has come: it is called again.
  func wake()
  /// The server ends: take no more requests, send what is owed, close.
  func drain()
  /// Take what others have for the client, as far as it takes it.
  func takePushes(_ queue: PushQueue)
  /// Close, if it has kept the server waiting for too long.
  func look(at now: Int64)
  /// Close, whatever is still to be sent.
  func closeNow()
}

/// How a lane is reached from any thread. It doesn't keep the lane alive, which keeps it.
final class NIODoor: LaneDoor {
  private let eventLoop: any EventLoop
  private let body: @Sendable (Call) -> Void

  enum Call: Sendable {
    case push(PushQueue)
    case wake(ClientRecord)
    case close(ClientRecord)
  }

  /// - Parameter body: does what it is called for, on the event loop.
  init(_ eventLoop: any EventLoop, _ body: @escaping @Sendable (Call) -> Void) {
    self.eventLoop = eventLoop
    self.body = body
  }

  func announce(_ queue: PushQueue) { eventLoop.execute { [body] in body(.push(queue)) } }

  func wake(_ client: ClientRecord) { eventLoop.execute { [body] in body(.wake(client)) } }

  func close(_ client: ClientRecord) { eventLoop.execute { [body] in body(.close(client)) } }
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
  private let patience: Patience
  /// Its number among all lanes, as clients know it.
  private var number = 0
  /// The connections by the numbers of their clients.
  private var connections: [Int: any LaneConnection] = [:]
  private var nextLook: Scheduled<Void>?
  /// The server ends: nobody is let in any more.
  private(set) var isDraining = false
  /// Kept when the last connection is gone.
  private var emptied: EventLoopPromise<Void>?

  init(_ reception: Reception, _ eventLoop: any EventLoop, seed: UInt64) {
    store = reception.store
    patience = reception.patience
    self.eventLoop = eventLoop
    execution = Execution(reception.store, reception.context, seed: seed)
    number = reception.context.addDoor(NIODoor(eventLoop) { [weak self] in self?.answer($0) })
  }

  private func answer(_ call: NIODoor.Call) {
    switch call {
    case .push(let queue): connections[queue.client.id]?.takePushes(queue)
    case .wake(let client): connections[client.id]?.wake()
    case .close(let client): connections[client.id]?.closeNow()
    }
  }

  // MARK: Connections

  func enter(_ connection: any LaneConnection, _ client: ClientRecord) {
    connections[client.id] = connection
    client.settle(lane: number, place: 0)
  }

  func leave(_ client: ClientRecord) {
    connections[client.id] = nil
    if connections.isEmpty { emptied?.succeed() }
  }

  /// Lets nobody in any more and has all connections end; when they have.
  func drain() -> EventLoopFuture<Void> {
    isDraining = true
    let emptied = eventLoop.makePromise(of: Void.self)
    self.emptied = emptied
    for connection in Array(connections.values) { connection.drain() }
    if connections.isEmpty { emptied.succeed() }
    return emptied.futureResult
  }

  func closeAll() { for connection in Array(connections.values) { connection.closeNow() } }

  /// Looks at the connections after a while, if there is a limit to how long they may keep the server waiting.
  func beImpatient() {
    nextLook?.cancel()
    nextLook = patience.interval.map { interval in
      eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(interval)) {
        let now = WallClock.monotonicNanoseconds()
        for connection in Array(self.connections.values) { connection.look(at: now) }
        self.beImpatient()
      }
    }
  }

  // MARK: Replies

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

  // MARK: The journal

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
