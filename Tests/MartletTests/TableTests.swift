// The hash table against a dictionary, through growth and back to nothing.
import Martlet
import MartletSimulation
import Testing

/// A table of strings whose versions are its values.
private struct StringTable: ~Copyable {
  var allocator = Allocator()
  private let seed: SeedReference
  private var table: Table<Item>

  init(seed number: UInt64) {
    seed = SeedReference(HashSeed(number))
    table = Table(seed: seed)
  }

  deinit { seed.destroy() }

  var count: Int { table.count }

  func find(_ key: [UInt8]) -> UInt64? {
    let key = unsafe key.span.bytes
    return table.find(key, table.hash(key))?.version
  }

  mutating func insert(_ key: [UInt8], _ version: UInt64) {
    let key = unsafe key.span.bytes
    table.insert(
      Item.makeString(key, RawSpan(), ItemMetadata(), version, &allocator), table.hash(key), &allocator)
  }

  mutating func replace(_ key: [UInt8], _ version: UInt64) -> UInt64 {
    let key = unsafe key.span.bytes
    let item = Item.makeString(key, RawSpan(), ItemMetadata(), version, &allocator)
    let old = table.replace(key, table.hash(key), with: item)
    let oldVersion = old.version
    old.destroy(&allocator)
    return oldVersion
  }

  mutating func remove(_ key: [UInt8]) -> UInt64? {
    let key = unsafe key.span.bytes
    guard let item = table.remove(key, table.hash(key), &allocator) else { return nil }
    let version = item.version
    item.destroy(&allocator)
    return version
  }

  func forEach(_ body: ([UInt8], UInt64) -> Void) { table.forEach { body($0.key.array, $0.version) } }

  func scan(_ cursor: UInt64, _ body: ([UInt8]) -> Void) -> UInt64 {
    table.scan(cursor) { body($0.key.array) }
  }

  func randomKey(_ random: inout RandomSource) -> [UInt8]? { table.randomEntry(&random)?.key.array }

  mutating func removeAll() {
    var keys: [[UInt8]] = []
    forEach { key, _ in keys.append(key) }
    for key in keys { _ = remove(key) }
  }
}

private func key(_ number: Int) -> [UInt8] { bytes("key:\(number)") }

@Suite("The table")
struct TableTests {
  /// What an empty page of each size of items, buckets and lists of segments may keep, and what free runs, in bytes.
  private static let leftover = 16 * (16 << 10) + (96 << 10)

  @Test("does what a dictionary does, whatever is done", arguments: 1...20 as ClosedRange<UInt64>)
  func model(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var table = StringTable(seed: seed)
    var model: [[UInt8]: UInt64] = [:]
    var version: UInt64 = 0
    for phase in 0..<12 {
      // Phases that mostly add and phases that mostly remove, over more or fewer keys.
      let adds = phase.isMultiple(of: 2) ? 8 : 2
      let range = [10, 200, 5000][phase / 2 % 3]
      for _ in 0..<3000 {
        let key = key(Int.random(in: 0..<range, using: &random))
        version += 1
        let found = table.find(key)
        #expect(found == model[key])
        if Int.random(in: 0..<10, using: &random) < adds {
          if let old = model[key] {
            let replaced = table.replace(key, version)
            #expect(replaced == old)
          } else {
            table.insert(key, version)
          }
          model[key] = version
        } else {
          let removed = table.remove(key)
          #expect(removed == model.removeValue(forKey: key))
        }
      }
      let count = table.count
      #expect(count == model.count)
      var all: [[UInt8]: UInt64] = [:]
      var visits = 0
      table.forEach { key, version in
        all[key] = version
        visits += 1
      }
      #expect(all == model)
      #expect(visits == model.count)
    }
    table.removeAll()
    let (count, left) = (table.count, table.allocator.residentBytes)
    #expect(count == 0)
    #expect(left <= Self.leftover)
  }

  @Test("grows to more than 100,000 entries, shrinks to none, and gives all its memory back")
  func large() {
    var table = StringTable(seed: 9)
    for round in 0..<2 {
      for number in 0..<120_000 { table.insert(key(number), UInt64(number)) }
      var wrong = 0
      for number in 0..<120_000 where table.find(key(number)) != UInt64(number) { wrong += 1 }
      for number in 120_000..<121_000 where table.find(key(number)) != nil { wrong += 1 }
      #expect(wrong == 0)
      for number in 0..<120_000 {
        // The odd half from the front, the even from the back.
        let chosen = number < 60_000 ? 2 * number + 1 : 2 * (119_999 - number)
        if table.remove(key(chosen)) != UInt64(chosen) { wrong += 1 }
      }
      #expect(wrong == 0)
      let (count, left) = (table.count, table.allocator.residentBytes)
      #expect(count == 0)
      #expect(left <= Self.leftover, "round \(round)")
    }
  }

  @Test("is scanned whole, though it grows and shrinks meanwhile", arguments: 1...60 as ClosedRange<UInt64>)
  func scanWhileChanging(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var table = StringTable(seed: seed)
    let staying = Int.random(in: 1...300, using: &random)
    for number in 0..<staying { table.insert(key(number), 0) }
    var guests = Set<Int>()
    var nextGuest = staying
    func change(_ table: inout StringTable, towards size: Int, by steps: Int) {
      for _ in 0..<steps {
        if guests.count < size {
          table.insert(key(nextGuest), 0)
          guests.insert(nextGuest)
          nextGuest += 1
        } else if let guest = guests.first, guests.count > size {
          guests.remove(guest)
          _ = table.remove(key(guest))
        }
      }
    }
    change(&table, towards: Int.random(in: 0...8000, using: &random), by: 8000)
    var seen = Set<[UInt8]>()
    var cursor: UInt64 = 0
    var calls = 0
    var goal = 0
    repeat {
      cursor = table.scan(cursor) { seen.insert($0) }
      calls += 1
      if calls % 20 == 1 { goal = [0, 50, 3000, 12_000].randomElement(using: &random) ?? 0 }
      change(&table, towards: goal, by: Int.random(in: 0...600, using: &random))
    } while cursor != 0 && calls < 100_000
    #expect(cursor == 0)
    for number in 0..<staying { #expect(seen.contains(key(number)), "key \(number) of \(staying)") }
    table.removeAll()
  }

  @Test("is scanned once over when it stands still")
  func scanAtRest() {
    for count in [0, 1, 6, 7, 100, 3072, 3073, 20_000] {
      var table = StringTable(seed: UInt64(count))
      for number in 0..<count { table.insert(key(number), 0) }
      var visits: [[UInt8]: Int] = [:]
      var cursor: UInt64 = 0
      repeat { cursor = table.scan(cursor) { visits[$0, default: 0] += 1 } } while cursor != 0
      #expect(visits.count == count)
      #expect(visits.values.allSatisfy { $0 == 1 })
      table.removeAll()
    }
  }

  @Test("gives each entry by chance at some time", arguments: [1, 2, 7, 50, 500])
  func randomEntries(count: Int) {
    var random = RandomSource(seed: 4)
    var table = StringTable(seed: 4)
    #expect(table.randomKey(&random) == nil)
    for number in 0..<count { table.insert(key(number), 0) }
    var seen = Set<[UInt8]>()
    for _ in 0..<count * 60 {
      if let key = table.randomKey(&random) { seen.insert(key) }
    }
    #expect(seen.count == count)
    table.removeAll()
  }
}
