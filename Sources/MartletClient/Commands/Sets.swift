// Methods for sets: many values under one key, each there once.

extension MartletConnection {
  /// Adds members to the set at a key, which is made if it isn't there.
  ///
  /// - Returns: how many of them were not members yet.
  @discardableResult
  public func addMembers(_ members: any CommandWord..., to key: some CommandWord) async throws(ClientError)
    -> Int
  {
    guard !members.isEmpty else { return 0 }
    return try await count(Command("SADD", appending: [key] + members))
  }

  /// Removes members from the set at a key. A set without members is gone.
  ///
  /// - Returns: how many of them were members.
  @discardableResult
  public func removeMembers(
    _ members: any CommandWord..., from key: some CommandWord
  ) async throws(ClientError) -> Int {
    guard !members.isEmpty else { return 0 }
    return try await count(Command("SREM", appending: [key] + members))
  }

  /// All members of the set at a key, in no order; none if there is no such key.
  public func members(of key: some CommandWord) async throws(ClientError) -> [[UInt8]] {
    try await query(Command("SMEMBERS", key)) { $0.elements?.compactMap(\.bytes) }
  }

  /// Whether a value is a member of the set at a key.
  public func contains(_ member: some CommandWord, in key: some CommandWord) async throws(ClientError) -> Bool
  {
    try await count(Command("SISMEMBER", key, member)) == 1
  }
}
