// INFO, SLOWLOG, LATENCY, MEMORY, CONFIG and DEBUG as a client sees them.
import Martlet
import Testing

@Suite("Looking into the server")
struct ObservationTests {
  private let server = TestServer()

  /// The fields of an INFO reply, by section.
  private func info(_ client: TestClient<RESPSession>, _ sections: String = "") -> [(
    section: String, fields: [String: String]
  )] {
    let reply = client.send("INFO \(sections)\r\n")
    var parts: [(section: String, fields: [String: String])] = []
    for line in reply.split(separator: "\r\n").dropFirst() {
      if line.hasPrefix("# ") {
        parts.append((String(line.dropFirst(2)), [:]))
      } else if let colon = line.firstIndex(of: ":"), !parts.isEmpty {
        parts[parts.count - 1].fields[String(line[..<colon])] = String(line[line.index(after: colon)...])
      }
    }
    return parts
  }

  private func fields(_ client: TestClient<RESPSession>, _ section: String) -> [String: String] {
    info(client, section).first?.fields ?? [:]
  }

  // MARK: INFO

  @Test("INFO has Redis's sections, in Redis's order, one or several or all")
  func sections() {
    let client = server.redisClient()
    let usual = [
      "Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Modules", "Errorstats",
      "Cluster", "Keyspace",
    ]
    let all = [
      "Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Modules", "Commandstats",
      "Errorstats", "Latencystats", "Cluster", "Keyspace",
    ]
    #expect(info(client).map(\.section) == usual)
    #expect(info(client, "default").map(\.section) == usual)
    #expect(info(client, "all").map(\.section) == all)
    #expect(info(client, "everything").map(\.section) == all)
    #expect(info(client, "keyspace SERVER").map(\.section) == ["Server", "Keyspace"])
    #expect(info(client, "default commandstats").map(\.section) == all.filter { $0 != "Latencystats" })
    #expect(client.send("INFO nosuch\r\n") == "$0\r\n\r\n")
  }

  /// What redis_exporter, Datadog's check and telegraf's plugin read of a server without replicas, and Martlet tells.
  private static let read: [String: [String]] = [
    "Server": ["redis_version", "redis_mode", "os", "run_id", "redis_build_id", "uptime_in_seconds"],
    "Clients": [
      "connected_clients", "blocked_clients", "tracking_clients", "maxclients", "clients_in_timeout_table",
    ],
    "Memory": [
      "allocator_active", "allocator_allocated", "allocator_resident", "allocator_frag_ratio",
      "allocator_frag_bytes",
      "allocator_rss_ratio", "allocator_rss_bytes", "used_memory", "used_memory_rss", "used_memory_peak",
      "used_memory_lua", "used_memory_overhead", "used_memory_startup", "used_memory_dataset",
      "used_memory_scripts",
      "maxmemory", "maxmemory_policy", "mem_fragmentation_ratio", "mem_fragmentation_bytes",
      "mem_clients_slaves",
      "mem_not_counted_for_evict", "active_defrag_running", "total_system_memory",
    ],
    "Persistence": [
      "loading", "rdb_changes_since_last_save", "rdb_bgsave_in_progress", "rdb_last_save_time",
      "rdb_last_bgsave_status", "rdb_last_bgsave_time_sec", "rdb_last_cow_size", "aof_enabled",
      "aof_rewrite_in_progress", "aof_rewrite_scheduled", "aof_last_rewrite_time_sec", "aof_last_cow_size",
      "aof_current_size", "aof_base_size", "aof_pending_rewrite", "aof_buffer_length",
      "aof_pending_bio_fsync",
      "aof_delayed_fsync", "aof_last_bgrewrite_status", "aof_last_write_status", "module_fork_in_progress",
    ],
    "Stats": [
      "total_connections_received", "total_commands_processed", "instantaneous_ops_per_sec",
      "instantaneous_input_kbps", "instantaneous_output_kbps", "rejected_connections",
      "total_net_input_bytes",
      "total_net_output_bytes", "expired_keys", "evicted_keys", "keyspace_hits", "keyspace_misses",
      "latest_fork_usec", "migrate_cached_sockets", "slave_expires_tracked_keys", "active_defrag_hits",
      "active_defrag_misses", "active_defrag_key_hits", "active_defrag_key_misses", "sync_full",
      "sync_partial_ok",
      "sync_partial_err", "total_error_replies",
    ],
    "Replication": [
      "role", "connected_slaves", "repl_backlog_size", "repl_backlog_active",
      "repl_backlog_first_byte_offset",
      "repl_backlog_histlen", "master_repl_offset", "second_repl_offset", "master_replid",
    ],
    "CPU": ["used_cpu_sys", "used_cpu_user", "used_cpu_sys_children", "used_cpu_user_children"],
  ]

