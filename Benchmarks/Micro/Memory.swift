// The table, and what is in it.
import Benchmark
import Martlet

/// A table of 100,000 strings with keys of 16 bytes, and as many more as a sample needs that aren't in it.
private struct Strings: ~Copyable {
  static let present = 100_000
  static let absent = 1000
  private static let keyBytes = 16

  private var allocator = Allocator()
  private let seed = SeedReference(HashSeed(1))
  private var table: Table<Item>
  private var small: Table<Item>
  private var items: [Item] = []
  /// The keys of all the items, one behind the other.
  private let keys: [UInt8]
  private var cursor: UInt64 = 0
  private var random = RandomSource(seed: 1)

  init() {
    table = Table(seed: seed)
    small = Table(seed: seed)
    let keys = (0..<Self.present + Self.absent).flatMap { number in
      Array("key:\(String(1_000_000_000_000 + number).dropFirst())".utf8)
    }
    self.keys = keys
    for number in 0..<Self.present + Self.absent {
      let key = Self.key(number, keys.span.raw)
      let item = Item.makeString(key, key, ItemMetadata(), UInt64(number + 1), &allocator)
      items.append(item)
      if number < Self.present { table.insert(item, table.hash(key), &allocator) }
    }
  }

  deinit {
    // The items end with their allocator.
    var allocator = allocator
    var table = table
    var small = small
    table.removeAll(&allocator)
    small.removeAll(&allocator)
    seed.destroy()
  }

  @_lifetime(copy keys)
  private static func key(_ number: Int, _ keys: RawSpan) -> RawSpan {
    keys.extracting(number * keyBytes..<(number + 1) * keyBytes)
  }

  /// Looks for keys that are there, in no order.
  mutating func findPresent(_ times: Int) {
    let keys = keys
    for _ in 0..<times {
      let key = Self.key(Int(truncatingIfNeeded: random.next() >> 32) % Self.present, keys.span.raw)
      blackHole(table.find(key, table.hash(key))?.version)
    }
  }

  func findAbsent(_ times: Int) {
    for number in 0..<times {
      let key = Self.key(Self.present + number, keys.span.raw)
      blackHole(table.find(key, table.hash(key))?.version)
    }
  }

  mutating func insert(_ times: Int) {
    let keys = keys
    for number in Self.present..<Self.present + times {
      table.insert(items[number], table.hash(Self.key(number, keys.span.raw)), &allocator)
    }
  }

  mutating func remove(_ times: Int) {
    let keys = keys
    for number in Self.present..<Self.present + times {
      let key = Self.key(number, keys.span.raw)
      _ = table.remove(key, table.hash(key), &allocator)
    }
  }

  /// Grows a table from nothing.
  mutating func grow(_ times: Int) {
    let keys = keys
    for number in 0..<times {
      small.insert(items[number], small.hash(Self.key(number, keys.span.raw)), &allocator)
    }
  }

  mutating func empty() { small.removeAll(&allocator) }

  /// Visits so many buckets.
  mutating func scan(_ times: Int) {
    var visited = 0
    for _ in 0..<times { cursor = table.scan(cursor) { _ in visited += 1 } }
    blackHole(visited)
  }
}

func benchmarkTable() {
  let make = { Box(Strings()) }
  measure("table find a key", make, { $0.value.findPresent($1) })
  measure("table find none", make, { $0.value.findAbsent($1) })
  measure("table insert", make, { $0.value.insert($1) }, after: { $0.value.remove($1) })
  measure("table remove", make, before: { $0.value.insert($1) }, { $0.value.remove($1) })
  measure("table grow from empty", make, { $0.value.grow($1) }, after: { box, _ in box.value.empty() })
  measure("table scan a bucket", make, { $0.value.scan($1) })
}

/// An item, and the allocator of its like.
private struct Items: ~Copyable {
  private var allocator: Allocator
  private let key = Array("key:000000000042".utf8)
  private let value: [UInt8]
  private let item: Item

  init(valueBytes: Int) {
    let (key, value) = (key, Array(repeating: UInt8(ascii: "v"), count: valueBytes))
    var allocator = Allocator()
    item = Item.makeString(key.span.raw, value.span.raw, ItemMetadata(), 1, &allocator)
    self.allocator = allocator
    self.value = value
  }

  mutating func makeAndDestroy(_ times: Int) {
    let (key, value) = (key, value)
    for number in 0..<times {
      let made = Item.makeString(key.span.raw, value.span.raw, ItemMetadata(), UInt64(number + 1), &allocator)
      made.destroy(&allocator)
    }
  }

  func overwrite(_ times: Int) {
    for number in 0..<times { blackHole(item.overwrite(value.span.raw, ItemMetadata(), UInt64(number + 1))) }
  }
}

func benchmarkItems() {
  for size in [32, 1000, 100_000] {
    measure(
      "item make and destroy, \(size) bytes", { Box(Items(valueBytes: size)) },
      { $0.value.makeAndDestroy($1) })
  }
  measure("item overwrite, 32 bytes", { Box(Items(valueBytes: 32)) }, { $0.value.overwrite($1) })
}
