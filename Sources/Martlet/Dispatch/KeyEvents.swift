// What happens to keys, told to those who listen to it: Redis's keyspace notifications
// (https://redis.io/docs/latest/develop/pubsub/keyspace-notifications/), and what clients that keep values themselves have
// to hear. Each change of `Execution` notes its event when it has its version and before it is made, under the lock of its
// shard; the event waits until that version is durable. A change pays for one look at a word when nobody wants events.
//
// A new kind of change calls `note` between its record and the change itself, and where it may have taken the last member
// of a collection `noteIfEmptied` behind it.

/// Classes of events, as `notify-keyspace-events` names them.
package struct KeyEventClasses: OptionSet, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// By the key: to the channel `__keyspace@<database>__:<key>`.
  static let toKey = KeyEventClasses(rawValue: 1 << 0)
  /// By the event: to the channel `__keyevent@<database>__:<event>`.
  static let toEvent = KeyEventClasses(rawValue: 1 << 1)
  static let generic = KeyEventClasses(rawValue: 1 << 2)
  static let string = KeyEventClasses(rawValue: 1 << 3)
  static let list = KeyEventClasses(rawValue: 1 << 4)
  static let set = KeyEventClasses(rawValue: 1 << 5)
  static let hash = KeyEventClasses(rawValue: 1 << 6)
  static let sortedSet = KeyEventClasses(rawValue: 1 << 7)
  static let expired = KeyEventClasses(rawValue: 1 << 8)
  static let evicted = KeyEventClasses(rawValue: 1 << 9)
  static let stream = KeyEventClasses(rawValue: 1 << 10)
  /// A key that was asked for and isn't there; no part of `all`.
  static let missed = KeyEventClasses(rawValue: 1 << 11)
  static let module = KeyEventClasses(rawValue: 1 << 12)
  /// A key that wasn't there before; no part of `all`.
  static let new = KeyEventClasses(rawValue: 1 << 13)

  static let all: KeyEventClasses = [
    .generic, .string, .list, .set, .hash, .sortedSet, .expired, .evicted, .stream, .module,
  ]

  /// The letters in the order in which Redis shows them.
  private static let letters: [(letter: Character, kind: KeyEventClasses)] = [
    ("g", .generic), ("$", .string), ("l", .list), ("s", .set), ("h", .hash), ("z", .sortedSet),
    ("x", .expired), ("e", .evicted), ("t", .stream), ("d", .module), ("n", .new), ("K", .toKey),
    ("E", .toEvent), ("m", .missed),
  ]

  /// What letters say; nil for one that says nothing.
  package init?(letters: String) {
    self = []
    for letter in letters {
      if letter == "A" {
        formUnion(.all)
      } else if let kind = Self.letters.first(where: { $0.letter == letter })?.kind {
        formUnion(kind)
      } else {
        return nil
      }
    }
  }

  /// As letters: like Redis without an `n` behind an `A`.
  package var text: String {
    let hasAll = isSuperset(of: .all)
    let hidden: KeyEventClasses = hasAll ? Self.all.union(.new) : []
    let named = Self.letters.filter { contains($0.kind) && !hidden.contains($0.kind) }
    return (hasAll ? "A" : "") + String(named.map(\.letter))
  }

  /// The error of Redis for other letters.
  package static let problem = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."
}

/// Something that happens to a key: its class and its name.
struct KeyEvent {
  let kind: KeyEventClasses
  let name: StaticString
  /// What happens with it at the same time, if anything.
  private(set) var second: (kind: KeyEventClasses, name: StaticString)?

  init(_ kind: KeyEventClasses, _ name: StaticString) {
    self.kind = kind
    self.name = name
  }

  private init(
    _ kind: KeyEventClasses, _ name: StaticString, _ secondKind: KeyEventClasses, _ secondName: StaticString
  ) {
    self.init(kind, name)
    second = (secondKind, secondName)
  }

