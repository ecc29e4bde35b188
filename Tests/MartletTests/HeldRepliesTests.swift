// Replies leave only when what they show is on the disk, and in their order.
import Martlet
import MartletSimulation
import Testing

@Suite("A reply is held")
struct HeldRepliesTests {
  /// A server on a disk with `durable` synced and what `pending` did not.
  private func server(_ disk: SimulatedDisk = SimulatedDisk(), _ pending: [String]...) throws -> TestServer {
    var server = TestServer(try openStore(on: disk))
    for command in [["SET", "old", "1"], ["SADD", "oldset", "m"], ["SET", "doomed", "1"]] {
      server.send(redis: command.map(bytes))
    }
    server.store.journal.commit()
    for command in pending { server.send(redis: command.map(bytes)) }
    return server
  }

  @Test("for a write, until its commit")
  func write() throws {
    var server = try server()
    server.send(redis: ["SET", "new", "1"].map(bytes))
    #expect(server.execution.reply.marks.map(\.start) == [0])
    #expect(server.execution.reply.marks.map(\.version) == [4])
    #expect(server.isReplyHeld == true)
    server.store.journal.commit()
    #expect(server.isReplyHeld == false)
  }

  @Test(
    "for whatever shows a write that is not on the disk yet",
    arguments: [
      ["GET", "new"], ["EXISTS", "old", "new"], ["TYPE", "new"], ["STRLEN", "new"],
      ["SET", "new", "2", "NX"],
      ["SETNX", "new", "2"], ["SADD", "new", "x"], ["TTL", "new"], ["MGET", "old", "new"],
      ["APPEND", "newset", "x"], ["PREPEND", "newset", "x"],
      ["SISMEMBER", "newset", "m"], ["SCARD", "newset"], ["SMEMBERS", "newset"], ["SADD", "newset", "m"],
      ["SREM", "newset", "other"], ["RENAMENX", "old", "new"], ["COPY", "old", "new"], ["INCR", "newset"],
      ["DBSIZE"], ["KEYS", "*"], ["RANDOMKEY"], ["SCAN", "0", "COUNT", "1000"],
      ["GETRANGE", "new", "0", "1"],
      ["PERSIST", "new"], ["EXPIRE", "new", "100", "GT"], ["MSETNX", "new", "2", "x", "3"],
      ["MSETEX", "2", "new", "2", "x", "3", "NX"], ["DELIFEQ", "new", "2"], ["LCS", "old", "new"],
      ["SET", "new", "2", "IFEQ", "2"], ["SET", "new", "2", "IFVERSION", "1"], ["OBJECT", "VERSION", "new"],
      ["OBJECT", "ENCODING", "new"], ["SMOVE", "newset", "new", "m"],
      ["SMOVE", "newset", "oldset", "x"], ["SINTER", "oldset", "newset"], ["SUNION", "oldset", "newset"],
      ["SDIFF", "oldset", "newset"], ["SINTERCARD", "2", "oldset", "newset"], ["SUNIONSTORE", "x", "new"],
      ["GETBIT", "new", "1"], ["BITCOUNT", "new"], ["BITPOS", "new", "1"],
      ["BITFIELD", "new", "GET", "u8", "0"],
      ["BITOP", "NOT", "x", "newset"], ["SETBIT", "new", "7", "1"], ["PFCOUNT", "new"],
    ])
  func reads(command: [String]) throws {
    var server = try server(SimulatedDisk(), ["SADD", "newset", "m"], ["SET", "new", "1"])
    let before = server.store.journal.lastVersion
    server.send(redis: command.map(bytes))
    #expect(server.store.journal.lastVersion == before)
    #expect(server.isReplyHeld == true)
    server.store.journal.commit()
    #expect(server.isReplyHeld == false)
  }

