// Databases with a past, for the tests of the tools: what they held at every version, and files with a body.
import Martlet
import MartletSimulation
import Testing

extension SimulatedDisk {
  /// The folder as the tools see it.
  var toolFolder: ToolFolder { ToolFolder(Self.folder, on: self) }

  /// The database file's lines.
  var lines: [String] {
    text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
  }

  /// Has the database file be these lines.
  func write(_ lines: [String]) { content = bytes(lines.joined(separator: "\n") + "\n") }
}

extension StoreCore {
  /// Makes a checkpoint without any thread.
  func makeCheckpoint(keptFiles: Int = 9) throws {
    let file = try #require(file)
    var checkpoint = try Checkpoint(keyspace, journal, file, clock, outlivesFlush: true, keptFiles: keptFiles)
    while true {
      if let outcome = checkpoint.step() {
        guard case .finished = outcome else {
          Issue.record("\(outcome)")
          return
        }
        return
      }
      journal.commit()
    }
  }
}

/// A database that a workload has made, with checkpoints on the way.
struct SampleHistory {
  let disk = SimulatedDisk()
  /// What it held, and when, behind the last change of each command.
  private(set) var states: [(version: UInt64, time: Int64, contents: [DatabaseContents])] = []

  static let start: Int64 = 1_800_000_000_000

  init(seed: UInt64, commands: Int, checkpointsAt: Set<Int> = []) throws {
    var workload = Workload(seed: seed, databaseCount: 4)
    let clock = WallClock(stoppedAt: Self.start)
    let store = try openStore(on: disk, clock: clock)
    var server = TestServer(store)
    states.append((0, Self.start, store.contents()))
    for number in 0..<commands {
      let operation = workload.next(now: clock.now())
      server.run(operation)
      let version = store.journal.lastVersion
      if version != states.last?.version { states.append((version, clock.now(), store.contents())) }
      if workload.chance(5) {
        store.journal.commit()
        clock.advance(milliseconds: 100)
      }
      if checkpointsAt.contains(number) {
        store.journal.commit()
        try store.makeCheckpoint()
      }
    }
    store.stop()
  }

  /// A file with a body of many parts' worth of keys would be large; this one has a body of one part, and `batches` batches
  /// of one `SET` each behind it.
  static func bodyAndBatches(_ batches: Int) throws -> SimulatedDisk {
    let disk = SimulatedDisk()
    let store = try openStore(on: disk)
    var server = TestServer(store)
    for index in 0..<3 { server.send(redis: ["SET", "body\(index)", "value\(index)"].map(bytes)) }
    server.send(redis: ["SADD", "bodyset", "a", "b"].map(bytes))
    store.journal.commit()
    try store.makeCheckpoint(keptFiles: 0)
    for index in 0..<batches {
      server.send(redis: ["SET", "key\(index)", "value \(index)"].map(bytes))
      store.journal.commit()
    }
    store.stop()
    return disk
  }
}

/// The contents of a database file on a disk, opened as the server opens it.
func contents(_ disk: SimulatedDisk) throws -> [DatabaseContents] {
  let store = try openStore(on: disk)
  #expect(store.report.droppedBytes == 0)
  return store.contents()
}

/// The strings of database 0.
func strings(_ contents: [DatabaseContents]) -> [String: String] {
  contents[0].reduce(into: [:]) { strings, entry in
    if case .string(let value) = entry.value.content {
      strings[String(decoding: entry.key, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
    }
  }
}
