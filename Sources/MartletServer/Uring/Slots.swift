// A table of values that come and go, each found by a key that nobody else will have for a long time.
#if os(Linux)
  /// Where a value is in a `Slots`, and which of those that have been there it is.
  struct SlotKey: Hashable {
    /// Fits into 56 bits.
    let rawValue: UInt64

    init(rawValue: UInt64) { self.rawValue = rawValue }

    fileprivate init(_ index: Int, _ generation: UInt32) {
      rawValue = UInt64(generation) << 32 | UInt64(UInt32(index))
    }

    var index: Int { Int(UInt32(truncatingIfNeeded: rawValue)) }
    fileprivate var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }
  }

  /// A growing table whose places are used again. It grows by a chunk at a time, so that no value is moved and few places
  /// are empty.
  @safe struct Slots<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
    @safe private struct Chunk {
      let values: UnsafeMutablePointer<Value>
      let generations: UnsafeMutablePointer<UInt32>
    }

    /// So many places are in a chunk.
    private static var chunkCount: Int { 64 }
    /// What generations are counted in; an odd one is that of a value that is there.
    private static var generationMask: UInt32 { 1 << 24 - 1 }

    private var chunks: [Chunk] = []
    /// Places that have had a value, and have none.
    private var free: [Int] = []
    private(set) var count = 0

    init() {}

    deinit {
      for key in keys { unsafe value(key.index).deinitialize(count: 1) }
      for chunk in chunks {
        unsafe chunk.values.deallocate()
        unsafe chunk.generations.deallocate()
      }
    }

    var isEmpty: Bool { count == 0 }

    /// The keys of all values.
    var keys: [SlotKey] {
      var keys: [SlotKey] = []
      keys.reserveCapacity(count)
      for index in 0..<count + free.count {
        let generation = unsafe generation(index).pointee
        if generation & 1 == 1 { keys.append(SlotKey(index, generation)) }
      }
      return keys
    }

    @inline(__always)
    func contains(_ key: SlotKey) -> Bool {
      unsafe key.index / Self.chunkCount < chunks.count && generation(key.index).pointee == key.generation
    }

    /// The key of the value that is at a place; nil when there is none.
    func key(at place: UInt32) -> SlotKey? {
      let index = Int(place)
      guard index < count + free.count else { return nil }
      let generation = unsafe generation(index).pointee
      return generation & 1 == 1 ? SlotKey(index, generation) : nil
    }

    @inline(__always)
    private func value(_ index: Int) -> UnsafeMutablePointer<Value> {
      unsafe chunks[index / Self.chunkCount].values + index % Self.chunkCount
    }

    @inline(__always)
    private func generation(_ index: Int) -> UnsafeMutablePointer<UInt32> {
      unsafe chunks[index / Self.chunkCount].generations + index % Self.chunkCount
    }

    /// O(1).
    mutating func insert(_ value: consuming Value) -> SlotKey {
      // Without free places, as many have been used as there are values.
      let index = free.popLast() ?? count
      if index / Self.chunkCount == chunks.count { grow() }
      count += 1
      unsafe self.value(index).initialize(to: value)
      return SlotKey(index, raiseGeneration(index))
    }

    private mutating func grow() {
      let chunk = unsafe Chunk(
        values: .allocate(capacity: Self.chunkCount), generations: .allocate(capacity: Self.chunkCount))
      unsafe chunk.generations.initialize(repeating: 0, count: Self.chunkCount)
      chunks.append(chunk)
    }

    @discardableResult
    private func raiseGeneration(_ index: Int) -> UInt32 {
      let raised = unsafe (generation(index).pointee &+ 1) & Self.generationMask
      unsafe generation(index).pointee = raised
      return raised
    }

    /// Amortised O(1).
    mutating func remove(_ key: SlotKey) {
      precondition(contains(key))
      unsafe value(key.index).deinitialize(count: 1)
      raiseGeneration(key.index)
      free.append(key.index)
      count -= 1
    }

    /// The value of a key that is there.
    subscript(key: SlotKey) -> Value {
      @inline(__always) _read {
        precondition(contains(key))
        yield unsafe value(key.index).pointee
      }
      @inline(__always) _modify {
        precondition(contains(key))
        yield unsafe &value(key.index).pointee
      }
    }
  }
#endif
