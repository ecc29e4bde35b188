// The hash table of keys and of the members of collections.
//
// A bucket is one cache line: seven slots and the address of an overflow, half a line with three slots and the address of
// the next. A slot is 8 bytes: the address of the entry in the low 48 bits and 16 bits of its hash, the tag, above; so a
// miss seldom touches an entry. The table grows and shrinks by one bucket at a time (linear hashing: Litwin, VLDB 1980):
// when the table has more entries than its load allows, one more bucket is added and takes its share of the one bucket
// that it splits from. So no operation pays for a whole resize, and there is never a second table.
//
// With a load of 7 a key costs 12 bytes here, whatever the size, and less than a fifth of the keys stand in an overflow.
// (With 6, and overflows of a whole line, it would be 14 bytes and an eighth.)
//
// Buckets stand in segments of 512, so that growth moves nothing; a table with fewer is one block.

internal import CMartlet

/// The seed shared by the tables of a keyspace, at a fixed address that outlives them.
@safe package struct SeedReference: @unchecked Sendable {
  private let seed: UnsafePointer<HashSeed>

  package init(_ seed: HashSeed) {
    let pointer = UnsafeMutablePointer<HashSeed>.allocate(capacity: 1)
    unsafe pointer.initialize(to: seed)
    unsafe self.seed = unsafe UnsafePointer(pointer)
  }

  package func destroy() { unsafe UnsafeMutablePointer(mutating: seed).deallocate() }

  @inline(__always)
  func hash(_ bytes: RawSpan) -> UInt64 { unsafe seed.pointee.hash(bytes) }
}

