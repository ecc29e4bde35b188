// What goes when memory is short, how much of it at once, and who waits for it; and that memory is what it says.
import Martlet
import MartletSimulation
import Testing

@Suite("Eviction")
struct EvictionTests {
  /// A server in memory whose clock stands still until it is moved.
  private static func server(durability: Durability = .never, seed: UInt64 = 1) -> TestServer {
    var random = RandomSource(seed: seed)
    let store = StoreCore(
      inMemory: 1, databases: 4, durability: durability, clock: WallClock(stoppedAt: 1_800_000_000_000),
      random: &random)
    return TestServer(store, seed: seed)
  }

  private static func pass(milliseconds: Int64, _ server: borrowing TestServer) {
    server.store.clock.advance(milliseconds: milliseconds)
    server.store.keyspace.accessTime = AccessTime(milliseconds: server.store.clock.now())
  }

  private static func info(_ field: String, _ server: inout TestServer) -> Int {
    let line = server.redis("INFO").split(separator: "\r\n").first { $0.hasPrefix(field + ":") }
    return line.flatMap { Int($0.dropFirst(field.utf8.count + 1)) } ?? -1
  }

  private static let value = String(repeating: "v", count: 100)

  private static func isThere(_ key: String, _ server: inout TestServer) -> Bool {
    server.redis("EXISTS", key) == ":1\r\n"
  }

  // MARK: What goes

  /// Writes until memory is short, and for `writes` more.
  private static func fill(_ server: inout TestServer, limit: Int, writes: Int) {
    server.context.memoryLimit = limit
    var written = 0
    var after = 0
    while after < writes {
      #expect(server.redis("SET", "filler:\(written)", value) == "+OK\r\n")
      written += 1
      if server.store.keyspace.usedBytes > limit - limit / 8 { after += 1 }
    }
  }

  @Test("lru: what is read survives a scan of cold writes")
  func scanResistance() {
    var server = Self.server()
    server.context.evictionPolicy = .lru
    let hot = (0..<500).map { "hot:\($0)" }
    for key in hot { _ = server.redis("SET", key, Self.value) }
    server.context.memoryLimit = 4 << 20
    for round in 0..<100 {
      Self.pass(milliseconds: 250, server)
      for key in hot { _ = server.redis("GET", key) }
      for index in 0..<1000 { _ = server.redis("SET", "cold:\(round):\(index)", Self.value) }
    }
    #expect(Self.info("evicted_keys", &server) > 50_000)
    #expect(server.store.keyspace.residentBytes <= 4 << 20)
    let survivors = hot.filter { Self.isThere($0, &server) }.count
    #expect(survivors > 490)
  }

  @Test("lru: a cache of keys by Zipf's law hits as often as true LRU does, but for 2 %")
  func hitRatio() {
    var server = Self.server()
    server.context.evictionPolicy = .lru
    server.context.memoryLimit = 4 << 20
    var random = RandomSource(seed: 3)
    // The inverse of the distribution with exponent 1, about: keys are drawn as n to the power of a chance.
    let keys = 100_000.0
    func draw() -> Int { Int(power(keys, Double(random.next() >> 11) / Double(1 << 53))) }
    var model = TrueLRU()
    var hits = 0
    var counted = 0
    for step in 0..<400_000 {
      if step % 500 == 0 { Self.pass(milliseconds: 250, server) }
      let number = draw()
      let isHit = server.redis("GET", "key:\(number)") != "$-1\r\n"
      if !isHit { _ = server.redis("SET", "key:\(number)", Self.value) }
      // The model is as large as the store is now.
      if step >= 200_000 {
        counted += 1
        if isHit { hits += 1 }
      }
      model.use(number, capacity: step >= 100_000 ? server.store.keyCount : .max, counts: step >= 200_000)
    }
    #expect(Self.info("evicted_keys", &server) > 10_000)
    let (ratio, best) = (Double(hits) / Double(counted), Double(model.hits) / Double(counted))
    #expect(ratio > best - 0.02, "\(ratio) against \(best)")
    #expect(ratio > 0.5)
  }

