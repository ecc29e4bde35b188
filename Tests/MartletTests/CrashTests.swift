// What has been acknowledged survives any crash, and no crash leaves half a command or half a group: see
// Tests/Simulation. And the simulation finds what it is there to find.
import Martlet
import MartletSimulation
import Testing

@Suite("After a crash")
struct CrashTests {
  @Test(
    "everything acknowledged is there, and whole commands and groups only",
    arguments: 1...100 as ClosedRange<UInt64>)
  func acknowledgedSurvives(seed: UInt64) throws {
    var simulation = Simulation(seed: seed, durability: .always)
    try simulation.run(lives: 80)
    #expect(simulation.recoveredVersion > 0 || simulation.isOver)
  }

  @Test("with replies that don't wait, everything synced is there", arguments: 1...40 as ClosedRange<UInt64>)
  func syncedSurvives(seed: UInt64) throws {
    var simulation = Simulation(seed: seed, durability: seed.isMultiple(of: 2) ? .everysec : .never)
    try simulation.run(lives: 80)
    #expect(simulation.recoveredVersion > 0)
  }

  @Test("the same seed does the same again")
  func repeats() throws {
    var (first, second) = (Simulation(seed: 4711), Simulation(seed: 4711))
    try first.run(lives: 40)
    try second.run(lives: 40)
    #expect(first.files.map(\.name) == second.files.map(\.name))
    #expect(first.files.map(\.content) == second.files.map(\.content))
  }

  @Test("a few lives meet all that can happen")
  func variety() throws {
    var counts = Simulation.Counts()
    for seed in 1...20 as ClosedRange<UInt64> {
      var simulation = Simulation(seed: seed)
      try simulation.run(lives: 80)
      counts += simulation.counts
    }
    #expect(counts.checkpointsFinished > 0)
    #expect(counts.checkpointsOvertaken > 0)
    #expect(counts.checkpointsFailed > 0)
    #expect(counts.checkpointsCrashed > 0)
    #expect(counts.stallsOvercome > 0)
    #expect(counts.refusals > 0)
    #expect(counts.keptFilesRead > 0)
    #expect(counts.evictions > 0)
  }

  @Test("a bug on purpose is found within a thousand crashes", arguments: DeliberateBug.allCases)
  func deliberateBugIsFound(bug: DeliberateBug) {
    var crashes = 0
    var seed: UInt64 = 1
    while crashes < 1000 {
      var simulation = Simulation(seed: seed, durability: .always, bug: bug)
      do {
        try simulation.run(lives: 80)
      } catch {
        return
      }
      crashes += simulation.counts.crashes
      seed += 1
    }
    Issue.record("\(crashes) crashes, and \(bug) was not found")
  }
}
