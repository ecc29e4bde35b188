// A socket that a listener has been given: bound when the server begins, so that a port in use is known before a long
// loading; listening when it is ready.
internal import CMartlet
package import Martlet

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A bound socket. It closes when it is dropped, unless a transport has taken its descriptor.
package final class ListeningSocket: Sendable {
  /// A name may stand for so many addresses.
  private static let addressesOfName = 16

  package let listener: Listener
  private let descriptor: Guarded<CInt?>
  /// Which file a Unix socket has made.
  private let identity: (UInt64, UInt64)

  package var wire: WireProtocol { listener.wire }

  private init(_ listener: Listener, _ descriptor: CInt, _ identity: (UInt64, UInt64) = (0, 0)) {
    self.listener = listener
    self.descriptor = Guarded(descriptor)
    self.identity = identity
  }

  deinit {
    guard let unused = takeDescriptor() else { return }
    Sockets.close(unused)
    removeFile()
  }

  /// Binds all sockets of a listener: as many as its name has addresses.
  package static func bind(_ listener: Listener) throws(ServerError) -> [ListeningSocket] {
    switch listener.place {
    case .tcp(let host, let port, _, let isIPv6Only):
      var sockets = [CInt](repeating: -1, count: addressesOfName)
      let count = unsafe martlet_bind(host, CInt(port), isIPv6Only ? 1 : 0, &sockets, CInt(sockets.count))
      guard count >= 0 else { throw listener.failure(count) }
      return sockets.prefix(Int(count)).map { ListeningSocket(listener, $0) }
    case .unix(let path, let mode):
      var identity: [UInt64] = [0, 0]
      let bound = unsafe martlet_bind_unix(path, UInt32(mode), &identity)
      guard bound >= 0 else { throw listener.failure(bound) }
      return [ListeningSocket(listener, bound, (identity[0], identity[1]))]
    }
  }

  /// Lets clients connect.
  ///
  /// - Parameter backlog: how many of them the system keeps until they are accepted.
  package func listen(backlog: Int) throws(ServerError) {
    guard let descriptor = descriptor.withLock({ $0 }) else { return }
    let code = martlet_listen(descriptor, CInt(backlog))
    if code < 0 { throw listener.failure(code) }
  }

  /// Hands over the descriptor, which is then the caller's to close; nil the second time.
  func takeDescriptor() -> CInt? {
    descriptor.withLock { descriptor in
      defer { descriptor = nil }
      return descriptor
    }
  }

  /// Removes the file of a Unix socket, if it is still this one's.
  package func removeFile() {
    guard let path = listener.path else { return }
    let identity = [identity.0, identity.1]
    unsafe martlet_remove_unix(path, identity)
  }
}

extension Listener {
  /// What the system's refusal means to a person.
  fileprivate func failure(_ code: CInt) -> ServerError {
    switch place {
    case .tcp(let host, let port, _, _):
      if code == -EADDRINUSE { return .portInUse(host: host, port: port) }
      // Below -500 it is the resolver that failed.
      let reason =
        code < -500
        ? unsafe String(cString: gai_strerror(code + 1000)) : SystemError(code: -code).description
      return .cannotBind(host: host, port: port, reason: reason)
    case .unix(let path, _):
      switch -code {
      case EADDRINUSE: return .unixSocketInUse(path: path)
      case EEXIST: return .cannotBindUnixSocket(path: path, reason: "there is a file that is no socket")
      case ENAMETOOLONG:
        return .cannotBindUnixSocket(
          path: path,
          reason: "the path is longer than the \(martlet_unix_path_limit()) bytes that the system takes")
      default: return .cannotBindUnixSocket(path: path, reason: SystemError(code: -code).description)
      }
    }
  }
}
