// What the commands of the types that have many values under one key do alike: finding them, counting, choosing by
// chance, going through them a few at a time.

/// The members of a collection of which the time has not passed. Good until the collection changes.
struct LiveMembers {
  let members: Members
  /// The time in milliseconds since 1970; 0 where no member has expired, so that nobody has to look.
  let now: Int64

  init(_ item: Item, _ clock: WallClock) {
    members = item.members
    let now = item.hasExpiringMembers ? clock.now() : 0
    self.now = now != 0 && members.mayHaveExpired(now) ? now : 0
  }

  var count: Int { now == 0 ? members.count : members.liveCount(now) }

  func find(_ key: RawSpan) -> Member? {
    guard let member = members.find(key), !member.hasExpired(now) else { return nil }
    return member
  }

  func forEach(_ body: (Member) -> Void) {
    members.forEach { if !$0.hasExpired(now) { body($0) } }
  }

  func scan(_ cursor: UInt64, _ body: (Member) -> Void) -> UInt64 {
    members.scan(cursor) { if !$0.hasExpired(now) { body($0) } }
  }

  /// A member by chance; nil when there are none.
  func random(_ random: inout RandomSource) -> Member? {
    // What has expired is soon swept away: with some luck nobody meets it.
    for _ in 0..<16 {
      guard let member = members.random(&random) else { return nil }
      if !member.hasExpired(now) { return member }
    }
    var chosen: Member?
    randomMembers(1, &random) { chosen = $0 }
    return chosen
  }

  /// Different members by chance, `wanted` of them, or all if there are no more.
  func randomMembers(_ wanted: Int, _ random: inout RandomSource, _ body: (Member) -> Void) {
    let count = count
    if wanted >= count { return forEach(body) }
    if now == 0 { return members.randomMembers(wanted, &random, body) }
    var sample = Sampling(wanted, of: count)
    forEach { if sample.takesNext(&random) { body($0) } }
  }
}

extension Execution {
  /// How many members are returned at most when they may repeat.
  private static let maximumRepeatedMembers = 16 << 20

  /// The members of the collection at a key, the first argument, to be read: nil and a reply of WRONGTYPE for another
  /// type, nil and none if it's absent.
  mutating func findMembers(_ kind: ItemKind, _ words: borrowing Words, _ database: Int) -> (
    members: LiveMembers?, isRefused: Bool
  ) {
    guard let item = find(keyspace.place(words[1]), database) else { return (nil, false) }
    guard item.kind == kind else {
      replyWrongType()
      return (nil, true)
    }
    return (LiveMembers(item, clock), false)
  }

  /// The same for a command that is about to change it.
  mutating func findToChange(_ kind: ItemKind, _ key: borrowing Key, _ database: Int) -> (
    members: LiveMembers?, isRefused: Bool
  ) {
    guard let item = findToChange(key, database) else { return (nil, false) }
    guard item.kind == kind else {
      replyWrongType()
      return (nil, true)
    }
    return (LiveMembers(item, clock), false)
  }

  mutating func countMembers(_ kind: ItemKind, _ words: borrowing Words, _ database: Int) {
    let (members, isRefused) = findMembers(kind, words, database)
    if !isRefused { reply.integer(members?.count ?? 0) }
  }

  // MARK: By chance

  /// How many members are asked for, as `SRANDMEMBER` and `HRANDFIELD` read it; nil when the reply says what is wrong.
  mutating func randomCount(_ word: RawSpan, largest: Int = .max) -> Int? {
    guard let count = word.decimal else {
      reply.error(Self.notInteger)
      return nil
    }
    guard count != Int.min else {
      reply.error(
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
      return nil
    }
    guard count >= -min(Self.maximumRepeatedMembers, largest), count <= largest else {
      reply.error("ERR value is out of range")
      return nil
    }
    return count
  }

  /// Replies with a member by chance, or with a count with so many different ones, or with one below zero with so many
  /// of which the same may come again.
  ///
  /// - Parameter show: writes one.
  mutating func replyRandom(_ members: LiveMembers?, _ count: Int?, _ show: (inout Reply, Member) -> Void) {
    guard let count else {
      if let member = members?.random(&random) { show(&reply, member) } else { reply.null() }
      return
    }
    guard let members, count != 0 else { return reply.array(0) }
    reply.array(count < 0 ? -count : min(count, members.count))
    showRandom(members, count, show)
  }

  /// Writes members by chance without saying how many they are.
  mutating func showRandom(_ members: LiveMembers, _ count: Int, _ show: (inout Reply, Member) -> Void) {
    if count < 0 && members.members.isPacked {
      // Each draw would go through half of them.
      var all: [Member] = []
      members.forEach { all.append($0) }
      for _ in 0..<(-count) {
        guard let member = all.randomElement(using: &random) else { break }
        show(&reply, member)
      }
    } else if count < 0 {
      for _ in 0..<(-count) {
        guard let member = members.random(&random) else { break }
        show(&reply, member)
      }
    } else {
      // A copy, since the closure has all of this in use.
      var source = random
      members.randomMembers(count, &source) { show(&reply, $0) }
      random = source
    }
  }

  // MARK: Scanning

  /// `SSCAN`, `HSCAN`, `ZSCAN`: the members a few at a time, and of a packed collection all of them.
  mutating func scanMembers(_ kind: ItemKind, _ words: borrowing Words, _ database: Int) {
    guard let cursor = words[2].unsignedDecimal else { return reply.error("ERR invalid cursor") }
    // As in Redis, nobody looks at the options where there is nothing to scan.
    let (members, isRefused) = findMembers(kind, words, database)
    if isRefused { return }
    guard let members else { return replyScan(0, ChosenMembers()) }
    guard let options = scanOptions(words, from: 3, ofMembers: kind) else { return }
    var chosen = ChosenMembers()
    var next = cursor
    var visited = 0
    repeat {
      next = members.scan(next) { member in
        visited += 1
        guard options.matches(member.key) else { return }
        chosen.append(member.key)
        if options.omitsValues { return }
        if member.hasValue { chosen.append(member.value) }
        if member.hasScore { chosen.append(ScoreText(member.score).bytes) }
      }
    } while next != 0 && visited < options.count
    replyScan(next, chosen)
  }

  mutating func replyScan(_ cursor: UInt64, _ chosen: borrowing ChosenMembers) {
    guard !chosen.isOverfull else { return reply.refuseAsTooLarge() }
    reply.array(2)
    reply.bulk(DecimalText(cursor).bytes)
    let words = chosen.words
    reply.array(words.count)
    for index in 0..<words.count { reply.bulk(words[index]) }
  }
}

/// Words copied out of the keyspace, as many as one reply can hold.
struct ChosenMembers: ~Copyable {
  private var bytes = ByteQueue()
  private var ranges = WordRanges()

  /// Whether more came than one reply can hold: the rest was not taken.
  private(set) var isOverfull = false

  mutating func append(_ word: RawSpan) {
    guard bytes.count + word.byteCount <= Reply.maximumBytes else {
      isOverfull = true
      return
    }
    ranges.append(WordRange(bytes.count, count: word.byteCount))
    bytes.append(word)
  }

  /// Says that what should be here is more than one reply can hold.
  mutating func markAsOverfull() { isOverfull = true }

  var words: Words {
    @_lifetime(borrow self)
    get { Words(bytes.bytes, ranges.span) }
  }
}
