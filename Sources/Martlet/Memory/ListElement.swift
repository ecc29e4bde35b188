// One element of a list, as it stands in a row with others: a packed list, or a chunk of a long one.
//
// The bytes are those of an entry of Redis's listpack (https://github.com/antirez/listpack, listpack.md): what kind it is
// and how long, the bytes themselves, and behind them how many that was, so that a row can be gone through from both ends.
// What is written as a canonical decimal number of 64 bits is kept as the number it is.
//
//     0xxxxxxx                      0 to 127
//     10xxxxxx                      a text of up to 63 bytes
//     110xxxxx and 1 byte           a number of 13 bits with a sign
//     1110xxxx and 1 byte           a text of up to 4095 bytes
//     11110000 and 4 bytes          a longer text
//     11110001 to 11110100          a number of 2, 3, 4 or 8 bytes, lowest first
//
// The length behind it has 7 bits in each byte, the lowest in the last one; all but the first have their top bit set.

/// What an element is to be made of.
struct ListContent: ~Escapable {
  let word: RawSpan
  /// The number that it is kept as; nil for a text.
  private let integer: Int?
  /// The bytes of the element without the length behind it.
  private let headedSize: Int
  /// All its bytes.
  let size: Int

  @_lifetime(copy word)
  @inline(__always)
  init(_ word: RawSpan) {
    self.word = word
    let count = word.byteCount
    // What begins with another byte is no number, and most elements are none.
    var integer: Int?
    if count > 0 && count <= 20 && word.byte(0) <= UInt8(ascii: "9") { integer = word.decimal }
    self.integer = integer
    if let integer {
      headedSize = Self.size(of: integer)
    } else {
      headedSize = count + (count < 64 ? 1 : count < 4096 ? 2 : 5)
    }
    size = headedSize + ListElement.lengthSize(headedSize)
  }

  private static func size(of integer: Int) -> Int {
    switch integer {
    case 0...127: 1
    case -4096...4095: 2
    case -32768...32767: 3
    case -8_388_608...8_388_607: 4
    case Int(Int32.min)...Int(Int32.max): 5
    default: 9
    }
  }

  /// Writes the element where there is room for its size.
  func write(to address: UnsafeMutableRawPointer) {
    if let integer {
      unsafe write(integer, to: address)
    } else {
      let count = word.byteCount
      if count < 64 {
        unsafe address.storeBytes(of: 0x80 | UInt8(count), as: UInt8.self)
      } else if count < 4096 {
        unsafe address.storeBytes(of: 0xe0 | UInt8(count >> 8), as: UInt8.self)
        unsafe address.storeBytes(of: UInt8(truncatingIfNeeded: count), toByteOffset: 1, as: UInt8.self)
      } else {
        unsafe address.storeBytes(of: 0xf0, as: UInt8.self)
        unsafe address.storeBytes(of: UInt32(count).littleEndian, toByteOffset: 1, as: UInt32.self)
      }
      if count > 0 {
        unsafe word.withUnsafeBytes { source in
          unsafe (address + headedSize - count).copyMemory(
            from: source.baseAddress.unsafelyUnwrapped, byteCount: count)
        }
      }
    }
    var rest = headedSize
    var index = size - 1
    while index > headedSize {
      unsafe address.storeBytes(of: UInt8(rest & 0x7f) | 0x80, toByteOffset: index, as: UInt8.self)
      rest >>= 7
      index -= 1
    }
    unsafe address.storeBytes(of: UInt8(rest), toByteOffset: headedSize, as: UInt8.self)
  }

  private func write(_ integer: Int, to address: UnsafeMutableRawPointer) {
    switch headedSize {
    case 1: return unsafe address.storeBytes(of: UInt8(integer), as: UInt8.self)
    case 2:
      let bits = UInt16(truncatingIfNeeded: integer) & 0x1fff
      unsafe address.storeBytes(of: 0xc0 | UInt8(bits >> 8), as: UInt8.self)
      return unsafe address.storeBytes(
        of: UInt8(truncatingIfNeeded: bits), toByteOffset: 1, as: UInt8.self)
    case 3: unsafe address.storeBytes(of: 0xf1, as: UInt8.self)
    case 4: unsafe address.storeBytes(of: 0xf2, as: UInt8.self)
    case 5: unsafe address.storeBytes(of: 0xf3, as: UInt8.self)
    default: unsafe address.storeBytes(of: 0xf4, as: UInt8.self)
    }
    var rest = UInt64(bitPattern: Int64(integer))
    for index in 1..<headedSize {
      unsafe address.storeBytes(of: UInt8(truncatingIfNeeded: rest), toByteOffset: index, as: UInt8.self)
      rest >>= 8
    }
  }
}

