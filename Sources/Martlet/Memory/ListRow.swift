// Elements of a list in a row: those of a packed list, or of one chunk of a long one.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// How many elements, and how many bytes of them, one row may have.
struct ListRowLimits {
  let count: Int
  let bytes: Int

  /// The bytes of elements that a chunk may have, so that with its head it has as many as a packed list.
  var chunkBytes: Int { bytes - ListChunk.headSize }
}

/// Elements in a row.
@safe struct ListRow {
  let start: UnsafeMutableRawPointer
  let end: UnsafeMutableRawPointer
  let count: Int

  init(_ start: UnsafeMutableRawPointer, _ end: UnsafeMutableRawPointer, _ count: Int) {
    unsafe self.start = unsafe start
    unsafe self.end = unsafe end
    self.count = count
  }

  var byteCount: Int { unsafe end - start }

  /// Where the element at an index begins; at the count it is the end. O(count).
  func offset(_ index: Int) -> Int {
    if index <= count / 2 {
      var address = unsafe start
      for _ in 0..<index { unsafe address += ListElement(address).size }
      return unsafe address - start
    }
    var address = unsafe end
    for _ in index..<count { unsafe address = ListElement.ending(at: address).address }
    return unsafe address - start
  }

  func element(_ index: Int) -> ListElement { unsafe ListElement(start + offset(index)) }

  /// How many elements are a word. O(count).
  func count(of word: ListWord) -> Int {
    var found = 0
    var address = unsafe start
    while unsafe address < end {
      let element = unsafe ListElement(address)
      if element.equals(word) { found += 1 }
      unsafe address += element.size
    }
    return found
  }

  /// Closes the row over `removed` of the `matches` elements that are a word, the first ones or the last ones; where it then
  /// ends. O(bytes).
  func remove(_ word: ListWord, _ removed: Int, of matches: Int, fromTail: Bool) -> UnsafeMutableRawPointer {
    var kept = fromTail ? matches - removed : 0
    var left = removed
    var target = unsafe start
    var address = unsafe start
    while unsafe address < end {
      let element = unsafe ListElement(address)
      let size = element.size
      var goes = false
      if left > 0 && element.equals(word) {
        goes = kept == 0
        if goes { left -= 1 } else { kept -= 1 }
      }
      if !goes {
        if unsafe target != address { unsafe memmove(target, address, size) }
        unsafe target += size
      }
      unsafe address += size
    }
    return unsafe target
  }

  /// Writes out the bytes as they are.
  func append(to bytes: inout ByteQueue) {
    let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(start), byteCount: byteCount)
    bytes.append(span)
  }
}
