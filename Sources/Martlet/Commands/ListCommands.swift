// Lists: many values under one key, in an order, reached from both ends. The commands that wait for elements are in
// BlockingCommands.swift.

internal let listCommands: [CommandDeclaration] = [
  .init(
    "LINDEX", arity: 3, [.readOnly], keys: .one, .list, since: "1.0.0",
    "O(1) near the ends, O(N/1000) in the middle, N being the elements", "key index",
    "Returns an element of a list by its index; a negative one counts from the tail."),
  .init(
    "LINSERT", arity: 5, [.write, .denyOOM], keys: .one, .list, since: "2.2.0",
    "O(N), N being the elements up to the pivot", "key <BEFORE | AFTER> pivot element",
    "Inserts an element before or after another and returns how many there then are."),
  .init(
    "LLEN", arity: 2, [.readOnly, .fast], keys: .one, .list, since: "1.0.0", "O(1)", "key",
    "Returns the number of elements of a list."),
  .init(
    "LMOVE", arity: 5, [.write, .denyOOM], keys: .two, .list, since: "6.2.0", "O(1)",
    "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
    "Moves an element from an end of a list to an end of another, and returns it."),
  .init(
    "LMPOP", arity: -4, [.write], keys: .counted(by: 1), .list, since: "7.0.0",
    "O(N+M), N being the keys and M the elements taken",
    "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
    "Takes elements from an end of the first of several lists that has any, and returns them."),
  .init(
    "LPOP", arity: -2, [.write, .fast], keys: .one, .list, since: "1.0.0",
    "O(N), N being the elements taken", "key [count]",
    "Takes elements from the head of a list and returns them; the last one takes the list with it."),
  .init(
    "LPOS", arity: -3, [.readOnly], keys: .one, .list, since: "6.0.6", "O(N), N being the elements",
    "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
    "Returns where in a list an element is."),
  .init(
    "LPUSH", arity: -3, [.write, .denyOOM, .fast], keys: .one, .list, since: "1.0.0",
    "O(1) for each element", "key element [element ...]",
    "Adds elements at the head of a list, or makes one, and returns how many there then are."),
  .init(
    "LPUSHX", arity: -3, [.write, .denyOOM, .fast], keys: .one, .list, since: "2.2.0",
    "O(1) for each element", "key element [element ...]",
    "Adds elements at the head of a list if it is there."
  ),
  .init(
    "LRANGE", arity: 4, [.readOnly], keys: .one, .list, since: "1.0.0",
    "O(S+M), S being 0 near the ends, N/1000 in the middle of N elements, and M the elements returned",
    "key start stop", "Returns the elements of a list from one index to another."),
  .init(
    "LREM", arity: 4, [.write], keys: .one, .list, since: "1.0.0", "O(N), N being the elements",
    "key count element",
    "Takes out so many elements that are equal to one, all for 0, and with a negative count from the tail on."
  ),
  .init(
    "LSET", arity: 4, [.write, .denyOOM], keys: .one, .list, since: "1.0.0",
    "O(1) near the ends, O(N/1000) in the middle, N being the elements", "key index element",
    "Puts another element in the place of one."),
  .init(
    "LTRIM", arity: 4, [.write], keys: .one, .list, since: "1.0.0",
    "O(N/1000), N being the elements taken out", "key start stop",
    "Takes out all elements of a list but those from one index to another."),
  .init(
    "RPOP", arity: -2, [.write, .fast], keys: .one, .list, since: "1.0.0",
    "O(N), N being the elements taken", "key [count]",
    "Takes elements from the tail of a list and returns them; the last one takes the list with it."),
  .init(
    "RPOPLPUSH", arity: 3, [.write, .denyOOM], keys: .two, .list, since: "1.2.0", "O(1)",
    "source destination", "Moves an element from the tail of a list to the head of another, and returns it."),
  .init(
    "RPUSH", arity: -3, [.write, .denyOOM, .fast], keys: .one, .list, since: "1.0.0",
    "O(1) for each element", "key element [element ...]",
    "Adds elements at the tail of a list, or makes one, and returns how many there then are."),
  .init(
    "RPUSHX", arity: -3, [.write, .denyOOM, .fast], keys: .one, .list, since: "2.2.0",
    "O(1) for each element", "key element [element ...]",
    "Adds elements at the tail of a list if it is there."
  ),
]

/// An end of a collection that requests name.
protocol NamedEnd {
  /// The end that a word names; nil for any other word.
  init?(_ word: RawSpan)
}

/// What a command is asked for that takes from an end of the first of several collections that has any.
struct PopOptions<End: NamedEnd> {
  /// The positions of the keys.
  let keys: Range<Int>
  let end: End
  /// How many are taken at most.
  let count: Int
}

