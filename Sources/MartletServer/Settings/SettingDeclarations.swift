// All the settings, one declaration each, in the order of the help.
import Martlet

extension Setting {
  /// What ``Settings/host`` is set by.
  public static let host = Setting(
    "host", \.host, .hosts,
    "The addresses or host names to listen on, separated by commas; the option can be repeated instead")
  /// What ``Settings/port`` is set by.
  public static let port = Setting(
    "port", \.port, .number("port", in: 0...65535),
    "The port of the Redis protocol; 0 turns it off")
  /// What ``Settings/memcachedPort`` is set by.
  public static let memcachedPort = Setting(
    "memcached-port", \.memcachedPort, .number("port", in: 0...65535),
    "The port of the memcached protocol; 0 turns it off")
  /// What ``Settings/listen`` is set by.
  public static let listen = Setting(
    "listen", \.listen, .addresses, unset: "what host and port say",
    "Where the Redis protocol listens, if not at host and port")
  /// What ``Settings/memcachedListen`` is set by.
  public static let memcachedListen = Setting(
    "memcached-listen", \.memcachedListen, .addresses, unset: "what host and memcached-port say",
    "Where the memcached protocol listens, if not at host and memcached-port")
  /// What ``Settings/unixSocket`` is set by.
  public static let unixSocket = Setting(
    "unix-socket", \.unixSocket, .socket, unset: "none",
    "A Unix socket for the Redis protocol, besides the port")
  /// What ``Settings/memcachedUnixSocket`` is set by.
  public static let memcachedUnixSocket = Setting(
    "memcached-unix-socket", \.memcachedUnixSocket, .socket, unset: "none",
    "A Unix socket for the memcached protocol, besides the port")
  /// What ``Settings/unixSocketMode`` is set by.
  public static let unixSocketMode = Setting(
    "unix-socket-mode", \.unixSocketMode, .mode,
    "The permissions of the Unix sockets; a client has to be allowed to write")
  /// What ``Settings/backlog`` is set by.
  public static let backlog = Setting(
    "backlog", \.backlog, .number(in: 1...65535),
    "How many clients the system keeps until they are accepted, if it allows that many (net.core.somaxconn)")
  /// What ``Settings/dataFolder`` is set by.
  public static let data = Setting(
    "data", \.dataFolder, .folder,
    "The folder that holds database.txt; it is created if it is missing")
  /// What ``Settings/durability`` is set by.
  public static let durability = Setting(
    "durability", \.durability, .choice("when"),
    "When a write is on disk: always is before its reply, everysec within about a second, never when the system likes"
  )
  /// What ``Settings/checkpointGrowth`` is set by.
  public static let checkpointGrowth = Setting(
    "checkpoint-growth", \.checkpointGrowth, .number("percent", in: 0...100_000),
    "The database file is rewritten when the changes behind its checkpoint have grown to this many percent of it; "
      + "0 for never")
  /// What ``Settings/checkpointMinSize`` is set by.
  public static let checkpointMinSize = Setting(
    "checkpoint-min-size", \.checkpointMinSize, .size(in: 1...1 << 40),
    "A database file smaller than this isn't rewritten because it has grown")
  /// What ``Settings/checkpointAge`` is set by.
  public static let checkpointAge = Setting(
    "checkpoint-age", \.checkpointAge, .durationOrNone, default: "0, at any age",
    "The database file is rewritten when its checkpoint is this old and there have been changes")
  /// What ``Settings/keepFiles`` is set by.
  public static let keepFiles = Setting(
    "keep-files", \.keepFiles, .number(in: 0...1000),
    "How many earlier database files to keep when it is rewritten, as database.txt.until-VERSION, "
      + "so that martlet restore can go back in them")
  /// What ``Settings/memoryLimit`` is set by.
  public static let memoryLimit = Setting(
    "memory-limit", \.memoryLimit, .sizeOrNone(from: 1 << 20), default: "0, no limit",
    "How much memory the data may take before writes are refused or, with evict, something else has to go")
  /// What ``Settings/eviction`` is set by.
  public static let evict = Setting(
    "evict", \.eviction, .choice("policy"),
    "What makes room when the memory limit is reached: none refuses writes, lru deletes what has not been used for "
      + "longest, volatile-lru does so among the keys that expire, volatile-ttl deletes what expires first")
  /// What ``Settings/maxKeyBytes`` is set by.
  public static let maxKeyBytes = Setting(
    "max-key-bytes", \.maxKeyBytes,
    .size(in: 1...512 << 20), unset: "250 on memcached, 512mb on Redis",
    "The longest key, on both protocols")
  /// What ``Settings/maxValueBytes`` is set by.
  public static let maxValueBytes = Setting(
    "max-value-bytes", \.maxValueBytes,
    .size(in: 1...512 << 20), unset: "1mb on memcached, 512mb on Redis",
    "The longest value, on both protocols")
  /// The most that ``Settings/maxConnections`` may be.
  static let mostConnections = 1_000_000
  /// What ``Settings/maxConnections`` is set by.
  public static let maxConnections = Setting(
    "max-connections", \.maxConnections, .number(in: 1...mostConnections),
    "How many clients may be connected at once")
  /// What ``Settings/idleTimeout`` is set by.
  public static let idleTimeout = Setting(
    "idle-timeout", \.idleTimeout, .durationOrNone, default: "0, never",
    "A client that has sent nothing for so long and waits for nothing is closed")
  /// What ``Settings/writeTimeout`` is set by.
  public static let writeTimeout = Setting(
    "write-timeout", \.writeTimeout, .durationOrNone,
    "A client that has taken nothing for so long of the replies that wait for it is closed; 0 for never")
  /// What ``Settings/outputLimits`` is set by.
  public static let outputLimits = Setting(
    "client-output-buffer-limit", \.outputLimits, .outputLimits,
    "How much may wait for a client of a class (normal, pubsub, or replica, which is shown as slave) until it is closed: bytes at once, bytes for "
      + "some time, and that time in seconds; 0 for no limit")
  /// What ``Settings/keyEvents`` is set by.
  public static let keyEvents = Setting(
    "notify-keyspace-events", \.keyEvents, .keyEvents, default: "none",
    "What happens to keys and is told on channels, by the letters of Redis: K and E say where, the others what"
  )
  /// What ``Settings/trackedKeys`` is set by.
  public static let trackedKeys = Setting(
    "tracking-table-max-keys", \.trackedKeys, .number(in: 0...Int(Int32.max)),
    "How many keys are remembered as read by clients that track them; 0 for no limit")
  /// What ``CollectionLimits/hashEntries`` is set by.
  public static let hashMaxEntries = Setting(
    "hash-max-listpack-entries", \.collections.hashEntries, .number(in: 0...CollectionLimits.maximumEntries),
    "How many fields a hash may have that is kept packed, which takes less memory")
  /// What ``CollectionLimits/hashValueBytes`` is set by.
  public static let hashMaxValue = Setting(
    "hash-max-listpack-value", \.collections.hashValueBytes,
    .size(in: 0...CollectionLimits.maximumValueBytes),
    "How long the fields and values of a packed hash may be")
  /// What ``CollectionLimits/setEntries`` is set by.
  public static let setMaxEntries = Setting(
    "set-max-listpack-entries", \.collections.setEntries, .number(in: 0...CollectionLimits.maximumEntries),
    "How many members a set may have that is kept packed")
  /// What ``CollectionLimits/setValueBytes`` is set by.
  public static let setMaxValue = Setting(
    "set-max-listpack-value", \.collections.setValueBytes, .size(in: 0...CollectionLimits.maximumValueBytes),
    "How long the members of a packed set may be")
  /// What ``CollectionLimits/sortedSetEntries`` is set by.
  public static let sortedSetMaxEntries = Setting(
    "zset-max-listpack-entries", \.collections.sortedSetEntries,
    .number(in: 0...CollectionLimits.maximumEntries),
    "How many members a sorted set may have that is kept packed")
  /// What ``CollectionLimits/sortedSetValueBytes`` is set by.
  public static let sortedSetMaxValue = Setting(
    "zset-max-listpack-value", \.collections.sortedSetValueBytes,
    .size(in: 0...CollectionLimits.maximumValueBytes),
    "How long the members of a packed sorted set may be")
  /// What ``CollectionLimits/listSize`` is set by.
  public static let listMaxSize = Setting(
    "list-max-listpack-size", \.collections.listSize, .listSize,
    "How large a list may be that is kept packed, and the chunks of a longer one")
  /// What ``Settings/memcachedFlush`` is set by.
  public static let memcachedFlush = Setting(
    "memcached-flush", \.memcachedFlush, .yesOrNo,
    "Whether memcached clients may empty the database with flush_all")
  /// What ``Settings/memcachedWatch`` is set by.
  public static let memcachedWatch = Setting(
    "memcached-watch", \.memcachedWatch, .yesOrNo,
    "Whether memcached clients may see what others do, with watch")
  /// What ``Settings/memcachedShutdown`` is set by.
  public static let memcachedShutdown = Setting(
    "memcached-shutdown", \.memcachedShutdown, .yesOrNo,
    "Whether memcached clients may end the server with shutdown")
  /// What ``Settings/databases`` is set by.
  public static let databases = Setting(
    "databases", \.databases, .number(in: 1...1024),
    "The number of numbered databases, for the Redis command SELECT")
  /// What ``Settings/threads`` is set by.
  public static let threads = Setting(
    "threads", \.threads, .number(in: 1...1024), default: "the number of processors",
    "The number of threads that serve clients")
  /// What ``Settings/transport`` is set by.
  public static let transport = Setting(
    "transport", \.transport, .choice("transport"),
    "What serves the sockets: io_uring (Linux 6.1 and newer), nio (everywhere), or auto, which is io_uring where the "
      + "system allows it")
  /// What ``Settings/password`` is set by.
  public static let password = Setting(
    "password", \.password, .password, unset: "none", isSecret: true,
    "The password of the user default, which Redis clients give to AUTH; other users of the machine can see it on a "
      + "command line, so prefer the variable")
  /// What ``Settings/memcachedAuthFile`` is set by.
  public static let memcachedAuthFile = Setting(
    "memcached-auth-file", \.memcachedAuthFile, .file, unset: "none",
    "A file of users for all protocols, a line name:password for each; SIGHUP has it read anew")
  /// What ``Settings/memcachedSASL`` is set by.
  public static let memcachedSASL = Setting(
    "memcached-sasl", \.memcachedSASL, .yesOrNo,
    "Whether memcached clients must speak the binary protocol and authenticate by SASL")
  /// What ``Settings/protectedMode`` is set by.
  public static let protectedMode = Setting(
    "protected-mode", \.protectedMode, .yesOrNo,
    "Whether a server without a password refuses clients from other machines")
  /// What ``Settings/logLevel`` is set by.
  public static let logLevel = Setting(
    "log-level", \.logLevel, .choice("level"),
    "The least severe messages to log")
  /// What ``Settings/logCommands`` is set by.
  public static let logCommands = Setting(
    "log-commands", \.logCommands, .yesOrNo,
    "Whether every command is logged, which is slow and shows keys and values")

