// Commands that look into the running server: SLOWLOG, LATENCY, MEMORY.

internal let observationCommands: [CommandDeclaration] = [
  .init(
    "LATENCY", arity: -2, [], .server, since: "2.8.13", "Depends on the subcommand", "",
    "Commands about what took long."),
  .init(
    "LATENCY DOCTOR", arity: 2, [.admin], .server, since: "2.8.13", "O(N), N being the samples", "",
    "Returns what has taken long, in words."),
  .init(
    "LATENCY GRAPH", arity: 3, [.admin], .server, since: "2.8.13", "O(N), N being the samples", "event",
    "Returns the samples of an event as a picture."),
  .init(
    "LATENCY HISTOGRAM", arity: -2, [.admin], .server, since: "7.0.0", "O(N), N being the commands",
    "[command [command ...]]",
    "Returns how many calls of commands took how long."),
  .init(
    "LATENCY HISTORY", arity: 3, [.admin], .server, since: "2.8.13", "O(N), N being the samples", "event",
    "Returns the samples of an event."),
  .init(
    "LATENCY LATEST", arity: 2, [.admin], .server, since: "2.8.13", "O(N), N being the events", "",
    "Returns the latest sample of each event, and the longest."),
  .init(
    "LATENCY RESET", arity: -2, [.admin], .server, since: "2.8.13", "O(N), N being the events",
    "[event [event ...]]",
    "Forgets the samples of events, or of all; returns of how many there were some."),
  .init(
    "MEMORY", arity: -2, [.eachShard], .server, since: "4.0.0", "Depends on the subcommand", "",
    "Commands about memory."),
  .init(
    "MEMORY DOCTOR", arity: 2, [], .server, since: "4.0.0", "O(1)", "",
    "Returns what there is to say about the use of memory, in words."),
  .init(
    "MEMORY MALLOC-STATS", arity: 2, [], .server, since: "4.0.0", "O(N), N being the shards", "",
    "Returns what the allocators of the shards have."),
  .init(
    "MEMORY PURGE", arity: 2, [], .server, since: "4.0.0", "O(N), N being the memory that is idle", "",
    "Gives memory that holds nothing back to the system."),
  .init(
    "MEMORY STATS", arity: 2, [], .server, since: "4.0.0", "O(N), N being the shards", "",
    "Returns what memory is used for."),
  .init(
    "MEMORY USAGE", arity: -3, [.readOnly], keys: .second, .server, since: "4.0.0",
    "O(1)", "key [SAMPLES count]",
    "Returns how many bytes a key and its value take."),
  .init(
    "SLOWLOG", arity: -2, [], .server, since: "2.2.12", "Depends on the subcommand", "",
    "Commands about the requests that took long."),
  .init(
    "SLOWLOG GET", arity: -2, [.admin], .server, since: "2.2.12", "O(N), N being the entries",
    "[count] [SPLIT]",
    "Returns the last requests that took long; with SPLIT, each with its waits for locks, its execution and its wait "
      + "for the disk."),
  .init(
    "SLOWLOG LEN", arity: 2, [.admin], .server, since: "2.2.12", "O(1)", "",
    "Returns how many requests that took long are kept."),
  .init(
    "SLOWLOG RESET", arity: 2, [.admin], .server, since: "2.2.12", "O(N), N being the entries", "",
    "Forgets the requests that took long."),
]

extension Execution {
  // MARK: SLOWLOG

  mutating func slowLog(_ words: borrowing Words, _ session: SessionState) {
    switch subcommand(words, session) {
    case "SLOWLOG GET": showSlowRequests(words)
    case "SLOWLOG LEN": reply.integer(context.slowLog.count)
    case "SLOWLOG RESET":
      context.slowLog.removeAll()
      reply.ok()
    default: break
    }
  }

