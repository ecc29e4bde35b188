// One entry of the keyspace in one allocation: a header of 16 bytes, what is set of expiry, CAS and flags, the key, the
// value.
//
//     0   kind (3 bits), whether a string is stale or members of a collection expire (1 bit), which extensions there
//         are (4 bits), version (56 bits)
//     8   length of the key (8 bits), last access (24 bits), length of the value (30 bits), whether it has been
//         fetched (1 bit), whether a client has been told to make it anew (1 bit)
//    16   expiry (8 bytes), if set: milliseconds since 1970
//         client-chosen CAS (8 bytes), if set
//         memcached flags (4 bytes), if not 0
//         length of the key (4 bytes), if it is more than 254
//         the key
//         the value: the bytes of a string; for a set or a hash see Members.swift, for a list Lists.swift
//
// `Item` and `Member` are bare addresses: they are good only while the shard's lock is held, and until the next change
// of that key. They don't leave this module.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The type of a value.
package enum ItemKind: UInt8 {
  case string = 0
  case set = 1
  case hash = 2
  case list = 3
  case sortedSet = 4
}

/// What a string carries besides its value.
package struct ItemMetadata: Equatable {
  /// When it expires, in milliseconds since 1970; 0 for never.
  package var expiry: Int64 = 0
  /// memcached's client flags.
  package var flags: UInt32 = 0
  /// A CAS token that a client chose; 0 for none, and then the version serves.
  package var cas: UInt64 = 0
  /// Whether it is out of date: memcached's meta commands show it with a warning until it is set anew.
  package var isStale = false

  package init(expiry: Int64 = 0, flags: UInt32 = 0, cas: UInt64 = 0, isStale: Bool = false) {
    self.expiry = expiry
    self.flags = flags
    self.cas = cas
    self.isStale = isStale
  }

  /// What stays when the value becomes another: neither the token that was chosen for the old one, nor its mark.
  package var ofChangedValue: ItemMetadata { ItemMetadata(expiry: expiry, flags: flags) }
}

/// When something was last read or written: quarters of a second, of which 24 bits are kept, so it comes round in 48
/// days.
package struct AccessTime: Equatable, Sendable {
  private static let milliseconds: Int64 = 250
  private static let mask: UInt32 = 1 << 24 - 1

  let bits: UInt32

  @inline(__always)
  init(truncatingBits bits: UInt64) { self.bits = UInt32(truncatingIfNeeded: bits) & Self.mask }

  /// - Parameter milliseconds: since 1970.
  package init(milliseconds: Int64) {
    self.init(truncatingBits: UInt64(bitPattern: milliseconds / Self.milliseconds))
  }

  /// So long before, as far as that can be told.
  func earlier(bySeconds seconds: Int64) -> AccessTime {
    let steps = min(seconds, Int64(Self.mask) * Self.milliseconds / 1000) * 1000 / Self.milliseconds
    return AccessTime(truncatingBits: UInt64(bits &- UInt32(truncatingIfNeeded: steps)))
  }

  /// How long before `now` that was, in milliseconds.
  package func age(_ now: AccessTime) -> Int64 { Int64((now.bits &- bits) & Self.mask) * Self.milliseconds }
}

/// An entry of a `Table`: something allocated that knows its key.
package protocol TableEntry {
  init(address: UnsafeMutableRawPointer)
  var address: UnsafeMutableRawPointer { get }
  var keyStart: UnsafeRawPointer { get }
  var keyCount: Int { get }
}

extension TableEntry {
  /// The key's bytes.
  package var key: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = unsafe RawSpan(_unsafeStart: keyStart, byteCount: keyCount)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
}

