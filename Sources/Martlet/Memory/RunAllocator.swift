// Blocks of more than 2 KiB: runs of units of 256 bytes, out of chunks of 4 MiB; what is larger than 2 MiB is mapped by
// itself.
//
// Of each free run it is known whether its memory is resident. One whose memory has been given back to the system
// (`released`) still has its addresses, so holes between blocks cost addresses and not memory. Free runs of the same
// state that touch are one. The smallest that fits is taken, a resident one if there is any. When the free resident runs
// come to more than a part of what is in use, the largest of them are released.
//
// Two bits for each unit, at the chunk's start, say whether a free run begins or ends there; a free run has its length at
// both ends. This is the boundary-tag method (Knuth, TAOCP volume 1, 2.5), with bins by size as in Doug Lea's malloc.

internal import CMartlet

/// The large blocks of one shard.
@safe struct RunAllocator: ~Copyable {
  /// Blocks come in multiples of this, in bytes, and are aligned to it.
  static let unit = 256
  /// The largest block that comes from a chunk, in bytes.
  static let largestRun = 2 << 20
  private static let chunkSize = 4 << 20
  private static let unitsInChunk = chunkSize / unit
  private static let bitmapWords = unitsInChunk / 64
  /// The units at a chunk's start that its header takes: two bitmaps, and the chunk's number.
  private static let headerUnits = (2 * bitmapWords * 8 + 8 + unit - 1) / unit
  /// The bytes of a free run that say what it is: at its start, and at its end.
  private static let headBytes = 32
  private static let tailBytes = 8
  /// Free resident runs may come to this many bytes, or to this part of what is in use, before some are released.
  private static let slackKept = 64 << 10
  private static let slackShift = 5
  /// How many runs of one bin are looked at for one that fits.
  private static let runsTried = 8
  /// Bins of one size each up to 16 units, and eight for each doubling from there.
  private static let binCount = 16 + 11 * 8

  /// The start of a free run.
  @unsafe private struct FreeRun {
    var next: UnsafeMutablePointer<FreeRun>?
    var previous: UnsafeMutablePointer<FreeRun>?
    var units: Int32
    var isReleased: Bool
  }

  private typealias Run = UnsafeMutablePointer<FreeRun>

  /// Lists of free runs by size: of resident ones, and behind them of released ones.
  private let bins: UnsafeMutablePointer<Run?>
  /// Which bins have runs: two words for the resident, two for the released.
  private var filled: InlineArray<4, UInt64> = [0, 0, 0, 0]
  private var chunks: [UnsafeMutableRawPointer] = unsafe []
  private let pageSize = Int(martlet_page_size())

  /// The bytes of memory that is resident: what is in use, and what is free and not released.
  private(set) var residentBytes = 0
  /// The bytes of the blocks in use.
  private(set) var usedBytes = 0
  /// The bytes of free runs that could be released.
  private var slack = 0

  init() {
    unsafe bins = .allocate(capacity: 2 * Self.binCount)
    unsafe bins.initialize(repeating: nil, count: 2 * Self.binCount)
  }

  /// Gives back the chunks. Blocks larger than a run have to be freed by their users before.
  deinit {
    unsafe bins.deallocate()
    unsafe chunks.forEach { unsafe martlet_unmap($0, Self.chunkSize) }
  }

  private static func units(_ size: Int) -> Int { (size + unit - 1) / unit }

  private func mappedSize(_ size: Int) -> Int { (size + pageSize - 1) & ~(pageSize - 1) }

  // MARK: Blocks

  mutating func allocate(_ size: Int) -> UnsafeMutableRawPointer {
    if size > Self.largestRun { return unsafe map(size) }
    let wanted = Self.units(size)
    let run: Run
    if let found = unsafe find(wanted, isReleased: false) ?? find(wanted, isReleased: true) {
      unsafe run = unsafe found
    } else {
      unsafe run = addChunk()
    }
    unsafe take(run, wanted)
    usedBytes += wanted * Self.unit
    return UnsafeMutableRawPointer(run)
  }