  // Of any key.
  static var copyTo: KeyEvent { KeyEvent(.generic, "copy_to") }
  static var delete: KeyEvent { KeyEvent(.generic, "del") }
  static var evicted: KeyEvent { KeyEvent(.evicted, "evicted") }
  static var expire: KeyEvent { KeyEvent(.generic, "expire") }
  static var expired: KeyEvent { KeyEvent(.expired, "expired") }
  static var missed: KeyEvent { KeyEvent(.missed, "keymiss") }
  static var moveFrom: KeyEvent { KeyEvent(.generic, "move_from") }
  static var moveTo: KeyEvent { KeyEvent(.generic, "move_to") }
  static var new: KeyEvent { KeyEvent(.new, "new") }
  static var restore: KeyEvent { KeyEvent(.generic, "restore") }
  static var persist: KeyEvent { KeyEvent(.generic, "persist") }
  static var renameFrom: KeyEvent { KeyEvent(.generic, "rename_from") }
  static var renameTo: KeyEvent { KeyEvent(.generic, "rename_to") }
  /// A change that Redis has no event for. Those who track the key hear of it, and that it is new is told.
  static var untold: KeyEvent { KeyEvent([], "") }
  // Of strings.
  static var append: KeyEvent { KeyEvent(.string, "append") }
  static var count: KeyEvent { KeyEvent(.string, "pfadd") }
  static var increment: KeyEvent { KeyEvent(.string, "incrby") }
  static var incrementByFraction: KeyEvent { KeyEvent(.string, "incrbyfloat") }
  static var prepend: KeyEvent { KeyEvent(.string, "prepend") }
  static var set: KeyEvent { KeyEvent(.string, "set") }
  static var setExpiring: KeyEvent { KeyEvent(.string, "set", .generic, "expire") }
  static var setBit: KeyEvent { KeyEvent(.string, "setbit") }
  static var setRange: KeyEvent { KeyEvent(.string, "setrange") }
  /// A string that memcached's clients call out of date; Redis has nothing like it.
  static var sortStore: KeyEvent { KeyEvent(.list, "sortstore") }
  static var stale: KeyEvent { KeyEvent(.string, "stale") }
  // Of lists.
  static var insertElement: KeyEvent { KeyEvent(.list, "linsert") }
  static var removeElements: KeyEvent { KeyEvent(.list, "lrem") }
  static var setElement: KeyEvent { KeyEvent(.list, "lset") }
  static var trim: KeyEvent { KeyEvent(.list, "ltrim") }

  static func pop(from end: ListEnd) -> KeyEvent { KeyEvent(.list, end == .head ? "lpop" : "rpop") }

  static func push(at end: ListEnd) -> KeyEvent { KeyEvent(.list, end == .head ? "lpush" : "rpush") }

  // Of sorted sets.
  static var addScores: KeyEvent { KeyEvent(.sortedSet, "zadd") }
  static var incrementScore: KeyEvent { KeyEvent(.sortedSet, "zincr") }
  static var removeScored: KeyEvent { KeyEvent(.sortedSet, "zrem") }
  static var storeArea: KeyEvent { KeyEvent(.sortedSet, "geosearchstore") }
  static var storeAreaOfRadius: KeyEvent { KeyEvent(.sortedSet, "georadiusstore") }
  static var storeRange: KeyEvent { KeyEvent(.sortedSet, "zrangestore") }

  static func pop(_ end: SortedSetEnd) -> KeyEvent {
    KeyEvent(.sortedSet, end == .lowest ? "zpopmin" : "zpopmax")
  }

  static func remove(_ kind: RangeKind) -> KeyEvent {
    switch kind {
    case .rank: KeyEvent(.sortedSet, "zremrangebyrank")
    case .score: KeyEvent(.sortedSet, "zremrangebyscore")
    case .key: KeyEvent(.sortedSet, "zremrangebylex")
    }
  }

  static func store(_ operation: SortedSetOperation) -> KeyEvent {
    switch operation {
    case .union: KeyEvent(.sortedSet, "zunionstore")
    case .intersection: KeyEvent(.sortedSet, "zinterstore")
    case .difference: KeyEvent(.sortedSet, "zdiffstore")
    }
  }

  // Of hashes and sets.
  static var deleteFields: KeyEvent { KeyEvent(.hash, "hdel") }
  static var expireFields: KeyEvent { KeyEvent(.hash, "hexpire") }
  static var fieldsExpired: KeyEvent { KeyEvent(.hash, "hexpired") }
  static var incrementField: KeyEvent { KeyEvent(.hash, "hincrby") }
  static var incrementFieldByFraction: KeyEvent { KeyEvent(.hash, "hincrbyfloat") }
  static var persistFields: KeyEvent { KeyEvent(.hash, "hpersist") }
  static var setFields: KeyEvent { KeyEvent(.hash, "hset") }
  static var setFieldsExpiring: KeyEvent { KeyEvent(.hash, "hset", .hash, "hexpire") }
  static var addMembers: KeyEvent { KeyEvent(.set, "sadd") }
  static var popMembers: KeyEvent { KeyEvent(.set, "spop") }
  static var removeMembers: KeyEvent { KeyEvent(.set, "srem") }

  static func store(_ operation: SetOperation) -> KeyEvent {
    switch operation {
    case .union: KeyEvent(.set, "sunionstore")
    case .intersection: KeyEvent(.set, "sinterstore")
    case .difference: KeyEvent(.set, "sdiffstore")
    }
  }
}

