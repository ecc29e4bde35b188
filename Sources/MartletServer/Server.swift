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
  /// Files that the server has open besides its clients' sockets, with some to spare for checkpoints and checks.
  private static let filesOfAll = 64
  private static let filesOfThread = 4

  let settings: Settings
  private let logger: Logger
  private let store = Mutex<StoreCore?>(nil)
  private let userList = Mutex<UserList?>(nil)
  /// Ends the server, in order.
  private let stopRequest = Mutex<@Sendable () -> Void>({})
  private let events: Events

  /// What is done at certain times of a server's life.
  public struct Events: Sendable {
    /// When the ports are bound and nothing else has been done: the time to become another user. Throws if the server
    /// is not to go on.
    public var hasBound: @Sendable () throws -> Void = {}
    /// When clients are served.
    public var isReady: @Sendable () -> Void = {}

    /// Nothing is done.
    public init() {}
  }

  /// - Parameters:
  ///   - settings: what to serve and how.
  ///   - logger: where the server tells what it does.
  ///   - events: what is done at certain times of the server's life.
  public init(settings: Settings, logger: Logger, events: Events = Events()) {
    self.settings = settings
    self.logger = logger
    self.events = events
  }

  /// Serves until the process is told to stop by SIGTERM or SIGINT, then drains and returns. SIGUSR1 has the database
  /// file rewritten, SIGHUP the file of users read anew.
  /// A second signal while it drains ends the process at once, with 128 and the signal's number as exit status.
  ///
  /// - Throws: ``ServerError`` when it can't start.
  public func run() async throws {
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sigusr1, .sighup)
    let (stop, requestStop) = AsyncStream.makeStream(of: Never.self)
    let listening = Task { [self] in
      var isDraining = false
      for await signal in signals {
        if signal == .sigusr1 {
          _ = store.withLock { $0?.checkpointer.request() }
          continue
        }
        if signal == .sighup {
          userList.withLock { $0 }?.reload()
          continue
        }
        guard !isDraining else { _exit(128 + signal.rawValue) }
        isDraining = true
        logger.info("stopping", metadata: ["signal": "\(signal)"])
        requestStop.finish()
      }
    }
    defer { listening.cancel() }
    stopRequest.withLock { $0 = { requestStop.finish() } }
    try await serve { for await _ in stop {} }
  }

  /// Serves until `untilStopped` returns, then drains and returns.
  ///
  /// - Throws: ``ServerError`` when it can't start.
  public func serve(untilStopped: () async -> Void) async throws {
    let userList = try UserList(settings, logger)
    let folder: DataFolder
    let store: StoreCore
    let limit = clientLimit()
    let ports = try bind(settings.listeners.filter { $0.path == nil })
    try events.hasBound()
    let start = ContinuousClock.now
    ProcessFacts.returnFreedMemory()
    do {
      folder = try DataFolder(settings.dataFolder)
      store = try StoreCore.open(
        folder, durability: settings.durability, threads: settings.threads, databases: settings.databases,
        policy: policy, limits: settings.collections, progress: loadingProgress())
    } catch {
      throw ServerError(error)
    }
    let loadTime = ContinuousClock.now - start
    warnOfTornTail(store.report, folder)
    let context = makeContext(store, userList.users, limit)
    context.usersPath = folder.file(UsersFile.name)
    do { try context.loadUsers(isOptional: true) } catch {
      throw ServerError.usersNotReadable(path: folder.file(UsersFile.name), reason: error.description)
    }
    logCheckpoints(store)
    store.start()
    fitMemory(store, context)
    self.store.withLock { $0 = store }
    self.userList.withLock { $0 = userList }
    defer {
      self.store.withLock { $0 = nil }
      self.userList.withLock { $0 = nil }
    }
    let transport: any Transport
    let reception = Reception(store: store, context: context, settings: settings, logger: logger)
    do {
      transport = try reception.makeTransport()
    } catch {
      store.stop()
      throw error
    }
    context.parameters = parameters(context, store, reception.patience, transport)
    context.onRewrite { [settings, unowned context] in
      SettingsRewriting.rewrite(settings.configFile, context.parameters)
    }
    context.setFacts { [settings, name = transport.name] in Self.facts(settings, transport: name) }
    let addresses: [String]
    do {
      addresses = try await listen(transport, ports)
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
    events.isReady()
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

  // MARK: Listening

  /// Binds what the settings say. Ports are bound before the database is loaded: one in use is known at once then.
  /// Unix sockets aren't, since nobody could tell their files from those of a server that is gone.
  private func bind(_ listeners: [Listener]) throws(ServerError) -> [ListeningSocket] {
    var sockets: [ListeningSocket] = []
    for listener in listeners {
      do {
        sockets += try ListeningSocket.bind(listener)
      } catch .cannotBind(_, _, let reason) where listener.isOptional {
        logger.debug("no IPv6", metadata: ["address": "\(listener.text)", "reason": "\(reason)"])
      }
    }
    return sockets
  }

  /// Listens, and has the transport accept; the addresses, as the log shows them.
  private func listen(_ transport: any Transport, _ ports: [ListeningSocket]) async throws -> [String] {
    let sockets = try ports + bind(settings.listeners.filter { $0.path != nil })
    for socket in sockets { try socket.listen(backlog: settings.backlog) }
    for socket in sockets { try await transport.accept(on: socket) }
    return [WireProtocol.redis, .memcached].compactMap { wire in
      let places = sockets.filter { $0.wire == wire }.map(\.listener.text)
      return places.isEmpty ? nil : "\(wire.rawValue) on \(places.uniqued.joined(separator: " and "))"
    }
  }

  /// How many clients there may be: what the settings say, or as many as the system allows files.
  private func clientLimit() -> Int {
    let own = ownFiles
    let allowed = Sockets.allowFiles(settings.maxConnections + own)
    guard allowed < settings.maxConnections + own else { return settings.maxConnections }
    let limit = max(1, allowed - own)
    logger.warning(
      """
      no more than \(limit) clients can be served at once, not \(settings.maxConnections) \
      (\(Setting.maxConnections.option)): the system allows this process \(allowed) open files; allow it \
      \(settings.maxConnections + own) (`ulimit -n`, or LimitNOFILE= of systemd), or ask for fewer clients
      """)
    return limit
  }

  /// The files that aren't clients' sockets, at most.
  var ownFiles: Int { Self.filesOfAll + Self.filesOfThread * settings.threads }

  // MARK: What commands know of the server

  private func makeContext(_ store: StoreCore, _ users: Users, _ clientLimit: Int) -> ServerContext {
    let log = CommandLog()
    var rules = MemcachedRules()
    rules.requiresSASL = settings.memcachedSASL
    rules.allowsFlush = settings.memcachedFlush
    rules.allowsShutdown = settings.memcachedShutdown
    rules.allowsWatch = settings.memcachedWatch
    let context = ServerContext(users: users, memcached: rules) { log.print($0, $1) }
    context.memoryLimit = settings.memoryLimit
    context.evictionPolicy = settings.eviction
    context.onFirstEviction { [logger] in
      logger.notice(
        "the memory limit is reached: evicting from now on (\(context.evictionPolicy.rawValue))",
        metadata: ["limit": "\(context.memoryLimit)"])
    }
    context.logsCommands = settings.logCommands
    context.slowLogThreshold = Int64(settings.slowLogThreshold)
    context.slowLog.limit = settings.slowLogLength
    context.latency.threshold = Int64(settings.latencyThreshold)
    context.debugPermission = ServerContext.DebugPermission(rawValue: settings.debugCommand.rawValue) ?? .no
    _ = context.outputLimits.set(settings.outputLimits, parseSize: ByteSize.parse)
    context.eventClasses = KeyEventClasses(letters: settings.keyEvents) ?? []
    context.tracking.maximumKeys = settings.trackedKeys == 0 ? .max : settings.trackedKeys
    context.clients.limit = clientLimit
    context.onStopRequest { [self] in stopRequest.withLock { $0 }() }
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
      ("Server", "io_threads_active", settings.threads > 1 ? "1" : "0"),
      ("Server", "executable", CommandLine.arguments.first ?? ""),
      ("Server", "config_file", settings.configFile ?? ""),
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

extension [String] {
  /// Each of them once, in their order.
  fileprivate var uniqued: [String] {
    reduce(into: []) { unique, text in if !unique.contains(text) { unique.append(text) } }
  }
}
