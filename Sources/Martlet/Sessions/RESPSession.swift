// One client that speaks the Redis protocol: RESP2 and RESP3 in arrays, and inline commands as typed into telnet.
//
// A request is parsed once: when it is not whole yet, the session remembers how far it has come, so that a large request
// arriving in pieces isn't read again from its beginning each time.

/// The state of a connection of the Redis protocol.
package struct RESPSession: Session, ~Copyable {
  /// A request may have this many words.
  private static let maximumWords = 1 << 20
  /// An inline request may have this many bytes, and so may the line of a length.
  private static let maximumInline = 64 << 10
  /// Before a client has given the password, requests are small.
  private static let unauthenticatedWords = 10
  private static let unauthenticatedBytes = 16 << 10

  package private(set) var state: SessionState
  /// Words of the request under way that are still to come; 0 between requests.
  private var missing = 0
  /// Where in the unconsumed input the next of them begins.
  private var resumeAt = 0
  /// Those of its words that have come, while some are missing. At any other time the lane's are used, and a client at rest
  /// has no memory for them.
  private var begun = WordRanges()

  package init(_ client: ClientRecord, _ limits: SessionLimits, _ context: ServerContext) {
    state = SessionState(client, limits, context)
  }

  private enum Parsed {
    /// A request up to this position; its words are in `ranges`.
    case request(end: Int)
    /// Nothing to run up to this position: an empty request.
    case nothing(end: Int)
    /// There have to be this many bytes from the request's start.
    case incomplete(atLeast: Int)
    case broken(StaticString)
    case brokenAt(UInt8)
  }

  package mutating func receive(_ input: RawSpan, _ execution: inout Execution) -> SessionStep {
    execution.reply.version = state.protocolVersion
    let ranges = execution.ranges
    if missing > 0 {
      swap(&begun, &ranges.value)
      begun = WordRanges()
    }
    defer { if missing > 0 { swap(&begun, &ranges.value) } }
    var position = 0
    var lookedTo = 1
    while position < input.byteCount {
      if execution.reply.count >= SessionBounds.turnBytes {
        return SessionStep(consumed: position, next: .again)
      }
      if position >= lookedTo {
        lookedTo = execution.lookAheadRESP(input, from: position, state.database)
      }
      if input.byte(position) != UInt8(ascii: "*") && missing == 0 {
        guard let step = receiveInline(input, &position, &execution) else { continue }
        return step
      }
      switch parse(input, position, &ranges.value) {
      case .request(let end):
        let request = input.extracting(position..<end)
        switch execution.dispatch(Words(request, ranges.value.span), &state) {
        case .done: position = end
        case .close: return SessionStep(consumed: end, next: .close)
        case .waitForRoom: return SessionStep(consumed: position, next: .waitForRoom)
        case .wait(let deadline): return SessionStep(consumed: position, next: .wait(until: deadline))
        }
      case .nothing(let end): position = end
      case .incomplete(let length): return SessionStep(consumed: position, next: .read(atLeast: length))
      case .broken(let text): return fail(text, &execution)
      case .brokenAt(let byte):
        execution.reply.command = -1
        execution.reply.error("ERR Protocol error: expected '$', got '\(Character(Unicode.Scalar(byte)))'")
        return SessionStep(consumed: input.byteCount, next: .close)
      }
    }
    state.client.noteActivity()
    return SessionStep(consumed: position, next: .read(atLeast: 1))
  }

  package mutating func endWait() { state.shortenWait() }

  package var waitsForData: Bool { state.waitsForData }

  package mutating func abandonWait() -> Bool { state.abandonWait() }

  private func fail(_ text: StaticString, _ execution: inout Execution) -> SessionStep {
    execution.reply.command = -1
    execution.reply.error(text)
    return SessionStep(consumed: 0, next: .close)
  }

  // MARK: Arrays

  /// Parses the request that begins at `start`, going on where the last call had to stop.
  @inline(__always)
  private mutating func parse(_ input: RawSpan, _ start: Int, _ ranges: inout WordRanges) -> Parsed {
    var position: Int
    if missing > 0 {
      position = start + resumeAt
    } else {
      switch length(input, start + 1) {
      case .value(let count, let next):
        position = next
        if count <= 0 { return .nothing(end: next) }
        guard count <= Self.maximumWords else {
          return .broken("ERR Protocol error: invalid multibulk length")
        }
        if !state.isAuthenticated && count > Self.unauthenticatedWords {
          return .broken("ERR Protocol error: unauthenticated multibulk length")
        }
        missing = count
        ranges.removeAll()
      case .incomplete:
        return input.byteCount - start > Self.maximumInline
          ? .broken("ERR Protocol error: too big mbulk count string")
          : .incomplete(atLeast: input.byteCount - start + 1)
      case .invalid: return .broken("ERR Protocol error: invalid multibulk length")
      }
    }
    while missing > 0 {
      guard position < input.byteCount else { return pause(position, start, atLeast: position + 1) }
      guard input.byte(position) == UInt8(ascii: "$") else { return .brokenAt(input.byte(position)) }
      switch length(input, position + 1) {
      case .value(let count, let next):
        guard count >= 0 && count <= Limits.valueBytes else {
          return .broken("ERR Protocol error: invalid bulk length")
        }
        if !state.isAuthenticated && count > Self.unauthenticatedBytes {
          return .broken("ERR Protocol error: unauthenticated bulk length")
        }
        guard next - start + count <= Limits.requestBytes else {
          return .broken("ERR Protocol error: the request is larger than 1 GiB")
        }
        guard next + count + 2 <= input.byteCount else {
          return pause(position, start, atLeast: next + count + 2)
        }
        // Ranges count from the request's start while it may still move to the front of the input.
        ranges.append(WordRange(next - start, count: count))
        position = next + count + 2
        missing -= 1
      case .incomplete:
        if input.byteCount - position > Self.maximumInline {
          return .broken("ERR Protocol error: too big bulk count string")
        }
        return pause(position, start, atLeast: input.byteCount + 1)
      case .invalid: return .broken("ERR Protocol error: invalid bulk length")
      }
    }
    resumeAt = 0
    return .request(end: position)
  }

  private mutating func pause(_ position: Int, _ start: Int, atLeast end: Int) -> Parsed {
    resumeAt = position - start
    return .incomplete(atLeast: end - start)
  }

  private enum Length {
    case value(Int, next: Int)
    case incomplete
    case invalid
  }

  /// The decimal number at `start`, up to CR LF.
  @inline(__always)
  private func length(_ input: RawSpan, _ start: Int) -> Length {
    // Nearly all have one digit or two.
    if start + 4 <= input.byteCount {
      let first = input.byte(start) &- UInt8(ascii: "0")
      let second = input.byte(start + 1)
      if first <= 9 && second == UInt8(ascii: "\r") { return .value(Int(first), next: start + 3) }
      let digit = second &- UInt8(ascii: "0")
      if (1...9).contains(first) && digit <= 9 && input.byte(start + 2) == UInt8(ascii: "\r") {
        return .value(Int(first) * 10 + Int(digit), next: start + 4)
      }
    }
    return longLength(input, start)
  }

  @inline(never)
  private func longLength(_ input: RawSpan, _ start: Int) -> Length {
    var index = start
    var value = 0
    var isNegative = false
    if index < input.byteCount, input.byte(index) == UInt8(ascii: "-") {
      isNegative = true
      index += 1
    }
    let firstDigit = index
    while index < input.byteCount {
      let digit = input.byte(index) &- UInt8(ascii: "0")
      guard digit <= 9, index - firstDigit < 18 else { break }
      value = value * 10 + Int(digit)
      index += 1
    }
    guard index < input.byteCount else { return .incomplete }
    let hasLeadingZero = index - firstDigit > 1 && input.byte(firstDigit) == UInt8(ascii: "0")
    guard input.byte(index) == UInt8(ascii: "\r"), index > firstDigit, !hasLeadingZero else {
      // What is wrong with a line is said when the line is whole.
      return input.firstIndex(of: UInt8(ascii: "\r"), from: index) == nil ? .incomplete : .invalid
    }
    guard index + 1 < input.byteCount else { return .incomplete }
    return .value(isNegative ? -value : value, next: index + 2)
  }

  // MARK: Inline requests

  /// Runs the line at `position` and moves behind it; a step when the session has to stop there.
  private mutating func receiveInline(
    _ input: RawSpan, _ position: inout Int, _ execution: inout Execution
  ) -> SessionStep? {
    let start = position
    guard let newline = input.firstIndex(of: UInt8(ascii: "\n"), from: start) else {
      if input.byteCount - start > Self.maximumInline {
        return fail("ERR Protocol error: too big inline request", &execution)
      }
      return SessionStep(consumed: start, next: .read(atLeast: input.byteCount - start + 1))
    }
    guard newline - start <= Self.maximumInline else {
      return fail("ERR Protocol error: too big inline request", &execution)
    }
    var end = newline
    if end > start, input.byte(end - 1) == UInt8(ascii: "\r") { end -= 1 }
    var line = InlineLine()
    guard line.split(input.extracting(start..<end)) else {
      return fail("ERR Protocol error: unbalanced quotes in request", &execution)
    }
    let words = line.words
    if words.count > 0 {
      switch execution.dispatch(words, &state) {
      case .done: break
      case .close: return SessionStep(consumed: newline + 1, next: .close)
      case .waitForRoom: return SessionStep(consumed: start, next: .waitForRoom)
      case .wait(let deadline): return SessionStep(consumed: start, next: .wait(until: deadline))
      }
    }
    position = newline + 1
    return nil
  }
}

