// The requests whose cost is watched. `Benchmarks/budget-x86_64` says what each may cost.
import Martlet

/// One piece of input, of one or more requests.
package struct HotRequest: Sendable {
  /// Its name: the command, with `mc` before memcached's classic ones, `mcm` before its meta and `bin` before its binary
  /// ones; and what is special.
  package let name: String
  let wire: WireProtocol
  let bytes: [UInt8]
  /// How many requests the bytes hold.
  package let count: Int
  let durability: Durability

  /// Whether it is about values of 100,000 bytes.
  package var isLarge: Bool { name.hasSuffix("-100k") }
  /// How often it is fed before the journal's batch is committed: the batch has to have room for all of them.
  package var rounds: Int { isLarge ? 100 : 1000 }

  private init(
    _ name: String, _ wire: WireProtocol, _ request: [UInt8], times count: Int = 1,
    durability: Durability = .never
  ) {
    self.name = name
    self.wire = wire
    bytes = Array(repeatElement(request, count: count).joined())
    self.count = count
    self.durability = durability
  }

  /// How many requests of one pipeline are received at once.
  private static let pipeline = 16
  private static let manyKeys = (0..<50).map { "key:0000000000\(10 + $0)" }
  private static let key = "key:000000000042"
  private static let expiringKey = "expiring:0000042"
  private static let largeKey = "large:0000000042"
  private static let missingKey = "missing:00000042"
  private static let value = String(repeating: "v", count: 32)
  private static let largeValue = String(repeating: "v", count: 100_000)

  /// What the store holds before a request is fed, in the Redis protocol.
  static let preparation: [[UInt8]] =
    manyKeys.map { redis("SET", $0, value) } + [
      redis("SET", expiringKey, value, "EX", "1000000"),
      redis("SET", largeKey, largeValue),
      redis("SET", "counter", "1000000"),
      redis("SADD", "set", "one", "two", "three"),
    ]

  package static let all: [HotRequest] = [
    HotRequest("get", .redis, redis("GET", key)),
    HotRequest("get-miss", .redis, redis("GET", missingKey)),
    HotRequest("get-expiring", .redis, redis("GET", expiringKey)),
    HotRequest("get-16", .redis, redis("GET", key), times: pipeline),
    HotRequest("get-100k", .redis, redis("GET", largeKey)),
    HotRequest("mget-50", .redis, redis(["MGET"] + manyKeys)),
    HotRequest("set", .redis, redis("SET", key, value)),
    HotRequest("set-always", .redis, redis("SET", key, value), durability: .always),
    HotRequest("set-expiring", .redis, redis("SET", expiringKey, value, "EX", "1000000")),
    HotRequest("set-16", .redis, redis("SET", key, value), times: pipeline),
    HotRequest("set-100k", .redis, redis("SET", largeKey, largeValue)),
    HotRequest("incr", .redis, redis("INCR", "counter")),
    HotRequest("sadd-srem", .redis, redis("SADD", "set", "member") + redis("SREM", "set", "member")),
    HotRequest("mcget", .memcached, Array("get \(key)\r\n".utf8)),
    HotRequest("mcget-miss", .memcached, Array("get \(missingKey)\r\n".utf8)),
    HotRequest("mcget-16", .memcached, Array("get \(key)\r\n".utf8), times: pipeline),
    HotRequest("mcget-50", .memcached, Array("get \(manyKeys.joined(separator: " "))\r\n".utf8)),
    HotRequest("mcget-100k", .memcached, Array("get \(largeKey)\r\n".utf8)),
    HotRequest("mcset", .memcached, Array("set \(key) 0 0 32\r\n\(value)\r\n".utf8)),
    HotRequest(
      "mcset-always", .memcached, Array("set \(key) 0 0 32\r\n\(value)\r\n".utf8), durability: .always),
    HotRequest("mcset-16", .memcached, Array("set \(key) 0 0 32\r\n\(value)\r\n".utf8), times: pipeline),
    HotRequest("mcset-100k", .memcached, Array("set \(largeKey) 0 0 100000\r\n\(largeValue)\r\n".utf8)),
    HotRequest("mcincr", .memcached, Array("incr counter 1\r\n".utf8)),
    HotRequest("mcmget", .memcached, Array("mg \(key) v\r\n".utf8)),
    HotRequest("mcmget-16", .memcached, Array("mg \(key) v\r\n".utf8), times: pipeline),
    HotRequest("mcmset", .memcached, Array("ms \(key) 32\r\n\(value)\r\n".utf8)),
    HotRequest("mcmset-16", .memcached, Array("ms \(key) 32\r\n\(value)\r\n".utf8), times: pipeline),
    HotRequest("binget", .memcached, binary(0, key)),
    HotRequest("binget-16", .memcached, binary(0, key), times: pipeline),
    HotRequest("binset", .memcached, binary(1, extras: 8, key, value)),
    HotRequest("binset-16", .memcached, binary(1, extras: 8, key, value), times: pipeline),
  ]

  private static func redis(_ words: String...) -> [UInt8] { redis(words) }

  private static func redis(_ words: [String]) -> [UInt8] {
    Array("*\(words.count)\r\n\(words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined())".utf8)
  }

  /// A request of memcached's binary protocol, with extras that are zeros.
  private static func binary(_ opcode: UInt8, extras: Int = 0, _ key: String, _ value: String = "") -> [UInt8]
  {
    var bytes = ByteQueue()
    bytes.append(byte: 0x80)
    bytes.append(byte: opcode)
    bytes.append(bigEndian: UInt16(key.utf8.count))
    bytes.append(bigEndian: UInt16(extras) << 8)
    bytes.append(repeating: 0, count: 2)
    bytes.append(bigEndian: UInt32(extras + key.utf8.count + value.utf8.count))
    bytes.append(repeating: 0, count: 12 + extras)
    bytes.append(text: key)
    bytes.append(text: value)
    return bytes.bytes.array
  }
}