  /// `SLOWLOG GET [count] [SPLIT]`. Redis's entries have six parts, and there are clients that read no more than those and
  /// take what follows for the next reply: so the others are only there for who asks for them.
  private mutating func showSlowRequests(_ words: borrowing Words) {
    let isSplit = words.count > 2 && words[words.count - 1].equalsIgnoringCase("split")
    let end = isSplit ? words.count - 1 : words.count
    guard end <= 3 else { return replyWrongUse(words) }
    var entries = context.slowLog.entries[...]
    if end == 3 {
      guard let count = words[2].decimal, count >= -1 else {
        return reply.error("ERR count should be greater than or equal to -1")
      }
      if count >= 0 { entries = entries.prefix(count) }
    } else {
      entries = entries.prefix(10)
    }
    let now = WallClock.monotonicNanoseconds()
    reply.array(entries.count)
    for entry in entries {
      reply.array(isSplit ? 9 : 6)
      reply.integer(entry.number)
      reply.integer(Int(entry.time))
      reply.integer(Int(entry.duration))
      reply.array(entry.words.count)
      for word in entry.words { reply.bulk(word.span.raw) }
      reply.bulk(entry.address)
      reply.bulk(entry.name)
      guard isSplit else { continue }
      reply.integer(Int(entry.lockWait))
      reply.integer(Int(entry.execution))
      reply.integer(Int(entry.diskWait(now: now)))
    }
  }

  // MARK: LATENCY

  mutating func latency(_ words: borrowing Words, _ session: SessionState) {
    switch subcommand(words, session) {
    case "LATENCY DOCTOR": reply.verbatim(latencyReport())
    case "LATENCY GRAPH":
      guard let (name, series) = series(words[2]) else {
        return reply.error("ERR No samples available for event '\(words[2].extracting(first: 128).text)'")
      }
      reply.verbatim(LatencyGraph.text(name, series, now: WallClock.systemMicroseconds() / 1_000_000))
    case "LATENCY HISTOGRAM": showHistograms(words)
    case "LATENCY HISTORY":
      let samples = series(words[2])?.series.samples ?? []
      reply.array(samples.count)
      for sample in samples {
        reply.array(2)
        reply.integer(Int(sample.time))
        reply.integer(Int(sample.milliseconds))
      }
    case "LATENCY LATEST":
      let all = context.latency.all.sorted { $0.key.rawValue < $1.key.rawValue }
      reply.array(all.count)
      for (event, series) in all {
        let last = series.samples.last
        reply.array(4)
        reply.bulk(event.rawValue)
        reply.integer(Int(last?.time ?? 0))
        reply.integer(Int(last?.milliseconds ?? 0))
        reply.integer(Int(series.longest))
      }
    case "LATENCY RESET": resetLatency(words)
    default: break
    }
  }

  /// What was noted of the event with a name; nil for no such event, or nothing.
  private func series(_ name: RawSpan) -> (name: String, series: LatencyMonitor.Series)? {
    guard let event = LatencyMonitor.Event(rawValue: name.text.lowercased()),
      let series = context.latency.all[event]
    else { return nil }
    return (event.rawValue, series)
  }

  private mutating func resetLatency(_ words: borrowing Words) {
    var events = words.count == 2 ? LatencyMonitor.Event.allCases : []
    for index in 2..<max(2, words.count) {
      if let event = LatencyMonitor.Event(rawValue: words[index].text.lowercased()) { events.append(event) }
    }
    reply.integer(context.latency.remove(events))
  }

  private mutating func showHistograms(_ words: borrowing Words) {
    let figures = context.commandFigures
    var places: [Int] = []
    if words.count == 2 {
      places = figures.indices.filter { figures[$0].timed > 0 }
    } else {
      for index in 2..<words.count {
        guard let found = CommandDeclaration.find(words[index]) else { continue }
        for declaration in [found] + found.subcommands {
          guard let place = CommandDeclaration.place(declaration.name), figures[place].timed > 0 else {
            continue
          }
          if !places.contains(place) { places.append(place) }
        }
      }
    }
    reply.map(places.count)
    for place in places {
      reply.bulk(CommandDeclaration.all[place].shownName)
      let counts = figures[place].cumulativeCounts
      reply.map(2)
      reply.bulk("calls")
      reply.integer(Int(figures[place].timed))
      reply.bulk("histogram_usec")
      reply.map(counts.count)
      for (microseconds, count) in counts {
        reply.integer(Int(microseconds))
        reply.integer(Int(count))
      }
    }
  }

  private func latencyReport() -> String {
    let threshold = context.latency.threshold
    guard threshold > 0 else {
      return
        "Nothing is noted: set latency-monitor-threshold to the milliseconds from which on something counts as long "
        + "(CONFIG SET latency-monitor-threshold 100).\n"
    }
    let all = context.latency.all.sorted { $0.key.rawValue < $1.key.rawValue }
    guard !all.isEmpty else { return "Nothing has taken \(threshold) ms or longer.\n" }
    var text = ""
    let now = WallClock.systemMicroseconds() / 1_000_000
    for (event, series) in all {
      let sum = series.samples.reduce(0) { $0 + $1.milliseconds }
      let age = now - (series.samples.last?.time ?? now)
      text +=
        "\(event.rawValue): \(series.samples.count) times \(threshold) ms or longer, on the mean "
        + "\(sum / Int64(max(1, series.samples.count))) ms, at most \(series.longest) ms, last \(age) s ago. "
        + "\(event.advice)\n"
    }
    return text
  }

