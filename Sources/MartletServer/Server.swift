// The running server: it takes the data folder, serves until it is told to stop, and drains.
// (Frame: it binds nothing yet.)
public import Logging
import UnixSignals

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A server with its settings; ``run()`` is its life.
public final class Server: Sendable {
  private let settings: Settings
  private let logger: Logger

  /// - Parameters:
  ///   - settings: what to serve and how.
  ///   - logger: where the server tells what it does.
  public init(settings: Settings, logger: Logger) {
    self.settings = settings
    self.logger = logger
  }

  /// Serves until the process is told to stop by SIGTERM or SIGINT, then drains and returns.
  /// A second signal while it drains ends the process at once, with 128 and the signal's number as exit status.
  ///
  /// - Throws: ``ServerError`` when it can't start.
  public func run() async throws {
    let folder = try DataFolder(settings.dataFolder)
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
    let (stop, requestStop) = AsyncStream.makeStream(of: Never.self)

    await withTaskGroup { group in
      group.addTask { [logger] in
        var isDraining = false
        for await signal in signals {
          guard !isDraining else { _exit(128 + signal.rawValue) }
          isDraining = true
          logger.info("stopping", metadata: ["signal": "\(signal)"])
          requestStop.finish()
        }
      }
      logger.info("ready", metadata: ["pid": "\(getpid())", "data": "\(folder.path)"])
      for await _ in stop {}
      group.cancelAll()
    }
    // Not before the last write is done may another server have the folder.
    withExtendedLifetime(folder) {}
    logger.info("stopped")
  }
}
