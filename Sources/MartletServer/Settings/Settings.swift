// What a person can set for a server: one value of this type is all that the server is started with. How each
// setting is named, written and checked is declared in SettingDeclarations.swift; where the values come from is in
// SettingsLoading.swift.
public import Logging
public import Martlet
import NIOCore

/// All the settings of a server. `Settings()` has the defaults; ``load(options:environment:configFile:)`` is how
/// `martlet serve` gets them.
public struct Settings: Sendable, Equatable {
  /// A password. It shows itself to nobody who prints it or the settings that hold it.
  public struct Password: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// The password itself, to compare with what a client sends.
    public let text: String

    /// - Parameter text: the password itself.
    public init(_ text: String) { self.text = text }

    public var description: String { "(hidden)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
  }

  /// The addresses or host names to listen on, without a port.
  public var host: [String] = ["127.0.0.1", "::1"]
  /// The TCP port of the Redis protocol; 0 turns that side off.
  public var port = 6379
  /// The TCP port of the memcached protocol; 0 turns that side off.
  public var memcachedPort = 11211
  /// Where the Redis protocol listens instead of at ``host`` and ``port``; nil for there.
  public var listen: [ListenAddress]?
  /// Where the memcached protocol listens instead of at ``host`` and ``memcachedPort``; nil for there.
  public var memcachedListen: [ListenAddress]?
  /// The path of a Unix socket for the Redis protocol; nil for none.
  public var unixSocket: String?
  /// The path of a Unix socket for the memcached protocol; nil for none.
  public var memcachedUnixSocket: String?
  /// The permissions of the Unix sockets. A client has to be allowed to write.
  public var unixSocketMode = 0o700
  /// How many clients the system keeps until they are accepted.
  public var backlog = 1024
  /// The path of the folder that holds `database.txt`.
  public var dataFolder = "data"
  /// What moves the bytes between sockets and sessions.
  public enum TransportChoice: String, Sendable, CaseIterable {
    /// io_uring where the system allows it, SwiftNIO elsewhere.
    case auto
    /// io_uring or nothing.
    case ioUring = "io_uring"
    /// SwiftNIO's event loops.
    case nio
  }

  /// What moves the bytes between sockets and sessions.
  public var transport = TransportChoice.auto
  /// The number of threads that serve clients.
  public var threads = System.coreCount
  /// The longest key, in bytes; nil is what each protocol's clients expect: 250 on memcached, 512 MiB on Redis.
  public var maxKeyBytes: Int?
  /// The longest value, in bytes; nil is what each protocol's clients expect: 1 MiB on memcached, 512 MiB on Redis.
  public var maxValueBytes: Int?
  /// How many clients may be connected at once, on both protocols together.
  public var maxConnections = 10_000
  /// How long a client may send nothing and wait for nothing before it is closed; zero for as long as it likes.
  public var idleTimeout = Duration.zero
  /// How long a client may take nothing of the replies that wait for it before it is closed; zero for as long as it
  /// likes.
  public var writeTimeout = Duration.seconds(60)
  /// How much may wait for a client until it is closed, by the client's class, as Redis writes it.
  public var outputLimits = OutputLimits().text
  /// The events of keys that are told, by their letters.
  public var keyEvents = ""
  /// How many keys are remembered as read by clients that track them; 0 for no limit.
  public var trackedKeys = Tracking.defaultKeys
  /// Whether memcached's `flush_all` is carried out.
  public var memcachedFlush = true
  /// Whether memcached's `shutdown` is carried out.
  public var memcachedShutdown = false
  /// Whether memcached clients may see what others do, with `watch`.
  public var memcachedWatch = true
  /// How many bytes the data may take in memory before something is evicted or writes are refused; 0 is no limit.
  public var memoryLimit = 0
  /// What is evicted when the data takes more.
  public var eviction = EvictionPolicy.none
  /// When an acknowledged write is on disk.
  public var durability = Durability.always
  /// How many percent of its checkpoint the changes behind it may come to before the file is rewritten; 0 for any.
  public var checkpointGrowth = 100
  /// A file smaller than this, in bytes, isn't rewritten because it has grown.
  public var checkpointMinSize = 64 << 20
  /// How old a checkpoint may become while there are changes; zero for any age.
  public var checkpointAge = Duration.zero
  /// How many earlier database files are kept.
  public var keepFiles = 1
  /// Up to where collections are kept packed.
  public var collections = CollectionLimits()
  /// The number of numbered databases on the Redis side.
  public var databases = 16
  /// The least severe messages to log.
  public var logLevel = Logger.Level.info
  /// Whether every command is logged.
  public var logCommands = false
  /// Requests that take this many microseconds are entered in the slow log; none, if it is negative.
  public var slowLogThreshold = 10_000
  /// How many entries the slow log keeps.
  public var slowLogLength = 128
  /// What takes this many milliseconds is noted for `LATENCY`; nothing, if it is 0.
  public var latencyThreshold = 0
  /// Whether `DEBUG` is carried out, and for whom.
  public var debugCommand = DebugCommand.no
  /// For whom `DEBUG` is carried out.
  public enum DebugCommand: String, Sendable, CaseIterable {
    /// For nobody.
    case no
    /// For everybody.
    case yes
    /// For clients on the server's own machine.
    case local
  }
  /// The configuration file that some of the settings came from; nil if there was none.
  public var configFile: String?
  /// The password of the user `default`. Without it and without ``memcachedAuthFile`` everybody is let in.
  public var password: Password?
  /// The path of a file of names and passwords for all protocols, in memcached's format; nil for none.
  public var memcachedAuthFile: String?
  /// Whether memcached clients have to speak the binary protocol, and say by SASL who they are.
  public var memcachedSASL = false
  /// Whether a server without a password refuses clients from other machines.
  public var protectedMode = true

  /// The defaults.
  public init() {}

  /// Whether it listens for clients from other machines and, in protected mode, turns them away.
  public var refusesStrangers: Bool {
    protectedMode && letsEverybodyIn && listeners.contains { !$0.isLocal }
  }
}
