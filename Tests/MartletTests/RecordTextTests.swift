// Words in the database file: whatever the bytes, they come back; whatever the line, the parser keeps its feet.
import Martlet
import MartletSimulation
import Testing

private func written(_ word: [UInt8]) -> [UInt8] {
  var line = ByteQueue()
  unsafe line.append(word: word.span.bytes)
  return line.bytes.array
}

private func parsed(_ line: [UInt8]) -> [[UInt8]]? {
  var parser = RecordParser()
  return unsafe parser.parse(line.span.bytes) { words in
    var result: [[UInt8]] = []
    for index in 0..<words.count { result.append(words[index].array) }
    return result
  }
}

private func expectRoundTrip(_ words: [[UInt8]]) {
  let line = Array(words.map(written).joined(separator: [UInt8(ascii: " ")]))
  #expect(parsed(line) == words)
  #expect(!line.contains { $0 < 0x20 || $0 == 0x7f })
  #expect(String(validating: line, as: UTF8.self) != nil)
}

@Suite("Words in the database file")
struct RecordTextTests {
  private static let nasty =
    [
      " ", "\"", "'", "\\", "\n", "\r", "\t", "\0", "#", "b64\"", "\u{7f}", "\u{85}", "\u{a0}", "\u{202e}",
      "\u{2028}", "é",
    ]
    .map(bytes) + [
      [0xff], [0xc3], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc0, 0x80], [],
    ]

  @Test("come back: each byte, each pair of nasty ones, and each at every place of a long word")
  func nastyBytes() {
    for byte in UInt8.min...UInt8.max {
      expectRoundTrip([[byte]])
      for length in [7, 8, 9, 15, 16, 17, 40] {
        for place in 0..<length {
          var word = [UInt8](repeating: UInt8(ascii: "a"), count: length)
          word[place] = byte
          expectRoundTrip([word])
        }
      }
    }
    for first in Self.nasty {
      for second in Self.nasty {
        expectRoundTrip([first + second])
        expectRoundTrip([first, second])
        expectRoundTrip([bytes("a") + first + bytes("b") + second, bytes("plain"), second])
      }
    }
  }

  @Test("come back, of any bytes and of any Unicode", arguments: 1...20 as ClosedRange<UInt64>)
  func anything(seed: UInt64) {
    var random = RandomSource(seed: seed)
    for _ in 0..<500 {
      let words = (0..<Int.random(in: 1...5, using: &random)).map { _ -> [UInt8] in
        let length = Int.random(in: 0...50, using: &random)
        if Bool.random(using: &random) {
          return (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        var text = String.UnicodeScalarView()
        for _ in 0..<length {
          // As many small ones as large ones.
          let number =
            UInt32.random(in: 0...0x10_ffff, using: &random) >> UInt32.random(in: 0...13, using: &random)
          if let scalar = Unicode.Scalar(number) { text.append(scalar) }
        }
        return Array(String(text).utf8)
      }
      expectRoundTrip(words)
    }
  }

  @Test(
    "stand as they are when they are plain",
    arguments: [
      "Hello", "World", "user:1000", "a-b_c.d/e", "#", "{json:1}", "grüße", "日本語", "👩‍👩‍👧", "naïve", "e\u{301}",
      "SET", "b64",
      "!$%&()*+,-./:;<=>?@[]^_`{|}~",
    ])
  func plainWords(word: String) {
    #expect(String(decoding: written(bytes(word)), as: UTF8.self) == word)
  }

  @Test(
    "are quoted in these ways",
    arguments: [
      ("", "\"\""), ("two words", "\"two words\""), ("a\"b", "\"a\\\"b\""), ("a\\b", "\"a\\\\b\""),
      ("it's", "\"it's\""),
      ("a\nb\r\tc", "\"a\\nb\\r\\tc\""), ("bell\u{7}", "\"bell\\x07\""),
      ("\u{202e}abcdefghijklmnop", "\"\\xe2\\x80\\xaeabcdefghijklmnop\""),
      ("\u{202e}abc", "b64\"4oCuYWJj\""),
    ])
  func quoted(word: String, expected: String) {
    #expect(String(decoding: written(bytes(word)), as: UTF8.self) == expected)
  }

  @Test("are never longer than in base64")
  func noLongerThanBase64() {
    var random = RandomSource(seed: 3)
    for length in 0...200 {
      let word = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
      #expect(written(word).count <= max(2, (length + 2) / 3 * 4 + 5))
      for escaped in 0...length {
        let mixed =
          word[..<escaped].map { $0 & 0x1f } + [UInt8](repeating: UInt8(ascii: "a"), count: length - escaped)
        #expect(written(mixed).count <= max(2, (length + 2) / 3 * 4 + 5))
      }
    }
    #expect(String(decoding: written([UInt8](repeating: 0, count: 30)), as: UTF8.self).hasPrefix("b64\"AAAA"))
  }

  @Test("show no character that controls a terminal, turns the text or can't be seen")
  func nothingInvisible() {
    // Joiners and variation selectors make emoji and scripts what they are; these format characters have a shape.
    let shown: [ClosedRange<UInt32>] = [
      0x34f...0x34f, 0x180b...0x180d, 0x180f...0x180f, 0x200c...0x200d, 0xfe00...0xfe0f,
      0x600...0x605, 0x6dd...0x6dd, 0x70f...0x70f, 0x890...0x891, 0x8e2...0x8e2, 0x110bd...0x110bd,
      0x110cd...0x110cd,
    ]
    for value: UInt32 in 0x80...0x10_ffff {
      guard let scalar = Unicode.Scalar(value), !shown.contains(where: { $0.contains(value) }) else {
        continue
      }
      let properties = scalar.properties
      let isHidden =
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .privateUse: true
        default: properties.isDefaultIgnorableCodePoint
        }
      if isHidden {
        let word = Array(String(scalar).utf8)
        let line = written(word)
        if line == word { Issue.record("U+\(String(value, radix: 16)) stands as it is") }
      }
    }
  }

  @Test(
    "are refused when there is garbage",
    arguments: [
      "", " ", "a ", " a", "a  b", "\"", "\"a", "\"a\"b", "\"a\"\"b\"", "a\"b\"", "\"a\" ", "\"\\q\"",
      "\"\\x1\"", "\"\\xg0\"",
      "\"\\", "b64\"", "b64\"Y\"", "b64\"YQ=\"", "b64\"YQ==\"x", "b64\"YQ==", "b64\"Y===\"", "b64\"=QQQ\"",
      "b64\"YQ==YQ==\"",
      "b64\"YQ=A\"", "b64\"Y-Q=\"", "b65\"YQ==\"", "xb64\"YQ==\"", "b64\"YQ==\"b64\"YQ==\"",
    ])
  func garbage(line: String) {
    #expect(parsed(bytes(line)) == nil)
  }

  @Test(
    "of a damaged line are refused or read, and what is read comes back",
    arguments: 1...20 as ClosedRange<UInt64>)
  func damagedLines(seed: UInt64) {
    var random = RandomSource(seed: seed)
    for _ in 0..<1000 {
      var words: [[UInt8]] = []
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        words.append(
          (0..<Int.random(in: 0...3, using: &random)).flatMap { _ in
            Self.nasty.randomElement(using: &random) ?? []
          })
      }
      var line = Array(words.map(written).joined(separator: [UInt8(ascii: " ")]))
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0...line.count, using: &random)
        let byte =
          Self.nasty.randomElement(using: &random)?.first ?? UInt8.random(in: 0...255, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: line.insert(byte, at: place)
        case 1 where place < line.count: line[place] = byte
        default: if place < line.count { line.remove(at: place) }
        }
      }
      line.removeAll { $0 == UInt8(ascii: "\n") }
      if let read = parsed(line) { expectRoundTrip(read) }
    }
  }
}
