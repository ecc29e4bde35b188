// What the sessions of all lanes share besides the data: settings that commands show and change, the connected
// clients, the counters.

internal import Synchronization

/// A setting as `CONFIG GET` and `CONFIG SET` see it.
package struct ConfigParameter: Sendable {
  package let name: String
  package let get: @Sendable () -> String
  /// Takes a new value; why not, if it can't. Nil when the setting can't be changed while the server runs.
  package let set: (@Sendable (String) -> String?)?

  package init(
    _ name: String, get: @escaping @Sendable () -> String, set: (@Sendable (String) -> String?)? = nil
  ) {
    self.name = name
    self.get = get
    self.set = set
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
  package let startTime = WallClock.systemMicroseconds() / 1000
  /// Who may come in.
  package let users: Users
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

  /// What is done about requests besides running them, if anything is.
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

  func log(_ address: String, _ words: String) { logger(address, words) }
}

/// One connected client, as `CLIENT LIST` shows it.
package final class ClientRecord: Sendable {
  struct Details {
    /// Who it is; nil for whoever clients are before they have said so.
    var user: User?
    /// What few clients have.
    private var seldom: SeldomKnown?
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

    private func name(_ index: Int) -> String { seldom?.names[index] ?? "" }

    private mutating func setName(_ index: Int, _ name: String) {
      if seldom != nil || !name.isEmpty { known.names[index] = name }
    }

    /// What waits for it, if it has ever asked for something.
    var queue: PushQueue? {
      get { seldom?.queue }
      set { known.queue = newValue }
    }

    /// What few clients have asked for.
    var marks: ClientMarks {
      get { seldom?.marks ?? [] }
      set { if !newValue.isEmpty || seldom != nil { known.marks = newValue } }
    }

    /// Whether it listens to something.
    var listens: Bool { subscriptionCounts != (0, 0, 0) }

    /// How it tracks; nil if it doesn't.
    var tracker: Tracker? {
      get { seldom?.tracker }
      set { if newValue != nil || seldom != nil { known.tracker = newValue } }
    }

    /// How many channels, patterns and shard channels it listens to.
    var subscriptionCounts: (channels: Int, patterns: Int, shardChannels: Int) {
      get { seldom?.subscriptionCounts ?? (0, 0, 0) }
      set { known.subscriptionCounts = newValue }
    }

    private var known: SeldomKnown {
      mutating get {
        if let seldom { return seldom }
        let made = SeldomKnown()
        seldom = made
        return made
      }
    }
  }

  /// What is known of few clients. It is read and changed as a part of the details.
  private final class SeldomKnown {
    /// The names that it has given itself and its library, and the library's version.
    var names = ["", "", ""]
    var queue: PushQueue?
    var tracker: Tracker?
    var marks: ClientMarks = []
    var subscriptionCounts: (channels: Int, patterns: Int, shardChannels: Int) = (0, 0, 0)
  }

  // In an order that leaves little room between them.
  package let id: Int
  /// When it came, in seconds since 1970.
  private let connectedAt: UInt32
  private let placeBox = Atomic<UInt32>(.max)
  private let lastActive: Atomic<Int64>
  private let details: Mutex<Details>
  private let isWaitingBox = Atomic<Bool>(false)
  /// The place of the last command's declaration; −1 for none yet.
  private let lastCommand = Atomic<Int16>(-1)
  private let endpoint: Endpoint
  private let transactionLengthBox = Atomic<Int32>(-1)
  private let localEndpoint: Endpoint
  private let laneBox = Atomic<UInt16>(.max)

  init(id: Int, endpoint: Endpoint, localEndpoint: Endpoint) {
    self.id = id
    self.endpoint = endpoint
    self.localEndpoint = localEndpoint
    let now = WallClock.systemMicroseconds() / 1000
    connectedAt = UInt32(clamping: now / 1000)
    details = Mutex(Details())
    lastActive = Atomic(now)
  }

  /// Its address with its port; for a Unix socket the path, as Redis shows it.
  package var address: String { endpoint.text }

  /// The address that it has connected to.
  var localAddress: String { localEndpoint.text }

  /// Reads or changes what may change of a client.
  func update<Result: Sendable>(_ body: (inout Details) -> Result) -> Result {
    details.withLock { details in body(&details) }
  }

  /// Notes where it is served.
  ///
  /// - Parameters:
  ///   - lane: the number of its lane.
  ///   - place: where the lane finds it.
  package func settle(lane: Int, place: UInt32) {
    laneBox.store(UInt16(lane), ordering: .relaxed)
    placeBox.store(place, ordering: .relaxed)
  }

  var lane: Int { Int(laneBox.load(ordering: .relaxed)) }

  /// Where its lane finds it.
  package var place: UInt32 { placeBox.load(ordering: .relaxed) }

  /// What waits for it; made when it is first asked for.
  func queue(_ context: ServerContext) -> PushQueue {
    let door = context.door(self)
    return update { details in
      if let queue = details.queue { return queue }
      let queue = PushQueue(self, door, context.outputLimits, protocolVersion: details.protocolVersion)
      details.queue = queue
      return queue
    }
  }

  /// What waits for it; nil if it has never asked for something.
  package var queue: PushQueue? { update { $0.queue } }

  /// Forgets what waits for it: it is gone.
  func forgetQueue() {
    let queue = update { details -> PushQueue? in
      guard let queue = details.queue else { return nil }
      details.queue = nil
      details.tracker = nil
      return queue
    }
    queue?.close()
  }

  /// Notes what it has asked for, or that it does so no more.
  func mark(_ mark: ClientMarks, _ isOn: Bool) {
    update { details in
      if isOn { details.marks.formUnion(mark) } else { details.marks.subtract(mark) }
    }
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

  /// How long ago it has come, in seconds.
  var ageSeconds: Int64 { max(0, WallClock.systemMicroseconds() / 1_000_000 - Int64(connectedAt)) }

  /// Its address without the port.
  var ip: String {
    let address = address
    let host = address[..<(address.lastIndex(of: ":") ?? address.endIndex)]
    return host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : String(host)
  }

  /// Its address, as those who monitor are shown it.
  var monitoredAddress: String { endpoint.isUnixSocket ? "unix:" + ip : address }

  /// What it is and does, in the letters of Redis.
  var letters: String {
    let (queued, isWaiting, isUnixSocket) = (transactionLength, isWaiting, endpoint.isUnixSocket)
    let letters = details.withLock { details in
      let marks = details.marks
      return (marks.contains(.monitor) ? "O" : "") + (details.listens ? "P" : "")
        + (queued >= 0 ? "x" : isWaiting ? "b" : "") + (details.tracker?.letters ?? "")
        + (isUnixSocket ? "U" : "") + (marks.contains(.noEvict) ? "e" : "")
        + (marks.contains(.noTouch) ? "T" : "")
    }
    return letters.isEmpty ? "N" : letters
  }

  /// The line of `CLIENT LIST`, with Redis's field names.
  var line: String {
    let age = ageSeconds
    let command = Int(lastCommand.load(ordering: .relaxed))
    let commandName = command < 0 ? "NULL" : CommandDeclaration.all[command].shownName
    let idle = idleSeconds
    let flags = letters
    let waiting = queue?.size ?? 0
    let queued = transactionLength
    return details.withLock { details in
      let listens = details.subscriptionCounts
      return "id=\(id) addr=\(address) laddr=\(localAddress) fd=-1 name=\(details.name) "
        + "age=\(age) idle=\(idle) flags=\(flags) "
        + "db=\(details.database) sub=\(listens.channels) psub=\(listens.patterns) ssub=\(listens.shardChannels) multi=\(queued) omem=\(waiting) cmd=\(commandName) "
        + "user=\(details.user?.name ?? Users.defaultName) redir=\(details.tracker?.options.redirect ?? -1) resp=\(details.protocolVersion) lib-name=\(details.libraryName) lib-ver=\(details.libraryVersion)"
    }
  }
}

/// What few clients have asked for, as others see it.
struct ClientMarks: OptionSet, Sendable {
  let rawValue: UInt8

  /// To see what all say.
  static let monitor = ClientMarks(rawValue: 1 << 0)
  /// Not to be closed for want of memory, which no client is.
  static let noEvict = ClientMarks(rawValue: 1 << 1)
  /// That its reading doesn't count as use.
  static let noTouch = ClientMarks(rawValue: 1 << 2)
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
    client.forgetQueue()
  }

  package var count: Int { state.withLock { $0.clients.count } }

  /// How many there have been since the start.
  package var total: Int { state.withLock { $0.lastID } }

  /// How many of them wait for something.
  package var waitingCount: Int {
    state.withLock { state in state.clients.values.reduce(0) { $0 + ($1.isWaiting ? 1 : 0) } }
  }

  /// How many of them listen to something.
  var listenerCount: Int {
    let clients = state.withLock { Array($0.clients.values) }
    return clients.reduce(0) { $0 + ($1.update { $0.listens } ? 1 : 0) }
  }

  /// The client with a number; nil when there is none.
  func find(_ id: Int) -> ClientRecord? { state.withLock { $0.clients[id] } }

  /// All clients by age.
  var all: [ClientRecord] { state.withLock { $0.clients.values.sorted { $0.id < $1.id } } }
}
