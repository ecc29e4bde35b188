// A connection of a lane: its conversation, what came and isn't consumed, what is to go, and which entries of the ring
// are under way for it. It is removed only when none is.
#if os(Linux)
  import Martlet

  /// One client's socket and its conversation.
  struct UringConnection: ~Copyable, Sendable {
    /// A client that leaves more than this many bytes of replies untaken isn't served until it takes some.
    private static let writableBytes = 64 << 10
    /// While the session can't go on, so many bytes are taken in advance.
    private static let bytesInAdvance = 64 << 10

    /// So much room at most is made for a request that has come in part.
    private static let bytesReserved = 1 << 20

    enum Receiving {
      case idle
      /// Bytes come as they arrive.
      case armed
      /// Cancelled, and not over yet.
      case cancelling
    }

    enum Sending {
      case idle
      /// Over when the ring has been entered, unless a completion says otherwise.
      case trying
      /// A completion says when it is over.
      case waiting
    }

    // The smaller ones are behind the larger, so that no room is lost between.
    var conversation: Conversation
    let socket: CInt
    /// Replies that may leave. It has memory only while it isn't empty.
    var output = OutgoingBytes()
    /// Replies that are under way, of which the first `sentBytes` have left.
    var sent = OutgoingBytes()
    var sentBytes = 0
    /// What the system is told of the replies under way if they have lent values.
    var message: RingMessage?
    /// What the session has not consumed, behind `consumedBytes` of what it has.
    private var input = ByteQueue()
    private var consumedBytes = 0
    /// Since when it keeps the server waiting.
    var waiting = Waiting()
    var receiving = Receiving.idle
    var sending = Sending.idle
    /// Raised whenever the system has taken over some of the replies that it hadn't room for at once.
    var sendProgress: UInt32 = 0
    /// The lane is to send its output.
    var isDirty = false
    /// The lane is to tell it of the journal's next commit.
    var isWaiting = false
    /// Something of what others have for the client is left in its queue.
    var hasPushes = false
    /// It closes when no entry is under way.
    var isClosing = false

    init(_ socket: CInt, _ conversation: consuming Conversation) {
      self.socket = socket
      self.conversation = conversation
    }

    // MARK: Input

    private var unconsumed: Int { input.count - consumedBytes }

    /// Whether the client takes its replies.
    private var isWritable: Bool { unsentBytes < Self.writableBytes }

    /// Takes what has arrived, and runs what there is to run.
    @inline(__always)
    mutating func take(
      _ arrived: RawSpan, _ execution: inout Execution, _ journal: Journal, _ spares: inout SpareQueues
    ) {
      guard unconsumed == 0 else {
        keep(arrived)
        return proceed(&execution, journal, &spares)
      }
      // Straight from where the kernel has put it.
      var position = 0
      while isWritable && conversation.canRun(arrived.byteCount - position) {
        position += conversation.run(
          arrived.extracting(position..<arrived.byteCount), &execution, journal)
        takeReply(&execution, &spares)
      }
      if position < arrived.byteCount { keep(arrived.extracting(position..<arrived.byteCount)) }
    }

    /// Runs what there is to run of what was kept.
    mutating func proceed(_ execution: inout Execution, _ journal: Journal, _ spares: inout SpareQueues) {
      while isWritable && conversation.canRun(unconsumed) {
        consumedBytes += Self.run(&conversation, input, from: consumedBytes, &execution, journal)
        takeReply(&execution, &spares)
      }
      if consumedBytes == input.count && consumedBytes > 0 {
        input.removeAll(keeping: 0)
        consumedBytes = 0
      }
    }

    /// Takes what others have for the client, as far as the client takes it.
    mutating func takePushes(
      _ queue: PushQueue, _ execution: inout Execution, _ journal: Journal, _ spares: inout SpareQueues
    ) {
      hasPushes = true
      while hasPushes && isWritable && conversation.takesPushes {
        hasPushes = conversation.takePushes(queue, &execution, journal)
        takeReply(&execution, &spares)
      }
    }

    private static func run(
      _ conversation: inout Conversation, _ input: borrowing ByteQueue, from start: Int,
      _ execution: inout Execution, _ journal: Journal
    ) -> Int {
      conversation.run(input.bytes.extracting(start..<input.count), &execution, journal)
    }

    private mutating func keep(_ bytes: RawSpan) {
      // Moving what is left costs less than what was consumed since the last time.
      if consumedBytes > unconsumed {
        input.removeFirst(consumedBytes)
        consumedBytes = 0
      }
      // Room for the whole request at once, so that a large one isn't moved while it grows.
      input.reserve(max(bytes.byteCount, min(conversation.wanted - unconsumed, Self.bytesReserved)))
      input.append(bytes)
    }

    /// Whether the system should go on handing over what arrives.
    private var wantsInput: Bool {
      if conversation.isInputClosed || conversation.isEnding || isClosing { return false }
      return conversation.takesInput && isWritable || unconsumed < Self.bytesInAdvance
    }

    /// Whether receiving has to be begun (true) or ended (false); nil when it is right as it is.
    var changeOfReceiving: Bool? {
      switch receiving {
      case .idle: wantsInput ? true : nil
      case .armed: wantsInput || conversation.isEnding || isClosing ? nil : false
      case .cancelling: nil
      }
    }

    /// Whether all that the client has sent is done with, and no more comes.
    var isOver: Bool { conversation.isOver(unconsumed: unconsumed) }

    // MARK: Output

    /// Puts what the session has replied behind the output. Nothing is copied unless some output waits already.
    @inline(__always)
    private mutating func takeReply(_ execution: inout Execution, _ spares: inout SpareQueues) {
      if execution.reply.buffer.isEmpty {
        // A reply that nobody wants may have borrowed a value.
        if !execution.reply.lent.isEmpty { execution.takeBack(execution.reply.removeLent()) }
        return
      }
      let start = output.bytes.count
      if output.isEmpty {
        swap(&output.bytes, &execution.reply.buffer)
        execution.reply.buffer = spares.take()
      } else {
        output.bytes.append(execution.reply.buffer.bytes)
      }
      if !execution.reply.lent.isEmpty { output.append(execution.reply.removeLent(), from: start) }
      execution.reply.removeAll()
    }

    /// Puts the held replies that may leave behind the output.
    mutating func release(by journal: Journal, _ spares: inout SpareQueues) {
      var released = ByteQueue()
      if output.isEmpty { released = spares.take() } else { swap(&released, &output.bytes) }
      conversation.release(by: journal) { released.append($0) }
      if released.isEmpty { spares.reclaim(&released) } else { swap(&released, &output.bytes) }
    }

    /// Makes the output what is sent next.
    mutating func beginSend() {
      swap(&sent, &output)
      sentBytes = 0
    }

    /// Ends what is under way: it has left, or never will.
    mutating func endSend(_ execution: borrowing Execution, _ spares: inout SpareQueues) {
      sentBytes = 0
      spares.reclaim(&sent.bytes)
      if !sent.lent.isEmpty {
        message = nil
        execution.takeBack(sent.removeLent())
      }
    }

    /// Drops all that hasn't left. Nothing is under way.
    mutating func dropOutput(_ execution: borrowing Execution, _ spares: inout SpareQueues) {
      endSend(execution, &spares)
      swap(&sent, &output)
      endSend(execution, &spares)
    }

    /// Whether something of it hasn't left yet.
    var hasUnsentRest: Bool { sentBytes < sent.count }

    /// Whether there is output that nothing sends yet.
    var hasUnsentOutput: Bool { !output.isEmpty && sending == .idle && !isClosing }

    /// Whether there is something to do once what is sent has left: the lane has to be told of that.
    var waitsForSend: Bool {
      conversation.isEnding || unconsumed > 0 || receiving != .armed || hasPushes
    }

    /// Whether all replies have left and no more come.
    var hasEnded: Bool { conversation.hasEnded && output.isEmpty && sending == .idle }

    /// How many bytes of replies haven't left.
    var unsentBytes: Int { output.count + sent.count - sentBytes }

    /// Looks at how long it has kept the server waiting.
    mutating func look(at now: Int64, _ patience: Patience) -> Waiting.Verdict {
      guard sending == .waiting else {
        return waiting.look(at: now, isWaiting: conversation.isWaitingOrListening, patience)
      }
      return waiting.look(
        at: now, progress: sendProgress, untaken: Sockets.untakenBytes(socket), patience)
    }

    /// Whether no entry is under way for it.
    var isAtRest: Bool { receiving == .idle && sending == .idle }
  }
#endif
