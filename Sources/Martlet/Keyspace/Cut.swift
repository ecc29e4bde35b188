// The exact state of a shard at one version, handed out piece by piece while the shard goes on changing: what a
// checkpoint writes.
//
// The version C is set in all shards at one moment. From then on a reader goes through each shard's tables in the order
// of `scan`, under the shard's lock, a few entries at a time, and takes the items whose versions are at most C. Whoever
// is the first to change or delete an item that the reader has not come to keeps what it was: a deleted or replaced item
// is put aside instead of freed, one that changes in place is copied first. What is put aside the reader takes next,
// so that little of it collects; its bytes are counted in `retainedBytes`, and writers wait when there are too many.
//
// The reader knows databases by the numbers that they had at the cut, whatever `SWAPDB` has made of them since.
//
// A large collection is neither copied nor handed out whole. It is followed by itself: the reader goes through its
// members, and meanwhile members are put aside that are removed or replaced before the reader has come to them, and
// members that are added, or come in the place of others, are remembered, so as to be left out. A long list is followed by
// its chunks: see CutList.swift.

/// A collection that is handed out in steps.
package final class CutCollection {
  package let kind: ItemKind
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
  /// The keys of members not yet come to that were not in the collection at the cut.
  fileprivate var added: Set<[UInt8]> = []
  /// Members that were in the collection at the cut and have been removed before the reader came to them.
  fileprivate var removed: [Member] = []

  /// Nil for a list, and for an item that is small enough to be copied: a string, a packed collection or one of few
  /// members.
  fileprivate init?(ifLarge item: Item, _ database: Int) {
    guard item.kind == .set || item.kind == .hash, let table = item.members.table,
      table.count > Cut.largeCollection
    else { return nil }
    kind = item.kind
    key = item.key.array
    self.database = database
    metadata = item.metadata
    version = item.version
    self.table = table
  }

  /// What a member that is put aside or remembered takes besides its bytes, about.
  fileprivate static let bytesPerMember = 64

  fileprivate func isHandedOut(_ member: RawSpan) -> Bool { isScanned || table.scanPlace(member) < place }
}

/// Who takes the state at a cut.
package protocol CutReader: ~Copyable {
  /// A whole item. It is good only during the call.
  mutating func take(_ item: Item, _ database: Int)
  /// One member of a large collection. It is good only during the call.
  mutating func take(_ member: Member, of collection: CutCollection)
  /// All members of a large collection have been taken.
  mutating func finish(_ collection: CutCollection)
  /// The next element of a long list. It is good only during the call.
  mutating func take(_ element: ListElement, of list: CutList)
  /// All elements of a long list have been taken.
  mutating func finish(_ list: CutList)
}

/// What a shard keeps for a cut.
struct Cut: ~Copyable {
  /// Collections with more members than this are followed by themselves.
  static let largeCollection = 128

  /// The cut's version; 0 when there is none.
  fileprivate(set) var version: UInt64 = 0
  /// Whether the cut outlives the emptying of a database.
  fileprivate var outlivesFlush = false
  /// The number that each database had at the cut, by the one that it has now; empty while all have kept theirs.
  private var origins: [Int] = []
  fileprivate var database = 0
  fileprivate var cursor: UInt64 = 0
  /// All items of `database` before this place have been handed out.
  fileprivate var place: UInt64 = 0
  fileprivate var isScanned = false
  fileprivate var retired: [(item: Item, database: Int)] = []
  fileprivate var collections: [CutCollection] = []
  fileprivate var lists: [CutList] = []
  /// Bugs on purpose: items that go aren't kept, or members. For the simulation, which has to find it; from outside
  /// nothing could do this, since what a cut has kept leaves it in its records only.
  fileprivate var forgetsDeletions = false
  fileprivate var forgetsMembers = false

  @inline(__always)
  var isActive: Bool { version != 0 }

  /// The number that a database had at the cut.
  fileprivate func origin(_ database: Int) -> Int { origins.isEmpty ? database : origins[database] }

  /// The number that the database has now which is being handed out.
  fileprivate var currentDatabase: Int {
    origins.isEmpty ? database : origins.firstIndex(of: database) ?? database
  }

