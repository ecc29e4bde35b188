// All that a store holds, copied out of it: what tests compare.
import Martlet

/// One key's value and all that goes with it.
struct StoredItem: Equatable {
  enum Content: Equatable {
    case string([UInt8])
    case set(Set<[UInt8]>)
  }

  var content: Content
  var metadata = ItemMetadata()
  var version: UInt64
}

typealias DatabaseContents = [[UInt8]: StoredItem]

extension StoreCore {
  /// The items of every database, expired ones too.
  func contents() -> [DatabaseContents] {
    var databases = [DatabaseContents](repeating: [:], count: keyspace.databaseCount)
    for shard in 0..<keyspace.shardCount {
      keyspace.lock(shard)
      for database in databases.indices {
        keyspace[shard].shard.forEach(database) { item in
          let content: StoredItem.Content
          switch item.kind {
          case .string: content = .string(item.value.array)
          case .set:
            var members: Set<[UInt8]> = []
            item.members.forEach { members.insert($0.key.array) }
            content = .set(members)
          }
          databases[database][item.key.array] = StoredItem(
            content: content, metadata: item.metadata, version: item.version)
        }
      }
      keyspace.unlock(shard)
    }
    return databases
  }
}
