// INFO: what the server knows of itself, under the names that monitoring tools read. What is told is true: a field whose
// value would be made up is left out, and one that counts what doesn't exist here is 0 (docs/REDIS.md lists them).

internal let infoCommands: [CommandDeclaration] = [
  .init(
    "INFO", arity: -1, [.eachShard], .server, since: "1.0.0", "O(N), N being the shards",
    "[section [section ...]]",
    "Returns what the server knows of itself."),
  .init(
    "ROLE", arity: 1, [.fast], .server, since: "2.8.12", "O(1)", "",
    "Returns that this is a master without replicas."),
]

extension Execution {
  /// The parts of INFO, in their order.
  private enum Section: String, CaseIterable {
    case server = "Server"
    case clients = "Clients"
    case memory = "Memory"
    case persistence = "Persistence"
    case stats = "Stats"
    case replication = "Replication"
    case processor = "CPU"
    case modules = "Modules"
    case commandStatistics = "Commandstats"
    case errorStatistics = "Errorstats"
    case latencyStatistics = "Latencystats"
    case cluster = "Cluster"
    case keyspace = "Keyspace"

    /// Whether it is there when nobody names it.
    var isUsual: Bool { self != .commandStatistics && self != .latencyStatistics }

    /// Whether a word names it, alone or among others.
    func isNamed(by word: String) -> Bool {
      switch word {
      case "everything", "all": true
      case "default": isUsual
      default: word == rawValue.lowercased()
      }
    }
  }

  private typealias Field = (name: String, value: String)

  mutating func role() {
    reply.array(3)
    reply.bulk("master")
    reply.integer(0)
    reply.array(0)
  }

  mutating func info(_ words: borrowing Words) {
    var named: [String] = []
    for index in 1..<max(1, words.count) { named.append(words[index].text.lowercased()) }
    if named.isEmpty { named = ["default"] }
    let further = context.currentFacts()
    var parts: [String] = []
    for section in Section.allCases where named.contains(where: { section.isNamed(by: $0) }) {
      var text = "# \(section.rawValue)\r\n"
      for field in fields(section) { text += "\(field.name):\(field.value)\r\n" }
      for fact in further where fact.section == section.rawValue { text += "\(fact.name):\(fact.value)\r\n" }
      parts.append(text)
    }
    reply.verbatim(parts.joined(separator: "\r\n"))
  }

  private mutating func fields(_ section: Section) -> [Field] {
    switch section {
    case .server: serverFields()
    case .clients: clientFields()
    case .memory: memoryFields()
    case .persistence: persistenceFields()
    case .stats: statisticsFields()
    case .replication: replicationFields()
    case .processor: processorFields()
    case .modules: []
    case .commandStatistics: commandFields()
    case .errorStatistics:
      context.errorCounts.sorted { $0.key < $1.key }.map { ("errorstat_\($0.key)", "count=\($0.value)") }
    case .latencyStatistics: latencyFields()
    case .cluster: [("cluster_enabled", "0")]
    case .keyspace: keyspaceFields()
    }
  }

  // MARK: The sections

  private func serverFields() -> [Field] {
    let microseconds = WallClock.systemMicroseconds()
    let uptime = (microseconds / 1000 - context.startTime) / 1000
    return [
      ("redis_version", ServerContext.redisVersion),
      ("martlet_version", ServerContext.version),
      ("redis_build_id", "martlet-\(ServerContext.version)"),
      ("redis_mode", "standalone"),
      ("os", ProcessFacts.system),
      ("arch_bits", "64"),
      ("monotonic_clock", "POSIX clock_gettime"),
      ("run_id", context.runIdentifier),
      ("server_time_usec", "\(microseconds)"),
      ("uptime_in_seconds", "\(uptime)"),
      ("uptime_in_days", "\(uptime / 86_400)"),
      ("hz", "\(ServerContext.sweepsInSecond)"),
      ("configured_hz", "\(ServerContext.sweepsInSecond)"),
    ]
  }

  private func clientFields() -> [Field] {
    [
      ("connected_clients", "\(context.clients.count)"),
      ("cluster_connections", "0"),
      ("maxclients", "\(context.clients.limit)"),
      ("blocked_clients", "\(context.clients.waitingCount)"),
      ("tracking_clients", "\(context.tracking.clientCount)"),
      ("pubsub_clients", "\(context.clients.listenerCount)"),
      ("clients_in_timeout_table", "0"),
    ]
  }