/// Splits a line into words by Redis's rules: spaces part them, `"…"` takes \n \r \t \a \b \xff, `'…'` takes \'.
struct InlineLine: ~Copyable {
  private var bytes = ByteQueue()
  private var ranges = WordRanges()

  var words: Words {
    @_lifetime(borrow self)
    get { Words(bytes.bytes, ranges.span) }
  }

  /// Whether the quotes of the line are balanced and each is followed by a space or the end.
  mutating func split(_ line: RawSpan) -> Bool {
    var index = 0
    while true {
      while index < line.byteCount, Self.isSpace(line.byte(index)) { index += 1 }
      guard index < line.byteCount else { return true }
      let start = bytes.count
      while index < line.byteCount, !Self.isSpace(line.byte(index)) {
        let byte = line.byte(index)
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
          guard let end = copyQuoted(line, index + 1, byte) else { return false }
          guard end == line.byteCount || Self.isSpace(line.byte(end)) else { return false }
          index = end
        } else {
          bytes.append(byte: byte)
          index += 1
        }
      }
      ranges.append(WordRange(start, count: bytes.count - start))
    }
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || (9...13).contains(byte) || byte == 0
  }

  /// Copies up to the closing quote; where the word goes on, nil when there is none.
  private mutating func copyQuoted(_ line: RawSpan, _ start: Int, _ quote: UInt8) -> Int? {
    var index = start
    while index < line.byteCount {
      let byte = line.byte(index)
      if byte == quote { return index + 1 }
      guard byte == UInt8(ascii: "\\"), index + 1 < line.byteCount else {
        bytes.append(byte: byte)
        index += 1
        continue
      }
      let next = line.byte(index + 1)
      if quote == UInt8(ascii: "'") {
        // Only a quote is escaped in single quotes.
        bytes.append(byte: next == quote ? next : byte)
        index += next == quote ? 2 : 1
      } else if next == UInt8(ascii: "x"), index + 3 < line.byteCount,
        let high = hexadecimalValue(line.byte(index + 2)), let low = hexadecimalValue(line.byte(index + 3))
      {
        bytes.append(byte: high << 4 | low)
        index += 4
      } else {
        switch next {
        case UInt8(ascii: "n"): bytes.append(byte: UInt8(ascii: "\n"))
        case UInt8(ascii: "r"): bytes.append(byte: UInt8(ascii: "\r"))
        case UInt8(ascii: "t"): bytes.append(byte: UInt8(ascii: "\t"))
        case UInt8(ascii: "a"): bytes.append(byte: 7)
        case UInt8(ascii: "b"): bytes.append(byte: 8)
        default: bytes.append(byte: next)
        }
        index += 2
      }
    }
    return nil
  }
}
