// Sorted sets: members with scores, in the order of these. What concerns ranges of them is in SortedSetRanges.swift, and
// what is made of several in SortedSetAlgebra.swift.

internal let sortedSetCommands: [CommandDeclaration] = [
  .init(
    "ZADD", arity: -4, [.write, .denyOOM, .fast], keys: .one, .sortedSet, since: "1.2.0",
    "O(log(N)) for each member, N being the members of the set",
    "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
    "Adds members with scores to a sorted set, or gives them other scores."),
  .init(
    "ZCARD", arity: 2, [.readOnly, .fast], keys: .one, .sortedSet, since: "1.2.0", "O(1)", "key",
    "Returns the number of members of a sorted set."),
  .init(
    "ZINCRBY", arity: 4, [.write, .denyOOM, .fast], keys: .one, .sortedSet, since: "1.2.0",
    "O(log(N)), N being the members of the set", "key increment member",
    "Adds to the score of a member; one that is missing counts as 0."),
  .init(
    "ZMPOP", arity: -4, [.write], keys: .counted(by: 1), .sortedSet, since: "7.0.0",
    "O(K) + O(M*log(N)), K being the keys, M the members taken, N the members of the set",
    "numkeys key [key ...] <MIN | MAX> [COUNT count]",
    "Takes the members with the lowest or highest scores out of the first sorted set that is there."),
  .init(
    "ZMSCORE", arity: -3, [.readOnly, .fast], keys: .one, .sortedSet, since: "6.2.0",
    "O(N), N being the members asked for", "key member [member ...]",
    "Returns the scores of several members."),
  .init(
    "ZPOPMAX", arity: -2, [.write, .fast], keys: .one, .sortedSet, since: "5.0.0",
    "O(log(N)*M), N being the members of the set, M those taken", "key [count]",
    "Takes the members with the highest scores out of a sorted set and returns them."),
  .init(
    "ZPOPMIN", arity: -2, [.write, .fast], keys: .one, .sortedSet, since: "5.0.0",
    "O(log(N)*M), N being the members of the set, M those taken", "key [count]",
    "Takes the members with the lowest scores out of a sorted set and returns them."),
  .init(
    "ZRANDMEMBER", arity: -2, [.readOnly], keys: .one, .sortedSet, since: "6.2.0",
    "O(N), N being the members asked for", "key [count [WITHSCORES]]",
    "Returns members of a sorted set by chance; with a negative count the same may come again."),
  .init(
    "ZRANK", arity: -3, [.readOnly, .fast], keys: .one, .sortedSet, since: "2.0.0",
    "O(log(N)), N being the members of the set", "key member [WITHSCORE]",
    "Returns how many members are before one in the order of scores."),
  .init(
    "ZREM", arity: -3, [.write, .fast], keys: .one, .sortedSet, since: "1.2.0",
    "O(M*log(N)), N being the members of the set, M those named", "key member [member ...]",
    "Takes members out of a sorted set; the last one takes the set with it."),
  .init(
    "ZREVRANK", arity: -3, [.readOnly, .fast], keys: .one, .sortedSet, since: "2.0.0",
    "O(log(N)), N being the members of the set", "key member [WITHSCORE]",
    "Returns how many members are behind one in the order of scores."),
  .init(
    "ZSCAN", arity: -3, [.readOnly], keys: .one, .sortedSet, since: "2.8.0",
    "O(1) for each call, O(N) for a whole set", "key cursor [MATCH pattern] [COUNT count] [NOSCORES]",
    "Returns the members of a sorted set with their scores a few at a time."),
  .init(
    "ZSCORE", arity: 3, [.readOnly, .fast], keys: .one, .sortedSet, since: "1.2.0", "O(1)", "key member",
    "Returns the score of a member."),
]

/// Which of the members of a sorted set are to be changed, and what is told of it.
struct ScoreOptions: OptionSet {
  let rawValue: UInt8

  static let onlyAbsent = ScoreOptions(rawValue: 1)
  static let onlyPresent = ScoreOptions(rawValue: 2)
  static let onlyHigher = ScoreOptions(rawValue: 4)
  static let onlyLower = ScoreOptions(rawValue: 8)
  /// Members whose score has changed are counted, and not only those that are new.
  static let countsChanges = ScoreOptions(rawValue: 16)
  /// The score is added to the one that is there, and the sum is returned.
  static let isIncrement = ScoreOptions(rawValue: 32)

