// The patterns of KEYS, SCAN and CONFIG GET: `*`, `?`, `[abc]`, `[^a]`, `[a-z]`, and `\` before a character to be
// taken as it is. Bytes match bytes, as in Redis.

package enum Glob {
  /// Whether `text` as a whole matches `pattern`.
  ///
  /// A star that fails gives way to the star before it and never further back, so the time is O(pattern · text) at
  /// worst and not exponential.
  package static func matches(_ pattern: RawSpan, _ text: RawSpan) -> Bool {
    var patternIndex = 0
    var textIndex = 0
    var starPattern = -1
    var starText = 0
    while textIndex < text.byteCount {
      if patternIndex < pattern.byteCount {
        if pattern.byte(patternIndex) == UInt8(ascii: "*") {
          starPattern = patternIndex
          starText = textIndex
          patternIndex += 1
          continue
        }
        if let next = matchOne(pattern, patternIndex, text.byte(textIndex)) {
          patternIndex = next
          textIndex += 1
          continue
        }
      }
      guard starPattern >= 0 else { return false }
      starText += 1
      textIndex = starText
      patternIndex = starPattern + 1
    }
    while patternIndex < pattern.byteCount, pattern.byte(patternIndex) == UInt8(ascii: "*") {
      patternIndex += 1
    }
    return patternIndex == pattern.byteCount
  }

  static func matches(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
    matches(pattern.span.raw, text.span.raw)
  }

  /// Matches one byte against the element at `index`; where the next element begins, nil when it doesn't match.
  private static func matchOne(_ pattern: RawSpan, _ index: Int, _ byte: UInt8) -> Int? {
    switch pattern.byte(index) {
    case UInt8(ascii: "?"): return index + 1
    case UInt8(ascii: "["): return matchClass(pattern, index + 1, byte)
    case UInt8(ascii: "\\") where index + 1 < pattern.byteCount:
      return pattern.byte(index + 1) == byte ? index + 2 : nil
    case let literal: return literal == byte ? index + 1 : nil
    }
  }

  private static func matchClass(_ pattern: RawSpan, _ start: Int, _ byte: UInt8) -> Int? {
    var index = start
    let isNegated = index < pattern.byteCount && pattern.byte(index) == UInt8(ascii: "^")
    if isNegated { index += 1 }
    var isMember = false
    while index < pattern.byteCount, pattern.byte(index) != UInt8(ascii: "]") {
      if pattern.byte(index) == UInt8(ascii: "\\"), index + 1 < pattern.byteCount {
        index += 1
        if pattern.byte(index) == byte { isMember = true }
      } else if index + 2 < pattern.byteCount, pattern.byte(index + 1) == UInt8(ascii: "-") {
        let low = min(pattern.byte(index), pattern.byte(index + 2))
        let high = max(pattern.byte(index), pattern.byte(index + 2))
        if (low...high).contains(byte) { isMember = true }
        index += 2
      } else if pattern.byte(index) == byte {
        isMember = true
      }
      index += 1
    }
    // Redis takes a class without its bracket as ending with the pattern.
    if index < pattern.byteCount { index += 1 }
    return isMember != isNegated ? index : nil
  }
}
