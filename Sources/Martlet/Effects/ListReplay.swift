// The records of lists, applied.

extension Replay {
  /// Applies a record of a list; nil for one of anything else.
  func applyToList(_ words: borrowing Words, _ version: UInt64) -> Outcome? {
    let name = words[0]
    let first = name.byteCount > 0 ? name.byte(0) | 0x20 : 0
    guard first == UInt8(ascii: "l") || first == UInt8(ascii: "r") else { return nil }
    if name.equalsIgnoringCase("rpush") { return push(words, at: .tail, version) }
    if name.equalsIgnoringCase("lpush") { return push(words, at: .head, version) }
    if name.equalsIgnoringCase("lpop") { return pop(words, from: .head, version) }
    if name.equalsIgnoringCase("rpop") { return pop(words, from: .tail, version) }
    if name.equalsIgnoringCase("lset") { return setElement(words, version) }
    if name.equalsIgnoringCase("ltrim") { return trim(words, version) }
    if name.equalsIgnoringCase("linsert") { return insert(words, version) }
    if name.equalsIgnoringCase("lrem") { return remove(words, version) }
    return nil
  }

  private func push(_ words: borrowing Words, at end: ListEnd, _ version: UInt64) -> Outcome {
    guard words.count >= 3, holds(words, .list) else { return .rejected }
    let key = place(words, 1)
    _ = keyspace[key.shard].shard.pushElements(
      key.bytes, key.hash, database, words.from(2), at: end, version)
    return .applied
  }

  private func pop(_ words: borrowing Words, from end: ListEnd, _ version: UInt64) -> Outcome {
    guard words.count == 3, let count = words[2].decimal, count > 0, holds(words, .list) else {
      return .rejected
    }
    let key = place(words, 1)
    keyspace[key.shard].shard.popElements(key.bytes, key.hash, database, count, from: end, version)
    return .applied
  }

  /// The list that a record changes; nil if there is none.
  private func list(_ words: borrowing Words) -> ListElements? {
    let key = place(words, 1)
    guard let item = keyspace[key.shard].shard.find(key.bytes, key.hash, database), item.kind == .list else {
      return nil
    }
    return item.list
  }

  private func setElement(_ words: borrowing Words, _ version: UInt64) -> Outcome {
    guard words.count == 4, let index = words[2].decimal, let list = list(words), index >= 0,
      index < list.count
    else { return .rejected }
    let key = place(words, 1)
    keyspace[key.shard].shard.setElement(key.bytes, key.hash, database, index, words[3], version)
    return .applied
  }

  private func trim(_ words: borrowing Words, _ version: UInt64) -> Outcome {
    guard words.count == 4, let start = words[2].decimal, let stop = words[3].decimal, start >= 0,
      stop >= start, stop < Int.max, list(words) != nil
    else { return .rejected }
    let key = place(words, 1)
    keyspace[key.shard].shard.trimList(key.bytes, key.hash, database, to: start..<stop + 1, version)
    return .applied
  }

  private func insert(_ words: borrowing Words, _ version: UInt64) -> Outcome {
    guard words.count == 5, let list = list(words) else { return .rejected }
    let isAfter = words[2].equalsIgnoringCase("after")
    guard isAfter || words[2].equalsIgnoringCase("before"),
      let index = list.firstIndex(of: ListWord(words[3]))
    else { return .rejected }
    let key = place(words, 1)
    _ = keyspace[key.shard].shard.insertElement(
      key.bytes, key.hash, database, at: isAfter ? index + 1 : index, words[4], version)
    return .applied
  }

  private func remove(_ words: borrowing Words, _ version: UInt64) -> Outcome {
    guard words.count == 4, let count = words[2].decimal, count > Int.min, list(words) != nil else {
      return .rejected
    }
    let key = place(words, 1)
    _ = keyspace[key.shard].shard.removeElements(
      key.bytes, key.hash, database, words[3], most: count == 0 ? .max : abs(count),
      from: count < 0 ? .tail : .head, version)
    return .applied
  }
}
