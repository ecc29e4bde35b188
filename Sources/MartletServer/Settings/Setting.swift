// What a setting says of itself, once: its name, what it is for, how it is written and where its value goes. The
// command line, the environment, the configuration file, their checks, the help and docs/SETTINGS.md follow from it.

/// The declaration of one setting. All of them are in ``all``.
public struct Setting: Sendable {
  /// The name as an option has it, without the dashes: `max-value-bytes`.
  public let name: String
  /// One sentence without its full stop: what it is for.
  public let summary: String
  /// What stands for the value in the help.
  public let placeholder: String
  /// What a person may write, to follow the words "it takes".
  public let allowed: String
  /// The words that can be written, when there are only a few.
  public let choices: [String]
  /// The default as a person would write it, or in words.
  public let defaultText: String
  /// Whether the value may never be shown.
  public let isSecret: Bool
  /// Puts the value that a text says in its place; false when the text isn't allowed.
  let apply: @Sendable (_ text: String, _ settings: inout Settings) -> Bool

  /// A setting that always has a value.
  ///
  /// - Parameters:
  ///   - name: the name of the option, without the dashes.
  ///   - path: where the value goes, and where the default is found.
  ///   - format: how the value is written.
  ///   - defaultText: the default in words, where the value itself would say less.
  ///   - summary: one sentence without its full stop.
  init<Value>(
    _ name: String, _ path: any WritableKeyPath<Settings, Value> & Sendable, _ format: SettingFormat<Value>,
    default defaultText: String? = nil, _ summary: String
  ) {
    self.init(
      name, format, default: defaultText ?? format.text(Settings()[keyPath: path]), isSecret: false, summary
    ) { value, settings in
      settings[keyPath: path] = value
    }
  }

  /// A setting that may have no value.
  ///
  /// - Parameters:
  ///   - name: the name of the option, without the dashes.
  ///   - path: where the value goes.
  ///   - format: how the value is written.
  ///   - meaning: what no value means.
  ///   - isSecret: whether the value may never be shown.
  ///   - summary: one sentence without its full stop.
  init<Value>(
    _ name: String, _ path: any WritableKeyPath<Settings, Value?> & Sendable, _ format: SettingFormat<Value>,
    unset meaning: String, isSecret: Bool = false, _ summary: String
  ) {
    self.init(name, format, default: meaning, isSecret: isSecret, summary) { value, settings in
      settings[keyPath: path] = value
    }
  }

  private init<Value>(
    _ name: String, _ format: SettingFormat<Value>, default defaultText: String, isSecret: Bool,
    _ summary: String,
    store: @escaping @Sendable (Value, inout Settings) -> Void
  ) {
    self.name = name
    self.summary = summary
    self.placeholder = format.placeholder
    self.allowed = format.allowed
    self.choices = format.choices
    self.defaultText = defaultText
    self.isSecret = isSecret
    self.apply = { text, settings in
      guard let value = format.parse(text) else { return false }
      store(value, &settings)
      return true
    }
  }

  /// The option of the command line: `--max-value-bytes`.
  public var option: String { "--" + name }

  /// The key in a configuration file: `maxValueBytes`.
  public var key: String {
    let words = name.split(separator: "-")
    return words[0] + words.dropFirst().map(\.capitalizedWord).joined()
  }

  /// The environment variable: `MARTLET_MAX_VALUE_BYTES`.
  public var variable: String {
    Setting.variablePrefix + String(name.uppercased().map { $0 == "-" ? "_" : $0 })
  }

  /// What the name of every environment variable of Martlet starts with.
  static let variablePrefix = "MARTLET_"
  /// The environment variable that names the configuration file.
  public static let configFileVariable = variablePrefix + "CONFIG"
}

extension Substring {
  /// The word with its first letter in upper case.
  fileprivate var capitalizedWord: String { prefix(1).uppercased() + dropFirst() }
}
