// A file of the operating system. What is small goes through the system's cache. Long runs of bytes go past it, straight
// between memory and the disk, where the file system can do that: the cache would cost a copy and new pages, which are the
// dearest part of writing a database that nobody reads back (on a virtual machine ten times as dear as all the rest).

internal import CMartlet
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// An open file. It closes with its last reference.
final class SystemFile: DiskFile {
  private let descriptor: Int32
  private let path: String
  private let direct: DirectFile

  init(_ descriptor: Int32, _ path: String) {
    self.descriptor = descriptor
    self.path = path
    direct = DirectFile(descriptor)
  }

  deinit { _ = close(descriptor) }

  func size() throws(DiskError) -> Int {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw DiskError("stat", path, code: errno) }
    return Int(status.st_size)
  }

  func read(at offset: Int, count: Int, into buffer: inout ByteQueue) throws(DiskError) -> Int {
    var done = 0
    while done < count {
      let got = try readSome(at: offset + done, count: count - done, into: &buffer)
      if got == 0 { break }
      done += got
    }
    return done
  }

  private func readSome(at offset: Int, count: Int, into buffer: inout ByteQueue) throws(DiskError) -> Int {
    if count >= DirectFile.worthBytes, let got = direct.read(at: offset, count: count, into: &buffer) {
      return got
    }
    let descriptor = descriptor
    let wanted = min(count, DirectFile.blockBytes)
    let got = unsafe buffer.append(upTo: wanted) { start in
      SystemDisk.retrying { unsafe pread(descriptor, start, wanted, off_t(offset)) }
    }
    guard got >= 0 else { throw DiskError("read", path, code: errno) }
    return got
  }

  func write(_ bytes: RawSpan, at offset: Int) throws(DiskError) {
    guard let middle = direct.worthwhile(offset..<offset + bytes.byteCount) else {
      return try writeCached(bytes, at: offset)
    }
    let start = middle.lowerBound - offset
    try writeCached(bytes.extracting(0..<start), at: offset)
    // What can't be written so is left to the cache, which then tells why.
    let written = direct.write(
      bytes.extracting(start..<start + middle.count), at: middle.lowerBound)
    try writeCached(
      bytes.extracting(start + written..<bytes.byteCount), at: middle.lowerBound + written)
  }

  private func writeCached(_ bytes: RawSpan, at offset: Int) throws(DiskError) {
    var done = 0
    while done < bytes.byteCount {
      let written = unsafe bytes.withUnsafeBytes { source in
        SystemDisk.retrying {
          unsafe pwrite(
            descriptor, source.baseAddress.unsafelyUnwrapped + done, source.count - done, off_t(offset + done)
          )
        }
      }
      guard written > 0 else { throw DiskError("write", path, code: written == 0 ? EIO : errno) }
      done += written
    }
  }

  func sync() throws(DiskError) {
    #if canImport(Darwin)
      // On Darwin only this reaches the platters (fcntl(2)).
      guard unsafe SystemDisk.retrying({ unsafe fcntl(descriptor, F_FULLFSYNC) }) >= 0 else {
        throw DiskError("fsync", path, code: errno)
      }
    #else
      // It also has the disk keep what has gone past the cache, and the file's new length.
      guard SystemDisk.retrying({ fdatasync(descriptor) }) == 0 else {
        throw DiskError("fdatasync", path, code: errno)
      }
    #endif
  }

  func truncate(to size: Int) throws(DiskError) {
    guard SystemDisk.retrying({ ftruncate(descriptor, off_t(size)) }) == 0 else {
      throw DiskError("truncate", path, code: errno)
    }
  }

  func isNamed(_ path: String) throws(DiskError) -> Bool {
    var mine = stat()
    var named = stat()
    guard unsafe fstat(descriptor, &mine) == 0 else { throw DiskError("stat", path, code: errno) }
    guard unsafe stat(path, &named) == 0 else {
      if errno == ENOENT { return false }
      throw DiskError("stat", path, code: errno)
    }
    return mine.st_ino == named.st_ino && mine.st_dev == named.st_dev
  }
}

/// The way past the cache to the same file. It is opened when it is first used, and given up where the file system has
/// none (open(2), `O_DIRECT`).
@safe private final class DirectFile: Sendable {
  /// Fewer bytes go through the cache: each write past it waits for the disk.
  static let worthBytes = 64 << 10
  /// What one call reads or writes at most, in bytes.
  static let blockBytes = 256 << 10
  /// Places and lengths are multiples of this, whatever the disk's blocks are.
  private static let alignment = 4096
  /// A disk that takes longer than this for each KiB is left to the cache, which can take a burst in before the disk does…
  private static let slowNanoseconds = 10_000
  /// …which is decided whenever so many bytes have been written, by the fastest call, since others may have waited for a
  /// processor…
  private static let bytesJudged = 16 << 20
  /// …and holds for so many.
  private static let bytesUntilNextTry = 256 << 20

