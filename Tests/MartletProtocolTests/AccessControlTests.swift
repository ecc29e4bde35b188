// Users and what they may do. Replies are those of Redis 7.0.15; how rules are shown is as Valkey 9.1.2 does it, which keeps
// them as they were given.
import Martlet
import Testing

@Suite("Access control")
struct AccessControlTests {
  private let server = TestServer()

  /// A client that is a user.
  private func client(_ name: String, _ password: String) -> TestClient<RESPSession> {
    let client = server.redisClient()
    #expect(client.send("AUTH \(name) \(password)\r\n") == "+OK\r\n")
    return client
  }

  private func expect(_ client: TestClient<RESPSession>, _ exchanges: [(String, String)]) {
    for (request, reply) in exchanges {
      #expect(client.send(request + "\r\n") == reply + "\r\n", "\(request)")
    }
  }

  /// The error where a key, or a channel, may not be used.
  private static let deniedKey =
    "-NOPERM this user has no permissions to access one of the keys used as arguments"

  private static func denied(_ command: String) -> String {
    "-NOPERM this user has no permissions to run the '\(command)' command"
  }

  // MARK: Rules

  /// What rules make of a user, as the line of ACL LIST says behind the name.
  static let rules: [(rules: String, line: String)] = [
    ("", "off resetchannels -@all"),
    ("on", "on resetchannels -@all"),
    (
      "on >pw ~k* %R~r* %W~w* &ch* +get +@string -set +config|get",
      "on #30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4 ~k* %R~r* %W~w* resetchannels &ch* "
        + "-@all +get +@string -set +config|get"
    ),
    ("+@all -@dangerous", "off resetchannels +@all -@dangerous"),
    ("+@read -get +get +config -config|set", "off resetchannels -@all +@read +get +config -config|set"),
    ("allcommands -config +config|get", "off resetchannels +@all -config +config|get"),
    ("+get +set nocommands", "off resetchannels -@all"),
    ("+config -config|get +config", "off resetchannels -@all +config"),
    ("+client|id +client", "off resetchannels -@all +client"),
    ("+client -client", "off resetchannels -@all -client"),
    ("+select|0 +select|1", "off resetchannels -@all +select|0 +select|1"),
    ("+set|1 +set|2 +set", "off resetchannels -@all +set"),
    ("+@string +@string +@read -@string", "off resetchannels -@all +@read -@string"),
    ("-get +@all", "off resetchannels +@all"),
    ("+GET ALLKEYS &* ON", "on ~* &* -@all +get"),
    ("~x ~x %RW~y", "off ~x ~y resetchannels -@all"),
    ("%R~x %W~x", "off ~x resetchannels -@all"),
    ("%R~*", "off %R~* resetchannels -@all"),
    ("allkeys resetkeys ~a", "off ~a resetchannels -@all"),
    ("allchannels resetchannels &a &a", "off resetchannels &a -@all"),
    (
      ">a >b >a <b",
      "off #ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb resetchannels -@all"
    ),
    ("nopass", "off nopass resetchannels -@all"),
    ("nopass resetpass", "off resetchannels -@all"),
    ("on nopass ~* &* +@all reset", "off resetchannels -@all"),
    ("sanitize-payload skip-sanitize-payload", "off resetchannels -@all"),
    (
      "(+get ~a*) (+set ~b*)",
      "off resetchannels -@all (~a* resetchannels -@all +get) (~b* resetchannels -@all +set)"
    ),
    ("\"(+get ~x)\"", "off resetchannels -@all (~x resetchannels -@all +get)"),
    ("(+get ~x) clearselectors", "off resetchannels -@all"),
  ]

  @Test("Rules are kept as they are given", arguments: rules)
  func showRules(_ sample: (rules: String, line: String)) {
    let client = server.redisClient()
    #expect(client.send("ACL SETUSER u \(sample.rules)\r\n") == "+OK\r\n")
    let line = "user u \(sample.line)"
    let reply = client.send("ACL LIST\r\n")
    #expect(reply.hasSuffix("$\(line.utf8.count)\r\n\(line)\r\n"), "\(reply)")
    // The same line makes the same user.
    #expect(client.send("ACL SETUSER u reset \(sample.line)\r\n") == "+OK\r\n")
    #expect(client.send("ACL LIST\r\n") == reply)
  }

