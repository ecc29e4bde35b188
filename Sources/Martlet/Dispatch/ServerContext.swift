// What the sessions of all lanes share besides the data: settings that commands show and change, the connected
// clients, the counters.

internal import Synchronization

/// A setting as `CONFIG GET` and `CONFIG SET` see it.
package struct ConfigParameter: Sendable {
  package let name: String
  package let get: @Sendable () -> String
  /// Takes a new value; why not, if it can't. Nil when the setting can't be changed while the server runs.
  package let set: (@Sendable (String) -> String?)?
  /// The key in the configuration file that `CONFIG REWRITE` writes, and the value as it has to be there; nil for what isn't
  /// a setting of the file.
  package let rewritten: (@Sendable () -> (key: String, value: String))?

  package init(
    _ name: String, get: @escaping @Sendable () -> String, set: (@Sendable (String) -> String?)? = nil,
    rewritten: (@Sendable () -> (key: String, value: String))? = nil
  ) {
    self.name = name
    self.get = get
    self.set = set
    self.rewritten = rewritten
  }
}

/// The bounds that a session checks, fixed for its life.
package struct SessionLimits: Sendable {
  private let keyLimit: UInt32
  private let valueLimit: UInt32

  /// - Parameters:
  ///   - keyBytes: the longest key, in bytes; less than 4 GiB.
  ///   - valueBytes: the longest value, in bytes; less than 4 GiB.
  package init(keyBytes: Int, valueBytes: Int) {
    keyLimit = UInt32(keyBytes)
    valueLimit = UInt32(valueBytes)
  }

  /// The longest key, in bytes.
  package var keyBytes: Int { Int(keyLimit) }
  /// The longest value, in bytes.
  package var valueBytes: Int { Int(valueLimit) }

  /// What Redis clients expect: 512 MiB for both.
  package static let redis = SessionLimits(keyBytes: Limits.keyBytes, valueBytes: Limits.valueBytes)
  /// What memcached clients expect: keys to 250 bytes, values to 1 MiB.
  package static let memcached = SessionLimits(keyBytes: 250, valueBytes: 1 << 20)
}

