// Splits a line that a person typed into the words of a command, by the quoting rules of redis-cli:
//
//     SET key value            words are separated by white space
//     SET "two words" 'a b'    quotes of either kind keep it together
//     SET key "a\x00b\n"       in double quotes \n \r \t \b \a \xHH \" \\ are understood
//     SET key 'it\'s'          in single quotes only \' is
//
// What follows a closing quote must be white space or the end.

/// Why a line is no command.
public enum QuotingError: Error, Sendable, Hashable, CustomStringConvertible {
  /// A quote was opened and not closed.
  case unclosedQuote(Character)
  /// Something follows a closing quote at once.
  case textAfterQuote

  public var description: String {
    switch self {
    case .unclosedQuote(let quote): "a quote (\(quote)) is not closed"
    case .textAfterQuote: "a closing quote must be followed by a space"
    }
  }
}

/// A line's words, as far as it has been typed.
public struct InputWords: Sendable, Hashable {
  public private(set) var words: [[UInt8]] = []
  /// Whether the last word may still go on: the line doesn't end with white space.
  public private(set) var lastIsUnfinished = false
  public private(set) var problem: QuotingError?

  /// Splits as much of the line as can be split.
  public init(of line: some Sequence<UInt8>) {
    var rest = Array(line)[...]
    while true {
      rest = rest.drop(while: Self.isSpace)
      guard !rest.isEmpty else { return }
      words.append(readWord(&rest))
      if rest.isEmpty || problem != nil {
        lastIsUnfinished = true
        return
      }
    }
  }

  /// The words of a complete line.
  public static func split(_ line: some Sequence<UInt8>) throws(QuotingError) -> [[UInt8]] {
    let input = InputWords(of: line)
    if let problem = input.problem { throw problem }
    return input.words
  }

  /// The words as text.
  public var texts: [String] {
    words.map { String(decoding: $0, as: UTF8.self) }
  }

  private mutating func readWord(_ rest: inout ArraySlice<UInt8>) -> [UInt8] {
    var word: [UInt8] = []
    while let byte = rest.first, !Self.isSpace(byte) {
      rest.removeFirst()
      guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") else {
        word.append(byte)
        continue
      }
      guard readQuoted(by: byte, &rest, into: &word) else {
        problem = .unclosedQuote(Character(Unicode.Scalar(byte)))
        return word
      }
      if let next = rest.first, !Self.isSpace(next) {
        problem = .textAfterQuote
        return word
      }
    }
    return word
  }

  /// Reads up to the closing quote.
  ///
  /// - Returns: whether there is one.
  private func readQuoted(by quote: UInt8, _ rest: inout ArraySlice<UInt8>, into word: inout [UInt8]) -> Bool
  {
    while let byte = rest.popFirst() {
      if byte == quote { return true }
      guard byte == UInt8(ascii: "\\"), let escaped = rest.first else {
        word.append(byte)
        continue
      }
      if quote == UInt8(ascii: "'") {
        if escaped == quote { rest.removeFirst() }
        word.append(escaped == quote ? quote : byte)
        continue
      }
      rest.removeFirst()
      if escaped == UInt8(ascii: "x"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16),
        rest.first != UInt8(ascii: "+")
      {
        rest.removeFirst(2)
        word.append(value)
      } else {
        word.append(Self.escapes[escaped] ?? escaped)
      }
    }
    return false
  }

  private static let escapes: [UInt8: UInt8] = [
    UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09, UInt8(ascii: "b"): 0x08,
    UInt8(ascii: "a"): 0x07,
  ]

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || (0x09...0x0D).contains(byte)
  }
}
