// A store in memory with one client of a protocol: bytes in, bytes out, and no socket.
import Martlet
import Synchronization
import Testing

/// What a client says in one request, and what it hears.
struct Exchange: Sendable {
  var request: String
  var reply: String
  /// The reply in version 3 of the Redis protocol.
  var resp3: String

  init(_ request: String, _ reply: String, resp3: String? = nil) {
    self.request = request
    self.reply = reply
    self.resp3 = resp3 ?? reply
  }
}

/// Requests of one client to a store that is empty when they begin.
struct Conversation: Sendable, CustomTestStringConvertible {
  var name: String
  var exchanges: [Exchange]

  init(_ name: String, _ exchanges: [Exchange]) {
    self.name = name
    self.exchanges = exchanges
  }

  var testDescription: String { name }
}

extension Conversation {
  /// Those of the Redis protocol, of all groups of commands.
  static let ofRedis: [Conversation] =
    RedisConversations.all + HashConversations.all + StringConversations.all + SetOperationConversations.all
    + SortedSetConversations.all + GeoConversations.all + PubSubConversations.all
}

/// The bytes of a text: each letter is the byte of its Latin-1 number.
func bytes(_ text: String) -> [UInt8] { text.unicodeScalars.map { UInt8($0.value) } }

/// Bytes as text, the other way round.
func text(_ bytes: [UInt8]) -> String { String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) })) }

/// A request as an array of the Redis protocol.
func array(_ words: [String]) -> String {
  "*\(words.count)\r\n" + words.map { "$\($0.unicodeScalars.count)\r\n\($0)\r\n" }.joined()
}

/// Data, clients and counters that several clients of a test can share.
final class TestServer: Sendable {
  /// When the clock of every test stands at its beginning: in 2026.
  static let start: Int64 = 1_790_000_000_000

  let store: StoreCore
  let context: ServerContext
  let lane = TestLane()

  init(
    password: String? = nil, users: [String: String]? = nil, requiresSASL: Bool = false, databases: Int = 16,
    durability: Durability = .never,
    maximumPendingBytes: Int = Journal.defaultPendingBytes,
    logger: @escaping @Sendable (String, String) -> Void = { _, _ in }
  ) {
    var random = RandomSource(seed: 7)
    store = StoreCore(
      inMemory: 1, databases: databases, durability: durability, clock: WallClock(stoppedAt: Self.start),
      maximumPendingBytes: maximumPendingBytes, random: &random)
    var credentials = (users ?? [:]).map { Credential(name: bytes($0.key), password: bytes($0.value))! }
    if let password { credentials.append(Credential(name: bytes("default"), password: bytes(password))!) }
    var rules = MemcachedRules()
    rules.requiresSASL = requiresSASL
    context = ServerContext(
      users: users == nil && password == nil ? Users() : Users(credentials), memcached: rules, logger: logger)
    _ = context.addDoor(lane)
  }
}

/// A lane of tests: it remembers whose queues were announced, who was to be called, and who was to be
/// closed.
final class TestLane: LaneDoor {
  private struct State {
    var queues: [PushQueue] = []
    var wakes: [Int: Int] = [:]
    var closed: [Int] = []
  }

  private let state = Guarded(State())

  func announce(_ queue: PushQueue) {
    state.withLock { if !$0.queues.contains(where: { $0 === queue }) { $0.queues.append(queue) } }
  }

  func wake(_ client: ClientRecord) { state.withLock { $0.wakes[client.id, default: 0] += 1 } }

  func close(_ client: ClientRecord) { state.withLock { $0.closed.append(client.id) } }

  /// How often a client's session was to be called, since this was last asked.
  func takeWakes(_ client: Int) -> Int { state.withLock { $0.wakes.removeValue(forKey: client) ?? 0 } }

  /// The queue of a client, if it was announced.
  func queue(_ client: Int) -> PushQueue? { state.withLock { $0.queues.first { $0.client.id == client } } }

  /// The numbers of the clients that were to be closed.
  var closed: [Int] { state.withLock { $0.closed } }
}

/// One client of a protocol.
final class TestClient<S: Session & ~Copyable>: CustomReflectable {
  /// Nothing: a failed expectation would copy what can't be copied.
  var customMirror: Mirror { Mirror(self, children: []) }

  let server: TestServer
  let record: ClientRecord
  private var session: S
  private var execution: Execution
  private var input: [UInt8] = []
  private var wanted = 1
  private(set) var isClosed = false
  /// The step that the last call ended with.
  private(set) var lastStep: SessionStep.Next = .read(atLeast: 1)
  /// The most bytes that a call has replied.
  private(set) var largestReply = 0
  /// The marks of the replies to the last bytes sent, as far as they wait.
  private(set) var lastMarks: [HoldMark] = []

  /// The bytes that one reply may take.
  var replyLimit: Int {
    get { execution.reply.limit }
    set { execution.reply.limit = newValue }
  }

  /// Whether it has large values lent.
  var lendsValues: Bool {
    get { execution.lendsValues }
    set { execution.lendsValues = newValue }
  }

  /// The values that have been lent and not taken back.
  private(set) var lent: [LentValue] = []

  func takeBack() {
    execution.takeBack(lent)
    lent = []
  }

