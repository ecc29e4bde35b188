// How words are written in the database file so that a person can read them, and read back exactly.
//
// A word stands as it is if it is not empty and has neither spaces, quotes, backslashes nor anything that a terminal or
// an editor would not show faithfully. Else it stands in double quotes, with \n \r \t \" \\ and \xff for single bytes;
// or, where that would be longer, as b64"…". UTF-8 text stands as it is; bytes that are not UTF-8, control characters
// and characters that change the direction of text or are invisible are escaped byte by byte. docs/FORMAT.md is the
// reference. redis-cli and `martlet cli` read the same quotes, and no base64.

extension ByteQueue {
  /// Appends `word` as the database file writes it.
  @inline(__always)
  package mutating func append(word: RawSpan) {
    if word.isPlainWord { return append(word) }
    // What base64 would take: four characters for three bytes, and b64"".
    appendQuoted(word, limit: (word.byteCount + 2) / 3 * 4 + 5)
  }

  /// Appends `word` bare or in double quotes, however long that becomes: for those who know no base64.
  mutating func append(quotedWord word: RawSpan) {
    if word.isPlainWord { append(word) } else { appendQuoted(word, limit: .max) }
  }

  /// - Parameter limit: with more bytes than this, base64 is used.
  @inline(never)
  private mutating func appendQuoted(_ word: RawSpan, limit: Int) {
    let start = count
    var needsQuotes = word.isEmpty
    append(byte: UInt8(ascii: "\""))
    var index = 0
    while index < word.byteCount && count - start < limit {
      let run = word.quotableRun(from: index)
      if run > 0 {
        let part = word.extracting(index..<index + run)
        if !needsQuotes {
          needsQuotes =
            part.firstIndex(of: UInt8(ascii: " ")) != nil || part.firstIndex(of: UInt8(ascii: "'")) != nil
        }
        append(part)
        index += run
        continue
      }
      let byte = word.byte(index)
      if byte < 0x80 {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
          append(byte: UInt8(ascii: "\\"))
          append(byte: byte)
        case UInt8(ascii: "\n"): escape("n")
        case UInt8(ascii: "\r"): escape("r")
        case UInt8(ascii: "\t"): escape("t")
        default: escape(byte)
        }
        needsQuotes = true
        index += 1
      } else {
        let (length, isShown) = word.character(at: index)
        for offset in 0..<length {
          if isShown { append(byte: word.byte(index + offset)) } else { escape(word.byte(index + offset)) }
        }
        if !isShown { needsQuotes = true }
        index += length
      }
    }
    if count - start >= limit {
      truncate(to: start)
      append("b64\"")
      append(base64: word)
      append(byte: UInt8(ascii: "\""))
    } else if needsQuotes {
      append(byte: UInt8(ascii: "\""))
    } else {
      // Nothing had to be escaped: the word as it is.
      truncate(to: start)
      append(word)
    }
  }

  private mutating func escape(_ letter: Unicode.Scalar) {
    append(byte: UInt8(ascii: "\\"))
    append(byte: UInt8(ascii: letter))
  }

  private mutating func escape(_ byte: UInt8) {
    append("\\x")
    append(hexadecimal: UInt64(byte), width: 2)
  }

  /// Appends bytes in RFC 4648's base64, with padding.
  mutating func append(base64 word: RawSpan) {
    var index = 0
    while index < word.byteCount {
      let left = word.byteCount - index
      let first = UInt32(word.byte(index))
      let second = left > 1 ? UInt32(word.byte(index + 1)) : 0
      let third = left > 2 ? UInt32(word.byte(index + 2)) : 0
      let bits = first << 16 | second << 8 | third
      append(byte: base64Digit(bits >> 18))
      append(byte: base64Digit(bits >> 12))
      append(byte: left > 1 ? base64Digit(bits >> 6) : UInt8(ascii: "="))
      append(byte: left > 2 ? base64Digit(bits) : UInt8(ascii: "="))
      index += 3
    }
  }

  /// The character of RFC 4648's base64 for six bits.
  private func base64Digit(_ bits: UInt32) -> UInt8 {
    let value = UInt8(truncatingIfNeeded: bits & 63)
    switch value {
    case 0..<26: return UInt8(ascii: "A") + value
    case 26..<52: return UInt8(ascii: "a") + value - 26
    case 52..<62: return UInt8(ascii: "0") + value - 52
    case 62: return UInt8(ascii: "+")
    default: return UInt8(ascii: "/")
    }
  }
}

