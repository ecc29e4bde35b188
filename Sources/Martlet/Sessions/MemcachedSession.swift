// One client that speaks memcached's classic text protocol (memcached's doc/protocol.txt), on database 0.
//
// A request is a line of words, for the storage commands followed by a block of data. Error lines are memcached's own,
// because clients match on them.

/// The state of a connection of the memcached protocol.
package struct MemcachedSession: Session, ~Copyable {
  /// A line may have this many bytes, unless it is a `get` of many keys.
  private static let maximumLine = 2048
  private static let maximumGetLine = 1 << 20
  private static let database = 0
  /// Expiry times up to this many seconds count from now, larger ones from 1970.
  private static let relativeSeconds = 60 * 60 * 24 * 30

  package private(set) var state: SessionState
  private var ranges = WordRanges()
  /// Bytes of a refused data block that are still to be passed over.
  private var toSwallow = 0

  package init(_ client: ClientRecord, _ limits: SessionLimits, _ context: ServerContext) {
    state = SessionState(client, limits, context)
  }

  private enum Outcome {
    /// The request ended at this position.
    case done(end: Int)
    /// There have to be this many bytes from the request's start.
    case incomplete(atLeast: Int)
    /// This many bytes from this position on are to be passed over.
    case swallow(from: Int, count: Int)
    case waitForRoom
    case close
  }

  package mutating func receive(_ input: RawSpan, _ execution: inout Execution) -> SessionStep {
    // Taken out of the session, so that its state can change while a request's words are read.
    var ranges = WordRanges()
    swap(&ranges, &self.ranges)
    defer { swap(&ranges, &self.ranges) }
    var position = 0
    while position < input.byteCount {
      if execution.reply.buffer.count >= SessionBounds.turnBytes {
        return SessionStep(consumed: position, next: .again)
      }
      if toSwallow > 0 {
        let passed = min(toSwallow, input.byteCount - position)
        toSwallow -= passed
        position += passed
        continue
      }
      let found = input.firstIndex(of: UInt8(ascii: "\n"), from: position)
      // A line is as long whether it came whole or in pieces.
      guard Self.isLengthAllowed(input.extracting(position..<(found ?? input.byteCount))) else {
        execution.reply.buffer.append("CLIENT_ERROR line too long\r\n")
        return SessionStep(consumed: input.byteCount, next: .close)
      }
      guard let newline = found else {
        return SessionStep(consumed: position, next: .read(atLeast: input.byteCount - position + 1))
      }
      let lineEnd =
        newline > position && input.byte(newline - 1) == UInt8(ascii: "\r") ? newline - 1 : newline
      Self.split(input.extracting(position..<lineEnd), &ranges)
      let request = input.extracting(position..<input.byteCount)
      switch run(Words(request, ranges.span), request, bodyStart: newline + 1 - position, &execution) {
      case .done(let end): position += end
      case .incomplete(let length): return SessionStep(consumed: position, next: .read(atLeast: length))
      case .swallow(let start, let count):
        position += start
        toSwallow = count
      case .waitForRoom: return SessionStep(consumed: position, next: .waitForRoom)
      case .close: return SessionStep(consumed: input.byteCount, next: .close)
      }
    }
    state.client.noteActivity()
    return SessionStep(consumed: position, next: .read(atLeast: 1))
  }

  /// No command of this protocol waits.
  package mutating func endWait() {}

  /// Whether a line, or what has come of it, isn't too long.
  @inline(__always)
  private static func isLengthAllowed(_ line: RawSpan) -> Bool {
    if line.byteCount <= maximumLine { return true }
    return line.byteCount <= maximumGetLine && (line.begins(with: "get ") || line.begins(with: "gets "))
  }

  private static func split(_ line: RawSpan, _ ranges: inout WordRanges) {
    ranges.removeAll()
    var start = 0
    for index in 0..<line.byteCount where line.byte(index) == UInt8(ascii: " ") {
      if index > start { ranges.append(WordRange(start, count: index - start)) }
      start = index + 1
    }
    if line.byteCount > start { ranges.append(WordRange(start, count: line.byteCount - start)) }
  }

  // MARK: Commands

  private mutating func run(
    _ words: borrowing Words, _ request: RawSpan, bodyStart: Int, _ execution: inout Execution
  ) -> Outcome {
    guard words.count > 0 else { return error("ERROR", bodyStart, &execution) }
    let name = words[0]
    if let mode = StorageMode(name) {
      return store(mode, words, request, bodyStart, &execution)
    }
    if !state.isAuthenticated && !name.equalsExactly("quit") {
      return error("CLIENT_ERROR unauthenticated", bodyStart, &execution)
    }
    if execution.context.logsCommands { execution.logMemcached(words, state, value: RawSpan()) }
    execution.counters.value.commands.add()
    if name.equalsExactly("get") { return get(words.from(1), withCAS: false, bodyStart, &execution) }
    if name.equalsExactly("gets") { return get(words.from(1), withCAS: true, bodyStart, &execution) }
    if name.equalsExactly("delete") { return delete(words, request, bodyStart, &execution) }
    if name.equalsExactly("incr") { return arithmetic(words, isIncrement: true, bodyStart, &execution) }
    if name.equalsExactly("decr") { return arithmetic(words, isIncrement: false, bodyStart, &execution) }
    if name.equalsExactly("touch") { return touch(words, bodyStart, &execution) }
    if name.equalsExactly("gat") { return getAndTouch(words, withCAS: false, bodyStart, &execution) }
    if name.equalsExactly("gats") { return getAndTouch(words, withCAS: true, bodyStart, &execution) }
    if name.equalsExactly("flush_all") { return flush(words, bodyStart, &execution) }
    if name.equalsExactly("version") {
      execution.reply.buffer.append("VERSION 1.6.18-martlet-")
      execution.reply.buffer.append(text: ServerContext.version)
      execution.reply.buffer.append("\r\n")
      return .done(end: bodyStart)
    }
    if name.equalsExactly("verbosity") {
      // There is nothing to tell more or less of; the number is checked all the same.
      guard words.count == 2 || words.count == 3 else {
        return error("ERROR", bodyStart, &execution)
      }
      let isNumber = words[1].unsignedDecimal != nil
      return answer(
        isNumber ? "OK" : "CLIENT_ERROR bad command line format", bodyStart, isQuiet: words.isQuiet,
        &execution)
    }
    if name.equalsExactly("stats") { return statistics(words, bodyStart, &execution) }
    if name.equalsExactly("quit") { return .close }
    if name.equalsExactly("shutdown") { return shutdown(words, bodyStart, &execution) }
    return error("ERROR", bodyStart, &execution)
  }

  private func shutdown(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome {
    guard execution.context.allowsShutdown else {
      return error("ERROR: shutdown not enabled", end, &execution)
    }
    guard words.count == 1 || words.count == 2 && words[1].equalsExactly("graceful") else {
      return error("CLIENT_ERROR invalid shutdown mode", end, &execution)
    }
    execution.context.requestStop()
    return .close
  }

  private func error(_ text: StaticString, _ end: Int, _ execution: inout Execution) -> Outcome {
    answer(text, end, isQuiet: false, &execution)
  }

  private func answer(
    _ text: StaticString, _ end: Int, isQuiet: Bool, _ execution: inout Execution
  ) -> Outcome {
    if !isQuiet {
      execution.reply.buffer.append(text)
      execution.reply.buffer.append("\r\n")
    }
    return .done(end: end)
  }

  /// Why the journal takes no write now; nil when it does. To be asked before a lock is taken.
  @inline(__always)
  private func refusal(_ end: Int, isQuiet: Bool, _ execution: inout Execution) -> Outcome? {
    switch execution.journal.room {
    case .free: nil
    case .full: .waitForRoom
    case .stalled:
      answer(
        "SERVER_ERROR the disk is full; writes resume by themselves when there is room", end,
        isQuiet: isQuiet,
        &execution)
    case .failed:
      answer(
        "SERVER_ERROR the database can't be written: see the server's log", end, isQuiet: isQuiet, &execution)
    }
  }

  // MARK: get, gets, gat, gats

  private func get(
    _ keys: borrowing Words, withCAS: Bool, _ end: Int, _ execution: inout Execution
  ) -> Outcome {
    guard keys.count > 0 else { return error("ERROR", end, &execution) }
    return values(keys, withCAS: withCAS, end, &execution) { _, _ in }
  }

  private func getAndTouch(
    _ words: borrowing Words, withCAS: Bool, _ end: Int, _ execution: inout Execution
  ) -> Outcome {
    guard words.count > 1 else { return error("ERROR", end, &execution) }
    guard let seconds = words[1].signedNumber else {
      return error("CLIENT_ERROR invalid exptime argument", end, &execution)
    }
    if let refusal = refusal(end, isQuiet: false, &execution) { return refusal }
    let expiry = expiry(seconds, execution.clock)
    return values(words.from(2), withCAS: withCAS, end, &execution) { key, execution in
      touch(key, expiry, &execution)
    }
  }

  /// Replies the values of keys; `body` is called for each whose value could be replied, under its shard's lock.
  @inline(__always)
  private func values(
    _ keys: borrowing Words, withCAS: Bool, _ end: Int, _ execution: inout Execution,
    _ body: (borrowing Key, inout Execution) -> Void
  ) -> Outcome {
    let start = execution.reply.buffer.count
    execution.beginReply()
    for index in 0..<keys.count {
      guard keys[index].byteCount <= state.limits.keyBytes else {
        execution.reply.buffer.truncate(to: start)
        return error("CLIENT_ERROR bad command line format", end, &execution)
      }
      execution.counters.value.gets.add()
      let key = execution.keyspace.place(keys[index])
      execution.keyspace.lock(key.shard)
      let isRight = execution.appendValue(key, withCAS: withCAS, replyStart: start)
      if isRight { body(key, &execution) }
      execution.keyspace.unlock(key.shard)
      guard isRight else {
        execution.endReply(from: start)
        return .done(end: end)
      }
    }
    execution.reply.buffer.append("END\r\n")
    execution.endReply(from: start)
    return .done(end: end)
  }

  /// Gives a key an expiry if it is there; whether it is.
  @discardableResult
  private func touch(_ key: borrowing Key, _ expiry: Int64, _ execution: inout Execution) -> Bool {
    execution.counters.value.touches.add()
    guard execution.findToChange(key, Self.database) != nil else { return false }
    execution.counters.value.touchHits.add()
    execution.setExpiryOrDelete(key, Self.database, expiry)
    return true
  }

  // MARK: Storage

  private enum StorageMode {
    case set, add, replace, append, prepend, cas

    init?(_ name: RawSpan) {
      if name.equalsExactly("set") {
        self = .set
      } else if name.equalsExactly("add") {
        self = .add
      } else if name.equalsExactly("replace") {
        self = .replace
      } else if name.equalsExactly("append") {
        self = .append
      } else if name.equalsExactly("prepend") {
        self = .prepend
      } else if name.equalsExactly("cas") {
        self = .cas
      } else {
        return nil
      }
    }
  }

  private mutating func store(
    _ mode: StorageMode, _ words: borrowing Words, _ request: RawSpan, _ bodyStart: Int,
    _ execution: inout Execution
  ) -> Outcome {
    let plain = mode == .cas ? 6 : 5
    guard words.count == plain || words.count == plain + 1 else {
      return error("ERROR", bodyStart, &execution)
    }
    let isQuiet = words.isQuiet
    guard words[1].byteCount <= state.limits.keyBytes, let number = words[2].unsignedDecimal,
      let flags = UInt32(exactly: number), let seconds = words[3].signedNumber,
      let length = words[4].signedNumber,
      length >= 0, length <= Int(Int32.max) - 2
    else { return answer("CLIENT_ERROR bad command line format", bodyStart, isQuiet: isQuiet, &execution) }
    var unique: UInt64 = 0
    if mode == .cas {
      guard let number = words[5].unsignedDecimal else {
        return answer("CLIENT_ERROR bad command line format", bodyStart, isQuiet: isQuiet, &execution)
      }
      unique = number
    }
    guard state.isAuthenticated || mode == .set && length <= Self.maximumLine else {
      _ = error("CLIENT_ERROR unauthenticated", bodyStart, &execution)
      return .close
    }
    guard length <= state.limits.valueBytes else {
      return refuseLarge(mode, words, isQuiet, bodyStart, length + 2, &execution)
    }
    let end = bodyStart + length + 2
    guard request.byteCount >= end else { return .incomplete(atLeast: end) }
    guard request.byte(end - 2) == UInt8(ascii: "\r"), request.byte(end - 1) == UInt8(ascii: "\n") else {
      return answer("CLIENT_ERROR bad data chunk", end, isQuiet: isQuiet, &execution)
    }
    let value = request.extracting(bodyStart..<bodyStart + length)
    guard state.isAuthenticated else { return authenticate(value, end, &execution) }
    if let refusal = refusal(end, isQuiet: isQuiet, &execution) { return refusal }
    if execution.isOverMemoryLimit {
      return answer("SERVER_ERROR out of memory storing object", end, isQuiet: isQuiet, &execution)
    }
    if execution.context.logsCommands { execution.logMemcached(words, state, value: value) }
    execution.counters.value.commands.add()
    execution.counters.value.sets.add()
    let start = execution.reply.buffer.count
    execution.beginReply()
    let key = execution.keyspace.place(words[1])
    execution.keyspace.lock(key.shard)
    let metadata = ItemMetadata(expiry: expiry(seconds, execution.clock), flags: flags)
    let text = execute(mode, key, value, metadata, unique, &execution)
    execution.keyspace.unlock(key.shard)
    if isQuiet { return .done(end: end) }
    execution.reply.buffer.append(text)
    execution.endReply(from: start)
    return .done(end: end)
  }

  private func execute(
    _ mode: StorageMode, _ key: borrowing Key, _ value: RawSpan, _ metadata: ItemMetadata, _ unique: UInt64,
    _ execution: inout Execution
  ) -> StaticString {
    let database = Self.database
    switch mode {
    case .set: break
    case .add:
      if execution.findToChange(key, database) != nil { return "NOT_STORED\r\n" }
    case .replace:
      if execution.findToChange(key, database) == nil { return "NOT_STORED\r\n" }
    case .append, .prepend:
      guard let old = execution.findToChange(key, database) else { return "NOT_STORED\r\n" }
      guard old.isString else { return Execution.wrongTypeLine }
      guard old.valueCount + value.byteCount <= state.limits.valueBytes else {
        return "SERVER_ERROR object too large for cache\r\n"
      }
      if mode == .append {
        execution.append(key, database, value)
      } else {
        execution.prepend(key, database, value)
      }
      return "STORED\r\n"
    case .cas:
      guard let old = execution.findToChange(key, database) else {
        execution.counters.value.casMisses.add()
        return "NOT_FOUND\r\n"
      }
      guard old.cas == unique else {
        execution.counters.value.casMismatches.add()
        return "EXISTS\r\n"
      }
      execution.counters.value.casHits.add()
    }
    if metadata.expiry != 0 && metadata.expiry <= execution.clock.now() {
      // It has expired before it was stored: what stays is the key's absence.
      if execution.findToChange(key, database) != nil { execution.delete(key, database) }
    } else {
      execution.set(key, database, value, metadata)
    }
    return "STORED\r\n"
  }

  /// Refuses a value over the limit: its block is passed over, and a `set` leaves nothing stale behind.
  private func refuseLarge(
    _ mode: StorageMode, _ words: borrowing Words, _ isQuiet: Bool, _ bodyStart: Int, _ length: Int,
    _ execution: inout Execution
  ) -> Outcome {
    let start = execution.reply.buffer.count
    execution.beginReply()
    if mode == .set {
      switch execution.journal.room {
      case .free:
        let key = execution.keyspace.place(words[1])
        execution.keyspace.lock(key.shard)
        if execution.findToChange(key, Self.database) != nil { execution.delete(key, Self.database) }
        execution.keyspace.unlock(key.shard)
      case .full: return .waitForRoom
      case .stalled, .failed: break
      }
    }
    if !isQuiet {
      execution.reply.buffer.append("SERVER_ERROR object too large for cache\r\n")
      execution.endReply(from: start)
    }
    return .swallow(from: bodyStart, count: length)
  }

  /// The data of the first `set` of a client that has to authenticate: `username password`.
  private mutating func authenticate(_ value: RawSpan, _ end: Int, _ execution: inout Execution) -> Outcome {
    guard let space = value.firstIndex(of: UInt8(ascii: " ")),
      execution.context.isPassword(value.extracting(space + 1..<value.byteCount))
    else { return error("CLIENT_ERROR authentication failure", end, &execution) }
    state.isAuthenticated = true
    return error("STORED", end, &execution)
  }

  /// A time of a request as milliseconds since 1970; 0 for never.
  private func expiry(_ seconds: Int, _ clock: WallClock) -> Int64 {
    if seconds == 0 { return 0 }
    if seconds < 0 { return 1 }
    if seconds <= Self.relativeSeconds { return clock.now() + Int64(seconds) * 1000 }
    let (milliseconds, overflow) = Int64(seconds).multipliedReportingOverflow(by: 1000)
    return overflow ? .max : milliseconds
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
      return error("CLIENT_ERROR bad command line format", end, &execution)
    }
    return change(words[1], end, isQuiet: isQuiet, &execution) { key, execution in
      guard execution.findToChange(key, Self.database) != nil else {
        execution.counters.value.deleteMisses.add()
        return "NOT_FOUND\r\n"
      }
      execution.counters.value.deleteHits.add()
      execution.delete(key, Self.database)
      return "DELETED\r\n"
    }
  }

  private func touch(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome {
    guard words.count == 3 || words.count == 4 else { return error("ERROR", end, &execution) }
    guard words[1].byteCount <= state.limits.keyBytes else {
      return error("CLIENT_ERROR bad command line format", end, &execution)
    }
    guard let seconds = words[2].signedNumber else {
      return error("CLIENT_ERROR invalid exptime argument", end, &execution)
    }
    let expiry = expiry(seconds, execution.clock)
    return change(words[1], end, isQuiet: words.isQuiet, &execution) { key, execution in
      touch(key, expiry, &execution) ? "TOUCHED\r\n" : "NOT_FOUND\r\n"
    }
  }

  private func arithmetic(
    _ words: borrowing Words, isIncrement: Bool, _ end: Int, _ execution: inout Execution
  ) -> Outcome {
    guard words.count == 3 || words.count == 4 else { return error("ERROR", end, &execution) }
    guard words[1].byteCount <= state.limits.keyBytes else {
      return error("CLIENT_ERROR bad command line format", end, &execution)
    }
    guard let amount = words[2].counter else {
      return error("CLIENT_ERROR invalid numeric delta argument", end, &execution)
    }
    return change(words[1], end, isQuiet: words.isQuiet, &execution) { key, execution in
      guard let item = execution.findToChange(key, Self.database) else {
        if isIncrement {
          execution.counters.value.incrementMisses.add()
        } else {
          execution.counters.value.decrementMisses.add()
        }
        return "NOT_FOUND\r\n"
      }
      guard item.isString else { return Execution.wrongTypeLine }
      guard let number = item.value.counter else {
        return "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"
      }
      if isIncrement {
        execution.counters.value.incrementHits.add()
      } else {
        execution.counters.value.decrementHits.add()
      }
      // Up wraps around at 64 bits; down stops at 0. A shorter number keeps the value's length, by spaces.
      let result = isIncrement ? number &+ amount : number - min(number, amount)
      var metadata = item.metadata
      metadata.cas = 0
      let digits = DecimalText(result, paddedTo: item.valueCount)
      execution.set(key, Self.database, digits.bytes, metadata)
      execution.reply.buffer.append(decimal: result)
      return "\r\n"
    }
  }

  /// Runs `body` under the lock of a key's shard; the line it returns, behind what it appended, is the reply.
  private func change(
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
      execution.reply.buffer.truncate(to: start)
      return .done(end: end)
    }
    execution.reply.buffer.append(text)
    execution.endReply(from: start)
    return .done(end: end)
  }

  private func flush(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome {
    guard execution.context.allowsFlush else {
      return answer("CLIENT_ERROR flush_all not allowed", end, isQuiet: words.isQuiet, &execution)
    }
    let isQuiet = words.isQuiet
    guard words.count <= 3 else { return error("ERROR", end, &execution) }
    var delay = 0
    if words.count > (isQuiet ? 2 : 1) {
      guard let seconds = words[1].signedNumber else {
        return answer("CLIENT_ERROR invalid exptime argument", end, isQuiet: isQuiet, &execution)
      }
      delay = seconds
    }
    if let refusal = refusal(end, isQuiet: isQuiet, &execution) { return refusal }
    execution.counters.value.flushes.add()
    if delay > 0 {
      execution.context.scheduleFlush(at: expiry(delay, execution.clock))
      return answer("OK", end, isQuiet: isQuiet, &execution)
    }
    let start = execution.reply.buffer.count
    execution.beginReply()
    execution.flushLocking(Self.database)
    if isQuiet { return .done(end: end) }
    execution.reply.buffer.append("OK\r\n")
    execution.endReply(from: start)
    return .done(end: end)
  }

  private func statistics(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome {
    if words.count == 1 {
      let start = execution.reply.buffer.count
      execution.beginReply()
      for (name, value) in execution.memcachedStatistics() {
        execution.reply.buffer.append("STAT ")
        execution.reply.buffer.append(text: name)
        execution.reply.buffer.append(byte: UInt8(ascii: " "))
        execution.reply.buffer.append(text: value)
        execution.reply.buffer.append("\r\n")
      }
      _ = error("END", end, &execution)
      execution.endReply(from: start)
      return .done(end: end)
    }
    if words[1].equalsExactly("reset") { return error("RESET", end, &execution) }
    if words[1].equalsExactly("settings") {
      let settings: [(String, Int)] = [
        ("maxbytes", execution.context.memoryLimit),
        ("item_size_max", state.limits.valueBytes),
      ]
      for (name, value) in settings { execution.reply.buffer.append(text: "STAT \(name) \(value)\r\n") }
      return error("END", end, &execution)
    }
    // These tell of memcached's own inside, of which there is nothing here.
    let isKnown =
      words[1].equalsExactly("items") || words[1].equalsExactly("slabs") || words[1].equalsExactly("sizes")
      || words[1].equalsExactly("conns")
    return error(isKnown ? "END" : "ERROR", end, &execution)
  }
}

extension Words {
  /// Whether the last word asks for no reply.
  fileprivate var isQuiet: Bool { count > 1 && self[count - 1].equalsExactly("noreply") }
}

/// What C's `isspace` says of a byte.
private func isWhiteSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || (9...13).contains(byte) }

extension RawSpan {
  /// Whether the bytes are exactly those of `text`.
  @inline(__always)
  fileprivate func equalsExactly(_ text: StaticString) -> Bool {
    byteCount == text.utf8CodeUnitCount && begins(with: text)
  }

  /// The number that memcached's arithmetic sees (C's `strtoull`): maybe white space and a plus sign, digits, and
  /// then the end, or white space and anything.
  fileprivate var counter: UInt64? {
    guard byteCount <= DecimalText.maximumWidth else { return nil }
    var start = 0
    while start < byteCount, isWhiteSpace(byte(start)) { start += 1 }
    if start < byteCount, byte(start) == UInt8(ascii: "+") { start += 1 }
    var end = start
    while end < byteCount, !isWhiteSpace(byte(end)) { end += 1 }
    return extracting(start..<end).unsignedDecimal
  }

  /// A signed number as memcached reads it: leading zeros are fine.
  fileprivate var signedNumber: Int? {
    guard byteCount > 0 else { return nil }
    if byte(0) == UInt8(ascii: "-") {
      return extracting(1..<byteCount).unsignedDecimal.flatMap { Int(exactly: $0) }.map { -$0 }
    }
    return unsignedDecimal.flatMap { Int(exactly: $0) }
  }
}

extension Execution {
  static var wrongTypeLine: StaticString {
    "SERVER_ERROR the key holds a collection: use a Redis client for it\r\n"
  }

  /// Appends `VALUE key flags bytes [cas]` and the data for a key that is there, nothing for one that isn't; false
  /// when it isn't a string or the reply would become too large, and then an error line says so.
  @inline(__always)
  fileprivate mutating func appendValue(_ key: borrowing Key, withCAS: Bool, replyStart start: Int) -> Bool {
    guard let item = find(key, 0) else {
      counters.value.misses.add()
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
    counters.value.hits.add()
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
    reply.buffer.append(item.value)
    reply.buffer.append("\r\n")
    return true
  }

  /// Empties a database, taking and leaving all locks.
  mutating func flushLocking(_ database: Int) {
    for shard in 0..<keyspace.shardCount { keyspace.lock(shard) }
    flush(database)
    for shard in 0..<keyspace.shardCount { keyspace.unlock(shard) }
  }

  @inline(never)
  fileprivate func logMemcached(_ words: borrowing Words, _ session: SessionState, value: RawSpan) {
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

  /// The fields of `stats`, by memcached's names.
  fileprivate mutating func memcachedStatistics() -> [(String, String)] {
    let now = WallClock.systemMicroseconds() / 1_000_000
    var items = 0
    for shard in 0..<keyspace.shardCount {
      keyspace.lock(shard)
      items += keyspace[shard].shard.count(0)
      showAll(shard)
      keyspace.unlock(shard)
    }
    let counts: [(String, UInt64)] = [
      ("cmd_get", context.sum { $0.gets.value }),
      ("cmd_set", context.sum { $0.sets.value }),
      ("cmd_flush", context.sum { $0.flushes.value }),
      ("cmd_touch", context.sum { $0.touches.value }),
      ("get_hits", context.sum { $0.hits.value }),
      ("get_misses", context.sum { $0.misses.value }),
      ("delete_misses", context.sum { $0.deleteMisses.value }),
      ("delete_hits", context.sum { $0.deleteHits.value }),
      ("incr_misses", context.sum { $0.incrementMisses.value }),
      ("incr_hits", context.sum { $0.incrementHits.value }),
      ("decr_misses", context.sum { $0.decrementMisses.value }),
      ("decr_hits", context.sum { $0.decrementHits.value }),
      ("cas_misses", context.sum { $0.casMisses.value }),
      ("cas_hits", context.sum { $0.casHits.value }),
      ("cas_badval", context.sum { $0.casMismatches.value }),
      ("touch_hits", context.sum { $0.touchHits.value }),
      ("touch_misses", context.sum { $0.touches.value &- $0.touchHits.value }),
      ("bytes_read", context.sum { $0.bytesRead.value }),
      ("bytes_written", context.sum { $0.bytesWritten.value }),
      ("threads", UInt64(context.laneCount)),
      ("total_items", context.sum { $0.sets.value }),
      ("limit_maxbytes", UInt64(context.memoryLimit)),
      ("bytes", UInt64(keyspace.residentBytes)),
      ("curr_items", UInt64(items)),
      ("evictions", 0),
    ]
    return [
      ("pid", "\(ProcessFacts.identifier)"),
      ("uptime", "\(now - context.startTime / 1000)"),
      ("time", "\(now)"),
      ("version", "1.6.18-martlet-\(ServerContext.version)"),
      ("pointer_size", "64"),
      ("max_connections", "\(context.clients.limit)"),
      ("curr_connections", "\(context.clients.count)"),
      ("total_connections", "\(context.clients.total)"),
      ("rejected_connections", "\(context.clients.rejectedCount)"),
      ("idle_kicks", "\(context.clients.idleCount)"),
    ] + counts.map { ($0.0, "\($0.1)") }
  }
}
