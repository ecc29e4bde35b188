// The flags of memcached's meta commands (memcached's doc/protocol.txt, "Meta Commands"): words of one letter, most with
// an argument right behind it, in any order. All the commands know the same letters, and each looks at some of them.
//
// Their replies are in the order of the flags, so a command goes through the words once more; what is here is which
// letters there are, and their numbers.

/// A meta command.
enum MetaCommand {
  case get
  case set
  case delete
  case arithmetic
  case debug
  case nothing

  @inline(__always)
  init?(_ name: RawSpan) {
    guard name.byteCount == 2, name.byte(0) == UInt8(ascii: "m") else { return nil }
    switch name.byte(1) {
    case UInt8(ascii: "g"): self = .get
    case UInt8(ascii: "s"): self = .set
    case UInt8(ascii: "d"): self = .delete
    case UInt8(ascii: "a"): self = .arithmetic
    case UInt8(ascii: "e"): self = .debug
    case UInt8(ascii: "n"): self = .nothing
    default: return nil
    }
  }
}

/// The flags of one request.
struct MetaFlags {
  /// A request of more words is refused.
  static var maximumWords: Int { 19 }
  /// An opaque token may have so many bytes, with its letter.
  private static var maximumOpaque: Int { 32 }

  /// A bit for each letter, `A` being the lowest.
  private var letters: UInt64 = 0
  /// `F`: memcached's client flags.
  private(set) var clientFlags: UInt32 = 0
  /// `T`, as memcached's commands give a time: seconds from now or since 1970.
  private(set) var timeToLive = 0
  /// `N`, the same for a key that is made because it isn't there.
  private(set) var vivification = 0
  /// `R`: who finds less time left than this may make the value anew.
  private(set) var recache = 0
  /// Whether `T` stands behind `N`.
  private(set) var isTimeToLiveLast = false
  /// `C`: the CAS token that the key has to have.
  private(set) var unique: UInt64 = 0
  /// `E`: the CAS token that it gets; 0 for the server's own.
  private(set) var cas: UInt64 = 0
  /// `D`: what is added, or taken.
  private(set) var delta: UInt64 = 1
  /// `J`: what a counter begins with.
  private(set) var initial: UInt64 = 0
  /// The letter behind `M`; 0 when there is none.
  private(set) var mode: UInt8 = 0
  /// `O` has an argument that is too long.
  private(set) var isOpaqueTooLong = false

  @inline(__always)
  private static func bit(_ letter: UInt8) -> UInt64 { 1 << UInt64(letter &- UInt8(ascii: "A")) }

  /// Letters without an argument that is looked at here. `P` and `L` are hints for proxies.
  @inline(__always)
  private static var plain: UInt64 {
    bit(UInt8(ascii: "I")) | bit(UInt8(ascii: "L")) | bit(UInt8(ascii: "P")) | bit(UInt8(ascii: "c"))
      | bit(UInt8(ascii: "f")) | bit(UInt8(ascii: "h")) | bit(UInt8(ascii: "k")) | bit(UInt8(ascii: "l"))
      | bit(UInt8(ascii: "q")) | bit(UInt8(ascii: "s")) | bit(UInt8(ascii: "t")) | bit(UInt8(ascii: "u"))
      | bit(UInt8(ascii: "v")) | bit(UInt8(ascii: "x"))
  }

  /// Whether a letter is there.
  @inline(__always)
  func has(_ letter: Unicode.Scalar) -> Bool { letters & Self.bit(UInt8(ascii: letter)) != 0 }

  /// Whether a journal record may come of a `mg`.
  @inline(__always)
  var mayWriteOnGet: Bool {
    letters & (Self.bit(UInt8(ascii: "N")) | Self.bit(UInt8(ascii: "T"))) != 0
  }

