// How connections come and end: Unix sockets, limits, clients that say nothing or take nothing, and ten thousand of them.
import Martlet
import MartletServer
import MartletTestSupport
import Synchronization
import Testing

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

@Suite("The life of connections", .serialized)
struct ConnectionLifeTests {
  typealias Choice = Settings.TransportChoice

  private static let transports = Choice.available

  /// Asks until a condition holds, for as long as a very busy machine may take.
  private static func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    let limit = WallClock.monotonicNanoseconds() + 20_000_000_000
    while WallClock.monotonicNanoseconds() < limit {
      if try condition() { return true }
    }
    return false
  }

  @Test("Both protocols are served over Unix sockets, whose clients are local", arguments: transports)
  func unixSockets(_ transport: Choice) async throws {
    let folder = try TemporaryFolder()
    let paths = (redis: folder.path + "/r", memcached: folder.path + "/m")
    for round in 0..<2 {
      try await RunningServer.run(
        over: transport,
        {
          $0.unixSocket = paths.redis
          $0.memcachedUnixSocket = paths.memcached
          if round == 1 { ($0.port, $0.memcachedPort) = (0, 0) }
        }
      ) { _ in
        let client = try RawSocket(path: paths.redis)
        #expect(client.ask("SET k v\r\nGET k\r\n", expecting: "+OK\r\n$1\r\nv\r\n"))
        let memcached = try RawSocket(path: paths.memcached)
        #expect(memcached.ask("get k\r\n", expecting: "VALUE k 0 1\r\nv\r\nEND\r\n"))
        client.send("CLIENT LIST\r\n")
        let length = Int(client.receiveLine().dropFirst()) ?? 0
        let list = String(decoding: client.receive(exactly: length + 2), as: UTF8.self)
        #expect(list.contains(" addr=\(paths.redis):0 laddr=\(paths.redis):0 "))
        #expect(list.contains(" addr=\(paths.memcached):0 laddr=\(paths.memcached):0 "))
        #expect(list.contains(" flags=U "))
        memcached.finishSending()
        #expect(memcached.receiveToEnd().isEmpty)
      }
      #expect(!FileManager.default.fileExists(atPath: paths.redis))
      #expect(!FileManager.default.fileExists(atPath: paths.memcached))
    }
  }

  @Test("A second server doesn't take a Unix socket that is served", arguments: transports)
  func unixSocketInUse(_ transport: Choice) async throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/s"
    try await RunningServer.run(over: transport, { $0.unixSocket = path }) { server in
      var settings = server.settings
      settings.dataFolder = folder.path + "/other"
      (settings.port, settings.memcachedPort) = (0, 0)
      await #expect(throws: ServerError.unixSocketInUse(path: path)) {
        try await Server(settings: settings, logger: RunningServer.silent).serve {}
      }
      let client = try RawSocket(path: path)
      #expect(client.ask("PING\r\n", expecting: "+PONG\r\n"))
    }
  }

  @Test("Each listener has its own port", arguments: transports)
  func severalListeners(_ transport: Choice) async throws {
    let ports = try RawSocket.freePorts(3)
    try await RunningServer.run(
      over: transport, { $0.memcachedListen = ports.map { ListenAddress("127.0.0.1", port: $0) } }
    ) { server in
      for port in ports {
        let client = try RawSocket(port: port)
        #expect(client.ask("set k 0 0 1\r\nv\r\n", expecting: "STORED\r\n"))
      }
      #expect(try server.redis().ask("GET k\r\n", expecting: "$1\r\nv\r\n"))
    }
  }

  @Test("A server ends although clients still come", arguments: transports)
  func clientsAtTheEnd(_ transport: Choice) async throws {
    let isOver = Atomic(false)
    for _ in 0..<20 {
      var crowd: [SystemThread] = []
      isOver.store(false, ordering: .relaxed)
      try await RunningServer.run(over: transport) { server in
        crowd = (0..<2).map { _ in
          SystemThread(name: "crowd") {
            while !isOver.load(ordering: .relaxed), let client = try? server.memcached() {
              client.send("get")
            }
          }
        }
        let client = try server.redis()
        #expect(client.ask("PING\r\n", expecting: "+PONG\r\n"))
      }
      isOver.store(true, ordering: .relaxed)
      for thread in crowd { thread.join() }
    }
  }

  @Test("The limit of clients is exact, and those turned away are counted", arguments: transports)
  func limit(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport, { $0.maxConnections = 5 }) { server in
      let inside = try (0..<5).map { _ in try server.memcached() }
      for client in inside { #expect(client.ask("version\r\n", expecting: "VERSION")) }
      for _ in 0..<7 {
        let turnedAway = try server.memcached()
        #expect(
          String(decoding: turnedAway.receiveToEnd(), as: UTF8.self) == "ERROR Too many open connections\r\n")
      }
      let client = inside[0]
      _ = client.receiveLine()
      client.send("stats\r\n")
      let lines = client.receiveLines { $0 == "END" }
      let expected: Set = [
        "STAT max_connections 5", "STAT curr_connections 5", "STAT total_connections 5",
        "STAT rejected_connections 7",
      ]
      #expect(expected.subtracting(lines) == [])
      withExtendedLifetime(inside) {}
    }
  }

  @Test(
    "Who sends nothing for too long is closed; who sends now and then, or waits for something, is not",
    arguments: transports)
  func idleTimeout(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport, { $0.idleTimeout = .seconds(1) }) { server in
      let silent = try server.redis()
      let once = try server.memcached()
      #expect(once.ask("get k\r\n", expecting: "END\r\n"))
      let busy = try server.redis()
      let slow = try server.memcached()
      let waiting = try server.redis()
      #expect(waiting.ask("PING\r\nWAIT 1 4000\r\n", expecting: "+PONG\r\n"))
      let bytes = Array("get k\r\n".utf8)
      let ends = SystemThread(name: "idle") {
        #expect(silent.receiveToEnd().isEmpty)
        #expect(once.receiveToEnd().isEmpty)
      }
      // Busy until the other has waited four times as long as it may be idle.
      let started = WallClock.monotonicNanoseconds()
      var sent = 0
      while WallClock.monotonicNanoseconds() - started < 4_500_000_000 {
        #expect(busy.ask("PING\r\n", expecting: "+PONG\r\n"))
        // A byte of a request counts as well.
        if sent % 100 == 0 { slow.send([bytes[sent / 100 % bytes.count]]) }
        sent += 1
      }
      #expect(waiting.receive(exactly: 4) == Array(":0\r\n".utf8))
      ends.join()
      #expect(busy.ask("PING\r\n", expecting: "+PONG\r\n"))
    }
  }

  @Test(
    "The idle timeout is switched on and off while the server runs, and is off by default",
    arguments: transports)
  func changedIdleTimeout(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport) { server in
      let client = try server.redis()
      #expect(client.ask("CONFIG GET timeout\r\n", expecting: "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n"))
      #expect(client.ask("CONFIG SET timeout 1\r\n", expecting: "+OK\r\n"))
      #expect(client.receiveToEnd().isEmpty)
      let other = try server.redis()
      #expect(other.ask("CONFIG SET timeout 0\r\n", expecting: "+OK\r\n"))
      other.send("INFO stats\r\n")
      let lines = other.receiveLines { $0.hasPrefix("idle_connections_closed:") }
      #expect(lines.last == "idle_connections_closed:1")
    }
  }

  /// Takes some of what comes every fifth of a second, and does something else in between; how many bytes it took.
  private static func takeSlowly(_ client: RawSocket, rounds: Int, _ body: () -> Bool) -> Int {
    var taken = 0
    for _ in 0..<rounds {
      taken += client.receive(128 << 10).count
      let pause = WallClock.monotonicNanoseconds() + 200_000_000
      while WallClock.monotonicNanoseconds() < pause { if !body() { return -1 } }
    }
    return taken
  }

  @Test(
    "Who takes nothing of its replies is closed; who takes them slowly is not", arguments: transports,
    [false, true])
  func writeTimeout(_ transport: Choice, _ overUnixSocket: Bool) async throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/s"
    try await RunningServer.run(
      over: transport,
      {
        $0.writeTimeout = .seconds(2)
        $0.unixSocket = path
      }
    ) { server in
      func connect() throws -> RawSocket {
        overUnixSocket ? try RawSocket(path: path) : try server.redis(receiveBuffer: 4096)
      }
      let length = 8 << 20
      let value = [UInt8](repeating: UInt8(ascii: "x"), count: length)
      let other = try server.redis()
      other.send(Array("*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$\(length)\r\n".utf8) + value + Array("\r\n".utf8))
      #expect(other.receive(exactly: 5) == Array("+OK\r\n".utf8))
      let greedy = try (0..<4).map { _ in try connect() }
      for client in greedy { client.send("GET big\r\nGET big\r\n") }
      // One that has finished sending is owed its replies no longer than the others.
      greedy[3].finishSending()
      let slow = try connect()
      slow.send("GET big\r\n")
      // Slowly: it takes longer than the others have.
      let taken = Self.takeSlowly(slow, rounds: 20) { other.ask("PING\r\n", expecting: "+PONG\r\n") }
      #expect(Self.eventually { other.clientCount == 2 })
      let rest = slow.receive(exactly: length + 12 - taken)
      #expect(taken > 0 && rest.count == length + 12 - taken)
      for client in greedy { #expect(client.receiveToEnd().count < 2 * length) }
    }
  }

  @Test(
    "Who sends a byte at a time costs nobody else anything, and is served in the end", arguments: transports)
  func slowSenders(_ transport: Choice) async throws {
    try await RunningServer.run(over: transport) { server in
      let slow = try (0..<100).map { _ in try server.memcached() }
      let other = try server.redis()
      for byte in Array("set slow 0 0 3\r\nabc\r\n".utf8) {
        for client in slow { client.send([byte]) }
        #expect(other.ask("PING\r\n", expecting: "+PONG\r\n"))
      }
      for client in slow { #expect(client.receive(exactly: 8) == Array("STORED\r\n".utf8)) }
    }
  }
}

extension RawSocket {
  /// How many clients there are, this one included.
  fileprivate var clientCount: Int {
    send("INFO clients\r\n")
    let length = Int(receiveLine().dropFirst()) ?? 0
    let text = String(decoding: receive(exactly: length + 2), as: UTF8.self)
    let field = text.split(separator: "\r\n").first { $0.hasPrefix("connected_clients:") }
    return field.flatMap { Int($0.dropFirst("connected_clients:".count)) } ?? -1
  }
}
