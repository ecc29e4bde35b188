// Methods for sorted sets: members with scores, in the order of these.

extension MartletConnection {
  /// A member of a sorted set with its score.
  public typealias ScoredMember = (member: [UInt8], score: Double)

  /// Gives members of the sorted set at a key their scores. The set is made if it isn't there.
  ///
  /// - Returns: how many of them are new.
  @discardableResult
  public func setScores(
    _ scores: KeyValuePairs<String, Double>, of key: some CommandWord
  ) async throws(ClientError) -> Int {
    guard !scores.isEmpty else { return 0 }
    var words: [any CommandWord] = [key]
    for (member, score) in scores {
      words.append(score.description)
      words.append(member)
    }
    return try await count(Command("ZADD", appending: words))
  }

  /// Adds to the score of a member of the sorted set at a key, which counts as 0 when it isn't there.
  ///
  /// - Returns: the sum.
  @discardableResult
  public func incrementScore(
    of member: some CommandWord, by amount: Double = 1, in key: some CommandWord
  ) async throws(ClientError) -> Double {
    try await query(Command("ZINCRBY", key, amount.description, member)) { $0.double }
  }

  /// The score of a member of the sorted set at a key; nil if there is none.
  public func score(
    of member: some CommandWord, in key: some CommandWord
  ) async throws(ClientError) -> Double? {
    try await query(Command("ZSCORE", key, member)) { reply in
      if case .null = reply { .some(nil) } else { reply.double.map(Optional.some) }
    }
  }

  /// How many members of the sorted set at a key are before one, in the order of scores and among equal ones of bytes;
  /// nil if it isn't there.
  public func rank(
    of member: some CommandWord, in key: some CommandWord
  ) async throws(ClientError) -> Int? {
    try await query(Command("ZRANK", key, member)) { reply in
      if case .null = reply { .some(nil) } else { reply.integer.map { Int($0) } }
    }
  }

  /// Members of the sorted set at a key by rank, in the order of their scores.
  ///
  /// - Parameters:
  ///   - start: the first rank, counted from 0; below 0 from the end, -1 being the last.
  ///   - stop: the last rank, counted the same way.
  ///   - isReversed: ranks count from the highest score, and the members come in that order.
  public func scores(
    of key: some CommandWord, from start: Int = 0, through stop: Int = -1, isReversed: Bool = false
  ) async throws(ClientError) -> [ScoredMember] {
    var words: [any CommandWord] = [key, start, stop]
    if isReversed { words.append("REV") }
    words.append("WITHSCORES")
    return try await query(Command("ZRANGE", appending: words)) { $0.scoredMembers }
  }

  /// The members of the sorted set at a key with scores in a range, in their order.
  public func scores(
    of key: some CommandWord, in range: ClosedRange<Double>
  ) async throws(ClientError) -> [ScoredMember] {
    let (low, high) = (range.lowerBound.description, range.upperBound.description)
    return try await query(Command("ZRANGE", key, low, high, "BYSCORE", "WITHSCORES")) { $0.scoredMembers }
  }

  /// Takes members out of the sorted set at a key. A sorted set without members is gone.
  ///
  /// - Returns: how many of them were there.
  @discardableResult
  public func removeScores(
    of members: any CommandWord..., in key: some CommandWord
  ) async throws(ClientError) -> Int {
    guard !members.isEmpty else { return 0 }
    return try await count(Command("ZREM", appending: [key] + members))
  }

  /// Takes the members with the lowest scores, or the highest, out of the sorted set at a key.
  ///
  /// - Returns: those members, the outermost first.
  public func popScores(
    _ number: Int = 1, highest: Bool = false, from key: some CommandWord
  ) async throws(ClientError) -> [ScoredMember] {
    try await query(Command(highest ? "ZPOPMAX" : "ZPOPMIN", key, number)) { $0.scoredMembers }
  }
}

extension RESPValue {
  /// The value of a double; nil for anything else.
  fileprivate var double: Double? { if case .double(let value) = self { value } else { nil } }

  /// Pairs of members and scores, as version 3 of the protocol has them.
  fileprivate var scoredMembers: [MartletConnection.ScoredMember]? {
    guard let elements else { return nil }
    var members: [MartletConnection.ScoredMember] = []
    for element in elements {
      guard let pair = element.elements, pair.count == 2, let member = pair[0].bytes,
        let score = pair[1].double
      else { return nil }
      members.append((member, score))
    }
    return members
  }
}
