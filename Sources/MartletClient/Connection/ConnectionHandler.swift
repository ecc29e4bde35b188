// The part of a connection that touches the socket: it tells the state machine what happens in the channel, and
// carries out what it answers. Everything here runs on the channel's event loop.
import NIOCore

final class ConnectionHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private var machine: ConnectionStateMachine
  private let onPush: (@Sendable ([RESPValue]) -> Void)?
  private var context: ChannelHandlerContext?
  private var waiting: [RequestID: CheckedContinuation<Result<[RESPValue], ClientError>, Never>] = [:]
  private var connectOutcome: Result<RESPVersion, ClientError>?
  private var connectWaiter: CheckedContinuation<Result<RESPVersion, ClientError>, Never>?
  private var closeWaiters: [CheckedContinuation<Void, Never>] = []
  private var isFlushScheduled = false
  private var timer: (deadline: Nanoseconds, task: Scheduled<Void>)?
  private var lossReason = "the server closed it"

  init(_ configuration: ConnectionConfiguration, connectDeadline: NIODeadline) {
    machine = ConnectionStateMachine(configuration, connectDeadline: connectDeadline.uptimeNanoseconds)
    onPush = configuration.onPush
  }

  // MARK: - Calls

  func waitUntilConnected(_ waiter: CheckedContinuation<Result<RESPVersion, ClientError>, Never>) {
    if let connectOutcome {
      waiter.resume(returning: connectOutcome)
    } else {
      connectWaiter = waiter
    }
  }

  func submit(
    _ id: RequestID, _ commands: [Command], timeout: Duration?,
    _ waiter: CheckedContinuation<Result<[RESPValue], ClientError>, Never>
  ) {
    waiting[id] = waiter
    let deadline = timeout.map { (NIODeadline.now() + TimeAmount($0)).uptimeNanoseconds }
    carryOut(machine.submit(id, commands, deadline: deadline, timeout: timeout ?? .zero))
    if let deadline, machine.isReady { startTimer(for: deadline) }
  }

  func cancel(_ id: RequestID) {
    carryOut(machine.cancel(id))
  }

  func close(_ waiter: CheckedContinuation<Void, Never>) {
    guard let context, context.channel.isActive else { return waiter.resume() }
    closeWaiters.append(waiter)
    carryOut(machine.close())
  }

  // MARK: - The channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { begin() }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    finish()
    self.context = nil
  }

  func channelActive(context: ChannelHandlerContext) {
    begin()
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    carryOut(machine.received(unwrapInboundIn(data).readableBytesView))
  }

  func channelInactive(context: ChannelHandlerContext) {
    finish()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    lossReason = ConnectFailure.reason(of: error)
    context.close(promise: nil)
  }

  private func begin() {
    carryOut(machine.connected())
    if let deadline = machine.nextDeadline { startTimer(for: deadline) }
  }

  private func finish() {
    carryOut(machine.ended(reason: lossReason))
    timer?.task.cancel()
    timer = nil
    for waiter in closeWaiters { waiter.resume() }
    closeWaiters = []
  }

  // MARK: - Actions

  private func carryOut(_ actions: [ConnectionStateMachine.Action]) {
    for action in actions {
      switch action {
      case .write(let bytes):
        write(bytes)
      case .ready(let version):
        connected(.success(version))
      case .failConnect(let error):
        connected(.failure(error))
      case .answer(let id, let replies):
        waiting.removeValue(forKey: id)?.resume(returning: .success(replies))
      case .fail(let id, let error):
        waiting.removeValue(forKey: id)?.resume(returning: .failure(error))
      case .push(let elements):
        onPush?(elements)
      case .close:
        context?.close(promise: nil)
      }
    }
  }

  private func connected(_ outcome: Result<RESPVersion, ClientError>) {
    connectOutcome = outcome
    connectWaiter?.resume(returning: outcome)
    connectWaiter = nil
  }

  /// Writes, and flushes once for all the calls that arrive in one turn of the event loop.
  private func write(_ bytes: [UInt8]) {
    guard let context else { return }
    context.write(NIOAny(ByteBuffer(bytes: bytes)), promise: nil)
    guard !isFlushScheduled else { return }
    isFlushScheduled = true
    context.eventLoop.assumeIsolated().execute {
      self.isFlushScheduled = false
      self.context?.flush()
    }
  }

  /// Makes sure that the one timer fires at the deadline or before.
  private func startTimer(for deadline: Nanoseconds) {
    if let timer, timer.deadline <= deadline { return }
    guard let context else { return }
    timer?.task.cancel()
    let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(deadline)) {
      self.timer = nil
      self.carryOut(self.machine.timePassed(now: NIODeadline.now().uptimeNanoseconds))
      if let next = self.machine.nextDeadline { self.startTimer(for: next) }
    }
    timer = (deadline, task)
  }
}
