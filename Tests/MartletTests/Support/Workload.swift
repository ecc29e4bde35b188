// Commands by chance, on few keys, so that they meet.
import Martlet

/// Makes commands from a seed.
struct Workload {
  /// Keys for both protocols, and awkward ones for Redis alone.
  private static let plainKeys = ["a", "ab", "A", "b", "n", "#"].map(bytes)
  private static let awkwardKeys =
    ["", "a b", "\"", "\\", "\r\n", "\u{e9}", "e\u{301}", "# commit 1-1", "b64\"YQ==\"", "SET", "\u{202e}"]
    .map(bytes) + [
      [0], [0xff, 0xfe],
    ]

  private var random: RandomSource
  private let databaseCount: Int

  init(seed: UInt64, databaseCount: Int) {
    random = RandomSource(seed: seed)
    self.databaseCount = databaseCount
  }

  mutating func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &random) == 0 }

  mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

  private mutating func plainKey() -> [UInt8] { Self.plainKeys.randomElement(using: &random) ?? [] }

  private mutating func key() -> [UInt8] {
    chance(3) ? Self.awkwardKeys.randomElement(using: &random) ?? [] : plainKey()
  }

  private mutating func keys() -> [[UInt8]] { (0..<number(1...4)).map { _ in key() } }

  private mutating func value() -> [UInt8] {
    switch number(0...9) {
    case 0: return []
    case 1, 2, 3: return bytes("\(number(-5...1000))")
    case 4: return key()
    case 5: return [UInt8](repeating: UInt8(number(0...255)), count: number(0...3000))
    case 6: return (0..<number(1...40)).map { _ in UInt8(number(0...255)) }
    default: return bytes("value \(number(0...1_000_000))")
    }
  }

  private mutating func expiry(_ now: Int64) -> Int64 { now + Int64(number(1...5000)) }

  mutating func next(now: Int64) -> Operation {
    switch number(0...41) {
    case 0...3: .get(key())
    case 4...9: .set(key(), value(), expiry: chance(3) ? expiry(now) : nil)
    case 10: .setKeepingExpiry(key(), value())
    case 11...12: .setAll((0..<number(1...4)).map { _ in (key(), value()) })
    case 13...15:
      .setWithFlags(
        plainKey(), value(), flags: chance(3) ? 0 : .random(in: 0...UInt32.max, using: &random),
        expirySeconds: chance(2) ? 0 : now / 1000 + Int64(number(1...5)))
    case 16...17: .append(key(), value())
    case 18...19: .prepend(plainKey(), value())
    case 20...21: .setRange(key(), number(0...60), value() + [UInt8(number(0...255))])
    case 22...24: .increment(key())
    case 25...27: .delete(keys())
    case 28...29: .expire(key(), at: expiry(now))
    case 30: .persist(key())
    case 31...32: .rename(key(), key())
    case 33...34: .copy(key(), key(), database: number(0...databaseCount - 1), replaces: chance(2))
    case 35...36: .addMembers(key(), keys())
    case 37...38: .removeMembers(key(), keys())
    case 39...40: .select(number(0...databaseCount - 1))
    default: chance(4) ? .flushAll : .flush
    }
  }
}
