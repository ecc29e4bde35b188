// Where the bytes of items and tables come from: slabs for what is small, runs of units for what is large. Nothing comes
// from malloc, so what is resident is known exactly: `residentBytes` is what the memory limit compares with.
//
// A slab page is 16 KiB, aligned to its own size, and holds slots of one size class: multiples of 8 bytes up to 512,
// of 64 bytes up to 2048. A page starts with a header (its class, its free list, its place in the list of pages with
// room), so that the page of a slot is found by masking its address. A page whose last slot is freed goes back to the
// allocator, for any class; beyond a few, its memory goes back to the system. An allocator belongs to one shard and is
// used under that shard's lock. The idea is Bonwick's slab allocator (USENIX 1994); memcached and mimalloc keep to it.
//
// Pages that are left nearly empty are emptied by moving what is on them (`beginEvacuation`): items, which only their
// table slot points to, have pages of their own for that.

internal import CMartlet

/// The memory of one shard.
@safe package struct Allocator: ~Copyable {
  /// The largest size served from slabs, in bytes; what is larger is a run.
  package static let largestSlot = 2048
  /// The size of a slab page, in bytes, and its alignment.
  private static let pageSize = 16 << 10
  /// Pages are taken from the system this many at a time.
  private static let pagesInChunk = 64
  /// Free pages beyond this number give their memory back to the system.
  private static let freePagesKept = 4
  /// The bytes at the start of a page that its header takes.
  private static let headerSize = 64
  private static let classCount = 64 + 24
  /// Pages are emptied when what is idle on all of them comes to this part of them, and a page.
  private static let idleShift = 6
  /// How many pages of one class are looked at for a sparse one.
  private static let pagesCompared = 32

  /// What a block holds.
  enum Use {
    /// An item, which may be moved.
    case item
    /// Anything else, to which addresses are kept in several places.
    case fixed
  }

  /// The head of every page. Links are addresses of other pages.
  @unsafe private struct Page {
    var firstFree: UnsafeMutableRawPointer?
    var next: UnsafeMutablePointer<Page>?
    var previous: UnsafeMutablePointer<Page>?
    var used: Int32
    var slotSize: Int32
    /// What a slot takes with its share of the page's header and rest.
    var slotCost: Int32
    /// Where the never used rest of the page begins.
    var fresh: Int32
    /// Its list: the size class, and behind those of `fixed` blocks the same of items.
    var list: Int32
    var hasRoom: Bool
    /// It is being emptied: nothing comes onto it, and it isn't given back until that is done.
    var isEvacuated: Bool
  }

  /// For each list the first of its pages with room.
  private let roomy: UnsafeMutablePointer<UnsafeMutablePointer<Page>?>
  /// Free pages whose memory is resident, and those whose memory has been given back.
  private var freePages: [UnsafeMutableRawPointer] = unsafe []
  private var releasedPages: [UnsafeMutableRawPointer] = unsafe []
  private var chunks: [UnsafeMutableRawPointer] = unsafe []
  private var nextPageInChunk = Allocator.pagesInChunk
  /// Whether the system's pages are small enough for a slab page to be given back.
  private let canRelease = Int(martlet_page_size()) <= Allocator.pageSize
  /// Which class is looked at next for sparse pages.
  private var evacuatedClass = 0
  private var runs = RunAllocator()
  private var pageBytes = 0
  private var slotBytes = 0
  /// Large blocks that are lent, by their addresses.
  private var lent: [UInt: Loan] = [:]

  /// The bytes of memory that is resident, in use or not: pages, and runs.
  package var residentBytes: Int {
    @inline(__always) get { pageBytes + runs.residentBytes }
  }

  /// The bytes of the blocks in use, with their shares of what goes with them.
  package var usedBytes: Int {
    @inline(__always) get { slotBytes + runs.usedBytes }
  }

  /// What is to be remembered of a block that is lent.
  private struct Loan {
    /// How often it is lent.
    var borrowers = 0
    /// Its size, if it has been freed meanwhile.
    var freedSize: Int?
  }

  package init() {
    unsafe roomy = .allocate(capacity: 2 * Self.classCount)
    unsafe roomy.initialize(repeating: nil, count: 2 * Self.classCount)
  }

  /// Gives back slabs and runs. Blocks larger than a run have to be freed by their users before.
  deinit {
    unsafe roomy.deallocate()
    unsafe chunks.forEach { unsafe martlet_unmap($0, Self.pageSize * Self.pagesInChunk) }
  }

  private static func sizeClass(_ size: Int) -> Int {
    size <= 512 ? (size + 7) / 8 - 1 : 64 + (size - 512 + 63) / 64 - 1
  }

  private static func slotSize(_ sizeClass: Int) -> Int {
    sizeClass < 64 ? (sizeClass + 1) * 8 : 512 + (sizeClass - 63) * 64
  }

  /// `size` bytes, aligned to 8; to 64 when `size` is a multiple of 64. O(1).
  package mutating func allocate(_ size: Int) -> UnsafeMutableRawPointer { unsafe allocate(size, .fixed) }

  /// The same for a known use.
  @inline(__always)
  mutating func allocate(_ size: Int, _ use: Use) -> UnsafeMutableRawPointer {
    if size > Self.largestSlot { return unsafe runs.allocate(size) }
    let list = Self.sizeClass(max(size, 1)) + (use == .item ? Self.classCount : 0)
    let page: UnsafeMutablePointer<Page>
    if let first = unsafe roomy[list] {
      unsafe page = unsafe first
    } else {
      unsafe page = takePage(list)
    }
    unsafe page.pointee.used += 1
    unsafe slotBytes += Int(page.pointee.slotCost)
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
      unsafe unlink(page)
    }
    return unsafe slot
  }

  private static func page(of slot: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Page> {
    unsafe UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: slot) & ~UInt(pageSize - 1))
      .unsafelyUnwrapped.assumingMemoryBound(to: Page.self)
  }

  /// Frees what `allocate` gave for the same `size`. O(1).
  package mutating func deallocate(_ slot: UnsafeMutableRawPointer, _ size: Int) {
    if size > Self.largestSlot {
      if unsafe isLent(slot) {
        lent[UInt(bitPattern: slot)]?.freedSize = size
        return
      }
      return unsafe runs.deallocate(slot, size)
    }
    let page = unsafe Self.page(of: slot)
    unsafe slot.storeBytes(of: page.pointee.firstFree, as: UnsafeMutableRawPointer?.self)
    unsafe page.pointee.firstFree = slot
    unsafe page.pointee.used -= 1
    unsafe slotBytes -= Int(page.pointee.slotCost)
    if unsafe !page.pointee.hasRoom {
      if unsafe page.pointee.isEvacuated { return }
      unsafe link(page)
    }
    // The only page with room is kept even when empty, so that one item coming and going costs nothing.
    if unsafe page.pointee.used == 0 && (page.pointee.next != nil || page.pointee.previous != nil) {
      unsafe unlink(page)
      unsafe giveBack(page)
    }
  }

  /// A block with a new size and the old content up to the smaller of both sizes. The old block is gone.
  package mutating func resize(_ block: UnsafeMutableRawPointer, from old: Int, to new: Int)
    -> UnsafeMutableRawPointer
  {
    unsafe resize(block, from: old, to: new, .fixed)
  }

  /// The same for a known use.
  mutating func resize(_ block: UnsafeMutableRawPointer, from old: Int, to new: Int, _ use: Use)
    -> UnsafeMutableRawPointer
  {
    if old > Self.largestSlot && new > Self.largestSlot {
      if unsafe isLent(block) {
        // It stays what it is, and another takes its place.
      } else if let resized = unsafe runs.resizeInPlace(block, from: old, to: new) {
        return unsafe resized
      }
    } else if old <= Self.largestSlot && new <= Self.largestSlot
      && Self.sizeClass(max(old, 1)) == Self.sizeClass(max(new, 1))
    {
      return unsafe block
    }
    let moved = unsafe allocate(new, use)
    unsafe moved.copyMemory(from: block, byteCount: min(old, new))
    unsafe deallocate(block, old)
    return unsafe moved
  }

  /// A block aligned to a cache line, of zeros, for the buckets of a table.
  package mutating func allocateBuckets(_ size: Int) -> UnsafeMutableRawPointer {
    let block = unsafe allocate(size, .fixed)
    unsafe block.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    return unsafe block
  }

  // MARK: Lending

  /// Keeps a large block as it is until it has been taken back as often: who frees or resizes it doesn't touch it, and
  /// nobody may write to it. O(1).
  mutating func lend(_ block: UnsafeMutableRawPointer) {
    lent[UInt(bitPattern: block), default: Loan()].borrowers += 1
  }

  /// Takes back what was lent once. O(1).
  mutating func takeBack(_ block: UnsafeMutableRawPointer) {
    let address = UInt(bitPattern: block)
    guard var loan = lent[address] else { preconditionFailure("the block isn't lent") }
    loan.borrowers -= 1
    guard loan.borrowers == 0 else { return lent[address] = loan }
    lent[address] = nil
    if let size = loan.freedSize { unsafe runs.deallocate(block, size) }
  }

  /// Whether a block is lent, so that its content mustn't change.
  @inline(__always)
  func isLent(_ block: UnsafeMutableRawPointer) -> Bool {
    !lent.isEmpty && lent[UInt(bitPattern: block)] != nil
  }

  // MARK: Pages

  private static func slotsInPage(_ slotSize: Int) -> Int { (pageSize - headerSize) / slotSize }

  private mutating func takePage(_ list: Int) -> UnsafeMutablePointer<Page> {
    let address: UnsafeMutableRawPointer
    if let free = unsafe freePages.popLast() {
      unsafe address = unsafe free
    } else {
      if let released = unsafe releasedPages.popLast() {
        unsafe address = unsafe released
      } else {
        unsafe address = newPage()
      }
      pageBytes += Self.pageSize
    }
    let page = unsafe address.assumingMemoryBound(to: Page.self)
    let slotSize = Self.slotSize(list % Self.classCount)
    unsafe page.initialize(
      to: Page(
        firstFree: nil, next: nil, previous: nil, used: 0, slotSize: Int32(slotSize),
        slotCost: Int32(Self.pageSize / Self.slotsInPage(slotSize)), fresh: Int32(Self.headerSize),
        list: Int32(list), hasRoom: false, isEvacuated: false))
    unsafe link(page)
    return unsafe page
  }

  /// A page that has never been used.
  private mutating func newPage() -> UnsafeMutableRawPointer {
    if nextPageInChunk == Self.pagesInChunk {
      let size = Self.pageSize * Self.pagesInChunk
      guard let chunk = unsafe martlet_map(size, size) else { fatalError("out of memory: \(size) bytes") }
      unsafe chunks.append(chunk)
      nextPageInChunk = 0
    }
    nextPageInChunk += 1
    return unsafe chunks[chunks.count - 1] + (nextPageInChunk - 1) * Self.pageSize
  }

  private mutating func giveBack(_ page: UnsafeMutablePointer<Page>) {
    unsafe freePages.append(UnsafeMutableRawPointer(page))
    if unsafe freePages.count > Self.freePagesKept { _ = releasePage() }
  }

  /// Gives the memory of a free page back to the system; whether there was one.
  private mutating func releasePage() -> Bool {
    guard canRelease, let page = unsafe freePages.popLast() else { return false }
    unsafe martlet_release(page, Self.pageSize)
    unsafe releasedPages.append(page)
    pageBytes -= Self.pageSize
    return true
  }

  private mutating func link(_ page: UnsafeMutablePointer<Page>) {
    let list = unsafe Int(page.pointee.list)
    let head = unsafe roomy[list]
    unsafe page.pointee.next = head
    unsafe page.pointee.previous = nil
    unsafe page.pointee.hasRoom = true
    unsafe head?.pointee.previous = page
    unsafe roomy[list] = page
  }

  private mutating func unlink(_ page: UnsafeMutablePointer<Page>) {
    if let previous = unsafe page.pointee.previous {
      unsafe previous.pointee.next = page.pointee.next
    } else {
      unsafe roomy[Int(page.pointee.list)] = page.pointee.next
    }
    unsafe page.pointee.next?.pointee.previous = page.pointee.previous
    unsafe page.pointee.next = nil
    unsafe page.pointee.previous = nil
    unsafe page.pointee.hasRoom = false
  }

  // MARK: Giving back what is resident and not in use

  /// Gives some memory back to the system that is in use for nothing; whether there was any.
  mutating func releaseSome() -> Bool { runs.releaseSome() || releasePage() }

  /// Chooses a sparse page of items whose content has room on other pages of its class, and takes it out of use; the
  /// items on it, which the caller then moves. Nil when no class has such a page.
  mutating func beginEvacuation() -> Evacuation? {
    let idle = pageBytes - slotBytes
    guard idle >= pageBytes >> Self.idleShift + Self.pageSize else { return nil }
    for _ in 0..<2 * Self.classCount {
      if let page = unsafe sparsePage(evacuatedClass) {
        unsafe unlink(page)
        unsafe page.pointee.isEvacuated = true
        return unsafe Evacuation(UnsafeMutableRawPointer(page), liveSlots(page))
      }
      evacuatedClass = (evacuatedClass + 1) % (2 * Self.classCount)
    }
    return nil
  }

  /// The page with the fewest slots in use among some of a list, if others have room for them.
  private func sparsePage(_ list: Int) -> UnsafeMutablePointer<Page>? {
    guard let first = unsafe roomy[list] else { return nil }
    // What isn't an item stays where it is; only a page without anything is given back.
    let mayMove = list >= Self.classCount
    let capacity = Self.slotsInPage(Self.slotSize(list % Self.classCount))
    var sparsest = unsafe first
    var room = 0
    var compared = 0
    var page: UnsafeMutablePointer<Page>? = unsafe first
    while let current = unsafe page, compared < Self.pagesCompared {
      unsafe room += capacity - Int(current.pointee.used)
      if unsafe current.pointee.used < sparsest.pointee.used { unsafe sparsest = unsafe current }
      compared += 1
      unsafe page = current.pointee.next
    }
    let used = unsafe Int(sparsest.pointee.used)
    if used == 0 { return unsafe sparsest }
    return unsafe mayMove && room - (capacity - used) >= used ? sparsest : nil
  }

  /// Which of a page's slots are in use, a bit for each.
  private func liveSlots(_ page: UnsafeMutablePointer<Page>) -> InlineArray<32, UInt64> {
    let slotSize = unsafe Int(page.pointee.slotSize)
    let start = unsafe UnsafeMutableRawPointer(page) + Self.headerSize
    var live = InlineArray<32, UInt64>(repeating: 0)
    for slot in 0..<(unsafe Int(page.pointee.fresh) - Self.headerSize) / slotSize {
      live[slot >> 6] |= 1 << UInt64(slot & 63)
    }
    var free = unsafe page.pointee.firstFree
    while let address = unsafe free {
      let slot = unsafe (address - start) / slotSize
      live[slot >> 6] &= ~(1 << UInt64(slot & 63))
      unsafe free = address.load(as: UnsafeMutableRawPointer?.self)
    }
    return live
  }

  /// Ends an evacuation: the page is given back if nothing is left on it, else used again; whether it was given back.
  mutating func endEvacuation(_ evacuation: borrowing Evacuation) -> Bool {
    let page = unsafe evacuation.page.assumingMemoryBound(to: Page.self)
    unsafe page.pointee.isEvacuated = false
    guard unsafe page.pointee.used == 0 else {
      unsafe link(page)
      // Not the same page once more.
      evacuatedClass = (evacuatedClass + 1) % (2 * Self.classCount)
      return false
    }
    unsafe giveBack(page)
    return true
  }

  /// A page that is being emptied.
  @safe struct Evacuation: ~Copyable {
    fileprivate let page: UnsafeMutableRawPointer
    private let live: InlineArray<32, UInt64>

    fileprivate init(_ page: UnsafeMutableRawPointer, _ live: InlineArray<32, UInt64>) {
      unsafe self.page = unsafe page
      self.live = live
    }

    /// Each item that is on the page.
    func forEachItem(_ body: (Item) -> Void) {
      let slotSize = unsafe Int(page.assumingMemoryBound(to: Page.self).pointee.slotSize)
      for word in 0..<32 {
        var rest = live[word]
        while rest != 0 {
          let slot = word << 6 + rest.trailingZeroBitCount
          rest &= rest - 1
          body(unsafe Item(address: page + Allocator.headerSize + slot * slotSize))
        }
      }
    }
  }
}
