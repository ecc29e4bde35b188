// memcached's meta commands, `mg ms md ma me mn` (memcached's doc/protocol.txt, "Meta Commands"), in the same sessions as
// the classic ones.
//
// A reply is a code, then what the flags of the request ask for in their order, each behind its letter. `q` leaves out the
// reply that a client expects anyway; `mn` tells it that all before has been done. So what a reply that is left out would
// have shown is shown by the next one, which waits for the disk in its place.

extension MemcachedSession {
  /// Runs a meta command.
  mutating func meta(
    _ command: MetaCommand, _ words: borrowing Words, _ request: RawSpan, _ bodyStart: Int,
    _ execution: inout Execution
  ) -> Outcome {
    // That of a `ms` is counted when its value has come.
    if command != .set { execution.noteMeta(words, state, value: RawSpan()) }
    switch command {
    case .get: return metaGet(words, bodyStart, &execution)
    case .set: return metaSet(words, request, bodyStart, &execution)
    case .delete: return metaDelete(words, bodyStart, &execution)
    case .arithmetic: return metaArithmetic(words, bodyStart, &execution)
    case .debug: return metaDebug(words, bodyStart, &execution)
    case .nothing:
      let start = execution.reply.buffer.count
      execution.beginReply()
      execution.reply.buffer.append("MN\r\n")
      return endMeta(start, isLeftOut: false, bodyStart, &execution)
    }
  }

  /// Ends the reply that began at `start`.
  @inline(__always)
  private mutating func endMeta(
    _ start: Int, isLeftOut: Bool, _ end: Int, _ execution: inout Execution
  ) -> Outcome {
    if isLeftOut {
      execution.reply.truncate(to: start)
      state.shownLater = max(state.shownLater, execution.shown)
    } else {
      execution.endReply(from: start)
    }
    return .done(end: end)
  }

  /// Replies a line that tells a mistake, or why nothing was done.
  private mutating func refuse(_ line: StaticString, _ end: Int, _ execution: inout Execution) -> Outcome {
    let start = execution.reply.buffer.count
    execution.beginReply()
    execution.reply.buffer.append(line)
    return endMeta(start, isLeftOut: false, end, &execution)
  }

  /// Checks the words of a `mg`, `md` or `ma`, and takes their flags; what is to be done when they are wrong.
  @inline(__always)
  private mutating func takeFlags(
    _ words: borrowing Words, _ flags: inout MetaFlags, _ tooMany: StaticString, wrong: StaticString? = nil,
    _ end: Int, _ execution: inout Execution
  ) -> Outcome? {
    guard words.count > 1 else { return refuse("ERROR\r\n", end, &execution) }
    guard words[1].byteCount <= state.limits.keyBytes else {
      return refuse("CLIENT_ERROR bad command line format\r\n", end, &execution)
    }
    guard words.count <= MetaFlags.maximumWords else { return refuse(tooMany, end, &execution) }
    if let problem = flags.parse(words, from: 2) { return refuse(wrong ?? problem, end, &execution) }
    return nil
  }

  // MARK: mg

