// Commands about who the clients are.

internal let accessCommands: [CommandDeclaration] = [
  .init(
    "ACL", arity: -2, [], .server, since: "6.0.0", "Depends on the subcommand", "",
    "Commands about users."),
  .init(
    "ACL WHOAMI", arity: 2, [], .server, since: "6.0.0", "O(1)", "",
    "Returns the name of the user that the connection is."),
]

extension Execution {
  mutating func acl(_ words: borrowing Words, _ session: SessionState) {
    switch subcommand(words, session) {
    case "ACL WHOAMI": reply.bulk(session.user?.name ?? Users.defaultName)
    default: break
    }
  }
}