  private func memoryFields() -> [Field] {
    let memory = memoryFigures()
    let system = ProcessFacts.systemMemoryBytes
    var fields: [Field] = [
      ("used_memory", "\(memory.resident)"),
      ("used_memory_human", Self.human(memory.resident)),
      ("used_memory_rss", "\(memory.process)"),
      ("used_memory_rss_human", Self.human(memory.process)),
      ("used_memory_peak", "\(memory.peak)"),
      ("used_memory_peak_human", Self.human(memory.peak)),
      ("used_memory_peak_perc", Self.percent(memory.resident, memory.peak)),
      ("used_memory_overhead", "\(memory.overhead)"),
      ("used_memory_startup", "0"),
      ("used_memory_dataset", "\(memory.used)"),
      ("used_memory_dataset_perc", Self.percent(memory.used, memory.resident)),
      ("allocator_allocated", "\(memory.used)"),
      ("allocator_active", "\(memory.resident)"),
      ("allocator_resident", "\(memory.resident)"),
    ]
    if system > 0 {
      fields += [("total_system_memory", "\(system)"), ("total_system_memory_human", Self.human(system))]
    }
    let limit = context.memoryLimit
    return fields + [
      ("used_memory_lua", "0"),
      ("used_memory_scripts", "0"),
      ("number_of_cached_scripts", "0"),
      ("number_of_functions", "0"),
      ("number_of_libraries", "0"),
      ("maxmemory", "\(limit)"),
      ("maxmemory_human", Self.human(limit)),
      ("maxmemory_policy", context.evictionPolicy.redisName),
      ("allocator_frag_ratio", Self.ratio(memory.resident, memory.used)),
      ("allocator_frag_bytes", "\(memory.overhead)"),
      ("allocator_rss_ratio", "1.00"),
      ("allocator_rss_bytes", "0"),
      ("mem_fragmentation_ratio", Self.ratio(memory.process, memory.resident)),
      ("mem_fragmentation_bytes", "\(memory.process - memory.resident)"),
      ("mem_not_counted_for_evict", "\(keyspace.retainedBytes.value)"),
      ("mem_replication_backlog", "0"),
      ("mem_clients_slaves", "0"),
      ("mem_cluster_links", "0"),
      ("mem_aof_buffer", "\(journal.pendingBytes)"),
      ("mem_allocator", "martlet"),
      ("active_defrag_running", "0"),
    ]
  }

  private func persistenceFields() -> [Field] {
    let failure = journal.failure ?? journal.stallReason
    let checkpoints = store.checkpointer.status
    let isRunning = checkpoints.isRunning ? "1" : "0"
    let outcome = checkpoints.problem == nil ? "ok" : "err"
    let duration = checkpoints.finished == 0 ? "-1" : "\(checkpoints.lastDuration / 1000)"
    return [
      ("loading", "0"),
      ("async_loading", "0"),
      ("durability", journal.durability.rawValue),
      ("last_version", "\(journal.lastVersion)"),
      ("durable_version", "\(journal.syncedVersion)"),
      ("journal_status", failure.map { "err (\($0))" } ?? "ok"),
      ("rdb_changes_since_last_save", "\(journal.lastVersion - checkpoints.lastVersion)"),
      ("rdb_bgsave_in_progress", isRunning),
      ("rdb_last_save_time", "\(checkpoints.lastTime / 1000)"),
      ("rdb_last_bgsave_status", outcome),
      ("rdb_last_bgsave_time_sec", duration),
      ("rdb_saves", "\(checkpoints.finished)"),
      ("rdb_last_cow_size", "0"),
      ("aof_enabled", "1"),
      ("aof_rewrite_in_progress", isRunning),
      ("aof_rewrite_scheduled", "0"),
      ("aof_last_rewrite_time_sec", duration),
      ("aof_last_bgrewrite_status", outcome),
      ("aof_rewrites", "\(checkpoints.finished)"),
      ("aof_last_write_status", failure == nil ? "ok" : "err"),
      ("aof_last_cow_size", "0"),
      ("aof_current_size", "\(store.checkpointer.fileBytes)"),
      ("aof_base_size", "\(store.checkpointer.bodyBytes)"),
      ("aof_pending_rewrite", "0"),
      ("aof_buffer_length", "\(journal.pendingBytes)"),
      ("aof_pending_bio_fsync", "0"),
      ("aof_delayed_fsync", "0"),
      ("module_fork_in_progress", "0"),
      ("checkpoint_version", "\(checkpoints.lastVersion)"),
      ("checkpoint_retained_bytes", "\(keyspace.retainedBytes.value)"),
    ]
  }

