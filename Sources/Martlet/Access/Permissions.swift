// What somebody may do: which commands, on which keys, with which channels; and the rules that say so, which are those of
// Redis's access control lists (https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/).

/// What a command does with a key.
package struct KeyAccess: OptionSet, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// It returns, or makes something of, what the key holds.
  package static let read = KeyAccess(rawValue: 1)
  /// It changes, adds or takes away something.
  package static let write = KeyAccess(rawValue: 2)
}

/// What is wrong with a rule.
package enum RuleProblem: Error, Equatable {
  case syntax
  case unknownCommand
  case patternAfterAllKeys
  case patternAfterAllChannels
  case badHash
  case noSuchPassword
  case argumentOfSubcommand
  case unmatchedParenthesis
  case tooMany

  /// Redis's words, but for the last.
  package var text: String {
    switch self {
    case .syntax: "Syntax error"
    case .unknownCommand: "Unknown command or category name in ACL"
    case .patternAfterAllKeys:
      "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. "
        + "Try 'resetkeys' to start with an empty list of patterns"
    case .patternAfterAllChannels:
      "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. "
        + "Try 'resetchannels' to start with an empty list of channels"
    case .badHash:
      "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
    case .noSuchPassword: "The password you are trying to remove from the user does not exist"
    case .argumentOfSubcommand: "Allowing first-arg of a subcommand is not supported"
    case .unmatchedParenthesis: "Unmatched parenthesis in selector"
    case .tooMany:
      "A user may have \(User.maximumCount) passwords, patterns, rules and selectors of each kind"
    }
  }
}

/// What is asked for: a command, the keys that it uses and the channels that it names.
package struct AccessRequest {
  /// The command's number in the vocabulary; of a subcommand, its own.
  package var command: Int
  /// The position of the argument that a rule like `+select|0` is about.
  package var firstArgument: Int
  package var keys: [(position: Int, access: KeyAccess)] = []
  package var channels: [Int] = []
  /// The channels are patterns, which have to be allowed as they are written.
  package var channelsArePatterns = false

  package init(command: Int, firstArgument: Int) {
    self.command = command
    self.firstArgument = firstArgument
  }
}

/// Why something is denied, in the order of what is looked at first.
package enum Denial: Equatable, Sendable {
  case command
  /// The position of the key.
  case key(Int)
  /// The position of the channel.
  case channel(Int)

  private var rank: (Int, Int) {
    switch self {
    case .command: (0, 0)
    case .key(let position): (1, position)
    case .channel(let position): (2, position)
    }
  }

  /// Whether this one came later in what was looked at than the other.
  func isFurther(than other: Denial) -> Bool { rank > other.rank }
}

