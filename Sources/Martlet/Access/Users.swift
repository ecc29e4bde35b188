// Who may come in: one set of users for all protocols. A session asks `authenticate` and keeps the user that it gets;
// how users are kept and compared is known here alone.

/// Somebody who may use the server.
package final class User: Sendable {
  package let name: String

  init(_ name: String) { self.name = name }
}

/// A name and its password. Who prints it sees neither of them.
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
  /// There may be this many names and passwords.
  package static let maximumCount = 1024
  /// The longest name, in bytes.
  package static let maximumNameBytes = 250
  /// The longest password, in bytes.
  package static let maximumPasswordBytes = 512
  /// Who a client is that gives a password and no name, and who everybody is where nobody is asked.
  package static let defaultName = "default"

  private struct Account {
    let credential: Credential
    let user: User
  }

  /// Who a client is that hasn't said so yet; nil when it may do nothing until it has.
  package let initial: User?
  private let accounts: Guarded<[Account]>

  /// Lets everybody in as the default user.
  package init() {
    initial = User(Self.defaultName)
    accounts = Guarded([])
  }

  /// Lets in those who know one of the passwords, and nobody if there are none.
  ///
  /// - Parameter credentials: a name may have several passwords. At most ``maximumCount``.
  package init(_ credentials: [Credential]) {
    initial = nil
    accounts = Guarded(Self.accounts(credentials))
  }

  /// Whether everybody is let in.
  package var isOpen: Bool { initial != nil }

  /// Whether there is a user with a name.
  package func has(_ name: RawSpan) -> Bool {
    if let initial { return name.equals(initial.name.utf8.span.raw) }
    return accounts.withLock { $0 }.contains { $0.credential.name.span.raw.equals(name) }
  }

  /// Puts others in the place of all who are let in by a password. Who is in already stays.
  package func replace(by credentials: [Credential]) {
    precondition(!isOpen, "everybody is let in")
    let accounts = Self.accounts(credentials)
    self.accounts.withLock { $0 = accounts }
  }

  private static func accounts(_ credentials: [Credential]) -> [Account] {
    precondition(credentials.count <= maximumCount, "more users than there may be")
    return credentials.map { Account(credential: $0, user: User(String(decoding: $0.name, as: UTF8.self))) }
  }

  /// The user with this name and password; nil when they aren't right. It takes a time that depends on the lengths of
  /// both and on the number of users, and tells nothing of what was nearly right.
  package func authenticate(_ name: RawSpan, _ password: RawSpan) -> User? {
    if let initial { return name.equals(initial.name.utf8.span.raw) ? initial : nil }
    guard name.byteCount <= Self.maximumNameBytes, password.byteCount <= Self.maximumPasswordBytes else {
      return nil
    }
    let accounts = accounts.withLock { $0 }
    var found = -1
    for index in accounts.indices {
      let credential = accounts[index].credential
      let difference =
        Self.difference(credential.name, name) | Self.difference(credential.password, password)
      // All ones if nothing differs, else zero; without a branch.
      let isRight = Int(bitPattern: (difference | (0 &- difference)) >> UInt(UInt.bitWidth - 1)) &- 1
      found = (found & ~isRight) | (index & isRight)
    }
    return found >= 0 ? accounts[found].user : nil
  }

  /// The user of a client that gives no name.
  package func authenticate(_ password: RawSpan) -> User? {
    authenticate(Self.defaultName.utf8.span.raw, password)
  }

  /// Zero if both are the same, found out by looking at every byte of the candidate.
  ///
  /// - Parameter expected: not empty.
  private static func difference(_ expected: [UInt8], _ candidate: RawSpan) -> UInt {
    var difference = UInt(bitPattern: expected.count ^ candidate.byteCount)
    var place = 0
    for index in 0..<candidate.byteCount {
      difference |= UInt(expected[place] ^ candidate.byte(index))
      place = place + 1 == expected.count ? 0 : place + 1
    }
    return difference
  }
}