extension RawSpan {
  /// The length of the UTF-8 character at `index` and whether it may stand in the file as it is; for bytes that aren't
  /// UTF-8, (1, false).
  fileprivate func character(at index: Int) -> (length: Int, isShown: Bool) {
    let first = byte(index)
    let length: Int
    var scalar: UInt32
    switch first {
    case 0xc2...0xdf: (length, scalar) = (2, UInt32(first & 0x1f))
    case 0xe0...0xef: (length, scalar) = (3, UInt32(first & 0x0f))
    case 0xf0...0xf4: (length, scalar) = (4, UInt32(first & 0x07))
    default: return (1, false)
    }
    guard index + length <= byteCount else { return (1, false) }
    for offset in 1..<length {
      let next = byte(index + offset)
      guard next & 0xc0 == 0x80 else { return (1, false) }
      scalar = scalar << 6 | UInt32(next & 0x3f)
    }
    // Over-long forms and surrogates are not UTF-8 (RFC 3629).
    if length == 3 && scalar < 0x800 || length == 4 && scalar < 0x1_0000 { return (1, false) }
    if scalar > 0x10_ffff || (0xd800...0xdfff).contains(scalar) { return (1, false) }
    switch scalar {
    case 0x80...0x9f,  // control characters
      // invisible, or turning the text
      0xad, 0x61c, 0x180e, 0x200b, 0x200e...0x200f, 0x2028...0x202f, 0x2060...0x206f,
      0x115f...0x1160, 0x17b4...0x17b5, 0x3164, 0xfeff, 0xffa0, 0xfff0...0xfffb,
      0x1_3430...0x1_343f, 0x1_bca0...0x1_bca3, 0x1_d173...0x1_d17a,
      0xa0, 0x1680, 0x2000...0x200a, 0x205f, 0x3000,  // spaces that aren't a space
      0xe000...0xf8ff, 0xe0000...0xe0fff, 0xf_0000...0x10_ffff:  // private and tags
      return (length, false)
    default: return (length, true)
    }
  }
}

/// Splits the lines of the database file into words.
package struct RecordParser: ~Copyable {
  private var ranges = WordRanges()
  private var decoded = ByteQueue()

  package init() {}

  /// The words of `line`, which has no newline, handed to `body`; nil when it is not well formed.
  package mutating func parse<Result>(_ line: RawSpan, _ body: (borrowing Words) throws -> Result) rethrows
    -> Result?
  {
    ranges.removeAll()
    // A line without quotes has its words in place.
    if line.firstIndex(of: UInt8(ascii: "\"")) == nil {
      var start = 0
      while true {
        let end = line.firstIndex(of: UInt8(ascii: " "), from: start) ?? line.byteCount
        if end == start { return nil }
        ranges.append(WordRange(start, count: end - start))
        if end == line.byteCount { break }
        start = end + 1
      }
      return try body(Words(line, ranges.span))
    }
    decoded.removeAll()
    var index = 0
    while true {
      let start = decoded.count
      guard let end = decodeWord(line, at: index) else { return nil }
      ranges.append(WordRange(start, count: decoded.count - start))
      if end == line.byteCount { break }
      guard line.byte(end) == UInt8(ascii: " ") else { return nil }
      index = end + 1
    }
    return try body(Words(decoded.bytes, ranges.span))
  }

  /// Appends the word at `start` to `decoded`; where it ends, nil when it is not well formed.
  private mutating func decodeWord(_ line: RawSpan, at start: Int) -> Int? {
    guard start < line.byteCount else { return nil }
    if line.byte(start) == UInt8(ascii: "\"") { return decodeQuoted(line, at: start + 1) }
    let end = line.firstIndex(of: UInt8(ascii: " "), from: start) ?? line.byteCount
    let quote = line.firstIndex(of: UInt8(ascii: "\""), from: start) ?? line.byteCount
    if quote >= end {
      guard end > start else { return nil }
      decoded.append(line.extracting(start..<end))
      return end
    }
    // A bare word holds no quote, so this can only be base64.
    guard quote - start == 3, line.extracting(start..<quote).equalsIgnoringCase("b64") else { return nil }
    return decodeBase64(line, at: quote + 1)
  }

  private mutating func decodeQuoted(_ line: RawSpan, at start: Int) -> Int? {
    var index = start
    while index < line.byteCount {
      let byte = line.byte(index)
      index += 1
      switch byte {
      case UInt8(ascii: "\""): return index
      case UInt8(ascii: "\\"):
        guard index < line.byteCount else { return nil }
        let letter = line.byte(index)
        index += 1
        switch letter {
        case UInt8(ascii: "n"): decoded.append(byte: UInt8(ascii: "\n"))
        case UInt8(ascii: "r"): decoded.append(byte: UInt8(ascii: "\r"))
        case UInt8(ascii: "t"): decoded.append(byte: UInt8(ascii: "\t"))
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): decoded.append(byte: letter)
        case UInt8(ascii: "x"):
          guard index + 2 <= line.byteCount, let high = hexadecimalValue(line.byte(index)),
            let low = hexadecimalValue(line.byte(index + 1))
          else { return nil }
          decoded.append(byte: high << 4 | low)
          index += 2
        default: return nil
        }
      default: decoded.append(byte: byte)
      }
    }
    return nil
  }

  private mutating func decodeBase64(_ line: RawSpan, at start: Int) -> Int? {
    guard let end = line.firstIndex(of: UInt8(ascii: "\""), from: start), (end - start) % 4 == 0 else {
      return nil
    }
    var index = start
    while index < end {
      var bits: UInt32 = 0
      var padding = 0
      for offset in 0..<4 {
        let character = line.byte(index + offset)
        let value: UInt32
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): value = UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): value = 62
        case UInt8(ascii: "/"): value = 63
        case UInt8(ascii: "=") where index + 4 == end && offset >= 2:
          padding += 1
          value = 0
        default: return nil
        }
        if padding > 0 && character != UInt8(ascii: "=") { return nil }
        bits = bits << 6 | value
      }
      decoded.append(byte: UInt8(truncatingIfNeeded: bits >> 16))
      if padding < 2 { decoded.append(byte: UInt8(truncatingIfNeeded: bits >> 8)) }
      if padding < 1 { decoded.append(byte: UInt8(truncatingIfNeeded: bits)) }
      index += 4
    }
    return end + 1
  }
}
