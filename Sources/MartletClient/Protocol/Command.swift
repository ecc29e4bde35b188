// What a client sends: a command is a list of words, each of any bytes.

/// What can be a word of a command: a `String`, the bytes themselves, an integer.
public protocol CommandWord: Sendable {
  /// The word as it is sent.
  var commandBytes: [UInt8] { get }
}

extension String: CommandWord {
  public var commandBytes: [UInt8] { Array(utf8) }
}

extension Substring: CommandWord {
  public var commandBytes: [UInt8] { Array(utf8) }
}

extension [UInt8]: CommandWord {
  public var commandBytes: [UInt8] { self }
}

extension Int: CommandWord {
  public var commandBytes: [UInt8] { Array(String(self).utf8) }
}

extension Int64: CommandWord {
  public var commandBytes: [UInt8] { Array(String(self).utf8) }
}

/// One command: its name and its arguments.
///
///     Command("SET", "Hello", "World", "EX", 60)
public struct Command: Sendable, Hashable {
  /// The name and the arguments, at least one word.
  public private(set) var words: [[UInt8]]

  /// A command of its name and its arguments.
  public init(_ name: String, _ arguments: any CommandWord...) {
    words = [name.commandBytes] + arguments.map(\.commandBytes)
  }

  /// A command of its words, the name first; nil if there are none.
  public init?(words: [[UInt8]]) {
    guard !words.isEmpty else { return nil }
    self.words = words
  }

  /// Adds an argument.
  public mutating func append(_ argument: some CommandWord) {
    words.append(argument.commandBytes)
  }

  /// The name in capitals.
  public var name: String {
    String(decoding: words[0], as: UTF8.self).uppercased()
  }

  /// Appends the command as it goes over the wire: an array of strings.
  package func encode(into bytes: inout [UInt8]) {
    bytes.reserveCapacity(bytes.count + words.reduce(16) { $0 + $1.count + 24 })
    bytes.append(UInt8(ascii: "*"))
    bytes.append(contentsOf: "\(words.count)\r\n".utf8)
    for word in words {
      bytes.append(UInt8(ascii: "$"))
      bytes.append(contentsOf: "\(word.count)\r\n".utf8)
      bytes.append(contentsOf: word)
      bytes.append(contentsOf: "\r\n".utf8)
    }
  }

  /// Whether the command changes how replies come, so that they could no longer be matched with commands.
  var breaksReplyOrder: Bool {
    switch name {
    case "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "MONITOR",
      "SYNC",
      "PSYNC":
      true
    case "CLIENT":
      words.count > 1 && String(decoding: words[1], as: UTF8.self).uppercased() == "REPLY"
    default:
      false
    }
  }
}
