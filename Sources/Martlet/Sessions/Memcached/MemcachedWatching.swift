// memcached's `watch`: a client that is shown what others do. Its session waits, and looks several times a second for
// what there is to show.

extension MemcachedSession {
  /// How long a watcher's session waits before it looks again, in nanoseconds.
  private static let watchInterval: Int64 = 50_000_000

  /// `watch [fetchers] [mutations] [evictions]`: what the client wants to see from now on.
  mutating func beginWatching(
    _ words: borrowing Words, _ end: Int, _ execution: inout Execution
  ) -> Outcome {
    guard execution.context.memcached.allowsWatch else {
      return answer("CLIENT_ERROR watch commands not allowed", end, isQuiet: words.isQuiet, &execution)
    }
    var kinds: WatchedKinds = words.count == 1 ? .fetchers : []
    for index in 1..<max(1, words.count) {
      if words[index].equalsExactly("fetchers") {
        kinds.insert(.fetchers)
      } else if words[index].equalsExactly("mutations") {
        kinds.insert(.mutations)
      } else if words[index].equalsExactly("evictions") {
        kinds.insert(.evictions)
      } else {
        return answer("ERROR", end, isQuiet: words.isQuiet, &execution)
      }
    }
    watcher = execution.context.watchers.watch(kinds)
    guard watcher != nil else {
      return error("WATCHER_TOO_MANY log watcher limit reached", end, &execution)
    }
    isWatching = true
    execution.reply.buffer.append("OK\r\n")
    return .watch
  }

  /// What a watcher's session does when it is called: the request stays where it is, and nothing behind it is read.
  func goOnWatching(_ input: RawSpan, _ execution: inout Execution) -> SessionStep {
    guard let watcher else { return SessionStep(consumed: input.byteCount, next: .close) }
    execution.reply.buffer.append(text: watcher.take())
    return SessionStep(consumed: 0, next: Self.laterLook)
  }

  static var laterLook: SessionStep.Next {
    .wait(until: WallClock.monotonicNanoseconds() + watchInterval)
  }
}

extension Execution {
  /// Tells who watches that a value was asked for.
  ///
  /// - Parameter size: its length in bytes; nil when there is none.
  @inline(never)
  func tellFetch(_ key: RawSpan, _ size: Int?, _ client: ClientRecord) {
    context.watchers.tell(
      .fetchers,
      "type=item_get key=\(Watchers.shown(key)) status=\(size == nil ? "not_found" : "found") clsid=0 "
        + "cfd=\(client.id) size=\(size ?? 0)")
  }

  /// Tells who watches what became of a value that was to be stored.
  ///
  /// - Parameters:
  ///   - expiry: when it expires, in milliseconds since 1970; 0 for never.
  ///   - size: its length in bytes.
  @inline(never)
  func tellStore(
    _ key: RawSpan, _ command: RawSpan, _ outcome: StoreOutcome, _ expiry: Int64, _ size: Int,
    _ client: ClientRecord
  ) {
    let status =
      switch outcome {
      case .stored: "stored"
      case .notStored, .wrongType: "not_stored"
      case .exists: "exists"
      case .notFound: "not_found"
      case .tooLarge: "too_large"
      }
    let milliseconds = expiry == 0 ? 0 : max(0, expiry.subtractingReportingOverflow(clock.now()).partialValue)
    context.watchers.tell(
      .mutations,
      "type=item_store key=\(Watchers.shown(key)) status=\(status) cmd=\(command.text) "
        + "ttl=\(milliseconds / 1000 + (milliseconds % 1000 > 0 ? 1 : 0)) clsid=0 cfd=\(client.id) size=\(size)"
    )
  }
}
