// A disk in memory that fails as disks fail: it loses what was not synced, tears writes at any byte, keeps later writes
// and loses earlier ones, forgets names of files that were given or taken since their folder was synced, runs full,
// fails reads, writes, syncs and renames, writes to the wrong place, and loses power at any operation. A seed decides,
// and repeats.
package import Martlet

/// The files of one folder.
package final class SimulatedDisk: Disk {
  package static let folder = "/data"
  package static let outOfSpace: Int32 = 28
  package static let inputOutputError: Int32 = 5
  package static let noSuchFile: Int32 = 2

  /// What can be ordered to fail.
  package struct Faults: Sendable {
    /// The chance of a write to fail with `outOfSpace` after a part of it.
    package var write = 0.0
    /// The chance of a write, or of the cutting of a file, to fail with `inputOutputError`, a write after a part of it.
    package var brokenWrite = 0.0
    /// The chance of a write to land before where it should, whole, and to be reported as done.
    package var misdirection = 0.0
    /// The chance of a sync to fail with `inputOutputError`, and to lose what it should have written.
    package var sync = 0.0
    /// The chance of a rename or a link to fail with `inputOutputError`; one time in two it is done all the same.
    package var rename = 0.0
    /// The chance of a read to fail with `inputOutputError`.
    package var read = 0.0
    /// After this many operations the power goes; nil for never.
    package var operationsUntilPowerLoss: Int?

    package init(write: Double = 0, sync: Double = 0, operationsUntilPowerLoss: Int? = nil) {
      self.write = write
      self.sync = sync
      self.operationsUntilPowerLoss = operationsUntilPowerLoss
    }

    /// Whether anything can fail at all.
    package var isNone: Bool {
      write + brokenWrite + misdirection + sync + rename + read == 0 && operationsUntilPowerLoss == nil
    }
  }

  fileprivate enum Change {
    case write([UInt8], at: Int)
    case truncate(Int)

    func apply(to content: inout [UInt8]) {
      switch self {
      case .write(let bytes, let offset):
        if content.count < offset + bytes.count {
          content += [UInt8](repeating: 0, count: offset + bytes.count - content.count)
        }
        content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
      case .truncate(let size):
        if size < content.count {
          content.removeLast(content.count - size)
        } else {
          content += [UInt8](repeating: 0, count: size - content.count)
        }
      }
    }
  }

  fileprivate struct File {
    /// What survives a crash for certain.
    var durable: [UInt8] = []
    /// What reads see.
    var current: [UInt8] = []
    /// What has been done since the last sync.
    var pending: [Change] = []
  }

  /// What has been done to a folder's names.
  fileprivate enum NameChange {
    case give(String, file: Int)
    case take(String)
    case rename(String, to: String)

    func apply(to names: inout [String: Int]) {
      switch self {
      case .give(let name, let file): names[name] = file
      case .take(let name): names[name] = nil
      case .rename(let name, let newName):
        names[newName] = names[name]
        names[name] = nil
      }
    }
  }

  fileprivate struct State {
    /// The files, by number: one stays as long as somebody may have it open.
    var files: [Int: File] = [:]
    var lastFile = 0
    /// What each name names, for those who look now, and for certain after a crash.
    var names: [String: Int] = [:]
    var durableNames: [String: Int] = [:]
    /// What has been done to the names since the folder was synced.
    var pendingNames: [NameChange] = []
    var random: RandomSource
    var faults = Faults()
    var hasPower = true
    /// No write finds room.
    var isFull = false
    var misdirections = 0
    var operations = 0

    init(seed: UInt64) { random = RandomSource(seed: seed) }

    mutating func chance(_ probability: Double) -> Bool {
      probability > 0 && Double.random(in: 0..<1, using: &random) < probability
    }

    mutating func change(_ change: NameChange) {
      change.apply(to: &names)
      pendingNames.append(change)
    }

    /// Counts an operation; whether there is power for it to its end.
    mutating func begins() -> Bool { power() == .on }

    /// Counts an operation.
    mutating func power() -> Power {
      operations += 1
      guard hasPower else { return .off }
      guard let left = faults.operationsUntilPowerLoss else { return .on }
      faults.operationsUntilPowerLoss = left - 1
      if left > 0 { return .on }
      hasPower = false
      return .goes
    }
  }

  fileprivate enum Power {
    case on, off
    /// It goes during this very operation.
    case goes
  }

  fileprivate let state: Guarded<State>

  package init(seed: UInt64 = 0) { state = Guarded(State(seed: seed)) }

  package func open(_ path: String) throws(DiskError) -> any DiskFile {
    let number = state.withLock { state -> Int? in
      if !state.begins() { return nil }
      if let number = state.names[path] { return number }
      state.lastFile += 1
      state.files[state.lastFile] = File()
      state.change(.give(path, file: state.lastFile))
      return state.lastFile
    }
    guard let number else { throw DiskError("open", path, code: Self.inputOutputError) }
    return SimulatedFile(self, path, number)
  }

  package func openToRead(_ path: String) throws(DiskError) -> any DiskFile {
    let (hasPower, number) = state.withLock { state in (state.begins(), state.names[path]) }
    guard hasPower else { throw DiskError("open", path, code: Self.inputOutputError) }
    guard let number else { throw DiskError("open", path, code: Self.noSuchFile) }
    return SimulatedFile(self, path, number)
  }

  package func names(in folder: String) throws(DiskError) -> [String] {
    let names = state.withLock { state -> [String]? in
      guard state.begins() else { return nil }
      return state.names.keys.filter { $0.hasPrefix(folder + "/") }.map {
        String($0.dropFirst(folder.count + 1))
      }
    }
    guard let names else { throw DiskError("open", folder, code: Self.inputOutputError) }
    return names
  }

  package func rename(_ path: String, to newPath: String) throws(DiskError) {
    try changeName("rename", path) { state in
      state.names[path] == nil ? nil : .rename(path, to: newPath)
    }
  }

  package func link(_ path: String, to newPath: String) throws(DiskError) {
    try changeName("link", path) { state in
      guard let number = state.names[path], state.names[newPath] == nil else { return nil }
      return .give(newPath, file: number)
    }
  }

  package func remove(_ path: String) throws(DiskError) {
    try changeName("remove", path) { state in state.names[path] == nil ? nil : .take(path) }
  }

  private func changeName(
    _ operation: String, _ path: String, _ change: (borrowing State) -> NameChange?
  ) throws(DiskError) {
    let isDone = state.withLock { state in
      guard state.begins(), let change = change(state) else { return false }
      let fails = state.chance(state.faults.rename)
      if !fails || Bool.random(using: &state.random) { state.change(change) }
      return !fails
    }
    guard isDone else { throw DiskError(operation, path, code: Self.inputOutputError) }
  }

  package func syncFolder(_ path: String) throws(DiskError) {
    let isSynced = state.withLock { state in
      if !state.begins() { return false }
      if state.chance(state.faults.sync) { return false }
      state.durableNames = state.names
      state.pendingNames = []
      return true
    }
    guard isSynced else { throw DiskError("fsync", path, code: Self.inputOutputError) }
  }

  // MARK: For the tests

  /// Has operations fail from now on.
  package func order(_ faults: Faults) { state.withLock { $0.faults = faults } }

  package var hasPower: Bool { state.withLock { $0.hasPower } }

  /// How many operations there have been.
  package var operations: Int { state.withLock { $0.operations } }

  /// Whether no write finds room.
  package var isFull: Bool {
    get { state.withLock { $0.isFull } }
    set { state.withLock { $0.isFull = newValue } }
  }

  /// How many writes have landed where they should not have.
  package var misdirections: Int { state.withLock { $0.misdirections } }

  /// The database file as programs see it.
  package var content: [UInt8] {
    get { self[DatabaseFile.name] ?? [] }
    set { self[DatabaseFile.name] = newValue }
  }

  /// A file as programs see it; nil when there is none of that name.
  package subscript(name: String) -> [UInt8]? {
    get {
      state.withLock { state in
        state.names[Self.folder + "/" + name].flatMap { state.files[$0]?.current }
      }
    }
    set {
      state.withLock { state in
        let path = Self.folder + "/" + name
        guard let newValue else {
          state.names[path] = nil
          state.durableNames[path] = nil
          return
        }
        state.lastFile += 1
        state.files[state.lastFile] = File(durable: newValue, current: newValue, pending: [])
        state.names[path] = state.lastFile
        state.durableNames[path] = state.lastFile
      }
    }
  }

  /// The names in the folder, in order.
  package var fileNames: [String] {
    state.withLock { $0.names.keys.sorted().map { String($0.dropFirst(Self.folder.count + 1)) } }
  }

  package var text: String { String(decoding: content, as: UTF8.self) }

  /// The power goes and comes back: what was not synced is there whole, in part, or not at all.
  package func crash() {
    state.withLock { state in
      // Changes of names survive in their order, up to some one, as file systems with a journal have it.
      let kept = Int.random(in: 0...state.pendingNames.count, using: &state.random)
      for change in state.pendingNames[..<kept] { change.apply(to: &state.durableNames) }
      state.names = state.durableNames
      state.pendingNames = []
      let named = Set(state.names.values)
      for number in state.files.keys.sorted() {
        guard var file = state.files[number] else { continue }
        guard named.contains(number) else {
          state.files[number] = nil
          continue
        }
        file.durable = Self.survivor(of: file, &state.random)
        file.current = file.durable
        file.pending = []
        state.files[number] = file
      }
      state.hasPower = true
      state.isFull = false
      state.faults = Faults()
    }
  }

  /// The program ends at once, and the power stays: what was written and not synced can still be read, and may still be
  /// lost.
  package func endProgram() {
    state.withLock { state in
      precondition(state.hasPower, "without power there is a crash")
      state.isFull = false
      state.faults = Faults()
    }
  }

  private static func survivor(of file: File, _ random: inout RandomSource) -> [UInt8] {
    var content = file.durable
    guard !file.pending.isEmpty else { return content }
    if Bool.random(using: &random) {
      // In order: some whole, the next one up to some byte.
      let whole = Int.random(in: 0...file.pending.count, using: &random)
      for change in file.pending[..<whole] { change.apply(to: &content) }
      if whole < file.pending.count, case .write(let bytes, let offset) = file.pending[whole] {
        let length = Int.random(in: 0...bytes.count, using: &random)
        Change.write(Array(bytes[..<length]), at: offset).apply(to: &content)
      }
    } else {
      // In any order: each piece by chance, what is missing between them being zeros or what was there before.
      let pieceSize = [1, 16, 512, 4096].randomElement(using: &random) ?? 512
      for change in file.pending {
        guard case .write(let bytes, let offset) = change else {
          if Bool.random(using: &random) { change.apply(to: &content) }
          continue
        }
        var start = 0
        while start < bytes.count {
          let end = min(bytes.count, (offset + start) / pieceSize * pieceSize + pieceSize - offset)
          if Int.random(in: 0..<4, using: &random) > 0 {
            Change.write(Array(bytes[start..<end]), at: offset + start).apply(to: &content)
          }
          start = end
        }
      }
    }
    return content
  }
}

