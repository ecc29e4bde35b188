// The running server: it takes the data folder, reads the database back, listens, serves until it is told to stop, and
// then drains, syncs and ends.
public import Logging
import Martlet
import NIOCore
import Synchronization
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
  /// How often loading says how far it is.
  private static let progressInterval: Int64 = 2_000_000_000

  private let settings: Settings
  private let logger: Logger
  private let store = Mutex<StoreCore?>(nil)

  /// - Parameters:
  ///   - settings: what to serve and how.
  ///   - logger: where the server tells what it does.
  public init(settings: Settings, logger: Logger) {
    self.settings = settings
    self.logger = logger
  }

  /// Serves until the process is told to stop by SIGTERM or SIGINT, then drains and returns. SIGUSR1 has the database
  /// file rewritten.
  /// A second signal while it drains ends the process at once, with 128 and the signal's number as exit status.
  ///
  /// - Throws: ``ServerError`` when it can't start.
  public func run() async throws {
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sigusr1)
    let (stop, requestStop) = AsyncStream.makeStream(of: Never.self)
    let listening = Task { [self] in
      var isDraining = false
      for await signal in signals {
        if signal == .sigusr1 {
          _ = store.withLock { $0?.checkpointer.request() }
          continue
        }
        guard !isDraining else { _exit(128 + signal.rawValue) }
        isDraining = true
        logger.info("stopping", metadata: ["signal": "\(signal)"])
        requestStop.finish()
      }
    }
    defer { listening.cancel() }
    try await serve { for await _ in stop {} }
  }

  /// Serves until `untilStopped` returns, then drains and returns.
  ///
  /// - Throws: ``ServerError`` when it can't start.
  public func serve(untilStopped: () async -> Void) async throws {
    let folder: DataFolder
    let store: StoreCore
    let start = ContinuousClock.now
    ProcessFacts.returnFreedMemory()
    do {
      folder = try DataFolder(settings.dataFolder)
      store = try StoreCore.open(
        folder, durability: settings.durability, threads: settings.threads, databases: settings.databases,
        policy: policy, progress: loadingProgress())
    } catch {
      throw ServerError(error)
    }
    let loadTime = ContinuousClock.now - start
    warnOfTornTail(store.report, folder)
    let context = makeContext(store)
    logCheckpoints(store)
    store.start()
    fitMemory(store, context)
    self.store.withLock { $0 = store }
    defer { self.store.withLock { $0 = nil } }
    let transport: any Transport
    do {
      transport = try Reception(store: store, context: context, settings: settings, logger: logger)
        .makeTransport()
    } catch {
      store.stop()
      throw error
    }
    context.setFacts { [settings, name = transport.name] in Self.facts(settings, transport: name) }
    let addresses: [String]
    do {
      addresses = try await listen(transport)
    } catch {
      // One port may be open already: nobody is to be told that a write is kept which nothing writes any more.
      await transport.refuseWrites()
      store.stop()
      await transport.stop()
      throw error
    }
    logger.info(
      "ready: \(addresses.joined(separator: ", ")); \(folder.file(DatabaseFile.name)): \(store.keyCount) keys loaded in \(loadTime.seconds); \(transport.name)"
    )
    await untilStopped()
    await transport.drain()
    await transport.refuseWrites()
    store.stop()
    await transport.stop()
    if let failure = store.journal.failure {
      throw ServerError.databaseNotWritten(reason: failure.description)
    }
    // Not before the last write is done may another server have the folder.
    withExtendedLifetime(folder) {}
    logger.info("stopped: everything is written")
  }

  private var policy: CheckpointPolicy {
    var policy = CheckpointPolicy()
    policy.growthPercent = settings.checkpointGrowth
    policy.minimumBytes = settings.checkpointMinSize
    policy.maximumAge = settings.checkpointAge.components.seconds * 1000
    policy.keptFiles = settings.keepFiles
    return policy
  }

  /// Tells now and then how far the loading is, if it takes long.
  private func loadingProgress() -> (Int, Int) -> Void {
    let logger = logger
    var next = WallClock.monotonicNanoseconds() + Self.progressInterval
    return { done, total in
      let now = WallClock.monotonicNanoseconds()
      guard now >= next, total > 0 else { return }
      next = now + Self.progressInterval
      logger.info("loading: \(done / (total / 100 + 1)) % of \(total >> 20) MiB")
    }
  }

  /// Evicts, or warns, when what was loaded is more than the memory limit.
  private func fitMemory(_ store: StoreCore, _ context: ServerContext) {
    let loaded = store.keyspace.residentBytes
    guard settings.memoryLimit > 0 && loaded > settings.memoryLimit else { return }
    let facts: Logger.Metadata = ["bytes": "\(loaded)", "limit": "\(settings.memoryLimit)"]
    if settings.eviction == .none {
      return logger.warning(
        "the database is larger than the memory limit: writes are refused until keys are deleted, or --memory-limit is raised, or --evict allows to make room",
        metadata: facts)
    }
    var execution = Execution(store, context, seed: 0)
    let evicted = execution.evictAll()
    logger.warning(
      "the database was larger than the memory limit: \(evicted) keys have been evicted", metadata: facts)
  }

  private func logCheckpoints(_ store: StoreCore) {
    let logger = logger
    store.checkpointer.onEvent { event in
      switch event {
      case .began(let version): logger.debug("checkpoint begins", metadata: ["version": "\(version)"])
      case .finished(let version, let bytes, let milliseconds):
        logger.info("checkpoint: version \(version), \(bytes) bytes, in \(milliseconds) ms")
      case .failed(let reason):
        logger.warning("the checkpoint failed: \(reason); the database file in use is as good as before")
      }
    }
  }

  private func warnOfTornTail(_ report: RecoveryReport, _ folder: DataFolder) {
    if report.hasRemovedUnfinishedCheckpoint {
      logger.info("removed \(folder.file(DatabaseFile.unfinishedName)): a checkpoint that was not finished")
    }
    guard report.droppedBytes > 0 else { return }
    let kept =
      report.droppedCopy.map { "; it held whole batches, so it is kept in \($0)" }
      ?? ": the end of a write that was cut off"
    logger.warning(
      """
      dropped \(report.droppedBytes) bytes from line \(report.droppedFromLine) of \
      \(folder.file(DatabaseFile.name)) on\(kept)
      """)
  }

  /// Listens wherever the settings say; the addresses, as the log shows them.
  private func listen(_ transport: any Transport) async throws -> [String] {
    var shown: [String] = []
    for (wire, port) in [(WireProtocol.redis, settings.port), (.memcached, settings.memcachedPort)]
    where port != 0 {
      var hosts: [String] = []
      for host in settings.host {
        do {
          try await transport.listen(host, port, wire)
          hosts.append(host)
        } catch ServerError.cannotBind(_, _, let reason) where host == "::1" && settings.host.count > 1 {
          // Many machines have no IPv6; the default addresses don't insist on it.
          logger.debug("no IPv6 loopback", metadata: ["reason": "\(reason)"])
        }
      }
      shown.append(
        "\(wire.rawValue) on \(hosts.map { "\($0.contains(":") ? "[\($0)]" : $0):\(port)" }.joined(separator: " and "))"
      )
    }
    return shown
  }

  // MARK: What commands know of the server

  private func makeContext(_ store: StoreCore) -> ServerContext {
    let log = CommandLog()
    let context = ServerContext(password: settings.password?.text) { log.print($0, $1) }
    context.memoryLimit = settings.memoryLimit
    context.evictionPolicy = settings.eviction
    context.onFirstEviction { [logger] in
      logger.notice(
        "the memory limit is reached: evicting from now on (\(context.evictionPolicy.rawValue))",
        metadata: ["limit": "\(context.memoryLimit)"])
    }
    context.logsCommands = settings.logCommands
    context.parameters = parameters(context, store)
    return context
  }

  /// What `INFO` tells besides what the store knows.
  private static func facts(
    _ settings: Settings, transport: String
  ) -> [(section: String, name: String, value: String)] {
    [
      ("Server", "multiplexing_api", transport),
      ("Server", "tcp_port", "\(settings.port)"),
      ("Server", "memcached_port", "\(settings.memcachedPort)"),
      ("Server", "process_id", "\(getpid())"),
      ("Server", "io_threads", "\(settings.threads)"),
      ("Clients", "maxclients", "\(settings.maxConnections)"),
    ]
  }

  /// The settings under Redis's names, where they mean the same, and under our own elsewhere.
  private func parameters(_ context: ServerContext, _ store: StoreCore) -> [ConfigParameter] {
    let settings = settings
    func fixed(_ name: String, _ value: String) -> ConfigParameter { ConfigParameter(name) { value } }
    return [
      fixed("appendfsync", settings.durability == .never ? "no" : settings.durability.rawValue),
      fixed("appendonly", "yes"),
      ConfigParameter(
        "auto-aof-rewrite-min-size", get: { "\(store.checkpointer.policy.minimumBytes)" }
      ) { value in
        guard let bytes = ByteSize.parse(value), bytes > 0 else { return "argument must be a memory value" }
        store.checkpointer.policy.minimumBytes = bytes
        return nil
      },
      ConfigParameter(
        "auto-aof-rewrite-percentage", get: { "\(store.checkpointer.policy.growthPercent)" }
      ) { value in
        guard let percent = Int(value), (0...100_000).contains(percent) else {
          return "argument must be between 0 and 100000 inclusive"
        }
        store.checkpointer.policy.growthPercent = percent
        return nil
      },
      fixed("bind", settings.host.joined(separator: " ")),
      fixed("databases", "\(settings.databases)"),
      fixed("dir", settings.dataFolder),
      fixed("io-threads", "\(settings.threads)"),
      ConfigParameter("log-commands", get: { context.logsCommands ? "yes" : "no" }) { value in
        guard let isOn = ["yes": true, "no": false][value] else { return "argument must be 'yes' or 'no'" }
        context.logsCommands = isOn
        return nil
      },
      fixed("loglevel", settings.logLevel.rawValue),
      fixed("max-key-bytes", "\(settings.maxKeyBytes ?? SessionLimits.redis.keyBytes)"),
      fixed("max-value-bytes", "\(settings.maxValueBytes ?? SessionLimits.redis.valueBytes)"),
      fixed("maxclients", "\(settings.maxConnections)"),
      ConfigParameter("maxmemory", get: { "\(context.memoryLimit)" }) { value in
        guard let bytes = ByteSize.parse(value), bytes >= 0 else { return "argument must be a memory value" }
        context.memoryLimit = bytes
        return nil
      },
      ConfigParameter("maxmemory-policy", get: { context.evictionPolicy.redisName }) { value in
        guard let policy = EvictionPolicy(redisName: value) else {
          let names = EvictionPolicy.allCases.map(\.redisName).joined(separator: ", ")
          return "argument(s) must be one of the following: \(names)"
        }
        context.evictionPolicy = policy
        return nil
      },
      fixed("memcached-port", "\(settings.memcachedPort)"),
      fixed("port", "\(settings.port)"),
      fixed("proto-max-bulk-len", "\(settings.maxValueBytes ?? SessionLimits.redis.valueBytes)"),
      fixed("protected-mode", settings.protectedMode ? "yes" : "no"),
      fixed("save", ""),
    ]
  }
}

extension Settings.TransportChoice {
  /// The transports that this machine has.
  package static var available: [Self] {
    #if os(Linux)
      if UringTransport.isAvailable { return [.ioUring, .nio] }
    #endif
    return [.nio]
  }
}

extension Duration {
  /// Seconds with three decimals: `0.012 s`.
  fileprivate var seconds: String {
    let milliseconds = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    let rest = "\(milliseconds % 1000)"
    return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest + " s"
  }
}
