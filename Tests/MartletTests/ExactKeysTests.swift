// A key is compared byte by byte, whole: what is read at a key is what was last written to exactly that key.
import Martlet
import MartletSimulation
import Testing

/// Keys that are easily taken for one another.
private func confusableKeys(_ random: inout RandomSource) -> [[UInt8]] {
  let stems =
    [
      "cat", "catalog", "Cat", "CAT", "é", "e\u{301}", "É", "ß", "ss", "Å", "\u{212b}", "A\u{30a}", "ﬁ", "fi",
      "key", "user:1",
    ]
    .map(bytes)
  let odd =
    ["\"", "'", "\\", " ", "\r\n", "\n", "\0", "\t", "*", "?", "[a]", "#", "\\x41", "b64\"\""].map(bytes) + [
      [0xff]
    ]
  var keys = Set<[UInt8]>([[]])
  for stem in stems {
    keys.insert(stem)
    for end in 0...stem.count {
      keys.insert(Array(stem[..<end]))
      keys.insert(Array(stem[end...]))
    }
    for part in odd {
      keys.insert(stem + part)
      keys.insert(part + stem)
      keys.insert(stem + part + stem)
    }
  }
  for part in odd { keys.formUnion([part, part + part]) }
  let all = keys.sorted { $0.lexicographicallyPrecedes($1) }
  for _ in 0..<200 {
    keys.insert((all.randomElement(using: &random) ?? []) + (all.randomElement(using: &random) ?? []))
  }
  return keys.sorted { $0.lexicographicallyPrecedes($1) }
}

@Suite("Keys are exact")
struct ExactKeysTests {
  @Test("in memory and after a restart", arguments: 1...10 as ClosedRange<UInt64>)
  func exactKeys(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let keys = confusableKeys(&random)
    let disk = SimulatedDisk(seed: seed)
    var model: [[UInt8]: [UInt8]] = [:]
    for _ in 0..<3 {
      var server = TestServer(try openStore(on: disk, seed: seed))
      for key in keys {
        let reply = server.redis([bytes("GET"), key])
        #expect(reply == model[key].map(bulk) ?? bytes("$-1\r\n"), "\(key)")
      }
      let size = server.redis("DBSIZE")
      #expect(size == ":\(model.count)\r\n")
      for _ in 0..<4000 {
        guard let key = keys.randomElement(using: &random) else { break }
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
          let reply = server.redis([bytes("DEL"), key])
          #expect(reply == bytes(model.removeValue(forKey: key) == nil ? ":0\r\n" : ":1\r\n"))
        case 1:
          // The value is easily taken for a key, too.
          let value = keys.randomElement(using: &random) ?? []
          model[key] = value
          let reply = server.redis([bytes("SET"), key, value])
          #expect(reply == bytes("+OK\r\n"))
        default:
          let reply = server.redis([bytes("GET"), key])
          #expect(reply == model[key].map(bulk) ?? bytes("$-1\r\n"), "\(key)")
        }
      }
      server.store.journal.commit()
    }
  }

  @Test("as members of a set, too")
  func exactMembers() {
    var random = RandomSource(seed: 2)
    let keys = confusableKeys(&random)
    var server = TestServer.inMemory()
    var model = Set<[UInt8]>()
    for (index, member) in keys.enumerated() where index.isMultiple(of: 2) {
      server.send(redis: [bytes("SADD"), bytes("set"), member])
      model.insert(member)
    }
    for member in keys {
      let reply = server.redis([bytes("SISMEMBER"), bytes("set"), member])
      #expect(reply == bytes(model.contains(member) ? ":1\r\n" : ":0\r\n"), "\(member)")
    }
  }
}
