// Sorted sets, packed and with an order beside their table: they hold what a sorted array would, in its order, and all
// their memory comes back.
import Martlet
import MartletSimulation
import Testing

/// A sorted set in the simplest terms.
private struct SortedModel {
  struct Entry: Equatable {
    let member: [UInt8]
    let score: Double
  }

  private(set) var scores: [[UInt8]: Double] = [:]

  var ordered: [Entry] {
    scores.map { Entry(member: $0.key, score: $0.value) }.sorted {
      $0.score == $1.score ? $0.member.lexicographicallyPrecedes($1.member) : $0.score < $1.score
    }
  }

  subscript(member: [UInt8]) -> Double? {
    get { scores[member] }
    set { scores[member] = newValue }
  }

  mutating func remove(_ entries: some Sequence<Entry>) {
    for entry in entries { scores[entry.member] = nil }
  }
}

@Suite("A sorted set")
struct SortedSetTests {
  private func item(_ server: borrowing TestServer, _ key: String) -> Item? {
    let keyspace = server.store.keyspace
    let place = unsafe keyspace.place(bytes(key).span.bytes)
    return keyspace[place.shard].shard.find(place.bytes, place.hash, 0)
  }

  /// The members in their order.
  private func contents(_ server: borrowing TestServer, _ key: String) -> [SortedModel.Entry] {
    guard let members = item(server, key)?.members else { return [] }
    #expect(members.orderProblem() == nil)
    var entries: [SortedModel.Entry] = []
    members.forEach(in: 0..<members.count) {
      entries.append(SortedModel.Entry(member: $0.key.array, score: $0.score))
    }
    return entries
  }

  private func expectNoMemory(_ server: borrowing TestServer) {
    for shard in 0..<server.store.keyspace.shardCount {
      while server.store.keyspace[shard].shard.freeDoomed(1000) > 0 {}
      #expect(server.store.keyspace[shard].shard.allocator.usedBytes == 0)
    }
  }

  private static let oddScores: [Double] = [
    -.infinity, .infinity, 127, 128, -129, 32_768, 2_147_483_648,
  ]

  private static func score(_ random: inout RandomSource, _ spread: Int) -> Double {
    switch Int.random(in: 0..<8, using: &random) {
    case 0: Double(Int.random(in: -spread...spread, using: &random)) / 8
    case 1: Double(Int.random(in: -spread...spread, using: &random)) * 1e15
    case 2: oddScores.randomElement(using: &random) ?? 0
    default: Double(Int.random(in: -spread...spread, using: &random))
    }
  }

  @Test(
    "holds what was last set in the order of scores, whatever its size",
    arguments: 1...40 as ClosedRange<UInt64>)
  func againstModel(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var server = TestServer.inMemory(databases: 1)
    var model = SortedModel()
    let memberCount = [5, 100, 300, 3000][Int(seed % 4)]
    let spread = [2, 50, 100_000][Int(seed % 3)]
    let longest = [0, 0, 40, 300][Int(seed / 4 % 4)]
    func member() -> [UInt8] {
      let number = Int.random(in: 0..<memberCount, using: &random)
      return bytes("m\(number)") + [UInt8](repeating: 0x78, count: number % 7 == 0 ? longest : 0)
    }
    for step in 0..<800 {
      let ordered = step % 4 == 0 ? model.ordered : []
      switch Int.random(in: 0..<20, using: &random) {
      case 0..<9:
        let pairs = (0..<Int.random(in: 1...max(1, memberCount / 40), using: &random)).map { _ in
          (member(), Self.score(&random, spread))
        }
        for pair in pairs { model[pair.0] = pair.1 }
        server.send(redis: ["ZADD", "z"].map(bytes) + pairs.flatMap { [bytes("\($0.1)"), $0.0] })
      case 9..<12:
        let member = member()
        let sum = (model[member] ?? 0) + 1
        model[member] = sum
        server.send(redis: ["ZINCRBY", "z", "1"].map(bytes) + [member])
      case 12..<17:
        let members = (0..<Int.random(in: 1...max(1, memberCount / 60), using: &random)).map { _ in member() }
        for member in members { model[member] = nil }
        server.send(redis: ["ZREM", "z"].map(bytes) + members)
      case 17 where !ordered.isEmpty:
        let first = Int.random(in: 0..<ordered.count, using: &random)
        let last = min(ordered.count, first + Int.random(in: 1...memberCount / 4 + 1, using: &random))
        model.remove(ordered[first..<last])
        server.send(redis: ["ZREMRANGEBYRANK", "z", "\(first)", "\(last - 1)"].map(bytes))
      case 18 where !ordered.isEmpty:
        let (low, high) = (Self.score(&random, spread), Self.score(&random, spread))
        model.remove(ordered.filter { $0.score > low && $0.score <= high })
        server.send(redis: ["ZREMRANGEBYSCORE", "z", "(\(low)", "\(high)"].map(bytes))
      case 19 where !ordered.isEmpty:
        let count = Int.random(in: 1...5, using: &random)
        model.remove(step % 8 == 0 ? ordered.prefix(count) : ordered.suffix(count))
        server.send(redis: [step % 8 == 0 ? "ZPOPMIN" : "ZPOPMAX", "z", "\(count)"].map(bytes))
      default: break
      }
      if step % 40 == 0 { expectEqual(&server, model, &random, spread) }
    }
    expectEqual(&server, model, &random, spread)
    server.send(redis: ["COPY", "z", "copy"].map(bytes))
    server.send(redis: ["RENAME", "z", "other"].map(bytes))
    #expect(contents(server, "copy") == model.ordered)
    #expect(contents(server, "other") == model.ordered)
    server.send(redis: ["DEL", "other", "copy"].map(bytes))
    expectNoMemory(server)
  }

