// From the words of a request to a command that runs: finds it, checks its shape, locks the shards of its keys in their
// order, runs it, unlocks, and has the reply held until what it shows is durable.

/// What became of a request.
enum DispatchOutcome {
  case done
  /// The journal is full: nothing was done; try again after its next commit.
  case waitForRoom
  /// What the request waits for isn't there yet: try again after the journal's next commit, or at this time, in
  /// nanoseconds of `WallClock.monotonicNanoseconds()`; `.max` for no such time.
  case wait(until: Int64)
  /// The reply is the session's last.
  case close
}

extension Execution {
  /// Runs one request of the Redis protocol.
  @inline(__always)
  mutating func dispatch(_ words: borrowing Words, _ session: inout SessionState)
    -> DispatchOutcome
  {
    guard let command = commands.find(words[0]) else {
      session.refuseTransaction()
      // A web page that has a browser send its request here speaks HTTP; Redis hangs up on it, too.
      if words[0].equalsIgnoringCase("post") || words[0].equalsIgnoringCase("host:") { return .close }
      replyUnknown(words, &session)
      return .done
    }
    guard words.count == command.arity || (command.arity < 0 && words.count >= -command.arity) else {
      replyArity(command, &session)
      return .done
    }
    // One look at all that makes a request be more than run.
    if !attention(session).isDisjoint(with: .requests), let outcome = dispatchAttended(words, &session) {
      return outcome
    }
    if let refusal = refusal(command, session) { return refusal }
    // A request that waits comes here again and again, and counts once.
    if !session.isWaiting {
      let calls = counters.value.calls.add(command.index)
      if calls & command.timingMask == 0 || words.count >= TimingRules.manyWords { startTiming() }
      session.client.noteCommand(command.index)
    }
    reply.command = command.index
    let start = reply.buffer.count
    beginReply()
    defer {
      replaceIfOverfull(from: start)
      endReply(from: start, waitsForDisk: session.waitsForDisk)
      if command.flags.contains(.write) { session.noteWritten(shown) }
      if timing.started != 0 { endTiming(words, session) }
    }

    let keys = command.keys
    if !command.flags.isDisjoint(with: [.allShards, .movableKeys]) {
      return runLocking(command, words, &session)
    }
    if keys.first == 0 { return run(command.id, words, &session) }
    let last = keys.last < 0 ? words.count + keys.last : keys.last
    if keys.first == last {
      guard words[keys.first].byteCount <= session.limits.keyBytes else {
        replyKeyTooLong(session.limits.keyBytes)
        return .done
      }
      let shard = keyspace.place(words[keys.first]).shard
      lock(shard)
      defer { keyspace.unlock(shard) }
      return run(command.id, words, &session)
    }
    return runLocking(command, words, &session)
  }

  /// Why a command can't be run now, the reply saying so, or has to wait; nil when it can.
  @inline(__always)
  mutating func refusal(_ command: CommandEntry, _ session: SessionState) -> DispatchOutcome? {
    guard command.flags.contains(.write) else { return nil }
    // What a request has waited for has been taken and recorded.
    switch journal.room {
    case .free: break
    case .full: if !session.waitsForData { return .waitForRoom }
    case .stalled, .failed:
      if !session.waitsForData {
        refuse(command.index)
        replyJournalFailed()
        return .done
      }
    }
    if command.flags.contains(.denyOOM) && !hasMemory() && !session.waitsForData {
      refuse(command.index)
      reply.error(Self.outOfMemory)
      return .done
    }
    return nil
  }

  /// The shards that a command needs; nil when a key is too long, the reply saying so.
  mutating func shards(
    _ command: CommandEntry, _ words: borrowing Words, _ session: SessionState
  ) -> ShardSet? {
    var shards = ShardSet()
    for index in command.keyPositions(words) {
      guard words[index].byteCount <= session.limits.keyBytes else {
        replyKeyTooLong(session.limits.keyBytes)
        return nil
      }
      shards.insert(keyspace.place(words[index]).shard)
    }
    return command.holdsAllShards(words) ? ShardSet(first: keyspace.shardCount) : shards
  }

