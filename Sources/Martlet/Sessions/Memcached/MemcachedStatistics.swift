// memcached's `stats`: what it counts, by memcached's names.
//
// Fields that tell of memcached's own inside (slabs, its lists, its crawler, its log) are left out; those that tools
// read are there, 0 where there is nothing of the kind here.

extension MemcachedSession {
  func statistics(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome {
    if words.count == 1 {
      let start = execution.reply.buffer.count
      execution.beginReply()
      execution.append(statistics: execution.memcachedStatistics())
      execution.endReply(from: start)
      return .done(end: end)
    }
    let topic = words[1]
    if topic.equalsExactly("reset") {
      execution.resetMemcachedStatistics()
      return error("RESET", end, &execution)
    }
    if topic.equalsExactly("settings") {
      execution.append(statistics: execution.memcachedSettings(state.limits))
      return .done(end: end)
    }
    if topic.equalsExactly("conns") {
      execution.append(statistics: execution.context.clients.memcachedStatistics)
      return .done(end: end)
    }
    // All items are of one kind here, and lie in memory by other rules.
    if topic.equalsExactly("items") || topic.equalsExactly("extstore") {
      return error("END", end, &execution)
    }
    if topic.equalsExactly("slabs") {
      let bytes = "\(execution.keyspace.residentBytes)"
      execution.append(statistics: [("active_slabs", "0"), ("total_malloced", bytes)])
      return .done(end: end)
    }
    if topic.equalsExactly("sizes") {
      execution.append(statistics: [("sizes_status", "disabled")])
      return .done(end: end)
    }
    if topic.equalsExactly("sizes_enable") || topic.equalsExactly("sizes_disable") {
      return error("STAT sizes_status disabled", end, &execution)
    }
    if topic.equalsExactly("cachedump") {
      return error("CLIENT_ERROR stats cachedump not allowed", end, &execution)
    }
    if topic.equalsExactly("detail") { return detail(words.from(2), end, &execution) }
    return error("ERROR", end, &execution)
  }

  /// `stats detail`: nothing is counted by the beginnings of keys.
  private func detail(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome {
    guard words.count > 0 else {
      return error("CLIENT_ERROR usage: stats detail on|off|dump", end, &execution)
    }
    if words[0].equalsExactly("dump") { return error("END", end, &execution) }
    let isSwitch = words[0].equalsExactly("on") || words[0].equalsExactly("off")
    return error(isSwitch ? "OK" : "CLIENT_ERROR usage: stats detail on|off|dump", end, &execution)
  }
}

extension Execution {
  /// Replies fields and their values.
  fileprivate mutating func append(statistics: [(String, String)]) {
    for (name, value) in statistics {
      reply.buffer.append("STAT ")
      reply.buffer.append(text: name)
      reply.buffer.append(byte: UInt8(ascii: " "))
      reply.buffer.append(text: value)
      reply.buffer.append("\r\n")
    }
    reply.buffer.append("END\r\n")
  }

  /// The fields of `stats`, by memcached's names.
  mutating func memcachedStatistics() -> [(String, String)] {
    let now = WallClock.systemMicroseconds() / 1_000_000
    let time = ProcessFacts.processorTime
    var items = 0
    for shard in 0..<keyspace.shardCount {
      keyspace.lock(shard)
      items += keyspace[shard].shard.count(0)
      showAll(shard)
      keyspace.unlock(shard)
    }
    let start = context.statisticsStart
    let counted = context.memcachedCounts.map { name, count in
      (name, "\(count >= start[name, default: 0] ? count - start[name, default: 0] : 0)")
    }
    // As in memcached, only where clients can be closed for it.
    let idle =
      context.setting("timeout") ?? "0" == "0" ? [] : [("idle_kicks", "\(context.clients.idleCount)")]
    return [
      ("pid", "\(ProcessFacts.identifier)"),
      ("uptime", "\(now - context.startTime / 1000)"),
      ("time", "\(now)"),
      ("version", Memcached.version),
      ("pointer_size", "64"),
      ("rusage_user", Self.seconds(time.user)),
      ("rusage_system", Self.seconds(time.system)),
      ("max_connections", "\(context.clients.limit)"),
      ("curr_connections", "\(context.clients.count)"),
    ] + idle + counted + [
      ("limit_maxbytes", "\(context.memoryLimit)"),
      ("accepting_conns", "1"),
      ("threads", "\(context.laneCount)"),
      ("bytes", "\(keyspace.residentBytes)"),
      ("curr_items", "\(items)"),
    ]
  }

  /// Has `stats` count anew, what counts.
  func resetMemcachedStatistics() {
    context.statisticsStart = Dictionary(uniqueKeysWithValues: context.memcachedCounts)
  }

  /// The fields of `stats settings` that have a meaning here.
  func memcachedSettings(_ limits: SessionLimits) -> [(String, String)] {
    [
      ("maxbytes", "\(context.memoryLimit)"),
      ("maxconns", "\(context.clients.limit)"),
      ("tcpport", context.setting("memcached-port") ?? "0"),
      ("udpport", "0"),
      ("inter", context.setting("bind").map { $0.isEmpty ? "NULL" : $0 } ?? "NULL"),
      ("verbosity", "0"),
      ("oldest", "0"),
      ("evictions", context.setting("maxmemory-policy") ?? "noeviction" == "noeviction" ? "off" : "on"),
      ("growth_factor", "1.00"),
      ("num_threads", "\(context.laneCount)"),
      ("stat_key_prefix", ":"),
      ("detail_enabled", "no"),
      ("cas_enabled", "yes"),
      ("binding_protocol", context.memcached.requiresSASL ? "binary" : "auto-negotiate"),
      ("auth_enabled_sasl", context.users.isOpen ? "no" : "yes"),
      ("auth_enabled_ascii", context.users.isOpen || context.memcached.requiresSASL ? "no" : "yes"),
      ("item_size_max", "\(limits.valueBytes)"),
      ("slab_reassign", "no"),
      ("slab_automove", "0"),
      ("lru_crawler", "no"),
      ("flush_enabled", context.memcached.allowsFlush ? "yes" : "no"),
      ("dump_enabled", "no"),
      ("lru_maintainer_thread", "no"),
      ("track_sizes", "no"),
      ("ssl_enabled", "no"),
    ]
  }

  /// Microseconds as seconds, in memcached's notation.
  private static func seconds(_ microseconds: Int) -> String {
    let fraction = "\(microseconds % 1_000_000)"
    return "\(microseconds / 1_000_000).\(String(repeating: "0", count: 6 - fraction.utf8.count))\(fraction)"
  }
}

extension ServerContext {
  /// What `stats reset` sets to 0, as memcached's does.
  fileprivate var memcachedCounts: [(String, UInt64)] {
    let sets = sum { $0.sets.value }
    let touches = sum { $0.touches.value }
    let touchHits = sum { $0.touchHits.value }
    return [
      ("total_connections", UInt64(clients.total)),
      ("rejected_connections", UInt64(clients.rejectedCount)),
      ("cmd_get", sum { $0.gets.value }),
      ("cmd_set", sets),
      ("cmd_flush", sum { $0.flushes.value }),
      ("cmd_touch", touches),
      ("get_hits", sum { $0.hits.value }),
      ("get_misses", sum { $0.misses.value }),
      ("get_expired", sum { $0.expiredReads.value }),
      ("get_flushed", 0),
      ("delete_misses", sum { $0.deleteMisses.value }),
      ("delete_hits", sum { $0.deleteHits.value }),
      ("incr_misses", sum { $0.incrementMisses.value }),
      ("incr_hits", sum { $0.incrementHits.value }),
      ("decr_misses", sum { $0.decrementMisses.value }),
      ("decr_hits", sum { $0.decrementHits.value }),
      ("cas_misses", sum { $0.casMisses.value }),
      ("cas_hits", sum { $0.casHits.value }),
      ("cas_badval", sum { $0.casMismatches.value }),
      ("touch_hits", touchHits),
      ("touch_misses", touches &- touchHits),
      ("store_too_large", sum { $0.tooLarge.value }),
      ("store_no_memory", sum { $0.outOfMemory.value }),
      ("auth_cmds", sum { $0.authentications.value }),
      ("auth_errors", sum { $0.failedAuthentications.value }),
      ("bytes_read", sum { $0.bytesRead.value }),
      ("bytes_written", sum { $0.bytesWritten.value }),
      ("conn_yields", 0),
      ("total_items", sets &- sum { $0.unstored.value }),
      ("expired_unfetched", sum { $0.expiredUnfetched.value }),
      ("evicted_unfetched", sum { $0.evictedUnfetched.value }),
      ("evictions", sum { $0.evicted.value }),
      ("reclaimed", sum { $0.expired.value }),
    ]
  }

  /// What `CONFIG GET` says of a setting.
  fileprivate func setting(_ name: String) -> String? { parameters.first { $0.name == name }?.get() }
}

extension ClientRegistry {
  /// The fields of `stats conns`.
  fileprivate var memcachedStatistics: [(String, String)] {
    all.flatMap { client in
      [
        ("\(client.id):addr", "tcp:\(client.address)"),
        ("\(client.id):listen_addr", "tcp:\(client.localAddress)"),
        ("\(client.id):state", "conn_read"),
        ("\(client.id):secs_since_last_cmd", "\(client.idleSeconds)"),
      ]
    }
  }
}
