// What the line looks like on the screen. A line that is wider than the terminal is shown in part, around the cursor,
// so that it always takes one row and no row before it must be repainted.

public enum LineRenderer {
  /// The bytes that draw the line over the current row and leave the cursor where it belongs.
  ///
  /// - Parameters:
  ///   - hint: shown in grey behind the line, if there is room and the cursor is at the end.
  ///   - columns: the terminal's width.
  public static func render(_ editor: LineEditor, prompt: String, hint: String, columns: Int) -> String {
    let prompt = Array(editor.search.map(searchPrompt) ?? prompt)
    let promptWidth = prompt.displayWidth
    // The last column stays empty: a cursor behind it would wrap on some terminals.
    let room = max(1, columns - promptWidth - 1)
    let characters = editor.characters.map(visible)

    var start = 0
    var widthToCursor = characters[..<editor.cursor].displayWidth
    while widthToCursor > room, start < editor.cursor {
      widthToCursor -= characters[start].displayWidth
      start += 1
    }
    let shown = fitting(characters[start...], in: room)
    let isAtEnd = editor.cursor == characters.count && editor.search == nil
    let shownHint = isAtEnd ? fitting(Array(hint)[...], in: room - shown.displayWidth) : []

    var screen = "\r" + String(prompt) + String(shown)
    if !shownHint.isEmpty { screen += "\u{1B}[90m" + String(shownHint) + "\u{1B}[0m" }
    screen += "\u{1B}[K\r"
    let column = promptWidth + widthToCursor
    if column > 0 { screen += "\u{1B}[\(column)C" }
    return screen
  }

  private static func searchPrompt(_ search: LineEditor.Search) -> String {
    (search.hasFailed ? "(no earlier line has) `" : "(search) `") + search.query + "': "
  }

  /// As many of the characters as fit.
  private static func fitting(_ characters: ArraySlice<Character>, in room: Int) -> [Character] {
    var width = 0
    return Array(
      characters.prefix { character in
        width += character.displayWidth
        return width <= room
      })
  }

  /// Stands for what must not reach the terminal.
  private static func visible(_ character: Character) -> Character {
    guard let first = character.unicodeScalars.first else { return character }
    return first.properties.generalCategory == .control ? "\u{FFFD}" : character
  }
}
