// Methods for keys of any type.

/// How long a key will still be there.
public enum TimeToLive: Sendable, Hashable {
  case noSuchKey
  case forever
  case remaining(Duration)
}

extension MartletConnection {
  /// Deletes keys.
  ///
  /// - Returns: how many of them existed.
  @discardableResult
  public func delete(_ keys: any CommandWord...) async throws(ClientError) -> Int {
    guard !keys.isEmpty else { return 0 }
    return try await count(Command("DEL", appending: keys))
  }

  /// Whether a key exists.
  public func exists(_ key: some CommandWord) async throws(ClientError) -> Bool {
    try await count(Command("EXISTS", key)) == 1
  }

  /// Has a key go away after a time, in whole milliseconds.
  ///
  /// - Returns: whether there is such a key.
  @discardableResult
  public func expire(_ key: some CommandWord, after duration: Duration) async throws(ClientError) -> Bool {
    try await count(Command("PEXPIRE", key, duration.milliseconds)) == 1
  }

  /// How long a key will still be there, to the millisecond.
  public func timeToLive(of key: some CommandWord) async throws(ClientError) -> TimeToLive {
    try await query(Command("PTTL", key)) { reply in
      switch reply.integer {
      case nil: nil
      case -2: .noSuchKey
      case -1: .forever
      case .some(let milliseconds): .remaining(.milliseconds(milliseconds))
      }
    }
  }

  /// All keys that match a pattern, fetched in portions as they are consumed.
  ///
  /// A key that is there all the time comes at least once; one that comes or goes meanwhile may or may not. A key may
  /// come more than once.
  ///
  /// - Parameters:
  ///   - pattern: as for `SCAN`: `*` any text, `?` any character, `[abc]` one of them; nil for all keys.
  ///   - portion: about how many keys the server looks at for each portion.
  public func keys(matching pattern: String? = nil, portion: Int = 1000) -> KeyScan {
    KeyScan(connection: self, pattern: pattern, portion: portion)
  }
}

/// The keys of a database, one by one: what ``MartletConnection/keys(matching:portion:)`` returns.
public struct KeyScan: AsyncSequence, Sendable {
  public typealias Element = [UInt8]
  public typealias Failure = ClientError

  let connection: MartletConnection
  let pattern: String?
  let portion: Int

  public func makeAsyncIterator() -> Iterator {
    Iterator(scan: self)
  }

  public struct Iterator: AsyncIteratorProtocol {
    let scan: KeyScan
    /// Where the server goes on; nil when it has told all.
    var cursor: [UInt8]? = Array("0".utf8)
    /// Keys fetched and not consumed yet, the next one last.
    var fetched: [[UInt8]] = []

    public mutating func next(
      isolation: isolated (any Actor)? = #isolation
    ) async throws(ClientError) -> [UInt8]? {
      while fetched.isEmpty, let cursor {
        var command = Command("SCAN", cursor)
        if let pattern = scan.pattern {
          command.append("MATCH")
          command.append(pattern)
        }
        command.append("COUNT")
        command.append(scan.portion)
        let (next, keys) = try await scan.connection.query(command, Self.readPortion)
        self.cursor = next.elementsEqual("0".utf8) ? nil : next
        fetched = keys.reversed()
      }
      return fetched.popLast()
    }

    private static func readPortion(_ reply: RESPValue) -> ([UInt8], [[UInt8]])? {
      guard let parts = reply.elements, parts.count == 2, let cursor = parts[0].bytes,
        let keys = parts[1].elements?.compactMap(\.bytes)
      else { return nil }
      return (cursor, keys)
    }
  }
}
