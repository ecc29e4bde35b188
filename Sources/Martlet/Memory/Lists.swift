// The elements of one list. A small list is packed: its elements stand in a row in its item, so that the whole list is one
// allocation. One that has grown beyond the limit has chunks (ListChunks.swift), until so little is left of it that half a
// limit holds it. Behind the key of the item stand
//
//     number of elements (2 bytes), the elements             of a packed list
//     0xffff (2 bytes), address of the list of chunks        of one with chunks

/// The elements of a list, packed or not. Good until the list changes.
@safe package struct ListElements {
  fileprivate static let countSize = 2
  fileprivate static let hasChunks: UInt16 = 0xffff
  /// What stands behind the key of a list with chunks.
  fileprivate static let chunksSize = countSize + 8

  private let start: UnsafeMutableRawPointer
  private let bytes: Int

  fileprivate init(_ start: UnsafeMutableRawPointer, _ bytes: Int) {
    unsafe self.start = unsafe start
    self.bytes = bytes
  }

  @inline(__always)
  private var head: UInt16 { unsafe start.loadUnaligned(as: UInt16.self) }

  /// The chunks; nil of a packed list.
  var chunks: ListChunks? {
    guard head == Self.hasChunks else { return nil }
    return unsafe ListChunks(bits: start.loadUnaligned(fromByteOffset: Self.countSize, as: UInt.self))
  }

  package var isPacked: Bool { head != Self.hasChunks }

  package var count: Int { chunks?.count ?? Int(head) }

  /// The elements of a packed list.
  fileprivate var row: ListRow { unsafe ListRow(start + Self.countSize, start + bytes, Int(head)) }

  /// The element at an index, which there is. O(chunks) in the middle, O(1) near the ends; O(n) of a packed list.
  package func element(_ index: Int) -> ListElement { chunks?.element(index) ?? row.element(index) }

  /// A place before the element at an index, or behind all.
  package func cursor(at index: Int) -> ListCursor {
    guard let chunks else {
      let row = row
      return unsafe ListCursor(nil, 0, row, row.start + row.offset(index))
    }
    if index == chunks.count {
      let last = chunks.chunkCount - 1
      let row = chunks[last].row
      return unsafe ListCursor(chunks, last, row, row.end)
    }
    let place = chunks.place(of: index)
    let row = chunks[place.chunk].row
    return unsafe ListCursor(chunks, place.chunk, row, row.start + row.offset(place.index))
  }

  /// Writes out all elements in one row, as they are in memory.
  func appendRows(to bytes: inout ByteQueue) {
    guard let chunks else { return row.append(to: &bytes) }
    for place in 0..<chunks.chunkCount { chunks[place].row.append(to: &bytes) }
  }

  /// Where the first element is that is a word; nil when none is. O(n).
  func firstIndex(of word: ListWord) -> Int? {
    var cursor = cursor(at: 0)
    var index = 0
    while let element = cursor.next() {
      if element.equals(word) { return index }
      index += 1
    }
    return nil
  }

  package func forEach(_ body: (ListElement) -> Void) {
    var cursor = cursor(at: 0)
    while let element = cursor.next() { body(element) }
  }
}

/// A place between two elements of a list. Good until the list changes.
@safe package struct ListCursor {
  private let chunks: ListChunks?
  private var chunk: Int
  private var row: ListRow
  private var address: UnsafeMutableRawPointer

  fileprivate init(_ chunks: ListChunks?, _ chunk: Int, _ row: ListRow, _ address: UnsafeMutableRawPointer) {
    self.chunks = chunks
    self.chunk = chunk
    self.row = row
    unsafe self.address = unsafe address
  }

  /// The element behind the place, which then is behind that one; nil at the end.
  package mutating func next() -> ListElement? {
    while unsafe address == row.end {
      guard let chunks, chunk + 1 < chunks.chunkCount else { return nil }
      chunk += 1
      row = chunks[chunk].row
      unsafe address = unsafe row.start
    }
    let element = unsafe ListElement(address)
    unsafe address += element.size
    return element
  }

  /// The element before the place, which then is before that one; nil at the start.
  package mutating func previous() -> ListElement? {
    while unsafe address == row.start {
      guard let chunks, chunk > 0 else { return nil }
      chunk -= 1
      row = chunks[chunk].row
      unsafe address = unsafe row.end
    }
    let element = unsafe ListElement.ending(at: address)
    unsafe address = unsafe element.address
    return element
  }
}