  mutating func deallocate(_ block: UnsafeMutableRawPointer, _ size: Int) {
    if size > Self.largestRun {
      let mapped = mappedSize(size)
      residentBytes -= mapped
      usedBytes -= mapped
      return unsafe martlet_unmap(block, mapped)
    }
    let units = Self.units(size)
    usedBytes -= units * Self.unit
    unsafe free(block, units)
    keepSlackSmall()
  }

  /// The block with its new size, where it is or elsewhere; nil when it can't be done without a copy by the caller.
  mutating func resizeInPlace(_ block: UnsafeMutableRawPointer, from old: Int, to new: Int)
    -> UnsafeMutableRawPointer?
  {
    if old > Self.largestRun && new > Self.largestRun {
      let (before, after) = (mappedSize(old), mappedSize(new))
      if before == after { return unsafe block }
      guard let moved = unsafe martlet_remap(block, before, after) else { return nil }
      residentBytes += after - before
      usedBytes += after - before
      return unsafe moved
    }
    guard max(old, new) <= Self.largestRun else { return nil }
    let (before, after) = (Self.units(old), Self.units(new))
    if after < before {
      usedBytes -= (before - after) * Self.unit
      unsafe free(block + after * Self.unit, before - after)
      keepSlackSmall()
    } else if after > before {
      let end = unsafe block + before * Self.unit
      guard let next = unsafe freeRun(startingAt: end), unsafe Int(next.pointee.units) >= after - before
      else { return nil }
      unsafe take(next, after - before)
      usedBytes += (after - before) * Self.unit
    }
    return unsafe block
  }

  private mutating func map(_ size: Int) -> UnsafeMutableRawPointer {
    let mapped = mappedSize(size)
    guard let block = unsafe martlet_map(mapped, pageSize) else { fatalError("out of memory: \(size) bytes") }
    residentBytes += mapped
    usedBytes += mapped
    return unsafe block
  }

  // MARK: Free runs

  private static func bin(_ units: Int) -> Int {
    if units <= 16 { return units - 1 }
    let exponent = Int.bitWidth - 1 - units.leadingZeroBitCount
    return 16 + (exponent - 4) * 8 + (units >> (exponent - 3)) & 7
  }

  /// A free run of at least `wanted` units.
  private func find(_ wanted: Int, isReleased: Bool) -> Run? {
    let first = isReleased ? Self.binCount : 0
    let bin = Self.bin(wanted)
    var run = unsafe bins[first + bin]
    var tried = 0
    while let current = unsafe run, tried < Self.runsTried {
      if unsafe Int(current.pointee.units) >= wanted { return unsafe current }
      unsafe run = current.pointee.next
      tried += 1
    }
    // All runs of a higher bin fit.
    var word = (bin + 1) >> 6
    var mask = ~UInt64(0) << UInt64((bin + 1) & 63)
    while word < 2 {
      let found = filled[(isReleased ? 2 : 0) + word] & mask
      if found != 0 { return unsafe bins[first + word << 6 + found.trailingZeroBitCount] }
      word += 1
      mask = ~0
    }
    return nil
  }

  /// The bytes of whole pages inside a free run, without its ends.
  private func releasable(_ run: Run) -> Int {
    let start = Int(bitPattern: run) + Self.headBytes
    let end = unsafe Int(bitPattern: run) + Int(run.pointee.units) * Self.unit - Self.tailBytes
    return max(0, end & ~(pageSize - 1) - (start + pageSize - 1) & ~(pageSize - 1))
  }

