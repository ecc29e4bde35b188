// The lines typed before: at most a fixed number, and none that may hold a secret.

public struct History: Sendable {
  /// The most lines kept, here and in the file.
  public static let maximumLines = 1000
  /// Longer lines are not kept.
  public static let maximumLineBytes = 4096

  /// Oldest first.
  public private(set) var lines: [String] = []

  public init() {}

  /// The history that a file holds, one line each. What may not be kept is left out, whoever wrote it there.
  public init(fileText: String, catalog: CommandCatalog) {
    for line in fileText.split(separator: "\n") { add(String(line), catalog: catalog) }
  }

  /// Adds a line, unless it is blank, repeats the last one, is too long, or may hold a secret.
  ///
  /// - Returns: whether it was added, and so is to be written to the file.
  @discardableResult
  public mutating func add(_ line: String, catalog: CommandCatalog) -> Bool {
    guard line.contains(where: { !$0.isWhitespace }), line != lines.last,
      line.utf8.count <= Self.maximumLineBytes,
      !line.utf8.contains(where: { $0 < 0x20 }), !catalog.mayHoldSecret(line)
    else { return false }
    if lines.count == Self.maximumLines { lines.removeFirst() }
    lines.append(line)
    return true
  }

  /// What the file should hold.
  public var fileText: String {
    lines.map { $0 + "\n" }.joined()
  }
}
