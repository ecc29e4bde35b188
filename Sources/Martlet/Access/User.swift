// Somebody who may use the server: how he is let in, and what he may do. Sessions keep the user that they have become, and
// see at once when his rules change.

internal import Synchronization

/// What is known of a user. A value: rules are applied to a copy, which then takes its place as a whole.
package struct UserRules: Sendable {
  /// Where a user was last defined.
  package enum Origin: Sendable {
    /// In the server's settings and the file of passwords that they name.
    case settings
    /// By a command, or in the file that `ACL SAVE` writes.
    case command
  }

  /// Whether he is let in.
  package private(set) var isOn = false
  /// Whether any password will do.
  package private(set) var takesAnyPassword = false
  package private(set) var passwords: [PasswordHash] = []
  package private(set) var permissions: Permissions
  /// Permissions besides the main ones. What is asked for has to be allowed by one of them as a whole.
  package private(set) var selectors: [Permissions] = []
  package var origin = Origin.command
  private let vocabulary: CommandVocabulary

  /// A user who isn't let in and may do nothing.
  init(_ vocabulary: CommandVocabulary) {
    self.vocabulary = vocabulary
    permissions = Permissions(vocabulary)
  }

  /// A user who may do everything.
  ///
  /// - Parameter passwords: nil lets in whoever gives his name.
  static func unrestricted(_ vocabulary: CommandVocabulary, passwords: [PasswordHash]?) -> UserRules {
    var rules = UserRules(vocabulary)
    rules.permissions = .all(vocabulary)
    rules.isOn = passwords?.isEmpty != true
    rules.takesAnyPassword = passwords == nil
    rules.passwords = passwords ?? []
    return rules
  }

  // MARK: Asking

  var isUnrestricted: Bool { permissions.isUnrestricted || selectors.contains { $0.isUnrestricted } }

  /// Why a request is denied; nil when it isn't. If there are several reasons, the one that came nearest to being allowed.
  func denial(_ request: AccessRequest, _ words: borrowing Words) -> Denial? {
    guard var denial = permissions.denial(request, words) else { return nil }
    for selector in selectors {
      guard let other = selector.denial(request, words) else { return nil }
      if other.isFurther(than: denial) { denial = other }
    }
    return denial
  }

  /// Whether all keys may be read by a command that is allowed.
  var allowsReadingAllKeys: Bool {
    permissions.allowsReadingAllKeys || selectors.contains { $0.allowsReadingAllKeys }
  }

  /// Whether somebody may listen to a channel, or to a pattern.
  func allowsChannel(_ name: RawSpan, isPattern: Bool) -> Bool {
    permissions.allowsChannel(name, isPattern: isPattern)
      || selectors.contains { $0.allowsChannel(name, isPattern: isPattern) }
  }

  // MARK: Rules

  /// Applies one rule.
  mutating func apply(_ rule: RawSpan) throws(RuleProblem) {
    if rule.equalsIgnoringCase("on") {
      isOn = true
    } else if rule.equalsIgnoringCase("off") {
      isOn = false
    } else if rule.equalsIgnoringCase("nopass") {
      takesAnyPassword = true
      passwords = []
    } else if rule.equalsIgnoringCase("resetpass") {
      takesAnyPassword = false
      passwords = []
    } else if rule.equalsIgnoringCase("sanitize-payload") || rule.equalsIgnoringCase("skip-sanitize-payload")
      || rule.isEmpty
    {
      // A payload is always looked through, whoever sends it.
    } else if rule.equalsIgnoringCase("clearselectors") {
      selectors = []
    } else if rule.equalsIgnoringCase("reset") {
      let origin = origin
      self = UserRules(vocabulary)
      self.origin = origin
    } else if rule.byte(0) == UInt8(ascii: "(") {
      try addSelector(rule)
    } else if !(try applyPassword(rule)) {
      guard try permissions.apply(rule) else { throw .syntax }
    }
  }

  private mutating func applyPassword(_ rule: RawSpan) throws(RuleProblem) -> Bool {
    let rest = rule.extracting(1..<rule.byteCount)
    switch rule.byte(0) {
    case UInt8(ascii: ">"): try add(PasswordHash(of: rest))
    case UInt8(ascii: "<"): try remove(PasswordHash(of: rest))
    case UInt8(ascii: "#"), UInt8(ascii: "!"):
      guard let hash = PasswordHash(rest) else { throw .badHash }
      if rule.byte(0) == UInt8(ascii: "#") { try add(hash) } else { try remove(hash) }
    default: return false
    }
    return true
  }

  private mutating func add(_ hash: PasswordHash) throws(RuleProblem) {
    takesAnyPassword = false
    if passwords.contains(hash) { return }
    guard passwords.count < User.maximumCount else { throw .tooMany }
    passwords.append(hash)
  }

  private mutating func remove(_ hash: PasswordHash) throws(RuleProblem) {
    guard let index = passwords.firstIndex(of: hash) else { throw .noSuchPassword }
    passwords.remove(at: index)
  }

  /// Adds what stands between parentheses: rules about commands, keys and channels with spaces between.
  private mutating func addSelector(_ rule: RawSpan) throws(RuleProblem) {
    guard rule.byteCount >= 2, rule.byte(rule.byteCount - 1) == UInt8(ascii: ")") else { throw .syntax }
    guard selectors.count < User.maximumCount else { throw .tooMany }
    var selector = Permissions(vocabulary)
    for word in rule.extracting(1..<rule.byteCount - 1).array.split(separator: UInt8(ascii: " ")) {
      guard try selector.apply(Array(word).span.raw) else { throw .syntax }
    }
    selectors.append(selector)
  }

  /// Puts the words of a selector that are several together: `(+get`, `~a*)` become `(+get ~a*)`.
  ///
  /// - Throws: the word that opens a parenthesis which no other closes.
  package static func joinSelectors(_ words: [[UInt8]]) throws(UnmatchedParenthesis) -> [[UInt8]] {
    var rules: [[UInt8]] = []
    var opened: Int?
    for (index, word) in words.enumerated() {
      if opened != nil {
        rules[rules.count - 1] += [UInt8(ascii: " ")] + word
      } else {
        rules.append(word)
        if word.first == UInt8(ascii: "(") { opened = index }
      }
      if opened != nil && word.last == UInt8(ascii: ")") { opened = nil }
    }
    if let opened { throw UnmatchedParenthesis(word: words[opened]) }
    return rules
  }

  /// A parenthesis that isn't closed.
  package struct UnmatchedParenthesis: Error {
    package let word: [UInt8]
  }

  // MARK: Showing

  /// What stands behind the name in a line of a file of users, as Redis writes it.
  package var text: [UInt8] {
    var parts = [Array((isOn ? "on" : "off").utf8)]
    if takesAnyPassword { parts.append(Array("nopass".utf8)) }
    for password in passwords { parts.append(Array("#\(password.text)".utf8)) }
    parts.append(permissions.text)
    for selector in selectors { parts.append([UInt8(ascii: "(")] + selector.text + [UInt8(ascii: ")")]) }
    return Array(parts.joined(separator: [UInt8(ascii: " ")]))
  }
}

