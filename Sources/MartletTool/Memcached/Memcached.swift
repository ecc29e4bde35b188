// `martlet memcached`: the server by memcached's own command line.
//
// Exit status: 0 after SIGTERM, SIGINT or `shutdown`, and with -d when the server in the background serves; 64 (EX_USAGE)
// when the command line isn't taken; 78 (EX_CONFIG) when a setting is wrong; 1 when the server can't start or run.
import ArgumentParser
import Logging
import MartletConsole
import MartletServer

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

struct Memcached: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the server with memcached's own options.",
    usage: "martlet memcached [<option> ...]", discussion: MemcachedCommandLine.help)

  /// What the program's first argument has to be for its others to be memcached's.
  static let name = "memcached"

  @Argument(parsing: .captureForPassthrough) var arguments: [String] = []

  func run() async throws { try await Self.run(arguments) }

  /// Does what a command line says, without the program's name and the subcommand.
  static func run(_ arguments: [String]) async throws {
    let background = Background(arguments)
    let arguments = background == nil ? arguments : Array(arguments.dropFirst())
    let commandLine: MemcachedCommandLine
    do {
      commandLine = try MemcachedCommandLine(arguments, settings: Set(Setting.all.map(\.name)))
    } catch {
      throw Serve.complaint(error, exitCode: 64)
    }
    switch commandLine.action {
    case .showHelp: print(MemcachedCommandLine.help)
    case .showVersion:
      print("martlet \(MartletCommand.configuration.version), by the options of memcached 1.6")
    case .showLicense: print("Martlet is under the Apache License 2.0.")
    case .serve:
      if commandLine.runsInBackground && background == nil {
        throw ExitCode(try Background.start(arguments))
      }
      try await serve(commandLine, background)
    }
  }

  private static func serve(_ commandLine: MemcachedCommandLine, _ background: Background?) async throws {
    let environment = ProcessInfo.processInfo.environment
    var defaults = commandLine.defaults
    // systemd names the folder that it has made for a unit with StateDirectory=.
    if let folder = environment["STATE_DIRECTORY"]?.split(separator: ":").first {
      defaults[Setting.data.name] = String(folder)
    }
    let loaded: Settings.Loaded
    do {
      loaded = try await Settings.load(
        options: commandLine.options, environment: environment, configFile: commandLine.configFile,
        defaults: defaults)
    } catch {
      throw Serve.complaint(error, exitCode: 78)
    }
    let user: SystemUser?
    do { user = try commandLine.user.flatMap(SystemUser.named) } catch {
      throw Serve.complaint(error, exitCode: 67)
    }
    let logger = Logger(label: "martlet") { _ in LineLogHandler(level: loaded.settings.logLevel) }
    for warning in loaded.warnings { logger.warning("\(warning)") }
    for note in notes(commandLine, loaded.settings) { logger.notice("\(note)") }
    var events = Server.Events()
    events.hasBound = { try user?.become() }
    events.isReady = {
      if let path = commandLine.pidFile {
        do { try PIDFile.write(path) } catch { logger.warning("\(error)") }
      }
      background?.serves(keepsOutput: commandLine.verbosity > 0)
    }
    defer { if let path = commandLine.pidFile { PIDFile.remove(path) } }
    do {
      try await Server(settings: loaded.settings, logger: logger, events: events).run()
    } catch {
      throw Serve.complaint(error, exitCode: 1)
    }
  }

  /// What a person should know who has changed one word.
  private static func notes(_ commandLine: MemcachedCommandLine, _ settings: Settings) -> [String] {
    var notes: [String] = []
    if !commandLine.ignored.isEmpty {
      notes.append(
        "ignored, as nothing here is changed by it: " + commandLine.ignored.joined(separator: ", "))
    }
    if settings.refusesStrangers {
      notes.append(
        "clients from other machines are refused, since nobody has to give a password: see -Y, or allow it with "
          + "\(Setting.protectedMode.option) no")
    }
    if SystemUser.isRoot && commandLine.user == nil {
      notes.append("runs as root: -u USER would have it become somebody else")
    }
    return notes
  }
}
