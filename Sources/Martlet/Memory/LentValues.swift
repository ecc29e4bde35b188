// Large values that are sent from where they lie. Copying one into a reply costs as much as all the rest of its request,
// so the shard lends it instead: until it is taken back, its bytes neither change nor are freed, although the shard goes
// on. Whoever writes to a lent value makes another allocation, and a lent one that is freed goes when it is taken back
// (`Allocator.lend`). The replies' own bytes stay in a `ByteQueue`, in which each lent value has its place.

/// A value in a shard's memory that is read without the shard's lock.
@safe package struct LentValue: @unchecked Sendable {
  /// Smaller ones are copied, in bytes: that takes a microsecond, and lending a third of one.
  package static let minimumBytes = 32 << 10

  /// The allocation it is in.
  let block: UnsafeMutableRawPointer
  private let start: UnsafeRawPointer
  package private(set) var count: Int
  /// The number of its shard.
  let shard: Int
  /// Before which of the bytes around it it goes.
  package fileprivate(set) var position: Int

  /// The value of a string, of which the allocator is told.
  init(_ item: Item, shard: Int, position: Int) {
    unsafe block = unsafe item.address
    unsafe start = UnsafeRawPointer(item.valueStart)
    count = item.valueCount
    self.shard = shard
    self.position = position
  }

  package var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = unsafe RawSpan(_unsafeStart: start, byteCount: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
}

extension [LentValue] {
  /// The bytes of all of them.
  @inline(__always)
  package var byteCount: Int { isEmpty ? 0 : sum }

  private var sum: Int { reduce(0) { $0 + $1.count } }

  /// Empties those that go at or behind a place: nothing of them is sent, and they are still to be taken back.
  mutating func empty(from position: Int) {
    for index in indices where self[index].position >= position {
      self[index] = self[index].emptied(at: position)
    }
  }

  /// Calls `body` with the bytes around the values and those of the values, in their order, from the byte `start` of all
  /// on; as long as it returns true.
  package func forEachPiece(of bytes: RawSpan, from start: Int = 0, _ body: (RawSpan) -> Bool) {
    var toSkip = start
    var done = 0
    func take(_ piece: RawSpan) -> Bool {
      let skipped = Swift.min(toSkip, piece.byteCount)
      toSkip -= skipped
      return skipped == piece.byteCount || body(piece.extracting(skipped..<piece.byteCount))
    }
    for value in self {
      guard take(bytes.extracting(done..<value.position)), take(value.bytes) else { return }
      done = value.position
    }
    _ = take(bytes.extracting(done..<bytes.byteCount))
  }
}

extension LentValue {
  fileprivate func emptied(at position: Int) -> LentValue {
    var emptied = self
    emptied.count = 0
    emptied.position = position
    return emptied
  }
}

extension Allocator {
  /// Takes back a value that was lent.
  mutating func takeBack(_ value: LentValue) { unsafe takeBack(value.block) }
}

/// Bytes on their way to one client, and the lent values between them.
package struct OutgoingBytes: ~Copyable {
  package var bytes = ByteQueue()
  /// In the order of their places; nearly always none.
  package private(set) var lent: [LentValue] = []

  package init() {}

  package var count: Int {
    @inline(__always) get { bytes.count + lent.byteCount }
  }

  package var isEmpty: Bool {
    @inline(__always) get { bytes.isEmpty && lent.isEmpty }
  }

  /// Puts lent values behind what is there: `position` counts from `start` on.
  package mutating func append(_ values: [LentValue], from start: Int) {
    for var value in values {
      value.position += start
      lent.append(value)
    }
  }

  /// Takes the lent values out, for them to be taken back.
  package mutating func removeLent() -> [LentValue] {
    var removed: [LentValue] = []
    swap(&removed, &lent)
    return removed
  }
}
