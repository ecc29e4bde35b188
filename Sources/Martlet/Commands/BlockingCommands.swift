// The commands that wait until there is an element to take.

internal let blockingCommands: [CommandDeclaration] = [
  .init(
    "BLMOVE", arity: 6, [.write, .denyOOM, .blocking], keys: .two, .list, since: "6.2.0", "O(1)",
    "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout",
    "Moves an element from an end of a list to an end of another, and returns it; waits for one, for some seconds at the "
      + "most or, with 0, for as long as it takes."),
  .init(
    "BLMPOP", arity: -5, [.write, .blocking], keys: .counted(by: 2), .list, since: "7.0.0",
    "O(N+M), N being the keys and M the elements taken",
    "timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
    "Takes elements from an end of the first of several lists that has any, and returns them; waits for one."),
  .init(
    "BLPOP", arity: -3, [.write, .blocking], keys: .allButLast, .list, since: "2.0.0",
    "O(N), N being the keys", "key [key ...] timeout",
    "Takes an element from the head of the first of several lists that has any, and returns it with its key; waits for "
      + "one, for some seconds at the most or, with 0, for as long as it takes."),
  .init(
    "BRPOP", arity: -3, [.write, .blocking], keys: .allButLast, .list, since: "2.0.0",
    "O(N), N being the keys", "key [key ...] timeout",
    "Takes an element from the tail of the first of several lists that has any, and returns it with its key; waits for "
      + "one."),
  .init(
    "BRPOPLPUSH", arity: 4, [.write, .denyOOM, .blocking], keys: .two, .list, since: "2.2.0", "O(1)",
    "source destination timeout",
    "Moves an element from the tail of a list to the head of another, and returns it; waits for one."),
  .init(
    "BZMPOP", arity: -5, [.write, .blocking], keys: .counted(by: 2), .sortedSet, since: "7.0.0",
    "O(K)+O(M*log(N)), K being the keys, N the members of the set and M those taken",
    "timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
    "Takes members from an end of the first of several sorted sets that has any, and returns them with their scores; "
      + "waits for one."),
  .init(
    "BZPOPMAX", arity: -3, [.write, .fast, .blocking], keys: .allButLast, .sortedSet, since: "5.0.0",
    "O(log(N)), N being the members", "key [key ...] timeout",
    "Takes the member with the highest score out of the first of several sorted sets that has any, and returns it with "
      + "its key and score; waits for one."),
  .init(
    "BZPOPMIN", arity: -3, [.write, .fast, .blocking], keys: .allButLast, .sortedSet, since: "5.0.0",
    "O(log(N)), N being the members", "key [key ...] timeout",
    "Takes the member with the lowest score out of the first of several sorted sets that has any, and returns it with its "
      + "key and score; waits for one."),
]

extension Execution {
  /// `BLPOP` and `BRPOP`.
  mutating func waitForElement(
    _ words: borrowing Words, from end: ListEnd, _ session: inout SessionState
  ) -> DispatchOutcome {
    let last = words.count - 1
    guard let timeout = secondsToWait(words[last]) else { return .done }
    for position in 1..<last {
      let key = keyspace.place(words[position])
      let (list, isRefused) = findListToChange(key, session.database)
      if isRefused { return .done }
      guard let list else { continue }
      reply.array(2)
      reply.bulk(words[position])
      reply.bulk(list.element(end == .head ? 0 : list.count - 1))
      if !reply.isOverfull { popElements(key, session.database, 1, from: end) }
      return .done
    }
    return waitForData(words, 1..<last, .elements(end, count: nil), milliseconds: timeout, &session)
  }

  /// `BLMPOP`
  mutating func waitForFirst(
    _ words: borrowing Words, _ session: inout SessionState
  ) -> DispatchOutcome {
    guard let timeout = secondsToWait(words[1]),
      let options: PopOptions<ListEnd> = popOptions(words, countAt: 2)
    else { return .done }
    if replyPoppedFromFirst(words, session.database, options) { return .done }
    return waitForData(
      words, options.keys, .elements(options.end, count: options.count), milliseconds: timeout, &session)
  }

  /// `BLMOVE` and `BRPOPLPUSH`.
  mutating func waitForMove(
    _ words: borrowing Words, _ session: inout SessionState
  ) -> DispatchOutcome {
    guard let (from, to) = moveEnds(words), let timeout = secondsToWait(words[words.count - 1]) else {
      return .done
    }
    let key = keyspace.place(words[1])
    let (list, isRefused) = findListToChange(key, session.database)
    if isRefused { return .done }
    if list != nil {
      replyMoved(key, session.database, from, to: keyspace.place(words[2]), to)
      return .done
    }
    return waitForData(
      words, 1..<2, .move(from: from, to: to, destination: words[2].array), milliseconds: timeout, &session)
  }

  /// `BZPOPMIN` and `BZPOPMAX`.
  mutating func waitForMember(
    _ words: borrowing Words, from end: SortedSetEnd, _ session: inout SessionState
  ) -> DispatchOutcome {
    let last = words.count - 1
    guard let timeout = secondsToWait(words[last]) else { return .done }
    for position in 1..<last {
      let key = keyspace.place(words[position])
      let (members, isRefused) = findToChange(.sortedSet, key, session.database)
      if isRefused { return .done }
      guard let members else { continue }
      reply.array(3)
      reply.bulk(words[position])
      takeOut(key, session.database, members.members, end.ranks(1, of: members.count), end) { reply, member in
        reply.bulk(member.key)
        reply.double(member.score)
      }
      return .done
    }
    return waitForData(words, 1..<last, .members(end, count: nil), milliseconds: timeout, &session)
  }

  /// `BZMPOP`
  mutating func waitForFirstScored(
    _ words: borrowing Words, _ session: inout SessionState
  ) -> DispatchOutcome {
    guard let timeout = secondsToWait(words[1]),
      let options: PopOptions<SortedSetEnd> = popOptions(words, countAt: 2)
    else { return .done }
    if replyScoredPoppedFromFirst(words, session.database, options) { return .done }
    return waitForData(
      words, options.keys, .members(options.end, count: options.count), milliseconds: timeout, &session)
  }

  /// How long a client is ready to wait, in milliseconds, of seconds that may have a fraction; nil, with the reply saying why,
  /// when that is no time.
  private mutating func secondsToWait(_ word: RawSpan) -> Int? {
    let kind = word.isDecimalFraction
    guard kind != .none, let seconds = Double(word.text) else {
      reply.error("ERR timeout is not a float or out of range")
      return nil
    }
    guard seconds >= 0 else {
      reply.error("ERR timeout is negative")
      return nil
    }
    let milliseconds = (seconds * 1000).rounded(.up)
    // A time that a clock in milliseconds can show when it is added to today's.
    guard milliseconds < Double(Int64.max / 2) else {
      reply.error("ERR timeout is out of range")
      return nil
    }
    return Int(milliseconds)
  }
}
