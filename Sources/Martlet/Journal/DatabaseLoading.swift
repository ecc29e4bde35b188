// Fills a keyspace from a database file, on several threads.
//
// A chunk of the file goes through three steps, each shared among the threads: the checksums of its runs are verified;
// its records are read and sorted by the shards they concern, every thread taking some of the runs; then they are
// applied, every thread to its own shards, in the file's order. Records that concern one key, or each key by itself, or
// everything, can be so dealt out. Those that carry a value from one key to another can't: a chunk with one is
// applied by one thread.

/// What reading a database file found.
package struct LoadedDatabase: Sendable {
  package var header: DatabaseHeader
  /// The version of the last record.
  package var version: UInt64 = 0
  /// The numbered database that the last batch ended in.
  package var database = 0
  package var batches = 0
  package var records = 0
  /// The keys of the body, and where it ends.
  package var checkpointKeys: UInt64 = 0
  package var bodyEnd = 0
  /// The times of the first and the last batch, in milliseconds since 1970; 0 when there is none.
  package var firstTime: Int64 = 0
  package var lastTime: Int64 = 0
  /// Where the last whole batch ends, and the checksum there.
  package var end = 0
  var crc: UInt32 = 0
  /// Up to here the file says of itself that it is synced.
  package var syncedEnd = 0
  /// What follows the last whole batch.
  package var tail: TornTail?
  /// Where batches end that aren't yet said to be synced.
  private var unsynced: [(last: UInt64, end: Int)] = []

  /// What is known before the first run.
  init(_ reader: borrowing DatabaseReader) {
    header = reader.header
    end = reader.position
    syncedEnd = end
    bodyEnd = end
    crc = reader.chain.crc
  }

  /// Takes note of the reader's runs, which are whole.
  mutating func note(_ reader: borrowing DatabaseReader) {
    for run in reader.runs { note(run, reader.position) }
    guard let last = reader.runs.last else { return }
    end = reader.position + last.end
    crc = last.crc
  }

  private mutating func note(_ run: ClosedRun, _ position: Int) {
    switch run.line {
    case .part: break
    case .checkpoint(let version, _, let keys, let time):
      // A file takes its name only when its body is on the disk.
      self.version = version
      checkpointKeys = keys
      firstTime = time
      lastTime = time
      syncedEnd = position + run.end
      bodyEnd = syncedEnd
    case .commit(let commit):
      version = commit.last
      batches += 1
      records += Int(commit.last + 1 - commit.first)
      if firstTime == 0 { firstTime = commit.time }
      lastTime = commit.time
      // It speaks of those before it. (One without records has their last version, and is none of them.)
      let known = unsynced.prefix { $0.last <= commit.synced }
      if let lastKnown = known.last {
        syncedEnd = lastKnown.end
        unsynced.removeFirst(known.count)
      }
      unsynced.append((commit.last, position + run.end))
    }
  }
}

/// What follows the last whole batch of a file, and may be dropped: nothing says that it was ever synced.
package struct TornTail: Sendable, Equatable {
  package var bytes: Int
  package var line: Int
  /// Whether there are whole batches in it, which only lack what should be before them.
  package var holdsBatches: Bool
}

