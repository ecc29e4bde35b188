// What the sessions of all lanes share besides the data: settings that commands show and change, the counters, who listens
// to what.

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
  /// Its value isn't shown, so it couldn't be put back: of several settings it is changed last.
  package let isSecret: Bool

  package init(
    _ name: String, isSecret: Bool = false, get: @escaping @Sendable () -> String,
    set: (@Sendable (String) -> String?)? = nil,
    rewritten: (@Sendable () -> (key: String, value: String))? = nil
  ) {
    self.name = name
    self.isSecret = isSecret
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
  /// Who listens to which channels.
  package let channels = Channels()
  /// Who tracks which keys.
  package let tracking: Tracking
  /// Who sees what all say.
  let monitors = Monitors()
  /// Whether clients have to wait.
  let pause = Pause()
  /// How much may wait for a client.
  package let outputLimits = OutputLimits()
  /// How each lane is reached, by its number.
  private let doors = Guarded<[any LaneDoor]>([])
  private let attentionBox = Atomic<UInt32>(0)
  private let eventClassesBox = Atomic<UInt32>(0)
  private let memoryLimitBox = Atomic<Int>(0)
  private let evictionPolicyBox = Atomic<UInt8>(0)
  private let hasEvictedBox = Atomic<Bool>(false)
  private let firstEviction = Mutex<@Sendable () -> Void>({})
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
    tracking = Tracking(clients)
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

  /// Whether commands are printed.
  package var logsCommands: Bool {
    get { attention.contains(.log) }
    set { attend(.log, newValue) }
  }

  /// Requests that take this many microseconds are entered in the slow log; none, if it is negative.
  package var slowLogThreshold: Int64 {
    get { slowLog.threshold }
    set {
      slowLog.threshold = newValue
      attend(.time, newValue >= 0 && newValue < TimingRules.quickBound)
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

  /// What is done about all requests and changes besides running and making them.
  var attention: Attention {
    @inline(__always) get { Attention(rawValue: attentionBox.load(ordering: .relaxed)) }
  }

  /// Begins or ends to do something about requests.
  func attend(_ what: Attention, _ isOn: Bool) {
    if isOn {
      attentionBox.bitwiseOr(what.rawValue, ordering: .sequentiallyConsistent)
    } else {
      attentionBox.bitwiseAnd(~what.rawValue, ordering: .sequentiallyConsistent)
    }
  }

  /// The events of keys that are told.
  package var eventClasses: KeyEventClasses {
    get { KeyEventClasses(rawValue: eventClassesBox.load(ordering: .relaxed)) }
    set {
      eventClassesBox.store(newValue.rawValue, ordering: .sequentiallyConsistent)
      let areTold = !newValue.isDisjoint(with: [.toKey, .toEvent])
      attend(.events, areTold)
      attend(.misses, areTold && newValue.contains(.missed))
    }
  }

  // MARK: Lanes

  /// Enters a lane; its number, for `ClientRecord.settle`.
  package func addDoor(_ door: any LaneDoor) -> Int {
    doors.withLock { doors in
      doors.append(door)
      return doors.count - 1
    }
  }

  /// Lets go of the lanes, which have ended.
  package func removeDoors() { doors.withLock { $0 = [] } }

  /// How the lane of a client is reached; nil for a client of none.
  func door(_ client: ClientRecord) -> (any LaneDoor)? {
    doors.withLock { doors in
      let lane = client.lane
      return lane < doors.count ? doors[lane] : nil
    }
  }

  /// What ends the server, in order.
  package func onStopRequest(_ stop: @escaping @Sendable () -> Void) { self.stop.withLock { $0 = stop } }

  /// Has the server end, in order.
  func requestStop() { stop.withLock { $0 }() }

  /// Has database 0 emptied at a time in milliseconds since 1970, instead of at one asked for before; 0 for never.
  func scheduleFlush(at time: Int64) { scheduledFlush.store(time, ordering: .relaxed) }

  var isFlushScheduled: Bool { scheduledFlush.load(ordering: .relaxed) != 0 }

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
  /// - Parameters:
  ///   - isOptional: without the file there are none; otherwise that is an error.
  ///   - own: the client that asks for it.
  /// - Returns: whether that client is to be closed, because it may no more do what it does.
  @discardableResult
  package func loadUsers(isOptional: Bool = false, by own: ClientRecord? = nil) throws(UsersNotLoaded)
    -> Bool
  {
    guard let path = usersPath else { return false }
    let text: [UInt8]
    do {
      text = try SecretFile.bytes(path, atMost: UsersFile.maximumBytes)
    } catch {
      if isOptional && error.isAbsence { return false }
      throw UsersNotLoaded(description: "Error loading ACLs, opening file '\(path)': \(error.reason)")
    }
    let gone: [User]
    do { gone = try users.load(text.span.raw, path) } catch {
      throw UsersNotLoaded(description: error.description)
    }
    var closesOwn = false
    for user in gone + users.all where noteChange(of: user, by: own) { closesOwn = true }
    return closesOwn
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
