// Commands that come through a pipe or from a file, one a line. What has been read is sent in one piece, so that a
// long file is as fast as the server; what comes slowly is answered line by line.
import ArgumentParser
import MartletClient
import MartletConsole

struct PipedCommands {
  /// The most commands sent before their replies are awaited.
  static let maximumBatch = 1000

  let configuration: ConnectionConfiguration
  let isRaw: Bool

  init(_ configuration: ConnectionConfiguration, isRaw: Bool) {
    self.configuration = configuration
    self.isRaw = isRaw
  }

  /// Runs all commands of standard input.
  ///
  /// - Throws: the exit status 1, after messages, when any of them failed.
  func run() async throws {
    do {
      let connection = try await MartletConnection.connect(to: configuration)
      var input = InputLines()
      var allSucceeded = true
      while true {
        let bytes = try StandardStream.input.read()
        let lines = bytes.isEmpty ? input.finish().map { [$0] } ?? [] : try input.append(bytes)
        for start in stride(from: 0, to: lines.count, by: Self.maximumBatch) {
          let batch = lines[start..<min(start + Self.maximumBatch, lines.count)]
          if try await !run(batch, on: connection) { allSucceeded = false }
        }
        if bytes.isEmpty { break }
      }
      await connection.close()
      if !allSucceeded { throw ExitCode.failure }
    } catch let error as ClientError {
      StandardStream.complain(error.advice)
      throw ExitCode.failure
    } catch let error as InputLines.LineTooLong {
      StandardStream.complain(
        "line \(error.number): longer than \(InputLines.maximumLineBytes) bytes. Give a long value with: martlet cli -x"
      )
      throw ExitCode.failure
    }
  }

  /// Runs some lines.
  ///
  /// - Returns: whether all of them succeeded.
  private func run(_ lines: ArraySlice<InputLines.Line>, on connection: MartletConnection) async throws
    -> Bool
  {
    let parsed = lines.filter { !$0.isBlank }.map { line in
      (
        line.number,
        Result { () throws(QuotingError) in try InputWords.split(line.bytes) }.map(Command.init(words:))
      )
    }
    let commands = parsed.compactMap { try? $0.1.get() }
    var replies = try await connection.pipeline(commands)[...]
    var allSucceeded = true
    for (number, result) in parsed {
      switch result {
      case .failure(let error):
        StandardStream.complain("line \(number): \(error)")
        allSucceeded = false
      case .success(nil):
        continue
      case .success(let command?):
        guard let reply = replies.popFirst() else { continue }
        if case .error(let error) = reply {
          StandardStream.complain("line \(number): \(error.text)")
          allSucceeded = false
        } else {
          try StandardStream.output.write(PrintedReply.bytes(reply, to: command, isRaw: isRaw))
        }
      }
    }
    return allSucceeded
  }
}
