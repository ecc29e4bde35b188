// The texts of `help`, `help COMMAND` and `help @group` at the prompt.
import Martlet

extension CommandCatalog {
  /// The groups that commands belong to, in the order of the reference.
  var groups: [CommandDeclaration.Group] {
    CommandDeclaration.Group.allCases.filter { group in declarations.contains { $0.group == group } }
  }

  /// The answer to `help` with these words behind it.
  public func help(_ topic: [String]) -> String {
    guard let first = topic.first else { return overview }
    if first.hasPrefix("@") { return help(group: String(first.dropFirst())) }
    if let (declaration, _) = command(at: topic) {
      let subcommands = topic.count == 1 ? self.subcommands(of: first) : []
      return describe(declaration) + (subcommands.isEmpty ? "" : "\n" + list(subcommands, of: first))
    }
    let subcommands = self.subcommands(of: first)
    if topic.count == 1, !subcommands.isEmpty { return list(subcommands, of: first) }
    return
      "There is no command \(VisibleText.quoted(topic.joined(separator: " ").utf8)). Type \"help\" for a list "
      + "of groups."
  }

  private var overview: String {
    let groups = self.groups.map { "@" + $0.rawValue }.joined(separator: ", ")
    return """
      Type a command and press Enter, for instance: SET Hello World
      Words are separated by spaces; "two words" and "line\\n" need quotes.

        help SET       what a command does, and its arguments
        help @string   the commands of a group; there are: \(groups)
        clear          clears the screen
        quit           ends (also: exit, Ctrl-D)

      Tab completes; the grey text shows the arguments to come; Up and Ctrl-R find
      earlier lines.
      """
  }

  private func describe(_ declaration: CommandDeclaration) -> String {
    let syntax = declaration.syntax.isEmpty ? "" : " " + declaration.syntax
    return """
      \(declaration.name)\(syntax)
        \(declaration.summary)
        complexity: \(declaration.complexity)
        since: \(declaration.since)
        group: \(declaration.group.rawValue)
      """
  }

  private func list(_ subcommands: [String], of name: String) -> String {
    lines(of: subcommands.compactMap { declaration(named: "\(name) \($0)") })
  }

  private func help(group name: String) -> String {
    guard let group = CommandDeclaration.Group(rawValue: name.lowercased()) else {
      return "There is no group @\(name). There are: "
        + groups.map { "@" + $0.rawValue }.joined(separator: ", ")
    }
    return lines(of: declarations.filter { $0.group == group })
  }

  /// One line a command: its name and what it does.
  private func lines(of declarations: [CommandDeclaration]) -> String {
    let width = declarations.map(\.name.count).max() ?? 0
    return declarations.map { declaration in
      "  " + declaration.name + String(repeating: " ", count: width - declaration.name.count + 2)
        + declaration.summary
    }.joined(separator: "\n")
  }
}
