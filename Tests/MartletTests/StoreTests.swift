// The store as a program that embeds it sees it.
import Martlet
import MartletSimulation
import MartletTestSupport
import Testing

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

@Suite("A store in a program of one's own")
struct StoreTests {
  @Test("What was set is there after the store was closed and opened again")
  func survives() async throws {
    let folder = try TemporaryFolder()
    let store = try Store(folder: folder.path + "/data")
    try await store.set("Hello", to: "World")
    try await store.set([0xff, 0x00], to: [0x0d, 0x0a])
    try await store.insert(["apple", "pear", "apple"], into: "fruit")
    #expect(try await store.setFields(["name": "Ada", "city": "London"], of: "user") == 2)
    #expect(try await store.setScores(["Ada": 2.5, "Zoe": -1], of: "ranking") == 2)
    #expect(try await store.increment("count", by: 41) == 41)
    await store.close()

    let again = try Store(folder: folder.path + "/data")
    #expect(try await again.string("Hello") == "World")
    #expect(try await again.bytes([0xff, 0x00]) == [0x0d, 0x0a])
    #expect(try await Set(again.members(of: "fruit")) == ["apple", "pear"])
    #expect(try await again.fields(of: "user") == ["name": "Ada", "city": "London"])
    #expect(try await again.scores(of: "ranking").map(\.member) == ["Zoe", "Ada"])
    #expect(try await again.score(of: "Ada", in: "ranking") == 2.5)
    #expect(try await again.increment("count") == 42)
    #expect(again.count == 6)
    await again.close()
  }

  @Test("The database is text that a person can read")
  func isText() async throws {
    let folder = try TemporaryFolder()
    let store = try Store(folder: folder.path)
    try await store.set("Distributed", to: "Networks")
    let text = try String(contentsOf: URL(filePath: folder.path + "/database.txt"), encoding: .utf8)
    #expect(text.split(separator: "\n").contains("SET Distributed Networks"))
    await store.close()
  }

  @Test("A folder belongs to one store at a time")
  func lock() async throws {
    let folder = try TemporaryFolder()
    let store = try Store(folder: folder.path)
    #expect(throws: StoreError.folderInUse(path: folder.path, pid: ProcessInfo.processInfo.processIdentifier))
    {
      try Store(folder: folder.path)
    }
    await store.close()
  }

  @Test("A key of another type is an error and no miss")
  func wrongType() async throws {
    let store = Store.inMemory()
    try await store.insert(["a"], into: "set")
    await #expect(throws: StoreError.wrongType) { try await store.string("set") }
    try await store.set("text", to: "abc")
    await #expect(throws: StoreError.wrongType) { try await store.members(of: "text") }
    await #expect(throws: StoreError.wrongType) { try await store.fields(of: "set") }
    await #expect(throws: StoreError.wrongType) { try await store.setFields(["a": "b"], of: "set") }
    await #expect(throws: StoreError.wrongType) { try await store.setScores(["a": 1], of: "set") }
    await #expect(throws: StoreError.wrongType) { try await store.rank(of: "a", in: "text") }
    await #expect(throws: StoreError.notANumber) { try await store.setScores(["a": .nan], of: "z") }
    await #expect(throws: StoreError.notAnInteger) { try await store.increment("text") }
    await store.close()
    await #expect(throws: StoreError.closed) { try await store.string("text") }
  }

  @Test("Deleting, and members going one by one")
  func removal() async throws {
    let store = Store.inMemory()
    try await store.set("a", to: "1")
    #expect(try await store.delete("a"))
    #expect(try await !store.delete("a"))
    #expect(try await store.string("a") == nil)
    try await store.insert(["x", "y"], into: "s")
    #expect(try await store.remove(["x", "z"], from: "s") == 1)
    try await store.setFields(["x": "1", "y": "2"], of: "h")
    #expect(try await store.setFields(["x": "3", "z": "4"], of: "h") == 1)
    #expect(try await store.removeFields(["y", "none"], of: "h") == 1)
    #expect(try await store.field("x", of: "h") == "3")
    #expect(try await store.field("y", of: "h") == nil)
    #expect(try await store.removeFields(["x", "z"], of: "h") == 2)
    #expect(try await !store.contains("h"))
    #expect(try await store.remove(["y"], from: "s") == 1)
    #expect(try await !store.contains("s"))
    await store.close()
  }

