// What a store should do, in the simplest terms: dictionaries, and one command after the other.
package import Martlet

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
  /// memcached's `md` that marks a key as stale, in database 0; with an expiry in seconds since 1970, 0 for none, and a
  /// CAS token of the client's choice, 0 for none.
  case markStale([UInt8], expirySeconds: Int64?, cas: UInt64)
  case setRange([UInt8], Int, [UInt8])
  case increment([UInt8])
  case delete([[UInt8]])
  case expire([UInt8], at: Int64)
  case persist([UInt8])
  case rename([UInt8], [UInt8])
  case copy([UInt8], [UInt8], database: Int, replaces: Bool)
  case move([UInt8], database: Int)
  case swap(Int, Int)
  case addMembers([UInt8], [[UInt8]])
  case removeMembers([UInt8], [[UInt8]])
  case moveMember([UInt8], [UInt8], [UInt8])
  /// `SUNIONSTORE`, of sets that come to a few kilobytes at most.
  case storeUnion([UInt8], [[UInt8]])
  /// `MSETEX` with one expiry.
  case setAllExpiring([(key: [UInt8], value: [UInt8])], at: Int64)
  case setBit([UInt8], Int, Bool)
  /// `BITFIELD` that sets bytes.
  case setBytes([UInt8], [(offset: Int, byte: UInt8)])
  case setFields([UInt8], [(field: [UInt8], value: [UInt8])])
  /// Nil for an expiry that stays.
  case setExpiringFields([UInt8], [(field: [UInt8], value: [UInt8])], at: Int64?)
  case incrementField([UInt8], [UInt8], by: Int)
  case removeFields([UInt8], [[UInt8]])
  case expireFields([UInt8], [[UInt8]], at: Int64)
  case persistFields([UInt8], [[UInt8]])
  case setScores([UInt8], [(member: [UInt8], score: Double)])
  case incrementScore([UInt8], [UInt8], by: Double)
  case removeScores([UInt8], [[UInt8]])
  case removeRanks([UInt8], Int, through: Int)
  case popScores([UInt8], Int, highest: Bool)
  /// The sums of scores in sorted sets and sets, stored at the first key.
  case storeScoredUnion([UInt8], [[UInt8]])
  case push([UInt8], [[UInt8]], at: ListEnd)
  case pop([UInt8], Int, from: ListEnd)
  case setElement([UInt8], Int, [UInt8])
  case insertElement([UInt8], isAfter: Bool, [UInt8], [UInt8])
  case removeElements([UInt8], Int, [UInt8])
  case trim([UInt8], Int, Int)
  case moveElement([UInt8], [UInt8], from: ListEnd, to: ListEnd)
  case select(Int)
  case flush
  case flushAll
  /// Requests whose effects the model doesn't foretell; another client may wait for data meanwhile, with the last of its
  /// own.
  case followed([[[UInt8]]], waiting: [[[UInt8]]] = [])
  /// `DUMP` of a key, and `RESTORE` of that at another, with an expiry.
  case restored(from: [UInt8], to: [UInt8], at: Int64?)

  /// Whether the model takes over from the store what it does.
  package var isFollowed: Bool {
    switch self {
    case .followed, .restored: true
    default: false
    }
  }

  /// The words of a Redis request; nil for what only memcached has, and for what is more than one.
  package var redisWords: [[UInt8]]? {
    func text(_ value: some CustomStringConvertible) -> [UInt8] { bytes(value.description) }
    switch self {
    case .get(let key): return [bytes("GET"), key]
    case .set(let key, let value, nil): return [bytes("SET"), key, value]
    case .set(let key, let value, let expiry?):
      return [bytes("SET"), key, value, bytes("PXAT"), text(expiry)]
    case .setKeepingExpiry(let key, let value): return [bytes("SET"), key, value, bytes("KEEPTTL")]
    case .setAll(let pairs): return [bytes("MSET")] + pairs.flatMap { [$0.key, $0.value] }
    case .setWithFlags, .prepend, .markStale, .followed, .restored: return nil
    case .append(let key, let value): return [bytes("APPEND"), key, value]
    case .setRange(let key, let offset, let value): return [bytes("SETRANGE"), key, text(offset), value]
    case .increment(let key): return [bytes("INCR"), key]
    case .delete(let keys): return [bytes("DEL")] + keys
    case .expire(let key, let time): return [bytes("PEXPIREAT"), key, text(time)]
    case .persist(let key): return [bytes("PERSIST"), key]
    case .rename(let key, let newKey): return [bytes("RENAME"), key, newKey]
    case .copy(let key, let newKey, let database, let replaces):
      return [bytes("COPY"), key, newKey, bytes("DB"), text(database)] + (replaces ? [bytes("REPLACE")] : [])
    case .move(let key, let database): return [bytes("MOVE"), key, text(database)]
    case .swap(let first, let second): return [bytes("SWAPDB"), text(first), text(second)]
    case .moveMember(let source, let destination, let member):
      return [bytes("SMOVE"), source, destination, member]
    case .storeUnion(let destination, let sources): return [bytes("SUNIONSTORE"), destination] + sources
    case .setAllExpiring(let pairs, let time):
      return [bytes("MSETEX"), text(pairs.count)] + pairs.flatMap { [$0.key, $0.value] }
        + [bytes("PXAT"), text(time)]
    case .setBit(let key, let offset, let bit):
      return [bytes("SETBIT"), key, text(offset), text(bit ? 1 : 0)]
    case .setBytes(let key, let changes):
      return [bytes("BITFIELD"), key]
        + changes.flatMap { [bytes("SET"), bytes("u8"), text($0.offset * 8), text($0.byte)] }
    case .addMembers(let key, let members): return [bytes("SADD"), key] + members
    case .removeMembers(let key, let members): return [bytes("SREM"), key] + members
    case .setFields(let key, let pairs):
      return [bytes("HSET"), key] + pairs.flatMap { [$0.field, $0.value] }
    case .setExpiringFields(let key, let pairs, let expiry):
      return [bytes("HSETEX"), key] + (expiry.map { [bytes("PXAT"), text($0)] } ?? [bytes("KEEPTTL")])
        + [bytes("FIELDS"), text(pairs.count)] + pairs.flatMap { [$0.field, $0.value] }
    case .incrementField(let key, let field, let amount): return [bytes("HINCRBY"), key, field, text(amount)]
    case .removeFields(let key, let fields): return [bytes("HDEL"), key] + fields
    case .expireFields(let key, let fields, let time):
      return [bytes("HPEXPIREAT"), key, text(time), bytes("FIELDS"), text(fields.count)] + fields
    case .persistFields(let key, let fields):
      return [bytes("HPERSIST"), key, bytes("FIELDS"), text(fields.count)] + fields
    case .setScores(let key, let pairs):
      return [bytes("ZADD"), key] + pairs.flatMap { [text($0.score), $0.member] }
    case .incrementScore(let key, let member, let amount):
      return [bytes("ZINCRBY"), key, text(amount), member]
    case .removeScores(let key, let members): return [bytes("ZREM"), key] + members
    case .removeRanks(let key, let first, let last):
      return [bytes("ZREMRANGEBYRANK"), key, text(first), text(last)]
    case .popScores(let key, let count, let highest):
      return [bytes(highest ? "ZPOPMAX" : "ZPOPMIN"), key, text(count)]
    case .storeScoredUnion(let target, let keys):
      return [bytes("ZUNIONSTORE"), target, text(keys.count)] + keys
    case .push(let key, let elements, let end):
      return [bytes(end == .head ? "LPUSH" : "RPUSH"), key] + elements
    case .pop(let key, let count, let end):
      return [bytes(end == .head ? "LPOP" : "RPOP"), key, text(count)]
    case .setElement(let key, let index, let value): return [bytes("LSET"), key, text(index), value]
    case .insertElement(let key, let isAfter, let pivot, let value):
      return [bytes("LINSERT"), key, bytes(isAfter ? "AFTER" : "BEFORE"), pivot, value]
    case .removeElements(let key, let count, let value): return [bytes("LREM"), key, text(count), value]
    case .trim(let key, let start, let stop): return [bytes("LTRIM"), key, text(start), text(stop)]
    case .moveElement(let key, let newKey, let from, let to):
      return [bytes("LMOVE"), key, newKey, from.word, to.word]
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
    case .markStale(let key, let expiry, let cas):
      let time = expiry.map { " T\($0)" } ?? ""
      return bytes("md ") + key + bytes(" I\(time)\(cas == 0 ? "" : " E\(cas)")\r\n")
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
  /// The last change by which a database got all its items, with the versions that they had.
  private var swapped: [UInt64]
  /// The version of the last eviction of a key, until it is written again.
  private var evictions: [[[UInt8]: UInt64]]
  /// Whether the command under way only reads where it finds nothing.
  private var isRead = false
  private var lastVersion: UInt64 = 0
  /// The database that `SELECT` chose.
  package private(set) var selected = 0

  package init(databases: [DatabaseContents], version: UInt64) {
    self.databases = databases
    self.version = version
    absences = Array(repeating: [:], count: databases.count)
    emptied = Array(repeating: 0, count: databases.count)
    swapped = emptied
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
  ///
  /// - Parameter lastVersion: the version that the store has come to: into how many records a large set is divided
  ///   depends on the order of its members.
  package mutating func apply(_ operation: Operation, now: Int64, lastVersion: UInt64) -> UInt64 {
    let before = version
    self.lastVersion = lastVersion
    switch operation {
    case .get, .copy: isRead = true
    default: isRead = false
    }
    let shown = change(operation, now)
    return version > before ? version : shown
  }

  /// Takes over what the store holds after a command; the version that its reply shows, 0 if it changed nothing.
  package mutating func follow(_ found: [DatabaseContents], version: UInt64) -> UInt64 {
    guard version > self.version else { return 0 }
    for database in databases.indices {
      for key in databases[database].keys where found[database][key] == nil {
        absences[database][key] = version
      }
      for (key, item) in found[database] where databases[database][key] != item {
        evictions[database][key] = nil
      }
    }
    databases = found
    self.version = version
    return version
  }

  private func shown(_ key: [UInt8], _ database: Int) -> UInt64 {
    if let item = databases[database][key] { return max(item.version, swapped[database]) }
    let deleted = max(absences[database][key] ?? 0, emptied[database])
    return isRead ? deleted : max(deleted, evictions[database][key] ?? 0)
  }

  private func live(_ key: [UInt8], _ database: Int, _ now: Int64) -> StoredItem? {
    guard let item = databases[database][key], item.metadata.expiry == 0 || item.metadata.expiry > now else {
      return nil
    }
    // A hash of which all fields have expired is as absent as they are.
    if case .hash(let fields) = item.content, fields.values.allSatisfy({ $0.hasExpired(now) }) { return nil }
    return item
  }

  /// The fields of a hash that is to be changed, none for a key that isn't there, and nil for another type. Those of
  /// the fields that are named and have expired are deleted first, by a change of its own.
  private mutating func fieldsToChange(
    _ key: [UInt8], _ database: Int, _ named: [[UInt8]], _ now: Int64
  ) -> [[UInt8]: StoredField]? {
    guard let old = liveToChange(key, database, now) else { return [:] }
    guard case .hash(var fields) = old.content else { return nil }
    let expired = named.filter { fields[$0]?.hasExpired(now) == true }
    guard !expired.isEmpty else { return fields }
    for field in expired { fields[field] = nil }
    version += 1
    put(key, database, .hash(fields), old.metadata)
    return fields
  }

  /// Has a hash hold other fields.
  private mutating func putFields(_ key: [UInt8], _ database: Int, _ fields: [[UInt8]: StoredField]) {
    version += 1
    if fields.isEmpty { return remove(key, database) }
    put(key, database, .hash(fields), databases[database][key]?.metadata ?? ItemMetadata())
  }

  /// Has a sorted set hold other members.
  private mutating func putScores(_ key: [UInt8], _ database: Int, _ scores: [[UInt8]: Double]) {
    version += 1
    if scores.isEmpty { return remove(key, database) }
    put(key, database, .sortedSet(scores), databases[database][key]?.metadata ?? ItemMetadata())
  }

  /// Takes the members of some ranks out of a sorted set.
  private mutating func removeScores(
    _ key: [UInt8], _ database: Int, _ scores: [[UInt8]: Double], _ ranks: Range<Int>
  ) {
    let ordered = scores.sorted {
      $0.value == $1.value ? $0.key.lexicographicallyPrecedes($1.key) : $0.value < $1.value
    }
    var left = scores
    for (member, _) in ordered[ranks] { left[member] = nil }
    putScores(key, database, left)
  }

  /// How many members one record of a stored result has.
  private static let storedAtOnce = 1000

  private mutating func storeScoredUnion(
    _ target: [UInt8], _ database: Int, _ keys: [[UInt8]], _ now: Int64
  ) -> UInt64 {
    var seen: UInt64 = 0
    var sums: [[UInt8]: Double] = [:]
    isRead = true
    for key in keys {
      seen = max(seen, shown(key, database))
      switch live(key, database, now)?.content {
      case .sortedSet(let scores): sums.merge(scores, uniquingKeysWith: +)
      case .set(let members): for member in members { sums[member, default: 0] += 1 }
      case nil: break
      default: return seen
      }
    }
    isRead = false
    let isReplaced = liveToChange(target, database, now) != nil
    guard isReplaced || !sums.isEmpty else { return max(seen, shown(target, database)) }
    if isReplaced {
      version += 1
      remove(target, database)
    }
    guard !sums.isEmpty else { return version }
    // Each of the records is a change.
    version += UInt64((sums.count + Self.storedAtOnce - 1) / Self.storedAtOnce)
    put(target, database, .sortedSet(sums), ItemMetadata())
    return version
  }

  /// The elements of a list that is to be changed, none for a key that isn't there, and nil for another type.
  private mutating func elementsToChange(_ key: [UInt8], _ database: Int, _ now: Int64) -> [[UInt8]]? {
    guard let old = liveToChange(key, database, now) else { return [] }
    guard case .list(let elements) = old.content else { return nil }
    return elements
  }

  private func isList(_ key: [UInt8], _ database: Int, _ now: Int64) -> Bool {
    if case .list = live(key, database, now)?.content { true } else { false }
  }

  /// Has a list hold other elements.
  private mutating func putElements(_ key: [UInt8], _ database: Int, _ elements: [[UInt8]]) {
    version += 1
    if elements.isEmpty { return remove(key, database) }
    put(key, database, .list(elements), databases[database][key]?.metadata ?? ItemMetadata())
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
    case .markStale(let key, let seconds, let cas):
      guard let old = liveToChange(key, 0, now), case .string = old.content else { return shown(key, 0) }
      version += 1
      var metadata = old.metadata
      metadata.expiry = seconds.map { $0 * 1000 } ?? metadata.expiry
      metadata.cas = cas
      metadata.isStale = true
      put(key, 0, old.content, metadata)
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
    case .move(let key, let target):
      if target == database { return 0 }
      guard let item = liveToChange(key, database, now) else { return shown(key, database) }
      guard liveToChange(key, target, now) == nil else {
        return max(shown(key, database), shown(key, target))
      }
      version += 1
      remove(key, database)
      put(key, target, item.content, item.metadata)
    case .swap(let first, let second):
      if first == second { return 0 }
      version += 1
      databases.swapAt(first, second)
      for database in [first, second] {
        emptied[database] = version
        swapped[database] = version
      }
    case .moveMember(let source, let destination, let member):
      guard let old = liveToChange(source, database, now), case .set(var members) = old.content else {
        return shown(source, database)
      }
      let other = liveToChange(destination, database, now)
      guard case .set(let others) = other?.content ?? .set([]), source != destination,
        members.remove(member) != nil
      else { return max(shown(source, database), shown(destination, database)) }
      version += 1
      if members.isEmpty {
        remove(source, database)
      } else {
        put(source, database, .set(members), old.metadata)
      }
      if others.contains(member) { return 0 }
      version += 1
      put(destination, database, .set(others.union([member])), other?.metadata ?? ItemMetadata())
    case .storeUnion(let destination, let sources):
      isRead = true
      let items = sources.map { live($0, database, now) }
      var union: Set<[UInt8]> = []
      for (source, item) in zip(sources, items) {
        guard case .set(let members) = item?.content ?? .set([]) else { return shown(source, database) }
        union.formUnion(members)
      }
      let shownOfSources = sources.map { shown($0, database) }.max() ?? 0
      isRead = false
      let isThere = liveToChange(destination, database, now) != nil
      if !isThere && union.isEmpty { return max(shownOfSources, shown(destination, database)) }
      if isThere {
        version += 1
        remove(destination, database)
      }
      if union.isEmpty { return 0 }
      version += records(of: union)
      put(destination, database, .set(union), ItemMetadata())
    case .setAllExpiring(let pairs, let time):
      for pair in pairs {
        version += 1
        put(pair.key, database, .string(pair.value), ItemMetadata(expiry: time))
      }
    case .setBit(let key, let offset, let bit):
      let old = liveToChange(key, database, now)
      guard case .string(var content) = old?.content ?? .string([]) else { return shown(key, database) }
      let mask = UInt8(0x80) >> UInt8(offset % 8)
      if offset / 8 < content.count && (content[offset / 8] & mask != 0) == bit {
        return shown(key, database)
      }
      version += 1
      content += [UInt8](repeating: 0, count: max(0, offset / 8 + 1 - content.count))
      content[offset / 8] = bit ? content[offset / 8] | mask : content[offset / 8] & ~mask
      put(key, database, .string(content), valueChanged(old))
    case .setBytes(let key, let changes):
      let old = liveToChange(key, database, now)
      guard case .string(let before) = old?.content ?? .string([]) else { return shown(key, database) }
      var after = before
      for change in changes {
        after += [UInt8](repeating: 0, count: max(0, change.offset + 1 - after.count))
        after[change.offset] = change.byte
      }
      let changed = Set(changes.map(\.offset)).filter { $0 >= before.count || before[$0] != after[$0] }
      if changed.isEmpty { return shown(key, database) }
      // A record for each piece without a gap.
      version += UInt64(changed.count { !changed.contains($0 - 1) })
      put(key, database, .string(after), valueChanged(old))
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
    case .setFields(let key, let pairs):
      guard var fields = fieldsToChange(key, database, pairs.map(\.field), now) else {
        return shown(key, database)
      }
      for pair in pairs { fields[pair.field] = StoredField(pair.value) }
      putFields(key, database, fields)
    case .setExpiringFields(let key, let pairs, let expiry):
      guard var fields = fieldsToChange(key, database, pairs.map(\.field), now) else {
        return shown(key, database)
      }
      for pair in pairs {
        fields[pair.field] = StoredField(pair.value, expiry: expiry ?? fields[pair.field]?.expiry ?? 0)
      }
      putFields(key, database, fields)
    case .incrementField(let key, let field, let amount):
      guard var fields = fieldsToChange(key, database, [field], now) else { return shown(key, database) }
      let old = fields[field] ?? StoredField(bytes("0"))
      guard let number = Int(String(decoding: old.value, as: UTF8.self)), bytes("\(number)") == old.value
      else { return shown(key, database) }
      fields[field] = StoredField(bytes("\(number + amount)"), expiry: old.expiry)
      putFields(key, database, fields)
    case .removeFields(let key, let named):
      guard var fields = fieldsToChange(key, database, named, now),
        named.contains(where: { fields[$0] != nil })
      else { return shown(key, database) }
      for field in named { fields[field] = nil }
      putFields(key, database, fields)
    case .expireFields(let key, let named, let time):
      guard var fields = fieldsToChange(key, database, named, now),
        named.contains(where: { fields[$0] != nil })
      else { return shown(key, database) }
      for field in named { fields[field]?.expiry = time }
      putFields(key, database, fields)
    case .persistFields(let key, let named):
      guard var fields = fieldsToChange(key, database, named, now),
        named.contains(where: { fields[$0].map { $0.expiry != 0 } == true })
      else { return shown(key, database) }
      for field in named { fields[field]?.expiry = 0 }
      putFields(key, database, fields)
    case .setScores(let key, let pairs):
      let old = liveToChange(key, database, now)
      guard case .sortedSet(var scores) = old?.content ?? .sortedSet([:]),
        pairs.contains(where: { scores[$0.member] != $0.score })
      else { return shown(key, database) }
      for pair in pairs { scores[pair.member] = pair.score }
      putScores(key, database, scores)
    case .incrementScore(let key, let member, let amount):
      let old = liveToChange(key, database, now)
      guard case .sortedSet(var scores) = old?.content ?? .sortedSet([:]),
        scores[member] != (scores[member] ?? 0) + amount
      else { return shown(key, database) }
      scores[member] = (scores[member] ?? 0) + amount
      putScores(key, database, scores)
    case .removeScores(let key, let members):
      guard let old = liveToChange(key, database, now), case .sortedSet(var scores) = old.content,
        members.contains(where: { scores[$0] != nil })
      else { return shown(key, database) }
      for member in members { scores[member] = nil }
      putScores(key, database, scores)
    case .removeRanks(let key, let first, let last):
      guard let old = liveToChange(key, database, now), case .sortedSet(let scores) = old.content,
        first <= last, first < scores.count
      else { return shown(key, database) }
      removeScores(key, database, scores, first..<min(last + 1, scores.count))
    case .popScores(let key, let count, let highest):
      guard let old = liveToChange(key, database, now), case .sortedSet(let scores) = old.content, count > 0
      else { return shown(key, database) }
      let some = min(count, scores.count)
      removeScores(key, database, scores, highest ? scores.count - some..<scores.count : 0..<some)
    case .storeScoredUnion(let target, let keys): return storeScoredUnion(target, database, keys, now)
    case .push(let key, let elements, let end):
      guard let before = elementsToChange(key, database, now) else { return shown(key, database) }
      putElements(key, database, end == .head ? elements.reversed() + before : before + elements)
    case .pop(let key, let count, let end):
      guard let before = elementsToChange(key, database, now), !before.isEmpty, count > 0 else {
        return shown(key, database)
      }
      let left = max(0, before.count - count)
      putElements(key, database, Array(end == .head ? before.suffix(left) : before.prefix(left)))
    case .setElement(let key, let index, let value):
      guard var elements = elementsToChange(key, database, now) else { return shown(key, database) }
      let place = index < 0 ? index + elements.count : index
      guard elements.indices.contains(place) else { return shown(key, database) }
      elements[place] = value
      putElements(key, database, elements)
    case .insertElement(let key, let isAfter, let pivot, let value):
      guard var elements = elementsToChange(key, database, now), let index = elements.firstIndex(of: pivot)
      else {
        return shown(key, database)
      }
      elements.insert(value, at: isAfter ? index + 1 : index)
      putElements(key, database, elements)
    case .removeElements(let key, let count, let value):
      guard let elements = elementsToChange(key, database, now) else { return shown(key, database) }
      var left = count == 0 ? Int.max : abs(count)
      var kept: [[UInt8]] = []
      for element in count < 0 ? elements.reversed() : elements {
        if element == value && left > 0 { left -= 1 } else { kept.append(element) }
      }
      guard kept.count < elements.count else { return shown(key, database) }
      putElements(key, database, count < 0 ? kept.reversed() : kept)
    case .trim(let key, let start, let stop):
      guard let elements = elementsToChange(key, database, now), !elements.isEmpty else {
        return shown(key, database)
      }
      let first = max(0, start < 0 ? start + elements.count : start)
      let last = min(elements.count - 1, stop < 0 ? stop + elements.count : stop)
      let kept = first <= last ? Array(elements[first...last]) : []
      guard kept.count < elements.count else { return shown(key, database) }
      putElements(key, database, kept)
    case .moveElement(let key, let newKey, let from, let to):
      guard let elements = elementsToChange(key, database, now), !elements.isEmpty,
        let others = elementsToChange(newKey, database, now)
      else { return max(shown(key, database), isList(key, database, now) ? shown(newKey, database) : 0) }
      let element = from == .head ? elements[0] : elements[elements.count - 1]
      putElements(newKey, database, to == .head ? [element] + others : others + [element])
      var rest = elementsToChange(key, database, now) ?? []
      if from == .head { rest.removeFirst() } else { rest.removeLast() }
      putElements(key, database, rest)
    case .followed, .restored: preconditionFailure("what such a command does is taken over by `follow`")
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

  /// Into how many records the members of a set are divided that is stored: each is closed when it has 4 KiB.
  private func records(of members: Set<[UInt8]>) -> UInt64 {
    let bytes = members.reduce(0) { $0 + $1.count + 1 }
    let longest = members.map(\.count).max() ?? 0
    let most = bytes / 4096 + 1
    let least = (bytes + 4096 + longest) / (4097 + longest)
    let found = Int(clamping: lastVersion &- version)
    return UInt64(found >= least && found <= most ? found : most)
  }

  /// What a string carries on after its value has changed: no CAS token from before, and no mark.
  private func valueChanged(_ old: StoredItem?) -> ItemMetadata {
    var metadata = old?.metadata ?? ItemMetadata()
    metadata.cas = 0
    metadata.isStale = false
    return metadata
  }

  private mutating func empty(_ database: Int) {
    databases[database] = [:]
    absences[database] = [:]
    emptied[database] = version
  }
}

extension StoredField {
  fileprivate func hasExpired(_ now: Int64) -> Bool { expiry != 0 && expiry <= now }
}

extension StoredItem {
  /// Another expiry is no other value: a string keeps the CAS token it has, which is its version if none was chosen.
  fileprivate mutating func keepCAS() {
    if case .string = content, metadata.cas == 0 { metadata.cas = version }
  }
}

extension ListEnd {
  var word: [UInt8] { bytes(self == .head ? "LEFT" : "RIGHT") }
}