  private let descriptor: Int32
  /// The descriptor for this way; −1 while it isn't open, −2 when there is none.
  private let opened = Atomic<Int32>(-1)
  /// So many bytes go through the cache before this way is tried again.
  private let bytesLeftToCache = Atomic<Int>(0)
  /// What was written since the disk was last judged, and how long the fastest call took for each KiB, in nanoseconds.
  private let bytesWritten = Atomic<Int>(0)
  private let fastest = Atomic<Int>(.max)
  /// A block that is kept for the next call, as an address; 0 while there is none. New memory costs more than a copy.
  private let spareBlock = Atomic<UInt>(0)

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit {
    let direct = opened.load(ordering: .relaxed)
    if direct >= 0 { _ = close(direct) }
    unsafe UnsafeMutableRawPointer(bitPattern: spareBlock.load(ordering: .acquiring))?.deallocate()
  }

  private func open() -> Int32? {
    let known = opened.load(ordering: .acquiring)
    if known != -1 { return known >= 0 ? known : nil }
    let made = max(martlet_open_direct(descriptor), -2)
    let (isFirst, other) = opened.compareExchange(
      expected: -1, desired: made < 0 ? -2 : made, ordering: .acquiringAndReleasing)
    if !isFirst && made >= 0 { _ = close(made) }
    let chosen = isFirst ? made : other
    return chosen >= 0 ? chosen : nil
  }

  private func giveUp() { bytesLeftToCache.store(.max, ordering: .relaxed) }

  /// The part of a range of the file that is worth to be written this way.
  func worthwhile(_ range: Range<Int>) -> Range<Int>? {
    guard range.count >= Self.worthBytes else { return nil }
    let left = bytesLeftToCache.load(ordering: .relaxed)
    guard left <= 0 else {
      if left != .max { bytesLeftToCache.store(left - range.count, ordering: .relaxed) }
      return nil
    }
    let start = (range.lowerBound + Self.alignment - 1) & ~(Self.alignment - 1)
    let end = range.upperBound & ~(Self.alignment - 1)
    return start..<end
  }

  /// Memory that starts at a multiple of the alignment.
  private func withBlock<Result>(_ body: (UnsafeMutableRawPointer) -> Result) -> Result {
    let spare = unsafe UnsafeMutableRawPointer(bitPattern: spareBlock.exchange(0, ordering: .acquiring))
    let block = unsafe spare ?? .allocate(byteCount: Self.blockBytes, alignment: Self.alignment)
    defer {
      // Two threads that use the file at once have each its own, of which one is kept.
      let other = spareBlock.exchange(UInt(bitPattern: block), ordering: .acquiringAndReleasing)
      unsafe UnsafeMutableRawPointer(bitPattern: other)?.deallocate()
    }
    return unsafe body(block)
  }

  /// Writes bytes of whole blocks; how many of them, fewer if that can't be done.
  func write(_ bytes: RawSpan, at offset: Int) -> Int {
    guard let direct = open() else {
      giveUp()
      return 0
    }
    var begin = WallClock.monotonicNanoseconds()
    var done = 0
    unsafe withBlock { block in
      while done < bytes.byteCount {
        let count = min(Self.blockBytes, bytes.byteCount - done)
        unsafe bytes.extracting(done..<done + count).withUnsafeBytes {
          unsafe block.copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: count)
        }
        let written = SystemDisk.retrying { unsafe pwrite(direct, block, count, off_t(offset + done)) }
        if written < 0 && errno == EINVAL { giveUp() }
        if written > 0 { done += written }
        guard written == count else { return }
        let end = WallClock.monotonicNanoseconds()
        judge(count, Int(end - begin))
        begin = end
      }
    }
    return done
  }

  /// Leaves a slow disk to the cache.
  private func judge(_ bytes: Int, _ nanoseconds: Int) {
    let written = bytesWritten.wrappingAdd(bytes, ordering: .relaxed).newValue
    let least = fastest.min(nanoseconds / (bytes >> 10), ordering: .relaxed).newValue
    guard written >= Self.bytesJudged else { return }
    bytesWritten.store(0, ordering: .relaxed)
    fastest.store(.max, ordering: .relaxed)
    if least > Self.slowNanoseconds {
      bytesLeftToCache.store(Self.bytesUntilNextTry, ordering: .relaxed)
    }
  }

  /// Appends bytes of the file from `offset` on to a buffer, at most `count`; how many, 0 at the end of the file. Nil if
  /// they can't be read this way, or are to be had in the cache.
  func read(at offset: Int, count: Int, into buffer: inout ByteQueue) -> Int? {
    // The block begins before what is asked for.
    let start = offset & ~(Self.alignment - 1)
    guard martlet_cached_bytes(descriptor, off_t(start), Self.blockBytes) < Self.blockBytes / 2,
      let direct = open()
    else { return nil }
    return unsafe withBlock { block in
      let got = SystemDisk.retrying { unsafe pread(direct, block, Self.blockBytes, off_t(start)) }
      guard got >= 0 else { return nil }
      let usable = min(max(0, got - (offset - start)), count)
      let bytes = unsafe RawSpan(_unsafeStart: block + (offset - start), byteCount: usable)
      buffer.append(bytes)
      return usable
    }
  }
}
