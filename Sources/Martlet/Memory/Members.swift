// The members of one collection: of a set, the fields of a hash with their values, the members of a sorted set.
//
// A small collection is packed: its members stand in a row in its item, in the order in which they came, or of a sorted
// set in the order of their scores; so the whole collection is one allocation. They are found by going through them. One
// that has grown, in members or in the length of one of them, has a table (Table.swift) and an allocation for each
// member, and keeps that as long as it lives; a sorted set has an order of its members besides (OrderIndex.swift).
// Behind the key of the item stand
//
//     number of members (2 bytes), the members       of a packed collection
//     0xffff (2 bytes), address of a MemberStore     of one with a table

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The members in a table, with what is known about all of them.
struct MemberStore: ~Copyable {
  var table: Table<Member>
  /// Of a sorted set the order of the members; of others empty.
  var order = OrderIndex()
  let isOrdered: Bool
  /// The bytes of all members, without the table's own.
  var bytes = 0
  /// How many of them expire.
  var expiring = 0
  /// No member expires before this time.
  var earliestExpiry = Int64.max
  /// The same of those that the pass under way has come to, and of those that have come since it began.
  var earliestOfPass = Int64.max
}

/// The members of one collection that has a table, wherever its item is. Good as long as the collection.
@safe package struct MemberTable {
  private let store: UnsafeMutablePointer<MemberStore>

  static func make(isOrdered: Bool, _ seed: SeedReference, _ allocator: inout Allocator) -> MemberTable {
    let store = unsafe allocator.allocate(MemoryLayout<MemberStore>.size)
      .bindMemory(to: MemberStore.self, capacity: 1)
    unsafe store.initialize(to: MemberStore(table: Table(seed: seed), isOrdered: isOrdered))
    return unsafe MemberTable(store)
  }

  private init(_ store: UnsafeMutablePointer<MemberStore>) { unsafe self.store = unsafe store }

  fileprivate init(bits: UInt) {
    unsafe store = UnsafeMutablePointer(bitPattern: bits).unsafelyUnwrapped
  }

  fileprivate var bits: UInt { unsafe UInt(bitPattern: store) }

  var count: Int { unsafe store.pointee.table.count }

  /// The bytes of all members and of their order, without what the table takes itself.
  var memberBytes: Int { unsafe store.pointee.bytes + store.pointee.order.bytes }

  /// How many members expire.
  var expiringCount: Int { unsafe store.pointee.expiring }

  /// No member expires before this time, in milliseconds since 1970.
  var earliestExpiry: Int64 { unsafe store.pointee.earliestExpiry }

  func find(_ key: RawSpan) -> Member? {
    unsafe store.pointee.table.find(key, store.pointee.table.hash(key))
  }

  /// Adds a member whose key isn't there yet. O(1).
  func insert(_ content: borrowing MemberContent, _ allocator: inout Allocator) {
    let member = Member.make(content, &allocator)
    let hash = unsafe store.pointee.table.hash(content.key)
    unsafe store.pointee.table.insert(member, hash, &allocator)
    putInOrder(member, &allocator)
    count(member, 1)
  }

  /// Puts a member in the place of the one with its key, which is then the caller's to destroy. O(1).
  func replace(with content: borrowing MemberContent, _ allocator: inout Allocator) -> Member {
    let member = Member.make(content, &allocator)
    let hash = unsafe store.pointee.table.hash(content.key)
    let old = unsafe store.pointee.table.replace(content.key, hash, with: member)
    takeFromOrder(old, &allocator)
    putInOrder(member, &allocator)
    count(old, -1)
    count(member, 1)
    return old
  }

  /// Writes a member's new value or score where the old one is, if it takes the same room; whether it did. O(1).
  func overwrite(_ member: Member, _ content: borrowing MemberContent, _ allocator: inout Allocator) -> Bool {
    guard member.fits(content) else { return false }
    takeFromOrder(member, &allocator)
    _ = member.overwrite(content)
    putInOrder(member, &allocator)
    noteExpiry(content.expiry)
    return true
  }

  /// Takes a member out, which is then the caller's to destroy; nil when it isn't there. O(1).
  func takeOut(_ key: RawSpan, _ allocator: inout Allocator) -> Member? {
    let hash = unsafe store.pointee.table.hash(key)
    guard let member = unsafe store.pointee.table.remove(key, hash, &allocator) else { return nil }
    takeFromOrder(member, &allocator)
    count(member, -1)
    return member
  }

  private func putInOrder(_ member: Member, _ allocator: inout Allocator) {
    if unsafe store.pointee.isOrdered { unsafe store.pointee.order.insert(member, &allocator) }
  }

  private func takeFromOrder(_ member: Member, _ allocator: inout Allocator) {
    if unsafe store.pointee.isOrdered { unsafe store.pointee.order.remove(member, &allocator) }
  }

  private func count(_ member: Member, _ sign: Int) {
    unsafe store.pointee.bytes += sign * member.size
    guard member.expires else { return }
    unsafe store.pointee.expiring += sign
    if sign > 0 { noteExpiry(member.expiry) }
  }

  private func noteExpiry(_ expiry: Int64) {
    guard expiry != 0 else { return }
    unsafe store.pointee.earliestExpiry = min(store.pointee.earliestExpiry, expiry)
    unsafe store.pointee.earliestOfPass = min(store.pointee.earliestOfPass, expiry)
  }

  // MARK: In order

  /// How many members of a sorted set are before a place. O(log n).
  func rank(of place: borrowing OrderPlace) -> Int { unsafe store.pointee.order.rank(of: place) }

  /// Visits the members of some ranks of a sorted set. O(log n + m).
  func forEach(in ranks: Range<Int>, isReversed: Bool, _ body: (Member) -> Void) {
    unsafe store.pointee.order.forEach(in: ranks, isReversed: isReversed, body)
  }

  /// What is wrong with the order of a sorted set; nil when nothing is. O(n).
  func orderProblem() -> String? {
    if unsafe store.pointee.order.count != (store.pointee.isOrdered ? count : 0) {
      return "not as many members in the order as in the table"
    }
    return unsafe store.pointee.order.problem()
  }

  // MARK: Passes of the sweeper

  /// Says that all members are going to be looked at, to learn anew when the first of them expires.
  func beginPass() { unsafe store.pointee.earliestOfPass = .max }

  /// Says that the pass has come to a member that stays.
  func notePassed(_ member: Member) {
    let expiry = member.expiry
    if expiry != 0 { unsafe store.pointee.earliestOfPass = min(store.pointee.earliestOfPass, expiry) }
  }

  func endPass() { unsafe store.pointee.earliestExpiry = store.pointee.earliestOfPass }

  // MARK: Visiting

  /// Whether both are the members of the same collection.
  func isSame(as other: MemberTable) -> Bool { unsafe store == other.store }

  /// Where a member stands in the order in which `scan` goes.
  func scanPlace(_ key: RawSpan) -> UInt64 {
    unsafe Table<Member>.scanPlace(store.pointee.table.hash(key))
  }

  func forEach(_ body: (Member) -> Void) { unsafe store.pointee.table.forEach(body) }

  func random(_ random: inout RandomSource) -> Member? { unsafe store.pointee.table.randomEntry(&random) }

  /// Visits the bucket at `cursor`; the next cursor, 0 at the end. See `Table.scan`.
  func scan(_ cursor: UInt64, _ body: (Member) -> Void) -> UInt64 {
    unsafe store.pointee.table.scan(cursor, body)
  }

  // MARK: Freeing

  func destroy(_ allocator: inout Allocator) {
    unsafe store.pointee.table.forEach { $0.destroy(&allocator) }
    unsafe store.pointee.table.removeAll(&allocator)
    _ = unsafe store.pointee.order.freeSome(.max, &allocator)
    end(&allocator)
  }

  /// Frees up to about `entries` members of a collection that nobody can reach any more, their order before and at last
  /// the table; how many they were, and whether that was all.
  func destroySome(_ entries: Int, _ allocator: inout Allocator) -> (freed: Int, isDone: Bool) {
    let leaves = unsafe store.pointee.order.freeSome(entries, &allocator)
    if leaves > 0 { return (leaves, false) }
    let before = count
    while count > 0 && before - count < entries {
      unsafe store.pointee.table.removeLastBucket(&allocator) { $0.destroy(&$1) }
    }
    guard count == 0 else { return (before - count, false) }
    unsafe store.pointee.table.removeAll(&allocator)
    end(&allocator)
    return (before, true)
  }

  private func end(_ allocator: inout Allocator) {
    unsafe store.deinitialize(count: 1)
    unsafe allocator.deallocate(UnsafeMutableRawPointer(store), MemoryLayout<MemberStore>.size)
  }
}

