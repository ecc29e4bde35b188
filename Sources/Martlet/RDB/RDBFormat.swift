// The numbers of Redis's RDB format, of which DUMP payloads are made, too: what kinds of values there are, and what else
// stands between them in a file. The facts are those of rdb.h in Redis 7.0 to 8 (https://github.com/redis/redis) and
// Valkey 9 (https://github.com/valkey-io/valkey).

/// Whose numbers: up to Redis 7.2 they are the same, and then each has gone its own way.
package enum RDBDialect {
  case redis, valkey
}

/// The versions of the format.
package enum RDBVersion {
  /// That of Redis 7.0, which everybody reads since.
  static let dumped = 10
  /// The first of Valkey's own, that of Valkey 9.0: fields of hashes expire.
  static let valkey = 80
  /// The newest one of Redis. What came with versions 13 to 16 are further types, none of which is read here.
  private static let newestOfRedis = 16
  private static let newestOfValkey = 81

  /// Whose version it is; nil for one that isn't known.
  package static func dialect(_ version: Int) -> RDBDialect? {
    if (1...newestOfRedis).contains(version) { return .redis }
    return (valkey...newestOfValkey).contains(version) ? .valkey : nil
  }
}

/// What kind of value follows, and how it is written.
package enum RDBType: Equatable {
  case string
  /// Elements one by one.
  case list
  case listOfZiplist
  /// Nodes that are ziplists each.
  case listOfZiplists
  /// Nodes that are a listpack or one element each.
  case listOfListpacks
  case set, setOfIntegers, setOfListpack
  /// Scores as text.
  case sortedSetOfTexts
  /// Scores as doubles.
  case sortedSet
  case sortedSetOfZiplist, sortedSetOfListpack
  case hash, hashOfZipmap, hashOfZiplist, hashOfListpack
  /// Each field with the time when it expires, as Valkey 9 writes it.
  case hashOfValkey
  /// Each field with how long it expires after the first one of all that does, as Redis 7.4 does. Those who tried it
  /// early wrote plain times.
  case hashWithExpiries(isEarly: Bool)
  /// A listpack of fields, values and times. Behind what came early stands the earliest time of all.
  case hashOfListpackWithExpiries(isEarly: Bool)
  /// - Parameter version: 1 to 3.
  case stream(version: Int)
  case module

  /// The type of a number; nil for one that isn't known.
  package init?(_ number: UInt8, _ dialect: RDBDialect) {
    switch number {
    case 0: self = .string
    case 1: self = .list
    case 2: self = .set
    case 3: self = .sortedSetOfTexts
    case 4: self = .hash
    case 5: self = .sortedSet
    case 7: self = .module
    case 9: self = .hashOfZipmap
    case 10: self = .listOfZiplist
    case 11: self = .setOfIntegers
    case 12: self = .sortedSetOfZiplist
    case 13: self = .hashOfZiplist
    case 14: self = .listOfZiplists
    case 15: self = .stream(version: 1)
    case 16: self = .hashOfListpack
    case 17: self = .sortedSetOfListpack
    case 18: self = .listOfListpacks
    case 19: self = .stream(version: 2)
    case 20: self = .setOfListpack
    case 21: self = .stream(version: 3)
    case 22 where dialect == .valkey: self = .hashOfValkey
    case 22: self = .hashWithExpiries(isEarly: true)
    case 23 where dialect == .redis: self = .hashOfListpackWithExpiries(isEarly: true)
    case 24 where dialect == .redis: self = .hashWithExpiries(isEarly: false)
    case 25 where dialect == .redis: self = .hashOfListpackWithExpiries(isEarly: false)
    default: return nil
    }
  }

  /// The type of the value that it makes; nil for what Martlet doesn't have.
  package var kind: ItemKind? {
    switch self {
    case .string: .string
    case .list, .listOfZiplist, .listOfZiplists, .listOfListpacks: .list
    case .set, .setOfIntegers, .setOfListpack: .set
    case .sortedSetOfTexts, .sortedSet, .sortedSetOfZiplist, .sortedSetOfListpack: .sortedSet
    case .hash, .hashOfZipmap, .hashOfZiplist, .hashOfListpack, .hashOfValkey, .hashWithExpiries,
      .hashOfListpackWithExpiries:
      .hash
    case .stream, .module: nil
    }
  }

  /// The numbers of the types that are written.
  enum Written {
    static let string: UInt8 = 0
    static let list: UInt8 = 1
    static let set: UInt8 = 2
    static let hash: UInt8 = 4
    static let sortedSet: UInt8 = 5
    static let hashOfValkey: UInt8 = 22
  }
}

/// What stands in a file where a type could.
enum RDBOpcode {
  /// What is known of the slots of a cluster: three numbers.
  static let slot: UInt8 = 244
  static let functions: UInt8 = 245
  static let moduleData: UInt8 = 247
  static let idle: UInt8 = 248
  static let frequency: UInt8 = 249
  /// A name and a text.
  static let fact: UInt8 = 250
  /// How many keys the database has, and how many of them expire.
  static let sizes: UInt8 = 251
  static let expiryInMilliseconds: UInt8 = 252
  static let expiryInSeconds: UInt8 = 253
  static let database: UInt8 = 254
  static let end: UInt8 = 255
}

/// Why bytes couldn't be read.
package enum RDBProblem: Error, Equatable {
  /// They end too early.
  case truncated
  case damaged(String)
  /// They are well, as far as can be told, and what they hold is known not to be read here.
  case unsupported(String)
  case disk(DiskError)
}