  @Test("Rules that are wrong are told as Redis tells them, and change nothing")
  func wrongRules() {
    let client = server.redisClient()
    func wrong(_ rules: String, _ rule: String, _ problem: String) {
      #expect(
        client.send("ACL SETUSER u on ~kept \(rules)\r\n")
          == "-ERR Error in ACL SETUSER modifier '\(rule)': \(problem)\r\n", "\(rules)")
    }
    let unknown = "Unknown command or category name in ACL"
    let hash =
      "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
    wrong("foo", "foo", "Syntax error")
    wrong("+nosuch", "+nosuch", unknown)
    wrong("+@nosuch", "+@nosuch", unknown)
    wrong("+config|nosuch", "+config|nosuch", unknown)
    wrong("-select|0", "-select|0", unknown)
    wrong("+", "+", unknown)
    wrong("+config|get|x", "+config|get|x", "Allowing first-arg of a subcommand is not supported")
    wrong(
      "allkeys ~x", "~x",
      "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try "
        + "'resetkeys' to start with an empty list of patterns")
    wrong(
      "allchannels &x", "&x",
      "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try "
        + "'resetchannels' to start with an empty list of channels")
    wrong("%Q~x", "%Q~x", "Syntax error")
    wrong("%~x", "%~x", "Syntax error")
    wrong("\"~a b\"", "~a b", "Syntax error")
    wrong("\"&a b\"", "&a b", "Syntax error")
    wrong("<y", "<y", "The password you are trying to remove from the user does not exist")
    wrong("#abc", "#abc", hash)
    wrong("!abc", "!abc", hash)
    wrong("(on)", "(on)", "Syntax error")
    #expect(
      client.send("ACL SETUSER u (+get\r\n")
        == "-ERR Unmatched parenthesis in acl selector starting at '(+get'.\r\n")
    #expect(
      client.send("ACL SETUSER \"a b\"\r\n") == "-ERR Usernames can't contain spaces or null characters\r\n")
    #expect(client.send("ACL USERS\r\n") == "*1\r\n$7\r\ndefault\r\n")
  }

  @Test("There may be so many of everything, and no more")
  func bounds() {
    let client = server.redisClient()
    for start in stride(from: 0, to: 1024, by: 64) {
      let patterns = (start..<start + 64).map { "~k\($0)" }.joined(separator: " ")
      #expect(client.send("ACL SETUSER u \(patterns)\r\n") == "+OK\r\n")
    }
    #expect(
      client.send("ACL SETUSER u ~more\r\n").hasPrefix(
        "-ERR Error in ACL SETUSER modifier '~more': A user may have"))
    #expect(
      client.send("ACL SETUSER \(String(repeating: "n", count: 251))\r\n").hasPrefix(
        "-ERR the name of a user"))
    for number in 2..<1024 { #expect(client.send("ACL SETUSER user\(number)\r\n") == "+OK\r\n") }
    #expect(client.send("ACL SETUSER onemore\r\n") == "-ERR there may be 1024 users\r\n")
  }

  // MARK: What is denied

  @Test("Commands, keys and channels are denied as Redis denies them")
  func denials() {
    let admin = server.redisClient()
    _ = admin.send("SET r1 v\r\n")
    #expect(
      admin.send(
        "ACL SETUSER a on >p +get +set +copy +config|get +multi +exec +ping +acl|whoami +client ~a* %R~r* %W~w*\r\n"
      )
        == "+OK\r\n")
    let client = client("a", "p")
    expect(
      client,
      [
        ("GET a1", "$-1"), ("GET b", Self.deniedKey), ("SET b x", Self.deniedKey),
        ("SET r1 x", Self.deniedKey),
        ("GET r1", "$1\r\nv"), ("SET w1 x", "+OK"), ("SET w1 x GET", Self.deniedKey),
        ("GET w1", Self.deniedKey),
        ("COPY r1 w2", ":1"), ("COPY w1 w2", Self.deniedKey), ("DEL a1", Self.denied("del")),
        ("CONFIG GET nosuch", "*0"), ("CONFIG SET port 1", Self.denied("config|set")),
        ("CONFIG", "-ERR wrong number of arguments for 'config' command"),
        ("CONFIG NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try CONFIG HELP."),
        ("ACL LIST", Self.denied("acl|list")),
        ("ACL WHOAMI", "$1\r\na"), ("NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: "),
        ("GET", "-ERR wrong number of arguments for 'get' command"),
        ("DEL", "-ERR wrong number of arguments for 'del' command"), ("CLIENT GETNAME", "$-1"),
      ])
  }

  @Test(
    "What is denied between MULTI and EXEC ends the transaction; rules that change meanwhile deny one command"
  )
  func transactions() {
    let admin = server.redisClient()
    _ = admin.send("ACL SETUSER a on >p +get +set +multi +exec +ping ~a*\r\n")
    let client = client("a", "p")
    expect(
      client,
      [
        ("MULTI", "+OK"), ("SET b x", Self.deniedKey), ("GET a", "+QUEUED"),
        ("EXEC", "-EXECABORT Transaction discarded because of previous errors."), ("MULTI", "+OK"),
        ("GET a", "+QUEUED"),
        ("SET a 1", "+QUEUED"),
      ])
    _ = admin.send("ACL SETUSER a -get\r\n")
    #expect(
      client.send("EXEC\r\n")
        == "*2\r\n-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This "
        + "command is no longer allowed for the following reason: no permission to execute the command or subcommand\r\n"
        + "+OK\r\n")
    _ = admin.send("ACL SETUSER a -ping\r\n")
    expect(client, [("PING", Self.denied("ping")), ("MULTI", "+OK"), ("PING", Self.denied("ping"))])
  }

  @Test("A selector allows what it allows as a whole, and only that")
  func selectors() {
    let admin = server.redisClient()
    _ = admin.send("ACL SETUSER a on nopass +get ~a* (+set ~b*) (+mget ~c* ~d*)\r\n")
    let client = client("a", "x")
    expect(
      client,
      [
        ("GET a", "$-1"), ("SET b 1", "+OK"), ("GET b", Self.deniedKey), ("SET a 1", Self.deniedKey),
        ("MGET c d", "*2\r\n$-1\r\n$-1"), ("MGET c a", Self.deniedKey), ("DEL a", Self.denied("del")),
      ])
  }

  @Test("A command may be allowed with one first argument")
  func firstArgument() {
    let admin = server.redisClient()
    _ = admin.send("ACL SETUSER a on nopass -@all +select|0\r\n")
    let client = client("a", "x")
    expect(client, [("SELECT 0", "+OK"), ("SELECT 1", Self.denied("select"))])
    _ = admin.send("ACL SETUSER a +select\r\n")
    expect(client, [("SELECT 1", "+OK")])
    _ = admin.send("ACL SETUSER a -select\r\n")
    expect(client, [("SELECT 0", Self.denied("select"))])
  }

  @Test("New rules hold for who is in, and so does being deleted")
  func openConnections() {
    let admin = server.redisClient()
    _ = admin.send("ACL SETUSER a on nopass ~* &* +@all\r\n")
    let client = client("a", "x")
    expect(client, [("SET k v", "+OK")])
    _ = admin.send("ACL SETUSER a -set\r\n")
    expect(client, [("SET k v", Self.denied("set")), ("GET k", "$1\r\nv")])
    _ = admin.send("ACL SETUSER a +@all off\r\n")
    expect(
      client,
      [("SET k v", "+OK"), ("AUTH a x", "-WRONGPASS invalid username-password pair or user is disabled.")])
    #expect(admin.send("ACL DELUSER a b\r\n") == ":1\r\n")
    #expect(client.send("GET k\r\n") == "")
    #expect(client.isClosed)
    #expect(admin.send("ACL DELUSER default\r\n") == "-ERR The 'default' user cannot be removed\r\n")
  }

  @Test("The default user can be shut out, for both protocols")
  func defaultUser() {
    let admin = server.redisClient()
    let memcached = server.memcachedClient()
    #expect(memcached.send("get k\r\n") == "END\r\n")
    _ = admin.send("ACL SETUSER ada on >secret ~* &* +@all\r\n")
    _ = admin.send("ACL SETUSER eve on >secret ~* &* +@all -flushall\r\n")
    _ = admin.send("ACL SETUSER default -@dangerous\r\n")
    #expect(admin.send("KEYS *\r\n") == Self.denied("keys") + "\r\n")
    // memcached's protocols know no rules: who may not do everything may do nothing.
    #expect(memcached.send("get k\r\n") == "CLIENT_ERROR unauthenticated\r\n")
    #expect(memcached.send("set auth 0 0 10\r\neve secret\r\n") == "CLIENT_ERROR authentication failure\r\n")
    #expect(memcached.send("set auth 0 0 10\r\nada secret\r\n") == "STORED\r\n")
    #expect(memcached.send("get k\r\n") == "END\r\n")
    let ada = client("ada", "secret")
    _ = ada.send("ACL SETUSER default off\r\n")
    let stranger = server.redisClient()
    expect(
      stranger,
      [
        ("GET k", "-NOAUTH Authentication required."),
        (
          "AUTH x",
          "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
        ),
      ])
    _ = ada.send("ACL SETUSER default on resetpass >new ~* &* +@all\r\n")
    expect(stranger, [("AUTH new", "+OK"), ("GET k", "$-1"), ("ACL WHOAMI", "$7\r\ndefault")])
  }

  // MARK: The commands

  @Test("ACL GETUSER in both versions of the protocol")
  func getUser() {
    let client = server.redisClient()
    _ = client.send("ACL SETUSER a on nopass ~k* &c* +get (+set)\r\n")
    let fields =
      "$8\r\ncommands\r\n$10\r\n-@all +get\r\n$4\r\nkeys\r\n$3\r\n~k*\r\n$8\r\nchannels\r\n$3\r\n&c*\r\n"
    let selector =
      "$8\r\ncommands\r\n$10\r\n-@all +set\r\n$4\r\nkeys\r\n$0\r\n\r\n$8\r\nchannels\r\n$0\r\n\r\n"
    #expect(
      client.send("ACL GETUSER a\r\n")
        == "*12\r\n$5\r\nflags\r\n*2\r\n$2\r\non\r\n$6\r\nnopass\r\n$9\r\npasswords\r\n*0\r\n" + fields
        + "$9\r\nselectors\r\n*1\r\n*6\r\n" + selector)
    #expect(client.send("ACL GETUSER b\r\n") == "$-1\r\n")
    _ = client.send("HELLO 3\r\n")
    #expect(
      client.send("ACL GETUSER a\r\n")
        == "%6\r\n$5\r\nflags\r\n~2\r\n$2\r\non\r\n$6\r\nnopass\r\n$9\r\npasswords\r\n*0\r\n" + fields
        + "$9\r\nselectors\r\n*1\r\n%3\r\n" + selector)
    #expect(client.send("ACL GETUSER b\r\n") == "_\r\n")
  }

  @Test("ACL DRYRUN, CAT, GENPASS")
  func others() {
    let client = server.redisClient()
    _ = client.send("ACL SETUSER a on nopass +get ~a*\r\n")
    func bulk(_ text: String) -> String { "$\(text.utf8.count)\r\n\(text)" }
    expect(
      client,
      [
        ("ACL DRYRUN nosuch get x", "-ERR User 'nosuch' not found"),
        ("ACL DRYRUN default nosuch x", "-ERR Command 'nosuch' not found"),
        ("ACL DRYRUN default get x y", "-ERR wrong number of arguments for 'get' command"),
        ("ACL DRYRUN default get x", "+OK"), ("ACL DRYRUN a get a", "+OK"),
        ("ACL DRYRUN a get b", bulk("This user has no permissions to access the 'b' key")),
        ("ACL DRYRUN a set b c", bulk("This user has no permissions to run the 'set' command")),
        ("ACL DRYRUN a config get x", bulk("This user has no permissions to run the 'config|get' command")),
        ("ACL CAT nosuch", "-ERR Unknown category 'nosuch'"),
        ("ACL CAT a b", "-ERR unknown subcommand or wrong number of arguments for 'CAT'. Try ACL HELP."),
        (
          "ACL GENPASS 0",
          "-ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096"
        ), ("ACL GENPASS x", "-ERR value is not an integer or out of range"),
      ])
    let one = client.send("ACL GENPASS\r\n")
    #expect(one.hasPrefix("$64\r\n"))
    #expect(client.send("ACL GENPASS\r\n") != one)
    #expect(client.send("ACL GENPASS 5\r\n").hasPrefix("$2\r\n"))
    #expect(client.send("ACL CAT\r\n").hasPrefix("*21\r\n$8\r\nkeyspace\r\n"))
    #expect(client.send("ACL CAT string\r\n").contains("$3\r\nget\r\n"))
    #expect(!client.send("ACL CAT write\r\n").contains("$3\r\nget\r\n"))
    #expect(client.send("ACL SAVE\r\n").hasPrefix("-ERR this server keeps its data in memory only"))
  }

  @Test("ACL LOG has what was denied, the same within a minute as one")
  func log() {
    let admin = server.redisClient()
    _ = admin.send("ACL SETUSER a on >p +get +multi ~a*\r\n")
    let client = client("a", "p")
    for _ in 0..<3 { _ = client.send("GET b\r\n") }
    _ = client.send("DEL a\r\n")
    _ = client.send("MULTI\r\n")
    _ = client.send("DEL a\r\n")
    let stranger = server.redisClient()
    _ = stranger.send("AUTH a wrong\r\n")
    _ = stranger.send("HELLO 2 AUTH x wrong\r\n")
    let log = admin.send("ACL LOG\r\n")
    #expect(log.hasPrefix("*5\r\n*20\r\n$5\r\ncount\r\n:1\r\n$6\r\nreason\r\n$4\r\nauth\r\n"))
    for part in [
      "$6\r\nobject\r\n$5\r\nHELLO\r\n$8\r\nusername\r\n$1\r\nx\r\n",
      "$6\r\nobject\r\n$4\r\nAUTH\r\n$8\r\nusername\r\n$1\r\na\r\n",
      ":1\r\n$6\r\nreason\r\n$7\r\ncommand\r\n$7\r\ncontext\r\n$5\r\nmulti\r\n$6\r\nobject\r\n$3\r\ndel\r\n",
      ":1\r\n$6\r\nreason\r\n$7\r\ncommand\r\n$7\r\ncontext\r\n$8\r\ntoplevel\r\n$6\r\nobject\r\n$3\r\ndel\r\n",
      ":3\r\n$6\r\nreason\r\n$3\r\nkey\r\n$7\r\ncontext\r\n$8\r\ntoplevel\r\n$6\r\nobject\r\n$1\r\nb\r\n",
    ] {
      #expect(log.contains(part), "\(part) in \(log)")
    }
    #expect(admin.send("ACL LOG 1\r\n").hasPrefix("*1\r\n"))
    #expect(admin.send("ACL LOG -1\r\n") == "*0\r\n")
    #expect(admin.send("ACL LOG x\r\n") == "-ERR value is not an integer or out of range\r\n")
    #expect(admin.send("ACL LOG RESET\r\n") == "+OK\r\n")
    #expect(admin.send("ACL LOG\r\n") == "*0\r\n")
  }

  // MARK: The file

  private func find(_ name: String, _ users: Users) -> User? {
    let name = bytes(name)
    return users.find(name.span.raw)
  }

  @Test("A file of users is read as Redis reads its own, or not at all")
  func file() throws {
    let users = Users()
    let path = "/data/users.acl"
    func load(_ text: String) throws(UsersFile.Malformed) {
      let text = bytes(text)
      _ = try users.load(text.span.raw, path)
    }
    func lines() -> [String] { users.lines(ofAll: true).map { String(decoding: $0, as: UTF8.self) } }
    let standard = "user default on nopass ~* &* +@all"
    let end = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed"
    try load("user a on +get ~x\n\nuser b off (+get ~x)\r\n")
    let good = [
      "user a on ~x resetchannels -@all +get", "user b off resetchannels -@all (~x resetchannels -@all +get)",
      standard,
    ]
    #expect(lines() == good)
    for (text, problem) in [
      ("user a on\nuser b bogus\n", "\(path):2: Syntax error. "),
      ("usr a\n", "\(path):1 should start with user keyword followed by the username. "),
      ("user\n", "\(path):1 should start with user keyword followed by the username. "),
      ("user a on\nuser a off\n", "WARNING: Duplicate user 'a' found on line 2. "),
      ("user a (+get\n", "\(path):1: Unmatched parenthesis in selector. "),
      (
        "# comment\nuser a x\n",
        "\(path):1 should start with user keyword followed by the username. \(path):2: Syntax error. "
      ),
    ] {
      let error = #expect(throws: UsersFile.Malformed.self) { try load(text) }
      #expect(error?.description == problem + end)
      #expect(lines() == good)
    }
    let found = find("a", users)
    let a = try #require(found)
    try load("user c on nopass\nuser default off\n")
    #expect(lines() == ["user c on nopass resetchannels -@all", "user default off resetchannels -@all"])
    #expect(a.isRemoved)
    #expect(!users.isOpen)
    try load("")
    #expect(lines() == [standard])
    #expect(users.isOpen)
  }

  @Test("Users of the settings come back when the file has no word of them")
  func settings() throws {
    let users = Users([
      Credential(name: bytes("default"), password: bytes("pw"))!,
      Credential(name: bytes("ada"), password: bytes("x"))!,
    ])
    let text = bytes("user default on nopass ~* &* +@all\nuser ada off\n")
    _ = try users.load(text.span.raw, "users.acl")
    #expect(users.isOpen)
    #expect(users.lines(ofAll: false).count == 2)
    // What the settings say doesn't touch whom the file defines.
    users.replace(by: [])
    #expect(users.isOpen)
    users.replace(by: [Credential(name: bytes("default"), password: bytes("pw"))!])
    _ = try users.load(RawSpan(), "users.acl")
    #expect(!users.isOpen)
    #expect(users.lines(ofAll: false).isEmpty)
    let password = bytes("pw")
    let user = users.authenticate(password.span.raw)
    #expect(user?.name == "default")
    let ada = find("ada", users)
    #expect(ada == nil)
  }
}
