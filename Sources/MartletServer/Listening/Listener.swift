// Where the server listens: what the settings say of hosts, ports and paths becomes one list.
package import Martlet

/// An address or host name as a person writes it, maybe with a port: `127.0.0.1`, `[::1]:11211`, `cache.example:11212`.
public struct ListenAddress: Sendable, Equatable {
  /// Every address of the machine, IPv4 and IPv6.
  public static let everywhere = "*"

  /// The address without brackets, the name, or ``everywhere``.
  public var host: String
  /// The port; nil for the one that the protocol has.
  public var port: Int?

  /// - Parameters:
  ///   - host: the address without brackets, the name, or ``everywhere``.
  ///   - port: the port; nil for the one that the protocol has.
  public init(_ host: String, port: Int? = nil) {
    self.host = host
    self.port = port
  }

  /// Reads an address or name; nil if the text is neither. An IPv6 address has to be in brackets if a port follows it.
  public init?(parsing text: String) {
    var host = Substring(text)
    var port: Substring?
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      guard host.contains(":"), rest.isEmpty || rest.hasPrefix(":") else { return nil }
      port = rest.isEmpty ? nil : rest.dropFirst()
    } else if let colon = text.firstIndex(of: ":"), !text[text.index(after: colon)...].contains(":") {
      host = text[..<colon]
      port = text[text.index(after: colon)...]
    }
    guard host == Self.everywhere || SettingFormat<[String]>.isHost(String(host)) else { return nil }
    self.host = String(host)
    guard let port else { return }
    guard port.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(port), (1...65535).contains(number)
    else { return nil }
    self.port = number
  }

  /// The address as a person writes it.
  public var text: String {
    guard let port else { return host }
    return (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
  }
}

/// One place where clients of one protocol come.
package struct Listener: Sendable, Equatable {
  package enum Place: Sendable, Equatable {
    /// - isOptional: whether the server starts without it on a machine that doesn't have the address.
    /// - isIPv6Only: whether an IPv6 address stands for IPv6 clients alone.
    case tcp(host: String, port: Int, isOptional: Bool, isIPv6Only: Bool)
    case unix(path: String, mode: Int)
  }

  package let wire: WireProtocol
  package let place: Place

  package init(_ wire: WireProtocol, _ place: Place) {
    self.wire = wire
    self.place = place
  }

  /// As the log shows it.
  var text: String {
    switch place {
    case .tcp(let host, let port, _, _): ListenAddress(host, port: port).text
    case .unix(let path, _): path
    }
  }

  /// Whether the server starts without it on a machine that doesn't have the address.
  var isOptional: Bool {
    guard case .tcp(_, _, let isOptional, _) = place else { return false }
    return isOptional
  }

  /// Whether only clients of this machine can come by it, as far as its name tells.
  var isLocal: Bool {
    guard case .tcp(let host, _, _, _) = place else { return true }
    return host == "localhost" || host == "::1" || host.hasPrefix("127.")
  }

  /// The path of a Unix socket.
  var path: String? {
    guard case .unix(let path, _) = place else { return nil }
    return path
  }
}

extension Settings {
  /// Everything that the server listens on.
  package var listeners: [Listener] {
    listeners(.redis, listen, port, unixSocket)
      + listeners(.memcached, memcachedListen, memcachedPort, memcachedUnixSocket)
  }

  private func listeners(
    _ wire: WireProtocol, _ own: [ListenAddress]?, _ port: Int, _ path: String?
  ) -> [Listener] {
    var places: [(host: String, port: Int, isOptional: Bool)] = []
    for address in own ?? host.map({ ListenAddress($0) }) {
      let port = address.port ?? port
      guard port != 0 else { continue }
      // Many machines have no IPv6: where nobody has asked for it by name, it isn't insisted on.
      if address.host == ListenAddress.everywhere {
        places += [("0.0.0.0", port, false), ("::", port, true)]
      } else {
        places.append((address.host, port, own == nil && host.count > 1 && address.host == "::1"))
      }
    }
    let tcp = places.map { place in
      // An IPv6 socket for all addresses takes IPv4 clients, too, unless another one is there for them.
      let isIPv6Only = places.contains { $0.host == "0.0.0.0" && $0.port == place.port }
      return Listener.Place.tcp(
        host: place.host, port: place.port, isOptional: place.isOptional, isIPv6Only: isIPv6Only)
    }
    let unix = path.map { Listener.Place.unix(path: $0, mode: unixSocketMode) }
    return (tcp + [unix].compactMap { $0 }).map { Listener(wire, $0) }
  }
}
