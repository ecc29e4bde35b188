// Makes bytes from elsewhere safe and readable on a terminal: what could move the cursor, change its colours, turn
// the direction of text, or not be seen at all is written as an escape.

public enum VisibleText {
  /// In double quotes, in a form that can be typed as input again.
  public static func quoted(_ bytes: some Sequence<UInt8>) -> String {
    "\"" + escaped(bytes, plain: { $0 != "\"" && $0 != "\\" }) + "\""
  }

  /// Without quotes, line breaks and tabs left as they are.
  public static func unquoted(_ bytes: some Sequence<UInt8>) -> String {
    var text = ""
    for piece in pieces(of: Array(bytes)) {
      switch piece {
      case .scalar(let scalar) where scalar == "\n" || scalar == "\t" || isVisible(scalar):
        text.unicodeScalars.append(scalar)
      case .scalar("\r"): break
      case .scalar(let scalar): text += hexadecimal(String(scalar).utf8)
      case .byte(let byte): text += hexadecimal(CollectionOfOne(byte))
      }
    }
    return text
  }

  private static func escaped(_ bytes: some Sequence<UInt8>, plain: (Unicode.Scalar) -> Bool) -> String {
    var text = ""
    for piece in pieces(of: Array(bytes)) {
      switch piece {
      case .scalar("\n"): text += "\\n"
      case .scalar("\r"): text += "\\r"
      case .scalar("\t"): text += "\\t"
      case .scalar("\u{8}"): text += "\\b"
      case .scalar("\u{7}"): text += "\\a"
      case .scalar(let scalar) where !plain(scalar): text += "\\\(scalar)"
      case .scalar(let scalar) where isVisible(scalar): text.unicodeScalars.append(scalar)
      case .scalar(let scalar): text += hexadecimal(String(scalar).utf8)
      case .byte(let byte): text += hexadecimal(CollectionOfOne(byte))
      }
    }
    return text
  }

  /// A scalar of valid UTF-8, or a byte that belongs to none.
  private enum Piece {
    case scalar(Unicode.Scalar)
    case byte(UInt8)
  }

  private static func pieces(of bytes: [UInt8]) -> [Piece] {
    var pieces: [Piece] = []
    pieces.reserveCapacity(bytes.count)
    var rest = bytes[...]
    while let lead = rest.first {
      let length = 1 + max(0, min(3, (~lead).leadingZeroBitCount - 1))
      if let text = String(validating: rest.prefix(length), as: UTF8.self),
        let scalar = text.unicodeScalars.first
      {
        pieces.append(.scalar(scalar))
        rest.removeFirst(scalar.utf8.count)
      } else {
        pieces.append(.byte(lead))
        rest.removeFirst()
      }
    }
    return pieces
  }

  private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { byte in
      let digits = String(byte, radix: 16)
      return "\\x" + (digits.utf8.count == 1 ? "0" : "") + digits
    }.joined()
  }

  /// Whether a scalar can be shown as it is: no control, no direction mark, nothing invisible.
  static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    default: true
    }
  }
}