  /// Notes that two databases have changed places.
  mutating func swapDatabases(_ first: Int, _ second: Int, of count: Int) {
    guard isActive else { return }
    if origins.isEmpty { origins = Array(0..<count) }
    origins.swapAt(first, second)
  }

  /// Whether the reader still has to be given an item as it is now.
  ///
  /// - Parameter database: its number now.
  fileprivate func needs(_ item: Item, _ hash: UInt64, _ database: Int) -> Bool {
    guard isActive && item.version <= version && !isScanned else { return false }
    let database = origin(database)
    guard database >= self.database else { return false }
    return database > self.database || Table<Item>.scanPlace(hash) >= place
  }

  /// The large collection that is followed and is this item's.
  fileprivate func collection(of item: Item) -> CutCollection? {
    guard !collections.isEmpty, item.kind == .set || item.kind == .hash, let table = item.members.table else {
      return nil
    }
    return collections.first { $0.retired == nil && $0.table.isSame(as: table) }
  }

  /// The long list that is followed and is this item's.
  fileprivate func list(of item: Item) -> CutList? {
    guard !lists.isEmpty, item.kind == .list, let chunks = item.list.chunks else { return nil }
    return lists.first { $0.retired == nil && $0.chunks.list.isSame(as: chunks) }
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
    let origin = cut.origin(database)
    if let list = CutList(ifLong: item, origin, retainedBytes) {
      cut.lists.append(list)
    } else if let collection = CutCollection(ifLarge: item, origin) {
      cut.collections.append(collection)
    } else {
      retire(item.clone(seed, &allocator), origin)
    }
  }

  /// Frees an item that has left its table, or puts it aside for the reader.
  @inline(__always)
  mutating func discard(_ item: Item, _ hash: UInt64, _ database: Int) {
    if cut.isActive || !item.isString {
      discardSlowly(item, hash, database)
    } else {
      item.destroy(&allocator, &doomed)
    }
  }

  @inline(never)
  private mutating func discardSlowly(_ item: Item, _ hash: UInt64, _ database: Int) {
    noteGone(item, database)
    if let list = cut.list(of: item) {
      list.keep(item)
    } else if let collection = cut.collection(of: item) {
      keep(item, of: collection)
    } else if cut.needs(item, hash, database) && !cut.forgetsDeletions {
      let origin = cut.origin(database)
      if let list = CutList(ifLong: item, origin, retainedBytes) {
        list.keep(item)
        cut.lists.append(list)
      } else if let collection = CutCollection(ifLarge: item, origin) {
        keep(item, of: collection)
        cut.collections.append(collection)
      } else {
        retire(item, origin)
      }
    } else {
      item.destroy(&allocator, &doomed)
    }
  }

  /// - Parameter database: the number that its database had at the cut.
  private mutating func retire(_ item: Item, _ database: Int) {
    cut.retired.append((item, database))
    retainedBytes.add(UInt64(item.weight))
  }

