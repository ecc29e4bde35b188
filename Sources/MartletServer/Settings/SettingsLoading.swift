// Where settings come from, in one order: an option of the command line wins over an environment variable, that over
// the configuration file, and that over the default. Every source gives texts; the declarations read them.
import Configuration

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension Settings {
  /// What loading settings gives.
  public struct Loaded: Sendable {
    /// The settings, all of them checked.
    public let settings: Settings
    /// What isn't wrong, but probably not meant either; one sentence each, without secrets.
    public let warnings: [String]
  }

  /// Reads and checks all settings.
  ///
  /// - Parameters:
  ///   - options: what the command line says, by ``Setting/name``.
  ///   - environment: the environment variables. An empty one counts as not set.
  ///   - configFile: the path of the configuration file; nil takes the one that `MARTLET_CONFIG` names, if any.
  ///   - defaults: what holds where none of them says anything, by ``Setting/name``, where it isn't what is usual.
  /// - Throws: ``SettingsError`` for the first thing that is wrong.
  public static func load(
    options: [String: String], environment: [String: String], configFile: String? = nil,
    defaults: [String: String] = [:]
  ) async throws(SettingsError) -> Loaded {
    let variables = environment.filter { $0.key.hasPrefix(Setting.variablePrefix) && !$0.value.isEmpty }
    var sources: [(source: SettingSource, reader: ConfigReader)] = [
      (.commandLine, reader(ofOptions: options)),
      (.environment, reader(ofVariables: variables)),
    ]
    if let path = configFile ?? variables[Setting.configFileVariable] {
      sources.append((.file(path: path), try await reader(ofFile: path)))
    }
    sources.append((.program, reader(ofOptions: defaults)))

    var settings = Settings()
    settings.configFile = configFile ?? variables[Setting.configFileVariable]
    var warnings = unknownVariables(among: variables)
    for setting in Setting.all {
      for (source, reader) in sources {
        guard let text = reader.string(forKey: ConfigKey(setting.key), isSecret: setting.isSecret) else {
          continue
        }
        guard setting.apply(text, &settings) else {
          throw .notAllowed(
            setting: setting.name, value: setting.isSecret ? nil : text, place: source.place(of: setting),
            allowed: setting.allowed)
        }
        if setting.isSecret, source == .commandLine {
          warnings.append(
            "\(setting.option) on a command line can be seen by every user of this machine: "
              + "prefer \(setting.variable) or the configuration file")
        }
        break
      }
    }
    try settings.checkTogether()
    return Loaded(settings: settings, warnings: warnings)
  }

  /// Refuses settings that are each allowed, but not together.
  private func checkTogether() throws(SettingsError) {
    let listeners = listeners
    if listeners.isEmpty {
      throw .contradiction(
        "port and memcached-port are both 0 and no Unix socket is named, so there is nothing to serve: set one of them"
      )
    }
    if port == memcachedPort, port != 0 {
      throw .contradiction("port and memcached-port are both \(port): each protocol needs a port of its own")
    }
    if memcachedSASL, password == nil, memcachedAuthFile == nil {
      throw .contradiction(
        "memcached-sasl asks for a password that nobody has: set memcached-auth-file or password")
    }
    for (name, addresses, port) in [
      ("listen", listen, port), ("memcached-listen", memcachedListen, memcachedPort),
    ] {
      if port == 0, let address = addresses?.first(where: { $0.port == nil }),
        address.host != ListenAddress.everywhere
      {
        throw .contradiction(
          "\(name) has \(address.text) without a port, and there is no other port to take: add one")
      }
    }
    let texts = listeners.map(\.text)
    if let twice = texts.first(where: { text in texts.filter { $0 == text }.count > 1 }) {
      throw .contradiction("\(twice) is listened on twice: name each place once, for one protocol")
    }
  }

  private static func reader(ofOptions options: [String: String]) -> ConfigReader {
    let values = Setting.all.compactMap { setting in
      options[setting.name].map {
        (AbsoluteConfigKey([setting.key]), ConfigValue(.string($0), isSecret: setting.isSecret))
      }
    }
    let provider = InMemoryProvider(name: "command line", values: Dictionary(uniqueKeysWithValues: values))
    return ConfigReader(provider: provider)
  }

  private static func reader(ofVariables variables: [String: String]) -> ConfigReader {
    let secrets = Set(Setting.all.filter(\.isSecret).map(\.variable))
    let provider = EnvironmentVariablesProvider(
      environmentVariables: variables, secretsSpecifier: .specific(secrets))
    return ConfigReader(provider: provider).scoped(to: "martlet")
  }

  private static func reader(ofFile path: String) async throws(SettingsError) -> ConfigReader {
    do {
      let location = ConfigReader(
        provider: InMemoryProvider(values: ["filePath": ConfigValue(.string(path), isSecret: false)]))
      return ConfigReader(
        provider: try await FileProvider<SettingsFile>(parsingOptions: .init(path: path), config: location))
    } catch let error as SettingsError {
      throw error
    } catch {
      throw .unreadableFile(path: path, reason: whyUnreadable(path) ?? "\(error)")
    }
  }

  /// Asks the system why a file can't be read, in its own words; nil when it can.
  private static func whyUnreadable(_ path: String) -> String? {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return SystemError.last.description }
    defer { close(file) }
    var byte: UInt8 = 0
    return unsafe read(file, &byte, 1) < 0 ? SystemError.last.description : nil
  }

  private static func unknownVariables(among variables: [String: String]) -> [String] {
    let known = Setting.all.map(\.variable) + [Setting.configFileVariable]
    return variables.keys.sorted().filter { !known.contains($0) }.map { name in
      let nearest = Spelling.nearest(to: name, among: known)
      return "the environment variable \(name) is not a setting"
        + (nearest.map { "; did you mean \($0)?" } ?? "")
    }
  }
}
