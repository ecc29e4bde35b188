// What a run is to do: everything that can be chosen, and the bounds of it.

/// Why a plan can't be carried out, or the server not be talked to; says what to do.
package struct PlanError: Error, Equatable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// How requests and replies are written.
package enum Wire: String, Sendable, CaseIterable {
  /// Redis's protocol, RESP2.
  case redis
  /// The same, version 3.
  case resp3
  /// memcached's classic text commands.
  case memcached
  /// memcached's meta commands.
  case meta

  var isRedis: Bool { self == .redis || self == .resp3 }

  package var usualPort: Int { isRedis ? 6379 : 11_211 }

  /// What the protocol on a port usually is.
  package static func usual(port: Int) -> Wire { port == Wire.memcached.usualPort ? .memcached : .redis }
}

/// Where the server is.
package enum Target: Sendable, Equatable {
  case tcp(host: String, port: Int)
  case unix(path: String)

  package var text: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): path
    }
  }
}

/// A run.
package struct LoadPlan: Sendable {
  package var wire = Wire.redis
  package var target = Target.tcp(host: "127.0.0.1", port: 6379)
  package var user: String?
  package var password: String?
  /// The most seconds that connecting, and each reply while nothing else is sent, may take.
  package var patienceSeconds = 5.0

  package var connections = 50
  package var threads = 1
  /// Requests in flight on each connection.
  package var pipeline = 1
  /// Keys of an `mget`.
  package var multiget = 50
  /// Members that the sets of `sadd` and `sismember` are of.
  package var members = 1000
  /// Requests a second, whatever the server does; nil: each reply brings the next request.
  package var rate: Double?

  /// So many requests, and not so many seconds.
  package var requests: Int?
  package var durationSeconds = 10.0
  package var warmupSeconds = 1.0

  package var keys = 100_000
  package var keyBytes = 16...16
  package var valueBytes = 32...32
  package var distribution = KeyDistribution.uniform
  package var mix: Mix
  /// Whether all keys are stored first.
  package var fills = false
  /// Whether values are compared with what they have to be.
  package var verifies = false
  package var seed: UInt64 = 1

  package var serverPid: Int?

  /// The name and version of the program that runs it, for the report.
  package var program = "martlet bench"

  package init(mix: Mix) { self.mix = mix }

  /// The bounds of what can be chosen.
  package enum Bound {
    package static let connections = 1...50_000
    package static let threads = 1...256
    package static let pipeline = 1...10_000
    package static let multiget = 1...10_000
    package static let members = 1...1_000_000_000
    package static let keys = 1...1_000_000_000
    package static let keyBytes = 5...65_536
    /// The longest key of memcached.
    package static let memcachedKeyBytes = 250
    package static let valueBytes = 0...(64 << 20)
    package static let requests = 1...1_000_000_000_000
    package static let seconds = 0.0...1_000_000.0
    package static let rate = 0.01...100_000_000.0
    /// Requests in flight, in all; for each 32 bytes are kept, and 4 for each of its keys.
    package static let inFlight = 1 << 24
  }

  package func validate() throws(PlanError) {
    try Self.check("--connections", connections, Bound.connections)
    try Self.check("--threads", threads, Bound.threads)
    try Self.check("--pipeline", pipeline, Bound.pipeline)
    try Self.check("--multiget", multiget, Bound.multiget)
    try Self.check("--members", members, Bound.members)
    try Self.check("--keys", keys, Bound.keys)
    try Self.check("--key-bytes", keyBytes.lowerBound, Bound.keyBytes)
    try Self.check("--key-bytes", keyBytes.upperBound, Bound.keyBytes)
    try Self.check("--value-bytes", valueBytes.lowerBound, Bound.valueBytes)
    try Self.check("--value-bytes", valueBytes.upperBound, Bound.valueBytes)
    if let requests { try Self.check("--requests", requests, Bound.requests) }
    if let rate { try Self.check("--rate", rate, Bound.rate) }
    try Self.check("--duration", durationSeconds, Bound.seconds)
    try Self.check("--warmup", warmupSeconds, Bound.seconds)
    guard requests != nil || durationSeconds > 0 else {
      throw PlanError("--duration 0s measures nothing: give a longer one, or --requests")
    }
    guard connections >= threads else {
      throw PlanError("\(threads) threads need as many connections: --connections is \(connections)")
    }
    let least = KeySpace.leastKeyBytes(keys: keys)
    guard keyBytes.lowerBound >= least else {
      throw PlanError("\(keys) keys need names of at least \(least) bytes: --key-bytes \(least)")
    }
    if !wire.isRedis && keyBytes.upperBound > Bound.memcachedKeyBytes {
      throw PlanError("memcached's keys have at most \(Bound.memcachedKeyBytes) bytes: change --key-bytes")
    }
    if !wire.isRedis, let part = mix.parts.first(where: { $0.verb.kind == .set }) {
      throw PlanError(
        "memcached has no sets: take \(part.verb.rawValue) out of --mix, or choose --protocol redis")
    }
    let keysOfRequest = mix.parts.contains { $0.verb == .mget } ? multiget : 1
    guard connections * pipeline * keysOfRequest <= Bound.inFlight else {
      throw PlanError(
        "connections times pipeline times multiget is more than \(Bound.inFlight) keys in flight: lower one of them"
      )
    }
  }

  private static func check<Number: Comparable>(
    _ option: String, _ number: Number, _ range: ClosedRange<Number>
  ) throws(PlanError) {
    guard range.contains(number) else {
      throw PlanError("\(option) \(number): it has to be from \(range.lowerBound) to \(range.upperBound)")
    }
  }

  /// A number of bytes, or a range of them: `32`, `10-1000`.
  package static func byteRange(_ option: String, _ text: String) throws(PlanError) -> ClosedRange<Int> {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(ends.count), let low = ends[0], let high = ends[ends.count - 1], low >= 0,
      low <= high
    else { throw PlanError("\(option) \(text): give a number of bytes, or a range such as 10-1000") }
    return low...high
  }

  /// Seconds: `10`, `10s`, `500ms`, `2m`.
  package static func seconds(_ option: String, _ text: String) throws(PlanError) -> Double {
    let digits = text.prefix { $0.isNumber || $0 == "." }
    let factors = ["": 1.0, "s": 1, "ms": 0.001, "m": 60, "h": 3600]
    guard let number = Double(digits), let factor = factors[String(text[digits.endIndex...])] else {
      throw PlanError("\(option) \(text): give seconds, or a time such as 500ms, 10s or 2m")
    }
    return number * factor
  }

  /// Requests a second: `20000`, `20000/s`, `20k`, `1.5m/s`.
  package static func rate(_ text: String) throws(PlanError) -> Double {
    let number = text.hasSuffix("/s") ? text.dropLast(2) : text[...]
    let digits = number.prefix { $0.isNumber || $0 == "." }
    let factors = ["": 1.0, "k": 1000, "m": 1_000_000]
    guard let rate = Double(digits), let factor = factors[number[digits.endIndex...].lowercased()] else {
      throw PlanError("--rate \(text): give requests a second, such as 20000, 20k or 20k/s")
    }
    return rate * factor
  }
}
