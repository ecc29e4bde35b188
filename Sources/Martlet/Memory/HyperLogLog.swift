// HyperLogLog: about how many different elements have been added, in at most 12 KiB, however many they are (Flajolet and
// others, "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", 2007; Heule and others,
// "HyperLogLog in Practice", 2013).
//
// It is a string, in the format of Redis and Valkey byte for byte, so that such strings move between all of them
// (https://github.com/valkey-io/valkey, src/hyperloglog.c, describes it in its first comment):
//
//     0   "HYLL"
//     4   encoding: 0 dense, 1 sparse (1 byte), nothing (3 bytes)
//     8   a count that was worked out, lowest byte first; the highest bit of the last byte says that it is out of date
//    16   16384 registers
//
// An element's hash chooses a register by its lowest 14 bits; the register keeps the longest run of zeros, plus one, with
// which the other 50 bits of a hash have begun. Dense, each register takes 6 bits, lowest bits first. Sparse, they are
// runs: 00xxxxxx stands for x+1 registers of zero, 01xxxxxx yyyyyyyy for xy+1 of them, 1vvvvvxx for x+1 of value v+1.
//
// Unlike theirs, a count that was worked out is not kept in the string: that would be a write for a read.

/// A copy of such a string, to be read and changed.
struct HyperLogLog {
  /// The string isn't what its header says.
  struct Corruption: Error {}

  static let registerCount = 1 << indexBits
  private static let indexBits = 14
  private static let registerBits = 6
  /// The longest run of zeros, plus one: it has all bits that don't choose the register.
  private static let longestRun = 64 - indexBits
  private static let headerSize = 16
  private static let denseSize = headerSize + (registerCount * registerBits + 7) / 8
  /// A sparse one becomes dense rather than larger than this: Redis's `hll-sparse-max-bytes`.
  private static let largestSparse = 3000
  private static let dense: UInt8 = 0
  private static let sparse: UInt8 = 1
  private static let magic: StaticString = "HYLL"

  private(set) var bytes: [UInt8]

  /// One without elements.
  init() {
    bytes = Array("HYLL".utf8) + [Self.sparse] + [UInt8](repeating: 0, count: 11)
    Run.zeros(Self.registerCount).append(to: &bytes)
  }

  /// Nil for a string that isn't one.
  init?(_ string: RawSpan) {
    guard string.byteCount >= Self.headerSize, string.begins(with: Self.magic) else { return nil }
    let encoding = string.byte(4)
    guard encoding == Self.sparse || encoding == Self.dense && string.byteCount == Self.denseSize else {
      return nil
    }
    bytes = string.array
  }

  private var isDense: Bool { bytes[4] == Self.dense }

  /// Notes that the count in the header is out of date.
  mutating func dropKeptCount() { bytes[15] |= 0x80 }

  // MARK: Elements

  /// Adds an element; whether that changed a register. O(1), O(n) while it is sparse.
  mutating func add(_ element: RawSpan) throws(Corruption) -> Bool {
    var hash = Self.hash(element)
    let register = Int(truncatingIfNeeded: hash) & (Self.registerCount - 1)
    hash = hash >> UInt64(Self.indexBits) | 1 << UInt64(Self.longestRun)
    return try raise(register, to: UInt8(hash.trailingZeroBitCount + 1))
  }

  /// Has a register hold at least a value; whether it held less.
  private mutating func raise(_ register: Int, to value: UInt8) throws(Corruption) -> Bool {
    if isDense {
      guard denseRegister(register) < value else { return false }
      setDense(register, value)
    } else {
      guard try raiseSparse(register, value) else { return false }
    }
    dropKeptCount()
    return true
  }

  /// MurmurHash64A (Austin Appleby) with Redis's seed.
  private static func hash(_ element: RawSpan) -> UInt64 {
    let factor: UInt64 = 0xc6a4_a793_5bd1_e995
    let count = element.byteCount
    var hash: UInt64 = 0xadc8_3b19 ^ UInt64(count) &* factor
    for index in 0..<count / 8 {
      var word = element.word(UInt64.self, at: index * 8) &* factor
      word ^= word >> 47
      hash = (hash ^ word &* factor) &* factor
    }
    if count % 8 > 0 {
      for index in count / 8 * 8..<count { hash ^= UInt64(element.byte(index)) << UInt64(index % 8 * 8) }
      hash = hash &* factor
    }
    hash = (hash ^ hash >> 47) &* factor
    return hash ^ hash >> 47
  }

