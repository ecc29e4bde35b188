// The state at one version, handed out while everything changes: exactly what it was at the cut, each item and each
// member once.
import Martlet
import MartletSimulation
import Testing

/// Puts together what a cut hands out.
private struct CollectingReader: CutReader, ~Copyable {
  private(set) var databases: [DatabaseContents]
  /// Keys and members that came more than once.
  private(set) var repeated: [[UInt8]] = []
  private var members: [ObjectIdentifier: [[UInt8]: StoredField]] = [:]
  private var scores: [ObjectIdentifier: [[UInt8]: Double]] = [:]
  private var elements: [ObjectIdentifier: [[UInt8]]] = [:]

  init(databaseCount: Int) { databases = Array(repeating: [:], count: databaseCount) }

  private mutating func put(_ key: [UInt8], _ database: Int, _ item: StoredItem) {
    if databases[database].updateValue(item, forKey: key) != nil { repeated.append(key) }
  }

  mutating func take(_ item: Item, _ database: Int) { put(item.key.array, database, item.stored) }

  mutating func take(_ member: Member, of collection: CutCollection) {
    scores[ObjectIdentifier(collection), default: [:]][member.key.array] = member.score
    let field = StoredField(member.value.array, expiry: member.expiry)
    if members[ObjectIdentifier(collection), default: [:]].updateValue(field, forKey: member.key.array) != nil
    {
      repeated.append(member.key.array)
    }
  }

  mutating func finish(_ collection: CutCollection) {
    let members = members.removeValue(forKey: ObjectIdentifier(collection)) ?? [:]
    let scores = scores.removeValue(forKey: ObjectIdentifier(collection)) ?? [:]
    let content: StoredItem.Content =
      switch collection.kind {
      case .hash: .hash(members)
      case .sortedSet: .sortedSet(scores)
      default: .set(Set(members.keys))
      }
    put(
      collection.key, collection.database,
      StoredItem(content: content, metadata: collection.metadata, version: collection.version))
  }

  mutating func take(_ element: ListElement, of list: CutList) {
    elements[ObjectIdentifier(list), default: []].append(element.array)
  }

  mutating func finish(_ list: CutList) {
    put(
      list.key, list.database,
      StoredItem(
        content: .list(elements.removeValue(forKey: ObjectIdentifier(list)) ?? []), metadata: list.metadata,
        version: list.version))
  }
}

@Suite("A cut")
struct CutTests {
  private static let databases = 4

  private func begin(_ store: StoreCore, outlivesFlush: Bool = false) {
    for shard in 0..<store.keyspace.shardCount {
      store.keyspace[shard].shard.beginCut(store.journal.lastVersion, outlivesFlush: outlivesFlush)
    }
  }

  private func end(_ store: StoreCore) {
    for shard in 0..<store.keyspace.shardCount { store.keyspace[shard].shard.endCut() }
    #expect(store.keyspace.retainedBytes.value == 0)
  }

  @Test("is exact, whatever changes meanwhile", arguments: 1...60 as ClosedRange<UInt64>)
  func exact(seed: UInt64) {
    var server = TestServer.inMemory(databases: Self.databases, clock: WallClock(stoppedAt: 1_000_000))
    var workload = Workload(seed: seed, databaseCount: Self.databases)
    func change(_ server: inout TestServer, _ workload: inout Workload, flushes: Bool) {
      let operation = workload.next(now: 1_000_000)
      switch operation {
      case .flush where !flushes, .flushAll where !flushes: return
      default: break
      }
      server.run(operation)
    }
    for _ in 0..<3 {
      repeat {
        for _ in 0..<workload.number(1...200) { change(&server, &workload, flushes: true) }
      } while server.store.journal.lastVersion == 0
      let expected = server.store.contents()
      let outlivesFlush = workload.chance(2)
      begin(server.store, outlivesFlush: outlivesFlush)
      let entries = workload.number(1...40)
      var reader = CollectingReader(databaseCount: Self.databases)
      for shard in 0..<server.store.keyspace.shardCount {
        while server.store.keyspace[shard].shard.advanceCut(entries, &reader) {
          for _ in 0..<workload.number(0...4) { change(&server, &workload, flushes: outlivesFlush) }
        }
      }
      #expect(reader.databases == expected)
      #expect(reader.repeated.isEmpty)
      end(server.store)
    }
  }

