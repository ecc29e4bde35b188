// What `WATCH` needs of a shard: to tell whether a key has changed since a client began to watch it.
//
// An item tells by its version: every change raises it, and one that was deleted and made anew has a later one. An
// absent key has no version, and when it was made and deleted meanwhile it is absent once more. So absent keys that are
// watched are counted in their shard, and there alone each deletion leaves the version of what it deleted. While nobody
// watches an absent key, a deletion pays for one look at a flag, and other changes for nothing at all. A `SWAPDB`, which
// brings items with the versions that they had, leaves its own version where it makes or takes one.

/// What a key was when a client began to watch it.
struct Watch {
  /// The version of the item; if there was none, the last version of the shard.
  fileprivate let version: UInt64
  /// There was no item, or one that had expired.
  fileprivate let wasAbsent: Bool
}

/// The keys of one shard that were absent when clients began to watch them.
struct WatchedAbsences {
  /// A key is known by its hash. Two keys that had all 64 bits in common would be taken for one: a change of the one would
  /// then have a client of the other try again.
  private struct Place: Hashable {
    let hash: UInt64
    let database: Int
  }

  private struct Absence {
    let key: [UInt8]
    var watchers = 0
    /// The highest version that a deleted item had.
    var deleted: UInt64 = 0

    init(_ key: RawSpan) { self.key = key.array }
  }

  private var absences: [Place: Absence] = [:]
  private(set) var isEmpty = true

  /// How many there are.
  var count: Int { absences.count }

  fileprivate mutating func begin(_ key: borrowing Key, _ database: Int) {
    let place = Place(hash: key.hash, database: database)
    var absence = absences[place] ?? Absence(key.bytes)
    absence.watchers += 1
    absences[place] = absence
    isEmpty = false
  }

  fileprivate mutating func end(_ hash: UInt64, _ database: Int) {
    let place = Place(hash: hash, database: database)
    guard var absence = absences[place] else { return }
    absence.watchers -= 1
    absences[place] = absence.watchers > 0 ? absence : nil
    isEmpty = absences.isEmpty
  }

  fileprivate func deletedVersion(_ hash: UInt64, _ database: Int) -> UInt64 {
    absences[Place(hash: hash, database: database)]?.deleted ?? 0
  }

  /// Notes that an item of this version is deleted.
  @inline(never)
  mutating func noteDeletion(_ hash: UInt64, _ database: Int, _ version: UInt64) {
    let place = Place(hash: hash, database: database)
    guard var absence = absences[place] else { return }
    absence.deleted = max(absence.deleted, version)
    absences[place] = absence
  }

  /// Notes that two databases are about to change places.
  ///
  /// - Parameter isThere: whether there is an item at a key of a database.
  mutating func noteSwap(
    _ first: Int, _ second: Int, _ version: UInt64, _ isThere: ([UInt8], UInt64, Int) -> Bool
  ) {
    for (place, absence) in absences where place.database == first || place.database == second {
      if isThere(absence.key, place.hash, first) || isThere(absence.key, place.hash, second) {
        absences[place]?.deleted = version
      }
    }
  }
}

extension Shard {
  /// Begins to watch a key; `endWatch` has to follow.
  ///
  /// - Parameter now: the time in milliseconds since 1970; what has expired by then counts as absent.
  mutating func beginWatch(_ key: borrowing Key, _ database: Int, now: Int64) -> Watch {
    let item = find(key.bytes, key.hash, database)
    if let item, !(item.mayHaveExpired && item.hasExpired(now)) {
      return Watch(version: item.version, wasAbsent: false)
    }
    watchedAbsences.begin(key, database)
    return Watch(version: lastVersion, wasAbsent: true)
  }

  /// Whether a key has been made, changed or deleted, or has expired, since it is watched.
  func hasChanged(_ key: borrowing Key, _ database: Int, since watch: Watch, now: Int64) -> Bool {
    let item = find(key.bytes, key.hash, database)
    guard watch.wasAbsent else {
      guard let item, item.version == watch.version else { return true }
      return item.mayHaveExpired && item.hasExpired(now)
    }
    // What is there may be what had expired then.
    if let item, item.version > watch.version { return true }
    return watchedAbsences.deletedVersion(key.hash, database) > watch.version
  }

  mutating func endWatch(_ hash: UInt64, _ database: Int, _ watch: Watch) {
    if watch.wasAbsent { watchedAbsences.end(hash, database) }
  }
}
