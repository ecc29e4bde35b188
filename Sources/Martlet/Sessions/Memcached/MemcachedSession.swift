// One client that speaks memcached's classic text protocol (memcached's doc/protocol.txt), on database 0.
//
// A request is a line of words, for the storage commands followed by a block of data. Error lines are memcached's own,
// because clients match on them.

/// The state of a connection of the memcached protocol.
package struct MemcachedSession: Session, ~Copyable {
  /// A line may have this many bytes, unless it reads many keys. memcached takes one of more than 2048 only if its end
  /// comes in the same packet.
  private static let maximumLine = 16 << 10
  /// A line of a client that has yet to say who it is may have this many.
  private static let maximumStrangersLine = 2048
  private static let maximumGetLine = 1 << 20

  /// A reply that comes when a refused data block has been passed over.
  final class LateReply {
    let line: StaticString
    /// The version that it shows.
    let shown: UInt64

    init(_ line: StaticString, shown: UInt64) {
      self.line = line
      self.shown = shown
    }
  }

  package internal(set) var state: SessionState
  /// Whether the client has asked to watch what others do.
  var isWatching = false
  /// How much of the line that has begun has been searched for its end.
  private var searched = 0
  /// How many keys of a `get` have been replied in turns before this one.
  private var repliedKeys = 0
  /// Bytes of a refused data block that are still to be passed over.
  private var toSwallow = 0
  /// What is replied when they have been.
  var replyBehind: LateReply?
  /// What it is shown; nil once it sends no more.
  var watcher: Watcher?

  package init(_ client: ClientRecord, _ limits: SessionLimits, _ context: ServerContext) {
    state = SessionState(client, limits, context)
  }

  /// What became of a request.
  enum Outcome {
    /// The request ended at this position.
    case done(end: Int)
    /// There have to be this many bytes from the request's start.
    case incomplete(atLeast: Int)
    /// This many bytes from this position on are to be passed over.
    case swallow(from: Int, count: Int)
    /// The reply goes on in the next turn: the request is to be run again.
    case goOn
    case waitForRoom
    /// From now on the client watches.
    case watch
    case close
  }

  package mutating func receive(_ input: RawSpan, _ execution: inout Execution) -> SessionStep {
    if isWatching { return goOnWatching(input, &execution) }
    let ranges = execution.ranges
    var position = 0
    var lookedTo = 1
    while position < input.byteCount {
      if execution.reply.count >= SessionBounds.turnBytes {
        return SessionStep(consumed: position, next: .again)
      }
      if position >= lookedTo { lookedTo = execution.lookAheadMemcached(input, from: position) }
      if toSwallow > 0 {
        let passed = min(toSwallow, input.byteCount - position)
        toSwallow -= passed
        position += passed
        if toSwallow == 0 { endSwallowing(&execution) }
        continue
      }
      let found = input.firstIndex(of: UInt8(ascii: "\n"), from: position + searched)
      // A line is as long whether it came whole or in pieces.
      guard isLengthAllowed(input.extracting(position..<(found ?? input.byteCount))) else {
        // A stranger isn't told.
        if state.mayDoEverything { execution.reply.buffer.append("CLIENT_ERROR line too long\r\n") }
        return SessionStep(consumed: input.byteCount, next: .close)
      }
      guard let newline = found else {
        searched = input.byteCount - position
        return SessionStep(consumed: position, next: .read(atLeast: searched + 1))
      }
      searched = 0
      let lineEnd =
        newline > position && input.byte(newline - 1) == UInt8(ascii: "\r") ? newline - 1 : newline
      Self.split(input.extracting(position..<lineEnd), &ranges.value)
      let request = input.extracting(position..<input.byteCount)
      let replyStart = execution.reply.buffer.count
      let outcome = run(
        Words(request, ranges.value.span), request, bodyStart: newline + 1 - position, &execution)
      if execution.reply.buffer.count > replyStart { execution.showWhatWasQuiet(&state, from: replyStart) }
      switch outcome {
      case .done(let end): position += end
      case .goOn: return SessionStep(consumed: position, next: .again)
      case .incomplete(let length): return SessionStep(consumed: position, next: .read(atLeast: length))
      case .swallow(let start, let count):
        position += start
        toSwallow = count
      case .waitForRoom: return SessionStep(consumed: position, next: .waitForRoom)
      // The request stays where it is, so that the session is called again.
      case .watch: return SessionStep(consumed: position, next: Self.laterLook)
      case .close: return SessionStep(consumed: input.byteCount, next: .close)
      }
    }
    state.client.noteActivity()
    return SessionStep(consumed: position, next: .read(atLeast: 1))
  }

  /// Only a watcher waits.
  package mutating func endWait() { watcher = nil }

  /// Whether a line, or what has come of it, isn't too long.
  @inline(__always)
  private func isLengthAllowed(_ line: RawSpan) -> Bool {
    if line.byteCount <= Self.maximumStrangersLine { return true }
    guard state.mayDoEverything else { return false }
    if line.byteCount <= Self.maximumLine { return true }
    guard line.byteCount <= Self.maximumGetLine else { return false }
    return line.begins(with: "get ") || line.begins(with: "gets ") || line.begins(with: "gat ")
      || line.begins(with: "gats ")
  }

  private static func split(_ line: RawSpan, _ ranges: inout WordRanges) {
    ranges.removeAll()
    var start = 0
    line.forEachIndex(of: UInt8(ascii: " ")) { index in
      if index > start { ranges.append(WordRange(start, count: index - start)) }
      start = index + 1
    }
    if line.byteCount > start { ranges.append(WordRange(start, count: line.byteCount - start)) }
  }

  // MARK: Commands

  private mutating func run(
    _ words: borrowing Words, _ request: RawSpan, bodyStart: Int, _ execution: inout Execution
  ) -> Outcome {
    guard state.mayDoEverything else {
      return authenticate(words, request, bodyStart: bodyStart, &execution)
    }
    guard words.count > 0 else { return error("ERROR", bodyStart, &execution) }
    let name = words[0]
    if let command = StorageCommand(name) {
      return store(command, words, request, bodyStart, &execution)
    }
    if let command = MetaCommand(name) { return meta(command, words, request, bodyStart, &execution) }
    // A request that goes on in another turn counts once.
    if repliedKeys == 0 {
      if execution.context.logsCommands { execution.logMemcached(words, state, value: RawSpan()) }
      execution.counters.value.commands.add()
    }
    if name.equalsExactly("get") { return get(words.from(1), withCAS: false, bodyStart, &execution) }
    if name.equalsExactly("gets") { return get(words.from(1), withCAS: true, bodyStart, &execution) }
    if name.equalsExactly("delete") { return delete(words, request, bodyStart, &execution) }
    if name.equalsExactly("incr") { return arithmetic(words, isIncrement: true, bodyStart, &execution) }
    if name.equalsExactly("decr") { return arithmetic(words, isIncrement: false, bodyStart, &execution) }
    if name.equalsExactly("touch") { return touch(words, bodyStart, &execution) }
    if name.equalsExactly("gat") { return getAndTouch(words, withCAS: false, bodyStart, &execution) }
    if name.equalsExactly("gats") { return getAndTouch(words, withCAS: true, bodyStart, &execution) }
    if name.equalsExactly("flush_all") { return flush(words, bodyStart, &execution) }
    if name.equalsExactly("bget") { return get(words.from(1), withCAS: false, bodyStart, &execution) }
    return administer(words, bodyStart, &execution)
  }

  func error(_ text: StaticString, _ end: Int, _ execution: inout Execution) -> Outcome {
    answer(text, end, isQuiet: false, &execution)
  }

  func answer(
    _ text: StaticString, _ end: Int, isQuiet: Bool, _ execution: inout Execution
  ) -> Outcome {
    if !isQuiet {
      execution.reply.buffer.append(text)
      execution.reply.buffer.append("\r\n")
    }
    return .done(end: end)
  }

  /// What is to be done when the journal takes no write now; nil when it does. To be asked before a lock is taken.
  @inline(__always)
  func refusal(_ end: Int, isQuiet: Bool, _ execution: inout Execution) -> Outcome? {
    guard let refusal = execution.writeRefusal else { return nil }
    if case .waitForRoom = refusal { return .waitForRoom }
    if !isQuiet { execution.reply.buffer.append(refusal.line) }
    return .done(end: end)
  }

  // MARK: get, gets, gat, gats

  private mutating func get(
    _ keys: borrowing Words, withCAS: Bool, _ end: Int, _ execution: inout Execution
  ) -> Outcome {
    guard keys.count > 0 else { return error("ERROR", end, &execution) }
    return values(keys, withCAS: withCAS, countsReads: true, end, &execution) { _, _ in }
  }

  private mutating func getAndTouch(
    _ words: borrowing Words, withCAS: Bool, _ end: Int, _ execution: inout Execution
  ) -> Outcome {
    guard words.count > 1 else { return error("ERROR", end, &execution) }
    guard let seconds = words[1].memcachedSigned else {
      return error("CLIENT_ERROR invalid exptime argument", end, &execution)
    }
    if let refusal = refusal(end, isQuiet: false, &execution) { return refusal }
    let expiry = Memcached.expiry(seconds, execution.clock)
    return values(words.from(2), withCAS: withCAS, countsReads: false, end, &execution) { key, execution in
      execution.touchCounting(key, expiry)
    }
  }

  /// Replies the values of keys; `body` is called for each whose value could be replied, under its shard's lock.
  ///
  /// - Parameter countsReads: whether they count as reads in `stats`, where `gat` counts only as a touch.
  @inline(__always)
  private mutating func values(
    _ keys: borrowing Words, withCAS: Bool, countsReads: Bool, _ end: Int, _ execution: inout Execution,
    _ body: (borrowing Key, inout Execution) -> Void
  ) -> Outcome {
    let start = execution.reply.buffer.count
    execution.beginReply()
    for index in repliedKeys..<keys.count {
      guard keys[index].byteCount <= state.limits.keyBytes else {
        execution.reply.truncate(to: start)
        return error("CLIENT_ERROR bad command line format", end, &execution)
      }
      if execution.reply.count >= SessionBounds.turnBytes && index > repliedKeys
        && (repliedKeys > 0 || areKeysShort(keys, from: index))
      {
        // What is there is sent first. Of a few words many values can be asked for.
        repliedKeys = index
        execution.endReply(from: start)
        return .goOn
      }
      if keys.count > 1 && (index - repliedKeys) % KeysAhead.capacity == 0 {
        execution.fetch(keys, from: index)
      }
      if countsReads { execution.counters.value.gets.add() }
      let key = execution.keyspace.place(keys[index])
      execution.keyspace.lock(key.shard)
      let isRight = execution.appendValue(
        key, withCAS: withCAS, countsReads: countsReads, replyStart: start, state.client)
      if isRight { body(key, &execution) }
      execution.keyspace.unlock(key.shard)
      guard isRight else {
        repliedKeys = 0
        execution.endReply(from: start)
        return .done(end: end)
      }
    }
    repliedKeys = 0
    execution.reply.buffer.append("END\r\n")
    execution.endReply(from: start)
    return .done(end: end)
  }

  private func areKeysShort(_ keys: borrowing Words, from start: Int) -> Bool {
    for index in start..<keys.count where keys[index].byteCount > state.limits.keyBytes { return false }
    return true
  }

  // MARK: Storage

  /// A command that brings a value.
  private struct StorageCommand {
    let mode: StoreMode
    let isCAS: Bool

    init?(_ name: RawSpan) {
      if name.equalsExactly("set") {
        mode = .set
      } else if name.equalsExactly("add") {
        mode = .add
      } else if name.equalsExactly("replace") {
        mode = .replace
      } else if name.equalsExactly("append") {
        mode = .append
      } else if name.equalsExactly("prepend") {
        mode = .prepend
      } else if name.equalsExactly("cas") {
        mode = .set
        isCAS = true
        return
      } else {
        return nil
      }
      isCAS = false
    }
  }

  private mutating func store(
    _ command: StorageCommand, _ words: borrowing Words, _ request: RawSpan, _ bodyStart: Int,
    _ execution: inout Execution
  ) -> Outcome {
    let plain = command.isCAS ? 6 : 5
    guard words.count == plain || words.count == plain + 1 else {
      return error("ERROR", bodyStart, &execution)
    }
    let isQuiet = words.isQuiet
    guard words[1].byteCount <= state.limits.keyBytes, let number = words[2].memcachedUnsigned,
      let flags = UInt32(exactly: number), let seconds = words[3].memcachedSigned,
      let length = words[4].memcachedSigned,
      length >= 0, length <= Int(Int32.max) - 2
    else { return answer("CLIENT_ERROR bad command line format", bodyStart, isQuiet: isQuiet, &execution) }
    var unique: UInt64?
    if command.isCAS {
      guard let number = words[5].memcachedUnsigned else {
        return answer("CLIENT_ERROR bad command line format", bodyStart, isQuiet: isQuiet, &execution)
      }
      unique = number
    }
    let isPlainSet = command.mode == .set && !command.isCAS
    guard length <= state.limits.valueBytes else {
      return refuseLarge(isPlainSet, words, isQuiet, bodyStart, length + 2, &execution)
    }
    let end = bodyStart + length + 2
    guard request.byteCount >= end else { return .incomplete(atLeast: end) }
    guard request.byte(end - 2) == UInt8(ascii: "\r"), request.byte(end - 1) == UInt8(ascii: "\n") else {
      execution.counters.value.sets.add()
      execution.counters.value.unstored.add()
      return answer("CLIENT_ERROR bad data chunk", end, isQuiet: isQuiet, &execution)
    }
    let value = request.extracting(bodyStart..<bodyStart + length)
    if let refusal = refusal(end, isQuiet: isQuiet, &execution) { return refusal }
    if !execution.hasMemory() {
      execution.counters.value.outOfMemory.add()
      return answer("SERVER_ERROR out of memory storing object", end, isQuiet: isQuiet, &execution)
    }
    if execution.context.logsCommands { execution.logMemcached(words, state, value: value) }
    execution.counters.value.commands.add()
    execution.counters.value.sets.add()
    let start = execution.reply.buffer.count
    execution.beginReply()
    let key = execution.keyspace.place(words[1])
    execution.keyspace.lock(key.shard)
    let metadata = ItemMetadata(expiry: Memcached.expiry(seconds, execution.clock), flags: flags)
    let outcome = execution.store(
      command.mode, key, value, metadata, unique: unique, limit: state.limits.valueBytes)
    execution.keyspace.unlock(key.shard)
    if execution.context.watchers.want(.mutations) {
      execution.tellStore(words[1], words[0], outcome, metadata.expiry, length, state.client)
    }
    if outcome != .stored { execution.counters.value.unstored.add() }
    if isQuiet { return .done(end: end) }
    execution.reply.buffer.append(Self.line(outcome))
    execution.endReply(from: start)
    return .done(end: end)
  }

  private static func line(_ outcome: StoreOutcome) -> StaticString {
    switch outcome {
    case .stored: "STORED\r\n"
    case .notStored: "NOT_STORED\r\n"
    case .exists: "EXISTS\r\n"
    case .notFound: "NOT_FOUND\r\n"
    case .tooLarge: "SERVER_ERROR object too large for cache\r\n"
    case .wrongType: Execution.wrongTypeLine
    }
  }

  /// Refuses a value over the limit: its block is passed over, and a `set` leaves nothing stale behind.
  private mutating func refuseLarge(
    _ deletesOld: Bool, _ words: borrowing Words, _ isQuiet: Bool, _ bodyStart: Int, _ length: Int,
    _ execution: inout Execution
  ) -> Outcome {
    execution.beginReply()
    if deletesOld {
      switch execution.journal.room {
      case .free:
        let key = execution.keyspace.place(words[1])
        execution.keyspace.lock(key.shard)
        if execution.findToChange(key, Memcached.database) != nil {
          execution.delete(key, Memcached.database)
        }
        execution.keyspace.unlock(key.shard)
      case .full: return .waitForRoom
      case .stalled, .failed: break
      }
    }
    execution.counters.value.tooLarge.add()
    if execution.context.watchers.want(.mutations) {
      execution.tellStore(words[1], words[0], .tooLarge, 0, 0, state.client)
    }
    replyBehind = isQuiet ? nil : LateReply(Self.line(.tooLarge), shown: execution.shown)
    return .swallow(from: bodyStart, count: length)
  }

  /// Replies what a data block was refused with.
  private mutating func endSwallowing(_ execution: inout Execution) {
    guard let late = replyBehind else { return }
    replyBehind = nil
    let start = execution.reply.buffer.count
    execution.beginReply()
    execution.shown = late.shown
    execution.reply.buffer.append(late.line)
    execution.endReply(from: start)
  }

  // MARK: The others

  private func delete(
    _ words: borrowing Words, _ request: RawSpan, _ end: Int, _ execution: inout Execution
  ) -> Outcome {
    // `delete key 0` comes from times when deletions could be delayed.
    guard words.count > 1 else { return error("ERROR", end, &execution) }
    let isQuiet = words.count > 2 && words.isQuiet
    let isPlain =
      words.count == 2 || words.count == 3 && (words[2].equalsExactly("0") || words.isQuiet)
      || words.count == 4 && words[2].equalsExactly("0") && words.isQuiet
    guard isPlain else {
      return words.count > 4
        ? error("ERROR", end, &execution)
        : answer(
          "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]", end, isQuiet: isQuiet,
          &execution)
    }
    guard words[1].byteCount <= state.limits.keyBytes else {
      return answer("CLIENT_ERROR bad command line format", end, isQuiet: isQuiet, &execution)
    }
    return change(words[1], end, isQuiet: isQuiet, &execution) { key, execution in
      execution.deleteCounting(key) ? "DELETED\r\n" : "NOT_FOUND\r\n"
    }
  }

  private func touch(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome {
    guard words.count == 3 || words.count == 4 else { return error("ERROR", end, &execution) }
    let isQuiet = words.isQuiet
    guard words[1].byteCount <= state.limits.keyBytes else {
      return answer("CLIENT_ERROR bad command line format", end, isQuiet: isQuiet, &execution)
    }
    guard let seconds = words[2].memcachedSigned else {
      return answer("CLIENT_ERROR invalid exptime argument", end, isQuiet: isQuiet, &execution)
    }
    let expiry = Memcached.expiry(seconds, execution.clock)
    return change(words[1], end, isQuiet: isQuiet, &execution) { key, execution in
      execution.touchCounting(key, expiry) ? "TOUCHED\r\n" : "NOT_FOUND\r\n"
    }
  }

  private func arithmetic(
    _ words: borrowing Words, isIncrement: Bool, _ end: Int, _ execution: inout Execution
  ) -> Outcome {
    guard words.count == 3 || words.count == 4 else { return error("ERROR", end, &execution) }
    let isQuiet = words.isQuiet
    guard words[1].byteCount <= state.limits.keyBytes else {
      return answer("CLIENT_ERROR bad command line format", end, isQuiet: isQuiet, &execution)
    }
    guard let amount = words[2].memcachedUnsigned else {
      return answer("CLIENT_ERROR invalid numeric delta argument", end, isQuiet: isQuiet, &execution)
    }
    return change(words[1], end, isQuiet: isQuiet, &execution) { key, execution in
      switch execution.count(key, by: amount, isIncrement: isIncrement) {
      case .notFound: return "NOT_FOUND\r\n"
      case .wrongType: return Execution.wrongTypeLine
      case .notNumber: return "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"
      case .counted(let result):
        execution.reply.buffer.append(decimal: result)
        return "\r\n"
      }
    }
  }

  /// Runs `body` under the lock of a key's shard; the line it returns, behind what it appended, is the reply.
  func change(
    _ keyBytes: RawSpan, _ end: Int, isQuiet: Bool, _ execution: inout Execution,
    _ body: (borrowing Key, inout Execution) -> StaticString
  ) -> Outcome {
    if let refusal = refusal(end, isQuiet: isQuiet, &execution) { return refusal }
    let start = execution.reply.buffer.count
    execution.beginReply()
    let key = execution.keyspace.place(keyBytes)
    execution.keyspace.lock(key.shard)
    let text = body(key, &execution)
    execution.keyspace.unlock(key.shard)
    if isQuiet {
      execution.reply.truncate(to: start)
      return .done(end: end)
    }
    execution.reply.buffer.append(text)
    execution.endReply(from: start)
    return .done(end: end)
  }

  private func flush(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome {
    let isQuiet = words.isQuiet
    guard execution.context.memcached.allowsFlush else {
      return answer("CLIENT_ERROR flush_all not allowed", end, isQuiet: isQuiet, &execution)
    }
    guard words.count <= 3 else { return error("ERROR", end, &execution) }
    var delay = 0
    if words.count > (isQuiet ? 2 : 1) {
      guard let seconds = words[1].memcachedSigned else {
        execution.counters.value.flushes.add()
        return answer("CLIENT_ERROR invalid exptime argument", end, isQuiet: isQuiet, &execution)
      }
      delay = seconds
    }
    if let refusal = refusal(end, isQuiet: isQuiet, &execution) { return refusal }
    execution.counters.value.flushes.add()
    let time = Memcached.flushTime(delay, execution.clock)
    // The last wish counts: one that is still to be done is forgotten.
    execution.context.scheduleFlush(at: time ?? 0)
    if time != nil { return answer("OK", end, isQuiet: isQuiet, &execution) }
    let start = execution.reply.buffer.count
    execution.beginReply()
    execution.flushLocking(Memcached.database)
    if isQuiet { return .done(end: end) }
    execution.reply.buffer.append("OK\r\n")
    execution.endReply(from: start)
    return .done(end: end)
  }
}

extension Words {
  /// Whether the last word asks for no reply.
  var isQuiet: Bool { count > 1 && self[count - 1].equalsExactly("noreply") }
}

extension RawSpan {
  /// Whether the bytes are exactly those of `text`.
  @inline(__always)
  func equalsExactly(_ text: StaticString) -> Bool {
    byteCount == text.utf8CodeUnitCount && begins(with: text)
  }
}

extension Execution {
  static var wrongTypeLine: StaticString {
    "SERVER_ERROR the key holds a collection: use a Redis client for it\r\n"
  }

  /// Appends `VALUE key flags bytes [cas]` and the data for a key that is there, nothing for one that isn't; false
  /// when it isn't a string or the reply would become too large, and then an error line says so.
  @inline(__always)
  fileprivate mutating func appendValue(
    _ key: borrowing Key, withCAS: Bool, countsReads: Bool, replyStart start: Int, _ client: ClientRecord
  ) -> Bool {
    guard let item = find(key, 0) else {
      if context.watchers.want(.fetchers) { tellFetch(key.bytes, nil, client) }
      if countsReads { counters.value.misses.add() }
      return true
    }
    guard item.isString else {
      reply.buffer.append(Self.wrongTypeLine)
      return false
    }
    guard reply.hasRoom(for: item.valueCount) else {
      reply.replaceIfOverfull(
        from: start, with: "SERVER_ERROR the reply would be larger than 1 GiB: ask for less at a time\r\n")
      return false
    }
    if context.watchers.want(.fetchers) { tellFetch(key.bytes, item.valueCount, client) }
    if countsReads { counters.value.hits.add() }
    reply.buffer.append("VALUE ")
    reply.buffer.append(key.bytes)
    reply.buffer.append(byte: UInt8(ascii: " "))
    reply.buffer.append(decimal: UInt64(item.flags))
    reply.buffer.append(byte: UInt8(ascii: " "))
    reply.buffer.append(decimal: UInt64(item.valueCount))
    if withCAS {
      reply.buffer.append(byte: UInt8(ascii: " "))
      reply.buffer.append(decimal: item.cas)
    }
    reply.buffer.append("\r\n")
    appendValue(item, key.shard)
    reply.buffer.append("\r\n")
    return true
  }

  @inline(never)
  func logMemcached(_ words: borrowing Words, _ session: SessionState, value: RawSpan) {
    var text = ByteQueue()
    for index in 0..<words.count {
      if index > 0 { text.append(byte: UInt8(ascii: " ")) }
      text.append(word: words[index])
    }
    if !value.isEmpty {
      text.append(byte: UInt8(ascii: " "))
      text.append(word: value)
    }
    context.log(session.client.address, text.bytes.text)
  }
}
