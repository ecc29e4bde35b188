// What CONFIG GET shows and CONFIG SET changes: the settings under Redis's names, where they mean the same, and under our
// own elsewhere. What can't change while the server runs says so, and how it is set instead.
import Logging
import Martlet

extension ConfigParameter {
  /// One that nobody can change.
  fileprivate static func fixed(_ name: String, _ value: String) -> ConfigParameter {
    ConfigParameter(name) { value }
  }

  /// One that can be changed in Redis, and is taken here as it is, since clients set it to be sure.
  ///
  /// - Parameter reason: why another value isn't.
  fileprivate static func settled(_ name: String, _ value: String, _ reason: String) -> ConfigParameter {
    ConfigParameter(name, get: { value }, set: { $0 == value ? nil : reason })
  }

  /// How a setting is written to the configuration file; nil for none.
  private static func rewriting(
    _ setting: Setting?, _ text: @escaping @Sendable () -> String
  ) -> (@Sendable () -> (key: String, value: String))? {
    guard let key = setting?.key else { return nil }
    return { (key, text()) }
  }

  /// A number.
  ///
  /// - Parameter setting: what it is in the configuration file; nil for what can't be there.
  fileprivate static func number(
    _ name: String, _ range: ClosedRange<Int64>, _ setting: Setting? = nil,
    get: @escaping @Sendable () -> Int64, set: @escaping @Sendable (Int64) -> Void
  ) -> ConfigParameter {
    ConfigParameter(
      name, get: { "\(get())" },
      set: { value in
        guard let number = Int64(value) else { return "argument couldn't be parsed into an integer" }
        guard range.contains(number) else {
          return "argument must be between \(range.lowerBound) and \(range.upperBound) inclusive"
        }
        set(number)
        return nil
      }, rewritten: rewriting(setting) { "\(get())" })
  }

  /// How many entries a packed collection may have.
  fileprivate static func entries(
    _ name: String, _ limits: PackingLimits, _ setting: Setting?
  ) -> ConfigParameter {
    number(name, 0...Int64(CollectionLimits.maximumEntries), setting) {
      Int64(limits.entries)
    } set: {
      limits.entries = Int($0)
    }
  }

  /// How many bytes each of them may have.
  fileprivate static func valueBytes(
    _ name: String, _ limits: PackingLimits, _ setting: Setting?
  ) -> ConfigParameter {
    ConfigParameter(
      name, get: { "\(limits.valueBytes)" },
      set: { value in
        let most = CollectionLimits.maximumValueBytes
        guard let bytes = ByteSize.parse(value), (0...most).contains(bytes) else {
          return "argument must be between 0 and \(most) inclusive"
        }
        limits.valueBytes = bytes
        return nil
      }, rewritten: rewriting(setting) { ByteSize.text(limits.valueBytes) })
  }

  /// How large a packed list may be.
  fileprivate static func listSize(
    _ name: String, _ limits: ListLimits, _ setting: Setting?
  ) -> ConfigParameter {
    ConfigParameter(
      name, get: { "\(limits.number)" },
      set: { value in
        guard let number = Int(value) else { return "argument couldn't be parsed into an integer" }
        let sizes = CollectionLimits.listSizes
        guard sizes.contains(number), number != 0 else {
          return "argument must be between \(sizes.lowerBound) and \(sizes.upperBound) inclusive, and not 0"
        }
        limits.number = number
        return nil
      }, rewritten: rewriting(setting) { "\(limits.number)" })
  }

  /// Up to where collections are packed, under the names of today and those from before Redis 7.
  fileprivate static func packing(_ packing: PackingSettings) -> [ConfigParameter] {
    [
      entries("hash-max-listpack-entries", packing.hashes, .hashMaxEntries),
      entries("hash-max-ziplist-entries", packing.hashes, nil),
      valueBytes("hash-max-listpack-value", packing.hashes, .hashMaxValue),
      valueBytes("hash-max-ziplist-value", packing.hashes, nil),
      entries("set-max-listpack-entries", packing.sets, .setMaxEntries),
      valueBytes("set-max-listpack-value", packing.sets, .setMaxValue),
      entries("zset-max-listpack-entries", packing.sortedSets, .sortedSetMaxEntries),
      entries("zset-max-ziplist-entries", packing.sortedSets, nil),
      valueBytes("zset-max-listpack-value", packing.sortedSets, .sortedSetMaxValue),
      valueBytes("zset-max-ziplist-value", packing.sortedSets, nil),
      listSize("list-max-listpack-size", packing.lists, .listMaxSize),
      listSize("list-max-ziplist-size", packing.lists, nil),
    ]
  }

