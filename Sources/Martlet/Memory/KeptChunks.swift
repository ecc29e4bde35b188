// What a checkpoint keeps of a long list that changes while it is written.

/// The chunks of a list as they were when a checkpoint began to follow it, handed out element by element. One that the list
/// would change or free before that belongs to this instead.
final class KeptChunks {
  /// Once so many bytes have been handed out, no more elements follow in the same call.
  private static let bytesAtOnce = 64 << 10

  /// The list that has them.
  let list: ListChunks
  private var entries: [ListChunks.Entry]
  /// Those that the list has no more.
  private var isOwned: [Bool]
  /// Chunks before this one have been handed out, and of this one the elements before `offset`.
  private var next = 0
  private var offset = 0
  /// Counts the bytes that are kept.
  private let retainedBytes: SharedCounter

  /// O(chunks).
  init(_ list: ListChunks, _ retainedBytes: SharedCounter) {
    self.list = list
    entries = list.number()
    isOwned = Array(repeating: false, count: entries.count)
    self.retainedBytes = retainedBytes
    retainedBytes.add(ownBytes)
  }

  /// What the lists of chunks take.
  private var ownBytes: UInt64 { UInt64(entries.count * (MemoryLayout<ListChunks.Entry>.stride + 1)) }

  /// Whether a chunk of the list is still to be handed out as it is.
  func needs(_ entry: ListChunks.Entry) -> Bool { entry.cutPlace > next }

  /// Takes over a chunk that has left the list, if it is needed; whether it is.
  func keep(_ entry: ListChunks.Entry) -> Bool {
    guard needs(entry) else { return false }
    isOwned[Int(entry.cutPlace) - 1] = true
    retainedBytes.add(UInt64(entry.chunk.size))
    return true
  }

  var isDone: Bool { next == entries.count }

  /// Hands out up to `wanted` elements, fewer if they are long; how many there were. Chunks that are done with and not the
  /// list's are freed.
  ///
  /// - Parameter forgets: a bug on purpose: what has changed is left out.
  func handOut(
    _ wanted: Int, _ allocator: inout Allocator, forgets: Bool, _ body: (ListElement) -> Void
  ) -> Int {
    var count = 0
    var bytes = 0
    while count < wanted && bytes < Self.bytesAtOnce && !isDone {
      let row = entries[next].row
      if forgets && isOwned[next] { offset = row.byteCount }
      while count < wanted && bytes < Self.bytesAtOnce && offset < row.byteCount {
        let element = unsafe ListElement(row.start + offset)
        let size = element.size
        offset += size
        bytes += size
        body(element)
        count += 1
      }
      guard offset == row.byteCount else { break }
      free(next, &allocator)
      next += 1
      offset = 0
    }
    return count
  }

  private func free(_ place: Int, _ allocator: inout Allocator) {
    guard isOwned[place] else { return }
    isOwned[place] = false
    retainedBytes.subtract(UInt64(entries[place].chunk.size))
    entries[place].chunk.destroy(&allocator)
  }

  /// Lets go of all that is left. O(chunks).
  func release(_ allocator: inout Allocator) {
    for place in next..<entries.count { free(place, &allocator) }
    retainedBytes.subtract(ownBytes)
    next = 0
    entries = []
    isOwned = []
  }
}
