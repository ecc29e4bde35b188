// Where a server listens: what settings come to, and how sockets are made and removed.
import Martlet
import MartletServer
import MartletTestSupport
import Testing

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

@Suite("Where a server listens")
struct ListeningTests {
  private static func tcp(
    _ wire: WireProtocol, _ host: String, _ port: Int, isOptional: Bool = false, isIPv6Only: Bool = false
  ) -> Listener {
    Listener(wire, .tcp(host: host, port: port, isOptional: isOptional, isIPv6Only: isIPv6Only))
  }

  @Test("By default both protocols listen on this machine's own addresses, without insisting on IPv6")
  func defaults() {
    #expect(
      Settings().listeners == [
        Self.tcp(.redis, "127.0.0.1", 6379), Self.tcp(.redis, "::1", 6379, isOptional: true),
        Self.tcp(.memcached, "127.0.0.1", 11211), Self.tcp(.memcached, "::1", 11211, isOptional: true),
      ])
  }

  @Test("An address has its own port, or the protocol's; each protocol may have addresses of its own")
  func ownPorts() {
    var settings = Settings()
    settings.host = ["10.0.0.7"]
    settings.memcachedListen = [ListenAddress("localhost"), ListenAddress("::1", port: 11212)]
    settings.memcachedUnixSocket = "/run/m"
    settings.unixSocketMode = 0o770
    #expect(
      settings.listeners == [
        Self.tcp(.redis, "10.0.0.7", 6379), Self.tcp(.memcached, "localhost", 11211),
        Self.tcp(.memcached, "::1", 11212), Listener(.memcached, .unix(path: "/run/m", mode: 0o770)),
      ])
    settings.port = 0
    settings.memcachedPort = 0
    #expect(settings.listeners.count == 2)
  }

  @Test("Everywhere is both families, on sockets of their own")
  func everywhere() {
    var settings = Settings()
    settings.port = 0
    settings.memcachedListen = [ListenAddress("*")]
    #expect(
      settings.listeners == [
        Self.tcp(.memcached, "0.0.0.0", 11211, isIPv6Only: true),
        Self.tcp(.memcached, "::", 11211, isOptional: true, isIPv6Only: true),
      ])
    settings.memcachedListen = [ListenAddress("::")]
    #expect(settings.listeners == [Self.tcp(.memcached, "::", 11211)])
  }

  @Test("Only a server that others can reach, and that has no password, refuses strangers")
  func strangers() {
    var settings = Settings()
    #expect(!settings.refusesStrangers)
    settings.unixSocket = "/run/r"
    #expect(!settings.refusesStrangers)
    settings.memcachedListen = [ListenAddress("*")]
    #expect(settings.refusesStrangers)
    settings.protectedMode = false
    #expect(!settings.refusesStrangers)
  }

  @Test(
    "IPv4 and IPv6 everywhere can be listened on at once",
    arguments: [["0.0.0.0", "::"], ["::"], ["localhost"]])
  func bothFamilies(_ hosts: [String]) throws {
    var settings = Settings()
    settings.port = try RawSocket.freePorts(1)[0]
    settings.memcachedPort = 0
    settings.host = hosts
    let sockets = try settings.listeners.flatMap { try ListeningSocket.bind($0) }
    for socket in sockets { try socket.listen(backlog: 1) }
    #expect(sockets.count >= hosts.count)
  }

  @Test("A Unix socket has the mode asked for, and its file goes with it")
  func mode() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/s"
    for mode in [0o700, 0o777, 0o640] {
      let sockets = try ListeningSocket.bind(Listener(.redis, .unix(path: path, mode: mode)))
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      let permissions = try #require(attributes[.posixPermissions])
      #expect("\(permissions)" == "\(mode)")
      for socket in sockets { socket.removeFile() }
      #expect(!FileManager.default.fileExists(atPath: path))
    }
  }

  @Test("A socket that nobody serves any more is replaced; one that somebody serves, and a file, are not")
  func staleSocket() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/s"
    let listener = Listener(.redis, .unix(path: path, mode: 0o700))
    // A server that was killed leaves its file behind.
    var dead = try ListeningSocket.bind(listener)
    let live = try ListeningSocket.bind(listener)
    for socket in live { try socket.listen(backlog: 4) }
    #expect(throws: ServerError.unixSocketInUse(path: path)) { try ListeningSocket.bind(listener) }
    _ = try RawSocket(path: path)
    // The one that is gone doesn't take the file of the other with it.
    dead.removeAll()
    #expect(FileManager.default.fileExists(atPath: path))
    withExtendedLifetime(live) {}

    let file = try folder.write("mine", to: "file")
    #expect(throws: ServerError.self) {
      try ListeningSocket.bind(Listener(.redis, .unix(path: file, mode: 0o700)))
    }
    #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine")
    let long = folder.path + "/" + String(repeating: "x", count: 200)
    #expect(throws: ServerError.self) {
      try ListeningSocket.bind(Listener(.redis, .unix(path: long, mode: 0o700)))
    }
  }
}

