// One end of a connection, kept in a few bytes for as long as the connection lasts, and as text only when somebody asks.
internal import CMartlet

/// Where one end of a connection is.
package enum Endpoint: Sendable {
  case ipv4(UInt32, port: UInt16)
  /// The upper and the lower half of the address.
  case ipv6(UInt64, UInt64, port: UInt16)
  case unixSocket(path: String)
  /// Something else, or something that is known as text only.
  case other(String)

  /// The address with its port, `127.0.0.1:6379` or `[::1]:6379`; for a Unix socket its path and a port of 0, as Redis
  /// shows it.
  package var text: String {
    switch self {
    case .ipv4(let address, let port):
      let bytes = [24, 16, 8, 0].map { "\(address >> $0 & 255)" }
      return "\(bytes.joined(separator: ".")):\(port)"
    case .ipv6(let high, let low, let port):
      let length = 64
      let number = unsafe String(unsafeUninitializedCapacity: length) { buffer in
        unsafe martlet_ipv6_text(high, low, buffer.baseAddress, buffer.count)
      }
      return "[\(number)]:\(port)"
    case .unixSocket(let path): return path + ":0"
    case .other(let text): return text
    }
  }

  /// Whether it is known to be on this machine.
  package var isLocal: Bool {
    switch self {
    case .ipv4(let address, _): address >> 24 == 127
    // ::1, or an IPv4 address in the clothes of an IPv6 one.
    case .ipv6(let high, let low, _): high == 0 && (low == 1 || low >> 24 == 0xffff_7f)
    case .unixSocket: true
    case .other: false
    }
  }

  var isUnixSocket: Bool {
    if case .unixSocket = self { true } else { false }
  }
}
