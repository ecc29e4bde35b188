// DUMP and RESTORE: a value as bytes that Redis and Valkey understand, and back.
//
// RESTORE reads all of a payload before it changes anything, so that one that is wrong leaves everything as it is. What it makes
// is recorded as the commands that would have made it, in one group with the deletion of what was there.

internal let dumpCommands: [CommandDeclaration] = [
  .init(
    "DUMP", arity: 2, [.readOnly], keys: .one, .generic, since: "2.6.0",
    "O(N), N being the value's bytes or members", "key",
    "Returns a value in Redis's own format, for RESTORE here, in Redis or in Valkey."),
  .init(
    "RESTORE", arity: -4, [.write, .denyOOM], keys: .one, .generic, since: "2.6.0",
    "O(N), N being the value's bytes or members; of a sorted set O(N*log(N))",
    "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
    "Makes a value of what DUMP has returned here, in Redis or in Valkey."),
]

/// A value that has been read whole, and isn't anywhere yet.
private struct RestoredValue: ~Copyable {
  let kind: ItemKind
  /// The string, the elements, the members; of a hash fields and values in turn, those without an expiry.
  var words = ChosenMembers()
  var scores: [Double] = []
  /// Fields and values of a hash that expire, and when: in milliseconds since 1970, one for each field.
  var expiring = ChosenMembers()
  var expiries: [Int64] = []
}

/// What `RESTORE` is asked for besides the value.
private struct RestoreOptions {
  var replaces = false
  var isAbsolute = false
  /// In seconds; nil when it isn't said.
  var idleTime: Int64?
}

extension Execution {
  /// A record of members is closed when it has this many bytes.
  private static var restoredBytesAtOnce: Int { 4 << 10 }

  // MARK: DUMP

  mutating func dump(_ words: borrowing Words, _ database: Int) {
    guard let item = find(keyspace.place(words[1]), database) else { return reply.null() }
    var payload = ByteQueue()
    let now = item.hasExpiringMembers ? clock.now() : 0
    guard DumpPayload.write(item, now: now, atMost: Reply.maximumBytes, to: &payload) else {
      return reply.refuseAsTooLarge()
    }
    reply.bulk(payload.bytes)
  }

  // MARK: RESTORE

  mutating func restore(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    guard let options = readRestoreOptions(words) else { return }
    let key = keyspace.place(words[1])
    let isThere = findToChange(key, database) != nil
    if isThere && !options.replaces {
      return reply.error("BUSYKEY Target key name already exists.")
    }
    guard let number = words[2].decimal else { return reply.error(Self.notInteger) }
    guard number >= 0 else { return reply.error("ERR Invalid TTL value, must be >= 0") }
    guard let time = time(number, .milliseconds, options.isAbsolute || number == 0) else {
      return reply.error("ERR invalid expire time in 'restore' command")
    }
    guard let payload = DumpPayload.opened(words[3]) else {
      return reply.error("ERR DUMP payload version or checksum are wrong")
    }
    let value: RestoredValue
    do throws(RDBProblem) {
      value = try read(payload)
    } catch {
      if case .unsupported(let reason) = error {
        return reply.error("ERR Bad data format: \(reason)")
      }
      return reply.error("ERR Bad data format")
    }
    guard isAccepted(value, limits) else { return }
    if time != 0 && time <= clock.now() {
      if isThere { delete(key, database) }
      return reply.ok()
    }
    make(value, key, database, isThere: isThere, expiry: time)
    if let idleTime = options.idleTime {
      keyspace[key.shard].shard.find(key.bytes, key.hash, database)?
        .noteIdle(keyspace.accessTime, seconds: idleTime)
    }
    reply.ok()
  }

  private mutating func readRestoreOptions(_ words: borrowing Words) -> RestoreOptions? {
    var options = RestoreOptions()
    var hasFrequency = false
    var index = 4
    while index < words.count {
      let hasNext = index + 1 < words.count
      if words[index].equalsIgnoringCase("replace") {
        options.replaces = true
      } else if words[index].equalsIgnoringCase("absttl") {
        options.isAbsolute = true
      } else if hasNext && !hasFrequency && words[index].equalsIgnoringCase("idletime") {
        guard let seconds = words[index + 1].decimal else {
          reply.error(Self.notInteger)
          return nil
        }
        guard seconds >= 0 else {
          reply.error("ERR Invalid IDLETIME value, must be >= 0")
          return nil
        }
        options.idleTime = Int64(seconds)
        index += 1
      } else if hasNext && options.idleTime == nil && words[index].equalsIgnoringCase("freq") {
        guard let frequency = words[index + 1].decimal else {
          reply.error(Self.notInteger)
          return nil
        }
        guard (0...255).contains(frequency) else {
          reply.error("ERR Invalid FREQ value, must be >= 0 and <= 255")
          return nil
        }
        hasFrequency = true
        index += 1
      } else {
        reply.error(Self.syntaxError)
        return nil
      }
      index += 1
    }
    return options
  }

