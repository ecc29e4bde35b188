// As much of JSON (RFC 8259) as the export needs: strings to write, and one flat object a line to read.

extension ByteQueue {
  /// Appends UTF-8 text as a JSON string.
  mutating func append(json text: RawSpan) {
    append(byte: UInt8(ascii: "\""))
    for index in 0..<text.byteCount {
      let byte = text.byte(index)
      switch byte {
      case UInt8(ascii: "\""): append("\\\"")
      case UInt8(ascii: "\\"): append("\\\\")
      case UInt8(ascii: "\n"): append("\\n")
      case UInt8(ascii: "\r"): append("\\r")
      case UInt8(ascii: "\t"): append("\\t")
      case 0..<0x20, 0x7f:
        append("\\u00")
        append(hexadecimal: UInt64(byte), width: 2)
      default: append(byte: byte)
      }
    }
    append(byte: UInt8(ascii: "\""))
  }
}

extension RawSpan {
  /// Whether the bytes are UTF-8 text.
  var isUTF8: Bool {
    var isASCII = true
    for index in 0..<byteCount where byte(index) >= 0x80 {
      isASCII = false
      break
    }
    return isASCII || String(validating: array, as: UTF8.self) != nil
  }
}

/// A JSON value of the kinds that an object of an export has.
enum JSONValue: Equatable {
  case string([UInt8])
  /// A number as it is written.
  case number(String)
  case strings([[UInt8]])
  case objects([[String: JSONValue]])
  case boolean(Bool)
  case null

  var string: [UInt8]? { if case .string(let bytes) = self { bytes } else { nil } }

  var strings: [[UInt8]]? { if case .strings(let all) = self { all } else { nil } }

  var objects: [[String: JSONValue]]? { if case .objects(let all) = self { all } else { nil } }

  var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }

  /// A number, or what a text says.
  var digits: [UInt8]? {
    switch self {
    case .number(let digits): Array(digits.utf8)
    case .string(let bytes): bytes
    default: nil
    }
  }

  var integer: Int64? { if case .number(let digits) = self { Int64(digits) } else { nil } }
}

/// Reads one object.
struct JSONObjectReader {
  /// What is wrong with a line.
  struct Problem: Error, Equatable {
    let text: String
  }

  private let bytes: [UInt8]
  private var index = 0

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The fields of an object whose values are strings, numbers, booleans, null, and arrays of strings or of objects
  /// that have no arrays of objects themselves.
  static func read(_ line: [UInt8]) throws(Problem) -> [String: JSONValue] {
    var reader = JSONObjectReader(line)
    let fields = try reader.object(isInner: false)
    reader.skipSpace()
    guard reader.index == reader.bytes.count else { throw Problem(text: "something follows the object") }
    return fields
  }

  private mutating func object(isInner: Bool) throws(Problem) -> [String: JSONValue] {
    var fields: [String: JSONValue] = [:]
    try expect("{")
    if try skip("}") { return fields }
    repeat {
      let name = String(decoding: try string(), as: UTF8.self)
      try expect(":")
      guard fields[name] == nil else { throw Problem(text: "the field \(name) is there twice") }
      fields[name] = try value(isInner: isInner)
    } while try skip(",")
    try expect("}")
    return fields
  }

  private mutating func skipSpace() {
    while index < bytes.count, [0x20, 0x09, 0x0d].contains(bytes[index]) { index += 1 }
  }

  private mutating func skip(_ character: Unicode.Scalar) throws(Problem) -> Bool {
    skipSpace()
    guard index < bytes.count, bytes[index] == UInt8(ascii: character) else { return false }
    index += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(Problem) {
    guard try skip(character) else {
      throw Problem(text: "not a JSON object: \(character) is missing at its byte \(index + 1)")
    }
  }

  private mutating func value(isInner: Bool) throws(Problem) -> JSONValue {
    skipSpace()
    guard index < bytes.count else { throw Problem(text: "a value is missing at its end") }
    switch bytes[index] {
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "["):
      index += 1
      var strings: [[UInt8]] = []
      if try skip("]") { return .strings([]) }
      if !isInner && index < bytes.count && bytes[index] == UInt8(ascii: "{") {
        var objects: [[String: JSONValue]] = []
        repeat { objects.append(try object(isInner: true)) } while try skip(",")
        try expect("]")
        return .objects(objects)
      }
      repeat { strings.append(try string()) } while try skip(",")
      try expect("]")
      return .strings(strings)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      let start = index
      index += 1
      while index < bytes.count, Self.numberCharacters.contains(bytes[index]) { index += 1 }
      return .number(String(decoding: bytes[start..<index], as: UTF8.self))
    case UInt8(ascii: "n") where bytes[index...].starts(with: "null".utf8):
      index += 4
      return .null
    case UInt8(ascii: "t") where bytes[index...].starts(with: "true".utf8):
      index += 4
      return .boolean(true)
    case UInt8(ascii: "f") where bytes[index...].starts(with: "false".utf8):
      index += 5
      return .boolean(false)
    default:
      throw Problem(text: "a string, a number or an array of strings is needed at its byte \(index + 1)")
    }
  }

  /// What a number has behind its first character.
  private static let numberCharacters = Set("0123456789.eE+-".utf8)

  private mutating func string() throws(Problem) -> [UInt8] {
    try expect("\"")
    var text: [UInt8] = []
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      switch byte {
      case UInt8(ascii: "\""): return text
      case UInt8(ascii: "\\"): try escape(into: &text)
      case 0..<0x20: throw Problem(text: "a control character in a string has to be escaped")
      default: text.append(byte)
      }
    }
    throw Problem(text: "a string is not closed")
  }

  private mutating func escape(into text: inout [UInt8]) throws(Problem) {
    guard index < bytes.count else { throw Problem(text: "a string is not closed") }
    let letter = bytes[index]
    index += 1
    switch letter {
    case UInt8(ascii: "n"): text.append(0x0a)
    case UInt8(ascii: "r"): text.append(0x0d)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0c)
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
    case UInt8(ascii: "u"):
      var code = try fourDigits()
      if (0xd800..<0xdc00).contains(code), index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"),
        bytes[index + 1] == UInt8(ascii: "u")
      {
        index += 2
        let low = try fourDigits()
        guard (0xdc00..<0xe000).contains(low) else { throw Problem(text: "half a surrogate pair") }
        code = 0x1_0000 + (code - 0xd800) << 10 + (low - 0xdc00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw Problem(text: "half a surrogate pair") }
      text += Array(String(Character(scalar)).utf8)
    default: throw Problem(text: "an unknown escape in a string")
    }
  }

  private mutating func fourDigits() throws(Problem) -> UInt32 {
    guard index + 4 <= bytes.count else { throw Problem(text: "a string is not closed") }
    var value: UInt32 = 0
    for byte in bytes[index..<index + 4] {
      guard let digit = hexadecimalValue(byte) else {
        throw Problem(text: "\\u needs four hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
    }
    index += 4
    return value
  }
}
