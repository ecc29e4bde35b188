// Transactions: what makes `EXEC` run none of its commands, what it waits for, what others see of it, and its bounds.
import Martlet
import Synchronization
import Testing

private let ran = "*1\r\n+OK\r\n"
private let notRun = "*-1\r\n"
private let queued = "+QUEUED\r\n"

@Suite("A transaction")
struct TransactionTests {
  /// Begins a transaction, queues one write and runs it.
  private static func transact(_ client: TestClient<RESPSession>) -> String {
    let replies = client.send("MULTI\r\nSET done 1\r\n")
    guard replies == "+OK\r\n" + queued else { return replies }
    return client.send("EXEC\r\n")
  }

  // MARK: WATCH

  struct Change: Sendable, CustomTestStringConvertible {
    let before: String
    let during: String
    let aborts: Bool
    var testDescription: String { "\(before) | \(during)" }

    init(_ before: String, _ during: String, aborts: Bool) {
      self.before = before
      self.during = during
      self.aborts = aborts
    }
  }

  static let changes: [Change] = [
    Change("SET k 1", "GET k", aborts: false),
    Change("SET k 1", "SET other 1", aborts: false),
    Change("SET k 1", "SET k 2 NX", aborts: false),
    Change("SET k 1", "INCR k x", aborts: false),
    Change("SET k 1", "SADD k x", aborts: false),
    Change("SET k 1", "SET k 1", aborts: true),
    Change("SET k 1", "APPEND k x", aborts: true),
    Change("SET k 1", "SETRANGE k 0 2", aborts: true),
    Change("SET k 1", "PREPEND k x", aborts: true),
    Change("SET k 1", "MSET a 1 k 2", aborts: true),
    Change("SET k 1", "EXPIRE k 100", aborts: true),
    Change("SET k 1 EX 100", "PERSIST k", aborts: true),
    Change("SET k 1", "GETEX k EX 100", aborts: true),
    Change("SET k 1", "PERSIST k", aborts: false),
    Change("SET k 1", "DEL k", aborts: true),
    Change("SET k 1", "GETDEL k", aborts: true),
    Change("SET k 1", "EXPIRE k -1", aborts: true),
    Change("SET k 1", "DEL k\r\nSET k 1", aborts: true),
    Change("SET k 1", "RENAME k j", aborts: true),
    Change("SET k 1", "RENAME k j\r\nRENAME j k", aborts: true),
    Change("SET k 1\r\nSET j 2", "RENAME j k", aborts: true),
    Change("SET k 1\r\nSET j 2", "COPY j k REPLACE", aborts: true),
    Change("SET k 1\r\nSET j 2", "COPY k j REPLACE", aborts: false),
    Change("SET k 1\r\nSADD s x", "COPY s k REPLACE", aborts: true),
    Change("SET k 1", "FLUSHALL", aborts: true),
    Change("SET k 1", "FLUSHDB\r\nSET k 1", aborts: true),
    Change("SET k 1", "SELECT 1\r\nFLUSHDB\r\nSET k 2\r\nDEL k", aborts: false),
    Change("SET k 1", "SETBIT k 2 1", aborts: false),
    Change("SET k 1", "SETBIT k 0 1", aborts: true),
    Change("SET k 1", "SET k 2 IFEQ 2", aborts: false),
    Change("SET k 1", "DELIFEQ k 1", aborts: true),
    Change("SET k 1", "MOVE k 1", aborts: true),
    Change("SET k 1", "SWAPDB 0 1", aborts: true),
    Change("SET k 1", "SWAPDB 1 2", aborts: false),
    Change("SET k 1", "SWAPDB 0 0", aborts: false),
    Change("SET k 1\r\nCOPY k k DB 1", "SWAPDB 1 0", aborts: true),
    Change("SADD k x", "SADD k x", aborts: false),
    Change("SADD k x", "SADD k y", aborts: true),
    Change("SADD k x y", "SREM k y", aborts: true),
    Change("SADD k x", "SREM k z", aborts: false),
    Change("SADD k x", "SPOP k", aborts: true),
    Change("SADD k x", "SREM k x\r\nSADD k x", aborts: true),
    // Absent when the watch begins.
    Change("PING", "GET k", aborts: false),
    Change("PING", "DEL k", aborts: false),
    Change("PING", "FLUSHALL", aborts: false),
    Change("PING", "EXPIRE k 100", aborts: false),
    Change("PING", "SET k 1", aborts: true),
    Change("PING", "SET k 1\r\nDEL k", aborts: true),
    Change("PING", "SET k 1\r\nUNLINK k", aborts: true),
    Change("PING", "SET k 1\r\nGETDEL k", aborts: true),
    Change("PING", "SET k 1\r\nEXPIRE k -1", aborts: true),
    Change("PING", "SET k 1\r\nRENAME k j", aborts: true),
    Change("PING", "SET k 1\r\nFLUSHALL", aborts: true),
    Change("PING", "SET k 1\r\nFLUSHDB", aborts: true),
    Change("PING", "SADD k x\r\nSREM k x", aborts: true),
    Change("PING", "SADD k x\r\nSPOP k", aborts: true),
    Change("SADD s x", "RENAME s k\r\nRENAME k s", aborts: true),
    Change("SET j 1", "RENAME j k\r\nDEL k", aborts: true),
    Change("SET j 1", "COPY j k\r\nDEL k", aborts: true),
    Change("SET j 1", "DEL j", aborts: false),
    Change("PING", "SELECT 1\r\nSET k 1\r\nDEL k\r\nFLUSHDB", aborts: false),
    Change("SET k 1\r\nDEL k", "GET k", aborts: false),
    Change("SADD s x", "SMOVE s k x\r\nSMOVE k s x", aborts: true),
    Change("SADD s x", "SMOVE s k y", aborts: false),
    Change("SADD s x", "SUNIONSTORE k s\r\nSINTERSTORE k missing", aborts: true),
    Change("SET k 1\r\nMOVE k 1", "SWAPDB 0 1", aborts: true),
    Change("SET k 1\r\nMOVE k 1", "SWAPDB 0 1\r\nSWAPDB 0 1", aborts: true),
    Change("SET k 1\r\nMOVE k 1", "SELECT 1\r\nMOVE k 0\r\nSELECT 0\r\nMOVE k 1", aborts: true),
    Change("SET k 1\r\nMOVE k 1", "SWAPDB 1 2", aborts: false),
    Change("SET j 1\r\nMOVE j 1", "SWAPDB 0 1", aborts: false),
  ]

