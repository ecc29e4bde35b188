// The keys and values of a run. Both are functions of a key's number and the seed, so that whoever reads a value knows
// what it has to be: its key, its length, and a pattern.

/// The texts of keys and values.
package struct KeySpace: Sendable {
  let keys: Int
  private let keyBytes: ClosedRange<Int>
  private let valueBytes: ClosedRange<Int>
  private let seed: UInt64
  /// What a value has behind its key and length. No byte ends a line.
  private let pattern: [UInt8]

  package init(keys: Int, keyBytes: ClosedRange<Int>, valueBytes: ClosedRange<Int>, seed: UInt64) {
    self.keys = keys
    self.keyBytes = keyBytes
    self.valueBytes = valueBytes
    self.seed = seed
    var random = SeededRandom(seed: seed)
    pattern = (0..<valueBytes.upperBound).map { _ in UInt8(ascii: "a") + UInt8(random.below(26)) }
  }

  /// The shortest keys that so many keys can have.
  static func leastKeyBytes(keys: Int) -> Int { KeyKind.prefixBytes + String(max(0, keys - 1)).utf8.count }

  @inline(__always)
  package func keyLength(_ key: Int) -> Int { Self.length(key, keyBytes, seed) }

  /// How long the value of a key is, always.
  @inline(__always)
  package func valueLength(_ key: Int, _ kind: KeyKind) -> Int {
    kind == .counter ? 1 : Self.length(key, valueBytes, seed &+ 1)
  }

  @inline(__always)
  private static func length(_ key: Int, _ range: ClosedRange<Int>, _ seed: UInt64) -> Int {
    if range.lowerBound == range.upperBound { return range.lowerBound }
    let mixed = SeededRandom.mix(UInt64(key) &* 0x9e37_79b9_7f4a_7c15 &+ seed)
    return range.lowerBound + Int(mixed.multipliedFullWidth(by: UInt64(range.count)).high)
  }

  /// `key:000000000042`
  @inline(__always)
  package func appendKey(_ key: Int, _ kind: KeyKind, _ length: Int, to output: inout RequestBuffer) {
    output.append(kind.prefix)
    output.append(decimal: key, width: length - KeyKind.prefixBytes)
  }

  /// `key:000000000042:32:abcdefghijkl`, or its beginning if it has to be shorter; `0` for a counter.
  @inline(__always)
  package func appendValue(_ key: Int, _ kind: KeyKind, _ length: Int, to output: inout RequestBuffer) {
    if kind == .counter { return output.append(byte: UInt8(ascii: "0")) }
    let start = output.count
    appendKey(key, kind, keyLength(key), to: &output)
    output.append(byte: UInt8(ascii: ":"))
    output.append(decimal: length)
    output.append(byte: UInt8(ascii: ":"))
    let written = output.count - start
    if written <= length {
      output.append(pattern.raw.extracting(written..<length))
    } else {
      output.removeLast(written - length)
    }
  }

  /// Whether a piece of a value, from `offset` on, is what the key's value has there. `scratch` is written over.
  package func isPiece(_ piece: RawSpan, at offset: Int, ofValue key: Int, _ scratch: inout RequestBuffer)
    -> Bool
  {
    let length = valueLength(key, .value)
    guard offset + piece.byteCount <= length else { return false }
    scratch.removeAll()
    appendKey(key, .value, keyLength(key), to: &scratch)
    scratch.append(byte: UInt8(ascii: ":"))
    scratch.append(decimal: length)
    scratch.append(byte: UInt8(ascii: ":"))
    let head = min(scratch.count, length)
    let start = min(offset, head)
    let inHead = min(head - start, piece.byteCount)
    return piece.extracting(0..<inHead).isSame(as: scratch.bytes.extracting(start..<(start + inHead)))
      && piece.extracting(inHead..<piece.byteCount)
        .isSame(as: pattern.raw.extracting((offset + inHead)..<(offset + piece.byteCount)))
  }
}
