// What is made of several sets: their union, their intersection, their difference; returned, counted, or kept as a set.
//
// A set that is kept is recorded as what it is made of: the key is deleted, and its members are added in lines of a few
// kilobytes. A crash leaves all of these records or none.

internal let setOperationCommands: [CommandDeclaration] = [
  .init(
    "SDIFF", arity: -2, [.readOnly], keys: .all, .set, since: "1.0.0",
    "O(N), N being the members of all sets",
    "key [key ...]", "Returns the members of the first set that are in none of the others."),
  .init(
    "SDIFFSTORE", arity: -3, [.write, .denyOOM], keys: .all, .set, since: "1.0.0",
    "O(N), N being the members of all sets", "destination key [key ...]",
    "Keeps the members of the first set that are in none of the others as another set."),
  .init(
    "SINTER", arity: -2, [.readOnly], keys: .all, .set, since: "1.0.0",
    "O(N*M), N being the members of the smallest set and M the sets", "key [key ...]",
    "Returns the members that several sets have in common."),
  .init(
    "SINTERCARD", arity: -3, [.readOnly], keys: .counted(by: 1), .set, since: "7.0.0",
    "O(N*M), N being the members of the smallest set and M the sets", "numkeys key [key ...] [LIMIT limit]",
    "Returns how many members several sets have in common; with a limit no more than that are counted."),
  .init(
    "SINTERSTORE", arity: -3, [.write, .denyOOM], keys: .all, .set, since: "1.0.0",
    "O(N*M), N being the members of the smallest set and M the sets", "destination key [key ...]",
    "Keeps the members that several sets have in common as another set."),
  .init(
    "SUNION", arity: -2, [.readOnly], keys: .all, .set, since: "1.0.0",
    "O(N), N being the members of all sets",
    "key [key ...]", "Returns the members of several sets, each once."),
  .init(
    "SUNIONSTORE", arity: -3, [.write, .denyOOM], keys: .all, .set, since: "1.0.0",
    "O(N), N being the members of all sets", "destination key [key ...]",
    "Keeps the members of several sets as another set."),
]

/// What is made of several sets.
enum SetOperation {
  case union, intersection, difference
}

extension Execution {
  /// A record of the members of a set that is kept is closed when it has this many bytes.
  private static var recordBytes: Int { 4 << 10 }

  // MARK: Commands

  /// `SUNION`, `SINTER`, `SDIFF`
  mutating func combineSets(_ words: borrowing Words, _ database: Int, _ operation: SetOperation) {
    guard let sets = findSets(words.from(1), database) else { return }
    let combined = combine(sets, operation)
    guard !combined.isOverfull else { return reply.refuseAsTooLarge() }
    let members = combined.words
    reply.set(members.count)
    for index in 0..<members.count { reply.bulk(members[index]) }
  }

  /// `SUNIONSTORE`, `SINTERSTORE`, `SDIFFSTORE`
  mutating func storeCombinedSets(_ words: borrowing Words, _ database: Int, _ operation: SetOperation) {
    guard let sets = findSets(words.from(2), database) else { return }
    let combined = combine(sets, operation)
    guard !combined.isOverfull else { return reply.error("ERR the set would be larger than 1 GiB") }
    let members = combined.words
    storeSet(keyspace.place(words[1]), database, members, .store(operation))
    reply.integer(members.count)
  }

  mutating func countIntersection(_ words: borrowing Words, _ database: Int) {
    guard let count = words[1].decimal, count > 0 else {
      return reply.error("ERR numkeys should be greater than 0")
    }
    guard count <= words.count - 2 else {
      return reply.error("ERR Number of keys can't be greater than number of args")
    }
    var limit = 0
    for index in stride(from: 2 + count, to: words.count, by: 2) {
      guard words[index].equalsIgnoringCase("limit"), index + 1 < words.count else {
        return reply.error(Self.syntaxError)
      }
      guard let number = words[index + 1].decimal, number >= 0 else {
        return reply.error("ERR LIMIT can't be negative")
      }
      limit = number
    }
    guard let sets = findSets(words.extracting(2..<2 + count), database) else { return }
    var found = 0
    Self.forEachCommon(sets) { _ in
      found += 1
      return found != limit
    }
    reply.integer(found)
  }

  // MARK: Finding and storing

  /// The sets at some keys, nil for one that isn't there; nil, with a reply of WRONGTYPE, when there is another type.
  private mutating func findSets(_ keys: borrowing Words, _ database: Int) -> [LiveMembers?]? {
    var sets: [LiveMembers?] = []
    for index in 0..<keys.count {
      let item = find(keyspace.place(keys[index]), database)
      if let item, item.kind != .set {
        replyWrongType()
        return nil
      }
      sets.append(item.map { LiveMembers($0, clock) })
    }
    return sets
  }

