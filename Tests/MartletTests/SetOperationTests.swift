// What is made of several sets, against Swift's own sets; and what is left of it after a crash and a restart.
import Martlet
import MartletSimulation
import Testing

@Suite("Several sets")
struct SetOperationTests {
  /// Sets of several sizes and kinds of members; some of them are empty, and so no key.
  private static func sets(_ random: inout RandomSource) -> [Set<[UInt8]>] {
    (0..<6).map { _ in
      let count = [0, 1, 5, 100, 200, 1500].randomElement(using: &random) ?? 0
      let range = max(1, count * 2)
      return Set((0..<count).map { _ in bytes("m\(Int.random(in: 0..<range, using: &random))") })
    }
  }

  private func members(_ server: borrowing TestServer, _ key: String) -> Set<[UInt8]>? {
    switch server.store.contents()[0][bytes(key)]?.content {
    case .set(let members): members
    case nil: []
    default: nil
    }
  }

  private static func combined(_ name: String, _ sets: [Set<[UInt8]>]) -> Set<[UInt8]> {
    guard let first = sets.first else { return [] }
    return sets.dropFirst().reduce(first) {
      switch name {
      case "SUNION": $0.union($1)
      case "SINTER": $0.intersection($1)
      default: $0.subtracting($1)
      }
    }
  }

  @Test("are combined as sets are, whatever their sizes", arguments: 1...20 as ClosedRange<UInt64>)
  func againstSets(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var server = TestServer.inMemory(databases: 1)
    let sets = Self.sets(&random)
    for (index, set) in sets.enumerated() where !set.isEmpty {
      server.send(redis: [bytes("SADD"), bytes("s\(index)")] + set)
    }
    for _ in 0..<30 {
      let chosen = (0..<Int.random(in: 1...5, using: &random)).map { _ in
        Int.random(in: 0..<sets.count, using: &random)
      }
      let keys = chosen.map { bytes("s\($0)") }
      for name in ["SUNION", "SINTER", "SDIFF"] {
        let expected = Self.combined(name, chosen.map { sets[$0] })
        let reply = server.redis([bytes(name)] + keys)
        #expect(reply.starts(with: bytes("*\(expected.count)\r\n")), "\(name) \(chosen)")
        #expect(server.redis([bytes(name + "STORE"), bytes("d")] + keys) == bytes(":\(expected.count)\r\n"))
        #expect(members(server, "d") == expected, "\(name)STORE \(chosen)")
      }
      let common = Self.combined("SINTER", chosen.map { sets[$0] }).count
      let limit = Int.random(in: 1...max(1, common * 2), using: &random)
      let counted = [bytes("SINTERCARD"), bytes("\(keys.count)")] + keys
      #expect(server.redis(counted) == bytes(":\(common)\r\n"))
      #expect(
        server.redis(counted + [bytes("LIMIT"), bytes("\(limit)")]) == bytes(":\(min(common, limit))\r\n"))
    }
  }

  @Test("many and large ones, are combined in a time that is that of their members", arguments: [2, 400])
  func many(count: Int) {
    var server = TestServer.inMemory(databases: 1)
    server.send(redis: ["SADD", "large"].map(bytes) + (0..<30_000).map { bytes("\($0)") })
    for index in 0..<count {
      server.send(redis: ["SADD", "s\(index)", "\(index)", "x\(index)"].map(bytes))
    }
    let keys = (0..<count).map { bytes("s\($0)") }
    #expect(
      server.redis([bytes("SDIFFSTORE"), bytes("d"), bytes("large")] + keys)
        == bytes(":\(30_000 - count)\r\n"))
    #expect(server.redis([bytes("SUNIONSTORE"), bytes("u")] + keys + keys) == bytes(":\(count * 2)\r\n"))
    #expect(server.redis([bytes("SINTERSTORE"), bytes("i"), bytes("large")] + keys) == bytes(":0\r\n"))
  }

  @Test("that are kept are recorded in short lines of one batch, and are what they were after a restart")
  func records() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    server.send(redis: ["SADD", "a"].map(bytes) + (0..<5000).map { bytes("member \($0)") })
    server.send(redis: ["SET", "d", "a string"].map(bytes))
    server.store.journal.commit()
    let before = disk.text
    server.send(redis: ["SUNIONSTORE", "d", "a", "a"].map(bytes))
    server.send(redis: ["SMOVE", "d", "e", "member 7"].map(bytes))
    server.store.journal.commit()
    let lines = disk.text.dropFirst(before.count).split(separator: "\n")
    #expect(lines.first == "DEL d")
    #expect(lines.dropFirst().filter { $0.hasPrefix("SADD d ") }.count > 5)
    #expect(lines.allSatisfy { $0.utf8.count < 10_000 })
    #expect(lines.filter { $0.hasPrefix("# commit") }.count == 1)
    #expect(try openStore(on: disk).contents() == server.store.contents())
  }

  @Test("that are kept are there whole or not at all, wherever the file ends")
  func cutAnywhere() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    server.send(redis: ["SADD", "a"].map(bytes) + (0..<2000).map { bytes("member \($0)") })
    server.send(redis: ["SADD", "d", "old"].map(bytes))
    server.store.journal.commit()
    let before = server.store.contents()
    let sizeBefore = disk.content.count
    for command in [["SINTERSTORE", "d", "a"], ["SMOVE", "d", "e", "member 7"]] {
      server.send(redis: command.map(bytes))
    }
    server.store.journal.commit()
    let content = disk.content
    for size in Array(stride(from: sizeBefore, to: content.count, by: 101)) + [content.count] {
      let cut = SimulatedDisk()
      cut.content = Array(content[..<size])
      let expected = size == content.count ? server.store.contents() : before
      #expect(try openStore(on: cut).contents() == expected, "\(size) bytes")
    }
  }
}
