// A long list: a row of chunks, each a few KiB of elements that stand in a row themselves. What is at one of the ends is
// reached, added and taken at once. What is in the middle is found by adding up the counts of the chunks, which stand
// together in memory: a list of a million short elements has some 1,500 of them.
//
// A chunk at an end has room on the side where the list grows, so that nothing is moved when an element comes or goes
// there. Its memory grows by an eighth at a time up to what a chunk may have; what has more than that is an element alone.
//
// While a checkpoint needs what the list was (see `KeptChunks`), a chunk that it hasn't come to isn't changed:
// the list gets a copy of it first, and the old one is the checkpoint's to free.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The chunks of one list. A handle, good as long as the list is one of chunks.
@safe package struct ListChunks {
  /// One chunk in the row of all.
  struct Entry {
    private let address: UInt
    var count: UInt32
    /// Its place among the chunks that the last cut which followed the list has to hand out, from 1 on; 0 when it isn't one
    /// of them.
    var cutPlace: UInt32

    init(_ chunk: ListChunk, count: Int) {
      address = unsafe UInt(bitPattern: chunk.address)
      self.count = UInt32(count)
      cutPlace = 0
    }

    var chunk: ListChunk { unsafe ListChunk(UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped) }

    var row: ListRow { chunk.row(Int(count)) }
  }

  @safe private struct Store {
    var entries: UnsafeMutablePointer<Entry>?
    var capacity = 0
    /// Where the first entry is.
    var first = 0
    var chunkCount = 0
    /// How many elements there are.
    var count = 0
    /// The bytes of all chunks.
    var bytes = 0
  }

  private static let entrySize = MemoryLayout<Entry>.stride
  private static let leastEntries = 4
  /// A chunk of more bytes than this grows by so many at least.
  private static let leastGrowth = 256

  private let store: UnsafeMutablePointer<Store>

  private init(_ store: UnsafeMutablePointer<Store>) { unsafe self.store = unsafe store }

  init(bits: UInt) { unsafe store = UnsafeMutablePointer(bitPattern: bits).unsafelyUnwrapped }

  var bits: UInt { unsafe UInt(bitPattern: store) }

  static func make(_ allocator: inout Allocator) -> ListChunks {
    let store = unsafe allocator.allocate(MemoryLayout<Store>.size).bindMemory(to: Store.self, capacity: 1)
    unsafe store.initialize(to: Store())
    return unsafe ListChunks(store)
  }

  /// Whether both are those of the same list.
  func isSame(as other: ListChunks) -> Bool { unsafe store == other.store }

  var count: Int { unsafe store.pointee.count }

  var chunkCount: Int { unsafe store.pointee.chunkCount }

  /// The bytes of all chunks, and of the row of entries.
  var byteCount: Int { unsafe store.pointee.bytes + store.pointee.capacity * Self.entrySize }

  /// The chunk at a place.
  subscript(place: Int) -> Entry {
    get {
      unsafe assert(place >= 0 && place < store.pointee.chunkCount)
      return unsafe store.pointee.entries.unsafelyUnwrapped[store.pointee.first + place]
    }
    nonmutating set {
      unsafe assert(place >= 0 && place < store.pointee.chunkCount)
      unsafe store.pointee.entries.unsafelyUnwrapped[store.pointee.first + place] = newValue
    }
  }

  /// In which chunk an element is, and the how manieth there. O(chunks), and O(1) near the ends.
  func place(of index: Int) -> (chunk: Int, index: Int) {
    let entries = unsafe store.pointee.entries.unsafelyUnwrapped + store.pointee.first
    if index < count / 2 {
      var rest = index
      var chunk = 0
      while unsafe rest >= Int(entries[chunk].count) {
        unsafe rest -= Int(entries[chunk].count)
        chunk += 1
      }
      return (chunk, rest)
    }
    var rest = count - index
    var chunk = chunkCount - 1
    while unsafe rest > Int(entries[chunk].count) {
      unsafe rest -= Int(entries[chunk].count)
      chunk -= 1
    }
    return (chunk, Int(unsafe entries[chunk].count) - rest)
  }

  func element(_ index: Int) -> ListElement {
    let place = place(of: index)
    return self[place.chunk].row.element(place.index)
  }

  // MARK: The row of entries

  /// Puts a chunk at a place, those behind it one further. O(1) amortised at the ends.
  private func insert(_ entry: Entry, at place: Int, _ allocator: inout Allocator) {
    let chunkCount = chunkCount
    let isBefore = place < (chunkCount + 1) / 2
    makeRoom(isBefore: isBefore, &allocator)
    let entries = unsafe store.pointee.entries.unsafelyUnwrapped
    let first = unsafe store.pointee.first
    if isBefore {
      unsafe memmove(entries + first - 1, entries + first, place * Self.entrySize)
      unsafe store.pointee.first -= 1
    } else {
      unsafe memmove(
        entries + first + place + 1, entries + first + place, (chunkCount - place) * Self.entrySize)
    }
    unsafe store.pointee.chunkCount += 1
    unsafe (entries + store.pointee.first + place).initialize(to: entry)
    unsafe store.pointee.count += Int(entry.count)
    unsafe store.pointee.bytes += entry.chunk.size
  }

  /// Makes room for one more entry before all others or behind them.
  private func makeRoom(isBefore: Bool, _ allocator: inout Allocator) {
    let (first, count, capacity) = unsafe (
      store.pointee.first, store.pointee.chunkCount, store.pointee.capacity
    )
    if isBefore ? first > 0 : first + count < capacity { return }
    // Half of the room that there is, or will be, is left on that side.
    let needed = max(Self.leastEntries, count + count / 2 + 1)
    let old = unsafe store.pointee.entries
    if needed <= capacity, let old = unsafe old {
      let target = isBefore ? capacity - count - (capacity - count) / 4 : (capacity - count) / 4
      unsafe memmove(old + target, old + first, count * Self.entrySize)
      unsafe store.pointee.first = target
      return
    }
    let wanted = max(Self.leastEntries, count * 2)
    let grown = unsafe allocator.allocate(wanted * Self.entrySize).bindMemory(
      to: Entry.self, capacity: wanted)
    let target = isBefore ? wanted - count : 0
    if let old = unsafe old {
      unsafe memcpy(grown + target, old + first, count * Self.entrySize)
      unsafe allocator.deallocate(UnsafeMutableRawPointer(old), capacity * Self.entrySize)
    }
    unsafe store.pointee.entries = unsafe grown
    unsafe store.pointee.capacity = wanted
    unsafe store.pointee.first = target
  }

  /// Takes entries out of the row, whose chunks are then the caller's. O(chunks behind them or before them).
  private func removeEntries(_ places: Range<Int>) {
    for place in places {
      unsafe store.pointee.count -= Int(self[place].count)
      unsafe store.pointee.bytes -= self[place].chunk.size
    }
    let chunkCount = chunkCount
    let entries = unsafe store.pointee.entries.unsafelyUnwrapped
    let first = unsafe store.pointee.first
    if places.lowerBound < chunkCount - places.upperBound {
      unsafe memmove(entries + first + places.count, entries + first, places.lowerBound * Self.entrySize)
      unsafe store.pointee.first += places.count
    } else {
      unsafe memmove(
        entries + first + places.lowerBound, entries + first + places.upperBound,
        (chunkCount - places.upperBound) * Self.entrySize)
    }
    unsafe store.pointee.chunkCount -= places.count
    if unsafe store.pointee.chunkCount == 0 { unsafe store.pointee.first = 0 }
  }

  /// Puts another chunk in the place of one, which is then the caller's.
  private func replace(_ place: Int, with chunk: ListChunk, count: Int) {
    let old = self[place]
    unsafe store.pointee.bytes += chunk.size - old.chunk.size
    unsafe store.pointee.count += count - Int(old.count)
    self[place] = Entry(chunk, count: count)
  }

  private func setCount(_ place: Int, _ count: Int) {
    unsafe store.pointee.count += count - Int(self[place].count)
    self[place].count = UInt32(count)
  }

  // MARK: Changing

  /// Frees a chunk that has left the list, unless a cut still needs it.
  private func drop(_ entry: Entry, _ followed: KeptChunks?, _ allocator: inout Allocator) {
    if followed?.keep(entry) != true { entry.chunk.destroy(&allocator) }
  }

  /// The chunk at a place, to be changed: with room for `extra` more bytes, which grow at its end or at its start. O(bytes
  /// of the chunk) when it has to be copied, which amortised is O(extra).
  ///
  /// - Parameter most: the bytes that the chunk may grow to in advance.
  private func chunkToChange(
    _ place: Int, extra: Int, atEnd: Bool, most: Int, _ followed: KeptChunks?, _ allocator: inout Allocator
  ) -> ListChunk {
    let entry = self[place]
    let chunk = entry.chunk
    let hasRoom = atEnd ? chunk.capacity - chunk.end >= extra : chunk.start >= extra
    let isNeeded = followed?.needs(entry) == true
    if hasRoom && !isNeeded { return chunk }
    let used = chunk.used
    if !isNeeded && chunk.capacity - used >= extra + used / 8 {
      chunk.slide(toEnd: !atEnd)
      return chunk
    }
    let more = max(used / 8, min(used, Self.leastGrowth))
    let wanted = extra == 0 ? used : max(used + extra, min(used + extra + more, most))
    let copy = chunk.copy(bytes: wanted, atEnd: !atEnd, &allocator)
    replace(place, with: copy, count: Int(entry.count))
    drop(entry, followed, &allocator)
    return copy
  }

  /// Whether a chunk may have another element of so many bytes.
  private func mayHave(_ size: Int, _ entry: Entry, _ limits: ListRowLimits) -> Bool {
    Int(entry.count) < limits.count && entry.chunk.used + size <= limits.chunkBytes
  }

  /// Adds an element before all others or behind them. O(its bytes) amortised.
  func push(
    _ content: borrowing ListContent, atHead: Bool, _ limits: ListRowLimits, _ followed: KeptChunks?,
    _ allocator: inout Allocator
  ) {
    let size = content.size
    let last = chunkCount - 1
    let place = atHead ? 0 : last
    if last >= 0 && mayHave(size, self[place], limits) {
      let chunk = chunkToChange(
        place, extra: size, atEnd: !atHead, most: limits.chunkBytes, followed, &allocator)
      add(content, to: chunk, place, atHead: atHead)
    } else {
      if last >= 0 { trim(place, followed, &allocator) }
      let chunk = ListChunk.make(bytes: size, atEnd: atHead, &allocator)
      insert(Entry(chunk, count: 0), at: atHead ? 0 : last + 1, &allocator)
      add(content, to: chunk, atHead ? 0 : last + 1, atHead: atHead)
    }
  }

  private func add(_ content: borrowing ListContent, to chunk: ListChunk, _ place: Int, atHead: Bool) {
    if atHead {
      chunk.start -= content.size
      unsafe content.write(to: chunk.bytes + chunk.start)
    } else {
      unsafe content.write(to: chunk.bytes + chunk.end)
      chunk.end += content.size
    }
    unsafe store.pointee.count += 1
    self[place].count += 1
  }

  /// Gives back what a chunk has room for, if that is much, when it is no more at the end that grows.
  private func trim(_ place: Int, _ followed: KeptChunks?, _ allocator: inout Allocator) {
    let entry = self[place]
    let chunk = entry.chunk
    guard chunk.capacity - chunk.used > chunk.used / 8 + 256, followed?.needs(entry) != true else { return }
    replace(place, with: chunk.copy(bytes: chunk.used, atEnd: false, &allocator), count: Int(entry.count))
    chunk.destroy(&allocator)
  }

  /// Takes elements away at one of the ends; there are more than these. Whole chunks go to `dropped` if there are many.
  /// O(elements of one chunk), and O(1) a chunk.
  func pop(
    _ wanted: Int, atHead: Bool, _ followed: KeptChunks?, _ doomed: inout Doomed,
    _ allocator: inout Allocator
  ) {
    var left = wanted
    var whole = 0
    while left > 0 {
      let entry = self[atHead ? whole : chunkCount - 1 - whole]
      guard Int(entry.count) <= left else { break }
      left -= Int(entry.count)
      whole += 1
    }
    if whole > 0 {
      removeChunks(atHead ? 0..<whole : chunkCount - whole..<chunkCount, followed, &doomed, &allocator)
    }
    guard left > 0 else { return }
    let place = atHead ? 0 : chunkCount - 1
    let chunk = chunkToChange(place, extra: 0, atEnd: !atHead, most: 0, followed, &allocator)
    let count = Int(self[place].count)
    let row = chunk.row(count)
    if atHead {
      chunk.start += row.offset(left)
    } else {
      chunk.end = chunk.start + row.offset(count - left)
    }
    setCount(place, count - left)
  }

  /// Takes whole chunks out. O(chunks): many are freed later.
  private func removeChunks(
    _ places: Range<Int>, _ followed: KeptChunks?, _ doomed: inout Doomed, _ allocator: inout Allocator
  ) {
    let removed = places.map { self[$0] }
    removeEntries(places)
    if removed.count <= Doomed.entriesAtOnce {
      for entry in removed { drop(entry, followed, &allocator) }
      return
    }
    let list = ListChunks.make(&allocator)
    for entry in removed where followed?.keep(entry) != true {
      list.insert(Entry(entry.chunk, count: Int(entry.count)), at: list.chunkCount, &allocator)
    }
    doomed.append(list)
  }

  /// Puts another element in the place of one. O(chunks and the bytes of one).
  func set(
    _ index: Int, _ content: borrowing ListContent, _ limits: ListRowLimits, _ followed: KeptChunks?,
    _ allocator: inout Allocator
  ) {
    let (place, position) = place(of: index)
    let row = self[place].row
    let offset = row.offset(position)
    let removed = unsafe ListElement(row.start + offset).size
    splice(place, position, offset, removing: removed, 1, content, limits, followed, &allocator)
  }

  /// Puts an element before the one at an index, which is neither 0 nor the count. O(chunks and the bytes of one).
  func insert(
    _ content: borrowing ListContent, at index: Int, _ limits: ListRowLimits, _ followed: KeptChunks?,
    _ allocator: inout Allocator
  ) {
    let (place, position) = place(of: index)
    splice(
      place, position, self[place].row.offset(position), removing: 0, 0, content, limits, followed, &allocator
    )
  }

  /// Puts an element in the place of one or of none of a chunk. One that has no room in it has the chunk parted there.
  private func splice(
    _ place: Int, _ position: Int, _ offset: Int, removing removed: Int, _ removedCount: Int,
    _ content: borrowing ListContent, _ limits: ListRowLimits, _ followed: KeptChunks?,
    _ allocator: inout Allocator
  ) {
    let entry = self[place]
    let newCount = Int(entry.count) - removedCount + 1
    let newUsed = entry.chunk.used - removed + content.size
    if newCount == 1 || newCount <= limits.count && newUsed <= limits.chunkBytes {
      let extra = max(0, content.size - removed)
      var chunk = entry.chunk
      if newCount == 1 && removedCount == 1 {
        chunk = ListChunk.make(bytes: content.size, atEnd: false, &allocator)
        chunk.end = content.size
        replace(place, with: chunk, count: 1)
        drop(entry, followed, &allocator)
        return unsafe content.write(to: chunk.bytes)
      }
      let hasRoom = chunk.capacity - chunk.end >= extra || chunk.start >= extra
      if !hasRoom || followed?.needs(entry) == true {
        chunk = chunkToChange(place, extra: extra, atEnd: true, most: limits.chunkBytes, followed, &allocator)
      }
      chunk.splice(at: offset, removing: removed, adding: content.size)
      unsafe content.write(to: chunk.bytes + chunk.start + offset)
      return setCount(place, newCount)
    }
    // The elements before it, the element, and those behind it, each in chunks of their own.
    let row = entry.row
    removeEntries(place..<place + 1)
    var next = place
    if offset > 0 {
      unsafe insertPart(row.start, offset, count: position, at: &next, &allocator)
    }
    let chunk = ListChunk.make(bytes: content.size, atEnd: false, &allocator)
    chunk.end = content.size
    unsafe content.write(to: chunk.bytes)
    insert(Entry(chunk, count: 1), at: next, &allocator)
    next += 1
    let behind = offset + removed
    if behind < row.byteCount {
      unsafe insertPart(
        row.start + behind, row.byteCount - behind, count: Int(entry.count) - position - removedCount,
        at: &next,
        &allocator)
    }
    drop(entry, followed, &allocator)
    merge(around: place..<next, limits, followed, &allocator)
  }

  private func insertPart(
    _ start: UnsafeMutableRawPointer, _ bytes: Int, count: Int, at place: inout Int,
    _ allocator: inout Allocator
  ) {
    let chunk = ListChunk.make(bytes: bytes, atEnd: false, &allocator)
    chunk.end = bytes
    unsafe chunk.bytes.copyMemory(from: start, byteCount: bytes)
    insert(Entry(chunk, count: count), at: place, &allocator)
    place += 1
  }

  /// Joins neighbours among some chunks, and the one before and the one behind them, that have room in one.
  private func merge(
    around places: Range<Int>, _ limits: ListRowLimits, _ followed: KeptChunks?, _ allocator: inout Allocator
  ) {
    var place = max(0, places.lowerBound - 1)
    var last = min(chunkCount - 1, places.upperBound)
    while place < last {
      let (one, other) = (self[place], self[place + 1])
      let bytes = one.chunk.used + other.chunk.used
      // Room is left, so that the next element doesn't part them again.
      guard bytes <= (limits.chunkBytes) * 3 / 4, Int(one.count) + Int(other.count) <= limits.count
      else {
        place += 1
        continue
      }
      let joined = ListChunk.make(bytes: bytes, atEnd: false, &allocator)
      joined.end = bytes
      let row = one.row
      unsafe joined.bytes.copyMemory(from: row.start, byteCount: row.byteCount)
      unsafe (joined.bytes + row.byteCount).copyMemory(from: other.row.start, byteCount: other.row.byteCount)
      replace(place, with: joined, count: Int(one.count))
      removeEntries(place + 1..<place + 2)
      setCount(place, Int(one.count) + Int(other.count))
      drop(one, followed, &allocator)
      drop(other, followed, &allocator)
      last -= 1
    }
  }

  /// Takes out the elements that are a word, at most `most` of them, from the head on or from the tail; how many they were.
  /// O(n).
  func remove(
    _ word: ListWord, most: Int, fromTail: Bool, _ limits: ListRowLimits, _ followed: KeptChunks?,
    _ allocator: inout Allocator
  ) -> Int {
    var removed = 0
    var place = fromTail ? chunkCount - 1 : 0
    var lowest = chunkCount
    while place >= 0 && place < chunkCount && removed < most {
      let found = removeFrom(place, word, most: most - removed, fromTail: fromTail, followed, &allocator)
      removed += found
      if found > 0 { lowest = min(lowest, place) }
      if self[place].count == 0 {
        let entry = self[place]
        removeEntries(place..<place + 1)
        drop(entry, followed, &allocator)
        if !fromTail { place -= 1 }
      }
      place += fromTail ? -1 : 1
    }
    if removed > 0 {
      let low = min(lowest, fromTail ? max(0, place) : lowest)
      let high = fromTail ? chunkCount : min(chunkCount, place + 1)
      if low < high { merge(around: low..<high, limits, followed, &allocator) }
    }
    return removed
  }

  /// The same in one chunk.
  private func removeFrom(
    _ place: Int, _ word: ListWord, most: Int, fromTail: Bool, _ followed: KeptChunks?,
    _ allocator: inout Allocator
  ) -> Int {
    let entry = self[place]
    let matches = entry.row.count(of: word)
    guard matches > 0 else { return 0 }
    var chunk = entry.chunk
    if followed?.needs(entry) == true {
      chunk = chunk.copy(bytes: chunk.used, atEnd: false, &allocator)
      replace(place, with: chunk, count: Int(entry.count))
      drop(entry, followed, &allocator)
    }
    let removed = min(matches, most)
    chunk.end =
      unsafe chunk.row(Int(entry.count)).remove(word, removed, of: matches, fromTail: fromTail) - chunk.bytes
    setCount(place, Int(entry.count) - removed)
    if chunk.used > 0 { trim(place, followed, &allocator) }
    return removed
  }

  /// Adds elements that stand in a row, behind all others, as many in each chunk as it may have. O(bytes).
  func append(_ row: ListRow, _ limits: ListRowLimits, _ allocator: inout Allocator) {
    let most = limits.chunkBytes
    var start = unsafe row.start
    while unsafe start < row.end {
      var end = unsafe start
      var count = 0
      while unsafe end < row.end {
        let size = unsafe ListElement(end).size
        if count > 0 && count >= limits.count { break }
        if unsafe count > 0 && end - start + size > most { break }
        unsafe end += size
        count += 1
      }
      var place = chunkCount
      unsafe insertPart(start, end - start, count: count, at: &place, &allocator)
      unsafe start = unsafe end
    }
  }

  // MARK: Following

  /// Numbers all chunks for a cut that begins to follow the list; all of them in their order. O(chunks).
  func number() -> [Entry] {
    var entries: [Entry] = []
    entries.reserveCapacity(chunkCount)
    for place in 0..<chunkCount {
      self[place].cutPlace = UInt32(place + 1)
      entries.append(self[place])
    }
    return entries
  }

  // MARK: Freeing

  /// Frees up to about `entries` chunks of a list that nobody can reach any more, and at last the rest; how many they were,
  /// and whether that was all.
  func destroySome(_ entries: Int, _ allocator: inout Allocator) -> (freed: Int, isDone: Bool) {
    let freed = min(entries, chunkCount)
    for place in chunkCount - freed..<chunkCount { self[place].chunk.destroy(&allocator) }
    unsafe store.pointee.chunkCount -= freed
    guard unsafe store.pointee.chunkCount == 0 else { return (freed, false) }
    if let entries = unsafe store.pointee.entries {
      unsafe allocator.deallocate(UnsafeMutableRawPointer(entries), store.pointee.capacity * Self.entrySize)
    }
    unsafe allocator.deallocate(UnsafeMutableRawPointer(store), MemoryLayout<Store>.size)
    return (freed, true)
  }

  func destroy(_ allocator: inout Allocator) { _ = destroySome(.max, &allocator) }
}
