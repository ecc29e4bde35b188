// The line editor of the prompt, as a state machine without I/O: keys go in, and it says what is to be done with the
// screen. What the line looks like is a separate question (LineRenderer).

/// A line being edited.
public struct LineEditor: Sendable {
  /// What is to be done after a key.
  public enum Outcome: Sendable, Hashable {
    /// The line may look different now.
    case redraw
    case clearScreen
    /// The key can't do anything here.
    case bell
    /// Enter: the line is done.
    case submit(String)
    /// Ctrl-C: the line is given up; it held this text.
    case interrupt(String)
    /// Ctrl-D on an empty line.
    case endOfInput
  }

  /// The search for an earlier line (Ctrl-R).
  public struct Search: Sendable, Hashable {
    public internal(set) var query = ""
    /// Where in the history the shown line is; nil while nothing was found.
    var found: Int?
    public internal(set) var hasFailed = false
    let textBefore: [Character]
    let cursorBefore: Int
  }

  /// A round through the possible completions (Tab).
  private struct Round: Sendable {
    let candidates: [String]
    let original: String
    /// Past the last candidate the original line stands again.
    var index: Int
  }

  public private(set) var characters: [Character] = []
  /// How many characters stand before the cursor.
  public private(set) var cursor = 0
  public private(set) var search: Search?

  private let history: [String]
  private let completions: @Sendable (String) -> [String]
  /// Where in the history the line comes from; `history.count` for the new line.
  private var historyIndex: Int
  /// The new line, kept while earlier ones are shown.
  private var draft: [Character] = []
  private var round: Round?
  private var killed: [Character] = []

  /// An empty line.
  ///
  /// - Parameters:
  ///   - history: earlier lines, oldest first.
  ///   - completions: the lines that a line may be completed to.
  public init(history: [String], completions: @escaping @Sendable (String) -> [String]) {
    self.history = history
    self.completions = completions
    historyIndex = history.count
  }

  public var text: String { String(characters) }

  public mutating func handle(_ key: Key) -> Outcome {
    if search != nil, let outcome = handleInSearch(key) { return outcome }
    if key != .tab { round = nil }
    switch key {
    case .text(let text): return insert(text)
    case .enter: return .submit(text)
    case .interrupt:
      cursor = characters.count
      return .interrupt(text)
    case .endOfInput: return characters.isEmpty ? .endOfInput : remove(from: cursor, to: cursor + 1)
    case .tab: return complete()
    case .escape, .abort: return .redraw
    case .left: return move(to: cursor - 1)
    case .right: return move(to: cursor + 1)
    case .wordLeft: return move(to: wordStart)
    case .wordRight: return move(to: wordEnd)
    case .home: return move(to: 0)
    case .end: return move(to: characters.count)
    case .up: return recall(historyIndex - 1)
    case .down: return recall(historyIndex + 1)
    case .backspace: return remove(from: cursor - 1, to: cursor)
    case .delete: return remove(from: cursor, to: cursor + 1)
    case .killToEnd: return kill(from: cursor, to: characters.count)
    case .killToStart: return kill(from: 0, to: cursor)
    case .killWord: return kill(from: wordStart, to: cursor)
    case .killNextWord: return kill(from: cursor, to: wordEnd)
    case .yank: return insert(String(killed))
    case .transpose: return transpose()
    case .clearScreen: return .clearScreen
    case .search: return beginSearch()
    }
  }
}

// MARK: - Editing

extension LineEditor {
  private mutating func insert(_ text: String) -> Outcome {
    // A combining mark joins the character before it, so the characters are counted anew.
    let before = Array(String(characters[..<cursor]) + text)
    characters = Array(String(before) + String(characters[cursor...]))
    cursor = min(before.count, characters.count)
    return .redraw
  }

  private mutating func move(to position: Int) -> Outcome {
    guard (0...characters.count).contains(position) else { return .bell }
    cursor = position
    return .redraw
  }

  private mutating func remove(from start: Int, to end: Int) -> Outcome {
    guard start >= 0, end <= characters.count else { return .bell }
    replace(with: Array(String(characters[..<start]) + String(characters[end...])), cursor: start)
    return .redraw
  }

