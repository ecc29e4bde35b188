// Bits and numbers of bits in strings, against an array of bits; and that little is recorded of a small change.
import Martlet
import MartletSimulation
import Testing

@Suite("The bits of a string")
struct BitmapTests {
  private static func bits(_ bytes: [UInt8]) -> [Bool] {
    bytes.flatMap { byte in (0..<8).map { byte >> (7 - $0) & 1 == 1 } }
  }

  private static func random(_ count: Int, _ random: inout RandomSource) -> [UInt8] {
    // Runs of zeros and of ones, and what is neither.
    let kinds: [ClosedRange<UInt8>] = [0...0, 255...255, 0...255]
    var made: [UInt8] = []
    while made.count < count {
      let kind = kinds.randomElement(using: &random) ?? 0...0
      for _ in 0..<Int.random(in: 1...20, using: &random) { made.append(.random(in: kind, using: &random)) }
    }
    return Array(made[..<count])
  }

  @Test("are counted and found wherever a range begins and ends", arguments: 1...20 as ClosedRange<UInt64>)
  func ranges(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var server = TestServer.inMemory(databases: 1)
    for _ in 0..<20 {
      let string = Self.random(Int.random(in: 1...60, using: &random), &random)
      let bits = Self.bits(string)
      server.send(redis: [bytes("SET"), bytes("k"), string])
      for _ in 0..<30 {
        let isInBits = Bool.random(using: &random)
        let count = isInBits ? bits.count : string.count
        let first = Int.random(in: 0..<count, using: &random)
        let last = Int.random(in: first..<count, using: &random)
        let range = isInBits ? first...last : first * 8...last * 8 + 7
        let words = [first, last].map { bytes("\($0)") } + [bytes(isInBits ? "BIT" : "BYTE")]
        #expect(
          server.redis(["BITCOUNT", "k"].map(bytes) + words) == bytes(":\(bits[range].count { $0 })\r\n"))
        for bit in [false, true] {
          #expect(
            server.redis([bytes("BITPOS"), bytes("k"), bytes(bit ? "1" : "0")] + words)
              == bytes(":\(bits[range].firstIndex(of: bit) ?? -1)\r\n"))
        }
      }
    }
  }

  @Test(
    "are combined as numbers are, the shorter strings ending in zeros",
    arguments: 1...20 as ClosedRange<UInt64>)
  func combining(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var server = TestServer.inMemory(databases: 1)
    for _ in 0..<50 {
      let strings = (0..<Int.random(in: 1...4, using: &random)).map { _ in
        Self.random(Int.random(in: 0...30, using: &random), &random)
      }
      for (index, string) in strings.enumerated() {
        server.send(redis: [bytes("SET"), bytes("s\(index)"), string])
      }
      let count = strings.map(\.count).max() ?? 0
      let padded = strings.map { $0 + [UInt8](repeating: 0, count: count - $0.count) }
      let operations: [(String, (UInt8, UInt8) -> UInt8)] = [
        ("AND", { $0 & $1 }), ("OR", { $0 | $1 }), ("XOR", { $0 ^ $1 }),
      ]
      for (name, combine) in operations {
        let keys = strings.indices.map { bytes("s\($0)") }
        #expect(server.redis([bytes("BITOP"), bytes(name), bytes("d")] + keys) == bytes(":\(count)\r\n"))
        let expected = (0..<count).map { place in
          padded.dropFirst().reduce(padded[0][place]) { combine($0, $1[place]) }
        }
        #expect(
          server.redis([bytes("GETRANGE"), bytes("d"), bytes("0"), bytes("-1")]) == bulk(expected), "\(name)")
      }
    }
  }

  @Test("are numbers of any width at any place", arguments: 1...20 as ClosedRange<UInt64>)
  func fields(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var server = TestServer.inMemory(databases: 1)
    var model: [Bool] = []
    for _ in 0..<300 {
      let width = Int.random(in: 1...63, using: &random)
      let offset = Int.random(in: 0...150, using: &random)
      let number = UInt64.random(in: 0...UInt64.max, using: &random) >> UInt64(64 - width)
      let length = (offset + width + 7) / 8 * 8
      model += Array(repeating: false, count: max(0, length - model.count))
      let before = model[offset..<offset + width].reduce(UInt64(0)) { $0 << 1 | ($1 ? 1 : 0) }
      for index in 0..<width { model[offset + index] = number >> UInt64(width - 1 - index) & 1 == 1 }
      let reply: String = server.redis("BITFIELD", "k", "SET", "u\(width)", "\(offset)", "\(number)")
      #expect(reply == "*1\r\n:\(before)\r\n")
    }
    guard case .string(let string) = server.store.contents()[0][bytes("k")]?.content else {
      Issue.record("no string")
      return
    }
    #expect(Self.bits(string) == model)
  }

  @Test("that change are recorded alone, however long the string is")
  func records() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    server.send(redis: [bytes("SET"), bytes("k"), [UInt8](repeating: 65, count: 100_000)])
    for _ in 0..<700 { server.send(redis: ["PFADD", "h", "\(server.store.journal.lastVersion)"].map(bytes)) }
    server.send(redis: ["PFADD", "dense"].map(bytes) + (0..<5000).map { bytes("\($0)") })
    server.store.journal.commit()
    let before = disk.content.count
    for command in [
      ["SETBIT", "k", "700000", "1"], ["SETBIT", "k", "700000", "1"], ["SETBIT", "k", "1", "1"],
      ["BITFIELD", "k", "SET", "u8", "80", "1", "INCRBY", "i64", "5000", "7", "GET", "u8", "0"],
      ["PFADD", "dense", "another"], ["PFADD", "dense", "0", "1", "2"],
    ] { server.send(redis: command.map(bytes)) }
    server.store.journal.commit()
    #expect(disk.content.count - before < 700)
    #expect(try openStore(on: disk).contents() == server.store.contents())
  }
}