  /// Makes a free run known, as it is. What is around it must not be a free run of the same state.
  private mutating func insert(_ start: UnsafeMutableRawPointer, _ units: Int, isReleased: Bool) {
    let run = unsafe start.assumingMemoryBound(to: FreeRun.self)
    let bin = Self.bin(units) + (isReleased ? Self.binCount : 0)
    let head = unsafe bins[bin]
    unsafe run.initialize(
      to: FreeRun(next: head, previous: nil, units: Int32(units), isReleased: isReleased))
    unsafe head?.pointee.previous = run
    unsafe bins[bin] = run
    let place = Self.bin(units)
    filled[(isReleased ? 2 : 0) + place >> 6] |= 1 << UInt64(place & 63)
    unsafe (start + units * Self.unit - Self.tailBytes).storeBytes(of: units, as: Int.self)
    unsafe mark(start, units, isFree: true)
    let releasable = unsafe releasable(run)
    if isReleased { residentBytes -= releasable } else { slack += releasable }
  }

  /// Takes a free run off its list. A released one counts as resident from then on.
  private mutating func remove(_ run: Run) {
    let units = unsafe Int(run.pointee.units)
    let isReleased = unsafe run.pointee.isReleased
    let place = Self.bin(units)
    if let previous = unsafe run.pointee.previous {
      unsafe previous.pointee.next = run.pointee.next
    } else {
      unsafe bins[place + (isReleased ? Self.binCount : 0)] = run.pointee.next
      if unsafe run.pointee.next == nil {
        filled[(isReleased ? 2 : 0) + place >> 6] &= ~(1 << UInt64(place & 63))
      }
    }
    unsafe run.pointee.next?.pointee.previous = run.pointee.previous
    unsafe mark(UnsafeMutableRawPointer(run), units, isFree: false)
    let releasable = unsafe releasable(run)
    if isReleased { residentBytes += releasable } else { slack -= releasable }
  }

  /// Takes the first units of a free run; the rest stays free.
  private mutating func take(_ run: Run, _ wanted: Int) {
    let units = unsafe Int(run.pointee.units)
    let isReleased = unsafe run.pointee.isReleased
    unsafe remove(run)
    if units > wanted {
      unsafe insert(UnsafeMutableRawPointer(run) + wanted * Self.unit, units - wanted, isReleased: isReleased)
    }
  }

  /// Frees units that are resident.
  private mutating func free(_ block: UnsafeMutableRawPointer, _ count: Int) {
    unsafe join(block, count, isReleased: false)
  }

  /// Makes units a free run, together with those of the same state that touch them.
  private mutating func join(_ block: UnsafeMutableRawPointer, _ count: Int, isReleased: Bool) {
    var start = unsafe block
    var units = count
    if let next = unsafe freeRun(startingAt: block + count * Self.unit),
      unsafe next.pointee.isReleased == isReleased
    {
      unsafe units += Int(next.pointee.units)
      unsafe remove(next)
    }
    if let previous = unsafe freeRun(endingAt: block), unsafe previous.pointee.isReleased == isReleased {
      unsafe units += Int(previous.pointee.units)
      unsafe remove(previous)
      unsafe start = UnsafeMutableRawPointer(previous)
    }
    if isReleased {
      // What lay at the ends of the parts is resident still. The system passes over what isn't.
      let first = (Int(bitPattern: start) + Self.headBytes + pageSize - 1) & ~(pageSize - 1)
      let end =
        (Int(bitPattern: start) + units * Self.unit - Self.tailBytes) & ~(pageSize - 1)
      if end > first {
        unsafe martlet_release(start + (first - Int(bitPattern: start)), end - first)
      }
      if unsafe units == Self.unitsInChunk - Self.headerUnits && chunks.count > 1 {
        return unsafe removeChunk(start - Self.headerUnits * Self.unit)
      }
    }
    unsafe insert(start, units, isReleased: isReleased)
  }

  private mutating func keepSlackSmall() {
    if slack > max(Self.slackKept, usedBytes >> Self.slackShift) { _ = releaseSome() }
  }

  /// Gives the memory of one of the largest free runs back to the system; whether there was any to give.
  mutating func releaseSome() -> Bool {
    guard slack > 0 else { return false }
    for word in stride(from: 1, through: 0, by: -1) {
      var rest = filled[word]
      while rest != 0 {
        let bit = 63 - rest.leadingZeroBitCount
        rest &= ~(1 << UInt64(bit))
        var run = unsafe bins[word << 6 + bit]
        var tried = 0
        while let current = unsafe run, tried < Self.runsTried {
          if unsafe releasable(current) > 0 {
            let units = unsafe Int(current.pointee.units)
            unsafe remove(current)
            unsafe join(UnsafeMutableRawPointer(current), units, isReleased: true)
            return true
          }
          unsafe run = current.pointee.next
          tried += 1
        }
      }
    }
    return false
  }