extension ListEnd: NamedEnd {
  init?(_ word: RawSpan) {
    if word.equalsIgnoringCase("left") {
      self = .head
    } else if word.equalsIgnoringCase("right") {
      self = .tail
    } else {
      return nil
    }
  }
}

extension ListElements {
  /// Elements from an end on, one after the other; there are as many.
  func forEach(_ count: Int, from end: ListEnd, _ body: (ListElement) -> Void) {
    var cursor = cursor(at: end == .head ? 0 : self.count)
    for _ in 0..<count {
      guard let element = end == .head ? cursor.next() : cursor.previous() else { return }
      body(element)
    }
  }

  /// The elements from one index to another, both of which may count from the tail.
  func range(_ start: Int, _ stop: Int) -> Range<Int> {
    let count = count
    let first = max(0, start < 0 ? start + count : start)
    let last = min(count - 1, stop < 0 ? stop + count : stop)
    return first <= last ? first..<last + 1 : 0..<0
  }
}

extension Reply {
  mutating func bulk(_ element: ListElement) {
    if let integer = element.integer {
      let digits = DecimalText(integer)
      bulk(digits.bytes)
    } else {
      bulk(element.text)
    }
  }
}

extension ChosenMembers {
  mutating func append(_ element: ListElement) {
    if let integer = element.integer {
      let digits = DecimalText(integer)
      append(digits.bytes)
    } else {
      append(element.text)
    }
  }
}

extension Execution {
  /// The list at a key, the first argument, to be read: nil and a reply of WRONGTYPE for another type, nil and none if it's
  /// absent.
  private mutating func findList(_ words: borrowing Words, _ database: Int) -> (
    list: ListElements?, isRefused: Bool
  ) {
    guard let item = find(keyspace.place(words[1]), database) else { return (nil, false) }
    guard item.kind == .list else {
      replyWrongType()
      return (nil, true)
    }
    return (item.list, false)
  }

  /// The same for a command that is about to change it.
  mutating func findListToChange(_ key: borrowing Key, _ database: Int) -> (
    list: ListElements?, isRefused: Bool
  ) {
    guard let item = findToChange(key, database) else { return (nil, false) }
    guard item.kind == .list else {
      replyWrongType()
      return (nil, true)
    }
    return (item.list, false)
  }

  // MARK: Reading

  mutating func listLength(_ words: borrowing Words, _ database: Int) {
    let (list, isRefused) = findList(words, database)
    if !isRefused { reply.integer(list?.count ?? 0) }
  }

  mutating func elementAtIndex(_ words: borrowing Words, _ database: Int) {
    let (list, isRefused) = findList(words, database)
    if isRefused { return }
    guard let list else { return reply.null() }
    guard let index = words[2].decimal else { return reply.error(Self.notInteger) }
    let place = index < 0 ? index + list.count : index
    guard place >= 0 && place < list.count else { return reply.null() }
    reply.bulk(list.element(place))
  }

  mutating func elements(_ words: borrowing Words, _ database: Int) {
    guard let start = words[2].decimal, let stop = words[3].decimal else {
      return reply.error(Self.notInteger)
    }
    let (list, isRefused) = findList(words, database)
    if isRefused { return }
    guard let list else { return reply.array(0) }
    let range = list.range(start, stop)
    reply.array(range.count)
    guard !range.isEmpty else { return }
    var cursor = list.cursor(at: range.lowerBound)
    for _ in range {
      guard let element = cursor.next(), !reply.isOverfull else { return }
      reply.bulk(element)
    }
  }

  mutating func elementPosition(_ words: borrowing Words, _ database: Int) {
    guard let options = positionOptions(words) else { return }
    let (list, isRefused) = findList(words, database)
    if isRefused { return }
    guard let list else { return options.count == nil ? reply.null() : reply.array(0) }
    let word = ListWord(words[2])
    let isBackwards = options.rank < 0
    var skipped = Int(clamping: options.rank.magnitude) - 1
    var found: [Int] = []
    let wanted = options.count.map { $0 == 0 ? Int.max : $0 } ?? 1
    let count = list.count
    var cursor = list.cursor(at: isBackwards ? count : 0)
    for index in 0..<min(count, options.most) {
      guard found.count < wanted, let element = isBackwards ? cursor.previous() : cursor.next() else { break }
      guard element.equals(word) else { continue }
      if skipped > 0 { skipped -= 1 } else { found.append(isBackwards ? count - 1 - index : index) }
    }
    if options.count == nil {
      if let first = found.first { reply.integer(first) } else { reply.null() }
      return
    }
    reply.array(found.count)
    for index in found { reply.integer(index) }
  }

