// Drives one conversation over a SwiftNIO channel: hands it what has arrived, sends what it replies, and stops reading
// while the client doesn't take its replies.
import Martlet
import NIOCore

/// A connection. It stays on its lane for life.
final class ConnectionHandler: ChannelDuplexHandler, LaneConnection {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = Never
  typealias OutboundOut = ByteBuffer

  private let lane: Lane
  private let reception: Reception
  private var conversation: Conversation

  private var context: ChannelHandlerContext?
  /// What the session has not consumed yet.
  private var input = ByteBuffer()
  private var isWaiting = false
  /// When the request that waits is over.
  private var alarm: (deadline: Int64, task: Scheduled<Void>)?
  private var isClosing = false
  /// Something of what others have for the client is left in its queue.
  private var hasPushes = false
  /// NIO asked to read while the connection was not to be read from.
  private var hasPendingRead = false
  private var isProcessing = false
  /// Since when it keeps the server waiting.
  private var waiting = Waiting()
  /// How many bytes were handed to the channel.
  private var written = 0

  init(_ lane: Lane, _ reception: Reception, _ conversation: consuming Conversation) {
    self.lane = lane
    self.reception = reception
    self.conversation = conversation
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    lane.enter(self, conversation.client)
  }

  func channelInactive(context: ChannelHandlerContext) {
    isClosing = true
    cancelAlarm()
    _ = conversation.abandonWait()
    conversation.dropHeld()
    context.fireChannelInactive()
  }

  /// The channel is gone, even if it has never become active: one accepted just before the server stopped listening.
  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    lane.leave(conversation.client)
    reception.leave(conversation.client)
  }

  // MARK: Reading

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    waiting.hear()
    guard !conversation.isEnding else { return }
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
      conversation.closeInput()
      process(context)
      context.flush()
    }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func mayRead(_ context: ChannelHandlerContext) -> Bool {
    conversation.takesInput && context.channel.isWritable
  }

  /// Goes on where the connection had to stop.
  private func resume(_ context: ChannelHandlerContext) {
    process(context)
    if hasPushes, let queue = conversation.client.queue { write(queue, context) }
    context.flush()
    if hasPendingRead && !conversation.isEnding && mayRead(context) {
      hasPendingRead = false
      context.read()
    }
  }

  /// Has the session run what has arrived, and sends what it replies.
  private func process(_ context: ChannelHandlerContext) {
    guard !isProcessing else { return }
    isProcessing = true
    defer { isProcessing = false }
    while context.channel.isWritable && conversation.canRun(input.readableBytes) {
      let consumed = conversation.run(input.readableBytesSpan, &lane.execution, lane.store.journal)
      input.moveReaderIndex(forwardBy: consumed)
      if !lane.execution.reply.buffer.isEmpty {
        write(lane.takeReply(), context)
      }
    }
    if input.readableBytes == 0 && input.capacity > 0 {
      FreedMemory.note(input.capacity)
      input = ByteBuffer()
    }
    if conversation.isOver(unconsumed: input.readableBytes) { conversation.end() }
    if conversation.waitsForJournal { waitForJournal() }
    setAlarm()
    finishEnding(context)
  }

  private func write(_ reply: ByteBuffer, _ context: ChannelHandlerContext) {
    written &+= reply.readableBytes
    FreedMemory.note(reply.readableBytes)
    context.write(wrapOutboundOut(reply), promise: nil)
  }

  // MARK: Pushes

  func takePushes(_ queue: PushQueue) {
    guard let context, !isClosing else { return }
    if queue.isOverrun {
      reception.noteOverrun(queue.client)
      return closeNow()
    }
    write(queue, context)
    if conversation.waitsForJournal { waitForJournal() }
    context.flush()
  }

  private func write(_ queue: PushQueue, _ context: ChannelHandlerContext) {
    hasPushes = true
    while hasPushes && context.channel.isWritable && conversation.takesPushes {
      hasPushes = conversation.takePushes(queue, &lane.execution, lane.store.journal)
      if !lane.execution.reply.buffer.isEmpty { write(lane.takeReply(), context) }
    }
  }

  // MARK: Waiting

  /// Has the session called again at the deadline of the request that waits, if one does.
  private func setAlarm() {
    let deadline = isClosing ? .max : conversation.deadline
    guard deadline != alarm?.deadline ?? .max else { return }
    cancelAlarm()
    guard deadline != .max else { return }
    let delay = max(0, deadline - WallClock.monotonicNanoseconds())
    let task = lane.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(delay)) { self.alarmRang() }
    alarm = (deadline, task)
  }

  private func alarmRang() {
    alarm = nil
    guard let context, !isClosing, !conversation.isEnding else { return }
    conversation.goOn()
    resume(context)
  }

  func wake() {
    guard let context, !isClosing, conversation.isBlocked else { return }
    conversation.goOn()
    resume(context)
  }

  private func cancelAlarm() {
    alarm?.task.cancel()
    alarm = nil
  }

  // MARK: The journal

  /// Asks to be called after the journal's next commit; at once, if it has committed in the meantime.
  private func waitForJournal() {
    guard !isWaiting else { return }
    isWaiting = true
    lane.wait(self)
    // The commit may have come after the session looked and before the lane knew that somebody waits.
    if conversation.isDue(by: lane.store.journal) {
      let lane = lane
      lane.eventLoop.execute { lane.advance() }
    }
  }

  func journalAdvanced() {
    isWaiting = false
    guard let context, !isClosing else { return }
    conversation.journalAdvanced()
    conversation.release(by: lane.store.journal) {
      write(lane.copy($0), context)
    }
    if conversation.isLost(by: lane.store.journal) {
      isClosing = true
      _ = conversation.abandonWait()
      context.close(promise: nil)
      return
    }
    resume(context)
  }

  // MARK: Ending

  /// Closes when all replies have left.
  private func finishEnding(_ context: ChannelHandlerContext) {
    guard conversation.hasEnded, !isClosing else { return }
    isClosing = true
    context.flush()
    // Behind all that has been written.
    context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
      context.close(promise: nil)
    }
  }

  func drain() {
    guard let context, !isClosing else { return }
    // Who has been served meanwhile is told.
    if !conversation.abandonWait() {
      conversation.goOn()
      process(context)
    }
    conversation.end()
    process(context)
  }

  // MARK: Patience

  func look(at now: Int64) {
    guard let context, context.channel.isActive else { return }
    let unsent = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    guard unsent > 0 else {
      let isWaiting = conversation.isWaitingOrListening
      if waiting.look(at: now, isWaiting: isWaiting, reception.patience) == .isIdle {
        reception.noteIdle(conversation.client)
        closeNow()
      }
      return
    }
    context.channel.withUntakenBytes { untaken in
      let verdict = self.waiting.look(
        at: now, progress: UInt32(truncatingIfNeeded: self.written &- unsent), untaken: untaken,
        self.reception.patience)
      guard verdict == .isStalled else { return }
      self.reception.noteStalled(self.conversation.client, unsent)
      self.closeNow()
    }
  }

  func closeNow() {
    isClosing = true
    _ = conversation.abandonWait()
    context?.close(promise: nil)
  }
}
