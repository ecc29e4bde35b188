// Bytes that are gone through once: all of them at hand, or taken in pieces from a file. Whoever reads asks for so many and
// has them or an error, so that no length that the bytes claim is believed before as many bytes are there.

/// Bytes to be read from the first to the last.
package struct InputBytes: ~Copyable {
  /// Gives the next bytes; none at the end.
  package typealias Pieces = () throws(DiskError) -> [UInt8]

  private let source: Pieces?
  private var buffer = ByteQueue()
  /// How many bytes at the start of the buffer are done with.
  private var done = 0
  /// How many bytes were before the buffer.
  private var dropped = 0
  /// The checksum of the bytes up to `summed` in the buffer.
  private var sum: UInt64 = 0
  private var summed = 0
  private var isAtEnd: Bool

  /// Takes a copy of bytes that are all there is.
  package init(_ bytes: RawSpan) {
    source = nil
    isAtEnd = true
    buffer.append(bytes)
  }

  package init(_ source: @escaping Pieces) {
    self.source = source
    isAtEnd = false
  }

  /// How many bytes have been read.
  package var position: Int { dropped + done }

  /// The bytes that are at hand and not read yet.
  package var atHand: RawSpan {
    @_lifetime(borrow self)
    get { buffer.bytes.extracting(done..<buffer.count) }
  }

  /// Takes more bytes in until so many can be read, or there are no more; whether they can.
  package mutating func fill(_ count: Int) throws(RDBProblem) -> Bool {
    while buffer.count - done < count {
      guard !isAtEnd, let source else { return false }
      if done > 0 {
        addToSum()
        buffer.removeFirst(done)
        dropped += done
        done = 0
        summed = 0
      }
      do throws(DiskError) {
        let piece = try source()
        if piece.isEmpty { isAtEnd = true } else { buffer.append(piece) }
      } catch {
        throw .disk(error)
      }
    }
    return true
  }

  /// Reads so many bytes.
  @_lifetime(&self)
  package mutating func take(_ count: Int) throws(RDBProblem) -> RawSpan {
    guard try fill(count) else { throw .truncated }
    done += count
    return buffer.bytes.extracting(done - count..<done)
  }

  package mutating func byte() throws(RDBProblem) -> UInt8 { try take(1).byte(0) }

  package mutating func skip(_ count: Int) throws(RDBProblem) {
    var left = count
    // Not all at once: what is skipped need not be in memory.
    while left > 0 {
      _ = try take(min(left, 64 << 10))
      left -= min(left, 64 << 10)
    }
  }

  mutating func littleEndian<Number: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _: Number.Type
  ) throws(RDBProblem) -> UInt64 {
    try take(MemoryLayout<Number>.size).word(Number.self, at: 0)
  }

  mutating func bigEndian<Number: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _: Number.Type
  ) throws(RDBProblem) -> UInt64 {
    UInt64(try take(MemoryLayout<Number>.size).bigEndian(Number.self, at: 0))
  }

  // MARK: Checksum

  private mutating func addToSum() {
    sum = buffer.bytes.extracting(summed..<done).crc64(continuing: sum)
    summed = done
  }

  /// The checksum of all that has been read.
  mutating func checksum() -> UInt64 {
    addToSum()
    return sum
  }
}
