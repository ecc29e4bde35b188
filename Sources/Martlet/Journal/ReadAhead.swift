// Reads the next piece of a file while the one before is worked on: what reads a database would otherwise wait for the disk
// as long as it works itself.

/// One piece of a file that is read by another thread, or has been.
struct ReadAhead: ~Copyable {
  private let bytes = Pinned(ByteQueue())
  /// How many bytes there were, or why there are none.
  private let outcome = Guarded<Result<Int, DiskError>>(.success(0))
  private var start = 0
  private var thread: SystemThread?

  deinit {
    thread?.join()
    bytes.destroy()
  }

  /// Begins to read at most `count` bytes from an offset on. What was read ahead before is forgotten.
  mutating func begin(_ file: any DiskFile, at offset: Int, count: Int) {
    end()
    start = offset
    let (bytes, outcome) = (bytes, outcome)
    thread = SystemThread(name: "martlet-read") {
      // The memory is used again: new one would cost more than reading.
      bytes.value.truncate(to: 0)
      let result = Result { () throws(DiskError) in
        try file.read(at: offset, count: count, into: &bytes.value)
      }
      outcome.withLock { $0 = result }
    }
  }

  /// Appends what was read from `offset` on to a buffer; how many bytes, 0 at the end of the file. Nil if it was another
  /// place that was read.
  mutating func take(at offset: Int, into buffer: inout ByteQueue) throws(DiskError) -> Int? {
    guard thread != nil, start == offset else { return nil }
    end()
    let count = try outcome.withLock { $0 }.get()
    buffer.append(bytes.value.bytes)
    return count
  }

  private mutating func end() {
    thread?.join()
    thread = nil
  }
}
