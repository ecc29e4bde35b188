// Turns the bytes of a terminal into keys. The sequences are those of xterm and the terminals that follow it
// (https://invisible-island.net/xterm/ctlseqs/ctlseqs.html).

/// A key, named for what it does in the line editor.
public enum Key: Sendable, Hashable {
  /// One or more characters to insert.
  case text(String)
  case enter, tab, escape
  case left, right, wordLeft, wordRight, home, end
  case up, down
  case backspace, delete
  case killToEnd, killToStart, killWord, killNextWord, transpose, yank
  case clearScreen
  case search, abort
  /// Ctrl-C.
  case interrupt
  /// Ctrl-D.
  case endOfInput
}

/// A state machine: bytes in, keys out.
public struct KeyDecoder: Sendable {
  /// The longest escape sequence that is waited for; real ones are shorter.
  static let maximumSequenceBytes = 32

  private var pending: [UInt8] = []

  public init() {}

  public mutating func append(_ bytes: some Sequence<UInt8>) {
    pending.append(contentsOf: bytes)
  }

  /// Whether an escape was read whose meaning depends on what comes next, if anything comes.
  public var isInsideSequence: Bool { pending.first == 0x1B }

  /// The next key, or nil when more bytes are needed.
  public mutating func next() -> Key? {
    while let byte = pending.first {
      if byte == 0x1B {
        guard let (key, length) = readSequence() else { return nil }
        pending.removeFirst(length)
        if let key { return key }
      } else if byte < 0x20 || byte == 0x7F {
        pending.removeFirst()
        if let key = Self.controls[byte] { return key }
      } else {
        return readText()
      }
    }
    return nil
  }

  /// Nothing came behind an escape: it was the key of that name.
  public mutating func endSequence() -> Key? {
    guard isInsideSequence else { return nil }
    pending.removeFirst()
    return .escape
  }

  private static let controls: [UInt8: Key] = [
    0x01: .home, 0x02: .left, 0x03: .interrupt, 0x04: .endOfInput, 0x05: .end, 0x06: .right, 0x07: .abort,
    0x08: .backspace, 0x09: .tab, 0x0A: .enter, 0x0B: .killToEnd, 0x0C: .clearScreen, 0x0D: .enter,
    0x0E: .down,
    0x10: .up, 0x12: .search, 0x14: .transpose, 0x15: .killToStart, 0x17: .killWord, 0x19: .yank,
    0x7F: .backspace,
  ]

  /// All text up to the next control byte, but no half of a character.
  private mutating func readText() -> Key? {
    var run = pending.prefix { $0 >= 0x20 && $0 != 0x7F }
    if run.count == pending.count { run = run.dropLast(Self.unfinishedBytes(of: run)) }
    guard !run.isEmpty else { return nil }
    let text = String(decoding: run, as: UTF8.self)
    pending.removeFirst(run.count)
    return .text(text)
  }

  /// How many bytes at the end begin a character that isn't whole yet.
  private static func unfinishedBytes(of bytes: ArraySlice<UInt8>) -> Int {
    for (back, byte) in bytes.reversed().prefix(3).enumerated() {
      let length = (~byte).leadingZeroBitCount
      if length == 1 { continue }
      return (2...4).contains(length) && length > back + 1 ? back + 1 : 0
    }
    return 0
  }

  /// The sequence at the beginning: its key, if it means one, and its length; nil when it isn't whole.
  private func readSequence() -> (key: Key?, length: Int)? {
    guard pending.count > 1 else { return nil }
    switch pending[1] {
    case UInt8(ascii: "["):
      // Parameters and intermediate bytes, then one final byte.
      guard let end = pending.dropFirst(2).firstIndex(where: { !(0x20...0x3F).contains($0) }) else {
        return pending.count > Self.maximumSequenceBytes ? (nil, pending.count) : nil
      }
      let parameters = String(decoding: pending[2..<end], as: UTF8.self)
      // A control byte inside of a sequence ends it and keeps its own meaning.
      let length = pending[end] < 0x20 ? end : end + 1
      return (Self.key(final: pending[end], parameters), length)
    case UInt8(ascii: "O"):
      guard pending.count > 2 else { return nil }
      return (Self.key(final: pending[2], ""), 3)
    case UInt8(ascii: "b"): return (.wordLeft, 2)
    case UInt8(ascii: "f"): return (.wordRight, 2)
    case UInt8(ascii: "d"): return (.killNextWord, 2)
    case 0x7F, 0x08: return (.killWord, 2)
    case 0x1B: return (.escape, 1)
    default: return (nil, 2)
    }
  }

  private static func key(final: UInt8, _ parameters: String) -> Key? {
    switch (final, parameters) {
    case (UInt8(ascii: "A"), _): .up
    case (UInt8(ascii: "B"), _): .down
    case (UInt8(ascii: "C"), "1;5"), (UInt8(ascii: "C"), "1;3"): .wordRight
    case (UInt8(ascii: "D"), "1;5"), (UInt8(ascii: "D"), "1;3"): .wordLeft
    case (UInt8(ascii: "C"), _): .right
    case (UInt8(ascii: "D"), _): .left
    case (UInt8(ascii: "H"), _), (UInt8(ascii: "~"), "1"), (UInt8(ascii: "~"), "7"): .home
    case (UInt8(ascii: "F"), _), (UInt8(ascii: "~"), "4"), (UInt8(ascii: "~"), "8"): .end
    case (UInt8(ascii: "~"), "3"): .delete
    default: nil
    }
  }
}