  private func keep(_ item: Item, of collection: CutCollection) {
    collection.retired = item
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

  /// What follows a list, if the cut does.
  func followed(list item: Item) -> CutList? { cut.isActive ? cut.list(of: item) : nil }

  /// What follows a collection, if the cut does.
  func followed(_ item: Item) -> CutCollection? { cut.isActive ? cut.collection(of: item) : nil }

  /// Whether a member may be changed where it is.
  func mayOverwrite(_ member: Member, followed: CutCollection?) -> Bool {
    followed.map { $0.isHandedOut(member.key) } ?? true
  }

  /// Notes that a member has been put into its collection, that there was none with its key at the cut, or that the one
  /// that was has been put aside.
  mutating func noteAdded(_ key: RawSpan, followed: CutCollection?) {
    guard let followed, !followed.isHandedOut(key) else { return }
    followed.added.insert(key.array)
    retainedBytes.add(UInt64(key.byteCount + CutCollection.bytesPerMember))
  }

  /// Frees a member that has left its collection, or puts it aside for the reader.
  mutating func putAside(_ member: Member, followed: CutCollection?) {
    if let followed, !followed.isHandedOut(member.key) {
      if followed.added.remove(member.key.array) != nil {
        retainedBytes.subtract(UInt64(member.keyCount + CutCollection.bytesPerMember))
      } else if !cut.forgetsMembers {
        followed.removed.append(member)
        retainedBytes.add(UInt64(member.size + CutCollection.bytesPerMember))
        return
      }
    }
    member.destroy(&allocator)
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

  /// Has the cut under way lose the members that leave the collections it follows from now on.
  package mutating func forgetMembersInCut() { cut.forgetsMembers = true }

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
    while left > 0, let list = cut.lists.last { advance(list, &left, &reader) }
    while left > 0, let collection = cut.collections.last { advance(collection, &left, &reader) }
    while left > 0 && !cut.isScanned { scanSome(&left, &reader) }
    publish()
    return !(cut.retired.isEmpty && cut.lists.isEmpty && cut.collections.isEmpty && cut.isScanned)
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
    var collections: [CutCollection] = []
    var lists: [CutList] = []
    let retainedBytes = retainedBytes
    let (version, database, place) = (cut.version, cut.database, cut.place)
    let seed = seed
    cut.cursor = scan(cut.currentDatabase, cut.cursor) { item in
      visited += 1
      // A bucket that has taken in another since may hold what has been handed out.
      guard item.version <= version, Table<Item>.scanPlace(seed.hash(item.key)) >= place else { return }
      if let list = CutList(ifLong: item, database, retainedBytes) {
        lists.append(list)
      } else if let collection = CutCollection(ifLarge: item, database) {
        collections.append(collection)
      } else {
        reader.take(item, database)
      }
    }
    cut.collections += collections
    cut.lists += lists
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
    _ list: CutList, _ left: inout Int, _ reader: inout Reader
  ) {
    left -= max(
      1, list.chunks.handOut(left, &allocator, forgets: cut.forgetsMembers) { reader.take($0, of: list) })
    guard list.chunks.isDone else { return }
    reader.finish(list)
    release(list)
    cut.lists.removeAll { $0 === list }
  }

  private mutating func release(_ list: CutList) {
    list.chunks.release(&allocator)
    if let item = list.retired { dropRetired(item) }
    list.retired = nil
  }

  private mutating func advance<Reader: CutReader & ~Copyable>(
    _ collection: CutCollection, _ left: inout Int, _ reader: inout Reader
  ) {
    while left > 0, let member = collection.removed.popLast() {
      reader.take(member, of: collection)
      dropRemoved(member)
      left -= 1
    }
    while left > 0 && !collection.isScanned {
      var visited = 0
      let place = collection.place
      collection.cursor = collection.table.scan(collection.cursor) { member in
        visited += 1
        guard collection.table.scanPlace(member.key) >= place else { return }
        if !collection.added.isEmpty && collection.added.remove(member.key.array) != nil {
          retainedBytes.subtract(UInt64(member.keyCount + CutCollection.bytesPerMember))
          return
        }
        reader.take(member, of: collection)
      }
      left -= max(visited, 1)
      if collection.cursor != 0 {
        collection.place = Table<Member>.scanPlace(collection.cursor)
      } else {
        collection.isScanned = true
      }
    }
    if collection.isScanned && collection.removed.isEmpty {
      reader.finish(collection)
      release(collection)
      cut.collections.removeAll { $0 === collection }
    }
  }

  private mutating func dropRemoved(_ member: Member) {
    retainedBytes.subtract(UInt64(member.size + CutCollection.bytesPerMember))
    member.destroy(&allocator)
  }

  private mutating func release(_ collection: CutCollection) {
    for member in collection.removed { dropRemoved(member) }
    collection.removed = []
    for key in collection.added { retainedBytes.subtract(UInt64(key.count + CutCollection.bytesPerMember)) }
    collection.added = []
    if let item = collection.retired { dropRetired(item) }
    collection.retired = nil
  }

  /// Ends the cut and frees what it kept. O(what it kept).
  package mutating func endCut() {
    for (item, _) in cut.retired { dropRetired(item) }
    for collection in cut.collections { release(collection) }
    for list in cut.lists { release(list) }
    cut = Cut()
    publish()
  }
}
