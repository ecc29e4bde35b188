// What is made of several sorted sets: unions, intersections, differences. Sets count as sorted sets whose members all
// have the score 1.

internal let sortedSetAlgebraCommands: [CommandDeclaration] = [
  .init(
    "ZDIFF", arity: -3, [.readOnly], keys: .counted(by: 1), .sortedSet, since: "6.2.0",
    "O(L + M*log(M)), L being the members of all sets, M those returned",
    "numkeys key [key ...] [WITHSCORES]", "Returns the members of the first sorted set that no other has."),
  .init(
    "ZDIFFSTORE", arity: -4, [.write, .denyOOM], keys: .destinationAndCounted, .sortedSet, since: "6.2.0",
    "O(L + M*log(M)), L being the members of all sets, M those stored",
    "destination numkeys key [key ...]", "Stores the members of the first sorted set that no other has."),
  .init(
    "ZINTER", arity: -3, [.readOnly], keys: .counted(by: 1), .sortedSet, since: "6.2.0",
    "O(N*K + M*log(M)), N being the members of the smallest set, K the sets, M the members returned",
    "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
    "Returns the members that all sorted sets have."),
  .init(
    "ZINTERCARD", arity: -3, [.readOnly], keys: .counted(by: 1), .sortedSet, since: "7.0.0",
    "O(N*K), N being the members of the smallest set, K the sets", "numkeys key [key ...] [LIMIT limit]",
    "Returns how many members all sorted sets have."),
  .init(
    "ZINTERSTORE", arity: -4, [.write, .denyOOM], keys: .destinationAndCounted, .sortedSet, since: "2.0.0",
    "O(N*K + M*log(M)), N being the members of the smallest set, K the sets, M the members stored",
    "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]",
    "Stores the members that all sorted sets have."),
  .init(
    "ZUNION", arity: -3, [.readOnly], keys: .counted(by: 1), .sortedSet, since: "6.2.0",
    "O(N + M*log(M)), N being the members of all sets, M those returned",
    "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
    "Returns the members that any of the sorted sets has."),
  .init(
    "ZUNIONSTORE", arity: -4, [.write, .denyOOM], keys: .destinationAndCounted, .sortedSet, since: "2.0.0",
    "O(N + M*log(M)), N being the members of all sets, M those stored",
    "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]",
    "Stores the members that any of the sorted sets has."),
]

/// What is made of several sets.
enum SortedSetOperation {
  case union, intersection, difference
}

/// What becomes of the result.
enum SortedSetOutcome {
  case reply, store, count
}

/// What the scores of one member in several sets become.
private enum ScoreAggregate {
  case sum, lowest, highest

  /// - Parameter score: the one to be taken in. One that is not a number makes a sum 0, and is neither the lowest nor the
  ///   highest.
  func combine(_ sum: Double, _ score: Double) -> Double {
    switch self {
    case .sum:
      let sum = sum + score
      return sum.isNaN ? 0 : sum
    case .lowest: return score < sum ? score : sum
    case .highest: return score > sum ? score : sum
    }
  }
}

/// One of the sets.
private struct ScoreSource {
  /// Nil for a key that isn't there.
  let members: Members?
  var weight = 1.0

  var count: Int { members?.count ?? 0 }

  /// A member's score, weighted; not a number where that is infinity times 0.
  func weighted(_ member: Member) -> Double { weight * (member.hasScore ? member.score : 1) }

  /// The same with 0 for what is not a number.
  func score(_ member: Member) -> Double {
    let score = weighted(member)
    return score.isNaN ? 0 : score
  }
}

/// What a command for several sets asks for besides them.
private struct CombinationOptions {
  var aggregate = ScoreAggregate.sum
  var withScores = false
  /// How many members are counted at most; 0 for all.
  var limit = 0
}

/// Members of sets, each once, with what their scores have become. They are good until a set changes.
private struct CombinedMembers {
  struct Combined {
    let member: Member
    var score: Double
  }

  private(set) var entries: [Combined] = []
  /// Open addressing: for each slot the number of an entry and one, or 0. A power of two of them.
  private var slots: [UInt32] = []
  private let seed: SeedReference

  /// - Parameter capacity: how many members there may be; 0 when none is looked for.
  init(capacity: Int, _ seed: SeedReference) {
    self.seed = seed
    var slotCount = 16
    while slotCount < 2 * capacity { slotCount *= 2 }
    if capacity > 0 { slots = Array(repeating: 0, count: slotCount) }
  }

