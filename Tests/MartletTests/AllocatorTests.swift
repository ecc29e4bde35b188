// The memory of a shard: what is allocated stays as it was written, and all of it comes back.
import Martlet
import MartletSimulation
import Testing

/// Blocks in use, each filled with bytes of its own.
@safe private struct Blocks: ~Copyable {
  @unsafe private struct Block {
    var address: UnsafeMutableRawPointer
    var size: Int
    var fill: UInt8
  }

  private var allocator = Allocator()
  private var blocks: [Block] = unsafe []
  private var nextFill: UInt8 = 0

  var residentBytes: Int { allocator.residentBytes }
  var usedBytes: Int { allocator.usedBytes }
  var count: Int { unsafe blocks.count }

  private mutating func fill(_ address: UnsafeMutableRawPointer, _ size: Int) -> UInt8 {
    nextFill &+= 1
    unsafe address.initializeMemory(as: UInt8.self, repeating: nextFill, count: size)
    return nextFill
  }

  mutating func allocate(_ size: Int) {
    let address = unsafe allocator.allocate(size)
    #expect(UInt(bitPattern: address) % 8 == 0)
    let fill = unsafe fill(address, size)
    unsafe blocks.append(Block(address: address, size: size, fill: fill))
  }

  /// Whether the first bytes of a block are its own still.
  private func isIntact(_ block: Block, _ size: Int) -> Bool {
    unsafe UnsafeRawBufferPointer(start: block.address, count: size).allSatisfy { unsafe $0 == block.fill }
  }

  mutating func free(_ index: Int) {
    let block = unsafe blocks[index]
    unsafe blocks[index] = blocks[blocks.count - 1]
    unsafe blocks.removeLast()
    let isWhole = unsafe isIntact(block, block.size)
    #expect(isWhole, "a block of \(unsafe block.size) bytes")
    unsafe allocator.deallocate(block.address, block.size)
  }

  mutating func resize(_ index: Int, to size: Int) {
    var block = unsafe blocks[index]
    unsafe block.address = unsafe allocator.resize(block.address, from: block.size, to: size)
    let isKept = unsafe isIntact(block, min(block.size, size))
    #expect(isKept, "from \(unsafe block.size) to \(size) bytes")
    unsafe block.size = size
    unsafe block.fill = unsafe fill(block.address, size)
    unsafe blocks[index] = unsafe block
  }

  mutating func freeAll(_ random: inout RandomSource) {
    while count > 0 { free(Int.random(in: 0..<count, using: &random)) }
  }
}

@Suite("The allocator")
struct AllocatorTests {
  /// What may stay resident when all is freed: a page of 16 KiB for each size class, a few free ones, and the ends of
  /// free runs.
  private static let leftovers = 88 * (16 << 10) + (512 << 10)

  /// Every border between two size classes, what lies around the border to runs, and the largest run.
  private static let borders: [Int] = {
    var sizes = Array(0...40)
    for border in Array(stride(from: 48, through: 512, by: 8))
      + Array(stride(from: 576, through: 2048, by: 64))
    {
      sizes += [border - 1, border, border + 1]
    }
    return sizes + [4096, 16384, 16385, 100_000, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 3 << 20]
  }()

  @Test(
    "keeps what is written while others come, go and change their size",
    arguments: 1...20 as ClosedRange<UInt64>)
  func model(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var blocks = Blocks()
    for _ in 0..<20_000 {
      let size = Self.borders.randomElement(using: &random) ?? 8
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<5: blocks.allocate(size)
      case 5..<7 where blocks.count > 0:
        blocks.resize(Int.random(in: 0..<blocks.count, using: &random), to: size)
      default: if blocks.count > 0 { blocks.free(Int.random(in: 0..<blocks.count, using: &random)) }
      }
    }
    blocks.freeAll(&random)
    let left = blocks.residentBytes
    let used = blocks.usedBytes
    #expect(left <= Self.leftovers)
    #expect(used == 0)
  }

  @Test("resizes between any two borders")
  func resizes() {
    var blocks = Blocks()
    for old in Self.borders {
      for new in Self.borders {
        blocks.allocate(old)
        blocks.resize(0, to: new)
        blocks.free(0)
      }
    }
  }

  @Test("gives pages back and uses them for other sizes")
  func pagesComeBack() {
    var random = RandomSource(seed: 1)
    var blocks = Blocks()
    var peak = 0
    for size in stride(from: 8, through: 2048, by: 40) {
      for _ in 0..<(1 << 20) / size { blocks.allocate(size) }
      peak = max(peak, blocks.residentBytes)
      blocks.freeAll(&random)
      let left = blocks.residentBytes
      #expect(left <= Self.leftovers)
    }
    #expect(peak < 3 << 20)
  }

  @Test("large blocks of mixed sizes that come and go for long leave little that is resident and not in use")
  func runs() {
    var random = RandomSource(seed: 7)
    var blocks = Blocks()
    var worst = 0.0
    for round in 0..<30_000 {
      blocks.allocate(
        2049 + Int(Double(random.next() % 1000) / 1000 * Double(1 << Int(11 + random.next() % 9))))
      while blocks.usedBytes > 32 << 20 { blocks.free(Int.random(in: 0..<blocks.count, using: &random)) }
      if round > 1000 { worst = max(worst, Double(blocks.residentBytes) / Double(blocks.usedBytes)) }
    }
    #expect(worst < 1.15)
  }

  @Test("puts buckets on cache lines, empty")
  func buckets() {
    var allocator = Allocator()
    for size in [64, 128, 192, 512, 1024, 2048, 4096, 32768] {
      let dirty = unsafe allocator.allocateBuckets(size)
      unsafe dirty.initializeMemory(as: UInt8.self, repeating: 0xaa, count: size)
      unsafe allocator.deallocate(dirty, size)
      let block = unsafe allocator.allocateBuckets(size)
      #expect(UInt(bitPattern: block) % 64 == 0)
      let isEmpty = unsafe UnsafeRawBufferPointer(start: block, count: size).allSatisfy { $0 == 0 }
      #expect(isEmpty)
      unsafe allocator.deallocate(block, size)
    }
  }
}