/// Loads one file.
package struct DatabaseLoader {
  /// How far a load is: bytes read, and bytes in all.
  package typealias Progress = (_ done: Int, _ total: Int) -> Void

  private let keyspace: Keyspace
  private let threads: Int
  private let progress: Progress
  private let workers: [Pinned<Worker>]

  /// - Parameters:
  ///   - threads: how many to use, the caller's own among them.
  ///   - progress: called now and then.
  package init(_ keyspace: Keyspace, threads: Int, progress: @escaping Progress = { _, _ in }) {
    self.keyspace = keyspace
    self.threads = min(max(1, threads), keyspace.shardCount)
    self.progress = progress
    workers = (0..<self.threads).map { _ in Pinned(Worker()) }
  }

  package func destroy() { for worker in workers { worker.destroy() } }

  /// Applies all of a file to the keyspace, which is empty, and looks at what is behind its last whole batch.
  ///
  /// - Throws: `DatabaseError` when the file is damaged below what was once synced, or its body isn't whole.
  package func load(_ file: any DiskFile, _ path: String) throws -> LoadedDatabase {
    var reader = try DatabaseReader(file, path)
    var loaded = LoadedDatabase(reader)
    let size = try file.size()
    while try reader.next() {
      let whole = wholeRuns(reader)
      if whole < reader.runs.count { reader.stop(after: whole) }
      try apply(reader)
      loaded.note(reader)
      if !reader.runs.isEmpty {
        if let database = workers.compactMap({ $0.value.lastDatabase }).last { loaded.database = database }
      }
      try checkKeys(reader)
      progress(reader.end, size)
    }
    loaded.tail = try reader.tail(behind: loaded, size)
    return loaded
  }

  // MARK: Verifying

  /// How many of the chunk's runs have the right checksum, up to the first that hasn't.
  private func wholeRuns(_ reader: borrowing DatabaseReader) -> Int {
    let runs = reader.runs
    let chunk = reader.chunk
    let workers = workers
    let shares = shares(of: runs)
    Parallel.run(threads) { index in
      workers[index].value.firstBroken =
        shares[index].first { !runs[$0].isWhole(chunk.value.bytes) } ?? runs.count
    }
    return workers.map { $0.value.firstBroken }.min() ?? 0
  }

  /// The runs dealt out in one piece for each thread, by their bytes.
  private func shares(of runs: [ClosedRun]) -> [Range<Int>] {
    let total = runs.last?.end ?? 0
    var shares: [Range<Int>] = []
    var next = 0
    for index in 0..<threads {
      let start = next
      let bound = total / threads * (index + 1)
      while next < runs.count, index == threads - 1 || runs[next].end <= bound { next += 1 }
      shares.append(start..<next)
    }
    return shares
  }

  // MARK: Applying

  /// A record on its way to the threads that apply it.
  fileprivate struct SortedRecord {
    var start: Int
    var end: Int
    var database: Int32
    /// Whether other threads have it too, each for its own shards.
    var isShared: Bool
    var version: UInt64
  }

  /// Where a record is that doesn't fit, and why.
  fileprivate struct Misfit {
    var offset: Int
    var reason: String

    static func record(at offset: Int) -> Misfit {
      Misfit(offset: offset, reason: "not a record of this format, or it doesn't fit the data so far")
    }
  }

  /// What one thread works with.
  fileprivate struct Worker: ~Copyable {
    var parser = RecordParser()
    var firstBroken = 0
    /// The records it has sorted, by the thread that applies them.
    var entries: [[SortedRecord]] = []
    /// Whether it met a record that can't be dealt out.
    var needsOrder = false
    var misfit: Misfit?
    /// The numbered database that the last batch it read ended in; nil when it has read none with records.
    var lastDatabase: Int?
  }

  private func apply(_ reader: borrowing DatabaseReader) throws {
    let runs = reader.runs
    let chunk = reader.chunk
    for worker in workers {
      worker.value.misfit = nil
      worker.value.needsOrder = false
      worker.value.lastDatabase = nil
    }
    if threads == 1 {
      applyInOrder(runs, chunk)
    } else {
      let workers = workers
      let shares = shares(of: runs)
      let threads = threads
      let keyspace = keyspace
      Parallel.run(threads) { index in
        workers[index].value.sort(runs[shares[index]], chunk, keyspace, threads)
      }
      if workers.contains(where: { $0.value.needsOrder || $0.value.misfit != nil }) {
        // With a misfit too: what comes before it has to be applied to know that it is the first.
        for worker in workers {
          worker.value.misfit = nil
          worker.value.lastDatabase = nil
        }
        applyInOrder(runs, chunk)
      } else {
        Parallel.run(threads) { index in Self.apply(index, workers, chunk, keyspace) }
      }
    }
    if let misfit = workers.compactMap({ $0.value.misfit }).min(by: { $0.offset < $1.offset }) {
      throw DatabaseError(
        path: reader.path, line: try reader.lineNumber(at: reader.position + misfit.offset),
        reason: misfit.reason)
    }
  }

  /// Applies the records that all threads have sorted for one of them.
  private static func apply(
    _ index: Int, _ workers: [Pinned<Worker>], _ chunk: Pinned<ByteQueue>, _ keyspace: Keyspace
  ) {
    var replay = Replay(keyspace)
    var parser = RecordParser()
    for worker in workers {
      let entries = worker.value.entries[index]
      for (number, entry) in entries.enumerated() {
        if number % KeysAhead.capacity == 0 {
          var keys = KeysAhead()
          for entry in entries[number...].prefix(KeysAhead.capacity) {
            let text = chunk.value.bytes.extracting(entry.start..<entry.end)
            // The tables of others may change meanwhile.
            keys.add(keyOfRecord: text, keyspace) { $0 % workers.count == index }
          }
          keyspace.fetchOwned(keys, Int(entry.database))
        }
        let text = chunk.value.bytes.extracting(entry.start..<entry.end)
        replay.database = Int(entry.database)
        replay.share = entry.isShared ? (index, workers.count) : nil
        let outcome = parser.parse(text) { words in replay.apply(words, version: entry.version) }
        if outcome != .applied {
          workers[index].value.misfit = .record(at: entry.start)
          return
        }
      }
    }
  }

  /// Applies everything on this thread.
  private func applyInOrder(_ runs: [ClosedRun], _ chunk: Pinned<ByteQueue>) {
    let keyspace = keyspace
    let worker = workers[0]
    worker.value.walk(runs[...], chunk, keyspace, isApplied: true) { words, version, database, _, _ in
      var replay = Replay(keyspace)
      replay.database = database
      return replay.apply(words, version: version) == .applied
    }
  }

  /// Whether the body has as many keys as it says.
  private func checkKeys(_ reader: borrowing DatabaseReader) throws {
    guard case .checkpoint(_, _, let keys, _)? = reader.runs.last?.line else { return }
    var count = 0
    for shard in 0..<keyspace.shardCount {
      for database in 0..<keyspace.databaseCount { count += keyspace[shard].shard.count(database) }
    }
    guard count == keys else {
      throw DatabaseError(
        path: reader.path,
        line: try reader.lineNumber(at: reader.position + (reader.runs.last?.lineStart ?? 0)),
        reason: "the checkpoint should have \(keys) keys, there are \(count)")
    }
  }
}

