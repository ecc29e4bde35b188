// SORT: the elements of a list, a set or a sorted set, in the order of numbers or of bytes, which are their own or stand at
// other keys that patterns name. Those keys aren't among the arguments, so a request with such a pattern holds every shard.

internal let sortCommands: [CommandDeclaration] = [
  .init(
    "SORT", arity: -2, [.write, .denyOOM, .patternKeys], keys: .oneAndStored, .generic, since: "1.0.0",
    "O(N*log(N)+M), N being the elements and M those returned",
    "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] [STORE destination]",
    "Returns the elements of a list, a set or a sorted set in an order, or stores them as a list."),
  .init(
    "SORT_RO", arity: -2, [.readOnly, .patternKeys], keys: .one, .generic, since: "7.0.0",
    "O(N*log(N)+M), N being the elements and M those returned",
    "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]",
    "Returns the elements of a list, a set or a sorted set in an order."),
]

/// The options of a request.
private struct SortRequest {
  /// The position of the pattern of the keys whose values give the order; nil for the elements themselves.
  var by: Int?
  /// Whether the order stays what it is, because BY names no pattern.
  var keepsOrder = false
  var offset = 0
  /// Below 0 for all.
  var count = -1
  /// The positions of the patterns of what is returned; without any it is the elements.
  var gets: [Int] = []
  var isDescending = false
  var isAlphabetic = false
  /// The position of the key in which the result is stored.
  var destination: Int?
}

/// One element on its way to its place.
private struct SortEntry {
  /// Which of the elements it is.
  let element: Int
  var number = 0.0
  /// Which of the texts gives its place; −1 for none.
  var text = -1
}

/// What a pattern names for an element. Good until a key changes.
private enum SortValue {
  case none, element
  case string(Item)
  case field(Member)
}

/// What stands around the element in a pattern's key, and the field of a hash there.
private struct SortPattern {
  let prefix: Range<Int>
  let suffix: Range<Int>
  let field: Range<Int>?

  /// Nil when there is no `*`.
  init?(_ pattern: RawSpan) {
    guard let star = (0..<pattern.byteCount).first(where: { pattern.byte($0) == UInt8(ascii: "*") }) else {
      return nil
    }
    prefix = 0..<star
    // An arrow counts if something stands behind it.
    let arrow = (star + 1..<max(star + 1, pattern.byteCount - 2)).first {
      pattern.byte($0) == UInt8(ascii: "-") && pattern.byte($0 + 1) == UInt8(ascii: ">")
    }
    suffix = star + 1..<(arrow ?? pattern.byteCount)
    field = arrow.map { $0 + 2..<pattern.byteCount }
  }
}

extension RawSpan {
  fileprivate var isElementItself: Bool { byteCount == 1 && byte(0) == UInt8(ascii: "#") }

  fileprivate var hasStar: Bool { (0..<byteCount).contains { byte($0) == UInt8(ascii: "*") } }
}

extension Words {
  /// Whether options name keys by patterns.
  var haveKeyPatterns: Bool {
    var index = 2
    while index + 1 < count {
      let takesPattern = self[index].equalsIgnoringCase("by") || self[index].equalsIgnoringCase("get")
      if takesPattern && self[index + 1].hasStar { return true }
      index += 1
    }
    return false
  }
}

