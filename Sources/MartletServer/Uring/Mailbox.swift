// How other threads reach a lane: they leave a letter, or note that the journal has committed, and ring its bell.
#if os(Linux)
  import Martlet
  import Synchronization

  /// What a lane is asked to do.
  enum Letter: Sendable {
    /// Accept connections on a socket.
    case accept(ListeningSocket)
    /// Accept no more; `done` is called when all listening sockets are closed.
    case stopListening(done: @Sendable () -> Void)
    /// Serve a client on a socket.
    case serve(CInt, WireProtocol, ClientRecord)
    /// Give a client what waits in its queue.
    case push(PushQueue)
    /// Close a client's connection.
    case close(ClientRecord)
    /// Have all connections end; `done` is called when there are none.
    case drain(done: @Sendable () -> Void)
    /// Look at the connections by a patience that has just changed.
    case beImpatient
    /// Call `done`, between two turns.
    case meet(done: @Sendable () -> Void)
    /// Call the session of a client that has waited for data.
    case wake(ClientRecord)
    /// Close all connections and end the thread.
    case stop
  }

  /// Where letters for one lane are left: no more than three for each client that there may be, and a few of the server's own.
  final class Mailbox: LaneDoor {
    /// What the lane's ring listens to.
    let bell: Bell
    private let letters = Guarded<[Letter]>([])
    private let isRung = Atomic<Bool>(false)
    private let hasWaiting = Atomic<Bool>(false)
    private let hasCommitted = Atomic<Bool>(false)
    private let connectionCount = Atomic<Int>(0)

    init() throws(SystemError) { bell = try Bell() }

    // MARK: From any thread

    func leave(_ letter: Letter) {
      letters.withLock { $0.append(letter) }
      ring()
    }

    func announce(_ queue: PushQueue) { leave(.push(queue)) }

    func close(_ client: ClientRecord) { leave(.close(client)) }

    func wake(_ client: ClientRecord) { leave(.wake(client)) }

    /// Tells the lane that the journal has committed, if somebody waits for that.
    func journalCommitted() {
      guard hasWaiting.exchange(false, ordering: .sequentiallyConsistent) else { return }
      hasCommitted.store(true, ordering: .sequentiallyConsistent)
      ring()
    }

    private func ring() {
      // It is rung once until the lane has heard it.
      if !isRung.exchange(true, ordering: .sequentiallyConsistent) { bell.ring() }
    }

    /// How many connections the lane has, or is about to have.
    var load: Int { connectionCount.load(ordering: .relaxed) }

    func changeLoad(by change: Int) { connectionCount.wrappingAdd(change, ordering: .relaxed) }

    // MARK: From the lane

    /// Notes that the lane has heard the bell and will now look.
    func hear() { isRung.store(false, ordering: .sequentiallyConsistent) }

    func takeLetters() -> [Letter] {
      letters.withLock { letters in
        var taken: [Letter] = []
        swap(&taken, &letters)
        return taken
      }
    }

    /// Has the lane told of the next commit.
    func expectCommit() { hasWaiting.store(true, ordering: .sequentiallyConsistent) }

    func takeCommit() -> Bool { hasCommitted.exchange(false, ordering: .sequentiallyConsistent) }
  }
#endif