  @Test("runs none of its commands if a watched key has changed, by whomever", arguments: changes)
  func watch(_ change: Change) {
    for isOwnChange in [false, true] {
      let server = TestServer()
      let client = server.redisClient()
      let other = isOwnChange ? client : server.redisClient()
      _ = client.send(change.before + "\r\nWATCH a k b\r\n")
      if isOwnChange {
        _ = client.send(change.during + "\r\nSELECT 0\r\n")
      } else {
        _ = other.send(change.during + "\r\n")
      }
      #expect(Self.transact(client) == (change.aborts ? notRun : ran))
      // That ended the watch.
      _ = other.send("SELECT 0\r\nDEL k\r\nSET k x\r\nDEL k\r\n")
      #expect(Self.transact(client) == ran)
    }
  }

  @Test("sees what memcached's clients change")
  func watchMemcached() {
    let server = TestServer()
    let client = server.redisClient()
    let memcached = server.memcachedClient()
    for (change, aborts) in [
      ("set k 0 0 1\r\n1\r\n", true), ("get k\r\n", false), ("touch k 100\r\n", true), ("incr k 1\r\n", true),
      ("add k 0 0 1\r\n1\r\n", false), ("delete k\r\n", true), ("delete k\r\n", false),
      ("set k 0 0 1\r\n1\r\ndelete k\r\n", true), ("flush_all\r\n", false),
      ("set k 0 0 1\r\n1\r\nflush_all\r\n", true),
    ] {
      _ = client.send("WATCH k\r\n")
      _ = memcached.send(change)
      #expect(Self.transact(client) == (aborts ? notRun : ran), "\(change)")
    }
  }

