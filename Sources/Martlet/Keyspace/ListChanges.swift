// The changes of lists. One that becomes too long for it stops being packed, and is packed again when little is left of it;
// one whose last element goes is gone.

/// An end of a list.
package enum ListEnd: Sendable {
  case head, tail
}

extension Shard {
  /// A list that is being changed.
  private struct ListPlace {
    var item: Item
    let slot: TableSlot<Item>
    /// What follows it, if a cut does.
    let followed: CutList?
  }

  /// Adds elements to the list at a key, one after the other at one of its ends; the list is made if there is none. How many
  /// elements it then has. O(bytes).
  mutating func pushElements(
    _ key: RawSpan, _ hash: UInt64, _ database: Int, _ words: borrowing Words, at end: ListEnd,
    _ version: UInt64
  ) -> Int {
    touched(version)
    let tables = tables
    let limits = listLimits
    if let old = tables[database].find(key, hash) {
      preserve(old, hash, database)
      old.version = version
    } else {
      tables[database].insert(Item.makeList(key, ItemMetadata(), version, &allocator), hash, &allocator)
    }
    var place = listPlace(key, hash, database)
    place.item.noteWritten(accessTime)
    if place.item.list.isPacked {
      var bytes = 0
      for index in 0..<words.count { bytes += words[index].byteCount }
      if place.item.mayPack(words.count, bytes: bytes, limits) {
        move(&place, to: place.item.packing(words, atHead: end == .head, &allocator))
      } else {
        move(&place, to: place.item.withChunks(limits, &allocator))
      }
    }
    if let chunks = place.item.list.chunks {
      for index in 0..<words.count {
        chunks.push(
          ListContent(words[index]), atHead: end == .head, limits, place.followed?.chunks, &allocator)
      }
    }
    publish()
    return place.item.list.count
  }

  /// Takes elements from an end of the list at a key, which goes with its last one. O(elements of a chunk), O(1) a chunk.
  mutating func popElements(
    _ key: RawSpan, _ hash: UInt64, _ database: Int, _ count: Int, from end: ListEnd, _ version: UInt64
  ) {
    guard var place = listToChange(key, hash, database, version) else { return }
    let all = place.item.list.count
    if count >= all {
      remove(key, hash, database, version)
    } else if count > 0 {
      pop(&place, count, from: end)
      shrink(&place)
      publish()
    }
  }

  /// Keeps some of the elements of the list at a key and takes all others out; it goes with its last one.
  mutating func trimList(
    _ key: RawSpan, _ hash: UInt64, _ database: Int, to kept: Range<Int>, _ version: UInt64
  ) {
    guard var place = listToChange(key, hash, database, version) else { return }
    let count = place.item.list.count
    let kept = kept.clamped(to: 0..<count)
    guard !kept.isEmpty else {
      remove(key, hash, database, version)
      return
    }
    if kept.upperBound < count { pop(&place, count - kept.upperBound, from: .tail) }
    if kept.lowerBound > 0 { pop(&place, kept.lowerBound, from: .head) }
    shrink(&place)
    publish()
  }

  /// Puts another element in the place of one that there is.
  mutating func setElement(
    _ key: RawSpan, _ hash: UInt64, _ database: Int, _ index: Int, _ word: RawSpan, _ version: UInt64
  ) {
    guard var place = listToChange(key, hash, database, version) else { return }
    let limits = listLimits
    if place.item.list.isPacked {
      if place.item.mayPack(0, bytes: word.byteCount, limits) {
        move(&place, to: place.item.packing(ListContent(word), at: index, replacing: true, &allocator))
      } else {
        move(&place, to: place.item.withChunks(limits, &allocator))
      }
    }
    place.item.list.chunks?.set(index, ListContent(word), limits, place.followed?.chunks, &allocator)
    shrink(&place)
    publish()
  }

