// The server's log: one line a message on standard error,
//
//     2026-11-22T16:07:12.123Z info: text key=value
//
// The keys are in alphabetical order. What could break a line or fool a terminal (control and direction characters)
// is escaped, and a value with anything but plain characters in it is quoted, since both may come from strangers.
public import Logging

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writes each log message as one line.
public struct LineLogHandler: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var metadataProvider: Logger.MetadataProvider?
  public var logLevel: Logger.Level
  private let write: @Sendable (String) -> Void

  /// - Parameters:
  ///   - level: the least severe messages to write.
  ///   - write: takes each line, with its line feed; standard error unless given.
  public init(level: Logger.Level, write: @escaping @Sendable (String) -> Void = Self.writeToStandardError) {
    self.logLevel = level
    self.write = write
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var all = metadata
    if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
    if let own = event.metadata { all.merge(own) { $1 } }
    if let error = event.error { all["error"] = "\(error)" }
    write(Self.line(at: .now, event.level, event.message, all) + "\n")
  }

  /// The line of one message, without its line feed. O(length).
  static func line(
    at time: Date, _ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata
  ) -> String {
    let time = time.ISO8601Format(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    var line = "\(time) \(level): \(escaped(message.description))"
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      line += " \(escaped(key))=\(quotedIfNeeded(value.description))"
    }
    return line
  }

  /// Writes a text to standard error. Nobody can be told of a failure, so it is given up silently.
  public static func writeToStandardError(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = unsafe rest.withUnsafeBytes { unsafe Self.systemWrite($0) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { return }
      rest = rest.dropFirst(written)
    }
  }

  private static func systemWrite(_ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Glibc)
      unsafe Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
    #elseif canImport(Musl)
      unsafe Musl.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
    #else
      unsafe Darwin.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
    #endif
  }

  private static func quotedIfNeeded(_ text: String) -> String {
    let isPlain =
      !text.isEmpty
      && text.unicodeScalars.allSatisfy { $0 != " " && $0 != "\"" && $0 != "\\" && !isUnsafe($0) }
    guard !isPlain else { return text }
    let quoted = escaped(String(text.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : [$0] }))
    return "\"\(quoted)\""
  }

  private static func escaped(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isUnsafe) else { return text }
    return text.unicodeScalars.reduce(into: "") { result, scalar in
      switch scalar {
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case _ where isUnsafe(scalar): result += "\\u{\(String(scalar.value, radix: 16))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
  }

  /// Whether a character moves the cursor, changes the direction of text, or is invisible.
  private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }
}
