// The connected clients: what is known of each, for others to see and to reach it by.

internal import Synchronization

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
  /// What is done about its requests besides running them; until it is known who the client is, what it asks for is looked
  /// at.
  private let attentionBox = Atomic<UInt32>(Attention.guarded.rawValue)

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

  /// Whether it comes from this machine.
  var isLocal: Bool { endpoint.isLocal }

  /// The address that it has connected to.
  var localAddress: String { localEndpoint.text }

  /// Reads or changes what may change of a client.
  func update<Result: Sendable>(_ body: (inout Details) -> Result) -> Result {
    details.withLock { details in body(&details) }
  }

  /// Whether it hears of what others do: it listens to channels, or it monitors all requests.
  package var isListening: Bool { !attention.isDisjoint(with: [.subscriber, .monitor]) }

  /// What is done about its requests besides running them. Its own lane changes that, but for `guarded`, which others may,
  /// too.
  var attention: Attention {
    @inline(__always) get { Attention(rawValue: attentionBox.load(ordering: .relaxed)) }
  }

  func attend(_ what: Attention, _ isOn: Bool) {
    if isOn {
      attentionBox.bitwiseOr(what.rawValue, ordering: .relaxed)
    } else {
      attentionBox.bitwiseAnd(~what.rawValue, ordering: .relaxed)
    }
  }

  /// Whether what the client asks for is to be compared with what its user may do; not if that is everything.
  var isGuarded: Bool {
    @inline(__always) get { attention.contains(.guarded) }
  }

  /// Makes the client a user, or with nil nobody.
  func become(_ user: User?) {
    details.withLock { details in
      details.user = user
      noteRules(of: user)
    }
  }

  /// Notes what a user's rules have become, if it is this client's; whether it is.
  func noteChange(of user: User) -> Bool {
    details.withLock { details in
      guard details.user === user else { return false }
      noteRules(of: user)
      return true
    }
  }

  private func noteRules(of user: User?) {
    attend(.guarded, !(user?.isUnrestricted ?? false) || user?.isRemoved == true)
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
