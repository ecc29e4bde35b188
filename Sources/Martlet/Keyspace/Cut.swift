// The exact state of a shard at one version, handed out piece by piece while the shard goes on changing: what a
// checkpoint writes.
//
// The version C is set in all shards at one moment. From then on a reader goes through each shard's tables in the order
// of `scan`, under the shard's lock, a few entries at a time, and takes the items whose versions are at most C. Whoever
// is the first to change or delete an item that the reader has not come to keeps what it was: a deleted or replaced item
// is put aside instead of freed, one that changes in place is copied first. What is put aside the reader takes next,
// so that little of it collects; its bytes are counted in `retainedBytes`, and writers wait when there are too many.
//
// A large set is neither copied nor handed out whole. It is followed by itself: the reader goes through its members, and
// meanwhile members are put aside that are removed before the reader has come to them, and members that are added are
// remembered, so as to be left out.

/// A set that is handed out in steps.
package final class CutSet {
  package let key: [UInt8]
  package let database: Int
  /// What they were at the cut.
  package let metadata: ItemMetadata
  package let version: UInt64

  fileprivate let table: MemberTable
  /// The item, once it has left its table: it is freed at the end.
  fileprivate var retired: Item?
  /// All members before this place have been handed out.
  fileprivate var place: UInt64 = 0
  fileprivate var cursor: UInt64 = 0
  fileprivate var isScanned = false
  /// Members not yet come to that were not in the set at the cut.
  fileprivate var added: Set<[UInt8]> = []
  /// Members that were in the set at the cut and have been removed before the reader came to them.
  fileprivate var removed: [Member] = []

  fileprivate init(_ item: Item, _ database: Int) {
    key = item.key.array
    self.database = database
    metadata = item.metadata
    version = item.version
    table = item.members
  }

  /// What a member that is put aside or remembered takes besides its bytes, about.
  fileprivate static let bytesPerMember = 64

  fileprivate func isHandedOut(_ member: RawSpan) -> Bool { isScanned || table.scanPlace(member) < place }
}

/// Who takes the state at a cut.
package protocol CutReader: ~Copyable {
  /// A whole item. It is good only during the call.
  mutating func take(_ item: Item, _ database: Int)
  /// One member of a large set, of which `isLast` has not been said yet.
  mutating func take(_ member: RawSpan, of set: CutSet)
  /// All members of a large set have been taken.
  mutating func finish(_ set: CutSet)
}

/// What a shard keeps for a cut.
struct Cut: ~Copyable {
  /// Sets with more members than this are followed by themselves.
  static let largeSet = 128

  /// The cut's version; 0 when there is none.
  fileprivate(set) var version: UInt64 = 0
  /// Whether the cut outlives the emptying of a database.
  fileprivate var outlivesFlush = false
  fileprivate var database = 0
  fileprivate var cursor: UInt64 = 0
  /// All items of `database` before this place have been handed out.
  fileprivate var place: UInt64 = 0
  fileprivate var isScanned = false
  fileprivate var retired: [(item: Item, database: Int)] = []
  fileprivate var sets: [CutSet] = []
  /// A bug on purpose: what goes isn't kept. For the simulation, which has to find it; from outside nothing could do
  /// this, since what a cut has kept leaves it in its records only.
  fileprivate var forgetsDeletions = false

  @inline(__always)
  var isActive: Bool { version != 0 }

  /// Whether the reader still has to be given an item as it is now.
  fileprivate func needs(_ item: Item, _ hash: UInt64, _ database: Int) -> Bool {
    guard isActive && item.version <= version && !isScanned && database >= self.database else { return false }
    return database > self.database || Table<Item>.scanPlace(hash) >= place
  }

  fileprivate func set(of item: Item) -> CutSet? {
    guard item.kind == .set, !sets.isEmpty else { return nil }
    let members = item.members
    return sets.first { $0.retired == nil && $0.table.isSame(as: members) }
  }
}

extension Shard {
  // MARK: For changes

