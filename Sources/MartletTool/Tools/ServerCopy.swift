// Copies a server's database file over a connection: `DATABASE INFO` fixes which bytes, `DATABASE READ` brings them. A
// checkpoint that replaces the file meanwhile doesn't matter: the server keeps it readable for the connection.
import Martlet
import MartletClient

struct ServerCopy {
  /// What one `DATABASE READ` asks for, and how many are under way at once.
  private static let pieceBytes = 1 << 20
  private static let piecesAtOnce = 8

  /// How many bytes have come, which are all.
  let bytes: Int
  let version: Int64
  let time: Int64

  /// Fetches the file.
  ///
  /// - Parameter write: puts a piece where it belongs.
  static func fetch(
    _ configuration: ConnectionConfiguration, progress: ProgressLine,
    write: (_ bytes: [UInt8], _ offset: Int) throws -> Void
  ) async throws -> ServerCopy {
    let connection = try await MartletConnection.connect(to: configuration)
    do {
      let copy = try await fetch(connection, progress, write)
      await connection.close()
      return copy
    } catch {
      await connection.close()
      throw error
    }
  }

  private static func fetch(
    _ connection: MartletConnection, _ progress: ProgressLine, _ write: ([UInt8], Int) throws -> Void
  ) async throws -> ServerCopy {
    let info = fields(of: try await connection.send(Command("DATABASE", "INFO")))
    guard let name = info["file"]?.string, let bytes = info["bytes"]?.integer.map({ Int($0) }),
      let version = info["version"]?.integer, let time = info["time"]?.integer
    else {
      throw ToolError("the server's reply to DATABASE INFO is not understood: it may be of another version")
    }
    var offset = 0
    while offset < bytes {
      var commands: [Command] = []
      var expected: [Int] = []
      var next = offset
      while next < bytes && commands.count < piecesAtOnce {
        let count = min(pieceBytes, bytes - next)
        commands.append(Command("DATABASE", "READ", name, next, count))
        expected.append(count)
        next += count
      }
      for (reply, count) in zip(try await connection.pipeline(commands), expected) {
        if case .error(let error) = reply { throw ClientError.server(error) }
        guard let piece = reply.bytes, piece.count == count else {
          throw ToolError("the server sent less of its database file than it said it has; try again")
        }
        try write(piece, offset)
        offset += count
        progress.show(offset, bytes)
      }
    }
    return ServerCopy(bytes: bytes, version: version, time: time)
  }

  /// The fields of a map, which in version 2 of the protocol is an array.
  private static func fields(of reply: RESPValue) -> [String: RESPValue] {
    var fields: [String: RESPValue] = [:]
    if case .map(let entries) = reply {
      for entry in entries { if let name = entry.key.string { fields[name] = entry.value } }
    } else if let elements = reply.elements {
      for index in stride(from: 0, to: elements.count - 1, by: 2) {
        if let name = elements[index].string { fields[name] = elements[index + 1] }
      }
    }
    return fields
  }
}