extension KeysAhead {
  /// Adds what is likely to be the key of a record: its second word, if that stands there as it is, and is one of the
  /// shards that may be looked into.
  fileprivate mutating func add(
    keyOfRecord text: RawSpan, _ keyspace: Keyspace, where isAllowed: (ShardIndex) -> Bool
  ) {
    guard let space = text.firstIndex(of: UInt8(ascii: " ")) else { return }
    let end = text.firstIndex(of: UInt8(ascii: " "), from: space + 1) ?? text.byteCount
    let hash = keyspace.hash(text.extracting(space + 1..<end))
    if isAllowed(keyspace.shardIndex(hash)) { add(hash) }
  }
}

extension Keyspace {
  /// Has the keys of the next records fetched, which are text in a range; where they end. Nobody else uses the keyspace.
  fileprivate func fetchKeys(ofRecords range: Range<Int>, of text: RawSpan, _ database: Int) -> Int {
    var keys = KeysAhead()
    var start = range.lowerBound
    while !keys.isFull && start < range.upperBound {
      let newline = text.firstIndex(of: UInt8(ascii: "\n"), from: start) ?? range.upperBound
      keys.add(keyOfRecord: text.extracting(start..<newline), self) { _ in true }
      start = newline + 1
    }
    fetchOwned(keys, database)
    return start
  }
}

extension DatabaseLoader.Worker {
  /// Reads the records of some runs and hands each to `body` with its version, its database and its place in the chunk;
  /// stops with a misfit when `body` returns false or a run isn't what its closing line says.
  ///
  /// - Parameter isApplied: whether `body` applies the records, on this thread alone: then their keys are fetched ahead.
  fileprivate mutating func walk(
    _ runs: ArraySlice<ClosedRun>, _ chunk: Pinned<ByteQueue>, _ keyspace: Keyspace, isApplied: Bool,
    _ body: (
      _ words: borrowing Words, _ version: UInt64, _ database: Int, _ start: Int, _ end: Int
    ) -> Bool
  ) {
    for run in runs {
      var version: UInt64
      var last: UInt64?
      switch run.line {
      case .commit(let commit): (version, last) = (commit.first, commit.last)
      case .part(_, let checkpoint): version = checkpoint
      case .checkpoint(let checkpoint, _, _, _): version = checkpoint
      }
      let isBody = last == nil
      var database = 0
      var start = run.start
      // The keys of a body stand in the order of the tables: those have been fetched with the ones before them.
      var fetched = isApplied && !isBody ? start : .max
      while start < run.lineStart {
        if start >= fetched {
          fetched = keyspace.fetchKeys(ofRecords: start..<run.lineStart, of: chunk.value.bytes, database)
        }
        let newline = chunk.value.bytes.firstIndex(of: UInt8(ascii: "\n"), from: start) ?? run.lineStart
        let text = chunk.value.bytes.extracting(start..<newline)
        if !text.isEmpty && text.byte(0) != UInt8(ascii: "#") {
          let fits = parser.parse(text) { words in
            if words[0].equalsIgnoringCase("select") {
              guard words.count == 2, let number = words[1].decimal, number >= 0 else { return false }
              database = number
              return number < keyspace.databaseCount
            }
            defer { if !isBody { version += 1 } }
            return body(words, version, database, start, newline)
          }
          guard fits == true else {
            misfit =
              database < keyspace.databaseCount
              ? .record(at: start)
              : DatabaseLoader.Misfit(
                offset: start,
                reason: "it holds data of the numbered database \(database), and there are only "
                  + "\(keyspace.databaseCount): set --databases to \(database + 1) or more")
            return
          }
        }
        start = newline + 1
      }
      if let last, version - 1 != last {
        guard case .commit(let commit) = run.line else { return }
        misfit = DatabaseLoader.Misfit(
          offset: run.lineStart,
          reason: "the commit line speaks of \(last &- commit.first &+ 1) records, there are "
            + "\(version &- commit.first)")
        return
      }
      if !isBody && run.lineStart > run.start { lastDatabase = database }
    }
  }

