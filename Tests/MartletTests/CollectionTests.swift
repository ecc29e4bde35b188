// Collections, packed and with a table: what they hold is what a dictionary would, and all their memory comes back.
import Martlet
import MartletSimulation
import Testing

@Suite("A collection")
struct CollectionTests {
  private func fields(_ server: borrowing TestServer, _ key: String) -> [[UInt8]: StoredField]? {
    switch server.store.contents()[0][bytes(key)]?.content {
    case .hash(let fields): fields
    case nil: [:]
    default: nil
    }
  }

  private func isPacked(_ server: borrowing TestServer, _ key: String) -> Bool? {
    let keyspace = server.store.keyspace
    let place = unsafe keyspace.place(bytes(key).span.bytes)
    return keyspace[place.shard].shard.find(place.bytes, place.hash, 0)?.members.isPacked
  }

  @Test(
    "that is a hash holds what was last set, whatever its size and the lengths of its values",
    arguments: 1...40 as ClosedRange<UInt64>)
  func againstDictionary(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var server = TestServer.inMemory(databases: 1)
    var model: [[UInt8]: StoredField] = [:]
    let fieldCount = [5, 100, 200, 2000][Int(seed % 4)]
    let longest = [3, 64, 70, 300, 70_000][Int(seed % 5)]
    for step in 0..<1500 {
      let field = bytes("f\(Int.random(in: 0..<fieldCount, using: &random))")
      let value = [UInt8](
        repeating: UInt8(truncatingIfNeeded: step),
        count: Int.random(in: 0...longest, using: &random) / (step % 10 == 0 ? 1 : 20))
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<5:
        model[field] = StoredField(value)
        server.send(redis: [bytes("HSET"), bytes("h"), field, value])
      case 5:
        model[field] = StoredField(value, expiry: 9_000_000_000_000)
        server.send(
          redis: ["HSETEX", "h", "PXAT", "9000000000000", "FIELDS", "1"].map(bytes) + [field, value])
      case 6:
        model[field]?.expiry = 8_000_000_000_000
        server.send(redis: ["HPEXPIREAT", "h", "8000000000000", "FIELDS", "1"].map(bytes) + [field])
      case 7:
        model[field]?.expiry = 0
        server.send(redis: ["HPERSIST", "h", "FIELDS", "1"].map(bytes) + [field])
      default:
        model[field] = nil
        server.send(redis: [bytes("HDEL"), bytes("h"), field])
      }
      if step % 50 == 0 { #expect(fields(server, "h") == model) }
    }
    #expect(fields(server, "h") == model)
    server.send(redis: ["COPY", "h", "copy"].map(bytes))
    server.send(redis: ["RENAME", "h", "other"].map(bytes))
    #expect(fields(server, "other") == model)
    #expect(fields(server, "copy") == model)
    server.send(redis: ["DEL", "other", "copy"].map(bytes))
    for shard in 0..<server.store.keyspace.shardCount {
      while server.store.keyspace[shard].shard.freeDoomed(1000) > 0 {}
      #expect(server.store.keyspace[shard].shard.allocator.usedBytes == 0)
    }
  }

  @Test("is packed up to its limits, which can be set, and has a table beyond", arguments: ["HSET", "SADD"])
  func packing(command: String) {
    var server = TestServer.inMemory(databases: 1)
    let isHash = command == "HSET"
    func add(_ server: inout TestServer, _ key: String, _ member: String) {
      server.send(redis: ([command, key, member] + (isHash ? ["v"] : [])).map(bytes))
    }
    for index in 0..<128 { add(&server, "c", "m\(index)") }
    #expect(isPacked(server, "c") == true)
    add(&server, "c", "m127")
    #expect(isPacked(server, "c") == true)
    add(&server, "c", "m128")
    #expect(isPacked(server, "c") == false)
    add(&server, "l", String(repeating: "x", count: 64))
    #expect(isPacked(server, "l") == true)
    add(&server, "l", String(repeating: "x", count: 65))
    #expect(isPacked(server, "l") == false)
    if isHash {
      server.send(redis: ["HSET", "v", "f", String(repeating: "x", count: 65)].map(bytes))
      #expect(isPacked(server, "v") == false)
    }
    let packing = server.store.keyspace.packing
    let limits = isHash ? packing.hashes : packing.sets
    limits.entries = 2
    limits.valueBytes = 100
    add(&server, "d", String(repeating: "x", count: 100))
    add(&server, "d", "second")
    #expect(isPacked(server, "d") == true)
    add(&server, "d", "third")
    #expect(isPacked(server, "d") == false)
    limits.entries = 0
    add(&server, "e", "m")
    #expect(isPacked(server, "e") == false)
  }

  @Test("keeps its members in the order in which they came while it is packed")
  func order() {
    var server = TestServer.inMemory(databases: 1)
    server.send(redis: ["HSET", "h", "c", "1", "a", "2", "b", "3"].map(bytes))
    server.send(redis: ["HSET", "h", "a", "a longer value", "d", "4"].map(bytes))
    server.send(redis: ["HDEL", "h", "c"].map(bytes))
    let reply: String = server.redis("HKEYS", "h")
    #expect(reply == "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nd\r\n")
  }

  /// A hash of which some fields expire at 1,000,100 and one more at 1,000,200.
  private func withExpiringHash(_ fields: Int, _ clock: WallClock) -> TestServer {
    var server = TestServer.inMemory(databases: 1, clock: clock)
    let pairs = (0..<fields).flatMap { ["f\($0)", "v"] }
    server.send(redis: (["HSETEX", "h", "PXAT", "1000100", "FIELDS", "\(fields)"] + pairs).map(bytes))
    server.send(redis: ["HSETEX", "h", "PXAT", "1000200", "FIELDS", "1", "last", "v"].map(bytes))
    return server
  }

