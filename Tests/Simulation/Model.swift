// What a store should do, in the simplest terms: dictionaries, and one command after the other.
internal import Martlet

/// A command of the workload, and how it is put to a session.
package enum Operation: Sendable {
  case get([UInt8])
  case set([UInt8], [UInt8], expiry: Int64?)
  case setKeepingExpiry([UInt8], [UInt8])
  case setAll([(key: [UInt8], value: [UInt8])])
  /// memcached's `set`, in database 0. The expiry is in seconds since 1970; 0 for none.
  case setWithFlags([UInt8], [UInt8], flags: UInt32, expirySeconds: Int64)
  case append([UInt8], [UInt8])
  /// memcached's `prepend`, in database 0.
  case prepend([UInt8], [UInt8])
  case setRange([UInt8], Int, [UInt8])
  case increment([UInt8])
  case delete([[UInt8]])
  case expire([UInt8], at: Int64)
  case persist([UInt8])
  case rename([UInt8], [UInt8])
  case copy([UInt8], [UInt8], database: Int, replaces: Bool)
  case addMembers([UInt8], [[UInt8]])
  case removeMembers([UInt8], [[UInt8]])
  case select(Int)
  case flush
  case flushAll

  /// The words of a Redis request; nil for what only memcached has.
  package var redisWords: [[UInt8]]? {
    func text(_ value: some CustomStringConvertible) -> [UInt8] { bytes(value.description) }
    switch self {
    case .get(let key): return [bytes("GET"), key]
    case .set(let key, let value, nil): return [bytes("SET"), key, value]
    case .set(let key, let value, let expiry?):
      return [bytes("SET"), key, value, bytes("PXAT"), text(expiry)]
    case .setKeepingExpiry(let key, let value): return [bytes("SET"), key, value, bytes("KEEPTTL")]
    case .setAll(let pairs): return [bytes("MSET")] + pairs.flatMap { [$0.key, $0.value] }
    case .setWithFlags, .prepend: return nil
    case .append(let key, let value): return [bytes("APPEND"), key, value]
    case .setRange(let key, let offset, let value): return [bytes("SETRANGE"), key, text(offset), value]
    case .increment(let key): return [bytes("INCR"), key]
    case .delete(let keys): return [bytes("DEL")] + keys
    case .expire(let key, let time): return [bytes("PEXPIREAT"), key, text(time)]
    case .persist(let key): return [bytes("PERSIST"), key]
    case .rename(let key, let newKey): return [bytes("RENAME"), key, newKey]
    case .copy(let key, let newKey, let database, let replaces):
      return [bytes("COPY"), key, newKey, bytes("DB"), text(database)] + (replaces ? [bytes("REPLACE")] : [])
    case .addMembers(let key, let members): return [bytes("SADD"), key] + members
    case .removeMembers(let key, let members): return [bytes("SREM"), key] + members
    case .select(let database): return [bytes("SELECT"), text(database)]
    case .flush: return [bytes("FLUSHDB")]
    case .flushAll: return [bytes("FLUSHALL")]
    }
  }

  /// The bytes of a memcached request; empty for what only Redis has.
  package var memcachedInput: [UInt8] {
    switch self {
    case .setWithFlags(let key, let value, let flags, let expiry):
      return bytes("set ") + key + bytes(" \(flags) \(expiry) \(value.count)\r\n") + value + bytes("\r\n")
    case .prepend(let key, let value):
      return bytes("prepend ") + key + bytes(" 0 0 \(value.count)\r\n") + value + bytes("\r\n")
    default: return []
    }
  }
}

