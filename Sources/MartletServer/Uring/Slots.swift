// A table of values that come and go, each found by a key that nobody else will have for a long time.
#if os(Linux)
  /// Where a value is in a `Slots`, and which of those that have been there it is.
  struct SlotKey: Equatable {
    /// Fits into 56 bits.
    let rawValue: UInt64

    init(rawValue: UInt64) { self.rawValue = rawValue }

    fileprivate init(_ index: Int, _ generation: UInt32) {
      rawValue = UInt64(generation) << 32 | UInt64(UInt32(index))
    }

    fileprivate var index: Int { Int(UInt32(truncatingIfNeeded: rawValue)) }
    fileprivate var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }
  }

  /// A growing table whose places are used again.
  @safe struct Slots<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
    /// What generations are counted in; an odd one is that of a value that is there.
    private static var generationMask: UInt32 { 1 << 24 - 1 }

    private var values: UnsafeMutablePointer<Value>
    private var generations: [UInt32] = []
    private var free: [Int] = []
    private var capacity = 16
    private(set) var count = 0

    init() { unsafe values = .allocate(capacity: 16) }

    deinit {
      for index in generations.indices where generations[index] & 1 == 1 {
        unsafe (values + index).deinitialize(count: 1)
      }
      unsafe values.deallocate()
    }

    var isEmpty: Bool { count == 0 }

    /// The keys of all values.
    var keys: [SlotKey] {
      generations.indices.filter { generations[$0] & 1 == 1 }.map { SlotKey($0, generations[$0]) }
    }

    @inline(__always)
    func contains(_ key: SlotKey) -> Bool {
      key.index < generations.count && generations[key.index] == key.generation
    }

    /// Amortised O(1).
    mutating func insert(_ value: consuming Value) -> SlotKey {
      count += 1
      let index: Int
      if let used = free.popLast() {
        index = used
      } else {
        index = generations.count
        generations.append(0)
        if index == capacity { grow() }
      }
      generations[index] = (generations[index] &+ 1) & Self.generationMask
      unsafe (values + index).initialize(to: value)
      return SlotKey(index, generations[index])
    }

    private mutating func grow() {
      let grown = UnsafeMutablePointer<Value>.allocate(capacity: capacity * 2)
      let taken = generations.indices.dropLast().filter { generations[$0] & 1 == 1 }
      for index in taken { unsafe (grown + index).moveInitialize(from: values + index, count: 1) }
      unsafe values.deallocate()
      unsafe values = grown
      capacity *= 2
    }

    mutating func remove(_ key: SlotKey) {
      precondition(contains(key))
      unsafe (values + key.index).deinitialize(count: 1)
      generations[key.index] = (generations[key.index] &+ 1) & Self.generationMask
      free.append(key.index)
      count -= 1
    }

    /// The value of a key that is there.
    subscript(key: SlotKey) -> Value {
      @inline(__always) _read {
        precondition(contains(key))
        yield unsafe values[key.index]
      }
      @inline(__always) _modify {
        precondition(contains(key))
        yield unsafe &values[key.index]
      }
    }
  }
#endif