  mutating func append(_ member: Member, _ score: Double) {
    entries.append(Combined(member: member, score: score))
  }

  /// Adds a member, or combines its score with the one it has.
  mutating func combine(_ member: Member, _ score: Double, _ aggregate: ScoreAggregate) {
    let mask = UInt64(slots.count - 1)
    var slot = seed.hash(member.key) & mask
    while slots[Int(slot)] != 0 {
      let index = Int(slots[Int(slot)]) - 1
      if entries[index].member.key.equals(member.key) {
        entries[index].score = aggregate.combine(entries[index].score, score)
        return
      }
      slot = (slot + 1) & mask
    }
    append(member, score)
    slots[Int(slot)] = UInt32(entries.count)
  }

  /// Puts them in the order of their scores.
  mutating func sort() {
    entries.sort { first, second in
      first.score == second.score
        ? first.member.key.precedes(second.member.key) : first.score < second.score
    }
  }
}

extension Execution {
  /// `ZUNION`, `ZINTER`, `ZDIFF`, and those of their kin that store or count.
  mutating func combine(
    _ words: borrowing Words, _ database: Int, _ operation: SortedSetOperation, _ outcome: SortedSetOutcome
  ) {
    let countIndex = outcome == .store ? 2 : 1
    guard let keyCount = words[countIndex].decimal else { return reply.error(Self.notInteger) }
    guard keyCount > 0 else {
      return reply.error("ERR at least 1 input key is needed for '\(words[0].text.lowercased())' command")
    }
    let firstKey = countIndex + 1
    guard keyCount <= words.count - firstKey else { return reply.error(Self.syntaxError) }
    var sources: [ScoreSource] = []
    for index in firstKey..<firstKey + keyCount {
      guard let source = findSource(keyspace.place(words[index]), database) else { return }
      sources.append(source)
    }
    guard
      let options = readCombination(words, from: firstKey + keyCount, operation, outcome, &sources)
    else { return }
    if outcome == .count { return reply.integer(countIntersection(sources, options.limit)) }
    var result = combined(sources, operation, options.aggregate)
    result.sort()
    if outcome == .reply { return show(result, options) }
    var scores: [Double] = []
    scores.reserveCapacity(result.entries.count)
    var chosen = ChosenMembers()
    for entry in result.entries {
      scores.append(entry.score)
      chosen.append(entry.member.key)
    }
    guard !chosen.isOverfull else { return reply.refuseAsTooLarge() }
    store(keyspace.place(words[1]), database, scores, chosen.words, .store(operation))
    reply.integer(scores.count)
  }

  /// The members of a sorted set or a set; nil when the reply says that it is of another type.
  private mutating func findSource(_ key: borrowing Key, _ database: Int) -> ScoreSource? {
    guard let item = find(key, database) else { return ScoreSource(members: nil) }
    guard item.kind == .sortedSet || item.kind == .set else {
      replyWrongType()
      return nil
    }
    return ScoreSource(members: item.members)
  }

  /// Reads the options, and the weights of the sets; nil when the reply says what is wrong.
  private mutating func readCombination(
    _ words: borrowing Words, from start: Int, _ operation: SortedSetOperation, _ outcome: SortedSetOutcome,
    _ sources: inout [ScoreSource]
  ) -> CombinationOptions? {
    var options = CombinationOptions()
    let isScored = operation != .difference && outcome != .count
    var index = start
    while index < words.count {
      let word = words[index]
      let rest = words.count - index - 1
      if isScored && rest >= sources.count && word.equalsIgnoringCase("weights") {
        for source in sources.indices {
          guard let weight = words[index + 1 + source].score else {
            reply.error("ERR weight value is not a float")
            return nil
          }
          sources[source].weight = weight
        }
        index += sources.count
      } else if isScored && rest >= 1 && word.equalsIgnoringCase("aggregate") {
        let name = words[index + 1]
        if name.equalsIgnoringCase("sum") {
          options.aggregate = .sum
        } else if name.equalsIgnoringCase("min") {
          options.aggregate = .lowest
        } else if name.equalsIgnoringCase("max") {
          options.aggregate = .highest
        } else {
          reply.error(Self.syntaxError)
          return nil
        }
        index += 1
      } else if outcome == .reply && word.equalsIgnoringCase("withscores") {
        options.withScores = true
      } else if outcome == .count && rest >= 1 && word.equalsIgnoringCase("limit") {
        guard let limit = words[index + 1].decimal, limit >= 0 else {
          reply.error("ERR LIMIT can't be negative")
          return nil
        }
        options.limit = limit
        index += 1
      } else {
        reply.error(Self.syntaxError)
        return nil
      }
      index += 1
    }
    return options
  }

