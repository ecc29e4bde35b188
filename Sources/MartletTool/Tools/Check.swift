// `martlet check`: is the database file whole, and what to do if it isn't.
import ArgumentParser
import Martlet

struct Check: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Verify a database file, repair it, or accept edits by hand.",
    discussion: """
      Reads the whole of database.txt as a start would, and says what is in it, or in which line it is damaged and \
      why. Without --repair and --seal nothing is changed, and a server may be running on the folder.

      --repair saves what is whole of a damaged file. It keeps the original beside it, under a name that it says, \
      and writes the lines that it had to leave out to another file. --seal accepts what a person has edited: the \
      text stays as it is, and the checksums are made anew. Both ask before they change anything, and need the \
      server to be stopped.

      Exit status: 0 when the file is whole (the torn end of a write is no damage), 1 when it is damaged or could \
      not be read, 64 when an option is wrong or --yes is missing where nobody can be asked.

      EXAMPLES
        martlet check data
        martlet check --all data
        martlet check --repair data
        martlet check --seal --yes data
      """)

  @Flag(help: "Verify the earlier files that checkpoints have kept, too.")
  var all = false

  @Flag(help: "Save what is whole of a damaged file.")
  var repair = false

  @Flag(help: "Accept edits: make the checksums anew.")
  var seal = false

  @Flag(help: "Don't ask.")
  var yes = false

  @Argument(help: "The data folder.", completion: .directory)
  var folder: String

  func validate() throws {
    if repair && seal { throw ValidationError("--repair and --seal can't be given together.") }
    if all && (repair || seal) { throw ValidationError("--all only verifies.") }
    if yes && !repair && !seal { throw ValidationError("--yes goes with --repair or --seal.") }
  }

  func run() async throws {
    try await ToolRun.run {
      if repair {
        try runRepair()
      } else if seal {
        try runSeal()
      } else {
        try runCheck()
      }
    }
  }

  // MARK: Verifying

  private func runCheck() throws {
    let folder = ToolFolder(folder)
    let kept = all ? try folder.keptNames() : []
    if let pid = DataFolder.probableUser(of: folder.path) {
      try ToolRun.say("The folder is in use by process \(pid): what it writes from now on is not looked at.")
    }
    var isDamaged = false
    for name in [DatabaseFile.name] + kept {
      let progress = ProgressLine("Checking \(name)")
      defer { progress.end() }
      do {
        let check = try DatabaseCheck.run(
          folder, name, threads: ProcessFacts.processors, progress: progress.show)
        progress.end()
        for line in check.lines { try ToolRun.say(line) }
      } catch let error as DatabaseError {
        progress.end()
        isDamaged = true
        ToolRun.fail("\(error)")
      }
    }
    if isDamaged { throw ExitCode.failure }
  }

  // MARK: Repairing

  /// How many of the lines left out are told one by one.
  private static let toldRanges = 50

  private func runRepair() throws {
    let lock = try ToolRun.lock(folder)
    let folder = ToolFolder(folder)
    let progress = ProgressLine("Reading \(DatabaseFile.name)")
    defer { progress.end() }
    let repair = try DatabaseRepair(folder, progress: progress.show)
    progress.end()
    if repair.isWhole {
      return try ToolRun.say("\(folder.file(DatabaseFile.name)) is whole: there is nothing to repair.")
    }
    if !repair.headerProblem.isEmpty { try ToolRun.say("line 1: \(repair.headerProblem)") }
    for entry in repair.leftOut.prefix(Self.toldRanges) {
      let place =
        entry.firstLine == entry.lastLine
        ? "line \(entry.firstLine)" : "lines \(entry.firstLine)-\(entry.lastLine)"
      try ToolRun.say("\(place): \(entry.reason)")
    }
    if repair.leftOut.count > Self.toldRanges {
      try ToolRun.say("… and \(repair.leftOut.count - Self.toldRanges) places more")
    }
    try ToolRun.say(
      "What can be saved: \(repair.keyCount) keys, the state at version \(repair.version). The lines named above are left out."
    )
    guard try ToolRun.confirm("Repair the file?", isAnswered: yes) else { return }
    let outcome = try repair.carryOut(time: WallClock().now())
    try ToolRun.say(
      "Repaired: \(folder.file(DatabaseFile.name)) begins with a checkpoint of version \(repair.version).",
      "The original is \(folder.file(outcome.original)).")
    if let name = outcome.leftOut { try ToolRun.say("What was left out is in \(folder.file(name)).") }
    withExtendedLifetime(lock) {}
  }

  // MARK: Sealing

  /// How many changed runs are shown with their lines.
  private static let shownRuns = 20

  private func runSeal() throws {
    let lock = try ToolRun.lock(folder)
    let folder = ToolFolder(folder)
    let progress = ProgressLine("Reading \(DatabaseFile.name)")
    defer { progress.end() }
    let seal = try DatabaseSeal(folder, time: WallClock().now(), progress: progress.show)
    progress.end()
    if seal.isUnchanged {
      try seal.abandon()
      return try ToolRun.say(
        "\(folder.file(DatabaseFile.name)) has not been edited: there is nothing to seal.")
    }
    for change in seal.changes.prefix(Self.shownRuns) {
      try ToolRun.say(
        change.firstLine == change.lastLine
          ? "line \(change.firstLine):" : "changed: lines \(change.firstLine)-\(change.lastLine)")
      for line in change.lines { try ToolRun.say("    \(line)") }
      for note in change.notes { try ToolRun.say("  note: \(note)") }
    }
    if seal.changes.count > Self.shownRuns {
      try ToolRun.say("… and \(seal.changes.count - Self.shownRuns) more changed runs")
    }
    try ToolRun.say("With these edits the database has \(seal.keyCount) keys and version \(seal.version).")
    do {
      guard try ToolRun.confirm("Accept the edits?", isAnswered: yes) else { return try seal.abandon() }
    } catch {
      try? seal.abandon()
      throw error
    }
    let original = try seal.carryOut()
    try ToolRun.say(
      "Sealed: \(folder.file(DatabaseFile.name)). As it was edited, it is \(folder.file(original)).")
    withExtendedLifetime(lock) {}
  }
}
