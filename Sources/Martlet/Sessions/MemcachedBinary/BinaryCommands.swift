// The commands of memcached's binary protocol: what their bodies may be, what they do, what is replied.
//
// What a body may be is checked from the header alone, before any of it is waited for. A body of another shape closes the
// connection, as in memcached.

extension MemcachedBinarySession {
  // MARK: get, getk

  @inline(__always)
  func get(
    _ header: BinaryHeader, _ request: RawSpan, withKey: Bool = false, isQuiet: Bool = false,
    _ execution: inout Execution
  ) -> Outcome {
    guard header.isKeyAlone else { return close(header, .invalid, &execution) }
    guard request.byteCount >= header.end else { return .incomplete(atLeast: header.end) }
    let keyBytes = header.key(request)
    note(withKey ? isQuiet ? .getkq : .getk : isQuiet ? .getq : .get, keyBytes, RawSpan(), &execution)
    execution.counters.value.gets.add()
    let key = execution.keyspace.place(keyBytes)
    execution.keyspace.lock(key.shard)
    if let item = execution.find(key, Memcached.database) {
      execution.appendBinary(item, header, keyBytes, withKey: withKey, withValue: true)
      execution.keyspace.unlock(key.shard)
      execution.counters.value.hits.add()
    } else {
      execution.keyspace.unlock(key.shard)
      execution.counters.value.misses.add()
      execution.appendBinaryMiss(header, keyBytes, withKey: withKey, isQuiet: isQuiet)
    }
    return .done
  }

  // MARK: touch, gat, gatk

  func touch(
    _ header: BinaryHeader, _ request: RawSpan, withKey: Bool = false, withValue: Bool = true,
    isQuiet: Bool = false, _ execution: inout Execution
  ) -> Outcome {
    guard header.extrasCount == 4, header.keyCount > 0, header.valueCount == 0 else {
      return close(header, .invalid, &execution)
    }
    guard request.byteCount >= header.end else { return .incomplete(atLeast: header.end) }
    if let refusal = refusal(header, &execution) { return refusal }
    let keyBytes = header.key(request)
    note(
      !withValue ? .touch : withKey ? isQuiet ? .gatkq : .gatk : isQuiet ? .gatq : .gat, keyBytes, RawSpan(),
      &execution)
    let seconds = request.bigEndian(UInt32.self, at: BinaryHeader.byteCount)
    let expiry = Memcached.expiry(Int(seconds), execution.clock)
    let key = execution.keyspace.place(keyBytes)
    execution.keyspace.lock(key.shard)
    defer { execution.keyspace.unlock(key.shard) }
    // The value is read before the new expiry, which may be one that deletes it.
    let item =
      withValue ? execution.find(key, Memcached.database) : execution.look(key, Memcached.database)
    guard let item else {
      execution.touchCounting(key, expiry)
      execution.appendBinaryMiss(header, keyBytes, withKey: withKey, isQuiet: isQuiet)
      return .done
    }
    execution.appendBinary(item, header, keyBytes, withKey: withKey, withValue: withValue)
    if item.isString || !withValue { execution.touchCounting(key, expiry) }
    return .done
  }

  // MARK: set, add, replace, append, prepend

  @inline(__always)
  func store(
    _ mode: StoreMode, _ header: BinaryHeader, _ request: RawSpan, isQuiet: Bool = false,
    _ execution: inout Execution
  ) -> Outcome {
    let addsToValue = mode == .append || mode == .prepend
    guard header.extrasCount == (addsToValue ? 0 : 8), header.keyCount > 0 else {
      return close(header, .invalid, &execution)
    }
    guard header.valueCount <= state.limits.valueBytes else {
      return refuseLarge(mode, header, request, &execution)
    }
    guard request.byteCount >= header.end else { return .incomplete(atLeast: header.end) }
    if let refusal = refusal(header, &execution) { return refusal }
    if !execution.hasMemory() {
      execution.counters.value.outOfMemory.add()
      return fail(header, .outOfMemory, &execution)
    }
    let keyBytes = header.key(request)
    let value = header.value(request)
    note(Self.command(mode, isQuiet: isQuiet), keyBytes, value, &execution)
    execution.counters.value.sets.add()
    var metadata = ItemMetadata()
    if !addsToValue {
      metadata.flags = request.bigEndian(UInt32.self, at: BinaryHeader.byteCount)
      let seconds = request.bigEndian(UInt32.self, at: BinaryHeader.byteCount + 4)
      metadata.expiry = Memcached.expiry(Int(seconds), execution.clock)
    }
    let key = execution.keyspace.place(keyBytes)
    execution.keyspace.lock(key.shard)
    // With a CAS token, whether the key has to be there is decided by the token alone.
    let outcome = execution.store(
      header.cas == 0 || addsToValue ? mode : .set, key, value, metadata,
      unique: header.cas == 0 ? nil : header.cas, limit: state.limits.valueBytes)
    execution.keyspace.unlock(key.shard)
    if outcome != .stored { execution.counters.value.unstored.add() }
    switch outcome {
    // A value's token is the version that made it.
    case .stored: return succeed(header, cas: execution.shown, isQuiet: isQuiet, &execution)
    case .exists: return fail(header, .exists, &execution)
    case .notFound: return fail(header, addsToValue ? .notStored : .notFound, &execution)
    case .notStored:
      return fail(header, mode == .add ? .exists : mode == .replace ? .notFound : .notStored, &execution)
    case .tooLarge: return fail(header, .notStored, &execution)
    case .wrongType: return fail(header, .notSupported, &execution)
    }
  }

