// The few things that are done with sockets and not through a ring.
#if os(Linux)
  internal import CMartlet

  #if canImport(Glibc)
    internal import Glibc
  #else
    internal import Musl
  #endif

  /// Sockets by their descriptors.
  enum Sockets {
    /// Listens on the first address that a name has.
    static func listen(_ host: String, _ port: Int) throws(ServerError) -> CInt {
      let result = unsafe martlet_listen(host, CInt(port), CInt(TransportBounds.backlog))
      if result >= 0 { return result }
      if result == -EADDRINUSE { throw .portInUse(host: host, port: port) }
      // Below -1000 it is the resolver that failed.
      let reason =
        result < -500
        ? unsafe String(cString: gai_strerror(result + 1000)) : SystemError(code: -result).description
      throw .cannotBind(host: host, port: port, reason: reason)
    }

    /// An address of a connected socket, and whether it is on this machine.
    static func address(_ socket: CInt, ofPeer: Bool) -> (text: String, isLocal: Bool) {
      var text = [CChar](repeating: 0, count: 64)
      let isLocal = unsafe martlet_socket_address(socket, ofPeer ? 1 : 0, &text, text.count)
      return (
        String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self), isLocal != 0
      )
    }

    /// Has small replies sent at once.
    static func sendAtOnce(_ socket: CInt) { martlet_send_at_once(socket) }

    /// Sends a last text and closes.
    static func dismiss(_ socket: CInt, _ text: String) {
      let bytes = Array(text.utf8)
      unsafe martlet_dismiss(socket, bytes, bytes.count)
    }

    /// Has a write that nobody reads any more, of the log for instance, fail and not end the process. SwiftNIO does the
    /// same.
    static func ignoreBrokenPipes() { martlet_ignore_broken_pipes() }

    static func close(_ socket: CInt) { martlet_close(socket) }
  }

  /// A descriptor that can be rung from any thread, and that a ring listens to.
  struct Bell: ~Copyable, Sendable {
    let descriptor: CInt

    init() throws(SystemError) {
      descriptor = martlet_bell_make()
      guard descriptor >= 0 else { throw SystemError(code: -descriptor) }
    }

    deinit { Sockets.close(descriptor) }

    func ring() { martlet_bell_ring(descriptor) }
  }
#endif
