// memcached's commands for its own administration. Here are no slabs to move, no lists to tune and no crawler to steer,
// so most of them are answered as by a memcached that was started without these things.

extension MemcachedSession {
  /// Runs a command that isn't about keys.
  @inline(never)
  mutating func administer(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome {
    let name = words[0]
    if name.equalsExactly("stats") { return statistics(words, end, &execution) }
    if name.equalsExactly("version") {
      execution.reply.buffer.append("VERSION ")
      execution.reply.buffer.append(text: Memcached.version)
      execution.reply.buffer.append("\r\n")
      return .done(end: end)
    }
    if name.equalsExactly("verbosity") { return verbosity(words, end, &execution) }
    if name.equalsExactly("cache_memlimit") { return limitMemory(words, end, &execution) }
    if name.equalsExactly("lru_crawler") { return crawler(words, end, &execution) }
    if name.equalsExactly("lru") { return lists(words, end, &execution) }
    if name.equalsExactly("slabs") { return slabs(words, end, &execution) }
    if name.equalsExactly("watch") { return beginWatching(words, end, &execution) }
    if name.equalsExactly("shutdown") { return shutdown(words, end, &execution) }
    if name.equalsExactly("refresh_certs") { return error("Error TLS not enabled", end, &execution) }
    if name.equalsExactly("quit") || words.isHTTP { return .close }
    return error("ERROR", end, &execution)
  }

  private func shutdown(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome {
    guard execution.context.memcached.allowsShutdown else {
      return error("ERROR: shutdown not enabled", end, &execution)
    }
    guard words.count == 1 || words.count == 2 && words[1].equalsExactly("graceful") else {
      return error("CLIENT_ERROR invalid shutdown mode", end, &execution)
    }
    execution.context.requestStop()
    return .close
  }

  /// There is nothing to tell more or less of; the number is checked all the same.
  private func verbosity(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome {
    guard words.count == 2 || words.count == 3 else { return error("ERROR", end, &execution) }
    let isNumber = words[1].memcachedUnsigned != nil
    return answer(
      isNumber ? "OK" : "CLIENT_ERROR bad command line format", end, isQuiet: words.isQuiet, &execution)
  }

  /// `cache_memlimit MEBIBYTES`.
  private func limitMemory(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome {
    let least = 8
    guard words.count == 2 || words.count == 3 else { return error("ERROR", end, &execution) }
    let isQuiet = words.isQuiet
    guard let mebibytes = words[1].memcachedUnsigned, mebibytes <= UInt64(UInt32.max) else {
      return answer("ERROR", end, isQuiet: isQuiet, &execution)
    }
    guard mebibytes >= least else {
      return answer(
        "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m", end, isQuiet: isQuiet, &execution)
    }
    execution.context.memoryLimit = Int(mebibytes) << 20
    return answer("OK", end, isQuiet: isQuiet, &execution)
  }

  /// What has expired is always deleted in the background, at a pace of its own: see `Sweeper`.
  private func crawler(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome {
    switch words.count {
    case 2 where words[1].equalsExactly("enable") || words[1].equalsExactly("disable"):
      return error("OK", end, &execution)
    case 3 where words[1].equalsExactly("crawl") || words[1].equalsExactly("metadump"):
      return error("CLIENT_ERROR lru crawler disabled", end, &execution)
    case 3 where words[1].equalsExactly("sleep"):
      guard let microseconds = words[2].memcachedUnsigned else {
        return error("CLIENT_ERROR bad command line format", end, &execution)
      }
      return error(
        microseconds > 1_000_000 ? "CLIENT_ERROR sleep must be one second or less" : "OK", end, &execution)
    case 3 where words[1].equalsExactly("tocrawl"):
      let isNumber = words[2].memcachedUnsigned != nil
      return error(isNumber ? "OK" : "CLIENT_ERROR bad command line format", end, &execution)
    default: return error("ERROR", end, &execution)
    }
  }

  private func lists(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome {
    let isQuiet = words.isQuiet
    guard words.count >= 6, words[1].equalsExactly("tune"), let hot = words[2].memcachedUnsigned,
      let warm = words[3].memcachedUnsigned, let hotFactor = Double(words[4].text),
      let warmFactor = Double(words[5].text)
    else { return answer("ERROR", end, isQuiet: isQuiet, &execution) }
    if hot > 80 || warm > 80 || hot + warm > 80 {
      return answer("ERROR hot and warm pcts must not exceed 80", end, isQuiet: isQuiet, &execution)
    }
    if hotFactor <= 0 || warmFactor <= 0 {
      return answer("ERROR hot/warm max factors must be greater than 0", end, isQuiet: isQuiet, &execution)
    }
    return answer("OK", end, isQuiet: isQuiet, &execution)
  }

  private func slabs(_ words: borrowing Words, _ end: Int, _ execution: inout Execution) -> Outcome {
    if words.count == 4 && words[1].equalsExactly("reassign") {
      return error("CLIENT_ERROR slab reassignment disabled", end, &execution)
    }
    guard words.count >= 3 && words[1].equalsExactly("automove") else {
      return error("ERROR", end, &execution)
    }
    let isQuiet = words.isQuiet
    if words[2].equalsExactly("ratio") {
      let isRatio = words.count > 3 && Double(words[3].text) != nil
      return answer(isRatio ? "OK" : "ERROR", end, isQuiet: isQuiet, &execution)
    }
    guard let level = words[2].memcachedUnsigned else {
      return answer("CLIENT_ERROR bad command line format", end, isQuiet: isQuiet, &execution)
    }
    return answer(level <= 2 ? "OK" : "ERROR", end, isQuiet: isQuiet, &execution)
  }
}

extension Words {
  /// Whether a browser asks, or somebody who has one ask: memcached closes then, so that a web page can't have it run
  /// the lines that follow. By experiment: the last word says so, and the first isn't like one of its own commands.
  fileprivate var isHTTP: Bool {
    guard self[count - 1].begins(with: "HTTP/"), self[0].byteCount > 1 else { return false }
    return switch self[0].byte(0) {
    case UInt8(ascii: "a"), UInt8(ascii: "c"), UInt8(ascii: "d"), UInt8(ascii: "g"), UInt8(ascii: "i"),
      UInt8(ascii: "m"), UInt8(ascii: "s"), UInt8(ascii: "t"):
      false
    default: true
    }
  }
}