/// A store as it should be.
package struct Model {
  package var databases: [DatabaseContents]
  /// The version of the last change.
  package var version: UInt64
  /// By which change a key became absent, for each database.
  private var absences: [[[UInt8]: UInt64]]
  private var emptied: [UInt64]
  /// The version of the last eviction of a key, until it is written again.
  private var evictions: [[[UInt8]: UInt64]]
  /// Whether the command under way only reads where it finds nothing.
  private var isRead = false
  /// The database that `SELECT` chose.
  package private(set) var selected = 0

  package init(databases: [DatabaseContents], version: UInt64) {
    self.databases = databases
    self.version = version
    absences = Array(repeating: [:], count: databases.count)
    emptied = Array(repeating: 0, count: databases.count)
    evictions = Array(repeating: [:], count: databases.count)
  }

  /// Loses a key to make room. A read that finds it absent need not wait for that; a write that changes nothing because
  /// of it does.
  package mutating func evict(_ key: [UInt8], _ database: Int) {
    version += 1
    databases[database][key] = nil
    evictions[database][key] = version
  }

  /// Does what the command should do; the version that its reply shows.
  package mutating func apply(_ operation: Operation, now: Int64) -> UInt64 {
    let before = version
    switch operation {
    case .get, .copy: isRead = true
    default: isRead = false
    }
    let shown = change(operation, now)
    return version > before ? version : shown
  }

  private func shown(_ key: [UInt8], _ database: Int) -> UInt64 {
    if let item = databases[database][key] { return item.version }
    let deleted = max(absences[database][key] ?? 0, emptied[database])
    return isRead ? deleted : max(deleted, evictions[database][key] ?? 0)
  }

  private func live(_ key: [UInt8], _ database: Int, _ now: Int64) -> StoredItem? {
    guard let item = databases[database][key], item.metadata.expiry == 0 || item.metadata.expiry > now else {
      return nil
    }
    return item
  }

  /// The item for a command that changes it: one that has expired is deleted first, by a change of its own.
  private mutating func liveToChange(_ key: [UInt8], _ database: Int, _ now: Int64) -> StoredItem? {
    if let item = live(key, database, now) { return item }
    if databases[database][key] != nil {
      version += 1
      remove(key, database)
    }
    return nil
  }

  private mutating func remove(_ key: [UInt8], _ database: Int) {
    databases[database][key] = nil
    absences[database][key] = version
  }

  private mutating func put(
    _ key: [UInt8], _ database: Int, _ content: StoredItem.Content, _ metadata: ItemMetadata
  ) {
    databases[database][key] = StoredItem(content: content, metadata: metadata, version: version)
    evictions[database][key] = nil
  }

  private mutating func change(_ operation: Operation, _ now: Int64) -> UInt64 {
    let database = selected
    switch operation {
    case .get(let key): return shown(key, database)
    case .set(let key, let value, let expiry):
      version += 1
      put(key, database, .string(value), ItemMetadata(expiry: expiry ?? 0))
    case .setKeepingExpiry(let key, let value):
      let expiry = live(key, database, now)?.metadata.expiry ?? 0
      version += 1
      put(key, database, .string(value), ItemMetadata(expiry: expiry))
    case .setAll(let pairs):
      version += 1
      for pair in pairs { put(pair.key, database, .string(pair.value), ItemMetadata()) }
    case .setWithFlags(let key, let value, let flags, let seconds):
      version += 1
      put(key, 0, .string(value), ItemMetadata(expiry: seconds * 1000, flags: flags))
    case .append(let key, let value):
      let old = liveToChange(key, database, now)
      guard case .string(let before) = old?.content ?? .string([]) else { return shown(key, database) }
      version += 1
      put(key, database, .string(before + value), valueChanged(old))
    case .prepend(let key, let value):
      guard let old = liveToChange(key, 0, now), case .string(let before) = old.content else {
        return shown(key, 0)
      }
      version += 1
      put(key, 0, .string(value + before), valueChanged(old))
    case .setRange(let key, let offset, let value):
      let old = liveToChange(key, database, now)
      guard case .string(var content) = old?.content ?? .string([]) else { return shown(key, database) }
      version += 1
      if content.count < offset + value.count {
        content += [UInt8](repeating: 0, count: offset + value.count - content.count)
      }
      content.replaceSubrange(offset..<offset + value.count, with: value)
      put(key, database, .string(content), valueChanged(old))
    case .increment(let key):
      let old = live(key, database, now)
      guard case .string(let digits) = old?.content ?? .string(bytes("0")),
        let number = Int(String(decoding: digits, as: UTF8.self)), bytes("\(number)") == digits
      else { return shown(key, database) }
      version += 1
      put(key, database, .string(bytes("\(number + 1)")), valueChanged(old))
    case .delete(let keys):
      let present = keys.filter { liveToChange($0, database, now) != nil }
      guard !present.isEmpty else { return keys.map { shown($0, database) }.max() ?? 0 }
      version += 1
      for key in present { remove(key, database) }
    case .expire(let key, let time):
      guard var item = liveToChange(key, database, now) else { return shown(key, database) }
      version += 1
      item.keepCAS()
      item.metadata.expiry = time
      put(key, database, item.content, item.metadata)
    case .persist(let key):
      guard var item = liveToChange(key, database, now), item.metadata.expiry != 0 else {
        return shown(key, database)
      }
      version += 1
      item.keepCAS()
      item.metadata.expiry = 0
      put(key, database, item.content, item.metadata)
    case .rename(let key, let newKey):
      guard let item = liveToChange(key, database, now), key != newKey else { return shown(key, database) }
      version += 1
      remove(key, database)
      put(newKey, database, item.content, item.metadata)
    case .copy(let key, let newKey, let target, let replaces):
      if key == newKey && database == target { return 0 }
      guard let item = live(key, database, now) else { return shown(key, database) }
      if live(newKey, target, now) != nil && !replaces {
        return max(shown(key, database), shown(newKey, target))
      }
      version += 1
      put(newKey, target, item.content, item.metadata)
    case .addMembers(let key, let members):
      let old = liveToChange(key, database, now)
      guard case .set(let before) = old?.content ?? .set([]) else { return shown(key, database) }
      guard !before.isSuperset(of: members) else { return shown(key, database) }
      version += 1
      put(key, database, .set(before.union(members)), old?.metadata ?? ItemMetadata())
    case .removeMembers(let key, let members):
      guard let old = liveToChange(key, database, now), case .set(let before) = old.content,
        !before.isDisjoint(with: members)
      else { return shown(key, database) }
      version += 1
      let after = before.subtracting(members)
      if after.isEmpty { remove(key, database) } else { put(key, database, .set(after), old.metadata) }
    case .select(let number): selected = number
    case .flush:
      version += 1
      empty(database)
    case .flushAll:
      version += 1
      for database in databases.indices { empty(database) }
    }
    return 0
  }

  /// What a string carries on after its value has changed: no CAS token from before.
  private func valueChanged(_ old: StoredItem?) -> ItemMetadata {
    var metadata = old?.metadata ?? ItemMetadata()
    metadata.cas = 0
    return metadata
  }

  private mutating func empty(_ database: Int) {
    databases[database] = [:]
    absences[database] = [:]
    emptied[database] = version
  }
}

extension StoredItem {
  /// Another expiry is no other value: a string keeps the CAS token it has, which is its version if none was chosen.
  fileprivate mutating func keepCAS() {
    if case .string = content, metadata.cas == 0 { metadata.cas = version }
  }
}