/// The address of one element. Good until its list changes.
@safe package struct ListElement {
  let address: UnsafeMutableRawPointer

  @inline(__always)
  init(_ address: UnsafeMutableRawPointer) { unsafe self.address = unsafe address }

  @inline(__always)
  private func byte(_ offset: Int) -> UInt8 { unsafe address.load(fromByteOffset: offset, as: UInt8.self) }

  /// How many bytes the length behind so many bytes takes: as in Redis, whose limits are one less than what would fit.
  @inline(__always)
  static func lengthSize(_ headedSize: Int) -> Int {
    if headedSize <= 127 { return 1 }
    if headedSize < 16383 { return 2 }
    if headedSize < 2_097_151 { return 3 }
    return headedSize < 268_435_455 ? 4 : 5
  }

  /// How many bytes come before the text, and how many the text has; for a number all of them come before it.
  @inline(__always)
  private var shape: (head: Int, text: Int) {
    let first = byte(0)
    if first & 0xc0 == 0x80 { return (1, Int(first & 0x3f)) }
    if first & 0x80 == 0 { return (1, 0) }
    if first & 0xe0 == 0xc0 { return (2, 0) }
    if first & 0xf0 == 0xe0 { return (2, Int(first & 0x0f) << 8 | Int(byte(1))) }
    switch first {
    case 0xf0:
      return (5, Int(UInt32(littleEndian: unsafe address.loadUnaligned(fromByteOffset: 1, as: UInt32.self))))
    case 0xf1: return (3, 0)
    case 0xf2: return (4, 0)
    case 0xf3: return (5, 0)
    default: return (9, 0)
    }
  }

  /// The bytes of all of it.
  @inline(__always)
  var size: Int {
    let shape = shape
    let headed = shape.head + shape.text
    return headed + Self.lengthSize(headed)
  }

  /// The element that ends just before an address.
  @inline(__always)
  static func ending(at end: UnsafeMutableRawPointer) -> ListElement {
    var place = unsafe end - 1
    var headed = 0
    var shift = 0
    while true {
      let byte = unsafe place.load(as: UInt8.self)
      headed |= Int(byte & 0x7f) << shift
      if byte & 0x80 == 0 { break }
      shift += 7
      unsafe place -= 1
    }
    return unsafe ListElement(place - headed)
  }

  /// Whether it is kept as a number.
  @inline(__always)
  private var isInteger: Bool {
    let first = byte(0)
    return first & 0x80 == 0 || first & 0xe0 == 0xc0 || first > 0xf0
  }

  /// The number that it is kept as; nil for a text.
  package var integer: Int? {
    let first = byte(0)
    if first & 0x80 == 0 { return Int(first) }
    if first & 0xe0 == 0xc0 {
      let bits = Int(first & 0x1f) << 8 | Int(byte(1))
      return bits < 1 << 12 ? bits : bits - 1 << 13
    }
    guard first > 0xf0 else { return nil }
    let count = shape.head - 1
    var bits: UInt64 = 0
    for index in 0..<count { bits |= UInt64(byte(1 + index)) << UInt64(8 * index) }
    let shift = Int64(64 - 8 * count)
    return Int((Int64(bitPattern: bits) << shift) >> shift)
  }

  /// The bytes of a text; of a number none.
  package var text: RawSpan {
    @_lifetime(borrow self)
    get {
      let shape = shape
      let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(address) + shape.head, byteCount: shape.text)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// How many bytes it has as its clients see it.
  var byteCount: Int {
    guard let integer else { return shape.text }
    var count = integer < 0 ? 2 : 1
    var rest = integer.magnitude
    while rest >= 10 {
      rest /= 10
      count += 1
    }
    return count
  }

  /// Writes out what its clients see.
  package func append(to bytes: inout ByteQueue) {
    if let integer { bytes.append(decimal: integer) } else { bytes.append(text) }
  }

  /// Its bytes, as its clients see them, in memory of their own.
  package var array: [UInt8] {
    if let integer { return Array("\(integer)".utf8) }
    return text.array
  }

  /// Whether it is made of this word.
  @inline(__always)
  func equals(_ word: ListWord) -> Bool {
    if isInteger { return word.integer != nil && integer == word.integer }
    let shape = shape
    return word.integer == nil && shape.text == word.bytes.byteCount && text.equals(word.bytes)
  }

  /// Whether both are made of the same word.
  func equals(_ other: ListElement) -> Bool {
    let count = size
    guard count == other.size else { return false }
    for index in 0..<count where byte(index) != other.byte(index) { return false }
    return true
  }
}

/// A word that elements are compared with.
struct ListWord: ~Escapable {
  let bytes: RawSpan
  fileprivate let integer: Int?

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) {
    self.bytes = bytes
    integer = bytes.decimal
  }
}
