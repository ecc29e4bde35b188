// The parser of replies: a state machine without I/O. Bytes go in as they come, in pieces of any size, and whole
// replies come out. It keeps its place: the arrays begun, the length of a string awaited, how far a line end was
// looked for. So each byte is looked at once, however small the pieces are.

/// Turns the bytes of a server into replies.
///
///     var parser = RESPParser()
///     parser.append("*2\r\n:1\r\n$2\r".utf8)
///     try parser.next()  // nil: the reply isn't complete
///     parser.append("\nhi\r\n".utf8)
///     try parser.next()  // .array([.number(1), .blobString([104, 105])])
public struct RESPParser: Sendable {
  public let limits: ReplyLimits

  private var buffer: [UInt8] = []
  /// Where in the buffer the first byte is that was not used yet.
  private var start = 0
  /// How far the line that begins at `start` was searched for its end.
  private var searched = 0
  private var awaitedBlob: Blob?
  /// The arrays, sets, maps… that were begun, outermost first.
  private var open: [Aggregate] = []
  private var bytesOfReply = 0
  private var elementsOfReply = 0
  /// Once the stream was wrong, it stays so.
  private var violation: ProtocolViolation?

  public init(limits: ReplyLimits = ReplyLimits()) {
    self.limits = limits
  }