  /// Reads all of a value, of which each member may come only once.
  private func read(_ payload: borrowing OpenedPayload) throws(RDBProblem) -> RestoredValue {
    var input = InputBytes(payload.body)
    guard let type = RDBType(try input.byte(), payload.dialect) else {
      throw .damaged("the type isn't known")
    }
    var reader = try RDBValueReader(type, &input)
    var value = RestoredValue(kind: reader.kind)
    var entry = RDBEntry()
    while try reader.next(&entry, &input) {
      if let expiry = entry.expiry {
        value.expiries.append(expiry)
        value.expiring.append(entry.text.bytes)
        value.expiring.append(entry.value.bytes)
      } else {
        value.words.append(entry.text.bytes)
        if reader.kind == .hash { value.words.append(entry.value.bytes) }
      }
      if reader.kind == .sortedSet { value.scores.append(entry.score) }
      guard !value.words.isOverfull && !value.expiring.isOverfull else {
        throw .unsupported("the value would be larger than 1 GiB")
      }
    }
    guard reader.count > 0 else { throw .damaged("a collection is empty") }
    if reader.kind != .string && reader.kind != .list && hasRepeated(value) {
      throw .damaged("a member comes twice")
    }
    return value
  }

  private func hasRepeated(_ value: borrowing RestoredValue) -> Bool {
    let plain = value.words.words
    let expiring = value.expiring.words
    let step = value.kind == .hash ? 2 : 1
    var seen = DistinctWords()
    for index in stride(from: 0, to: plain.count, by: step)
    where !seen.insert(plain[index], keyspace.hash(plain[index])) {
      return true
    }
    for index in stride(from: 0, to: expiring.count, by: step)
    where !seen.insert(expiring[index], keyspace.hash(expiring[index])) {
      return true
    }
    return false
  }

  /// Whether no part of a value is longer than it may be; if one is, the reply says so.
  private mutating func isAccepted(_ value: borrowing RestoredValue, _ limits: SessionLimits) -> Bool {
    let plain = value.words.words
    for index in 0..<plain.count where !accepts(plain[index], limits) { return false }
    let expiring = value.expiring.words
    for index in 0..<expiring.count where !accepts(expiring[index], limits) { return false }
    return true
  }

  /// Makes a value at a key in the place of what is there.
  ///
  /// - Parameter expiry: in milliseconds since 1970; 0 for none.
  private mutating func make(
    _ value: borrowing RestoredValue, _ key: borrowing Key, _ database: Int, isThere: Bool, expiry: Int64
  ) {
    let words = value.words.words
    if value.kind == .string {
      return set(key, database, words[0], ItemMetadata(expiry: expiry), .restore)
    }
    let now = value.expiries.isEmpty ? 0 : clock.now()
    let isLive = words.count > 0 || value.expiries.contains { $0 > now }
    guard isThere || isLive else { return }
    let group = journal.beginGroup()
    defer { journal.endGroup(group) }
    if isThere { delete(key, database, isLive ? nil : .delete) }
    guard isLive else { return }
    var event: KeyEvent? = .restore
    let step = value.kind == .hash ? 2 : 1
    var start = 0
    while start < words.count {
      var end = start
      var bytes = 0
      while end < words.count && bytes < Self.restoredBytesAtOnce {
        for index in end..<end + step { bytes += words[index].byteCount + 1 }
        end += step
      }
      let some = words.extracting(start..<end)
      switch value.kind {
      case .list: _ = pushElements(key, database, some, at: .tail, event, isNew: !isThere)
      case .sortedSet:
        let scores = value.scores[start..<end].map(\.withoutSignOfZero)
        _ = putScores(key, database, scores, some, step: 1, event, isNew: !isThere)
      default: _ = putMembers(value.kind, key, database, some, event, isNew: !isThere)
      }
      event = nil
      start = end
    }
    let expiring = value.expiring.words
    for (index, time) in value.expiries.enumerated() where time > now {
      let pair = expiring.extracting(2 * index..<2 * index + 2)
      _ = putMembers(.hash, key, database, pair, event, .at(time), isNew: !isThere)
      event = nil
    }
    if expiry != 0 { setExpiry(key, database, expiry, isTold: true) }
  }
}