@Suite("How long a client may keep the server waiting")
struct PatienceTests {
  private let patience = Patience(idle: .seconds(10), write: .seconds(4))
  private let second: Int64 = 1_000_000_000

  @Test("Looks come often enough for the shorter limit, and not at all without one")
  func interval() {
    #expect(patience.interval == second / 2)
    #expect(Patience(idle: .seconds(16), write: .zero).interval == 2 * second)
    #expect(Patience(idle: .zero, write: .zero).interval == nil)
    #expect(Patience(idle: .seconds(1_000_000), write: .zero).interval == 125_000 * second)
  }

  @Test("Who sends nothing is idle after the limit, not before; who sends or waits is not")
  func idle() {
    var waiting = Waiting()
    #expect(waiting.look(at: 100 * second, isWaiting: false, patience) == .stays)
    #expect(waiting.look(at: 109 * second, isWaiting: false, patience) == .stays)
    waiting.hear()
    #expect(waiting.look(at: 111 * second, isWaiting: false, patience) == .stays)
    #expect(waiting.look(at: 120 * second, isWaiting: true, patience) == .stays)
    #expect(waiting.look(at: 129 * second, isWaiting: false, patience) == .stays)
    #expect(waiting.look(at: 130 * second, isWaiting: false, patience) == .isIdle)
    var free = Waiting()
    let endless = Patience(idle: .zero, write: .seconds(4))
    #expect(free.look(at: second, isWaiting: false, endless) == .stays)
    #expect(free.look(at: .max, isWaiting: false, endless) == .stays)
  }

  @Test("Who takes nothing of its replies is stalled after the limit; any byte taken starts it anew")
  func stalled() {
    var waiting = Waiting()
    #expect(waiting.look(at: 10 * second, progress: 1, untaken: 500, patience) == .stays)
    #expect(waiting.look(at: 13 * second, progress: 1, untaken: 500, patience) == .stays)
    // The client has taken one.
    #expect(waiting.look(at: 15 * second, progress: 1, untaken: 499, patience) == .stays)
    // The system has taken some more.
    #expect(waiting.look(at: 18 * second, progress: 2, untaken: 500, patience) == .stays)
    #expect(waiting.look(at: 21 * second, progress: 2, untaken: 500, patience) == .stays)
    #expect(waiting.look(at: 22 * second, progress: 2, untaken: 500, patience) == .isStalled)
    // With its replies taken it is neither stalled nor idle.
    #expect(waiting.look(at: 23 * second, isWaiting: false, patience) == .stays)
    #expect(waiting.look(at: 24 * second, progress: 3, untaken: 500, patience) == .stays)
    // From then on it is to send something.
    #expect(waiting.look(at: 26 * second, isWaiting: false, patience) == .stays)
    #expect(waiting.look(at: 35 * second, isWaiting: false, patience) == .stays)
    #expect(waiting.look(at: 36 * second, isWaiting: false, patience) == .isIdle)
  }
}