/// Somebody who may use the server.
package final class User: Sendable {
  /// So many passwords, patterns of keys and of channels, rules and selectors may one have of each.
  package static let maximumCount = 1024

  package let name: String
  /// The name as it was given.
  package let nameBytes: [UInt8]
  private let rulesBox: Guarded<UserRules>
  private let isUnrestrictedBox: Atomic<Bool>
  private let isRemovedBox = Atomic<Bool>(false)

  init(_ name: [UInt8], _ rules: UserRules) {
    self.name = String(decoding: name, as: UTF8.self)
    nameBytes = name
    isUnrestrictedBox = Atomic(rules.isUnrestricted)
    rulesBox = Guarded(rules)
  }

  package var rules: UserRules { rulesBox.withLock { $0 } }

  func replaceRules(by rules: UserRules) {
    rulesBox.withLock { $0 = rules }
    isUnrestrictedBox.store(rules.isUnrestricted, ordering: .sequentiallyConsistent)
  }

  /// Whether nothing is denied to him.
  package var isUnrestricted: Bool { isUnrestrictedBox.load(ordering: .sequentiallyConsistent) }

  /// Whether he has been deleted: nobody goes on as him.
  package var isRemoved: Bool { isRemovedBox.load(ordering: .acquiring) }

  func noteRemoved() { isRemovedBox.store(true, ordering: .releasing) }
}