  static let conditions: ScoreOptions = [.onlyAbsent, .onlyPresent, .onlyHigher, .onlyLower]

  init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The option of a word; nil for any other word.
  init?(_ word: RawSpan) {
    if word.equalsIgnoringCase("nx") {
      self = .onlyAbsent
    } else if word.equalsIgnoringCase("xx") {
      self = .onlyPresent
    } else if word.equalsIgnoringCase("gt") {
      self = .onlyHigher
    } else if word.equalsIgnoringCase("lt") {
      self = .onlyLower
    } else if word.equalsIgnoringCase("ch") {
      self = .countsChanges
    } else if word.equalsIgnoringCase("incr") {
      self = .isIncrement
    } else {
      return nil
    }
  }

  /// What is wrong with them together.
  var problem: StaticString? {
    if isSuperset(of: [.onlyAbsent, .onlyPresent]) {
      return "ERR XX and NX options at the same time are not compatible"
    }
    let isAmbiguous =
      isSuperset(of: [.onlyAbsent, .onlyHigher]) || isSuperset(of: [.onlyAbsent, .onlyLower])
      || isSuperset(of: [.onlyHigher, .onlyLower])
    return isAmbiguous ? "ERR GT, LT, and/or NX options at the same time are not compatible" : nil
  }

  /// Whether a member that has one score, or is absent, may get another.
  func allow(_ score: Double, over old: Double?) -> Bool {
    guard let old else { return !contains(.onlyPresent) }
    return !contains(.onlyAbsent) && !(contains(.onlyHigher) && score <= old)
      && !(contains(.onlyLower) && score >= old)
  }
}

extension Execution {
  static var notFloat: StaticString { "ERR value is not a valid float" }

  // MARK: Reading

  mutating func scoreOfMember(_ words: borrowing Words, _ database: Int) {
    let (members, isRefused) = findMembers(.sortedSet, words, database)
    if !isRefused { replyScore(members?.find(words[2])) }
  }

  mutating func scoresOfMembers(_ words: borrowing Words, _ database: Int) {
    let (members, isRefused) = findMembers(.sortedSet, words, database)
    if isRefused { return }
    reply.array(words.count - 2)
    for index in 2..<words.count { replyScore(members?.find(words[index])) }
  }

  private mutating func replyScore(_ member: Member?) {
    if let member { reply.double(member.score) } else { reply.null() }
  }

  mutating func rankOfMember(_ words: borrowing Words, _ database: Int, isReversed: Bool) {
    guard words.count <= 4 else { return replyArity(isReversed ? "ZREVRANK" : "ZRANK") }
    let withScore = words.count == 4
    guard !withScore || words[3].equalsIgnoringCase("withscore") else {
      return reply.error(Self.syntaxError)
    }
    let (members, isRefused) = findMembers(.sortedSet, words, database)
    if isRefused { return }
    guard let members, let member = members.find(words[2]) else {
      return withScore ? reply.nullArray() : reply.null()
    }
    // As many members are before the place behind it, and it itself.
    let rank = members.members.rank(of: OrderPlace(behind: member.score, words[2])) - 1
    if withScore { reply.array(2) }
    reply.integer(isReversed ? members.members.count - 1 - rank : rank)
    if withScore { reply.double(member.score) }
  }

  mutating func randomScored(_ words: borrowing Words, _ database: Int) {
    var count: Int?
    let withScores = words.count > 3
    if words.count > 2 {
      guard let given = randomCount(words[2], largest: withScores ? Int.max / 2 : Int.max) else { return }
      guard words.count <= 4, !withScores || words[3].equalsIgnoringCase("withscores") else {
        return reply.error(Self.syntaxError)
      }
      count = given
    }
    let (members, isRefused) = findMembers(.sortedSet, words, database)
    if isRefused { return }
    guard withScores, let count, let members else {
      return replyRandom(members, count) { $0.bulk($1.key) }
    }
    reply.scoredArray(count < 0 ? -count : min(count, members.count))
    showRandom(members, count) { $0.scored($1) }
  }

  // MARK: Changing

  mutating func addScores(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    var options: ScoreOptions = []
    var start = 2
    while start < words.count, let option = ScoreOptions(words[start]) {
      options.insert(option)
      start += 1
    }
    guard start < words.count, (words.count - start) % 2 == 0 else { return reply.error(Self.syntaxError) }
    if let problem = options.problem { return reply.error(problem) }
    if options.contains(.isIncrement) && words.count - start > 2 {
      return reply.error("ERR INCR option supports a single increment-element pair")
    }
    addScores(keyspace.place(words[1]), words.from(start), database, limits, options)
  }

