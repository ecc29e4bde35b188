// Who may come in, and who they are then: one set of users for all protocols. A session asks `authenticate` and keeps the
// user that it gets; how users are kept and compared is known here alone.

/// A name and its password, as the settings have them. Who prints it sees neither of them.
package struct Credential: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
  let name: [UInt8]
  let password: [UInt8]

  /// Nil when one of them is empty or too long.
  package init?(name: [UInt8], password: [UInt8]) {
    guard 1...Users.maximumNameBytes ~= name.count, 1...Users.maximumPasswordBytes ~= password.count else {
      return nil
    }
    self.name = name
    self.password = password
  }

  package var description: String { "(hidden)" }
  package var customMirror: Mirror { Mirror(self, children: []) }
}

/// All who may come in. It can change while clients ask.
package final class Users: Sendable {
  /// There may be this many users, and this many passwords of all of them together.
  package static let maximumCount = 1024
  /// The longest name, in bytes.
  package static let maximumNameBytes = 250
  /// The longest password, in bytes.
  package static let maximumPasswordBytes = 512
  /// Who a client is that gives a password and no name, and who everybody is where nobody is asked.
  package static let defaultName = "default"

  /// A name and one password that it lets in.
  private struct Account {
    let user: User
    /// Nil lets every password in.
    let password: PasswordHash?
  }

  private struct State {
    var users: [[UInt8]: User] = [:]
    /// All passwords of those who are let in.
    var accounts: [Account] = []
    /// Who a client is that hasn't said so yet.
    var initial: User?
    /// Whom the settings define, and how.
    var settled: [[UInt8]: UserRules] = [:]
  }

  package let vocabulary: CommandVocabulary
  private let state: Guarded<State>

  /// Lets everybody in as the default user, who may do everything.
  package init(_ vocabulary: CommandVocabulary) {
    self.vocabulary = vocabulary
    state = Guarded(State())
    settle([Self.defaultBytes: .unrestricted(vocabulary, passwords: nil)])
  }

  /// Lets in those who know one of the passwords, and nobody if there are none. They may do everything.
  ///
  /// - Parameter credentials: a name may have several passwords. At most ``maximumCount``.
  package init(_ credentials: [Credential], _ vocabulary: CommandVocabulary) {
    self.vocabulary = vocabulary
    state = Guarded(State())
    replace(by: credentials)
  }

  private static let defaultBytes = Array(defaultName.utf8)

  /// Whether everybody is let in without a word.
  package var isOpen: Bool { initial != nil }

  /// Who a client is that hasn't said so yet; nil when it may do nothing until it has.
  package var initial: User? { state.withLock { $0.initial } }

  /// Whether the default user takes any password, or none.
  package var defaultTakesAnyPassword: Bool {
    find(Self.defaultBytes.span.raw)?.rules.takesAnyPassword ?? false
  }

  /// All users in the order of their names.
  package var all: [User] {
    state.withLock { Array($0.users.values) }.sorted { $0.nameBytes.lexicographicallyPrecedes($1.nameBytes) }
  }

  /// Whether there is a user with a name.
  package func has(_ name: RawSpan) -> Bool { find(name) != nil }

  /// The user with a name.
  package func find(_ name: RawSpan) -> User? {
    let name = name.array
    return state.withLock { $0.users[name] }
  }

  // MARK: Authentication

  /// The user with this name and password; nil when they aren't right. It takes a time that depends on the lengths of
  /// both and on the number of users, and tells nothing of what was nearly right.
  package func authenticate(_ name: RawSpan, _ password: RawSpan) -> User? {
    let accounts = state.withLock { $0.accounts }
    guard name.byteCount <= Self.maximumNameBytes, password.byteCount <= Self.maximumPasswordBytes else {
      return nil
    }
    let hash = PasswordHash(of: password)
    var found = -1
    for index in accounts.indices {
      let account = accounts[index]
      let difference =
        Self.difference(account.user.nameBytes, name) | (account.password?.difference(hash) ?? 0)
      // All ones if nothing differs, else zero; without a branch.
      let isRight = Int(bitPattern: (difference | (0 &- difference)) >> UInt(UInt.bitWidth - 1)) &- 1
      found = (found & ~isRight) | (index & isRight)
    }
    return found >= 0 ? accounts[found].user : nil
  }

  /// The user of a client that gives no name.
  package func authenticate(_ password: RawSpan) -> User? {
    authenticate(Self.defaultBytes.span.raw, password)
  }

  /// Zero if both are the same, found out by looking at every byte of the candidate.
  private static func difference(_ expected: [UInt8], _ candidate: RawSpan) -> UInt {
    var difference = UInt(bitPattern: expected.count ^ candidate.byteCount)
    guard !expected.isEmpty else { return difference }
    var place = 0
    for index in 0..<candidate.byteCount {
      difference |= UInt(expected[place] ^ candidate.byte(index))
      place = place + 1 == expected.count ? 0 : place + 1
    }
    return difference
  }

  // MARK: Changing

  /// What is to be done again when users have changed.
  private static func noteChange(_ state: inout State) {
    state.accounts = []
    for user in state.users.values {
      let rules = user.rules
      guard rules.isOn else { continue }
      if rules.takesAnyPassword { state.accounts.append(Account(user: user, password: nil)) }
      for password in rules.passwords { state.accounts.append(Account(user: user, password: password)) }
    }
    let standard = state.users[defaultBytes]
    let isOpen = standard.map { $0.rules.isOn && $0.rules.takesAnyPassword } ?? false
    state.initial = isOpen ? standard : nil
  }

  /// Has the settings let in others than before: with these names and passwords, and to do everything. Users whom a
  /// command has defined stay as they are. So does whoever is in already.
  package func replace(by credentials: [Credential]) {
    precondition(credentials.count <= Self.maximumCount, "more users than there may be")
    var passwords: [[UInt8]: [PasswordHash]] = [Self.defaultBytes: []]
    for credential in credentials {
      let hash = PasswordHash(of: credential.password.span.raw)
      if passwords[credential.name]?.contains(hash) == true { continue }
      passwords[credential.name, default: []].append(hash)
    }
    settle(passwords.mapValues { .unrestricted(vocabulary, passwords: $0) })
  }

  private func settle(_ settled: [[UInt8]: UserRules]) {
    let settled = settled.mapValues { rules in
      var rules = rules
      rules.origin = .settings
      return rules
    }
    state.withLock { state in
      for (name, user) in state.users where user.rules.origin == .settings && settled[name] == nil {
        state.users[name] = nil
      }
      for (name, rules) in settled {
        if let user = state.users[name] {
          if user.rules.origin == .settings { user.replaceRules(by: rules) }
        } else {
          state.users[name] = User(name, rules)
        }
      }
      state.settled = settled
      Self.noteChange(&state)
    }
  }

  /// Why a user can't be changed as asked.
  package enum ChangeProblem: Error {
    /// The place of the rule among those given, and what is wrong with it.
    case rule(Int, RuleProblem)
    case tooManyUsers
    case tooManyPasswords
  }

  /// Applies rules to a user, who is made if there is none of this name. If one of them is wrong, none is applied.
  ///
  /// - Returns: the user as he is now.
  package func change(_ name: [UInt8], _ rules: [[UInt8]]) throws(ChangeProblem) -> User {
    try state.withLock { (state) throws(ChangeProblem) in
      let known = state.users[name]
      guard known != nil || state.users.count < Self.maximumCount else { throw .tooManyUsers }
      var changed = known?.rules ?? UserRules(vocabulary)
      let before = changed.passwords.count
      changed.origin = .command
      for (index, rule) in rules.enumerated() {
        do throws(RuleProblem) { try changed.apply(rule.span.raw) } catch { throw .rule(index, error) }
      }
      let added = changed.passwords.count - before
      guard added <= 0 || state.accounts.count + added <= Self.maximumCount else { throw .tooManyPasswords }
      let user = known ?? User(name, changed)
      user.replaceRules(by: changed)
      state.users[name] = user
      Self.noteChange(&state)
      return user
    }
  }

  /// Deletes a user; who it was, nil when there is none. The default user can't be deleted.
  package func remove(_ name: RawSpan) -> User? {
    let name = name.array
    precondition(name != Self.defaultBytes, "the default user stays")
    return state.withLock { state in
      guard let user = state.users.removeValue(forKey: name) else { return nil }
      user.noteRemoved()
      Self.noteChange(&state)
      return user
    }
  }

  // MARK: The file of users

  /// The lines of all whom a command has defined, or of all.
  package func lines(ofAll: Bool) -> [[UInt8]] {
    all.filter { ofAll || $0.rules.origin == .command }.map { user in
      Array("user ".utf8) + user.nameBytes + [UInt8(ascii: " ")] + user.rules.text
    }
  }

  /// Puts the users of a file in the place of those whom commands have defined. Nothing changes if a line is wrong.
  ///
  /// - Parameters:
  ///   - text: what the file holds; empty if there is none.
  ///   - path: its path, for what is said of it.
  /// - Returns: those who are gone.
  /// - Throws: what is wrong with each line, as Redis says it.
  package func load(_ text: RawSpan, _ path: String) throws(UsersFile.Malformed) -> [User] {
    let defined = try UsersFile.parse(text, path, vocabulary)
    return state.withLock { state in
      var gone: [User] = []
      for (name, user) in state.users where user.rules.origin == .command && defined[name] == nil {
        if let rules = state.settled[name] {
          user.replaceRules(by: rules)
          continue
        }
        state.users[name] = nil
        user.noteRemoved()
        gone.append(user)
      }
      for (name, rules) in defined {
        if let user = state.users[name] {
          user.replaceRules(by: rules)
        } else {
          state.users[name] = User(name, rules)
        }
      }
      Self.noteChange(&state)
      return gone
    }
  }
}
