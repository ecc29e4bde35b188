// Ranges of sorted sets: by rank, by score, and of members with equal scores by their bytes.

internal let sortedSetRangeCommands: [CommandDeclaration] = [
  .init(
    "ZCOUNT", arity: 4, [.readOnly, .fast], keys: .one, .sortedSet, since: "2.0.0",
    "O(log(N)), N being the members of the set", "key min max",
    "Returns how many members have scores in a range."),
  .init(
    "ZLEXCOUNT", arity: 4, [.readOnly, .fast], keys: .one, .sortedSet, since: "2.8.9",
    "O(log(N)), N being the members of the set", "key min max",
    "Returns how many members are in a range of bytes, where all have the same score."),
  .init(
    "ZRANGE", arity: -4, [.readOnly], keys: .one, .sortedSet, since: "1.2.0",
    "O(log(N)+M), N being the members of the set, M those returned",
    "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
    "Returns members of a sorted set by rank, score or bytes."),
  .init(
    "ZRANGEBYLEX", arity: -4, [.readOnly], keys: .one, .sortedSet, since: "2.8.9",
    "O(log(N)+M), N being the members of the set, M those returned",
    "key min max [LIMIT offset count]",
    "Returns the members in a range of bytes, where all have the same score."),
  .init(
    "ZRANGEBYSCORE", arity: -4, [.readOnly], keys: .one, .sortedSet, since: "1.0.5",
    "O(log(N)+M), N being the members of the set, M those returned",
    "key min max [WITHSCORES] [LIMIT offset count]", "Returns the members with scores in a range."),
  .init(
    "ZRANGESTORE", arity: -5, [.write, .denyOOM], keys: .two, .sortedSet, since: "6.2.0",
    "O(log(N)+M), N being the members of the set, M those stored",
    "destination source min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
    "Stores members of a sorted set by rank, score or bytes as another."),
  .init(
    "ZREMRANGEBYLEX", arity: 4, [.write], keys: .one, .sortedSet, since: "2.8.9",
    "O(log(N)+M), N being the members of the set, M those that go", "key min max",
    "Takes the members in a range of bytes out of a sorted set, where all have the same score."),
  .init(
    "ZREMRANGEBYRANK", arity: 4, [.write], keys: .one, .sortedSet, since: "2.0.0",
    "O(log(N)+M), N being the members of the set, M those that go", "key start stop",
    "Takes members out of a sorted set by rank."),
  .init(
    "ZREMRANGEBYSCORE", arity: 4, [.write], keys: .one, .sortedSet, since: "1.2.0",
    "O(log(N)+M), N being the members of the set, M those that go", "key min max",
    "Takes the members with scores in a range out of a sorted set."),
  .init(
    "ZREVRANGE", arity: -4, [.readOnly], keys: .one, .sortedSet, since: "1.2.0",
    "O(log(N)+M), N being the members of the set, M those returned", "key start stop [WITHSCORES]",
    "Returns members of a sorted set by rank, the highest scores first."),
  .init(
    "ZREVRANGEBYLEX", arity: -4, [.readOnly], keys: .one, .sortedSet, since: "2.8.9",
    "O(log(N)+M), N being the members of the set, M those returned",
    "key max min [LIMIT offset count]",
    "Returns the members in a range of bytes, the last ones first, where all have the same score."),
  .init(
    "ZREVRANGEBYSCORE", arity: -4, [.readOnly], keys: .one, .sortedSet, since: "2.2.0",
    "O(log(N)+M), N being the members of the set, M those returned",
    "key max min [WITHSCORES] [LIMIT offset count]",
    "Returns the members with scores in a range, the highest first."),
]

/// What the two ends of a range are.
enum RangeKind {
  case rank, score, key
}

/// What a command asks for besides the two ends.
struct RangeRequest {
  /// Nil where an option may still say so; else ranks.
  var kind: RangeKind?
  /// The same of the direction.
  var isReversed: Bool?
  var offset = 0
  /// How many members at most; below zero for all.
  var limit = -1
  var withScores = false

  static let any = RangeRequest()
  static let rangeByKey = RangeRequest(kind: .key, isReversed: false)
  static let rangeByScore = RangeRequest(kind: .score, isReversed: false)
  static let reversedByRank = RangeRequest(kind: .rank, isReversed: true)
  static let reversedByKey = RangeRequest(kind: .key, isReversed: true)
  static let reversedByScore = RangeRequest(kind: .score, isReversed: true)