  /// Has a key hold a set of just these members, whatever it held before; without any it is gone.
  mutating func storeSet(
    _ key: borrowing Key, _ database: Int, _ members: borrowing Words, _ event: KeyEvent
  ) {
    let isThere = findToChange(key, database) != nil
    guard members.count > 0 else {
      if isThere { delete(key, database) }
      return
    }
    let group = journal.beginGroup()
    if isThere { delete(key, database, nil) }
    var start = 0
    while start < members.count {
      var end = start
      var bytes = 0
      while end < members.count && bytes < Self.recordBytes {
        bytes += members[end].byteCount + 1
        end += 1
      }
      _ = putMembers(
        .set, key, database, members.extracting(start..<end), start == 0 ? event : nil, isNew: !isThere)
      start = end
    }
    journal.endGroup(group)
  }

  // MARK: Combining

  private func combine(_ sets: [LiveMembers?], _ operation: SetOperation) -> ChosenMembers {
    switch operation {
    case .union:
      var union = DistinctWords()
      for set in sets { set?.forEach { union.insert($0.key, keyspace.hash($0.key)) } }
      return union.takeWords()
    case .intersection:
      var common = ChosenMembers()
      Self.forEachCommon(sets) { member in
        common.append(member.key)
        return !common.isOverfull
      }
      return common
    case .difference:
      return difference(sets)
    }
  }

  /// Calls `body` with each member that all sets have, until it returns false.
  private static func forEachCommon(_ sets: [LiveMembers?], _ body: (Member) -> Bool) {
    var present: [LiveMembers] = []
    for set in sets {
      guard let set else { return }
      present.append(set)
    }
    // Those that have fewest can rule out most.
    present.sort { $0.count < $1.count }
    guard let smallest = present.first else { return }
    let others = present.dropFirst()
    _ = smallest.members.contains { member in
      for other in others where other.find(member.key) == nil { return false }
      return !body(member)
    }
  }

  /// The members of the first set that are in none of the others: each is looked for in the others, or, if that would be
  /// more work than going through all of these, in what they have together.
  private func difference(_ sets: [LiveMembers?]) -> ChosenMembers {
    var left = ChosenMembers()
    guard let first = sets.first ?? nil else { return left }
    var others = sets.dropFirst().compactMap { $0 }
    let membersOfOthers = others.reduce(0) { $0 + $1.count }
    if first.count / 2 * others.count <= membersOfOthers + first.count {
      // The largest is most likely to have it.
      others.sort { $0.count > $1.count }
      first.forEach { member in
        for other in others where other.find(member.key) != nil { return }
        left.append(member.key)
      }
    } else {
      var taken = DistinctWords()
      for other in others { other.forEach { taken.insert($0.key, keyspace.hash($0.key)) } }
      first.forEach { if !taken.contains($0.key, keyspace.hash($0.key)) { left.append($0.key) } }
      // What is missing from there can't be told from what is in none of them.
      if taken.isOverfull { left.markAsOverfull() }
    }
    return left
  }
}

/// Words copied out of the keyspace, each once: a hash table of the numbers of the words, with open addressing.
struct DistinctWords: ~Copyable {
  private var chosen = ChosenMembers()
  private var count = 0
  /// The upper half is that of the word's hash, the lower half the word's number, counted from 1; 0 is free.
  private var slots: [UInt64] = Array(repeating: 0, count: 64)

  private static let numberMask: UInt64 = 0xffff_ffff

  /// Whether more came than can be kept: the rest was not taken.
  var isOverfull: Bool { chosen.isOverfull }

  /// The words, which are no longer here.
  consuming func takeWords() -> ChosenMembers { chosen }

  /// Adds a word; whether it wasn't there yet.
  @discardableResult
  mutating func insert(_ word: RawSpan, _ hash: UInt64) -> Bool {
    guard let place = freePlace(word, hash) else { return false }
    if !isOverfull { chosen.append(word) }
    if isOverfull { return true }
    count += 1
    slots[place] = hash & ~Self.numberMask | UInt64(count)
    if count * 4 > slots.count * 3 { grow() }
    return true
  }

  func contains(_ word: RawSpan, _ hash: UInt64) -> Bool { freePlace(word, hash) == nil }

  /// The slot where a word belongs that isn't there yet; nil when it is.
  private func freePlace(_ word: RawSpan, _ hash: UInt64) -> Int? {
    let words = chosen.words
    var place = Self.place(hash, slots.count)
    while slots[place] != 0 {
      let slot = slots[place]
      if (slot ^ hash) & ~Self.numberMask == 0,
        words[Int(truncatingIfNeeded: slot & Self.numberMask) - 1].equals(word)
      {
        return nil
      }
      place = (place + 1) % slots.count
    }
    return place
  }

  /// Of the upper half, which is all of a hash that is kept.
  private static func place(_ hash: UInt64, _ capacity: Int) -> Int {
    Int(truncatingIfNeeded: (hash >> 32) &* 0x9e37_79b9_7f4a_7c15 >> 32) & (capacity - 1)
  }

  private mutating func grow() {
    var grown = [UInt64](repeating: 0, count: slots.count * 2)
    for slot in slots where slot != 0 {
      var place = Self.place(slot, grown.count)
      while grown[place] != 0 { place = (place + 1) % grown.count }
      grown[place] = slot
    }
    slots = grown
  }
}