  @inline(__always)
  private mutating func metaGet(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome
  {
    var flags = MetaFlags()
    let tooMany: StaticString = "CLIENT_ERROR options flags are too long\r\n"
    if let outcome = takeFlags(words, &flags, tooMany, end, &execution) { return outcome }
    guard !flags.isOpaqueTooLong else {
      return refuse("CLIENT_ERROR opaque token too long\r\n", end, &execution)
    }
    guard flags.has("b") else { return metaGet(words[1], flags, words, end, &execution) }
    var key = ByteQueue()
    key.append(decodedBase64: words[1])
    return metaGet(key.bytes, flags, words, end, &execution)
  }

  @inline(__always)
  private mutating func metaGet(
    _ keyBytes: RawSpan, _ flags: MetaFlags, _ words: borrowing Words, _ end: Int,
    _ execution: inout Execution
  ) -> Outcome {
    if flags.mayWriteOnGet, let refusal = refusal(end, isQuiet: false, &execution) { return refusal }
    // Memory is asked for before the lock, in case that the key has to be made.
    let mayCreate = flags.has("N") && execution.hasMemory()
    let start = execution.reply.buffer.count
    execution.beginReply()
    let key = execution.keyspace.place(keyBytes)
    execution.keyspace.lock(key.shard)
    let isLeftOut = execution.metaGet(
      key, flags, words, mayCreate: mayCreate, replyStart: start, state.client)
    execution.keyspace.unlock(key.shard)
    return endMeta(start, isLeftOut: isLeftOut, end, &execution)
  }

  // MARK: ms

  @inline(__always)
  private mutating func metaSet(
    _ words: borrowing Words, _ request: RawSpan, _ bodyStart: Int, _ execution: inout Execution
  ) -> Outcome {
    guard words.count > 1 else { return refuse("ERROR\r\n", bodyStart, &execution) }
    guard words[1].byteCount <= state.limits.keyBytes, words.count > 2 else {
      return refuse("CLIENT_ERROR bad command line format\r\n", bodyStart, &execution)
    }
    guard words.count <= MetaFlags.maximumWords else {
      return refuse("CLIENT_ERROR options flags too long\r\n", bodyStart, &execution)
    }
    guard let length = words[2].memcachedSigned, length >= 0, length <= Int(Int32.max) - 2 else {
      return refuse("CLIENT_ERROR bad command line format\r\n", bodyStart, &execution)
    }
    // From here on it is known where the value ends, so it is passed over after an error.
    var flags = MetaFlags()
    var problem = flags.parse(words, from: 3)
    let mode = Self.storeMode(flags.mode)
    if problem == nil && mode == nil { problem = "CLIENT_ERROR invalid mode for ms M token\r\n" }
    if problem == nil && flags.isOpaqueTooLong { problem = "CLIENT_ERROR opaque token too long\r\n" }
    guard problem == nil, let mode else {
      replyBehind = problem.map { LateReply($0, shown: state.shownLater) }
      return .swallow(from: bodyStart, count: length + 2)
    }
    guard flags.has("b") else {
      return metaSet(words[1], length, mode, flags, words, request, bodyStart, &execution)
    }
    var key = ByteQueue()
    key.append(decodedBase64: words[1])
    return metaSet(key.bytes, length, mode, flags, words, request, bodyStart, &execution)
  }

  @inline(__always)
  private static func storeMode(_ letter: UInt8) -> StoreMode? {
    switch letter {
    case 0, UInt8(ascii: "S"): .set
    case UInt8(ascii: "E"): .add
    case UInt8(ascii: "A"): .append
    case UInt8(ascii: "P"): .prepend
    case UInt8(ascii: "R"): .replace
    default: nil
    }
  }

  @inline(__always)
  private mutating func metaSet(
    _ keyBytes: RawSpan, _ length: Int, _ mode: StoreMode, _ flags: MetaFlags,
    _ words: borrowing Words, _ request: RawSpan, _ bodyStart: Int, _ execution: inout Execution
  ) -> Outcome {
    guard length <= state.limits.valueBytes else {
      return refuseLargeMeta(keyBytes, mode, isCompared: flags.has("C"), bodyStart, length + 2, &execution)
    }
    let end = bodyStart + length + 2
    guard request.byteCount >= end else { return .incomplete(atLeast: end) }
    guard request.byte(end - 2) == UInt8(ascii: "\r"), request.byte(end - 1) == UInt8(ascii: "\n") else {
      execution.counters.value.sets.add()
      execution.counters.value.unstored.add()
      return refuse("CLIENT_ERROR bad data chunk\r\n", end, &execution)
    }
    if let refusal = refusal(end, isQuiet: false, &execution) { return refusal }
    if !execution.hasMemory() {
      execution.counters.value.outOfMemory.add()
      return refuse("SERVER_ERROR out of memory storing object\r\n", end, &execution)
    }
    let value = request.extracting(bodyStart..<bodyStart + length)
    execution.noteMeta(words, state, value: value)
    execution.counters.value.sets.add()
    let start = execution.reply.buffer.count
    execution.beginReply()
    let store = MetaStore(
      mode: mode,
      metadata: ItemMetadata(
        expiry: Memcached.expiry(flags.timeToLive, execution.clock), flags: flags.clientFlags, cas: flags.cas),
      unique: flags.has("C") ? flags.unique : nil, allowsStale: flags.has("I"),
      vivification: flags.has("N") ? Memcached.expiry(flags.vivification, execution.clock) : nil)
    let key = execution.keyspace.place(keyBytes)
    execution.keyspace.lock(key.shard)
    let outcome = execution.store(store, key, value, limit: state.limits.valueBytes)
    execution.appendStored(outcome, key, value.byteCount, flags, words)
    execution.keyspace.unlock(key.shard)
    if outcome != .stored { execution.counters.value.unstored.add() }
    execution.tellStore(
      keyBytes, mode, isCompared: flags.has("C"), outcome, store.metadata.expiry, length, state.client)
    return endMeta(start, isLeftOut: outcome == .stored && flags.has("q"), end, &execution)
  }

  /// Refuses a value over the limit: its block is passed over, and nothing stale is left behind.
  private mutating func refuseLargeMeta(
    _ keyBytes: RawSpan, _ mode: StoreMode, isCompared: Bool, _ bodyStart: Int, _ length: Int,
    _ execution: inout Execution
  ) -> Outcome {
    execution.beginReply()
    switch execution.writeRefusal {
    case nil:
      let key = execution.keyspace.place(keyBytes)
      execution.keyspace.lock(key.shard)
      if execution.findToChange(key, Memcached.database) != nil { execution.delete(key, Memcached.database) }
      execution.keyspace.unlock(key.shard)
    case .waitForRoom: return .waitForRoom
    case .diskFull, .failed: break
    }
    execution.counters.value.tooLarge.add()
    execution.tellStore(keyBytes, mode, isCompared: isCompared, .tooLarge, 0, 0, state.client)
    replyBehind = LateReply(
      "SERVER_ERROR object too large for cache\r\n", shown: max(execution.shown, state.shownLater))
    return .swallow(from: bodyStart, count: length)
  }

  // MARK: md

  private mutating func metaDelete(_ words: borrowing Words, _ end: Int, _ execution: inout Execution)
    -> Outcome
  {
    var flags = MetaFlags()
    let tooMany: StaticString = "CLIENT_ERROR options flags too long\r\n"
    let wrong: StaticString = "CLIENT_ERROR invalid or duplicate flag\r\n"
    if let outcome = takeFlags(words, &flags, tooMany, wrong: wrong, end, &execution) { return outcome }
    guard !flags.isOpaqueTooLong else {
      return refuse("CLIENT_ERROR opaque token too long\r\n", end, &execution)
    }
    if let refusal = refusal(end, isQuiet: false, &execution) { return refusal }
    guard flags.has("b") else { return metaDelete(words[1], flags, words, end, &execution) }
    var key = ByteQueue()
    key.append(decodedBase64: words[1])
    return metaDelete(key.bytes, flags, words, end, &execution)
  }

  private mutating func metaDelete(
    _ keyBytes: RawSpan, _ flags: MetaFlags, _ words: borrowing Words, _ end: Int,
    _ execution: inout Execution
  ) -> Outcome {
    let start = execution.reply.buffer.count
    execution.beginReply()
    let key = execution.keyspace.place(keyBytes)
    execution.keyspace.lock(key.shard)
    let isLeftOut = execution.metaDelete(key, flags, words)
    execution.keyspace.unlock(key.shard)
    return endMeta(start, isLeftOut: isLeftOut, end, &execution)
  }

  // MARK: ma

  private mutating func metaArithmetic(
    _ words: borrowing Words, _ end: Int, _ execution: inout Execution
  ) -> Outcome {
    var flags = MetaFlags()
    let tooMany: StaticString = "CLIENT_ERROR options flags too long\r\n"
    let wrong: StaticString = "CLIENT_ERROR invalid or duplicate flag\r\n"
    if let outcome = takeFlags(words, &flags, tooMany, wrong: wrong, end, &execution) { return outcome }
    let isIncrement: Bool
    switch flags.mode {
    case 0, UInt8(ascii: "I"), UInt8(ascii: "+"): isIncrement = true
    case UInt8(ascii: "D"), UInt8(ascii: "-"): isIncrement = false
    default: return refuse("CLIENT_ERROR invalid mode for ma M token\r\n", end, &execution)
    }
    guard !flags.isOpaqueTooLong else {
      return refuse("CLIENT_ERROR opaque token too long\r\n", end, &execution)
    }
    if let refusal = refusal(end, isQuiet: false, &execution) { return refusal }
    guard flags.has("b") else {
      return metaArithmetic(words[1], isIncrement, flags, words, end, &execution)
    }
    var key = ByteQueue()
    key.append(decodedBase64: words[1])
    return metaArithmetic(key.bytes, isIncrement, flags, words, end, &execution)
  }

  private mutating func metaArithmetic(
    _ keyBytes: RawSpan, _ isIncrement: Bool, _ flags: MetaFlags, _ words: borrowing Words,
    _ end: Int, _ execution: inout Execution
  ) -> Outcome {
    let hasMemory = !flags.has("N") || execution.hasMemory()
    let start = execution.reply.buffer.count
    execution.beginReply()
    let key = execution.keyspace.place(keyBytes)
    execution.keyspace.lock(key.shard)
    let isLeftOut = execution.metaArithmetic(key, isIncrement, flags, words, hasMemory: hasMemory)
    execution.keyspace.unlock(key.shard)
    return endMeta(start, isLeftOut: isLeftOut, end, &execution)
  }

  // MARK: me

  private mutating func metaDebug(_ words: borrowing Words, _ end: Int, _ execution: inout Execution)
    -> Outcome
  {
    guard words.count > 1, words[1].byteCount <= state.limits.keyBytes else {
      return refuse("CLIENT_ERROR bad command line format\r\n", end, &execution)
    }
    guard words.count > 2, words[2].equalsExactly("b") else {
      return metaDebug(words[1], words[1], end, &execution)
    }
    var key = ByteQueue()
    guard key.append(decodedBase64: words[1]) else {
      return refuse("CLIENT_ERROR bad command line format\r\n", end, &execution)
    }
    var shown = ByteQueue()
    shown.append(base64: key.bytes)
    return metaDebug(key.bytes, shown.bytes, end, &execution)
  }

  private mutating func metaDebug(
    _ keyBytes: RawSpan, _ shownKey: RawSpan, _ end: Int, _ execution: inout Execution
  ) -> Outcome {
    let start = execution.reply.buffer.count
    execution.beginReply()
    let key = execution.keyspace.place(keyBytes)
    execution.keyspace.lock(key.shard)
    if let item = execution.look(key, Memcached.database) {
      execution.reply.buffer.append("ME ")
      execution.reply.buffer.append(shownKey)
      execution.reply.buffer.append(" exp=")
      execution.reply.buffer.append(
        decimal: item.expires ? -execution.secondsLeft(until: item.expiry) : -1)
      execution.reply.buffer.append(" la=")
      execution.reply.buffer.append(decimal: execution.secondsSinceAccess(item))
      execution.reply.buffer.append(" cas=")
      execution.reply.buffer.append(decimal: item.cas)
      // There are no classes of sizes here that a client could know.
      execution.reply.buffer.append(item.isFetched ? " fetch=yes cls=0 size=" : " fetch=no cls=0 size=")
      execution.reply.buffer.append(decimal: item.weight)
      execution.reply.buffer.append("\r\n")
    } else {
      execution.reply.buffer.append("EN\r\n")
    }
    execution.keyspace.unlock(key.shard)
    return endMeta(start, isLeftOut: false, end, &execution)
  }
}

// MARK: Under the lock

extension Execution {
  /// Counts and logs a command.
  @inline(__always)
  fileprivate func noteMeta(_ words: borrowing Words, _ session: borrowing SessionState, value: RawSpan) {
    if context.logsCommands { logMemcached(words, session, value: value) }
    counters.value.commands.add()
  }