  /// What ``Settings/slowLogThreshold`` is set by.
  public static let slowLogThreshold = Setting(
    "slowlog-log-slower-than", \.slowLogThreshold, .number("microseconds", in: -1...1_000_000_000),
    "A request that takes this many microseconds is kept for SLOWLOG; 0 keeps all of them, and -1 none")
  /// What ``Settings/slowLogLength`` is set by.
  public static let slowLogLength = Setting(
    "slowlog-max-len", \.slowLogLength, .number(in: 0...100_000),
    "How many requests are kept for SLOWLOG")
  /// What ``Settings/latencyThreshold`` is set by.
  public static let latencyThreshold = Setting(
    "latency-monitor-threshold", \.latencyThreshold, .number("milliseconds", in: 0...1_000_000),
    "What takes this many milliseconds is noted for LATENCY; 0 notes nothing")
  /// What ``Settings/debugCommand`` is set by.
  public static let debugCommand = Setting(
    "enable-debug-command", \.debugCommand, .choice("who"),
    "Whether the Redis command DEBUG is carried out, which tests need and nobody else: local is for clients on this "
      + "machine")

  /// Every setting, in the order of the help.
  public static let all: [Setting] = [
    .host, .port, .memcachedPort, .listen, .memcachedListen, .unixSocket, .memcachedUnixSocket,
    .unixSocketMode,
    .backlog, .data, .durability, .checkpointGrowth, .checkpointMinSize, .checkpointAge,
    .keepFiles, .memoryLimit, .evict, .maxKeyBytes, .maxValueBytes,
    .maxConnections, .idleTimeout, .writeTimeout, .outputLimits, .keyEvents, .trackedKeys,
    .hashMaxEntries, .hashMaxValue, .setMaxEntries, .setMaxValue, .sortedSetMaxEntries, .sortedSetMaxValue,
    .listMaxSize,
    .memcachedFlush, .memcachedShutdown, .memcachedWatch,
    .databases, .threads, .transport, .password, .memcachedAuthFile, .memcachedSASL, .protectedMode,
    .logLevel, .logCommands, .slowLogThreshold, .slowLogLength, .latencyThreshold, .debugCommand,
  ]

  /// The table of docs/SETTINGS.md, in Markdown.
  public static var markdownTable: String {
    let rows = all.map { setting in
      "| `\(setting.option)` | `\(setting.key)` | `\(setting.variable)` | \(setting.defaultText) "
        + "| \(setting.summary). Takes \(setting.allowed). |"
    }
    return
      (["| option | key in the file | variable | default | what it is |", "| --- | --- | --- | --- | --- |"]
      + rows)
      .joined(separator: "\n")
  }
}
