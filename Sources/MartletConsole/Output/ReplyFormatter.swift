// How a reply looks: for people, as they know it from redis-cli, and raw, for programs.
public import MartletClient

public enum ReplyFormatter {
  /// For a terminal: types are shown, strings are quoted, nothing in it can disturb the terminal.
  public static func readable(_ reply: RESPValue) -> String {
    readable(reply, indent: "")
  }

  /// For programs: the value's bytes without quotes or types; elements one a line, a map's key and value on one.
  /// There is no line break at the end.
  public static func raw(_ reply: RESPValue) -> [UInt8] {
    switch reply {
    case .simpleString(let text): Array(text.utf8)
    case .blobString(let bytes), .verbatim(_, let bytes): bytes
    case .error(let error): Array(error.text.utf8)
    case .number(let value): Array(String(value).utf8)
    case .double(let value): Array(text(of: value).utf8)
    case .boolean(let value): Array((value ? "true" : "false").utf8)
    case .bigNumber(let digits): Array(digits.utf8)
    case .null: []
    case .array(let elements), .set(let elements), .push(let elements):
      Array(elements.map(raw).joined(separator: CollectionOfOne(UInt8(ascii: "\n"))))
    case .map(let entries):
      Array(
        entries.map { raw($0.key) + [UInt8(ascii: " ")] + raw($0.value) }
          .joined(separator: CollectionOfOne(UInt8(ascii: "\n"))))
    }
  }

  /// Whether a command's reply is a text of many lines, which people read better without quotes.
  public static func isText(replyTo words: [String]) -> Bool {
    let name = words.prefix(2).map { $0.uppercased() }
    switch name.first {
    case "INFO", "LOLWUT": return true
    case "CLIENT": return name.last == "LIST" || name.last == "INFO"
    case "CLUSTER": return name.last == "NODES" || name.last == "INFO"
    case "MEMORY": return name.last == "DOCTOR"
    default: return false
    }
  }

  private static func readable(_ reply: RESPValue, indent: String) -> String {
    switch reply {
    case .simpleString(let text): VisibleText.unquoted(text.utf8)
    case .blobString(let bytes): VisibleText.quoted(bytes)
    case .verbatim(_, let bytes): VisibleText.unquoted(bytes)
    case .error(let error): "(error) " + VisibleText.unquoted(error.text.utf8)
    case .number(let value): "(integer) \(value)"
    case .double(let value): "(double) " + text(of: value)
    case .boolean(let value): value ? "(true)" : "(false)"
    case .bigNumber(let digits): digits
    case .null: "(nil)"
    case .array(let elements): list(elements, mark: ")", empty: "(empty array)", indent: indent, readable)
    case .set(let elements): list(elements, mark: "~", empty: "(empty set)", indent: indent, readable)
    case .push(let elements): list(elements, mark: ">", empty: "(empty push)", indent: indent, readable)
    case .map(let entries):
      list(entries, mark: "#", empty: "(empty hash)", indent: indent) { entry, inner in
        readable(entry.key, indent: inner) + " => " + readable(entry.value, indent: inner)
      }
    }
  }

  /// Numbered lines; those of a nested list stand right of the outer number.
  private static func list<Element>(
    _ elements: [Element], mark: String, empty: String, indent: String,
    _ format: (Element, _ indent: String) -> String
  ) -> String {
    guard !elements.isEmpty else { return empty }
    let width = String(elements.count).utf8.count
    let inner = indent + String(repeating: " ", count: width + 2)
    var text = ""
    for (index, element) in elements.enumerated() {
      let number = String(index + 1)
      if index > 0 { text += "\n" + indent }
      text += String(repeating: " ", count: width - number.utf8.count) + number + mark + " "
      text += format(element, inner)
    }
    return text
  }

  /// A double as the protocol writes it: whole numbers without a fraction.
  private static func text(of value: Double) -> String {
    Int64(exactly: value).map { String($0) } ?? String(value)
  }
}