/// An open file of a `SimulatedDisk`.
private final class SimulatedFile: DiskFile {
  private let disk: SimulatedDisk
  private let path: String
  private let number: Int

  init(_ disk: SimulatedDisk, _ path: String, _ number: Int) {
    self.disk = disk
    self.path = path
    self.number = number
  }

  private func failure(_ operation: String, _ code: Int32) -> DiskError {
    DiskError(operation, path, code: code)
  }

  func size() throws(DiskError) -> Int {
    let size = disk.state.withLock { state in state.begins() ? state.files[number]?.current.count : nil }
    guard let size else { throw failure("stat", SimulatedDisk.inputOutputError) }
    return size
  }

  func read(at offset: Int, count: Int, into buffer: inout ByteQueue) throws(DiskError) -> Int {
    let bytes = disk.state.withLock { state -> [UInt8]? in
      guard state.begins(), !state.chance(state.faults.read), let content = state.files[number]?.current
      else { return nil }
      return Array(content[min(offset, content.count)..<min(offset + count, content.count)])
    }
    guard let bytes else { throw failure("read", SimulatedDisk.inputOutputError) }
    buffer.append(bytes)
    return bytes.count
  }

  func write(_ bytes: RawSpan, at offset: Int) throws(DiskError) {
    let bytes = bytes.array
    let code = disk.state.withLock { state -> Int32 in
      let power = state.power()
      guard power != .off else { return SimulatedDisk.inputOutputError }
      let isFull = power == .on && (state.isFull || state.chance(state.faults.write))
      let isBroken = power == .on && !isFull && state.chance(state.faults.brokenWrite)
      let length = isFull || isBroken ? Int.random(in: 0...bytes.count, using: &state.random) : bytes.count
      if power == .on && length == bytes.count && misdirect(bytes, offset, &state) { return 0 }
      let change = SimulatedDisk.Change.write(Array(bytes[..<length]), at: offset)
      if var file = state.files.removeValue(forKey: number) {
        change.apply(to: &file.current)
        file.pending.append(change)
        state.files[number] = file
      }
      if power == .goes || isBroken { return SimulatedDisk.inputOutputError }
      return isFull ? SimulatedDisk.outOfSpace : 0
    }
    if code != 0 { throw failure("write", code) }
  }

