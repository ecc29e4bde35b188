// What can go wrong with a store, for those who embed it.

/// Why a store can't be opened, or can't do what it was asked.
public enum StoreError: Error, Equatable, CustomStringConvertible {
  /// The folder can't be created, or not be written in.
  case folderNotWritable(path: String, reason: String)
  /// Another process has the folder. `pid` is nil when its lock file doesn't say.
  case folderInUse(path: String, pid: Int32?)
  /// The database can't be trusted as it is. `line` counts from 1.
  case databaseDamaged(path: String, line: Int, reason: String)
  /// The database can't be written any more; whether the last changes are on the disk is not known.
  case databaseNotWritten(reason: String)
  /// The key holds a value of another type.
  case wrongType
  /// The value at the key is not an integer of 64 bits, or would become larger than one.
  case notAnInteger
  /// A score is not a number (`nan`), or its sum with the one that is there isn't.
  case notANumber
  /// A key or a value is longer than a store can hold: `limit` bytes.
  case tooLong(limit: Int)
  /// The store has been closed.
  case closed

  public var description: String {
    switch self {
    case .folderNotWritable(let path, let reason): "can't use the folder \(path): \(reason)"
    case .folderInUse(let path, let pid):
      "the folder \(path) is in use by another process\(pid.map { " (\($0))" } ?? "")"
    case .databaseDamaged(let path, let line, let reason): "\(path), line \(line): \(reason)"
    case .databaseNotWritten(let reason): "the database can't be written: \(reason)"
    case .wrongType: "the key holds a value of another type"
    case .notAnInteger: "the value is not a 64-bit integer, or would outgrow one"
    case .notANumber: "the score is not a number"
    case .tooLong(let limit): "the key or value is longer than \(limit) bytes"
    case .closed: "the store has been closed"
    }
  }
}