/// What one lane has counted. The lane alone writes, anybody reads.
package struct LaneCounters: ~Copyable {
  /// Of the Redis protocol, by the place of a command's declaration: how often it was called, refused and failed, and
  /// how many of the calls were timed, with what they took together.
  let calls = CountArray(count: CommandDeclaration.all.count)
  let rejected = CountArray(count: CommandDeclaration.all.count)
  let failed = CountArray(count: CommandDeclaration.all.count)
  let timed = CountArray(count: CommandDeclaration.all.count)
  let nanoseconds = CountArray(count: CommandDeclaration.all.count)
  private let buckets = LazyCountArray(count: CommandDeclaration.all.count * LatencyBuckets.count)
  /// How often clients were told of errors, by the errors' codes.
  let errors = Guarded<[String: UInt64]>([:])

  init() {}

  deinit {
    for counts in [calls, rejected, failed, timed, nanoseconds] { counts.destroy() }
  }

  /// Notes how long one call took.
  func noteTime(_ command: Int, nanoseconds duration: Int64) {
    timed.add(command)
    nanoseconds.add(command, UInt64(max(0, duration)))
    buckets.add(command * LatencyBuckets.count + LatencyBuckets.index(duration))
  }

  /// Adds how many calls of a command were timed in each bucket.
  func addBuckets(_ command: Int, to sums: inout [UInt64]) {
    buckets.add(command * LatencyBuckets.count..<(command + 1) * LatencyBuckets.count, to: &sums)
  }

  package struct Count: ~Copyable {
    private let count = Atomic<UInt64>(0)

    init() {}

    /// Adds without a locked instruction: the lane is the only writer.
    @inline(__always)
    func add(_ amount: UInt64 = 1) {
      count.store(count.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    var value: UInt64 { count.load(ordering: .relaxed) }
  }

  /// Requests of memcached's protocols.
  let commands = Count()
  let gets = Count()
  let hits = Count()
  let misses = Count()
  let sets = Count()
  let touches = Count()
  let touchHits = Count()
  let deleteHits = Count()
  let deleteMisses = Count()
  let incrementHits = Count()
  let incrementMisses = Count()
  let decrementHits = Count()
  let decrementMisses = Count()
  let casHits = Count()
  let casMisses = Count()
  let casMismatches = Count()
  let flushes = Count()
  /// Values that memcached clients sent and that weren't stored: a condition forbade it.
  let unstored = Count()
  let tooLarge = Count()
  let outOfMemory = Count()
  /// Keys that were asked for and had expired.
  let expiredReads = Count()
  let expired = Count()
  let expiredUnfetched = Count()
  let evicted = Count()
  let evictedUnfetched = Count()
  /// How often memcached clients have said who they are, and how often they weren't let in.
  let authentications = Count()
  let failedAuthentications = Count()
  let bytesRead = Count()
  let bytesWritten = Count()
}

/// The counters of one lane at a fixed address, which live as long as their `ServerContext`.
package struct LaneCountersReference: Sendable {
  private let counters = Pinned(LaneCounters())

  fileprivate func destroy() { counters.destroy() }

  var value: LaneCounters {
    @inline(__always) _read { yield counters.value }
  }
}

/// What memcached's clients may do, fixed for a server's life.
package struct MemcachedRules: Sendable {
  /// Whether they have to speak the binary protocol, and say by SASL who they are.
  package var requiresSASL = false
  /// Whether `flush_all` is carried out.
  package var allowsFlush = true
  /// Whether `shutdown` is carried out.
  package var allowsShutdown = false
  /// Whether `watch` is carried out.
  package var allowsWatch = true

  package init() {}
}

/// What all sessions of a server share.
package final class ServerContext: Sendable {
  /// The version of this software.
  package static var version: String { "0.1.0" }
  /// The version of Redis that clients take their behaviour from.
  package static var redisVersion: String { "7.0.15" }

  package let clients = ClientRegistry()
  /// Who waits for data.
  let blockedClients = BlockedClients()
  /// Who watches what memcached's clients do.
  let watchers = Watchers()
  private let memoryLimitBox = Atomic<Int>(0)
  private let evictionPolicyBox = Atomic<UInt8>(0)
  private let hasEvictedBox = Atomic<Bool>(false)
  private let firstEviction = Mutex<@Sendable () -> Void>({})
  /// What each request is to be looked at for, besides being run.
  private let attentionBox = Atomic<UInt8>(0)
  /// Ends the server.
  private let stop = Mutex<@Sendable () -> Void>({})
  /// When database 0 is to be emptied, in milliseconds since 1970; 0 when no such wish is open.
  private let scheduledFlush = Atomic<Int64>(0)
  /// How often expired keys are swept in a second, and what goes with that is done.
  package static var sweepsInSecond: Int { 10 }
  /// What tells this run of the server from all others: 40 hexadecimal digits made by chance.
  let runIdentifier: String = {
    var random = SystemRandomNumberGenerator()
    var text = ByteQueue()
    for _ in 0..<5 {
      let word: UInt32 = random.next()
      text.append(hexadecimal: UInt64(word), width: 8)
    }
    return text.bytes.text
  }()
  package let startTime = WallClock.systemMicroseconds() / 1000
  /// Who may come in.
  package let users: Users
  package let accessLog = AccessLog()
  package let slowLog = SlowLog()
  package let latency = LatencyMonitor()
  let meter = Meter()
  /// What is counted from, since `CONFIG RESETSTAT`.
  let statisticsBase = Guarded(StatisticsBase())
  private let debugPermissionBox = Mutex(DebugPermission.no)
  private let sweepsExpiredBox = Atomic<Bool>(true)
  private let rewrite = Mutex<@Sendable () -> String?>({ "The server is running without a config file" })
  private let usersPathBox = Mutex<String?>(nil)
  private let watchesJournal = Atomic<Bool>(false)
  /// What memcached's clients may do.
  let memcached: MemcachedRules
  private let lanes = Mutex<[LaneCountersReference]>([])
  /// What memcached's `stats` counts from: what had been counted when it was last reset, by the field's name.
  private let statisticsStartBox = Mutex<[String: UInt64]>([:])
  private let parametersBox = Mutex<[ConfigParameter]>([])
  private let logger: @Sendable (_ address: String, _ words: String) -> Void
  /// Facts that the server knows and the store doesn't: a section's name and its fields.
  private let facts = Mutex<@Sendable () -> [(section: String, name: String, value: String)]>({ [] })

  /// - Parameters:
  ///   - users: who may come in.
  ///   - memcached: what memcached's clients may do.
  ///   - logger: prints a command of a client.
  package init(
    users: Users = Users(), memcached: MemcachedRules = MemcachedRules(),
    logger: @escaping @Sendable (_ address: String, _ words: String) -> Void = { _, _ in }
  ) {
    self.users = users
    self.memcached = memcached
    self.logger = logger
  }

  deinit { for lane in lanes.withLock({ $0 }) { lane.destroy() } }

  /// What is evicted when the data takes more than `memoryLimit`.
  package var evictionPolicy: EvictionPolicy {
    get { EvictionPolicy.allCases[Int(evictionPolicyBox.load(ordering: .relaxed))] }
    set {
      let number = EvictionPolicy.allCases.firstIndex(of: newValue) ?? 0
      evictionPolicyBox.store(UInt8(number), ordering: .relaxed)
    }
  }

  /// Sets what is called, once, when the first item is evicted; by any thread, which should not be kept waiting.
  package func onFirstEviction(_ body: @escaping @Sendable () -> Void) {
    firstEviction.withLock { $0 = body }
  }

  @inline(__always)
  func noteEviction() {
    if hasEvictedBox.load(ordering: .relaxed) { return }
    if !hasEvictedBox.exchange(true, ordering: .relaxed) { firstEviction.withLock { $0 }() }
  }

  /// Bytes that the data may take; 0 for no limit.
  package var memoryLimit: Int {
    get { memoryLimitBox.load(ordering: .relaxed) }
    set { memoryLimitBox.store(newValue, ordering: .relaxed) }
  }

  /// What each request is to be looked at for, besides being run. In one word, so that a request asks once.
  struct Attention: OptionSet {
    let rawValue: UInt8

    /// It is printed.
    static let log = Attention(rawValue: 1)
    /// It is timed, whatever it is.
    static let time = Attention(rawValue: 2)
  }

  var attention: Attention {
    @inline(__always) get { Attention(rawValue: attentionBox.load(ordering: .relaxed)) }
  }

  private func set(_ attention: Attention, _ isOn: Bool) {
    if isOn {
      attentionBox.bitwiseOr(attention.rawValue, ordering: .relaxed)
    } else {
      attentionBox.bitwiseAnd(~attention.rawValue, ordering: .relaxed)
    }
  }

  /// Whether commands are printed.
  package var logsCommands: Bool {
    get { attention.contains(.log) }
    set { set(.log, newValue) }
  }

  /// Requests that take this many microseconds are entered in the slow log; none, if it is negative.
  package var slowLogThreshold: Int64 {
    get { slowLog.threshold }
    set {
      slowLog.threshold = newValue
      set(.time, newValue >= 0 && newValue < TimingRules.quickBound)
    }
  }

  /// Has the slow log and the latency monitor hear of a store's journal; once for all lanes.
  func watch(_ journal: Journal) {
    guard !watchesJournal.exchange(true, ordering: .relaxed) else { return }
    journal.onCommit { [slowLog, unowned journal] in slowLog.noteDurable(journal.durable.value) }
    journal.onTime { [latency] step, nanoseconds in
      latency.note(step == .sync ? .sync : .write, nanoseconds: nanoseconds)
    }
  }

  /// What ends the server, in order.
  package func onStopRequest(_ stop: @escaping @Sendable () -> Void) { self.stop.withLock { $0 = stop } }

  /// Has the server end, in order.
  func requestStop() { stop.withLock { $0 }() }

  /// Has database 0 emptied at a time in milliseconds since 1970, instead of at one asked for before; 0 for never.
  func scheduleFlush(at time: Int64) { scheduledFlush.store(time, ordering: .relaxed) }

  /// Whether a scheduled flush is due; it is then no longer scheduled.
  func takeDueFlush(_ now: Int64) -> Bool {
    let time = scheduledFlush.load(ordering: .relaxed)
    guard time != 0 && time <= now else { return false }
    return scheduledFlush.compareExchange(expected: time, desired: 0, ordering: .relaxed).exchanged
  }

  package var parameters: [ConfigParameter] {
    get { parametersBox.withLock { $0 } }
    set { parametersBox.withLock { $0 = newValue } }
  }

  /// How many lanes there are.
  var laneCount: Int { lanes.withLock { $0.count } }

  /// What memcached's `stats` counts from, by the field's name; a field that isn't there counts from 0.
  var statisticsStart: [String: UInt64] {
    get { statisticsStartBox.withLock { $0 } }
    set { statisticsStartBox.withLock { $0 = newValue } }
  }

  /// Where `ACL SAVE` writes the users; nil where no file is kept.
  package var usersPath: String? {
    get { usersPathBox.withLock { $0 } }
    set { usersPathBox.withLock { $0 = newValue } }
  }

  /// Why the file of users can't be loaded.
  package struct UsersNotLoaded: Error, CustomStringConvertible {
    package let description: String
  }

  /// Puts the users of the file in the place of those whom commands have defined.
  ///
  /// - Parameter isOptional: without the file there are none; otherwise that is an error.
  package func loadUsers(isOptional: Bool = false) throws(UsersNotLoaded) {
    guard let path = usersPath else { return }
    let text: [UInt8]
    do {
      text = try SecretFile.bytes(path, atMost: UsersFile.maximumBytes)
    } catch {
      if isOptional && error.isAbsence { return }
      throw UsersNotLoaded(description: "Error loading ACLs, opening file '\(path)': \(error.reason)")
    }
    let gone: [User]
    do { gone = try users.load(text.span.raw, path) } catch {
      throw UsersNotLoaded(description: error.description)
    }
    for user in gone + users.all { clients.noteChange(of: user) }
  }

  /// Whether `DEBUG` is carried out, and for whom.
  package enum DebugPermission: String, Sendable, CaseIterable { case no, yes, local }

  package var debugPermission: DebugPermission {
    get { debugPermissionBox.withLock { $0 } }
    set { debugPermissionBox.withLock { $0 = newValue } }
  }

  func allowsDebug(_ client: ClientRecord) -> Bool {
    switch debugPermission {
    case .no: false
    case .yes: true
    case .local: client.isLocal
    }
  }

  /// Whether expired keys are swept; only `DEBUG` turns that off.
  var sweepsExpired: Bool {
    get { sweepsExpiredBox.load(ordering: .relaxed) }
    set { sweepsExpiredBox.store(newValue, ordering: .relaxed) }
  }

  /// Sets what writes the settings back to where they came from, and returns why it can't.
  package func onRewrite(_ body: @escaping @Sendable () -> String?) { rewrite.withLock { $0 = body } }

  /// Writes the settings back to where they came from; why not, if that can't be.
  func rewriteSettings() -> String? { rewrite.withLock { $0 }() }

  package func setFacts(_ facts: @escaping @Sendable () -> [(section: String, name: String, value: String)]) {
    self.facts.withLock { $0 = facts }
  }

  func currentFacts() -> [(section: String, name: String, value: String)] { facts.withLock { $0 }() }

  func makeLaneCounters() -> LaneCountersReference {
    let made = LaneCountersReference()
    lanes.withLock { $0.append(made) }
    return made
  }

  /// The sum over all lanes of one counter.
  func sum(_ counter: (borrowing LaneCounters) -> UInt64) -> UInt64 {
    lanes.withLock { $0 }.reduce(0) { $0 &+ counter($1.value) }
  }

  /// Calls `body` with the counters of each lane.
  func forEachLane(_ body: (borrowing LaneCounters) -> Void) {
    for lane in lanes.withLock({ $0 }) { body(lane.value) }
  }

  func log(_ address: String, _ words: String) { logger(address, words) }
}

/// One connected client, as `CLIENT LIST` shows it.
package final class ClientRecord: Sendable {
  struct Details {
    /// Who it is; nil for whoever clients are before they have said so.
    var user: User?
    /// All names that it has given itself, or none: most clients never do.
    private var names: [String] = []
    var database: Int32 = 0
    var protocolVersion: UInt8 = 2

    var name: String {
      get { name(0) }
      set { setName(0, newValue) }
    }

    var libraryName: String {
      get { name(1) }
      set { setName(1, newValue) }
    }

    var libraryVersion: String {
      get { name(2) }
      set { setName(2, newValue) }
    }

    private func name(_ index: Int) -> String { names.isEmpty ? "" : names[index] }

    private mutating func setName(_ index: Int, _ name: String) {
      if names.isEmpty && !name.isEmpty { names = ["", "", ""] }
      if !names.isEmpty { names[index] = name }
    }
  }

  // In an order that leaves little room between them.
  package let id: Int
  let connectedAt: Int64
  private let lastActive: Atomic<Int64>
  private let details: Mutex<Details>
  private let isWaitingBox = Atomic<Bool>(false)
  /// The place of the last command's declaration; −1 for none yet.
  private let lastCommand = Atomic<Int16>(-1)
  /// Whether something has to be looked at before the client may run a request.
  private let isGuardedBox = Atomic<Bool>(true)
  private let endpoint: Endpoint
  private let transactionLengthBox = Atomic<Int32>(-1)
  private let localEndpoint: Endpoint

  init(id: Int, endpoint: Endpoint, localEndpoint: Endpoint) {
    self.id = id
    self.endpoint = endpoint
    self.localEndpoint = localEndpoint
    connectedAt = WallClock.systemMicroseconds() / 1000
    details = Mutex(Details())
    lastActive = Atomic(connectedAt)
  }

  /// Its address with its port; for a Unix socket the path, as Redis shows it.
  package var address: String { endpoint.text }

  /// Whether it comes from this machine.
  var isLocal: Bool { endpoint.isLocal }

  /// The address that it has connected to.
  var localAddress: String { localEndpoint.text }

  /// Reads or changes what may change of a client.
  func update<Result: Sendable>(_ body: (inout Details) -> Result) -> Result {
    details.withLock { details in body(&details) }
  }

  /// Whether what the client asks for is to be compared with what its user may do; not if that is everything.
  var isGuarded: Bool {
    @inline(__always) get { isGuardedBox.load(ordering: .relaxed) }
  }

  /// Makes the client a user, or with nil nobody.
  func become(_ user: User?) {
    details.withLock { details in
      details.user = user
      noteRules(of: user)
    }
  }

  /// Notes what a user's rules have become, if it is this client's.
  func noteChange(of user: User) {
    details.withLock { details in if details.user === user { noteRules(of: user) } }
  }

  private func noteRules(of user: User?) {
    isGuardedBox.store(!(user?.isUnrestricted ?? false) || user?.isRemoved == true, ordering: .relaxed)
  }

  /// Notes that the client has sent something just now.
  func noteActivity() { lastActive.store(WallClock.coarseMilliseconds(), ordering: .relaxed) }

  /// Notes which command the client runs.
  @inline(__always)
  func noteCommand(_ index: Int) { lastCommand.store(Int16(truncatingIfNeeded: index), ordering: .relaxed) }

  /// Whether a request of the client waits for something.
  package internal(set) var isWaiting: Bool {
    get { isWaitingBox.load(ordering: .relaxed) }
    set { isWaitingBox.store(newValue, ordering: .relaxed) }
  }

  /// How many commands the client has queued; −1 outside a transaction.
  var transactionLength: Int {
    get { Int(transactionLengthBox.load(ordering: .relaxed)) }
    set { transactionLengthBox.store(Int32(newValue), ordering: .relaxed) }
  }

  /// How long ago it has last sent something, in seconds.
  var idleSeconds: Int64 {
    max(0, WallClock.systemMicroseconds() / 1000 - lastActive.load(ordering: .relaxed)) / 1000
  }

  /// The line of `CLIENT LIST`, with Redis's field names.
  var line: String {
    let now = WallClock.systemMicroseconds() / 1000
    let command = Int(lastCommand.load(ordering: .relaxed))
    let commandName = command < 0 ? "NULL" : CommandDeclaration.all[command].shownName
    let idle = idleSeconds
    let queued = transactionLength
    let states = (queued >= 0 ? "x" : isWaiting ? "b" : "") + (endpoint.isUnixSocket ? "U" : "")
    let flags = states.isEmpty ? "N" : states
    return details.withLock { details in
      "id=\(id) addr=\(address) laddr=\(localAddress) fd=-1 name=\(details.name) "
        + "age=\((now - connectedAt) / 1000) idle=\(idle) flags=\(flags) "
        + "db=\(details.database) sub=0 psub=0 ssub=0 multi=\(queued) cmd=\(commandName) "
        + "user=\(details.user?.name ?? Users.defaultName) redir=-1 resp=\(details.protocolVersion) lib-name=\(details.libraryName) lib-ver=\(details.libraryVersion)"
    }
  }
}

/// The connected clients of all lanes.
package final class ClientRegistry: Sendable {
  private struct State {
    var clients: [Int: ClientRecord] = [:]
    var lastID = 0
    /// How many may be connected at once.
    var limit = Int.max
    var rejected = 0
    var idle = 0
  }

  private let state = Mutex(State())

  package init() {}

  /// Enters a client; nil, which is counted, when there are as many as there may be.
  package func connect(from endpoint: Endpoint, to localEndpoint: Endpoint) -> ClientRecord? {
    state.withLock { state in
      guard state.clients.count < state.limit else {
        state.rejected += 1
        return nil
      }
      return Self.enter(endpoint, localEndpoint, &state)
    }
  }

  /// Enters a client, however many there are.
  package func connect(from address: String, to localAddress: String) -> ClientRecord {
    state.withLock { Self.enter(.other(address), .other(localAddress), &$0) }
  }

  private static func enter(
    _ endpoint: Endpoint, _ localEndpoint: Endpoint, _ state: inout State
  ) -> ClientRecord {
    state.lastID += 1
    let record = ClientRecord(id: state.lastID, endpoint: endpoint, localEndpoint: localEndpoint)
    state.clients[record.id] = record
    return record
  }

  /// How many may be connected at once.
  package var limit: Int {
    get { state.withLock { $0.limit } }
    set { state.withLock { $0.limit = newValue } }
  }

  /// How many were turned away because there were as many as there may be.
  package var rejectedCount: Int { state.withLock { $0.rejected } }

  /// Notes that one is closed because it has sent nothing for too long.
  package func noteIdle() { state.withLock { $0.idle += 1 } }

  /// How many were closed because they had sent nothing for too long.
  package var idleCount: Int { state.withLock { $0.idle } }

  package func disconnect(_ client: ClientRecord) {
    state.withLock { state in _ = state.clients.removeValue(forKey: client.id) }
  }

  package var count: Int { state.withLock { $0.clients.count } }

  /// How many there have been since the start.
  package var total: Int { state.withLock { $0.lastID } }

  /// How many of them wait for something.
  package var waitingCount: Int {
    state.withLock { state in state.clients.values.reduce(0) { $0 + ($1.isWaiting ? 1 : 0) } }
  }

  /// Has all clients that are a user heed its new rules.
  func noteChange(of user: User) { for client in all { client.noteChange(of: user) } }

  /// All clients by age.
  var all: [ClientRecord] { state.withLock { $0.clients.values.sorted { $0.id < $1.id } } }
}