  /// Runs a command with several keys, or one that needs every shard.
  private mutating func runLocking(
    _ command: CommandEntry, _ words: borrowing Words, _ session: inout SessionState
  ) -> DispatchOutcome {
    guard let shards = shards(command, words, session) else { return .done }
    let keyspace = keyspace
    shards.forEach { lock($0) }
    defer { shards.forEach { keyspace.unlock($0) } }
    return run(command.id, words, &session)
  }

  /// Runs a command whose shards are locked.
  mutating func run(
    _ id: CommandID, _ words: borrowing Words, _ session: inout SessionState
  ) -> DispatchOutcome {
    let database = session.database
    switch id {
    case .get: get(words, database)
    case .set: set(words, database, session.limits)

    case .auth: auth(words, &session)
    case .client: return client(words, &session)
    case .echo: reply.bulk(words[1])
    case .hello: hello(words, &session)
    case .ping: ping(words, session)
    case .quit:
      reply.ok()
      return .close
    case .shutdown: return shutdown(words)
    case .reset: reset(&session)
    case .select: select(words, &session)
    case .save, .wait, .waitaof: return runWaiting(id, words, &session)
    case .blmpop, .blpop, .brpop, .bzmpop, .bzpopmax, .bzpopmin: return runBlocking(id, words, &session)
    case .blmove, .brpoplpush, .copy, .geoadd, .georadius, .georadiusbymember, .geosearchstore, .lmove,
      .lpush, .lpushx, .move, .rename, .renamenx, .restore, .rpoplpush, .rpush, .rpushx, .sort, .zadd,
      .zdiffstore, .zincrby, .zinterstore, .zrangestore, .zunionstore:
      return runServing(id, words, &session)

    case .discard: reply.error("ERR DISCARD without MULTI")
    case .exec: reply.error("ERR EXEC without MULTI")
    case .multi: beginTransaction(&session)
    case .unwatch: unwatch(&session)
    case .watch: watch(words, &session)

    case .psubscribe: subscribe(.pattern, words, &session)
    case .publish: publish(words, session)
    case .pubsub: pubsub(words, session)
    case .punsubscribe: unsubscribe(.pattern, words, &session)
    case .spublish: publishToShard(words, session)
    case .ssubscribe: subscribe(.shardChannel, words, &session)
    case .subscribe: subscribe(.channel, words, &session)
    case .sunsubscribe: unsubscribe(.shardChannel, words, &session)
    case .unsubscribe: unsubscribe(.channel, words, &session)

    case .acl: return acl(words, session)
    case .bgrewriteaof: rewriteInBackground()
    case .bgsave: saveInBackground(words)
    case .lastsave: lastSave()
    case .command: command(words, session)
    case .config: config(words, session)
    case .database: self.database(words, &session)
    case .dbsize: dbsize(database)
    case .flushall: flush(words, nil)
    case .flushdb: flush(words, database)
    case .info: info(words)
    case .monitor: monitor(&session)
    case .swapdb: swapServing(words)
    case .time: time()
    case .debug: debug(words, session)
    case .latency: latency(words, session)
    case .memory: memory(words, session)
    case .role: role()
    case .slowlog: slowLog(words, session)

    case .del, .unlink: del(words, database)
    case .dump: dump(words, database)
    case .exists: exists(words, database)
    case .expire: expire(words, database, .seconds, isAbsolute: false)
    case .expireat: expire(words, database, .seconds, isAbsolute: true)
    case .expiretime: expiryTime(words, database, .seconds)
    case .keys: keys(words, database)
    case .object: object(words, session)
    case .persist: persist(words, database)
    case .pexpire: expire(words, database, .milliseconds, isAbsolute: false)
    case .pexpireat: expire(words, database, .milliseconds, isAbsolute: true)
    case .pexpiretime: expiryTime(words, database, .milliseconds)
    case .pttl: timeToLive(words, database, .milliseconds)
    case .randomkey: randomKey(database)
    case .scan: scan(words, database)
    case .sortro: sort(words, session, isReadOnly: true)
    case .touch: touch(words, database)
    case .ttl: timeToLive(words, database, .seconds)
    case .type: type(words, database)

    case .append: append(words, database, session.limits)
    case .decr: increment(words, database, by: -1)
    case .decrby: decrementBy(words, database)
    case .delifeq: deleteIfEqual(words, database)
    case .getdel: getDelete(words, database)
    case .getex: getExpire(words, database)
    case .getrange, .substr: getRange(words, database)
    case .getset: getSet(words, database, session.limits)
    case .incr: increment(words, database, by: 1)
    case .incrby: incrementBy(words, database)
    case .incrbyfloat: incrementByFraction(words, database)
    case .lcs: commonSubsequence(words, database)
    case .mget: getAll(words, database)
    case .mset: setAll(words, database, session.limits, onlyIfAbsent: false)
    case .msetex: setAllExpiring(words, database, session.limits)
    case .msetnx: setAll(words, database, session.limits, onlyIfAbsent: true)
    case .prepend: prepend(words, database, session.limits)
    case .psetex: setExpiring(words, database, session.limits, .milliseconds)
    case .setex: setExpiring(words, database, session.limits, .seconds)
    case .setnx: setIfAbsent(words, database, session.limits)
    case .setrange: setRange(words, database, session.limits)
    case .strlen: stringLength(words, database)

    case .hdel: deleteFields(words, database)
    case .hexists: fieldExists(words, database)
    case .hexpire: expireFields(words, database, .seconds, isAbsolute: false)
    case .hexpireat: expireFields(words, database, .seconds, isAbsolute: true)
    case .hexpiretime: fieldExpiry(words, database, .seconds, isAbsolute: true)
    case .hget: getField(words, database)
    case .hgetall: fields(words, database, [.fields, .values])
    case .hgetdel: getAndDeleteFields(words, database)
    case .hgetex: getAndExpireFields(words, database)
    case .hincrby: incrementField(words, database)
    case .hincrbyfloat: incrementFieldByFraction(words, database)
    case .hkeys: fields(words, database, .fields)
    case .hlen: countMembers(.hash, words, database)
    case .hmget: getFields(words, database)
    case .hmset: setFields(words, database, session.limits, repliesOK: true)
    case .hpersist: persistFields(words, database)
    case .hpexpire: expireFields(words, database, .milliseconds, isAbsolute: false)
    case .hpexpireat: expireFields(words, database, .milliseconds, isAbsolute: true)
    case .hpexpiretime: fieldExpiry(words, database, .milliseconds, isAbsolute: true)
    case .hpttl: fieldExpiry(words, database, .milliseconds, isAbsolute: false)
    case .hrandfield: randomFields(words, database)
    case .hscan: scanMembers(.hash, words, database)
    case .hset: setFields(words, database, session.limits, repliesOK: false)
    case .hsetex: setExpiringFields(words, database, session.limits)
    case .hsetnx: setFieldIfAbsent(words, database, session.limits)
    case .hstrlen: fieldLength(words, database)
    case .httl: fieldExpiry(words, database, .seconds, isAbsolute: false)
    case .hvals: fields(words, database, .values)

    case .lindex: elementAtIndex(words, database)
    case .linsert: insertElement(words, database, session.limits)
    case .llen: listLength(words, database)
    case .lmpop: popFromFirst(words, database)
    case .lpop: pop(words, database, from: .head)
    case .lpos: elementPosition(words, database)
    case .lrange: elements(words, database)
    case .lrem: removeElements(words, database)
    case .lset: setElement(words, database, session.limits)
    case .ltrim: trimList(words, database)
    case .rpop: pop(words, database, from: .tail)

    case .sadd: addMembers(words, database, session.limits)
    case .scard: countMembers(.set, words, database)
    case .sdiff: combineSets(words, database, .difference)
    case .sdiffstore: storeCombinedSets(words, database, .difference)
    case .sinter: combineSets(words, database, .intersection)
    case .sintercard: countIntersection(words, database)
    case .sinterstore: storeCombinedSets(words, database, .intersection)
    case .sismember: isMember(words, database)
    case .smembers: members(words, database)
    case .smismember: areMembers(words, database)
    case .smove: moveMember(words, database)
    case .spop: popMembers(words, database)
    case .srandmember: randomMembers(words, database)
    case .srem: removeMembers(.set, words, database, .removeMembers)
    case .sscan: scanMembers(.set, words, database)
    case .sunion: combineSets(words, database, .union)
    case .sunionstore: storeCombinedSets(words, database, .union)

    case .bitcount: countBits(words, database)
    case .bitfield: bitfield(words, database, session.limits, readsOnly: false)
    case .bitfieldro: bitfield(words, database, session.limits, readsOnly: true)
    case .bitop: combineBits(words, database, session.limits)
    case .bitpos: findBit(words, database)
    case .getbit: getBit(words, database, session.limits)
    case .setbit: setBit(words, database, session.limits)

    case .pfadd: addElements(words, database)
    case .pfcount: countElements(words, database)
    case .pfmerge: mergeElements(words, database)

    case .geodist: distance(words, database)
    case .geohash: geohashes(words, database)
    case .geopos: positions(words, database)
    case .georadiusro: searchArea(words, database, [.around, .readOnly])
    case .georadiusbymemberro: searchArea(words, database, [.aroundMember, .readOnly])
    case .geosearch: searchArea(words, database, [])

    case .zcard: countMembers(.sortedSet, words, database)
    case .zcount: countRange(words, database, .score)
    case .zdiff: combine(words, database, .difference, .reply)
    case .zinter: combine(words, database, .intersection, .reply)
    case .zintercard: combine(words, database, .intersection, .count)
    case .zlexcount: countRange(words, database, .key)
    case .zmpop: popScoredOfFirst(words, database)
    case .zmscore: scoresOfMembers(words, database)
    case .zpopmax: popScored(words, database, .highest)
    case .zpopmin: popScored(words, database, .lowest)
    case .zrandmember: randomScored(words, database)
    case .zrange: range(words, database, .any)
    case .zrangebylex: range(words, database, .rangeByKey)
    case .zrangebyscore: range(words, database, .rangeByScore)
    case .zrank: rankOfMember(words, database, isReversed: false)
    case .zrem: removeMembers(.sortedSet, words, database, .removeScored)
    case .zremrangebylex: removeRange(words, database, .key)
    case .zremrangebyrank: removeRange(words, database, .rank)
    case .zremrangebyscore: removeRange(words, database, .score)
    case .zrevrange: range(words, database, .reversedByRank)
    case .zrevrangebylex: range(words, database, .reversedByKey)
    case .zrevrangebyscore: range(words, database, .reversedByScore)
    case .zrevrank: rankOfMember(words, database, isReversed: true)
    case .zscan: scanMembers(.sortedSet, words, database)
    case .zscore: scoreOfMember(words, database)
    case .zunion: combine(words, database, .union, .reply)
    }
    return .done
  }