  private static func command(_ mode: StoreMode, isQuiet: Bool) -> BinaryCommand {
    switch mode {
    case .set: isQuiet ? .setq : .set
    case .add: isQuiet ? .addq : .add
    case .replace: isQuiet ? .replaceq : .replace
    case .append: isQuiet ? .appendq : .append
    case .prepend: isQuiet ? .prependq : .prepend
    }
  }

  /// Refuses a value over the limit: it is passed over, and a `set` leaves nothing stale behind.
  private func refuseLarge(
    _ mode: StoreMode, _ header: BinaryHeader, _ request: RawSpan, _ execution: inout Execution
  ) -> Outcome {
    guard request.byteCount >= header.valueStart else { return .incomplete(atLeast: header.valueStart) }
    execution.counters.value.tooLarge.add()
    if mode == .set {
      switch execution.writeRefusal {
      case nil:
        let key = execution.keyspace.place(header.key(request))
        execution.keyspace.lock(key.shard)
        if execution.findToChange(key, Memcached.database) != nil {
          execution.delete(key, Memcached.database)
        }
        execution.keyspace.unlock(key.shard)
      case .waitForRoom: return .waitForRoom
      case .diskFull, .failed: break
      }
    }
    execution.reply.binaryError(header, .tooLarge)
    return .swallow
  }

  // MARK: delete, increment, decrement, flush

  func delete(
    _ header: BinaryHeader, _ request: RawSpan, isQuiet: Bool, _ execution: inout Execution
  ) -> Outcome {
    guard header.isKeyAlone else { return close(header, .invalid, &execution) }
    guard request.byteCount >= header.end else { return .incomplete(atLeast: header.end) }
    if let refusal = refusal(header, &execution) { return refusal }
    let keyBytes = header.key(request)
    note(isQuiet ? .deleteq : .delete, keyBytes, RawSpan(), &execution)
    let key = execution.keyspace.place(keyBytes)
    execution.keyspace.lock(key.shard)
    defer { execution.keyspace.unlock(key.shard) }
    if hasOtherToken(key, header, &execution) { return fail(header, .exists, &execution) }
    return execution.deleteCounting(key)
      ? succeed(header, isQuiet: isQuiet, &execution) : fail(header, .notFound, &execution)
  }

  /// Whether the request names a CAS token, and the key is there with another one.
  private func hasOtherToken(
    _ key: borrowing Key, _ header: BinaryHeader, _ execution: inout Execution
  ) -> Bool {
    guard header.cas != 0, let item = execution.findToChange(key, Memcached.database) else { return false }
    return item.cas != header.cas
  }

  func count(
    _ header: BinaryHeader, _ request: RawSpan, isIncrement: Bool, isQuiet: Bool,
    _ execution: inout Execution
  ) -> Outcome {
    guard header.extrasCount == 20, header.keyCount > 0, header.valueCount == 0 else {
      return close(header, .invalid, &execution)
    }
    guard request.byteCount >= header.end else { return .incomplete(atLeast: header.end) }
    if let refusal = refusal(header, &execution) { return refusal }
    let keyBytes = header.key(request)
    note(
      isIncrement ? isQuiet ? .incrementq : .increment : isQuiet ? .decrementq : .decrement, keyBytes,
      RawSpan(), &execution)
    let amount = request.bigEndian(UInt64.self, at: BinaryHeader.byteCount)
    let initial = request.bigEndian(UInt64.self, at: BinaryHeader.byteCount + 8)
    let seconds = request.bigEndian(UInt32.self, at: BinaryHeader.byteCount + 16)
    let hasMemory = seconds == UInt32.max || execution.hasMemory()
    let key = execution.keyspace.place(keyBytes)
    execution.keyspace.lock(key.shard)
    defer { execution.keyspace.unlock(key.shard) }
    if hasOtherToken(key, header, &execution) {
      // That nothing is no number is found out first.
      let item = execution.findToChange(key, Memcached.database)
      let isEmpty = item.map { $0.isString && $0.valueCount == 0 } ?? false
      return fail(header, isEmpty ? .notNumber : .exists, &execution)
    }
    var result = initial
    // This expiry says that a key which isn't there isn't to be made.
    if seconds != UInt32.max, execution.findToChange(key, Memcached.database) == nil {
      if !hasMemory {
        execution.reply.binaryText(header, .outOfMemory, "Out of memory allocating new item")
        return .done
      }
      let digits = DecimalText(initial)
      let metadata = ItemMetadata(expiry: Memcached.expiry(Int(seconds), execution.clock))
      _ = execution.store(
        .set, key, digits.bytes, metadata, unique: nil, limit: state.limits.valueBytes)
    } else {
      switch execution.count(key, by: amount, isIncrement: isIncrement) {
      case .counted(let number): result = number
      case .notFound: return fail(header, .notFound, &execution)
      case .notNumber: return fail(header, .notNumber, &execution)
      case .wrongType: return fail(header, .notSupported, &execution)
      }
    }
    if !isQuiet {
      execution.reply.binaryHeader(header, .success, body: 8, cas: execution.shown)
      execution.reply.buffer.append(bigEndian: result)
    }
    return .done
  }

