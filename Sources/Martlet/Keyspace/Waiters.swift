// Clients that wait for data at a key. They stand in line in the key's shard, in the order in which they came, whatever lane
// they are of. Who makes the data serves them, under the locks that it holds anyway: it claims the first of them, takes what
// it waits for out of the keyspace, leaves that in its `Waiter`, and has its lane call its session again, which replies.
//
// A client may wait at several keys, in several shards. It is claimed once, by one compare-and-exchange: by a writer, by its
// own session when its time is over or it is gone, or by `CLIENT UNBLOCK`. Whoever loses leaves it alone.

internal import Synchronization

/// What a client waits for.
enum Wish {
  /// Elements from an end of a list: one, or with a count up to so many.
  case elements(ListEnd, count: Int?)
  /// An element from an end of a list, to be moved to an end of another.
  case move(from: ListEnd, to: ListEnd, destination: [UInt8])
  /// Members from an end of a sorted set: one, or with a count up to so many.
  case members(SortedSetEnd, count: Int?)

  /// The type of the value that has it.
  var kind: ItemKind {
    switch self {
    case .elements, .move: .list
    case .members: .sortedSet
    }
  }
}

/// What a client that waited got.
enum Granted {
  case nothing
  /// Elements of the list at one of its keys, by the place among them.
  case elements([[UInt8]], key: Int)
  /// Members of the sorted set at one of its keys, with their scores.
  case members([(key: [UInt8], score: Double)], key: Int)
  /// What there was can't be moved: the destination has another type.
  case wrongType
}

/// One client that waits.
final class Waiter: @unchecked Sendable {
  /// Why the wait is over; or that it isn't.
  enum State: UInt8 {
    case waiting
    /// Somebody has what it waits for.
    case granted
    /// Its time is over, or the client is gone.
    case ended
    /// `CLIENT UNBLOCK` has it go on as if its time were over, or with an error.
    case unblocked, unblockedWithError
  }

  let client: Int
  let database: Int
  let keys: [[UInt8]]
  let wish: Wish
  /// Has the session called again, on the client's lane.
  private let onEnd: @Sendable () -> Void
  private let stateBox = Atomic<UInt8>(State.waiting.rawValue)
  // Written by who has granted it, under the lock of the shard of one of its keys; read under those of all of them.
  private(set) var granted = Granted.nothing
  /// The version that the reply shows.
  private(set) var version: UInt64 = 0

  /// - Parameter onEnd: has the session called again, from any thread, with shards locked.
  init(
    client: Int, database: Int, keys: [[UInt8]], _ wish: Wish, onEnd: @escaping @Sendable () -> Void
  ) {
    self.client = client
    self.database = database
    self.keys = keys
    self.wish = wish
    self.onEnd = onEnd
  }

  var state: State { State(rawValue: stateBox.load(ordering: .acquiring)) ?? .ended }

  /// Ends the wait for a reason; false when it has ended already.
  func claim(_ state: State) -> Bool {
    stateBox.compareExchange(
      expected: State.waiting.rawValue, desired: state.rawValue, ordering: .acquiringAndReleasing
    ).exchanged
  }

  /// Says what it gets. For who has claimed it to grant it.
  func grant(_ granted: Granted, version: UInt64) {
    self.granted = granted
    self.version = version
  }

  /// Has its session called.
  func wake() { onEnd() }

  /// The place of a key among those that it waits at; nil when it isn't one of them.
  func index(of key: RawSpan) -> Int? { keys.firstIndex { $0.span.raw.equals(key) } }
}

/// Those that wait at the keys of one shard.
struct WaitingClients {
  /// A key is known by its hash. Where two have all 64 bits in common, they share a line; each waiter knows its keys.
  private struct Place: Hashable {
    let hash: UInt64
    let database: Int
  }

  /// In the order in which they came. Those whose wait is over stay until they are as many as the others.
  private struct Line {
    var waiters: [Waiter?] = []
    /// Where the first of them is.
    var first = 0
    /// How many of them may be over.
    var over = 0

    /// Takes those out whose wait is over; whether nobody is left.
    mutating func removeOver(ended: Int) -> Bool {
      over += ended
      while first < waiters.count, waiters[first]?.state != .waiting {
        waiters[first] = nil
        first += 1
        over = max(0, over - 1)
      }
      let count = waiters.count - first
      if count > 0 && (over >= max(1, count / 2) || first > count) {
        waiters = waiters[first...].filter { $0?.state == .waiting }
        first = 0
        over = 0
      }
      return waiters.count == first
    }
  }

  private var lines: [Place: Line] = [:]
  private(set) var isEmpty = true

  mutating func append(_ waiter: Waiter, _ hash: UInt64) {
    let place = Place(hash: hash, database: waiter.database)
    // A key that a client names twice.
    if let last = lines[place]?.waiters.last, last === waiter { return }
    lines[place, default: Line()].waiters.append(waiter)
    isEmpty = false
  }

  /// Whether somebody may wait at a key.
  func contains(_ hash: UInt64, _ database: Int) -> Bool {
    !isEmpty && lines[Place(hash: hash, database: database)] != nil
  }

  /// Calls `body` with those who wait at a key, in the order in which they came, until it returns false.
  func forEach(_ hash: UInt64, _ database: Int, _ body: (Waiter) -> Bool) {
    guard let line = lines[Place(hash: hash, database: database)] else { return }
    for index in line.first..<line.waiters.count {
      guard let waiter = line.waiters[index], waiter.state == .waiting else { continue }
      if !body(waiter) { return }
    }
  }

  /// Calls `body` with all who wait in a database.
  func forEach(_ database: Int, _ body: (Waiter) -> Void) {
    for (place, line) in lines where place.database == database {
      for case let waiter? in line.waiters where waiter.state == .waiting { body(waiter) }
    }
  }

  /// Takes those out of a line whose wait is over: at its head all of them, behind that once they are many.
  ///
  /// - Parameter ended: how many more of them there may be than before.
  mutating func removeOver(_ hash: UInt64, _ database: Int, ended: Int) {
    let place = Place(hash: hash, database: database)
    guard let index = lines.index(forKey: place) else { return }
    if lines.values[index].removeOver(ended: ended) {
      lines.remove(at: index)
      isEmpty = lines.isEmpty
    }
  }
}
