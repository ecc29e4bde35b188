// What the prompt shows in grey behind the cursor: the arguments that are still to come.
import Martlet

extension CommandCatalog {
  /// The arguments still to come behind a line, with a space before them if the line needs one; empty if there is
  /// nothing to say.
  public func hint(for line: String) -> String {
    let input = InputWords(of: line.utf8)
    guard input.problem != .textAfterQuote else { return "" }
    let words = input.texts
    let text = remainingSyntax(words)
    return text.isEmpty || !input.lastIsUnfinished ? text : " " + text
  }

  private func remainingSyntax(_ words: [String]) -> String {
    guard let first = words.first else { return "" }
    let subcommands = self.subcommands(of: first)
    if words.count == 1, !subcommands.isEmpty { return subcommands.joined(separator: " | ") }
    guard let (declaration, nameLength) = command(at: words) else { return "" }
    if nameLength == 1, !subcommands.isEmpty { return "" }
    return Syntax(declaration.syntax).remainder(after: words.dropFirst(nameLength))?.text ?? ""
  }
}