extension Execution {
  /// `SORT` and, with `isReadOnly`, `SORT_RO`.
  mutating func sort(_ words: borrowing Words, _ session: SessionState, isReadOnly: Bool) {
    guard let request = readSort(words, session, isReadOnly: isReadOnly) else { return }
    let database = session.database
    var elements = ChosenMembers()
    var keepsOrder = request.keepsOrder
    var isAlphabetic = request.isAlphabetic
    if let item = find(keyspace.place(words[1]), database) {
      switch item.kind {
      case .list:
        let isReversed = keepsOrder && request.isDescending
        item.list.forEach(item.list.count, from: isReversed ? .tail : .head) { elements.append($0) }
      case .set:
        item.members.forEach { elements.append($0.key) }
        // What is stored is to be the same each time.
        if keepsOrder && request.destination != nil { (keepsOrder, isAlphabetic) = (false, true) }
      case .sortedSet:
        let isReversed = keepsOrder && request.isDescending
        item.members.forEach(in: 0..<item.members.count, isReversed: isReversed) { elements.append($0.key) }
      default: return replyWrongType()
      }
    }
    guard !elements.isOverfull else { return reply.refuseAsTooLarge() }

    var entries = (0..<elements.words.count).map { SortEntry(element: $0) }
    if !keepsOrder {
      let by = request.keepsOrder ? nil : request.by
      if isAlphabetic {
        guard sortByText(&entries, elements, by, words, database, request.isDescending) else { return }
      } else {
        guard sortByNumber(&entries, elements, by, words, database, request.isDescending) else { return }
      }
    }
    let start = min(max(request.offset, 0), entries.count)
    let length = request.count < 0 ? entries.count - start : min(request.count, entries.count - start)
    let chosen = entries[start..<start + length]
    if request.destination != nil {
      storeSorted(chosen, elements, request, words, database)
    } else {
      showSorted(chosen, elements, request, words, database)
    }
  }

  /// Reads the options; nil when the reply says what is wrong.
  private mutating func readSort(
    _ words: borrowing Words, _ session: SessionState, isReadOnly: Bool
  ) -> SortRequest? {
    var request = SortRequest()
    let mayReadAll = !session.client.isGuarded || session.user?.rules.allowsReadingAllKeys ?? true
    var index = 2
    while index < words.count {
      let word = words[index]
      let rest = words.count - index - 1
      if word.equalsIgnoringCase("asc") {
        request.isDescending = false
      } else if word.equalsIgnoringCase("desc") {
        request.isDescending = true
      } else if word.equalsIgnoringCase("alpha") {
        request.isAlphabetic = true
      } else if word.equalsIgnoringCase("limit"), rest >= 2 {
        guard let offset = words[index + 1].decimal, let count = words[index + 2].decimal else {
          reply.error(Self.notInteger)
          return nil
        }
        request.offset = offset
        request.count = count
        index += 2
      } else if word.equalsIgnoringCase("store"), rest >= 1, !isReadOnly {
        request.destination = index + 1
        index += 1
      } else if word.equalsIgnoringCase("by"), rest >= 1 {
        request.by = index + 1
        if !words[index + 1].hasStar {
          request.keepsOrder = true
        } else if !mayReadAll {
          reply.error("ERR BY option of SORT denied due to insufficient ACL permissions")
          return nil
        }
        index += 1
      } else if word.equalsIgnoringCase("get"), rest >= 1 {
        guard mayReadAll || words[index + 1].isElementItself else {
          reply.error("ERR GET option of SORT denied due to insufficient ACL permissions")
          return nil
        }
        request.gets.append(index + 1)
        index += 1
      } else {
        reply.error(Self.syntaxError)
        return nil
      }
      index += 1
    }
    return request
  }

  // MARK: Ordering

  /// Puts entries into the order of numbers; false when the reply says that there are others.
  private mutating func sortByNumber(
    _ entries: inout [SortEntry], _ elements: borrowing ChosenMembers, _ by: Int?, _ words: borrowing Words,
    _ database: Int, _ isDescending: Bool
  ) -> Bool {
    for index in entries.indices {
      let element = elements.words[index]
      let number: Double? =
        switch by.map({ lookUp(words[$0], element, database) }) ?? .element {
        case .none: 0
        case .element: element.sortNumber
        case .string(let item): item.value.sortNumber
        case .field(let member): member.value.sortNumber
        }
      guard let number else {
        reply.error("ERR One or more scores can't be converted into double")
        return false
      }
      entries[index].number = number
    }
    entries.sort { first, second in
      let (lower, higher) = isDescending ? (second, first) : (first, second)
      if lower.number != higher.number { return lower.number < higher.number }
      return elements.words[lower.element].precedes(elements.words[higher.element])
    }
    return true
  }

