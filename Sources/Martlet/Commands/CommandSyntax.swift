// Reads the one-line syntax of a command declaration into the tree of arguments that `COMMAND DOCS` returns.

/// An argument of a command, as `COMMAND DOCS` describes it.
package struct CommandArgument: Equatable {
  /// Redis's names of the kinds.
  package enum Kind: String {
    case string, integer, key, pattern
    case unixTime = "unix-time"
    /// A word that stands for itself.
    case token = "pure-token"
    case oneOf = "oneof"
    case block
  }

  package var name: String
  package var kind: Kind
  /// The word before the value, as EX is before its seconds, or the word itself.
  package var token: String?
  package var isOptional = false
  package var isRepeated = false
  /// The choices of a `oneof`, the parts of a block.
  package var parts: [CommandArgument] = []
}

package enum CommandSyntax {
  /// The arguments that a syntax line describes. Lines are ours, so an ill-formed one is a bug.
  package static func parse(_ syntax: String) -> [CommandArgument] {
    var tokens = tokenize(syntax)[...]
    let arguments = sequence(&tokens)
    precondition(tokens.isEmpty, "unbalanced brackets in \(syntax)")
    return arguments
  }

  private static func tokenize(_ syntax: String) -> [String] {
    var tokens: [String] = []
    var word = ""
    for character in syntax {
      if character == " " || "[]<>|".contains(character) {
        if !word.isEmpty { tokens.append(word) }
        word = ""
        if character != " " { tokens.append(String(character)) }
      } else {
        word.append(character)
      }
    }
    if !word.isEmpty { tokens.append(word) }
    return tokens
  }

  /// Arguments up to a closing bracket, a bar, or the end.
  private static func sequence(_ tokens: inout ArraySlice<String>) -> [CommandArgument] {
    var arguments: [CommandArgument] = []
    while let token = tokens.first, token != "]", token != ">", token != "|" {
      tokens.removeFirst()
      switch token {
      case "[", "<":
        var inner = choice(&tokens)
        precondition(tokens.first == (token == "[" ? "]" : ">"))
        tokens.removeFirst()
        inner.isOptional = token == "["
        // `key [key ...]` is one key that may be repeated.
        if inner.isRepeated, inner.isOptional, isRepetition(inner, of: arguments) {
          mergeRepetition(inner, into: &arguments)
        } else {
          arguments.append(inner)
        }
      case "...": arguments[arguments.count - 1].isRepeated = true
      default: arguments.append(word(token, &tokens))
      }
    }
    return arguments
  }

  /// Alternatives between bars, as one argument.
  private static func choice(_ tokens: inout ArraySlice<String>) -> CommandArgument {
    var alternatives = [group(sequence(&tokens))]
    while tokens.first == "|" {
      tokens.removeFirst()
      alternatives.append(group(sequence(&tokens)))
    }
    if alternatives.count == 1 { return alternatives[0] }
    return CommandArgument(name: alternatives[0].name, kind: .oneOf, parts: alternatives)
  }

  /// Several arguments in a row as one.
  private static func group(_ arguments: [CommandArgument]) -> CommandArgument {
    if arguments.count == 1 { return arguments[0] }
    let isRepeated = arguments.last?.isRepeated ?? false
    var parts = arguments
    if isRepeated { parts[parts.count - 1].isRepeated = false }
    return CommandArgument(
      name: arguments.first?.name ?? "", kind: .block, isRepeated: isRepeated, parts: parts)
  }

  private static func word(_ token: String, _ tokens: inout ArraySlice<String>) -> CommandArgument {
    guard token.utf8.allSatisfy({ $0 < UInt8(ascii: "a") || $0 > UInt8(ascii: "z") }) else {
      return CommandArgument(name: token, kind: kind(token))
    }
    // A word in capitals belongs to the value behind it.
    if let next = tokens.first, !"[]<>|".contains(next), next != next.uppercased() {
      tokens.removeFirst()
      return CommandArgument(name: next, kind: kind(next), token: token)
    }
    return CommandArgument(name: token.lowercased(), kind: .token, token: token)
  }

  private static func kind(_ name: String) -> CommandArgument.Kind {
    switch name {
    case "key", "newkey", "source", "destination": .key
    case "pattern": .pattern
    case "seconds", "milliseconds", "count", "increment", "decrement", "offset", "start", "end", "cursor",
      "index",
      "destination-db", "protover", "numlocal", "numreplicas", "timeout", "flags",
      "stop", "numkeys", "rank", "num-matches", "len", "client-id":
      .integer
    case "unix-time-seconds", "unix-time-milliseconds": .unixTime
    default: .string
    }
  }

  /// Whether an optional repeated argument repeats the last ones before it.
  private static func isRepetition(_ inner: CommandArgument, of arguments: [CommandArgument]) -> Bool {
    let names = inner.kind == .block ? inner.parts.map(\.name) : [inner.name]
    return arguments.suffix(names.count).map(\.name) == names
  }

  private static func mergeRepetition(_ inner: CommandArgument, into arguments: inout [CommandArgument]) {
    if inner.kind != .block {
      arguments[arguments.count - 1].isRepeated = true
      return
    }
    arguments.removeLast(inner.parts.count)
    var block = inner
    block.isOptional = false
    arguments.append(block)
  }
}
