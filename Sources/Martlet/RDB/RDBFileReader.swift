// Goes through an RDB file: what stands around the values. Its start is REDIS and a version of four digits, or VALKEY and
// three; then come facts, databases, keys with their values, and at the end the checksum of everything before it. What Martlet has no
// place for is passed over where its length can be told, and counted. The facts are those of rdb.c in Redis 7.0 to 8
// (https://github.com/redis/redis) and Valkey 9 (https://github.com/valkey-io/valkey).

package struct RDBFileReader: ~Copyable {
  /// What is passed over.
  package enum Part: String, CaseIterable, Sendable {
    case stream, module, function
  }

  package enum Event: Equatable {
    /// The keys that follow are of this numbered database.
    case database(Int)
    /// A key, which is now in ``key``, and its value: it stands in ``input`` and has to be read before the next event.
    ///
    /// - Parameter expiry: in milliseconds since 1970; nil for none.
    case value(RDBType, expiry: Int64?)
    case passedOver(Part)
    /// There is nothing left but what isn't part of the RDB file.
    case end
  }

  /// The bytes that every file begins with, its version among them.
  package static let headBytes = 9
  /// From this version on there is a checksum at the end.
  private static let firstWithChecksum = 5
  /// Databases are numbered below this: none has more.
  private static let maximumDatabases = 1 << 20

  package var input: InputBytes
  package private(set) var key = ByteQueue()
  private let version: Int
  private let dialect: RDBDialect

  /// Whether bytes are the start of an RDB file.
  package static func isStart(_ bytes: RawSpan) -> Bool {
    guard bytes.byteCount >= headBytes else { return false }
    return digits(bytes) != nil
  }

  /// The digits of the version; nil when the bytes are none of such a file.
  private static func digits(_ head: RawSpan) -> Int? {
    let start = head.begins(with: "REDIS") ? 5 : head.begins(with: "VALKEY") ? 6 : headBytes
    var number = 0
    for index in start..<headBytes {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(head.byte(index)) else { return nil }
      number = number * 10 + Int(head.byte(index) - UInt8(ascii: "0"))
    }
    return start == headBytes ? nil : number
  }

  /// Begins with a file at its start.
  package init(_ input: consuming InputBytes) throws(RDBProblem) {
    var input = input
    guard try input.fill(Self.headBytes),
      let version = Self.digits(input.atHand.extracting(0..<Self.headBytes))
    else { throw .damaged("this is no RDB file") }
    let isValkey = input.atHand.byte(0) == UInt8(ascii: "V")
    guard let dialect = RDBVersion.dialect(version), (dialect == .valkey) == isValkey else {
      throw .unsupported("version \(version) of the RDB format is not known")
    }
    try input.skip(Self.headBytes)
    self.input = input
    self.version = version
    self.dialect = dialect
  }

  /// Gives the bytes behind the file's end back.
  package consuming func takeInput() -> InputBytes { input }

  /// Goes on to what comes next.
  package mutating func next() throws(RDBProblem) -> Event {
    var expiry: Int64?
    while true {
      let number = try input.byte()
      switch number {
      case RDBOpcode.end:
        try finish()
        return .end
      case RDBOpcode.database:
        let database = try input.length()
        guard database < Self.maximumDatabases else {
          throw .damaged("a database has the number \(database)")
        }
        return .database(Int(database))
      case RDBOpcode.expiryInMilliseconds:
        expiry = try time(Int64(bitPattern: try input.littleEndian(UInt64.self)))
      case RDBOpcode.expiryInSeconds:
        expiry = try time(Int64(Int32(truncatingIfNeeded: try input.littleEndian(UInt32.self))) * 1000)
      case RDBOpcode.sizes:
        for _ in 0..<2 { _ = try input.length() }
      case RDBOpcode.slot:
        for _ in 0..<3 { _ = try input.length() }
      case RDBOpcode.fact:
        for _ in 0..<2 { try input.skipString() }
      case RDBOpcode.frequency: _ = try input.byte()
      case RDBOpcode.idle: _ = try input.length()
      case RDBOpcode.functions:
        try input.skipString()
        return .passedOver(.function)
      case RDBOpcode.moduleData:
        // The module, and when it is to be loaded: a number behind its kind.
        for _ in 0..<3 { _ = try input.length() }
        try skipModuleData()
        return .passedOver(.module)
      default: return try value(number, expiry)
      }
    }
  }

  private func time(_ milliseconds: Int64) throws(RDBProblem) -> Int64 {
    guard milliseconds >= 0 else { throw .damaged("a key expires before 1970") }
    return milliseconds
  }

  private mutating func value(_ number: UInt8, _ expiry: Int64?) throws(RDBProblem) -> Event {
    let start = input.position - 1
    guard let type = RDBType(number, dialect) else {
      throw .unsupported(
        "at byte \(start) there is a value or a part of the type \(number), which is not known")
    }
    key.removeAll()
    try input.string(&key)
    switch type {
    case .stream(let version):
      try skipStream(version)
      return .passedOver(.stream)
    case .module:
      _ = try input.length()
      try skipModuleData()
      return .passedOver(.module)
    default: return .value(type, expiry: expiry)
    }
  }

  private mutating func finish() throws(RDBProblem) {
    guard version >= Self.firstWithChecksum else { return }
    let sum = input.checksum()
    let said = try input.littleEndian(UInt64.self)
    // Who has turned checksums off writes 0.
    guard said == 0 || said == sum else {
      throw .damaged("the checksum is wrong: some bytes are not what was written")
    }
  }

  // MARK: Passing over

  /// Numbers, fractions and strings, each behind its kind, up to a 0.
  private mutating func skipModuleData() throws(RDBProblem) {
    while true {
      switch try input.length() {
      case 0: return
      case 1, 2: _ = try input.length()
      case 3: try input.skip(4)
      case 4: try input.skip(8)
      case 5: try input.skipString()
      default: throw .damaged("the data of a module can't be read")
      }
    }
  }

  private mutating func skipLengths(_ count: Int) throws(RDBProblem) {
    for _ in 0..<count { _ = try input.length() }
  }

  private mutating func skipStream(_ version: Int) throws(RDBProblem) {
    var nodes = try input.length()
    while nodes > 0 {
      try input.skipString()
      try input.skipString()
      nodes -= 1
    }
    // How many entries, and the last one's number; then the first one's, the largest of those deleted, and how many there ever were.
    try skipLengths(version >= 2 ? 8 : 3)
    var groups = try input.length()
    while groups > 0 {
      try input.skipString()
      try skipLengths(version >= 2 ? 3 : 2)
      // Entries that wait to be acknowledged: a number, a time, and how often they were delivered.
      var pending = try input.length()
      while pending > 0 {
        try input.skip(16 + 8)
        try skipLengths(1)
        pending -= 1
      }
      var consumers = try input.length()
      while consumers > 0 {
        try input.skipString()
        try input.skip(version >= 3 ? 16 : 8)
        var owned = try input.length()
        while owned > 0 {
          try input.skip(16)
          owned -= 1
        }
        consumers -= 1
      }
      groups -= 1
    }
  }
}