  private func statisticsFields() -> [Field] {
    let base = context.statisticsBase.withLock {
      (clients: $0.clients, rejected: $0.rejectedClients, commands: $0.commandCount)
    }
    let rates = context.meter.rates
    func kilobytes(_ bytes: Int) -> String { Self.hundredths(Int((Double(bytes) / 1024 * 100).rounded())) }
    let commands = context.sumSinceReset(.commands) &+ context.commandCount &- base.commands
    return [
      ("total_connections_received", "\(context.clients.total - base.clients)"),
      ("total_commands_processed", "\(commands)"),
      ("instantaneous_ops_per_sec", "\(rates.commands)"),
      ("total_net_input_bytes", "\(context.sumSinceReset(.bytesRead))"),
      ("total_net_output_bytes", "\(context.sumSinceReset(.bytesWritten))"),
      ("total_net_repl_input_bytes", "0"),
      ("total_net_repl_output_bytes", "0"),
      ("instantaneous_input_kbps", kilobytes(rates.read)),
      ("instantaneous_output_kbps", kilobytes(rates.written)),
      ("rejected_connections", "\(context.clients.rejectedCount - base.rejected)"),
      ("idle_connections_closed", "\(context.clients.idleCount)"),
      ("sync_full", "0"),
      ("sync_partial_ok", "0"),
      ("sync_partial_err", "0"),
      ("expired_keys", "\(context.sumSinceReset(.expired))"),
      ("evicted_keys", "\(context.sumSinceReset(.evicted))"),
      ("evicted_clients", "0"),
      ("keyspace_hits", "\(context.sumSinceReset(.hits))"),
      ("keyspace_misses", "\(context.sumSinceReset(.misses))"),
      ("pubsub_channels", "\(context.channels.count(.channel))"),
      ("pubsub_patterns", "\(context.channels.count(.pattern))"),
      ("pubsubshard_channels", "\(context.channels.count(.shardChannel))"),
      ("latest_fork_usec", "0"),
      ("total_forks", "0"),
      ("migrate_cached_sockets", "0"),
      ("slave_expires_tracked_keys", "0"),
      ("active_defrag_hits", "0"),
      ("active_defrag_misses", "0"),
      ("active_defrag_key_hits", "0"),
      ("active_defrag_key_misses", "0"),
      ("tracking_total_keys", "\(context.tracking.keyCount)"),
      ("tracking_total_items", "\(context.tracking.entryCount)"),
      ("tracking_total_prefixes", "\(context.tracking.prefixCount)"),
      ("total_error_replies", "\(context.errorCounts.values.reduce(0, &+))"),
      ("acl_access_denied_auth", "\(context.accessLog.count(.auth))"),
      ("acl_access_denied_cmd", "\(context.accessLog.count(.command))"),
      ("acl_access_denied_key", "\(context.accessLog.count(.key))"),
      ("acl_access_denied_channel", "\(context.accessLog.count(.channel))"),
    ]
  }

  private func replicationFields() -> [Field] {
    [
      ("role", "master"),
      ("connected_slaves", "0"),
      ("master_failover_state", "no-failover"),
      ("master_replid", context.runIdentifier),
      ("master_replid2", String(repeating: "0", count: context.runIdentifier.utf8.count)),
      ("master_repl_offset", "0"),
      ("second_repl_offset", "-1"),
      ("repl_backlog_active", "0"),
      ("repl_backlog_size", "0"),
      ("repl_backlog_first_byte_offset", "0"),
      ("repl_backlog_histlen", "0"),
    ]
  }

