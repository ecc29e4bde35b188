// What is done about requests besides running them: they are timed, entered in the slow log, printed. Nothing here is on the
// way of a quick request that nobody watches.

extension Execution {
  // MARK: Time

  /// Begins to time the request under way.
  @inline(never)
  mutating func startTiming() {
    if timing.started == 0 { timing.started = WallClock.monotonicNanoseconds() }
  }

  /// Notes how long the request under way took, unless it goes on: one that waits for something is timed from when it is
  /// looked at for the last time.
  @inline(never)
  mutating func endTiming(_ words: borrowing Words, _ session: SessionState) {
    let timed = timing
    timing = RequestTiming()
    let command = reply.command
    guard command >= 0 && !session.isWaiting else { return }
    let end = WallClock.monotonicNanoseconds()
    let duration = max(0, end - timed.started)
    counters.value.noteTime(command, nanoseconds: duration)
    let isFast = CommandDeclaration.all[command].flags.contains(.fast)
    context.latency.note(isFast ? .fastCommand : .command, nanoseconds: duration)
    let threshold = context.slowLog.threshold
    guard threshold >= 0 && duration / 1000 >= threshold else { return }
    let isHeld = session.waitsForDisk && shown != 0 && !journal.mayShow(shown)
    context.slowLog.enter(
      words, shownWords: Self.shownWords(words, CommandDeclaration.all[command]), nanoseconds: duration,
      lockWait: timed.lockWait, awaitedVersion: isHeld ? shown : 0, end: end, session.client)
    // The commit may have come before the log knew that it waits for one.
    if isHeld { context.slowLog.noteDurable(journal.durable.value) }
  }

  // MARK: Printing

  /// Does what each request is to be looked at for now.
  @inline(never)
  mutating func attend(_ words: borrowing Words, _ session: SessionState, _ command: Int) {
    let attention = context.attention
    if attention.contains(.log) { print(words, session, CommandDeclaration.all[command]) }
    if attention.contains(.time) { startTiming() }
  }

  /// How many words of a request may be shown: the others hold secrets.
  private static func shownWords(_ words: borrowing Words, _ declaration: CommandDeclaration) -> Int {
    if declaration.flags.contains(.sensitive) { return 1 }
    guard words.count > 1 else { return words.count }
    let name = "\(declaration.name) \(words[1].text.uppercased())"
    let hides = declaration.subcommands.contains { $0.name == name && $0.flags.contains(.sensitive) }
    return hides ? 2 : words.count
  }

  private func print(
    _ words: borrowing Words, _ session: SessionState, _ declaration: CommandDeclaration
  ) {
    var text = ByteQueue()
    text.append(word: words[0])
    let shown = Self.shownWords(words, declaration)
    for index in 1..<max(1, shown) {
      text.append(byte: UInt8(ascii: " "))
      text.append(word: words[index])
    }
    if shown < words.count { text.append(" (arguments hidden)") }
    context.log(session.client.address, text.bytes.text)
  }
}