  /// Runs a command that may make a value for which clients wait.
  @inline(__always)
  mutating func runMaking(
    _ id: CommandID, _ words: borrowing Words, _ session: inout SessionState
  ) -> DispatchOutcome {
    let database = session.database
    switch id {
    case .lpush: push(words, database, session.limits, at: .head, onlyIfThere: false)
    case .rpush: push(words, database, session.limits, at: .tail, onlyIfThere: false)
    case .lpushx: push(words, database, session.limits, at: .head, onlyIfThere: true)
    case .rpushx: push(words, database, session.limits, at: .tail, onlyIfThere: true)
    case .lmove, .rpoplpush: moveElement(words, database)
    case .copy: copy(words, database)
    case .move: move(words, database)
    case .rename: rename(words, database, onlyIfAbsent: false)
    case .renamenx: rename(words, database, onlyIfAbsent: true)
    case .sort: sort(words, session, isReadOnly: false)
    case .geoadd: addPositions(words, database, session.limits)
    case .georadius: searchArea(words, database, .around)
    case .georadiusbymember: searchArea(words, database, .aroundMember)
    case .geosearchstore: searchArea(words, database, .stores)
    case .zadd: addScores(words, database, session.limits)
    case .zdiffstore: combine(words, database, .difference, .store)
    case .zincrby: incrementScore(words, database, session.limits)
    case .zinterstore: combine(words, database, .intersection, .store)
    case .zrangestore: storeRange(words, database)
    case .zunionstore: combine(words, database, .union, .store)
    case .restore: restore(words, database, session.limits)
    default: return runBlocking(id, words, &session)
    }
    return .done
  }

