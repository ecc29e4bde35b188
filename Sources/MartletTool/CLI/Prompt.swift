// The prompt for a person: reads a line, sends it, prints the reply, until the person leaves. A server that went away
// is no reason to leave: the next command connects again.
import MartletClient
import MartletConsole

struct Prompt {
  private var session: Session
  private var connection: MartletConnection?
  private let isRaw: Bool
  private let catalog = CommandCatalog()
  private var historyFile: HistoryFile
  private var terminal = Terminal()

  /// Connects. A server that can't be reached is told, and the prompt opens all the same.
  init(_ configuration: ConnectionConfiguration, isRaw: Bool) async {
    session = Session(configuration)
    self.isRaw = isRaw
    historyFile = HistoryFile(catalog: catalog)
    _ = await connect()
  }

  mutating func run() async throws {
    while true {
      noticeLoss()
      switch try readLine() {
      case .line(let line):
        historyFile.add(line)
        guard try await carryOut(line) else { return await leave() }
      case .abandoned:
        continue
      case .end:
        return await leave()
      }
    }
  }

  private func leave() async {
    await connection?.close()
  }
}

// MARK: - Lines

extension Prompt {
  private enum Input {
    case line(String)
    /// Ctrl-C on a line with text.
    case abandoned
    case end
  }

  private mutating func readLine() throws -> Input {
    let prompt = session.prompt
    guard Terminal.canEdit else {
      try StandardStream.output.write(prompt)
      return Swift.readLine().map(Input.line) ?? .end
    }
    let catalog = self.catalog
    var editor = LineEditor(history: historyFile.history.lines) { catalog.completions(of: $0) }
    return try terminal.inRawMode { terminal in
      try Self.draw(editor, prompt, hint: "", terminal)
      while true {
        switch editor.handle(try terminal.nextKey()) {
        case .redraw:
          try Self.draw(editor, prompt, hint: catalog.hint(for: editor.text), terminal)
        case .bell:
          try Self.draw(editor, prompt, hint: catalog.hint(for: editor.text), terminal)
          try StandardStream.output.write("\u{7}")
        case .clearScreen:
          try StandardStream.output.write(Self.clearScreen)
          try Self.draw(editor, prompt, hint: catalog.hint(for: editor.text), terminal)
        case .submit(let line):
          try Self.draw(editor, prompt, hint: "", terminal)
          try StandardStream.output.write("\r\n")
          return .line(line)
        case .interrupt(let text):
          try Self.draw(editor, prompt, hint: "", terminal)
          try StandardStream.output.write(text.isEmpty ? "\r\n" : "^C\r\n")
          return text.isEmpty ? .end : .abandoned
        case .endOfInput:
          try StandardStream.output.write("\r\n")
          return .end
        }
      }
    }
  }

  private static let clearScreen = "\u{1B}[H\u{1B}[2J"

  private static func draw(_ editor: LineEditor, _ prompt: String, hint: String, _ terminal: Terminal) throws
  {
    try StandardStream.output.write(
      LineRenderer.render(editor, prompt: prompt, hint: hint, columns: terminal.columns))
  }

  /// Does what a line says.
  ///
  /// - Returns: whether the prompt goes on.
  private mutating func carryOut(_ line: String) async throws -> Bool {
    let words: [[UInt8]]
    do throws(QuotingError) {
      words = try InputWords.split(line.utf8)
    } catch {
      StandardStream.complain("The line is no command: \(error).")
      return true
    }
    guard let command = Command(words: words) else { return true }
    let texts = words.map { String(decoding: $0, as: UTF8.self) }
    switch texts[0].lowercased() {
    case "quit", "exit":
      return false
    case "clear":
      if Terminal.canEdit { try StandardStream.output.write(Self.clearScreen) }
    case "help", "?":
      try StandardStream.output.write(catalog.help(Array(texts.dropFirst())) + "\n")
    default:
      try await send(command, texts)
    }
    return true
  }
}

// MARK: - The connection

extension Prompt {
  /// Tells if the server went away while nobody looked.
  private mutating func noticeLoss() {
    guard session.isConnected, connection?.isOpen != true else { return }
    StandardStream.complain(
      "The server closed the connection"
        + (session.isInTransaction ? "; the transaction is gone." : "."))
    session.isConnected = false
  }

  /// Makes a new connection, and says so if it failed.
  private mutating func connect() async -> Bool {
    do throws(ClientError) {
      connection = try await MartletConnection.connect(to: session.configuration)
      session.isConnected = true
    } catch {
      StandardStream.complain(error.advice)
      connection = nil
      session.isConnected = false
    }
    return session.isConnected
  }

  private mutating func send(_ command: Command, _ words: [String]) async throws {
    noticeLoss()
    if !session.isConnected {
      guard await connect() else { return }
      StandardStream.complain("Connected to \(session.configuration.address).")
    }
    guard let connection else { return }
    let reply: RESPValue
    do throws(ClientError) {
      reply = try await connection.reply(to: command)
    } catch {
      StandardStream.complain(error.advice)
      if !connection.isOpen { session.isConnected = false }
      return
    }
    session.observe(words, reply)
    await useRESP3(after: words, reply)
    try StandardStream.output.write(PrintedReply.bytes(reply, to: command, isRaw: isRaw))
  }

  /// A server that wanted a password first was greeted in RESP2; with the password it can be asked for RESP3 again.
  private func useRESP3(after words: [String], _ reply: RESPValue) async {
    guard let connection, words[0].uppercased() == "AUTH", case .simpleString = reply,
      connection.version == .resp2, session.configuration.preferredVersion == .resp3
    else { return }
    // A server without RESP3 refuses, and goes on in RESP2.
    _ = try? await connection.reply(to: Command("HELLO", 3))
  }
}