/// The members of a collection, packed or not. Good until the collection changes.
@safe package struct Members {
  fileprivate static let countSize = 2
  fileprivate static let isTable: UInt16 = 0xffff
  /// What stands behind the key of a collection with a table.
  fileprivate static let tableSize = countSize + 8

  private let start: UnsafeMutableRawPointer

  fileprivate init(_ start: UnsafeMutableRawPointer) { unsafe self.start = unsafe start }

  @inline(__always)
  private var head: UInt16 { unsafe start.loadUnaligned(as: UInt16.self) }

  /// The table; nil of a packed collection.
  var table: MemberTable? {
    guard head == Self.isTable else { return nil }
    return unsafe MemberTable(bits: start.loadUnaligned(fromByteOffset: Self.countSize, as: UInt.self))
  }

  package var isPacked: Bool { head != Self.isTable }

  package var count: Int { table?.count ?? Int(head) }

  /// The member with exactly this key; nil when there is none. O(1), O(n) of a packed collection.
  package func find(_ key: RawSpan) -> Member? {
    if let table { return table.find(key) }
    var address = unsafe start + Self.countSize
    for _ in 0..<head {
      let member = unsafe Member(address: address)
      if member.keyCount == key.byteCount && member.key.equals(key) { return member }
      unsafe address += member.size
    }
    return nil
  }

  package func contains(_ key: RawSpan) -> Bool { find(key) != nil }

  package func forEach(_ body: (Member) -> Void) {
    if let table { return table.forEach(body) }
    unsafe Self.forEach(start + Self.countSize, Int(head), body)
  }

  fileprivate static func forEach(
    _ start: UnsafeMutableRawPointer, _ count: Int, _ body: (Member) -> Void
  ) {
    var address = unsafe start
    for _ in 0..<count {
      let member = unsafe Member(address: address)
      unsafe address += member.size
      body(member)
    }
  }

  /// Goes through the members until `body` returns true; whether it did.
  func contains(where body: (Member) -> Bool) -> Bool {
    if let table {
      var cursor: UInt64 = 0
      var isFound = false
      repeat {
        cursor = table.scan(cursor) { if !isFound && body($0) { isFound = true } }
      } while cursor != 0 && !isFound
      return isFound
    }
    var address = unsafe start + Self.countSize
    for _ in 0..<head {
      let member = unsafe Member(address: address)
      if body(member) { return true }
      unsafe address += member.size
    }
    return false
  }

  /// Visits the members at `cursor`, of a packed collection all of them; the next cursor, 0 at the end.
  package func scan(_ cursor: UInt64, _ body: (Member) -> Void) -> UInt64 {
    if let table { return table.scan(cursor, body) }
    forEach(body)
    return 0
  }

  // MARK: In order

  /// How many members of a sorted set are before a place. O(log n), O(n) of a packed one.
  func rank(of place: borrowing OrderPlace) -> Int {
    if let table { return table.rank(of: place) }
    var address = unsafe start + Self.countSize
    for rank in 0..<Int(head) {
      let member = unsafe Member(address: address)
      if !place.isBehind(member) { return rank }
      unsafe address += member.size
    }
    return Int(head)
  }

  /// How many bytes from the value's start the first member behind a place stands in a packed sorted set.
  fileprivate func packedOffset(of place: borrowing OrderPlace) -> Int {
    var address = unsafe start + Self.countSize
    for _ in 0..<head {
      let member = unsafe Member(address: address)
      if !place.isBehind(member) { break }
      unsafe address += member.size
    }
    return unsafe address - start
  }

  /// Visits the members of some ranks of a sorted set, in their order or against it. O(log n + m), O(n) of a packed one.
  package func forEach(in ranks: Range<Int>, isReversed: Bool = false, _ body: (Member) -> Void) {
    if let table { return table.forEach(in: ranks, isReversed: isReversed, body) }
    precondition(ranks.lowerBound >= 0 && ranks.upperBound <= Int(head))
    var address = unsafe start + Self.countSize
    var visited: [Member] = []
    for rank in 0..<ranks.upperBound {
      let member = unsafe Member(address: address)
      unsafe address += member.size
      if rank < ranks.lowerBound { continue }
      if isReversed { visited.append(member) } else { body(member) }
    }
    for member in visited.reversed() { body(member) }
  }

  /// What is wrong with the order of a sorted set; nil when nothing is. O(n).
  package func orderProblem() -> String? {
    if let table { return table.orderProblem() }
    var previous: Member?
    var problem: String?
    forEach { member in
      if let previous, OrderPlace(behind: previous.score, previous.key).isBehind(member) {
        problem = "members out of their order"
      }
      previous = member
    }
    return problem
  }

  // MARK: By chance

  /// A member by chance; nil when there are none.
  package func random(_ random: inout RandomSource) -> Member? {
    if let table { return table.random(&random) }
    guard head > 0 else { return nil }
    var address = unsafe start + Self.countSize
    for _ in 0..<Int.random(in: 0..<Int(head), using: &random) {
      unsafe address += Member(address: address).size
    }
    return unsafe Member(address: address)
  }

  /// Different members by chance, `wanted` of them, fewer than there are. O(wanted) while that is a small part, O(n)
  /// when it isn't.
  func randomMembers(_ wanted: Int, _ random: inout RandomSource, _ body: (Member) -> Void) {
    if wanted <= count / 8 && !isPacked {
      // Draw again what has been drawn already: one in eight at the worst.
      var drawn: Set<UInt> = []
      while drawn.count < wanted, let member = self.random(&random) {
        if unsafe drawn.insert(UInt(bitPattern: member.address)).inserted { body(member) }
      }
      return
    }
    var sample = Sampling(wanted, of: count)
    forEach { if sample.takesNext(&random) { body($0) } }
  }

  // MARK: Expiry

  /// How many members expire. O(1), O(n) of a packed collection.
  var expiringCount: Int {
    if let table { return table.expiringCount }
    var count = 0
    forEach { if $0.expires { count += 1 } }
    return count
  }

  /// Whether there may be members whose time has passed. O(1).
  func mayHaveExpired(_ now: Int64) -> Bool { table.map { $0.earliestExpiry <= now } ?? true }

  /// How many members there are whose time has not passed.
  func liveCount(_ now: Int64) -> Int {
    guard mayHaveExpired(now) else { return count }
    var count = 0
    forEach { if !$0.hasExpired(now) { count += 1 } }
    return count
  }

  /// Whether there is a member whose time has not passed.
  func hasLive(_ now: Int64) -> Bool {
    if let table, table.expiringCount < table.count || table.earliestExpiry > now { return true }
    return contains { !$0.hasExpired(now) }
  }
}