  /// Runs a command that waits for data.
  mutating func runBlocking(
    _ id: CommandID, _ words: borrowing Words, _ session: inout SessionState
  ) -> DispatchOutcome {
    let outcome: DispatchOutcome
    if let blocked = session.blocked {
      outcome = goOn(with: blocked, &session)
    } else {
      switch id {
      case .blmove, .brpoplpush: outcome = waitForMove(words, &session)
      case .blmpop: outcome = waitForFirst(words, &session)
      case .blpop: outcome = waitForElement(words, from: .head, &session)
      case .bzmpop: outcome = waitForFirstScored(words, &session)
      case .bzpopmax: outcome = waitForMember(words, from: .highest, &session)
      case .bzpopmin: outcome = waitForMember(words, from: .lowest, &session)
      default: outcome = waitForElement(words, from: .tail, &session)
      }
    }
    if case .wait = outcome { return outcome }
    session.endWait()
    return outcome
  }

  /// Runs a command that may have its client wait.
  private mutating func runWaiting(
    _ id: CommandID, _ words: borrowing Words, _ session: inout SessionState
  ) -> DispatchOutcome {
    let outcome: DispatchOutcome
    switch id {
    case .save: outcome = save(&session)
    case .wait: outcome = waitForReplicas(words, &session)
    default: outcome = waitForSync(words, &session)
    }
    if case .wait = outcome { return outcome }
    session.endWait()
    return outcome
  }