  /// Expects a cut to be exact although the server changes after some steps of each shard, or after the first shard.
  private func expectExact(_ server: inout TestServer, _ changes: [[String]], after before: Int) {
    let expected = server.store.contents()
    begin(server.store, outlivesFlush: true)
    var reader = CollectingReader(databaseCount: Self.databases)
    for shard in 0..<server.store.keyspace.shardCount {
      var steps = 0
      while server.store.keyspace[shard].shard.advanceCut(5, &reader) {
        steps += 1
        if steps == before { for change in changes { server.send(redis: change.map(bytes)) } }
      }
      if shard == 0 && before == 0 { for change in changes { server.send(redis: change.map(bytes)) } }
    }
    #expect(reader.databases == expected)
    #expect(reader.repeated.isEmpty)
    end(server.store)
  }

  /// A large set, and the cut begun.
  private func withLargeSet(_ members: Int) -> TestServer {
    var server = TestServer.inMemory(databases: Self.databases)
    server.send(redis: ["SADD", "s"].map(bytes) + (0..<members).map { bytes("m\($0)") })
    server.send(redis: ["PEXPIREAT", "s", "9000000000000"].map(bytes))
    return server
  }

  @Test(
    "of a large set is exact when it changes at once",
    arguments: [
      [["DEL", "s"]], [["SADD", "s", "new"], ["SREM", "s", "m1"], ["SADD", "s", "m1"]],
      [["SREM", "s", "m1", "m2"], ["SADD", "s", "m1"], ["SREM", "s", "m1"]],
      [["RENAME", "s", "t"], ["SADD", "t", "new"]], [["COPY", "s", "t"], ["SREM", "s", "m3"]],
      [["SET", "s", "a string"], ["DEL", "s"], ["SADD", "s", "m1"]],
      [["PERSIST", "s"], ["SADD", "s", "new"], ["DEL", "s"]], [["FLUSHALL"], ["SADD", "s", "m1"]],
    ], [129, 1000])
  func largeSet(changes: [[String]], members: Int) {
    for before in [0, 3, 20] {
      var server = withLargeSet(members)
      expectExact(&server, changes, after: before)
    }
  }

  @Test(
    "of a large hash is exact when it changes at once",
    arguments: [
      [["DEL", "h"]], [["HSET", "h", "new", "v"], ["HDEL", "h", "m1"], ["HSET", "h", "m1", "w"]],
      [["HSET", "h", "m1", "w"], ["HSET", "h", "m1", "x"], ["HDEL", "h", "m1"]],
      [["HSET", "h", "m1", "a longer value"], ["RENAME", "h", "t"], ["HSET", "t", "m1", "w"]],
      [["HDEL", "h", "m1"], ["HSET", "h", "m1", "w"], ["HSET", "h", "m1", "a longer value"]],
      [["HPERSIST", "h", "FIELDS", "2", "m1", "e1"], ["HINCRBY", "h", "n", "1"]],
      [["HPEXPIREAT", "h", "9000000000000", "FIELDS", "2", "m1", "e2"], ["DEL", "h"]],
      [["COPY", "h", "t"], ["HSET", "h", "m3", "w"]], [["FLUSHALL"], ["HSET", "h", "m1", "w"]],
    ], [129, 1000])
  func largeHash(changes: [[String]], fields: Int) {
    for before in [0, 3, 20] {
      var server = TestServer.inMemory(databases: Self.databases)
      server.send(redis: ["HSET", "h"].map(bytes) + (0..<fields).flatMap { [bytes("m\($0)"), bytes("v")] })
      for index in 0..<3 {
        server.send(
          redis: ["HSETEX", "h", "PXAT", "800000000000\(index)", "FIELDS", "1", "e\(index)", "v"].map(bytes))
      }
      expectExact(&server, changes, after: before)
    }
  }