/// Chooses some of so many things by chance, each as likely, while going through them once: selection sampling (Knuth,
/// TAOCP volume 2, 3.4.2, algorithm S).
struct Sampling {
  private var needed: Int
  private var left: Int

  init(_ wanted: Int, of count: Int) {
    needed = wanted
    left = count
  }

  /// Whether the next one is chosen.
  mutating func takesNext(_ random: inout RandomSource) -> Bool {
    defer { left -= 1 }
    guard needed > 0, Int.random(in: 0..<left, using: &random) < needed else { return false }
    needed -= 1
    return true
  }
}

// MARK: - The item of a collection

extension Item {
  /// The members of a set, a hash or a sorted set.
  package var members: Members {
    precondition(kind != .string && kind != .list)
    return unsafe Members(valueStart)
  }

  /// A collection without members, with a table or packed.
  package static func makeCollection(
    _ kind: ItemKind, _ key: RawSpan, _ metadata: ItemMetadata, _ version: UInt64, isPacked: Bool,
    _ seed: SeedReference, _ allocator: inout Allocator
  ) -> Item {
    precondition(kind != .string && kind != .list)
    let valueCount = isPacked ? Members.countSize : Members.tableSize
    let item = make(kind, key, valueCount: valueCount, metadata, version, &allocator)
    let start = unsafe item.valueStart
    unsafe start.storeBytes(of: isPacked ? 0 : Members.isTable, as: UInt16.self)
    if !isPacked {
      let table = MemberTable.make(isOrdered: kind == .sortedSet, seed, &allocator)
      unsafe start.storeBytes(of: table.bits, toByteOffset: Members.countSize, as: UInt.self)
    }
    return item
  }