  @Test(
    "for a miss after a deletion that is not on the disk yet",
    arguments: [
      [["DEL", "doomed"]], [["RENAME", "doomed", "other"]], [["GETDEL", "doomed"]],
      [["MOVE", "doomed", "1"]], [["SWAPDB", "0", "2"]], [["DELIFEQ", "doomed", "1"]],
      [["SDIFFSTORE", "doomed", "missing"]], [["BITOP", "AND", "doomed", "missing"]],
      [["PEXPIREAT", "doomed", "1"]], [["FLUSHDB"]], [["FLUSHALL"]], [["SET", "doomed", "x", "PXAT", "1"]],
    ])
  func misses(deletion: [[String]]) throws {
    var server = try server()
    for command in deletion { server.send(redis: command.map(bytes)) }
    for miss in [["GET", "doomed"], ["DEL", "doomed"], ["EXPIRE", "doomed", "1"], ["SMEMBERS", "doomed"]] {
      server.send(redis: miss.map(bytes))
      #expect(server.isReplyHeld == true, "\(miss)")
    }
    server.store.journal.commit()
    server.send(redis: ["GET", "doomed"].map(bytes))
    #expect(server.execution.reply.marks.isEmpty)
  }

  @Test("for a set that lost its last member")
  func emptiedSet() throws {
    var server = try server(SimulatedDisk(), ["SREM", "oldset", "m"])
    server.send(redis: ["SCARD", "oldset"].map(bytes))
    #expect(server.isReplyHeld == true)
  }

  @Test("for whatever is shown after SWAPDB, also items that are on the disk already")
  func swappedDatabases() throws {
    var server = try server()
    server.send(redis: ["SWAPDB", "0", "1"].map(bytes))
    #expect(server.store.journal.syncedVersion == 3)
    for command in [["SELECT", "1"], ["PING"]] {
      server.send(redis: command.map(bytes))
      #expect(server.execution.reply.marks.isEmpty)
    }
    for command in [["GET", "old"], ["SMEMBERS", "oldset"], ["GET", "missing"], ["SET", "new", "1"]] {
      server.send(redis: command.map(bytes))
      #expect(server.isReplyHeld == true, "\(command)")
    }
    server.store.journal.commit()
    #expect(server.store.journal.durable.value == 5)
    for command in [["GET", "old"], ["GET", "new"], ["SELECT", "0"], ["GET", "old"]] {
      server.send(redis: command.map(bytes))
      #expect(server.isReplyHeld == false, "\(command)")
    }
    #expect(server.redis("GET", "old") == "$-1\r\n")
  }

  @Test("not for other keys")
  func otherKeys() throws {
    var server = try server(SimulatedDisk(), ["SET", "new", "1"])
    for command in [
      ["GET", "old"], ["PING"], ["EXISTS", "old"], ["SISMEMBER", "oldset", "m"], ["NONSENSE"],
    ] {
      server.send(redis: command.map(bytes))
      #expect(server.execution.reply.marks.isEmpty, "\(command)")
    }
    // A miss meets the deletions of few others: of many keys, next to none waits.
    server.send(redis: ["DEL", "doomed"].map(bytes))
    var waiting = 0
    for number in 0..<1000 {
      server.send(redis: ["GET", "missing \(number)"].map(bytes))
      if !server.execution.reply.marks.isEmpty { waiting += 1 }
    }
    #expect(waiting < 10)
  }

  @Test("for memcached's clients, too")
  func memcached() throws {
    var server = try server()
    for input in [
      "set k 5 0 1\r\nx\r\n", "get k\r\n", "gets old k\r\n", "add k 0 0 1\r\ny\r\n", "touch k 0\r\n",
    ] {
      server.send(memcached: bytes(input))
      #expect(server.isReplyHeld == true, "\(input)")
    }
    server.send(memcached: bytes("get old\r\n"))
    #expect(server.execution.reply.marks.isEmpty)
  }

