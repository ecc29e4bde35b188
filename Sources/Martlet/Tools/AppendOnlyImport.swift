// Redis's append-only log: the commands that made its data, in the protocol's own form, maybe with an RDB file before them.
//
// The commands build on one another, so they are run in a store in memory first; what has come of them is then imported key by
// key. The clock of that store stands before all times, as in a Redis that loads: a counter whose time has passed meanwhile
// must not be counted on as one without a time. It runs the code that serves clients.

package final class AppendOnlyImport {
  /// The bytes of one line before a word, at most, and of a note in the log.
  private static let maximumLine = 1024
  private static let maximumWords = 1 << 20
  /// After so many commands those who asked get them.
  private static let commandsAtOnce = 256

  private let store: StoreCore
  private let replay: FolderImport
  /// What went wrong in which file, and at which of its bytes.
  package typealias Complaint = (_ file: String, _ place: Int, _ reason: String) -> Void
  private let complain: Complaint
  package private(set) var tally = RedisFileTally()
  /// What a person should know besides.
  package private(set) var notes: [String] = []

  private static let commands: [String: CommandDeclaration.Flags] = CommandDeclaration.all.reduce(into: [:]) {
    $0[$1.name] = $1.flags
  }

  package init(complain: @escaping Complaint) {
    var system = SystemRandomNumberGenerator()
    var random = RandomSource(seed: system.next())
    store = StoreCore(
      inMemory: 1, databases: ToolLimits.databases, clock: WallClock(stoppedAt: 1), random: &random)
    replay = FolderImport(store)
    self.complain = complain
  }

  /// Runs the commands of one file after those of the files before.
  ///
  /// - Parameters:
  ///   - isLast: whether no file follows: then what its server was writing when it ended may be missing.
  ///   - progress: told how many bytes have been read.
  /// - Throws: `ToolError` when the file is damaged.
  package func read(
    _ source: consuming InputBytes, _ file: String, isLast: Bool, progress: (Int) -> Void
  ) throws {
    var input = source
    do throws(RDBProblem) {
      _ = try input.fill(RDBFileReader.headBytes)
    } catch {
      throw describe(error, file, input.position)
    }
    if RDBFileReader.isStart(input.atHand) {
      var rdb: RDBImport
      do throws(RDBProblem) {
        rdb = try RDBImport(input, now: 0)
      } catch {
        throw describe(error, file, 0)
      }
      var requests: [ImportParser.Request] = []
      while true {
        do throws(RDBProblem) {
          guard try rdb.next(&requests) else { break }
        } catch {
          throw describe(error, file, rdb.position)
        }
        for case .command(let words, let place) in requests { try run(words, file, place) }
        requests.removeAll(keepingCapacity: true)
        progress(rdb.position)
      }
      var counted = rdb.tally
      counted.keys = 0
      tally.add(counted)
      input = rdb.takeInput()
    }
    try readCommands(&input, file, isLast: isLast, progress: progress)
  }

  private func describe(_ problem: RDBProblem, _ file: String, _ place: Int) -> ToolError {
    ToolError("\(file): \(problem.text(at: place))")
  }

  private func run(_ words: [[UInt8]], _ file: String, _ place: Int) throws {
    guard let error = try replay.run(words) else { return }
    complain(file, place, error)
    if String(decoding: words[0], as: UTF8.self).uppercased() == "SELECT" {
      throw ToolError("\(file): what follows byte \(place) is for a database that can't be selected")
    }
  }

  /// How many keys the commands have made so far.
  package var keyCount: Int { store.keyCount }

  // MARK: Commands

  private func readCommands(
    _ input: inout InputBytes, _ file: String, isLast: Bool, progress: (Int) -> Void
  ) throws {
    var words: [[UInt8]] = []
    /// Where the transaction that is open began: what isn't whole of it is left out with it.
    var transaction: Int?
    while true {
      let place = input.position
      do throws(RDBProblem) {
        guard try input.fill(1) else { break }
        words.removeAll(keepingCapacity: true)
        try Self.readCommand(&input, &words)
      } catch {
        guard error == .truncated, isLast else { throw describe(error, file, place) }
        noteTail(file, from: transaction ?? place)
        break
      }
      progress(input.position)
      guard let first = words.first else { continue }
      let name = String(decoding: first, as: UTF8.self).uppercased()
      switch name {
      case "MULTI": transaction = place
      case "EXEC", "DISCARD": transaction = nil
      case "SELECT": break
      default:
        guard Self.commands[name]?.contains(.write) == true else {
          tally.leaveOut("\(name) commands")
          continue
        }
      }
      try run(words, file, place)
    }
    if let transaction {
      guard isLast else { throw describe(.truncated, file, transaction) }
      noteTail(file, from: transaction)
      _ = try replay.run([Array("DISCARD".utf8)])
    }
  }

  private func noteTail(_ file: String, from place: Int) {
    let note =
      "\(file): it ends in the middle of a command or a transaction that begins at byte \(place), as when a server is "
      + "ended while it writes. What is before that is imported"
    if notes.last != note { notes.append(note) }
  }

  /// Reads `*WORDS` and each word behind `$BYTES`, or passes over a note in the log, which leaves no words.
  private static func readCommand(
    _ input: inout InputBytes, _ words: inout [[UInt8]]
  ) throws(RDBProblem) {
    let head = try line(&input)
    if head.first == UInt8(ascii: "#") { return }
    guard let count = number(head, behind: "*"), (1...maximumWords).contains(count) else {
      throw .damaged("no command begins here")
    }
    var bytes = 0
    for _ in 0..<count {
      guard let length = number(try line(&input), behind: "$"), (0...Limits.valueBytes).contains(length)
      else {
        throw .damaged("a word of a command has no length")
      }
      bytes += length
      guard bytes <= Limits.requestBytes else { throw .damaged("a command is longer than 1 GiB") }
      words.append(try input.take(length).array)
      guard try input.take(2).begins(with: "\r\n") else {
        throw .damaged("a word of a command has another length")
      }
    }
  }

  /// The bytes up to the next line end.
  private static func line(_ input: inout InputBytes) throws(RDBProblem) -> [UInt8] {
    var length = 0
    while true {
      guard try input.fill(length + 1) else { throw .truncated }
      if let end = input.atHand.firstIndex(of: UInt8(ascii: "\n"), from: length) {
        var line = try input.take(end + 1).array
        line.removeLast()
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return line
      }
      length = input.atHand.byteCount
      guard length <= maximumLine else { throw .damaged("no command begins here") }
    }
  }

  private static func number(_ line: [UInt8], behind sign: Unicode.Scalar) -> Int? {
    guard line.first == UInt8(ascii: sign) else { return nil }
    return line.span.raw.extracting(1..<line.count).decimal
  }

  // MARK: What has come of it

  /// Where in the data the next commands come from.
  private struct Place {
    var database = 0
    var shard = 0
    var cursor: UInt64 = 0
    /// The database that the commands before have selected; none at the beginning, when it is whichever the client has.
    var selected: Int?
    /// Keys that are next, and which database they are of.
    var items: [Item] = []
    var databaseOfItems = 0
    var open: OpenItem?
  }

  /// A value of which some entries have become commands.
  private struct OpenItem {
    let item: Item
    var commands: ValueCommands
    /// Of members; or of a list, how many elements are done.
    var cursor: UInt64 = 0
  }

  private var next = Place()

  /// Appends the next commands that make what has come of all files; false when there are no more. Their places are the
  /// numbers of their keys.
  ///
  /// - Parameter now: in milliseconds since 1970; what has expired by then is left out.
  package func next(_ requests: inout [ImportParser.Request], now: Int64) -> Bool {
    let first = requests.count
    while requests.count - first < Self.commandsAtOnce {
      if next.open != nil {
        addEntries(&requests, now)
      } else if let item = next.items.popLast() {
        open(item, &requests, now)
      } else if !findItems() {
        return requests.count > first
      }
    }
    return true
  }

  /// Finds more keys; false when there are none.
  private func findItems() -> Bool {
    guard next.database < store.keyspace.databaseCount else { return false }
    next.databaseOfItems = next.database
    var found: [Item] = []
    next.cursor = store.keyspace[next.shard].shard.scan(next.database, next.cursor) { found.append($0) }
    next.items = found
    guard next.cursor == 0 else { return true }
    next.shard += 1
    if next.shard == store.keyspace.shardCount {
      next.shard = 0
      next.database += 1
    }
    return true
  }

  private func open(_ item: Item, _ requests: inout [ImportParser.Request], _ now: Int64) {
    guard !(item.mayHaveExpired && item.hasExpired(now)) else {
      tally.expired += 1
      return
    }
    tally.keys += 1
    let database = next.databaseOfItems
    if database != next.selected {
      next.selected = database
      requests.append(.command([Array("SELECT".utf8), Array("\(database)".utf8)], place: tally.keys))
    }
    let commands = ValueCommands(item.kind, item.key.array, expiry: item.expiry, place: tally.keys)
    commands.begin(&requests)
    next.open = OpenItem(item: item, commands: commands)
  }

  private func addEntries(_ requests: inout [ImportParser.Request], _ now: Int64) {
    guard var open = next.open else { return }
    let item = open.item
    switch item.kind {
    case .string: open.commands.add(item.value.array, &requests)
    case .list:
      var cursor = item.list.cursor(at: Int(open.cursor))
      var left = ImportParser.maximumMembers
      while left > 0, let element = cursor.next() {
        open.commands.add(element.array, &requests)
        open.cursor += 1
        left -= 1
      }
      if Int(open.cursor) == item.list.count { open.cursor = 0 }
    case .set, .hash, .sortedSet:
      open.cursor = item.members.scan(open.cursor) { member in
        if member.hasExpired(now) { return }
        let key = member.key.array
        if member.hasScore {
          open.commands.add(key, score: member.score, &requests)
        } else if member.hasValue {
          let expiry = member.expires ? member.expiry : nil
          open.commands.add(key, member.value.array, expiry: expiry, &requests)
        } else {
          open.commands.add(key, &requests)
        }
      }
    }
    if open.cursor == 0 {
      open.commands.end(&requests)
      next.open = nil
    } else {
      next.open = open
    }
  }
}

extension RDBProblem {
  /// What is wrong, as a person reads it.
  ///
  /// - Parameter place: up to which byte the file was read.
  package func text(at place: Int) -> String {
    switch self {
    case .truncated: "it ends too early, at byte \(place)"
    case .damaged(let reason): "damaged before byte \(place): \(reason)"
    case .unsupported(let reason): reason
    case .disk(let error): "\(error)"
    }
  }
}
