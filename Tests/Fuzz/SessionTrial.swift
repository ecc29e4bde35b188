// Feeds a session bytes, once whole and once in pieces, and looks at what comes of it.
import Martlet
import MartletSimulation

/// One input for a session of a protocol. Its first byte is the seed of the pieces, the rest is what a client sends.
struct SessionTrial {
  /// The bytes that all replies together may have; a trial that replies more isn't followed further.
  private static let maximumReplies = 4 << 20
  /// What stands in a reply that isn't the same twice: times, addresses, and what the process uses.
  private static let changing = [
    "STAT ", "rusage_user", "redis_version", "age=", "ME ", "used_memory", "cmdstat_", "latency_percentiles",
    "histogram_usec", "master_replid", "used_cpu", "instantaneous_", "peak.allocated", "fuzz] \"",
  ]

  let wire: WireProtocol

  init(_ wire: WireProtocol) { self.wire = wire }

  func run(_ input: [UInt8]) {
    guard let seed = input.first else { return }
    let stream = Array(input.dropFirst())
    let disk = SimulatedDisk(seed: 1)
    let (whole, contents) = replies(to: [stream], on: disk)
    var random = RandomSource(seed: UInt64(seed))
    let (pieces, _) = replies(to: Self.split(stream, &random), on: SimulatedDisk(seed: 1))
    if whole != pieces && !Self.mayChange(whole) && !Self.asksForChance(stream) {
      fatalError(
        "in pieces the replies are \(text(pieces).debugDescription), in one they are \(text(whole).debugDescription)"
      )
    }
    // One time in eight, since it takes longer.
    guard seed % 8 == 0 else { return }
    guard let store = try? openStore(on: disk) else { fatalError("the database can't be opened again") }
    let after = store.contents()
    if after != contents { fatalError("after a restart: \(after), before: \(contents)") }
  }

  /// What the session replies to the pieces, and what the store then holds.
  private func replies(to pieces: [[UInt8]], on disk: SimulatedDisk) -> ([UInt8], [DatabaseContents]) {
    guard let store = try? openStore(on: disk, durability: .never) else { fatalError("no store can be made") }
    let context = ServerContext()
    context.memoryLimit = 64 << 20
    var execution = Execution(store, context, seed: 1)
    let usual: SessionLimits = wire == .redis ? .redis : .memcached
    let limits = SessionLimits(keyBytes: usual.keyBytes, valueBytes: 4096)
    var session = ClientSession(wire, context.clients.connect(from: "fuzz", to: "fuzz"), limits, context)
    var replies: [UInt8] = []
    var input: [UInt8] = []
    var wanted = 1
    feeding: for piece in pieces {
      input += piece
      var turns = 0
      while input.count >= wanted {
        let step = unsafe session.receive(input.span.bytes, &execution)
        replies += execution.reply.buffer.bytes.array
        execution.reply.removeAll()
        guard (0...input.count).contains(step.consumed) else {
          fatalError("consumed \(step.consumed) of \(input.count)")
        }
        input.removeFirst(step.consumed)
        turns += 1
        if turns > stream(pieces) + 16 { fatalError("goes round without an end") }
        wanted = 1
        switch step.next {
        case .read(let atLeast):
          if atLeast <= input.count { fatalError("asks for \(atLeast) bytes and has \(input.count)") }
          wanted = atLeast
        case .waitForRoom:
          context.endPause()
          store.journal.commit()
        case .wait: session.endWait()
        case .again: break
        case .close: break feeding
        }
        if replies.count > Self.maximumReplies { break feeding }
      }
    }
    store.journal.commit()
    let contents = store.contents()
    store.journal.stop()
    return (replies, contents)
  }

  private func stream(_ pieces: [[UInt8]]) -> Int { pieces.reduce(0) { $0 + $1.count } }

  private static func split(_ stream: [UInt8], _ random: inout RandomSource) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    var rest = stream[...]
    let longest = [1, 3, 16, 200].randomElement(using: &random) ?? 1
    while !rest.isEmpty {
      let length = min(rest.count, Int.random(in: 1...longest, using: &random))
      pieces.append(Array(rest.prefix(length)))
      rest = rest.dropFirst(length)
    }
    return pieces
  }

  /// Whether a password is asked for that is made by chance.
  private static func asksForChance(_ stream: [UInt8]) -> Bool {
    text(stream).lowercased().contains("genpass")
  }

  private static func mayChange(_ replies: [UInt8]) -> Bool {
    let text = text(replies)
    return changing.contains { text.contains($0) }
  }
}

/// Bytes to be looked at by a person.
func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
