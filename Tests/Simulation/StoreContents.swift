// All that a store holds, copied out of it: what tests compare.
package import Martlet

/// The value of one field of a hash.
package struct StoredField: Equatable, Sendable {
  package var value: [UInt8]
  /// When it expires, in milliseconds since 1970; 0 for never.
  package var expiry: Int64

  package init(_ value: [UInt8], expiry: Int64 = 0) {
    self.value = value
    self.expiry = expiry
  }
}

/// One key's value and all that goes with it.
package struct StoredItem: Equatable, Sendable {
  package enum Content: Equatable, Sendable {
    case string([UInt8])
    case set(Set<[UInt8]>)
    case hash([[UInt8]: StoredField])
    case sortedSet([[UInt8]: Double])
    case list([[UInt8]])
  }

  package var content: Content
  package var metadata: ItemMetadata
  package var version: UInt64

  package init(content: Content, metadata: ItemMetadata = ItemMetadata(), version: UInt64) {
    self.content = content
    self.metadata = metadata
    self.version = version
  }
}

package typealias DatabaseContents = [[UInt8]: StoredItem]

extension StoreCore {
  /// The items of every database, expired ones too.
  package func contents() -> [DatabaseContents] { keyspace.contents() }
}

extension Item {
  /// What it holds, copied.
  package var stored: StoredItem {
    let content: StoredItem.Content
    switch kind {
    case .string: content = .string(value.array)
    case .set:
      var members: Set<[UInt8]> = []
      self.members.forEach { members.insert($0.key.array) }
      content = .set(members)
    case .hash:
      var fields: [[UInt8]: StoredField] = [:]
      self.members.forEach { fields[$0.key.array] = StoredField($0.value.array, expiry: $0.expiry) }
      content = .hash(fields)
    case .sortedSet:
      var scores: [[UInt8]: Double] = [:]
      self.members.forEach { scores[$0.key.array] = $0.score }
      content = .sortedSet(scores)
    case .list:
      var elements: [[UInt8]] = []
      list.forEach { elements.append($0.array) }
      content = .list(elements)
    }
    return StoredItem(content: content, metadata: metadata, version: version)
  }
}

extension Keyspace {
  /// The items of every database, expired ones too.
  package func contents() -> [DatabaseContents] {
    var databases = [DatabaseContents](repeating: [:], count: databaseCount)
    for shard in 0..<shardCount {
      lock(shard)
      for database in databases.indices {
        self[shard].shard.forEach(database) { databases[database][$0.key.array] = $0.stored }
      }
      unlock(shard)
    }
    return databases
  }
}