  @Test("lru: among keys as old, those that nobody has read go first")
  func unfetched() {
    var server = Self.server()
    server.context.evictionPolicy = .lru
    for index in 0..<2000 { _ = server.redis("SET", "k\(index)", Self.value) }
    for index in 0..<1000 { _ = server.redis("GET", "k\(index)") }
    _ = server.execution.evict(atMost: 500)
    let read = (0..<1000).filter { Self.isThere("k\($0)", &server) }.count
    #expect(read > 960)
    #expect(server.memcached("stats\r\n").contains("STAT evictions 500\r\n"))
  }

  @Test(
    "volatile-lru and volatile-ttl leave what doesn't expire, and refuse writes when nothing else is left")
  func volatilePolicies() {
    for policy in [EvictionPolicy.volatileLRU, .volatileTTL] {
      var server = Self.server()
      server.context.evictionPolicy = policy
      for index in 0..<2000 { _ = server.redis("SET", "keeps:\(index)", Self.value) }
      for index in 0..<2000 {
        _ = server.redis("SET", "expires:\(index)", Self.value, "EX", "\(1000 + index)")
      }
      server.context.memoryLimit = 1
      let refusal = server.redis("SET", "new", "v")
      #expect(refusal == "-OOM command not allowed when used memory > 'maxmemory'.\r\n")
      for _ in 0..<100 { _ = server.redis("SET", "new", "v") }
      #expect(server.redis("DBSIZE") == ":2000\r\n")
      #expect(Self.info("evicted_keys", &server) == 2000)
      #expect(Self.isThere("keeps:0", &server))
      server.context.memoryLimit = 0
      #expect(server.redis("SET", "new", "v") == "+OK\r\n")
    }
  }

  @Test("volatile-ttl: what expires first goes first")
  func timeToLive() {
    var server = Self.server()
    server.context.evictionPolicy = .volatileTTL
    for index in 0..<2000 { _ = server.redis("SET", "k\(index)", Self.value, "EX", "\(1000 + index)") }
    _ = server.execution.evict(atMost: 500)
    let late = (1000..<2000).filter { Self.isThere("k\($0)", &server) }.count
    #expect(late > 950)
  }

  @Test("what has expired goes before anything else, and counts as expired")
  func expired() {
    var server = Self.server()
    server.context.evictionPolicy = .lru
    for index in 0..<300 {
      _ = server.redis("SET", "old\(index)", "v", "PX", "100")
      _ = server.redis("SET", "k\(index)", "v")
    }
    Self.pass(milliseconds: 1000, server)
    _ = server.execution.evict(atMost: 100)
    #expect(Self.info("expired_keys", &server) > 95)
    #expect(server.memcached("stats\r\n").contains("STAT expired_unfetched "))
  }

  @Test("takes collections whole, and from every database")
  func collections() {
    var server = Self.server()
    server.context.evictionPolicy = .lru
    for database in 0..<4 {
      _ = server.redis("SELECT", "\(database)")
      for index in 0..<20 {
        _ = server.redis(["SADD", "s\(index)"].map(bytes) + (0..<50).map { bytes("m\($0)") })
      }
    }
    #expect(server.execution.evict(atMost: 80) == 80)
    #expect(server.store.keyCount == 0)
    #expect(server.execution.evict(atMost: 1) == 0)
  }

  // MARK: How much at once

  @Test("a write evicts no more than a few, while what is resident is within the limit")
  func bound() {
    var server = Self.server()
    let limit = 64 << 20
    var keys = 0
    while server.store.keyspace.usedBytes <= limit - limit / 16 + (64 << 10) {
      _ = server.redis("SET", "k\(keys)", Self.value)
      keys += 1
    }
    #expect(server.store.keyspace.residentBytes <= limit)
    server.context.memoryLimit = limit
    server.context.evictionPolicy = .lru
    #expect(server.redis("SET", "new", "v") == "+OK\r\n")
    #expect(1...64 ~= Self.info("evicted_keys", &server))
  }

