// Elements that stand in a row in one string of an RDB file, in one of four forms. Every length is compared with what is
// there before it is used, and a row has to be whole: the lengths at its start, its count and its end have to be right.
//
// listpack (https://github.com/antirez/listpack, listpack.md): all bytes (4), how many elements (2), elements, 0xff. For the
// elements see `ListElement`, in which lists are kept here, too.
//
// ziplist (ziplist.c of Redis up to 7): all bytes (4), where the last one begins (4), how many (2), elements, 0xff. An element
// is how many bytes the one before has (1, or 0xfe and 4), what it is, and its bytes:
//
//     00xxxxxx                      a text of up to 63 bytes
//     01xxxxxx and 1 byte           a text of up to 16383 bytes
//     10000000 and 4 bytes          a longer text; the length's highest byte comes first, as above
//     11000000, 11010000, 11100000  a number of 2, 4 or 8 bytes, lowest first
//     11110000, 11111110            a number of 3 bytes, or of 1
//     11110001 to 11111101          a number from 0 to 12
//
// zipmap (zipmap.c): how many pairs (1), pairs, 0xff. A field is its length (1, or 0xfe and 4) and its bytes; a value is its
// length, how many bytes are free behind it (1), its bytes and those.
//
// intset (intset.c): how many bytes a number has (4), how many there are (4), the numbers in their order.

/// One string of elements, read one after the other.
struct PackedElements: ~Copyable {
  enum Form {
    case listpack, ziplist, zipmap, intset
  }

  private let bytes: ByteQueue
  private let form: Form
  private var offset: Int
  /// Where the elements end.
  private let end: Int
  /// How many elements the start says there are; nil when it doesn't.
  private let saidCount: Int?
  private(set) var count = 0
  /// Of a ziplist the bytes of the element before.
  private var previousSize = 0
  /// Of an intset the size and the last number.
  private var numberSize = 0
  private var lastNumber: Int?

  /// - Throws: when the row's start or its end is wrong.
  init(_ string: consuming ByteQueue, _ form: Form) throws(RDBProblem) {
    self.form = form
    let size = string.count
    switch form {
    case .listpack, .ziplist:
      let head = form == .listpack ? 6 : 10
      guard size > head, string.bytes.word(UInt32.self, at: 0) == size, string.bytes.byte(size - 1) == 0xff
      else { throw .damaged("a \(form) has another length than it says") }
      let said = Int(string.bytes.word(UInt16.self, at: head - 2))
      saidCount = said == 0xffff ? nil : said
      offset = head
      end = size - 1
    case .zipmap:
      guard size >= 2, string.bytes.byte(size - 1) == 0xff else { throw .damaged("a zipmap has no end") }
      let said = Int(string.bytes.byte(0))
      saidCount = said >= 254 ? nil : 2 * said
      offset = 1
      end = size - 1
    case .intset:
      guard size >= 8 else { throw .damaged("an intset is too short") }
      numberSize = Int(string.bytes.word(UInt32.self, at: 0))
      let said = Int(string.bytes.word(UInt32.self, at: 4))
      guard [2, 4, 8].contains(numberSize), size == 8 + said * numberSize else {
        throw .damaged("an intset has another length than it says")
      }
      saidCount = said
      offset = 8
      end = size
    }
    bytes = string
  }

  private var damage: RDBProblem { .damaged("an element of a \(form) reaches beyond it or contradicts it") }

  /// Appends the next element as its clients see it; false when there are no more.
  mutating func next(_ element: inout ByteQueue) throws(RDBProblem) -> Bool {
    guard offset < end else {
      if let saidCount, saidCount != count {
        throw .damaged("a \(form) has \(count) elements and says \(saidCount)")
      }
      return false
    }
    switch form {
    case .listpack: try nextOfListpack(&element)
    case .ziplist: try nextOfZiplist(&element)
    case .zipmap: try nextOfZipmap(&element)
    case .intset: try nextOfIntset(&element)
    }
    count += 1
    return true
  }

  /// So many bytes from the offset on.
  private mutating func take(_ length: Int) throws(RDBProblem) -> Range<Int> {
    guard length <= end - offset else { throw damage }
    offset += length
    return offset - length..<offset
  }