  /// Puts entries into the order of bytes; false when the reply says that they are too many.
  private mutating func sortByText(
    _ entries: inout [SortEntry], _ elements: borrowing ChosenMembers, _ by: Int?, _ words: borrowing Words,
    _ database: Int, _ isDescending: Bool
  ) -> Bool {
    guard let by else {
      entries.sort { first, second in
        let (lower, higher) = isDescending ? (second, first) : (first, second)
        return elements.words[lower.element].precedes(elements.words[higher.element])
      }
      return true
    }
    var texts = ChosenMembers()
    for index in entries.indices {
      let value = lookUp(words[by], elements.words[index], database)
      if case .none = value { continue }
      entries[index].text = texts.words.count
      texts.append(value, elements.words[index])
    }
    guard !texts.isOverfull else {
      reply.refuseAsTooLarge()
      return false
    }
    entries.sort { first, second in
      let (lower, higher) = isDescending ? (second, first) : (first, second)
      // Those without a text come first.
      if lower.text < 0 || higher.text < 0 { return lower.text < 0 && higher.text >= 0 }
      return texts.words[lower.text].precedes(texts.words[higher.text])
    }
    return true
  }

  /// What a pattern names for an element: the element itself, the string at a key or a field of the hash there.
  private mutating func lookUp(_ pattern: RawSpan, _ element: RawSpan, _ database: Int) -> SortValue {
    if pattern.isElementItself { return .element }
    guard let parts = SortPattern(pattern) else { return .none }
    var name = ByteQueue()
    name.append(pattern.extracting(parts.prefix))
    name.append(element)
    name.append(pattern.extracting(parts.suffix))
    guard let item = find(keyspace.place(name.bytes), database) else { return .none }
    if let field = parts.field {
      guard item.kind == .hash else { return .none }
      return LiveMembers(item, clock).find(pattern.extracting(field)).map { .field($0) } ?? .none
    }
    return item.isString ? .string(item) : .none
  }

  // MARK: The result

  private mutating func showSorted(
    _ entries: ArraySlice<SortEntry>, _ elements: borrowing ChosenMembers, _ request: SortRequest,
    _ words: borrowing Words, _ database: Int
  ) {
    reply.array(entries.count * max(1, request.gets.count))
    for entry in entries {
      let element = elements.words[entry.element]
      if request.gets.isEmpty { reply.bulk(element) }
      for get in request.gets {
        switch lookUp(words[get], element, database) {
        case .none: reply.null()
        case .element: reply.bulk(element)
        case .string(let item): reply.bulk(item.value)
        case .field(let member): reply.bulk(member.value)
        }
      }
      if reply.isOverfull { return }
    }
  }

  /// Puts the result at a key as a list, in the place of what is there; what there is nothing of is an empty string. All of
  /// it is there after a crash, or nothing.
  private mutating func storeSorted(
    _ entries: ArraySlice<SortEntry>, _ elements: borrowing ChosenMembers, _ request: SortRequest,
    _ words: borrowing Words, _ database: Int
  ) {
    guard let destination = request.destination else { return }
    var result = ChosenMembers()
    for entry in entries {
      let element = elements.words[entry.element]
      if request.gets.isEmpty { result.append(element) }
      for get in request.gets { result.append(lookUp(words[get], element, database), element) }
    }
    guard !result.isOverfull else { return reply.refuseAsTooLarge() }
    let key = keyspace.place(words[destination])
    let isReplaced = findToChange(key, database) != nil
    let group = journal.beginGroup()
    if isReplaced { delete(key, database, result.words.count == 0 ? .delete : nil) }
    result.words.forEachStored { part in
      _ = pushElements(
        key, database, result.words.extracting(part), at: .tail, part.lowerBound == 0 ? .sortStore : nil,
        isNew: !isReplaced)
    }
    journal.endGroup(group)
    reply.integer(result.words.count)
  }
}

extension RawSpan {
  /// The number that an element or a value counts as: nothing is 0, and as in Redis a zero byte ends it.
  fileprivate var sortNumber: Double? {
    let text = extracting(0..<(firstIndex(of: 0) ?? byteCount))
    return text.isEmpty ? 0 : text.score
  }
}

extension ChosenMembers {
  fileprivate mutating func append(_ value: SortValue, _ element: RawSpan) {
    switch value {
    case .none: append(RawSpan())
    case .element: append(element)
    case .string(let item): append(item.value)
    case .field(let member): append(member.value)
    }
  }
}