  // MARK: MEMORY

  mutating func memory(_ words: borrowing Words, _ session: SessionState) {
    switch subcommand(words, session) {
    case "MEMORY DOCTOR": reply.verbatim(memoryReport())
    case "MEMORY MALLOC-STATS": reply.verbatim(allocatorReport())
    case "MEMORY PURGE":
      giveBackMemory()
      reply.ok()
    case "MEMORY STATS": showMemory()
    case "MEMORY USAGE": showUsage(words, session.database)
    default: break
    }
  }

  private mutating func showUsage(_ words: borrowing Words, _ database: Int) {
    if words.count > 3 {
      guard words.count == 5, words[3].equalsIgnoringCase("samples") else {
        return reply.error(Self.syntaxError)
      }
      guard let count = words[4].decimal else { return reply.error(Self.notInteger) }
      guard count >= 0 else { return reply.error(Self.syntaxError) }
    }
    guard let item = look(keyspace.place(words[2]), database) else { return reply.null() }
    reply.integer(item.weight)
  }

  private mutating func showMemory() {
    let memory = memoryFigures()
    var keys = 0
    var databases: [(number: Int, keys: Int)] = []
    for database in 0..<keyspace.databaseCount {
      var count = 0
      for shard in 0..<keyspace.shardCount {
        lockInTurn(shard)
        count += keyspace[shard].shard.count(database)
        unlockInTurn(shard)
      }
      if count > 0 { databases.append((database, count)) }
      keys += count
    }
    let numbers: [(name: String, bytes: Int)] = [
      ("peak.allocated", memory.peak),
      ("total.allocated", memory.resident),
      ("startup.allocated", 0),
      ("replication.backlog", 0),
      ("clients.slaves", 0),
      ("cluster.links", 0),
      ("aof.buffer", Int(journal.pendingBytes)),
      ("lua.caches", 0),
      ("functions.caches", 0),
      ("overhead.total", memory.overhead),
      ("keys.count", keys),
      ("keys.bytes-per-key", keys == 0 ? 0 : memory.resident / keys),
      ("dataset.bytes", memory.used),
      ("allocator.allocated", memory.used),
      ("allocator.active", memory.resident),
      ("allocator.resident", memory.resident),
    ]
    let ratios: [(name: String, part: Int, whole: Int)] = [
      ("dataset.percentage", memory.used * 100, memory.resident),
      ("peak.percentage", memory.resident * 100, memory.peak),
      ("allocator-fragmentation.ratio", memory.resident, memory.used),
      ("fragmentation", memory.process, memory.resident),
    ]
    reply.map(numbers.count + ratios.count + 2)
    for (name, bytes) in numbers {
      reply.bulk(name)
      reply.integer(bytes)
    }
    for (name, part, whole) in ratios {
      reply.bulk(name)
      reply.thousandths(whole == 0 ? 0 : Int((Double(part) / Double(whole) * 1000).rounded()))
    }
    reply.bulk("allocator-fragmentation.bytes")
    reply.integer(memory.overhead)
    reply.bulk("fragmentation.bytes")
    reply.integer(memory.process - memory.resident)
  }

  private func memoryReport() -> String {
    let memory = memoryFigures()
    let limit = context.memoryLimit
    var findings: [String] = []
    if limit > 0 && memory.resident > limit - limit / 10 {
      findings.append(
        context.evictionPolicy == .none
          ? "The data takes \(Self.human(memory.resident)) of the \(Self.human(limit)) that maxmemory allows: writes "
            + "will be refused. Raise maxmemory, delete keys, or let maxmemory-policy make room."
          : "The data takes nearly all that maxmemory allows (\(Self.human(limit))): keys are evicted.")
    }
    if memory.overhead > memory.resident / 2 && memory.overhead > 16 << 20 {
      findings.append(
        "\(Self.human(memory.overhead)) of \(Self.human(memory.resident)) hold nothing: MEMORY PURGE gives back what can be."
      )
    }
    if memory.process > memory.resident * 2 && memory.process - memory.resident > 256 << 20 {
      findings.append(
        "The process takes \(Self.human(memory.process)), and the data only \(Self.human(memory.resident)): there are many "
          + "clients, or large requests and replies are under way.")
    }
    if memory.peak > memory.resident * 3 / 2 && memory.peak > 16 << 20 {
      findings.append(
        "The data once took \(Self.human(memory.peak)), and takes \(Self.human(memory.resident)) now.")
    }
    return findings.isEmpty
      ? "Nothing about the use of memory stands out.\n" : findings.joined(separator: "\n") + "\n"
  }