  private func processorFields() -> [Field] {
    let time = ProcessFacts.processorTime
    func seconds(_ microseconds: Int) -> String {
      let digits = "\(microseconds % 1_000_000)"
      return "\(microseconds / 1_000_000)." + String(repeating: "0", count: 6 - digits.utf8.count) + digits
    }
    return [
      ("used_cpu_sys", seconds(time.system)),
      ("used_cpu_user", seconds(time.user)),
      ("used_cpu_sys_children", seconds(0)),
      ("used_cpu_user_children", seconds(0)),
    ]
  }

  private func commandFields() -> [Field] {
    zip(CommandDeclaration.all, context.commandFigures).compactMap { declaration, figures in
      guard figures.calls > 0 || figures.rejected > 0 || figures.failed > 0 else { return nil }
      let mean = figures.timed == 0 ? 0 : Double(figures.nanoseconds) / Double(figures.timed) / 1000
      return (
        "cmdstat_\(declaration.shownName)",
        "calls=\(figures.calls),usec=\(figures.microseconds),"
          + "usec_per_call=\(Self.hundredths(Int((mean * 100).rounded()))),"
          + "rejected_calls=\(figures.rejected),failed_calls=\(figures.failed)"
      )
    }
  }

  private func latencyFields() -> [Field] {
    zip(CommandDeclaration.all, context.commandFigures).compactMap { declaration, figures in
      guard figures.timed > 0 else { return nil }
      func text(_ percent: Double) -> String { Self.thousandths(Int(figures.percentile(percent))) }
      return (
        "latency_percentiles_usec_\(declaration.shownName)",
        "p50=\(text(50)),p99=\(text(99)),p99.9=\(text(99.9))"
      )
    }
  }

  private mutating func keyspaceFields() -> [Field] {
    var fields: [Field] = []
    for database in 0..<keyspace.databaseCount {
      var keys = 0
      var expiring = 0
      for shard in 0..<keyspace.shardCount {
        lockInTurn(shard)
        keys += keyspace[shard].shard.count(database)
        expiring += keyspace[shard].shard.expiringCount(database)
        showAll(shard)
        unlockInTurn(shard)
      }
      if keys > 0 { fields.append(("db\(database)", "keys=\(keys),expires=\(expiring),avg_ttl=0")) }
    }
    return fields
  }

  // MARK: Numbers

  /// What there is to know of memory, in bytes.
  struct MemoryFigures {
    /// Resident for the data: what the memory limit compares with.
    let resident: Int
    /// In use for the data.
    let used: Int
    /// Resident in all for the process.
    let process: Int
    /// The most that was resident for the data.
    let peak: Int

    var overhead: Int { max(0, resident - used) }
  }

  func memoryFigures() -> MemoryFigures {
    let resident = keyspace.residentBytes
    return MemoryFigures(
      resident: resident, used: keyspace.usedBytes, process: ProcessFacts.residentBytes,
      peak: context.meter.peak(resident))
  }

  /// How much larger the first is than the second, with two decimals.
  static func ratio(_ bytes: Int, _ base: Int) -> String {
    hundredths(base == 0 ? 0 : Int((Double(bytes) / Double(base) * 100).rounded()))
  }

  private static func percent(_ part: Int, _ whole: Int) -> String {
    hundredths(whole == 0 ? 0 : Int((Double(part) / Double(whole) * 10_000).rounded())) + "%"
  }

  /// A number of hundredths, not negative, with two decimals.
  static func hundredths(_ number: Int) -> String {
    "\(number / 100).\(number % 100 < 10 ? "0" : "")\(number % 100)"
  }

  /// A number of thousandths, not negative, with three decimals.
  private static func thousandths(_ number: Int) -> String {
    let digits = "\(number % 1000)"
    return "\(number / 1000)." + String(repeating: "0", count: 3 - digits.utf8.count) + digits
  }

  /// Bytes as Redis shows them to people: `1.50M`.
  static func human(_ bytes: Int) -> String {
    var value = Double(bytes)
    var unit = "B"
    for next in ["K", "M", "G", "T"] where value >= 1024 {
      value /= 1024
      unit = next
    }
    return unit == "B" ? "\(bytes)B" : hundredths(Int((value * 100).rounded())) + unit
  }
}
