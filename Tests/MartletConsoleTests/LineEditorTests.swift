// The line editor: keys in, the line and what is to be done out; keys from bytes; the line on the screen; history.
import MartletConsole
import Testing

private func editor(history: [String] = [], _ keys: Key...) -> LineEditor {
  var editor = LineEditor(history: history) { line in
    ["GET", "GETDEL", "SET"].filter { !line.isEmpty && $0.hasPrefix(line) }
  }
  for key in keys { _ = editor.handle(key) }
  return editor
}

/// The line with `|` where the cursor is.
private func shown(_ editor: LineEditor) -> String {
  String(editor.characters[..<editor.cursor]) + "|" + String(editor.characters[editor.cursor...])
}

struct EditingTests {
  @Test func textIsInsertedAtTheCursor() {
    #expect(shown(editor(.text("ac"), .left, .text("b"))) == "ab|c")
  }

  @Test func theCursorMovesByCharactersAndStopsAtTheEnds() {
    #expect(shown(editor(.text("größe👩‍👩‍👧"), .left, .left)) == "größ|e👩‍👩‍👧")
    var line = editor(.text("a"), .home)
    #expect(line.handle(.left) == .bell)
    #expect(shown(line) == "|a")
    #expect(line.handle(.end) == .redraw)
    #expect(line.handle(.right) == .bell)
  }

  @Test func aCombiningMarkJoinsTheCharacterBeforeIt() {
    let line = editor(.text("e"), .text("\u{301}"), .text("x"))
    #expect(line.characters.count == 2)
    #expect(shown(line) == "e\u{301}x|")
    #expect(shown(editor(.text("e"), .text("\u{301}"), .backspace)) == "|")
  }

  @Test func charactersAreRemovedOnBothSides() {
    #expect(shown(editor(.text("abc"), .left, .backspace)) == "a|c")
    #expect(shown(editor(.text("abc"), .home, .delete)) == "|bc")
    var line = editor(.text("a"))
    #expect(line.handle(.delete) == .bell)
  }

  @Test func wordsAreMovedOverAndKilled() {
    #expect(shown(editor(.text("one two  "), .wordLeft)) == "one |two  ")
    #expect(shown(editor(.text("one two"), .home, .wordRight)) == "one| two")
    #expect(shown(editor(.text("one two  "), .killWord)) == "one |")
    #expect(shown(editor(.text("one two"), .home, .killNextWord)) == "| two")
  }

  @Test func killedTextCanBeYanked() {
    #expect(shown(editor(.text("one two"), .killWord, .home, .yank)) == "two|one ")
    #expect(shown(editor(.text("abc"), .left, .killToStart, .end, .yank)) == "cab|")
    #expect(shown(editor(.text("abc"), .home, .right, .killToEnd)) == "a|")
  }

  @Test func charactersAroundTheCursorAreTransposed() {
    #expect(shown(editor(.text("abc"), .left, .transpose)) == "acb|")
    #expect(shown(editor(.text("abc"), .transpose)) == "acb|")
    var short = editor(.text("a"))
    #expect(short.handle(.transpose) == .bell)
  }

  @Test func enterSubmitsTheWholeLine() {
    var line = editor(.text("GET a"), .home)
    #expect(line.handle(.enter) == .submit("GET a"))
  }

  @Test func interruptGivesTheLineUpAndTellsWhatItHeld() {
    var line = editor(.text("GET a"), .home)
    #expect(line.handle(.interrupt) == .interrupt("GET a"))
    #expect(shown(line) == "GET a|")
    var empty = editor()
    #expect(empty.handle(.interrupt) == .interrupt(""))
  }

  @Test func endOfInputEndsOnAnEmptyLineAndDeletesOnAnother() {
    var empty = editor()
    #expect(empty.handle(.endOfInput) == .endOfInput)
    var line = editor(.text("ab"), .home)
    #expect(line.handle(.endOfInput) == .redraw)
    #expect(shown(line) == "|b")
  }
}

struct HistoryKeysTests {
  @Test func earlierLinesAreRecalledAndTheNewLineIsKept() {
    let history = ["one", "two"]
    #expect(shown(editor(history: history, .text("dr"), .up)) == "two|")
    #expect(shown(editor(history: history, .up, .up)) == "one|")
    #expect(shown(editor(history: history, .up, .up, .up)) == "one|")
    #expect(shown(editor(history: history, .text("dr"), .up, .up, .down, .down)) == "dr|")
    var line = editor(history: history)
    #expect(line.handle(.down) == .bell)
  }

