// `martlet memcached` takes memcached's own command line, so that a unit file or a container needs one word changed. It is
// read here as getopt_long would read it, and said again in Martlet's settings.

/// What a command line in memcached's style says.
public struct MemcachedCommandLine: Equatable, Sendable {
  public enum Action: Sendable {
    case serve, showHelp, showVersion, showLicense
  }

  /// Why a command line isn't taken, in one line.
  public struct Problem: Error, Equatable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
  }

  /// What holds where nothing is said, by the names of settings: memcached's own defaults, where they matter.
  public private(set) var defaults: [String: String] = [:]
  /// What was said, by the names of settings.
  public private(set) var options: [String: String] = [:]
  public private(set) var action = Action.serve
  /// The path of Martlet's configuration file.
  public private(set) var configFile: String?
  public private(set) var runsInBackground = false
  /// Where the server's process number is to be written.
  public private(set) var pidFile: String?
  /// Whom to become after the ports are bound.
  public private(set) var user: String?
  /// How often `-v` was said.
  public private(set) var verbosity = 0
  /// What was said and has no meaning here, as it was said.
  public private(set) var ignored: [String] = []

  private let settings: Set<String>
  /// Options that are neither memcached's nor settings.
  private static let ownNames = ["config", "redis-port"]

  /// Reads a command line.
  ///
  /// - Parameters:
  ///   - arguments: without the program and its subcommand.
  ///   - settings: the names of Martlet's settings, which are options as well, except where memcached has one of the
  ///     same name.
  public init(_ arguments: [String], settings: Set<String>) throws(Problem) {
    self.settings = settings
    let usual = [
      "port": "0", "memcached-listen": "*", "memcached-port": "11211", "max-connections": "1024",
      "memory-limit": "64mb", "evict": "lru",
    ]
    defaults = usual.filter { settings.contains($0.key) }
    var rest = arguments[...]
    while let argument = rest.popFirst(), action == .serve {
      if argument == "--" {
        guard rest.isEmpty else { throw Problem("\(rest[rest.startIndex]) is no option") }
      } else if argument.hasPrefix("--") {
        try readLong(argument.dropFirst(2), &rest)
      } else if argument.hasPrefix("-"), argument.count > 1 {
        try readShort(argument.dropFirst(), &rest)
      } else {
        throw Problem("\(argument) is no option; `martlet memcached --help` lists them")
      }
    }
    if action == .serve { serveSocketAlone() }
  }

  // MARK: The words

  /// One letter or several, the last maybe with its value: `-vv`, `-m64`, `-dp 11212`.
  private mutating func readShort(_ letters: Substring, _ rest: inout ArraySlice<String>) throws(Problem) {
    var letters = letters
    while let letter = letters.popFirst(), action == .serve {
      guard let option = MemcachedOption.all.first(where: { $0.letter == letter }) else {
        throw Problem("-\(letter) is no option; `martlet memcached --help` lists them")
      }
      guard option.takesValue else {
        try take(option, "", said: "-\(letter)")
        continue
      }
      guard let value = letters.isEmpty ? rest.popFirst() : String(letters) else {
        throw Problem("-\(letter) needs a value")
      }
      return try take(option, value, said: "-\(letter) \(value)", name: "-\(letter)")
    }
  }

  /// A name, maybe with its value: `--port=11212`, `--port 11212`. memcached's may be cut short.
  private mutating func readLong(_ text: Substring, _ rest: inout ArraySlice<String>) throws(Problem) {
    let name = String(text.prefix { $0 != "=" })
    let given = text.count > name.count ? String(text.dropFirst(name.count + 1)) : nil
    if let option = try Self.longOption(name, settings) {
      guard option.takesValue else {
        if given != nil { throw Problem("--\(name) takes no value") }
        return try take(option, "", said: "--\(option.name)")
      }
      guard let value = given ?? rest.popFirst() else { throw Problem("--\(name) needs a value") }
      return try take(option, value, said: "--\(option.name)=\(value)", name: "--\(option.name)")
    }
    switch name {
    case "log-commands" where given == nil: options[name] = "yes"
    case "no-log-commands" where given == nil: options["log-commands"] = "no"
    case _ where settings.contains(name) || Self.ownNames.contains(name):
      guard let value = given ?? rest.popFirst() else { throw Problem("--\(name) needs a value") }
      switch name {
      case "config": configFile = value
      case "redis-port": options["port"] = value
      case "host": options[name] = [options[name], value].compactMap { $0 }.joined(separator: ",")
      default: options[name] = value
      }
    default: throw Problem("--\(name) is no option; `martlet memcached --help` lists them")
    }
  }

  private static func longOption(_ name: String, _ settings: Set<String>) throws(Problem) -> MemcachedOption?
  {
    let named = MemcachedOption.all.filter { !$0.name.isEmpty }
    if let option = named.first(where: { $0.name == name }) { return option }
    if settings.contains(name) || ownNames.contains(name) || name.isEmpty { return nil }
    let near = named.filter { $0.name.hasPrefix(name) }
    guard near.count < 2 else {
      throw Problem("--\(name) may be " + near.map { "--\($0.name)" }.joined(separator: " or "))
    }
    return near.first
  }

  // MARK: Their meaning

  private mutating func take(
    _ option: MemcachedOption, _ value: String, said: String, name: String = ""
  ) throws(Problem) {
    switch option.meaning {
    case .port: options["memcached-port"] = String(try number(value, name, 0...65535))
    case .unixSocket: options["memcached-unix-socket"] = value
    case .unixMode: options["unix-socket-mode"] = value
    case .listen: try listen(value)
    case .memory: options["memory-limit"] = try megabytes(value, name)
    case .noEviction: set("evict", "none", said)
    case .connections: options["max-connections"] = String(try number(value, name, 1...1_000_000))
    case .threads: options["threads"] = String(try number(value, name, 1...1024))
    case .itemSize: options["max-value-bytes"] = String(try itemSize(value, name))
    case .udpPort:
      guard try number(value, name, 0...65535) == 0 else {
        throw Problem(
          "\(said): there is no UDP here; it is off in memcached, too, unless asked for, since strangers can have it "
            + "flood others: leave it out")
      }
    case .authFile: try need("memcached-auth-file", value, said)
    case .sasl: try need("memcached-sasl", "yes", said)
    case .shutdown: set("memcached-shutdown", "yes", said)
    case .noFlush: set("memcached-flush", "no", said)
    case .noDump: set("memcached-dump", "no", said)
    case .noWatch: set("memcached-watch", "no", said)
    case .verbose:
      verbosity += 1
      options["log-level"] = "debug"
      if verbosity > 1 { options["log-commands"] = "yes" }
    case .background: runsInBackground = true
    case .pidFile: pidFile = value
    case .user: user = value
    case .backlog: options["backlog"] = String(try number(value, name, 1...65535))
    case .extended: try extended(value)
    case .help: action = .showHelp
    case .version: action = .showVersion
    case .license: action = .showLicense
    case .ignored: ignored.append(said)
    case .refused(let reason): throw Problem("\(said): \(reason)")
    }
  }

  /// Says it as a setting, if this server has that one; if it hasn't, nobody misses it.
  private mutating func set(_ setting: String, _ value: String, _ said: String) {
    if settings.contains(setting) { options[setting] = value } else { ignored.append(said) }
  }

  /// Says it as a setting that others rely on.
  private mutating func need(_ setting: String, _ value: String, _ said: String) throws(Problem) {
    guard settings.contains(setting) else {
      throw Problem("\(said): this server can't do that, and without it everybody would be let in")
    }
    options[setting] = value
  }

  /// Addresses, added to those said before. What only concerns TLS is left out.
  private mutating func listen(_ value: String) throws(Problem) {
    var places: [String] = []
    for place in value.split(separator: ",", omittingEmptySubsequences: true) {
      places.append(String(place.hasPrefix("notls:") ? place.dropFirst(6) : place).trimmingSpaces)
    }
    if places.isEmpty { throw Problem("-l needs an address") }
    options["memcached-listen"] = ([options["memcached-listen"]].compactMap { $0 } + places)
      .joined(separator: ",")
  }

  /// Megabytes if it is a number alone, as in memcached; else a size as Martlet's settings have it.
  private func megabytes(_ value: String, _ name: String) throws(Problem) -> String {
    let digits = value.prefix { $0.isASCII && $0.isNumber }
    if digits.count == value.count {
      let count = try number(value, name, 0...1 << 30)
      return count == 0 ? "0" : "\(count)mb"
    }
    switch value.dropFirst(digits.count).lowercased() {
    case "m", "mb": return "\(try number(String(digits), name, 1...1 << 30))mb"
    case "g", "gb": return "\(try number(String(digits), name, 1...1 << 20))gb"
    default: throw Problem("\(name) \(value): it takes a number of megabytes, for instance 64")
    }
  }

  /// Bytes from a number, or from one with `k` or `m`, which are powers of 1024 here.
  private func itemSize(_ value: String, _ name: String) throws(Problem) -> Int {
    let units: [Character: Int] = ["k": 1 << 10, "K": 1 << 10, "m": 1 << 20, "M": 1 << 20]
    let unit = value.last.flatMap { units[$0] }
    guard let count = Int(unit == nil ? value : String(value.dropLast())), count > 0, count <= 1 << 30 else {
      throw Problem("\(name) \(value): it takes a size such as 1m, 512k or 1048576")
    }
    let bytes = count * (unit ?? 1)
    guard (1 << 10...512 << 20).contains(bytes) else {
      throw Problem("\(name) \(value): it takes a size from 1k to 512m")
    }
    return bytes
  }

  private func number(_ value: String, _ name: String, _ range: ClosedRange<Int>) throws(Problem) -> Int {
    guard let number = Int(value), range.contains(number) else {
      throw Problem(
        "\(name) \(value): it takes a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// The words of `-o`, separated by commas.
  private mutating func extended(_ value: String) throws(Problem) {
    for part in value.split(separator: ",") {
      let part = String(part).trimmingSpaces
      let word = String(part.prefix { $0 != "=" })
      let argument = part.count > word.count ? String(part.dropFirst(word.count + 1)) : nil
      if let refusal = MemcachedOption.refusal(ofWord: word) { throw Problem("-o \(word): \(refusal)") }
      if word == "idle_timeout" {
        guard let argument else { throw Problem("-o idle_timeout needs a number of seconds") }
        let seconds = try number(argument, "-o idle_timeout", 0...1_000_000)
        options["idle-timeout"] = seconds == 0 ? "0" : "\(seconds)s"
      } else if word != "maxconns_fast" {
        let plain = word.hasPrefix("no_") ? String(word.dropFirst(3)) : word
        guard MemcachedOption.ignoredWords.contains(plain) else {
          throw Problem("-o \(word) is no option of memcached's")
        }
        ignored.append("-o \(part)")
      }
    }
  }

  /// Who asks for a Unix socket gets no port, as in memcached.
  private mutating func serveSocketAlone() {
    guard options["memcached-unix-socket"] != nil else { return }
    if let places = options.removeValue(forKey: "memcached-listen") {
      ignored.append("-l \(places) beside -s")
    }
    if let port = options["memcached-port"], port != "0" { ignored.append("-p \(port) beside -s") }
    options["memcached-port"] = "0"
  }
}

extension String {
  fileprivate var trimmingSpaces: String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}
