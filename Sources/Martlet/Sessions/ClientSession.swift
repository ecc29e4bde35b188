// A session of either protocol, for a transport that serves both.

/// Which protocol a listening socket speaks.
package enum WireProtocol: String, Sendable {
  case redis = "Redis"
  case memcached = "memcached"
}

/// The protocol state of a connection, whichever protocol it is.
package struct ClientSession: Session, ~Copyable, Sendable {
  private enum Place {
    case redis(Pinned<RESPSession>)
    case memcached(Pinned<MemcachedSession>)
  }

  /// Sessions stay where they are while one of them is chosen and run.
  private let place: Place

  package init(
    _ wire: WireProtocol, _ client: ClientRecord, _ limits: SessionLimits, _ context: ServerContext
  ) {
    switch wire {
    case .redis: place = .redis(Pinned(RESPSession(client, limits, context)))
    case .memcached: place = .memcached(Pinned(MemcachedSession(client, limits, context)))
    }
  }

  deinit {
    switch place {
    case .redis(let session): session.destroy()
    case .memcached(let session): session.destroy()
    }
  }

  @inline(__always)
  package mutating func receive(_ input: RawSpan, _ execution: inout Execution) -> SessionStep {
    switch place {
    case .redis(let session): session.value.receive(input, &execution)
    case .memcached(let session): session.value.receive(input, &execution)
    }
  }

  package mutating func endWait() {
    switch place {
    case .redis(let session): session.value.endWait()
    case .memcached(let session): session.value.endWait()
    }
  }
}
