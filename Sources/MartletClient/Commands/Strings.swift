// Methods for string values.

/// When `set` stores.
public enum SetCondition: Sendable, Hashable {
  case always
  /// Only when the key doesn't exist yet (`NX`).
  case ifAbsent
  /// Only when the key exists already (`XX`).
  case ifPresent
}

/// When a value that is set goes away by itself.
public enum SetExpiry: Sendable, Hashable {
  /// Never; an expiry that the key had before is removed.
  case never
  /// After this time, in whole milliseconds.
  case after(Duration)
  /// At this time, in milliseconds since 1970.
  case at(unixMilliseconds: Int64)
  /// As the key's value before.
  case keep
}

extension MartletConnection {
  /// The bytes of the string at a key; nil when there is no such key.
  public func get(_ key: some CommandWord) async throws(ClientError) -> [UInt8]? {
    try await query(Command("GET", key)) { reply in
      if case .null = reply { .some(nil) } else { reply.bytes.map(Optional.some) }
    }
  }

  /// The string at a key as text, wrong UTF-8 replaced by U+FFFD; nil when there is no such key.
  public func getString(_ key: some CommandWord) async throws(ClientError) -> String? {
    try await get(key).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Stores a string.
  ///
  /// - Returns: whether it was stored; false only when the condition wasn't met.
  @discardableResult
  public func set(
    _ key: some CommandWord, _ value: some CommandWord, if condition: SetCondition = .always,
    expiry: SetExpiry = .never
  ) async throws(ClientError) -> Bool {
    var command = Command("SET", key, value)
    switch condition {
    case .always: break
    case .ifAbsent: command.append("NX")
    case .ifPresent: command.append("XX")
    }
    switch expiry {
    case .never: break
    case .after(let duration):
      command.append("PX")
      command.append(duration.milliseconds)
    case .at(let unixMilliseconds):
      command.append("PXAT")
      command.append(unixMilliseconds)
    case .keep: command.append("KEEPTTL")
    }
    return try await query(command) { reply in
      switch reply {
      case .simpleString: true
      case .null: false
      default: nil
      }
    }
  }

  /// Adds to the integer at a key, 0 if there is none, and returns the sum.
  @discardableResult
  public func increment(_ key: some CommandWord, by amount: Int64 = 1) async throws(ClientError) -> Int64 {
    try await query(Command("INCRBY", key, amount), \.integer)
  }
}
