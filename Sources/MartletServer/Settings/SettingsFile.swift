// The configuration file: one JSON object whose keys are the settings' names, `{"port": 6380, "maxValueBytes": "1mb"}`.
//
// The library's own JSON snapshot tells nobody which keys it holds, and reads `true` as the number 1. This one refuses
// keys that are no settings, and hands every value on as the text that an option or a variable would have, so that
// one reader serves all three.
import Configuration

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The settings found in one configuration file, as texts.
struct SettingsFile: FileConfigSnapshot {
  /// What the parser is told besides the bytes.
  struct ParsingOptions: FileParsingOptions {
    /// The file's path, for messages.
    var path = "the configuration file"

    static var `default`: Self { .init() }
  }

  /// One value of the file.
  private enum Value: Decodable {
    case text(String)
    case unset
    case unsupported

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      if value.decodeNil() {
        self = .unset
      } else if let flag = try? value.decode(Bool.self) {
        self = .text(String(flag))
      } else if let number = try? value.decode(Int.self) {
        self = .text(String(number))
      } else if let number = try? value.decode(Double.self) {
        self = .text(String(number))
      } else if let text = try? value.decode(String.self) {
        self = .text(text)
      } else if let texts = try? value.decode([String].self) {
        self = .text(texts.joined(separator: ","))
      } else {
        self = .unsupported
      }
    }
  }

  let providerName: String
  private let texts: [String: String]

  init(data: RawSpan, providerName: String, parsingOptions: ParsingOptions) throws {
    let path = parsingOptions.path
    let values: [String: Value]
    do {
      let data = unsafe data.withUnsafeBytes { unsafe Data($0) }
      values = try JSONDecoder().decode([String: Value].self, from: data)
    } catch {
      throw SettingsError.malformedFile(path: path, reason: Self.reason(error, path: path))
    }
    let known = Setting.all.map(\.key)
    if let key = values.keys.sorted().first(where: { !known.contains($0) }) {
      throw SettingsError.unknownKey(key, file: path, nearest: Spelling.nearest(to: key, among: known))
    }
    self.providerName = providerName
    self.texts = try values.reduce(into: [:]) { texts, entry in
      switch entry.value {
      case .text(let text): texts[entry.key] = text
      case .unset: break
      case .unsupported:
        throw SettingsError.malformedFile(
          path: path, reason: "\"\(entry.key)\" must be a text, a number, true, false or a list of texts")
      }
    }
  }

  func value(forKey key: AbsoluteConfigKey, type: ConfigType) throws -> LookupResult {
    let name = key.components.joined(separator: ".")
    return LookupResult(
      encodedKey: name,
      value: texts[name].map { ConfigValue(.string($0), isSecret: Setting.isSecret(key: name)) })
  }

  var description: String { "\(providerName)[\(texts.count) values]" }
  var debugDescription: String { description }

  /// What a person needs of the decoder's error, which doesn't say where in the file it was.
  private static func reason(_ error: any Error, path: String) -> String {
    if case DecodingError.typeMismatch = error { return "it must be one JSON object, as in {\"port\": 6379}" }
    return "it is not valid JSON (`jq . \(path)` shows where)"
  }
}

extension Setting {
  /// Whether the setting with this key may never be shown.
  fileprivate static func isSecret(key: String) -> Bool { all.contains { $0.key == key && $0.isSecret } }
}