  /// How often the session was to be called, since this was last asked.
  func takeWakes() -> Int { server.lane.takeWakes(record.id) }

  init(_ server: TestServer, _ record: ClientRecord, seed: UInt64 = 1, _ session: consuming S) {
    self.server = server
    self.record = record
    record.settle(lane: 0, place: 0)
    self.session = session
    execution = Execution(server.store, server.context, seed: seed)
  }

  /// What the session replies to more bytes.
  func send(_ more: [UInt8]) -> [UInt8] {
    if isClosed { return [] }
    input += more
    lastMarks = []
    var replies: [UInt8] = []
    // Each turn consumes something or ends the loop; a session that did neither would turn for ever.
    for _ in 0..<(input.count + 2) {
      guard !isClosed, input.count >= wanted else { return replies }
      let before = input.count
      let step = unsafe session.receive(input.span.bytes, &execution)
      largestReply = max(largestReply, execution.reply.count)
      execution.reply.lent.forEachPiece(of: execution.reply.buffer.bytes) {
        replies += $0.array
        return true
      }
      lent += execution.reply.removeLent()
      lastMarks += execution.reply.marks
      execution.reply.removeAll()
      precondition(step.consumed >= 0 && step.consumed <= before, "consumed more than there was")
      input.removeFirst(step.consumed)
      lastStep = step.next
      switch step.next {
      case .read(let atLeast):
        precondition(atLeast > input.count, "the session asks for what it has")
        wanted = atLeast
        return replies
      case .waitForRoom, .wait: return replies
      case .again: wanted = 1
      case .close: isClosed = true
      }
    }
    preconditionFailure("the session goes round without consuming anything")
  }

  func send(_ more: String) -> String { text(send(bytes(more))) }

  /// What others have for the client, and its session hasn't sent with a reply.
  func pushes() -> String {
    lastMarks = []
    guard let queue = record.queue else { return "" }
    while queue.take(into: &execution.reply) {}
    lastMarks = execution.reply.marks
    let pushed = text(execution.reply.buffer.bytes.array)
    execution.reply.removeAll()
    return pushed
  }

  /// What the session replies when it is called again with what it has not consumed.
  func callAgain() -> String { send("") }

  /// Tells the session that its client sends no more.
  func finishSending() -> String {
    session.endWait()
    return callAgain()
  }

  /// Tells the session that its client is gone; false when it has been served.
  func leave() -> Bool { session.abandonWait() }

  /// Whether the session waits for data.
  var waitsForData: Bool { session.waitsForData }

  /// What the session has not consumed yet.
  var unconsumed: Int { input.count }
}

extension TestServer {
  func redisClient(_ limits: SessionLimits = .redis, address: String = "127.0.0.1:5") -> TestClient<
    RESPSession
  > {
    let record = context.clients.connect(from: address, to: "127.0.0.1:6379")
    return TestClient(self, record, RESPSession(record, limits, context))
  }

  func memcachedClient(_ limits: SessionLimits = .memcached) -> TestClient<MemcachedSession> {
    let record = context.clients.connect(from: "127.0.0.1:6", to: "127.0.0.1:11211")
    return TestClient(self, record, MemcachedSession(record, limits, context))
  }

  func binaryClient(_ limits: SessionLimits = .memcached) -> TestClient<MemcachedBinarySession> {
    let record = context.clients.connect(from: "127.0.0.1:7", to: "127.0.0.1:11211")
    return TestClient(self, record, MemcachedBinarySession(record, limits, context))
  }

  /// A client of whatever protocol it chooses, on the port of one of them.
  func client(on wire: WireProtocol) -> TestClient<ClientSession> {
    let limits: SessionLimits = wire == .redis ? .redis : .memcached
    let record = context.clients.connect(from: "127.0.0.1:8", to: "127.0.0.1:11211")
    return TestClient(self, record, ClientSession(wire, record, limits, context))
  }
}

/// Expects a client of memcached's text protocols to hear what the conversation says.
func expectReplies(_ conversation: Conversation) {
  let client = TestServer().memcachedClient()
  var differences: [String] = []
  for exchange in conversation.exchanges {
    let reply = client.send(exchange.request + "\r\n")
    if reply != exchange.reply {
      differences.append(
        "\(exchange.request.debugDescription): \(reply.debugDescription), memcached says "
          + exchange.reply.debugDescription)
    }
  }
  #expect(differences == [])
}

/// Expects a pipeline to be replied to alike whole, in any two pieces, and byte by byte, each time by a new client.
func expectSameInPieces<S: Session & ~Copyable>(
  _ requests: String, _ replies: String, _ makeClient: () -> TestClient<S>
) {
  let pipeline = bytes(requests)
  let expected = text(makeClient().send(pipeline))
  #expect(expected == replies)
  // Every position of short pipelines, and of long ones as many, spread.
  for position in stride(from: 0, through: pipeline.count, by: max(1, pipeline.count / 700)) {
    let client = makeClient()
    let reply = client.send(Array(pipeline[..<position])) + client.send(Array(pipeline[position...]))
    guard text(reply) == expected else {
      Issue.record("another reply when split at \(position)")
      break
    }
  }
  let client = makeClient()
  var reply: [UInt8] = []
  for byte in pipeline { reply += client.send([byte]) }
  #expect(text(reply) == expected)
}
