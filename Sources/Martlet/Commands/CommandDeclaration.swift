// What a command says of itself, once. The dispatcher, `COMMAND INFO`, `COMMAND DOCS`, the client's completion and
// hints, and the reference pages are all derived from these declarations; the code of a command is in the file of
// its group.

/// One command of the Redis protocol: its name, its shape, and what a person should know of it.
public struct CommandDeclaration: Sendable {
  /// Which family of the reference a command belongs to; the raw value is Redis's own name of the group.
  public enum Group: String, Sendable, CaseIterable {
    case bitmap, connection, generic, geo, hash, hyperloglog, list, pubsub, server, set, string, transactions
    case sortedSet = "sorted-set"
  }

  /// What a command does to the data and what it needs, as `COMMAND INFO` tells it.
  public struct Flags: OptionSet, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// It may change data, so it needs room in the journal.
    public static let write = Flags(rawValue: 1 << 0)
    /// It reads data and changes none.
    public static let readOnly = Flags(rawValue: 1 << 1)
    /// It takes constant or logarithmic time.
    public static let fast = Flags(rawValue: 1 << 2)
    /// It may need more memory, so it is refused when the memory limit is reached.
    public static let denyOOM = Flags(rawValue: 1 << 3)
    /// It is for operators.
    public static let admin = Flags(rawValue: 1 << 4)
    /// It works before a client has authenticated.
    public static let noAuth = Flags(rawValue: 1 << 5)
    /// Its arguments hold secrets, which no log may show.
    public static let sensitive = Flags(rawValue: 1 << 6)
    /// It reads or changes keys that its arguments don't name, so it holds every shard.
    public static let allShards = Flags(rawValue: 1 << 7)
    /// It goes through the shards, holding one at a time; in a transaction it finds them all held.
    public static let eachShard = Flags(rawValue: 1 << 8)
    /// It can't be part of a transaction.
    public static let noMulti = Flags(rawValue: 1 << 9)
    /// Where its keys are depends on its arguments.
    public static let movableKeys = Flags(rawValue: 1 << 10)
    /// It may have its client wait for data.
    public static let blocking = Flags(rawValue: 1 << 11)
    /// Patterns in its options may name keys, and then it holds every shard.
    public static let patternKeys = Flags(rawValue: 1 << 12)
  }

  /// Which of the arguments are keys: the positions `first`, `first + step`, … up to `last`, and as many more as one of
  /// the arguments says.
  public struct KeyPositions: Sendable, Equatable {
    /// The position of the first key, the command's name being 0; 0 when there are no keys.
    public var first: Int
    /// The position of the last key; negative counts from the end, −1 being the last argument.
    public var last: Int
    /// How far one key is from the next.
    public var step: Int
    /// The position of the argument that says how many keys follow it; 0 when there is none.
    public var count = 0
    /// How far one of those is from the next.
    public var countedStep = 1
    /// Whether an option may name a key in which the result is stored.
    public var isStored = false
    /// They are channels of a cluster's parts, which are no keys to a single server.
    public var areChannels = false

    public static let none = KeyPositions(first: 0, last: 0, step: 0)
    public static let one = KeyPositions(first: 1, last: 1, step: 1)
    /// A shard channel.
    public static let channel = KeyPositions(first: 1, last: 1, step: 1, areChannels: true)
    /// Shard channels.
    public static let channels = KeyPositions(first: 1, last: -1, step: 1, areChannels: true)
    public static let two = KeyPositions(first: 1, last: 2, step: 1)
    public static let all = KeyPositions(first: 1, last: -1, step: 1)
    public static let pairs = KeyPositions(first: 1, last: -1, step: 2)
    /// All but the last argument.
    public static let allButLast = KeyPositions(first: 1, last: -2, step: 1)

    /// The keys behind the argument that says how many there are.
    public static func counted(by position: Int) -> KeyPositions {
      KeyPositions(first: 0, last: 0, step: 0, count: position)
    }

    /// The first of each pair behind the argument that says how many there are.
    public static func countedPairs(by position: Int) -> KeyPositions {
      KeyPositions(first: 0, last: 0, step: 0, count: position, countedStep: 2)
    }

    /// The first argument, and the keys behind the second, which says how many there are.
    public static let destinationAndCounted = KeyPositions(first: 1, last: 1, step: 1, count: 2)

    /// The first argument, and the key behind an option `STORE` or `STOREDIST`.
    public static let oneAndStored = KeyPositions(first: 1, last: 1, step: 1, isStored: true)

    /// Whether a request must be looked at to know how many keys it has.
    public var areCounted: Bool { count != 0 }

    /// Whether a request must be looked at to know which of its words are keys.
    var areMovable: Bool { areCounted || isStored }
  }

  /// The command's name in capitals; a subcommand's holds a space (`CLIENT GETNAME`).
  public let name: String
  /// The number of words, its name among them; negative means "at least".
  public let arity: Int
  public let flags: Flags
  public let keys: KeyPositions
  public let group: Group
  /// One sentence: what it does.
  public let summary: String
  /// The arguments as a person reads them, for instance `key value [NX | XX] [EX seconds | PX milliseconds]`.
  /// Lower case words stand for values, capitals for themselves, `[…]` for what may be left out, `|` for a
  /// choice, and `...` for what may be repeated.
  public let syntax: String
  /// The cost, in O notation, with what N is.
  public let complexity: String
  /// The version of Redis that introduced it, or the one of Valkey, said to be that; ``own`` for what neither has.
  public let since: String

  /// What `since` says of a command that Redis doesn't have.
  package static let own = "Martlet 0.1.0"

  package init(
    _ name: String, arity: Int, _ flags: Flags, keys: KeyPositions = .none, _ group: Group, since: String,
    _ complexity: String, _ syntax: String, _ summary: String
  ) {
    self.name = name
    self.arity = arity
    self.flags = keys.areMovable || flags.contains(.patternKeys) ? flags.union(.movableKeys) : flags
    self.keys = keys
    self.group = group
    self.summary = summary
    self.syntax = syntax
    self.complexity = complexity
    self.since = since
  }
}