  /// Takes the next bytes of the stream, of any number.
  public mutating func append(_ bytes: some Sequence<UInt8>) {
    guard violation == nil else { return }
    if start > 0 {
      buffer.removeSubrange(..<start)
      searched -= start
      start = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// The next whole reply, or nil when more bytes are needed. Attributes are left out of replies.
  ///
  /// - Throws: what is wrong with the stream; from then on each call throws it again.
  public mutating func next() throws(ProtocolViolation) -> RESPValue? {
    if let violation { throw violation }
    do throws(ProtocolViolation) {
      return try readReply()
    } catch {
      violation = error
      buffer = []
      open = []
      throw error
    }
  }

  private mutating func readReply() throws(ProtocolViolation) -> RESPValue? {
    while true {
      switch try readElement() {
      case .incomplete:
        return nil
      case .begun:
        continue
      case .value(let value):
        guard let reply = place(value) else { continue }
        bytesOfReply = 0
        elementsOfReply = 0
        return reply
      }
    }
  }

  /// Puts a value into the innermost open aggregate and closes those that are full with it.
  ///
  /// - Returns: the reply, if it is complete.
  private mutating func place(_ value: RESPValue) -> RESPValue? {
    var value = value
    while !open.isEmpty {
      let innermost = open.count - 1
      open[innermost].elements.append(value)
      guard open[innermost].isFull else { return nil }
      let full = open.removeLast()
      // An attribute speaks of the value behind it and takes no place of its own.
      if full.kind == .attribute { return nil }
      value = full.value
    }
    return value
  }
}

// MARK: - Elements

extension RESPParser {
  private enum Element {
    case incomplete
    /// An aggregate was begun, or an empty attribute passed over.
    case begun
    case value(RESPValue)
  }

  private struct Blob: Sendable {
    enum Kind { case string, error, verbatim }
    let kind: Kind
    let length: Int
  }

  private struct Aggregate: Sendable {
    enum Kind { case array, set, map, push, attribute }
    let kind: Kind
    let count: Int
    var elements: [RESPValue] = []

    var isFull: Bool { elements.count == count }

    var value: RESPValue {
      switch kind {
      case .array: .array(elements)
      case .set: .set(elements)
      case .push: .push(elements)
      case .map, .attribute:
        .map(
          stride(from: 0, to: elements.count - 1, by: 2).map {
            RESPValue.Entry(key: elements[$0], value: elements[$0 + 1])
          })
      }
    }
  }

  private mutating func readElement() throws(ProtocolViolation) -> Element {
    if let blob = awaitedBlob { return try readBlob(blob) }
    guard let line = try readLine() else { return .incomplete }
    guard let type = line.first else { throw .missingLineEnd }
    let content = line.dropFirst()
    switch type {
    case UInt8(ascii: "+"): return .value(.simpleString(String(decoding: content, as: UTF8.self)))
    case UInt8(ascii: "-"): return .value(.error(ServerError(String(decoding: content, as: UTF8.self))))
    case UInt8(ascii: ":"): return .value(.number(try Self.number(content)))
    case UInt8(ascii: ","): return .value(.double(try Self.double(content)))
    case UInt8(ascii: "#"): return .value(.boolean(try Self.boolean(content)))
    case UInt8(ascii: "("): return .value(.bigNumber(try Self.bigNumber(content)))
    case UInt8(ascii: "_"):
      guard content.isEmpty else { throw .malformedScalar }
      return .value(.null)
    case UInt8(ascii: "$"): return try begin(.string, content)
    case UInt8(ascii: "!"): return try begin(.error, content)
    case UInt8(ascii: "="): return try begin(.verbatim, content)
    case UInt8(ascii: "*"): return try begin(.array, content)
    case UInt8(ascii: "~"): return try begin(.set, content)
    case UInt8(ascii: "%"): return try begin(.map, content)
    case UInt8(ascii: "|"): return try begin(.attribute, content)
    case UInt8(ascii: ">"): return try begin(.push, content)
    default: throw .unknownType(type)
    }
  }

  /// The line at `start`, without its end; nil if it isn't whole yet.
  private mutating func readLine() throws(ProtocolViolation) -> ArraySlice<UInt8>? {
    while searched < buffer.count {
      let byte = buffer[searched]
      if byte == UInt8(ascii: "\n") { throw .missingLineEnd }
      if byte == UInt8(ascii: "\r") {
        guard searched + 1 < buffer.count else { break }
        guard buffer[searched + 1] == UInt8(ascii: "\n") else { throw .missingLineEnd }
        let line = buffer[start..<searched]
        try use(line.count + 2)
        return line
      }
      searched += 1
      if searched - start > limits.maximumLineBytes { throw .lineTooLong(limit: limits.maximumLineBytes) }
    }
    return nil
  }

  private mutating func readBlob(_ blob: Blob) throws(ProtocolViolation) -> Element {
    guard buffer.count - start >= blob.length + 2 else { return .incomplete }
    let content = buffer[start..<start + blob.length]
    guard buffer[content.endIndex] == UInt8(ascii: "\r"), buffer[content.endIndex + 1] == UInt8(ascii: "\n")
    else {
      throw .missingLineEnd
    }
    awaitedBlob = nil
    try use(blob.length + 2)
    switch blob.kind {
    case .string:
      return .value(.blobString(Array(content)))
    case .error:
      return .value(.error(ServerError(String(decoding: content, as: UTF8.self))))
    case .verbatim:
      guard content.count >= 4, content[content.startIndex + 3] == UInt8(ascii: ":") else {
        throw .malformedVerbatim
      }
      return .value(
        .verbatim(format: String(decoding: content.prefix(3), as: UTF8.self), Array(content.dropFirst(4))))
    }
  }

  /// Moves past bytes that were understood, and counts them.
  private mutating func use(_ count: Int) throws(ProtocolViolation) {
    start += count
    searched = start
    bytesOfReply += count
    guard bytesOfReply <= limits.maximumBytes else { throw .replyTooLong(limit: limits.maximumBytes) }
  }

  private mutating func begin(_ kind: Blob.Kind, _ digits: ArraySlice<UInt8>) throws(ProtocolViolation)
    -> Element
  {
    guard let length = try Self.length(digits) else {
      guard kind == .string else { throw .malformedLength }
      return .value(.null)
    }
    guard length <= limits.maximumBytes - bytesOfReply - 2 else {
      throw .replyTooLong(limit: limits.maximumBytes)
    }
    let blob = Blob(kind: kind, length: length)
    awaitedBlob = blob
    return try readBlob(blob)
  }

  private mutating func begin(
    _ kind: Aggregate.Kind, _ digits: ArraySlice<UInt8>
  ) throws(ProtocolViolation) -> Element {
    guard let length = try Self.length(digits) else {
      guard kind == .array else { throw .malformedLength }
      return .value(.null)
    }
    if kind == .push, !open.isEmpty { throw .nestedPush }
    guard open.count < limits.maximumDepth else { throw .nestedTooDeep(limit: limits.maximumDepth) }
    let elementsEach = kind == .map || kind == .attribute ? 2 : 1
    guard length <= (limits.maximumElements - elementsOfReply) / elementsEach else {
      throw .tooManyElements(limit: limits.maximumElements)
    }
    var aggregate = Aggregate(kind: kind, count: length * elementsEach)
    elementsOfReply += aggregate.count
    if aggregate.isFull { return kind == .attribute ? .begun : .value(aggregate.value) }
    // The count is only what the server claims, so little room is taken on its word.
    aggregate.elements.reserveCapacity(min(aggregate.count, 1024))
    open.append(aggregate)
    return .begun
  }
}

// MARK: - Scalars

extension RESPParser {
  /// A length or count; nil for −1, RESP2's null.
  private static func length(_ digits: ArraySlice<UInt8>) throws(ProtocolViolation) -> Int? {
    if digits.elementsEqual("-1".utf8) { return nil }
    guard !digits.isEmpty, digits.count <= 18, digits.allSatisfy(isDigit) else { throw .malformedLength }
    return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
  }

  private static func number(_ text: ArraySlice<UInt8>) throws(ProtocolViolation) -> Int64 {
    guard let value = Int64(String(decoding: text, as: UTF8.self)) else { throw .malformedScalar }
    return value
  }

  private static func double(_ text: ArraySlice<UInt8>) throws(ProtocolViolation) -> Double {
    let word = String(decoding: text, as: UTF8.self)
    switch word {
    case "inf", "+inf": return .infinity
    case "-inf": return -.infinity
    case "nan", "-nan": return .nan
    default:
      guard text.allSatisfy({ isDigit($0) || "+-.eE".utf8.contains($0) }), let value = Double(word) else {
        throw .malformedScalar
      }
      return value
    }
  }

  private static func boolean(_ text: ArraySlice<UInt8>) throws(ProtocolViolation) -> Bool {
    if text.elementsEqual("t".utf8) { return true }
    if text.elementsEqual("f".utf8) { return false }
    throw .malformedScalar
  }

  private static func bigNumber(_ text: ArraySlice<UInt8>) throws(ProtocolViolation) -> String {
    let digits = text.first == UInt8(ascii: "-") || text.first == UInt8(ascii: "+") ? text.dropFirst() : text
    guard !digits.isEmpty, digits.allSatisfy(isDigit) else { throw .malformedScalar }
    return String(decoding: text, as: UTF8.self)
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    UInt8(ascii: "0") <= byte && byte <= UInt8(ascii: "9")
  }
}
