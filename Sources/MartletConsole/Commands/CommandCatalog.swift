// The declared commands, as the prompt looks them up: by the words typed so far.
public import Martlet

/// The commands that the prompt knows.
public struct CommandCatalog: Sendable {
  /// Sorted by name.
  let declarations: [CommandDeclaration]
  private let byName: [String: Int]

  /// Words that the prompt itself understands.
  public static let builtIns = ["clear", "exit", "help", "quit"]

  public init(_ declarations: [CommandDeclaration] = CommandDeclaration.all) {
    let sorted = declarations.sorted { $0.name < $1.name }
    self.declarations = sorted
    byName = Dictionary(sorted.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  func declaration(named name: String) -> CommandDeclaration? {
    byName[name.uppercased()].map { declarations[$0] }
  }

  /// The command that words begin with, and how many of them are its name.
  func command(at words: [String]) -> (declaration: CommandDeclaration, nameLength: Int)? {
    if words.count > 1, let found = declaration(named: "\(words[0]) \(words[1])") { return (found, 2) }
    guard let first = words.first, let found = declaration(named: first) else { return nil }
    return (found, 1)
  }

  /// The second words of the commands whose first word this is, sorted.
  func subcommands(of name: String) -> [String] {
    let start = name.uppercased() + " "
    return declarations.compactMap {
      $0.name.hasPrefix(start) ? String($0.name.dropFirst(start.count)) : nil
    }
  }

  /// The first words of all commands, each once, sorted.
  var firstWords: [String] {
    var words: [String] = []
    for declaration in declarations {
      let word = String(declaration.name.prefix { $0 != " " })
      if words.last != word { words.append(word) }
    }
    return words
  }

  /// Whether a line may hold a secret, and must neither be kept nor shown again. In doubt it does.
  public func mayHoldSecret(_ line: String) -> Bool {
    let words = InputWords(of: line.utf8).texts
    if let (declaration, _) = command(at: words), declaration.flags.contains(.sensitive) { return true }
    return words.contains { word in
      let word = word.lowercased()
      return word == "auth" || word == "auth2" || word == "masterauth" || word.hasSuffix("pass")
        || word.contains("password")
    } || words.first?.uppercased() == "ACL"
  }
}