  /// A collection of members that stand in a row in `bytes`, `count` of them.
  static func makeCollection(
    _ kind: ItemKind, _ key: RawSpan, _ metadata: ItemMetadata, _ version: UInt64,
    _ bytes: borrowing ByteQueue, count: Int, isPacked: Bool, _ seed: SeedReference,
    _ allocator: inout Allocator
  ) -> Item {
    guard isPacked else {
      let item = makeCollection(kind, key, metadata, version, isPacked: false, seed, &allocator)
      guard let table = item.members.table else { return item }
      unsafe bytes.withUnsafeBytes { buffer in
        guard let start = buffer.baseAddress else { return }
        unsafe Members.forEach(UnsafeMutableRawPointer(mutating: start), count) {
          table.insert($0.content, &allocator)
        }
      }
      return item
    }
    let item = make(kind, key, valueCount: Members.countSize + bytes.count, metadata, version, &allocator)
    let start = unsafe item.valueStart
    unsafe start.storeBytes(of: UInt16(count), as: UInt16.self)
    unsafe bytes.withUnsafeBytes { buffer in
      guard let source = buffer.baseAddress else { return }
      unsafe (start + Members.countSize).copyMemory(from: source, byteCount: buffer.count)
    }
    return item
  }

  /// The bytes that the members of a packed collection take.
  var packedBytes: Int { valueCount - Members.countSize }

