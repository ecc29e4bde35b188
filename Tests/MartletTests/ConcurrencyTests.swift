// Several lanes at once: nothing is lost, nothing is seen by halves, nobody waits for ever.
import Martlet
import MartletSimulation
import Testing

/// Runs the same work on several threads of their own lanes; what each of them gives.
private func onLanes(
  _ count: Int, of store: StoreCore, _ context: ServerContext = ServerContext(),
  _ body: @escaping @Sendable (inout TestServer, Int) -> Void
) {
  let threads = (0..<count).map { lane in
    SystemThread(name: "lane-test") {
      var server = TestServer(store, context, seed: UInt64(lane + 1))
      body(&server, lane)
    }
  }
  for thread in threads { thread.join() }
}

private func store(_ seed: UInt64 = 1) -> StoreCore {
  var random = RandomSource(seed: seed)
  return StoreCore(inMemory: 4, databases: 4, random: &random)
}

@Suite("Several lanes at once")
struct ConcurrencyTests {
  @Test("count exactly")
  func counters() {
    let store = store()
    store.journal.start()
    onLanes(4, of: store) { server, lane in
      for turn in 0..<50_000 {
        server.send(redis: [[UInt8]("INCR".utf8), [UInt8]((turn % 2 == 0 ? "shared" : "other").utf8)])
      }
    }
    store.journal.stop()
    var server = TestServer(store)
    #expect(server.redis("MGET", "shared", "other") == "*2\r\n$6\r\n100000\r\n$6\r\n100000\r\n")
    #expect(store.journal.lastVersion == 200_000)
    #expect(store.journal.durable.value <= 200_000)
  }

  @Test("with several keys in opposite orders come to an end, and each moment is whole")
  func manyKeys() {
    let store = store()
    store.journal.start()
    let keys = (0..<6).map { bytes("key \($0)") }
    let torn = SharedCounter()
    onLanes(4, of: store) { server, lane in
      let order = lane.isMultiple(of: 2) ? keys : keys.reversed()
      for turn in 0..<5000 {
        let value = bytes("\(lane)-\(turn)")
        switch (turn + lane) % 8 {
        case 0...2: server.send(redis: [bytes("MSET")] + order.flatMap { [$0, value] })
        case 3: server.send(redis: [bytes("DEL")] + order)
        case 4: server.send(redis: [bytes("RENAME"), bytes("{\(lane)}"), bytes("{\(3 - lane)}")])
        case 5:
          server.send(redis: [bytes("COPY"), bytes("{\(3 - lane)}"), bytes("{\(lane)}"), bytes("REPLACE")])
        case 6: server.send(redis: [bytes("SET"), bytes("{\(lane)}"), value])
        default:
          // All the values are of one MSET, or all are gone.
          let reply = server.redis([bytes("MGET")] + order)
          let values = String(decoding: reply, as: UTF8.self).split(separator: "\r\n").dropFirst()
          let distinct = Set(values.filter { !$0.hasPrefix("$") || $0 == "$-1" })
          if distinct.count != 1 { torn.add(1) }
        }
      }
    }
    store.journal.stop()
    #expect(torn.value == 0)
  }

  @Test(
    "with commands of all kinds, transactions and clients that wait come to an end",
    arguments: 1...3 as ClosedRange<UInt64>)
  func everything(seed: UInt64) {
    let store = store(seed)
    let context = ServerContext()
    store.journal.start()
    onLanes(4, of: store, context) { server, lane in
      var workload = Workload(seed: seed * 10 + UInt64(lane), databaseCount: 4)
      for turn in 0..<10_000 {
        // All on the same few keys, mostly in the same database.
        if turn % 500 == 0 { server.run(workload.next(now: 1_800_000_000_000)) }
        server.run(workload.followed(now: 1_800_000_000_000))
      }
    }
    store.journal.stop()
    var server = TestServer(store, context)
    #expect(server.redis("INFO", "clients").contains("blocked_clients:0\r\n"))
    #expect(store.journal.lastVersion > 10_000)
  }

  @Test("leave in the file what they left in memory", arguments: 1...4 as ClosedRange<UInt64>)
  func replaysTheSame(seed: UInt64) throws {
    let disk = SimulatedDisk(seed: seed)
    let store = try openStore(on: disk)
    store.journal.start()
    onLanes(3, of: store) { server, lane in
      var workload = Workload(seed: seed * 10 + UInt64(lane), databaseCount: 4)
      for _ in 0..<4000 {
        let operation = workload.next(now: 1_800_000_000_000)
        server.run(operation)
      }
    }
    store.journal.stop()
    #expect(store.journal.durable.value == store.journal.lastVersion)
    let reopened = try openStore(on: disk)
    #expect(reopened.report.version == store.journal.lastVersion)
    #expect(reopened.contents() == store.contents())
  }
}
