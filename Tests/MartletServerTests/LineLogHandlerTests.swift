// The format of the log, and what is left out of it.
import Logging
import MartletServer
import Synchronization
import Testing

/// Collects the lines that a logger writes.
private final class Lines: Sendable {
  private let texts = Mutex<[String]>([])

  var all: [String] { texts.withLock { $0 } }

  func logger(level: Logger.Level) -> Logger {
    Logger(label: "test") { _ in
      LineLogHandler(level: level) { line in self.texts.withLock { $0.append(line) } }
    }
  }

  /// The only line, without its time.
  func only() throws -> Substring {
    try #require(all.count == 1)
    return try #require(all[0].firstIndex(of: " ").map { all[0][$0...].dropFirst() })
  }
}

@Suite("A log message is one readable line")
struct LineLogHandlerTests {
  @Test("A line has the time in UTC with milliseconds, the level, the text and the keys in order")
  func format() throws {
    let lines = Lines()
    lines.logger(level: .info).info("client connected", metadata: ["port": "6379", "from": "10.0.0.1"])
    let line = try #require(lines.all.first)
    let form = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info: client connected from=10\.0\.0\.1 port=6379\n/
    #expect(line.wholeMatch(of: form) != nil, "\(line)")
  }

  @Test("Messages below the level are left out")
  func levels() {
    let lines = Lines()
    let logger = lines.logger(level: .warning)
    logger.info("no")
    logger.warning("yes")
    logger.error("yes")
    #expect(lines.all.count == 2)
  }

  @Test("A message's own metadata wins over the logger's")
  func metadata() throws {
    let lines = Lines()
    var logger = lines.logger(level: .info)
    logger[metadataKey: "client"] = "1"
    logger[metadataKey: "side"] = "redis"
    logger.info("x", metadata: ["client": "2"])
    #expect(try lines.only() == "info: x client=2 side=redis\n")
  }

  @Test("A value that isn't plain is quoted")
  func quoting() throws {
    let lines = Lines()
    lines.logger(level: .info).info(
      "x", metadata: ["a": "two words", "b": "", "c": #"say "hi" \"#, "d": "plain"])
    #expect(try lines.only() == #"info: x a="two words" b="" c="say \"hi\" \\" d=plain"# + "\n")
  }

  @Test("Nothing in a message or a value can start a line of its own or steer a terminal")
  func escaping() throws {
    let lines = Lines()
    lines.logger(level: .info).info(
      "one\ntwo\u{1b}[31m", metadata: ["key": "a\r\nb", "direction": "\u{202e}x", "line": "\u{2028}"])
    #expect(
      try lines.only()
        == #"info: one\ntwo\u{1b}[31m direction="\u{202e}x" key="a\r\nb" line="\u{2028}""# + "\n")
  }
}