  @Test("a large value finds room at once among small ones")
  func largeValue() {
    var server = Self.server()
    server.context.evictionPolicy = .lru
    Self.fill(&server, limit: 8 << 20, writes: 1000)
    let large = String(repeating: "x", count: 1 << 20)
    for index in 0..<40 {
      #expect(server.redis("SET", "large:\(index)", large) == "+OK\r\n")
      server.store.journal.commit()
      // The value itself comes after the room was made.
      #expect(server.store.keyspace.residentBytes <= 8 << 20 + (1 << 20) + (64 << 10))
    }
  }

  @Test("the limit is kept whatever the sizes of what comes and goes, and most of it is data")
  func mixedSizes() {
    var server = Self.server()
    server.context.evictionPolicy = .lru
    let limit = 24 << 20
    server.context.memoryLimit = limit
    var random = RandomSource(seed: 5)
    let blob = String(repeating: "x", count: 1 << 16)
    var least = Int.max
    for round in 0..<6 {
      let bits = [4, 7, 10, 13, 16, 0][round]
      for step in 0..<(bits < 10 ? 60_000 : 6000) {
        let size = 1 << (bits == 0 ? random.next() % 17 : UInt64(bits))
        _ = server.redis("SET", "k\(random.next() % 1_000_000)", String(blob.prefix(Int(size))))
        if step % 500 == 0 { server.store.journal.commit() }
        if step % 1000 == 0 && round > 3 {
          #expect(server.store.keyspace.residentBytes <= limit + (64 << 10))
          least = min(least, server.store.keyspace.usedBytes)
        }
      }
    }
    #expect(least > limit / 2)
    _ = server.redis("FLUSHALL")
    var sweeper = Sweeper(server.store, server.context, seed: 1)
    for _ in 0..<100 { sweeper.sweep(nanoseconds: 100_000_000) }
    #expect(server.store.keyspace.usedBytes == 0)
    #expect(server.store.keyspace.residentBytes < 16 * (2 << 20))
  }

  @Test("sparse pages are emptied after many deletions, and every key is what it was")
  func sparsePages() {
    var server = Self.server()
    for index in 0..<200_000 { _ = server.redis("SET", "key:\(index)", "\(index)") }
    let full = server.store.keyspace.residentBytes
    for index in 0..<200_000 where index % 4 != 0 { _ = server.redis("DEL", "key:\(index)") }
    var sweeper = Sweeper(server.store, server.context, seed: 1)
    for _ in 0..<50 { sweeper.sweep(nanoseconds: 100_000_000) }
    let (resident, used) = (server.store.keyspace.residentBytes, server.store.keyspace.usedBytes)
    #expect(resident < full * 6 / 10)
    #expect(resident - used < resident * 3 / 10)
    for index in stride(from: 0, to: 200_000, by: 4) {
      #expect(server.redis("GET", "key:\(index)") == "$\("\(index)".utf8.count)\r\n\(index)\r\n")
    }
  }

  // MARK: What is freed later

  @Test("a huge set, or a database, that is deleted is freed bit by bit, by later writes and by the sweeper")
  func freedLater() {
    for deletion in [["DEL", "huge"], ["FLUSHALL"], ["SET", "huge", "v"]] {
      var server = Self.server()
      let members = (0..<50_000).map { bytes("member \($0)") }
      server.send(redis: ["SADD", "huge"].map(bytes) + members)
      let before = server.store.keyspace.usedBytes
      server.send(redis: deletion.map(bytes))
      // The members are memory until they are freed.
      #expect(server.store.keyspace.usedBytes > before * 9 / 10)
      #expect(server.redis("SCARD", "huge").hasPrefix(deletion[0] == "SET" ? "-WRONGTYPE" : ":0"))
      var writes = 0
      while server.store.keyspace.usedBytes > before / 10 && writes < 100_000 {
        _ = server.redis("SET", "k\(writes % 100)", "v")
        writes += 1
      }
      #expect(writes > 500 && writes < 100_000)
      var sweeper = Sweeper(server.store, server.context, seed: 1)
      sweeper.sweep(nanoseconds: 60_000_000_000)
      _ = server.redis("FLUSHALL")
      sweeper.sweep(nanoseconds: 60_000_000_000)
      #expect(server.store.keyspace.usedBytes == 0)
    }
  }

