// An RDB file as commands, a few at a time: a value of any size is never in memory as a whole, but for one that is packed in
// one string.

package struct RDBImport: ~Copyable {
  /// After so many commands, or bytes in them, those who asked get them.
  private static let commandsAtOnce = 256
  private static let bytesAtOnce = 1 << 20

  private var file: RDBFileReader
  private var value: OpenValue?
  private var entry = RDBEntry()
  /// What has expired by then is left out; in milliseconds since 1970.
  private let now: Int64
  private var isAtEnd = false
  package private(set) var tally = RedisFileTally()

  /// A value that is being read.
  private struct OpenValue: ~Copyable {
    var reader: RDBValueReader
    var commands: ValueCommands
    /// It is read to be passed over.
    let hasExpired: Bool
    var hasBegun = false
  }

  /// - Parameter now: in milliseconds since 1970; 0 to leave nothing out.
  package init(_ input: consuming InputBytes, now: Int64) throws(RDBProblem) {
    file = try RDBFileReader(input)
    self.now = now
  }

  /// How many bytes have been read.
  package var position: Int { file.input.position }

  /// The bytes behind the end.
  package consuming func takeInput() -> InputBytes { file.takeInput() }

  /// Appends the next commands; false when there are no more.
  package mutating func next(_ requests: inout [ImportParser.Request]) throws(RDBProblem) -> Bool {
    let start = position
    let first = requests.count
    while !isAtEnd {
      if value == nil { try open(&requests) } else { try readEntry(&requests) }
      if requests.count - first >= Self.commandsAtOnce || position - start >= Self.bytesAtOnce { return true }
    }
    return requests.count > first
  }

  private mutating func open(_ requests: inout [ImportParser.Request]) throws(RDBProblem) {
    let place = position
    switch try file.next() {
    case .database(let number):
      requests.append(.command([Array("SELECT".utf8), Array("\(number)".utf8)], place: place))
    case .passedOver(let part): tally.leaveOut(part.plural)
    case .end: isAtEnd = true
    case .value(let type, let expiry):
      let reader = try RDBValueReader(type, &file.input)
      // A time of 0 is long past, and not the wish for no expiry that 0 stands for inside.
      let time = expiry.map { max($0, 1) } ?? 0
      let hasExpired = time != 0 && time <= now
      if hasExpired { tally.expired += 1 }
      value = OpenValue(
        reader: reader,
        commands: ValueCommands(type.kind ?? .string, file.key.bytes.array, expiry: time, place: place),
        hasExpired: hasExpired)
    }
  }

  private mutating func readEntry(_ requests: inout [ImportParser.Request]) throws(RDBProblem) {
    guard try value?.reader.next(&entry, &file.input) == true else {
      if value?.hasBegun == true {
        value?.commands.end(&requests)
        tally.keys += 1
      } else if value?.hasExpired == false && value?.reader.count ?? 0 > 0 {
        tally.expired += 1
      }
      value = nil
      return
    }
    guard value?.hasExpired == false, let kind = value?.reader.kind else { return }
    if let expiry = entry.expiry, expiry <= now { return }
    if value?.hasBegun == false {
      value?.commands.begin(&requests)
      value?.hasBegun = true
    }
    let text = entry.text.bytes.array
    let content = entry.value.bytes.array
    switch kind {
    case .sortedSet: value?.commands.add(text, score: entry.score, &requests)
    case .hash:
      let expiry = entry.expiry.map { max($0, 1) }
      value?.commands.add(text, content, expiry: expiry, &requests)
    default: value?.commands.add(text, &requests)
    }
  }
}

extension RDBFileReader.Part {
  fileprivate var plural: String {
    switch self {
    case .stream: "streams"
    case .module: "values of modules"
    case .function: "function libraries"
    }
  }
}

/// What a file of Redis held.
package struct RedisFileTally {
  /// Keys that are imported.
  package var keys = 0
  /// Keys whose time had passed, which are nobody's data any more.
  package var expired = 0
  /// What there is no place for, each with how many.
  package private(set) var leftOut: [String: Int] = [:]

  package init() {}

  package mutating func leaveOut(_ what: String) { leftOut[what, default: 0] += 1 }

  package mutating func add(_ other: RedisFileTally) {
    keys += other.keys
    expired += other.expired
    leftOut.merge(other.leftOut) { $0 + $1 }
  }

  /// What was left out, as a person reads it; nil for nothing.
  package var leftOutText: String? {
    if leftOut.isEmpty { return nil }
    return leftOut.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
  }
}