  func flush(
    _ header: BinaryHeader, _ request: RawSpan, isQuiet: Bool, _ execution: inout Execution
  ) -> Outcome {
    guard header.extrasCount == 0 || header.extrasCount == 4, header.bodyCount == header.extrasCount else {
      return close(header, .invalid, &execution)
    }
    guard request.byteCount >= header.end else { return .incomplete(atLeast: header.end) }
    guard execution.context.memcached.allowsFlush else { return fail(header, .notAuthenticated, &execution) }
    if let refusal = refusal(header, &execution) { return refusal }
    note(isQuiet ? .flushq : .flush, RawSpan(), RawSpan(), &execution)
    execution.counters.value.flushes.add()
    let delay = header.extrasCount == 0 ? 0 : request.bigEndian(UInt32.self, at: BinaryHeader.byteCount)
    let time = Memcached.flushTime(Int(delay), execution.clock)
    // The last wish counts: one that is still to be done is forgotten.
    execution.context.scheduleFlush(at: time ?? 0)
    if time == nil { execution.flushLocking(Memcached.database) }
    return succeed(header, isQuiet: isQuiet, &execution)
  }

  // MARK: stat

  func statistics(
    _ header: BinaryHeader, _ request: RawSpan, _ execution: inout Execution
  ) -> Outcome {
    guard header.bodyCount == header.keyCount else { return close(header, .invalid, &execution) }
    guard request.byteCount >= header.end else { return .incomplete(atLeast: header.end) }
    let group = header.key(request)
    note(.stat, group, RawSpan(), &execution)
    let values: [(String, String)]
    if group.isEmpty {
      values = execution.memcachedStatistics()
    } else if group.equalsExactly("settings") {
      values = execution.memcachedSettings(state.limits)
    } else if group.equalsExactly("reset") {
      execution.resetMemcachedStatistics()
      values = []
    } else if group.equalsExactly("sizes") {
      values = [("sizes_status", "disabled")]
    } else if group.equalsExactly("items") || group.equalsExactly("slabs") {
      // These tell of memcached's own inside, of which there is nothing here.
      values = []
    } else {
      return fail(header, .notFound, &execution)
    }
    for (name, value) in values {
      execution.reply.binaryHeader(
        header, .success, key: name.utf8.count, body: name.utf8.count + value.utf8.count)
      execution.reply.buffer.append(text: name)
      execution.reply.buffer.append(text: value)
    }
    // An empty one is the last.
    return succeed(header, isQuiet: false, &execution)
  }
}

extension Execution {
  /// Replies an item that is there: its flags, and the key and the value if they are wanted. One reply holds one value,
  /// which is less than a reply may take.
  @inline(__always)
  fileprivate mutating func appendBinary(
    _ item: Item, _ header: BinaryHeader, _ key: RawSpan, withKey: Bool, withValue: Bool
  ) {
    guard item.isString || !withValue else { return reply.binaryError(header, .notSupported) }
    let keyCount = withKey ? key.byteCount : 0
    let valueCount = withValue ? item.valueCount : 0
    reply.binaryHeader(
      header, .success, extras: 4, key: keyCount, body: 4 + keyCount + valueCount,
      cas: item.isString ? item.cas : 0)
    reply.buffer.append(bigEndian: item.isString ? item.flags : 0)
    if withKey { reply.buffer.append(key) }
    if withValue { reply.buffer.append(item.value) }
  }

  /// Replies that a key isn't there, unless nothing is to be said of it.
  @inline(__always)
  fileprivate mutating func appendBinaryMiss(
    _ header: BinaryHeader, _ key: RawSpan, withKey: Bool, isQuiet: Bool
  ) {
    if isQuiet { return }
    guard withKey else { return reply.binaryError(header, .notFound) }
    reply.binaryHeader(header, .notFound, key: key.byteCount, body: key.byteCount)
    reply.buffer.append(key)
  }
}
