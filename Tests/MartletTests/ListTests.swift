// Lists, packed and of chunks: what they hold is what an array would, and all their memory comes back.
import Martlet
import MartletSimulation
import Testing

@Suite("A list")
struct ListTests {
  private func elements(_ server: borrowing TestServer, _ key: String) -> [[UInt8]]? {
    switch server.store.contents()[0][bytes(key)]?.content {
    case .list(let elements): elements
    case nil: []
    default: nil
    }
  }

  private func isPacked(_ server: borrowing TestServer, _ key: String) -> Bool? {
    let keyspace = server.store.keyspace
    let place = unsafe keyspace.place(bytes(key).span.bytes)
    return keyspace[place.shard].shard.find(place.bytes, place.hash, 0)?.list.isPacked
  }

  private func expectAllFreed(_ server: borrowing TestServer) {
    for shard in 0..<server.store.keyspace.shardCount {
      while server.store.keyspace[shard].shard.freeDoomed(1000) > 0 {}
      #expect(server.store.keyspace[shard].shard.allocator.usedBytes == 0)
    }
  }

  /// Words of every way in which an element can be kept, and some that are nearly so.
  private func word(_ random: inout RandomSource, longest: Int) -> [UInt8] {
    switch Int.random(in: 0..<10, using: &random) {
    case 0: return bytes("\(Int.random(in: -200...200, using: &random))")
    case 1: return bytes("\(Int.random(in: -9000...9000, using: &random))")
    case 2:
      let shift = Int.random(in: 0..<63, using: &random)
      return bytes("\(Int.random(in: Int.min...Int.max, using: &random) >> shift)")
    case 3:
      return bytes(
        ["", "-", "-0", "01", "+1", "1 ", "9223372036854775808", "--1"].randomElement(using: &random)!)
    case 4: return bytes("e\(Int.random(in: 0..<4, using: &random))")
    case 5 where longest > 0:
      let count = Int.random(in: 0...longest, using: &random)
      return [UInt8](repeating: UInt8.random(in: 0...255, using: &random), count: count)
    default: return bytes("element \(Int.random(in: 0..<1000, using: &random))")
    }
  }