  /// What is left of a range of ranks by the offset and the limit.
  func limited(_ ranks: Range<Int>) -> Range<Int> {
    guard offset >= 0 && offset < ranks.count else { return 0..<0 }
    let left = ranks.count - offset
    let some = limit < 0 ? left : min(limit, left)
    let reversed = isReversed ?? false
    let first = reversed ? ranks.upperBound - offset - some : ranks.lowerBound + offset
    return first..<first + some
  }
}

/// The two ends of a range of a sorted set.
struct RangeBounds: ~Escapable {
  private let kind: RangeKind
  /// Ranks may count from the end.
  private let first: Int
  private let last: Int
  private let low: OrderPlace
  private let high: OrderPlace

  @_lifetime(immortal)
  private init(first: Int, last: Int) {
    kind = .rank
    self.first = first
    self.last = last
    low = .start()
    high = .end()
  }

  @_lifetime(copy low, copy high)
  private init(_ kind: RangeKind, _ low: consuming OrderPlace, _ high: consuming OrderPlace) {
    self.kind = kind
    self.low = low
    self.high = high
    first = 0
    last = 0
  }

  /// Reads the two ends.
  ///
  /// - Parameter problem: takes what is wrong with them, if the result is nil.
  @_lifetime(copy min, copy max)
  static func read(_ kind: RangeKind, _ min: RawSpan, _ max: RawSpan, _ problem: inout StaticString)
    -> RangeBounds?
  {
    switch kind {
    case .rank:
      guard let first = min.decimal, let last = max.decimal else {
        problem = Execution.notInteger
        return nil
      }
      return RangeBounds(first: first, last: last)
    case .score:
      guard let (low, excludesLow) = score(min), let (high, excludesHigh) = score(max) else {
        problem = "ERR min or max is not a float"
        return nil
      }
      return RangeBounds(
        .score, OrderPlace(score: low, isBehindEqual: excludesLow),
        OrderPlace(score: high, isBehindEqual: !excludesHigh))
    case .key:
      guard let low = key(min, isLow: true), let high = key(max, isLow: false) else {
        problem = "ERR min or max not valid string range item"
        return nil
      }
      return RangeBounds(.key, low, high)
    }
  }

  private static func score(_ word: RawSpan) -> (score: Double, isExcluded: Bool)? {
    let isExcluded = !word.isEmpty && word.byte(0) == UInt8(ascii: "(")
    let digits = isExcluded ? word.extracting(1..<word.byteCount) : word
    return digits.scoreBound.map { ($0, isExcluded) }
  }

  @_lifetime(copy word)
  private static func key(_ word: RawSpan, isLow: Bool) -> OrderPlace? {
    guard !word.isEmpty else { return nil }
    let rest = word.extracting(1..<word.byteCount)
    switch word.byte(0) {
    case UInt8(ascii: "-") where rest.isEmpty: return .start()
    case UInt8(ascii: "+") where rest.isEmpty: return .end()
    case UInt8(ascii: "["): return OrderPlace(key: rest, isBehindEqual: !isLow)
    case UInt8(ascii: "("): return OrderPlace(key: rest, isBehindEqual: isLow)
    default: return nil
    }
  }

  /// The ranks of the members in the range. O(log n).
  ///
  /// - Parameter isReversed: whether ranks count from the highest score.
  func ranks(in members: Members, isReversed: Bool) -> Range<Int> {
    let count = members.count
    guard kind == .rank else {
      let start = members.rank(of: low)
      return start..<Swift.max(start, members.rank(of: high))
    }
    // As far below the start as there are members is the start, too; so nothing overflows.
    let start = Swift.max(first < 0 ? first + count : first, 0)
    let end = Swift.min(last < 0 ? last + count : last, count - 1)
    guard start <= end else { return 0..<0 }
    return isReversed ? count - 1 - end..<count - start : start..<end + 1
  }
}

