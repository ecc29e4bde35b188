// What has been acknowledged survives any crash, and no crash leaves half a command: see Tests/Simulation.
import Martlet
import MartletSimulation
import Testing

@Suite("After a crash")
struct CrashTests {
  @Test("everything acknowledged is there, and whole commands only", arguments: 1...100 as ClosedRange<UInt64>)
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
}
