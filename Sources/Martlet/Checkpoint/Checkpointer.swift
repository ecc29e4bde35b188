// Runs checkpoints on a thread of its own: when the file has grown, when the last one is old, and when asked.

internal import Synchronization

/// When checkpoints are made by themselves, and what they leave.
package struct CheckpointPolicy: Sendable {
  /// The batches have to be this large beside the body, in percent; 0 for no checkpoints by size.
  package var growthPercent = 100
  /// A file smaller than this isn't rewritten for its size, in bytes.
  package var minimumBytes = 64 << 20
  /// A file with changes is rewritten when its checkpoint is this old, in milliseconds; 0 for no checkpoints by age.
  package var maximumAge: Int64 = 0
  /// How many of the files before the one in use are kept.
  package var keptFiles = 1

  package init() {}
}

/// The checkpoints of one store.
package final class Checkpointer: Sendable {
  /// What a checkpoint may keep of the past in memory, in bytes, before writers wait.
  package static let maximumRetainedBytes: UInt64 = 64 << 20
  /// How often to look whether one is due.
  private static let lookInterval: Int64 = 1_000_000_000
  /// After one that failed, how long until the next by itself.
  private static let retryInterval: Int64 = 60_000_000_000
  /// How long to sleep while the journal's thread does its part.
  private static let waitInterval: Int64 = 200_000
  /// A checkpoint works for this long at a time, then rests for `restFactor` times as long as it worked, so that clients
  /// find the processor and the disk free; not longer than `longestRest`.
  private static let workInterval: Int64 = 150_000
  private static let restFactor: Int64 = 3
  private static let longestRest: Int64 = 20_000_000

  private static let closed = "the store has been closed"

  /// What there is to know of the checkpoints so far.
  package struct Status: Sendable {
    package var isRunning = false
    /// How many have been asked for, and up to which of them are answered.
    package var requested = 0
    package var answered = 0
    package var finished = 0
    package var failed = 0
    /// When the last one that finished was made, in milliseconds since 1970.
    package var lastTime: Int64
    package var lastVersion: UInt64
    /// How long the last one that finished took, in milliseconds.
    package var lastDuration: Int64 = 0
    /// Why the last one failed; nil when it didn't.
    package var problem: String?
    /// Why the last one that was asked for failed; nil when it didn't.
    package var answer: String?
  }

  private let keyspace: Keyspace
  private let journal: Journal
  private let file: DatabaseFile?
  private let clock: WallClock
  private let policyBox: Guarded<CheckpointPolicy>
  private let statusBox: Guarded<Status>
  private let signal = Signal()
  private let isStopping = Atomic<Bool>(false)
  private let thread = Guarded<SystemThread?>(nil)
  private let listener = Guarded<@Sendable (Event) -> Void>({ _ in })

  /// What the server's log tells.
  package enum Event: Sendable {
    case began(version: UInt64)
    case finished(version: UInt64, bytes: Int, milliseconds: Int64)
    case failed(String)
  }

  /// - Parameter file: nil for a store in memory: there are then no checkpoints.
  init(
    _ keyspace: Keyspace, _ journal: Journal, _ file: DatabaseFile?, _ clock: WallClock,
    _ policy: CheckpointPolicy, report: RecoveryReport
  ) {
    self.keyspace = keyspace
    self.journal = journal
    self.file = file
    self.clock = clock
    policyBox = Guarded(policy)
    statusBox = Guarded(Status(lastTime: clock.now(), lastVersion: report.checkpoint))
  }

  deinit { signal.destroy() }

  package var policy: CheckpointPolicy {
    get { policyBox.withLock { $0 } }
    set { policyBox.withLock { $0 = newValue } }
  }

  package var status: Status { statusBox.withLock { $0 } }

  /// Bytes of whole batches in the file, its body included; 0 for a store in memory.
  package var fileBytes: Int { Int(file?.writtenBytes.value ?? 0) }
  /// Bytes of the file up to the end of its body.
  package var bodyBytes: Int { Int(file?.bodyBytes.value ?? 0) }

  /// Has `listener` told of what happens, from the checkpointer's thread.
  package func onEvent(_ listener: @escaping @Sendable (Event) -> Void) {
    self.listener.withLock { $0 = listener }
  }

  /// Asks for a checkpoint; the number of the request, which is answered when `status.answered` has come to it. Nil when
  /// one is under way or waiting already.
  package func request() -> Int? {
    let number = statusBox.withLock { status -> Int? in
      guard !status.isRunning && status.requested == status.answered else { return nil }
      status.requested += 1
      // Without a file, or after the end, there is nothing to wait for.
      if file == nil || isStopping.load(ordering: .acquiring) {
        status.answered = status.requested
        status.answer = file == nil ? nil : Self.closed
      }
      return status.requested
    }
    signal.raise()
    return number
  }

  package func start() {
    guard file != nil else { return }
    thread.withLock { $0 = SystemThread(name: "martlet-checkpt") { [unowned self] in run() } }
  }

  /// Ends the thread. A checkpoint under way is given up.
  package func stop() {
    isStopping.store(true, ordering: .sequentiallyConsistent)
    signal.raise()
    let running = thread.withLock { thread -> SystemThread? in
      defer { thread = nil }
      return thread
    }
    running?.join()
    statusBox.withLock { status in
      guard status.answered < status.requested else { return }
      status.answered = status.requested
      status.answer = Self.closed
    }
    journal.notify()
    listener.withLock { $0 = { _ in } }
  }

  // MARK: The thread

  private func run() {
    SystemThread.yieldToOthers()
    var earliest: Int64 = 0
    while !isStopping.load(ordering: .acquiring) {
      let status = status
      let isAsked = status.requested > status.answered
      if isAsked || (WallClock.monotonicNanoseconds() >= earliest && isDue(status)) {
        let succeeded = makeCheckpoint(answering: isAsked ? status.requested : status.answered)
        earliest = succeeded ? 0 : WallClock.monotonicNanoseconds() + Self.retryInterval
      } else {
        signal.wait(nanoseconds: Self.lookInterval)
      }
    }
  }

  private func isDue(_ status: Status) -> Bool {
    let policy = policy
    let bytes = fileBytes
    let body = bodyBytes
    guard bytes > body, journal.failure == nil else { return false }
    if policy.growthPercent > 0 && bytes >= policy.minimumBytes
      && Double(bytes - body) >= Double(body) * Double(policy.growthPercent) / 100
    {
      return true
    }
    return policy.maximumAge > 0 && clock.now() - status.lastTime >= policy.maximumAge
      && journal.lastVersion > status.lastVersion
  }

  /// Makes one; whether it succeeded.
  private func makeCheckpoint(answering request: Int) -> Bool {
    guard let file else { return false }
    let start = WallClock.monotonicNanoseconds()
    let time = clock.now()
    statusBox.withLock { $0.isRunning = true }
    var outcome = CheckpointOutcome.overtaken
    if journal.lastVersion == 0 {
      outcome = .finished(version: 0, bytes: bodyBytes)
    }
    var attempt = 0
    while case .overtaken = outcome {
      outcome = run(file, outlivesFlush: attempt > 0)
      attempt += 1
    }
    let milliseconds = (WallClock.monotonicNanoseconds() - start) / 1_000_000
    let event: Event
    switch outcome {
    case .finished(let version, let bytes):
      event = .finished(version: version, bytes: bytes, milliseconds: milliseconds)
    case .failed(let reason): event = .failed(reason)
    case .overtaken: event = .failed("overtaken")
    }
    statusBox.withLock { status in
      status.isRunning = false
      let isAnswer = request > status.answered
      status.answered = max(status.answered, request)
      if case .finished(let version, _, _) = event {
        status.finished += 1
        status.lastTime = time
        status.lastVersion = version
        status.lastDuration = milliseconds
        status.problem = nil
      } else if case .failed(let reason) = event {
        status.failed += 1
        status.problem = reason
      }
      if isAnswer { status.answer = status.problem }
    }
    if !isStopping.load(ordering: .acquiring) { listener.withLock { $0 }(event) }
    // Whoever waits for it looks again.
    journal.notify()
    if case .finished = event { return true }
    return false
  }

  /// Whether there's no time to rest: writers would soon have to wait, or the file has grown by as much as the new one
  /// is going to be smaller.
  private func isPressed(_ startBytes: Int) -> Bool {
    keyspace.retainedBytes.value > Self.maximumRetainedBytes / 4
      || fileBytes - startBytes > max(policy.minimumBytes, startBytes) / 4
  }

  private func run(_ file: DatabaseFile, outlivesFlush: Bool) -> CheckpointOutcome {
    do {
      var checkpoint = try Checkpoint(
        keyspace, journal, file, clock, outlivesFlush: outlivesFlush, keptFiles: policy.keptFiles)
      listener.withLock { $0 }(.began(version: checkpoint.version))
      let startBytes = fileBytes
      var workStart = WallClock.monotonicNanoseconds()
      while true {
        if let outcome = checkpoint.step() { return outcome }
        if isStopping.load(ordering: .acquiring) && !checkpoint.isSwitching {
          checkpoint.abandon()
          return .failed("the server stops")
        }
        if checkpoint.isWaiting {
          SystemThread.sleep(nanoseconds: Self.waitInterval)
          continue
        }
        let worked = WallClock.monotonicNanoseconds() - workStart
        if worked >= Self.workInterval {
          if !isPressed(startBytes) {
            SystemThread.sleep(nanoseconds: min(worked * Self.restFactor, Self.longestRest))
          }
          workStart = WallClock.monotonicNanoseconds()
        }
      }
    } catch {
      return .failed("\(error)")
    }
  }
}
