// Reads the syntax of a command's declaration (`key value [NX | XX] [EX seconds | PX milliseconds]`), so that the
// prompt can tell which of it was typed and what is still to come.

/// The arguments of a command as a sequence of nodes.
struct Syntax: Sendable, Equatable {
  enum Node: Sendable, Equatable {
    /// A word that stands for itself: `NX`.
    case literal(String)
    /// A word that stands for a value: `seconds`.
    case value(String)
    /// What may be left out: one of these alternatives.
    case optional([[Node]], repeats: Bool)
    /// One of these alternatives is needed.
    case choice([[Node]], repeats: Bool)
  }

  var nodes: [Node]

  init(_ text: String) {
    var tokens = Self.tokens(text)[...]
    let (alternatives, _) = Self.readAlternatives(&tokens, until: nil)
    // A `|` outside of brackets chooses between the whole sequences.
    nodes = alternatives.count == 1 ? alternatives[0] : [.choice(alternatives, repeats: false)]
  }

  private init(nodes: [Node]) {
    self.nodes = nodes
  }

  /// What is left to type behind these words; nil if they don't fit.
  func remainder(after words: some Sequence<String>) -> Syntax? {
    var rest = nodes
    for word in words {
      guard let next = Self.take(word, rest) else { return nil }
      rest = next
    }
    return Syntax(nodes: rest)
  }

  /// As a person reads it.
  var text: String { Self.text(nodes) }

  // MARK: - Matching

  /// What is left of the nodes once a word was matched; nil if it matches nowhere.
  private static func take(_ word: String, _ nodes: [Node]) -> [Node]? {
    // Options may come in any order: those that begin with their own name first.
    let options = nodes.prefix { if case .optional = $0 { true } else { false } }
    for index in options.indices {
      guard case .optional(let alternatives, let repeats) = nodes[index],
        let rest = take(word, from: alternatives, literally: true)
      else { continue }
      return rest + nodes[..<index] + (repeats ? [nodes[index]] : []) + nodes[(index + 1)...]
    }
    guard options.count < nodes.count else {
      for index in options.indices {
        guard case .optional(let alternatives, let repeats) = nodes[index],
          let rest = take(word, from: alternatives, literally: false)
        else { continue }
        return rest + (repeats ? [nodes[index]] : []) + nodes[(index + 1)...]
      }
      return nil
    }
    let after = Array(nodes[(options.count + 1)...])
    switch nodes[options.count] {
    case .literal(let literal):
      return literal.uppercased() == word.uppercased() ? after : nil
    case .value:
      return after
    case .choice(let alternatives, let repeats):
      let rest =
        take(word, from: alternatives, literally: true) ?? take(word, from: alternatives, literally: false)
      let again = repeats ? [Node.optional(alternatives, repeats: true)] : []
      return rest.map { $0 + again + after }
    case .optional:
      return nil
    }
  }

  private static func take(_ word: String, from alternatives: [[Node]], literally: Bool) -> [Node]? {
    for alternative in alternatives {
      switch alternative.first {
      case .literal(let literal) where literal.uppercased() == word.uppercased():
        return Array(alternative.dropFirst())
      case .value where !literally:
        return Array(alternative.dropFirst())
      case .choice where !literally, .optional where !literally:
        if let rest = take(word, alternative) { return rest }
      default:
        continue
      }
    }
    return nil
  }

  // MARK: - Reading and writing

  private static func tokens(_ text: String) -> [String] {
    var tokens: [String] = []
    for word in text.split(whereSeparator: \.isWhitespace) {
      var current = ""
      for character in word {
        if "[]<>()|".contains(character) {
          if !current.isEmpty { tokens.append(current) }
          tokens.append(String(character))
          current = ""
        } else {
          current.append(character)
        }
      }
      if !current.isEmpty { tokens.append(current) }
    }
    return tokens
  }

  /// Reads nodes up to the closing bracket, which it consumes. What doesn't fit together is read as far as it does:
  /// a hint is a help and no contract.
  ///
  /// - Returns: the alternatives, and whether `...` stood at the end, which repeats all of the bracket.
  private static func readAlternatives(
    _ tokens: inout ArraySlice<String>, until end: String?
  ) -> (alternatives: [[Node]], repeats: Bool) {
    var alternatives: [[Node]] = [[]]
    while let token = tokens.popFirst(), token != end {
      let last = alternatives.count - 1
      switch token {
      case "|":
        alternatives.append([])
      case "[":
        let (inner, repeats) = readAlternatives(&tokens, until: "]")
        alternatives[last].append(.optional(inner, repeats: repeats))
      case "<", "(":
        let (inner, repeats) = readAlternatives(&tokens, until: token == "<" ? ">" : ")")
        alternatives[last].append(.choice(inner, repeats: repeats))
      case "...":
        if end != nil, tokens.first == end {
          tokens.removeFirst()
          return (alternatives, true)
        }
        alternatives[last] = repeating(alternatives[last])
      case "]", ">", ")":
        continue
      default:
        alternatives[last].append(token.contains(where: \.isLowercase) ? .value(token) : .literal(token))
      }
    }
    return (alternatives, false)
  }

  /// `...` behind a bracket repeats that; behind a word, the word.
  private static func repeating(_ nodes: [Node]) -> [Node] {
    switch nodes.last {
    case .optional(let alternatives, _): nodes.dropLast() + [.optional(alternatives, repeats: true)]
    case .choice(let alternatives, _): nodes.dropLast() + [.choice(alternatives, repeats: true)]
    case .some(let node): nodes + [.optional([[node]], repeats: true)]
    case nil: []
    }
  }

  private static func text(_ nodes: [Node]) -> String {
    nodes.map { node in
      switch node {
      case .literal(let word), .value(let word): word
      case .optional(let alternatives, let repeats): "[" + text(alternatives, repeats) + "]"
      case .choice(let alternatives, let repeats): "<" + text(alternatives, repeats) + ">"
      }
    }.joined(separator: " ")
  }

  private static func text(_ alternatives: [[Node]], _ repeats: Bool) -> String {
    alternatives.map(text).joined(separator: " | ") + (repeats ? " ..." : "")
  }
}