extension Item {
  /// As many elements as the count of a packed list can say.
  static let maximumPackedCount = 0xfffe
  /// What Redis's limit counts besides the elements.
  private static let listpackBytes = 7

  /// The elements of a list.
  package var list: ListElements {
    precondition(kind == .list)
    return unsafe ListElements(valueStart, valueCount)
  }

  /// A list without elements, packed.
  static func makeList(
    _ key: RawSpan, _ metadata: ItemMetadata, _ version: UInt64, _ allocator: inout Allocator
  ) -> Item {
    let item = make(.list, key, valueCount: ListElements.countSize, metadata, version, &allocator)
    unsafe item.valueStart.storeBytes(of: 0, as: UInt16.self)
    return item
  }

  /// A list of chunks without any.
  private static func makeChunked(
    _ key: RawSpan, _ metadata: ItemMetadata, _ version: UInt64, _ allocator: inout Allocator
  ) -> Item {
    let item = make(.list, key, valueCount: ListElements.chunksSize, metadata, version, &allocator)
    let chunks = ListChunks.make(&allocator)
    unsafe item.valueStart.storeBytes(of: ListElements.hasChunks, as: UInt16.self)
    unsafe item.valueStart.storeBytes(of: chunks.bits, toByteOffset: ListElements.countSize, as: UInt.self)
    return item
  }

  /// A list of elements that stand in a row in `bytes`.
  static func makeList(
    _ key: RawSpan, _ metadata: ItemMetadata, _ version: UInt64, _ bytes: borrowing ByteQueue, count: Int,
    isPacked: Bool, _ limits: ListRowLimits, _ allocator: inout Allocator
  ) -> Item {
    guard isPacked else {
      let item = makeChunked(key, metadata, version, &allocator)
      unsafe bytes.withUnsafeBytes { buffer in
        guard let start = unsafe UnsafeMutableRawPointer(mutating: buffer.baseAddress) else { return }
        let row = unsafe ListRow(start, start + buffer.count, count)
        item.list.chunks?.append(row, limits, &allocator)
      }
      return item
    }
    let item = make(
      .list, key, valueCount: ListElements.countSize + bytes.count, metadata, version, &allocator)
    unsafe item.valueStart.storeBytes(of: UInt16(count), as: UInt16.self)
    unsafe bytes.withUnsafeBytes { buffer in
      guard let source = buffer.baseAddress else { return }
      unsafe (item.valueStart + ListElements.countSize).copyMemory(from: source, byteCount: buffer.count)
    }
    return item
  }

  /// Whether a packed list may stay so when so many elements of so many bytes come.
  func mayPack(_ added: Int, bytes: Int, _ limits: ListRowLimits) -> Bool {
    let list = list
    return list.count + added <= min(limits.count, Self.maximumPackedCount)
      && valueCount - ListElements.countSize + Self.listpackBytes + bytes <= limits.bytes
  }

  private func setPackedCount(_ count: Int) {
    unsafe valueStart.storeBytes(of: UInt16(count), as: UInt16.self)
  }