  /// Tells who watches what became of a value that was to be stored.
  @inline(__always)
  fileprivate func tellStore(
    _ key: RawSpan, _ mode: StoreMode, isCompared: Bool, _ outcome: StoreOutcome, _ expiry: Int64,
    _ size: Int, _ client: ClientRecord
  ) {
    guard context.watchers.want(.mutations) else { return }
    let command =
      switch mode {
      case .set: isCompared ? "cas" : "set"
      case .add: "add"
      case .replace: isCompared ? "cas" : "replace"
      case .append: "append"
      case .prepend: "prepend"
      }
    tellStore(key, command.utf8.span.raw, outcome, expiry, size, client)
  }

  /// Looks up a key and appends the reply; whether that may be left out.
  @inline(__always)
  fileprivate mutating func metaGet(
    _ key: borrowing Key, _ flags: MetaFlags, _ words: borrowing Words, mayCreate: Bool,
    replyStart start: Int,
    _ client: ClientRecord
  ) -> Bool {
    let database = Memcached.database
    var found = look(key, database)
    let isCreated = found == nil && mayCreate
    if isCreated {
      let seconds = flags.has("T") && flags.isTimeToLiveLast ? flags.timeToLive : flags.vivification
      set(
        key, database, RawSpan(),
        ItemMetadata(expiry: Memcached.expiry(seconds, clock), cas: flags.cas))
      found = itemWhateverItsExpiry(key)
    }
    guard let item = found else {
      if context.watchers.want(.fetchers) { tellFetch(key.bytes, nil, client) }
      counters.value.gets.add()
      counters.value.misses.add()
      appendCode("EN", key, flags, words)
      return flags.has("q")
    }
    guard item.isString else {
      reply.buffer.append(Self.wrongTypeLine)
      return false
    }
    // Who has the value already, as its CAS token says, isn't sent it again.
    let showsValue = flags.has("v") && !(flags.has("C") && flags.unique == item.cas)
    guard !showsValue || reply.hasRoom(for: item.valueCount) else {
      reply.replaceIfOverfull(
        from: start, with: "SERVER_ERROR the reply would be larger than 1 GiB: ask for less at a time\r\n")
      return false
    }
    if context.watchers.want(.fetchers) { tellFetch(key.bytes, item.valueCount, client) }
    if showsValue {
      reply.buffer.append("VA ")
      reply.buffer.append(decimal: UInt64(item.valueCount))
    } else {
      reply.buffer.append("HD")
    }
    let isClaimed = item.isClaimed
    var expiry = isCreated ? 0 : item.expiry
    var isWon = false
    for index in 2..<words.count {
      let word = words[index]
      switch word.byte(0) {
      case UInt8(ascii: "T"): expiry = Memcached.expiry(flags.timeToLive, clock)
      case UInt8(ascii: "N"):
        if isCreated {
          expiry = Memcached.expiry(flags.vivification, clock)
          isWon = true
        }
      case UInt8(ascii: "R"):
        if !isCreated && !isClaimed && expiry != 0 {
          let limit = Memcached.expiry(flags.recache, clock)
          if secondsLeft(until: expiry) < secondsLeft(until: limit) { isWon = true }
        }
      case UInt8(ascii: "s"): append("s", decimal: UInt64(item.valueCount))
      case UInt8(ascii: "t"): appendTimeToLive(expiry)
      case UInt8(ascii: "c"): append("c", decimal: item.cas)
      case UInt8(ascii: "f"): append("f", decimal: UInt64(item.flags))
      case UInt8(ascii: "l"): append("l", decimal: UInt64(secondsSinceAccess(item)))
      case UInt8(ascii: "h"): append("h", decimal: item.isFetched ? 1 : 0)
      default: appendEcho(word, key, flags)
      }
    }
    if isClaimed { reply.buffer.append(" Z") }
    if item.isStale {
      reply.buffer.append(" X")
      if !isClaimed { isWon = true }
    }
    if isWon {
      reply.buffer.append(" W")
      item.isClaimed = true
    }
    reply.buffer.append("\r\n")
    if showsValue {
      appendValue(item, key.shard)
      reply.buffer.append("\r\n")
    }
    if !flags.has("u") { item.noteRead(keyspace.accessTime) }
    if flags.has("T") {
      counters.value.touches.add()
      counters.value.touchHits.add()
      if !isCreated { setExpiryOrDelete(key, database, expiry) }
    } else {
      counters.value.gets.add()
      counters.value.hits.add()
    }
    return false
  }