  @Test("INFO has the fields that monitoring reads, and numbers in them")
  func monitoring() {
    let client = server.redisClient()
    let texts: Set = [
      "redis_version", "redis_mode", "os", "run_id", "redis_build_id", "maxmemory_policy",
      "rdb_last_bgsave_status",
      "aof_last_bgrewrite_status", "aof_last_write_status", "role", "master_replid",
    ]
    for (section, names) in Self.read {
      let found = fields(client, section.lowercased())
      for name in names {
        guard let value = found[name] else {
          Issue.record("\(section) has no \(name)")
          continue
        }
        #expect(texts.contains(name) || Double(value) != nil, "\(name):\(value)")
      }
    }
    #expect(fields(client, "server")["run_id"]?.utf8.count == 40)
  }

  @Test("INFO keyspace counts keys and those that expire")
  func keyspace() {
    let client = server.redisClient()
    _ = client.send("SET a 1\r\nSET b 1 EX 100\r\nSELECT 3\r\nSADD s x\r\n")
    #expect(
      fields(client, "keyspace") == [
        "db0": "keys=2,expires=1,avg_ttl=0", "db3": "keys=1,expires=0,avg_ttl=0",
      ])
  }

  @Test("Calls, refusals, failures and errors are counted exactly")
  func commandStatistics() {
    let client = server.redisClient()
    for _ in 0..<50 { _ = client.send("GET k\r\n") }
    _ = client.send(
      "SET k v\r\nSADD k x\r\nSADD k y\r\nGET\r\nGET a b\r\nNOSUCH\r\nCONFIG GET *\r\nCLIENT NOSUCH\r\n")
    _ = client.send("MULTI\r\nGET k\r\nGET k\r\nEXEC\r\nMULTI\r\nGET k\r\nDISCARD\r\n")
    let found = fields(client, "commandstats")
    func counts(_ command: String) -> [String] {
      (found["cmdstat_\(command)"] ?? "").split(separator: ",").map(String.init).filter {
        !$0.hasPrefix("usec")
      }
    }
    // Those that were queued and not run don't count.
    #expect(counts("get") == ["calls=52", "rejected_calls=2", "failed_calls=0"])
    #expect(counts("set") == ["calls=1", "rejected_calls=0", "failed_calls=0"])
    #expect(counts("sadd") == ["calls=2", "rejected_calls=0", "failed_calls=2"])
    #expect(counts("config|get") == ["calls=1", "rejected_calls=0", "failed_calls=0"])
    #expect(counts("exec") == ["calls=1", "rejected_calls=0", "failed_calls=0"])
    #expect(counts("multi") == ["calls=2", "rejected_calls=0", "failed_calls=0"])
    #expect(found["cmdstat_config"] == nil)
    #expect(fields(client, "errorstats") == ["errorstat_WRONGTYPE": "count=2", "errorstat_ERR": "count=4"])
    #expect(fields(client, "stats")["total_error_replies"] == "6")
  }

  @Test("CONFIG RESETSTAT has everything begin anew")
  func resetStatistics() {
    let client = server.redisClient()
    _ = client.send("SET k v\r\nGET k\r\nGET k\r\nGET n\r\nNOSUCH\r\nHGETALL h\r\n")
    #expect(fields(client, "stats")["keyspace_hits"] == "2")
    #expect(client.send("CONFIG RESETSTAT\r\n") == "+OK\r\n")
    let found = fields(client, "stats")
    for name in [
      "keyspace_hits", "keyspace_misses", "total_error_replies", "expired_keys", "total_connections_received",
    ] {
      #expect(found[name] == "0", "\(name)")
    }
    #expect(fields(client, "errorstats") == [:])
    _ = client.send("GET k\r\n")
    #expect(fields(client, "stats")["keyspace_hits"] == "1")
    let commands = fields(client, "commandstats")
    #expect(commands["cmdstat_get"]?.hasPrefix("calls=1,") == true)
    #expect(commands["cmdstat_hgetall"] == nil)
  }

  @Test("Commands that may take long are timed each time, quick ones now and then")
  func sampling() {
    let client = server.redisClient()
    for _ in 0..<2100 { _ = client.send("GET k\r\n") }
    for _ in 0..<7 { _ = client.send("HGETALL h\r\n") }
    _ = client.send("MGET" + String(repeating: " k", count: 40) + "\r\n")
    let histogram = client.send("LATENCY HISTOGRAM get hgetall mget set nosuch\r\n")
    #expect(histogram.hasPrefix("*6\r\n$3\r\nget\r\n*4\r\n$5\r\ncalls\r\n:2\r\n$14\r\nhistogram_usec\r\n*"))
    #expect(histogram.contains("$7\r\nhgetall\r\n*4\r\n$5\r\ncalls\r\n:7\r\n$14\r\nhistogram_usec\r\n*"))
    #expect(histogram.contains("$4\r\nmget\r\n*4\r\n$5\r\ncalls\r\n:1\r\n$14\r\nhistogram_usec\r\n*2\r\n"))
    #expect(client.send("LATENCY HISTOGRAM nosuch\r\n") == "*0\r\n")
    let latencies = fields(client, "latencystats")
    #expect(latencies["latency_percentiles_usec_hgetall"]?.hasPrefix("p50=") == true)
    #expect(latencies["latency_percentiles_usec_set"] == nil)
  }

  // MARK: SLOWLOG

  @Test("SLOWLOG keeps requests as Redis does, and splits their time for who asks")
  func slowLog() {
    let client = server.redisClient()
    server.context.slowLogThreshold = 0
    _ = client.send("CLIENT SETNAME me\r\nSLOWLOG RESET\r\n")
    _ = client.send("SET key value\r\n")
    // What RESET itself took is entered when it is done.
    #expect(client.send("SLOWLOG LEN\r\n") == ":2\r\n")
    let entries = client.send("SLOWLOG GET 2\r\n")
    #expect(
      entries.contains("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n$11\r\n127.0.0.1:5\r\n$2\r\nme\r\n"))
    #expect(entries.hasPrefix("*2\r\n*6\r\n:"))
    #expect(client.send("SLOWLOG GET 1 SPLIT\r\n").hasPrefix("*1\r\n*9\r\n:"))
    #expect(client.send("SLOWLOG GET SPLIT\r\n").hasPrefix("*5\r\n*9\r\n:"))
    #expect(client.send("SLOWLOG GET 0\r\n") == "*0\r\n")
    #expect(client.send("SLOWLOG GET x\r\n") == "-ERR count should be greater than or equal to -1\r\n")
    #expect(client.send("SLOWLOG GET -2\r\n") == "-ERR count should be greater than or equal to -1\r\n")
    #expect(client.send("SLOWLOG GET -1\r\n").hasPrefix("*9\r\n"))
    server.context.slowLog.limit = 2
    #expect(client.send("SLOWLOG LEN\r\n") == ":2\r\n")
    server.context.slowLogThreshold = -1
    _ = client.send("SLOWLOG RESET\r\nHGETALL h\r\n")
    #expect(client.send("SLOWLOG LEN\r\n") == ":0\r\n")
    server.context.slowLogThreshold = 1_000_000_000
    _ = client.send("HGETALL h\r\n")
    #expect(client.send("SLOWLOG LEN\r\n") == ":0\r\n")
  }

  @Test("SLOWLOG shortens long requests as Redis does, and hides secrets")
  func slowLogWords() {
    let client = server.redisClient()
    server.context.slowLogThreshold = 0
    _ = client.send("SLOWLOG RESET\r\nSET k \(String(repeating: "v", count: 200))\r\n")
    #expect(
      client.send("SLOWLOG GET 1\r\n").contains(
        "$147\r\n\(String(repeating: "v", count: 128))... (72 more bytes)\r\n"))
    _ = client.send("DEL" + String(repeating: " k", count: 40) + "\r\n")
    let entry = client.send("SLOWLOG GET 1\r\n")
    #expect(entry.contains("*32\r\n$3\r\nDEL\r\n"))
    #expect(entry.contains("$23\r\n... (10 more arguments)\r\n"))
    _ = client.send("ACL SETUSER a >hunter2\r\n")
    let secret = client.send("SLOWLOG GET 1\r\n")
    #expect(!secret.contains("hunter2") && secret.contains("$10\r\n(redacted)\r\n"))
  }

  @Test("How long a reply waited for the disk is known once it has left")
  func diskWait() {
    let server = TestServer(durability: .always)
    let client = server.redisClient()
    server.context.slowLogThreshold = 0
    _ = client.send("SET k v\r\n")
    server.context.slowLogThreshold = -1
    let waiting = server.context.slowLog.entries
    #expect(waiting.count == 1)
    #expect(waiting.first?.diskWait == nil)
    server.store.journal.commit()
    #expect(server.context.slowLog.entries.first?.diskWait != nil)
  }

  // MARK: LATENCY

  @Test("LATENCY notes what takes as long as it is told, and forgets it")
  func latency() {
    let client = server.redisClient()
    #expect(client.send("LATENCY LATEST\r\n") == "*0\r\n")
    #expect(client.send("LATENCY HISTORY command\r\n") == "*0\r\n")
    #expect(client.send("LATENCY DOCTOR\r\n").contains("latency-monitor-threshold"))
    #expect(client.send("LATENCY GRAPH command\r\n") == "-ERR No samples available for event 'command'\r\n")
    server.context.latency.threshold = 1
    server.context.debugPermission = .yes
    _ = client.send("DEBUG SLEEP 0.005\r\n")
    let latest = client.send("LATENCY LATEST\r\n")
    #expect(latest.hasPrefix("*1\r\n*4\r\n$7\r\ncommand\r\n:"))
    #expect(client.send("LATENCY HISTORY command\r\n").hasPrefix("*1\r\n*2\r\n:"))
    #expect(client.send("LATENCY GRAPH command\r\n").contains("command - high "))
    #expect(client.send("LATENCY DOCTOR\r\n").contains("command: 1 times"))
    #expect(client.send("LATENCY RESET nosuch fast-command\r\n") == ":0\r\n")
    #expect(client.send("LATENCY RESET\r\n") == ":1\r\n")
    #expect(client.send("LATENCY LATEST\r\n") == "*0\r\n")
  }

  // MARK: MEMORY

  @Test("MEMORY")
  func memory() {
    let client = server.redisClient()
    _ = client.send("SET k \(String(repeating: "v", count: 1000))\r\n")
    let usage = client.send("MEMORY USAGE k\r\n")
    let bytes = Int(usage.dropFirst().dropLast()) ?? 0
    #expect((1000...1200).contains(bytes), "\(usage)")
    #expect(client.send("MEMORY USAGE k SAMPLES 0\r\n") == usage)
    #expect(client.send("MEMORY USAGE nosuch\r\n") == "$-1\r\n")
    #expect(client.send("MEMORY USAGE k SAMPLES\r\n") == "-ERR syntax error\r\n")
    #expect(client.send("MEMORY USAGE k SAMPLES x\r\n") == "-ERR value is not an integer or out of range\r\n")
    #expect(client.send("MEMORY USAGE k SAMPLES -1\r\n") == "-ERR syntax error\r\n")
    #expect(client.send("MEMORY PURGE\r\n") == "+OK\r\n")
    #expect(
      client.send("MULTI\r\nMEMORY PURGE\r\nMEMORY USAGE k\r\nEXEC\r\n").hasSuffix("*2\r\n+OK\r\n\(usage)"))
    #expect(client.send("MEMORY MALLOC-STATS\r\n").contains("shard 0: "))
    #expect(client.send("MEMORY STATS\r\n").contains("$10\r\nkeys.count\r\n:1\r\n"))
  }

  // MARK: CONFIG and DEBUG

  @Test("CONFIG SET changes all settings or none")
  func configSet() {
    let client = server.redisClient()
    let values = Values()
    server.context.parameters =
      ["one", "two"].map { name in
        ConfigParameter(name, get: { values.get(name) }, set: { values.set(name, $0) })
      } + [ConfigParameter("fixed") { "here" }]
    #expect(client.send("CONFIG SET one 1 two 2\r\n") == "+OK\r\n")
    #expect(
      client.send("CONFIG SET one 5 two bad\r\n")
        == "-ERR CONFIG SET failed (possibly related to argument 'two') - it is bad\r\n")
    #expect(client.send("CONFIG GET one two\r\n") == "*4\r\n$3\r\none\r\n$1\r\n1\r\n$3\r\ntwo\r\n$1\r\n2\r\n")
    #expect(
      client.send("CONFIG SET one 5 ONE 6\r\n")
        == "-ERR CONFIG SET failed (possibly related to argument 'one') - duplicate parameter\r\n")
    #expect(
      client.send("CONFIG SET one 5 nosuch 6\r\n")
        == "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'\r\n")
    #expect(
      client.send("CONFIG SET one 5 fixed 6\r\n")
        == "-ERR CONFIG SET failed (possibly related to argument 'fixed') - can't set immutable config\r\n")
    #expect(
      client.send("CONFIG SET one\r\n") == "-ERR wrong number of arguments for 'config|set' command\r\n")
    #expect(
      client.send("CONFIG SET one 1 two\r\n") == "-ERR syntax error\r\n"
    )
    #expect(values.get("one") == "1")
    #expect(
      client.send("CONFIG GET t* nosuch f*d\r\n")
        == "*4\r\n$3\r\ntwo\r\n$1\r\n2\r\n$5\r\nfixed\r\n$4\r\nhere\r\n")
    #expect(client.send("CONFIG GET nosuch\r\n") == "*0\r\n")
    #expect(client.send("CONFIG REWRITE\r\n") == "-ERR The server is running without a config file\r\n")
  }

  private final class Values: Sendable {
    private let values = Guarded<[String: String]>([:])

    func get(_ name: String) -> String { values.withLock { $0[name] ?? "" } }

    func set(_ name: String, _ value: String) -> String? {
      if value == "bad" { return "it is bad" }
      values.withLock { $0[name] = value }
      return nil
    }
  }

  @Test("DEBUG is only there when it is allowed")
  func debug() {
    let client = server.redisClient()
    #expect(client.send("DEBUG SLEEP 0\r\n").hasPrefix("-ERR DEBUG command not allowed."))
    server.context.debugPermission = .yes
    _ = client.send("SADD s a\r\n")
    #expect(client.send("DEBUG SLEEP 0\r\n") == "+OK\r\n")
    #expect(client.send("DEBUG SLEEP x\r\n") == "-ERR value is not a valid float\r\n")
    #expect(client.send("DEBUG OBJECT s\r\n").hasPrefix("+Value at:0x0 refcount:1 encoding:"))
    #expect(client.send("DEBUG OBJECT nosuch\r\n") == "-ERR no such key\r\n")
    #expect(client.send("DEBUG SET-ACTIVE-EXPIRE 0\r\n") == "+OK\r\n")
    #expect(
      client.send("DEBUG NOSUCH\r\n")
        == "-ERR unknown subcommand or wrong number of arguments for 'NOSUCH'. Try DEBUG HELP.\r\n")
  }

  @Test("Without active expiry the sweeper deletes nothing")
  func activeExpiry() {
    let client = server.redisClient()
    server.context.debugPermission = .yes
    var sweeper = Sweeper(server.store, server.context, seed: 1)
    _ = client.send("SET k v PX 10\r\nDEBUG SET-ACTIVE-EXPIRE 0\r\n")
    server.store.clock.advance(milliseconds: 100)
    for _ in 0..<20 { sweeper.sweep(nanoseconds: 1_000_000) }
    #expect(client.send("DBSIZE\r\n") == ":1\r\n")
    _ = client.send("DEBUG SET-ACTIVE-EXPIRE 1\r\n")
    for _ in 0..<20 { sweeper.sweep(nanoseconds: 1_000_000) }
    #expect(client.send("DBSIZE\r\n") == ":0\r\n")
  }

  // MARK: COMMAND and HELP

  @Test(
    "HELP names every subcommand, in a transaction as well",
    arguments: ["ACL", "CLIENT", "COMMAND", "CONFIG", "LATENCY", "MEMORY", "SLOWLOG"])
  func help(_ name: String) {
    let client = server.redisClient()
    let help = client.send("\(name) HELP\r\n")
    for declaration in CommandDeclaration.all where declaration.name.hasPrefix(name + " ") {
      #expect(help.contains("+" + declaration.name.dropFirst(name.count + 1)), "\(declaration.name)")
    }
    #expect(
      client.send("\(name) HELP x\r\n")
        == "-ERR wrong number of arguments for '\(name.lowercased())|help' command\r\n")
    #expect(client.send("MULTI\r\n\(name) HELP\r\nEXEC\r\n") == "+OK\r\n+QUEUED\r\n*1\r\n\(help)")
  }

  @Test("COMMAND GETKEYS and GETKEYSANDFLAGS")
  func keys() {
    let client = server.redisClient()
    func bulk(_ text: String) -> String { "$\(text.utf8.count)\r\n\(text)\r\n" }
    func flagged(_ key: String, _ flags: String...) -> String {
      "*2\r\n" + bulk(key) + "*\(flags.count)\r\n" + flags.map { "+\($0)\r\n" }.joined()
    }
    for (request, reply) in [
      ("COMMAND GETKEYS GET a", "*1\r\n" + bulk("a")),
      ("COMMAND GETKEYS MSET a 1 b 2", "*2\r\n" + bulk("a") + bulk("b")),
      ("COMMAND GETKEYS MEMORY USAGE k", "*1\r\n" + bulk("k")),
      ("COMMAND GETKEYS PING x", "-ERR The command has no key arguments\r\n"),
      ("COMMAND GETKEYS NOSUCH x", "-ERR Invalid command specified\r\n"),
      ("COMMAND GETKEYS GET a b", "-ERR Invalid number of arguments specified for command\r\n"),
      ("COMMAND GETKEYSANDFLAGS GET a", "*1\r\n" + flagged("a", "RO", "access")),
      ("COMMAND GETKEYSANDFLAGS SET a 1", "*1\r\n" + flagged("a", "OW", "update")),
      ("COMMAND GETKEYSANDFLAGS SET a 1 GET", "*1\r\n" + flagged("a", "RW", "access", "update")),
      (
        "COMMAND GETKEYSANDFLAGS COPY a b",
        "*2\r\n" + flagged("a", "RO", "access") + flagged("b", "OW", "update")
      ),
      ("COMMAND INFO nosuch", "*1\r\n$-1\r\n"),
    ] {
      #expect(client.send(request + "\r\n") == reply, "\(request)")
    }
  }

  @Test("ROLE")
  func role() {
    #expect(server.redisClient().send("ROLE\r\n") == "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n")
  }
}
