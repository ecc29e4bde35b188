// The few things that are done with sockets by themselves, whichever transport serves them.
internal import CMartlet
internal import Martlet

/// Sockets by their descriptors.
enum Sockets {
  /// Who is at the other end of a TCP connection.
  static func peer(_ socket: CInt) -> Peer {
    let remote = endpoint(socket, ofPeer: true)
    return Peer(remote, local: endpoint(socket, ofPeer: false), isLocal: remote.isLocal)
  }

  /// One of the two ends of a connected socket.
  private static func endpoint(_ socket: CInt, ofPeer: Bool) -> Endpoint {
    let found = martlet_socket_endpoint(socket, ofPeer ? 1 : 0)
    return switch found.version {
    case 4: .ipv4(UInt32(found.low), port: found.port)
    case 6: .ipv6(found.high, found.low, port: found.port)
    default: .other("?")
    }
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

  /// How many bytes of what was sent the other end hasn't taken; 0 if the system can't say.
  static func untakenBytes(_ socket: CInt) -> Int { Int(martlet_untaken_bytes(socket)) }

  /// Lets this process have so many open files, or as many as the system allows; how many it may have then.
  static func allowFiles(_ wanted: Int) -> Int {
    Int(clamping: martlet_allow_files(UInt64(wanted)))
  }
}
