// How a client of the text protocol says who it is, where it has to (memcached's `-Y`): by a `set` whose key, flags and
// expiry don't matter and whose data is `name password`. Nothing else is served before.

extension MemcachedSession {
  /// The data of such a `set` may have this many bytes; a client that says there are more isn't listened to.
  private static var maximumToken: Int { 16 << 10 }

  /// Runs a request of a client that hasn't said who it is.
  mutating func authenticate(
    _ words: borrowing Words, _ request: RawSpan, bodyStart: Int, _ execution: inout Execution
  ) -> Outcome {
    guard words.count >= 5, words[0].equalsExactly("set"), let number = words[4].unsignedDecimal,
      let size = UInt32(exactly: number)
    else { return error("CLIENT_ERROR unauthenticated", bodyStart, &execution) }
    let length = Int(size)
    guard length <= Self.maximumToken else { return .close }
    let end = bodyStart + length + 2
    guard request.byteCount >= end else { return .incomplete(atLeast: end) }
    guard request.byte(end - 2) == UInt8(ascii: "\r"), request.byte(end - 1) == UInt8(ascii: "\n") else {
      return error("CLIENT_ERROR bad command line termination", end, &execution)
    }
    let token = request.extracting(bodyStart..<bodyStart + length)
    // A password may hold spaces, a name none.
    guard let space = token.firstIndex(of: UInt8(ascii: " ")), space + 1 < length else {
      return error("CLIENT_ERROR bad authentication token format", end, &execution)
    }
    let user = execution.context.users.authenticate(
      token.extracting(0..<space), token.extracting(space + 1..<length))
    execution.counters.value.authentications.add()
    // These clients know no rules of access: only who may do everything is let in.
    guard let user, user.isUnrestricted else {
      execution.counters.value.failedAuthentications.add()
      return error("CLIENT_ERROR authentication failure", end, &execution)
    }
    state.become(user)
    return error("STORED", end, &execution)
  }
}
