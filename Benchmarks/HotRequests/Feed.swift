// A session that is fed the same request again and again: one thread, a store in memory, no sockets.
import Martlet

/// A store with the data that a request needs, and a session to feed it to.
package struct Feed: ~Copyable {
  private let store: StoreCore
  private let context = ServerContext()
  private var execution: Execution
  private var session: ClientSession
  private let request: HotRequest

  package init(_ request: HotRequest) {
    self.request = request
    var random = RandomSource(seed: 1)
    store = StoreCore(inMemory: 1, durability: request.durability, random: &random)
    execution = Execution(store, context, seed: 1)
    var preparation = ClientSession(
      .redis, context.clients.connect(from: "here", to: "here"), .redis, context)
    for bytes in HotRequest.preparation {
      _ = preparation.receive(bytes.span.raw, &execution)
      execution.reply.removeAll()
    }
    store.journal.commit()
    let isRedis = request.wire == .redis
    session = ClientSession(
      request.wire, context.clients.connect(from: "here", to: "here"), isRedis ? .redis : .memcached, context)
  }

  /// The first reply, to see that the request does what its name says.
  package mutating func firstReply() -> [UInt8] {
    let input = request.bytes
    _ = session.receive(input.span.raw, &execution)
    let reply = execution.reply.buffer.bytes.array
    execution.reply.removeAll()
    return reply
  }

  /// Feeds the request `rounds` times, and does what the journal's thread would do then; the bytes of the replies.
  @inline(never)
  package mutating func run(_ rounds: Int) -> Int {
    let input = request.bytes
    var replied = 0
    for _ in 0..<rounds {
      _ = session.receive(input.span.raw, &execution)
      replied += execution.reply.buffer.count
      execution.reply.removeAll()
    }
    store.journal.commit()
    return replied
  }
}
