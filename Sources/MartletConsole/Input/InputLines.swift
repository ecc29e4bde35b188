// Cuts a stream of bytes into lines, for commands that come through a pipe.

/// A state machine: bytes in pieces of any size go in, whole lines come out.
public struct InputLines: Sendable {
  /// The longest line. Longer values are given with `martlet cli -x`.
  public static let maximumLineBytes = 64 << 20

  /// A line of the input, counted from 1.
  public struct Line: Sendable, Hashable {
    public let number: Int
    /// Without its line end.
    public let bytes: [UInt8]

    /// Whether there is nothing to do: the line is blank, or a comment that begins with `#`.
    public var isBlank: Bool {
      let content = bytes.first { $0 != UInt8(ascii: " ") && !(0x09...0x0D).contains($0) }
      return content == nil || content == UInt8(ascii: "#")
    }
  }

  /// A line is longer than the limit.
  public struct LineTooLong: Error, Sendable, Hashable {
    public let number: Int
  }

  private let limit: Int
  private var unfinished: [UInt8] = []
  private var lastNumber = 0

  public init(limit: Int = InputLines.maximumLineBytes) {
    self.limit = limit
  }

  /// Takes bytes and returns the lines that end in them.
  public mutating func append(_ bytes: some Sequence<UInt8>) throws(LineTooLong) -> [Line] {
    var lines: [Line] = []
    for byte in bytes {
      if byte == UInt8(ascii: "\n") {
        lines.append(finishLine())
      } else {
        guard unfinished.count < limit else { throw LineTooLong(number: lastNumber + 1) }
        unfinished.append(byte)
      }
    }
    return lines
  }

  /// The input is at its end: what stands behind the last line end is a line too.
  public mutating func finish() -> Line? {
    unfinished.isEmpty ? nil : finishLine()
  }

  private mutating func finishLine() -> Line {
    if unfinished.last == UInt8(ascii: "\r") { unfinished.removeLast() }
    lastNumber += 1
    defer { unfinished = [] }
    return Line(number: lastNumber, bytes: unfinished)
  }
}