  /// Puts a member into a packed collection, in the place of the one with its key or behind all others, and in a sorted
  /// set where its score has it. The old allocation is gone.
  ///
  /// - Returns: where the collection is now, and whether the member is new.
  func packing(
    _ content: borrowing MemberContent, _ allocator: inout Allocator
  ) -> (item: Item, isNew: Bool) {
    if content.hasScore { return packingInOrder(content, &allocator) }
    let old = members.find(content.key)
    if let old, old.overwrite(content) { return (self, false) }
    let offset = old.map { unsafe $0.address - valueStart } ?? valueCount
    let item = splicing(at: offset, removing: old?.size ?? 0, adding: content.size, &allocator)
    unsafe Member.write(content, to: item.valueStart + offset)
    if old == nil { item.addToCount(1) }
    return (item, old == nil)
  }

  private func packingInOrder(
    _ content: borrowing MemberContent, _ allocator: inout Allocator
  ) -> (item: Item, isNew: Bool) {
    let shrunk = unpacking(content.key, &allocator)
    let item = shrunk ?? self
    let place = OrderPlace(behind: content.score, content.key)
    let offset = item.members.packedOffset(of: place)
    let grown = item.splicing(at: offset, removing: 0, adding: content.size, &allocator)
    unsafe Member.write(content, to: grown.valueStart + offset)
    grown.addToCount(1)
    return (grown, shrunk == nil)
  }

  /// Takes a member out of a packed collection. The old allocation is gone.
  ///
  /// - Returns: where the collection is now; nil when there is no such member.
  func unpacking(_ key: RawSpan, _ allocator: inout Allocator) -> Item? {
    guard let member = members.find(key) else { return nil }
    let offset = unsafe member.address - valueStart
    let item = splicing(at: offset, removing: member.size, adding: 0, &allocator)
    item.addToCount(-1)
    return item
  }

  private func addToCount(_ number: Int) {
    let count = Int(unsafe valueStart.loadUnaligned(as: UInt16.self)) + number
    unsafe valueStart.storeBytes(of: UInt16(count), as: UInt16.self)
  }

  /// Makes a gap in the value in the place of some of its bytes. The old allocation is gone.
  func splicing(
    at offset: Int, removing removed: Int, adding added: Int, _ allocator: inout Allocator
  ) -> Item {
    if removed == added { return self }
    let oldCount = valueCount
    let rest = oldCount - offset - removed
    if added < removed, rest > 0 {
      unsafe memmove(valueStart + offset + added, valueStart + offset + removed, rest)
    }
    let item = resized(to: oldCount - removed + added, version: version, &allocator)
    if added > removed, rest > 0 {
      unsafe memmove(item.valueStart + offset + added, item.valueStart + offset + removed, rest)
    }
    return item
  }

  /// The packed collection with a table; the old allocation is gone.
  func withTable(_ seed: SeedReference, _ allocator: inout Allocator) -> Item {
    let item = Item.makeCollection(kind, key, metadata, version, isPacked: false, seed, &allocator)
    item.carryMarks(of: self)
    if let table = item.members.table { members.forEach { table.insert($0.content, &allocator) } }
    unsafe allocator.deallocate(address, size)
    return item
  }

  /// A copy of a collection, at the same key and version. O(n).
  func cloneCollection(_ seed: SeedReference, _ allocator: inout Allocator) -> Item {
    let copy: Item
    if let table = members.table {
      copy = Item.makeCollection(kind, key, metadata, version, isPacked: false, seed, &allocator)
      if let copied = copy.members.table { table.forEach { copied.insert($0.content, &allocator) } }
    } else {
      copy = duplicate(&allocator)
    }
    copy.carryMarks(of: self)
    return copy
  }
}
