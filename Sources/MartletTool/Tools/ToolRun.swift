// What the tools share: how they tell what went wrong, how far they are, and how they ask before they change something.
//
// Exit status: 0; 1 when something is damaged or could not be done; 64 (EX_USAGE of sysexits.h) when an option is wrong,
// or when a question can't be asked because there is no terminal.
import ArgumentParser
import Martlet
import MartletClient
import MartletConsole

enum ToolRun {
  /// Runs a tool; what it can't do is told in one line.
  static func run(_ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch let error as ExitCode {
      throw error
    } catch let error as ClientError {
      fail(error.advice)
      throw ExitCode.failure
    } catch {
      fail("\(error)")
      throw ExitCode.failure
    }
  }

  static func fail(_ message: String) { StandardStream.complain("martlet: \(message)") }

  /// Prints lines for people.
  static func say(_ lines: String...) throws {
    for line in lines { try StandardStream.output.write(line + "\n") }
  }

  /// Takes a folder that has a database, so that no server uses it meanwhile.
  static func lock(_ path: String) throws -> DataFolder {
    // What is not there must not be made.
    _ = try SystemDisk().names(in: path)
    return try DataFolder(path)
  }

  /// Takes a folder that is new or empty.
  static func lockEmpty(_ path: String) throws -> DataFolder {
    do {
      // A tool that failed before it had anything to show for it has left a lock file and no more.
      let names = try SystemDisk().names(in: path).filter { $0 != "lock" }
      if let name = names.min() {
        throw ToolError("\(path) is not empty: \(name) is in it. Name a folder that doesn't exist yet")
      }
    } catch let error as DiskError {
      guard error.isMissing else { throw error }
    }
    return try DataFolder(path)
  }

  /// Asks whether to go on.
  ///
  /// - Throws: the exit status 64 when nobody can be asked.
  static func confirm(_ question: String, isAnswered: Bool) throws -> Bool {
    if isAnswered { return true }
    guard StandardStream.input.isTerminal else {
      fail("nothing was changed: this has to be confirmed. Give --yes, or run it in a terminal")
      throw ExitCode(64)
    }
    try StandardStream.error.write("\(question) [y/N] ")
    let answer = String(decoding: try StandardStream.input.read(), as: UTF8.self)
    let isYes = ["y", "yes"].contains(answer.split(whereSeparator: \.isWhitespace).first?.lowercased() ?? "")
    if !isYes { try say("Nothing was changed.") }
    return isYes
  }
}

/// How far something is, on standard error if that is a terminal.
final class ProgressLine {
  private static let interval: Int64 = 100_000_000

  private let title: String
  private let isShown = StandardStream.error.isTerminal
  private var next: Int64 = 0
  private var isOnLine = false

  init(_ title: String) { self.title = title }

  func show(_ done: Int, _ total: Int) {
    guard isShown, total > 0, WallClock.monotonicNanoseconds() >= next else { return }
    next = WallClock.monotonicNanoseconds() + Self.interval
    isOnLine = true
    let percent = min(100, Int(Double(done) / Double(total) * 100))
    try? StandardStream.error.write("\r\u{1b}[K\(title): \(percent) %")
  }

  /// Takes the line away.
  func end() {
    guard isOnLine else { return }
    isOnLine = false
    try? StandardStream.error.write("\r\u{1b}[K")
  }
}

/// The formats of exports and imports.
extension DatabaseExport.Format: ExpressibleByArgument {}
extension ImportFormat: ExpressibleByArgument {}