  @Test("and those behind it wait their turn")
  func order() throws {
    var server = try server()
    var held = HeldReplies(HeldBytes())
    server.send(redis: ["GET", "old"].map(bytes))
    let first = server.execution.reply.buffer.count
    held.append(server.execution.reply)
    server.send(redis: ["SET", "a", "1"].map(bytes))
    held.append(server.execution.reply)
    server.send(redis: ["GET", "old"].map(bytes))
    held.append(server.execution.reply)
    let free = held.releasedCount(by: server.store.journal)
    #expect(free == first)
    held.removeFirst(free)
    let nothing = held.releasedCount(by: server.store.journal)
    #expect(nothing == 0)
    server.store.journal.commit()
    server.send(redis: ["SET", "b", "1"].map(bytes))
    held.append(server.execution.reply)
    let second = held.releasedCount(by: server.store.journal)
    let text = held.prefix(second).text
    #expect(text == "+OK\r\n$1\r\n1\r\n")
    held.removeFirst(second)
    let (left, released) = (held.count, held.releasedCount(by: server.store.journal))
    #expect(left == 5)
    #expect(released == 0)
    let isLost = held.isLost(by: server.store.journal)
    #expect(!isLost)
    server.store.journal.commit()
    held.removeFirst(held.releasedCount(by: server.store.journal))
    let isEmpty = held.isEmpty
    #expect(isEmpty)
  }

  @Test("while the disk is full, and then leaves as if nothing had been")
  func stalled() throws {
    let disk = SimulatedDisk()
    var server = try server(disk)
    disk.order(SimulatedDisk.Faults(write: 1))
    var held = HeldReplies(HeldBytes())
    server.send(redis: ["SET", "a", "1"].map(bytes))
    held.append(server.execution.reply)
    for _ in 0..<3 {
      server.store.journal.commit()
      #expect(server.store.journal.failure == nil)
      let released = held.releasedCount(by: server.store.journal)
      let isLost = held.isLost(by: server.store.journal)
      #expect(released == 0 && !isLost)
      #expect(server.redis("SET", "b", "1").hasPrefix("-MISCONF the disk is full"))
      #expect(server.memcached("set b 0 0 1\r\n1\r\n").hasPrefix("SERVER_ERROR the disk is full"))
      #expect(server.redis("GET", "old") == "$1\r\n1\r\n")
    }
    disk.order(SimulatedDisk.Faults())
    server.store.journal.commit()
    let released = held.releasedCount(by: server.store.journal)
    #expect(released == held.count)
    #expect(server.redis("SET", "b", "1") == "+OK\r\n")
    server.store.journal.commit()
    disk.crash()
    var after = TestServer(try openStore(on: disk))
    #expect(after.redis("MGET", "a", "b") == "*2\r\n$1\r\n1\r\n$1\r\n1\r\n")
  }

  @Test(
    "for ever when the log has failed, and then counts as lost",
    arguments: [SimulatedDisk.Faults(sync: 1)])
  func lost(faults: SimulatedDisk.Faults) throws {
    let disk = SimulatedDisk()
    var server = try server(disk)
    disk.order(faults)
    var held = HeldReplies(HeldBytes())
    server.send(redis: ["SET", "a", "1"].map(bytes))
    held.append(server.execution.reply)
    let isLostBefore = held.isLost(by: server.store.journal)
    #expect(!isLostBefore)
    server.store.journal.commit()
    #expect(server.store.journal.failure != nil)
    let released = held.releasedCount(by: server.store.journal)
    #expect(released == 0)
    let isLost = held.isLost(by: server.store.journal)
    #expect(isLost)
    // Writes are refused with a reason, what is on the disk is still read, what is not is not shown.
    #expect(server.redis("SET", "b", "1").hasPrefix("-MISCONF"))
    let refusal = "SERVER_ERROR the database can't be written: see the server's log\r\n"
    for input in [
      "set b 0 0 1\r\n1\r\n", "delete old\r\n", "gat 0 old\r\n", "incr old 1\r\n", "flush_all\r\n",
    ] {
      #expect(server.memcached(input) == refusal, "\(input)")
    }
    for input in ["set b 0 0 1 noreply\r\n1\r\n", "delete old noreply\r\n", "flush_all noreply\r\n"] {
      #expect(server.memcached(input) == "", "\(input)")
    }
    #expect(server.redis("GET", "old") == "$1\r\n1\r\n")
    #expect(server.execution.reply.marks.isEmpty)
    server.send(redis: ["GET", "a"].map(bytes))
    #expect(server.isReplyHeld == true)
    // Nobody is left waiting for a sync that can't come.
    #expect(server.redis("WAITAOF", "1", "0", "0").hasPrefix("-MISCONF"))
    // No later commit makes good what a failed sync lost.
    disk.order(SimulatedDisk.Faults())
    server.store.journal.commit()
    #expect(server.store.journal.durable.value == 3)
  }

