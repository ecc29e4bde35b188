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

/// The places of a request's words: a growing list without reference counts. A lane keeps one from request to request; a
/// session has some only while a request has come in part.
@safe struct WordRanges: ~Copyable, @unchecked Sendable {
  /// What `removeAll` keeps at most, so that one request of many words doesn't hold its memory for ever.
  private static let capacityKept = 1024

  private var base: UnsafeMutablePointer<WordRange>?
  private var capacity = 0
  private(set) var count = 0

  init() { unsafe base = nil }

  deinit { unsafe base?.deallocate() }

  var span: Span<WordRange> {
    @_lifetime(borrow self)
    @inline(__always)
    get {
      let buffer = unsafe UnsafeBufferPointer(start: base, count: count)
      return unsafe _overrideLifetime(Span(_unsafeElements: buffer), borrowing: self)
    }
  }

  @inline(__always)
  mutating func append(_ range: WordRange) {
    if count == capacity { grow() }
    unsafe (base.unsafelyUnwrapped + count).initialize(to: range)
    count += 1
  }

  mutating func removeAll() {
    count = 0
    if capacity > Self.capacityKept {
      unsafe base?.deallocate()
      unsafe base = nil
      capacity = 0
    }
  }

  @inline(never)
  private mutating func grow() {
    let wanted = max(8, capacity * 2)
    let grown = UnsafeMutablePointer<WordRange>.allocate(capacity: wanted)
    if let base = unsafe base {
      unsafe grown.moveInitialize(from: base, count: count)
      unsafe base.deallocate()
    }
    unsafe base = unsafe grown
    capacity = wanted
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