  @Test("tells keys apart by their database")
  func watchDatabases() {
    let server = TestServer()
    let client = server.redisClient()
    let other = server.redisClient()
    _ = client.send("SELECT 1\r\nWATCH k\r\nSELECT 2\r\n")
    _ = other.send("SET k 1\r\nSELECT 2\r\nSET k 1\r\nSELECT 3\r\nSET j 1\r\nDEL j\r\n")
    #expect(Self.transact(client) == ran)
    _ = client.send("SELECT 1\r\nWATCH k\r\nSELECT 2\r\n")
    _ = other.send("COPY k k DB 1\r\nSET k 1\r\nCOPY k k DB 1\r\nSELECT 1\r\nDEL k\r\n")
    #expect(Self.transact(client) == notRun)
  }

  @Test("takes an expired key for an absent one, before the watch and after")
  func expiry() {
    let server = TestServer()
    let client = server.redisClient()
    let other = server.redisClient()
    func sweep() {
      var sweeper = Sweeper(server.store, server.context, seed: 1)
      for _ in 0..<100 { sweeper.sweep(nanoseconds: 1_000_000_000) }
    }
    // It expires while it is watched, swept or not.
    for isSwept in [false, true] {
      _ = client.send("SET k 1 PX 100\r\nWATCH k\r\n")
      server.store.clock.advance(milliseconds: 99)
      #expect(Self.transact(client) == ran)
      _ = client.send("WATCH k\r\n")
      server.store.clock.advance(milliseconds: 1)
      if isSwept { sweep() }
      #expect(Self.transact(client) == notRun)
    }
    // It had expired before: that it goes is no change, and that it comes back is.
    for (change, aborts) in [
      ("PING", false), ("sweep", false), ("DEL k", false), ("FLUSHALL", false), ("EXPIRE k 100", false),
      ("SET k 1", true), ("SET k 1\r\nDEL k", true), ("INCR k", true), ("SADD k x\r\nFLUSHALL", true),
      ("SET k 1 PX 1", true),
    ] {
      _ = client.send("FLUSHALL\r\nSET k 1 PX 100\r\n")
      server.store.clock.advance(milliseconds: 100)
      _ = client.send("WATCH k\r\n")
      if change == "sweep" { sweep() } else { _ = other.send(change + "\r\n") }
      server.store.clock.advance(milliseconds: 1)
      #expect(Self.transact(client) == (aborts ? notRun : ran), "\(change)")
    }
  }

  @Test("that watches absent keys isn't disturbed by deletions of others")
  func noSpuriousAborts() {
    let server = TestServer()
    let client = server.redisClient()
    let other = server.redisClient()
    _ = client.send(array(["WATCH"] + (0..<100).map { "absent \($0)" }))
    // More deletions than a shard has cells for the versions of deletions.
    for number in 0..<20_000 {
      _ = other.send(array(["SET", "\(number)", "x"]) + array(["DEL", "\(number)"]))
    }
    #expect(Self.transact(client) == ran)
    #expect(server.redisClient().send("DBSIZE\r\n") == ":1\r\n")
  }

  @Test("of one client and watches of others don't get into each other's way")
  func manyWatchers() {
    let server = TestServer()
    let clients = (0..<5).map { _ in server.redisClient() }
    for client in clients { _ = client.send("WATCH k\r\nWATCH k j\r\n") }
    _ = clients[0].send("UNWATCH\r\n")
    _ = clients[1].send("MULTI\r\nDISCARD\r\n")
    _ = clients[2].send("RESET\r\n")
    _ = server.redisClient().send("SET k 1\r\nDEL k\r\n")
    #expect(clients.map(Self.transact) == [ran, ran, ran, notRun, notRun])
  }

  @Test("watches no more than it may, and a client that goes leaves no watch behind")
  func watchBounds() {
    let server = TestServer()
    var client: TestClient<RESPSession>? = server.redisClient()
    for start in stride(from: 0, to: 1 << 16, by: 1 << 12) {
      let keys = (start..<start + 1 << 12).map { "\($0)" }
      #expect(client?.send(array(["WATCH"] + keys)) == "+OK\r\n")
    }
    #expect(client?.send("WATCH 1 2 3\r\n") == "+OK\r\n")
    let refusal = client?.send("WATCH one-more\r\n") ?? ""
    #expect(refusal.hasPrefix("-ERR too many keys are watched: there may be 65536"))
    #expect(client?.send("UNWATCH\r\nWATCH one-more\r\n") == "+OK\r\n+OK\r\n")
    #expect(server.store.watchedAbsenceCount == 1)
    client = nil
    #expect(server.store.watchedAbsenceCount == 0)
  }

