// What nobody can reach any more and is still to be freed: the members of deleted collections, the chunks of lists, and
// emptied databases.
// It is freed a little at a time, by later changes of the shard and by the sweeper, so that no deletion holds up its
// shard for long. Until then it counts as memory in use.

/// A table that has been taken out of its place with all its entries.
@safe struct DetachedTable {
  fileprivate let table: UnsafeMutablePointer<Table<Item>>

  init(_ table: UnsafeMutablePointer<Table<Item>>) { unsafe self.table = unsafe table }
}

/// The things of one shard that are to be freed.
struct Doomed: ~Copyable {
  /// Collections with at most this many members, and lists with so many chunks, are freed at once.
  static let entriesAtOnce = 128

  private var collections: [MemberTable] = []
  private var lists: [ListChunks] = []
  private var tables: [DetachedTable] = []

  /// Whether there is nothing to be freed.
  private(set) var isEmpty = true

  mutating func append(_ members: MemberTable) {
    collections.append(members)
    isEmpty = false
  }

  mutating func append(_ chunks: ListChunks) {
    lists.append(chunks)
    isEmpty = false
  }

  mutating func append(_ table: DetachedTable) {
    tables.append(table)
    isEmpty = false
  }

  /// Frees up to about `entries` members, chunks or items; how many they were.
  mutating func free(_ entries: Int, _ allocator: inout Allocator) -> Int {
    var freed = 0
    while freed < entries {
      if let members = collections.last {
        let (count, isDone) = members.destroySome(entries - freed, &allocator)
        freed += max(count, 1)
        if isDone { collections.removeLast() }
      } else if let chunks = lists.last {
        let (count, isDone) = chunks.destroySome(entries - freed, &allocator)
        freed += max(count, 1)
        if isDone { lists.removeLast() }
      } else if let detached = tables.last {
        freed += freeItems(of: detached, entries - freed, &allocator)
      } else {
        isEmpty = true
        break
      }
    }
    if collections.isEmpty && lists.isEmpty && tables.isEmpty { isEmpty = true }
    return freed
  }

  private mutating func freeItems(
    of detached: DetachedTable, _ entries: Int, _ allocator: inout Allocator
  ) -> Int {
    let table = unsafe detached.table
    let before = unsafe table.pointee.count
    var left = before
    // The members of a large set are put on the list, and freed before the next items.
    var found: [Item] = []
    while left > 0 && before - left < entries && found.isEmpty {
      unsafe table.pointee.removeLastBucket(&allocator) { item, allocator in
        if item.isString { item.destroy(&allocator) } else { found.append(item) }
      }
      unsafe left = table.pointee.count
    }
    for item in found { item.destroy(&allocator, &self) }
    if left == 0 {
      unsafe table.pointee.removeAll(&allocator)
      unsafe table.deinitialize(count: 1)
      unsafe table.deallocate()
      tables.removeLast()
    }
    return max(before - left, 1)
  }
}
