// Up to where collections are kept packed: what a store begins with, and what holds while it runs.

/// Up to where the collections of each type are packed when a store is opened, under Redis's names for it.
public struct CollectionLimits: Sendable, Equatable {
  /// How many fields a packed hash may have, `hash-max-listpack-entries`; 0 to ``maximumEntries``.
  public var hashEntries = 128
  /// How many bytes its fields and values may have each, `hash-max-listpack-value`; 0 to ``maximumValueBytes``.
  public var hashValueBytes = 64
  /// How many members a packed set may have, `set-max-listpack-entries`; 0 to ``maximumEntries``.
  public var setEntries = 128
  /// How many bytes they may have each, `set-max-listpack-value`; 0 to ``maximumValueBytes``.
  public var setValueBytes = 64
  /// How many members a packed sorted set may have, `zset-max-listpack-entries`; 0 to ``maximumEntries``.
  public var sortedSetEntries = 128
  /// How many bytes they may have each, `zset-max-listpack-value`; 0 to ``maximumValueBytes``.
  public var sortedSetValueBytes = 64
  /// How large a packed list may be, and a chunk of a longer one, `list-max-listpack-size`: so many elements, or from
  /// −1 to −5 so many bytes, from 4 KiB doubling to 64 KiB; never 0.
  public var listSize = -2

  /// The most that a number of entries may be.
  public static let maximumEntries = PackingLimits.maximumMembers
  /// The most that a number of bytes may be.
  public static let maximumValueBytes = PackingLimits.maximumBytes
  /// What ``listSize`` may be, but for 0.
  public static let listSizes = -5...32_767

  /// The defaults.
  public init() {}
}

/// Up to where the collections of one type are packed, for all shards. It may change at any time; a collection keeps its
/// form until it is changed itself.
package struct PackingLimits: Sendable {
  /// As many members as the count in an item can say.
  package static let maximumMembers = 0xfffe
  /// A packed collection has at most this many bytes, whatever the limits say.
  package static let maximumBytes = 64 << 10

  private let entriesBox = SharedCounter()
  private let valueBytesBox = SharedCounter()

  init(entries: Int, valueBytes: Int) {
    self.entries = entries
    self.valueBytes = valueBytes
  }

  /// How many members one may have.
  package var entries: Int {
    get { Int(truncatingIfNeeded: entriesBox.value) }
    nonmutating set { entriesBox.set(UInt64(newValue)) }
  }

  /// How long each of them, and its value, may be, in bytes.
  package var valueBytes: Int {
    get { Int(truncatingIfNeeded: valueBytesBox.value) }
    nonmutating set { valueBytesBox.set(UInt64(newValue)) }
  }

  func destroy() {
    entriesBox.destroy()
    valueBytesBox.destroy()
  }
}

/// The same of lists, and how large the chunks of a longer one are.
package struct ListLimits: Sendable {
  /// The most bytes where the number says how many elements.
  private static let bytesByCount = 8 << 10

  private let box = SharedCounter()

  init(_ number: Int) { self.number = number }

  /// As in `CollectionLimits.listSize`.
  package var number: Int {
    get { Int(Int64(bitPattern: box.value)) }
    nonmutating set {
      let sizes = CollectionLimits.listSizes
      box.set(UInt64(bitPattern: Int64(max(sizes.lowerBound, min(newValue, sizes.upperBound)))))
    }
  }

  /// What one row may have.
  var row: ListRowLimits {
    let number = number
    return number < 0
      ? ListRowLimits(count: Item.maximumPackedCount, bytes: (2 << 10) << -number)
      : ListRowLimits(count: max(1, number), bytes: Self.bytesByCount)
  }

  func destroy() { box.destroy() }
}

/// The limits of every type of collection.
package struct PackingSettings: Sendable {
  package let hashes: PackingLimits
  package let sets: PackingLimits
  package let sortedSets: PackingLimits
  package let lists: ListLimits

  init(_ limits: CollectionLimits) {
    hashes = PackingLimits(entries: limits.hashEntries, valueBytes: limits.hashValueBytes)
    sets = PackingLimits(entries: limits.setEntries, valueBytes: limits.setValueBytes)
    sortedSets = PackingLimits(entries: limits.sortedSetEntries, valueBytes: limits.sortedSetValueBytes)
    lists = ListLimits(limits.listSize)
  }

  subscript(kind: ItemKind) -> PackingLimits {
    switch kind {
    case .hash: hashes
    case .sortedSet: sortedSets
    case .string, .set, .list: sets
    }
  }

  func destroy() {
    hashes.destroy()
    sets.destroy()
    sortedSets.destroy()
    lists.destroy()
  }
}
