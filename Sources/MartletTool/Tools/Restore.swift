// `martlet restore`: back to an earlier version or time.
import ArgumentParser
import Martlet

struct Restore: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Go back to an earlier version or time: undo a FLUSHALL or a bad script.",
    discussion: """
      The database file holds each change since its last checkpoint, with its version and its time, and checkpoints \
      keep the file before. From them the state at any version or time that they cover can be read back: into a new \
      folder with --into, which works beside a running server, too, or in place, which needs the server to be stopped.

      In place the versions go on from the last there was, and what was there before is kept beside it, so that a \
      restore can be undone by another one.

      A time is ISO 8601: 2026-11-22T16:07:12Z in UTC, "2026-11-22 17:07" by the clock of the place. The last batch \
      that was closed at or before it counts.

      EXAMPLES
        martlet restore --list data
        martlet restore --to-time 2026-11-22T16:07:12Z --into before data
        martlet restore --to-version 41 data
      """)

  @Flag(help: "Show which versions and times can be restored.")
  var list = false

  @Option(help: ArgumentHelp("The version to go back to.", valueName: "version"))
  var toVersion: UInt64?

  @Option(help: ArgumentHelp("The time to go back to.", valueName: "time"))
  var toTime: String?

  @Option(
    help: ArgumentHelp("Write the state into this folder, which is new or empty.", valueName: "folder"),
    completion: .directory)
  var into: String?

  @Flag(help: "Don't ask.")
  var yes = false

  @Argument(help: "The data folder.", completion: .directory)
  var folder: String

  private var target: DatabaseHistory.Target? {
    if let toVersion { return .version(toVersion) }
    return toTime.flatMap(PointInTime.parse).map { .time($0) }
  }

  func validate() throws {
    if list {
      guard toVersion == nil, toTime == nil, into == nil else {
        throw ValidationError("--list only shows what there is.")
      }
      return
    }
    guard (toVersion == nil) != (toTime == nil) else {
      throw ValidationError("One of --to-version and --to-time is needed, or --list.")
    }
    if let toTime, target == nil {
      throw ValidationError(
        "'\(toTime)' is not a time like 2026-11-22T16:07:12Z, or without the Z for the local time.")
    }
  }

  func run() async throws {
    try await ToolRun.run {
      let source = ToolFolder(folder)
      if list { return try show(try history(of: source)) }
      guard let target else { return }
      if let into {
        let history = try history(of: source)
        let state = try state(history, target)
        let lock = try ToolRun.lockEmpty(into)
        try history.write(state, into: ToolFolder(into), now: WallClock().now())
        try ToolRun.say("Restored into \(into).")
        withExtendedLifetime(lock) {}
      } else {
        let lock = try ToolRun.lock(folder)
        let history = try history(of: source)
        let state = try state(history, target)
        guard
          try ToolRun.confirm("Put this state in the place of the database in \(folder)?", isAnswered: yes)
        else { return }
        let old = try history.writeInPlace(state, now: WallClock().now())
        try ToolRun.say("Restored: \(source.file(DatabaseFile.name)).")
        if let old {
          try ToolRun.say(
            "What was there before is \(source.file(old)). To undo this: martlet restore --to-version \(history.lastVersion) \(folder)"
          )
        }
        withExtendedLifetime(lock) {}
      }
    }
  }

  private func history(of source: ToolFolder) throws -> DatabaseHistory {
    var lines: [String: ProgressLine] = [:]
    defer { for line in lines.values { line.end() } }
    return try DatabaseHistory(source) { name, done, total in
      let line = lines[name] ?? ProgressLine("Reading \(name)")
      lines[name] = line
      line.show(done, total)
    }
  }

  private func state(_ history: DatabaseHistory, _ target: DatabaseHistory.Target) throws
    -> DatabaseHistory.State
  {
    let progress = ProgressLine("Reading back")
    defer { progress.end() }
    let state = try history.state(at: target, progress: progress.show)
    progress.end()
    let time = state.time == 0 ? "" : ", of \(DatabaseCheck.text(state.time))"
    try ToolRun.say(
      "Version \(state.version)\(time): \(state.keyspace.keyCount) keys, from \(state.source.name).")
    if let batch = state.cutBatch {
      try ToolRun.say(
        "note: this is in the middle of the batch of versions \(batch.lowerBound)-\(batch.upperBound), which was written as one; changes that belong together may be parted."
      )
    }
    return state
  }

  private func show(_ history: DatabaseHistory) throws {
    for source in history.sources {
      let times =
        source.firstTime == 0
        ? "" : ", \(DatabaseCheck.text(source.firstTime)) to \(DatabaseCheck.text(source.lastTime))"
      try ToolRun.say(
        "\(source.name): versions \(source.firstVersion) to \(source.lastVersion)\(times), \(source.batches) batches"
      )
      if let damage = source.damage { try ToolRun.say("  note: it is damaged behind that: \(damage)") }
    }
    for problem in history.unusable { try ToolRun.say("not usable: \(problem)") }
    try ToolRun.say("What can be restored: \(history.range).")
  }
}