  mutating func incrementScore(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    addScores(keyspace.place(words[1]), words.from(2), database, limits, .isIncrement)
  }

  /// Adds pairs of scores and members.
  private mutating func addScores(
    _ key: borrowing Key, _ pairs: borrowing Words, _ database: Int, _ limits: SessionLimits,
    _ options: ScoreOptions
  ) {
    var scores: [Double] = []
    scores.reserveCapacity(pairs.count / 2)
    for index in stride(from: 0, to: pairs.count, by: 2) {
      guard let score = pairs[index].score else { return reply.error(Self.notFloat) }
      scores.append(options.contains(.isIncrement) ? score : score.withoutSignOfZero)
    }
    addScores(key, database, scores, pairs, step: 2, limits, options)
  }

  /// Gives members scores, as the options have it, and replies.
  ///
  /// - Parameter words: as many members as scores, each the last of `step` words.
  mutating func addScores(
    _ key: borrowing Key, _ database: Int, _ scores: [Double], _ words: borrowing Words, step: Int,
    _ limits: SessionLimits, _ options: ScoreOptions
  ) {
    let (members, isRefused) = findToChange(.sortedSet, key, database)
    if isRefused { return }
    for index in stride(from: step - 1, to: words.count, by: step) {
      guard accepts(words[index], limits) else { return }
    }
    if options.contains(.isIncrement) { return increment(key, database, scores[0], words, members, options) }
    let (added, changed) =
      options.isDisjoint(with: .conditions)
      ? setScores(key, database, scores, words, step: step, of: members)
      : setScores(key, database, scores, words, step: step, of: members, where: options)
    reply.integer(options.contains(.countsChanges) ? added + changed : added)
  }

  /// Adds to one score, and replies with the sum.
  private mutating func increment(
    _ key: borrowing Key, _ database: Int, _ amount: Double, _ pair: borrowing Words,
    _ members: LiveMembers?, _ options: ScoreOptions
  ) {
    let old = members?.find(pair[1])?.score
    if options.contains(.onlyAbsent) && old != nil || options.contains(.onlyPresent) && old == nil {
      return reply.null()
    }
    let sum = old.map { $0 + amount } ?? amount
    guard !sum.isNaN else { return reply.error("ERR resulting score is not a number (NaN)") }
    guard options.allow(sum, over: old) else { return reply.null() }
    if sum != old {
      _ = putScores(key, database, [sum.withoutSignOfZero], pair, step: 2, .incrementScore)
    }
    reply.double(sum)
  }

  /// Gives members their scores, unless all have them.
  private mutating func setScores(
    _ key: borrowing Key, _ database: Int, _ scores: [Double], _ words: borrowing Words, step: Int,
    of members: LiveMembers?
  ) -> (added: Int, changed: Int) {
    var changesAny = false
    for (index, score) in scores.enumerated()
    where members?.find(words[index * step + step - 1])?.score != score {
      changesAny = true
      break
    }
    return changesAny ? putScores(key, database, scores, words, step: step) : (0, 0)
  }

  /// Gives those members their scores for which the conditions hold, one after the other: of one that comes twice the
  /// second time counts with what the first has made of it.
  private mutating func setScores(
    _ key: borrowing Key, _ database: Int, _ scores: [Double], _ words: borrowing Words, step: Int,
    of members: LiveMembers?, where options: ScoreOptions
  ) -> (added: Int, changed: Int) {
    var allowed: [Double] = []
    var chosen = ChosenMembers()
    var earlier: [[UInt8]: Double] = [:]
    for (index, score) in scores.enumerated() {
      let member = words[index * step + step - 1]
      let before = scores.count > 1 ? earlier[member.array] : nil
      let old = before ?? members?.find(member)?.score
      guard old != score, options.allow(score, over: old) else { continue }
      allowed.append(score)
      chosen.append(member)
      if scores.count > 1 { earlier[member.array] = score }
    }
    return allowed.isEmpty ? (0, 0) : putScores(key, database, allowed, chosen.words, step: 1)
  }

  // MARK: Taking from an end

