// Commands as rules of access name them. The room knows no command: whoever makes users hands over the vocabulary.

/// A set of commands, by their numbers in a vocabulary.
package struct CommandSet: Sendable, Equatable {
  private var words: [UInt64]

  /// A set of none, or of all, of so many commands.
  package init(count: Int, containsAll: Bool = false) {
    words = Array(repeating: 0, count: (count + 63) / 64)
    if containsAll { for number in 0..<count { insert(number) } }
  }

  package func contains(_ number: Int) -> Bool { words[number / 64] >> UInt64(number % 64) & 1 == 1 }

  package mutating func insert(_ number: Int) { words[number / 64] |= 1 << UInt64(number % 64) }

  package mutating func remove(_ number: Int) { words[number / 64] &= ~(1 << UInt64(number % 64)) }

  mutating func formUnion(_ other: CommandSet) {
    for index in words.indices { words[index] |= other.words[index] }
  }

  mutating func subtract(_ other: CommandSet) {
    for index in words.indices { words[index] &= ~other.words[index] }
  }
}

/// The names that rules can have, and the commands that they stand for.
package struct CommandVocabulary: Sendable {
  /// What commands are called, by number: `get`, `config|get`.
  let numbers: [String: Int]
  let count: Int
  /// The commands of each category, by its name without the `@`.
  let categories: [String: CommandSet]
  /// By a command's number, those of its subcommands.
  let subcommands: [Int: [Int]]
  /// All of them.
  let all: CommandSet

  /// - Parameters:
  ///   - names: what commands are called, subcommands with a bar: `config|get`.
  ///   - categories: the commands of each category, by its name without the `@`.
  package init(_ names: [String], categories: [String: CommandSet]) {
    count = names.count
    numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    self.categories = categories
    var subcommands: [Int: [Int]] = [:]
    for (number, name) in names.enumerated() {
      guard let bar = name.firstIndex(of: "|"), let parent = numbers[String(name[..<bar])] else { continue }
      subcommands[parent, default: []].append(number)
    }
    self.subcommands = subcommands
    all = CommandSet(count: names.count, containsAll: true)
  }
}