  @inline(__always)
  mutating func replaceIfOverfull(from start: Int) {
    reply.replaceIfOverfull(
      from: start, with: "-ERR the reply would be larger than 1 GiB: ask for less at a time\r\n")
  }

  // MARK: Refusals

  /// Counts a command that is refused before it is run: the error that follows is not its failure.
  mutating func refuse(_ command: Int) {
    counters.value.rejected.add(command)
    reply.command = -1
  }

  static var outOfMemory: String { "OOM command not allowed when used memory > 'maxmemory'." }

  @inline(never)
  private mutating func replyUnknown(_ words: borrowing Words, _ session: inout SessionState) {
    let start = reply.buffer.count
    defer { silenceRefusal(from: start, &session) }
    reply.command = -1
    // Redis shows up to 128 bytes of the name, and of the arguments with their quotes.
    var text = ByteQueue()
    text.append("ERR unknown command '")
    text.append(words[0].shownInError)
    text.append("', with args beginning with: ")
    var shownBytes = 0
    for index in 1..<max(1, words.count) where shownBytes < 128 {
      let argument = words[index].extracting(first: 128 - shownBytes).shownInError
      text.append("'")
      text.append(argument)
      text.append("' ")
      shownBytes += argument.byteCount + 3
    }
    reply.error(text.bytes)
  }

  /// Refuses a command that has too few or too many words.
  @inline(never)
  private mutating func replyArity(_ command: CommandEntry, _ session: inout SessionState) {
    refuse(command.index)
    let name = CommandDeclaration.all[command.index].name
    // An EXEC that is refused ends the transaction, if there is one or not.
    if command.id == .exec { return refuseExecution(because: Self.wrongArity(name), &session) }
    session.refuseTransaction()
    let start = reply.buffer.count
    replyArity(name)
    silenceRefusal(from: start, &session)
  }

  @inline(never)
  mutating func replyArity(_ name: String) { reply.error("ERR " + Self.wrongArity(name)) }

  private static func wrongArity(_ name: String) -> String {
    let shown = String(name.lowercased().map { $0 == " " ? "|" : $0 })
    return "wrong number of arguments for '\(shown)' command"
  }

  @inline(never)
  mutating func replyKeyTooLong(_ limit: Int) {
    reply.error("ERR the key is longer than max-key-bytes allows (\(limit))")
  }

  @inline(never)
  mutating func replyJournalFailed() { reply.error(journalProblem) }

  /// Why no write is taken, as an error of a reply.
  var journalProblem: String {
    if let stall = journal.stallReason {
      return
        "MISCONF the disk is full: Martlet can't write its database (\(stall)). Reads go on; writes resume by "
        + "themselves when there is room."
    }
    let reason = journal.failure?.description ?? "unknown"
    return
      "MISCONF Martlet can't write its database (\(reason)). Reads go on; mend the disk and restart the server."
  }
}

extension RawSpan {
  /// At most the first `length` bytes.
  @_lifetime(copy self)
  func extracting(first length: Int) -> RawSpan { extracting(0..<min(length, byteCount)) }
}