  @Test func searchFindsTheNewestLineAndThenOlderOnes() {
    let history = ["SET a 1", "GET a", "SET b 2", "DEL x"]
    #expect(shown(editor(history: history, .search, .text("set"))) == "SET b 2|")
    #expect(shown(editor(history: history, .search, .text("set"), .search)) == "SET a 1|")
    #expect(shown(editor(history: history, .search, .text("SET"), .text(" a"))) == "SET a 1|")
  }

  @Test func aSearchWithoutResultKeepsWhatWasFoundAndSaysSo() {
    var line = editor(history: ["GET a"], .search, .text("GE"))
    #expect(line.handle(.text("x")) == .bell)
    #expect(line.search?.hasFailed == true)
    #expect(shown(line) == "GET a|")
    #expect(line.handle(.backspace) == .redraw)
    #expect(line.search?.hasFailed == false)
  }

  @Test func aFoundLineIsSubmittedOrEdited() {
    var line = editor(history: ["GET a"], .search, .text("G"))
    #expect(line.handle(.enter) == .submit("GET a"))
    #expect(shown(editor(history: ["GET a"], .search, .text("G"), .left)) == "GET |a")
    #expect(shown(editor(history: ["one", "two", "three"], .search, .text("two"), .up)) == "one|")
  }

  @Test func abandoningASearchRestoresTheLine() {
    let line = editor(history: ["GET a"], .text("dr"), .left, .search, .text("G"), .abort)
    #expect(shown(line) == "d|r")
    #expect(line.search == nil)
  }
}

struct TabTests {
  @Test func theOnlyCandidateIsCompletedWithASpace() {
    #expect(shown(editor(.text("S"), .tab)) == "SET |")
  }

  @Test func candidatesAreGoneThroughAndTheLineComesBack() {
    #expect(shown(editor(.text("G"), .tab)) == "GET|")
    #expect(shown(editor(.text("G"), .tab, .tab)) == "GETDEL|")
    #expect(shown(editor(.text("G"), .tab, .tab, .tab)) == "G|")
    #expect(shown(editor(.text("G"), .tab, .tab, .tab, .tab)) == "GET|")
    #expect(shown(editor(.text("G"), .tab, .text(" k"))) == "GET k|")
  }

  @Test func nothingIsCompletedWithoutCandidatesOrInsideTheLine() {
    var none = editor(.text("x"))
    #expect(none.handle(.tab) == .bell)
    var inside = editor(.text("Sx"), .left)
    #expect(inside.handle(.tab) == .bell)
    #expect(shown(inside) == "S|x")
  }
}

struct KeyDecoderTests {
  /// The keys of some bytes, fed in pieces.
  private func keys(_ pieces: ArraySlice<UInt8>...) -> [Key] {
    var decoder = KeyDecoder()
    var keys: [Key] = []
    for piece in pieces {
      decoder.append(piece)
      while let key = decoder.next() { keys.append(key) }
    }
    return keys
  }

  @Test(arguments: [
    ("\u{1B}[A", Key.up), ("\u{1B}OB", .down), ("\u{1B}[C", .right), ("\u{1B}[D", .left), ("\u{1B}[H", .home),
    ("\u{1B}[4~", .end), ("\u{1B}[3~", .delete), ("\u{1B}[1;5C", .wordRight), ("\u{1B}b", .wordLeft),
    ("\u{1}", .home), ("\u{5}", .end), ("\u{B}", .killToEnd), ("\u{15}", .killToStart), ("\u{17}", .killWord),
    ("\u{14}", .transpose), ("\u{C}", .clearScreen), ("\u{12}", .search), ("\u{3}", .interrupt),
    ("\u{4}", .endOfInput), ("\r", .enter), ("\t", .tab), ("\u{7F}", .backspace), ("ä日👍", .text("ä日👍")),
  ])
  func keysAreRecognisedAndEverySplitGivesTheSame(text: String, key: Key) {
    let bytes = Array(text.utf8)
    #expect(keys(bytes[...]) == [key])
    for split in bytes.indices {
      let parts = keys(bytes[..<split], bytes[split...])
      if case .text(let whole) = key {
        #expect(parts.map { if case .text(let part) = $0 { part } else { "" } }.joined() == whole)
      } else {
        #expect(parts == [key])
      }
    }
  }

