// Gives each write its version, collects the records of all threads, and makes them durable in groups.
//
// Threads append records under a short lock. One thread of the journal's own takes what has collected, hands it to the
// log as a batch, syncs, announces the durable version, and starts again: while one batch syncs, the next collects.
// Starting the next sync at once would split closed-loop clients into two convoys that alternate, each waiting for two
// syncs. So after a sync the journal waits for as many records as the last batch had and as have come since it was
// taken: if all come from clients that wait for their replies, those are all of them, and the two convoys become one. It
// waits for a part of the time that a sync takes, a part that shrinks each time that the records don't come and grows
// when they do.
//
// A batch may not end just anywhere: the records of a group stay together, and at a cut a batch has to end. So the thread
// takes what came before the first group that is still open, and before the next cut.
//
// When the disk is full, the batch is kept and written again later; until then no more writes are taken. Every other
// failure is final: what a failed sync has left on the disk nobody knows.
//
// The journal knows no file: a `JournalLog` keeps the batches.

internal import Synchronization

/// When a write is acknowledged.
public enum Durability: String, Sendable, CaseIterable {
  /// After its record is synced to the disk.
  case always
  /// At once; the disk is synced every second.
  case everysec
  /// At once; the operating system writes when it likes.
  case never
}

/// What ends a batch besides its records.
package struct Commit: Sendable, Equatable {
  /// The versions of the batch's first and last record.
  package var first: UInt64
  package var last: UInt64
  /// When the batch was closed, in milliseconds since 1970.
  package var time: Int64
  /// The highest version known to be on the disk when the batch was written.
  package var synced: UInt64

  package init(first: UInt64, last: UInt64, time: Int64, synced: UInt64) {
    self.first = first
    self.last = last
    self.time = time
    self.synced = synced
  }
}

/// Where batches are kept: a file, or later a replicated log.
package protocol JournalLog: AnyObject, Sendable {
  /// Takes a batch after those before it. `records` may be changed.
  func append(_ records: inout ByteQueue, _ commit: Commit) throws(DiskError)
  /// Returns once everything appended survives a crash.
  func sync() throws(DiskError)
  /// Notes, after a sync, that all versions up to `commit.synced` are safe. Nothing follows.
  func close(_ commit: Commit) throws(DiskError)
}