  // MARK: Other sessions

  @Test("is seen whole or not at all, wherever another client's request comes between its own")
  func interleaved() {
    let steps = ["SET k 1", "WATCH k", "GET k", "MULTI", "SET k 10", "INCR k", "SADD s a b", "EXEC", "GET k"]
    for position in 0...steps.count {
      let server = TestServer()
      let client = server.redisClient()
      let other = server.redisClient()
      var replies: [String] = []
      var seen = ""
      for (index, step) in steps.enumerated() {
        if index == position { seen = other.send("INCR k\r\nSCARD s\r\n") }
        replies.append(client.send(step + "\r\n"))
      }
      if position == steps.count { seen = other.send("INCR k\r\nSCARD s\r\n") }
      // Between WATCH and EXEC the change is noticed.
      let isNoticed = (2...7).contains(position)
      #expect(replies[7] == (isNoticed ? notRun : "*3\r\n+OK\r\n:11\r\n:2\r\n"), "\(position)")
      let expected =
        switch position {
        case 0: ":1\r\n:0\r\n"
        case 1...7: ":2\r\n:0\r\n"
        default: ":12\r\n:2\r\n"
        }
      #expect(seen == expected, "\(position)")
      let last = position == 8 ? "12" : isNoticed ? "2" : "11"
      #expect(replies[8] == "$\(last.count)\r\n\(last)\r\n", "\(position)")
    }
  }

  @Test("on many lanes at once loses no update, and nobody waits for ever")
  func lanes() {
    let server = TestServer()
    server.store.journal.start()
    let turns = 2000
    let failures = SharedCounter()
    let threads = (0..<4).map { lane in
      SystemThread(name: "transactions") {
        let client = server.redisClient()
        for turn in 0..<turns {
          // Keys of many shards, in opposite orders; and commands that need every shard.
          let keys = ["a", "b", "c", "d"]
          let order = lane.isMultiple(of: 2) ? keys : keys.reversed()
          let extra = ["INFO keyspace", "SCAN 0", "DBSIZE", "KEYS x", "RANDOMKEY", "PING"][turn % 6]
          let request =
            "MULTI\r\n" + order.map { "INCR \($0)\r\n" }.joined() + "\(extra)\r\nMGET a b c d\r\nEXEC\r\n"
          let reply = client.send(request)
          // All four are the same at any moment.
          let values = reply.split(separator: "\r\n").suffix(8).filter {
            !$0.hasPrefix("$") && !$0.hasPrefix("*")
          }
          if Set(values).count != 1 || values.count != 4 { failures.add(1) }
          // Optimistic locking.
          repeat {
            let value =
              client.send("WATCH n\r\nGET n\r\n").split(separator: "\r\n").last.flatMap { Int($0) } ?? 0
            _ = client.send("MULTI\r\nSET n \(value + 1)\r\n")
          } while client.send("EXEC\r\n") == notRun
        }
      }
    }
    for thread in threads { thread.join() }
    server.store.journal.stop()
    #expect(failures.value == 0)
    #expect(server.redisClient().send("GET a\r\nGET n\r\n") == "$4\r\n8000\r\n$4\r\n8000\r\n")
  }

  // MARK: Durability

  @Test("is held until the last of what it shows is durable")
  func holdMarks() {
    let server = TestServer(durability: .always)
    let client = server.redisClient()
    let other = server.redisClient()
    let journal = server.store.journal
    /// The version that a reply waits for.
    func mark(_ client: TestClient<RESPSession>, _ request: String) -> UInt64? {
      _ = client.send(request + "\r\n")
      return client.lastMarks.last?.version
    }
    _ = client.send("WATCH k\r\nMULTI\r\nSET k 1\r\nSET j 1\r\nGET k\r\n")
    #expect(client.lastMarks.isEmpty)
    #expect(mark(client, "EXEC") == 2)
    // One that only reads waits for what it reads.
    #expect(mark(other, "MULTI\r\nGET k\r\nGET absent\r\nEXEC") == 1)
    #expect(mark(other, "MULTI\r\nGET j\r\nGET k\r\nEXEC") == 2)
    journal.commit()
    #expect(mark(other, "MULTI\r\nGET j\r\nGET k\r\nEXEC") == nil)
    // That nothing was run shows the change that was the reason.
    for change in ["SET k 2", "DEL k", "SET k 3\r\nDEL k", "FLUSHALL"] {
      _ = other.send("SET w 1\r\nDEL w\r\n")
      journal.commit()
      let before = journal.lastVersion
      _ = other.send("WATCH k j\r\n")
      let changes = UInt64(change.split(separator: "\r\n").count)
      _ = client.send(change + "\r\n")
      #expect(mark(other, "MULTI\r\nPING\r\nEXEC") == before + changes, "\(change)")
    }
    // A client that doesn't wait for the disk doesn't here, either.
    _ = client.send("CLIENT DURABILITY ASYNC\r\n")
    #expect(mark(client, "MULTI\r\nSET k 1\r\nEXEC") == nil)
  }

