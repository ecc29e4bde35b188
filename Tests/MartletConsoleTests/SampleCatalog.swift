// A few declarations with every shape of syntax, so that these tests don't depend on which commands there are.
import Martlet
import MartletConsole

let sampleCatalog = CommandCatalog([
  sample("GET", .string, "key"),
  sample(
    "SET", .string, "key value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]",
    summary: "Sets the string value of a key."),
  sample("MSET", .string, "key value [key value ...]"),
  sample("DEL", .generic, "key [key ...]"),
  sample("SCAN", .generic, "cursor [MATCH pattern] [COUNT count]"),
  sample("ZADD", .set, "key [NX | XX] [CH] score member [score member ...]"),
  sample("MOVE", .set, "key <BEFORE | AFTER> pivot"),
  sample("PING", .connection, "[message]"),
  sample("AUTH", .connection, "[username] password", flags: .sensitive),
  sample("CLIENT", .connection, ""),
  sample("CLIENT GETNAME", .connection, ""),
  sample("CLIENT SETNAME", .connection, "connection-name"),
  sample("CLIENT LIST", .connection, "[TYPE <NORMAL | MASTER>] [ID client-id [client-id ...]]"),
])

private func sample(
  _ name: String, _ group: CommandDeclaration.Group, _ syntax: String, summary: String = "Does something.",
  flags: CommandDeclaration.Flags = []
) -> CommandDeclaration {
  CommandDeclaration(name, arity: -1, flags, group, since: "1.0.0", "O(1)", syntax, summary)
}

extension CommandDeclaration {
  /// A declaration of which only the syntax matters.
  init(named name: String, syntax: String) {
    self.init(name, arity: -1, [], .generic, since: "1.0.0", "O(1)", syntax, "")
  }
}
