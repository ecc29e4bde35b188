// One command, its reply, and an exit status for scripts.
import ArgumentParser
import MartletClient
import MartletConsole

struct OneCommand {
  let configuration: ConnectionConfiguration
  let isRaw: Bool

  init(_ configuration: ConnectionConfiguration, isRaw: Bool) {
    self.configuration = configuration
    self.isRaw = isRaw
  }

  /// Sends the command and prints its reply.
  ///
  /// - Throws: the exit status 1, after a message, when it failed.
  func run(_ command: Command) async throws {
    let reply = try await self.reply(to: command)
    try StandardStream.output.write(
      PrintedReply.bytes(reply, to: command, isRaw: isRaw))
  }

  /// Sends the command and returns its reply, which is no error.
  func reply(to command: Command) async throws -> RESPValue {
    do {
      let connection = try await MartletConnection.connect(to: configuration)
      let reply = try await connection.reply(to: command)
      await connection.close()
      if case .error(let error) = reply {
        StandardStream.complain(isRaw ? error.text : ReplyFormatter.readable(reply))
        throw ExitCode.failure
      }
      return reply
    } catch let error as ClientError {
      StandardStream.complain(error.advice)
      throw ExitCode.failure
    }
  }
}

/// A reply with its line end, as it is printed.
enum PrintedReply {
  static func bytes(_ reply: RESPValue, to command: Command, isRaw: Bool) -> [UInt8] {
    let newline = UInt8(ascii: "\n")
    if isRaw { return ReplyFormatter.raw(reply) + [newline] }
    let words = command.words.map { String(decoding: $0, as: UTF8.self) }
    if case .blobString(let bytes) = reply, ReplyFormatter.isText(replyTo: words) {
      return Array(VisibleText.unquoted(bytes).utf8) + [newline]
    }
    return Array(ReplyFormatter.readable(reply).utf8) + [newline]
  }
}
