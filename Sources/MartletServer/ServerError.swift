// Why a server can't start, told so that a person knows what to do next.

import Martlet

/// Why a server didn't start.
public enum ServerError: Error, Equatable, CustomStringConvertible {
  /// Another process listens there.
  case portInUse(host: String, port: Int)
  /// The system refuses to listen there.
  case cannotBind(host: String, port: Int, reason: String)
  /// Another process listens on this Unix socket.
  case unixSocketInUse(path: String)
  /// The Unix socket can't be made.
  case cannotBindUnixSocket(path: String, reason: String)
  /// The system doesn't allow the transport that was asked for.
  case transportNotAvailable(String, reason: String)
  /// The data folder can't be created, or the server can't write in it.
  case folderNotWritable(path: String, reason: String)
  /// Another server has the data folder. `pid` is nil when its lock file doesn't say.
  case folderInUse(path: String, pid: Int32?)
  /// The file of users can't be read, or says what it may not say.
  case usersNotReadable(path: String, reason: String)
  /// The database can't be trusted as it is. `line` counts from 1.
  case databaseDamaged(path: String, line: Int, reason: String)
  /// The database could not be written while the server ran.
  case databaseNotWritten(reason: String)

  public var description: String {
    switch self {
    case .portInUse(let host, let port):
      "port \(port) on \(host) is in use by another program: stop that one, or choose another port "
        + "(\(Setting.port.option) or \(Setting.memcachedPort.option))"
    case .cannotBind(let host, let port, let reason):
      "can't listen on \(host), port \(port): \(reason); choose another address (\(Setting.host.option)) or port"
    case .unixSocketInUse(let path):
      "another program serves the Unix socket \(path): stop that one, or choose another path "
        + "(\(Setting.unixSocket.option) or \(Setting.memcachedUnixSocket.option))"
    case .cannotBindUnixSocket(let path, let reason):
      "can't make the Unix socket \(path): \(reason); choose another path "
        + "(\(Setting.unixSocket.option) or \(Setting.memcachedUnixSocket.option))"
    case .transportNotAvailable(let name, let reason):
      "can't serve over \(name): \(reason); allow it, or choose another transport (\(Setting.transport.option) auto)"
    case .folderNotWritable(let path, let reason):
      "can't use the data folder \(path): \(reason); it has to be a folder that this user can write in: "
        + "put that right, or choose another one (\(Setting.data.option))"
    case .folderInUse(let path, let pid):
      "the data folder \(path) is in use by another server\(pid.map { " (process \($0))" } ?? ""): "
        + "stop that one, or choose another folder (\(Setting.data.option))"
    case .usersNotReadable(let path, let reason):
      "can't use the file of users \(path): \(reason); put that right, or choose another one "
        + "(\(Setting.memcachedAuthFile.option))"
    case .databaseDamaged(let path, let line, let reason):
      "\(path), line \(line): \(reason)"
    case .databaseNotWritten(let reason):
      "the database could not be written (\(reason)), so the last writes were not acknowledged: mend the disk and "
        + "start the server again"
    }
  }
}

extension ServerError {
  /// The same trouble, told to somebody who runs a server.
  init(_ error: StoreError) {
    switch error {
    case .folderNotWritable(let path, let reason): self = .folderNotWritable(path: path, reason: reason)
    case .folderInUse(let path, let pid): self = .folderInUse(path: path, pid: pid)
    case .databaseDamaged(let path, let line, let reason):
      self = .databaseDamaged(path: path, line: line, reason: reason)
    case .databaseNotWritten(let reason): self = .databaseNotWritten(reason: reason)
    case .wrongType, .notAnInteger, .notANumber, .tooLong, .closed:
      self = .databaseNotWritten(reason: error.description)
    }
  }
}
