// What a clean stop leaves in the file, and what a start makes of damage behind it.
import Martlet
import MartletSimulation
import MartletTestSupport
import Testing

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

@Suite("After a clean stop the whole file is vouched for")
struct CleanStopTests {
  private func file(_ folder: TemporaryFolder) -> URL { URL(filePath: folder.path + "/database.txt") }

  private func text(_ folder: TemporaryFolder) throws -> String {
    try String(contentsOf: file(folder), encoding: .utf8)
  }

  /// A database of two batches in a folder, stopped in order.
  private func sample(_ durability: Durability) async throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for (key, value) in [("Hello", "World"), ("Distributed", "Networks")] {
      let store = try Store(folder: folder.path, durability: durability)
      try await store.set(key, to: value)
      await store.close()
    }
    return folder
  }

  @Test("The last line says that all versions are synced", arguments: Durability.allCases)
  func note(durability: Durability) async throws {
    let folder = try await sample(durability)
    let last = try #require(try text(folder).split(separator: "\n").last)
    #expect(last.hasPrefix("# commit 3-2 synced 2 time "))
  }

  @Test("A stop without a write leaves the file as it is")
  func nothingWritten() async throws {
    let folder = try await sample(.always)
    let before = try text(folder)
    let store = try Store(folder: folder.path)
    #expect(try await store.string("Hello") == "World")
    await store.close()
    #expect(try text(folder) == before)
  }

  @Test(
    "A changed value anywhere in it stops the start and is left as it is", arguments: Durability.allCases,
    ["World", "Networks"])
  func damage(durability: Durability, word: String) async throws {
    let folder = try await sample(durability)
    let damaged = try text(folder).replacing(word, with: "X" + word.dropFirst())
    try Data(damaged.utf8).write(to: file(folder))
    #expect {
      try Store(folder: folder.path)
    } throws: { error in
      guard case .databaseDamaged(let path, let line, _)? = error as? StoreError else { return false }
      return path == file(folder).path && line == (word == "World" ? 2 : 5)
    }
    #expect(try text(folder) == damaged)
  }

  @Test("Whole batches that nothing vouches for are dropped, and kept in a file of their own")
  func keptAside() async throws {
    let folder = try await sample(.always)
    // Without the note, as a crash leaves it, and with a last batch that doesn't match its checksum.
    let lines = try text(folder).split(separator: "\n").dropLast().joined(separator: "\n") + "\n"
    let damaged = lines.replacing("Networks", with: "Xetworks")
    try Data(damaged.utf8).write(to: file(folder))
    let store = try Store(folder: folder.path)
    #expect(try await store.string("Distributed") == nil)
    #expect(try await store.string("Hello") == "World")
    await store.close()
    let kept = try String(contentsOf: URL(filePath: file(folder).path + ".dropped-after-1"), encoding: .utf8)
    #expect(kept.hasPrefix("SET Distributed Xetworks\n# commit 2-2 "))
  }

  @Test("A batch names database 0 when the one before it ended in another")
  func selects() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    _ = server.redis("SELECT", "3")
    _ = server.redis("SET", "a", "1")
    server.store.journal.commit()
    _ = server.redis("SELECT", "0")
    _ = server.redis("SET", "b", "2")
    server.store.journal.commit()
    _ = server.redis("SET", "c", "3")
    server.store.journal.commit()
    let lines = String(decoding: disk.content, as: UTF8.self).split(separator: "\n").filter {
      !$0.hasPrefix("#")
    }
    #expect(lines == ["SELECT 3", "SET a 1", "SELECT 0", "SET b 2", "SET c 3"])
  }
}