  /// Adds elements to a packed list, one after the other, before all others or behind them. The old allocation is gone.
  func packing(_ words: borrowing Words, atHead: Bool, _ allocator: inout Allocator) -> Item {
    var added = 0
    for index in 0..<words.count { added += ListContent(words[index]).size }
    let count = list.count
    let offset = atHead ? ListElements.countSize : valueCount
    let item = splicing(at: offset, removing: 0, adding: added, &allocator)
    var address = unsafe item.valueStart + offset
    for index in 0..<words.count {
      let content = ListContent(words[atHead ? words.count - 1 - index : index])
      unsafe content.write(to: address)
      unsafe address += content.size
    }
    item.setPackedCount(count + words.count)
    return item
  }

  /// Takes elements out of a packed list. The old allocation is gone.
  func unpacking(_ indexes: Range<Int>, _ allocator: inout Allocator) -> Item {
    let row = list.row
    let start = row.offset(indexes.lowerBound)
    // The end is looked for from there, unless it is the list's.
    var end = unsafe row.start + start
    if indexes.upperBound == row.count {
      unsafe end = unsafe row.end
    } else {
      for _ in indexes { unsafe end += ListElement(end).size }
    }
    let removed = unsafe end - row.start - start
    let count = row.count - indexes.count
    let item = splicing(at: ListElements.countSize + start, removing: removed, adding: 0, &allocator)
    item.setPackedCount(count)
    return item
  }

  /// Puts an element into a packed list, before the one at an index or in its place. The old allocation is gone.
  func packing(
    _ content: borrowing ListContent, at index: Int, replacing: Bool, _ allocator: inout Allocator
  ) -> Item {
    let row = list.row
    let offset = row.offset(index)
    let removed = replacing ? unsafe ListElement(row.start + offset).size : 0
    let count = row.count + (replacing ? 0 : 1)
    let place = ListElements.countSize + offset
    let item = splicing(at: place, removing: removed, adding: content.size, &allocator)
    unsafe content.write(to: item.valueStart + place)
    item.setPackedCount(count)
    return item
  }

  /// Takes the elements out of a packed list that are a word, at most `most` of them, from the head on or from the tail. The
  /// old allocation is gone.
  func unpacking(
    _ word: ListWord, most: Int, fromTail: Bool, _ allocator: inout Allocator
  ) -> (item: Item, removed: Int) {
    let row = list.row
    let matches = row.count(of: word)
    guard matches > 0 else { return (self, 0) }
    let removed = min(matches, most)
    let bytes = unsafe row.end - row.remove(word, removed, of: matches, fromTail: fromTail)
    let count = row.count - removed
    let item = splicing(at: valueCount - bytes, removing: bytes, adding: 0, &allocator)
    item.setPackedCount(count)
    return (item, removed)
  }

  /// The packed list with chunks. The old allocation is gone.
  func withChunks(_ limits: ListRowLimits, _ allocator: inout Allocator) -> Item {
    let item = Item.makeChunked(key, metadata, version, &allocator)
    item.carryMarks(of: self)
    item.list.chunks?.append(list.row, limits, &allocator)
    unsafe allocator.deallocate(address, size)
    return item
  }

  /// The list of chunks packed again, if it is one chunk that half of the limits hold; nil if it isn't. The old allocation is
  /// then gone, and the chunks are the caller's to free.
  func packedAgain(_ limits: ListRowLimits, _ allocator: inout Allocator) -> (item: Item, chunks: ListChunks)?
  {
    guard let chunks = list.chunks, chunks.chunkCount == 1 else { return nil }
    let row = chunks[0].row
    guard row.count <= min(limits.count / 2, Item.maximumPackedCount), row.byteCount <= limits.bytes / 2
    else {
      return nil
    }
    let item = Item.make(
      .list, key, valueCount: ListElements.countSize + row.byteCount, metadata, version, &allocator)
    item.carryMarks(of: self)
    item.setPackedCount(row.count)
    unsafe (item.valueStart + ListElements.countSize).copyMemory(from: row.start, byteCount: row.byteCount)
    unsafe allocator.deallocate(address, size)
    return (item, chunks)
  }
}