  /// Appends what became of a `ms`.
  @inline(__always)
  fileprivate mutating func appendStored(
    _ outcome: StoreOutcome, _ key: borrowing Key, _ length: Int, _ flags: MetaFlags,
    _ words: borrowing Words
  ) {
    switch outcome {
    case .stored: reply.buffer.append("HD")
    case .exists: reply.buffer.append("EX")
    case .notFound: reply.buffer.append("NF")
    case .notStored: reply.buffer.append("NS")
    case .tooLarge: return reply.buffer.append("SERVER_ERROR object too large for cache\r\n")
    case .wrongType: return reply.buffer.append(Self.wrongTypeLine)
    }
    for index in 3..<words.count {
      let word = words[index]
      switch word.byte(0) {
      case UInt8(ascii: "c"):
        append("c", decimal: outcome == .stored ? itemWhateverItsExpiry(key)?.cas ?? 0 : 0)
      case UInt8(ascii: "s"):
        let count = outcome == .stored ? itemWhateverItsExpiry(key)?.valueCount ?? length : length
        append("s", decimal: UInt64(count))
      default: appendEcho(word, key, flags)
      }
    }
    reply.buffer.append("\r\n")
  }

  /// Deletes a key, or marks it as stale, and appends the reply; whether that may be left out.
  fileprivate mutating func metaDelete(
    _ key: borrowing Key, _ flags: MetaFlags, _ words: borrowing Words
  ) -> Bool {
    let database = Memcached.database
    guard let item = findToChange(key, database) else {
      counters.value.deleteMisses.add()
      appendCode("NF", key, flags, words)
      return false
    }
    if flags.has("C") && item.cas != flags.unique {
      counters.value.deleteMisses.add()
      appendCode("EX", key, flags, words)
      return false
    }
    guard item.isString || !flags.has("I") && !flags.has("x") else {
      reply.buffer.append(Self.wrongTypeLine)
      return false
    }
    let expiry = Memcached.expiry(flags.timeToLive, clock)
    if flags.has("x") {
      // Without its value and without a new token, if it isn't given one or marked.
      let cas = flags.has("E") ? flags.cas : flags.has("I") ? 0 : item.cas
      set(
        key, database, RawSpan(),
        ItemMetadata(expiry: expiry, flags: flags.clientFlags, cas: cas, isStale: flags.has("I")))
    } else if flags.has("I") {
      markStale(key, database, expiry: flags.has("T") ? expiry : nil, cas: flags.cas)
    } else {
      delete(key, database)
    }
    if !flags.has("I") { counters.value.deleteHits.add() }
    appendCode("HD", key, flags, words)
    return flags.has("q")
  }

