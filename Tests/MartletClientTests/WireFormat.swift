// The other direction, for tests only: replies as a server writes them.
import MartletClient

extension RESPValue {
  var wire: [UInt8] {
    switch self {
    case .simpleString(let text): Array("+\(text)\r\n".utf8)
    case .blobString(let bytes): Array("$\(bytes.count)\r\n".utf8) + bytes + Array("\r\n".utf8)
    case .verbatim(let format, let bytes):
      Array("=\(bytes.count + 4)\r\n\(format):".utf8) + bytes + Array("\r\n".utf8)
    case .number(let value): Array(":\(value)\r\n".utf8)
    case .double(let value): Array(",\(value)\r\n".utf8)
    case .boolean(let value): Array("#\(value ? "t" : "f")\r\n".utf8)
    case .bigNumber(let digits): Array("(\(digits)\r\n".utf8)
    case .null: Array("_\r\n".utf8)
    case .error(let error): Array("-\(error.text)\r\n".utf8)
    case .array(let elements): Array("*\(elements.count)\r\n".utf8) + elements.flatMap(\.wire)
    case .set(let elements): Array("~\(elements.count)\r\n".utf8) + elements.flatMap(\.wire)
    case .push(let elements): Array(">\(elements.count)\r\n".utf8) + elements.flatMap(\.wire)
    case .map(let entries):
      Array("%\(entries.count)\r\n".utf8) + entries.flatMap { $0.key.wire + $0.value.wire }
    }
  }

  static func random(using generator: inout SeededGenerator, depth: Int = 0) -> RESPValue {
    func elements() -> [RESPValue] {
      (0..<Int.random(in: 0...4, using: &generator)).map { _ in random(using: &generator, depth: depth + 1) }
    }
    switch Int.random(in: 0..<(depth < 4 ? 12 : 9), using: &generator) {
    case 0: return .simpleString("OK")
    case 1:
      let count = Int.random(in: 0...40, using: &generator)
      return .blobString((0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    case 2: return .verbatim(format: "txt", Array("some\r\ntext".utf8))
    case 3: return .number(Int64.random(in: .min ... .max, using: &generator))
    case 4: return .double(Double(Int.random(in: -1000...1000, using: &generator)) / 8)
    case 5: return .boolean(Bool.random(using: &generator))
    case 6: return .bigNumber("-3492890328409238509324850943850943825024385")
    case 7: return .null
    case 8: return .error(ServerError("ERR no luck"))
    case 9: return .array(elements())
    case 10: return .set(elements())
    default: return .map(elements().map { .init(key: $0, value: .number(Int64(depth))) })
    }
  }
}

func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }
