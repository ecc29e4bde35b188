// Longest common subsequences, against the definition.
import Martlet
import MartletSimulation
import Testing

@Suite("A longest common subsequence")
struct CommonSubsequenceTests {
  private static func length(_ first: [UInt8], _ second: [UInt8]) -> Int {
    var table = Array(repeating: Array(repeating: 0, count: second.count + 1), count: first.count + 1)
    for (row, byte) in first.enumerated() {
      for (column, other) in second.enumerated() {
        table[row + 1][column + 1] =
          byte == other ? table[row][column] + 1 : max(table[row][column + 1], table[row + 1][column])
      }
    }
    return table[first.count][second.count]
  }

  private static func isSubsequence(_ part: [UInt8], of whole: [UInt8]) -> Bool {
    var rest = whole[...]
    for byte in part {
      guard let place = rest.firstIndex(of: byte) else { return false }
      rest = rest[(place + 1)...]
    }
    return true
  }

  @Test("is one, and none is longer", arguments: 1...30 as ClosedRange<UInt64>)
  func longest(seed: UInt64) {
    var random = RandomSource(seed: seed)
    let letters = UInt8(seed % 4 + 1)
    func string(_ random: inout RandomSource) -> [UInt8] {
      (0..<Int.random(in: 0...80, using: &random)).map { _ in .random(in: 97..<97 + letters, using: &random) }
    }
    var server = TestServer.inMemory(databases: 1)
    for _ in 0..<20 {
      let (first, second) = (string(&random), string(&random))
      server.send(redis: [bytes("MSET"), bytes("a"), first, bytes("b"), second])
      let length = Self.length(first, second)
      #expect(server.redis("LCS", "a", "b", "LEN") == ":\(length)\r\n")
      let reply = server.redis(["LCS", "a", "b"].map(bytes))
      let found = Array(reply.dropFirst(bytes("$\(length)\r\n").count).dropLast(2))
      #expect(reply == bulk(found) && found.count == length)
      #expect(Self.isSubsequence(found, of: first) && Self.isSubsequence(found, of: second))
    }
  }

  @Test("of strings whose table would be too large is refused before it is made")
  func tooLarge() {
    var server = TestServer.inMemory(databases: 1)
    server.send(redis: [bytes("SET"), bytes("a"), [UInt8](repeating: 65, count: 1 << 20)])
    server.send(redis: [bytes("SET"), bytes("b"), [UInt8](repeating: 66, count: 1000)])
    let refusal = "-ERR Insufficient memory, failed allocating transient memory for LCS\r\n"
    #expect(server.redis("LCS", "a", "b", "LEN") == refusal)
    #expect(server.redis("LCS", "a", "a") == refusal)
    server.send(redis: ["SETRANGE", "c", "15", "x"].map(bytes))
    #expect(server.redis("LCS", "a", "c", "LEN") == ":0\r\n")
  }
}
