// Where the keys of the next requests are, by a short look at input that is to be parsed later: see `KeysAhead`. What is
// not a request of the usual kind ends the look, and what looks like one and isn't does no harm.

/// Bounds of a look.
private enum Look {
  /// How far it goes, in bytes.
  static let bytes = 8 << 10
  /// Longer words are no keys of the usual kind, in bytes.
  static let longestKey = 250
}

extension Execution {
  /// Has the keys of RESP requests fetched that begin at `start`. Up to where it has looked.
  @inline(never)
  func lookAheadRESP(_ input: RawSpan, from start: Int, _ database: Int) -> Int {
    let input = input.extracting(first: start + Look.bytes)
    var keys = KeysAhead()
    var position = start
    requests: while !keys.isFull {
      guard let (words, first) = input.shortLength(after: UInt8(ascii: "*"), at: position) else { break }
      position = first
      for word in 0..<words {
        guard let (length, next) = input.shortLength(after: UInt8(ascii: "$"), at: position),
          next + length + 2 <= input.byteCount
        else { break requests }
        // In nearly all commands that have keys, the second word is one.
        if word == 1 && length <= Look.longestKey {
          keys.add(input.extracting(next..<next + length), keyspace)
        }
        position = next + length + 2
      }
    }
    keyspace.fetch(keys, database)
    return position
  }

  /// Has some of the words from `start` on fetched, which are keys of database 0.
  @inline(never)
  func fetch(_ words: borrowing Words, from start: Int) {
    var keys = KeysAhead()
    for index in start..<min(start + KeysAhead.capacity, words.count) { keys.add(words[index], keyspace) }
    keyspace.fetch(keys, 0)
  }

  /// The same of words that are keys whose shards are locked.
  @inline(never)
  func fetchLocked(_ words: borrowing Words, from start: Int, _ database: Int) {
    var keys = KeysAhead()
    for index in start..<min(start + KeysAhead.capacity, words.count) { keys.add(words[index], keyspace) }
    keyspace.fetchOwned(keys, database)
  }

  /// Has the keys of memcached requests fetched whose lines begin at `start`. Up to where it has looked.
  @inline(never)
  func lookAheadMemcached(_ input: RawSpan, from start: Int) -> Int {
    let input = input.extracting(first: start + Look.bytes)
    var keys = KeysAhead()
    var position = start
    while !keys.isFull, let newline = input.firstIndex(of: UInt8(ascii: "\n"), from: position) {
      let line = input.extracting(position..<newline)
      position = newline + 1
      // A line without a space is most often a value.
      guard let space = line.firstIndex(of: UInt8(ascii: " ")) else { continue }
      var end = line.firstIndex(of: UInt8(ascii: " "), from: space + 1) ?? line.byteCount
      if end == line.byteCount, line.byte(end - 1) == UInt8(ascii: "\r") { end -= 1 }
      if end > space && end - space <= Look.longestKey {
        keys.add(line.extracting(space + 1..<end), keyspace)
      }
    }
    keyspace.fetch(keys, 0)
    return position
  }

  /// Has the keys of requests of memcached's binary protocol fetched that begin at `start`. Up to where it has looked.
  @inline(never)
  func lookAheadBinary(_ input: RawSpan, from start: Int) -> Int {
    let input = input.extracting(first: start + Look.bytes)
    var keys = KeysAhead()
    var position = start
    while !keys.isFull, position + BinaryHeader.byteCount <= input.byteCount {
      let header = BinaryHeader(input.extracting(position..<input.byteCount))
      let keyStart = position + BinaryHeader.byteCount + header.extrasCount
      guard header.valueCount >= 0, keyStart + header.keyCount <= input.byteCount else { break }
      if header.keyCount <= Look.longestKey {
        keys.add(input.extracting(keyStart..<keyStart + header.keyCount), keyspace)
      }
      position += header.end
    }
    keyspace.fetch(keys, 0)
    return position
  }
}

extension RawSpan {
  /// The length of up to three digits that stands behind a mark, and where what it is the length of begins; nil for
  /// anything else.
  @inline(__always)
  fileprivate func shortLength(after mark: UInt8, at start: Int) -> (length: Int, next: Int)? {
    guard start + 4 <= byteCount, byte(start) == mark else { return nil }
    var length = 0
    var index = start + 1
    while index < byteCount, index < start + 4 {
      let digit = byte(index) &- UInt8(ascii: "0")
      guard digit <= 9 else { break }
      length = length * 10 + Int(digit)
      index += 1
    }
    guard index + 2 <= byteCount, byte(index) == UInt8(ascii: "\r") else { return nil }
    return (length, index + 2)
  }
}
