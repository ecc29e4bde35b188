// docs/REDIS.md, whose tables of commands are made of the declarations; and the declarations compared with what Valkey says
// of its commands.
//
// `Tests/write-reference` writes the tables: it runs the first test below with MARTLET_WRITE_REFERENCE set.
import Foundation
import Martlet
import Testing

/// The part of docs/REDIS.md that is made of the declarations.
enum RedisReference {
  static let file = CommandFacts.root.appending(path: "docs/REDIS.md")
  static let beginning = "<!-- Tests/write-reference writes what follows. -->\n"
  static let end = "<!-- Tests/write-reference has written this. -->\n"

  private static let titles = [
    "string": "Strings", "hash": "Hashes", "list": "Lists", "set": "Sets", "sorted-set": "Sorted sets",
    "bitmap": "Bitmaps", "hyperloglog": "HyperLogLog", "geo": "Geo", "generic": "Generic",
    "transactions": "Transactions",
    "pubsub": "Publish/subscribe", "connection": "Connection", "server": "Server", "scripting": "Scripting",
    "stream": "Streams", "cluster": "Cluster",
  ]
  private static let groups = [
    "string", "hash", "list", "set", "sorted-set", "bitmap", "hyperloglog", "geo", "generic", "transactions",
    "pubsub",
    "connection", "server", "scripting", "stream", "cluster",
  ]

  static var text: String {
    let declared = Dictionary(uniqueKeysWithValues: CommandDeclaration.all.map { ($0.name, $0) })
    let facts = CommandFacts.all.filter(\.isInValkey8)
    let there = facts.filter { declared[$0.name] != nil }
    let leftOut = facts.filter { declared[$0.name] == nil && $0.reasonToLeaveOut != nil }
    var text = """
      Valkey 8 has \(facts.count) commands, subcommands counted. Of these \(there.count) are there, \
      and \(leftOut.count) are not part of this.

      """
    for group in groups {
      let members = facts.filter { $0.group == group }
      text += "\n### \(titles[group] ?? group)\n\n| command | state | what it does |\n| --- | --- | --- |\n"
      for member in members {
        if let declaration = declared[member.name] {
          text += "| `\(member.name)` | there | \(declaration.summary) |\n"
        } else if let reason = member.reasonToLeaveOut {
          text += "| `\(member.name)` | not part of this | \(reason) |\n"
        } else {
          preconditionFailure("\(member.name) is neither there nor left out for a reason")
        }
      }
    }
    let known = Set(facts.map(\.name))
    let further = CommandDeclaration.all.filter { !known.contains($0.name) }
    text +=
      "\n### Commands that Valkey 8 doesn't have\n\n| command | from | what it does |\n| --- | --- | --- |\n"
    for declaration in further {
      let newer = CommandFacts.all.first { $0.name == declaration.name }
      let source =
        newer.map { "Valkey \($0.since)" }
        ?? (declaration.since == CommandDeclaration.own ? "Martlet" : "Redis \(declaration.since)")
      text += "| `\(declaration.name)` | \(source) | \(declaration.summary) |\n"
    }
    return text + "\n"
  }
}

@Suite("The reference of Redis's commands")
struct RedisReferenceTests {
  @Test("docs/REDIS.md has the tables that the declarations give")
  func page() throws {
    let page = try String(contentsOf: RedisReference.file, encoding: .utf8)
    let parts = page.components(separatedBy: RedisReference.beginning)
    try #require(parts.count == 2, "the page has no place for the tables")
    let rest = parts[1].components(separatedBy: RedisReference.end)
    try #require(rest.count == 2, "the page has no end of the tables")
    let right =
      parts[0] + RedisReference.beginning + "\n" + RedisReference.text + RedisReference.end + rest[1]
    if ProcessInfo.processInfo.environment["MARTLET_WRITE_REFERENCE"] != nil {
      try right.write(to: RedisReference.file, atomically: true, encoding: .utf8)
    } else {
      #expect(page == right, "the tables are out of date: run Tests/write-reference")
    }
  }

  @Test("The facts are all read")
  func facts() {
    #expect(CommandFacts.all.count == 399)
    #expect(CommandFacts.all.first { $0.name == "COPY" }?.keys == ["RO access @1 0/1", "OW update @2 0/1"])
  }

  /// Where Redis 7.0.15 and Valkey 9.1.2 differ, and Martlet does as Redis.
  private static let arityAsRedis = ["COMMAND GETKEYS": -4, "COMMAND GETKEYSANDFLAGS": -4]
  /// The flags of commands that may not be queued in Valkey: in Redis they may be sent, and are refused.
  private static let otherFlags: [String: Set<String>] = ["MULTI": ["fast"], "WATCH": ["fast"]]

  @Test("The declarations say what Valkey says", arguments: CommandFacts.all.map(\.name))
  func equalToValkey(_ name: String) throws {
    guard let declaration = CommandDeclaration.all.first(where: { $0.name == name }) else { return }
    let facts = try #require(CommandFacts.all.first { $0.name == name })
    #expect(declaration.group.rawValue == facts.group)
    #expect(declaration.arity == Self.arityAsRedis[name] ?? facts.arity)
    #expect(Set(declaration.categories) == facts.categories)
    #expect(declaration.keySpecifications.map(\.description) == facts.keys)
    #expect(declaration.keys.first == facts.first)
    #expect(declaration.keys.last == facts.last)
    #expect(declaration.keys.step == facts.step)
    #expect(
      declaration.flags.description
        == (Self.otherFlags[name] ?? facts.flags).subtracting(["blocking"]).sorted().joined(separator: " "))
  }
}

extension CommandDeclaration.Flags {
  /// Redis's names of those flags that it knows.
  fileprivate var description: String {
    let names: [(CommandDeclaration.Flags, String)] = [
      (.admin, "admin"), (.denyOOM, "denyoom"), (.fast, "fast"), (.movableKeys, "movablekeys"),
      (.noAuth, "no_auth"), (.noMulti, "no_multi"), (.readOnly, "readonly"), (.write, "write"),
    ]
    return names.filter { contains($0.0) }.map(\.1).joined(separator: " ")
  }
}

extension KeySpecification {
  /// As docs/valkey-commands.tsv has it.
  fileprivate var description: String {
    let begin =
      switch start {
      case .position(let position): "@\(position)"
      case .keyword(let word, let from): "\(word)@\(from)"
      case .unknown: "?"
      }
    let end =
      switch extent {
      case .range(let last, let step): " \(last)/\(step)"
      case .counted(let first, let step): " #\(first)/\(step)"
      case .unknown: ""
      }
    return flags.joined(separator: " ") + " " + begin + end
  }
}