  // MARK: Chunks and their bitmaps

  private static func chunk(_ address: UnsafeMutableRawPointer) -> UnsafeMutablePointer<UInt64> {
    unsafe UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: address) & ~UInt(chunkSize - 1))
      .unsafelyUnwrapped.assumingMemoryBound(to: UInt64.self)
  }

  private static func unitIndex(_ address: UnsafeMutableRawPointer) -> Int {
    Int(bitPattern: address) & (chunkSize - 1) / unit
  }

  private func mark(_ start: UnsafeMutableRawPointer, _ units: Int, isFree: Bool) {
    let bitmap = unsafe Self.chunk(start)
    let first = unsafe Self.unitIndex(start)
    let last = first + units - 1
    unsafe Self.set(bitmap, first, isFree)
    unsafe Self.set(bitmap + Self.bitmapWords, last, isFree)
  }

  private static func set(_ bitmap: UnsafeMutablePointer<UInt64>, _ index: Int, _ value: Bool) {
    let bit: UInt64 = 1 << UInt64(index & 63)
    unsafe bitmap[index >> 6] = value ? bitmap[index >> 6] | bit : bitmap[index >> 6] & ~bit
  }

  private static func isSet(_ bitmap: UnsafeMutablePointer<UInt64>, _ index: Int) -> Bool {
    unsafe bitmap[index >> 6] & 1 << UInt64(index & 63) != 0
  }

  /// The free run that begins at an address in a chunk, or at the chunk's end, where there is none.
  private func freeRun(startingAt address: UnsafeMutableRawPointer) -> Run? {
    let index = unsafe Self.unitIndex(address)
    // Index 0 is the start of another chunk.
    guard index > 0, unsafe Self.isSet(Self.chunk(address), index) else { return nil }
    return unsafe address.assumingMemoryBound(to: FreeRun.self)
  }

  /// The free run that ends just before an address in a chunk.
  private func freeRun(endingAt address: UnsafeMutableRawPointer) -> Run? {
    let index = unsafe Self.unitIndex(address) - 1
    guard unsafe Self.isSet(Self.chunk(address) + Self.bitmapWords, index) else { return nil }
    let units = unsafe (address - Self.tailBytes).load(as: Int.self)
    return unsafe (address - units * Self.unit).assumingMemoryBound(to: FreeRun.self)
  }

  /// A new chunk: one free run, nothing of which is resident but its ends.
  private mutating func addChunk() -> Run {
    guard let chunk = unsafe martlet_map(Self.chunkSize, Self.chunkSize) else {
      fatalError("out of memory: \(Self.chunkSize) bytes")
    }
    unsafe (chunk + 2 * Self.bitmapWords * 8).storeBytes(of: chunks.count, as: Int.self)
    unsafe chunks.append(unsafe chunk)
    residentBytes += Self.chunkSize
    let start = unsafe chunk + Self.headerUnits * Self.unit
    unsafe insert(start, Self.unitsInChunk - Self.headerUnits, isReleased: true)
    return unsafe start.assumingMemoryBound(to: FreeRun.self)
  }

  private mutating func removeChunk(_ chunk: UnsafeMutableRawPointer) {
    let number = unsafe (chunk + 2 * Self.bitmapWords * 8).load(as: Int.self)
    let last = unsafe chunks.removeLast()
    if unsafe last != chunk {
      unsafe chunks[number] = unsafe last
      unsafe (last + 2 * Self.bitmapWords * 8).storeBytes(of: number, as: Int.self)
    }
    residentBytes -= Self.chunkSize
    unsafe martlet_unmap(chunk, Self.chunkSize)
  }
}
