// Methods for lists: many values under one key, in an order.

extension MartletConnection {
  /// Adds elements at the tail of the list at a key, which is made if it isn't there.
  ///
  /// - Returns: how many elements the list then has; 0 when none are given.
  @discardableResult
  public func append(_ elements: any CommandWord..., to key: some CommandWord) async throws(ClientError)
    -> Int
  {
    guard !elements.isEmpty else { return 0 }
    return try await count(Command("RPUSH", appending: [key] + elements))
  }

  /// Adds elements at the head of the list at a key, which is made if it isn't there, so that the first of them is the list's
  /// first.
  ///
  /// - Returns: how many elements the list then has; 0 when none are given.
  @discardableResult
  public func prepend(_ elements: any CommandWord..., to key: some CommandWord) async throws(ClientError)
    -> Int
  {
    guard !elements.isEmpty else { return 0 }
    return try await count(Command("LPUSH", appending: [key] + elements.reversed()))
  }

  /// Takes the first element of the list at a key; nil if there is no such key. A list without elements is gone.
  public func removeFirst(from key: some CommandWord) async throws(ClientError) -> [UInt8]? {
    try await query(Command("LPOP", key)) { $0.optionalBytes }
  }

  /// Takes the last element of the list at a key; nil if there is no such key. A list without elements is gone.
  public func removeLast(from key: some CommandWord) async throws(ClientError) -> [UInt8]? {
    try await query(Command("RPOP", key)) { $0.optionalBytes }
  }

  /// How many elements the list at a key has; 0 if there is no such key.
  public func elementCount(of key: some CommandWord) async throws(ClientError) -> Int {
    try await count(Command("LLEN", key))
  }

  /// The element of the list at a key at an index, which below 0 counts from the tail; nil if there is none.
  public func element(_ index: Int, of key: some CommandWord) async throws(ClientError) -> [UInt8]? {
    try await query(Command("LINDEX", key, index)) { $0.optionalBytes }
  }

  /// The elements of the list at a key from one index to another, which below 0 count from the tail; all, if neither is given.
  public func elements(
    of key: some CommandWord, from start: Int = 0, through stop: Int = -1
  ) async throws(ClientError) -> [[UInt8]] {
    try await query(Command("LRANGE", key, start, stop)) { $0.elements?.compactMap(\.bytes) }
  }

  /// Moves the last element of the list at a key to the head of another, which is made if it isn't there.
  ///
  /// - Returns: the element; nil if there is no such key.
  @discardableResult
  public func moveLast(
    from key: some CommandWord, toHeadOf destination: some CommandWord
  ) async throws(ClientError) -> [UInt8]? {
    try await query(Command("LMOVE", key, destination, "RIGHT", "LEFT")) { $0.optionalBytes }
  }

  /// Takes the first element of the first of some lists that has any. If none has, it waits until one has, for a time at the
  /// most. The connection's other requests wait behind it meanwhile. A command timeout of the connection has to be longer.
  ///
  /// - Parameter timeout: how long to wait; zero for as long as it takes.
  /// - Returns: the key and the element; nil if the time is over.
  public func removeFirst(
    fromAnyOf keys: any CommandWord..., waitingFor timeout: Duration
  ) async throws(ClientError) -> (key: [UInt8], element: [UInt8])? {
    try await waitForElement("BLPOP", keys, timeout)
  }

  /// The same for the last element.
  public func removeLast(
    fromAnyOf keys: any CommandWord..., waitingFor timeout: Duration
  ) async throws(ClientError) -> (key: [UInt8], element: [UInt8])? {
    try await waitForElement("BRPOP", keys, timeout)
  }

  private func waitForElement(
    _ command: String, _ keys: [any CommandWord], _ timeout: Duration
  ) async throws(ClientError) -> (key: [UInt8], element: [UInt8])? {
    guard !keys.isEmpty else { return nil }
    let seconds = "\(Double(timeout.milliseconds) / 1000)"
    return try await query(Command(command, appending: keys + [seconds])) { reply in
      if case .null = reply { return .some(nil) }
      guard let elements = reply.elements, elements.count == 2, let key = elements[0].bytes,
        let element = elements[1].bytes
      else { return nil }
      return (key, element)
    }
  }
}

extension RESPValue {
  /// The bytes of a reply that may be null; nil for a reply of another type.
  fileprivate var optionalBytes: [UInt8]?? {
    if case .null = self { .some(nil) } else { bytes.map(Optional.some) }
  }
}