  /// Takes the flags among the words from `start` on; the line that says what is wrong with them, nil for nothing.
  @inline(__always)
  mutating func parse(_ words: borrowing Words, from start: Int) -> StaticString? {
    var problem: StaticString?
    for index in start..<words.count {
      let word = words[index]
      let letter = word.byte(0)
      // Like memcached, which calls so whatever is no ASCII.
      guard letter < 0x7f else { return "CLIENT_ERROR duplicate flag\r\n" }
      guard letter >= UInt8(ascii: "A"), letter <= UInt8(ascii: "z") else {
        return "CLIENT_ERROR invalid flag\r\n"
      }
      let bit = Self.bit(letter)
      guard letters & bit == 0 else { return "CLIENT_ERROR duplicate flag\r\n" }
      letters |= bit
      if Self.plain & bit != 0 { continue }
      if letter == UInt8(ascii: "O") {
        isOpaqueTooLong = word.byteCount > Self.maximumOpaque
        continue
      }
      switch takeArgument(letter, word, key: words[1]) {
      case .taken: break
      case .unknown: return "CLIENT_ERROR invalid flag\r\n"
      // memcached goes on: the last of several mistakes is the one it tells.
      case .wrong(let text): problem = text
      }
    }
    return problem
  }

  private enum Argument {
    case taken
    case wrong(StaticString)
    /// There is no such flag.
    case unknown
  }

  private mutating func takeArgument(_ letter: UInt8, _ word: RawSpan, key: RawSpan) -> Argument {
    let argument = word.extracting(1..<word.byteCount)
    switch letter {
    case UInt8(ascii: "b"):
      guard key.decodeBase64({ _ in }) else { return .wrong("CLIENT_ERROR error decoding key\r\n") }
    case UInt8(ascii: "T"):
      isTimeToLiveLast = true
      return take(argument.memcachedSigned, into: &timeToLive)
    case UInt8(ascii: "N"):
      isTimeToLiveLast = false
      return take(argument.memcachedSigned, into: &vivification)
    case UInt8(ascii: "R"): return take(argument.memcachedSigned, into: &recache)
    case UInt8(ascii: "C"): return take(argument.memcachedUnsigned, into: &unique)
    case UInt8(ascii: "E"): return take(argument.memcachedUnsigned, into: &cas)
    case UInt8(ascii: "F"):
      guard let number = argument.memcachedUnsigned, let flags = UInt32(exactly: number) else {
        return .wrong("CLIENT_ERROR bad command line format\r\n")
      }
      clientFlags = flags
    case UInt8(ascii: "D"):
      guard let number = argument.memcachedUnsigned else {
        return .wrong("CLIENT_ERROR invalid numeric delta value\r\n")
      }
      delta = number
    case UInt8(ascii: "J"):
      guard let number = argument.memcachedUnsigned else {
        return .wrong("CLIENT_ERROR invalid numeric initial value\r\n")
      }
      initial = number
    case UInt8(ascii: "M"):
      guard argument.byteCount == 1 else { return .wrong("CLIENT_ERROR incorrect length for M token\r\n") }
      mode = argument.byte(0)
    default: return .unknown
    }
    return .taken
  }

  private func take<Number>(_ number: Number?, into place: inout Number) -> Argument {
    guard let number else { return .wrong("CLIENT_ERROR bad token in command line format\r\n") }
    place = number
    return .taken
  }
}

extension RawSpan {
  /// Decodes base64 as memcached does it; whether it could. What is no digit of base64 is passed over, and all behind
  /// the first padding.
  @discardableResult
  func decodeBase64(_ body: (UInt8) -> Void) -> Bool {
    var digits = 0
    for index in 0..<byteCount where Self.base64Value(byte(index)) != nil { digits += 1 }
    guard digits > 0, digits % 4 == 0 else { return false }
    var bits: UInt32 = 0
    var count = 0
    var padding = 0
    for index in 0..<byteCount {
      guard let value = Self.base64Value(byte(index)) else { continue }
      if byte(index) == UInt8(ascii: "=") { padding += 1 }
      bits = bits << 6 | value
      count += 1
      guard count == 4 else { continue }
      guard padding <= 2 else { return false }
      for place in 0..<3 - padding { body(UInt8(truncatingIfNeeded: bits >> UInt32(16 - 8 * place))) }
      if padding > 0 { return true }
      (bits, count) = (0, 0)
    }
    return true
  }

  /// The six bits of a digit of base64, 0 for padding; nil for any other byte.
  private static func base64Value(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    case UInt8(ascii: "="): 0
    default: nil
    }
  }
}
