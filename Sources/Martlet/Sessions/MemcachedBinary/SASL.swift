// How a client of the binary protocol says who it is, where it has to: by SASL (RFC 4422) with the mechanism PLAIN
// (RFC 4616), whose message is `[name] NUL name NUL password`. Before, little else is served.

extension MemcachedBinarySession {
  /// The longest name of a mechanism that is listened to, as in memcached.
  private static var maximumMechanism: Int { 32 }
  /// The longest message that is listened to; no longer one can be right.
  private static var maximumMessage: Int { 16 << 10 }

  /// Where everybody is let in, memcached doesn't know the commands of SASL.
  private func isAsked(_ execution: borrowing Execution) -> Bool { !execution.context.users.isOpen }

  mutating func listMechanisms(_ header: BinaryHeader, _ execution: inout Execution) -> Outcome {
    guard header.bodyCount == 0 else { return close(header, .invalid, &execution) }
    guard isAsked(execution) else { return fail(header, .unknownCommand, &execution) }
    note(.saslList, RawSpan(), RawSpan(), &execution)
    // Who asks for the mechanisms begins anew, as in memcached.
    state.become(nil)
    execution.reply.binaryText(header, .success, "PLAIN")
    return .done
  }

  mutating func authenticate(
    _ header: BinaryHeader, _ request: RawSpan, isStep: Bool, _ execution: inout Execution
  ) -> Outcome {
    guard header.extrasCount == 0, header.keyCount > 0 else { return close(header, .invalid, &execution) }
    guard isAsked(execution) else {
      execution.reply.binaryError(header, .unknownCommand)
      return .swallow
    }
    guard header.keyCount <= Self.maximumMechanism else {
      execution.reply.binaryError(header, .invalid)
      return .swallow
    }
    let isTooLong = header.valueCount > Self.maximumMessage
    guard isTooLong || request.byteCount >= header.end else { return .incomplete(atLeast: header.end) }
    note(isStep ? .saslStep : .saslAuth, RawSpan(), RawSpan(), &execution)
    state.become(nil)
    let mayGoOn = isStep && isAuthenticating
    isAuthenticating = mayGoOn
    let isKnown = !isTooLong && (isStep ? mayGoOn : header.key(request).equalsIgnoringCase("plain"))
    if isKnown && !isStep && header.valueCount == 0 {
      isAuthenticating = true
      execution.reply.binaryHeader(header, .authenticationGoesOn, body: 0)
      return .done
    }
    execution.counters.value.authentications.add()
    // These clients know no rules of access: only who may do everything is let in.
    guard isKnown, let user = user(header.value(request), execution.context.users), user.isUnrestricted else {
      execution.counters.value.failedAuthentications.add()
      execution.reply.binaryError(header, .notAuthenticated)
      return isTooLong ? .swallow : .done
    }
    state.become(user)
    execution.reply.binaryText(header, .success, "Authenticated")
    return .done
  }

  /// Whom a message of PLAIN names, if the password is right.
  private func user(_ message: RawSpan, _ users: Users) -> User? {
    guard let first = message.firstIndex(of: 0), let second = message.firstIndex(of: 0, from: first + 1),
      message.firstIndex(of: 0, from: second + 1) == nil
    else { return nil }
    let role = message.extracting(0..<first)
    let name = message.extracting(first + 1..<second)
    // Nobody may act as somebody else.
    guard role.isEmpty || role.equals(name) else { return nil }
    return users.authenticate(name, message.extracting(second + 1..<message.byteCount))
  }
}