  private mutating func allocatorReport() -> String {
    var text = "Each shard has an allocator of its own. Bytes in use, and bytes that are resident:\n"
    for shard in 0..<keyspace.shardCount {
      lockInTurn(shard)
      let used = keyspace[shard].shard.allocator.usedBytes
      let resident = keyspace[shard].shard.allocator.residentBytes
      unlockInTurn(shard)
      text += "shard \(shard): \(used) \(resident)\n"
    }
    return text
  }
}

extension CommandFigures {
  /// How many timed calls took at most so many microseconds, for powers of two, as far as that tells something new.
  var cumulativeCounts: [(microseconds: UInt64, count: UInt64)] {
    var counts: [(microseconds: UInt64, count: UInt64)] = []
    var bound: UInt64 = 1
    var sum: UInt64 = 0
    var shown: UInt64 = 0
    for index in buckets.indices {
      while UInt64(LatencyBuckets.upperBound(index)) >= bound * 1000 {
        if sum > shown { counts.append((bound, sum)) }
        shown = sum
        bound *= 2
      }
      sum += buckets[index]
    }
    if sum > shown { counts.append((bound, sum)) }
    return counts
  }
}

extension LatencyMonitor.Event {
  /// What to do about it.
  fileprivate var advice: String {
    switch self {
    case .command: "SLOWLOG GET shows which requests they were."
    case .fastCommand:
      "Such a request waited for a lock or for a processor: SLOWLOG GET 10 SPLIT tells which."
    case .sync: "The disk is slow to sync; every write waits for that unless durability is everysec or never."
    case .write: "The disk, or what else writes to it, is slow to take data."
    case .sweep: "Many keys expire at once, or much is to be freed."
    case .eviction: "The memory limit is too small for what is written."
    }
  }
}

/// The picture of LATENCY GRAPH: a column for each sample, with its age below.
enum LatencyGraph {
  /// So many of the last samples are shown.
  private static let columns = 80
  private static let rows = 4

  static func text(_ name: String, _ series: LatencyMonitor.Series, now: Int64) -> String {
    let samples = series.samples.suffix(columns)
    let most = samples.map(\.milliseconds).max() ?? 0
    let least = samples.map(\.milliseconds).min() ?? 0
    var text = "\(name) - high \(most) ms, low \(least) ms (all time high \(series.longest) ms)\n"
    text += String(repeating: "-", count: columns) + "\n"
    // Each row shows a part of the range; `_`, `o` and `#` are thirds of it.
    let range = Double(max(1, most - least))
    let levels = samples.map { Int(Double($0.milliseconds - least) / range * Double(rows * 3 - 1)) }
    for row in (0..<rows).reversed() {
      var line = ""
      for level in levels {
        switch level - row * 3 {
        case ..<0: line += " "
        case 0: line += "_"
        case 1: line += "o"
        default: line += level / 3 == row ? "#" : "|"
        }
      }
      while line.hasSuffix(" ") { line.removeLast() }
      if !line.isEmpty { text += line + "\n" }
    }
    let ages = samples.map { Array(age(now - $0.time)) }
    for row in 0..<(ages.map(\.count).max() ?? 0) {
      var line = ages.map { row < $0.count ? String($0[row]) : " " }.joined()
      while line.hasSuffix(" ") { line.removeLast() }
      text += line + "\n"
    }
    return text
  }

  /// Seconds as Redis shows an age: `12s`, `3m`, `2h`, `1d`.
  private static func age(_ seconds: Int64) -> String {
    switch seconds {
    case ..<60: "\(max(0, seconds))s"
    case ..<3600: "\(seconds / 60)m"
    case ..<86_400: "\(seconds / 3600)h"
    default: "\(seconds / 86_400)d"
    }
  }
}
