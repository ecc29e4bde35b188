// What is said before the load: who we are, and which server this is. One exchange at a time, without hurry.

/// The exchanges of a new connection, as bytes; whoever has the socket carries them out.
package enum Handshake {
  /// One request and what its reply means.
  package struct Exchange {
    package let request: [UInt8]
    let isDone: @Sendable ([UInt8]) -> Bool
    /// Why it failed, or nil.
    let refusal: @Sendable ([UInt8]) -> String?
  }

  /// The longest reply to any of them.
  static let maximumReply = 1 << 20

  /// What has to be said for a plan.
  package static func exchanges(_ wire: Wire, user: String?, password: String?) -> [Exchange] {
    switch wire {
    case .redis:
      guard let password else { return [] }
      return [resp(["AUTH"] + (user.map { [$0] } ?? []) + [password])]
    case .resp3:
      return [resp(["HELLO", "3"] + (password.map { ["AUTH", user ?? "default", $0] } ?? []))]
    case .memcached, .meta:
      guard let password else { return [] }
      let secret = "\(user ?? "default") \(password)"
      return [
        Exchange(
          request: Array("set auth 0 0 \(secret.utf8.count)\r\n\(secret)\r\n".utf8),
          isDone: { $0.last == UInt8(ascii: "\n") },
          refusal: { $0.starts(with: "STORED".utf8) ? nil : line($0) })
      ]
    }
  }

  /// Asks which server this is.
  static func question(_ wire: Wire) -> Exchange {
    wire.isRedis
      ? resp(["INFO", "server"])
      : Exchange(
        request: Array("version\r\n".utf8), isDone: { $0.last == UInt8(ascii: "\n") }, refusal: { _ in nil })
  }

  /// Whether the reply to that question is one of the protocol, be it a refusal.
  package static func isSpoken(_ wire: Wire, _ reply: [UInt8]) -> Bool {
    wire.isRedis
      ? "$=-".utf8.contains(reply.first ?? 0)
      : ["VERSION ", "ERROR", "CLIENT_ERROR", "SERVER_ERROR"].contains { reply.starts(with: $0.utf8) }
  }

  /// What the reply to that question says: `redis 7.0.15`; nil if it doesn't say.
  package static func server(_ wire: Wire, _ reply: [UInt8]) -> String? {
    let text = String(decoding: reply, as: UTF8.self)
    guard wire.isRedis else {
      let words = text.split(whereSeparator: \.isWhitespace)
      return words.count >= 2 && words[0] == "VERSION"
        ? "memcached \(words[1...].joined(separator: " "))" : nil
    }
    var fields: [Substring: Substring] = [:]
    for line in text.split(whereSeparator: \.isNewline) {
      guard let colon = line.firstIndex(of: ":") else { continue }
      fields[line[..<colon]] = line[line.index(after: colon)...]
    }
    // Those that speak the protocol say which version of Redis they are like, and some their own.
    for name in ["martlet", "valkey", "dragonfly", "keydb"] {
      if let version = fields[Substring(name + "_version")] { return "\(name) \(version)" }
    }
    return fields["redis_version"].map { "redis \($0)" }
  }

  private static func resp(_ words: [String]) -> Exchange {
    let request = words.reduce("*\(words.count)\r\n") { $0 + "$\($1.utf8.count)\r\n\($1)\r\n" }
    return Exchange(
      request: Array(request.utf8),
      isDone: { RESPShape.end(of: $0) != nil },
      refusal: { $0.first == UInt8(ascii: "-") ? line(Array($0.dropFirst())) : nil })
  }

  /// The first line of a reply, to be shown; cut if it is long.
  static func line(_ bytes: [UInt8]) -> String {
    String(
      decoding: bytes.prefix(ReplyReader.maximumText).prefix {
        $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n")
      }, as: UTF8.self)
  }
}

/// Where a RESP value ends, whatever it is.
package enum RESPShape {
  /// How deep values may lie in others.
  private static let maximumDepth = 8

  /// The index behind the first value; nil when more bytes are needed. What is no RESP counts as whole, for others to
  /// complain of.
  package static func end(of bytes: [UInt8]) -> Int? { end(of: bytes, from: 0, depth: 0) }

  private static func end(of bytes: [UInt8], from start: Int, depth: Int) -> Int? {
    guard start < bytes.count, let newline = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) else {
      return nil
    }
    let text = String(decoding: bytes[(start + 1)..<max(start + 1, newline)].dropLast(), as: UTF8.self)
    let number = Int(text) ?? 0
    switch bytes[start] {
    case UInt8(ascii: "$"), UInt8(ascii: "="), UInt8(ascii: "!"):
      guard number >= 0, number <= Handshake.maximumReply else { return newline + 1 }
      return newline + 1 + number + 2 <= bytes.count ? newline + 1 + number + 2 : nil
    case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: "%"), UInt8(ascii: ">"):
      let count = min(number, Handshake.maximumReply) * (bytes[start] == UInt8(ascii: "%") ? 2 : 1)
      guard count > 0, depth < maximumDepth else { return newline + 1 }
      var position = newline + 1
      for _ in 0..<count {
        guard let next = end(of: bytes, from: position, depth: depth + 1) else { return nil }
        position = next
      }
      return position
    default: return newline + 1
    }
  }
}
