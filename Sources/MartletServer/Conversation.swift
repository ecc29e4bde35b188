// One client's session between bytes that came and bytes that go, whatever carries them: what may run now, which
// replies may leave, what has to wait for the journal, and when it is over. It does no I/O; the transport asks it what
// it may do, and does it.
import Martlet

/// A session and what belongs to it besides its socket.
struct Conversation: ~Copyable {
  let client: ClientRecord
  private var held: HeldReplies
  /// The session wants to be called when there are this many bytes of unconsumed input.
  private(set) var wanted = 1
  /// In nanoseconds of `WallClock.monotonicNanoseconds()`; `.max` for no such time.
  private(set) var deadline = Int64.max
  /// How often the journal had called by the time the session looked for what it waits for.
  private var callsSeen: UInt64 = 0
  private var session: ClientSession
  /// The session waits for the journal's next commit, or for `deadline`, if that comes first.
  private(set) var isPaused = false
  /// What it waits for is data: no commit ends that, but a call by the lane's `LaneDoor`.
  private(set) var isBlocked = false
  /// The client sends no more: what it has sent is run, and then the connection ends.
  private(set) var isInputClosed = false
  /// Takes no more requests: what is left to send is sent, then the connection closes.
  private(set) var isEnding = false

  init(_ client: ClientRecord, _ session: consuming ClientSession, _ heldBytes: HeldBytes) {
    self.client = client
    self.session = session
    held = HeldReplies(heldBytes)
  }

  // MARK: Input

  /// Whether input isn't to wait until something else has happened.
  var takesInput: Bool { !isPaused && !held.isFull }

  /// Whether the session has something to do with so many bytes of unconsumed input.
  @inline(__always)
  func canRun(_ count: Int) -> Bool { count >= wanted && takesInput && !isEnding }

  /// Has the session run what has arrived; how much of it was consumed. What it replies and may leave now is then in
  /// `execution.reply`, to be taken out of it.
  @inline(__always)
  mutating func run(_ input: RawSpan, _ execution: inout Execution, _ journal: Journal) -> Int {
    let calls = journal.calls
    let step = session.receive(input, &execution)
    execution.noteTraffic(read: step.consumed, written: execution.reply.count)
    switch step.next {
    case .read(let atLeast): wanted = atLeast
    case .again: wanted = 1
    case .waitForRoom: pause(until: .max, calls)
    case .wait(let deadline):
      // The client may be gone for good: nothing is waited for on its behalf.
      if isInputClosed {
        endWait()
      } else {
        pause(until: deadline, calls)
        isBlocked = session.waitsForData
      }
    case .close: isEnding = true
    }
    holdWhatMustWait(&execution, journal)
    return step.consumed
  }

  /// Keeps what was replied, or pushed, if it may not leave yet.
  @inline(__always)
  private mutating func holdWhatMustWait(_ execution: inout Execution, _ journal: Journal) {
    if !execution.reply.buffer.isEmpty && !(held.isEmpty && execution.reply.isFree(by: journal)) {
      held.append(execution.reply)
      execution.takeBack(execution.reply.removeLent())
      execution.reply.removeAll()
    }
  }

  // MARK: Pushes

  /// Whether what others have for the client is to wait in its queue.
  var takesPushes: Bool { !held.isFull && !isEnding }

  /// Takes some of what others have for the client; whether some is left. What may leave now is then in
  /// `execution.reply`, to be taken out of it.
  mutating func takePushes(_ queue: PushQueue, _ execution: inout Execution, _ journal: Journal) -> Bool {
    let isLeft = queue.take(into: &execution.reply)
    holdWhatMustWait(&execution, journal)
    return isLeft
  }

  private mutating func pause(until deadline: Int64, _ calls: UInt64) {
    wanted = 1
    isPaused = true
    callsSeen = calls
    self.deadline = deadline
  }

  mutating func closeInput() {
    isInputClosed = true
    endWait()
  }

  private mutating func endWait() {
    session.endWait()
    wanted = 1
    goOn()
  }

  /// Whether all that the client has sent is done with, and no more comes.
  func isOver(unconsumed count: Int) -> Bool { isInputClosed && !isEnding && !isPaused && count < wanted }

  // MARK: The journal

  /// Whether it waits for the server, and not the server for it.
  @inline(__always)
  var isWaiting: Bool { isPaused || !held.isEmpty }

  /// Whether it has no reason to send anything: it waits, or it is there to hear of what others do.
  var isWaitingOrListening: Bool { isWaiting || client.isListening }

  /// Whether it has to hear of the journal's next commit.
  var waitsForJournal: Bool { isPaused && !isBlocked || !held.isEmpty }

  /// Whether what it waits for has come already.
  func isDue(by journal: Journal) -> Bool {
    if held.releasedCount(by: journal) > 0 || held.isLost(by: journal) { return true }
    return isPaused && !isBlocked && callsSeen != journal.calls
  }

  /// The journal has committed or failed: unless the session waits for data, it may be called again.
  mutating func journalAdvanced() { if !isBlocked { goOn() } }

  /// What the session waits for has come, or its deadline: it may be called again.
  mutating func goOn() {
    isPaused = false
    isBlocked = false
    deadline = .max
  }

  /// Hands over the held replies that may leave now.
  mutating func release(by journal: Journal, _ send: (RawSpan) -> Void) {
    let length = held.releasedCount(by: journal)
    guard length > 0 else { return }
    send(held.prefix(length))
    held.removeFirst(length)
  }

  /// Whether replies are held that can't become durable any more. Whether their writes survive is not known: the client
  /// learns that by the connection's end.
  func isLost(by journal: Journal) -> Bool { held.isLost(by: journal) }

  /// The connection is gone: nothing is to be sent any more.
  mutating func dropHeld() { held.removeAll() }

  // MARK: Ending

  /// Takes no more requests.
  mutating func end() { isEnding = true }

  /// Ends a wait for data, because no reply would reach the client; false when it has been served already, and the session is
  /// to be called once more for the reply.
  mutating func abandonWait() -> Bool { !isBlocked || session.abandonWait() }

  /// Whether nothing is left to do but to send what has been handed over.
  var hasEnded: Bool { isEnding && held.isEmpty }
}
