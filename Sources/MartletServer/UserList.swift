// Who may come in, from the password and the file that the settings name; the file is read anew when the server is told
// to.
import Logging
import Martlet

/// The users of a server, and where they come from.
final class UserList: Sendable {
  let users: Users
  private let password: Settings.Password?
  private let path: String?
  private let logger: Logger

  /// Reads the file of users, if the settings name one.
  init(_ settings: Settings, _ logger: Logger) throws(ServerError) {
    password = settings.password
    path = settings.memcachedAuthFile
    self.logger = logger
    users =
      settings.letsEverybodyIn
      ? Users() : Users(try Self.credentials(settings.memcachedAuthFile, settings.password, logger))
  }

  /// Reads the file anew. If it can't be used, the users stay who they are, and the log says why.
  func reload() {
    guard let path else { return }
    do {
      let credentials = try Self.credentials(path, password, logger)
      users.replace(by: credentials)
      logger.info("\(path) was read anew", metadata: ["users": "\(credentials.count)"])
    } catch {
      logger.warning("the users stay who they were: \(error)")
    }
  }

  private static func credentials(
    _ path: String?, _ password: Settings.Password?, _ logger: Logger
  ) throws(ServerError) -> [Credential] {
    var credentials: [Credential] = []
    if let path {
      let file: SecretFile
      do {
        file = try SecretFile(path, atMost: AuthFile.maximumBytes)
      } catch {
        throw .usersNotReadable(path: path, reason: error.reason)
      }
      do {
        credentials = try AuthFile.parse(file.contents.bytes)
      } catch {
        throw .usersNotReadable(path: path, reason: error.description)
      }
      if file.isOpenToOthers {
        logger.warning(
          "every user of this machine may read or change \(path): allow its owner alone (chmod 600)")
      }
      if credentials.isEmpty { logger.warning("\(path) is empty, so it lets nobody in") }
    }
    if let password {
      guard
        let credential = Credential(
          name: Array(Users.defaultName.utf8), password: Array(password.text.utf8))
      else { preconditionFailure("the settings take no such password") }
      guard credentials.count < Users.maximumCount else {
        throw .usersNotReadable(
          path: path ?? "",
          reason: "with \(Setting.password.option) there may be \(Users.maximumCount - 1) users")
      }
      credentials.append(credential)
    }
    return credentials
  }
}

extension Settings {
  /// Whether no client has to say who it is.
  var letsEverybodyIn: Bool { password == nil && memcachedAuthFile == nil }
}