extension CommandEntry {
  /// The positions of the keys that it asks for as one who reads: those of others are looked for to be changed.
  fileprivate func readPositions(_ words: borrowing Words) -> [Int] {
    switch id {
    case .getdel, .getex, .getset, .hgetex, .pfmerge: return Array(keyPositions(words))
    default:
      if flags.contains(.readOnly) { return Array(keyPositions(words)) }
      return CommandDeclaration.keySpecifications[index].filter { $0.flags.starts(with: ["RO", "access"]) }
        .flatMap { $0.positions(words) }
    }
  }
}

extension Execution {
  /// Notes what is about to happen to a key. To be called when the change has its version and isn't made yet; a command that
  /// Redis tells of although it changes nothing calls it without a change.
  ///
  /// - Parameters:
  ///   - event: nil for a part of a change that has been told.
  ///   - isNew: whether the key isn't there yet; nil if that is to be looked up.
  @inline(__always)
  mutating func note(_ event: KeyEvent?, _ key: borrowing Key, _ database: Int, isNew: Bool? = nil) {
    if context.attention.isDisjoint(with: .changes) { return }
    if let event { tell(event, key, database, isNew: isNew) }
  }

  /// Notes that a collection has gone, if it has, because the last of its members was taken.
  @inline(__always)
  mutating func noteIfEmptied(_ key: borrowing Key, _ database: Int) {
    if context.attention.isDisjoint(with: .changes) { return }
    if keyspace[key.shard].shard.find(key.bytes, key.hash, database) == nil {
      publish(.delete, key.bytes, database, context.eventClasses, journal.mayShow(shown) ? 0 : shown)
    }
  }

  /// Notes that all keys, of one database or of all, are about to go.
  mutating func noteAll() {
    guard context.attention.contains(.tracking) else { return }
    context.tracking.changeAll(until: journal.mayShow(shown) ? 0 : shown)
  }

  /// - Parameter isNew: whether the key isn't there yet; nil if that is to be looked up.
  @inline(never)
  private mutating func tell(_ event: KeyEvent, _ key: borrowing Key, _ database: Int, isNew: Bool?) {
    let version = journal.mayShow(shown) ? 0 : shown
    if context.attention.contains(.tracking) && event.kind != .new {
      context.tracking.change(key, by: ownClient, until: version)
    }
    let wanted = context.eventClasses
    guard !wanted.isDisjoint(with: [.toKey, .toEvent]) else { return }
    var makes = isNew ?? false
    if isNew == nil {
      let old = keyspace[key.shard].shard.find(key.bytes, key.hash, database)
      // What is overwritten after its time goes as one that has expired.
      let hasExpired = old.map { $0.mayHaveExpired && $0.hasExpired(clock.now()) } ?? false
      if hasExpired && event.kind != .expired && event.kind != .evicted {
        publish(.expired, key.bytes, database, wanted, version)
        makes = true
      } else {
        makes = old == nil
      }
    }
    if makes { publish(.new, key.bytes, database, wanted, version) }
    publish(event, key.bytes, database, wanted, version)
    if let second = event.second {
      publish(KeyEvent(second.kind, second.name), key.bytes, database, wanted, version)
    }
  }

  /// Tells of keys that a command asks for as one who reads, and that aren't there. Its shards are locked.
  mutating func noteMisses(_ command: CommandEntry, _ words: borrowing Words, _ database: Int) {
    let wanted = context.eventClasses
    for index in command.readPositions(words) {
      let key = keyspace.place(words[index])
      let item = keyspace[key.shard].shard.find(key.bytes, key.hash, database)
      if let item, !(item.mayHaveExpired && item.hasExpired(clock.now())) { continue }
      let version = keyspace[key.shard].shard.deletionVersion(key.hash)
      publish(.missed, key.bytes, database, wanted, journal.mayShow(version) ? 0 : version)
    }
  }

  private func publish(
    _ event: KeyEvent, _ key: RawSpan, _ database: Int, _ wanted: KeyEventClasses, _ version: UInt64
  ) {
    guard !event.kind.isEmpty && wanted.contains(event.kind) else { return }
    var name = ByteQueue()
    name.append(event.name)
    var channel = ByteQueue()
    if wanted.contains(.toKey) {
      channel.append("__keyspace@")
      channel.append(decimal: database)
      channel.append("__:")
      channel.append(key)
      _ = context.channels.publish(channel.bytes, name.bytes, until: version)
      channel.removeAll()
    }
    if wanted.contains(.toEvent) {
      channel.append("__keyevent@")
      channel.append(decimal: database)
      channel.append("__:")
      channel.append(event.name)
      _ = context.channels.publish(channel.bytes, key, until: version)
    }
  }
}
