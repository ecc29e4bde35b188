// Commands by chance, on few keys, so that they meet; now and then on many, or with large collections, long lists and long
// values.
internal import Martlet

/// Makes commands from a seed.
package struct Workload {
  /// Keys for both protocols, and awkward ones for Redis alone.
  private static let plainKeys = ["a", "ab", "A", "b", "n", "#"].map(bytes)
  private static let awkwardKeys =
    ["", "a b", "\"", "\\", "\r\n", "\u{e9}", "e\u{301}", "# commit 1-1", "b64\"YQ==\"", "SET", "\u{202e}"]
    .map(bytes) + [
      [0], [0xff, 0xfe],
    ]

  var random: RandomSource
  private let databaseCount: Int
  /// The database that `SELECT` chose.
  private(set) var selected = 0
  /// How many keys there are besides those above.
  private let manyKeys: Int
  /// How many members a large set or sorted set, or fields a large hash, may have; 0 for no large ones.
  private let largeSet: Int
  /// How long a value may be, in bytes.
  private let longestValue: Int

  package init(seed: UInt64, databaseCount: Int) {
    var random = RandomSource(seed: seed)
    self.databaseCount = databaseCount
    manyKeys = [0, 0, 0, 30, 30, 200].randomElement(using: &random) ?? 0
    largeSet = [0, 0, 0, 300, 300, 300, 500, 3000].randomElement(using: &random) ?? 0
    longestValue = Int.random(in: 0..<40, using: &random) == 0 ? 200_000 : 3000
    self.random = random
  }

  package mutating func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &random) == 0 }

  package mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

  private mutating func plainKey() -> [UInt8] { Self.plainKeys.randomElement(using: &random) ?? [] }

  mutating func key() -> [UInt8] {
    if manyKeys > 0 && chance(2) { return manyKey() }
    if largeSet > 0 && chance(4) {
      return [setKey(), hashKey(), sortedSetKey(), listKey()].randomElement(using: &random) ?? []
    }
    return chance(3) ? Self.awkwardKeys.randomElement(using: &random) ?? [] : plainKey()
  }

  private mutating func manyKey() -> [UInt8] { bytes("key \(number(0...max(0, manyKeys - 1)))") }

  /// A key that more often than others holds a set.
  mutating func setKey() -> [UInt8] { bytes("set\(number(0...2))") }

  /// A key that more often than others holds a hash.
  mutating func hashKey() -> [UInt8] { bytes("hash\(number(0...2))") }

  /// A key that more often than others holds a sorted set.
  mutating func sortedSetKey() -> [UInt8] { bytes("sorted\(number(0...2))") }

  mutating func aSortedSetKey() -> [UInt8] { chance(3) ? key() : sortedSetKey() }

  /// (Sums are made of two scores at the most, so that their order doesn't matter.)
  private mutating func score() -> Double {
    switch number(0...9) {
    case 0: .infinity
    case 1: Double(number(-1_000_000...1_000_000)) * 65_536
    case 2, 3: Double(number(-300...300)) / 4
    default: Double(number(-5...5))
    }
  }

  private mutating func scores(_ members: [[UInt8]]) -> [(member: [UInt8], score: Double)] {
    members.map { ($0, score()) }
  }

  /// A command on a large sorted set.
  private mutating func wideSortedSet() -> Operation {
    let few = (0..<number(1...4)).map { _ in bytes("m\(number(0...largeSet))") }
    return switch number(0...9) {
    case 0...3: .setScores(sortedSetKey(), scores(members()))
    case 4: .removeScores(sortedSetKey(), chance(2) ? few : members())
    case 5: .removeRanks(sortedSetKey(), number(0...largeSet), through: number(0...largeSet))
    case 6: .popScores(sortedSetKey(), number(1...largeSet), highest: chance(2))
    case 7: .storeScoredUnion(sortedSetKey(), [sortedSetKey(), chance(2) ? sortedSetKey() : setKey()])
    case 8: .incrementScore(sortedSetKey(), few[0], by: Double(number(-9...9)))
    default: .setScores(sortedSetKey(), scores(few))
    }
  }

  /// A key that more often than others holds a list.
  mutating func listKey() -> [UInt8] { bytes("list\(number(0...2))") }

  mutating func aListKey() -> [UInt8] { chance(3) ? key() : listKey() }

  mutating func end() -> ListEnd { chance(2) ? .head : .tail }

  /// A value that lists often have.
  mutating func element() -> [UInt8] { chance(2) ? bytes("\(number(0...9))") : value() }

  /// A command on a long list.
  private mutating func longList() -> Operation {
    let elements = (0..<number(1...largeSet)).map { _ in
      chance(9) ? value() : bytes("element \(number(0...99))")
    }
    return switch number(0...9) {
    case 0...3: .push(listKey(), elements, at: end())
    case 4: .pop(listKey(), chance(2) ? 1 : number(1...largeSet), from: end())
    case 5: .trim(listKey(), number(-largeSet...largeSet), number(-largeSet...largeSet))
    case 6: .removeElements(listKey(), number(-3...3), bytes("element \(number(0...99))"))
    case 7:
      .insertElement(
        listKey(), isAfter: chance(2), bytes("element \(number(0...99))"), chance(9) ? value() : element())
    case 8: .setElement(listKey(), number(-largeSet...largeSet), chance(9) ? value() : element())
    default: .moveElement(listKey(), listKey(), from: end(), to: end())
    }
  }

  private mutating func shortList() -> Operation {
    switch number(0...8) {
    case 0...2: .push(aListKey(), (0..<number(1...4)).map { _ in element() }, at: end())
    case 3: .pop(aListKey(), number(0...3), from: end())
    case 4: .setElement(aListKey(), number(-4...4), element())
    case 5: .insertElement(aListKey(), isAfter: chance(2), element(), element())
    case 6: .removeElements(aListKey(), number(-2...2), element())
    case 7: .trim(aListKey(), number(-4...4), number(-4...4))
    default: .moveElement(aListKey(), aListKey(), from: end(), to: end())
    }
  }

  mutating func field() -> [UInt8] { chance(3) ? key() : bytes("f\(number(0...9))") }

  private mutating func fields() -> [[UInt8]] { (0..<number(1...4)).map { _ in field() } }

  private mutating func pairs() -> [(field: [UInt8], value: [UInt8])] {
    (0..<number(1...4)).map { _ in (field(), value()) }
  }

  mutating func aSetKey() -> [UInt8] { chance(3) ? key() : setKey() }

  mutating func aHashKey() -> [UInt8] { chance(3) ? key() : hashKey() }

  /// A command on a large hash.
  private mutating func wideHash(now: Int64) -> Operation {
    let few = (0..<number(1...4)).map { _ in bytes("m\(number(0...largeSet))") }
    return switch number(0...8) {
    case 0...2: .setFields(hashKey(), members().map { ($0, value()) })
    case 3: .removeFields(hashKey(), members())
    case 4: .removeFields(hashKey(), few)
    case 5: .setExpiringFields(hashKey(), few.map { ($0, value()) }, at: chance(2) ? nil : expiry(now))
    case 6: .expireFields(hashKey(), chance(2) ? few : members(), at: expiry(now))
    case 7: .persistFields(hashKey(), members())
    default: .setFields(hashKey(), few.map { ($0, value()) })
    }
  }

  /// Many of the members that a large set may have, some of them in a row.
  private mutating func members() -> [[UInt8]] {
    let start = number(0...largeSet)
    return (start...start + number(1...largeSet)).map { bytes("m\($0 % largeSet)") }
  }

  /// A command on many keys, or on many members.
  private mutating func wide(now: Int64) -> Operation {
    if manyKeys > 0 && (largeSet == 0 || chance(2)) {
      let keys = (0..<number(1...60)).map { _ in manyKey() }
      return chance(2) ? .delete(keys) : .setAll(keys.map { ($0, bytes("\(number(0...9999))")) })
    }
    guard largeSet > 0 else { return .get(key()) }
    switch number(0...3) {
    case 0: return wideHash(now: now)
    case 1: return wideSortedSet()
    case 2: return longList()
    default: break
    }
    switch number(0...5) {
    case 0...2: return .addMembers(setKey(), members())
    case 3: return .removeMembers(setKey(), members())
    case 4:
      return .removeMembers(setKey(), (0..<number(1...4)).map { _ in bytes("m\(number(0...largeSet))") })
    default: return .addMembers(setKey(), (0..<number(1...4)).map { _ in bytes("m\(number(0...largeSet))") })
    }
  }

  private mutating func keys() -> [[UInt8]] { (0..<number(1...4)).map { _ in key() } }

  mutating func value() -> [UInt8] {
    switch number(0...9) {
    case 0: return []
    case 1, 2, 3: return bytes("\(number(-5...1000))")
    case 4: return key()
    case 5: return [UInt8](repeating: UInt8(number(0...255)), count: number(0...longestValue))
    case 6: return (0..<number(1...40)).map { _ in UInt8(number(0...255)) }
    default: return bytes("value \(number(0...1_000_000))")
    }
  }

  mutating func expiry(_ now: Int64) -> Int64 { now + Int64(number(1...5000)) }

  /// From now on the commands are those of a new client, which begins with database 0.
  package mutating func reconnect() { selected = 0 }

  private mutating func select() -> Operation {
    selected = number(0...databaseCount - 1)
    return .select(selected)
  }

  package mutating func next(now: Int64) -> Operation {
    if chance(6) { return followed(now: now) }
    if (manyKeys > 0 || largeSet > 0) && chance(5) { return wide(now: now) }
    return switch number(0...85) {
    case 63...64: .move(key(), database: number(0...databaseCount - 1))
    case 65: .swap(number(0...databaseCount - 1), number(0...databaseCount - 1))
    case 66...67: .moveMember(aSetKey(), aSetKey(), chance(3) ? key() : bytes("m\(number(0...9))"))
    case 68...70: .storeUnion(aSetKey(), (0..<number(1...3)).map { _ in aSetKey() })
    case 71: .setAllExpiring((0..<number(1...4)).map { _ in (key(), value()) }, at: expiry(now))
    case 72...73: .setBit(key(), number(0...400), chance(2))
    case 74...75:
      .setBytes(key(), (0..<number(1...4)).map { _ in (number(0...30), UInt8(number(0...255))) })
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
    case 39...41:
      .markStale(
        plainKey(), expirySeconds: chance(2) ? nil : chance(3) ? 0 : now / 1000 + Int64(number(1...5)),
        cas: chance(2) ? 0 : .random(in: 1...UInt64.max, using: &random))
    case 42...43: select()
    case 44...46: .setFields(aHashKey(), pairs())
    case 47...48: .setExpiringFields(aHashKey(), pairs(), at: chance(3) ? nil : expiry(now))
    case 49: .incrementField(aHashKey(), field(), by: number(-3...3))
    case 50: .removeFields(aHashKey(), fields())
    case 51...52: .expireFields(aHashKey(), fields(), at: expiry(now))
    case 53: .persistFields(aHashKey(), fields())
    case 54...57: .setScores(aSortedSetKey(), scores(fields()))
    case 58: .incrementScore(aSortedSetKey(), field(), by: Double(number(-3...3)))
    case 59: .removeScores(aSortedSetKey(), fields())
    case 60: .removeRanks(aSortedSetKey(), number(0...6), through: number(0...6))
    case 61: .popScores(aSortedSetKey(), number(0...3), highest: chance(2))
    case 62:
      .storeScoredUnion(aSortedSetKey(), (0..<number(1...2)).map { _ in chance(2) ? aSortedSetKey() : key() })
    case 76...83: shortList()
    default: chance(4) ? .flushAll : .flush
    }
  }
}
