// The hash of a key: seeded, fast on short keys, 64 bits wide.
//
// The method is the folded multiply of wyhash (Wang Yi) and of Abseil's low-level hash: two words of input, mixed with
// secrets, are multiplied to 128 bits and the halves are xored. The secrets are random for each database, because keys
// come from strangers who might choose them to collide.

/// The four random words that make a hash function of one database.
package struct HashSeed: Sendable, Equatable {
  var a: UInt64
  var b: UInt64
  var c: UInt64
  var d: UInt64

  /// A seed spread from one number, as the header of a database file keeps it.
  package init(_ number: UInt64) {
    var random = RandomSource(seed: number)
    a = random.next() | 1
    b = random.next() | 1
    c = random.next() | 1
    d = random.next() | 1
  }

  /// The hash of `bytes`. O(n).
  @inline(__always)
  package func hash(_ bytes: RawSpan) -> UInt64 {
    unsafe bytes.withUnsafeBytes { unsafe hash($0.baseAddress, $0.count) }
  }

  @inline(__always)
  private func hash(_ start: UnsafeRawPointer?, _ count: Int) -> UInt64 {
    guard let start = unsafe start, count > 0 else { return fold(a ^ c, b ^ d) }
    var low: UInt64
    var high: UInt64
    var state = a
    if count <= 16 {
      if count >= 8 {
        low = unsafe start.loadUnaligned(as: UInt64.self)
        high = unsafe start.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
      } else if count >= 4 {
        low = UInt64(unsafe start.loadUnaligned(as: UInt32.self))
        high = UInt64(unsafe start.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
      } else {
        let first = UInt64(unsafe start.load(as: UInt8.self))
        let middle = UInt64(unsafe start.load(fromByteOffset: count / 2, as: UInt8.self))
        let last = UInt64(unsafe start.load(fromByteOffset: count - 1, as: UInt8.self))
        low = first << 16 | middle << 8 | last
        high = 0
      }
    } else {
      var offset = 0
      while count - offset > 16 {
        let first = unsafe start.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        let second = unsafe start.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
        state = fold(first ^ state, second ^ b)
        offset += 16
      }
      low = unsafe start.loadUnaligned(fromByteOffset: count - 16, as: UInt64.self)
      high = unsafe start.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
    }
    return fold(fold(low ^ state, high ^ b ^ UInt64(truncatingIfNeeded: count)) ^ c, d)
  }

  @inline(__always)
  private func fold(_ x: UInt64, _ y: UInt64) -> UInt64 {
    let product = x.multipliedFullWidth(by: y)
    return product.high ^ product.low
  }
}

/// A small random number generator with a seed that repeats: splitmix64 (Steele, Lea, Flood; OOPSLA 2014).
package struct RandomSource: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
