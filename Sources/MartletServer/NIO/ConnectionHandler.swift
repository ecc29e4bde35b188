// Drives one session over a SwiftNIO channel: hands it what has arrived, sends what it replies, holds back what is not
// durable yet, and stops reading while the client doesn't take its replies.
import Martlet
import NIOCore

/// A connection. It stays on its lane for life.
final class ConnectionHandler<S: Session & ~Copyable>: ChannelDuplexHandler, LaneConnection {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = Never
  typealias OutboundOut = ByteBuffer

  private let lane: Lane
  private var session: S
  private let onClose: () -> Void

  private var context: ChannelHandlerContext?
  /// What the session has not consumed yet.
  private var input = ByteBuffer()
  /// The session wants to be called when there are this many bytes of it.
  private var wanted = 1
  private var held: HeldReplies
  private var isWaiting = false
  /// The client sends no more: what it has sent is run, and then the connection ends.
  private var isInputClosed = false
  /// The session waits, for room in the journal or for something else, until the journal's next commit or the alarm.
  private var isPaused = false
  /// When the request that waits is over.
  private var alarm: (deadline: Int64, task: Scheduled<Void>)?
  /// The session has ended: what is left to send is sent, then the connection closes.
  private var isEnding = false
  private var isClosing = false
  /// NIO asked to read while the connection was not to be read from.
  private var hasPendingRead = false
  private var isProcessing = false

  init(_ lane: Lane, _ session: consuming S, onClose: @escaping () -> Void) {
    self.lane = lane
    self.session = session
    held = HeldReplies(lane.heldBytes)
    self.onClose = onClose
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelInactive(context: ChannelHandlerContext) {
    isClosing = true
    cancelAlarm()
    held = HeldReplies(lane.heldBytes)
    onClose()
    context.fireChannelInactive()
  }

  // MARK: Reading

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isEnding else { return }
    var arrived = unwrapInboundIn(data)
    if input.readableBytes == 0 {
      input = arrived
    } else {
      // What has been consumed would stay in the buffer for as long as it never becomes empty.
      if input.readerIndex > input.readableBytes { input.discardReadBytes() }
      input.writeBuffer(&arrived)
    }
    process(context)
  }

  func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { resume(context) }
    context.fireChannelWritabilityChanged()
  }

  func read(context: ChannelHandlerContext) {
    if mayRead(context) { context.read() } else { hasPendingRead = true }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed = event {
      isInputClosed = true
      // The client may be gone for good: nothing is waited for on its behalf.
      session.endWait()
      isPaused = false
      process(context)
      context.flush()
    }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func mayRead(_ context: ChannelHandlerContext) -> Bool {
    !isPaused && context.channel.isWritable && !held.isFull
  }

  /// Goes on where the connection had to stop.
  private func resume(_ context: ChannelHandlerContext) {
    process(context)
    context.flush()
    if !isPaused { cancelAlarm() }
    if hasPendingRead && !isEnding && mayRead(context) {
      hasPendingRead = false
      context.read()
    }
  }

  /// Has the session run what has arrived.
  private func process(_ context: ChannelHandlerContext) {
    guard !isProcessing else { return }
    isProcessing = true
    defer { isProcessing = false }
    while !isEnding && input.readableBytes >= wanted && mayRead(context) {
      let step = session.receive(input.readableBytesSpan, &lane.execution)
      input.moveReaderIndex(forwardBy: step.consumed)
      lane.execution.noteTraffic(read: step.consumed, written: lane.execution.reply.buffer.count)
      send(context)
      switch step.next {
      case .read(let atLeast): wanted = atLeast
      case .again: wanted = 1
      case .waitForRoom: pause(until: .max)
      case .wait(let deadline):
        if isInputClosed { session.endWait() } else { pause(until: deadline) }
      case .close: end(context)
      }
    }
    if input.readableBytes == 0 { input = ByteBuffer() }
    if isInputClosed && !isEnding && !isPaused && input.readableBytes < wanted { end(context) }
  }

  // MARK: Waiting

  /// Has the session called again after the journal's next commit, or at a deadline.
  private func pause(until deadline: Int64) {
    wanted = 1
    guard isWaiting else {
      // What it waits for may have come after it looked and before the lane knew that somebody waits: it looks again.
      return waitForJournal()
    }
    isPaused = true
    guard deadline != .max, deadline != alarm?.deadline else { return }
    cancelAlarm()
    let delay = max(0, deadline - WallClock.monotonicNanoseconds())
    let task = lane.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(delay)) { self.alarmRang() }
    alarm = (deadline, task)
  }

  private func alarmRang() {
    alarm = nil
    guard let context, !isClosing, !isEnding else { return }
    isPaused = false
    resume(context)
  }

  private func cancelAlarm() {
    alarm?.task.cancel()
    alarm = nil
  }

  // MARK: Sending

  /// Sends what the session has replied, or holds it.
  private func send(_ context: ChannelHandlerContext) {
    if lane.execution.reply.buffer.isEmpty { return }
    if held.isEmpty && lane.execution.reply.isFree(by: lane.store.journal) {
      context.write(wrapOutboundOut(lane.copyReply()), promise: nil)
    } else {
      held.append(lane.execution.reply)
      waitForJournal()
    }
    lane.execution.reply.removeAll()
  }

  /// Asks to be called after the journal's next commit; at once, if it has committed in the meantime.
  private func waitForJournal() {
    guard !isWaiting else { return }
    isWaiting = true
    lane.wait(self)
    // The commit may have come before the lane knew that somebody waits.
    let isReleased = held.releasedCount(by: lane.store.journal) > 0
    if isReleased || held.isLost(by: lane.store.journal) {
      let lane = lane
      lane.eventLoop.execute { lane.advance() }
    }
  }

  func journalAdvanced() {
    isWaiting = false
    guard let context, !isClosing else { return }
    isPaused = false
    let length = held.releasedCount(by: lane.store.journal)
    if length > 0 {
      context.write(wrapOutboundOut(lane.copy(held.prefix(length))), promise: nil)
      held.removeFirst(length)
    }
    if held.isLost(by: lane.store.journal) {
      // Whether the write survives is not known: the client learns that by the connection's end.
      isClosing = true
      context.close(promise: nil)
      return
    }
    if isEnding { return finishEnding(context) }
    resume(context)
    if !held.isEmpty { waitForJournal() }
  }

  // MARK: Ending

  /// Takes no more requests; closes when all replies have left.
  private func end(_ context: ChannelHandlerContext) {
    isEnding = true
    cancelAlarm()
    finishEnding(context)
  }

  private func finishEnding(_ context: ChannelHandlerContext) {
    guard held.isEmpty else { return waitForJournal() }
    guard !isClosing else { return }
    isClosing = true
    context.flush()
    // Behind all that has been written.
    context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
      context.close(promise: nil)
    }
  }

  func drain() {
    guard let context, !isClosing else { return }
    end(context)
  }
}