/// A hash table of entries that know their keys. It owns the buckets and not the entries.
@safe package struct Table<Entry: TableEntry>: ~Copyable {
  private static var bucketSize: Int { 64 }
  private static var segmentBuckets: Int { 512 }
  /// The mean number of entries a bucket at which the table grows; below a quarter of it the table shrinks.
  private static var load: Int { 7 }
  private static var addressMask: UInt64 { 0xffff_ffff_ffff }

  fileprivate typealias Slots = UnsafeMutablePointer<UInt64>

  /// A bucket, or one of its overflows.
  @unsafe private struct Node {
    static var overflowSize: Int { 32 }

    let words: Slots
    let slots: Int

    @inline(__always)
    init(bucket words: Slots) {
      unsafe self.words = unsafe words
      unsafe slots = 7
    }

    @inline(__always)
    init(overflow words: Slots) {
      unsafe self.words = unsafe words
      unsafe slots = 3
    }

    subscript(index: Int) -> UInt64 {
      @inline(__always) get { unsafe words[index] }
      @inline(__always) nonmutating set { unsafe words[index] = newValue }
    }

    /// The overflow behind it.
    var next: Node? {
      @inline(__always) get {
        guard let next = unsafe Slots(bitPattern: UInt(words[slots])) else { return nil }
        return unsafe Node(overflow: next)
      }
      @inline(__always) nonmutating set {
        unsafe words[slots] = newValue.map { unsafe UInt64(UInt(bitPattern: $0.words)) } ?? 0
      }
    }
  }

  /// The only block while there are at most 512 buckets; else an array of the addresses of segments.
  private var storage: UnsafeMutableRawPointer?
  private let seed: SeedReference
  package private(set) var count = 0
  private var bucketCount = 0
  /// The smallest power of two that is at least `bucketCount`, less one.
  private var mask: UInt64 = 0

  package init(seed: SeedReference) {
    unsafe storage = nil
    self.seed = seed
  }

  deinit {
    unsafe assert(storage == nil, "removeAll comes before the end of a table")
  }

  @inline(__always)
  package func hash(_ key: RawSpan) -> UInt64 { seed.hash(key) }

  // MARK: Finding

  @inline(__always)
  private func bucketIndex(_ hash: UInt64) -> Int {
    let index = hash & mask
    return Int(
      truncatingIfNeeded: index < UInt64(truncatingIfNeeded: bucketCount) ? index : index & (mask >> 1))
  }

  @inline(__always)
  private func bucket(_ index: Int) -> Node { unsafe Node(bucket: bucketStart(index)) }

  @inline(__always)
  private func bucketStart(_ index: Int) -> Slots {
    let storage = unsafe self.storage.unsafelyUnwrapped
    if bucketCount <= Self.segmentBuckets {
      return unsafe (storage + index * Self.bucketSize).assumingMemoryBound(to: UInt64.self)
    }
    let segment = unsafe storage.load(
      fromByteOffset: (index / Self.segmentBuckets) * 8, as: UnsafeMutableRawPointer.self)
    return unsafe (segment + (index % Self.segmentBuckets) * Self.bucketSize).assumingMemoryBound(
      to: UInt64.self)
  }

  @inline(__always)
  private static func entry(_ slot: UInt64) -> Entry {
    unsafe Entry(
      address: UnsafeMutableRawPointer(bitPattern: UInt(slot & addressMask)).unsafelyUnwrapped)
  }

  @inline(__always)
  private static func slot(_ entry: Entry, _ hash: UInt64) -> UInt64 {
    let bits = unsafe UInt64(UInt(bitPattern: entry.address))
    precondition(bits & ~addressMask == 0, "an address of more than 48 bits")
    return bits | (hash & ~addressMask)
  }

  /// The slot that holds `key`.
  @inline(__always)
  fileprivate func locate(_ key: RawSpan, _ hash: UInt64) -> Slots? {
    guard bucketCount > 0 else { return nil }
    var current = unsafe bucket(bucketIndex(hash))
    while true {
      for index in unsafe 0..<current.slots {
        let slot = unsafe current[index]
        // The tags are equal exactly if nothing is left of the upper bits.
        if (slot ^ hash) & ~Self.addressMask == 0 && slot != 0 {
          let entry = Self.entry(slot)
          if unsafe RawSpan(_unsafeStart: entry.keyStart, byteCount: entry.keyCount).equals(key) {
            return unsafe current.words + index
          }
        }
      }
      guard let next = unsafe current.next else { return nil }
      unsafe current = unsafe next
    }
  }

  /// The entry with exactly this key; nil when there is none. O(1).
  @inline(__always)
  package func find(_ key: RawSpan, _ hash: UInt64) -> Entry? {
    guard let slot = unsafe locate(key, hash) else { return nil }
    return unsafe Self.entry(slot.pointee)
  }

  /// Has the processor fetch the bucket of a hash, for a `find` that comes soon.
  @inline(__always)
  func fetchBucket(_ hash: UInt64) {
    if bucketCount > 0 { unsafe martlet_prefetch(bucketStart(bucketIndex(hash))) }
  }

  /// Has the processor fetch the entry that is likely to be found for a hash: the one in the bucket that has its tag.
  /// If there is none, it may be in the bucket's overflow, which is fetched then.
  @inline(__always)
  func fetchEntry(_ hash: UInt64) {
    guard bucketCount > 0 else { return }
    let bucket = unsafe bucket(bucketIndex(hash))
    for index in unsafe 0..<bucket.slots {
      let slot = unsafe bucket[index]
      if (slot ^ hash) & ~Self.addressMask == 0 && slot != 0 {
        return unsafe martlet_prefetch(Self.entry(slot).address)
      }
    }
    if let overflow = unsafe bucket.next { unsafe martlet_prefetch(overflow.words) }
  }

  // MARK: Changing

  /// Puts `entry` where the one with the same key is; the one that was there.
  package mutating func replace(_ key: RawSpan, _ hash: UInt64, with entry: Entry) -> Entry {
    guard let slot = unsafe locate(key, hash) else { preconditionFailure("replacing an absent key") }
    let old = unsafe Self.entry(slot.pointee)
    unsafe slot.pointee = Self.slot(entry, hash)
    return old
  }

  /// Adds an entry whose key is not in the table yet. O(1).
  package mutating func insert(_ entry: Entry, _ hash: UInt64, _ allocator: inout Allocator) {
    if count >= bucketCount * Self.load { grow(&allocator) }
    unsafe place(Self.slot(entry, hash), in: bucket(bucketIndex(hash)), &allocator)
    count += 1
  }

  private func place(_ slot: UInt64, in bucket: Node, _ allocator: inout Allocator) {
    var current = unsafe bucket
    while true {
      for index in unsafe 0..<current.slots where unsafe current[index] == 0 {
        unsafe current[index] = slot
        return
      }
      if let next = unsafe current.next {
        unsafe current = unsafe next
      } else {
        let next = unsafe Node(
          overflow: allocator.allocateBuckets(Node.overflowSize).assumingMemoryBound(to: UInt64.self))
        unsafe current.next = unsafe next
        unsafe current = unsafe next
      }
    }
  }

  /// Takes the entry with this key out; nil when there is none. O(1).
  package mutating func remove(_ key: RawSpan, _ hash: UInt64, _ allocator: inout Allocator) -> Entry? {
    guard let slot = unsafe locate(key, hash) else { return nil }
    let entry = unsafe Self.entry(slot.pointee)
    unsafe slot.pointee = 0
    count -= 1
    unsafe tidy(bucket(bucketIndex(hash)), &allocator)
    if count == 0 {
      removeAll(&allocator)
    } else if bucketCount > 1 && count < bucketCount * Self.load / 4 {
      shrink(&allocator)
    }
    return entry
  }

  /// Fills a hole in a chain with an entry of the chain's last overflow, and frees that when it is left empty.
  private func tidy(_ first: Node, _ allocator: inout Allocator) {
    var last = unsafe first
    var beforeLast: Node?
    while let next = unsafe last.next {
      unsafe beforeLast = unsafe last
      unsafe last = unsafe next
    }
    guard let beforeLast = unsafe beforeLast else { return }
    if let donor = unsafe (0..<last.slots).first(where: { unsafe last[$0] != 0 }) {
      var current = unsafe first
      search: while unsafe current.words != last.words {
        for index in unsafe 0..<current.slots where unsafe current[index] == 0 {
          unsafe current[index] = last[donor]
          unsafe last[donor] = 0
          break search
        }
        guard let next = unsafe current.next else { break }
        unsafe current = unsafe next
      }
    }
    if unsafe (0..<last.slots).allSatisfy({ unsafe last[$0] == 0 }) {
      unsafe freeOverflow(beforeLast, &allocator)
    }
  }

  /// Gives back the buckets. The entries are their owner's.
  package mutating func removeAll(_ allocator: inout Allocator) {
    guard let storage = unsafe storage else { return }
    for index in 0..<bucketCount {
      unsafe freeOverflow(bucket(index), &allocator)
    }
    if bucketCount <= Self.segmentBuckets {
      unsafe allocator.deallocate(storage, capacity(bucketCount) * Self.bucketSize)
    } else {
      let segments = (bucketCount + Self.segmentBuckets - 1) / Self.segmentBuckets
      for segment in 0..<segments {
        let address = unsafe storage.load(fromByteOffset: segment * 8, as: UnsafeMutableRawPointer.self)
        unsafe allocator.deallocate(address, Self.segmentBuckets * Self.bucketSize)
      }
      unsafe allocator.deallocate(storage, capacity(segments) * 8)
    }
    unsafe self.storage = nil
    bucketCount = 0
    count = 0
    mask = 0
  }

  /// Hands out the entries of the last bucket, and takes the bucket away: for a table that is given up, in which no
  /// entry can be found any more.
  mutating func removeLastBucket(
    _ allocator: inout Allocator, _ body: (Entry, inout Allocator) -> Void
  ) {
    guard bucketCount > 0 else { return }
    let last = unsafe bucket(bucketCount - 1)
    var current: Node? = unsafe last
    while let node = unsafe current {
      for index in unsafe 0..<node.slots {
        let slot = unsafe node[index]
        if slot == 0 { continue }
        unsafe node[index] = 0
        count -= 1
        body(Self.entry(slot), &allocator)
      }
      unsafe current = unsafe node.next
    }
    unsafe freeOverflow(last, &allocator)
    if bucketCount > 1 { removeBucket(&allocator) } else { removeAll(&allocator) }
  }

  /// Frees what is behind a bucket or an overflow.
  private func freeOverflow(_ first: Node, _ allocator: inout Allocator) {
    var next = unsafe first.next
    unsafe first.next = nil
    while let current = unsafe next {
      unsafe next = unsafe current.next
      unsafe allocator.deallocate(UnsafeMutableRawPointer(current.words), Node.overflowSize)
    }
  }

  // MARK: Growing and shrinking, a bucket at a time

  /// Blocks come in powers of two.
  private func capacity(_ count: Int) -> Int {
    var capacity = 1
    while capacity < count { capacity *= 2 }
    return capacity
  }

  private mutating func addBucket(_ allocator: inout Allocator) {
    let index = bucketCount
    if index == 0 {
      unsafe storage = unsafe allocator.allocateBuckets(Self.bucketSize)
    } else if index < Self.segmentBuckets {
      if capacity(index) == index {
        let old = unsafe storage.unsafelyUnwrapped
        let grown = unsafe allocator.allocateBuckets(index * 2 * Self.bucketSize)
        unsafe grown.copyMemory(from: old, byteCount: index * Self.bucketSize)
        unsafe allocator.deallocate(old, index * Self.bucketSize)
        unsafe storage = unsafe grown
      }
    } else if index % Self.segmentBuckets == 0 {
      let segments = index / Self.segmentBuckets
      let first = unsafe storage.unsafelyUnwrapped
      if segments == 1 {
        unsafe storage = unsafe allocator.allocate(capacity(2) * 8)
        unsafe storage.unsafelyUnwrapped.storeBytes(of: first, as: UnsafeMutableRawPointer.self)
      } else if capacity(segments) == segments {
        unsafe storage = unsafe allocator.resize(first, from: segments * 8, to: segments * 16)
      }
      unsafe storage.unsafelyUnwrapped.storeBytes(
        of: allocator.allocateBuckets(Self.segmentBuckets * Self.bucketSize), toByteOffset: segments * 8,
        as: UnsafeMutableRawPointer.self)
    }
    bucketCount += 1
    if UInt64(bucketCount) > mask + 1 { mask = mask * 2 + 1 }
  }

  private mutating func grow(_ allocator: inout Allocator) {
    addBucket(&allocator)
    guard bucketCount > 1 else { return }
    let newIndex = bucketCount - 1
    let source = unsafe bucket(newIndex & Int(mask >> 1))
    let target = unsafe bucket(newIndex)
    // Where an entry belongs its hash says, and for that its key is read. All are asked for before the first is needed.
    unsafe visit(source) { unsafe martlet_prefetch($0.address) }
    // The source's slots are taken out into the source and the target anew: a chain has a few at the most.
    var current: Node? = unsafe source
    while let node = unsafe current {
      for index in unsafe 0..<node.slots {
        let slot = unsafe node[index]
        if slot == 0 { continue }
        let entry = Self.entry(slot)
        let hash = unsafe seed.hash(RawSpan(_unsafeStart: entry.keyStart, byteCount: entry.keyCount))
        if hash & mask == UInt64(newIndex) {
          unsafe node[index] = 0
          unsafe place(slot, in: target, &allocator)
        }
      }
      unsafe current = unsafe node.next
    }
    unsafe compact(source, &allocator)
  }

  /// Closes the holes of a chain and frees its overflows that are left empty.
  private func compact(_ first: Node, _ allocator: inout Allocator) {
    guard unsafe first.next != nil else { return }
    var writing = unsafe first
    var writeIndex = 0
    var reading: Node? = unsafe first
    while let node = unsafe reading {
      for index in unsafe 0..<node.slots {
        let slot = unsafe node[index]
        if slot == 0 { continue }
        unsafe node[index] = 0
        if unsafe writeIndex == writing.slots {
          unsafe writing = writing.next.unsafelyUnwrapped
          writeIndex = 0
        }
        unsafe writing[writeIndex] = slot
        writeIndex += 1
      }
      unsafe reading = unsafe node.next
    }
    unsafe freeOverflow(writing, &allocator)
  }

  private mutating func shrink(_ allocator: inout Allocator) {
    let lastIndex = bucketCount - 1
    let source = unsafe bucket(lastIndex)
    let target = unsafe bucket(lastIndex & Int(mask >> 1))
    var current: Node? = unsafe source
    while let node = unsafe current {
      for index in unsafe 0..<node.slots {
        let slot = unsafe node[index]
        if slot != 0 { unsafe place(slot, in: target, &allocator) }
        unsafe node[index] = 0
      }
      unsafe current = unsafe node.next
    }
    unsafe freeOverflow(source, &allocator)
    removeBucket(&allocator)
  }

  private mutating func removeBucket(_ allocator: inout Allocator) {
    let remaining = bucketCount - 1
    let block = unsafe storage.unsafelyUnwrapped
    if remaining < Self.segmentBuckets {
      if capacity(remaining) == remaining {
        let small = unsafe allocator.allocateBuckets(remaining * Self.bucketSize)
        unsafe small.copyMemory(from: block, byteCount: remaining * Self.bucketSize)
        unsafe allocator.deallocate(block, capacity(bucketCount) * Self.bucketSize)
        unsafe storage = unsafe small
      }
    } else if remaining % Self.segmentBuckets == 0 {
      let segments = remaining / Self.segmentBuckets
      let last = unsafe block.load(fromByteOffset: segments * 8, as: UnsafeMutableRawPointer.self)
      unsafe allocator.deallocate(last, Self.segmentBuckets * Self.bucketSize)
      if segments == 1 {
        let first = unsafe block.load(as: UnsafeMutableRawPointer.self)
        unsafe allocator.deallocate(block, capacity(2) * 8)
        unsafe storage = unsafe first
      } else if capacity(segments) == segments {
        unsafe storage = unsafe allocator.resize(block, from: segments * 16, to: segments * 8)
      }
    }
    bucketCount = remaining
    if UInt64(bucketCount) == (mask >> 1) + 1 && mask > 0 { mask >>= 1 }
  }

  // MARK: Visiting

  /// Every entry, in the order of the buckets. `body` may not change the table.
  package func forEach(_ body: (Entry) -> Void) {
    for index in 0..<bucketCount { unsafe visit(bucket(index), body) }
  }

  private func visit(_ bucket: Node, _ body: (Entry) -> Void) {
    var current: Node? = unsafe bucket
    while let node = unsafe current {
      for index in unsafe 0..<node.slots {
        let slot = unsafe node[index]
        if slot != 0 { body(Self.entry(slot)) }
      }
      unsafe current = unsafe node.next
    }
  }

  /// Visits the bucket at `cursor` (0 at first) and gives the next cursor (0 at the end).
  ///
  /// The cursor is a place among all hashes, ordered by their lowest bit first (the method of Redis's `dictScan`, by
  /// Pieter Noordhuis). A bucket of any size of table is a contiguous run in that order, so whatever the table grows
  /// or shrinks between two calls, an entry that is there all the time is visited at least once.
  package func scan(_ cursor: UInt64, _ body: (Entry) -> Void) -> UInt64 {
    guard bucketCount > 0 else { return 0 }
    let index = bucketIndex(cursor)
    unsafe visit(bucket(index), body)
    // How many low bits of a hash this bucket stands for: one more than its elder's if it has been split.
    let half = mask >> 1
    let isSplit = UInt64(index) > half || UInt64(index) + half + 1 < UInt64(bucketCount)
    let bits = isSplit ? mask : half
    return reversedIncrement(cursor | ~bits)
  }

  private func reversedIncrement(_ value: UInt64) -> UInt64 {
    Self.reversed(Self.reversed(value) &+ 1)
  }

  /// Where a hash stands in the order in which `scan` goes.
  static func scanPlace(_ hash: UInt64) -> UInt64 { reversed(hash) }

  private static func reversed(_ value: UInt64) -> UInt64 {
    var bits = value.byteSwapped
    bits = (bits >> 4) & 0x0f0f_0f0f_0f0f_0f0f | (bits & 0x0f0f_0f0f_0f0f_0f0f) << 4
    bits = (bits >> 2) & 0x3333_3333_3333_3333 | (bits & 0x3333_3333_3333_3333) << 2
    bits = (bits >> 1) & 0x5555_5555_5555_5555 | (bits & 0x5555_5555_5555_5555) << 1
    return bits
  }

  /// An entry by chance: a bucket with entries, then one of them. Entries of fuller buckets are a little rarer.
  package func randomEntry(_ random: inout RandomSource) -> Entry? {
    guard count > 0 else { return nil }
    while true {
      let start = unsafe bucket(Int.random(in: 0..<bucketCount, using: &random))
      var filled = 0
      unsafe visit(start) { _ in filled += 1 }
      if filled == 0 { continue }
      var skip = Int.random(in: 0..<filled, using: &random)
      var chosen: Entry?
      unsafe visit(start) { entry in
        if skip == 0 { chosen = entry }
        skip -= 1
      }
      return chosen
    }
  }
}