  @Test(
    "of a large sorted set is exact when it changes at once",
    arguments: [
      [["DEL", "z"]], [["ZADD", "z", "5", "new"], ["ZREM", "z", "m1"], ["ZADD", "z", "7", "m1"]],
      [["ZADD", "z", "700", "m1", "-3", "m2"], ["ZADD", "z", "0.5", "m1"], ["ZREM", "z", "m1"]],
      [["ZADD", "z", "17", "m1"], ["RENAME", "z", "t"], ["ZINCRBY", "t", "1", "m1"]],
      [["ZREM", "z", "m1"], ["ZADD", "z", "3", "m1"], ["ZADD", "z", "1e300", "m1"]],
      [["ZREMRANGEBYRANK", "z", "10", "100"], ["ZADD", "z", "3", "m20"], ["ZPOPMAX", "z", "5"]],
      [["ZUNIONSTORE", "z", "1", "z", "WEIGHTS", "2"], ["ZINCRBY", "z", "1", "m3"]],
      [["ZRANGESTORE", "t", "z", "0", "-1"], ["ZADD", "z", "9", "m3"]],
      [["COPY", "z", "t"], ["ZADD", "z", "9", "m3"]], [["FLUSHALL"], ["ZADD", "z", "1", "m1"]],
    ], [129, 1000])
  func largeSortedSet(changes: [[String]], members: Int) {
    for before in [0, 3, 20] {
      var server = TestServer.inMemory(databases: Self.databases)
      server.send(
        redis: ["ZADD", "z"].map(bytes)
          + (0..<members).flatMap { [bytes("\($0 % 50)"), bytes("m\($0)")] })
      expectExact(&server, changes, after: before)
    }
  }

  @Test(
    "of a long list is exact when it changes at once",
    arguments: [
      [["DEL", "l"]],
      [["LPUSH", "l", "new"], ["LPOP", "l", "3"], ["RPUSH", "l", "other"], ["RPOP", "l", "40"]],
      [
        ["LSET", "l", "30", "changed"], ["LSET", "l", "-1", "changed"],
        ["LINSERT", "l", "BEFORE", "m50", "new"],
      ],
      [["LREM", "l", "0", "m7"], ["LREM", "l", "-2", "m8"]],
      [["LTRIM", "l", "20", "60"], ["RPUSH", "l", "m1"]],
      [["LTRIM", "l", "99", "99"], ["LPUSH", "l", "m1"]], [["LPOP", "l", "100000"], ["LPUSH", "l", "m1"]],
      [["RENAME", "l", "t"], ["LPUSH", "t", "new"]], [["COPY", "l", "t"], ["LPOP", "l"]],
      [["SET", "l", "a string"], ["DEL", "l"], ["RPUSH", "l", "m1"]],
      [["LMOVE", "l", "l", "LEFT", "RIGHT"], ["LMOVE", "l", "t", "RIGHT", "LEFT"]],
      [["PEXPIREAT", "l", "9000000000000"], ["LPOP", "l"]], [["FLUSHALL"], ["RPUSH", "l", "m1"]],
    ], [100, 3000])
  func longList(changes: [[String]], elements: Int) {
    for before in [0, 1, 3, 9, 20] {
      var server = TestServer.inMemory(databases: Self.databases)
      server.store.keyspace.packing.lists.number = elements == 100 ? 7 : -2
      server.send(redis: ["RPUSH", "l"].map(bytes) + (0..<elements).map { bytes("m\($0 % 200)") })
      expectExact(&server, changes, after: before)
    }
  }

  @Test("that doesn't outlive a flush ends with it")
  func flush() {
    var server = withLargeSet(500)
    begin(server.store)
    server.send(redis: [bytes("FLUSHDB")])
    for shard in 0..<server.store.keyspace.shardCount {
      #expect(server.store.keyspace[shard].shard.cutVersion == 0)
    }
    #expect(server.store.keyspace.retainedBytes.value == 0)
    #expect(server.store.keyCount == 0)
  }

  @Test("given up in the middle leaves nothing behind")
  func givenUp() {
    var server = withLargeSet(500)
    begin(server.store)
    var reader = CollectingReader(databaseCount: Self.databases)
    for shard in 0..<server.store.keyspace.shardCount {
      _ = server.store.keyspace[shard].shard.advanceCut(3, &reader)
    }
    server.send(redis: ["SREM", "s", "m400", "m401"].map(bytes))
    server.send(redis: ["SADD", "s", "new"].map(bytes))
    server.send(redis: ["DEL", "s"].map(bytes))
    end(server.store)
    #expect(server.store.keyCount == 0)
  }
}
