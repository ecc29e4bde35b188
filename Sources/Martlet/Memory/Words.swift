// A line of words without copies: the arguments of a request, the words of a journal record.

/// Where one word lies in the bytes it came in.
package struct WordRange: Sendable {
  let start: UInt32
  let count: UInt32

  @inline(__always)
  init(_ start: Int, count: Int) {
    self.start = UInt32(truncatingIfNeeded: start)
    self.count = UInt32(truncatingIfNeeded: count)
  }
}

/// Words lying in bytes that somebody else keeps. It can be passed down and not be kept.
package struct Words: ~Escapable {
  private let bytes: RawSpan
  private let ranges: Span<WordRange>

  @_lifetime(copy bytes, copy ranges)
  @inline(__always)
  init(_ bytes: RawSpan, _ ranges: Span<WordRange>) {
    self.bytes = bytes
    self.ranges = ranges
  }

  package var count: Int {
    @inline(__always) get { ranges.count }
  }

  package subscript(index: Int) -> RawSpan {
    @_lifetime(copy self)
    @inline(__always)
    get {
      let range = ranges[index]
      let start = Int(range.start)
      return bytes.extracting(start..<start + Int(range.count))
    }
  }

  /// The words from `index` on.
  @_lifetime(copy self)
  package func from(_ index: Int) -> Words {
    Words(bytes, ranges.extracting(min(index, ranges.count)..<ranges.count))
  }

  /// The words of a part.
  @_lifetime(copy self)
  package func extracting(_ range: Range<Int>) -> Words {
    Words(bytes, ranges.extracting(range))
  }
}