/// The address of an entry of the keyspace.
@safe package struct Item: TableEntry {
  static let headerSize = 16
  /// The largest version that fits: at 10 million writes a second that is 228 years.
  static let maximumVersion: UInt64 = 1 << 56 - 1

  private static let kindMask: UInt8 = 0x07
  /// Of a string that it is stale, of a collection that members of it expire.
  private static let mark: UInt8 = 0x08
  private static let extensions: UInt8 = 0xf0
  private static let hasExpiry: UInt8 = 0x10
  private static let hasCAS: UInt8 = 0x20
  private static let hasFlags: UInt8 = 0x40
  private static let hasLongKey: UInt8 = 0x80

  /// A key's length that doesn't fit into 8 bits stands in the extension, and this in its place.
  private static let longKey = 255
  private static let accessShift: UInt64 = 8
  private static let accessMask: UInt64 = 0xff_ffff << accessShift
  private static let countMask: UInt32 = 1 << 30 - 1
  private static let fetched: UInt64 = 1 << 62
  private static let claimed: UInt64 = 1 << 63
  /// What the second word holds besides lengths.
  private static let marks = accessMask | fetched | claimed

  package let address: UnsafeMutableRawPointer

  @inline(__always)
  package init(address: UnsafeMutableRawPointer) { unsafe self.address = unsafe address }

  // MARK: Header

  @inline(__always)
  private var word: UInt64 { unsafe address.load(as: UInt64.self) }

  @inline(__always)
  private var shape: UInt8 { UInt8(truncatingIfNeeded: word) }

  /// The version of the last write to this key.
  @inline(__always)
  package var version: UInt64 {
    get { word >> 8 }
    nonmutating set { unsafe address.storeBytes(of: newValue << 8 | UInt64(shape), as: UInt64.self) }
  }

  package var kind: ItemKind {
    @inline(__always) get { unsafe ItemKind(rawValue: shape & Self.kindMask).unsafelyUnwrapped }
  }

  @inline(__always)
  var isString: Bool { shape & Self.kindMask == ItemKind.string.rawValue }

  @inline(__always)
  package var keyCount: Int {
    let count = Int(unsafe address.load(fromByteOffset: 8, as: UInt8.self))
    if count != Self.longKey { return count }
    return Int(unsafe address.loadUnaligned(fromByteOffset: keyOffset - 4, as: UInt32.self))
  }

  @inline(__always)
  package var valueCount: Int {
    Int(unsafe address.load(fromByteOffset: 12, as: UInt32.self) & Self.countMask)
  }

  /// The bytes between the header and the key.
  @inline(__always)
  private static func extensionSize(_ shape: UInt8) -> Int {
    if shape & extensions == 0 { return 0 }
    return (shape & hasExpiry != 0 ? 8 : 0) + (shape & hasCAS != 0 ? 8 : 0)
      + (shape & hasFlags != 0 ? 4 : 0) + (shape & hasLongKey != 0 ? 4 : 0)
  }

  @inline(__always)
  private var keyOffset: Int { Self.headerSize + Self.extensionSize(shape) }

  @inline(__always)
  package var keyStart: UnsafeRawPointer { unsafe UnsafeRawPointer(address) + keyOffset }

  @inline(__always)
  var valueStart: UnsafeMutableRawPointer { unsafe address + keyOffset + keyCount }

  /// The bytes of the whole allocation.
  @inline(__always)
  var size: Int { keyOffset + keyCount + valueCount }

  /// What a member takes besides its bytes, about: its share of the buckets, and what is lost to size classes.
  private static let bytesPerMember = 16

  /// The bytes of all that the item owns, with those of a table's buckets by a mean. O(1).
  var weight: Int {
    switch kind {
    case .string: return size
    case .set, .hash, .sortedSet:
      guard let table = members.table else { return size }
      return size + table.memberBytes + table.count * Self.bytesPerMember
    case .list: return size + (list.chunks?.byteCount ?? 0)
    }
  }

  /// The value of a string.
  package var value: RawSpan {
    @_lifetime(borrow self)
    @inline(__always)
    get {
      let span = unsafe RawSpan(_unsafeStart: valueStart, byteCount: valueCount)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  // MARK: Extensions

  @inline(__always)
  var expires: Bool { shape & Self.hasExpiry != 0 }

  /// Whether it, or members of it, may have expired; false for nearly all items.
  @inline(__always)
  var mayHaveExpired: Bool { shape & (Self.hasExpiry | Self.mark) != 0 }

  /// Whether nothing of it is to be shown any more: its time has passed, or that of all its members.
  @inline(never)
  func hasExpired(_ now: Int64) -> Bool {
    if expires && expiry <= now { return true }
    return hasExpiringMembers && !members.hasLive(now)
  }

  /// When it expires, in milliseconds since 1970; 0 for never.
  package var expiry: Int64 {
    expires ? unsafe address.load(fromByteOffset: Self.headerSize, as: Int64.self) : 0
  }

  /// memcached's client flags.
  package var flags: UInt32 {
    guard shape & Self.hasFlags != 0 else { return 0 }
    let end = keyOffset - (shape & Self.hasLongKey != 0 ? 4 : 0)
    return unsafe address.loadUnaligned(fromByteOffset: end - 4, as: UInt32.self)
  }

  /// The CAS token that a client chose; 0 for none.
  private var chosenCAS: UInt64 {
    guard shape & Self.hasCAS != 0 else { return 0 }
    let offset = Self.headerSize + (expires ? 8 : 0)
    return unsafe address.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
  }

  /// memcached's `cas unique`.
  package var cas: UInt64 {
    let chosen = chosenCAS
    return chosen != 0 ? chosen : version
  }

  /// Whether it is a string that is out of date.
  var isStale: Bool {
    get { shape & (Self.mark | Self.kindMask) == Self.mark | ItemKind.string.rawValue }
    nonmutating set { isMarked = newValue }
  }

  /// Whether it is a collection of which members expire.
  var hasExpiringMembers: Bool {
    get { isMarked && !isString }
    nonmutating set { isMarked = newValue }
  }

  private var isMarked: Bool {
    get { shape & Self.mark != 0 }
    nonmutating set {
      let other = word & ~UInt64(Self.mark)
      unsafe address.storeBytes(of: newValue ? other | UInt64(Self.mark) : other, as: UInt64.self)
    }
  }

  package var metadata: ItemMetadata {
    ItemMetadata(expiry: expiry, flags: flags, cas: chosenCAS, isStale: isStale)
  }

  // MARK: Access

  // None of this is part of the data: no record tells of it, and a restart forgets it.

  /// The numbers, length and marks behind the first word.
  @inline(__always)
  private var lengths: UInt64 {
    get { unsafe address.load(fromByteOffset: 8, as: UInt64.self) }
    nonmutating set { unsafe address.storeBytes(of: newValue, toByteOffset: 8, as: UInt64.self) }
  }

  /// When it was last read or written.
  @inline(__always)
  var lastAccess: AccessTime {
    AccessTime(truncatingBits: (lengths & Self.accessMask) >> Self.accessShift)
  }

  /// Whether it has been read since it was written.
  var isFetched: Bool { lengths & Self.fetched != 0 }

  /// Whether a client has been told to make the value anew, so that no other is told the same.
  var isClaimed: Bool {
    get { lengths & Self.claimed != 0 }
    nonmutating set { lengths = newValue ? lengths | Self.claimed : lengths & ~Self.claimed }
  }

  /// Notes that it is read. The memory isn't written to if it says so already.
  @inline(__always)
  func noteRead(_ now: AccessTime) {
    let old = lengths
    let new = old & ~Self.accessMask | UInt64(now.bits) << Self.accessShift | Self.fetched
    if new != old { lengths = new }
  }

  /// What is known of its being read: to be put back by those whose reading doesn't count.
  var readMarks: UInt64 {
    get { lengths & (Self.accessMask | Self.fetched) }
    nonmutating set { lengths = lengths & ~(Self.accessMask | Self.fetched) | newValue }
  }

  /// Notes that its value is a new one.
  @inline(__always)
  func noteWritten(_ now: AccessTime) {
    lengths = lengths & ~Self.marks | UInt64(now.bits) << Self.accessShift
  }

  /// Has it be as if it hadn't been read or written for so long; what the time can't say counts as the longest that it can.
  func noteIdle(_ now: AccessTime, seconds: Int64) {
    let time = now.earlier(bySeconds: seconds)
    lengths = lengths & ~Self.accessMask | UInt64(time.bits) << Self.accessShift
  }

  /// Notes that its value was changed in the place of the one of `old`, which may be itself: it counts as read, and as
  /// claimed, if that did.
  @inline(__always)
  func noteChanged(_ now: AccessTime, from old: Item) {
    let kept = old.lengths & (Self.fetched | Self.claimed)
    lengths = lengths & ~Self.marks | UInt64(now.bits) << Self.accessShift | kept
  }

  // MARK: Making, changing, freeing

  @inline(__always)
  private static func shape(_ kind: ItemKind, _ keyCount: Int, _ metadata: ItemMetadata) -> UInt8 {
    kind.rawValue | (metadata.isStale ? mark : 0) | (metadata.expiry != 0 ? hasExpiry : 0)
      | (metadata.cas != 0 ? hasCAS : 0) | (metadata.flags != 0 ? hasFlags : 0)
      | (keyCount >= longKey ? hasLongKey : 0)
  }

  /// A new item with room for a value of `valueCount` bytes, not written yet.
  static func make(
    _ kind: ItemKind, _ key: RawSpan, valueCount: Int, _ metadata: ItemMetadata, _ version: UInt64,
    _ allocator: inout Allocator
  ) -> Item {
    let shape = shape(kind, key.byteCount, metadata)
    let keyOffset = headerSize + extensionSize(shape)
    let address = unsafe allocator.allocate(keyOffset + key.byteCount + valueCount, .item)
    unsafe address.storeBytes(of: version << 8 | UInt64(shape), as: UInt64.self)
    precondition(valueCount <= Int(countMask))
    let lengths = UInt64(min(key.byteCount, longKey)) | UInt64(valueCount) << 32
    unsafe address.storeBytes(of: lengths, toByteOffset: 8, as: UInt64.self)
    var offset = headerSize
    if metadata.expiry != 0 {
      unsafe address.storeBytes(of: metadata.expiry, toByteOffset: offset, as: Int64.self)
      offset += 8
    }
    if metadata.cas != 0 {
      unsafe address.storeBytes(of: metadata.cas, toByteOffset: offset, as: UInt64.self)
      offset += 8
    }
    if metadata.flags != 0 {
      unsafe address.storeBytes(of: metadata.flags, toByteOffset: offset, as: UInt32.self)
      offset += 4
    }
    if key.byteCount >= longKey {
      unsafe address.storeBytes(of: UInt32(key.byteCount), toByteOffset: offset, as: UInt32.self)
    }
    unsafe copy(key, to: address + keyOffset)
    return unsafe Item(address: address)
  }

  @inline(__always)
  private static func copy(_ bytes: RawSpan, to destination: UnsafeMutableRawPointer) {
    unsafe bytes.withUnsafeBytes { source in
      guard let start = source.baseAddress, source.count > 0 else { return }
      unsafe destination.copyMemory(from: start, byteCount: source.count)
    }
  }

  package static func makeString(
    _ key: RawSpan, _ value: RawSpan, _ metadata: ItemMetadata, _ version: UInt64,
    _ allocator: inout Allocator
  ) -> Item {
    let item = make(.string, key, valueCount: value.byteCount, metadata, version, &allocator)
    unsafe copy(value, to: item.valueStart)
    return item
  }

  /// Writes a string's new value in place, if it has the same length and metadata; whether it did.
  @inline(__always)
  package func overwrite(_ value: RawSpan, _ metadata: ItemMetadata, _ version: UInt64) -> Bool {
    // What the key's length says is the same in both.
    let shape = shape & ~Self.hasLongKey
    guard shape == Self.shape(.string, 0, metadata), valueCount == value.byteCount else { return false }
    if shape & Self.extensions != 0 && self.metadata != metadata { return false }
    self.version = version
    unsafe Self.copy(value, to: valueStart)
    return true
  }

  /// The same item with other metadata and maybe another key, read when it was; the old allocation is gone.
  package func remade(
    key: RawSpan, metadata: ItemMetadata, version: UInt64, _ allocator: inout Allocator
  ) -> Item {
    let made = Self.make(kind, key, valueCount: valueCount, metadata, version, &allocator)
    unsafe made.valueStart.copyMemory(from: valueStart, byteCount: valueCount)
    made.carryMarks(of: self)
    unsafe allocator.deallocate(address, size)
    return made
  }

  /// The string with its value grown to `count` bytes (new ones zero), or cut to it; the old allocation is gone.
  package func resized(to count: Int, version: UInt64, _ allocator: inout Allocator) -> Item {
    let oldCount = valueCount
    let oldSize = size
    let newSize = oldSize - oldCount + count
    let moved = unsafe Item(address: allocator.resize(address, from: oldSize, to: newSize, .item))
    precondition(count <= Int(Self.countMask))
    moved.lengths = moved.lengths & ~(UInt64(Self.countMask) << 32) | UInt64(count) << 32
    if count > oldCount { unsafe memset(moved.valueStart + oldCount, 0, count - oldCount) }
    moved.version = version
    return moved
  }

  /// Writes over a part of a string's value.
  package func write(_ bytes: RawSpan, at offset: Int) {
    precondition(isString && offset >= 0 && offset + bytes.byteCount <= valueCount)
    unsafe Self.copy(bytes, to: valueStart + offset)
  }

  /// Takes over what is known about another item besides its value and metadata.
  func carryMarks(of other: Item) {
    lengths |= other.lengths & Self.marks
    if other.hasExpiringMembers { hasExpiringMembers = true }
  }

  /// A copy of all of it, at the same key and version; of a list that is packed. O(n).
  func clone(_ seed: SeedReference, _ allocator: inout Allocator) -> Item {
    switch kind {
    case .string: return Item.makeString(key, value, metadata, version, &allocator)
    case .set, .hash, .sortedSet: return cloneCollection(seed, &allocator)
    case .list:
      precondition(list.isPacked)
      return duplicate(&allocator)
    }
  }

  /// A copy of the allocation.
  func duplicate(_ allocator: inout Allocator) -> Item {
    let size = size
    let copy = unsafe allocator.allocate(size, .item)
    unsafe copy.copyMemory(from: address, byteCount: size)
    return unsafe Item(address: copy)
  }

  /// Frees the item and all it owns. O(n) for a collection.
  package func destroy(_ allocator: inout Allocator) {
    switch kind {
    case .string: break
    case .set, .hash, .sortedSet: members.table?.destroy(&allocator)
    case .list: list.chunks?.destroy(&allocator)
    }
    unsafe allocator.deallocate(address, size)
  }

  /// Frees the item at once; its members, if there are many, are left for `doomed`.
  @inline(__always)
  func destroy(_ allocator: inout Allocator, _ doomed: inout Doomed) {
    if isString {
      unsafe allocator.deallocate(address, size)
    } else {
      destroyCollection(&allocator, &doomed)
    }
  }

  @inline(never)
  private func destroyCollection(_ allocator: inout Allocator, _ doomed: inout Doomed) {
    if kind == .list {
      guard let chunks = list.chunks, chunks.chunkCount > Doomed.entriesAtOnce else {
        return destroy(&allocator)
      }
      doomed.append(chunks)
    } else {
      guard let table = members.table, table.count > Doomed.entriesAtOnce else { return destroy(&allocator) }
      doomed.append(table)
    }
    unsafe allocator.deallocate(address, size)
  }

  /// Moves the item elsewhere in memory; the old allocation is gone.
  func moved(_ allocator: inout Allocator) -> Item {
    let copy = duplicate(&allocator)
    unsafe allocator.deallocate(address, size)
    return copy
  }
}

extension Allocator {
  /// Whether the value of an item is lent, so that it mustn't be written to.
  @inline(__always)
  func isLent(_ item: Item) -> Bool { unsafe isLent(item.address) }

  /// Keeps the value of a large string as it is until it is taken back.
  mutating func lend(_ item: Item) { unsafe lend(item.address) }
}
