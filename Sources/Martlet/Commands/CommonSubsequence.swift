// LCS: a longest common subsequence of two strings, by the textbook's table of lengths (Wagner and Fischer, "The
// String-to-String Correction Problem", 1974).
//
// Of the table only what the way back needs is kept, one bit for each pair of positions, and of the lengths two rows. Where
// there are several longest ones, the way back is the one that Redis takes, so that the replies are the same.

/// Which parts of two strings a longest common subsequence of them is made of.
struct CommonSubsequence: ~Copyable {
  /// The bytes from `first` on in the one string, and from `second` on in the other, are the same.
  struct Match {
    var first: Int
    var second: Int
    var count: Int
  }

  /// Two strings may have this many pairs of positions: Redis's table of 32-bit numbers would have 1 GiB.
  static let maximumPairs = 1 << 28

  /// How many bytes it has.
  let count: Int
  /// From the last to the first.
  private(set) var matches: [Match] = []

  /// O(n·m) time, and n·m / 8 bytes of memory.
  ///
  /// - Returns: nil for strings that are too long.
  init?(_ first: RawSpan, _ second: RawSpan, findsMatches: Bool) {
    let (rows, columns) = (first.byteCount, second.byteCount)
    let (pairs, overflow) = rows.multipliedReportingOverflow(by: columns)
    guard !overflow, pairs <= Self.maximumPairs else { return nil }
    // Of each pair, whether the subsequence of what is above is longer than of what is to the left.
    var isUp = [UInt64](repeating: 0, count: findsMatches ? (pairs + 63) / 64 : 0)
    var above = [UInt32](repeating: 0, count: columns + 1)
    var row = above
    for line in 0..<rows {
      let byte = first.byte(line)
      for column in 0..<columns {
        if second.byte(column) == byte {
          row[column + 1] = above[column] + 1
        } else if above[column + 1] > row[column] {
          row[column + 1] = above[column + 1]
          if findsMatches {
            let pair = line * columns + column
            isUp[pair >> 6] |= 1 << UInt64(pair & 63)
          }
        } else {
          row[column + 1] = row[column]
        }
      }
      swap(&above, &row)
    }
    count = Int(above[columns])
    guard findsMatches else { return }
    var (line, column) = (rows, columns)
    var match: Match?
    while line > 0 && column > 0 {
      if first.byte(line - 1) == second.byte(column - 1) {
        line -= 1
        column -= 1
        match = Match(first: line, second: column, count: (match?.count ?? 0) + 1)
      } else {
        let pair = (line - 1) * columns + column - 1
        if isUp[pair >> 6] & 1 << UInt64(pair & 63) != 0 { line -= 1 } else { column -= 1 }
        if let ended = match { matches.append(ended) }
        match = nil
      }
    }
    if let match { matches.append(match) }
  }
}

extension Execution {
  mutating func commonSubsequence(_ words: borrowing Words, _ database: Int) {
    let first = find(keyspace.place(words[1]), database)
    let second = find(keyspace.place(words[2]), database)
    guard first?.isString ?? true, second?.isString ?? true else {
      return reply.error("ERR The specified keys must contain string values")
    }
    var wantsLength = false
    var wantsMatches = false
    var showsLengths = false
    var shortest = 0
    var index = 3
    while index < words.count {
      if words[index].equalsIgnoringCase("len") {
        wantsLength = true
      } else if words[index].equalsIgnoringCase("idx") {
        wantsMatches = true
      } else if words[index].equalsIgnoringCase("withmatchlen") {
        showsLengths = true
      } else if words[index].equalsIgnoringCase("minmatchlen"), index + 1 < words.count {
        index += 1
        guard let length = words[index].decimal else { return reply.error(Self.notInteger) }
        shortest = length
      } else {
        return reply.error(Self.syntaxError)
      }
      index += 1
    }
    if wantsLength && wantsMatches {
      return reply.error("ERR If you want both the length and indexes, please just use IDX.")
    }
    guard let first, let second else {
      // A key that isn't there is as good as an empty string.
      if wantsLength { return reply.integer(0) }
      return wantsMatches ? replyMatches([], 0, showsLengths: showsLengths) : reply.bulk(RawSpan())
    }
    guard
      let found = CommonSubsequence(first.value, second.value, findsMatches: wantsMatches || !wantsLength)
    else {
      return reply.error("ERR Insufficient memory, failed allocating transient memory for LCS")
    }
    if wantsLength {
      reply.integer(found.count)
    } else if wantsMatches {
      replyMatches(found.matches.filter { $0.count >= shortest }, found.count, showsLengths: showsLengths)
    } else {
      var subsequence = ByteQueue()
      for match in found.matches.reversed() {
        subsequence.append(first.value.extracting(match.first..<match.first + match.count))
      }
      reply.bulk(subsequence.bytes)
    }
  }

  private mutating func replyMatches(
    _ shown: [CommonSubsequence.Match], _ length: Int, showsLengths: Bool
  ) {
    reply.map(2)
    reply.bulk("matches")
    reply.array(shown.count)
    for match in shown {
      reply.array(showsLengths ? 3 : 2)
      for start in [match.first, match.second] {
        reply.array(2)
        reply.integer(start)
        reply.integer(start + match.count - 1)
      }
      if showsLengths { reply.integer(match.count) }
    }
    reply.bulk("len")
    reply.integer(length)
  }
}