  /// Puts an element before the one at an index, or behind all; how many there then are.
  mutating func insertElement(
    _ key: RawSpan, _ hash: UInt64, _ database: Int, at index: Int, _ word: RawSpan, _ version: UInt64
  ) -> Int {
    guard var place = listToChange(key, hash, database, version) else { return 0 }
    let limits = listLimits
    if place.item.list.isPacked {
      if place.item.mayPack(1, bytes: word.byteCount, limits) {
        move(&place, to: place.item.packing(ListContent(word), at: index, replacing: false, &allocator))
      } else {
        move(&place, to: place.item.withChunks(limits, &allocator))
      }
    }
    if let chunks = place.item.list.chunks {
      let followed = place.followed?.chunks
      if index == 0 || index == chunks.count {
        chunks.push(ListContent(word), atHead: index == 0, limits, followed, &allocator)
      } else {
        chunks.insert(ListContent(word), at: index, limits, followed, &allocator)
      }
    }
    publish()
    return place.item.list.count
  }

  /// Takes out the elements that are a word, at most `most` of them from one end on; how many they were. The list goes with
  /// its last one. O(n).
  mutating func removeElements(
    _ key: RawSpan, _ hash: UInt64, _ database: Int, _ word: RawSpan, most: Int, from end: ListEnd,
    _ version: UInt64
  ) -> Int {
    guard var place = listToChange(key, hash, database, version) else { return 0 }
    let removed: Int
    if let chunks = place.item.list.chunks {
      removed = chunks.remove(
        ListWord(word), most: most, fromTail: end == .tail, listLimits, place.followed?.chunks, &allocator)
    } else {
      let result = place.item.unpacking(ListWord(word), most: most, fromTail: end == .tail, &allocator)
      move(&place, to: result.item)
      removed = result.removed
    }
    if place.item.list.count == 0 {
      remove(key, hash, database, version)
    } else {
      shrink(&place)
      publish()
    }
    return removed
  }

  /// Puts a list at a key, where there is none.
  mutating func putList(
    _ list: borrowing DetachedItem, _ key: RawSpan, _ hash: UInt64, _ database: Int, _ version: UInt64
  ) {
    let tables = tables
    let item = Item.makeList(
      key, list.metadata, version, list.content, count: list.memberCount, isPacked: list.isPacked, listLimits,
      &allocator)
    item.noteWritten(accessTime)
    countExpiry(database, old: false, new: item.expires)
    tables[database].insert(item, hash, &allocator)
    publish()
  }

  // MARK: Parts of a change

  private func listPlace(_ key: RawSpan, _ hash: UInt64, _ database: Int) -> ListPlace {
    let slot = tables[database].slot(key, hash)
    return ListPlace(item: slot.entry, slot: slot, followed: followed(list: slot.entry))
  }

  /// The list at a key, with the version of its change; nil if there is none.
  private mutating func listToChange(
    _ key: RawSpan, _ hash: UInt64, _ database: Int, _ version: UInt64
  ) -> ListPlace? {
    touched(version)
    guard let item = tables[database].find(key, hash) else { return nil }
    preserve(item, hash, database)
    item.version = version
    item.noteChanged(accessTime, from: item)
    return listPlace(key, hash, database)
  }

  private func move(_ place: inout ListPlace, to item: Item) {
    place.item = item
    place.slot.point(to: item)
  }

  /// Takes elements from an end; there are more than these.
  private mutating func pop(_ place: inout ListPlace, _ count: Int, from end: ListEnd) {
    if let chunks = place.item.list.chunks {
      chunks.pop(count, atHead: end == .head, place.followed?.chunks, &doomed, &allocator)
    } else {
      let all = place.item.list.count
      move(&place, to: place.item.unpacking(end == .head ? 0..<count : all - count..<all, &allocator))
    }
  }

  /// Packs the list again, if little is left of it and nobody follows its chunks.
  private mutating func shrink(_ place: inout ListPlace) {
    guard place.followed == nil, let (item, chunks) = place.item.packedAgain(listLimits, &allocator) else {
      return
    }
    chunks.destroy(&allocator)
    move(&place, to: item)
  }
}
