// A fixed amount of work on the hot path, for counting instructions and calls: `Benchmarks/count` runs it under
// callgrind. One thread, a store in memory, no sockets: a session is fed the same request again and again.
//
//     HotPath REQUEST COUNT      REQUEST is get, set, mcget, mcset, mcmget, mcmset (memcached's meta commands),
//                                binget or binset (memcached's binary protocol)
import Martlet

let arguments = CommandLine.arguments
guard arguments.count == 3, let rounds = Int(arguments[2]) else {
  print("usage: HotPath get|set|mcget|mcset|mcmget|mcmset|binget|binset COUNT")
  throw UsageError()
}

struct UsageError: Error {}

let value = String(repeating: "v", count: 32)
let key = "key:000000000042"
let noCAS = String(repeating: "\u{0}", count: 12)
let requests: [String: String] = [
  "get": "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000042\r\n",
  "set": "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000042\r\n$32\r\n\(value)\r\n",
  "mcget": "get key:000000000042\r\n",
  "mcset": "set key:000000000042 0 0 32\r\n\(value)\r\n",
  "mcmget": "mg key:000000000042 v\r\n",
  "mcmset": "ms key:000000000042 32\r\n\(value)\r\n",
  // Letters stand for the byte of their Latin-1 number.
  "binget": "\u{80}\u{0}\u{0}\u{10}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{10}\(noCAS)\(key)",
  "binset":
    "\u{80}\u{1}\u{0}\u{10}\u{8}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{38}\(noCAS)\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\(key)\(value)",
]
guard let request = requests[arguments[1]], let preparation = requests["set"] else { throw UsageError() }

var random = RandomSource(seed: 1)
let store = StoreCore(inMemory: 1, random: &random)
let context = ServerContext()
var execution = Execution(store, context, seed: 1)
let client = context.clients.connect(from: "here", to: "here")
var redis = RESPSession(client, .redis, context)
var memcached = MemcachedSession(client, .memcached, context)
var binary = MemcachedBinarySession(client, .memcached, context)

_ = redis.receive(Array(preparation.utf8).span.raw, &execution)
execution.reply.removeAll()

/// Feeds the request `rounds` times. Callgrind counts what happens in here.
@inline(never)
func feed<S: Session & ~Copyable>(_ session: inout S, _ request: [UInt8], _ execution: inout Execution) -> Int
{
  var replied = 0
  for round in 0..<rounds {
    _ = session.receive(request.span.raw, &execution)
    replied += execution.reply.buffer.count
    execution.reply.removeAll()
    // What the journal's thread would do.
    if round % 1000 == 999 { store.journal.commit() }
  }
  return replied
}

let bytes = request.unicodeScalars.map { UInt8($0.value) }
let replied =
  arguments[1].hasPrefix("mc")
  ? feed(&memcached, bytes, &execution)
  : arguments[1].hasPrefix("bin") ? feed(&binary, bytes, &execution) : feed(&redis, bytes, &execution)
print("\(rounds) requests, \(replied) bytes of replies")
