// One io_uring: entries go into the submission ring, what became of them is found in the completion ring, and received
// bytes are in numbered buffers that are given back once they are read. Everything that is shared with the kernel is
// behind this type.
//
// Sources: io_uring(7), io_uring_setup(2), io_uring_enter(2), io_uring_register(2), io_uring_multishot(7).
#if os(Linux)
  internal import CMartlet
  internal import Martlet

  #if canImport(Glibc)
    internal import Glibc
  #else
    internal import Musl
  #endif

  /// What an entry was for: a kind of operation, and where it belongs.
  struct RingTag {
    enum Kind: UInt8 {
      /// A connection's operations.
      case receive, send
      /// A listener's.
      case accept
      /// The lane's own.
      case bell, timer, cancel
    }

    let rawValue: UInt64

    init(rawValue: UInt64) { self.rawValue = rawValue }

    @inline(__always)
    init(_ kind: Kind, _ owner: UInt64 = 0) {
      rawValue = UInt64(kind.rawValue) << 56 | owner
    }

    var kind: Kind? { Kind(rawValue: UInt8(truncatingIfNeeded: rawValue >> 56)) }
    var owner: UInt64 { rawValue & (1 << 56 - 1) }
  }

  /// What became of an entry.
  struct RingCompletion {
    let tag: RingTag
    /// What the system call would have returned, errors as negated codes.
    let result: CInt
    fileprivate let flags: UInt32

    /// Whether the entry is still there, and more will come of it.
    @inline(__always)
    var hasMore: Bool { flags & UInt32(MARTLET_COMPLETION_MORE) != 0 }
    /// The number of the buffer that received bytes are in.
    @inline(__always)
    var buffer: UInt16? {
      flags & UInt32(MARTLET_COMPLETION_BUFFER) != 0 ? UInt16(truncatingIfNeeded: flags >> 16) : nil
    }
  }

  /// The pieces that one entry sends. It must be kept as it is until that entry is done.
  @safe final class RingMessage: @unchecked Sendable {
    fileprivate let message: UnsafeMutablePointer<martlet_message>

    init() {
      unsafe message = .allocate(capacity: 1)
      unsafe message.initialize(to: martlet_message())
    }

    deinit { unsafe message.deallocate() }

    /// Makes it the bytes from `start` on, or as many of them as one entry sends.
    func fill(_ outgoing: borrowing OutgoingBytes, from start: Int) {
      unsafe martlet_message_empty(message)
      var room = Ring.sendBytes
      var pieces = 0
      outgoing.lent.forEachPiece(of: outgoing.bytes.bytes, from: start) { piece in
        unsafe piece.withUnsafeBytes { buffer in
          guard let address = buffer.baseAddress, buffer.count > 0 else { return }
          unsafe martlet_message_add(message, address, min(buffer.count, room))
          room -= min(buffer.count, room)
          pieces += 1
        }
        return room > 0 && pieces < Int(MARTLET_MESSAGE_PIECES)
      }
    }
  }

  /// The rings of one lane. After `start`, only the thread that called it uses them.
  @safe struct Ring: ~Copyable, @unchecked Sendable {
    /// Entries that can be submitted at once; more of them are submitted in several goes.
    private static let submissions: UInt32 = 1024
    /// Completions that fit; the kernel keeps those that don't until there is room.
    private static let completions: UInt32 = 8192
    /// Buffers for what is received, given back in the same turn; who finds none receives in the next.
    private static let bufferCount: UInt16 = 256
    /// So many of them are offered at first, and twice as many from the turn on that had too few: the kernel goes round
    /// all that are offered, so each comes to have memory, and none stays in the processor's cache if they are many.
    private static let buffersAtFirst: UInt16 = 16
    /// Bytes of each of them.
    static let bufferBytes = 16 << 10
    /// The most that one entry sends.
    fileprivate static let sendBytes = 1 << 30

    private var ring: martlet_ring
    /// Entries are written up to here.
    private var submissionTail: UInt32 = 0
    /// The kernel has taken them up to here.
    private var submissionHead: UInt32 = 0
    private var completionHead: UInt32 = 0
    private var completionTail: UInt32 = 0
    private var bufferTail: UInt16 = 0
    private var offeredBuffers: UInt16 = 0
    /// A receive has found no buffer since the ring was last entered.
    private var hasLackedBuffers = false
    /// Memory for entries that point to some: the bell's count, and the time of the timer.
    private let bellWord: UnsafeMutablePointer<UInt64>
    private let time: UnsafeMutablePointer<Int64>

    /// Makes the rings, which are still to be started.
    ///
    /// - Throws: why the system doesn't allow that.
    init() throws(SystemError) {
      unsafe ring = martlet_ring()
      unsafe bellWord = .allocate(capacity: 1)
      unsafe bellWord.initialize(to: 0)
      unsafe time = .allocate(capacity: 2)
      unsafe time.initialize(repeating: 0, count: 2)
      let code = unsafe martlet_ring_open(
        &ring, Self.submissions, Self.completions, UInt32(Self.bufferCount), UInt32(Self.bufferBytes))
      guard code == 0 else { throw SystemError(code: -code) }
      offerBuffers(Self.buffersAtFirst)
    }

    deinit {
      var ring = unsafe ring
      unsafe martlet_ring_close(&ring)
      unsafe bellWord.deallocate()
      unsafe time.deallocate()
    }

    /// Makes the rings the calling thread's.
    mutating func start() throws(SystemError) {
      let code = unsafe martlet_ring_start(&ring)
      guard code == 0 else { throw SystemError(code: -code) }
    }

    // MARK: Submitting

    /// The place of the next entry.
    @inline(__always)
    private mutating func place() -> UInt32 {
      while unsafe submissionTail &- submissionHead == ring.submission_count { enter(waits: false) }
      defer { submissionTail &+= 1 }
      return submissionTail
    }

    /// Accepts connections until that fails or is cancelled.
    mutating func accept(_ listener: CInt, _ tag: RingTag) {
      let place = place()
      unsafe martlet_ring_accept(&ring, place, listener, tag.rawValue)
    }

    /// Receives into buffers until the end, a failure, a cancellation, or the last buffer.
    mutating func receive(_ socket: CInt, _ tag: RingTag) {
      let place = place()
      unsafe martlet_ring_receive(&ring, place, socket, tag.rawValue)
    }

    /// Sends the bytes of a queue from `start` on. The queue must be kept as it is until that is done.
    ///
    /// - Parameter waits: whether it may take its time, and a completion says how many bytes were sent. Otherwise it sends
    ///   what the system takes at once, and there is a completion only if that isn't all; without one it is done when
    ///   `enter` has returned.
    /// - Returns: whether it may take its time; it may in any case if there is very much to send.
    @inline(__always)
    mutating func send(
      _ socket: CInt, _ bytes: borrowing ByteQueue, from start: Int, waits: Bool, _ tag: RingTag
    )
      -> Bool
    {
      let place = place()
      let waits = waits || bytes.count - start > Self.sendBytes
      unsafe bytes.withUnsafeBytes { buffer in
        precondition(start < buffer.count)
        unsafe martlet_ring_send(
          &ring, place, socket, buffer.baseAddress.unsafelyUnwrapped + start,
          UInt32(min(buffer.count - start, Self.sendBytes)), waits ? 1 : 0, tag.rawValue)
      }
      return waits
    }

    /// Sends a message, and everything that it points to must be kept as it is until that is done. It takes its time, and
    /// a completion says how many bytes were sent.
    mutating func send(_ socket: CInt, _ message: RingMessage, _ tag: RingTag) {
      let place = place()
      unsafe martlet_ring_send_message(&ring, place, socket, message.message, tag.rawValue)
    }

    /// Waits until a bell is rung.
    mutating func listen(toBell bell: CInt, _ tag: RingTag) {
      let place = place()
      unsafe martlet_ring_read_word(&ring, place, bell, bellWord, tag.rawValue)
    }

    /// Ends the entry with a tag. If there is none, a completion of kind `cancel` says so.
    mutating func cancel(_ tag: RingTag) {
      let place = place()
      unsafe martlet_ring_cancel(&ring, place, tag.rawValue, RingTag(.cancel).rawValue)
    }

    /// Ends all entries for a socket.
    mutating func cancelAll(_ socket: CInt) {
      let place = place()
      unsafe martlet_ring_cancel_all(&ring, place, socket, RingTag(.cancel).rawValue)
    }

    /// Completes at a time in nanoseconds of the monotonic clock.
    ///
    /// - Parameter isRunning: whether such an entry is there already, whose time is changed.
    mutating func setTimer(_ nanoseconds: Int64, isRunning: Bool) {
      let place = place()
      unsafe time[0] = nanoseconds / 1_000_000_000
      unsafe time[1] = nanoseconds % 1_000_000_000
      if isRunning {
        unsafe martlet_ring_change_timeout(
          &ring, place, RingTag(.timer).rawValue, time, RingTag(.cancel).rawValue)
      } else {
        unsafe martlet_ring_timeout(&ring, place, time, RingTag(.timer).rawValue)
      }
    }

    /// Submits what there is; and sleeps until something has completed, if `waits`.
    mutating func enter(waits: Bool) {
      if hasLackedBuffers {
        hasLackedBuffers = false
        offerBuffers(min(offeredBuffers * 2, Self.bufferCount))
      }
      unsafe martlet_ring_publish_buffers(&ring, bufferTail)
      unsafe martlet_store(ring.submission_tail, submissionTail)
      let result = unsafe martlet_ring_enter(&ring, submissionTail &- submissionHead, waits ? 1 : 0)
      switch -result {
      // A signal came, or the kernel is short of memory: what wasn't submitted is submitted the next time.
      case ...0, EINTR, EAGAIN, EBUSY, ENOMEM: break
      default: fatalError("io_uring_enter failed: \(SystemError(code: -result))")
      }
      submissionHead = unsafe martlet_load(ring.submission_head)
    }

    /// Whether the kernel has taken all entries.
    var isAllSubmitted: Bool { submissionHead == submissionTail }

    // MARK: Completions

    /// What has completed next; nil when nothing more has.
    @inline(__always)
    mutating func nextCompletion() -> RingCompletion? {
      if completionHead == completionTail {
        unsafe martlet_store(ring.completion_head, completionHead)
        completionTail = unsafe martlet_load(ring.completion_tail)
        if completionHead == completionTail { return nil }
      }
      let completion = unsafe martlet_ring_completion(&ring, completionHead)
      completionHead &+= 1
      return RingCompletion(
        tag: RingTag(rawValue: completion.tag), result: completion.result, flags: completion.flags)
    }

    /// Fetches the completions for which there was no room; whether there were any.
    mutating func fetchOverflow() -> Bool {
      guard unsafe martlet_ring_has_overflow(&ring) != 0 else { return false }
      enter(waits: false)
      return true
    }

    // MARK: Buffers

    /// What a completion has received.
    @_lifetime(borrow self)
    @inline(__always)
    func bytes(_ number: UInt16, _ length: Int) -> RawSpan {
      precondition(Int(number) < Int(Self.bufferCount) && length <= Self.bufferBytes)
      let start = unsafe UnsafeRawPointer(ring.buffers.advanced(by: Int(number) * Self.bufferBytes))
      return unsafe _overrideLifetime(RawSpan(_unsafeStart: start, byteCount: length), borrowing: self)
    }

    /// Offers more buffers from the next `enter` on, if there are more: a receive has found none.
    mutating func offerMoreBuffers() { hasLackedBuffers = true }

    private mutating func offerBuffers(_ count: UInt16) {
      while offeredBuffers < count {
        recycle(offeredBuffers)
        offeredBuffers += 1
      }
    }

    /// Lets a buffer be used again; from the next `enter` on.
    @inline(__always)
    mutating func recycle(_ number: UInt16) {
      unsafe martlet_ring_add_buffer(&ring, bufferTail, number)
      bufferTail &+= 1
    }
  }
#endif