  /// To be called before an item changes in place.
  @inline(__always)
  mutating func preserve(_ item: Item, _ hash: UInt64, _ database: Int) {
    if cut.isActive { keepCopy(item, hash, database) }
  }

  @inline(never)
  private mutating func keepCopy(_ item: Item, _ hash: UInt64, _ database: Int) {
    guard cut.needs(item, hash, database) else { return }
    if item.kind == .set && item.members.count > Cut.largeSet {
      cut.sets.append(CutSet(item, database))
    } else {
      retire(item.clone(seed, &allocator), database)
    }
  }

  /// Frees an item that has left its table, or puts it aside for the reader.
  @inline(__always)
  mutating func discard(_ item: Item, _ hash: UInt64, _ database: Int) {
    if cut.isActive { discardSlowly(item, hash, database) } else { item.destroy(&allocator, &doomed) }
  }

  @inline(never)
  private mutating func discardSlowly(_ item: Item, _ hash: UInt64, _ database: Int) {
    if let set = cut.set(of: item) {
      keep(item, of: set)
    } else if cut.needs(item, hash, database) && !cut.forgetsDeletions {
      if item.kind == .set && item.members.count > Cut.largeSet {
        let set = CutSet(item, database)
        keep(item, of: set)
        cut.sets.append(set)
      } else {
        retire(item, database)
      }
    } else {
      item.destroy(&allocator, &doomed)
    }
  }

  private mutating func retire(_ item: Item, _ database: Int) {
    cut.retired.append((item, database))
    retainedBytes.add(UInt64(item.weight))
  }

  private func keep(_ item: Item, of set: CutSet) {
    set.retired = item
    retainedBytes.add(UInt64(item.weight))
  }

  private mutating func dropRetired(_ item: Item) {
    retainedBytes.subtract(UInt64(item.weight))
    item.destroy(&allocator, &doomed)
  }

  /// Whether a string may be overwritten where it is.
  @inline(__always)
  func mayOverwrite(_ item: Item, _ hash: UInt64, _ database: Int) -> Bool {
    !cut.isActive || !cut.needs(item, hash, database)
  }

  /// Adds members to a set's table; how many are new.
  mutating func insert(_ members: borrowing Words, into item: Item) -> Int {
    let table = item.members
    let set = cut.isActive ? cut.set(of: item) : nil
    var added = 0
    for index in 0..<members.count where table.insert(members[index], &allocator) {
      added += 1
      if let set, !set.isHandedOut(members[index]) {
        set.added.insert(members[index].array)
        retainedBytes.add(UInt64(members[index].byteCount + CutSet.bytesPerMember))
      }
    }
    return added
  }

  /// Takes members out of a set's table; how many were there.
  mutating func remove(_ members: borrowing Words, from item: Item) -> Int {
    let table = item.members
    let set = cut.isActive ? cut.set(of: item) : nil
    var removed = 0
    for index in 0..<members.count {
      guard let member = table.takeOut(members[index], &allocator) else { continue }
      removed += 1
      if let set, !set.isHandedOut(members[index]) {
        if set.added.remove(members[index].array) != nil {
          retainedBytes.subtract(UInt64(members[index].byteCount + CutSet.bytesPerMember))
        } else {
          set.removed.append(member)
          retainedBytes.add(UInt64(member.keyCount + CutSet.bytesPerMember))
          continue
        }
      }
      member.destroy(&allocator)
    }
    return removed
  }

  /// Lets go of a cut that a flush makes pointless; one that outlives it is given what goes.
  mutating func flushCut() {
    if cut.isActive && !cut.outlivesFlush { endCut() }
  }

  // MARK: For the reader

  /// Begins a cut at a version that no item of the shard is above.
  ///
  /// - Parameter outlivesFlush: whether the cut goes on when a database is emptied; else it ends then.
  package mutating func beginCut(_ version: UInt64, outlivesFlush: Bool) {
    precondition(!cut.isActive && version > 0)
    cut = Cut()
    cut.version = version
    cut.outlivesFlush = outlivesFlush
  }

  /// Has the cut under way lose what is deleted or replaced from now on.
  package mutating func forgetDeletionsInCut() { cut.forgetsDeletions = true }

