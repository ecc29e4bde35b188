// What a server answers: the types of RESP2 and RESP3 as one Swift enumeration.
// The protocol is described at https://github.com/redis/redis-specifications/blob/master/protocol/RESP3.md.

/// One reply of a server.
public enum RESPValue: Sendable, Hashable {
  /// A short text without line breaks, such as `OK`.
  case simpleString(String)
  /// Any bytes; what a string value comes as.
  case blobString([UInt8])
  /// A text with a three-letter note of its format, such as `txt` or `mkd`.
  case verbatim(format: String, [UInt8])
  case number(Int64)
  case double(Double)
  case boolean(Bool)
  /// An integer of any size, in decimal digits.
  case bigNumber(String)
  /// Nothing is there. RESP2's null string and null array become this too.
  case null
  /// The command failed. Inside an array (the reply of `EXEC`) only that command did.
  case error(ServerError)
  case array([RESPValue])
  /// Elements without order; each is there once, if the server keeps its word.
  case set([RESPValue])
  /// Keys and values, in the order in which the server sent them.
  case map([Entry])
  /// Something the server says unasked. It never answers a command.
  case push([RESPValue])

  /// A key of a map, and its value.
  public struct Entry: Sendable, Hashable {
    public var key: RESPValue
    public var value: RESPValue

    public init(key: RESPValue, value: RESPValue) {
      self.key = key
      self.value = value
    }
  }
}

extension RESPValue {
  /// The bytes of a simple, blob or verbatim string; nil for anything else.
  public var bytes: [UInt8]? {
    switch self {
    case .simpleString(let text): Array(text.utf8)
    case .blobString(let bytes), .verbatim(_, let bytes): bytes
    default: nil
    }
  }

  /// The text of a simple, blob or verbatim string, if it is valid UTF-8; nil for anything else.
  public var string: String? {
    bytes.flatMap { String(validating: $0, as: UTF8.self) }
  }

  /// The value of a number; nil for anything else.
  public var integer: Int64? {
    if case .number(let value) = self { value } else { nil }
  }

  /// The elements of an array, a set or a push; nil for anything else.
  public var elements: [RESPValue]? {
    switch self {
    case .array(let elements), .set(let elements), .push(let elements): elements
    default: nil
    }
  }

  /// The name of this value's type, for messages.
  public var typeName: String {
    switch self {
    case .simpleString: "simple string"
    case .blobString: "string"
    case .verbatim: "verbatim string"
    case .number: "number"
    case .double: "double"
    case .boolean: "boolean"
    case .bigNumber: "big number"
    case .null: "null"
    case .error: "error"
    case .array: "array"
    case .set: "set"
    case .map: "map"
    case .push: "push"
    }
  }
}

/// An error reply: the server understood the connection, and refused or failed the command.
public struct ServerError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The whole text, for instance `WRONGTYPE Operation against a key holding the wrong kind of value`.
  public let text: String

  public init(_ text: String) {
    self.text = text
  }

  /// The first word, which programs can rely on: `ERR`, `WRONGTYPE`, `NOAUTH`…
  public var code: String {
    String(text.prefix { $0 != " " })
  }

  public var description: String { text }
}
