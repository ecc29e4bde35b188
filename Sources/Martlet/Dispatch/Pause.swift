// Redis's `CLIENT PAUSE`: for some time no requests are run, or none that write. Sessions keep them, as they do when the
// journal is full, and look again when the pause is over.

internal import Synchronization

/// Whether clients are paused, and until when.
final class Pause: Sendable {
  private struct State {
    /// In nanoseconds of `WallClock.monotonicNanoseconds()`; 0 when there is no pause.
    var end: Int64 = 0
    var holdsReads = false
  }

  private let state = Guarded(State())

  /// Begins a pause, or makes the one under way longer, or wider: never shorter or narrower.
  func begin(milliseconds: Int64, holdsReads: Bool) {
    let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
    let (end, carry) = WallClock.monotonicNanoseconds().addingReportingOverflow(nanoseconds)
    state.withLock { state in
      state.end = max(state.end, overflow || carry ? .max : end)
      state.holdsReads = state.holdsReads || holdsReads
    }
  }

  func end() { state.withLock { $0 = State() } }

  /// Whether its time is over; it has then ended.
  func endIfOver() -> Bool {
    state.withLock { state in
      guard state.end != 0 && state.end <= WallClock.monotonicNanoseconds() else { return false }
      state = State()
      return true
    }
  }

  /// Whether a request has to wait.
  fileprivate func holds(isWrite: Bool) -> Bool {
    state.withLock { state in
      state.end > WallClock.monotonicNanoseconds() && (isWrite || state.holdsReads)
    }
  }
}

extension ServerContext {
  /// Ends a pause of the clients, if there is one. Those who wait have to be called.
  package func endPause() {
    pause.end()
    attend(.paused, false)
  }
}

extension Execution {
  /// Whether a command has to wait for the end of a pause.
  func isHeldByPause(_ command: CommandEntry, _ session: SessionState) -> Bool {
    let writes =
      command.flags.contains(.write) || command.id == .publish || command.id == .spublish
      || command.id == .exec && (session.transaction?.queue.flags.contains(.write) ?? false)
    // What a request has waited for has been taken.
    return !session.waitsForData && context.pause.holds(isWrite: writes)
  }

  /// Ends a pause whose time is over, and has those go on whom it has held.
  func endPauseIfOver() {
    guard context.attention.contains(.paused), context.pause.endIfOver() else { return }
    context.attend(.paused, false)
    journal.notify()
  }

  mutating func clientPause(_ words: borrowing Words) {
    guard words.count <= 4 else { return reply.error(Self.syntaxError) }
    var holdsReads = true
    if words.count == 4 {
      if words[3].equalsIgnoringCase("write") {
        holdsReads = false
      } else if !words[3].equalsIgnoringCase("all") {
        return reply.error("ERR CLIENT PAUSE mode must be WRITE or ALL")
      }
    }
    guard let milliseconds = words[2].decimal else {
      return reply.error("ERR timeout is not an integer or out of range")
    }
    guard milliseconds >= 0 else { return reply.error("ERR timeout is negative") }
    context.pause.begin(milliseconds: Int64(milliseconds), holdsReads: holdsReads)
    context.attend(.paused, true)
    reply.ok()
  }

  mutating func clientUnpause() {
    context.endPause()
    journal.notify()
    reply.ok()
  }
}