  /// Writes to a place before the right one, if chance has it; whether it has.
  ///
  /// There the bytes are on the disk at once, so that this is the only thing that goes wrong. A commit line without
  /// records is spared: where it falls into the last batch nothing speaks of what it wrote over.
  private func misdirect(_ bytes: [UInt8], _ offset: Int, _ state: inout SimulatedDisk.State) -> Bool {
    guard state.chance(state.faults.misdirection), offset > 0, !bytes.starts(with: "# commit".utf8),
      var file = state.files[number], file.pending.isEmpty || path.hasSuffix(DatabaseFile.unfinishedName)
    else { return false }
    let change = SimulatedDisk.Change.write(bytes, at: Int.random(in: 0..<offset, using: &state.random))
    change.apply(to: &file.current)
    if file.pending.isEmpty { change.apply(to: &file.durable) } else { file.pending.append(change) }
    state.files[number] = file
    state.misdirections += 1
    return true
  }

  func sync() throws(DiskError) {
    let isSynced = disk.state.withLock { state in
      if !state.begins() { return false }
      guard var file = state.files.removeValue(forKey: number) else { return false }
      defer { state.files[number] = file }
      if state.chance(state.faults.sync) {
        // As Linux does it: what could not be written counts as written, though it is only in memory.
        file.pending.removeAll { _ in Bool.random(using: &state.random) }
        return false
      }
      for change in file.pending { change.apply(to: &file.durable) }
      file.pending = []
      return true
    }
    guard isSynced else { throw failure("fdatasync", SimulatedDisk.inputOutputError) }
  }

  func truncate(to size: Int) throws(DiskError) {
    let isDone = disk.state.withLock { state in
      if !state.begins() || state.chance(state.faults.brokenWrite) { return false }
      SimulatedDisk.Change.truncate(size).apply(to: &state.files[number, default: .init()].current)
      state.files[number]?.pending.append(.truncate(size))
      return true
    }
    guard isDone else { throw failure("truncate", SimulatedDisk.inputOutputError) }
  }

  func isNamed(_ path: String) throws(DiskError) -> Bool {
    let isNamed = disk.state.withLock { state in state.begins() ? state.names[path] == number : nil }
    guard let isNamed else { throw failure("stat", SimulatedDisk.inputOutputError) }
    return isNamed
  }
}
