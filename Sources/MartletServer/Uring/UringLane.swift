// A lane on a ring: one thread that serves its connections in turns. In a turn it submits all that the last one brought
// about, sends first of all, sleeps until something completes, and handles what has.
//
// An entry carries in its tag what it is and whose. A connection's memory is used by the kernel only while one of its
// entries is under way, so a connection that closes is cancelled, waited for, and only then removed.
//
// A reply is first sent without waiting: the system takes small ones at once, so nothing has to be said about it and the
// sleep isn't cut short by good news. Only what it doesn't take is sent again by an entry that waits; and where something
// has to follow when a reply has left, it is sent by such an entry from the start.
#if os(Linux)
  import Logging
  import Martlet

  /// What belongs to one thread of the transport.
  struct UringLane: ~Copyable, Sendable {
    /// A socket that clients are accepted on.
    private struct Entrance {
      let socket: ListeningSocket
      let descriptor: CInt
      var isArmed = false
    }

    private let reception: Reception
    private let journal: Journal
    private let mailbox: Mailbox
    /// The mailboxes of all lanes, to hand connections to.
    private let mailboxes: [Mailbox]
    /// Its number among all lanes, as clients know it.
    private let number: Int
    private var ring: Ring
    private var execution: Execution
    private var sweeper: Sweeper?

    private var connections = Slots<UringConnection>()
    private var spares = SpareQueues()
    /// Connections with output to send.
    private var dirty: [SlotKey] = []
    /// Connections whose output is being tried to send.
    private var tried: [SlotKey] = []
    /// Connections that wait for the journal's next commit.
    private var waiting: [SlotKey] = []
    /// When those that wait for data not for ever are to be called.
    private var deadlines = Deadlines()
    /// The journal has committed since they began to wait.
    private var hasCommitted = false

    private var entrances: [Entrance] = []
    private var nextLane = 0
    private var isListening = true
    private var onListenersClosed: (@Sendable () -> Void)?
    /// Accepting has failed, and that was told.
    private var hasAcceptFailed = false

    /// What the ring's timer is set to, in nanoseconds of the monotonic clock; `.max` when it isn't.
    private var timer = Int64.max
    private var nextSweep = Int64.max
    /// The next sweep is farther off, since nothing is asked of the server.
    private var isResting = false
    private var drainDeadline = Int64.max
    private var acceptAgain = Int64.max
    /// When the connections are to be looked at for those who keep the server waiting.
    private var nextLook = Int64.max

    private var isDraining = false
    private var onDrained: (@Sendable () -> Void)?
    private var isStopped = false

    /// - Parameters:
    ///   - number: the place of its mailbox among those of all lanes. The first lane listens and sweeps.
    ///   - seed: for the members that commands take by chance.
    init(_ number: Int, _ mailboxes: [Mailbox], _ ring: consuming Ring, _ reception: Reception, seed: UInt64)
    {
      self.reception = reception
      journal = reception.store.journal
      mailbox = mailboxes[number]
      self.number = reception.context.addDoor(mailbox)
      self.mailboxes = mailboxes
      self.ring = ring
      execution = Execution(reception.store, reception.context, seed: seed)
      execution.lendsValues = true
      sweeper = number == 0 ? Sweeper(reception.store, reception.context, seed: seed &+ 1) : nil
    }

    /// The thread's life.
    mutating func run() {
      do { try ring.start() } catch { fatalError("io_uring can't be started: \(error)") }
      ring.listen(toBell: mailbox.bell.descriptor, RingTag(.bell))
      if sweeper != nil {
        nextSweep = WallClock.monotonicNanoseconds() + Self.sweepInterval
        setTimer(nextSweep)
      }
      beImpatient(WallClock.monotonicNanoseconds())
      // What the system did not take is tried again at once: a send that left without a word would wake nobody.
      var areAllSubmitted = true
      while !isStopped || !connections.isEmpty || !entrances.isEmpty {
        submitSends()
        ring.enter(waits: !hasCommitted && areAllSubmitted)
        // Those that failed have said so among the completions that are there now.
        areAllSubmitted = ring.isAllSubmitted
        repeat {
          while let completion = ring.nextCompletion() { handle(completion) }
        } while ring.fetchOverflow()
        if areAllSubmitted { finishTriedSends() }
        if hasCommitted { journalCommitted() }
        if connections.isEmpty, let done = onDrained {
          onDrained = nil
          done()
        }
      }
    }

    private mutating func handle(_ completion: RingCompletion) {
      switch completion.tag.kind {
      case .receive: received(SlotKey(rawValue: completion.tag.owner), completion)
      case .send: sent(SlotKey(rawValue: completion.tag.owner), completion.result)
      case .accept: accepted(Int(completion.tag.owner), completion)
      case .bell: hearBell()
      case .timer: timerRang()
      // What was to be cancelled had ended by itself.
      case .cancel, nil: break
      }
    }

    // MARK: Receiving

    private mutating func received(_ key: SlotKey, _ completion: RingCompletion) {
      if !completion.hasMore { connections[key].receiving = .idle }
      if isResting { endRest() }
      if let number = completion.buffer {
        connections[key].waiting.hear()
        if completion.result > 0 && !connections[key].isClosing && !connections[key].conversation.isEnding {
          connections[key].take(
            ring.bytes(number, Int(completion.result)), &execution, journal, &spares)
        }
        ring.recycle(number)
      }
      switch completion.result {
      case 1...: break
      case 0:
        connections[key].conversation.closeInput()
        proceed(key)
      // The buffers of this turn were used up, or it was cancelled: if need be, it begins anew.
      case -ErrorCode.noBuffers: ring.offerMoreBuffers()
      case -ErrorCode.cancelled, -ErrorCode.interrupted, -ErrorCode.again: break
      default: return close(key)
      }
      settle(key)
    }

    /// Runs what has arrived and was kept.
    private mutating func proceed(_ key: SlotKey) {
      guard !connections[key].isClosing else { return }
      connections[key].proceed(&execution, journal, &spares)
    }

    /// Does what follows from the state that an event has left a connection in.
    @inline(__always)
    private mutating func settle(_ key: SlotKey) {
      if connections[key].isClosing { return removeIfAtRest(key) }
      if connections[key].isOver { connections[key].conversation.end() }
      if connections[key].hasUnsentOutput && !connections[key].isDirty {
        connections[key].isDirty = true
        dirty.append(key)
      }
      if connections[key].conversation.isWaiting { wait(key) }
      if connections[key].conversation.isEnding {
        if connections[key].hasEnded { close(key) }
        return
      }
      switch connections[key].changeOfReceiving {
      case true?:
        connections[key].receiving = .armed
        ring.receive(connections[key].socket, RingTag(.receive, key.rawValue))
      case false?:
        connections[key].receiving = .cancelling
        ring.cancel(RingTag(.receive, key.rawValue))
      case nil: break
      }
    }

    // MARK: Sending

    private mutating func submitSends() {
      for key in dirty where connections.contains(key) {
        connections[key].isDirty = false
        guard connections[key].hasUnsentOutput else { continue }
        connections[key].beginSend()
        if send(key, waits: connections[key].waitsForSend) { tried.append(key) }
      }
      dirty.removeAll(keepingCapacity: true)
    }

    /// Sends what is left to send; whether that is over when the ring has been entered.
    private mutating func send(_ key: SlotKey, waits: Bool) -> Bool {
      guard connections[key].sent.lent.isEmpty else {
        sendMessage(key)
        return false
      }
      let waits = ring.send(
        connections[key].socket, connections[key].sent.bytes, from: connections[key].sentBytes, waits: waits,
        RingTag(.send, key.rawValue))
      connections[key].sending = waits ? .waiting : .trying
      return !waits
    }

    private mutating func sendMessage(_ key: SlotKey) {
      let message = connections[key].message ?? RingMessage()
      message.fill(connections[key].sent, from: connections[key].sentBytes)
      connections[key].message = message
      connections[key].sending = .waiting
      ring.send(connections[key].socket, message, RingTag(.send, key.rawValue))
    }

    private mutating func finishTriedSends() {
      for key in tried where connections.contains(key) && connections[key].sending == .trying {
        finishSend(key)
      }
      tried.removeAll(keepingCapacity: true)
    }

    private mutating func sent(_ key: SlotKey, _ result: CInt) {
      connections[key].sending = .idle
      switch result {
      case 0...:
        connections[key].sentBytes += Int(result)
        connections[key].sendProgress &+= 1
      case -ErrorCode.again, -ErrorCode.interrupted: break
      default: return close(key)
      }
      if connections[key].isClosing { return removeIfAtRest(key) }
      if connections[key].hasUnsentRest {
        _ = send(key, waits: true)
      } else {
        finishSend(key)
      }
    }

    private mutating func finishSend(_ key: SlotKey) {
      connections[key].sending = .idle
      connections[key].endSend(execution, &spares)
      if connections[key].hasPushes {
        deliverRest(key)
        guard connections.contains(key) else { return }
      }
      proceed(key)
      settle(key)
    }

    // MARK: Data

    /// Has a connection called when what it waits for has come.
    private mutating func wait(_ key: SlotKey) {
      if connections[key].conversation.isBlocked {
        deadlines.set(connections[key].conversation.deadline, for: key)
        if deadlines.first != .max { setTimer(deadlines.first) }
      }
      if connections[key].conversation.waitsForJournal { waitForJournal(key) }
    }

    /// Calls the session of a client that has been served, or waits no more for another reason.
    private mutating func wake(_ client: ClientRecord) {
      guard let key = key(client), connections[key].conversation.isBlocked else { return }
      goOn(key)
    }

    /// Has a connection wait for data no more, because it ends.
    private mutating func abandonWait(_ key: SlotKey) {
      guard connections[key].conversation.isBlocked else { return }
      // Who has been served meanwhile is told, as far as that is still possible.
      if !connections[key].conversation.abandonWait() { goOn(key) }
    }

    // MARK: The journal

    /// Has a connection told of the journal's next commit; at once, if that has come in the meantime.
    private mutating func waitForJournal(_ key: SlotKey) {
      let deadline = connections[key].conversation.deadline
      if deadline != .max { setTimer(deadline) }
      guard !connections[key].isWaiting else { return }
      connections[key].isWaiting = true
      waiting.append(key)
      mailbox.expectCommit()
      // The commit may have come after the session looked and before the mailbox knew that somebody waits.
      if connections[key].conversation.isDue(by: journal) { hasCommitted = true }
    }

    private mutating func journalCommitted() {
      hasCommitted = false
      var woken: [SlotKey] = []
      swap(&woken, &waiting)
      for key in woken where connections.contains(key) {
        connections[key].isWaiting = false
        guard !connections[key].isClosing else { continue }
        connections[key].release(by: journal, &spares)
        if connections[key].conversation.isLost(by: journal) {
          close(key)
        } else {
          connections[key].conversation.journalAdvanced()
          proceed(key)
          settle(key)
          deliverRest(key)
        }
      }
    }

    /// Has a session that was paused called again.
    private mutating func goOn(_ key: SlotKey) {
      if connections[key].conversation.isBlocked {
        deadlines.remove(key)
      }
      connections[key].conversation.goOn()
      proceed(key)
      settle(key)
    }

    // MARK: Pushes

    /// The connection of a client; nil when it is gone, or about to be.
    private func key(_ client: ClientRecord) -> SlotKey? {
      guard let key = connections.key(at: client.place) else { return nil }
      return connections[key].conversation.client === client && !connections[key].isClosing ? key : nil
    }

    /// Gives a client what others have for it, as far as it takes it.
    private mutating func deliver(_ queue: PushQueue) {
      guard let key = key(queue.client) else { return }
      if queue.isOverrun {
        reception.noteOverrun(queue.client)
        return close(key)
      }
      connections[key].takePushes(queue, &execution, journal, &spares)
      settle(key)
    }

    /// Goes on with what was left in a client's queue.
    private mutating func deliverRest(_ key: SlotKey) {
      guard connections.contains(key), connections[key].hasPushes, !connections[key].isClosing,
        let queue = connections[key].conversation.client.queue
      else { return }
      deliver(queue)
    }

    // MARK: Time

    private static var sweepInterval: Int64 { TransportBounds.sweepMilliseconds * 1_000_000 }
    private static var restingSweepInterval: Int64 { TransportBounds.restingSweepMilliseconds * 1_000_000 }

    /// Has the timer ring at a time, or before.
    private mutating func setTimer(_ time: Int64) {
      guard time < timer else { return }
      ring.setTimer(time, isRunning: timer != .max)
      timer = time
    }

    private mutating func timerRang() {
      timer = .max
      let now = WallClock.monotonicNanoseconds()
      if now >= nextSweep {
        isResting = sweep()
        nextSweep = now + (isResting ? Self.restingSweepInterval : Self.sweepInterval)
      }
      if now >= acceptAgain {
        acceptAgain = .max
        acceptOnAll()
      }
      if now >= drainDeadline {
        drainDeadline = .max
        for key in connections.keys { close(key) }
      }
      if now >= nextLook {
        look(now)
        beImpatient(now)
      }
      goOnWithDue(now)
    }

    /// Whether the server is at rest.
    private mutating func sweep() -> Bool {
      sweeper?.sweep(nanoseconds: TransportBounds.sweepNanoseconds)
      return sweeper?.isAtRest == true
    }

    /// Something comes: sweeps are as frequent as before.
    @inline(never)
    private mutating func endRest() {
      isResting = false
      nextSweep = min(nextSweep, WallClock.monotonicNanoseconds() + Self.sweepInterval)
      setTimer(nextSweep)
    }

    /// Goes on with those whose time to wait is over, and sets the timer for what comes next. (A part of `timerRang`, of
    /// which the compiler of Swift 6.3.1 makes no end without optimization.)
    private mutating func goOnWithDue(_ now: Int64) {
      var nearest = min(min(nextSweep, nextLook), acceptAgain, drainDeadline)
      for key in waiting where connections.contains(key) && connections[key].conversation.deadline != .max {
        if now >= connections[key].conversation.deadline, !connections[key].isClosing { goOn(key) }
        if connections.contains(key) { nearest = min(nearest, connections[key].conversation.deadline) }
      }
      while let key = deadlines.takeDue(now) {
        if connections.contains(key), !connections[key].isClosing, connections[key].conversation.isBlocked {
          goOn(key)
        }
      }
      nearest = min(nearest, deadlines.first)
      if nearest != .max { setTimer(nearest) }
    }

    // MARK: Patience

    /// Has the connections looked at after a while, if there is a limit to how long they may keep the server waiting.
    private mutating func beImpatient(_ now: Int64) {
      nextLook = reception.patience.interval.map { now + $0 } ?? .max
      if nextLook != .max { setTimer(nextLook) }
    }

    /// Closes the connections that have kept the server waiting for too long.
    private mutating func look(_ now: Int64) {
      for key in connections.keys where connections.contains(key) && !connections[key].isClosing {
        switch connections[key].look(at: now, reception.patience) {
        case .stays: continue
        case .isIdle: reception.noteIdle(connections[key].conversation.client)
        case .isStalled:
          reception.noteStalled(connections[key].conversation.client, connections[key].unsentBytes)
        }
        close(key)
      }
    }

    // MARK: Letters

    private mutating func hearBell() {
      mailbox.hear()
      if mailbox.takeCommit() { hasCommitted = true }
      for letter in mailbox.takeLetters() { read(letter) }
      // A ring that ends isn't left with an entry that would write into its memory.
      if !isStopped { ring.listen(toBell: mailbox.bell.descriptor, RingTag(.bell)) }
    }

    private mutating func read(_ letter: Letter) {
      switch letter {
      case .accept(let socket):
        guard let descriptor = socket.takeDescriptor() else { break }
        entrances.append(Entrance(socket: socket, descriptor: descriptor))
        acceptOnAll()
      case .beImpatient: beImpatient(WallClock.monotonicNanoseconds())
      case .stopListening(let done):
        onListenersClosed = done
        stopListening()
      case .serve(let socket, let wire, let client): serve(socket, wire, client)
      case .push(let queue): deliver(queue)
      case .close(let client): if let key = key(client) { close(key) }
      case .drain(let done):
        isDraining = true
        onDrained = done
        drainDeadline = WallClock.monotonicNanoseconds() + TransportBounds.drainSeconds * 1_000_000_000
        setTimer(drainDeadline)
        for key in connections.keys {
          abandonWait(key)
          guard connections.contains(key) else { continue }
          connections[key].conversation.end()
          settle(key)
        }
      case .meet(let done): done()
      case .wake(let client): wake(client)
      case .stop:
        isStopped = true
        stopListening()
        for key in connections.keys { close(key) }
      }
    }

    // MARK: Clients come

    /// Accepts on all listening sockets.
    private mutating func acceptOnAll() {
      guard isListening else { return }
      for index in entrances.indices where !entrances[index].isArmed {
        entrances[index].isArmed = true
        ring.accept(entrances[index].descriptor, RingTag(.accept, UInt64(index)))
      }
    }

    private mutating func stopListening() {
      isListening = false
      for index in entrances.indices where entrances[index].isArmed {
        ring.cancel(RingTag(.accept, UInt64(index)))
      }
      closeListeners()
    }

    /// Closes the listening sockets when no entry is under way for any of them.
    private mutating func closeListeners() {
      guard !isListening, entrances.allSatisfy({ !$0.isArmed }) else { return }
      for entrance in entrances {
        Sockets.close(entrance.descriptor)
        entrance.socket.removeFile()
      }
      entrances = []
      onListenersClosed?()
      onListenersClosed = nil
    }

    private mutating func accepted(_ index: Int, _ completion: RingCompletion) {
      if completion.result >= 0 {
        hasAcceptFailed = false
        welcome(completion.result, entrances[index].socket.listener)
      }
      guard !completion.hasMore else { return }
      entrances[index].isArmed = false
      guard isListening else { return closeListeners() }
      switch completion.result {
      case 0..., -ErrorCode.aborted, -ErrorCode.interrupted, -ErrorCode.cancelled: acceptOnAll()
      default:
        // Too many open files, or something as lasting: another try at once would fail as well.
        acceptAgain = WallClock.monotonicNanoseconds() + Self.sweepInterval
        setTimer(acceptAgain)
        if !hasAcceptFailed {
          hasAcceptFailed = true
          reception.logger.warning(
            "clients can't be let in: \(SystemError(code: -completion.result)); trying again until it works")
        }
      }
    }

    /// Lets a client in and gives it to the lane that has the fewest.
    private mutating func welcome(_ socket: CInt, _ listener: Listener) {
      let wire = listener.wire
      switch reception.receive(wire, listener.path.map(Peer.init(unixSocket:)) ?? Sockets.peer(socket)) {
      case .refused(let text): Sockets.dismiss(socket, text)
      case .welcome(let client):
        if listener.path == nil { Sockets.sendAtOnce(socket) }
        let count = mailboxes.count
        let start = nextLane
        nextLane = (nextLane + 1) % count
        var chosen = start
        for offset in 1..<max(1, count) {
          let candidate = (start + offset) % count
          if mailboxes[candidate].load < mailboxes[chosen].load { chosen = candidate }
        }
        mailboxes[chosen].changeLoad(by: 1)
        if mailboxes[chosen] === mailbox {
          serve(socket, wire, client)
        } else {
          mailboxes[chosen].leave(.serve(socket, wire, client))
        }
      }
    }

    private mutating func serve(_ socket: CInt, _ wire: WireProtocol, _ client: ClientRecord) {
      guard !isDraining && !isStopped else {
        Sockets.close(socket)
        return forget(client)
      }
      let key = connections.insert(UringConnection(socket, reception.conversation(wire, client)))
      client.settle(lane: number, place: UInt32(key.index))
      settle(key)
    }

    // MARK: Clients leave

    /// Ends a connection, whatever it still has to send.
    private mutating func close(_ key: SlotKey) {
      guard !connections[key].isClosing else { return removeIfAtRest(key) }
      connections[key].isClosing = true
      if connections[key].conversation.isBlocked { _ = connections[key].conversation.abandonWait() }
      if !connections[key].isAtRest { ring.cancelAll(connections[key].socket) }
      removeIfAtRest(key)
    }

    private mutating func removeIfAtRest(_ key: SlotKey) {
      guard connections[key].isClosing, connections[key].isAtRest else { return }
      Sockets.close(connections[key].socket)
      let client = connections[key].conversation.client
      connections[key].dropOutput(execution, &spares)
      deadlines.remove(key)
      connections.remove(key)
      forget(client)
    }

    private func forget(_ client: ClientRecord) {
      mailbox.changeLoad(by: -1)
      reception.leave(client)
    }
  }
#endif
