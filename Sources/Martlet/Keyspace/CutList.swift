// A long list that a cut follows. Its elements are handed out in their order while the list goes on changing: a chunk that
// hasn't been handed out isn't changed but copied first, and belongs to the cut from then on (see `KeptChunks`). So the cut
// keeps what the list has lost since, and not what it still has.

/// A list that is handed out in steps.
package final class CutList {
  package let key: [UInt8]
  package let database: Int
  /// What they were at the cut.
  package let metadata: ItemMetadata
  package let version: UInt64

  let chunks: KeptChunks
  /// The item, once it has left its table: it is freed at the end.
  var retired: Item?
  private let retainedBytes: SharedCounter

  /// Nil for what is no list, and for one that is packed. O(chunks).
  ///
  /// - Parameter retainedBytes: counts what is kept.
  init?(ifLong item: Item, _ database: Int, _ retainedBytes: SharedCounter) {
    guard item.kind == .list, let chunks = item.list.chunks else { return nil }
    key = item.key.array
    self.database = database
    metadata = item.metadata
    version = item.version
    self.retainedBytes = retainedBytes
    self.chunks = KeptChunks(chunks, retainedBytes)
  }

  /// Keeps the item that has left its table.
  func keep(_ item: Item) {
    retired = item
    retainedBytes.add(UInt64(item.weight))
  }
}
