// The life of a server.
import Logging
import Martlet
import MartletServer
import MartletTestSupport
import Testing

@Suite("A server starts only where it can work")
struct ServerTests {
  @Test("It is refused a data folder that another server has")
  func folderInUse() async throws {
    let parent = try TemporaryFolder()
    let other = try DataFolder(parent.path)
    var settings = Settings()
    settings.dataFolder = parent.path
    let server = Server(settings: settings, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    await #expect(throws: ServerError.self) { try await server.run() }
    withExtendedLifetime(other) {}
  }
}
