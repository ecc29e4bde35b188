// How the value of a setting is written as text: what is allowed, read in one direction and written in the other.
import Martlet

/// How the values of one kind of setting are written.
struct SettingFormat<Value: Sendable>: Sendable {
  /// What stands for the value in the help: `port` in `--port <port>`.
  var placeholder: String
  /// What a person may write, to follow the words "it takes".
  var allowed: String
  /// The words that can be written, when there are only a few.
  var choices: [String] = []
  /// The value of a text, or nil when the text isn't allowed.
  var parse: @Sendable (String) -> Value?
  /// The text of a value.
  var text: @Sendable (Value) -> String
}

extension SettingFormat<Int> {
  /// A whole number in decimal.
  static func number(_ placeholder: String = "number", in range: ClosedRange<Int>) -> Self {
    .init(
      placeholder: placeholder, allowed: "a whole number from \(range.lowerBound) to \(range.upperBound)",
      parse: { text in Int(text).flatMap { range.contains($0) ? $0 : nil } },
      text: { String($0) })
  }

  /// A number of bytes, with an optional unit.
  static func size(in range: ClosedRange<Int>) -> Self {
    .init(
      placeholder: "size",
      allowed: "a size from \(ByteSize.text(range.lowerBound)) to \(ByteSize.text(range.upperBound)), "
        + "for instance 1000, 64kb or 1mb",
      parse: { text in ByteSize.parse(text).flatMap { range.contains($0) ? $0 : nil } },
      text: ByteSize.text)
  }

  /// How large a row of a list is: elements, or a negative number that stands for bytes.
  static let listSize = Self(
    placeholder: "number",
    allowed:
      "a number of elements up to \(CollectionLimits.listSizes.upperBound), or -1 to -5 for 4, 8, 16, 32 or 64 KiB",
    parse: { text in Int(text).flatMap { CollectionLimits.listSizes.contains($0) && $0 != 0 ? $0 : nil } },
    text: { String($0) })

  /// A number of bytes, with an optional unit, or 0 for no limit.
  static func sizeOrNone(from least: Int) -> Self {
    .init(
      placeholder: "size",
      allowed: "0 for no limit, or a size of at least \(ByteSize.text(least)), for instance 512mb or 2gb",
      parse: { text in ByteSize.parse(text).flatMap { $0 == 0 || $0 >= least ? $0 : nil } },
      text: ByteSize.text)
  }
}

extension SettingFormat<Duration> {
  /// A time with a unit, or 0 for none.
  static let durationOrNone = Self(
    placeholder: "time",
    allowed: "0, or a number with a unit: s, m, h or d, for instance 90s, 30m, 24h or 7d",
    parse: { text in
      if text == "0" { return .zero }
      let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
      guard let unit = text.last.flatMap({ units[$0] }), let number = Int(text.dropLast()),
        (0...1_000_000).contains(number)
      else { return nil }
      return .seconds(number * unit)
    },
    text: { $0 == .zero ? "0" : "\($0.components.seconds)s" })
}

extension SettingFormat<Bool> {
  /// Yes or no; `true` and `false` mean the same.
  static let yesOrNo = Self(
    placeholder: "yes|no", allowed: "yes or no", choices: ["yes", "no"],
    parse: { text in
      switch text.lowercased() {
      case "yes", "true": true
      case "no", "false": false
      default: nil
      }
    },
    text: { $0 ? "yes" : "no" })
}

extension SettingFormat where Value: RawRepresentable<String> & CaseIterable {
  /// One of a few words.
  static func choice(_ placeholder: String) -> Self {
    let words = Value.allCases.map(\.rawValue)
    return .init(
      placeholder: placeholder,
      allowed: words.dropLast().joined(separator: ", ") + " or " + (words.last ?? ""),
      choices: words,
      parse: { Value(rawValue: $0.lowercased()) },
      text: \.rawValue)
  }
}

extension SettingFormat<[String]> {
  /// Addresses or host names, separated by commas.
  static let hosts = Self(
    placeholder: "address",
    allowed: "addresses or host names without ports or brackets, separated by commas",
    parse: { text in
      let hosts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      return hosts.allSatisfy(isHost) ? hosts : nil
    },
    text: { $0.joined(separator: ",") })

  /// Whether a text has only the characters of names (RFC 1123) and addresses (RFC 4291, with a zone as in RFC 4007).
  static func isHost(_ text: String) -> Bool {
    let looksLikePort = text.filter { $0 == ":" }.count == 1
    return !text.isEmpty && !looksLikePort
      && text.unicodeScalars.allSatisfy { scalar in
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", ".", ":", "-", "_", "%": true
        default: false
        }
      }
  }
}

extension SettingFormat<[ListenAddress]> {
  /// Addresses or host names with or without a port, separated by commas.
  static let addresses = Self(
    placeholder: "address",
    allowed: "addresses or host names with or without a port, separated by commas, for instance 127.0.0.1, "
      + "10.0.0.7:6380, [::1]:6380 or * for every address",
    parse: { text in
      let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      let addresses = parts.compactMap { ListenAddress(parsing: $0) }
      return addresses.count == parts.count ? addresses : nil
    },
    text: { $0.map(\.text).joined(separator: ",") })
}

extension SettingFormat<Int> {
  /// The permissions of a file.
  static let mode = Self(
    placeholder: "mode", allowed: "an octal number from 0 to 0777",
    parse: { text in
      let isOctal = !text.isEmpty && text.allSatisfy { ("0"..."7").contains($0) }
      return isOctal ? Int(text, radix: 8).flatMap { (0...0o777).contains($0) ? $0 : nil } : nil
    },
    text: { "0" + String($0, radix: 8) })
}

extension SettingFormat<String> {
  /// The path of a Unix socket.
  static let socket = Self(
    placeholder: "path", allowed: "the path of a socket", parse: folder.parse, text: folder.text)

  /// A path of the file system.
  static let folder = Self(
    placeholder: "folder", allowed: "the path of a folder",
    parse: { $0.isEmpty || $0.utf8.contains(0) ? nil : $0 },
    text: { $0 })
}

extension SettingFormat<String> {
  /// The path of a file.
  static let file = Self(
    placeholder: "file", allowed: "the path of a file", parse: folder.parse, text: folder.text)
}

extension SettingFormat<Settings.Password> {
  /// A password.
  static let password = Self(
    placeholder: "password", allowed: "a text of 1 to 512 bytes",
    parse: { 1...512 ~= $0.utf8.count ? Settings.Password($0) : nil },
    text: \.description)
}

extension SettingFormat<String> {
  /// Limits for classes of clients.
  static let outputLimits = Self(
    placeholder: "limits",
    allowed:
      "class, hard limit, soft limit and seconds, of one class or several, for instance pubsub 32mb 8mb 60",
    parse: { OutputLimits().set($0, parseSize: ByteSize.parse) ? $0 : nil },
    text: { $0 })

  /// Classes of events of keys.
  static let keyEvents = Self(
    placeholder: "letters", allowed: "letters out of Ag$lshzxeKEtmdn, for instance KEA or Ex",
    parse: { KeyEventClasses(letters: $0) == nil ? nil : $0 }, text: { $0 })
}
