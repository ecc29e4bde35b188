// A server in this process, for tests that talk to it over sockets.
import Logging
import Martlet
import MartletServer
import MartletTestSupport

/// A server on ports and with a data folder of its own.
struct RunningServer: Sendable {
  let port: Int
  let memcachedPort: Int
  let settings: Settings

  static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  /// Serves while `body` runs, and then stops. Unless changed, the server keeps its writes in the system's hands.
  static func run(
    in folder: TemporaryFolder? = nil, over transport: Settings.TransportChoice = .auto,
    _ change: (inout Settings) -> Void = { _ in },
    _ body: (RunningServer) async throws -> Void
  ) async throws {
    let folder = try folder ?? TemporaryFolder()
    let ports = try RawSocket.freePorts(2)
    var settings = Settings()
    settings.host = ["127.0.0.1"]
    settings.port = ports[0]
    settings.memcachedPort = ports[1]
    settings.dataFolder = folder.path
    settings.durability = .never
    settings.threads = 2
    settings.transport = transport
    change(&settings)
    let running = RunningServer(port: ports[0], memcachedPort: ports[1], settings: settings)
    var failure: (any Error)?
    try await Server(settings: settings, logger: silent).serve {
      do { try await body(running) } catch { failure = error }
    }
    if let failure { throw failure }
    withExtendedLifetime(folder) {}
  }

  func redis(receiveBuffer: Int32? = nil) throws -> RawSocket {
    try RawSocket(port: port, receiveBuffer: receiveBuffer)
  }

  func memcached() throws -> RawSocket { try RawSocket(port: memcachedPort) }
}
