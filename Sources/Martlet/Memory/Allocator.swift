// Where the bytes of items and tables come from: slabs for what is small, malloc for what is large.
//
// A slab page is 16 KiB, aligned to its own size, and holds slots of one size class: multiples of 8 bytes up to 512,
// of 64 bytes up to 2048. A page starts with a header (its class, its free list, its place in the list of pages with
// room), so that the page of a slot is found by masking its address. A page whose last slot is freed goes back to the
// allocator, for any class; beyond a few, its memory goes back to the system. An allocator belongs to one shard and is
// used under that shard's lock. The idea is Bonwick's slab allocator (USENIX 1994); memcached and mimalloc keep to it.

internal import CMartlet

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The memory of one shard.
@safe package struct Allocator: ~Copyable {
  /// The largest size served from slabs, in bytes; what is larger comes from malloc.
  package static let largestSlot = 2048
  /// The size of a slab page, in bytes, and its alignment.
  private static let pageSize = 16 << 10
  /// Pages are taken from the system this many at a time.
  private static let pagesInChunk = 64
  /// Free pages beyond this number give their memory back to the system.
  private static let freePagesKept = 16
  /// The bytes at the start of a page that its header takes.
  private static let headerSize = 64
  private static let classCount = 64 + 24

  /// The head of every page. Links are addresses of other pages.
  @unsafe private struct Page {
    var firstFree: UnsafeMutableRawPointer?
    var next: UnsafeMutablePointer<Page>?
    var previous: UnsafeMutablePointer<Page>?
    var used: Int32
    var slotSize: Int32
    /// Where the never used rest of the page begins.
    var fresh: Int32
    var hasRoom: Bool
  }

  /// For each size class the first of its pages with room.
  private let roomy: UnsafeMutablePointer<UnsafeMutablePointer<Page>?>
  private var freePages: UnsafeMutablePointer<Page>?
  private var freePageCount = 0
  private var chunks: [UnsafeMutableRawPointer] = unsafe []
  private var nextPageInChunk = Allocator.pagesInChunk

  /// The bytes taken from the system for live data: pages in use, and what malloc gave.
  package private(set) var residentBytes = 0

  package init() {
    unsafe roomy = .allocate(capacity: Self.classCount)
    unsafe roomy.initialize(repeating: nil, count: Self.classCount)
  }

  /// Gives back the slabs. What came from malloc has to be freed by its users before.
  deinit {
    unsafe roomy.deallocate()
    unsafe chunks.forEach { unsafe free($0) }
  }

  private static func sizeClass(_ size: Int) -> Int {
    size <= 512 ? (size + 7) / 8 - 1 : 64 + (size - 512 + 63) / 64 - 1
  }

  private static func slotSize(_ sizeClass: Int) -> Int {
    sizeClass < 64 ? (sizeClass + 1) * 8 : 512 + (sizeClass - 63) * 64
  }

  /// `size` bytes, aligned to 8; to 64 when `size` is a multiple of 64. O(1).
  package mutating func allocate(_ size: Int) -> UnsafeMutableRawPointer {
    if size > Self.largestSlot { return unsafe allocateLarge(size) }
    let sizeClass = Self.sizeClass(max(size, 1))
    let page: UnsafeMutablePointer<Page>
    if let first = unsafe roomy[sizeClass] {
      unsafe page = unsafe first
    } else {
      unsafe page = takePage(sizeClass)
    }
    unsafe page.pointee.used += 1
    let slot: UnsafeMutableRawPointer
    if let free = unsafe page.pointee.firstFree {
      unsafe slot = unsafe free
      unsafe page.pointee.firstFree = free.load(as: UnsafeMutableRawPointer?.self)
    } else {
      unsafe slot = UnsafeMutableRawPointer(page) + Int(page.pointee.fresh)
      unsafe page.pointee.fresh += page.pointee.slotSize
    }
    if unsafe page.pointee.firstFree == nil
      && Int(page.pointee.fresh) + Int(page.pointee.slotSize) > Self.pageSize
    {
      unsafe unlink(page, sizeClass)
    }
    return unsafe slot
  }

  /// Frees what `allocate` gave for the same `size`. O(1).
  package mutating func deallocate(_ slot: UnsafeMutableRawPointer, _ size: Int) {
    if size > Self.largestSlot { return unsafe deallocateLarge(slot) }
    let sizeClass = Self.sizeClass(max(size, 1))
    let page = unsafe UnsafeMutableRawPointer(
      bitPattern: UInt(bitPattern: slot) & ~UInt(Self.pageSize - 1)
    ).unsafelyUnwrapped.assumingMemoryBound(to: Page.self)
    unsafe slot.storeBytes(of: page.pointee.firstFree, as: UnsafeMutableRawPointer?.self)
    unsafe page.pointee.firstFree = slot
    unsafe page.pointee.used -= 1
    if unsafe !page.pointee.hasRoom { unsafe link(page, sizeClass) }
    // The only page with room is kept even when empty, so that one item coming and going costs nothing.
    if unsafe page.pointee.used == 0 && (page.pointee.next != nil || page.pointee.previous != nil) {
      unsafe unlink(page, sizeClass)
      unsafe giveBack(page)
    }
  }

  /// A block with a new size and the old content up to the smaller of both sizes. The old block is gone.
  package mutating func resize(_ block: UnsafeMutableRawPointer, from old: Int, to new: Int)
    -> UnsafeMutableRawPointer
  {
    if old > Self.largestSlot && new > Self.largestSlot {
      residentBytes -= unsafe martlet_block_size(block)
      guard let moved = unsafe realloc(block, new) else { fatalError("out of memory: \(new) bytes") }
      residentBytes += unsafe martlet_block_size(moved)
      return unsafe moved
    }
    if old <= Self.largestSlot && new <= Self.largestSlot
      && Self.sizeClass(max(old, 1)) == Self.sizeClass(max(new, 1))
    {
      return unsafe block
    }
    let moved = unsafe allocate(new)
    unsafe moved.copyMemory(from: block, byteCount: min(old, new))
    unsafe deallocate(block, old)
    return unsafe moved
  }

  /// A block aligned to a cache line, of zeros, for the buckets of a table.
  package mutating func allocateBuckets(_ size: Int) -> UnsafeMutableRawPointer {
    let block: UnsafeMutableRawPointer
    if size <= Self.largestSlot {
      unsafe block = unsafe allocate(size)
    } else {
      unsafe block = unsafe Self.aligned(to: 64, size)
      residentBytes += unsafe martlet_block_size(block)
    }
    unsafe memset(block, 0, size)
    return unsafe block
  }

  private mutating func allocateLarge(_ size: Int) -> UnsafeMutableRawPointer {
    guard let block = unsafe malloc(size) else { fatalError("out of memory: \(size) bytes") }
    residentBytes += unsafe martlet_block_size(block)
    return unsafe block
  }

  private mutating func deallocateLarge(_ block: UnsafeMutableRawPointer) {
    residentBytes -= unsafe martlet_block_size(block)
    unsafe free(block)
  }

  private static func aligned(to alignment: Int, _ size: Int) -> UnsafeMutableRawPointer {
    var block: UnsafeMutableRawPointer?
    guard unsafe posix_memalign(&block, alignment, size) == 0, let block = unsafe block else {
      fatalError("out of memory: \(size) bytes")
    }
    return unsafe block
  }

  // MARK: Pages

  private mutating func takePage(_ sizeClass: Int) -> UnsafeMutablePointer<Page> {
    let page: UnsafeMutablePointer<Page>
    if let free = unsafe freePages {
      unsafe page = unsafe free
      unsafe freePages = free.pointee.next
      freePageCount -= 1
    } else {
      if nextPageInChunk == Self.pagesInChunk {
        unsafe chunks.append(unsafe Self.aligned(to: Self.pageSize, Self.pageSize * Self.pagesInChunk))
        nextPageInChunk = 0
      }
      unsafe page = (chunks[chunks.count - 1] + nextPageInChunk * Self.pageSize)
        .assumingMemoryBound(to: Page.self)
      nextPageInChunk += 1
    }
    residentBytes += Self.pageSize
    unsafe page.initialize(
      to: Page(
        firstFree: nil, next: nil, previous: nil, used: 0, slotSize: Int32(Self.slotSize(sizeClass)),
        fresh: Int32(Self.headerSize), hasRoom: false))
    unsafe link(page, sizeClass)
    return unsafe page
  }

  private mutating func giveBack(_ page: UnsafeMutablePointer<Page>) {
    residentBytes -= Self.pageSize
    if freePageCount >= Self.freePagesKept {
      // All but the first 4 KiB, which hold the link to the next free page.
      unsafe _ = madvise(UnsafeMutableRawPointer(page) + 4096, Self.pageSize - 4096, MADV_DONTNEED)
    }
    unsafe page.pointee.next = freePages
    unsafe freePages = page
    freePageCount += 1
  }

  private mutating func link(_ page: UnsafeMutablePointer<Page>, _ sizeClass: Int) {
    let head = unsafe roomy[sizeClass]
    unsafe page.pointee.next = head
    unsafe page.pointee.previous = nil
    unsafe page.pointee.hasRoom = true
    unsafe head?.pointee.previous = page
    unsafe roomy[sizeClass] = page
  }

  private mutating func unlink(_ page: UnsafeMutablePointer<Page>, _ sizeClass: Int) {
    if let previous = unsafe page.pointee.previous {
      unsafe previous.pointee.next = page.pointee.next
    } else {
      unsafe roomy[sizeClass] = page.pointee.next
    }
    unsafe page.pointee.next?.pointee.previous = page.pointee.previous
    unsafe page.pointee.next = nil
    unsafe page.pointee.previous = nil
    unsafe page.pointee.hasRoom = false
  }
}
