// One shard: tables of items, and the changes that can be made to them. Every change is told its version; none is
// recorded here (see Effects) and none looks at a clock. Replaying a journal calls these very functions.

internal import Synchronization

/// A part of the keyspace under one lock.
package struct Shard: ~Copyable {
  /// Deletions leave their versions in this many cells, by hash, so that a reader who finds nothing knows which
  /// version made it so.
  private static let deletionCells = 256

  /// How many members or items that are to be freed each change of the shard frees.
  private static let doomedFreedByChange = 32

  package var allocator = Allocator()
  /// What has left its table and is still to be freed.
  var doomed = Doomed()
  var victims = VictimPool()
  let tables: TableArray
  private var deletions: [UInt64]
  let seed: SeedReference
  let databaseCount: Int
  var cut = Cut()
  var watchedAbsences = WatchedAbsences()
  var waitingClients = WaitingClients()
  /// Bytes put aside for a cut by all shards.
  let retainedBytes: SharedCounter
  private let accessClock: SharedCounter
  /// The memory of all shards: see `publish`.
  private let memory: SharedMemoryCounts

  /// The version of the last eviction.
  private(set) var lastEviction: UInt64 = 0
  /// The version of the last change of places of two databases: until then a key had another table of members.
  private(set) var lastSwap: UInt64 = 0
  /// The highest version of any change in this shard.
  private(set) var lastVersion: UInt64 = 0
  /// How many items have an expiry, in each database and in all.
  private var expiringCounts: [Int]
  private(set) var expiringCount = 0
  /// How many collections have members that expire, in each database.
  private var fieldExpiringCounts: [Int]
  /// Up to where collections are packed.
  private let packing: PackingSettings
  private let published = PublishedCount()
  /// What this shard has added to the counts of all.
  private var countedResident = 0
  private var countedUsed = 0

  init(
    databaseCount: Int, seed: SeedReference, retainedBytes: SharedCounter, accessClock: SharedCounter,
    memory: SharedMemoryCounts, packing: PackingSettings
  ) {
    tables = TableArray(count: databaseCount, seed: seed)
    deletions = Array(repeating: 0, count: Self.deletionCells)
    expiringCounts = Array(repeating: 0, count: databaseCount)
    fieldExpiringCounts = Array(repeating: 0, count: databaseCount)
    self.packing = packing
    self.seed = seed
    self.databaseCount = databaseCount
    self.retainedBytes = retainedBytes
    self.accessClock = accessClock
    self.memory = memory
  }

  // MARK: Reading

  /// The item at exactly this key, expired or not.
  @inline(__always)
  package func find(_ key: RawSpan, _ hash: UInt64, _ database: Int) -> Item? {
    tables[database].find(key, hash)
  }

  /// Has the processor fetch the bucket of a hash, for a `find` that comes soon.
  @inline(__always)
  func fetchBucket(_ hash: UInt64, _ database: Int) { tables[database].fetchBucket(hash) }

  /// Has the processor fetch the entry that is likely to be found for a hash.
  @inline(__always)
  func fetchEntry(_ hash: UInt64, _ database: Int) { tables[database].fetchEntry(hash) }

  package func count(_ database: Int) -> Int { tables[database].count }

  /// How many items of a database have an expiry.
  func expiringCount(_ database: Int) -> Int { expiringCounts[database] }

  /// Whether anything expires, keys or members of collections.
  var hasExpiring: Bool { expiringCount > 0 || fieldExpiringCounts.contains { $0 > 0 } }

  /// Up to where collections of a type are packed.
  func limits(_ kind: ItemKind) -> PackingLimits { packing[kind] }

  /// The same for lists, and how large their chunks are.
  var listLimits: ListRowLimits { packing.lists.row }

  /// The version by which an absent key became so, or a later one of another key with a similar hash.
  @inline(__always)
  package func deletionVersion(_ hash: UInt64) -> UInt64 { deletions[cell(hash)] }

  /// The same, or the version of the last eviction: what a write has to wait for that changes nothing because the key
  /// is absent. (A read doesn't wait for evictions.)
  func absenceVersion(_ hash: UInt64) -> UInt64 { max(deletionVersion(hash), lastEviction) }

  @inline(__always)
  private func cell(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 32) & (Self.deletionCells - 1) }

  package func forEach(_ database: Int, _ body: (Item) -> Void) { tables[database].forEach(body) }

  package func scan(_ database: Int, _ cursor: UInt64, _ body: (Item) -> Void) -> UInt64 {
    tables[database].scan(cursor, body)
  }

  func randomItem(_ database: Int, _ random: inout RandomSource) -> Item? {
    tables[database].randomEntry(&random)
  }

  // MARK: Strings

  /// Sets a string, whatever was at the key before. O(n).
  ///
  /// - Parameter isChange: the value was made from the one before, so that whether it was read or claimed stays.
  mutating func setString(
    _ key: RawSpan, _ hash: UInt64, _ database: Int, _ value: RawSpan, _ metadata: ItemMetadata,
    _ version: UInt64, isChange: Bool = false
  ) {
    // A copy of the handle, so that the allocator can change while a table does.
    let tables = tables
    touched(version)
    if let old = tables[database].find(key, hash) {
      if mayOverwrite(old, hash, database) && !allocator.isLent(old)
        && old.overwrite(value, metadata, version)
      {
        if isChange { old.noteChanged(accessTime, from: old) } else { old.noteWritten(accessTime) }
        return
      }
      let item = Item.makeString(key, value, metadata, version, &allocator)
      if isChange { item.noteChanged(accessTime, from: old) } else { item.noteWritten(accessTime) }
      countExpiry(database, old: old.expires, new: item.expires)
      _ = tables[database].replace(key, hash, with: item)
      discard(old, hash, database)
    } else {
      let item = Item.makeString(key, value, metadata, version, &allocator)
      item.noteWritten(accessTime)
      countExpiry(database, old: false, new: item.expires)
      tables[database].insert(item, hash, &allocator)
    }
    publish()
  }

  /// Writes `bytes` into a string from `offset` on; what lies between its end and there becomes zeros. A missing key
  /// counts as an empty string.
  mutating func writeString(
    _ key: RawSpan, _ hash: UInt64, _ database: Int, at offset: Int, _ bytes: RawSpan, _ version: UInt64
  ) {
    let tables = tables
    touched(version)
    var item: Item
    if let old = tables[database].find(key, hash) {
      preserve(old, hash, database)
      item = old.metadata.cas == 0 ? old : withoutChosenCAS(old, key, hash, database, version)
      item.isStale = false
    } else {
      item = Item.makeString(key, RawSpan(), ItemMetadata(), version, &allocator)
      tables[database].insert(item, hash, &allocator)
    }
    if allocator.isLent(item) {
      let slot = tables[database].slot(key, hash)
      item = item.moved(&allocator)
      slot.point(to: item)
    }
    if offset + bytes.byteCount > item.valueCount {
      // The slot is found first: once the item has moved, its key can't be compared any more.
      let slot = tables[database].slot(key, hash)
      item = item.resized(to: offset + bytes.byteCount, version: version, &allocator)
      slot.point(to: item)
    }
    item.version = version
    item.write(bytes, at: offset)
    item.noteWritten(accessTime)
    publish()
  }

  /// A string about to change loses the CAS token that was chosen for what it was.
  private mutating func withoutChosenCAS(
    _ old: Item, _ key: RawSpan, _ hash: UInt64, _ database: Int, _ version: UInt64
  ) -> Item {
    var metadata = old.metadata
    metadata.cas = 0
    let slot = tables[database].slot(key, hash)
    let item = old.remade(key: key, metadata: metadata, version: version, &allocator)
    slot.point(to: item)
    return item
  }

  /// Puts `bytes` before a string's value.
  mutating func prependString(
    _ key: RawSpan, _ hash: UInt64, _ database: Int, _ bytes: RawSpan, _ version: UInt64
  ) {
    guard let old = tables[database].find(key, hash) else {
      return setString(key, hash, database, bytes, ItemMetadata(), version)
    }
    var joined = ByteQueue()
    joined.append(bytes)
    joined.append(old.value)
    setString(key, hash, database, joined.bytes, old.metadata.ofChangedValue, version)
  }

  /// Takes back a value that was lent.
  mutating func takeBack(_ value: LentValue) {
    allocator.takeBack(value)
    publish()
  }

  // MARK: Every type

  /// Deletes a key; whether it was there. O(1): the members of a large collection are freed later.
  @discardableResult
  mutating func remove(_ key: RawSpan, _ hash: UInt64, _ database: Int, _ version: UInt64) -> Bool {
    let tables = tables
    touched(version)
    noteDeletion(hash, version)
    guard let item = tables[database].remove(key, hash, &allocator) else { return false }
    if !watchedAbsences.isEmpty { watchedAbsences.noteDeletion(hash, database, item.version) }
    countExpiry(database, old: item.expires, new: false)
    discard(item, hash, database)
    publish()
    return true
  }

  /// Deletes an item to make room. Unlike a deletion by a client it leaves no version for readers to wait for.
  mutating func evict(_ item: Item, _ hash: UInt64, _ database: Int, _ version: UInt64) {
    let tables = tables
    touched(version)
    lastEviction = max(lastEviction, version)
    guard let item = tables[database].remove(item.key, hash, &allocator) else { return }
    if !watchedAbsences.isEmpty { watchedAbsences.noteDeletion(hash, database, item.version) }
    countExpiry(database, old: item.expires, new: false)
    discard(item, hash, database)
    publish()
  }

  /// Gives an item another expiry, in milliseconds since 1970; 0 takes it away. The value's CAS token stays what it
  /// was, though the item has a new version: memcached's `touch` doesn't change a value.
  mutating func setExpiry(
    _ key: RawSpan, _ hash: UInt64, _ database: Int, _ milliseconds: Int64, _ version: UInt64
  ) {
    touched(version)
    guard let old = tables[database].find(key, hash) else { return }
    preserve(old, hash, database)
    var metadata = old.metadata
    metadata.expiry = milliseconds
    if old.isString { metadata.cas = old.cas }
    countExpiry(database, old: old.expires, new: metadata.expiry != 0)
    let slot = tables[database].slot(key, hash)
    slot.point(to: old.remade(key: key, metadata: metadata, version: version, &allocator))
    publish()
  }

  /// Marks a string as out of date, so that one client may be told to make it anew.
  ///
  /// - Parameters:
  ///   - expiry: its new expiry, in milliseconds since 1970, 0 for none; nil if it stays.
  ///   - cas: its new CAS token; 0 for the version.
  mutating func markStale(
    _ key: RawSpan, _ hash: UInt64, _ database: Int, expiry: Int64?, cas: UInt64, _ version: UInt64
  ) {
    touched(version)
    guard let old = tables[database].find(key, hash) else { return }
    preserve(old, hash, database)
    var metadata = old.metadata
    metadata.expiry = expiry ?? metadata.expiry
    metadata.cas = cas
    metadata.isStale = true
    countExpiry(database, old: old.expires, new: metadata.expiry != 0)
    let slot = tables[database].slot(key, hash)
    let item = old.remade(key: key, metadata: metadata, version: version, &allocator)
    item.isClaimed = false
    slot.point(to: item)
    publish()
  }

  /// Takes an item out to be put elsewhere by `adopt`. It leaves a deletion behind.
  mutating func release(_ key: RawSpan, _ hash: UInt64, _ database: Int, _ version: UInt64) -> DetachedItem? {
    let tables = tables
    touched(version)
    noteDeletion(hash, version)
    guard let item = tables[database].remove(key, hash, &allocator) else { return nil }
    if !watchedAbsences.isEmpty { watchedAbsences.noteDeletion(hash, database, item.version) }
    countExpiry(database, old: item.expires, new: false)
    let detached = DetachedItem(item)
    discard(item, hash, database)
    publish()
    return detached
  }

  /// A copy of the item at a key, to be put elsewhere by `adopt`.
  func copy(_ key: RawSpan, _ hash: UInt64, _ database: Int) -> DetachedItem? {
    tables[database].find(key, hash).map { DetachedItem($0) }
  }

  /// Puts what `release` or `copy` gave at a key, in place of what is there.
  mutating func adopt(
    _ item: borrowing DetachedItem, _ key: RawSpan, _ hash: UInt64, _ database: Int, _ version: UInt64
  ) {
    switch item.kind {
    case .string:
      setString(key, hash, database, item.content.bytes, item.metadata, version)
    case .set, .hash, .sortedSet:
      remove(key, hash, database, version)
      putCollection(item, key, hash, database, version)
    case .list:
      remove(key, hash, database, version)
      putList(item, key, hash, database, version)
    }
  }

  /// Has two different databases change places. Their items keep their versions: until this one is durable, nobody may be
  /// shown them. O(keys that are watched and absent).
  mutating func swapDatabases(_ first: Int, _ second: Int, _ version: UInt64) {
    touched(version)
    lastSwap = version
    noteDeletionOfAny(version)
    let tables = tables
    if !watchedAbsences.isEmpty {
      watchedAbsences.noteSwap(first, second, version) { tables[$2].find($0.span.raw, $1) != nil }
    }
    tables.swap(first, second)
    expiringCounts.swapAt(first, second)
    fieldExpiringCounts.swapAt(first, second)
    cut.swapDatabases(first, second, of: databaseCount)
  }

  /// Empties one database.
  mutating func removeAll(_ database: Int, _ version: UInt64) {
    touched(version)
    noteDeletionOfAny(version)
    flushCut()
    clear(database)
    publish()
  }

  // MARK: Accounts

  /// The time that items are marked with.
  @inline(__always)
  var accessTime: AccessTime { AccessTime(truncatingBits: accessClock.value) }

  /// To be called first in every change, before an item is looked for.
  @inline(__always)
  mutating func touched(_ version: UInt64) {
    if version > lastVersion { lastVersion = version }
    if !doomed.isEmpty { freeDoomed(Self.doomedFreedByChange) }
  }

  /// Frees up to about `entries` of what has left its table; how many they were.
  @inline(never)
  @discardableResult
  package mutating func freeDoomed(_ entries: Int) -> Int {
    let freed = doomed.free(entries, &allocator)
    publish()
    return freed
  }

  /// Notes that any key may have become absent.
  private mutating func noteDeletionOfAny(_ version: UInt64) {
    for cell in deletions.indices { deletions[cell] = max(deletions[cell], version) }
  }

  private mutating func noteDeletion(_ hash: UInt64, _ version: UInt64) {
    let cell = cell(hash)
    if version > deletions[cell] { deletions[cell] = version }
  }

  @inline(__always)
  mutating func countExpiry(_ database: Int, old: Bool, new: Bool) {
    if old == new { return }
    expiringCount += new ? 1 : -1
    expiringCounts[database] += new ? 1 : -1
  }

  /// Has a collection that is in its table say whether members of it expire.
  ///
  /// - Parameter hasGained: whether members of it may have got an expiry just now.
  mutating func noteExpiringMembers(of item: Item, _ database: Int, hasGained: Bool) {
    guard hasGained || item.hasExpiringMembers else { return }
    let expires = item.members.expiringCount > 0
    guard expires != item.hasExpiringMembers else { return }
    item.hasExpiringMembers = expires
    fieldExpiringCounts[database] += expires ? 1 : -1
  }

  /// Counts that a collection has left its table.
  mutating func noteGone(_ item: Item, _ database: Int) {
    if item.hasExpiringMembers { fieldExpiringCounts[database] -= 1 }
  }

  /// Makes known what memory the shard has. What is in use is added to the count of all shards a little at a time only,
  /// since all of them share its cache line.
  @inline(__always)
  mutating func publish() {
    let used = allocator.usedBytes
    published.value = used
    let isFar = UInt(bitPattern: used - countedUsed + Self.countedStep) > UInt(2 * Self.countedStep)
    if isFar || allocator.residentBytes != countedResident { count() }
  }

  /// How far the count of what is in use may be off for each shard, in bytes.
  private static let countedStep = 4096

  @inline(never)
  private mutating func count() {
    memory.used.add(UInt64(bitPattern: Int64(allocator.usedBytes - countedUsed)))
    memory.resident.add(UInt64(bitPattern: Int64(allocator.residentBytes - countedResident)))
    countedUsed = allocator.usedBytes
    countedResident = allocator.residentBytes
  }

  /// The bytes in use in this shard, readable without its lock.
  var publishedBytes: Int { published.value }

  private mutating func clear(_ database: Int) {
    let tables = self.tables
    if !cut.isActive && watchedAbsences.isEmpty {
      if tables[database].count > 0 { doomed.append(tables.detach(database, seed: seed)) }
      expiringCount -= expiringCounts[database]
      expiringCounts[database] = 0
      fieldExpiringCounts[database] = 0
      return
    }
    tables[database].forEach { item in
      if !watchedAbsences.isEmpty {
        watchedAbsences.noteDeletion(seed.hash(item.key), database, item.version)
      }
      countExpiry(database, old: item.expires, new: false)
      discard(item, seed.hash(item.key), database)
    }
    tables[database].removeAll(&allocator)
  }

  /// Frees all that the shard holds, at its end.
  mutating func removeEverything() {
    endCut()
    for database in 0..<databaseCount { clear(database) }
    while !doomed.isEmpty { freeDoomed(.max) }
    tables.destroy()
    published.destroy()
  }
}

/// An item's content outside any shard, on its way from one key to another.
struct DetachedItem: ~Copyable {
  let kind: ItemKind
  let metadata: ItemMetadata
  /// A string's value; the members of a collection or the elements of a list, as they stand in a packed one.
  private(set) var content = ByteQueue()
  private(set) var memberCount = 0
  private(set) var isPacked = false

  init(_ item: Item) {
    kind = item.kind
    metadata = item.metadata
    switch item.kind {
    case .string: content.append(item.value)
    case .set, .hash, .sortedSet:
      let members = item.members
      memberCount = members.count
      isPacked = members.isPacked
      var packed = ByteQueue()
      members.forEach { $0.append(to: &packed) }
      content = packed
    case .list:
      let list = item.list
      memberCount = list.count
      isPacked = list.isPacked
      list.appendRows(to: &content)
    }
  }
}
