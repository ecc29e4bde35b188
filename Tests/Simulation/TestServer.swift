// A store with a session of each protocol and no sockets: what the tests of the core drive.
package import Martlet

/// The UTF-8 of a text.
package func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// A request of the Redis protocol.
package func request(_ words: [[UInt8]]) -> [UInt8] {
  var request = bytes("*\(words.count)\r\n")
  for word in words {
    request += bytes("$\(word.count)\r\n")
    request += word
    request += bytes("\r\n")
  }
  return request
}

/// A bulk string as the Redis protocol replies it.
package func bulk(_ value: [UInt8]) -> [UInt8] { bytes("$\(value.count)\r\n") + value + bytes("\r\n") }

/// One lane of a server, with a Redis and a memcached client.
package struct TestServer: ~Copyable {
  package let store: StoreCore
  package let context: ServerContext
  package var execution: Execution
  private var redisSession: RESPSession
  private var memcachedSession: MemcachedSession

  /// - Parameter context: that of a server with other lanes; without it, this lane is a server of its own.
  package init(_ store: StoreCore, _ context: ServerContext = ServerContext(), seed: UInt64 = 1) {
    self.store = store
    self.context = context
    execution = Execution(store, context, seed: seed)
    redisSession = RESPSession(context.clients.connect(from: "test", to: "test"), .redis, context)
    memcachedSession = MemcachedSession(
      context.clients.connect(from: "test", to: "test"), .memcached, context)
  }

  /// A server whose store keeps nothing on a disk.
  package static func inMemory(databases: Int = 4, clock: WallClock = WallClock(), seed: UInt64 = 1)
    -> TestServer
  {
    var random = RandomSource(seed: seed)
    return TestServer(StoreCore(inMemory: 1, databases: databases, clock: clock, random: &random), seed: seed)
  }

  /// Sends a Redis request; the reply and its marks are in `execution.reply`.
  package mutating func send(redis words: [[UInt8]]) { send(redis: [words]) }

  /// Sends several Redis requests; the replies and their marks are in `execution.reply`.
  package mutating func send(redis requests: [[[UInt8]]]) {
    execution.reply.removeAll()
    receive(requests)
  }

  private mutating func receive(_ requests: [[[UInt8]]]) {
    let input = requests.flatMap(request)
    let step = unsafe redisSession.receive(input.span.bytes, &execution)
    precondition(step.consumed == input.count, "requests were not taken whole")
  }

  /// The same while another client waits with its last request; it stops to wait afterwards. What it is replied is there,
  /// too.
  package mutating func send(redis requests: [[[UInt8]]], toOneWhoWaitsWith waiting: [[[UInt8]]]) {
    let record = context.clients.connect(from: "test", to: "test")
    var session = RESPSession(record, .redis, context)
    var input = waiting.flatMap(request)
    execution.reply.removeAll()
    var step = unsafe session.receive(input.span.bytes, &execution)
    input.removeFirst(step.consumed)
    receive(requests)
    session.endWait()
    step = unsafe session.receive(input.span.bytes, &execution)
    precondition(step.consumed == input.count, "who waited is not replied to")
    context.clients.disconnect(record)
  }

  /// Sends memcached input; the reply and its marks are in `execution.reply`.
  package mutating func send(memcached input: [UInt8]) {
    execution.reply.removeAll()
    let step = unsafe memcachedSession.receive(input.span.bytes, &execution)
    precondition(step.consumed == input.count, "a request was not taken whole")
  }

  /// The reply to a line as a person would type it.
  package mutating func redis(line: String) -> String {
    execution.reply.removeAll()
    let input = bytes(line + "\r\n")
    let step = unsafe redisSession.receive(input.span.bytes, &execution)
    precondition(step.consumed == input.count, "a request was not taken whole")
    return execution.reply.buffer.bytes.text
  }

  /// Whether the last reply waits for the disk.
  package var isReplyHeld: Bool { !execution.reply.isFree(by: store.journal) }

  /// The reply to a Redis request.
  package mutating func redis(_ words: [[UInt8]]) -> [UInt8] {
    send(redis: words)
    return execution.reply.buffer.bytes.array
  }

  /// The reply to a Redis request, as text.
  package mutating func redis(_ words: String...) -> String {
    String(decoding: redis(words.map(bytes)), as: UTF8.self)
  }

  /// The reply to memcached input, as text.
  package mutating func memcached(_ input: String) -> String {
    send(memcached: bytes(input))
    return execution.reply.buffer.bytes.text
  }
}

/// Opens a store on a disk as the server does, with few databases.
package func openStore(
  on disk: any Disk, durability: Durability = .always,
  clock: WallClock = WallClock(stoppedAt: 1_800_000_000_000),
  seed: UInt64 = 1
) throws -> StoreCore {
  var random = RandomSource(seed: seed)
  return try StoreCore(
    folder: SimulatedDisk.folder, disk: disk, durability: durability, threads: 1, databases: 4, clock: clock,
    random: &random)
}