extension Table {
  /// Visits the entries of some buckets in a row, from one by chance, until `body` has taken `wanted` of them or there
  /// have been `buckets` buckets.
  func sample(
    _ wanted: Int, buckets: Int, _ random: inout RandomSource, _ body: (Entry) -> Bool
  ) {
    guard count > 0 else { return }
    var index = Int(truncatingIfNeeded: random.next() % UInt64(bucketCount))
    var taken = 0
    for _ in 0..<min(buckets, bucketCount) {
      unsafe visit(bucket(index)) { entry in if body(entry) { taken += 1 } }
      if taken >= wanted { break }
      index = index + 1 == bucketCount ? 0 : index + 1
    }
  }

  /// An entry with this hash for which `isWanted` holds.
  func find(_ hash: UInt64, where isWanted: (Entry) -> Bool) -> Entry? {
    guard let slot = unsafe locate(hash, where: isWanted) else { return nil }
    return unsafe Self.entry(slot.pointee)
  }

  /// The slot that points to just this entry; nil when none does.
  func slot(of entry: Entry, _ hash: UInt64) -> TableSlot<Entry>? {
    let address = unsafe entry.address
    guard let slot = unsafe locate(hash, where: { unsafe $0.address == address }) else { return nil }
    return unsafe TableSlot(slot)
  }

