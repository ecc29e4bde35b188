// The store's methods for sorted sets.

extension Store {
  /// Gives members of the sorted set at a key their scores; the set is made if there is none. How many are new.
  /// O(log n) for each.
  ///
  /// - Throws: ``StoreError/notANumber`` if one of the scores is `nan`.
  @discardableResult
  public func setScores(_ scores: [String: Double], of key: String) async throws(StoreError) -> Int {
    guard !scores.values.contains(where: \.isNaN) else { throw .notANumber }
    let members = try PackedWords(Array(scores.keys))
    guard members.count > 0 else { return 0 }
    let values = scores.values.map(\.withoutSignOfZero)
    return try await change(key.utf8) { key, execution throws(StoreError) in
      if let item = execution.findToChange(key, 0), item.kind != .sortedSet { throw .wrongType }
      return execution.putScores(key, 0, values, members.words, step: 1).added
    }
  }

  /// Adds to the score of a member of the sorted set at a key, which counts as 0 when it isn't there; the sum.
  /// O(log n).
  ///
  /// - Throws: ``StoreError/notANumber`` if the sum is none, and then nothing has changed.
  @discardableResult
  public func incrementScore(
    of member: String, by amount: Double = 1, in key: String
  ) async throws(StoreError) -> Double {
    let packed = try PackedWords([member])
    return try await change(key.utf8) { key, execution throws(StoreError) in
      let item = execution.findToChange(key, 0)
      if let item, item.kind != .sortedSet { throw .wrongType }
      let sum = (item?.members.find(packed.words[0])?.score ?? 0) + amount
      guard !sum.isNaN else { throw .notANumber }
      _ = execution.putScores(key, 0, [sum.withoutSignOfZero], packed.words, step: 1, .incrementScore)
      return sum
    }
  }

  /// Takes members out of the sorted set at a key, which goes with its last one; how many were in it. O(log n) for each.
  @discardableResult
  public func removeScores(of members: [String], in key: String) async throws(StoreError) -> Int {
    let packed = try PackedWords(members)
    guard packed.count > 0 else { return 0 }
    return try await change(key.utf8) { key, execution throws(StoreError) in
      guard let item = execution.findToChange(key, 0) else { return 0 }
      guard item.kind == .sortedSet else { throw .wrongType }
      return execution.removeMembers(.sortedSet, key, 0, packed.words, .removeScored)
    }
  }

  /// The score of a member of the sorted set at a key; nil when there is none. O(1).
  public func score(of member: String, in key: String) async throws(StoreError) -> Double? {
    try await readSorted(key) { $0.find(Array(member.utf8).span.raw)?.score } ?? nil
  }

  /// How many members of the sorted set at a key are before one, in the order of scores and among equal ones of bytes;
  /// nil when it isn't there. O(log n).
  public func rank(of member: String, in key: String) async throws(StoreError) -> Int? {
    try await readSorted(key) { members in
      let name = Array(member.utf8)
      guard let found = members.find(name.span.raw) else { return nil }
      return members.rank(of: OrderPlace(behind: found.score, name.span.raw)) - 1
    } ?? nil
  }

  /// The members of the sorted set at a key with some ranks, or with all, in the order of their scores. O(log n + m).
  public func scores(
    of key: String, ranks: Range<Int>? = nil
  ) async throws(StoreError) -> [(member: String, score: Double)] {
    try await readSorted(key) { members in
      let all = 0..<members.count
      return Self.list(members, ranks?.clamped(to: all) ?? all)
    } ?? []
  }

  /// The members of the sorted set at a key with scores in a range, in their order. O(log n + m).
  public func scores(
    of key: String, in range: ClosedRange<Double>
  ) async throws(StoreError) -> [(member: String, score: Double)] {
    try await readSorted(key) { members in
      let low = members.rank(of: OrderPlace(score: range.lowerBound, isBehindEqual: false))
      let high = members.rank(of: OrderPlace(score: range.upperBound, isBehindEqual: true))
      return Self.list(members, low..<high)
    } ?? []
  }

  private static func list(_ members: Members, _ ranks: Range<Int>) -> [(member: String, score: Double)] {
    var list: [(member: String, score: Double)] = []
    members.forEach(in: ranks) { list.append(($0.key.text, $0.score)) }
    return list
  }

  /// What `body` makes of the members of the sorted set at a key; nil when there is none.
  private func readSorted<Result: Sendable>(
    _ key: String, _ body: (Members) -> Result
  ) async throws(StoreError) -> Result? {
    try await read(key.utf8) { key, execution throws(StoreError) in
      guard let item = execution.find(key, 0) else { return nil }
      guard item.kind == .sortedSet else { throw .wrongType }
      return body(item.members)
    }
  }
}