  /// Adds to a counter or takes from it, and appends the reply; whether that may be left out.
  fileprivate mutating func metaArithmetic(
    _ key: borrowing Key, _ isIncrement: Bool, _ flags: MetaFlags, _ words: borrowing Words, hasMemory: Bool
  ) -> Bool {
    let old = findToChange(key, Memcached.database)
    var expiry = old?.expiry ?? 0
    if let old, old.isString, old.valueCount > 0, flags.unique != 0, flags.unique != old.cas {
      appendCode("EX", key, flags, words)
      return false
    }
    let timeToLive = flags.has("T") ? Memcached.expiry(flags.timeToLive, clock) : nil
    let number: UInt64
    var isCreated = false
    switch count(key, by: flags.delta, isIncrement: isIncrement, cas: flags.cas, expiry: timeToLive) {
    case .counted(let result): number = result
    case .notNumber:
      reply.buffer.append("CLIENT_ERROR cannot increment or decrement non-numeric value\r\n")
      return false
    case .wrongType:
      reply.buffer.append(Self.wrongTypeLine)
      return false
    case .notFound:
      guard flags.has("N") else {
        appendCode("NF", key, flags, words)
        return false
      }
      guard hasMemory else {
        reply.buffer.append("SERVER_ERROR Out of memory allocating new item\r\n")
        return false
      }
      number = flags.initial
      isCreated = true
      let vivification = Memcached.expiry(flags.vivification, clock)
      let digits = DecimalText(number)
      set(
        key, Memcached.database, digits.bytes,
        ItemMetadata(
          expiry: flags.isTimeToLiveLast ? timeToLive ?? vivification : vivification, cas: flags.cas))
    }
    let digits = DecimalText(number)
    if flags.has("v") {
      reply.buffer.append("VA ")
      reply.buffer.append(decimal: UInt64(digits.bytes.byteCount))
    } else {
      reply.buffer.append("HD")
    }
    for index in 2..<words.count {
      let word = words[index]
      switch word.byte(0) {
      case UInt8(ascii: "T"): expiry = timeToLive ?? expiry
      case UInt8(ascii: "N"): if isCreated { expiry = Memcached.expiry(flags.vivification, clock) }
      case UInt8(ascii: "t"): appendTimeToLive(expiry)
      case UInt8(ascii: "c"): append("c", decimal: itemWhateverItsExpiry(key)?.cas ?? 0)
      default: appendEcho(word, key, flags)
      }
    }
    reply.buffer.append("\r\n")
    if flags.has("v") {
      reply.buffer.append(digits.bytes)
      reply.buffer.append("\r\n")
    }
    // As memcached has it, a client is told that its counter is new.
    return flags.has("q") && !isCreated
  }