  private func locate(_ hash: UInt64, where isWanted: (Entry) -> Bool) -> Slots? {
    guard bucketCount > 0 else { return nil }
    var current: Node? = unsafe bucket(bucketIndex(hash))
    while let node = unsafe current {
      for index in unsafe 0..<node.slots {
        let slot = unsafe node[index]
        if slot != 0 && (slot ^ hash) & ~Self.addressMask == 0 && isWanted(Self.entry(slot)) {
          return unsafe node.words + index
        }
      }
      unsafe current = unsafe node.next
    }
    return nil
  }
}

/// The slot of an entry that is in the table, for changing where it points.
@safe struct TableSlot<Entry: TableEntry> {
  private let word: UnsafeMutablePointer<UInt64>

  fileprivate init(_ word: UnsafeMutablePointer<UInt64>) { unsafe self.word = unsafe word }

  var entry: Entry {
    unsafe Entry(
      address: UnsafeMutableRawPointer(bitPattern: UInt(word.pointee & 0xffff_ffff_ffff)).unsafelyUnwrapped)
  }

  /// Points the slot to where its entry has moved; the key, and so the tag, stays.
  func point(to entry: Entry) {
    unsafe word.pointee = word.pointee & ~0xffff_ffff_ffff | UInt64(UInt(bitPattern: entry.address))
  }
}

