// One client that speaks memcached's binary protocol (memcached's doc/protocol-binary.txt), on database 0. Statuses and
// their texts, and what closes the connection, are those of memcached 1.6.

/// The state of a connection of memcached's binary protocol.
package struct MemcachedBinarySession: Session, ~Copyable {
  package internal(set) var state: SessionState
  /// An authentication has begun: `SASL step` may go on with it.
  var isAuthenticating = false
  /// Bytes of a refused body that are still to be passed over.
  private var toSwallow = 0

  package init(_ client: ClientRecord, _ limits: SessionLimits, _ context: ServerContext) {
    state = SessionState(client, limits, context)
  }

  /// What became of a request.
  enum Outcome {
    case done
    /// There have to be this many bytes from the request's start.
    case incomplete(atLeast: Int)
    /// What is still to come of the body is to be passed over.
    case swallow
    case waitForRoom
    case close
  }

  package mutating func receive(_ input: RawSpan, _ execution: inout Execution) -> SessionStep {
    var position = 0
    var lookedTo = 1
    while position < input.byteCount {
      if execution.reply.buffer.count >= SessionBounds.turnBytes {
        return SessionStep(consumed: position, next: .again)
      }
      if position >= lookedTo { lookedTo = execution.lookAheadBinary(input, from: position) }
      if toSwallow > 0 {
        let passed = min(toSwallow, input.byteCount - position)
        toSwallow -= passed
        position += passed
        continue
      }
      guard input.byte(position) == BinaryHeader.requestMagic else {
        return SessionStep(consumed: input.byteCount, next: .close)
      }
      guard input.byteCount - position >= BinaryHeader.byteCount else {
        return SessionStep(consumed: position, next: .read(atLeast: BinaryHeader.byteCount))
      }
      let request = input.extracting(position..<input.byteCount)
      let header = BinaryHeader(request)
      let start = execution.reply.buffer.count
      execution.beginReply()
      let outcome = run(header, request, &execution)
      endReply(from: start, &execution)
      switch outcome {
      case .done: position += header.end
      case .incomplete(let length): return SessionStep(consumed: position, next: .read(atLeast: length))
      case .swallow:
        position += BinaryHeader.byteCount
        toSwallow = header.bodyCount
      case .waitForRoom: return SessionStep(consumed: position, next: .waitForRoom)
      case .close: return SessionStep(consumed: input.byteCount, next: .close)
      }
    }
    state.client.noteActivity()
    return SessionStep(consumed: position, next: .read(atLeast: 1))
  }

  /// No command of this protocol waits.
  package mutating func endWait() {}

  /// Holds the reply that began at `start`, if there is one, until what it shows is durable. It shows as well that the
  /// requests before it, which would have been replied to only if they had failed, have not: so it waits for them, too.
  @inline(__always)
  private mutating func endReply(from start: Int, _ execution: inout Execution) {
    if execution.reply.buffer.count > start {
      execution.endReply(from: start)
      execution.showWhatWasQuiet(&state, from: start)
    } else {
      state.shownLater = max(state.shownLater, execution.shown)
    }
  }

  @inline(__always)
  private mutating func run(
    _ header: BinaryHeader, _ request: RawSpan, _ execution: inout Execution
  ) -> Outcome {
    guard header.valueCount >= 0 else { return close(header, .unknownCommand, &execution) }
    let command = BinaryCommand(rawValue: header.opcode)
    guard state.mayDoEverything || command?.isForStrangers == true else {
      return close(header, .notAuthenticated, &execution)
    }
    guard header.keyCount <= state.limits.keyBytes else { return close(header, .invalid, &execution) }
    guard let command else {
      execution.reply.binaryError(header, .unknownCommand)
      return .swallow
    }
    switch command {
    case .get: return get(header, request, &execution)
    case .getq: return get(header, request, isQuiet: true, &execution)
    case .getk: return get(header, request, withKey: true, &execution)
    case .getkq: return get(header, request, withKey: true, isQuiet: true, &execution)
    case .set: return store(.set, header, request, &execution)
    case .setq: return store(.set, header, request, isQuiet: true, &execution)
    case .add: return store(.add, header, request, &execution)
    case .addq: return store(.add, header, request, isQuiet: true, &execution)
    case .replace: return store(.replace, header, request, &execution)
    case .replaceq: return store(.replace, header, request, isQuiet: true, &execution)
    case .append: return store(.append, header, request, &execution)
    case .appendq: return store(.append, header, request, isQuiet: true, &execution)
    case .prepend: return store(.prepend, header, request, &execution)
    case .prependq: return store(.prepend, header, request, isQuiet: true, &execution)
    case .delete: return delete(header, request, isQuiet: false, &execution)
    case .deleteq: return delete(header, request, isQuiet: true, &execution)
    case .increment: return count(header, request, isIncrement: true, isQuiet: false, &execution)
    case .incrementq: return count(header, request, isIncrement: true, isQuiet: true, &execution)
    case .decrement: return count(header, request, isIncrement: false, isQuiet: false, &execution)
    case .decrementq: return count(header, request, isIncrement: false, isQuiet: true, &execution)
    case .touch: return touch(header, request, withValue: false, &execution)
    case .gat: return touch(header, request, &execution)
    case .gatq: return touch(header, request, isQuiet: true, &execution)
    case .gatk: return touch(header, request, withKey: true, &execution)
    case .gatkq: return touch(header, request, withKey: true, isQuiet: true, &execution)
    case .flush: return flush(header, request, isQuiet: false, &execution)
    case .flushq: return flush(header, request, isQuiet: true, &execution)
    case .stat: return statistics(header, request, &execution)
    case .noop, .version, .quit, .quitq: return runBare(command, header, &execution)
    case .saslList: return listMechanisms(header, &execution)
    case .saslAuth: return authenticate(header, request, isStep: false, &execution)
    case .saslStep: return authenticate(header, request, isStep: true, &execution)
    }
  }

  /// Runs a command that has no body.
  private func runBare(
    _ command: BinaryCommand, _ header: BinaryHeader, _ execution: inout Execution
  ) -> Outcome {
    guard header.bodyCount == 0 else { return close(header, .invalid, &execution) }
    note(command, RawSpan(), RawSpan(), &execution)
    switch command {
    case .quitq: return .close
    case .version:
      let version = Memcached.version
      execution.reply.binaryHeader(header, .success, body: version.utf8.count)
      execution.reply.buffer.append(text: version)
      return .done
    default:
      execution.reply.binaryHeader(header, .success, body: 0)
      return command == .quit ? .close : .done
    }
  }

  // MARK: What commands share

  /// Replies an error, and closes: what follows can't be trusted to be a request.
  func close(_ header: BinaryHeader, _ status: BinaryStatus, _ execution: inout Execution) -> Outcome {
    execution.reply.binaryError(header, status)
    return .close
  }

  /// Replies success without a body, unless nothing is to be said of it.
  func succeed(
    _ header: BinaryHeader, cas: UInt64 = 0, isQuiet: Bool, _ execution: inout Execution
  ) -> Outcome {
    if !isQuiet { execution.reply.binaryHeader(header, .success, body: 0, cas: cas) }
    return .done
  }

  func fail(_ header: BinaryHeader, _ status: BinaryStatus, _ execution: inout Execution) -> Outcome {
    execution.reply.binaryError(header, status)
    return .done
  }

  /// What is to be done when the journal takes no write now; nil when it does. To be asked before a lock is taken.
  @inline(__always)
  func refusal(_ header: BinaryHeader, _ execution: inout Execution) -> Outcome? {
    guard let refusal = execution.writeRefusal else { return nil }
    switch refusal {
    case .waitForRoom: return .waitForRoom
    case .diskFull: return fail(header, .temporaryFailure, &execution)
    case .failed: return fail(header, .internalError, &execution)
    }
  }

  /// Counts a request that is about to be run, and logs it.
  @inline(__always)
  func note(
    _ command: @autoclosure () -> BinaryCommand, _ key: RawSpan, _ value: RawSpan,
    _ execution: inout Execution
  ) {
    execution.counters.value.commands.add()
    if execution.context.logsCommands { execution.logBinary(command(), key, value, state) }
  }
}

extension Execution {
  @inline(never)
  fileprivate func logBinary(
    _ command: BinaryCommand, _ key: RawSpan, _ value: RawSpan, _ session: SessionState
  ) {
    var text = ByteQueue()
    text.append(text: "\(command)")
    if command.isSensitive {
      text.append(" (arguments hidden)")
    } else {
      for word in 0..<2 where !(word == 0 ? key : value).isEmpty {
        text.append(byte: UInt8(ascii: " "))
        text.append(word: word == 0 ? key : value)
      }
    }
    context.log(session.client.address, text.bytes.text)
  }
}
