// The server over real sockets: many clients, slow ones, half-closed ones, large values, limits, and a clean end.
import Martlet
import MartletServer
import MartletTestSupport
import Testing

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

@Suite("The transport", .serialized)
struct TransportTests {
  typealias Choice = Settings.TransportChoice

  /// Every transport that this machine has.
  private static let transports = Choice.available

  /// The memory of this process, in bytes.
  private static func residentBytes() -> Int {
    let fields = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
    return (fields.flatMap { $0.count > 1 ? Int($0[1]) : nil } ?? 0) * 4096
  }

  @Test("Many clients at once get their own replies, and see one another's writes", arguments: transports)
  func manyClients(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport) { server in
      let clients = try (0..<200).map { _ in try server.redis() }
      for (number, client) in clients.enumerated() {
        client.send(
          "SET k\(number) v\(number)\r\n" + String(repeating: "INCR shared\r\n", count: 50)
            + "GET k\(number)\r\n")
      }
      for (number, client) in clients.enumerated() {
        #expect(client.receive(exactly: 5) == Array("+OK\r\n".utf8))
        var last = 0
        for _ in 0..<50 {
          var line: [UInt8] = []
          while line.last != UInt8(ascii: "\n") {
            let byte = client.receive(exactly: 1)
            guard !byte.isEmpty else { break }
            line += byte
          }
          let value = Int(String(decoding: line.dropFirst().dropLast(2), as: UTF8.self)) ?? -1
          #expect(value > last)
          last = value
        }
        let reply = "$\("v\(number)".utf8.count)\r\nv\(number)\r\n"
        #expect(client.receive(exactly: reply.utf8.count) == Array(reply.utf8))
      }
      #expect(try server.redis().ask("GET shared\r\n", expecting: "$5\r\n10000\r\n"))
      #expect(try server.memcached().ask("get shared\r\n", expecting: "VALUE shared 0 5\r\n10000\r\nEND\r\n"))
    }
  }

  @Test("Clients whose requests come in pieces at the same time get their own replies", arguments: transports)
  func piecesAtTheSameTime(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport, { $0.threads = 1 }) { server in
      let clients = try (0..<20).map { _ in try server.redis() }
      let others = (redis: try server.redis(), memcached: try server.memcached())
      let words = clients.indices.map { number in
        ["SET", "key\(number)", String(repeating: "v", count: number + 1)].map {
          "$\($0.utf8.count)\r\n\($0)\r\n"
        }
      }
      for (client, words) in zip(clients, words) { client.send("*3\r\n" + words[0]) }
      // Whole requests come in between.
      #expect(others.redis.ask("*1\r\n$4\r\nPING\r\n", expecting: "+PONG\r\n"))
      for (client, words) in zip(clients, words) { client.send(words[1]) }
      #expect(others.memcached.ask("get a b c\r\n", expecting: "END\r\n"))
      for (client, words) in zip(clients, words) { client.send(words[2]) }
      for (number, client) in clients.enumerated() {
        #expect(client.receive(exactly: 5) == Array("+OK\r\n".utf8))
        let value = String(repeating: "v", count: number + 1)
        #expect(client.ask("GET key\(number)\r\n", expecting: "$\(value.count)\r\n\(value)\r\n"))
      }
    }
  }

  @Test("A client that never reads costs little memory and holds up nobody", arguments: transports)
  func neverReads(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport) { server in
      let value = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
      let other = try server.redis()
      other.send(Array("*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$1048576\r\n".utf8) + value + Array("\r\n".utf8))
      #expect(other.receive(exactly: 5) == Array("+OK\r\n".utf8))
      let before = Self.residentBytes()
      let greedy = try (0..<4).map { _ in try server.redis(receiveBuffer: 4096) }
      for client in greedy { client.send(String(repeating: "GET big\r\n", count: 500)) }
      // And one that sends for ever without reading: at some point nothing more is taken from it.
      let endless = try server.redis(receiveBuffer: 4096)
      let requests = Array(
        String(repeating: "ECHO \(String(repeating: "e", count: 1000))\r\n", count: 64).utf8)
      var sent = 0
      for _ in 0..<2000 {
        sent += endless.sendWithoutWaiting(requests)
        if !other.ask("PING\r\n", expecting: "+PONG\r\n") { break }
      }
      #expect(other.ask("PING\r\n", expecting: "+PONG\r\n"))
      #expect(sent < 40 << 20)
      #expect(Self.residentBytes() - before < 100 << 20)
      // What it then reads is right.
      let reply = greedy[0].receive(exactly: 2 * ((1 << 20) + 12))
      #expect(
        reply == (Array("$1048576\r\n".utf8) + value + Array("\r\n".utf8))
          + (Array("$1048576\r\n".utf8) + value + Array("\r\n".utf8)))
    }
  }

  @Test(
    "Large values arrive whole while others overwrite them, and clients leave in the middle",
    arguments: transports, [Durability.never, .always])
  func largeValuesThatChange(_ transport: Choice, _ durability: Durability) async throws {
    try await RunningServer.run(over: transport, { $0.durability = durability }) { server in
      let letters: [UInt8] = [UInt8(ascii: "a"), UInt8(ascii: "b"), UInt8(ascii: "c")]
      let sizes = [300_000, 40_000, 1_000_000]
      let writer = try server.redis()
      func write(_ turn: Int) {
        let value = [UInt8](repeating: letters[turn % 3], count: sizes[turn % 3])
        writer.send(
          Array("*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$\(value.count)\r\n".utf8) + value + Array("\r\n".utf8))
        #expect(writer.receive(exactly: 5) == Array("+OK\r\n".utf8))
      }
      write(0)
      let readers = try (0..<4).map { _ in try server.redis(receiveBuffer: 16384) }
      let multigets = 70
      for reader in readers { reader.send(String(repeating: "GET big\r\n", count: 4)) }
      readers[0].send("MGET" + String(repeating: " big", count: multigets) + "\r\n")
      for turn in 1..<12 { write(turn) }
      // Those who leave have been lent values, too.
      for _ in 0..<8 { try server.redis(receiveBuffer: 4096).send("GET big\r\nGET big\r\n") }
      for turn in 12..<18 { write(turn) }
      func expectValue(_ reader: RawSocket) {
        let count = Int(reader.receiveLine().dropFirst()) ?? -1
        let value = reader.receive(exactly: count + 2)
        guard let turn = sizes.firstIndex(of: count) else {
          Issue.record("\(count) bytes")
          return
        }
        #expect(value.dropLast(2).allSatisfy { $0 == letters[turn] } && value.count == count + 2)
      }
      for reader in readers {
        for _ in 0..<4 { expectValue(reader) }
      }
      #expect(readers[0].receiveLine() == "*\(multigets)")
      for _ in 0..<multigets { expectValue(readers[0]) }
      #expect(readers[0].ask("DEL big\r\n", expecting: ":1\r\n"))
    }
  }

  @Test(
    "A client that has finished sending gets its replies", arguments: transports, [Durability.never, .always])
  func halfClosed(_ transport: Choice, _ durability: Durability) async throws {
    try await RunningServer.run(over: transport, { $0.durability = durability }) { server in
      for _ in 0..<20 {
        let client = try server.redis()
        client.send("SET a b\r\nGET a\r\nPING\r\nGET")
        client.finishSending()
        #expect(String(decoding: client.receiveToEnd(), as: UTF8.self) == "+OK\r\n$1\r\nb\r\n+PONG\r\n")
        let memcached = try server.memcached()
        memcached.send("set a 0 0 1\r\nb\r\nget a\r\n")
        memcached.finishSending()
        #expect(
          String(decoding: memcached.receiveToEnd(), as: UTF8.self) == "STORED\r\nVALUE a 0 1\r\nb\r\nEND\r\n"
        )
      }
      let large = try server.redis()
      large.send(
        Array(
          "SET k \(String(repeating: "x", count: 60_000))\r\n\(String(repeating: "GET k\r\n", count: 100))"
            .utf8))
      large.finishSending()
      #expect(large.receiveToEnd().count == 5 + 100 * 60_010)
    }
  }

  @Test("A huge pipeline is replied to in order", arguments: transports)
  func hugePipeline(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport) { server in
      let client = try server.redis()
      let count = 200_000
      let requests = Array((0..<count).map { "ECHO \($0)\r\n" }.joined().utf8)
      let sender = SystemThread(name: "sender") { client.send(requests) }
      let expected = Array((0..<count).map { "$\("\($0)".utf8.count)\r\n\($0)\r\n" }.joined().utf8)
      #expect(client.receive(exactly: expected.count) == expected)
      sender.join()
    }
  }

  @Test("Large values go and come whole", arguments: transports)
  func largeValues(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport) { server in
      var random = RandomSource(seed: 1)
      let value = (0..<(10 << 20)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let client = try server.redis()
      client.send(
        Array("*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$\(value.count)\r\n".utf8) + value + Array("\r\n".utf8))
      #expect(client.receive(exactly: 5) == Array("+OK\r\n".utf8))
      for reader in [client, try server.redis()] {
        reader.send("GET big\r\n")
        let header = Array("$\(value.count)\r\n".utf8)
        #expect(reader.receive(exactly: header.count) == header)
        #expect(reader.receive(exactly: value.count) == value)
        #expect(reader.receive(exactly: 2) == Array("\r\n".utf8))
      }
    }
  }

  @Test(
    "A stream of requests that never end with what is read costs no growing memory", arguments: transports)
  func unalignedStream(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport) { server in
      let client = try server.redis()
      let length = 50_021
      let request =
        Array("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$\(length)\r\n".utf8) + [UInt8](repeating: 7, count: length)
        + Array("\r\n".utf8)
      let some = Array([[UInt8]](repeating: request, count: 40).joined())
      let count = 50
      let before = Self.residentBytes()
      let sender = SystemThread(name: "sender") { for _ in 0..<count { client.send(some) } }
      #expect(client.receive(exactly: count * 40 * 5).count == count * 40 * 5)
      sender.join()
      #expect(Self.residentBytes() - before < 60 << 20)
    }
  }

  @Test("A thousand idle clients hold up nobody", arguments: transports)
  func idleClients(_ transport: Choice) async throws {
    guard RawSocket.allowDescriptors(4000) else { return }
    try await RunningServer.run(over: transport) { server in
      let idle = try (0..<1000).map { _ in try server.redis() }
      let client = try server.redis()
      #expect(client.ask("SET k v\r\nGET k\r\n", expecting: "+OK\r\n$1\r\nv\r\n"))
      for other in idle.prefix(10) { #expect(other.ask("GET k\r\n", expecting: "$1\r\nv\r\n")) }
    }
  }

  @Test(
    "Over the limit of connections a client is told so, and the next one is let in when one has left",
    arguments: transports)
  func connectionLimit(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport, { $0.maxConnections = 3 }) { server in
      var clients = try (0..<3).map { _ in try server.redis() }
      for client in clients { #expect(client.ask("PING\r\n", expecting: "+PONG\r\n")) }
      let redis = try server.redis()
      #expect(
        String(decoding: redis.receiveToEnd(), as: UTF8.self) == "-ERR max number of clients reached\r\n")
      let memcached = try server.memcached()
      #expect(
        String(decoding: memcached.receiveToEnd(), as: UTF8.self) == "ERROR Too many open connections\r\n")
      clients.removeLast()
      var isIn = false
      // The server learns of the end a moment later.
      for _ in 0..<1000 where !isIn { isIn = try server.redis().ask("PING\r\n", expecting: "+PONG\r\n") }
      #expect(isIn)
      withExtendedLifetime(clients) {}
    }
  }

  @Test("Protected mode refuses clients from elsewhere, and says what to set")
  func protectedMode() {
    var settings = Settings()
    for wire in [WireProtocol.redis, .memcached] {
      #expect(Reception.refusal(wire, isLocal: true, settings) == nil)
      let refusal = Reception.refusal(wire, isLocal: false, settings) ?? ""
      #expect(refusal.hasPrefix(wire == .redis ? "-DENIED " : "SERVER_ERROR "))
      #expect(
        refusal.contains("--password") && refusal.contains("--protected-mode no") && refusal.hasSuffix("\r\n")
      )
      #expect(refusal.split(separator: "\r\n").count == 1)
    }
    settings.password = Settings.Password("secret")
    #expect(Reception.refusal(.redis, isLocal: false, settings) == nil)
    settings.password = nil
    settings.memcachedAuthFile = "users"
    #expect(Reception.refusal(.redis, isLocal: false, settings) == nil)
    settings.memcachedAuthFile = nil
    settings.protectedMode = false
    #expect(Reception.refusal(.redis, isLocal: false, settings) == nil)
  }

  @Test("Replies keep their order when some wait for the disk and others don't", arguments: transports)
  func orderOfHeldReplies(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport, { $0.durability = .always }) { server in
      let clients = try (0..<4).map { _ in try server.redis() }
      var expected = ""
      var requests = ""
      for round in 0..<200 {
        requests += "PING\r\nSET mine \(round)\r\nECHO \(round)\r\nGET other\r\nGET mine\r\n"
        let bulk = "$\("\(round)".utf8.count)\r\n\(round)\r\n"
        expected += "+PONG\r\n+OK\r\n\(bulk)$-1\r\n\(bulk)"
      }
      for (number, client) in clients.enumerated() { client.send("SELECT \(number)\r\n" + requests) }
      for client in clients {
        let reply = String(decoding: client.receive(exactly: expected.utf8.count + 5), as: UTF8.self)
        #expect(reply == "+OK\r\n" + expected)
      }
      // A reader of what another client has just written.
      let memcached = try server.memcached()
      for round in 0..<50 {
        #expect(clients[0].ask("SET mine \(round)\r\n", expecting: "+OK\r\n"))
        let text = "\(round)"
        #expect(
          memcached.ask("get mine\r\n", expecting: "VALUE mine 0 \(text.utf8.count)\r\n\(text)\r\nEND\r\n"))
      }
    }
  }

  @Test(
    "When all connections hold as much as they may, those that hold something rest until some leaves",
    arguments: transports)
  func boundOfHeldBytes(_ choice: Choice) async throws {
    let folder = try TemporaryFolder()
    // The journal's thread isn't started: commits come when this test makes them.
    let store = try StoreCore.open(try DataFolder(folder.path), durability: .always, threads: 1)
    let inAll = HeldBytes(maximum: 10_000)
    var settings = Settings()
    settings.threads = 1
    settings.transport = choice
    let transport = try Reception(
      store: store, context: ServerContext(), settings: settings, logger: RunningServer.silent,
      heldBytes: inAll
    ).makeTransport()
    let port = try RawSocket.freePorts(1)[0]
    let listener = Listener(
      .redis, .tcp(host: "127.0.0.1", port: port, isOptional: false, isIPv6Only: false))
    for socket in try ListeningSocket.bind(listener) {
      try socket.listen(backlog: 16)
      try await transport.accept(on: socket)
    }
    let watcher = try RawSocket(port: port)
    #expect(watcher.ask("CLIENT DURABILITY ASYNC\r\n", expecting: "+OK\r\n"))
    let clients = try (0..<20).map { _ in try RawSocket(port: port) }
    let echo = String(repeating: "x", count: 1000)
    for (number, client) in clients.enumerated() {
      // Each holds nothing before, so its first requests are run, whatever the others hold.
      client.send("SET first:\(number) v\r\nECHO \(echo)\r\n")
      #expect(watcher.seesKey("first:\(number)"))
    }
    #expect(inAll.count == 20 * (5 + 1009))
    for (number, client) in clients.enumerated() { client.send("SET second:\(number) v\r\nPING\r\n") }
    // The one event loop would have come past them all by now.
    for _ in 0..<100 { #expect(watcher.ask("PING\r\n", expecting: "+PONG\r\n")) }
    #expect(watcher.ask("DBSIZE\r\n", expecting: ":20\r\n"))
    store.journal.commit()
    let first = "+OK\r\n$1000\r\n\(echo)\r\n"
    for client in clients {
      #expect(client.receive(exactly: first.utf8.count) == Array(first.utf8))
    }
    // What has left makes room, and nobody is forgotten.
    for number in clients.indices { #expect(watcher.seesKey("second:\(number)")) }
    store.journal.commit()
    for client in clients {
      #expect(String(decoding: client.receive(exactly: 12), as: UTF8.self) == "+OK\r\n+PONG\r\n")
    }
    #expect(watcher.ask("PING\r\n", expecting: "+PONG\r\n"))
    #expect(inAll.count == 0)
    await transport.drain()
    store.journal.stop()
    await transport.stop()
  }

  // MARK: Requests that wait

  @Test(
    "WAITAOF returns when the write is on the disk, whatever the setting",
    arguments: Durability.allCases, transports)
  func waitsForSync(_ durability: Durability, _ transport: Choice) async throws {
    try await RunningServer.run(over: transport, { $0.durability = durability }) { server in
      let clients = try (0..<8).map { _ in try server.redis() }
      let request = "SET k v\r\nWAITAOF 1 0 0\r\nPING\r\n"
      let reply = "+OK\r\n*2\r\n:1\r\n:0\r\n+PONG\r\n"
      for client in clients { client.send(String(repeating: request, count: 20)) }
      let expected = String(repeating: reply, count: 20)
      for client in clients {
        #expect(String(decoding: client.receive(exactly: expected.utf8.count), as: UTF8.self) == expected)
      }
    }
  }

  @Test(
    "What was replied before a request that waits is sent; what comes behind it waits; time ends it",
    arguments: transports)
  func waitsInOrder(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport, { $0.durability = .always }) { server in
      let client = try server.redis()
      let other = try server.redis()
      #expect(client.ask("SET k v\r\nWAIT 1 0\r\nSET k w\r\n", expecting: "+OK\r\n"))
      // Commits of others wake it, and it waits on.
      for _ in 0..<20 { #expect(other.ask("SET j v\r\nGET k\r\n", expecting: "+OK\r\n$1\r\nv\r\n")) }
      let third = try server.redis()
      #expect(third.ask("WAIT 1 30\r\nSET k x\r\n", expecting: ":0\r\n+OK\r\n"))
      #expect(other.ask("WAIT 1 30\r\nWAIT 1 30\r\nGET k\r\n", expecting: ":0\r\n:0\r\n$1\r\nx\r\n"))
      client.finishSending()
      #expect(String(decoding: client.receiveToEnd(), as: UTF8.self) == ":0\r\n+OK\r\n")
      #expect(other.ask("GET k\r\n", expecting: "$1\r\nw\r\n"))
    }
  }

  @Test("A client that goes away while it waits is gone", arguments: transports)
  func leavesWhileWaiting(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport) { server in
      let other = try server.redis()
      func isAlone() -> Bool {
        other.send("INFO clients\r\n")
        var text = ""
        while !text.contains("\r\nmaxclients:") || !text.hasSuffix("\r\n") {
          text += String(decoding: other.receive(), as: UTF8.self)
        }
        return text.contains("connected_clients:1\r\n") && text.contains("blocked_clients:0\r\n")
      }
      for _ in 0..<50 {
        let client = try server.redis()
        #expect(client.ask("PING\r\nWAIT 1 0\r\nPING\r\n", expecting: "+PONG\r\n"))
      }
      var rounds = 0
      while !isAlone() && rounds < 100_000 { rounds += 1 }
      #expect(isAlone())
    }
  }

  @Test("A server that ends closes on those who wait", arguments: transports)
  func endsWhileWaiting(_ transport: Choice) async throws {
    var clients: [RawSocket] = []
    try await RunningServer.run(over: transport) { server in
      clients = try (0..<5).map { _ in try server.redis() }
      for client in clients {
        #expect(client.ask("PING\r\nWAIT 1 3600000\r\n", expecting: "+PONG\r\n"))
      }
    }
    for client in clients { #expect(client.receiveToEnd().isEmpty) }
  }

  @Test("A port in use is told by its number", arguments: transports)
  func portInUse(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport) { server in
      let folder = try TemporaryFolder()
      var settings = server.settings
      settings.dataFolder = folder.path
      settings.memcachedPort = 0
      await #expect(throws: ServerError.portInUse(host: "127.0.0.1", port: server.port)) {
        try await Server(settings: settings, logger: RunningServer.silent).serve {}
      }
      #expect(try server.redis().ask("PING\r\n", expecting: "+PONG\r\n"))
      // It gave the folder back.
      settings.port = try RawSocket.freePorts(1)[0]
      try await Server(settings: settings, logger: RunningServer.silent).serve {}
    }
  }

  @Test(
    "At its end a server sends the replies it owes, closes, and has kept what it acknowledged",
    arguments: transports)
  func gracefulStop(_ transport: Choice) async throws {
    let folder = try TemporaryFolder()
    var clients: [RawSocket] = []
    try await RunningServer.run(in: folder, over: transport, { $0.durability = .always }) { server in
      clients = try (0..<3).map { _ in try server.redis() }
      for (number, client) in clients.enumerated() {
        client.send((0..<500).map { "SET k\(number)-\($0) v\r\n" }.joined())
      }
      #expect(clients[0].receive(exactly: 5) == Array("+OK\r\n".utf8))
    }
    var acknowledged: [Int] = [1, 0, 0]
    for (number, client) in clients.enumerated() {
      let replies = String(decoding: client.receiveToEnd(), as: UTF8.self)
      #expect(replies.utf8.count % 5 == 0 && replies.split(separator: "\r\n").allSatisfy { $0 == "+OK" })
      acknowledged[number] += replies.utf8.count / 5
    }
    let kept = acknowledged
    try await RunningServer.run(in: folder, over: transport) { server in
      let client = try server.redis()
      for (number, count) in kept.enumerated() where count > 0 {
        #expect(
          client.ask(
            "EXISTS k\(number)-\(count - 1) k\(number)-0\r\n", expecting: count > 0 ? ":2\r\n" : ":0\r\n"))
      }
    }
  }

  @Test("INFO says which transport serves", arguments: transports)
  func name(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport) { server in
      let client = try server.redis()
      client.send("INFO server\r\nQUIT\r\n")
      let info = String(decoding: client.receiveToEnd(), as: UTF8.self)
      #expect(info.contains("\r\nmultiplexing_api:\(transport.rawValue)\r\n"))
    }
  }

  @Test("Requests may arrive in two parts, cut anywhere", arguments: transports)
  func everySplit(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport) { server in
      let other = try server.redis()
      func ask(_ client: RawSocket, _ requests: String, _ replies: String) {
        let bytes = Array(requests.utf8)
        for cut in 1..<bytes.count {
          client.send(Array(bytes[..<cut]))
          // Time for the first part to arrive on its own.
          #expect(other.ask("PING\r\n", expecting: "+PONG\r\n"))
          client.send(Array(bytes[cut...]))
          #expect(client.receive(exactly: replies.utf8.count) == Array(replies.utf8), "cut at \(cut)")
        }
      }
      ask(
        try server.redis(), "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\nGET key\r\n*1\r\n$4\r\nPING\r\n",
        "+OK\r\n$5\r\nvalue\r\n+PONG\r\n")
      ask(
        try server.memcached(), "set key 0 0 5\r\nvalue\r\nget key\r\nget none\r\n",
        "STORED\r\nVALUE key 0 5\r\nvalue\r\nEND\r\nEND\r\n")
    }
  }

  @Test("Large values of many clients go both ways at once", arguments: transports)
  func manyLargeValues(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport, { $0.maxValueBytes = 8 << 20 }) { server in
      let clients = try (0..<8).map { _ in try server.memcached() }
      let length = 3 << 20
      let senders = clients.enumerated().map { number, client in
        SystemThread(name: "sender") {
          let value = [UInt8](repeating: UInt8(ascii: "a") + UInt8(number), count: length)
          let set = Array("set k\(number) 0 0 \(length)\r\n".utf8) + value + Array("\r\n".utf8)
          for _ in 0..<3 { client.send(set + Array("get k\(number)\r\n".utf8)) }
        }
      }
      for (number, client) in clients.enumerated() {
        let value = [UInt8](repeating: UInt8(ascii: "a") + UInt8(number), count: length)
        let expected =
          Array("STORED\r\nVALUE k\(number) 0 \(length)\r\n".utf8) + value + Array("\r\nEND\r\n".utf8)
        for _ in 0..<3 { #expect(client.receive(exactly: expected.count) == expected) }
      }
      for sender in senders { sender.join() }
    }
  }

  @Test("Five thousand clients come and go, some of them without a word", arguments: transports)
  func comingAndGoing(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport) { server in
      let observer = try server.redis()
      for round in 0..<25 {
        let clients = try (0..<200).map { _ in try server.redis() }
        for (number, client) in clients.enumerated() where number % 4 != 0 {
          client.send("SET k\(number) \(round)\r\nGET k\(number)\r\n")
        }
        // Some don't wait for the reply.
        for (number, client) in clients.enumerated() where number % 4 >= 2 {
          let expected = "+OK\r\n$\("\(round)".utf8.count)\r\n\(round)\r\n"
          #expect(client.receive(exactly: expected.utf8.count) == Array(expected.utf8))
        }
      }
      // The server learns of their ends a moment later.
      var isAlone = false
      for _ in 0..<10_000 where !isAlone {
        observer.send("CLIENT LIST\r\n")
        let header = observer.receiveLine()
        let length = Int(header.dropFirst()) ?? 0
        let list = String(decoding: observer.receive(exactly: length + 2), as: UTF8.self)
        isAlone = list.split(separator: "\n").filter { $0.hasPrefix("id=") }.count == 1
      }
      #expect(isAlone)
    }
  }

  @Test(
    "At its end a server closes the connections that are idle or in the middle of something",
    arguments: transports)
  func stopWithOpenConnections(_ transport: Choice) async throws {
    var clients: [RawSocket] = []
    try await RunningServer.run(over: transport) { server in
      clients = try (0..<100).map { _ in try server.redis() }
      for client in clients { #expect(client.ask("PING\r\n", expecting: "+PONG\r\n")) }
      for client in clients.prefix(50) { client.send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nhalf of it") }
    }
    for client in clients { #expect(client.receiveToEnd().isEmpty) }
  }
}

extension RawSocket {
  /// Whether a key comes to be there: asked again and again, for as long as a very busy machine may take.
  fileprivate func seesKey(_ key: String) -> Bool {
    let limit = WallClock.monotonicNanoseconds() + 20_000_000_000
    while WallClock.monotonicNanoseconds() < limit {
      if ask("EXISTS \(key)\r\n", expecting: ":1\r\n") { return true }
    }
    return false
  }
}