extension Table {
  /// The slot of a key that is in the table.
  func slot(_ key: RawSpan, _ hash: UInt64) -> TableSlot<Entry> {
    guard let slot = unsafe locate(key, hash) else { preconditionFailure("no such key in the table") }
    return unsafe TableSlot(slot)
  }
}

/// A fixed number of tables of items at a fixed place.
@safe struct TableArray {
  private let tables: UnsafeMutablePointer<Table<Item>>
  private let count: Int

  init(count: Int, seed: SeedReference) {
    unsafe tables = .allocate(capacity: count)
    for index in 0..<count { unsafe (tables + index).initialize(to: Table<Item>(seed: seed)) }
    self.count = count
  }

  /// Takes all entries of a table away in one step, leaving an empty one.
  func detach(_ index: Int, seed: SeedReference) -> DetachedTable {
    assert(index >= 0 && index < count)
    let detached = UnsafeMutablePointer<Table<Item>>.allocate(capacity: 1)
    unsafe detached.moveInitialize(from: tables + index, count: 1)
    unsafe (tables + index).initialize(to: Table<Item>(seed: seed))
    return unsafe DetachedTable(detached)
  }

  /// Has two tables change places.
  func swap(_ first: Int, _ second: Int) {
    assert(first >= 0 && first < count && second >= 0 && second < count && first != second)
    let kept = unsafe (tables + first).move()
    unsafe (tables + first).moveInitialize(from: tables + second, count: 1)
    unsafe (tables + second).initialize(to: kept)
  }

  /// Ends the tables, which are empty by now.
  func destroy() {
    unsafe tables.deinitialize(count: count)
    unsafe tables.deallocate()
  }

  subscript(index: Int) -> Table<Item> {
    @inline(__always) _read {
      assert(index >= 0 && index < count)
      yield unsafe tables[index]
    }
    @inline(__always) nonmutating _modify {
      assert(index >= 0 && index < count)
      yield unsafe &tables[index]
    }
  }
}