  /// What `LPOS` is asked for: the first match wanted, how many (nil for one, 0 for all), and how many elements are looked at.
  private mutating func positionOptions(_ words: borrowing Words) -> (rank: Int, count: Int?, most: Int)? {
    var rank = 1
    var count: Int?
    var most = Int.max
    var index = 3
    while index < words.count {
      guard index + 1 < words.count else {
        reply.error(Self.syntaxError)
        return nil
      }
      let value = words[index + 1]
      if words[index].equalsIgnoringCase("rank") {
        guard let number = signedCount(value) else { return nil }
        guard number != 0 else {
          reply.error(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to "
              + "start from the end of the list")
          return nil
        }
        rank = number
      } else if words[index].equalsIgnoringCase("count") {
        guard let number = value.decimal, number >= 0 else {
          reply.error("ERR COUNT can't be negative")
          return nil
        }
        count = number
      } else if words[index].equalsIgnoringCase("maxlen") {
        guard let number = value.decimal, number >= 0 else {
          reply.error("ERR MAXLEN can't be negative")
          return nil
        }
        most = number == 0 ? .max : number
      } else {
        reply.error(Self.syntaxError)
        return nil
      }
      index += 2
    }
    return (rank, count, most)
  }

  /// A number that can be turned to its opposite; nil, with the reply saying why, for any other word.
  private mutating func signedCount(_ word: RawSpan) -> Int? {
    guard let number = word.decimal else {
      reply.error(Self.notInteger)
      return nil
    }
    guard number != Int.min else {
      reply.error(
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
      return nil
    }
    return number
  }

  // MARK: Adding

  mutating func push(
    _ words: borrowing Words, _ database: Int, _ limits: SessionLimits, at end: ListEnd, onlyIfThere: Bool
  ) {
    let key = keyspace.place(words[1])
    let (list, isRefused) = findListToChange(key, database)
    if isRefused { return }
    if onlyIfThere && list == nil { return reply.integer(0) }
    for index in 2..<words.count {
      guard accepts(words[index], limits) else { return }
    }
    reply.integer(pushElements(key, database, words.from(2), at: end))
  }

  mutating func insertElement(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    let isAfter = words[2].equalsIgnoringCase("after")
    guard isAfter || words[2].equalsIgnoringCase("before") else { return reply.error(Self.syntaxError) }
    let key = keyspace.place(words[1])
    let (list, isRefused) = findListToChange(key, database)
    if isRefused { return }
    guard let list else { return reply.integer(0) }
    guard accepts(words[4], limits) else { return }
    guard let index = list.firstIndex(of: ListWord(words[3])) else { return reply.integer(-1) }
    reply.integer(insertElement(key, database, isAfter: isAfter, words[3], at: index, words[4]))
  }

  mutating func setElement(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    let key = keyspace.place(words[1])
    let (list, isRefused) = findListToChange(key, database)
    if isRefused { return }
    guard let list else { return reply.error("ERR no such key") }
    guard let number = words[2].decimal else { return reply.error(Self.notInteger) }
    guard accepts(words[3], limits) else { return }
    let index = number < 0 ? number + list.count : number
    guard index >= 0 && index < list.count else { return reply.error("ERR index out of range") }
    setElement(key, database, index, words[3])
    reply.ok()
  }

  // MARK: Taking

  mutating func pop(_ words: borrowing Words, _ database: Int, from end: ListEnd) {
    guard words.count <= 3 else { return replyArity(end == .head ? "LPOP" : "RPOP") }
    var wanted: Int?
    if words.count == 3 {
      guard let count = words[2].decimal, count >= 0 else {
        return reply.error("ERR value is out of range, must be positive")
      }
      wanted = count
    }
    let key = keyspace.place(words[1])
    let (list, isRefused) = findListToChange(key, database)
    if isRefused { return }
    guard let list else { return wanted == nil ? reply.null() : reply.nullArray() }
    guard let wanted else {
      reply.bulk(list.element(end == .head ? 0 : list.count - 1))
      if !reply.isOverfull { popElements(key, database, 1, from: end) }
      return
    }
    if wanted == 0 { return reply.array(0) }
    replyPopped(key, database, list, min(wanted, list.count), from: end)
  }

  /// Takes elements and replies with them; nothing is taken that can't be replied.
  mutating func replyPopped(
    _ key: borrowing Key, _ database: Int, _ list: ListElements, _ count: Int, from end: ListEnd
  ) {
    reply.array(count)
    list.forEach(count, from: end) { reply.bulk($0) }
    if !reply.isOverfull { popElements(key, database, count, from: end) }
  }

  mutating func removeElements(_ words: borrowing Words, _ database: Int) {
    guard let number = signedCount(words[2]) else { return }
    let key = keyspace.place(words[1])
    let (list, isRefused) = findListToChange(key, database)
    if isRefused { return }
    guard let list, list.firstIndex(of: ListWord(words[3])) != nil else { return reply.integer(0) }
    reply.integer(removeElements(key, database, words[3], count: number))
  }

  mutating func trimList(_ words: borrowing Words, _ database: Int) {
    guard let start = words[2].decimal, let stop = words[3].decimal else {
      return reply.error(Self.notInteger)
    }
    let key = keyspace.place(words[1])
    let (list, isRefused) = findListToChange(key, database)
    if isRefused { return }
    reply.ok()
    guard let list else { return }
    let kept = list.range(start, stop)
    if kept.isEmpty {
      delete(key, database, .trim)
      noteIfEmptied(key, database)
    } else if kept.count < list.count {
      trimList(key, database, to: kept)
    } else {
      note(.trim, key, database, isNew: false)
    }
  }

  /// `LMOVE` and `RPOPLPUSH`.
  mutating func moveElement(_ words: borrowing Words, _ database: Int) {
    guard let (from, to) = moveEnds(words) else { return }
    let key = keyspace.place(words[1])
    let (list, isRefused) = findListToChange(key, database)
    if isRefused { return }
    guard list != nil else { return reply.null() }
    replyMoved(key, database, from, to: keyspace.place(words[2]), to)
  }

  /// The ends that a command moves from and to; nil, with the reply saying why, when its words name none.
  mutating func moveEnds(_ words: borrowing Words) -> (ListEnd, ListEnd)? {
    // `RPOPLPUSH` has none to name, `BRPOPLPUSH` has a timeout.
    guard words.count >= 5 else { return (.tail, .head) }
    guard let from = ListEnd(words[3]), let to = ListEnd(words[4]) else {
      reply.error(Self.syntaxError)
      return nil
    }
    return (from, to)
  }

  /// Moves an element of a list that is there, and replies with it.
  mutating func replyMoved(
    _ key: borrowing Key, _ database: Int, _ from: ListEnd, to newKey: borrowing Key, _ to: ListEnd
  ) {
    if findListToChange(newKey, database).isRefused { return }
    guard let list = findListToChange(key, database).list else { return reply.null() }
    reply.bulk(list.element(from == .head ? 0 : list.count - 1))
    if !reply.isOverfull { moveElement(key, database, from, to: newKey, to) }
  }

  // MARK: The first of several lists

  /// What `LMPOP`, `BLMPOP`, `ZMPOP` and `BZMPOP` are asked for; nil when the reply says what is wrong.
  ///
  /// - Parameter position: where the number of keys is.
  mutating func popOptions<End: NamedEnd>(_ words: borrowing Words, countAt position: Int) -> PopOptions<End>?
  {
    guard let number = words[position].decimal, number > 0 else {
      reply.error("ERR numkeys should be greater than 0")
      return nil
    }
    let first = position + 1
    guard number < words.count - first, let end = End(words[first + number]) else {
      reply.error(Self.syntaxError)
      return nil
    }
    var count: Int?
    var index = first + number + 1
    while index < words.count {
      guard count == nil, words[index].equalsIgnoringCase("count"), index + 1 < words.count else {
        reply.error(Self.syntaxError)
        return nil
      }
      guard let given = words[index + 1].decimal, given > 0 else {
        reply.error("ERR count should be greater than 0")
        return nil
      }
      count = given
      index += 2
    }
    return PopOptions(keys: first..<first + number, end: end, count: count ?? 1)
  }

  mutating func popFromFirst(_ words: borrowing Words, _ database: Int) {
    guard let options: PopOptions<ListEnd> = popOptions(words, countAt: 1) else { return }
    if !replyPoppedFromFirst(words, database, options) { reply.nullArray() }
  }

  /// Replies with elements of the first of several lists that has any, and takes them; false when none has.
  mutating func replyPoppedFromFirst(
    _ words: borrowing Words, _ database: Int, _ options: PopOptions<ListEnd>
  ) -> Bool {
    for position in options.keys {
      let key = keyspace.place(words[position])
      let (list, isRefused) = findListToChange(key, database)
      if isRefused { return true }
      guard let list else { continue }
      reply.array(2)
      reply.bulk(words[position])
      replyPopped(key, database, list, min(options.count, list.count), from: options.end)
      return true
    }
    return false
  }
}
