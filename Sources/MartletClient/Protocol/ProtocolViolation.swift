// What can be wrong with the bytes of a server, and the limits that its replies must keep.

/// How large a reply may be. Each limit is checked before memory is taken for what it limits.
public struct ReplyLimits: Sendable, Hashable {
  /// The most bytes of one reply, with its framing. A server's own limit for a value is 512 MiB.
  public var maximumBytes: Int
  /// How many arrays, maps, sets, and attributes may be open inside each other.
  public var maximumDepth: Int
  /// The most elements in one reply, those of nested arrays among them. An element may take 3 bytes on the wire
  /// and some 30 in memory, so that the limit of bytes alone doesn't bound the memory.
  public var maximumElements: Int
  /// The most bytes of a line: a simple string, an error or a number.
  public var maximumLineBytes: Int

  public init(
    maximumBytes: Int = 1 << 30, maximumDepth: Int = 32, maximumElements: Int = 1 << 24,
    maximumLineBytes: Int = 64 << 10
  ) {
    self.maximumBytes = maximumBytes
    self.maximumDepth = maximumDepth
    self.maximumElements = maximumElements
    self.maximumLineBytes = maximumLineBytes
  }
}

/// Why the bytes of a server are not replies. The stream can't be trusted after it.
public enum ProtocolViolation: Error, Sendable, Hashable, CustomStringConvertible {
  /// No type of RESP begins with this byte.
  case unknownType(UInt8)
  /// A length or count that is no number, is negative, or is one of the streamed forms that no server uses.
  case malformedLength
  /// A number, double, boolean, big number or null that isn't written as one.
  case malformedScalar
  /// A verbatim string without its format.
  case malformedVerbatim
  /// A line or a string that doesn't end with CR LF.
  case missingLineEnd
  /// A push inside of another value.
  case nestedPush
  /// A reply that no command asked for.
  case unaskedReply
  /// A reply of the wrong type while the connection was being set up; the name of the type.
  case unexpectedHandshakeReply(String)
  case lineTooLong(limit: Int)
  case replyTooLong(limit: Int)
  case nestedTooDeep(limit: Int)
  case tooManyElements(limit: Int)

  public var description: String {
    switch self {
    case .unknownType(let byte): "no type of reply begins with the byte 0x\(String(byte, radix: 16))"
    case .malformedLength: "a length is malformed"
    case .malformedScalar: "a number or boolean is malformed"
    case .malformedVerbatim: "a verbatim string has no format"
    case .missingLineEnd: "a line doesn't end with CR LF"
    case .nestedPush: "a push is inside of another value"
    case .unaskedReply: "a reply came that no command asked for"
    case .unexpectedHandshakeReply(let type): "the greeting was answered by a \(type)"
    case .lineTooLong(let limit): "a line is longer than the limit of \(limit) bytes"
    case .replyTooLong(let limit): "a reply is longer than the limit of \(limit) bytes"
    case .nestedTooDeep(let limit): "a reply is nested deeper than the limit of \(limit)"
    case .tooManyElements(let limit): "a reply has more than the limit of \(limit) elements"
    }
  }
}
