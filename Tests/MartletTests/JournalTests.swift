// Where batches end: groups stay together, a cut ends one, and a full disk keeps one until there is room.
import Martlet
import MartletSimulation
import Synchronization
import Testing

/// A log that remembers its batches, and fails when told to.
private final class RememberingLog: JournalLog {
  struct Batch: Equatable {
    var text: String
    var versions: ClosedRange<UInt64>
  }

  private let state = Mutex((batches: [Batch](), code: Int32(0)))

  var batches: [Batch] { state.withLock { $0.batches } }

  /// The system's error number that appending fails with; 0 for none.
  var code: Int32 {
    get { state.withLock { $0.code } }
    set { state.withLock { $0.code = newValue } }
  }

  func append(_ records: inout ByteQueue, _ commit: Commit) throws(DiskError) {
    let text = records.bytes.text
    let code = state.withLock { state in
      if state.code == 0 { state.batches.append(Batch(text: text, versions: commit.first...commit.last)) }
      return state.code
    }
    if code != 0 { throw DiskError("write", "log", code: code) }
  }

  func sync() throws(DiskError) {}
  func close(_ commit: Commit) throws(DiskError) {}
}

extension Journal {
  fileprivate func append(_ record: String, database: Int = 0) {
    var queue = ByteQueue()
    queue.append(text: record + "\n")
    _ = append(queue.bytes, database: database)
  }
}

@Suite("The journal")
struct JournalTests {
  private let log = RememberingLog()
  private let journal: Journal

  init() {
    journal = Journal(log: log, durability: .always, version: 0, clock: WallClock(stoppedAt: 0))
  }

  @Test("takes what comes before an open group, and the group when it has ended")
  func groups() {
    journal.append("A")
    let group = journal.beginGroup()
    journal.append("B")
    journal.commit()
    #expect(log.batches == [.init(text: "A\n", versions: 1...1)])
    #expect(journal.durable.value == 1)
    journal.append("C")
    journal.commit()
    #expect(log.batches.count == 1)
    journal.endGroup(group)
    journal.commit()
    #expect(log.batches.last == .init(text: "B\nC\n", versions: 2...3))
  }

  @Test("keeps a group together that had no record yet when a batch was taken")
  func emptyGroup() {
    journal.append("A")
    let group = journal.beginGroup()
    journal.commit()
    journal.append("B")
    journal.commit()
    journal.append("C")
    journal.endGroup(group)
    journal.commit()
    #expect(log.batches.map(\.text) == ["A\n", "B\nC\n"])
  }

  @Test(
    "keeps groups together that begin within one another, whichever ends first", arguments: [true, false])
  func overlappingGroups(firstEndsFirst: Bool) {
    let first = journal.beginGroup()
    journal.append("A")
    let second = journal.beginGroup()
    journal.append("B")
    journal.endGroup(firstEndsFirst ? first : second)
    journal.append("C")
    journal.commit()
    #expect(log.batches.isEmpty)
    journal.endGroup(firstEndsFirst ? second : first)
    journal.commit()
    #expect(log.batches.map(\.text) == ["A\nB\nC\n"])
  }

  @Test("names the database again where a batch may begin")
  func databases() {
    journal.append("A", database: 3)
    let group = journal.beginGroup()
    journal.append("B", database: 3)
    journal.commit()
    journal.endGroup(group)
    journal.commit()
    journal.append("C")
    journal.commit()
    #expect(log.batches.map(\.text) == ["SELECT 3\nA\n", "SELECT 3\nB\n", "SELECT 0\nC\n"])
  }

  @Test("announces nothing until a version for which replies are held is safe")
  func heldReplies() {
    journal.append("A")
    journal.commit()
    journal.append("B")
    journal.holdReplies(until: 2)
    let group = journal.beginGroup()
    journal.append("C")
    journal.holdReplies(until: 3)
    #expect(!journal.mayShow(1))
    #expect(journal.syncedVersion == 1)
    journal.commit()
    #expect(journal.syncedVersion == 2)
    #expect(!journal.mayShow(1))
    journal.endGroup(group)
    journal.commit()
    #expect(journal.mayShow(3))
    // What is safe already holds nothing.
    journal.holdReplies(until: 3)
    #expect(journal.mayShow(1))
  }

  @Test("ends a batch at each cut")
  func cuts() {
    #expect(journal.cut() == 0)
    journal.append("A")
    #expect(journal.cut() == 1)
    journal.append("B")
    journal.append("C")
    #expect(journal.cut() == 3)
    #expect(journal.cut() == 3)
    journal.append("D")
    for _ in 0..<4 { journal.commit() }
    #expect(log.batches.map(\.text) == ["A\n", "B\nC\n", "D\n"])
    #expect(log.batches.map(\.versions) == [1...1, 2...3, 4...4])
  }

  @Test("keeps a batch while the disk is full, and goes on when there is room")
  func stall() {
    log.code = SimulatedDisk.outOfSpace
    journal.append("A")
    journal.commit()
    #expect(journal.room == .stalled)
    #expect(journal.stallReason?.code == SimulatedDisk.outOfSpace)
    journal.commit()
    #expect(journal.durable.value == 0)
    log.code = 0
    journal.commit()
    #expect(journal.room == .free)
    #expect(journal.stallReason == nil)
    #expect(journal.failure == nil)
    #expect(log.batches == [.init(text: "A\n", versions: 1...1)])
    #expect(journal.durable.value == 1)
  }

  @Test("is at its end after any other failure")
  func failure() {
    log.code = SimulatedDisk.inputOutputError
    journal.append("A")
    journal.commit()
    log.code = 0
    journal.commit()
    #expect(journal.room == .failed)
    #expect(journal.failure?.code == SimulatedDisk.inputOutputError)
    #expect(log.batches.isEmpty)
  }

  @Test("runs a task between two batches, also when there is none to write, or none can be written")
  func tasks() {
    let versions = Mutex<[UInt64]>([])
    let journal = journal
    journal.betweenBatches { versions.withLock { $0.append(journal.writtenVersion) } }
    journal.commit()
    journal.append("A")
    journal.betweenBatches { versions.withLock { $0.append(journal.writtenVersion) } }
    journal.commit()
    log.code = SimulatedDisk.outOfSpace
    journal.append("B")
    journal.betweenBatches { versions.withLock { $0.append(journal.writtenVersion) } }
    journal.commit()
    #expect(versions.withLock { $0 } == [0, 1, 1])
  }
}