  mutating func popScored(_ words: borrowing Words, _ database: Int, _ end: SortedSetEnd) {
    guard words.count <= 3 else { return reply.error(Self.syntaxError) }
    var wanted = 1
    if words.count == 3 {
      guard let count = words[2].decimal, count >= 0 else {
        return reply.error("ERR value is out of range, must be positive")
      }
      wanted = count
    }
    let key = keyspace.place(words[1])
    let (members, isRefused) = findToChange(.sortedSet, key, database)
    if isRefused { return }
    guard let members, wanted > 0 else { return reply.array(0) }
    let ranks = end.ranks(wanted, of: members.count)
    if words.count == 2 { reply.array(2) } else { reply.scoredArray(ranks.count) }
    let isFlat = words.count == 2
    takeOut(key, database, members.members, ranks, end) { reply, member in
      if isFlat {
        reply.bulk(member.key)
        reply.double(member.score)
      } else {
        reply.scored(member)
      }
    }
  }

  /// `ZMPOP`
  mutating func popScoredOfFirst(_ words: borrowing Words, _ database: Int) {
    guard let options: PopOptions<SortedSetEnd> = popOptions(words, countAt: 1) else { return }
    if !replyScoredPoppedFromFirst(words, database, options) { reply.nullArray() }
  }

  /// Takes members out of the first of several sorted sets that has any, and replies with them; false if none has, and then
  /// there is no reply.
  mutating func replyScoredPoppedFromFirst(
    _ words: borrowing Words, _ database: Int, _ options: PopOptions<SortedSetEnd>
  ) -> Bool {
    for index in options.keys {
      let key = keyspace.place(words[index])
      let (members, isRefused) = findToChange(.sortedSet, key, database)
      if isRefused { return true }
      if let members {
        popNamed(key, database, members.members, options.count, options.end)
        return true
      }
    }
    return false
  }

  /// Takes members from an end of a sorted set that is there, and replies with its key and pairs of them and their scores:
  /// the reply of `ZMPOP`.
  mutating func popNamed(
    _ key: borrowing Key, _ database: Int, _ members: Members, _ wanted: Int, _ end: SortedSetEnd
  ) {
    let ranks = end.ranks(wanted, of: members.count)
    reply.array(2)
    reply.bulk(key.bytes)
    reply.array(ranks.count)
    takeOut(key, database, members, ranks, end) { reply, member in
      reply.array(2)
      reply.bulk(member.key)
      reply.double(member.score)
    }
  }

  /// Shows members of some ranks at an end of a sorted set, the outermost first, and takes them out, unless they are more
  /// than a reply can hold.
  mutating func takeOut(
    _ key: borrowing Key, _ database: Int, _ members: Members, _ ranks: Range<Int>, _ end: SortedSetEnd,
    _ show: (inout Reply, Member) -> Void
  ) {
    members.forEach(in: ranks, isReversed: end == .highest) { show(&reply, $0) }
    if !reply.isOverfull { remove(key, database, members, ranks, .pop(end)) }
  }

  /// Up to how many members that go by their ranks are recorded by their names.
  private static let namedRemovals = 64

  /// Takes the members of some ranks, which there are, out of a sorted set. All of them: the key goes, and that is what is
  /// recorded; a few are named, so that a person sees which they were; of many the ranks are recorded.
  mutating func remove(
    _ key: borrowing Key, _ database: Int, _ members: Members, _ ranks: Range<Int>, _ event: KeyEvent
  ) {
    if ranks.count == members.count {
      delete(key, database, event)
      return noteIfEmptied(key, database)
    }
    if ranks.count > Self.namedRemovals { return removeRanks(key, database, ranks, event) }
    var chosen = ChosenMembers()
    members.forEach(in: ranks) { chosen.append($0.key) }
    guard !chosen.isOverfull else { return removeRanks(key, database, ranks, event) }
    removeMembers(.sortedSet, key, database, chosen.words, event)
  }
}

extension Reply {
  /// A list of members with their scores: in version 2 of the protocol it is flat.
  mutating func scoredArray(_ count: Int) { array(version < 3 ? 2 * count : count) }

  /// A member with its score, in such a list.
  mutating func scored(_ member: Member) { scored(member.key, member.score) }

  mutating func scored(_ member: RawSpan, _ score: Double) {
    if version >= 3 { array(2) }
    bulk(member)
    double(score)
  }
}

extension SortedSetEnd: NamedEnd {
  init?(_ word: RawSpan) {
    if word.equalsIgnoringCase("min") {
      self = .lowest
    } else if word.equalsIgnoringCase("max") {
      self = .highest
    } else {
      return nil
    }
  }
}