/// The writes of one store on their way to the log.
package final class Journal: @unchecked Sendable {
  /// Records not yet written may take this many bytes, and one record more for each thread, before writers wait.
  package static let defaultPendingBytes = 64 << 20
  /// Unless every write waits for its sync, records collect for this long before they are written.
  private static let writeInterval: Int64 = 10_000_000
  /// …or until this many bytes have come together.
  private static let writeThreshold = 1 << 20
  private static let syncInterval: Int64 = 1_000_000_000
  /// The most and the least that a batch may wait for more records, as parts of the time that a sync takes.
  private static let greatestPatience = 2.0
  private static let leastPatience = 1.0 / 64
  private static let freshPatience = 0.5
  /// After so many batches patience is tried anew.
  private static let batchesUntilHope: UInt = 32

  /// After the disk was full, how long to wait before trying again.
  private static let retryInterval: Int64 = 100_000_000

  /// Whether a write can be admitted.
  package enum Room {
    case free
    /// The buffer is full: wait for the next commit.
    case full
    /// The disk is full: no write is taken until there is room.
    case stalled
    /// The log has failed for good: no write is taken any more.
    case failed
  }

  /// A place between two records that wait to be written.
  private struct Place {
    var offset = 0
    /// The records before it.
    var count = 0
    /// The version of the last of them.
    var version: UInt64
  }

  /// What the threads share under the lock.
  private struct Pending: ~Copyable {
    var records = ByteQueue()
    var count = 0
    var lastVersion: UInt64
    /// Where groups begin that are still open, by the number that was given out for each.
    var groups: [(number: Int, start: Place)] = []
    var lastGroup = 0
    /// Where a batch has to end.
    var cuts: [Place] = []
    var tasks: [@Sendable () -> Void] = []
    /// The highest version whose record survives a crash, whether it is announced or not.
    var synced: UInt64
    /// No version is announced before this one survives a crash.
    var heldUntil: UInt64 = 0
    /// The numbered database that the next record would be for; nil when a `SELECT` has to say it.
    var database: Int? = 0
    /// The journal's thread wants to be woken when there are this many records, or bytes.
    var wakeAtCount = 1
    var wakeAtBytes = 1

    var end: Place { Place(offset: records.count, count: count, version: lastVersion) }

    /// Up to where a batch may be taken now.
    var limit: Place {
      if groups.isEmpty && cuts.isEmpty { return end }
      var limit = end
      for group in groups where group.start.count < limit.count { limit = group.start }
      for cut in cuts where cut.count < limit.count { limit = cut }
      return limit
    }

    /// Has the record after this place name its database again if it has to: a batch may begin there.
    mutating func markPlace() -> Place {
      if database != 0 { database = nil }
      return end
    }
  }

  private let log: any JournalLog
  /// The version the log had when this journal began.
  private let firstVersion: UInt64
  package let durability: Durability
  private let maximumPendingBytes: Int
  private let clock: WallClock
  private let lock = Lock()
  private let pending: Pinned<Pending>
  private let signal = Signal()
  /// Bytes appended and not yet written.
  private let unwritten = SharedCounter()
  /// Bytes that something else keeps for as long as the disk is behind, and how many there may be.
  private let retained: SharedCounter?
  private let maximumRetainedBytes: UInt64
  /// The highest version whose record survives a crash, as far as it is announced.
  package let durable: SharedCounter
  private let callCount = SharedCounter()
  private let failureCode = Atomic<Int32>(0)
  private let firstFailure = Mutex<DiskError?>(nil)
  /// Why the batch under way can't be written for now.
  private let stall = Mutex<DiskError?>(nil)
  private let isStalled = Atomic<Bool>(false)
  private let stopping = Atomic<Bool>(false)
  private let refusesWrites = Atomic<Bool>(false)
  /// Somebody waits for a sync that the setting alone would not bring.
  private let wantsSync = Atomic<Bool>(false)
  private let listeners = Mutex<[@Sendable () -> Void]>([])
  private let timeListeners = Mutex<[@Sendable (Step, Int64) -> Void]>([])

  // The journal's thread alone uses these.
  private let thread = Mutex<SystemThread?>(nil)
  private let worker: Pinned<Worker>

  private struct Worker: ~Copyable {
    /// What is being written, or is to be written again.
    var batch = ByteQueue()
    var batchCount = 0
    var batchLast: UInt64 = 0
    var writtenVersion: UInt64
    /// How many records the next batch waits for, and for which part of the time that a sync takes.
    var wantedRecords = 1
    var patience = Journal.freshPatience
    var batches: UInt = 0
    /// The mean time of the last syncs, in nanoseconds.
    var meanSync = 0.0
    var lastSync: Int64 = 0
    var isSynced = true
  }

  /// - Parameters:
  ///   - version: the version of the last record the log has.
  ///   - database: the numbered database that the log's last batch ended in.
  ///   - maximumPendingBytes: how many bytes of records may wait to be written before writers wait.
  ///   - retained: bytes that something else keeps; when there are more than `maximumRetainedBytes`, writers wait, too.
  package init(
    log: any JournalLog, durability: Durability, version: UInt64, database: Int = 0, clock: WallClock,
    maximumPendingBytes: Int = Journal.defaultPendingBytes, retained: SharedCounter? = nil,
    maximumRetainedBytes: UInt64 = .max
  ) {
    self.log = log
    self.durability = durability
    self.clock = clock
    self.maximumPendingBytes = maximumPendingBytes
    self.retained = retained
    self.maximumRetainedBytes = maximumRetainedBytes
    firstVersion = version
    pending = Pinned(Pending(lastVersion: version, synced: version, database: database == 0 ? 0 : nil))
    worker = Pinned(Worker(writtenVersion: version))
    durable = SharedCounter(version)
  }

  deinit {
    pending.destroy()
    worker.destroy()
    lock.destroy()
    signal.destroy()
    unwritten.destroy()
    durable.destroy()
    callCount.destroy()
  }

  // MARK: For the threads that write

  /// Whether a record may be appended. To be asked before a lock is taken.
  @inline(__always)
  package var room: Room {
    if failureCode.load(ordering: .relaxed) != 0 || refusesWrites.load(ordering: .relaxed) { return .failed }
    if isStalled.load(ordering: .relaxed) { return .stalled }
    if let retained, retained.value > maximumRetainedBytes { return .full }
    return Int(unwritten.value) <= maximumPendingBytes ? .free : .full
  }

  /// How many bytes of records wait to be written.
  package var pendingBytes: UInt64 { unwritten.value }

  /// Takes no more writes: the end is near. What has been appended will still be written.
  package func refuseWrites() { refusesWrites.store(true, ordering: .sequentiallyConsistent) }

  /// Appends a record, which ends with a newline, for a numbered database; its version.
  package func append(_ record: RawSpan, database: Int) -> UInt64 {
    lock.lock()
    let before = pending.value.records.count
    if pending.value.database != database {
      pending.value.records.append("SELECT ")
      pending.value.records.append(decimal: database)
      pending.value.records.append(byte: UInt8(ascii: "\n"))
      pending.value.database = database
    }
    pending.value.records.append(record)
    pending.value.count += 1
    pending.value.lastVersion += 1
    let version = pending.value.lastVersion
    let after = pending.value.records.count
    unwritten.add(UInt64(after - before))
    let wakes = pending.value.count >= pending.value.wakeAtCount || after >= pending.value.wakeAtBytes
    lock.unlock()
    if wakes { signal.raise() }
    return version
  }

  /// Begins a group: no batch will end among the records appended from now on until `endGroup` is called with the number
  /// that this returns. Nobody may wait for room in between.
  package func beginGroup() -> Int {
    lock.withLock {
      pending.value.lastGroup += 1
      let number = pending.value.lastGroup
      pending.value.groups.append((number, pending.value.markPlace()))
      return number
    }
  }

  package func endGroup(_ number: Int) {
    lock.withLock {
      guard let index = pending.value.groups.firstIndex(where: { $0.number == number }) else { return }
      let ended = pending.value.groups.remove(at: index).start
      // Those that began within this one have their records among its own: they go into one batch with it.
      for index in pending.value.groups.indices where pending.value.groups[index].start.count > ended.count {
        pending.value.groups[index].start = ended
      }
    }
    signal.raise()
  }

  /// Has a batch end with the last record appended; that record's version. Nobody may append, nor have a group open,
  /// meanwhile.
  package func cut() -> UInt64 {
    let version = lock.withLock {
      let place = pending.value.markPlace()
      if place.count > 0 { pending.value.cuts.append(place) }
      return place.version
    }
    signal.raise()
    return version
  }

  /// Has the journal's thread run `task` between two batches. Without a thread, the next `commit` runs it.
  package func betweenBatches(_ task: @escaping @Sendable () -> Void) {
    lock.withLock { pending.value.tasks.append(task) }
    signal.raise()
  }

  /// The version of the last record appended.
  package var lastVersion: UInt64 { lock.withLock { pending.value.lastVersion } }

  /// Whether a reply that shows `version` may leave.
  @inline(__always)
  package func mayShow(_ version: UInt64) -> Bool {
    durability != .always || version <= durable.value
  }

  /// Has no reply leave that shows anything, however old, until `version` survives a crash: after a change by which
  /// items are found elsewhere with the versions that they had. Nobody may read what it has changed meanwhile.
  package func holdReplies(until version: UInt64) {
    if durability != .always { return }
    lock.withLock {
      guard version > pending.value.synced else { return }
      pending.value.heldUntil = max(pending.value.heldUntil, version)
      durable.set(0)
    }
  }

  /// The highest version whose record survives a crash.
  package var syncedVersion: UInt64 { lock.withLock { pending.value.synced } }

  /// Has what is written synced soon, whatever the setting, and the listeners called after it. Who waits for a record
  /// that isn't written yet asks again when they are called after its commit.
  package func requestSync() {
    // Every commit brings its sync.
    if durability == .always { return }
    wantsSync.store(true, ordering: .sequentiallyConsistent)
    signal.raise()
  }

  /// Why the log takes no more writes; nil while it does.
  package var failure: DiskError? {
    failureCode.load(ordering: .acquiring) == 0 ? nil : firstFailure.withLock { $0 }
  }

  /// Why no writes are taken for now; nil while they are, or when the failure is final.
  package var stallReason: DiskError? {
    isStalled.load(ordering: .acquiring) ? stall.withLock { $0 } : nil
  }

  /// Calls `listener` after every commit and on failure, from the journal's thread.
  package func onCommit(_ listener: @escaping @Sendable () -> Void) {
    listeners.withLock { $0.append(listener) }
  }

  /// What the journal's thread does with the log.
  package enum Step: Sendable { case write, sync }

  /// Calls `listener` after every write and sync with the nanoseconds that it took, from the journal's thread.
  package func onTime(_ listener: @escaping @Sendable (Step, Int64) -> Void) {
    timeListeners.withLock { $0.append(listener) }
  }

  private func noteTime(_ step: Step, _ nanoseconds: Int64) {
    for listener in timeListeners.withLock({ $0 }) { listener(step, nanoseconds) }
  }

  // MARK: The journal's thread

  package func start() {
    thread.withLock { $0 = SystemThread(name: "martlet-journal") { [unowned self] in run() } }
  }

  /// Writes and syncs what has been appended, and ends the thread.
  package func stop() {
    stopping.store(true, ordering: .sequentiallyConsistent)
    signal.raise()
    let running = thread.withLock { thread -> SystemThread? in
      defer { thread = nil }
      return thread
    }
    running?.join()
    repeat { commit() } while stallReason == nil && failure == nil && hasWork
    if let stall = stallReason { fail(stall) }
    syncNow()
    close()
    // They hold what holds this journal.
    listeners.withLock { $0 = [] }
  }

  /// Leaves a note in the log that all of it is safe, if this journal has written to it.
  private func close() {
    let last = worker.value.writtenVersion
    guard failureCode.load(ordering: .relaxed) == 0, last > firstVersion else { return }
    do {
      try log.close(Commit(first: last + 1, last: last, time: clock.now(), synced: last))
    } catch {
      fail(error)
    }
  }

  private func run() {
    while !stopping.load(ordering: .acquiring) {
      if failureCode.load(ordering: .relaxed) != 0 {
        // Whoever waits for a task is told.
        runTasks()
        signal.wait()
        continue
      }
      waitForRecords()
      if isStalled.load(ordering: .relaxed) {
        signal.wait(nanoseconds: Self.retryInterval)
        commit()
        continue
      }
      switch durability {
      case .always:
        let wasEnough = collect(
          records: worker.value.wantedRecords,
          nanoseconds: Int64(worker.value.meanSync * worker.value.patience))
        worker.value.patience =
          wasEnough
          ? min(worker.value.patience * 2, Self.greatestPatience)
          : max(worker.value.patience / 2, Self.leastPatience)
        worker.value.batches &+= 1
        // The clients may have become others.
        if worker.value.batches % Self.batchesUntilHope == 0 {
          worker.value.patience = max(worker.value.patience, Self.freshPatience)
        }
      case .everysec, .never: collect(bytes: Self.writeThreshold, nanoseconds: Self.writeInterval)
      }
      commit()
      syncIfRequested()
    }
  }

  /// Whether there is something to write, or to run between two batches.
  private var hasWork: Bool {
    worker.value.batchCount > 0
      || lock.withLock { pending.value.limit.count > 0 || !pending.value.tasks.isEmpty }
  }

  /// Sleeps until there is a record, or a sync is due.
  private func waitForRecords() {
    while !stopping.load(ordering: .acquiring) {
      lock.withLock {
        pending.value.wakeAtCount = 1
        pending.value.wakeAtBytes = 1
      }
      guard !hasWork else { return }
      syncIfRequested()
      guard durability == .everysec, !worker.value.isSynced else {
        signal.wait()
        continue
      }
      let due = worker.value.lastSync + Self.syncInterval - clock.elapsedNanoseconds()
      if due <= 0 { syncNow() } else { signal.wait(nanoseconds: due) }
    }
  }

  /// Lets more records come, until there are as many, or as many bytes, or the time has passed; false if it was the
  /// time.
  @discardableResult
  private func collect(records: Int = .max, bytes: Int = .max, nanoseconds: Int64) -> Bool {
    let deadline = WallClock.monotonicNanoseconds() + nanoseconds
    while !stopping.load(ordering: .acquiring) {
      let isEnough = lock.withLock {
        pending.value.wakeAtCount = records
        pending.value.wakeAtBytes = bytes
        // Nothing more will be taken than what is before a cut.
        return pending.value.count >= records || pending.value.records.count >= bytes
          || !pending.value.cuts.isEmpty || !pending.value.tasks.isEmpty
      }
      if isEnough || wantsSync.load(ordering: .relaxed) { return true }
      let left = deadline - WallClock.monotonicNanoseconds()
      if left <= 0 { return false }
      signal.wait(nanoseconds: left)
    }
    return true
  }

  /// Writes what has been appended as one batch and, where every write waits for it, syncs. Then runs what is to run
  /// between two batches.
  package func commit() {
    guard failureCode.load(ordering: .relaxed) == 0 else { return runTasks() }
    if worker.value.batchCount == 0 { takeBatch() }
    guard worker.value.batchCount > 0 else { return runTasks() }
    let count = worker.value.batchCount
    let bytes = worker.value.batch.count
    let commit = Commit(
      first: worker.value.writtenVersion + 1, last: worker.value.batchLast, time: clock.now(),
      synced: syncedVersion)
    do {
      let start = WallClock.monotonicNanoseconds()
      try log.append(&worker.value.batch, commit)
      noteTime(.write, WallClock.monotonicNanoseconds() - start)
      worker.value.batch.removeAll()
      worker.value.batchCount = 0
      worker.value.writtenVersion = commit.last
      worker.value.isSynced = false
      unwritten.subtract(UInt64(bytes))
      if isStalled.exchange(false, ordering: .acquiringAndReleasing) { stall.withLock { $0 = nil } }
      if durability == .always {
        try sync()
        worker.value.wantedRecords = count + lock.withLock { pending.value.count }
      } else if durability == .everysec
        && clock.elapsedNanoseconds() - worker.value.lastSync >= Self.syncInterval
      {
        try sync()
      }
    } catch {
      if error.isLackOfRoom && worker.value.batchCount > 0 {
        stall.withLock { $0 = error }
        isStalled.store(true, ordering: .releasing)
      } else {
        fail(error)
      }
    }
    notify()
    runTasks()
  }

  /// Takes what has been appended, as far as a batch may go.
  private func takeBatch() {
    lock.withLock {
      let limit = pending.value.limit
      if limit.count == pending.value.count {
        swap(&worker.value.batch, &pending.value.records)
        pending.value.count = 0
      } else if limit.count > 0 {
        worker.value.batch.append(pending.value.records.bytes.extracting(0..<limit.offset))
        pending.value.records.removeFirst(limit.offset)
        pending.value.count -= limit.count
      }
      // A group may be open that has no record yet, and begins where the batch ends.
      for index in pending.value.groups.indices {
        pending.value.groups[index].start.offset -= limit.offset
        pending.value.groups[index].start.count -= limit.count
      }
      pending.value.cuts.removeAll { $0.count <= limit.count }
      for index in pending.value.cuts.indices {
        pending.value.cuts[index].offset -= limit.offset
        pending.value.cuts[index].count -= limit.count
      }
      worker.value.batchCount = limit.count
      worker.value.batchLast = limit.version
      // A reader who takes the lines as commands is still in the database that the last batch ended in.
      if pending.value.count == 0 && pending.value.database != 0 { pending.value.database = nil }
      // Nobody is to wake this thread while it works.
      pending.value.wakeAtCount = .max
      pending.value.wakeAtBytes = .max
    }
  }

  private func runTasks() {
    var tasks: [@Sendable () -> Void] = []
    lock.withLock { swap(&tasks, &pending.value.tasks) }
    for task in tasks { task() }
  }

  /// The version of the last record that the log has. For tasks between two batches.
  package var writtenVersion: UInt64 { worker.value.writtenVersion }

  /// Notes that all the log has is safe. For tasks between two batches.
  package func noteAllDurable() {
    noteSynced()
    notify()
  }

  /// Announces that all the log has survives a crash.
  private func noteSynced() {
    worker.value.isSynced = true
    let version = worker.value.writtenVersion
    lock.withLock {
      pending.value.synced = version
      if version >= pending.value.heldUntil { durable.set(version) }
    }
  }

  /// Ends writing for good. For tasks between two batches.
  package func noteFailure(_ error: DiskError) {
    fail(error)
    notify()
  }

  private func syncIfRequested() {
    if wantsSync.exchange(false, ordering: .sequentiallyConsistent) { syncNow() }
  }

  /// Makes all that is written durable now, whatever the setting.
  private func syncNow() {
    guard failureCode.load(ordering: .relaxed) == 0, !worker.value.isSynced else { return }
    do { try sync() } catch { fail(error) }
    notify()
  }

  private func sync() throws(DiskError) {
    let start = WallClock.monotonicNanoseconds()
    try log.sync()
    let end = WallClock.monotonicNanoseconds()
    noteTime(.sync, end - start)
    worker.value.meanSync += (Double(end - start) - worker.value.meanSync) / 8
    worker.value.lastSync = clock.elapsedNanoseconds()
    noteSynced()
  }

  private func fail(_ error: DiskError) {
    firstFailure.withLock { if $0 == nil { $0 = error } }
    failureCode.store(error.code == 0 ? -1 : error.code, ordering: .releasing)
  }

  /// How often those who wait for the journal have been called.
  @inline(__always)
  package var calls: UInt64 { callCount.value }

  /// Has everybody look again who waits for the journal. From any thread.
  package func notify() {
    callCount.add(1)
    for listener in listeners.withLock({ $0 }) { listener() }
  }
}
