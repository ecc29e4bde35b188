// `martlet serve`: gathers the settings, starts the server, and tells in one line what went wrong if it can't.
//
// Exit status: 0 after SIGTERM or SIGINT; 78 (EX_CONFIG of sysexits.h) when a setting is wrong; 64 (EX_USAGE) when an
// option doesn't exist; 1 when the server can't start or run.
import ArgumentParser
import Logging
import MartletServer

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the server.",
    discussion: """
      Serves the Redis and the memcached protocol from one database, in the text file database.txt of the data \
      folder. It stops on SIGTERM and SIGINT (Ctrl-C).

      Every option can be set in the environment as well (--max-value-bytes is MARTLET_MAX_VALUE_BYTES), or in a \
      configuration file, a JSON object (--max-value-bytes is "maxValueBytes"). An option wins over a variable, a \
      variable over the file.

      A size is a number of bytes, or a number with a unit: k, m and g are powers of 1000, kb, mb and gb are powers \
      of 1024.

      Exit status: 0 when it was told to stop, 78 when a setting is wrong, 64 when an option doesn't exist, 1 when \
      it can't start.

      EXAMPLES
        martlet serve
        martlet serve --data /var/lib/martlet --memory-limit 2gb
        martlet serve --port 6380 --memcached-port 0
        MARTLET_PASSWORD=... martlet serve --host 0.0.0.0 --host ::
        martlet serve --unix-socket /run/martlet/redis --unix-socket-mode 0770
        martlet serve --config /etc/martlet.json --log-level debug
      """)

  @Option(.host) var host: [String] = []
  @Option(.port) var port: String?
  @Option(.memcachedPort) var memcachedPort: String?
  @Option(.listen) var listen: [String] = []
  @Option(.memcachedListen) var memcachedListen: [String] = []
  @Option(.unixSocket, completion: .file()) var unixSocket: String?
  @Option(.memcachedUnixSocket, completion: .file()) var memcachedUnixSocket: String?
  @Option(.unixSocketMode) var unixSocketMode: String?
  @Option(.backlog) var backlog: String?
  @Option(.data, completion: .directory) var data: String?
  @Option(.durability) var durability: String?
  @Option(.checkpointGrowth) var checkpointGrowth: String?
  @Option(.checkpointMinSize) var checkpointMinSize: String?
  @Option(.checkpointAge) var checkpointAge: String?
  @Option(.keepFiles) var keepFiles: String?
  @Option(.memoryLimit) var memoryLimit: String?
  @Option(.evict) var evict: String?
  @Option(.maxKeyBytes) var maxKeyBytes: String?
  @Option(.maxValueBytes) var maxValueBytes: String?
  @Option(.maxConnections) var maxConnections: String?
  @Option(.idleTimeout) var idleTimeout: String?
  @Option(.writeTimeout) var writeTimeout: String?
  @Option(.outputLimits) var outputLimits: String?
  @Option(.keyEvents) var keyEvents: String?
  @Option(.trackedKeys) var trackedKeys: String?
  @Option(.hashMaxEntries) var hashMaxEntries: String?
  @Option(.hashMaxValue) var hashMaxValue: String?
  @Option(.setMaxEntries) var setMaxEntries: String?
  @Option(.setMaxValue) var setMaxValue: String?
  @Option(.sortedSetMaxEntries) var sortedSetMaxEntries: String?
  @Option(.sortedSetMaxValue) var sortedSetMaxValue: String?
  @Option(.listMaxSize) var listMaxSize: String?
  @Option(.memcachedFlush) var memcachedFlush: String?
  @Option(.memcachedShutdown) var memcachedShutdown: String?
  @Option(.memcachedWatch) var memcachedWatch: String?
  @Option(.databases) var databases: String?
  @Option(.threads) var threads: String?
  @Option(.transport) var transport: String?
  @Option(.password) var password: String?
  @Option(.memcachedAuthFile, completion: .file()) var memcachedAuthFile: String?
  @Option(.memcachedSASL) var memcachedSASL: String?
  @Option(.protectedMode) var protectedMode: String?
  @Option(.logLevel) var logLevel: String?
  @Flag(
    inversion: .prefixedNo,
    help: ArgumentHelp("\(Setting.logCommands.summary). (default: \(Setting.logCommands.defaultText))"))
  var logCommands: Bool?
  @Option(.slowLogThreshold) var slowLogThreshold: String?
  @Option(.slowLogLength) var slowLogLength: String?
  @Option(.latencyThreshold) var latencyThreshold: String?
  @Option(.debugCommand) var debugCommand: String?
  @Option(
    help: ArgumentHelp("The configuration file, or set \(Setting.configFileVariable).", valueName: "file"),
    completion: .file())
  var config: String?

  func run() async throws {
    let loaded: Settings.Loaded
    do {
      loaded = try await Settings.load(
        options: options, environment: ProcessInfo.processInfo.environment, configFile: config)
    } catch {
      throw Self.complaint(error, exitCode: 78)
    }
    let logger = Logger(label: "martlet") { _ in LineLogHandler(level: loaded.settings.logLevel) }
    for warning in loaded.warnings {
      logger.warning("\(warning)")
    }
    do {
      try await Server(settings: loaded.settings, logger: logger).run()
    } catch {
      throw Self.complaint(error, exitCode: 1)
    }
  }

  /// What the command line says, by the settings' names.
  private var options: [String: String] {
    let given: [(Setting, String?)] = [
      (.host, Self.joined(host)), (.port, port), (.memcachedPort, memcachedPort),
      (.listen, Self.joined(listen)), (.memcachedListen, Self.joined(memcachedListen)),
      (.unixSocket, unixSocket), (.memcachedUnixSocket, memcachedUnixSocket),
      (.unixSocketMode, unixSocketMode), (.backlog, backlog),
      (.data, data), (.durability, durability), (.checkpointGrowth, checkpointGrowth),
      (.checkpointMinSize, checkpointMinSize), (.checkpointAge, checkpointAge), (.keepFiles, keepFiles),
      (.memoryLimit, memoryLimit), (.evict, evict), (.maxKeyBytes, maxKeyBytes),
      (.maxValueBytes, maxValueBytes), (.maxConnections, maxConnections),
      (.idleTimeout, idleTimeout), (.writeTimeout, writeTimeout), (.outputLimits, outputLimits),
      (.keyEvents, keyEvents), (.trackedKeys, trackedKeys),
      (.hashMaxEntries, hashMaxEntries), (.hashMaxValue, hashMaxValue), (.setMaxEntries, setMaxEntries),
      (.setMaxValue, setMaxValue), (.sortedSetMaxEntries, sortedSetMaxEntries),
      (.sortedSetMaxValue, sortedSetMaxValue), (.listMaxSize, listMaxSize), (.memcachedFlush, memcachedFlush),
      (.memcachedShutdown, memcachedShutdown), (.memcachedWatch, memcachedWatch), (.databases, databases),
      (.threads, threads), (.transport, transport),
      (.password, password),
      (.memcachedAuthFile, memcachedAuthFile), (.memcachedSASL, memcachedSASL),
      (.protectedMode, protectedMode), (.logLevel, logLevel),
      (.logCommands, logCommands.map { $0 ? "yes" : "no" }),
      (.slowLogThreshold, slowLogThreshold), (.slowLogLength, slowLogLength),
      (.latencyThreshold, latencyThreshold), (.debugCommand, debugCommand),
    ]
    precondition(given.map(\.0.name) == Setting.all.map(\.name), "every setting has an option")
    return given.reduce(into: [:]) { options, entry in options[entry.0.name] = entry.1 }
  }

  /// The values of an option that may be given more than once; nil if there is none.
  private static func joined(_ values: [String]) -> String? {
    values.isEmpty ? nil : values.joined(separator: ",")
  }

  /// Tells a person what went wrong, in one line, and gives what ends the program.
  static func complaint(_ error: any Error, exitCode: Int32) -> ExitCode {
    LineLogHandler.writeToStandardError("martlet: \(error)\n")
    return ExitCode(exitCode)
  }
}

extension Option<String?> {
  /// The option of a setting, with the help and the completion that its declaration gives.
  init(_ setting: Setting, completion: CompletionKind? = nil) {
    self.init(
      name: .customLong(setting.name), help: setting.argumentHelp,
      completion: completion ?? (setting.choices.isEmpty ? nil : .list(setting.choices)))
  }
}

extension Option<[String]> {
  /// The option of a setting that may be given more than once.
  init(wrappedValue: [String], _ setting: Setting) {
    self.init(wrappedValue: wrappedValue, name: .customLong(setting.name), help: setting.argumentHelp)
  }
}

extension Setting {
  /// The help of the setting's option.
  fileprivate var argumentHelp: ArgumentHelp {
    ArgumentHelp("\(summary). (default: \(defaultText))", valueName: placeholder)
  }
}
