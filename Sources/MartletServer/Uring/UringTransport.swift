// The transport for Linux: one io_uring and one thread for each lane. The first lane accepts, and hands connections to
// all of them.
#if os(Linux)
  import Martlet
  import Synchronization

  /// The transport on io_uring.
  final class UringTransport: Transport {
    let name = "io_uring"

    private let reception: Reception
    private let mailboxes: [Mailbox]
    private let threads: Mutex<[SystemThread]>

    /// Starts the lanes.
    ///
    /// - Throws: why the system doesn't allow that.
    init(_ reception: Reception) throws(RingUnavailable) {
      self.reception = reception
      var mailboxes: [Mailbox] = []
      var lanes: [LaneBox] = []
      do {
        for _ in 0..<reception.settings.threads { mailboxes.append(try Mailbox()) }
        var random = SystemRandomNumberGenerator()
        for number in mailboxes.indices {
          lanes.append(
            LaneBox(UringLane(number, mailboxes, try Ring(), reception, seed: random.next())))
        }
      } catch {
        throw RingUnavailable(error)
      }
      Sockets.ignoreBrokenPipes()
      let all = mailboxes
      self.mailboxes = all
      reception.store.journal.onCommit { for mailbox in all { mailbox.journalCommitted() } }
      threads = Mutex(lanes.map { lane in SystemThread(name: "martlet-lane") { lane.run() } })
    }

    /// Whether the system allows it.
    static var isAvailable: Bool { (try? Ring()) != nil }

    func accept(on socket: ListeningSocket) async throws { mailboxes[0].leave(.accept(socket)) }

    func patienceChanged() { for mailbox in mailboxes { mailbox.leave(.beImpatient) } }

    func drain() async {
      await Self.askAll(mailboxes.prefix(1)) { .stopListening(done: $0) }
      await Self.askAll(mailboxes[...]) { .drain(done: $0) }
    }

    func refuseWrites() async {
      reception.store.journal.refuseWrites()
      await Self.askAll(mailboxes[...]) { .meet(done: $0) }
    }

    func stop() async {
      for mailbox in mailboxes { mailbox.leave(.stop) }
      // They have nothing left to do that takes time.
      for thread in threads.withLock({ $0 }) { thread.join() }
      reception.context.removeDoors()
    }

    /// Sends lanes a letter each, and returns when all have answered.
    private static func askAll(
      _ mailboxes: ArraySlice<Mailbox>, _ letter: (@escaping @Sendable () -> Void) -> Letter
    ) async {
      let (answers, answer) = AsyncStream.makeStream(of: Void.self)
      for mailbox in mailboxes { mailbox.leave(letter { answer.yield() }) }
      var missing = mailboxes.count
      for await _ in answers {
        missing -= 1
        if missing == 0 { return }
      }
    }
  }

  /// Holds a lane for its thread.
  private final class LaneBox: @unchecked Sendable {
    private var lane: UringLane

    init(_ lane: consuming UringLane) { self.lane = lane }

    func run() { lane.run() }
  }

  /// Why there is no io_uring to be had.
  struct RingUnavailable: Error, CustomStringConvertible {
    private let error: SystemError

    init(_ error: SystemError) { self.error = error }

    var description: String {
      switch error.code {
      case ErrorCode.noCall, ErrorCode.invalid: "the system has none, or one older than that of Linux 6.1"
      case ErrorCode.notPermitted, ErrorCode.noAccess:
        "the system doesn't permit it (\(error)); see /proc/sys/kernel/io_uring_disabled, and the rules of the container"
      default: "\(error)"
      }
    }
  }
#endif