  @Test func unknownSequencesAreSwallowedWhole() {
    #expect(
      keys(Array("a\u{1B}[27;5;9~b\u{1B}[15~\u{1B}xc".utf8)[...]) == [.text("a"), .text("b"), .text("c")])
  }

  @Test func aSequenceWithoutEndIsGivenUpAtItsLimit() {
    let bytes = Array("\u{1B}[".utf8) + Array(repeating: UInt8(ascii: "1"), count: 100)
    #expect(keys(bytes[...]) == [])
    #expect(keys(bytes[...], Array("q".utf8)[...]) == [.text("q")])
  }

  @Test func wrongUTF8BecomesAReplacementCharacter() {
    #expect(keys([0xFF, 0x41][...]) == [.text("\u{FFFD}A")])
    #expect(keys([0xC3][...], [0x0D][...]) == [.text("\u{FFFD}"), .enter])
  }

  @Test func aLoneEscapeIsAKeyOnceNothingFollows() {
    var decoder = KeyDecoder()
    decoder.append([0x1B])
    #expect(decoder.next() == nil)
    #expect(decoder.isInsideSequence)
    #expect(decoder.endSequence() == .escape)
    #expect(!decoder.isInsideSequence)
  }

  @Test func whatIsTypedAheadIsKeptInOrder() {
    #expect(keys(Array("GET a\rGET b\r".utf8)[...]) == [.text("GET a"), .enter, .text("GET b"), .enter])
  }
}

struct RenderingTests {
  private func draw(_ editor: LineEditor, hint: String = "", columns: Int = 40) -> String {
    LineRenderer.render(editor, prompt: "> ", hint: hint, columns: columns)
  }

  @Test func theLineIsDrawnWithItsHintInGreyAndTheCursorIsPlaced() {
    #expect(
      draw(editor(.text("GET ")), hint: "key") == "\r> GET \u{1B}[90mkey\u{1B}[0m\u{1B}[K\r\u{1B}[6C")
  }

  @Test func insideTheLineThereIsNoHint() {
    #expect(draw(editor(.text("GET "), .left), hint: "key") == "\r> GET \u{1B}[K\r\u{1B}[5C")
  }

  @Test func wideAndCombinedCharactersCountTheirColumns() {
    #expect(draw(editor(.text("日e\u{301}👍"))).hasSuffix("\r\u{1B}[7C"))
  }

  @Test func aLongLineShowsThePartAroundTheCursor() {
    let long = String(repeating: "a", count: 30) + "XYZ"
    #expect(draw(editor(.text(long)), columns: 10) == "\r> aaaaXYZ\u{1B}[K\r\u{1B}[9C")
    #expect(draw(editor(.text(long), .home), columns: 10) == "\r> aaaaaaa\u{1B}[K\r\u{1B}[2C")
  }

  @Test func aHintIsCutAtTheLastColumn() {
    #expect(draw(editor(.text("GET ")), hint: "keykeykey", columns: 10).contains("\u{1B}[90mkey\u{1B}[0m"))
  }

  @Test func controlCharactersAreNotSentToTheTerminal() {
    #expect(draw(editor(.text("a\u{1B}[2J"))).contains("a\u{FFFD}[2J"))
  }

  @Test func aSearchReplacesThePrompt() {
    #expect(draw(editor(history: ["GET a"], .search, .text("G"))).hasPrefix("\r(search) `G': GET a"))
  }
}

struct HistoryTests {
  @Test func linesAreKeptWithoutRepeatsBlanksAndSecrets() {
    var history = History()
    let lines = [
      "GET a", "GET a", "   ", "AUTH hunter2", "GET a\u{1B}[2J",
      String(repeating: "a", count: History.maximumLineBytes + 1),
    ]
    let added = lines.map { history.add($0, catalog: sampleCatalog) }
    #expect(added == [true, false, false, false, false, false])
    #expect(history.lines == ["GET a"])
  }

  @Test func onlyTheNewestLinesAreKept() {
    var history = History()
    for number in 1...History.maximumLines + 5 { history.add("GET \(number)", catalog: sampleCatalog) }
    #expect(history.lines.count == History.maximumLines)
    #expect(history.lines.first == "GET 6")
  }

  @Test func theFileIsReadBackWithoutTheSecretsSomebodyWroteThere() {
    let history = History(fileText: "GET a\n\nAUTH pw\nGET b\n", catalog: sampleCatalog)
    #expect(history.lines == ["GET a", "GET b"])
    #expect(History(fileText: history.fileText, catalog: sampleCatalog).lines == history.lines)
  }
}