  @Test(
    "holds what was put into it, in its order, whatever its length and the lengths of its elements",
    arguments: 1...60 as ClosedRange<UInt64>)
  func againstArray(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var server = TestServer.inMemory(databases: 1)
    server.store.keyspace.packing.lists.number = [-2, -1, 1, 2, 5, 100, -5][Int(seed % 7)]
    let longest = [0, 70, 300, 5000, 20_000][Int(seed % 5)]
    let mostPushed = [3, 3, 40, 400][Int(seed % 4)]
    var model: [[UInt8]] = []
    for step in 0..<600 {
      let isHead = Bool.random(using: &random)
      switch Int.random(in: 0..<20, using: &random) {
      case 0..<8:
        let words = (0..<Int.random(in: 1...mostPushed, using: &random)).map { _ in
          word(&random, longest: longest)
        }
        let reply: [UInt8] = server.redis([bytes(isHead ? "LPUSH" : "RPUSH"), bytes("l")] + words)
        model = isHead ? words.reversed() + model : model + words
        #expect(reply == bytes(":\(model.count)\r\n"))
      case 8..<11:
        let count = Int.random(in: 1...(step % 9 == 0 ? mostPushed * 10 : 3), using: &random)
        let left = max(0, model.count - count)
        let popped = isHead ? Array(model.prefix(count)) : model.suffix(count).reversed()
        let reply: [UInt8] = server.redis(["\(isHead ? "LPOP" : "RPOP")", "l", "\(count)"].map(bytes))
        #expect(
          reply == (model.isEmpty ? bytes("*-1\r\n") : bytes("*\(popped.count)\r\n") + popped.flatMap(bulk)))
        model = Array(isHead ? model.suffix(left) : model.prefix(left))
      case 11..<13 where !model.isEmpty:
        let index = Int.random(in: model.indices, using: &random)
        let value = word(&random, longest: longest)
        server.send(redis: [
          bytes("LSET"), bytes("l"), bytes("\(isHead ? index : index - model.count)"), value,
        ])
        model[index] = value
      case 13..<15 where !model.isEmpty:
        let pivot = model.randomElement(using: &random)!
        let value = word(&random, longest: longest)
        let index = model.firstIndex(of: pivot)!
        server.send(
          redis: [bytes("LINSERT"), bytes("l"), bytes(isHead ? "BEFORE" : "AFTER"), pivot, value])
        model.insert(value, at: isHead ? index : index + 1)
      case 15 where !model.isEmpty:
        let value = model.randomElement(using: &random)!
        let count = Int.random(in: -2...2, using: &random)
        var left = count == 0 ? Int.max : abs(count)
        var kept: [[UInt8]] = []
        for element in count < 0 ? model.reversed() : model {
          if element == value && left > 0 { left -= 1 } else { kept.append(element) }
        }
        let reply: [UInt8] = server.redis([bytes("LREM"), bytes("l"), bytes("\(count)"), value])
        #expect(reply == bytes(":\(model.count - kept.count)\r\n"))
        model = count < 0 ? kept.reversed() : kept
      case 16 where step % 3 == 0 && !model.isEmpty:
        let start = Int.random(in: 0..<model.count, using: &random) / 4
        let stop = model.count - 1 - Int.random(in: 0..<model.count, using: &random) / 4
        server.send(redis: ["LTRIM", "l", "\(start)", "\(stop)"].map(bytes))
        model = start <= stop ? Array(model[start...stop]) : []
      case 17 where !model.isEmpty:
        server.send(
          redis: ["LMOVE", "l", "l", isHead ? "LEFT" : "RIGHT", isHead ? "RIGHT" : "LEFT"].map(bytes))
        if isHead { model.append(model.removeFirst()) } else { model.insert(model.removeLast(), at: 0) }
      default:
        guard !model.isEmpty else { continue }
        let index = Int.random(in: model.indices, using: &random)
        #expect(server.redis(["LINDEX", "l", "\(index)"].map(bytes)) == bulk(model[index]))
        #expect(server.redis(["LINDEX", "l", "\(index - model.count)"].map(bytes)) == bulk(model[index]))
        let place = isHead ? model.firstIndex(of: model[index])! : model.lastIndex(of: model[index])!
        #expect(
          server.redis([bytes("LPOS"), bytes("l"), model[index], bytes("RANK"), bytes(isHead ? "1" : "-1")])
            == bytes(":\(place)\r\n"))
        let end = min(model.count - 1, index + 20)
        #expect(
          server.redis(["LRANGE", "l", "\(index)", "\(end)"].map(bytes))
            == bytes("*\(end - index + 1)\r\n") + model[index...end].flatMap(bulk))
      }
      if step % 20 == 0 { #expect(elements(server, "l") == model) }
    }
    #expect(elements(server, "l") == model)
    server.send(redis: ["COPY", "l", "copy"].map(bytes))
    server.send(redis: ["RENAME", "l", "other"].map(bytes))
    #expect(elements(server, "other") == model)
    #expect(elements(server, "copy") == model)
    server.send(redis: ["DEL", "other", "copy"].map(bytes))
    expectAllFreed(server)
  }

  @Test("is packed up to what list-max-listpack-size says, and again when half of that holds it")
  func packed() {
    var server = TestServer.inMemory(databases: 1)
    server.send(redis: ["RPUSH", "l", String(repeating: "x", count: 4000)].map(bytes))
    #expect(isPacked(server, "l") == true)
    server.send(redis: ["RPUSH", "l", String(repeating: "y", count: 4200)].map(bytes))
    #expect(isPacked(server, "l") == false)
    server.send(redis: ["RPOP", "l"].map(bytes))
    #expect(isPacked(server, "l") == true)
    server.store.keyspace.packing.lists.number = 4
    server.send(redis: ["RPUSH", "n", "1", "2", "3", "4"].map(bytes))
    #expect(isPacked(server, "n") == true)
    server.send(redis: ["LPUSH", "n", "0"].map(bytes))
    #expect(isPacked(server, "n") == false)
    server.send(redis: ["LTRIM", "n", "1", "2"].map(bytes))
    #expect(isPacked(server, "n") == true)
    #expect(elements(server, "n") == ["1", "2"].map(bytes))
  }

  @Test("of 1,000 and of 100,000 elements takes little besides them", arguments: [1000, 100_000])
  func memory(count: Int) {
    var server = TestServer.inMemory(databases: 1)
    for start in stride(from: 0, to: count, by: 100) {
      server.send(
        redis: ["RPUSH", "l"].map(bytes) + (start..<start + 100).map { bytes("element:\(1_000_000 + $0)") })
    }
    var used = 0
    for shard in 0..<server.store.keyspace.shardCount {
      used += server.store.keyspace[shard].shard.allocator.usedBytes
    }
    // An element has 15 bytes, one that says how many before them, and one behind.
    #expect(used <= count * 17 * 106 / 100 + 1024)
    server.send(redis: ["DEL", "l"].map(bytes))
    expectAllFreed(server)
  }

  @Test("that is a queue keeps no more than it holds, however many have gone through it")
  func queue() {
    var server = TestServer.inMemory(databases: 1)
    for step in 0..<30_000 {
      server.send(redis: ["RPUSH", "q", "job number \(step)"].map(bytes))
      if step >= 2000 { server.send(redis: ["LPOP", "q"].map(bytes)) }
    }
    var used = 0
    for shard in 0..<server.store.keyspace.shardCount {
      used += server.store.keyspace[shard].shard.allocator.usedBytes
    }
    #expect(used < 2000 * 18 + 3 * 8192)
    #expect(elements(server, "q")?.first == bytes("job number 28000"))
    server.send(redis: ["LTRIM", "q", "1", "0"].map(bytes))
    expectAllFreed(server)
  }

  @Test(
    "that is long is freed in steps, and an LTRIM that takes much of it away frees that in steps",
    arguments: [true, false])
  func freedInSteps(isTrimmed: Bool) {
    var server = TestServer.inMemory(databases: 1)
    for _ in 0..<300 {
      server.send(redis: [bytes("RPUSH"), bytes("l"), [UInt8](repeating: 1, count: 8000)])
    }
    func used(_ server: borrowing TestServer) -> Int {
      (0..<server.store.keyspace.shardCount).reduce(0) {
        $0 + server.store.keyspace[$1].shard.allocator.usedBytes
      }
    }
    let before = used(server)
    server.send(redis: (isTrimmed ? ["LTRIM", "l", "299", "-1"] : ["DEL", "l"]).map(bytes))
    #expect(used(server) > before / 2)
    server.send(redis: ["DEL", "l"].map(bytes))
    expectAllFreed(server)
  }
}
