// HyperLogLogs: how far off they are, and that the two ways in which they are kept say the same.
import Martlet
import MartletSimulation
import Testing

@Suite("A HyperLogLog")
struct HyperLogLogTests {
  private func count(_ server: inout TestServer, _ keys: [String]) -> Int? {
    server.send(redis: (["PFCOUNT"] + keys).map(bytes))
    return Int(server.execution.reply.buffer.bytes.text.dropFirst().dropLast())
  }

  private func value(_ server: borrowing TestServer, _ key: String) -> [UInt8]? {
    guard case .string(let value) = server.store.contents()[0][bytes(key)]?.content else { return nil }
    return value
  }

  @Test(
    "counts different elements, about, and few of them exactly",
    arguments: [1, 10, 100, 1000, 10_000, 100_000])
  func accuracy(elements: Int) {
    var server = TestServer.inMemory(databases: 1)
    for start in stride(from: 0, to: elements, by: 1000) {
      let some = (start..<min(elements, start + 1000)).map { bytes("element \($0)") }
      server.send(redis: ["PFADD", "h"].map(bytes) + some)
      server.send(redis: ["PFADD", "h"].map(bytes) + some)
    }
    let counted = count(&server, ["h"]) ?? 0
    #expect(abs(counted - elements) <= elements / 40)
    // 16384 registers of 6 bits and a header of 16 bytes at most.
    #expect((value(server, "h")?.count ?? 0) <= 12_304)
  }

  @Test(
    "of several is that of all their elements, however they are kept",
    arguments: [(50, 70), (3000, 40), (8000, 9000)])
  func merging(first: Int, second: Int) {
    var server = TestServer.inMemory(databases: 1)
    server.send(redis: ["PFADD", "a"].map(bytes) + (0..<first).map { bytes("\($0)") })
    server.send(redis: ["PFADD", "b"].map(bytes) + (first / 2..<first / 2 + second).map { bytes("\($0)") })
    server.send(
      redis: ["PFADD", "all"].map(bytes) + (0..<max(first, first / 2 + second)).map { bytes("\($0)") })
    let all = count(&server, ["all"])
    #expect(count(&server, ["a", "b"]) == all)
    #expect(server.redis("PFMERGE", "merged", "a", "b") == "+OK\r\n")
    #expect(count(&server, ["merged"]) == all)
    #expect(server.redis("PFMERGE", "a", "b") == "+OK\r\n")
    #expect(count(&server, ["a"]) == all)
  }

  @Test("is refused, and never more, when it isn't what it says", arguments: 1...40 as ClosedRange<UInt64>)
  func damaged(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var server = TestServer.inMemory(databases: 1)
    let elements = seed % 2 == 0 ? 200 : 5000
    server.send(redis: ["PFADD", "h"].map(bytes) + (0..<elements).map { bytes("\($0)") })
    guard let whole = value(server, "h") else { return }
    for _ in 0..<20 {
      var damaged = whole
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<damaged.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: damaged[place] = .random(in: 0...255, using: &random)
        case 1: damaged.remove(at: place)
        default: damaged.insert(.random(in: 0...255, using: &random), at: place)
        }
      }
      server.send(redis: [bytes("SET"), bytes("d"), damaged])
      for command in [
        ["PFCOUNT", "d"], ["PFCOUNT", "d", "h"], ["PFADD", "d", "new", "other"], ["PFMERGE", "m", "d"],
        ["PFMERGE", "d", "h"],
      ] {
        server.send(redis: command.map(bytes))
        let reply = server.execution.reply.buffer.bytes.text
        #expect(
          reply.hasPrefix(":") || reply == "+OK\r\n" || reply.hasPrefix("-WRONGTYPE Key is not a valid")
            || reply.hasPrefix("-INVALIDOBJ"))
      }
    }
  }
}
