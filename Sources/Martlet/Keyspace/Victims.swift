// Which item of a shard goes first when memory is short, and what else makes room: moving items off sparse pages.
//
// True LRU would need a list through all items, 16 bytes each and a write for every read. Instead a few items by chance
// are compared, and the best of them are kept in a small pool for the next times, so that the pool fills with items that
// are old among all: Salvatore Sanfilippo's method (http://antirez.com/news/109, "Random notes on improving the Redis
// LRU algorithm").

/// What is evicted when the memory limit is reached.
public enum EvictionPolicy: String, Sendable, CaseIterable {
  /// Nothing: writes are refused.
  case none
  /// What has not been read or written for longest.
  case lru
  /// The same among keys that expire.
  case volatileLRU = "volatile-lru"
  /// What expires first.
  case volatileTTL = "volatile-ttl"

  /// Redis's name for it, in `maxmemory-policy`.
  public var redisName: String {
    switch self {
    case .none: "noeviction"
    case .lru: "allkeys-lru"
    case .volatileLRU, .volatileTTL: rawValue
    }
  }

  /// The policy of one of Redis's names; nil for one that isn't offered.
  public init?(redisName: String) {
    guard let policy = Self.allCases.first(where: { $0.redisName == redisName.lowercased() }) else {
      return nil
    }
    self = policy
  }
}

/// Items of one shard that may be evicted next.
struct VictimPool: ~Copyable {
  private static let size = 16

  fileprivate struct Candidate {
    let hash: UInt64
    let version: UInt64
    let database: Int
    let expiry: Int64
    let access: AccessTime
    let isFetched: Bool
  }

  private var candidates: [Candidate] = []
  private var policy = EvictionPolicy.none
  /// The lowest rank in a full pool, as it was when it was last looked at: ranks only grow with time.
  private var lowest = Int64.min

  /// Prepares for a policy: candidates of another are forgotten.
  fileprivate mutating func use(_ policy: EvictionPolicy) {
    guard policy != self.policy else { return }
    self.policy = policy
    candidates.removeAll(keepingCapacity: true)
    lowest = .min
  }

  /// How gladly an item is evicted: what has expired before all others.
  private func rank(expiry: Int64, _ access: AccessTime, isFetched: Bool, _ now: Int64, _ time: AccessTime)
    -> Int64
  {
    if expiry != 0 && expiry <= now { return .max }
    if policy == .volatileTTL { return .max - expiry }
    // Among equally old ones, those that nobody has read go first.
    return access.age(time) * 2 + (isFetched ? 0 : 1)
  }

  private func rank(_ candidate: Candidate, _ now: Int64, _ time: AccessTime) -> Int64 {
    rank(expiry: candidate.expiry, candidate.access, isFetched: candidate.isFetched, now, time)
  }

  /// Takes an item into the pool if it is among the best.
  fileprivate mutating func consider(
    _ item: Item, _ database: Int, _ seed: SeedReference, _ now: Int64, _ time: AccessTime
  ) {
    let expiry = item.expiry
    let rank = rank(expiry: expiry, item.lastAccess, isFetched: item.isFetched, now, time)
    let isFull = candidates.count == Self.size
    if isFull && rank <= lowest { return }
    let candidate = Candidate(
      hash: seed.hash(item.key), version: item.version, database: database, expiry: expiry,
      access: item.lastAccess, isFetched: item.isFetched)
    var worst = 0
    var worstRank = Int64.max
    var secondRank = Int64.max
    for index in candidates.indices {
      let other = candidates[index]
      if other.hash == candidate.hash && other.version == candidate.version { return }
      let otherRank = self.rank(other, now, time)
      if otherRank < worstRank {
        secondRank = worstRank
        (worst, worstRank) = (index, otherRank)
      } else if otherRank < secondRank {
        secondRank = otherRank
      }
    }
    if !isFull {
      candidates.append(candidate)
    } else if rank > worstRank {
      candidates[worst] = candidate
      lowest = min(rank, secondRank)
    } else {
      lowest = worstRank
    }
  }

  /// Takes the best one out.
  fileprivate mutating func takeBest(_ now: Int64, _ time: AccessTime) -> Candidate? {
    guard var best = candidates.indices.first else { return nil }
    var bestRank = rank(candidates[best], now, time)
    for index in candidates.indices.dropFirst() {
      let rank = rank(candidates[index], now, time)
      if rank > bestRank { (best, bestRank) = (index, rank) }
    }
    lowest = .min
    candidates.swapAt(best, candidates.count - 1)
    return candidates.removeLast()
  }
}

/// An item that is to be evicted.
struct Victim {
  let item: Item
  let hash: UInt64
  let database: Int
}

extension Shard {
  /// How many items are compared for each that is evicted.
  private static let samples = 6
  /// How many buckets are gone through at most to find them, if only some items may be evicted.
  private static let bucketsSampled = 64

  /// An item to evict; nil when none was found that may be.
  ///
  /// - Parameter now: the time in milliseconds since 1970.
  mutating func chooseVictim(_ policy: EvictionPolicy, now: Int64, _ random: inout RandomSource) -> Victim? {
    victims.use(policy)
    let time = accessTime
    let isVolatile = policy != .lru
    let tables = tables
    let seed = seed
    if let database = sampledDatabase(isVolatile, &random) {
      tables[database].sample(Self.samples, buckets: Self.bucketsSampled, &random) { item in
        if isVolatile && !item.expires { return false }
        victims.consider(item, database, seed, now, time)
        return true
      }
    }
    while let candidate = victims.takeBest(now, time) {
      let found = tables[candidate.database].find(candidate.hash) { $0.version == candidate.version }
      // One that has been read meanwhile is no candidate any more.
      if let item = found, policy == .volatileTTL || item.lastAccess == candidate.access,
        !isVolatile || item.expires
      {
        return Victim(item: item, hash: candidate.hash, database: candidate.database)
      }
    }
    return nil
  }

  /// A database by chance, each as likely as it has items that may be evicted.
  private func sampledDatabase(_ isVolatile: Bool, _ random: inout RandomSource) -> Int? {
    var sum = 0
    for database in 0..<databaseCount { sum += isVolatile ? expiringCount(database) : count(database) }
    guard sum > 0 else { return nil }
    var place = Int(truncatingIfNeeded: random.next() % UInt64(sum))
    for database in 0..<databaseCount {
      place -= isVolatile ? expiringCount(database) : count(database)
      if place < 0 { return database }
    }
    return nil
  }

  /// Frees some memory that is resident and holds nothing; whether there was any. O(a page).
  mutating func squeeze() -> Bool {
    defer { publish() }
    if allocator.releaseSome() { return true }
    guard let evacuation = allocator.beginEvacuation() else { return false }
    let tables = tables
    evacuation.forEachItem { item in
      // What isn't in a table has been put aside for a cut, or is doomed: it stays.
      let hash = seed.hash(item.key)
      for database in 0..<databaseCount {
        if let slot = tables[database].slot(of: item, hash) {
          slot.point(to: item.moved(&allocator))
          return
        }
      }
    }
    return allocator.endEvacuation(evacuation)
  }
}