  /// The password of the user `default`. It is kept as a digest, so it can't be shown.
  fileprivate static func requiredPassword(_ context: ServerContext) -> ConfigParameter {
    ConfigParameter(
      "requirepass", isSecret: true, get: { context.users.defaultTakesAnyPassword ? "" : "(hidden)" },
      set: { value in
        let rules = value.isEmpty ? ["nopass"] : ["resetpass", ">\(value)"]
        do {
          _ = try context.users.change(Array("default".utf8), rules.map { Array($0.utf8) })
          return nil
        } catch {
          return "the password couldn't be set"
        }
      })
  }
}

extension Server {
  /// All of them, for a server that runs.
  func parameters(
    _ context: ServerContext, _ store: StoreCore, _ patience: Patience, _ transport: any Transport
  ) -> [ConfigParameter] {
    let (settings, ownFiles) = (settings, ownFiles)
    let parameters: [ConfigParameter] = [
      .fixed("aclfile", context.usersPath ?? ""),
      .number("acllog-max-len", 0...Int64(Int32.max)) {
        Int64(context.accessLog.limit)
      } set: {
        context.accessLog.limit = Int($0)
      },
      .fixed("appendfilename", DatabaseFile.name),
      .settled(
        "appendfsync", settings.durability == .never ? "no" : settings.durability.rawValue,
        "it is set when the server is started (\(Setting.durability.option)), and by CLIENT DURABILITY for one client"
      ),
      .settled("appendonly", "yes", "all changes are written to \(DatabaseFile.name)"),
      ConfigParameter(
        "auto-aof-rewrite-min-size", get: { "\(store.checkpointer.policy.minimumBytes)" },
        set: { value in
          guard let bytes = ByteSize.parse(value), bytes > 0 else { return "argument must be a memory value" }
          store.checkpointer.policy.minimumBytes = bytes
          return nil
        },
        rewritten: { (Setting.checkpointMinSize.key, ByteSize.text(store.checkpointer.policy.minimumBytes)) }),
      .number("auto-aof-rewrite-percentage", 0...100_000, .checkpointGrowth) {
        Int64(store.checkpointer.policy.growthPercent)
      } set: {
        store.checkpointer.policy.growthPercent = Int($0)
      },
      .fixed("bind", settings.host.joined(separator: " ")),
      ConfigParameter(
        "client-output-buffer-limit", get: { context.outputLimits.text },
        set: { value in
          guard value.split(separator: " ").count % 4 == 0 else {
            return "Wrong number of arguments in buffer limit configuration."
          }
          guard context.outputLimits.set(value, parseSize: ByteSize.parse) else {
            return "Error in hard, soft or soft_seconds setting in buffer limit configuration."
          }
          return nil
        }, rewritten: { (Setting.outputLimits.key, context.outputLimits.text) }),
      .fixed("client-query-buffer-limit", "\(Limits.requestBytes)"),
      .fixed("cluster-enabled", "no"),
      .fixed("databases", "\(settings.databases)"),
      .fixed("dbfilename", DatabaseFile.name),
      .fixed("dir", settings.dataFolder),
      .fixed("enable-debug-command", settings.debugCommand.rawValue),
      .fixed("hz", "\(ServerContext.sweepsInSecond)"),
      .fixed("io-threads", "\(settings.threads)"),
      .number("latency-monitor-threshold", 0...Int64(Int32.max), .latencyThreshold) {
        context.latency.threshold
      } set: {
        context.latency.threshold = $0
      },
      .fixed("latency-tracking", "yes"),
      .fixed("latency-tracking-info-percentiles", "50 99 99.9"),
      ConfigParameter(
        "log-commands", get: { context.logsCommands ? "yes" : "no" },
        set: { value in
          guard let isOn = ["yes": true, "no": false][value] else { return "argument must be 'yes' or 'no'" }
          context.logsCommands = isOn
          return nil
        }, rewritten: { (Setting.logCommands.key, context.logsCommands ? "yes" : "no") }),
      .settled(
        "loglevel", settings.logLevel.rawValue,
        "it is set when the server is started (\(Setting.logLevel.option))"),
      .fixed("max-key-bytes", "\(settings.maxKeyBytes ?? SessionLimits.redis.keyBytes)"),
      .fixed("max-value-bytes", "\(settings.maxValueBytes ?? SessionLimits.redis.valueBytes)"),
      ConfigParameter(
        "maxclients", get: { "\(context.clients.limit)" },
        set: { value in
          guard let number = Int(value), (1...Setting.mostConnections).contains(number) else {
            return "argument must be between 1 and \(Setting.mostConnections) inclusive"
          }
          let allowed = Sockets.allowFiles(number + ownFiles) - ownFiles
          guard allowed >= number else {
            return
              "The operating system is not able to handle the specified number of clients, try with \(allowed)"
          }
          context.clients.limit = number
          return nil
        }, rewritten: { (Setting.maxConnections.key, "\(context.clients.limit)") }),
      ConfigParameter(
        "maxmemory", get: { "\(context.memoryLimit)" },
        set: { value in
          guard let bytes = ByteSize.parse(value), bytes >= 0 else {
            return "argument must be a memory value"
          }
          context.memoryLimit = bytes
          return nil
        }, rewritten: { (Setting.memoryLimit.key, ByteSize.text(context.memoryLimit)) }),
      ConfigParameter(
        "maxmemory-policy", get: { context.evictionPolicy.redisName },
        set: { value in
          guard let policy = EvictionPolicy(redisName: value) else {
            let names = EvictionPolicy.allCases.map(\.redisName).joined(separator: ", ")
            return "argument(s) must be one of the following: \(names)"
          }
          context.evictionPolicy = policy
          return nil
        }, rewritten: { (Setting.evict.key, context.evictionPolicy.rawValue) }),
      .fixed("memcached-auth-file", settings.memcachedAuthFile ?? ""),
      .fixed("memcached-port", "\(settings.memcachedPort)"),
      .fixed("memcached-sasl", settings.memcachedSASL ? "yes" : "no"),
      ConfigParameter(
        "notify-keyspace-events", get: { context.eventClasses.text },
        set: { value in
          guard let classes = KeyEventClasses(letters: value) else { return KeyEventClasses.problem }
          context.eventClasses = classes
          return nil
        }, rewritten: { (Setting.keyEvents.key, context.eventClasses.text) }),
      .fixed("port", "\(settings.port)"),
      .fixed("proto-max-bulk-len", "\(settings.maxValueBytes ?? SessionLimits.redis.valueBytes)"),
      .fixed("protected-mode", settings.protectedMode ? "yes" : "no"),
      .requiredPassword(context),
      .settled(
        "save", "",
        "there are no snapshots: auto-aof-rewrite-percentage and auto-aof-rewrite-min-size say when the file is rewritten"
      ),
      .number("slowlog-log-slower-than", -1...1_000_000_000, .slowLogThreshold) {
        context.slowLog.threshold
      } set: {
        context.slowLogThreshold = $0
      },
      .number("slowlog-max-len", 0...100_000, .slowLogLength) {
        Int64(context.slowLog.limit)
      } set: {
        context.slowLog.limit = Int($0)
      },
      .fixed("tcp-backlog", "\(settings.backlog)"),
      ConfigParameter(
        "timeout", get: { "\(patience.idle / 1_000_000_000)" },
        set: { value in
          guard let seconds = Int64(value) else { return "argument couldn't be parsed into an integer" }
          guard (0...Int64(Int32.max)).contains(seconds) else {
            return "argument must be between 0 and \(Int32.max) inclusive"
          }
          patience.idle = seconds * 1_000_000_000
          transport.patienceChanged()
          return nil
        },
        rewritten: {
          let seconds = patience.idle / 1_000_000_000
          return (Setting.idleTimeout.key, seconds == 0 ? "0" : "\(seconds)s")
        }),
      .number("tracking-table-max-keys", 0...Int64(Int32.max), .trackedKeys) {
        context.tracking.maximumKeys == .max ? 0 : Int64(context.tracking.maximumKeys)
      } set: {
        context.tracking.maximumKeys = $0 == 0 ? .max : Int($0)
      },
      .fixed("unixsocket", settings.unixSocket ?? ""),
      .fixed("unixsocketperm", String(settings.unixSocketMode, radix: 8)),
      .fixed("write-timeout", "\(settings.writeTimeout.components.seconds)"),
    ]
    return (parameters + ConfigParameter.packing(store.keyspace.packing)).sorted { $0.name < $1.name }
  }
}
