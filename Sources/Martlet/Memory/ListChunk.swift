// One chunk of a long list: a row of elements with room before it or behind it.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// One chunk: a head of 16 bytes, and room for elements, of which a part in the middle is used.
@safe struct ListChunk {
  static let headSize = 16
  /// A chunk's memory is of a multiple of this, in bytes, as its allocator has it for large blocks.
  private static let unit = 256
  private static let leastCapacity = 112

  let address: UnsafeMutableRawPointer

  init(_ address: UnsafeMutableRawPointer) { unsafe self.address = unsafe address }

  /// How many bytes of elements there is room for.
  private(set) var capacity: Int {
    get { Int(unsafe address.load(as: UInt32.self)) }
    nonmutating set { unsafe address.storeBytes(of: UInt32(newValue), as: UInt32.self) }
  }

  /// Where the elements begin, counted from behind the head.
  var start: Int {
    get { Int(unsafe address.load(fromByteOffset: 4, as: UInt32.self)) }
    nonmutating set { unsafe address.storeBytes(of: UInt32(newValue), toByteOffset: 4, as: UInt32.self) }
  }

  /// Where they end.
  var end: Int {
    get { Int(unsafe address.load(fromByteOffset: 8, as: UInt32.self)) }
    nonmutating set { unsafe address.storeBytes(of: UInt32(newValue), toByteOffset: 8, as: UInt32.self) }
  }

  var used: Int { end - start }

  /// The bytes of all of it.
  var size: Int { Self.headSize + capacity }

  var bytes: UnsafeMutableRawPointer { unsafe address + Self.headSize }

  func row(_ count: Int) -> ListRow { unsafe ListRow(bytes + start, bytes + end, count) }

  /// A capacity for so many bytes that wastes little of what the allocator gives.
  private static func roundedCapacity(_ bytes: Int) -> Int {
    let size = bytes + headSize
    if size <= 512 { return (size + 7) / 8 * 8 - headSize }
    if size <= Allocator.largestSlot { return (size + 63) / 64 * 64 - headSize }
    return (size + unit - 1) / unit * unit - headSize
  }

  /// A chunk without elements, which grow from its start, or with `atEnd` from its end towards the start.
  static func make(bytes: Int, atEnd: Bool, _ allocator: inout Allocator) -> ListChunk {
    let capacity = roundedCapacity(max(bytes, leastCapacity))
    let chunk = unsafe ListChunk(allocator.allocate(headSize + capacity))
    chunk.capacity = capacity
    chunk.start = atEnd ? capacity : 0
    chunk.end = chunk.start
    return chunk
  }

  /// A copy, with room for `bytes` of elements at least, those at the start, or with `atEnd` at the end.
  func copy(bytes: Int, atEnd: Bool, _ allocator: inout Allocator) -> ListChunk {
    let copy = Self.make(bytes: max(bytes, used), atEnd: atEnd, &allocator)
    if atEnd { copy.start -= used } else { copy.end += used }
    unsafe (copy.bytes + copy.start).copyMemory(from: self.bytes + start, byteCount: used)
    return copy
  }

  func destroy(_ allocator: inout Allocator) { unsafe allocator.deallocate(address, size) }

  /// Moves the elements to the start of the room, or to its end.
  func slide(toEnd: Bool) {
    let count = used
    let target = toEnd ? capacity - count : 0
    unsafe memmove(bytes + target, bytes + start, count)
    start = target
    end = target + count
  }

  /// Makes a gap in the place of some bytes, there being room for it behind the elements or before them.
  ///
  /// - Parameter offset: counted from the first element.
  func splice(at offset: Int, removing removed: Int, adding added: Int) {
    let before = offset
    let behind = used - offset - removed
    let growth = added - removed
    // The shorter side is moved, if there is room on it.
    let movesBefore =
      growth <= 0 ? before < behind : (before < behind && start >= growth) || end + growth > capacity
    if movesBefore {
      unsafe memmove(bytes + start - growth, bytes + start, before)
      start -= growth
    } else {
      unsafe memmove(bytes + start + offset + added, bytes + start + offset + removed, behind)
      end += growth
    }
  }
}
