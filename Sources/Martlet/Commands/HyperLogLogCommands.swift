// HyperLogLogs: strings that tell about how many different elements have been added to them. A change is recorded as the
// bytes that become others, as SETRANGE's are.

internal let hyperLogLogCommands: [CommandDeclaration] = [
  .init(
    "PFADD", arity: -2, [.write, .denyOOM, .fast], keys: .one, .hyperloglog, since: "2.8.9",
    "O(1) for each element", "key [element [element ...]]",
    "Adds elements to a HyperLogLog, or makes one, and tells whether the count may be another now."),
  .init(
    "PFCOUNT", arity: -2, [.readOnly], keys: .all, .hyperloglog, since: "2.8.9", "O(N), N being the keys",
    "key [key ...]",
    "Returns about how many different elements have been added to one or several HyperLogLogs together."),
  .init(
    "PFMERGE", arity: -2, [.write, .denyOOM], keys: .all, .hyperloglog, since: "2.8.9",
    "O(N), N being the keys",
    "destkey [sourcekey [sourcekey ...]]",
    "Adds what has been added to several HyperLogLogs to one, or makes one of it."),
]

extension Execution {
  private static var corruption: StaticString { "INVALIDOBJ Corrupted HLL object detected" }

  /// The HyperLogLog of an item; nil, with a reply, when it is something else.
  private mutating func hyperLogLog(_ item: Item) -> HyperLogLog? {
    guard item.isString else {
      replyWrongType()
      return nil
    }
    if let found = HyperLogLog(item.value) { return found }
    reply.error("WRONGTYPE Key is not a valid HyperLogLog string value.")
    return nil
  }

  /// The registers of several keys together; nil, with a reply, when one holds something else.
  private mutating func mergedRegisters(_ keys: borrowing Words, _ database: Int) -> HyperLogLog.Registers? {
    var registers = HyperLogLog.Registers()
    for index in 0..<keys.count {
      guard let item = find(keyspace.place(keys[index]), database) else { continue }
      guard let found = hyperLogLog(item) else { return nil }
      do {
        try registers.merge(found)
      } catch {
        reply.error(Self.corruption)
        return nil
      }
    }
    return registers
  }

  mutating func addElements(_ words: borrowing Words, _ database: Int) {
    let key = keyspace.place(words[1])
    let old = findToChange(key, database)
    var counted = HyperLogLog()
    if let old {
      guard let found = hyperLogLog(old) else { return }
      counted = found
    }
    var isChanged = old == nil
    do {
      for index in 2..<max(2, words.count) where try counted.add(words[index]) { isChanged = true }
    } catch {
      return reply.error(Self.corruption)
    }
    if isChanged {
      counted.dropKeptCount()
      put(counted, key, database, old)
    }
    reply.integer(isChanged ? 1 : 0)
  }

  mutating func countElements(_ words: borrowing Words, _ database: Int) {
    if words.count > 2 {
      guard let registers = mergedRegisters(words.from(1), database) else { return }
      return reply.integer(registers.count)
    }
    guard let item = find(keyspace.place(words[1]), database) else { return reply.integer(0) }
    guard let found = hyperLogLog(item) else { return }
    do {
      reply.integer(try found.count())
    } catch {
      reply.error(Self.corruption)
    }
  }

  mutating func mergeElements(_ words: borrowing Words, _ database: Int) {
    guard let registers = mergedRegisters(words.from(1), database) else { return }
    let key = keyspace.place(words[1])
    let old = findToChange(key, database)
    var merged = old.flatMap { HyperLogLog($0.value) } ?? HyperLogLog()
    do {
      try merged.raise(to: registers)
    } catch {
      return reply.error(Self.corruption)
    }
    put(merged, key, database, old)
    reply.ok()
  }

  // MARK: Changing

  /// Pieces of a change that are no further apart than this are recorded as one.
  private static var largestGap: Int { 16 }

  /// Has a key hold a changed HyperLogLog: only those of its bytes are written that have become others, unless it has
  /// become shorter.
  private mutating func put(_ changed: HyperLogLog, _ key: borrowing Key, _ database: Int, _ old: Item?) {
    let bytes = changed.bytes
    guard let old, bytes.count >= old.valueCount else {
      let metadata = old?.metadata.ofChangedValue ?? ItemMetadata()
      return set(key, database, bytes.span.raw, metadata, isChange: old != nil, .count)
    }
    var pieces: [Range<Int>] = []
    for place in bytes.indices where place >= old.valueCount || old.value.byte(place) != bytes[place] {
      if let last = pieces.last, place - last.upperBound <= Self.largestGap {
        pieces[pieces.count - 1] = last.lowerBound..<place + 1
      } else {
        pieces.append(place..<place + 1)
      }
    }
    // Redis tells of a merge that changes nothing, too.
    if pieces.isEmpty { return note(.count, key, database, isNew: false) }
    let group = journal.beginGroup()
    for (index, piece) in pieces.enumerated() {
      setRange(
        key, database, piece.lowerBound, bytes.span.raw.extracting(piece), index == 0 ? .count : nil)
    }
    journal.endGroup(group)
  }
}
