// Commands put straight into the database of a folder, without a server: the store is opened, a session runs the commands
// as a client's, and the store is closed in order.

/// A store that takes an import. One thread uses it.
package final class FolderImport {
  /// A batch is written when its commands have come to this many bytes.
  private static let batchBytes = 1 << 20

  private let store: StoreCore
  private let state: Pinned<State>

  private struct State: ~Copyable {
    var execution: Execution
    var session: RESPSession
    var uncommittedBytes = 0
  }

  /// - Parameter store: opened and not started; `finish` ends it.
  package init(_ store: StoreCore) {
    self.store = store
    let context = ServerContext()
    let client = context.clients.connect(from: "import", to: "import")
    state = Pinned(
      State(
        execution: Execution(store, context, seed: 0), session: RESPSession(client, .redis, context)))
  }

  deinit { state.destroy() }

  /// Opens the database of a folder, which is locked, or begins one.
  package static func open(_ folder: DataFolder, databases: Int, threads: Int) throws(StoreError)
    -> FolderImport
  {
    FolderImport(
      try StoreCore.open(folder, durability: .never, threads: threads, databases: databases))
  }

  /// Runs a command; the text of the error that answers it, if one does.
  ///
  /// - Throws: the journal's failure.
  package func run(_ words: [[UInt8]]) throws(DiskError) -> String? {
    var request = ByteQueue()
    request.append(byte: UInt8(ascii: "*"))
    request.append(decimal: words.count)
    request.append("\r\n")
    for word in words {
      request.append(byte: UInt8(ascii: "$"))
      request.append(decimal: word.count)
      request.append("\r\n")
      request.append(word)
      request.append("\r\n")
    }
    while true {
      state.value.execution.reply.removeAll()
      let step = state.value.session.receive(request.bytes, &state.value.execution)
      guard step.next == .waitForRoom else { break }
      try commit()
    }
    state.value.uncommittedBytes += request.count
    if state.value.uncommittedBytes >= Self.batchBytes { try commit() }
    let reply = state.value.execution.reply.buffer.bytes
    guard !reply.isEmpty, reply.byte(0) == UInt8(ascii: "-") else { return nil }
    let end = reply.firstIndex(of: UInt8(ascii: "\r")) ?? reply.byteCount
    return reply.extracting(1..<end).text
  }

  private func commit() throws(DiskError) {
    store.journal.commit()
    state.value.uncommittedBytes = 0
    if let failure = store.journal.failure ?? store.journal.stallReason { throw failure }
  }

  /// Writes and syncs everything.
  package func finish() throws(DiskError) {
    store.stop()
    if let failure = store.journal.failure { throw failure }
  }

  package var keyCount: Int { store.keyCount }
}