  @Test("Members of a sorted set are found by rank and by score")
  func sortedSets() async throws {
    let store = Store.inMemory()
    #expect(try await store.setScores(["a": 1, "b": 2, "c": 2, "d": 8], of: "z") == 4)
    #expect(try await store.setScores(["a": 3, "e": .infinity], of: "z") == 1)
    #expect(try await store.scores(of: "z").map(\.member) == ["b", "c", "a", "d", "e"])
    #expect(try await store.scores(of: "z", ranks: 1..<3).map(\.score) == [2, 3])
    #expect(try await store.scores(of: "z", ranks: 4..<9).map(\.member) == ["e"])
    #expect(try await store.scores(of: "z", in: 2...3).map(\.member) == ["b", "c", "a"])
    #expect(try await store.rank(of: "a", in: "z") == 2)
    #expect(try await store.rank(of: "x", in: "z") == nil)
    #expect(try await store.incrementScore(of: "b", by: 10, in: "z") == 12)
    await #expect(throws: StoreError.notANumber) {
      try await store.incrementScore(of: "e", by: -.infinity, in: "z")
    }
    #expect(try await store.removeScores(of: ["a", "x"], in: "z") == 1)
    #expect(try await store.removeScores(of: ["b", "c", "d", "e"], in: "z") == 4)
    #expect(try await !store.contains("z"))
    await store.close()
  }

  @Test("A list is added to and taken from at both ends, and goes with its last element")
  func lists() async throws {
    let folder = try TemporaryFolder()
    let store = try Store(folder: folder.path)
    #expect(try await store.append(["c", "42"], to: "l") == 2)
    #expect(try await store.prepend(["a", "b"], to: "l") == 4)
    #expect(try await store.append([], to: "l") == 4)
    await store.close()
    let again = try Store(folder: folder.path)
    #expect(try await again.elements(of: "l") == ["a", "b", "c", "42"])
    #expect(try await again.removeFirst(from: "l") == "a")
    #expect(try await again.removeLast(from: "l") == "42")
    await #expect(throws: StoreError.wrongType) { try await again.members(of: "l") }
    #expect(try await again.removeLast(from: "l") == "c")
    #expect(try await again.removeLast(from: "l") == "b")
    #expect(try await again.removeLast(from: "l") == nil)
    #expect(try await again.elements(of: "l") == [])
    #expect(again.count == 0)
    try await again.set("text", to: "abc")
    await #expect(throws: StoreError.wrongType) { try await again.append(["a"], to: "text") }
    await #expect(throws: StoreError.wrongType) { try await again.removeFirst(from: "text") }
    await again.close()
  }

  @Test("Many tasks at once lose no change")
  func concurrent() async throws {
    let folder = try TemporaryFolder()
    let store = try Store(folder: folder.path)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<20 {
        group.addTask { for _ in 0..<50 { try await store.increment("count") } }
      }
      try await group.waitForAll()
    }
    #expect(try await store.increment("count", by: 0) == 1000)
    await store.close()
  }

  @Test("A checkpoint leaves the data and drops the past; in memory there is nothing to do")
  func checkpoint() async throws {
    let folder = try TemporaryFolder()
    let store = try Store(folder: folder.path)
    for number in 0..<100 { try await store.set("counter", to: "\(number)") }
    try await store.checkpoint()
    let text = try String(contentsOfFile: folder.path + "/database.txt", encoding: .utf8)
    #expect(text.contains("SET counter 99 VERSION 100") && !text.contains("SET counter 98"))
    await store.close()
    await #expect(throws: StoreError.closed) { try await store.checkpoint() }
    #expect(try await Store(folder: folder.path).string("counter") == "99")
    try await Store.inMemory().checkpoint()
  }
}