  private mutating func byte() throws(RDBProblem) -> Int {
    let place = try take(1).lowerBound
    return Int(bytes.bytes.byte(place))
  }

  /// A number with a sign, the lowest byte first.
  private mutating func number(_ size: Int) throws(RDBProblem) -> Int {
    let range = try take(size)
    var bits: UInt64 = 0
    for (index, place) in range.enumerated() { bits |= UInt64(bytes.bytes.byte(place)) << UInt64(8 * index) }
    let shift = Int64(64 - 8 * size)
    return Int((Int64(bitPattern: bits) << shift) >> shift)
  }

  /// A length, the highest byte first.
  private mutating func bigEndian() throws(RDBProblem) -> Int {
    let place = try take(4).lowerBound
    return Int(bytes.bytes.bigEndian(UInt32.self, at: place))
  }

  private mutating func littleEndian() throws(RDBProblem) -> Int {
    let place = try take(4).lowerBound
    return Int(bytes.bytes.word(UInt32.self, at: place))
  }

  private mutating func text(_ length: Int, _ element: inout ByteQueue) throws(RDBProblem) {
    let range = try take(length)
    element.append(bytes.bytes.extracting(range))
  }

  // MARK: Forms

  private mutating func nextOfListpack(_ element: inout ByteQueue) throws(RDBProblem) {
    let start = offset
    let first = try byte()
    switch first {
    case 0..<0x80: element.append(decimal: first)
    case 0x80..<0xc0: try text(first & 0x3f, &element)
    case 0xc0..<0xe0:
      let bits = (first & 0x1f) << 8 | (try byte())
      element.append(decimal: bits < 1 << 12 ? bits : bits - 1 << 13)
    case 0xe0..<0xf0: try text((first & 0x0f) << 8 | (try byte()), &element)
    case 0xf0: try text(try littleEndian(), &element)
    case 0xf1: element.append(decimal: try number(2))
    case 0xf2: element.append(decimal: try number(3))
    case 0xf3: element.append(decimal: try number(4))
    case 0xf4: element.append(decimal: try number(8))
    default: throw damage
    }
    // Behind it stands how many bytes that were, seven bits in each, the lowest last.
    let size = offset - start
    let length = ListElement.lengthSize(size)
    var said = 0
    for index in 0..<length {
      let byte = try byte()
      guard (byte & 0x80 == 0) == (index == 0) else { throw damage }
      said = said << 7 | byte & 0x7f
    }
    guard said == size else { throw damage }
  }

  private mutating func nextOfZiplist(_ element: inout ByteQueue) throws(RDBProblem) {
    let start = offset
    let before = try byte()
    guard before != 0xff, (before == 0xfe ? try littleEndian() : before) == previousSize else { throw damage }
    let first = try byte()
    switch first {
    case 0..<0x40: try text(first, &element)
    case 0x40..<0x80: try text((first & 0x3f) << 8 | (try byte()), &element)
    case 0x80..<0xc0: try text(try bigEndian(), &element)
    case 0xc0: element.append(decimal: try number(2))
    case 0xd0: element.append(decimal: try number(4))
    case 0xe0: element.append(decimal: try number(8))
    case 0xf0: element.append(decimal: try number(3))
    case 0xfe: element.append(decimal: try number(1))
    case 0xf1...0xfd: element.append(decimal: first - 0xf1)
    default: throw damage
    }
    previousSize = offset - start
  }

  private mutating func nextOfZipmap(_ element: inout ByteQueue) throws(RDBProblem) {
    let first = try byte()
    guard first != 0xff else { throw damage }
    let length = first == 0xfe ? try littleEndian() : first
    let isValue = count % 2 == 1
    let free = isValue ? try byte() : 0
    try text(length, &element)
    _ = try take(free)
  }

  private mutating func nextOfIntset(_ element: inout ByteQueue) throws(RDBProblem) {
    let next = try number(numberSize)
    if let lastNumber, lastNumber >= next {
      throw .damaged("the numbers of an intset are not in their order")
    }
    element.append(decimal: next)
    lastNumber = next
  }
}