  private mutating func kill(from start: Int, to end: Int) -> Outcome {
    if start < end { killed = Array(characters[start..<end]) }
    return remove(from: start, to: end)
  }

  /// Exchanges the characters around the cursor, or the last two at the line's end.
  private mutating func transpose() -> Outcome {
    guard cursor > 0, characters.count > 1 else { return .bell }
    let right = min(cursor, characters.count - 1)
    characters.swapAt(right - 1, right)
    cursor = right + 1
    return .redraw
  }

  private mutating func replace(with characters: [Character], cursor: Int? = nil) {
    self.characters = characters
    self.cursor = min(cursor ?? characters.count, characters.count)
  }

  /// Where the word begins that the cursor is in or behind.
  private var wordStart: Int {
    let head = characters[..<cursor]
    let word = head.lastIndex { !$0.isWhitespace } ?? 0
    return head[..<word].lastIndex(where: \.isWhitespace).map { $0 + 1 } ?? 0
  }

  /// Where the word ends that the cursor is in or before.
  private var wordEnd: Int {
    let tail = characters[cursor...]
    let word = tail.firstIndex { !$0.isWhitespace } ?? characters.count
    return tail[word...].firstIndex(where: \.isWhitespace) ?? characters.count
  }
}

// MARK: - History and completion

extension LineEditor {
  private mutating func recall(_ index: Int) -> Outcome {
    guard (0...history.count).contains(index) else { return .bell }
    if historyIndex == history.count { draft = characters }
    historyIndex = index
    replace(with: index == history.count ? draft : Array(history[index]))
    return .redraw
  }

  /// Completes the line, at its end only. With one candidate a space follows; with several each Tab shows the next,
  /// and the line as it was after the last.
  private mutating func complete() -> Outcome {
    if var round {
      round.index = (round.index + 1) % (round.candidates.count + 1)
      self.round = round
      let isOriginal = round.index == round.candidates.count
      replace(with: Array(isOriginal ? round.original : round.candidates[round.index]))
      return isOriginal ? .bell : .redraw
    }
    guard cursor == characters.count else { return .bell }
    let candidates = completions(text)
    guard let first = candidates.first else { return .bell }
    if candidates.count == 1 {
      replace(with: Array(first + " "))
    } else {
      round = Round(candidates: candidates, original: text, index: 0)
      replace(with: Array(first))
    }
    return .redraw
  }
}

// MARK: - Search

extension LineEditor {
  private mutating func beginSearch() -> Outcome {
    search = Search(textBefore: characters, cursorBefore: cursor)
    return .redraw
  }

  /// What a key means while searching; nil if it ends the search and then means what it always does.
  private mutating func handleInSearch(_ key: Key) -> Outcome? {
    guard let search else { return nil }
    switch key {
    case .text(let text):
      return find(search.query + text, before: (search.found ?? history.count - 1) + 1)
    case .backspace:
      return find(String(search.query.dropLast()), before: history.count)
    case .search:
      return find(search.query, before: search.found ?? history.count)
    case .abort, .interrupt:
      replace(with: search.textBefore, cursor: search.cursorBefore)
      self.search = nil
      return .redraw
    case .escape, .tab:
      self.search = nil
      return .redraw
    default:
      if let found = search.found { historyIndex = found }
      self.search = nil
      return nil
    }
  }

  /// Shows the last line before `end` that contains the query; the one shown stays if there is none.
  private mutating func find(_ query: String, before end: Int) -> Outcome {
    guard var search else { return .bell }
    search.query = query
    let index = query.isEmpty ? nil : history[..<end].lastIndex { Self.contains($0, query) }
    search.hasFailed = index == nil && !query.isEmpty
    if let index {
      search.found = index
      replace(with: Array(history[index]))
    }
    self.search = search
    return search.hasFailed ? .bell : .redraw
  }

  private static func contains(_ line: String, _ query: String) -> Bool {
    let line = Array(line.lowercased())
    let query = Array(query.lowercased())
    guard line.count >= query.count else { return false }
    return (0...(line.count - query.count)).contains { line[$0...].starts(with: query) }
  }
}