  private func combined(
    _ sources: [ScoreSource], _ operation: SortedSetOperation, _ aggregate: ScoreAggregate
  )
    -> CombinedMembers
  {
    switch operation {
    case .difference:
      var result = CombinedMembers(capacity: 0, keyspace.seed)
      sources[0].members?.forEach { member in
        let isElsewhere = sources.dropFirst().contains { $0.members?.contains(member.key) ?? false }
        if !isElsewhere { result.append(member, sources[0].score(member)) }
      }
      return result
    case .intersection:
      var result = CombinedMembers(capacity: 0, keyspace.seed)
      forEachShared(bySize(sources)) { member, others, first in
        var score = first.score(member)
        // As in Redis, of the other sets a score that is not a number isn't 0.
        for (source, other) in others { score = aggregate.combine(score, source.weighted(other)) }
        result.append(member, score)
        return true
      }
      return result
    case .union:
      // The order in which scores are added up shows in the last digits of their sum; it is Redis's.
      let ordered = bySize(sources)
      var result = CombinedMembers(capacity: ordered.reduce(1) { $0 + $1.count }, keyspace.seed)
      for source in ordered {
        source.members?.forEach { result.combine($0, source.score($0), aggregate) }
      }
      return result
    }
  }

  /// Smaller sets first; those of the same size in the order of the request.
  private func bySize(_ sources: [ScoreSource]) -> [ScoreSource] {
    sources.enumerated()
      .sorted { ($0.element.count, $0.offset) < ($1.element.count, $1.offset) }
      .map(\.element)
  }

  /// Visits the members that all sets have, with what they are in the sets behind the first, until `body` returns false.
  private func forEachShared(
    _ sources: [ScoreSource],
    _ body: (Member, _ others: [(source: ScoreSource, member: Member)], _ first: ScoreSource) -> Bool
  ) {
    guard let first = sources.first, let members = first.members else { return }
    var others: [(source: ScoreSource, member: Member)] = []
    _ = members.contains { member in
      others.removeAll(keepingCapacity: true)
      for source in sources.dropFirst() {
        guard let other = source.members?.find(member.key) else { return false }
        others.append((source, other))
      }
      return !body(member, others, first)
    }
  }

  private func countIntersection(_ sources: [ScoreSource], _ limit: Int) -> Int {
    var count = 0
    forEachShared(bySize(sources)) { _, _, _ in
      count += 1
      return count != limit
    }
    return count
  }

  private mutating func show(_ result: CombinedMembers, _ options: CombinationOptions) {
    if options.withScores {
      reply.scoredArray(result.entries.count)
      for entry in result.entries { reply.scored(entry.member.key, entry.score) }
    } else {
      reply.array(result.entries.count)
      for entry in result.entries { reply.bulk(entry.member.key) }
    }
  }

  // MARK: Storing

  /// Puts members with their scores at a key, in the place of what is there; without any nothing is left there. All of it
  /// is there after a crash, or nothing.
  mutating func store(
    _ key: borrowing Key, _ database: Int, _ scores: [Double], _ members: borrowing Words, _ event: KeyEvent
  ) {
    let isReplaced = findToChange(key, database) != nil
    guard !scores.isEmpty else {
      if isReplaced { delete(key, database) }
      return
    }
    let group = journal.beginGroup()
    defer { journal.endGroup(group) }
    if isReplaced { delete(key, database, nil) }
    members.forEachStored { part in
      let some = scores[part].map(\.withoutSignOfZero)
      _ = putScores(
        key, database, some, members.extracting(part), step: 1, part.lowerBound == 0 ? event : nil,
        isNew: !isReplaced)
    }
  }
}

extension Words {
  /// How many words, and bytes of them, one record of a stored result has at most.
  private static var storedAtOnce: Int { 1000 }
  private static var storedBytesAtOnce: Int { 64 << 10 }

  /// Calls `body` with the places of the words of each record of a stored result.
  func forEachStored(_ body: (Range<Int>) -> Void) {
    var start = 0
    while start < count {
      var end = start
      var bytes = 0
      while end < count && end - start < Self.storedAtOnce && bytes < Self.storedBytesAtOnce {
        bytes += self[end].byteCount
        end += 1
      }
      body(start..<end)
      start = end
    }
  }
}