  @Test("waits as a whole while the journal is full, and is run once")
  func fullJournal() {
    let server = TestServer(maximumPendingBytes: 1 << 12)
    let client = server.redisClient()
    let other = server.redisClient()
    _ = client.send("WATCH k\r\nMULTI\r\nINCR n\r\nGET n\r\n")
    _ = other.send(array(["SET", "large", String(repeating: "x", count: 1 << 13)]))
    #expect(client.send("EXEC\r\nPING\r\n") == "")
    #expect(client.lastStep == .waitForRoom)
    #expect(other.send("GET n\r\n") == "$-1\r\n")
    #expect(client.callAgain() == "")
    // Queueing needs no room, nor does a transaction that only reads, nor one that is refused.
    #expect(
      other.send("MULTI\r\nINCR n\r\nGET n\r\nNOSUCH\r\nEXEC\r\n").hasSuffix(
        "-EXECABORT Transaction discarded because of previous errors.\r\n"))
    #expect(other.send("MULTI\r\nGET n\r\nEXEC\r\n").hasSuffix("*1\r\n$-1\r\n"))
    server.store.journal.commit()
    #expect(client.callAgain() == "*2\r\n:1\r\n$1\r\n1\r\n+PONG\r\n")
  }

  @Test("is refused while no write is taken, when a write is queued and when it is to be run")
  func failedJournal() {
    let server = TestServer()
    let early = server.redisClient()
    let reader = server.redisClient()
    _ = early.send("MULTI\r\nSET k 1\r\n")
    server.store.journal.refuseWrites()
    #expect(
      early.send("EXEC\r\n").hasPrefix("-EXECABORT Transaction discarded because of: MISCONF Martlet can't"))
    #expect(early.send("EXEC\r\n") == "-ERR EXEC without MULTI\r\n")
    #expect(early.send("MULTI\r\nSET k 1\r\n").hasPrefix("+OK\r\n-MISCONF "))
    #expect(early.send("EXEC\r\n") == "-EXECABORT Transaction discarded because of previous errors.\r\n")
    #expect(reader.send("MULTI\r\nGET k\r\nEXEC\r\n") == "+OK\r\n" + queued + "*1\r\n$-1\r\n")
  }

  @Test("at the memory limit queues nothing, and one with writes that need memory is refused")
  func memoryLimit() {
    let server = TestServer()
    let writer = server.redisClient()
    let reader = server.redisClient()
    _ = writer.send("SET j 1\r\nMULTI\r\nSET k 1\r\n")
    _ = reader.send("MULTI\r\nGET k\r\nDEL k\r\n")
    server.context.memoryLimit = 1
    let oom = "OOM command not allowed when used memory > 'maxmemory'.\r\n"
    #expect(writer.send("EXEC\r\n") == "-EXECABORT Transaction discarded because of: " + oom)
    #expect(reader.send("EXEC\r\n") == "*2\r\n$-1\r\n:0\r\n")
    #expect(reader.send("MULTI\r\nPING\r\nDISCARD\r\n") == "+OK\r\n-" + oom + "+OK\r\n")
    #expect(
      reader.send("MULTI\r\nGET k\r\nEXEC\r\n") == "+OK\r\n-" + oom
        + "-EXECABORT Transaction discarded because of previous errors.\r\n")
  }

  // MARK: Bounds and replies

  @Test("may have so many commands and bytes, and no more")
  func bounds() {
    let server = TestServer()
    let client = server.redisClient()
    _ = client.send("MULTI\r\n")
    let some = bytes(String(repeating: "PING\r\n", count: 1 << 16))
    for _ in 0..<16 { #expect(client.send(some).count == queued.utf8.count << 16) }
    #expect(
      client.send("CLIENT INFO\r\n").hasPrefix(
        "-ERR the transaction is too large: it may have 1048576 commands"))
    #expect(client.send("PING\r\n") == queued)
    #expect(client.send("EXEC\r\n") == "-EXECABORT Transaction discarded because of previous errors.\r\n")
    #expect(Self.transact(client) == ran)
  }

  @Test("has each reply that would be too large replaced, and takes nothing that it can't return")
  func largeReplies() {
    let server = TestServer()
    let client = server.redisClient()
    let value = String(repeating: "x", count: 600)
    _ = client.send(array(["MSET", "k", value, "j", value, "i", value]) + array(["SADD", "s", value]))
    client.replyLimit = 1000
    let tooLarge = "-ERR the reply would be larger than 1 GiB: ask for less at a time\r\n"
    _ = client.send(
      "MULTI\r\nGET k\r\nGET k\r\nGETDEL j\r\nSPOP s\r\nSPOP s 1\r\nSET i y GET\r\nGETSET i z\r\nINCR n\r\n")
    let replies = client.send("EXEC\r\n")
    #expect(replies == "*8\r\n$600\r\n\(value)\r\n" + String(repeating: tooLarge, count: 6) + ":1\r\n")
    client.replyLimit = 1 << 20
    #expect(client.send("STRLEN j\r\nSCARD s\r\nSTRLEN i\r\n") == ":600\r\n:1\r\n:600\r\n")
  }

  @Test("counts its commands in CLIENT LIST, and QUIT ends it with the connection")
  func clientList() {
    let server = TestServer()
    let client = server.redisClient()
    let other = server.redisClient()
    func shown() -> String {
      let list = other.send("CLIENT LIST ID 1\r\n")
      return list.split(separator: " ").filter { $0.hasPrefix("flags=") || $0.hasPrefix("multi=") }.joined(
        separator: " ")
    }
    #expect(shown() == "flags=N multi=-1")
    _ = client.send("MULTI\r\n")
    #expect(shown() == "flags=x multi=0")
    _ = client.send("INCR n\r\nINCR n\r\n")
    #expect(shown() == "flags=x multi=2")
    _ = client.send("EXEC\r\n")
    #expect(shown() == "flags=N multi=-1")
    _ = client.send("MULTI\r\nINCR n\r\nRESET\r\n")
    #expect(shown() == "flags=N multi=-1")
    #expect(client.send("MULTI\r\nINCR n\r\nQUIT\r\nEXEC\r\n") == "+OK\r\n" + queued + "+OK\r\n")
    #expect(client.isClosed)
    #expect(other.send("GET n\r\n") == "$1\r\n2\r\n")
  }

  @Test("never has its client wait")
  func noWaiting() {
    let server = TestServer(durability: .always)
    let client = server.redisClient()
    _ = client.send("MULTI\r\nSET k v\r\nWAITAOF 1 1 0\r\nWAIT 1 0\r\nBGSAVE\r\n")
    #expect(client.send("EXEC\r\n") == "*4\r\n+OK\r\n*2\r\n:0\r\n:0\r\n:0\r\n+Background saving started\r\n")
    #expect(client.lastStep == .read(atLeast: 1))
    // Afterwards what it wrote can be waited for.
    #expect(client.send("WAITAOF 1 0 0\r\n") == "")
    server.store.journal.commit()
    #expect(client.callAgain() == "*2\r\n:1\r\n:0\r\n")
  }

  @Test("is refused whole when a key is longer than its session may have")
  func longKeys() {
    let client = TestServer().redisClient(SessionLimits(keyBytes: 4, valueBytes: 10))
    #expect(
      client.send("MULTI\r\nMGET a abcde\r\nEXEC\r\n").hasPrefix(
        "+OK\r\n-ERR the key is longer than max-key-bytes"))
    #expect(client.send("WATCH abcde\r\n").hasPrefix("-ERR the key is longer"))
    #expect(client.send("MULTI\r\nSET abcd 12345678901\r\nEXEC\r\n").contains(queued + "*1\r\n-ERR"))
  }
}
