// The journal, and the file that it makes and a start reads back. The file is in memory.
import Benchmark
import Martlet

/// A disk with one file, which is in memory.
private struct OneFileDisk: Disk {
  let file = MemoryFile()

  func open(_ path: String) -> any DiskFile { file }
  func openToRead(_ path: String) -> any DiskFile { file }
  func names(in folder: String) -> [String] { [] }
  func rename(_ path: String, to newPath: String) {}
  func link(_ path: String, to newPath: String) {}
  func remove(_ path: String) {}
  func syncFolder(_ path: String) {}
}

/// A file in memory. One thread uses it.
private final class MemoryFile: DiskFile, @unchecked Sendable {
  private var bytes: [UInt8] = []
  private var end = 0
  /// Whether it keeps what is written from now on, or only counts it.
  var keeps = true

  func size() -> Int { end }

  func read(at offset: Int, count: Int, into buffer: inout ByteQueue) -> Int {
    let bytes = bytes
    let length = max(0, min(count, bytes.count - offset))
    buffer.append(bytes.span.raw.extracting(offset..<offset + length))
    return length
  }

  func write(_ new: RawSpan, at offset: Int) {
    end = max(end, offset + new.byteCount)
    guard keeps else { return }
    if bytes.count < end { bytes.append(contentsOf: repeatElement(0, count: end - bytes.count)) }
    bytes.replaceSubrange(offset..<offset + new.byteCount, with: new.array)
  }

  func sync() {}

  func truncate(to size: Int) {
    end = size
    bytes.removeLast(max(0, bytes.count - size))
  }

  func isNamed(_ path: String) -> Bool { true }
}

/// A new database, in memory.
private func newDatabase() -> (file: DatabaseFile, memory: MemoryFile) {
  let disk = OneFileDisk()
  var random = RandomSource(seed: 1)
  do {
    let file = try DatabaseFile.open("", on: disk, random: &random)
    let keyspace = Keyspace(shardCount: 16, databaseCount: 1, seedNumber: file.seed)
    defer { keyspace.destroy() }
    _ = try file.recover(into: keyspace, threads: 1)
    return (file, disk.file)
  } catch {
    fatalError("no database in memory: \(error)")
  }
}

/// A journal with a file that forgets.
private final class JournalFixture {
  private let journal: Journal
  private let record = Array("SET key:000000000042 \(String(repeating: "v", count: 32))\n".utf8)

  init() {
    let (file, memory) = newDatabase()
    memory.keeps = false
    journal = Journal(log: file, durability: .always, version: 0, clock: WallClock())
  }

  func append(_ times: Int) {
    let record = record
    for _ in 0..<times { _ = journal.append(record.span.raw, database: 0) }
  }

  func commit() { journal.commit() }
}

func benchmarkJournal() {
  measure(
    "journal append a record", { JournalFixture() }, { $0.append($1) },
    after: { fixture, _ in fixture.commit() })
  measure(
    "journal commit a record of 1000", { JournalFixture() }, before: { $0.append($1) },
    { fixture, _ in fixture.commit() })
}

/// A database file of 100,000 strings, and where it is loaded to.
private final class LoadingFixture {
  private let memory: MemoryFile
  private var keyspace: Keyspace?

  init() {
    let (file, memory) = newDatabase()
    self.memory = memory
    let value = String(repeating: "v", count: 32)
    do {
      for batch in 0..<100 {
        var records = ByteQueue()
        for number in 0..<1000 {
          records.append(
            text: "SET key:\(String(1_000_000_000_000 + batch * 1000 + number).dropFirst()) \(value)\n")
        }
        let first = UInt64(batch * 1000 + 1)
        try file.append(
          &records, Commit(first: first, last: first + 999, time: 1_800_000_000_000, synced: first - 1))
      }
    } catch {
      fatalError("a batch can't be written to memory: \(error)")
    }
  }

  func begin() { keyspace = Keyspace(shardCount: 16, databaseCount: 1, seedNumber: 1) }

  func load() {
    guard let keyspace else { return }
    let loader = DatabaseLoader(keyspace, threads: 1)
    defer { loader.destroy() }
    do {
      let loaded = try loader.load(memory, DatabaseFile.name)
      precondition(loaded.version == 100_000, "not all has been loaded")
    } catch {
      fatalError("what was written can't be loaded: \(error)")
    }
  }

  func end() {
    keyspace?.destroy()
    keyspace = nil
  }
}

func benchmarkLoading() {
  measure(
    "loading of 100,000 strings, 1 thread", scale: .one, { LoadingFixture() },
    before: { fixture, _ in fixture.begin() },
    { fixture, _ in fixture.load() }, after: { fixture, _ in fixture.end() })
}
