// Writes settings that were changed while the server ran back to the configuration file, for CONFIG REWRITE. What else the
// file says stays as it is, but for the order and the layout.
import Martlet

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The rewriting of a configuration file.
enum SettingsRewriting {
  /// The file may have this many bytes.
  private static let maximumBytes = 1 << 20

  /// One value of the file, as it is there.
  private enum Value: Codable {
    case flag(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    case texts([String])
    case unset

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      if value.decodeNil() {
        self = .unset
      } else if let flag = try? value.decode(Bool.self) {
        self = .flag(flag)
      } else if let number = try? value.decode(Int.self) {
        self = .integer(number)
      } else if let number = try? value.decode(Double.self) {
        self = .number(number)
      } else if let text = try? value.decode(String.self) {
        self = .text(text)
      } else {
        self = .texts(try value.decode([String].self))
      }
    }

    func encode(to encoder: any Encoder) throws {
      var value = encoder.singleValueContainer()
      switch self {
      case .flag(let flag): try value.encode(flag)
      case .integer(let number): try value.encode(number)
      case .number(let number): try value.encode(number)
      case .text(let text): try value.encode(text)
      case .texts(let texts): try value.encode(texts)
      case .unset: try value.encodeNil()
      }
    }

    /// Whether it says what a text would say that is written as text.
    func says(_ text: String) -> Bool {
      switch self {
      case .flag(let flag): (flag ? "yes" : "no") == text
      case .integer(let number): "\(number)" == text
      case .text(let own): own == text
      case .number, .texts, .unset: false
      }
    }
  }

  /// Writes what `parameters` say now to the file; why not, if that can't be. A setting is written if the file has it, or if
  /// it isn't at its default.
  static func rewrite(_ path: String?, _ parameters: [ConfigParameter]) -> String? {
    guard let path else { return "The server is running without a config file" }
    do {
      let file = try SecretFile(path, atMost: maximumBytes)
      var values = try JSONDecoder().decode([String: Value].self, from: Data(file.contents.bytes.array))
      for parameter in parameters {
        guard let (key, text) = parameter.rewritten?() else { continue }
        if let known = values[key] {
          if !known.says(text) { values[key] = .text(text) }
        } else if Setting.all.first(where: { $0.key == key })?.isDefault(text) == false {
          values[key] = .text(text)
        }
      }
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      let data = Array(try encoder.encode(values)) + [UInt8(ascii: "\n")]
      try SecretFile.replace(path, by: data.span.raw)
      return nil
    } catch {
      return "Rewriting config file: \(error)"
    }
  }
}

extension Setting {
  /// Whether a text says what holds without the setting.
  fileprivate func isDefault(_ text: String) -> Bool {
    var settings = Settings()
    return apply(text, &settings) && settings == Settings()
  }
}