  // MARK: Replies

  /// Appends a code, and what of the flags is given back whatever it is.
  private mutating func appendCode(
    _ code: StaticString, _ key: borrowing Key, _ flags: MetaFlags, _ words: borrowing Words
  ) {
    reply.buffer.append(code)
    for index in 2..<words.count { appendEcho(words[index], key, flags) }
    reply.buffer.append("\r\n")
  }

  /// Appends the key for a `k`, and what a client has given with its request to find the reply by.
  @inline(__always)
  private mutating func appendEcho(_ flag: RawSpan, _ key: borrowing Key, _ flags: MetaFlags) {
    switch flag.byte(0) {
    case UInt8(ascii: "O"):
      reply.buffer.append(byte: UInt8(ascii: " "))
      reply.buffer.append(flag)
    case UInt8(ascii: "k"):
      reply.buffer.append(" k")
      if flags.has("b") {
        reply.buffer.append(base64: key.bytes)
        reply.buffer.append(" b")
      } else {
        reply.buffer.append(key.bytes)
      }
    default: break
    }
  }

  @inline(__always)
  private mutating func append(_ letter: Unicode.Scalar, decimal number: UInt64) {
    reply.buffer.append(byte: UInt8(ascii: " "))
    reply.buffer.append(byte: UInt8(ascii: letter))
    reply.buffer.append(decimal: number)
  }

  private mutating func appendTimeToLive(_ expiry: Int64) {
    if expiry == 0 { return reply.buffer.append(" t-1") }
    append("t", decimal: UInt64(secondsLeft(until: expiry)))
  }

  fileprivate func secondsSinceAccess(_ item: Item) -> Int {
    Int(item.lastAccess.age(keyspace.accessTime) / 1000)
  }
}

extension ByteQueue {
  /// Appends what base64 stands for; whether it is any.
  @discardableResult
  fileprivate mutating func append(decodedBase64 digits: RawSpan) -> Bool {
    reserve(digits.byteCount)
    // A closure can't change what it is called on.
    var decoded = ByteQueue()
    let isRight = digits.decodeBase64 { decoded.append(byte: $0) }
    append(decoded.bytes)
    return isRight
  }
}