  /// The version of the cut under way; 0 when there is none.
  package var cutVersion: UInt64 { cut.version }

  /// Hands out up to about `entries` of the items that have been put aside.
  package mutating func drainCut<Reader: CutReader & ~Copyable>(_ entries: Int, _ reader: inout Reader) {
    var left = entries
    takeRetired(&left, &reader)
    publish()
  }

  /// Hands out up to about `entries` more entries of the state at the cut; whether there may be more to come.
  package mutating func advanceCut<Reader: CutReader & ~Copyable>(_ entries: Int, _ reader: inout Reader)
    -> Bool
  {
    var left = entries
    takeRetired(&left, &reader)
    while left > 0, let set = cut.sets.last { advance(set, &left, &reader) }
    while left > 0 && !cut.isScanned { scanSome(&left, &reader) }
    publish()
    return !(cut.retired.isEmpty && cut.sets.isEmpty && cut.isScanned)
  }

  private mutating func takeRetired<Reader: CutReader & ~Copyable>(_ left: inout Int, _ reader: inout Reader)
  {
    while left > 0, let (item, database) = cut.retired.popLast() {
      reader.take(item, database)
      dropRetired(item)
      left -= 1
    }
  }

  private mutating func scanSome<Reader: CutReader & ~Copyable>(_ left: inout Int, _ reader: inout Reader) {
    var visited = 0
    var sets: [CutSet] = []
    let (version, database, place) = (cut.version, cut.database, cut.place)
    let seed = seed
    cut.cursor = scan(database, cut.cursor) { item in
      visited += 1
      // A bucket that has taken in another since may hold what has been handed out.
      guard item.version <= version, Table<Item>.scanPlace(seed.hash(item.key)) >= place else { return }
      if item.kind == .set && item.members.count > Cut.largeSet {
        sets.append(CutSet(item, database))
      } else {
        reader.take(item, database)
      }
    }
    cut.sets += sets
    left -= max(visited, 1)
    if cut.cursor != 0 {
      cut.place = Table<Item>.scanPlace(cut.cursor)
    } else {
      cut.place = 0
      cut.database += 1
      cut.isScanned = cut.database == databaseCount
    }
  }

  private mutating func advance<Reader: CutReader & ~Copyable>(
    _ set: CutSet, _ left: inout Int, _ reader: inout Reader
  ) {
    while left > 0, let member = set.removed.popLast() {
      reader.take(member.key, of: set)
      retainedBytes.subtract(UInt64(member.keyCount + CutSet.bytesPerMember))
      member.destroy(&allocator)
      left -= 1
    }
    while left > 0 && !set.isScanned {
      var visited = 0
      let place = set.place
      set.cursor = set.table.scan(set.cursor) { member in
        visited += 1
        guard set.table.scanPlace(member.key) >= place else { return }
        if !set.added.isEmpty && set.added.remove(member.key.array) != nil {
          retainedBytes.subtract(UInt64(member.keyCount + CutSet.bytesPerMember))
          return
        }
        reader.take(member.key, of: set)
      }
      left -= max(visited, 1)
      if set.cursor != 0 { set.place = Table<Member>.scanPlace(set.cursor) } else { set.isScanned = true }
    }
    if set.isScanned && set.removed.isEmpty {
      reader.finish(set)
      release(set)
      cut.sets.removeAll { $0 === set }
    }
  }

  private mutating func release(_ set: CutSet) {
    for member in set.removed {
      retainedBytes.subtract(UInt64(member.keyCount + CutSet.bytesPerMember))
      member.destroy(&allocator)
    }
    set.removed = []
    for member in set.added { retainedBytes.subtract(UInt64(member.count + CutSet.bytesPerMember)) }
    set.added = []
    if let item = set.retired { dropRetired(item) }
    set.retired = nil
  }

  /// Ends the cut and frees what it kept. O(what it kept).
  package mutating func endCut() {
    for (item, _) in cut.retired { dropRetired(item) }
    for set in cut.sets { release(set) }
    cut = Cut()
    publish()
  }
}