  /// Sorts the records of some runs by the threads that have to apply them.
  fileprivate mutating func sort(
    _ runs: ArraySlice<ClosedRun>, _ chunk: Pinned<ByteQueue>, _ keyspace: Keyspace, _ threads: Int
  ) {
    if entries.count != threads { entries = Array(repeating: [], count: threads) }
    for index in entries.indices { entries[index].removeAll(keepingCapacity: true) }
    var sorted: [[DatabaseLoader.SortedRecord]] = []
    swap(&sorted, &entries)
    var needsOrder = false
    walk(runs, chunk, keyspace, isApplied: false) { words, version, database, start, end in
      var entry = DatabaseLoader.SortedRecord(
        start: start, end: end, database: Int32(truncatingIfNeeded: database), isShared: false,
        version: version)
      switch Replay.reach(of: words) {
      case .key:
        sorted[keyspace.place(words[1]).shard % threads].append(entry)
      case .eachKey(let step):
        entry.isShared = true
        var seen: UInt64 = 0
        for index in stride(from: 1, to: words.count, by: step) {
          let thread = keyspace.place(words[index]).shard % threads
          // There are at most 256 threads: a word of bits has one for each of the first, the others come twice at worst.
          if thread < 64 {
            if seen & 1 << UInt64(thread) != 0 { continue }
            seen |= 1 << UInt64(thread)
          } else if let last = sorted[thread].last, last.start == entry.start {
            continue
          }
          sorted[thread].append(entry)
        }
      case .everything:
        entry.isShared = true
        for thread in 0..<threads { sorted[thread].append(entry) }
      case .severalKeys: needsOrder = true
      case .nothing: return false
      }
      return true
    }
    self.needsOrder = needsOrder
    swap(&sorted, &entries)
  }
}

extension DatabaseReader {
  /// What follows the last whole batch of a file, once there are no more runs; nil when nothing does.
  ///
  /// - Parameter size: the file's.
  /// - Throws: `DatabaseError` when it may not be dropped: because it doesn't follow from what is before it, because the
  ///   body isn't complete, or because a line says that something is missing that was once on the disk.
  func tail(behind loaded: LoadedDatabase, _ size: Int) throws -> TornTail? {
    if let misplaced {
      throw DatabaseError(
        path: path, line: try lineNumber(at: misplaced),
        reason: "this line does not follow from those before it")
    }
    let end = loaded.end
    guard loaded.version >= header.checkpoint else {
      throw DatabaseError(
        path: path, line: try lineNumber(at: end),
        reason:
          "the checkpoint that the file begins with is damaged or not complete from here on. Nothing was "
          + "started. Restore the file from a backup, or run: martlet check --repair")
    }
    guard size > end else { return nil }
    let line = try lineNumber(at: end)
    var tail = TornTail(bytes: size - end, line: line, holdsBatches: false)
    var buffer = ByteQueue()
    var start = end
    var searched = 0
    while try file.read(at: start + buffer.count, count: 8 << 20, into: &buffer) > 0 {
      while let place = buffer.bytes.nextClosingLine(from: &searched, anywhere: true) {
        guard let read = ClosingLine.read(buffer.bytes, at: place.start) else { continue }
        tail.holdsBatches = true
        if read.identity != header.identity {
          throw DatabaseError(
            path: path, line: line,
            reason: "from here on it belongs to another database: two files have been mixed")
        }
        if case .commit(let commit) = read.line, commit.synced <= loaded.version { continue }
        throw DatabaseError(
          path: path, line: line,
          reason:
            "damaged: the batch that begins here was once safely on the disk and no longer is what was "
            + "written. Nothing was started. Restore the file from a backup; or, to keep what is whole, run: "
            + "martlet check --repair; or, if somebody meant to edit it: martlet check --seal")
      }
      buffer.removeFirst(searched)
      start += searched
      searched = 0
    }
    return tail
  }
}
