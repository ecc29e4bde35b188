// Where the prompt's history is kept: ~/.martlet_history, or the file that MARTLET_HISTFILE names. It is readable by
// its owner only. A history that can't be read or written is no reason to stop anyone's work.
import MartletConsole

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

struct HistoryFile {
  /// The most that is read; the limits of lines and of their length fit in.
  static let maximumBytes = History.maximumLines * (History.maximumLineBytes + 1)

  private let path: String?
  private let catalog: CommandCatalog
  private(set) var history: History
  private var linesInFile: Int

  init(catalog: CommandCatalog) {
    path = Environment["MARTLET_HISTFILE"] ?? Environment["HOME"].map { $0 + "/.martlet_history" }
    self.catalog = catalog
    let text = path.flatMap(Self.read) ?? ""
    history = History(fileText: text, catalog: catalog)
    linesInFile = text.utf8.count { $0 == UInt8(ascii: "\n") }
    if linesInFile > History.maximumLines { trim() }
  }

  /// Adds a line to the history, and to the file unless it may hold a secret.
  mutating func add(_ line: String) {
    guard history.add(line, catalog: catalog), let path else { return }
    Self.write(line + "\n", to: path, O_APPEND)
    linesInFile += 1
    if linesInFile > History.maximumLines { trim() }
  }

  /// Cuts the file to the newest lines. Another prompt may have added some, so it is read again.
  private mutating func trim() {
    guard let path, let text = Self.read(path) else { return }
    let trimmed = History(fileText: text, catalog: catalog)
    linesInFile = trimmed.lines.count
    if trimmed.fileText != text { Self.write(trimmed.fileText, to: path, O_TRUNC) }
  }

  private static func read(_ path: String) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let bytes = try? StandardStream(descriptor: descriptor).readToEnd(limit: maximumBytes)
    return bytes.map { String(decoding: $0, as: UTF8.self) }
  }

  private static func write(_ text: String, to path: String, _ mode: Int32) {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC | mode, 0o600)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    try? StandardStream(descriptor: descriptor).write(text)
  }
}
