// Opens a database whose records, or whose whole file, are bytes of the fuzzer's choice.
import Martlet
import MartletSimulation

/// The first byte says whether the rest is a whole file, or a batch's records, which get a header and a commit line of
/// their own. Opening it has to end in a store or in an error, and twice in the same.
func tryDatabase(_ input: [UInt8]) {
  guard let kind = input.first else { return }
  let disk = SimulatedDisk(seed: 1)
  let content = Array(input.dropFirst())
  do {
    if kind % 4 == 0 {
      var whole = ByteQueue()
      whole.append(content)
      try disk.open(SimulatedDisk.folder + "/" + DatabaseFile.name).write(whole.bytes, at: 0)
    } else {
      try writeBatch(content, on: disk)
    }
  } catch {
    fatalError("the file can't be made: \(error)")
  }
  guard let first = opened(disk) else { return }
  guard let second = opened(disk) else { fatalError("it opens once and not again") }
  if first != second { fatalError("opened once it is \(first), and then \(second)") }
}

private func opened(_ disk: SimulatedDisk) -> [DatabaseContents]? {
  guard let store = try? openStore(on: disk) else { return nil }
  return store.contents()
}

/// Writes a file with one batch of these records.
private func writeBatch(_ lines: [UInt8], on disk: SimulatedDisk) throws {
  var random = RandomSource(seed: 1)
  let file = try DatabaseFile.open(
    SimulatedDisk.folder, on: disk, hasHeldDatabase: false, random: &random)
  let keyspace = Keyspace(shardCount: 16, databaseCount: 4, seedNumber: file.seed)
  defer { keyspace.destroy() }
  _ = try file.recover(into: keyspace, threads: 1)
  let newline = UInt8(ascii: "\n")
  let records = lines.split(separator: newline).filter {
    $0.first != UInt8(ascii: "#") && !$0.starts(with: Array("SELECT ".utf8))
  }
  var batch = ByteQueue()
  batch.append(lines)
  if lines.last != newline { batch.append(byte: newline) }
  let count = UInt64(records.count)
  try file.append(&batch, Commit(first: 1, last: count, time: 1_800_000_000_000, synced: 0))
}
