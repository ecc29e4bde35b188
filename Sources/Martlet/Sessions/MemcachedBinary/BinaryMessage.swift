// What requests and replies of memcached's binary protocol are made of (memcached's doc/protocol-binary.txt): a header
// of 24 bytes with numbers in network byte order, and a body of extras, a key and a value.

/// What a request asks for.
enum BinaryCommand: UInt8 {
  case get = 0x00
  case set, add, replace, delete, increment, decrement, quit, flush, getq, noop, version, getk, getkq
  case append, prepend, stat, setq, addq, replaceq, deleteq, incrementq, decrementq, quitq, flushq, appendq
  case prependq
  case touch = 0x1c
  case gat, gatq
  case saslList = 0x20
  case saslAuth, saslStep, gatk, gatkq

  /// Whether it is served before a client has said who it is.
  var isForStrangers: Bool {
    switch self {
    case .version, .saslList, .saslAuth, .saslStep: true
    default: false
    }
  }

  /// Whether its arguments hold secrets, which no log may show.
  var isSensitive: Bool { self == .saslAuth || self == .saslStep }
}

/// How a request went.
enum BinaryStatus: UInt16 {
  case success = 0x00
  case notFound = 0x01
  case exists = 0x02
  case tooLarge = 0x03
  case invalid = 0x04
  case notStored = 0x05
  case notNumber = 0x06
  case notAuthenticated = 0x20
  case authenticationGoesOn = 0x21
  case unknownCommand = 0x81
  case outOfMemory = 0x82
  /// The key holds a collection, of which this protocol knows nothing.
  case notSupported = 0x83
  /// The database can't be written any more.
  case internalError = 0x84
  /// The disk is full for now.
  case temporaryFailure = 0x86

  /// What the body of an error says. Where memcached has such an error, clients match on its words.
  var text: StaticString {
    switch self {
    case .success, .authenticationGoesOn: ""
    case .notFound: "Not found"
    case .exists: "Data exists for key."
    case .tooLarge: "Too large."
    case .invalid: "Invalid arguments"
    case .notStored: "Not stored."
    case .notNumber: "Non-numeric server-side value for incr or decr"
    case .notAuthenticated: "Auth failure."
    case .unknownCommand: "Unknown command"
    case .outOfMemory: "Out of memory allocating item"
    case .notSupported: "The key holds a collection: use a Redis client for it"
    case .internalError: "The database can't be written: see the server's log"
    case .temporaryFailure: "The disk is full; writes resume by themselves when there is room"
    }
  }
}

/// The header of a request. What the fields "data type" and "reserved" hold doesn't matter, as in memcached.
struct BinaryHeader {
  static var byteCount: Int { 24 }
  /// The first byte of every request.
  static var requestMagic: UInt8 { 0x80 }
  /// The first byte of every reply.
  static var replyMagic: UInt8 { 0x81 }

  let opcode: UInt8
  /// The lengths of the key, of the extras, and of the body with both of them, in bytes.
  let keyCount: Int
  let extrasCount: Int
  let bodyCount: Int
  /// What the reply carries back.
  let opaque: UInt32
  /// The CAS token that the key has to have; 0 for any.
  let cas: UInt64

  /// - Parameter request: at least the whole header.
  @inline(__always)
  init(_ request: RawSpan) {
    let start = request.bigEndian(UInt64.self, at: 0)
    opcode = UInt8(truncatingIfNeeded: start >> 48)
    keyCount = Int(truncatingIfNeeded: start >> 32 & 0xffff)
    extrasCount = Int(truncatingIfNeeded: start >> 24 & 0xff)
    let middle = request.bigEndian(UInt64.self, at: 8)
    bodyCount = Int(truncatingIfNeeded: middle >> 32)
    opaque = UInt32(truncatingIfNeeded: middle)
    cas = request.bigEndian(UInt64.self, at: 16)
  }

  /// What of the body is left for the value; below zero if the body is too short for what it should hold.
  var valueCount: Int { bodyCount - keyCount - extrasCount }

  /// Where the key, the value and the next request begin, counted from the header.
  var keyStart: Int { Self.byteCount + extrasCount }
  var valueStart: Int { keyStart + keyCount }
  var end: Int { Self.byteCount + bodyCount }

  /// Whether the body is a key and nothing else.
  var isKeyAlone: Bool { keyCount > 0 && bodyCount == keyCount }

  /// The key of a request that is there whole.
  @_lifetime(copy request)
  @inline(__always)
  func key(_ request: RawSpan) -> RawSpan { request.extracting(keyStart..<valueStart) }

  /// The value of a request that is there whole.
  @_lifetime(copy request)
  @inline(__always)
  func value(_ request: RawSpan) -> RawSpan { request.extracting(valueStart..<end) }
}

extension Reply {
  /// The header of the reply to a request; the body is to follow.
  @inline(__always)
  mutating func binaryHeader(
    _ request: BinaryHeader, _ status: BinaryStatus, extras: Int = 0, key: Int = 0, body: Int,
    cas: UInt64 = 0
  ) {
    let lengths = UInt64(key) << 32 | UInt64(extras) << 24
    buffer.append(
      bigEndian: UInt64(BinaryHeader.replyMagic) << 56 | UInt64(request.opcode) << 48 | lengths
        | UInt64(status.rawValue))
    buffer.append(bigEndian: UInt64(body) << 32 | UInt64(request.opaque))
    buffer.append(bigEndian: cas)
  }

  /// A whole reply whose body is a text.
  mutating func binaryText(_ request: BinaryHeader, _ status: BinaryStatus, _ text: StaticString) {
    binaryHeader(request, status, body: text.utf8CodeUnitCount)
    buffer.append(text)
  }

  /// An error, in its own words.
  mutating func binaryError(_ request: BinaryHeader, _ status: BinaryStatus) {
    binaryText(request, status, status.text)
  }
}
