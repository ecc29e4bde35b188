// Who may come in: names and passwords, and the file they come from.
import Martlet
import Testing

@Suite("Users")
struct UsersTests {
  private func users(_ entries: [(String, String)]) -> Users {
    Users(entries.map { Credential(name: Array($0.0.utf8), password: Array($0.1.utf8))! })
  }

  private func name(_ users: Users, _ name: String, _ password: String) -> String? {
    users.authenticate(Array(name.utf8).span.raw, Array(password.utf8).span.raw)?.name
  }

  @Test("Only a whole name with its own whole password is let in")
  func authenticate() {
    let users = users([("ada", "secret"), ("bob", "pass word"), ("c", "x"), ("ada", "second")])
    #expect(name(users, "ada", "secret") == "ada")
    #expect(name(users, "ada", "second") == "ada")
    #expect(name(users, "bob", "pass word") == "bob")
    #expect(name(users, "c", "x") == "c")
    for (user, password) in [
      ("ada", ""), ("ada", "s"), ("ada", "secre"), ("ada", "secrets"), ("ada", "secretsecret"),
      ("ada", "Secret"),
      ("ada", "pass word"), ("bob", "secret"), ("", "secret"), ("", ""), ("adaada", "secret"),
      ("ad", "secret"),
      ("adaa", "secret"), ("Ada", "secret"), ("c", "xx"), ("cc", "x"), ("ada\u{0}", "secret"),
      ("ada", "secret\u{0}"),
      ("default", "secret"), (String(repeating: "ada", count: 200), "secret"),
      ("ada", String(repeating: "secret", count: 200)),
    ] {
      #expect(name(users, user, password) == nil, "\(user) \(password)")
    }
    #expect(!users.isOpen)
    #expect(users.initial == nil)
  }

  @Test("Without users everybody is the default user; with an empty list of them nobody comes in")
  func openAndShut() {
    let open = Users()
    #expect(open.isOpen)
    #expect(open.initial?.name == "default")
    #expect(name(open, "default", "anything") == "default")
    #expect(name(open, "ada", "anything") == nil)
    let shut = users([])
    #expect(!shut.isOpen)
    #expect(name(shut, "default", "") == nil)
    #expect(name(shut, "", "") == nil)
  }

  @Test("A client that gives no name is the default user, if that has a password")
  func defaultUser() {
    let password = Array("secret".utf8)
    #expect(users([("ada", "secret")]).authenticate(password.span.raw) == nil)
    #expect(users([("ada", "x"), ("default", "secret")]).authenticate(password.span.raw)?.name == "default")
  }

  @Test("Others take the place of all users")
  func replace() {
    let users = users([("ada", "secret")])
    users.replace(by: [Credential(name: Array("bob".utf8), password: Array("new".utf8))!])
    #expect(name(users, "ada", "secret") == nil)
    #expect(name(users, "bob", "new") == "bob")
  }

  @Test("A name and a password have their bounds, and are never printed")
  func bounds() {
    func credential(_ name: Int, _ password: Int) -> Credential? {
      Credential(
        name: Array(repeating: 110, count: name), password: Array(repeating: 112, count: password))
    }
    #expect(credential(Users.maximumNameBytes, Users.maximumPasswordBytes) != nil)
    #expect(credential(Users.maximumNameBytes + 1, 1) == nil)
    #expect(credential(1, Users.maximumPasswordBytes + 1) == nil)
    #expect(credential(0, 1) == nil)
    #expect(credential(1, 0) == nil)
    var dumped = ""
    dump(credential(5, 7)!, to: &dumped)
    #expect("\(credential(5, 7)!) \(dumped)".contains("nnnnn") == false)
    #expect("\(credential(5, 7)!) \(dumped)".contains("112") == false)
  }
}

@Suite("The file of users")
struct AuthFileTests {
  private func parse(_ text: String) throws(AuthFile.Malformed) -> [Credential] {
    try AuthFile.parse(Array(text.utf8).span.raw)
  }

  private func credential(_ name: String, _ password: String) -> Credential {
    Credential(name: Array(name.utf8), password: Array(password.utf8))!
  }

  @Test("A line is a name, a colon and a password that may hold anything")
  func lines() throws {
    let expected = [credential("ada", "secret"), credential("bob", "a:b #c "), credential("ada", "two")]
    #expect(try parse("ada:secret\nbob:a:b #c \nada:two\n") == expected)
    #expect(try parse("ada:secret\r\nbob:a:b #c \r\nada:two") == expected)
    #expect(try parse("") == [])
  }

  @Test("What is wrong is told with the line and without what it says")
  func malformed() {
    for (text, line) in [
      ("hunter2", 1), ("\n", 1), ("ada:secret\n\n", 2), ("ada:secret\nhunter2\n", 2), ("ada:\n", 1),
      (":hunter2\n", 1), ("ada:\r\n", 1), (String(repeating: "n", count: 251) + ":hunter2", 1),
      ("ada:" + String(repeating: "p", count: 513), 1), ("# comment\n", 1),
    ] {
      let error = #expect(throws: AuthFile.Malformed.self) { try parse(text) }
      #expect(error?.line == line, "\(text)")
      #expect(error?.description.contains("hunter2") == false)
    }
  }

  @Test("There may be so many users and no more")
  func count() throws {
    func text(_ count: Int) -> String { (0..<count).map { "user\($0):password\n" }.joined() }
    #expect(try parse(text(Users.maximumCount)).count == Users.maximumCount)
    let error = #expect(throws: AuthFile.Malformed.self) { try parse(text(Users.maximumCount + 1)) }
    #expect(error?.line == Users.maximumCount + 1)
  }
}
