// The store for programs that embed it: the same data, journal and file as the server's, without a server.
//
//     let store = try Store(folder: "data")
//     try await store.set("Hello", to: "World")
//     print(try await store.string("Hello") ?? "nothing")
//     await store.close()

internal import Synchronization

/// A key-value store whose database is a text file.
///
/// A change returns when it is on the disk (with ``Durability/always``), and so does a read that shows a change which
/// isn't there yet. All methods may be called from any task or thread. Keys and values are bytes; a `String` stands
/// for its UTF-8.
public final class Store: Sendable {
  /// Somebody who waits for the journal.
  private struct Waiter {
    /// The version that has to be durable; nil for any progress.
    let version: UInt64?
    let continuation: CheckedContinuation<Void, any Error>
  }

  private static let laneCount = 4

  private let core: StoreCore
  /// Locked for this store until it is closed.
  private let folder: Guarded<DataFolder?>
  /// The means to run commands, for several threads at once.
  private let lanes: [Guarded<Execution>]
  private let nextLane = Atomic<Int>(0)
  private let waiters = Guarded<[Waiter]>([])
  private let isClosed = Atomic<Bool>(false)

  /// Opens the database in a folder, or begins one. The folder is made if its parent exists. O(size of the database).
  ///
  /// - Parameters:
  ///   - path: the folder; `database.txt` in it is the database.
  ///   - durability: when a change returns.
  /// - Throws: ``StoreError/folderInUse(path:pid:)``, ``StoreError/folderNotWritable(path:reason:)`` or
  ///   ``StoreError/databaseDamaged(path:line:reason:)``.
  public convenience init(folder path: String, durability: Durability = .always) throws(StoreError) {
    let folder = try DataFolder(path)
    self.init(try StoreCore.open(folder, durability: durability, threads: Self.laneCount), folder)
  }

  /// A store that keeps nothing on a disk.
  public static func inMemory() -> Store {
    var system = SystemRandomNumberGenerator()
    var random = RandomSource(seed: system.next())
    return Store(StoreCore(inMemory: laneCount, random: &random), nil)
  }

  private init(_ core: StoreCore, _ folder: DataFolder?) {
    self.core = core
    self.folder = Guarded(folder)
    let context = ServerContext()
    var system = SystemRandomNumberGenerator()
    var lanes: [Guarded<Execution>] = []
    for _ in 0..<Self.laneCount { lanes.append(Guarded(Execution(core, context, seed: system.next()))) }
    self.lanes = lanes
    core.journal.onCommit { [weak self] in self?.wake() }
    core.start()
  }

  deinit {
    if !isClosed.load(ordering: .acquiring) { core.stop() }
  }

  /// Writes and syncs all changes and gives the folder free. Nothing may be asked of the store after.
  public func close() async {
    guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
    // Whoever is in a lane now gets its change in before the last commit.
    for lane in lanes { lane.withLock { _ in } }
    core.stop()
    wake()
    folder.withLock { $0 = nil }
  }

  /// Has the database file rewritten, so that it holds the data as it is without its past, and returns when that is
  /// done. Other methods go on meanwhile. (It also happens by itself when the file has grown.) O(size of the data).
  public func checkpoint() async throws(StoreError) {
    guard !isClosed.load(ordering: .acquiring) else { throw .closed }
    var number = core.checkpointer.request()
    while number == nil {
      guard !isClosed.load(ordering: .acquiring) else { throw .closed }
      // One that is under way may have begun before what this one is to hold.
      try await waitForJournal()
      number = core.checkpointer.request()
    }
    while core.checkpointer.status.answered < number ?? 0 { try await waitForJournal() }
    if let problem = core.checkpointer.status.answer { throw .databaseNotWritten(reason: problem) }
  }

  private func waitForJournal() async throws(StoreError) {
    do { try await Task.sleep(for: .milliseconds(1)) } catch { throw .databaseNotWritten(reason: "\(error)") }
  }

  /// How many keys there are. O(shards).
  public var count: Int { core.keyCount }

  // MARK: Strings

  /// The bytes at a key; nil when there is no such key. O(length).
  public func bytes(_ key: some Sequence<UInt8>) async throws(StoreError) -> [UInt8]? {
    try await read(key) { key, execution throws(StoreError) in
      guard let item = execution.find(key, 0) else { return nil }
      guard item.isString else { throw .wrongType }
      return item.value.array
    }
  }