  // MARK: Who waits

  @Test("an eviction holds no reader, but a write that changes nothing because of it")
  func held() throws {
    var server = TestServer(try openStore(on: SimulatedDisk()))
    for index in 0..<50 { _ = server.redis("SET", "k\(index)", "v") }
    server.store.journal.commit()
    server.context.evictionPolicy = .lru
    #expect(server.execution.evict(atMost: 50) == 50)
    _ = server.redis("GET", "k0")
    #expect(server.isReplyHeld == false)
    _ = server.memcached("get k1\r\n")
    #expect(server.isReplyHeld == false)
    for command in [["DEL", "k0"], ["EXPIRE", "k1", "10"], ["GETDEL", "k2"]] {
      server.send(redis: command.map(bytes))
      #expect(server.isReplyHeld == true, "\(command)")
    }
    _ = server.memcached("delete k3\r\n")
    #expect(server.isReplyHeld == true)
    server.store.journal.commit()
    #expect(server.isReplyHeld == false)
  }

  @Test("what is evicted stays away after a restart")
  func restart() throws {
    let disk = SimulatedDisk()
    do {
      var server = TestServer(try openStore(on: disk))
      for index in 0..<50 { _ = server.redis("SET", "k\(index)", "v") }
      server.context.evictionPolicy = .lru
      _ = server.execution.evict(atMost: 49)
      server.store.stop()
    }
    disk.endProgram()
    #expect(try openStore(on: disk).keyCount == 1)
  }

  @Test("a checkpoint has what is evicted while it runs, and evictions don't go on for what it holds")
  func checkpoint() throws {
    let disk = SimulatedDisk()
    var server = TestServer(try openStore(on: disk))
    for index in 0..<50_000 { _ = server.redis("SET", "k\(index)", Self.value) }
    server.store.journal.commit()
    let file = try #require(server.store.file)
    var checkpoint = try Checkpoint(
      server.store.keyspace, server.store.journal, file, server.store.clock, outlivesFlush: true, keptFiles: 0
    )
    server.context.evictionPolicy = .lru
    // A third of it is too much.
    server.context.memoryLimit = server.store.keyspace.residentBytes * 2 / 3
    for index in 0..<100 { _ = server.redis("SET", "new\(index)", "v") }
    #expect(server.store.keyspace.retainedBytes.value > 0)
    let left = server.store.keyCount
    #expect(20_000..<40_000 ~= left)
    var outcome: CheckpointOutcome?
    while outcome == nil {
      server.store.journal.commit()
      outcome = checkpoint.step()
    }
    #expect(server.store.keyspace.retainedBytes.value == 0)
    server.store.stop()
    disk.endProgram()
    #expect(try openStore(on: disk).keyCount == left)
  }
}

/// A number to a power.
private func power(_ base: Double, _ exponent: Double) -> Double {
  // By squaring roots: good to some nine digits, and no other library.
  var result = 1.0
  var root = base
  var rest = exponent
  for _ in 0..<40 {
    root = root.squareRoot()
    rest *= 2
    if rest >= 1 {
      result *= root
      rest -= 1
    }
  }
  return result
}

/// A cache that forgets exactly what has not been used for longest.
private struct TrueLRU {
  private var uses: [Int: Int] = [:]
  private var queue: [(key: Int, use: Int)] = []
  private var head = 0
  private(set) var hits = 0

  mutating func use(_ key: Int, capacity: Int, counts: Bool) {
    if counts && uses[key] != nil { hits += 1 }
    queue.append((key, queue.count))
    uses[key] = queue.count - 1
    while uses.count > capacity {
      let oldest = queue[head]
      if uses[oldest.key] == oldest.use { uses[oldest.key] = nil }
      head += 1
    }
  }
}
