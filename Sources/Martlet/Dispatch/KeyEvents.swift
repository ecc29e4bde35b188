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

/// Something that happens to a key. It is one byte, since every change is given one, whether anybody wants it or not.
enum KeyEvent: UInt8 {
  // Of any key.
  case copyTo
  case delete
  case evicted
  case expire
  case expired
  case missed
  case moveFrom
  case moveTo
  case new
  case persist
  case renameFrom
  case renameTo
  case restore
  /// A change that Redis has no event for. Those who track the key hear of it, and that it is new is told.
  case untold
  // Of strings.
  case append
  case count
  case increment
  case incrementByFraction
  case prepend
  case set
  case setBit
  case setExpiring
  case setRange
  /// A string that memcached's clients call out of date; Redis has nothing like it.
  case stale
  // Of lists.
  case insertElement
  case popHead
  case popTail
  case pushHead
  case pushTail
  case removeElements
  case setElement
  case sortStore
  case trim
  // Of sorted sets.
  case addScores
  case incrementScore
  case popHighest
  case popLowest
  case removeKeys
  case removeRanks
  case removeScored
  case removeScores
  case storeArea
  case storeAreaOfRadius
  case storeRange
  case storeScoredDifference
  case storeScoredIntersection
  case storeScoredUnion
  // Of hashes and sets.
  case addMembers
  case deleteFields
  case expireFields
  case fieldsExpired
  case incrementField
  case incrementFieldByFraction
  case persistFields
  case popMembers
  case removeMembers
  case setFields
  case setFieldsExpiring
  case storeDifference
  case storeIntersection
  case storeUnion

  static func pop(from end: ListEnd) -> KeyEvent { end == .head ? .popHead : .popTail }

  static func push(at end: ListEnd) -> KeyEvent { end == .head ? .pushHead : .pushTail }

  static func pop(_ end: SortedSetEnd) -> KeyEvent { end == .lowest ? .popLowest : .popHighest }

  static func remove(_ kind: RangeKind) -> KeyEvent {
    switch kind {
    case .rank: .removeRanks
    case .score: .removeScores
    case .key: .removeKeys
    }
  }

  static func store(_ operation: SortedSetOperation) -> KeyEvent {
    switch operation {
    case .union: .storeScoredUnion
    case .intersection: .storeScoredIntersection
    case .difference: .storeScoredDifference
    }
  }

  static func store(_ operation: SetOperation) -> KeyEvent {
    switch operation {
    case .union: .storeUnion
    case .intersection: .storeIntersection
    case .difference: .storeDifference
    }
  }

  /// What happens with it at the same time, if anything.
  var second: KeyEvent? {
    switch self {
    case .setExpiring: .expire
    case .setFieldsExpiring: .expireFields
    default: nil
    }
  }

  /// Its class, and its name as it is told.
  var told: (kind: KeyEventClasses, name: StaticString) {
    switch self {
    case .copyTo: (.generic, "copy_to")
    case .delete: (.generic, "del")
    case .evicted: (.evicted, "evicted")
    case .expire: (.generic, "expire")
    case .expired: (.expired, "expired")
    case .missed: (.missed, "keymiss")
    case .moveFrom: (.generic, "move_from")
    case .moveTo: (.generic, "move_to")
    case .new: (.new, "new")
    case .persist: (.generic, "persist")
    case .renameFrom: (.generic, "rename_from")
    case .renameTo: (.generic, "rename_to")
    case .restore: (.generic, "restore")
    case .untold: ([], "")
    case .append: (.string, "append")
    case .count: (.string, "pfadd")
    case .increment: (.string, "incrby")
    case .incrementByFraction: (.string, "incrbyfloat")
    case .prepend: (.string, "prepend")
    case .set: (.string, "set")
    case .setBit: (.string, "setbit")
    case .setExpiring: (.string, "set")
    case .setRange: (.string, "setrange")
    case .stale: (.string, "stale")
    case .insertElement: (.list, "linsert")
    case .popHead: (.list, "lpop")
    case .popTail: (.list, "rpop")
    case .pushHead: (.list, "lpush")
    case .pushTail: (.list, "rpush")
    case .removeElements: (.list, "lrem")
    case .setElement: (.list, "lset")
    case .sortStore: (.list, "sortstore")
    case .trim: (.list, "ltrim")
    case .addScores: (.sortedSet, "zadd")
    case .incrementScore: (.sortedSet, "zincr")
    case .popHighest: (.sortedSet, "zpopmax")
    case .popLowest: (.sortedSet, "zpopmin")
    case .removeKeys: (.sortedSet, "zremrangebylex")
    case .removeRanks: (.sortedSet, "zremrangebyrank")
    case .removeScored: (.sortedSet, "zrem")
    case .removeScores: (.sortedSet, "zremrangebyscore")
    case .storeArea: (.sortedSet, "geosearchstore")
    case .storeAreaOfRadius: (.sortedSet, "georadiusstore")
    case .storeRange: (.sortedSet, "zrangestore")
    case .storeScoredDifference: (.sortedSet, "zdiffstore")
    case .storeScoredIntersection: (.sortedSet, "zinterstore")
    case .storeScoredUnion: (.sortedSet, "zunionstore")
    case .addMembers: (.set, "sadd")
    case .deleteFields: (.hash, "hdel")
    case .expireFields: (.hash, "hexpire")
    case .fieldsExpired: (.hash, "hexpired")
    case .incrementField: (.hash, "hincrby")
    case .incrementFieldByFraction: (.hash, "hincrbyfloat")
    case .persistFields: (.hash, "hpersist")
    case .popMembers: (.set, "spop")
    case .removeMembers: (.set, "srem")
    case .setFields: (.hash, "hset")
    case .setFieldsExpiring: (.hash, "hset")
    case .storeDifference: (.set, "sdiffstore")
    case .storeIntersection: (.set, "sinterstore")
    case .storeUnion: (.set, "sunionstore")
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
    if context.attention.contains(.tracking) && event != .new {
      context.tracking.change(key, by: ownClient, until: version)
    }
    let wanted = context.eventClasses
    guard !wanted.isDisjoint(with: [.toKey, .toEvent]) else { return }
    var makes = isNew ?? false
    if isNew == nil {
      let old = keyspace[key.shard].shard.find(key.bytes, key.hash, database)
      // What is overwritten after its time goes as one that has expired.
      let hasExpired = old.map { $0.mayHaveExpired && $0.hasExpired(clock.now()) } ?? false
      if hasExpired && event != .expired && event != .evicted {
        publish(.expired, key.bytes, database, wanted, version)
        makes = true
      } else {
        makes = old == nil
      }
    }
    if makes { publish(.new, key.bytes, database, wanted, version) }
    publish(event, key.bytes, database, wanted, version)
    if let second = event.second { publish(second, key.bytes, database, wanted, version) }
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
    let told = event.told
    guard !told.kind.isEmpty && wanted.contains(told.kind) else { return }
    var name = ByteQueue()
    name.append(told.name)
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
      channel.append(told.name)
      _ = context.channels.publish(channel.bytes, key, until: version)
    }
  }
}