  /// The text at a key, what isn't UTF-8 replaced; nil when there is no such key. O(length).
  public func string(_ key: String) async throws(StoreError) -> String? {
    try await bytes(key.utf8).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Sets a key to bytes, whatever it held before. O(length).
  ///
  /// - Parameter timeToLive: after how long the key expires; nil for never.
  public func set(
    _ key: some Sequence<UInt8>, to value: some Sequence<UInt8>, timeToLive: Duration? = nil
  ) async throws(StoreError) {
    let value = Array(value)
    guard value.count <= Limits.valueBytes else { throw .tooLong(limit: Limits.valueBytes) }
    // A time beyond all clocks is as good as the last one they can show.
    let expiry = timeToLive.map { core.clock.now().addingReportingOverflow($0.milliseconds) }
      .map { $0.overflow ? .max : $0.partialValue }
    try await change(key) { key, execution throws(StoreError) in
      execution.set(key, 0, value.span.raw, ItemMetadata(expiry: expiry ?? 0))
    }
  }

  /// Sets a key to a text, whatever it held before. O(length).
  public func set(_ key: String, to value: String, timeToLive: Duration? = nil) async throws(StoreError) {
    try await set(key.utf8, to: value.utf8, timeToLive: timeToLive)
  }

  /// Adds to the integer at a key, which counts as 0 when it isn't there; the sum. O(1).
  @discardableResult
  public func increment(_ key: String, by amount: Int = 1) async throws(StoreError) -> Int {
    try await change(key.utf8) { key, execution throws(StoreError) in
      let old = execution.find(key, 0)
      if let old, !old.isString { throw .wrongType }
      guard let number = old == nil ? 0 : old?.value.decimal else { throw .notAnInteger }
      let (sum, overflow) = number.addingReportingOverflow(amount)
      guard !overflow else { throw .notAnInteger }
      let digits = DecimalText(sum)
      execution.set(key, 0, digits.bytes, old?.metadata.ofChangedValue ?? ItemMetadata(), .increment)
      return sum
    }
  }

  // MARK: Every type

  /// Deletes a key; whether it was there. O(1).
  @discardableResult
  public func delete(_ key: some Sequence<UInt8>) async throws(StoreError) -> Bool {
    try await change(key) { key, execution throws(StoreError) in
      guard execution.findToChange(key, 0) != nil else { return false }
      execution.delete(key, 0)
      return true
    }
  }

  /// Deletes a key; whether it was there.
  @discardableResult
  public func delete(_ key: String) async throws(StoreError) -> Bool { try await delete(key.utf8) }

  /// Whether a key is there. O(1).
  public func contains(_ key: String) async throws(StoreError) -> Bool {
    try await read(key.utf8) { key, execution throws(StoreError) in execution.find(key, 0) != nil }
  }

  // MARK: Sets

  /// Adds members to the set at a key, which is made if there is none; how many are new. O(members).
  @discardableResult
  public func insert(_ members: [String], into key: String) async throws(StoreError) -> Int {
    let packed = try PackedWords(members)
    guard packed.count > 0 else { return 0 }
    return try await change(key.utf8) { key, execution throws(StoreError) in
      if let item = execution.findToChange(key, 0), item.kind != .set { throw .wrongType }
      return execution.putMembers(.set, key, 0, packed.words, .addMembers)
    }
  }

  /// Takes members out of the set at a key; how many were in it. O(members).
  @discardableResult
  public func remove(_ members: [String], from key: String) async throws(StoreError) -> Int {
    let packed = try PackedWords(members)
    guard packed.count > 0 else { return 0 }
    return try await change(key.utf8) { key, execution throws(StoreError) in
      guard let item = execution.findToChange(key, 0) else { return 0 }
      guard item.kind == .set else { throw .wrongType }
      return execution.removeMembers(.set, key, 0, packed.words, .removeMembers)
    }
  }

  /// The members of the set at a key, in no order; none when there is no such key. O(members).
  public func members(of key: String) async throws(StoreError) -> [String] {
    try await read(key.utf8) { key, execution throws(StoreError) in
      guard let item = execution.find(key, 0) else { return [] }
      guard item.kind == .set else { throw .wrongType }
      var members: [String] = []
      item.members.forEach { members.append($0.key.text) }
      return members
    }
  }

  // MARK: Hashes

  /// Sets fields of the hash at a key, which is made if there is none; how many are new. They don't expire. O(fields).
  @discardableResult
  public func setFields(_ fields: [String: String], of key: String) async throws(StoreError) -> Int {
    let packed = try PackedWords(fields.flatMap { [$0.key, $0.value] })
    guard packed.count > 0 else { return 0 }
    return try await change(key.utf8) { key, execution throws(StoreError) in
      if let item = execution.findToChange(key, 0), item.kind != .hash { throw .wrongType }
      return execution.putMembers(.hash, key, 0, packed.words, .setFields)
    }
  }

  /// Deletes fields of the hash at a key, which goes with its last one; how many were there. O(fields).
  @discardableResult
  public func removeFields(_ fields: [String], of key: String) async throws(StoreError) -> Int {
    let packed = try PackedWords(fields)
    guard packed.count > 0 else { return 0 }
    return try await change(key.utf8) { key, execution throws(StoreError) in
      let (members, isRefused) = execution.findToChange(key, 0, fields: packed.words)
      if isRefused { throw .wrongType }
      return execution.deleteFields(key, 0, packed.words, of: members)
    }
  }

  /// The value of a field of the hash at a key; nil when there is none. O(1).
  public func field(_ field: String, of key: String) async throws(StoreError) -> String? {
    try await read(key.utf8) { key, execution throws(StoreError) in
      guard let item = execution.find(key, 0) else { return nil }
      guard item.kind == .hash else { throw .wrongType }
      return LiveMembers(item, execution.clock).find(Array(field.utf8).span.raw)?.value.text
    }
  }

  /// The fields of the hash at a key with their values; none when there is no such key. O(fields).
  public func fields(of key: String) async throws(StoreError) -> [String: String] {
    try await read(key.utf8) { key, execution throws(StoreError) in
      guard let item = execution.find(key, 0) else { return [:] }
      guard item.kind == .hash else { throw .wrongType }
      var fields: [String: String] = [:]
      LiveMembers(item, execution.clock).forEach { fields[$0.key.text] = $0.value.text }
      return fields
    }
  }

  // MARK: Lists

  /// Adds elements at the tail of the list at a key, which is made if there is none; how many it then has. O(elements).
  @discardableResult
  public func append(_ elements: [String], to key: String) async throws(StoreError) -> Int {
    try await push(elements, key, at: .tail)
  }

  /// Adds elements at the head of the list at a key, which is made if there is none, so that the first of them is the list's
  /// first; how many it then has. O(elements).
  @discardableResult
  public func prepend(_ elements: [String], to key: String) async throws(StoreError) -> Int {
    try await push(elements.reversed(), key, at: .head)
  }

  private func push(_ elements: [String], _ key: String, at end: ListEnd) async throws(StoreError) -> Int {
    let packed = try PackedWords(elements)
    return try await change(key.utf8) { key, execution throws(StoreError) in
      let item = execution.findToChange(key, 0)
      if let item, item.kind != .list { throw .wrongType }
      guard packed.count > 0 else { return item?.list.count ?? 0 }
      return execution.pushElements(key, 0, packed.words, at: end)
    }
  }

  /// Takes the first element of the list at a key, which goes with its last one; nil when there is no such key. O(1).
  public func removeFirst(from key: String) async throws(StoreError) -> String? { try await pop(key, .head) }

  /// Takes the last element of the list at a key, which goes with its last one; nil when there is no such key. O(1).
  public func removeLast(from key: String) async throws(StoreError) -> String? { try await pop(key, .tail) }

  private func pop(_ key: String, _ end: ListEnd) async throws(StoreError) -> String? {
    try await change(key.utf8) { key, execution throws(StoreError) in
      guard let item = execution.findToChange(key, 0) else { return nil }
      guard item.kind == .list else { throw .wrongType }
      let list = item.list
      let element = list.element(end == .head ? 0 : list.count - 1).array
      execution.popElements(key, 0, 1, from: end)
      return String(decoding: element, as: UTF8.self)
    }
  }

  /// The elements of the list at a key, in their order; none when there is no such key. O(elements).
  public func elements(of key: String) async throws(StoreError) -> [String] {
    try await read(key.utf8) { key, execution throws(StoreError) in
      guard let item = execution.find(key, 0) else { return [] }
      guard item.kind == .list else { throw .wrongType }
      var elements: [String] = []
      item.list.forEach { elements.append(String(decoding: $0.array, as: UTF8.self)) }
      return elements
    }
  }

  // MARK: Running

  /// Runs `body` under the lock of a key's shard and returns when what it showed is durable.
  func read<Result: Sendable>(
    _ key: some Sequence<UInt8>, _ body: (borrowing Key, inout Execution) throws(StoreError) -> Result
  ) async throws(StoreError) -> Result {
    let key = Array(key)
    guard key.count <= Limits.keyBytes else { throw .tooLong(limit: Limits.keyBytes) }
    let lane = lanes[nextLane.wrappingAdd(1, ordering: .relaxed).newValue & (Self.laneCount - 1)]
    let (result, shown) = try lane.withLock {
      execution throws(StoreError) -> (Result, UInt64) in
      // Here, so that `close` can be sure that nothing comes behind it.
      if isClosed.load(ordering: .acquiring) { throw .closed }
      let placed = execution.keyspace.place(key.span.raw)
      execution.keyspace.lock(placed.shard)
      defer { execution.keyspace.unlock(placed.shard) }
      execution.beginReply()
      return (try body(placed, &execution), execution.shown)
    }
    while !core.journal.mayShow(shown) { try await wait(for: shown) }
    return result
  }

  /// The same for a body that may change the key, when the journal has room.
  func change<Result: Sendable>(
    _ key: some Sequence<UInt8>,
    _ body: (borrowing Key, inout Execution) throws(StoreError) -> Result
  ) async throws(StoreError) -> Result {
    while case .full = core.journal.room { try await wait(for: nil) }
    if let stall = core.journal.stallReason {
      throw .databaseNotWritten(reason: "\(stall): no change is taken until there is room")
    }
    if let failure = core.journal.failure { throw .databaseNotWritten(reason: failure.description) }
    return try await read(key, body)
  }

  /// Waits for the journal's next commit, unless what is waited for has come.
  private func wait(for version: UInt64?) async throws(StoreError) {
    do {
      try await withCheckedThrowingContinuation { continuation in
        waiters.withLock { $0.append(Waiter(version: version, continuation: continuation)) }
        // The commit may have come before the waiter was in the list.
        wake()
      }
    } catch {
      throw .databaseNotWritten(reason: core.journal.failure?.description ?? "unknown")
    }
  }

  /// Wakes those whose wait is over, from whichever thread.
  private func wake() {
    let failure = core.journal.failure
    var woken: [Waiter] = []
    waiters.withLock { waiters in
      waiters.removeAll { waiter in
        let isOver: Bool
        if let version = waiter.version {
          isOver = failure != nil || core.journal.mayShow(version)
        } else if case .full = core.journal.room {
          isOver = false
        } else {
          isOver = true
        }
        if isOver { woken.append(waiter) }
        return isOver
      }
    }
    for waiter in woken {
      if let failure, let version = waiter.version, !core.journal.mayShow(version) {
        waiter.continuation.resume(throwing: failure)
      } else {
        waiter.continuation.resume()
      }
    }
  }
}

/// Texts as the words of a command.
struct PackedWords: ~Copyable {
  private var chosen = ChosenMembers()
  let count: Int

  /// - Throws: ``StoreError/tooLong(limit:)`` if one of them, or all together, are over the limits.
  init(_ texts: [String]) throws(StoreError) {
    count = texts.count
    for text in texts {
      guard text.utf8.count <= Limits.valueBytes else { throw .tooLong(limit: Limits.valueBytes) }
      chosen.append(Array(text.utf8).span.raw)
    }
    guard !chosen.isOverfull else { throw .tooLong(limit: Limits.valueBytes) }
  }

  var words: Words {
    @_lifetime(borrow self)
    get { chosen.words }
  }
}

extension Duration {
  /// The whole milliseconds, or the most there can be.
  fileprivate var milliseconds: Int64 {
    let (seconds, overflow) = components.seconds.multipliedReportingOverflow(by: 1000)
    return overflow ? .max : seconds + components.attoseconds / 1_000_000_000_000_000
  }
}
