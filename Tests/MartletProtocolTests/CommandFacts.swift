// What Valkey says of its commands, from docs/valkey-commands.tsv.
import Foundation

/// One command of Valkey 9.1.2, as its COMMAND and COMMAND DOCS say.
struct CommandFacts {
  let name: String
  let group: String
  /// The version that introduced it.
  let since: String
  let arity: Int
  let flags: Set<String>
  let first: Int
  let last: Int
  let step: Int
  let categories: Set<String>
  let keys: [String]

  /// The folder that holds the package.
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// All of them, by group and name.
  static let all: [CommandFacts] = {
    let file = root.appending(path: "docs/valkey-commands.tsv")
    guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
    return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap { CommandFacts(String($0)) }
  }()

  private init?(_ line: String) {
    let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    guard fields.count == 10, let arity = Int(fields[3]), let first = Int(fields[5]),
      let last = Int(fields[6]),
      let step = Int(fields[7])
    else { return nil }
    func words(_ field: String) -> Set<String> { Set(field.split(separator: " ").map(String.init)) }
    name = fields[0]
    group = fields[1]
    since = fields[2]
    self.arity = arity
    flags = words(fields[4])
    self.first = first
    self.last = last
    self.step = step
    categories = words(fields[8])
    keys = fields[9].isEmpty ? [] : fields[9].components(separatedBy: "; ")
  }

  /// Whether Valkey 8.0 has it.
  var isInValkey8: Bool {
    let numbers = since.split(separator: ".").compactMap { Int($0) }
    return numbers.lexicographicallyPrecedes([8, 1])
  }

  /// Why Martlet is not to have it; nil if it is.
  var reasonToLeaveOut: String? {
    let container = name.split(separator: " ").first.map(String.init) ?? name
    switch group {
    case "cluster": return "clusters"
    case "scripting": return "scripting"
    case "stream": return "streams"
    default: break
    }
    switch container {
    case "MODULE": return "modules"
    case "FAILOVER", "PSYNC", "REPLCONF", "REPLICAOF", "SLAVEOF", "SYNC", "MIGRATE", "RESTORE-ASKING":
      return "replication and clusters"
    case "PFDEBUG", "PFSELFTEST": return "Valkey's own tests"
    case "LOLWUT": return "a toy"
    case "COMMANDLOG": return "newer than Valkey 8"
    default: return nil
    }
  }
}
