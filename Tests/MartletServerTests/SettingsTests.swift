// Where settings come from, which one wins, and how each is checked.
import Logging
import Martlet
import MartletServer
import MartletTestSupport
import Testing

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Loads settings from options and variables alone.
private func load(_ options: [String: String] = [:], environment: [String: String] = [:])
  async throws(SettingsError)
  -> Settings
{
  try await Settings.load(options: options, environment: environment).settings
}

/// Loads settings from a configuration file with these contents.
private func load(file contents: String) async throws -> Settings {
  let folder = try TemporaryFolder()
  let file = try folder.write(contents, to: "martlet.json")
  var settings = try await Settings.load(options: [:], environment: [:], configFile: file).settings
  #expect(settings.configFile == file)
  settings.configFile = nil
  return settings
}

/// The message that loading fails with, without the path of a temporary folder.
private func complaint(_ load: () async throws -> Settings) async -> String? {
  do {
    _ = try await load()
    return nil
  } catch {
    return "\(error)".replacing(/\S*\/martlet-test-[^\/]*\//, with: "")
  }
}

@Suite("Settings come from four places")
struct SettingsPrecedenceTests {
  @Test("Nothing set gives the defaults")
  func defaults() async throws {
    let settings = try await load()
    #expect(settings == Settings())
    #expect(settings.host == ["127.0.0.1", "::1"])
    #expect(settings.port == 6379)
    #expect(settings.memcachedPort == 11211)
    #expect(settings.dataFolder == "data")
    #expect(settings.threads >= 1)
    #expect(settings.durability == .always)
    #expect(settings.protectedMode)
  }

  @Test("An option wins over a variable, a variable over the file, and the file over the default")
  func precedence() async throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(#"{"port": 3, "databases": 3, "threads": 3}"#, to: "martlet.json")
    let settings = try await Settings.load(
      options: ["port": "1"], environment: ["MARTLET_PORT": "2", "MARTLET_DATABASES": "2"], configFile: file
    ).settings
    #expect(settings.port == 1)
    #expect(settings.databases == 2)
    #expect(settings.threads == 3)
    #expect(settings.maxConnections == 10_000)
  }

  @Test("Every setting can be given by its option, its variable and its key")
  func everySettingFromEverySource() async throws {
    let texts = [
      "host": "0.0.0.0,::", "port": "7000", "memcached-port": "7001", "data": "/tmp/d",
      "listen": "[::1]:7002,localhost", "memcached-listen": "*", "unix-socket": "/tmp/r",
      "memcached-unix-socket": "/tmp/m", "unix-socket-mode": "0770", "backlog": "7", "idle-timeout": "5m",
      "write-timeout": "0", "memcached-flush": "no", "memcached-shutdown": "yes", "memcached-watch": "no",
      "durability": "everysec", "checkpoint-growth": "50", "checkpoint-min-size": "1mb",
      "checkpoint-age": "24h",
      "keep-files": "3",
      "memory-limit": "1gb", "evict": "volatile-lru", "max-key-bytes": "1kb", "max-value-bytes": "2mb",
      "max-connections": "5",
      "databases": "4", "threads": "2", "password": "secret", "protected-mode": "no", "log-level": "debug",
      "memcached-auth-file": "/etc/users", "memcached-sasl": "yes",
      "log-commands": "yes", "transport": "io_uring", "slowlog-log-slower-than": "-1", "slowlog-max-len": "7",
      "latency-monitor-threshold": "100", "enable-debug-command": "local",
      "client-output-buffer-limit": "pubsub 1mb 2mb 3", "notify-keyspace-events": "AKE",
      "tracking-table-max-keys": "9", "hash-max-listpack-entries": "1", "hash-max-listpack-value": "2",
      "set-max-listpack-entries": "3", "set-max-listpack-value": "4", "zset-max-listpack-entries": "5",
      "zset-max-listpack-value": "6kb", "list-max-listpack-size": "-1",
    ]
    #expect(Set(texts.keys) == Set(Setting.all.map(\.name)))
    var expected = Settings()
    expected.host = ["0.0.0.0", "::"]
    expected.port = 7000
    expected.memcachedPort = 7001
    expected.listen = [ListenAddress("::1", port: 7002), ListenAddress("localhost")]
    expected.memcachedListen = [ListenAddress("*")]
    expected.unixSocket = "/tmp/r"
    expected.memcachedUnixSocket = "/tmp/m"
    expected.unixSocketMode = 0o770
    expected.backlog = 7
    expected.idleTimeout = .seconds(300)
    expected.writeTimeout = .zero
    expected.memcachedFlush = false
    expected.memcachedShutdown = true
    expected.memcachedWatch = false
    expected.dataFolder = "/tmp/d"
    expected.durability = .everysec
    expected.checkpointGrowth = 50
    expected.checkpointMinSize = 1 << 20
    expected.checkpointAge = .seconds(86_400)
    expected.keepFiles = 3
    expected.memoryLimit = 1 << 30
    expected.eviction = .volatileLRU
    expected.maxKeyBytes = 1024
    expected.maxValueBytes = 2 << 20
    expected.maxConnections = 5
    expected.databases = 4
    expected.threads = 2
    expected.transport = .ioUring
    expected.password = .init("secret")
    expected.memcachedAuthFile = "/etc/users"
    expected.memcachedSASL = true
    expected.protectedMode = false
    expected.logLevel = .debug
    expected.logCommands = true
    expected.slowLogThreshold = -1
    expected.slowLogLength = 7
    expected.latencyThreshold = 100
    expected.debugCommand = .local
    expected.outputLimits = "pubsub 1mb 2mb 3"
    expected.keyEvents = "AKE"
    expected.collections.hashEntries = 1
    expected.collections.hashValueBytes = 2
    expected.collections.setEntries = 3
    expected.collections.setValueBytes = 4
    expected.collections.sortedSetEntries = 5
    expected.collections.sortedSetValueBytes = 6 << 10
    expected.collections.listSize = -1
    expected.trackedKeys = 9

    #expect(try await load(texts) == expected)
    let variables = Setting.all.map { ($0.variable, texts[$0.name]!) }
    #expect(try await load(environment: Dictionary(uniqueKeysWithValues: variables)) == expected)
    let keys = Setting.all.map { ($0.key, texts[$0.name]!) }
    let json = try JSONEncoder().encode(Dictionary(uniqueKeysWithValues: keys))
    #expect(try await load(file: String(decoding: json, as: UTF8.self)) == expected)
  }

  @Test("The file may use JSON's own numbers, flags, lists and null")
  func nativeJSON() async throws {
    let settings = try await load(
      file:
        #"{"port": 7000, "host": ["::1", "localhost"], "protectedMode": false, "maxValueBytes": 9, "data": null}"#
    )
    #expect(settings.port == 7000)
    #expect(settings.host == ["::1", "localhost"])
    #expect(!settings.protectedMode)
    #expect(settings.maxValueBytes == 9)
    #expect(settings.dataFolder == "data")
  }

  @Test("MARTLET_CONFIG names the file, and the option for it wins")
  func configFileVariable() async throws {
    let folder = try TemporaryFolder()
    let one = try folder.write(#"{"port": 1}"#, to: "one.json")
    let two = try folder.write(#"{"port": 2}"#, to: "two.json")
    let environment = ["MARTLET_CONFIG": one]
    #expect(try await load(environment: environment).port == 1)
    #expect(
      try await Settings.load(options: [:], environment: environment, configFile: two).settings.port == 2)
  }

  @Test("An empty variable counts as not set")
  func emptyVariable() async throws {
    #expect(try await load(environment: ["MARTLET_PORT": "", "MARTLET_CONFIG": ""]).port == 6379)
  }
}

@Suite("Settings are checked")
struct SettingsCheckTests {
  @Test(
    "A size takes the units of redis.conf",
    arguments: [
      ("1000", 1000), ("7b", 7), ("1k", 1000), ("64kb", 65536), ("1m", 1_000_000), ("1mb", 1 << 20),
      ("512MB", 512 << 20),
    ])
  func sizes(text: String, bytes: Int) async throws {
    #expect(try await load(["max-value-bytes": text]).maxValueBytes == bytes)
  }

  @Test(
    "What is no size, or out of range, is refused",
    arguments: [
      "", "kb", "-1", "+1", "1.5mb", "1 kb", "1kib", "0", "2gb", "99999999999999999999", "9999999tb", "٣",
    ])
  func badSizes(text: String) async throws {
    await #expect(throws: SettingsError.self) { try await load(["max-value-bytes": text]) }
  }

  @Test("The memory limit is nothing or at least a megabyte")
  func memoryLimit() async throws {
    #expect(try await load(["memory-limit": "0"]).memoryLimit == 0)
    #expect(try await load(["memory-limit": "3gb"]).memoryLimit == 3 << 30)
    await #expect(throws: SettingsError.self) { try await load(["memory-limit": "512"]) }
  }

  @Test(
    "Each setting refuses what it doesn't take",
    arguments: [
      ("host", "a,,b"), ("host", "[::1]"), ("host", "localhost:6379"), ("host", "a b"), ("port", "65536"),
      ("port", "-1"), ("port", "http"), ("memcached-port", "70000"), ("data", ""), ("threads", "0"),
      ("max-key-bytes", "0"), ("max-key-bytes", "1gb"), ("max-connections", "0"), ("databases", "0"),
      ("durability", "sometimes"), ("transport", "pigeon"), ("log-level", "loud"),
      ("log-commands", "perhaps"),
      ("protected-mode", "2"), ("memcached-auth-file", ""), ("memcached-sasl", "perhaps"),
      ("password", ""), ("listen", "localhost:"), ("listen", "[::1"), ("listen", "a b:1"), ("listen", "a,,b"),
      ("memcached-listen", "[127.0.0.1]:1"), ("memcached-listen", "a:70000"), ("memcached-listen", "[::1]1"),
      ("unix-socket", ""), ("unix-socket-mode", "9"), ("unix-socket-mode", "01000"), ("unix-socket-mode", ""),
      ("backlog", "0"), ("idle-timeout", "5"), ("write-timeout", "-1s"), ("memcached-flush", "perhaps"),
    ])
  func refused(name: String, text: String) async throws {
    let message = await complaint { try await load([name: text]) }
    #expect(try #require(message).hasPrefix(name))
  }

  @Test("A refusal says the setting, the value, where it came from and what is allowed")
  func messages() async throws {
    let allowed = "it takes a whole number from 0 to 65535"
    #expect(
      await complaint { try await load(["port": "70000"]) }
        == #"port can't be "70000" (option --port): \#(allowed)"#)
    #expect(
      await complaint { try await load(environment: ["MARTLET_MEMCACHED_PORT": "x"]) }
        == #"memcached-port can't be "x" (variable MARTLET_MEMCACHED_PORT): \#(allowed)"#)
    #expect(
      await complaint { try await load(file: #"{"port": true}"#) }
        == #"port can't be "true" (key port in martlet.json): \#(allowed)"#)
    #expect(
      await complaint { try await load(["durability": "x"]) }
        == #"durability can't be "x" (option --durability): it takes always, everysec or never"#)
  }

  @Test("Two protocols on one port, and no protocol at all, are refused")
  func contradictions() async throws {
    await #expect(throws: SettingsError.self) { try await load(["port": "11211"]) }
    await #expect(throws: SettingsError.self) { try await load(["port": "0", "memcached-port": "0"]) }
    #expect(try await load(["port": "0"]).port == 0)
    await #expect(throws: SettingsError.self) {
      try await load(["unix-socket": "/tmp/s", "memcached-unix-socket": "/tmp/s"])
    }
    await #expect(throws: SettingsError.self) {
      try await load(["listen": "127.0.0.1:7000", "memcached-listen": "127.0.0.1:7000"])
    }
    await #expect(throws: SettingsError.self) { try await load(["listen": "127.0.0.1", "port": "0"]) }
    let socketAlone = try await load(["unix-socket": "/tmp/s", "port": "0", "memcached-port": "0"])
    #expect(socketAlone.listeners == [Listener(.redis, .unix(path: "/tmp/s", mode: 0o700))])
  }

  @Test("A program's own defaults hold where nothing else is said")
  func ownDefaults() async throws {
    let settings = try await Settings.load(
      options: ["port": "1"], environment: ["MARTLET_DATABASES": "2"],
      defaults: ["port": "9", "databases": "9", "max-connections": "1024"]
    ).settings
    #expect(settings.port == 1 && settings.databases == 2 && settings.maxConnections == 1024)
  }

  @Test("SASL without anybody who could authenticate is refused")
  func saslWithoutUsers() async throws {
    let message = await complaint { try await load(["memcached-sasl": "yes"]) }
    #expect(try #require(message).contains("memcached-auth-file or password"))
    #expect(try await load(["memcached-sasl": "yes", "password": "secret"]).memcachedSASL)
    #expect(try await load(["memcached-sasl": "yes", "memcached-auth-file": "f"]).memcachedSASL)
  }

  @Test(
    "An unknown key of the file is refused with the nearest known one",
    arguments: [
      ("prot", "port"), ("max-value-bytes", "maxValueBytes"), ("maxValueByte", "maxValueBytes"),
      ("PASSWORD", "password"), ("memcached_port", "memcachedPort"),
    ])
  func unknownKey(key: String, nearest: String) async throws {
    #expect(
      await complaint { try await load(file: #"{"\#(key)": 1}"#) }
        == #"martlet.json: "\#(key)" is not a setting; did you mean "\#(nearest)"?"#)
  }

  @Test("A key that is near to none is refused without a guess")
  func unknownKeyFarFromAll() async throws {
    #expect(
      await complaint { try await load(file: #"{"replicas": {"count": 1}}"#) }
        == #"martlet.json: "replicas" is not a setting; `martlet serve --help` lists them"#)
  }

  @Test("An unknown variable is a warning with the nearest known one, and other programs' variables are none")
  func unknownVariable() async throws {
    let loaded = try await Settings.load(
      options: [:], environment: ["MARTLET_PROT": "1", "MARTLETS": "2", "PORT": "3", "MARTLET_CONFIG": ""])
    #expect(
      loaded.warnings == [
        "the environment variable MARTLET_PROT is not a setting; did you mean MARTLET_PORT?"
      ])
  }

  @Test(
    "A file that isn't there, isn't JSON or isn't an object is refused with the reason",
    arguments: [
      ("[1]", "it must be one JSON object"), ("{\"port\": }", "not valid JSON"),
      (#"{"host": [1]}"#, #""host" must be a text"#), (#"{"data": {"a": 1}}"#, #""data" must be a text"#),
    ])
  func malformedFiles(contents: String, reason: String) async throws {
    let message = await complaint { try await load(file: contents) }
    #expect(try #require(message).contains(reason))
  }

  @Test("A missing file and a folder in its place are refused with the system's reason")
  func unreadableFiles() async throws {
    let folder = try TemporaryFolder()
    for (path, reason) in [(folder.path + "/none.json", "No such file"), (folder.path, "directory")] {
      let message = await complaint {
        try await Settings.load(options: [:], environment: [:], configFile: path).settings
      }
      #expect(try #require(message).contains(reason))
    }
  }
}

@Suite("A password stays hidden")
struct PasswordTests {
  @Test("Printing settings doesn't show it")
  func printing() async throws {
    let settings = try await load(environment: ["MARTLET_PASSWORD": "hunter2"])
    #expect(settings.password?.text == "hunter2")
    var dumped = ""
    dump(settings, to: &dumped)
    for text in ["\(settings)", String(reflecting: settings), dumped] {
      #expect(!text.contains("hunter2"))
    }
  }

  @Test("Refusing it doesn't show it")
  func refusing() async throws {
    let long = String(repeating: "hunter2", count: 100)
    let message = await complaint { try await load(environment: ["MARTLET_PASSWORD": long]) }
    #expect(
      message == "password is not allowed (variable MARTLET_PASSWORD): it takes a text of 1 to 512 bytes")
  }

  @Test("On the command line it brings a warning, elsewhere none")
  func warning() async throws {
    let onCommandLine = try await Settings.load(options: ["password": "hunter2"], environment: [:])
    #expect(onCommandLine.warnings.count == 1)
    #expect(onCommandLine.warnings.allSatisfy { $0.contains("MARTLET_PASSWORD") && !$0.contains("hunter2") })
    let inEnvironment = try await Settings.load(options: [:], environment: ["MARTLET_PASSWORD": "hunter2"])
    #expect(inEnvironment.warnings.isEmpty)
  }
}

@Suite("Settings are documented")
struct SettingsDocumentationTests {
  @Test("docs/SETTINGS.md has the table that the declarations give")
  func table() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let page = try String(contentsOf: root.appending(path: "docs/SETTINGS.md"), encoding: .utf8)
    #expect(page.contains(Setting.markdownTable + "\n"), "put this in its place:\n\(Setting.markdownTable)")
  }
}
