// The program `simulate`: crashes databases from seeds until one doesn't come back as it should, or it has been enough.
import ArgumentParser
import Foundation
import MartletSimulation
import Synchronization

@main
struct Simulate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Crashes databases on a simulated disk and checks what is left of them.",
    discussion: """
      Each seed is one database that lives and crashes a number of times. A failure says its seed and its life; \
      the same seed does the same again.

      EXAMPLES
        swift run -c release simulate --crashes 1000000
        swift run -c release simulate --seed 4711 --life 12
      """)

  @Option(help: "How many crashes, at least.")
  var crashes = 100_000

  @Option(help: "The first seed.")
  var seed: UInt64 = 1

  @Option(help: "Only this one seed, up to this life.")
  var life: Int?

  @Option(help: "With --life: an existing folder for the simulated files as they are at the end.")
  var files: String?

  @Option(help: "How many lives a database has.")
  var lives = 80

  @Option(help: "How many databases live at a time.")
  var jobs = 2

  @Option(
    help: "Do this wrong on purpose: \(DeliberateBug.allCases.map(\.rawValue).joined(separator: ", ")).")
  var bug: String?

  func validate() throws {
    guard crashes > 0, lives > 0, (1...256).contains(jobs), life ?? 1 > 0 else {
      throw ValidationError("Give numbers above zero, and at most 256 jobs.")
    }
    if let bug, DeliberateBug(rawValue: bug) == nil { throw ValidationError("There is no bug \(bug).") }
  }

  func run() async throws {
    let bug = bug.flatMap { DeliberateBug(rawValue: $0) }
    if let life {
      var simulation = Simulation(seed: seed, bug: bug)
      defer {
        if let files {
          for file in simulation.files {
            _ = FileManager.default.createFile(atPath: files + "/" + file.name, contents: Data(file.content))
          }
        }
      }
      try simulation.runReporting(lives: life)
      say("seed \(seed): \(life) lives, nothing was wrong")
      return
    }
    let progress = Progress(nextSeed: seed)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<jobs {
        group.addTask {
          while let seed = progress.takeSeed(until: crashes) {
            var simulation = Simulation(seed: seed, bug: bug)
            try simulation.runReporting(lives: lives)
            progress.note(simulation.counts, seed)
          }
        }
      }
      try await group.waitForAll()
    }
    progress.printLast()
  }
}

extension Simulation {
  /// Runs; a failure is printed with how to repeat it, and ends the program with 1.
  fileprivate mutating func runReporting(lives: Int) throws {
    do {
      try run(lives: lives)
    } catch {
      say("FAILED: \(error)")
      say("To repeat it: swift run -c release simulate --seed \(seed) --life \(counts.crashes + 1)")
      throw ExitCode.failure
    }
  }
}

/// Prints a line at once, to whatever it goes.
private func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

/// What all jobs have done so far.
private final class Progress: Sendable {
  private struct State {
    var nextSeed: UInt64
    var counts = Simulation.Counts()
    var lastLine: ContinuousClock.Instant
  }

  private static let lineInterval = Duration.seconds(5)
  private let start = ContinuousClock.now
  private let state: Mutex<State>

  init(nextSeed: UInt64) { state = Mutex(State(nextSeed: nextSeed, lastLine: .now)) }

  /// The next seed; nil when there have been enough crashes.
  func takeSeed(until crashes: Int) -> UInt64? {
    state.withLock { state in
      guard state.counts.crashes < crashes else { return nil }
      defer { state.nextSeed += 1 }
      return state.nextSeed
    }
  }

  func note(_ counts: Simulation.Counts, _ seed: UInt64) {
    state.withLock { state in
      state.counts += counts
      if ContinuousClock.now - state.lastLine >= Self.lineInterval {
        state.lastLine = .now
        printLine(state)
      }
    }
  }

  func printLast() {
    state.withLock { state in
      printLine(state)
      let counts = state.counts
      say(
        "checkpoints: \(counts.checkpointsFinished) finished, \(counts.checkpointsOvertaken) overtaken, "
          + "\(counts.checkpointsFailed) failed, \(counts.checkpointsCrashed) crashed; "
          + "\(counts.stallsOvercome) times a full disk had room again; \(counts.refusals) starts refused for damage; "
          + "\(counts.keptFilesRead) kept files read, \(counts.evictions) evictions; nothing was wrong")
    }
  }

  private func printLine(_ state: State) {
    let seconds = Double((ContinuousClock.now - start).components.seconds)
    let rate = Int(Double(state.counts.crashes) / max(1, seconds))
    say("\(state.counts.crashes) crashes, \(rate) a second, up to seed \(state.nextSeed - 1)")
  }
}