  // MARK: Registers in 6 bits each

  private func denseRegister(_ register: Int) -> UInt8 {
    let bit = register * Self.registerBits
    let place = Self.headerSize + bit / 8
    let shift = UInt8(bit % 8)
    let low = bytes[place] >> shift
    let high = shift > 2 ? bytes[place + 1] << (8 - shift) : 0
    return (low | high) & 0x3f
  }

  private mutating func setDense(_ register: Int, _ value: UInt8) {
    let bit = register * Self.registerBits
    let place = Self.headerSize + bit / 8
    let shift = UInt8(bit % 8)
    bytes[place] = bytes[place] & ~(0x3f << shift) | value << shift
    guard shift > 2 else { return }
    bytes[place + 1] = bytes[place + 1] & ~(0x3f >> (8 - shift)) | value >> (8 - shift)
  }

  /// Gives each register 6 bits.
  mutating func makeDense() throws(Corruption) {
    if isDense { return }
    var made = self
    made.bytes = Array(bytes[..<Self.headerSize])
    made.bytes.append(contentsOf: repeatElement(0, count: Self.denseSize - Self.headerSize))
    made.bytes[4] = Self.dense
    try forEachRun { register, run in
      guard run.value > 0 else { return }
      for register in register..<register + run.count { made.setDense(register, run.value) }
    }
    self = made
  }

  // MARK: Registers in runs

  /// Registers in a row of the same value.
  private struct Run {
    static let highestValue: UInt8 = 32
    static let mostZerosInByte = 64
    static let mostOfValue = 4

    var value: UInt8
    var count: Int

    static func zeros(_ count: Int) -> Run { Run(value: 0, count: count) }

    var isInOneByte: Bool { value > 0 || count <= Self.mostZerosInByte }

    func append(to bytes: inout [UInt8]) {
      if value > 0 {
        bytes.append(0x80 | (value - 1) << 2 | UInt8(count - 1))
      } else if count <= Self.mostZerosInByte {
        bytes.append(UInt8(count - 1))
      } else {
        bytes.append(0x40 | UInt8((count - 1) >> 8))
        bytes.append(UInt8((count - 1) & 0xff))
      }
    }
  }

  /// The run that is written at a place, and how many bytes it takes; nil where there is none.
  private func run(at place: Int) -> (run: Run, size: Int)? {
    guard place < bytes.count else { return nil }
    let byte = bytes[place]
    if byte & 0x80 != 0 { return (Run(value: (byte >> 2 & 0x1f) + 1, count: Int(byte & 3) + 1), 1) }
    if byte & 0x40 == 0 { return (.zeros(Int(byte) + 1), 1) }
    guard place + 1 < bytes.count else { return nil }
    return (.zeros(Int(byte & 0x3f) << 8 | Int(bytes[place + 1]) + 1), 2)
  }

  /// Calls `body` with each run of a sparse one and its first register.
  private func forEachRun(_ body: (_ register: Int, Run) -> Void) throws(Corruption) {
    var place = Self.headerSize
    var register = 0
    while place < bytes.count {
      guard let (run, size) = run(at: place), register + run.count <= Self.registerCount else {
        throw Corruption()
      }
      body(register, run)
      register += run.count
      place += size
    }
    guard register == Self.registerCount else { throw Corruption() }
  }

  /// Has a register of a sparse one hold at least a value; whether it held less.
  private mutating func raiseSparse(_ register: Int, _ value: UInt8) throws(Corruption) -> Bool {
    if value > Run.highestValue { return try raiseDense(register, value) }
    var place = Self.headerSize
    var first = 0
    var before: Int?
    var found = run(at: place)
    while let (run, size) = found, register >= first + run.count {
      before = place
      first += run.count
      place += size
      found = self.run(at: place)
    }
    guard let (old, size) = found else { throw Corruption() }
    if old.value >= value { return false }
    // What the run becomes: what is before the register, the register, what is behind.
    var replacement: [UInt8] = []
    let last = first + old.count - 1
    if register > first { Run(value: old.value, count: register - first).append(to: &replacement) }
    Run(value: value, count: 1).append(to: &replacement)
    if register < last { Run(value: old.value, count: last - register).append(to: &replacement) }
    if replacement.count > size && bytes.count + replacement.count - size > Self.largestSparse {
      return try raiseDense(register, value)
    }
    bytes.replaceSubrange(place..<place + size, with: replacement)
    joinRuns(from: before ?? Self.headerSize)
    return true
  }