extension Execution {
  /// Reads the options of a range from a position on; whether they are right, or the reply says what is wrong.
  private mutating func readRange(
    _ words: borrowing Words, from start: Int, _ request: inout RangeRequest, isStored: Bool
  ) -> Bool {
    var index = start
    var isLimited = false
    while index < words.count {
      let word = words[index]
      if !isStored && word.equalsIgnoringCase("withscores") {
        request.withScores = true
      } else if word.equalsIgnoringCase("limit"), index + 2 < words.count {
        guard let offset = words[index + 1].decimal, let limit = words[index + 2].decimal else {
          reply.error(Self.notInteger)
          return false
        }
        request.offset = offset
        request.limit = limit
        isLimited = limit != -1
        index += 2
      } else if request.isReversed == nil && word.equalsIgnoringCase("rev") {
        request.isReversed = true
      } else if request.kind == nil && word.equalsIgnoringCase("bylex") {
        request.kind = .key
      } else if request.kind == nil && word.equalsIgnoringCase("byscore") {
        request.kind = .score
      } else {
        reply.error(Self.syntaxError)
        return false
      }
      index += 1
    }
    if request.kind ?? .rank == .rank {
      if isLimited {
        reply.error(
          "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
        return false
      }
      request.offset = 0
      request.limit = -1
    }
    if request.withScores && request.kind == .key {
      reply.error("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
      return false
    }
    return true
  }

  /// Reads the ends of a range at a position, the higher one first if it is reversed and no range of ranks; nil when the
  /// reply says what is wrong.
  @_lifetime(copy words)
  private mutating func readBounds(_ words: borrowing Words, at start: Int, _ request: RangeRequest)
    -> RangeBounds?
  {
    let kind = request.kind ?? .rank
    let isSwapped = request.isReversed ?? false && kind != .rank
    let min = words[isSwapped ? start + 1 : start]
    let max = words[isSwapped ? start : start + 1]
    var problem: StaticString = ""
    if let bounds = RangeBounds.read(kind, min, max, &problem) { return bounds }
    reply.error(problem)
    return nil
  }

  /// `ZRANGE` and its kin.
  mutating func range(_ words: borrowing Words, _ database: Int, _ defaults: RangeRequest) {
    var request = defaults
    guard readRange(words, from: 4, &request, isStored: false) else { return }
    guard let bounds = readBounds(words, at: 2, request) else { return }
    let (members, isRefused) = findMembers(.sortedSet, words, database)
    if isRefused { return }
    guard let members = members?.members else { return reply.array(0) }
    let isReversed = request.isReversed ?? false
    let ranks = request.limited(bounds.ranks(in: members, isReversed: isReversed))
    if request.withScores {
      reply.scoredArray(ranks.count)
      members.forEach(in: ranks, isReversed: isReversed) { reply.scored($0) }
    } else {
      reply.array(ranks.count)
      members.forEach(in: ranks, isReversed: isReversed) { reply.bulk($0.key) }
    }
  }

  mutating func storeRange(_ words: borrowing Words, _ database: Int) {
    var request = RangeRequest.any
    guard readRange(words, from: 5, &request, isStored: true) else { return }
    guard let bounds = readBounds(words, at: 3, request) else { return }
    var scores: [Double] = []
    var chosen = ChosenMembers()
    if let item = find(keyspace.place(words[2]), database) {
      guard item.kind == .sortedSet else { return replyWrongType() }
      let ranks = bounds.ranks(in: item.members, isReversed: request.isReversed ?? false)
      item.members.forEach(in: request.limited(ranks)) {
        scores.append($0.score)
        chosen.append($0.key)
      }
    }
    guard !chosen.isOverfull else { return reply.refuseAsTooLarge() }
    store(keyspace.place(words[1]), database, scores, chosen.words, .storeRange)
    reply.integer(scores.count)
  }

  /// `ZCOUNT`, `ZLEXCOUNT`.
  mutating func countRange(_ words: borrowing Words, _ database: Int, _ kind: RangeKind) {
    guard let bounds = readBounds(words, at: 2, RangeRequest(kind: kind)) else { return }
    let (members, isRefused) = findMembers(.sortedSet, words, database)
    if isRefused { return }
    reply.integer(members.map { bounds.ranks(in: $0.members, isReversed: false).count } ?? 0)
  }

  mutating func removeRange(_ words: borrowing Words, _ database: Int, _ kind: RangeKind) {
    guard let bounds = readBounds(words, at: 2, RangeRequest(kind: kind)) else { return }
    let key = keyspace.place(words[1])
    let (members, isRefused) = findToChange(.sortedSet, key, database)
    if isRefused { return }
    guard let members = members?.members else { return reply.integer(0) }
    let ranks = bounds.ranks(in: members, isReversed: false)
    if !ranks.isEmpty { remove(key, database, members, ranks, .remove(kind)) }
    reply.integer(ranks.count)
  }
}
