// memcached's `stats`: what it counts, by memcached's names.

extension MemcachedSession {
  func statistics(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome {
    if words.count == 1 {
      let start = execution.reply.buffer.count
      execution.beginReply()
      for (name, value) in execution.memcachedStatistics() {
        execution.reply.buffer.append("STAT ")
        execution.reply.buffer.append(text: name)
        execution.reply.buffer.append(byte: UInt8(ascii: " "))
        execution.reply.buffer.append(text: value)
        execution.reply.buffer.append("\r\n")
      }
      _ = error("END", end, &execution)
      execution.endReply(from: start)
      return .done(end: end)
    }
    if words[1].equalsExactly("reset") { return error("RESET", end, &execution) }
    if words[1].equalsExactly("settings") {
      let settings: [(String, Int)] = [
        ("maxbytes", execution.context.memoryLimit),
        ("item_size_max", state.limits.valueBytes),
      ]
      for (name, value) in settings { execution.reply.buffer.append(text: "STAT \(name) \(value)\r\n") }
      return error("END", end, &execution)
    }
    // These tell of memcached's own inside, of which there is nothing here.
    let isKnown =
      words[1].equalsExactly("items") || words[1].equalsExactly("slabs") || words[1].equalsExactly("sizes")
      || words[1].equalsExactly("conns")
    return error(isKnown ? "END" : "ERROR", end, &execution)
  }
}

extension Execution {
  /// The fields of `stats`, by memcached's names.
  fileprivate mutating func memcachedStatistics() -> [(String, String)] {
    let now = WallClock.systemMicroseconds() / 1_000_000
    var items = 0
    for shard in 0..<keyspace.shardCount {
      keyspace.lock(shard)
      items += keyspace[shard].shard.count(0)
      showAll(shard)
      keyspace.unlock(shard)
    }
    let counts: [(String, UInt64)] = [
      ("cmd_get", context.sum { $0.gets.value }),
      ("cmd_set", context.sum { $0.sets.value }),
      ("cmd_flush", context.sum { $0.flushes.value }),
      ("cmd_touch", context.sum { $0.touches.value }),
      ("get_hits", context.sum { $0.hits.value }),
      ("get_misses", context.sum { $0.misses.value }),
      ("delete_misses", context.sum { $0.deleteMisses.value }),
      ("delete_hits", context.sum { $0.deleteHits.value }),
      ("incr_misses", context.sum { $0.incrementMisses.value }),
      ("incr_hits", context.sum { $0.incrementHits.value }),
      ("decr_misses", context.sum { $0.decrementMisses.value }),
      ("decr_hits", context.sum { $0.decrementHits.value }),
      ("cas_misses", context.sum { $0.casMisses.value }),
      ("cas_hits", context.sum { $0.casHits.value }),
      ("cas_badval", context.sum { $0.casMismatches.value }),
      ("touch_hits", context.sum { $0.touchHits.value }),
      ("touch_misses", context.sum { $0.touches.value &- $0.touchHits.value }),
      ("bytes_read", context.sum { $0.bytesRead.value }),
      ("bytes_written", context.sum { $0.bytesWritten.value }),
      ("threads", UInt64(context.laneCount)),
      ("total_items", context.sum { $0.sets.value }),
      ("limit_maxbytes", UInt64(context.memoryLimit)),
      ("bytes", UInt64(keyspace.residentBytes)),
      ("curr_items", UInt64(items)),
      ("evictions", context.sum { $0.evicted.value }),
      ("evicted_unfetched", context.sum { $0.evictedUnfetched.value }),
      ("expired_unfetched", context.sum { $0.expiredUnfetched.value }),
      // What has expired is freed and used again.
      ("reclaimed", context.sum { $0.expired.value }),
    ]
    return [
      ("pid", "\(ProcessFacts.identifier)"),
      ("uptime", "\(now - context.startTime / 1000)"),
      ("time", "\(now)"),
      ("version", Memcached.version),
      ("pointer_size", "64"),
      ("curr_connections", "\(context.clients.count)"),
      ("total_connections", "\(context.clients.total)"),
    ] + counts.map { ($0.0, "\($0.1)") }
  }
}
