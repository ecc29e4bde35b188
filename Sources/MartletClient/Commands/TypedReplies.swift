// How the methods for single commands come to a Swift value from a reply.

extension MartletConnection {
  /// Sends a command and reads its reply.
  ///
  /// - Parameter read: the value of a reply; nil if the reply is of a type that it doesn't know.
  func query<Value>(
    _ command: Command, _ read: (RESPValue) -> Value?
  ) async throws(ClientError) -> Value {
    let reply = try await send(command)
    guard let value = read(reply) else {
      throw .unexpectedReply(command: command.name, type: reply.typeName)
    }
    return value
  }

  func count(_ command: Command) async throws(ClientError) -> Int {
    try await query(command) { $0.integer.map(Int.init) }
  }
}

extension Command {
  init(_ name: String, appending arguments: [any CommandWord]) {
    self.init(name)
    for argument in arguments { append(argument) }
  }
}

extension Duration {
  /// Whole milliseconds, rounded up, so that no time above zero becomes zero; at most what `Int64` can hold.
  var milliseconds: Int64 {
    let (seconds, attoseconds) = components
    let attosecondsEach: Int64 = 1_000_000_000_000_000
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    guard !overflow else { return seconds > 0 ? .max : .min }
    let (sum, sumOverflow) = whole.addingReportingOverflow(
      (attoseconds + attosecondsEach - 1) / attosecondsEach)
    return sumOverflow ? .max : sum
  }
}