  /// Compares the members, the ranks of some of them and some ranges.
  private func expectEqual(
    _ server: inout TestServer, _ model: SortedModel, _ random: inout RandomSource, _ spread: Int
  ) {
    let ordered = model.ordered
    #expect(contents(server, "z") == ordered)
    #expect(server.redis("ZCARD", "z") == ":\(ordered.count)\r\n")
    for _ in 0..<5 where !ordered.isEmpty {
      let rank = Int.random(in: 0..<ordered.count, using: &random)
      let member = ordered[rank].member
      #expect(server.redis([bytes("ZRANK"), bytes("z"), member]) == bytes(":\(rank)\r\n"))
      let (low, high) = (Self.score(&random, spread), Self.score(&random, spread))
      let inRange = ordered.filter { $0.score >= low && $0.score < high }
      #expect(server.redis("ZCOUNT", "z", "\(low)", "(\(high)") == ":\(inRange.count)\r\n")
      let reversed = inRange.reversed().dropFirst(2).prefix(3)
      #expect(
        server.redis(
          ["ZRANGE", "z", "(\(high)", "\(low)", "BYSCORE", "REV", "LIMIT", "2", "3"].map(bytes))
          == bytes("*\(reversed.count)\r\n") + reversed.flatMap { bulk($0.member) })
      let some = ordered[rank..<min(ordered.count, rank + 100)]
      #expect(
        server.redis(["ZRANGE", "z", "\(rank)", "\(rank + 99)"].map(bytes))
          == bytes("*\(some.count)\r\n") + some.flatMap { bulk($0.member) })
    }
  }

  @Test(
    "of many members keeps its order, from whichever end they come and go",
    arguments: ["rising", "falling", "mixed"])
  func large(order: String) {
    let count = 20_000
    var random = RandomSource(seed: 7)
    var server = TestServer.inMemory(databases: 1)
    var numbers = Array(0..<count)
    if order == "falling" { numbers.reverse() }
    if order == "mixed" { numbers.shuffle(using: &random) }
    for start in stride(from: 0, to: count, by: 500) {
      server.send(
        redis: ["ZADD", "z"].map(bytes)
          + numbers[start..<start + 500].flatMap { [bytes("\($0 / 3)"), bytes("m\($0 + 100_000)")] })
    }
    func expected(_ numbers: [Int]) -> [[UInt8]] { numbers.sorted().map { bytes("m\($0 + 100_000)") } }
    #expect(contents(server, "z").map(\.member) == expected(numbers))
    #expect(server.redis("ZRANK", "z", "m112345") == ":12345\r\n")
    #expect(server.redis("ZREVRANK", "z", "m112345") == ":\(count - 1 - 12345)\r\n")
    if order == "mixed" { numbers.shuffle(using: &random) }
    while numbers.count > 1000 {
      let gone = numbers.prefix(500)
      server.send(redis: ["ZREM", "z"].map(bytes) + gone.map { bytes("m\($0 + 100_000)") })
      numbers.removeFirst(500)
    }
    #expect(contents(server, "z").map(\.member) == expected(numbers))
    server.send(redis: ["DEL", "z"].map(bytes))
    expectNoMemory(server)
  }

  @Test("takes at most eleven bytes a member for its order")
  func orderBytes() {
    var random = RandomSource(seed: 3)
    var server = TestServer.inMemory(databases: 1)
    func used(_ command: String, _ key: String) -> Int {
      let before = server.store.keyspace.usedBytes
      var members = Array(0..<20_000)
      members.shuffle(using: &random)
      for start in stride(from: 0, to: members.count, by: 500) {
        // The score is a byte of each member's.
        let words = members[start..<start + 500].flatMap {
          (command == "ZADD" ? ["\($0 % 100)"] : []) + ["member \($0 + 100_000)"]
        }
        server.send(redis: ([command, key] + words).map(bytes))
      }
      return server.store.keyspace.usedBytes - before
    }
    let set = used("SADD", "s")
    let sorted = used("ZADD", "z")
    #expect(sorted - set < 20_000 * 11, "\((sorted - set) / 20_000) bytes a member")
  }

  @Test("is packed up to its limits, which can be set, and has a table beyond")
  func packing() {
    var server = TestServer.inMemory(databases: 1)
    func add(_ server: inout TestServer, _ key: String, _ member: String, _ score: Int = 1) {
      server.send(redis: ["ZADD", key, "\(score)", member].map(bytes))
    }
    for index in 0..<128 { add(&server, "z", "m\(index)", -index) }
    #expect(item(server, "z")?.members.isPacked == true)
    add(&server, "z", "m127", 500)
    #expect(item(server, "z")?.members.isPacked == true)
    #expect(contents(server, "z").last?.member == bytes("m127"))
    add(&server, "z", "m128")
    #expect(item(server, "z")?.members.isPacked == false)
    #expect(contents(server, "z").map(\.score) == (0..<127).map { Double($0 - 126) } + [1, 500])
    add(&server, "l", String(repeating: "x", count: 64))
    #expect(item(server, "l")?.members.isPacked == true)
    add(&server, "l", String(repeating: "x", count: 65))
    #expect(item(server, "l")?.members.isPacked == false)
    server.store.keyspace.packing.sortedSets.entries = 1
    add(&server, "d", "first")
    #expect(item(server, "d")?.members.isPacked == true)
    add(&server, "d", "second")
    #expect(item(server, "d")?.members.isPacked == false)
  }

  @Test("has scores that are read back bit for bit: from the reply, and after a restart")
  func scoreTexts() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    var random = RandomSource(seed: 11)
    var scores: [Double] = [
      0.1, 1.0 / 3, 1e23, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -.leastNormalMagnitude,
      9_007_199_254_740_992,
      0x1p62, -0x1p62, 0x1p63, 1e17, 123_456.789_012_3, .infinity, -.infinity, 1e-5, 1e-7, 2_147_483_647,
      -2_147_483_648, 2_147_483_648,
    ]
    while scores.count < 2000 {
      let score = Double(bitPattern: random.next())
      if !score.isNaN { scores.append(score) }
    }
    for (index, score) in scores.enumerated() {
      server.send(redis: ["ZADD", "z", "\(score)", "m\(index)"].map(bytes))
      let text = String(
        decoding: server.redis(["ZSCORE", "z", "m\(index)"].map(bytes)), as: UTF8.self
      ).split(separator: "\r\n")[1]
      #expect(Double(text)?.bitPattern == score.bitPattern, "\(score) is shown as \(text)")
    }
    server.store.journal.commit()
    let again = try openStore(on: disk)
    guard case .sortedSet(let found)? = again.contents()[0][bytes("z")]?.content else {
      Issue.record("the sorted set is gone")
      return
    }
    for (index, score) in scores.enumerated() {
      #expect(found[bytes("m\(index)")]?.bitPattern == score.bitPattern)
    }
  }

  @Test("whose range goes is recorded by names when they are few, and by ranks when they are many")
  func records() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    server.send(redis: ["ZADD", "z"].map(bytes) + (0..<300).flatMap { [bytes("\($0)"), bytes("m\($0)")] })
    server.send(redis: ["ZREMRANGEBYRANK", "z", "1", "2"].map(bytes))
    server.send(redis: ["ZREMRANGEBYSCORE", "z", "(10", "200"].map(bytes))
    server.send(redis: ["ZPOPMIN", "z"].map(bytes))
    server.send(redis: ["ZINCRBY", "z", "0.5", "m250"].map(bytes))
    server.send(redis: ["ZADD", "z", "GT", "CH", "1", "m251", "777", "m252"].map(bytes))
    server.send(redis: ["ZADD", "z", "250.5", "m250"].map(bytes))
    server.send(redis: ["ZREMRANGEBYLEX", "z", "-", "+"].map(bytes))
    server.store.journal.commit()
    let lines = String(decoding: disk.content, as: UTF8.self).split(separator: "\n").filter {
      !$0.hasPrefix("#")
    }
    #expect(
      lines.dropFirst() == [
        "ZREM z m1 m2", "ZREMRANGEBYRANK z 9 198", "ZREM z m0", "ZADD z 250.5 m250", "ZADD z 777 m252",
        "DEL z",
      ])
  }

  @Test("that is stored is there whole or not at all, at whatever byte the file ends")
  func storedWhole() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    for start in stride(from: 0, to: 2500, by: 500) {
      server.send(
        redis: ["ZADD", "z"].map(bytes)
          + (start..<start + 500).flatMap { [bytes("\($0)"), bytes("m\($0)")] })
    }
    server.send(redis: ["SET", "d", "before"].map(bytes))
    server.store.journal.commit()
    let before = server.store.contents()
    let start = disk.content.count
    #expect(server.redis("ZUNIONSTORE", "d", "1", "z", "WEIGHTS", "2") == ":2500\r\n")
    server.store.journal.commit()
    let after = server.store.contents()
    let file = disk.content
    let longest = String(decoding: file, as: UTF8.self).split(separator: "\n").map(\.utf8.count).max() ?? 0
    #expect(longest < 64 << 10)
    for end in stride(from: start, to: file.count, by: 997) {
      let cut = SimulatedDisk()
      cut.content = Array(file[..<end])
      #expect(try openStore(on: cut).contents() == before, "\(end)")
    }
    let whole = SimulatedDisk()
    whole.content = file
    #expect(try openStore(on: whole).contents() == after)
  }
}