  private mutating func raiseDense(_ register: Int, _ value: UInt8) throws(Corruption) -> Bool {
    try makeDense()
    guard denseRegister(register) < value else { return false }
    setDense(register, value)
    return true
  }

  /// Joins runs of the same value among the next five steps, as Redis does, so that the bytes are the same.
  private mutating func joinRuns(from start: Int) {
    var place = start
    for _ in 0..<5 {
      guard let (run, size) = run(at: place) else { return }
      guard run.value > 0 else {
        place += size
        continue
      }
      if let (next, _) = self.run(at: place + 1), next.value == run.value,
        run.count + next.count <= Run.mostOfValue
      {
        var joined: [UInt8] = []
        Run(value: run.value, count: run.count + next.count).append(to: &joined)
        bytes.replaceSubrange(place..<place + 2, with: joined)
      } else {
        place += 1
      }
    }
  }

  // MARK: All registers

  /// The values of all registers of several of them, of each the highest.
  struct Registers {
    fileprivate(set) var values = [UInt8](repeating: 0, count: HyperLogLog.registerCount)
    fileprivate(set) var isDense = false

    mutating func merge(_ other: borrowing HyperLogLog) throws(Corruption) {
      if other.isDense {
        isDense = true
        for register in 0..<HyperLogLog.registerCount {
          values[register] = max(values[register], other.denseRegister(register))
        }
        return
      }
      var merged = values
      try other.forEachRun { register, run in
        guard run.value > 0 else { return }
        for register in register..<register + run.count {
          merged[register] = max(merged[register], run.value)
        }
      }
      values = merged
    }

    /// About how many different elements there are.
    var count: Int {
      var histogram = [Int](repeating: 0, count: 1 << HyperLogLog.registerBits)
      for value in values { histogram[Int(value)] += 1 }
      return HyperLogLog.count(histogram)
    }
  }

  /// Has each register hold at least what it holds there. It becomes dense if any of those was.
  mutating func raise(to registers: Registers) throws(Corruption) {
    if registers.isDense { try makeDense() }
    for (register, value) in registers.values.enumerated() where value > 0 {
      _ = try raise(register, to: value)
    }
    dropKeptCount()
  }

  /// About how many different elements have been added. O(1) where the string says it, else O(registers).
  func count() throws(Corruption) -> Int {
    if bytes[15] & 0x80 == 0 {
      var kept: UInt64 = 0
      for index in 0..<8 { kept |= UInt64(bytes[8 + index]) << UInt64(8 * index) }
      return Int(kept)
    }
    var histogram = [Int](repeating: 0, count: 1 << Self.registerBits)
    if isDense {
      for register in 0..<Self.registerCount { histogram[Int(denseRegister(register))] += 1 }
    } else {
      try forEachRun { _, run in histogram[Int(run.value)] += run.count }
    }
    return Self.count(histogram)
  }

  // MARK: Estimating

  /// The estimate from how many registers have each value (Otmar Ertl, "New cardinality estimation algorithms for
  /// HyperLogLog sketches", arXiv:1702.01284, algorithm 6).
  private static func count(_ histogram: [Int]) -> Int {
    let registers = Double(registerCount)
    var sum = registers * tau((registers - Double(histogram[longestRun + 1])) / registers)
    for value in stride(from: longestRun, through: 1, by: -1) {
      sum += Double(histogram[value])
      sum *= 0.5
    }
    sum += registers * sigma(Double(histogram[0]) / registers)
    // 1 / (2 ln 2)
    let estimate = (0.721347520444481703680 * registers * registers / sum).rounded()
    return Int(exactly: estimate) ?? 0
  }

  private static func sigma(_ fraction: Double) -> Double {
    if fraction == 1 { return .infinity }
    var (x, y, z) = (fraction, 1.0, fraction)
    while true {
      x *= x
      let before = z
      z += x * y
      y += y
      if z == before { return z }
    }
  }

  private static func tau(_ fraction: Double) -> Double {
    if fraction == 0 || fraction == 1 { return 0 }
    var (x, y, z) = (fraction, 1.0, 1 - fraction)
    while true {
      x = x.squareRoot()
      let before = z
      y *= 0.5
      z -= (1 - x) * (1 - x) * y
      if z == before { return z / 3 }
    }
  }
}
