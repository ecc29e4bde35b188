// The changes of sorted sets: members get scores, and go by their ranks. (They go by their keys, and their sets are put
// elsewhere, like those of every collection: Collections.swift.)

/// From which end of a sorted set members are taken.
enum SortedSetEnd {
  case lowest, highest

  /// The ranks of some members from that end, the last one of them if there are fewer.
  func ranks(_ wanted: Int, of count: Int) -> Range<Int> {
    let some = min(wanted, count)
    return self == .lowest ? 0..<some : count - some..<count
  }
}

extension Shard {
  /// Gives members of the sorted set at a key their scores, one after the other; the set is made if there is none.
  ///
  /// - Parameters:
  ///   - scores: numbers.
  ///   - words: as many members, each the last of `step` words.
  /// - Returns: how many are new, and how many others have got another score.
  mutating func putScores(
    _ key: RawSpan, _ hash: UInt64, _ database: Int, _ scores: [Double], _ words: borrowing Words, step: Int,
    _ version: UInt64
  ) -> (added: Int, changed: Int) {
    let limits = limits(.sortedSet)
    var place = openCollection(.sortedSet, key, hash, database, adding: scores.count, version)
    var added = 0
    var changed = 0
    for (index, score) in scores.enumerated() {
      let member = words[index * step + step - 1]
      if let old = place.item.members.find(member), old.score == score { continue }
      if put(MemberContent(member, score: score), into: &place, limits) { added += 1 } else { changed += 1 }
    }
    publish()
    return (added, changed)
  }

  /// Takes the members of some ranks, which there are, out of a sorted set. It goes with its last one.
  mutating func removeRanks(
    _ key: RawSpan, _ hash: UInt64, _ database: Int, _ ranks: Range<Int>, _ version: UInt64
  ) {
    touched(version)
    let tables = tables
    guard let item = tables[database].find(key, hash) else { return }
    preserve(item, hash, database)
    item.version = version
    var place = place(key, hash, database)
    var left = ranks.count
    while left > 0 {
      // The keys are copied: a packed member is moved by the removal of another.
      var keys: [[UInt8]] = []
      let some = ranks.lowerBound..<ranks.lowerBound + min(left, Self.removedAtOnce)
      place.item.members.forEach(in: some) { keys.append($0.key.array) }
      for key in keys { _ = remove(key.span.raw, from: &place) }
      left -= some.count
    }
    if place.item.members.count == 0 { remove(key, hash, database, version) }
    publish()
  }

  /// How many members are looked up at once to be removed.
  private static let removedAtOnce = 128
}