/// A set of permissions: of a user the main one, or one of those that only count as a whole, its selectors.
package struct Permissions: Sendable {
  private struct KeyPattern {
    let bytes: [UInt8]
    var access: KeyAccess
  }

  private let vocabulary: CommandVocabulary
  private var commands: CommandSet
  /// First arguments with which commands may be called that may not be called otherwise.
  private var firstArguments: [Int: [[UInt8]]] = [:]
  /// The rules about commands since the last that was about all of them, each with its sign.
  private var rules: [String] = []
  private var beginsWithAll = false
  private var keys: [KeyPattern] = []
  private var hasAllKeys = false
  private var channels: [[UInt8]] = []
  private var hasAllChannels = false

  /// Permission to do nothing.
  package init(_ vocabulary: CommandVocabulary) {
    self.vocabulary = vocabulary
    commands = CommandSet(count: vocabulary.count)
  }

  /// Permission to do everything.
  static func all(_ vocabulary: CommandVocabulary) -> Permissions {
    var permissions = Permissions(vocabulary)
    permissions.allowAllCommands(true)
    permissions.hasAllKeys = true
    permissions.hasAllChannels = true
    return permissions
  }

  /// Whether nothing is denied.
  var isUnrestricted: Bool { hasAllKeys && hasAllChannels && commands == vocabulary.all }

  // MARK: Asking

  /// Why a request is denied; nil when it isn't.
  func denial(_ request: AccessRequest, _ words: borrowing Words) -> Denial? {
    if !commands.contains(request.command) && !allowsFirstArgument(request, words) { return .command }
    for key in request.keys where !allows(words[key.position], key.access) { return .key(key.position) }
    for position in request.channels
    where !allowsChannel(words[position], isPattern: request.channelsArePatterns) {
      return .channel(position)
    }
    return nil
  }

  private func allowsFirstArgument(_ request: AccessRequest, _ words: borrowing Words) -> Bool {
    guard let arguments = firstArguments[request.command], request.firstArgument < words.count else {
      return false
    }
    let argument = words[request.firstArgument].lowercased
    return arguments.contains(argument)
  }

  /// Whether a key may be used so. A key that is only looked at in passing needs any permission at all.
  func allows(_ key: RawSpan, _ access: KeyAccess) -> Bool {
    hasAllKeys
      || keys.contains { $0.access.isSuperset(of: access) && Glob.matches($0.bytes.span.raw, key) }
  }

  /// Whether all keys may be read.
  var allowsReadingAllKeys: Bool {
    hasAllKeys || keys.contains { $0.access.contains(.read) && $0.bytes == [UInt8(ascii: "*")] }
  }

  func allowsChannel(_ channel: RawSpan, isPattern: Bool) -> Bool {
    hasAllChannels
      || channels.contains { pattern in
        isPattern ? pattern.span.raw.equals(channel) : Glob.matches(pattern.span.raw, channel)
      }
  }

  // MARK: Rules

  /// Applies one rule; false when it isn't one about commands, keys or channels.
  mutating func apply(_ rule: RawSpan) throws(RuleProblem) -> Bool {
    if rule.equalsIgnoringCase("allkeys") || rule.equalsIgnoringCase("~*") {
      hasAllKeys = true
      keys = []
    } else if rule.equalsIgnoringCase("resetkeys") {
      hasAllKeys = false
      keys = []
    } else if rule.equalsIgnoringCase("allchannels") || rule.equalsIgnoringCase("&*") {
      hasAllChannels = true
      channels = []
    } else if rule.equalsIgnoringCase("resetchannels") {
      hasAllChannels = false
      channels = []
    } else if rule.equalsIgnoringCase("allcommands") || rule.equalsIgnoringCase("+@all") {
      allowAllCommands(true)
    } else if rule.equalsIgnoringCase("nocommands") || rule.equalsIgnoringCase("-@all") {
      allowAllCommands(false)
    } else if rule.byteCount > 0 {
      switch rule.byte(0) {
      case UInt8(ascii: "~"), UInt8(ascii: "%"): try applyKeyPattern(rule)
      case UInt8(ascii: "&"): try applyChannel(rule.extracting(1..<rule.byteCount))
      case UInt8(ascii: "+"), UInt8(ascii: "-"):
        try applyCommand(
          String(decoding: rule.extracting(1..<rule.byteCount).lowercased, as: UTF8.self),
          isAllowed: rule.byte(0) == UInt8(ascii: "+"))
      default: return false
      }
    } else {
      return false
    }
    return true
  }

  private mutating func allowAllCommands(_ isAllowed: Bool) {
    commands = isAllowed ? vocabulary.all : CommandSet(count: vocabulary.count)
    firstArguments = [:]
    rules = []
    beginsWithAll = isAllowed
  }

  private mutating func applyKeyPattern(_ rule: RawSpan) throws(RuleProblem) {
    guard !hasAllKeys else { throw .patternAfterAllKeys }
    var access: KeyAccess = []
    var index = 0
    if rule.byte(0) == UInt8(ascii: "%") {
      index = 1
      while index < rule.byteCount, rule.byte(index) != UInt8(ascii: "~") {
        switch rule.byte(index) | 0x20 {
        case UInt8(ascii: "r") where !access.contains(.read): access.insert(.read)
        case UInt8(ascii: "w") where !access.contains(.write): access.insert(.write)
        default: throw .syntax
        }
        index += 1
      }
      guard index < rule.byteCount, !access.isEmpty else { throw .syntax }
    } else {
      access = [.read, .write]
    }
    let pattern = rule.extracting(index + 1..<rule.byteCount)
    guard !pattern.hasSpaceOrNull else { throw .syntax }
    let bytes = pattern.array
    if let known = keys.firstIndex(where: { $0.bytes == bytes }) {
      keys[known].access.formUnion(access)
    } else {
      guard keys.count < User.maximumCount else { throw .tooMany }
      keys.append(KeyPattern(bytes: bytes, access: access))
    }
  }

  private mutating func applyChannel(_ pattern: RawSpan) throws(RuleProblem) {
    guard !hasAllChannels else { throw .patternAfterAllChannels }
    guard !pattern.hasSpaceOrNull else { throw .syntax }
    let bytes = pattern.array
    if channels.contains(bytes) { return }
    guard channels.count < User.maximumCount else { throw .tooMany }
    channels.append(bytes)
  }

  private mutating func applyCommand(_ name: String, isAllowed: Bool) throws(RuleProblem) {
    if name.hasPrefix("@") {
      guard let members = vocabulary.categories[String(name.dropFirst())] else { throw .unknownCommand }
      if isAllowed { commands.formUnion(members) } else { commands.subtract(members) }
      for number in firstArguments.keys where members.contains(number) { firstArguments[number] = nil }
    } else if let number = vocabulary.numbers[name] {
      for each in [number] + (vocabulary.subcommands[number] ?? []) {
        if isAllowed { commands.insert(each) } else { commands.remove(each) }
        firstArguments[each] = nil
      }
    } else {
      try applyFirstArgument(name, isAllowed: isAllowed)
    }
    // What the new rule says again, or says more widely, is left out.
    rules.removeAll { rule in
      let body = rule.dropFirst()
      return body == name || body.hasPrefix(name + "|")
    }
    guard rules.count < User.maximumCount else { throw .tooMany }
    rules.append((isAllowed ? "+" : "-") + name)
  }

  private mutating func applyFirstArgument(_ name: String, isAllowed: Bool) throws(RuleProblem) {
    guard isAllowed, let bar = name.lastIndex(of: "|"), let number = vocabulary.numbers[String(name[..<bar])]
    else { throw .unknownCommand }
    guard !name[..<bar].contains("|") else { throw .argumentOfSubcommand }
    let argument = Array(name[name.index(after: bar)...].utf8)
    guard vocabulary.subcommands[number] == nil, !argument.isEmpty else { throw .unknownCommand }
    if firstArguments[number, default: []].contains(argument) { return }
    firstArguments[number, default: []].append(argument)
  }

  // MARK: Showing

  /// The rules about commands, as Redis shows them: `-@all +get`.
  package var commandsText: String {
    ([beginsWithAll ? "+@all" : "-@all"] + rules).joined(separator: " ")
  }

  /// The patterns of keys: `~*`, or `~a* %R~b*`.
  package var keysText: [UInt8] {
    if hasAllKeys { return Array("~*".utf8) }
    let patterns = keys.map { pattern in
      Array((pattern.access == .read ? "%R~" : pattern.access == .write ? "%W~" : "~").utf8) + pattern.bytes
    }
    return Array(patterns.joined(separator: [UInt8(ascii: " ")]))
  }

  /// The patterns of channels: `&*`, or `&a* &b`.
  package var channelsText: [UInt8] {
    if hasAllChannels { return Array("&*".utf8) }
    return Array(channels.map { [UInt8(ascii: "&")] + $0 }.joined(separator: [UInt8(ascii: " ")]))
  }

  /// All of it as a line of a file of users has it.
  var text: [UInt8] {
    var parts: [[UInt8]] = []
    if !keysText.isEmpty { parts.append(keysText) }
    if !hasAllChannels { parts.append(Array("resetchannels".utf8)) }
    if !channelsText.isEmpty { parts.append(channelsText) }
    parts.append(Array(commandsText.utf8))
    return Array(parts.joined(separator: [UInt8(ascii: " ")]))
  }
}

extension RawSpan {
  /// Whether it holds what no pattern and no name may hold.
  var hasSpaceOrNull: Bool {
    for index in 0..<byteCount where byte(index) == 0 || byte(index) == 32 || (9...13).contains(byte(index)) {
      return true
    }
    return false
  }
}