  @Test(
    "shows no field that has expired, deletes none by a read, and is absent when all have",
    arguments: [3, 300])
  func expired(fields: Int) {
    let clock = WallClock(stoppedAt: 1_000_000)
    var server = withExpiringHash(fields, clock)
    #expect(server.redis("HLEN", "h") == ":\(fields + 1)\r\n")
    clock.advance(milliseconds: 100)
    let version = server.store.journal.lastVersion
    for (request, reply) in [
      (["HLEN", "h"], ":1\r\n"), (["HGET", "h", "f1"], "$-1\r\n"), (["HEXISTS", "h", "f1"], ":0\r\n"),
      (["HGETALL", "h"], "*2\r\n$4\r\nlast\r\n$1\r\nv\r\n"), (["HKEYS", "h"], "*1\r\n$4\r\nlast\r\n"),
      (["HRANDFIELD", "h"], "$4\r\nlast\r\n"), (["HRANDFIELD", "h", "5"], "*1\r\n$4\r\nlast\r\n"),
      (["HRANDFIELD", "h", "-2"], "*2\r\n$4\r\nlast\r\n$4\r\nlast\r\n"),
      (["HSTRLEN", "h", "f2"], ":0\r\n"), (["HTTL", "h", "FIELDS", "1", "f2"], "*1\r\n:-2\r\n"),
      (["EXISTS", "h"], ":1\r\n"),
      (["HSCAN", "h", "0", "COUNT", "1000"], "*2\r\n$1\r\n0\r\n*2\r\n$4\r\nlast\r\n$1\r\nv\r\n"),
    ] {
      #expect(server.redis(request.map(bytes)) == bytes(reply), "\(request)")
    }
    clock.advance(milliseconds: 100)
    for (request, reply) in [
      (["HLEN", "h"], ":0\r\n"), (["EXISTS", "h"], ":0\r\n"), (["TYPE", "h"], "+none\r\n"),
      (["TTL", "h"], ":-2\r\n"), (["KEYS", "*"], "*0\r\n"), (["HGETALL", "h"], "*0\r\n"),
    ] {
      #expect(server.redis(request.map(bytes)) == bytes(reply), "\(request)")
    }
    #expect(server.store.journal.lastVersion == version)
    #expect(self.fields(server, "h")?.count == fields + 1)
    #expect(server.redis("HSET", "h", "f1", "w") == ":1\r\n")
    #expect(self.fields(server, "h") == [bytes("f1"): StoredField(bytes("w"))])
    #expect(server.store.journal.lastVersion == version + 2)
  }

  @Test("has fields that have expired deleted by the write that names them, in a record of its own")
  func expiredAndWritten() {
    let clock = WallClock(stoppedAt: 1_000_000)
    var server = withExpiringHash(3, clock)
    clock.advance(milliseconds: 100)
    let version = server.store.journal.lastVersion
    #expect(server.redis("HINCRBY", "h", "f1", "2") == ":2\r\n")
    #expect(server.store.journal.lastVersion == version + 2)
    #expect(server.redis("HDEL", "h", "f2") == ":0\r\n")
    #expect(server.store.journal.lastVersion == version + 3)
    let left = fields(server, "h")
    #expect(left?.keys.sorted { $0.lexicographicallyPrecedes($1) } == ["f0", "f1", "last"].map(bytes))
    #expect(left?[bytes("f1")] == StoredField(bytes("2")))
  }

  @Test(
    "is swept of fields that have expired, each deletion journaled, and of itself", arguments: [3, 300, 5000])
  func swept(fields: Int) {
    let clock = WallClock(stoppedAt: 1_000_000)
    var server = withExpiringHash(fields, clock)
    server.send(redis: ["SET", "other", "v"].map(bytes))
    var sweeper = Sweeper(server.store, server.context, seed: 1)
    let version = server.store.journal.lastVersion
    sweeper.sweep(nanoseconds: 60_000_000_000)
    #expect(server.store.journal.lastVersion == version)
    clock.advance(milliseconds: 100)
    // A sweep of no time goes a step; many of them go round.
    for _ in 0..<20_000 where self.fields(server, "h")?.count != 1 { sweeper.sweep(nanoseconds: 0) }
    #expect(self.fields(server, "h")?.count == 1)
    #expect(server.store.journal.lastVersion > version)
    clock.advance(milliseconds: 100)
    for _ in 0..<2 { sweeper.sweep(nanoseconds: 60_000_000_000) }
    #expect(server.store.keyCount == 1)
  }

  @Test("keeps every field in view of a scan while it grows, shrinks and leaves its packed form")
  func scan() {
    var server = TestServer.inMemory(databases: 1)
    let staying = (0..<100).map { "stay\($0)" }
    server.send(redis: (["HSET", "h"] + staying.flatMap { [$0, "v"] }).map(bytes))
    for start in [0, 1] {
      if start == 1 {
        server.send(redis: ["HSET", "h", "long", String(repeating: "x", count: 65)].map(bytes))
      }
      var found: Set<String> = []
      var cursor = "0"
      var step = 0
      repeat {
        let reply: String = server.redis("HSCAN", "h", cursor, "COUNT", "7", "NOVALUES")
        let words = reply.split(separator: "\r\n").map(String.init)
        cursor = words[2]
        found.formUnion(words)
        step += 1
        let guests = (0..<200).map { "guest\(step % 5)-\($0)" }
        if step % 10 < 5 {
          server.send(redis: (["HSET", "h"] + guests.flatMap { [$0, "v"] }).map(bytes))
        } else {
          server.send(redis: (["HDEL", "h"] + guests).map(bytes))
        }
      } while cursor != "0" && step < 10_000
      #expect(found.isSuperset(of: staying))
    }
  }
}
