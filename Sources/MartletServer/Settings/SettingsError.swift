// What can be wrong with settings, told so that a person can put it right.

/// Where the value of a setting came from.
public enum SettingSource: Sendable, Equatable {
  /// An option of the command line.
  case commandLine
  /// An environment variable.
  case environment
  /// A configuration file.
  case file(path: String)
  /// The program itself.
  case program

  /// The place to look at, for a message: `option --port`.
  func place(of setting: Setting) -> String {
    switch self {
    case .commandLine: "option \(setting.option)"
    case .environment: "variable \(setting.variable)"
    case .file(let path): "key \(setting.key) in \(path)"
    case .program: "a default of the program"
    }
  }
}

/// Why settings were refused.
public enum SettingsError: Error, Equatable, CustomStringConvertible {
  /// A value that the setting doesn't take. `value` is nil when it may not be shown.
  case notAllowed(setting: String, value: String?, place: String, allowed: String)
  /// A key of the configuration file that is no setting, and the nearest one that is.
  case unknownKey(String, file: String, nearest: String?)
  /// A configuration file that can't be read.
  case unreadableFile(path: String, reason: String)
  /// A configuration file that isn't what it should be.
  case malformedFile(path: String, reason: String)
  /// Settings that are each allowed, but not together.
  case contradiction(String)

  public var description: String {
    switch self {
    case .notAllowed(let setting, let value, let place, let allowed):
      "\(setting)\(value.map { " can't be \"\($0)\"" } ?? " is not allowed") (\(place)): it takes \(allowed)"
    case .unknownKey(let key, let file, let nearest):
      "\(file): \"\(key)\" is not a setting"
        + (nearest.map { "; did you mean \"\($0)\"?" } ?? "; `martlet serve --help` lists them")
    case .unreadableFile(let path, let reason):
      "the configuration file \(path) can't be read: \(reason)"
    case .malformedFile(let path, let reason):
      "the configuration file \(path) is malformed: \(reason)"
    case .contradiction(let text):
      text
    }
  }
}