  @Test("by nobody when the setting is not to wait")
  func notAlways() throws {
    var server = TestServer(try openStore(on: SimulatedDisk(), durability: .everysec))
    server.send(redis: ["SET", "a", "1"].map(bytes))
    #expect(server.isReplyHeld == false)
  }

  @Test("not for a client that doesn't want to wait, until it does again")
  func asynchronous() throws {
    var server = try server()
    #expect(server.redis("CLIENT", "DURABILITY") == "$6\r\nalways\r\n")
    #expect(server.redis("CLIENT", "DURABILITY", "ASYNC") == "+OK\r\n")
    #expect(server.redis("CLIENT", "DURABILITY") == "$5\r\nasync\r\n")
    for command in [["SET", "k", "1"], ["GET", "k"], ["DEL", "doomed"], ["GET", "doomed"], ["DBSIZE"]] {
      server.send(redis: command.map(bytes))
      #expect(server.execution.reply.marks.isEmpty, "\(command)")
    }
    // Others wait for what it wrote, and so can it.
    server.send(memcached: bytes("get doomed\r\n"))
    #expect(server.isReplyHeld == true)
    #expect(server.redis("WAITAOF", "0", "0", "0") == "*2\r\n:0\r\n:0\r\n")
    for restore in [["CLIENT", "DURABILITY", "default"], ["RESET"]] {
      _ = server.redis("CLIENT", "DURABILITY", "async")
      server.send(redis: restore.map(bytes))
      #expect(server.redis("CLIENT", "DURABILITY") == "$6\r\nalways\r\n")
      server.send(redis: ["SET", "k", "1"].map(bytes))
      #expect(server.isReplyHeld == true)
    }
    server.store.journal.commit()
    #expect(server.redis("WAITAOF", "1", "0", "0") == "*2\r\n:1\r\n:0\r\n")
  }

  @Test("within bounds: so much for one connection, and for all that hold anything")
  func bounds() throws {
    let inAll = HeldBytes(maximum: 1000)
    var server = try server()
    var first = HeldReplies(inAll)
    var second = HeldReplies(inAll)
    server.send(redis: ["SET", "a", "1"].map(bytes))
    first.append(server.execution.reply)
    second.append(server.execution.reply)
    var isFull = (first.isFull, second.isFull)
    #expect(isFull == (false, false))
    server.send(redis: ["ECHO", String(repeating: "x", count: 1000)].map(bytes))
    second.append(server.execution.reply)
    isFull = (first.isFull, second.isFull)
    #expect(isFull == (true, true))
    #expect(inAll.count == 2 * 5 + 1009)
    // Who holds nothing is free.
    first.removeFirst(5)
    isFull = (first.isFull, second.isFull)
    #expect(isFull == (false, true))
    server.send(redis: ["SET", "a", "1"].map(bytes))
    first.append(server.execution.reply)
    second.removeFirst(500)
    isFull = (first.isFull, second.isFull)
    #expect(isFull == (false, false))
    // What goes with its connection is held no more.
    second = HeldReplies(inAll)
    #expect(inAll.count == 5)
    server.send(redis: ["ECHO", String(repeating: "x", count: HeldReplies.maximumBytes)].map(bytes))
    var alone = HeldReplies(HeldBytes())
    alone.append(server.execution.reply)
    let isAloneFull = alone.isFull
    #expect(isAloneFull)
  }

  @Test("and the journal calls its listeners after a commit and after a failure")
  func listeners() throws {
    let disk = SimulatedDisk()
    var server = try server(disk)
    let calls = SharedCounter()
    server.store.journal.onCommit { calls.add(1) }
    server.store.journal.commit()
    #expect(calls.value == 0)
    server.send(redis: ["SET", "a", "1"].map(bytes))
    server.store.journal.commit()
    #expect(calls.value == 1)
    disk.order(SimulatedDisk.Faults(sync: 1))
    server.send(redis: ["SET", "a", "2"].map(bytes))
    server.store.journal.commit()
    #expect(calls.value == 2)
  }
}
