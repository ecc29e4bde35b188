// What Tab offers: names of commands, of subcommands, and the topics of help.
import Martlet

extension CommandCatalog {
  /// The lines that this line may become, best first; none if there is nothing to complete.
  public func completions(of line: String) -> [String] {
    let input = InputWords(of: line.utf8)
    guard input.problem == nil, !line.contains(where: { $0 == "\"" || $0 == "'" }) else { return [] }
    let words = input.texts
    let typed = input.lastIsUnfinished ? words.last ?? "" : ""
    let before = input.lastIsUnfinished ? words.dropLast() : words[...]
    let kept = String(line.dropLast(typed.count))
    return candidates(after: Array(before), typed: typed).map { kept + Self.inCase(of: typed, $0) }
  }

  private func candidates(after words: [String], typed: String) -> [String] {
    let capitals = typed.uppercased()
    switch words.count {
    case 0:
      guard !typed.isEmpty else { return [] }
      return firstWords.filter { $0.hasPrefix(capitals) }
        + Self.builtIns.filter { $0.hasPrefix(typed.lowercased()) && declaration(named: $0) == nil }
    case 1 where words[0].lowercased() == "help":
      let groups = self.groups.map { "@" + $0.rawValue }
      return (firstWords + groups).filter { $0.uppercased().hasPrefix(capitals) }
    case 1:
      return subcommands(of: words[0]).filter { $0.hasPrefix(capitals) }
    case 2 where words[0].lowercased() == "help":
      return subcommands(of: words[1]).filter { $0.hasPrefix(capitals) }
    default:
      return []
    }
  }

  /// Who begins in small letters goes on in small letters.
  private static func inCase(of typed: String, _ candidate: String) -> String {
    typed.first?.isLowercase == true ? candidate.lowercased() : candidate
  }
}
