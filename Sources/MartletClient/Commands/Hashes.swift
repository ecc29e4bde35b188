// Methods for hashes: many fields under one key, each with a value.

extension MartletConnection {
  /// Sets fields of the hash at a key, which is made if it isn't there. They don't expire.
  ///
  /// - Returns: how many of them are new.
  @discardableResult
  public func setFields(
    _ fields: KeyValuePairs<String, any CommandWord>, of key: some CommandWord
  ) async throws(ClientError) -> Int {
    guard !fields.isEmpty else { return 0 }
    var words: [any CommandWord] = [key]
    for (field, value) in fields {
      words.append(field)
      words.append(value)
    }
    return try await count(Command("HSET", appending: words))
  }

  /// The value of a field of the hash at a key; nil if there is none.
  public func field(_ field: some CommandWord, of key: some CommandWord) async throws(ClientError) -> [UInt8]?
  {
    try await query(Command("HGET", key, field)) { reply in
      if case .null = reply { .some(nil) } else { reply.bytes.map(Optional.some) }
    }
  }

  /// The values of several fields of the hash at a key, in their order; nil for each that isn't there.
  public func fields(
    _ fields: any CommandWord..., of key: some CommandWord
  ) async throws(ClientError) -> [[UInt8]?] {
    guard !fields.isEmpty else { return [] }
    return try await query(Command("HMGET", appending: [key] + fields)) { $0.elements?.map(\.bytes) }
  }

  /// All fields of the hash at a key with their values, in no order; none if there is no such key.
  public func fields(
    of key: some CommandWord
  ) async throws(ClientError) -> [(field: [UInt8], value: [UInt8])] {
    try await query(Command("HGETALL", key)) { reply in
      guard case .map(let entries) = reply else { return nil }
      return entries.compactMap { entry in
        guard let field = entry.key.bytes, let value = entry.value.bytes else { return nil }
        return (field, value)
      }
    }
  }

  /// Deletes fields of the hash at a key. A hash without fields is gone.
  ///
  /// - Returns: how many of them were there.
  @discardableResult
  public func removeFields(
    _ fields: any CommandWord..., from key: some CommandWord
  ) async throws(ClientError) -> Int {
    guard !fields.isEmpty else { return 0 }
    return try await count(Command("HDEL", appending: [key] + fields))
  }

  /// Adds to the integer in a field of the hash at a key, which counts as 0 when it isn't there.
  ///
  /// - Returns: the sum.
  @discardableResult
  public func incrementField(
    _ field: some CommandWord, of key: some CommandWord, by amount: Int = 1
  ) async throws(ClientError) -> Int {
    try await count(Command("HINCRBY", key, field, amount))
  }

  /// Has fields of the hash at a key expire after a time.
  ///
  /// - Returns: for each field whether it is there.
  @discardableResult
  public func expireFields(
    _ fields: any CommandWord..., of key: some CommandWord, after time: Duration
  ) async throws(ClientError) -> [Bool] {
    guard !fields.isEmpty else { return [] }
    let words: [any CommandWord] = [key, time.milliseconds, "FIELDS", fields.count]
    return try await query(Command("HPEXPIRE", appending: words + fields)) {
      $0.elements?.map { ($0.integer ?? 0) > 0 }
    }
  }
}
