// Completion, hints, help, and what counts as a secret.
import MartletConsole
import Testing

struct CompletionTests {
  @Test(arguments: [
    ("g", ["get"]),
    ("G", ["GET"]),
    ("S", ["SCAN", "SET"]),
    ("cl", ["client", "clear"]),
    ("CLIENT ", ["CLIENT GETNAME", "CLIENT LIST", "CLIENT SETNAME"]),
    ("client s", ["client setname"]),
    ("help m", ["help move", "help mset"]),
    ("help @s", ["help @set", "help @string"]),
    ("help client l", ["help client list"]),
    ("qu", ["quit"]),
    ("", []),
    ("GET k", []),
    ("nosuch", []),
    (#"SET "a"#, []),
  ])
  func namesAreCompletedInTheCaseTheyWereBegun(line: String, completions: [String]) {
    #expect(sampleCatalog.completions(of: line) == completions)
  }
}

struct HintTests {
  @Test(arguments: [
    ("", ""),
    ("GE", ""),
    ("GET", " key"),
    ("get ", "key"),
    ("GET k", ""),
    ("GET k more", ""),
    ("SET k", " value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]"),
    ("SET k v ", "[NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]"),
    ("SET k v ex", " seconds [NX | XX] [GET]"),
    ("SET k v EX 60 ", "[NX | XX] [GET]"),
    ("SET k v EX 60 NX GET ", ""),
    ("SET k v KEEPTTL ", "[NX | XX] [GET]"),
    ("SET k v NONSENSE ", ""),
    (#"SET "a b" "#, "value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]"),
    (#"SET k "two wo"#, " [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]"),
    ("DEL a b c ", "[key ...]"),
    ("MSET a 1 b ", "value [key value ...]"),
    ("ZADD z ", "[NX | XX] [CH] score member [score member ...]"),
    ("ZADD z CH ", "[NX | XX] score member [score member ...]"),
    ("ZADD z 1 ", "member [score member ...]"),
    ("MOVE k ", "<BEFORE | AFTER> pivot"),
    ("MOVE k before ", "pivot"),
    ("PING hi", ""),
    ("CLIENT", " GETNAME | LIST | SETNAME"),
    ("CLIENT SETNAME ", "connection-name"),
    ("client list type ", "<NORMAL | MASTER> [ID client-id [client-id ...]]"),
    ("client list id 1 ", "[client-id ...] [TYPE <NORMAL | MASTER>]"),
    ("CLIENT NOSUCH ", ""),
  ])
  func theArgumentsStillToComeAreShown(line: String, hint: String) {
    #expect(sampleCatalog.hint(for: line) == hint)
  }

  @Test(arguments: ["[a", "a]", "<a | [b ...", "...", "| |", "[...] <", "a ... ..."])
  func aMalformedSyntaxIsNoReasonToStop(syntax: String) {
    let catalog = CommandCatalog([.init(named: "X", syntax: syntax)])
    for line in ["X", "X ", "X a", "X a b c "] { _ = catalog.hint(for: line) }
  }
}

struct HelpTests {
  @Test func aCommandIsExplained() {
    let help = sampleCatalog.help(["set"])
    #expect(help.hasPrefix("SET key value [NX | XX]"))
    #expect(help.contains("Sets the string value of a key."))
    #expect(help.contains("complexity: O(1)"))
  }

  @Test func aContainerListsItsSubcommands() {
    let help = sampleCatalog.help(["CLIENT"])
    #expect(help.contains("CLIENT GETNAME"))
    #expect(help.contains("CLIENT SETNAME"))
  }

  @Test func aSubcommandIsExplained() {
    #expect(sampleCatalog.help(["client", "setname"]).hasPrefix("CLIENT SETNAME connection-name"))
  }

  @Test func aGroupListsItsCommandsOnly() {
    let help = sampleCatalog.help(["@string"])
    #expect(help.contains("MSET"))
    #expect(!help.contains("CLIENT"))
  }

  @Test func unknownTopicsSayWhatThereIs() {
    #expect(sampleCatalog.help(["@nosuch"]).contains("@string"))
    #expect(sampleCatalog.help(["nosuch"]).contains("nosuch"))
    #expect(sampleCatalog.help([]).contains("@connection"))
  }
}

struct SecretTests {
  @Test(arguments: [
    "AUTH pw", "auth ada pw", "HELLO 3 AUTH ada pw", #"HELLO 3 "AUTH" ada pw"#, "CONFIG SET requirepass pw",
    "config set masterauth pw", "ACL SETUSER ada >pw", "MIGRATE h 1 k 0 9 AUTH2 u p", #"AUTH "unclosed"#,
    "SET password x",
  ])
  func linesThatMayHoldASecretAreRecognised(line: String) {
    #expect(sampleCatalog.mayHoldSecret(line))
  }

  @Test(arguments: ["GET key", "SET Hello World", "SADD authors ada", "SET passenger 1"])
  func ordinaryLinesAreNot(line: String) {
    #expect(!sampleCatalog.mayHoldSecret(line))
  }
}
