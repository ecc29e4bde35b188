// The replies of one connection that wait for the disk, in their order.

/// How many bytes all connections together hold: one for a transport, shared by its lanes.
package final class HeldBytes: Sendable {
  private let counter = SharedCounter()
  private let maximum: Int

  package init(maximum: Int = HeldReplies.maximumBytesInAll) { self.maximum = maximum }

  deinit { counter.destroy() }

  package var count: Int { Int(counter.value) }

  package var isFull: Bool { count >= maximum }

  fileprivate func add(_ bytes: Int) { counter.add(UInt64(bytes)) }

  fileprivate func subtract(_ bytes: Int) { counter.subtract(UInt64(bytes)) }
}

/// Bytes that may leave only when the versions they show are durable. It has memory only while it isn't empty.
package struct HeldReplies: ~Copyable {
  /// A connection that holds more than this is not read from until some of it has left.
  package static let maximumBytes = 1 << 20
  /// While all connections together hold more than this, none that holds anything is read from.
  package static let maximumBytesInAll = 256 << 20

  private var bytes = ByteQueue()
  private var marks: [HoldMark] = []
  private let inAll: HeldBytes

  /// - Parameter inAll: what this and all others of the transport hold.
  package init(_ inAll: HeldBytes) { self.inAll = inAll }

  deinit { inAll.subtract(bytes.count) }

  package var isEmpty: Bool { bytes.isEmpty }
  package var count: Int { bytes.count }

  /// Whether so much is held that the connection is not to be read from. Then a commit is to come that has some of it
  /// leave: who holds nothing is never told to wait for what others hold.
  package var isFull: Bool { !isEmpty && (count >= Self.maximumBytes || inAll.isFull) }

  /// Takes over what a session has replied. Lent values are copied, and still to be taken back.
  package mutating func append(_ reply: borrowing Reply) {
    for mark in reply.marks where mark.version > (marks.last?.version ?? 0) {
      let before = reply.lent.filter { $0.position < mark.start }.byteCount
      marks.append(HoldMark(start: bytes.count + before + mark.start, version: mark.version))
    }
    bytes.reserve(reply.count)
    reply.lent.forEachPiece(of: reply.buffer.bytes) { piece in
      bytes.append(piece)
      return true
    }
    inAll.add(reply.count)
  }

  /// How many of the first bytes may leave now.
  package func releasedCount(by journal: Journal) -> Int {
    marks.first { !journal.mayShow($0.version) }?.start ?? bytes.count
  }

  /// The first bytes.
  @_lifetime(borrow self)
  package func prefix(_ length: Int) -> RawSpan { bytes.bytes.extracting(0..<length) }

  /// Drops the first bytes, which have left.
  package mutating func removeFirst(_ length: Int) {
    if length == bytes.count { bytes.removeAll(keeping: 0) } else { bytes.removeFirst(length) }
    inAll.subtract(length)
    var kept: [HoldMark] = []
    for mark in marks {
      if mark.start >= length {
        kept.append(HoldMark(start: mark.start - length, version: mark.version))
      } else {
        // Bytes from the middle of what a mark holds never leave before the mark is free.
        assert(kept.isEmpty)
      }
    }
    marks = kept
  }

  /// Drops everything.
  package mutating func removeAll() { removeFirst(count) }

  /// Whether something is left that the journal can't make durable any more.
  package func isLost(by journal: Journal) -> Bool { !isEmpty && journal.failure != nil }
}

extension Reply {
  /// Whether all of it may leave now.
  package func isFree(by journal: Journal) -> Bool {
    guard let last = marks.last else { return true }
    return journal.mayShow(last.version)
  }
}
