// A session of any protocol, for a transport that serves them all.

/// Which protocol a listening socket speaks. memcached's is two: a client chooses by its first byte.
package enum WireProtocol: String, Sendable {
  case redis = "Redis"
  case memcached = "memcached"
}

/// The protocol state of a connection, whichever protocol it is.
package struct ClientSession: Session, ~Copyable, Sendable {
  private enum Place {
    case redis(Pinned<RESPSession>)
    case memcached(Pinned<MemcachedSession>)
    case memcachedBinary(Pinned<MemcachedBinarySession>)
    /// A client of one of memcached's protocols that has sent nothing yet.
    case undecided(Pinned<Undecided>)
  }

  /// What the session will be made of.
  private struct Undecided {
    let client: ClientRecord
    let limits: SessionLimits
    let context: ServerContext
  }

  /// Sessions stay where they are while one of them is chosen and run.
  private var place: Place

  package init(
    _ wire: WireProtocol, _ client: ClientRecord, _ limits: SessionLimits, _ context: ServerContext
  ) {
    switch wire {
    case .redis: place = .redis(Pinned(RESPSession(client, limits, context)))
    case .memcached:
      place = .undecided(Pinned(Undecided(client: client, limits: limits, context: context)))
    }
  }

  deinit {
    switch place {
    case .redis(let session): session.destroy()
    case .memcached(let session): session.destroy()
    case .memcachedBinary(let session): session.destroy()
    case .undecided(let session): session.destroy()
    }
  }

  @inline(__always)
  package mutating func receive(_ input: RawSpan, _ execution: inout Execution) -> SessionStep {
    switch place {
    case .redis(let session): session.value.receive(input, &execution)
    case .memcached(let session): session.value.receive(input, &execution)
    case .memcachedBinary(let session): session.value.receive(input, &execution)
    case .undecided(let session): receiveFirst(session, input, &execution)
    }
  }

  /// Chooses the protocol by the first byte, once for the connection's life.
  @inline(never)
  private mutating func receiveFirst(
    _ undecided: Pinned<Undecided>, _ input: RawSpan, _ execution: inout Execution
  ) -> SessionStep {
    guard input.byteCount > 0 else { return SessionStep(consumed: 0, next: .read(atLeast: 1)) }
    let (client, limits, context) = (
      undecided.value.client, undecided.value.limits, undecided.value.context
    )
    // Where SASL is a must, the text protocol isn't served: its first byte is one that the binary protocol hangs up on.
    if input.byte(0) == BinaryHeader.requestMagic || context.memcached.requiresSASL {
      place = .memcachedBinary(Pinned(MemcachedBinarySession(client, limits, context)))
    } else {
      place = .memcached(Pinned(MemcachedSession(client, limits, context)))
    }
    undecided.destroy()
    return receive(input, &execution)
  }

  package mutating func endWait() {
    switch place {
    case .redis(let session): session.value.endWait()
    case .memcached(let session): session.value.endWait()
    case .memcachedBinary(let session): session.value.endWait()
    case .undecided: break
    }
  }

  package var waitsForData: Bool {
    if case .redis(let session) = place { session.value.waitsForData } else { false }
  }

  package mutating func abandonWait() -> Bool {
    if case .redis(let session) = place { session.value.abandonWait() } else { true }
  }
}
