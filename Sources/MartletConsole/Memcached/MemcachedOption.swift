// memcached's own options, one entry each, and what they come to here. Names and arguments are those of memcached 1.6's
// `memcached -h`, and of the releases after 1.6.18 as its doc and release notes have them.

/// An option of memcached.
struct MemcachedOption {
  /// What becomes of it.
  enum Meaning {
    case port, unixSocket, unixMode, listen, memory, noEviction, connections, threads, itemSize, udpPort
    case authFile, sasl, shutdown, noFlush, noDump, noWatch, verbose, background, pidFile, user, backlog,
      extended
    case help, version, license
    /// It has no meaning here, and is missed by nobody.
    case ignored
    /// To do without it silently would do harm: why, and what to do instead.
    case refused(String)
  }

  let letter: Character
  let name: String
  let takesValue: Bool
  let meaning: Meaning

  init(_ letter: Character, _ name: String, _ takesValue: Bool, _ meaning: Meaning) {
    self.letter = letter
    self.name = name
    self.takesValue = takesValue
    self.meaning = meaning
  }

  static let noTLS = "there is no TLS here: leave it out and have a proxy such as stunnel or haproxy do it"

  static let all: [MemcachedOption] = [
    .init("A", "enable-shutdown", false, .shutdown),
    .init("B", "protocol", true, .ignored),
    .init("C", "disable-cas", false, .ignored),
    .init("D", "", true, .ignored),
    .init("F", "disable-flush-all", false, .noFlush),
    .init("I", "max-item-size", true, .itemSize),
    .init("L", "enable-largepages", false, .ignored),
    .init("M", "disable-evictions", false, .noEviction),
    .init("N", "napi_ids", true, .ignored),
    .init("P", "pidfile", true, .pidFile),
    .init("R", "max-reqs-per-event", true, .ignored),
    .init("S", "enable-sasl", false, .sasl),
    .init("U", "udp-port", true, .udpPort),
    .init("V", "version", false, .version),
    .init("W", "disable-watch", false, .noWatch),
    .init("X", "disable-dumping", false, .noDump),
    .init("Y", "auth-file", true, .authFile),
    .init("Z", "enable-ssl", false, .refused(noTLS)),
    .init("a", "unix-mask", true, .unixMode),
    .init("b", "listen-backlog", true, .backlog),
    .init("c", "conn-limit", true, .connections),
    .init("d", "daemon", false, .background),
    .init(
      "e", "memory-file", true,
      .refused("nothing is lost at a restart here, and the data is in the folder of --data: leave it out")),
    .init("f", "slab-growth-factor", true, .ignored),
    .init("h", "help", false, .help),
    .init("i", "license", false, .license),
    .init("k", "lock-memory", false, .ignored),
    .init("l", "listen", true, .listen),
    .init("m", "memory-limit", true, .memory),
    .init("n", "slab-min-size", true, .ignored),
    .init("o", "extended", true, .extended),
    .init("p", "port", true, .port),
    .init("r", "enable-coredumps", false, .ignored),
    .init("s", "unix-socket", true, .unixSocket),
    .init("t", "threads", true, .threads),
    .init("u", "user", true, .user),
    .init("v", "verbose", false, .verbose),
  ]

  /// The words of `-o` that tune what is memcached's own. A word may have `no_` before it.
  static let ignoredWords: Set<String> = [
    "drop_privileges", "ext_compact_under", "ext_drop_under", "ext_drop_unread", "ext_item_age",
    "ext_item_size",
    "ext_low_ttl", "ext_max_frag", "ext_max_sleep", "ext_page_size", "ext_recache_rate", "ext_threads",
    "ext_wbuf_size", "hash_algorithm", "hashexpand", "hashpower", "hot_lru_pct", "hot_max_factor",
    "inline_ascii_resp", "lru_crawler", "lru_crawler_sleep", "lru_crawler_tocrawl", "lru_maintainer",
    "maxconns_fast",
    "meta_response_old", "modern", "chunked_items", "read_buf_mem_limit", "relaxed_privileges",
    "resp_obj_mem_limit",
    "slab_automove", "slab_automove_freeratio", "slab_automove_ratio", "slab_automove_window",
    "slab_chunk_max",
    "slab_reassign", "slab_sizes", "sock_cookie_id", "tail_repair_time", "temp_lru", "temporary_ttl",
    "track_sizes",
    "warm_lru_pct", "warm_max_factor", "watcher_logbuf_size", "worker_logbuf_size",
  ]

  /// Why a word of `-o` is refused; nil if it isn't.
  static func refusal(ofWord word: String) -> String? {
    if word.hasPrefix("ssl_") { return noTLS }
    switch word {
    case "ext_path":
      return
        "values are kept in memory here, and in the database file: leave it out, and give -m what they need"
    case "proxy_config", "proxy_arg", "proxy_uring":
      return "there is no proxy here: run memcached's own for that"
    default: return nil
    }
  }
}
