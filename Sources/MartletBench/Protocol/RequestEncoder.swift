// Requests as bytes, in each protocol.

/// Writes requests. All that doesn't depend on the key is there already; the rest is the key's digits, and for values
/// a copy.
package struct RequestEncoder: Sendable {
  /// The expiry that `touch` sets, in seconds.
  static let touchSeconds = 3600

  private let wire: Wire
  private let space: KeySpace
  /// The digits of a member's number.
  private let memberDigits: Int

  /// - Parameter members: how many members there are in all.
  package init(wire: Wire, space: KeySpace, members: Int) {
    self.wire = wire
    self.space = space
    memberDigits = String(members - 1).utf8.count
  }

  /// Writes a request for the keys that `requested` has from `start` on, `count` of them.
  ///
  /// - Parameters:
  ///   - kind: what the keys are: that of the verb, but for a `set` that fills.
  ///   - member: for `sadd` and `sismember`, below `members`.
  @inline(__always)
  package func encode(
    _ verb: Verb, _ kind: KeyKind, _ requested: [UInt32], from start: Int, count: Int, member: Int,
    to output: inout RequestBuffer
  ) {
    switch wire {
    case .redis, .resp3: encodeRESP(verb, kind, requested, start, count, member, &output)
    case .memcached: encodeClassic(verb, kind, requested, start, count, &output)
    case .meta: encodeMeta(verb, kind, requested, start, count, &output)
    }
  }

  // MARK: RESP

  @inline(__always)
  private func encodeRESP(
    _ verb: Verb, _ kind: KeyKind, _ requested: [UInt32], _ start: Int, _ count: Int, _ member: Int,
    _ output: inout RequestBuffer
  ) {
    let key = Int(requested[start])
    switch verb {
    case .get: output.append("*2\r\n$3\r\nGET\r\n")
    case .set: output.append("*3\r\n$3\r\nSET\r\n")
    case .delete: output.append("*2\r\n$3\r\nDEL\r\n")
    case .incr: output.append("*2\r\n$4\r\nINCR\r\n")
    case .append: output.append("*3\r\n$6\r\nAPPEND\r\n")
    case .touch: output.append("*3\r\n$6\r\nEXPIRE\r\n")
    case .sadd: output.append("*3\r\n$4\r\nSADD\r\n")
    case .sismember: output.append("*3\r\n$9\r\nSISMEMBER\r\n")
    case .mget:
      output.append("*")
      output.append(decimal: count + 1)
      output.append("\r\n$4\r\nMGET\r\n")
      for index in start..<(start + count) { appendBulkKey(Int(requested[index]), kind, &output) }
      return
    }
    appendBulkKey(key, kind, &output)
    switch verb {
    case .set, .append:
      let length = space.valueLength(key, kind)
      output.append("$")
      output.append(decimal: length)
      output.append("\r\n")
      space.appendValue(key, kind, length, to: &output)
      output.append("\r\n")
    case .touch: output.append("$4\r\n3600\r\n")
    case .sadd, .sismember:
      output.append("$")
      output.append(decimal: 7 + memberDigits)
      output.append("\r\nmember:")
      output.append(decimal: member, width: memberDigits)
      output.append("\r\n")
    case .get, .delete, .incr, .mget: break
    }
  }

  @inline(__always)
  private func appendBulkKey(_ key: Int, _ kind: KeyKind, _ output: inout RequestBuffer) {
    let length = space.keyLength(key)
    output.append("$")
    output.append(decimal: length)
    output.append("\r\n")
    space.appendKey(key, kind, length, to: &output)
    output.append("\r\n")
  }

  // MARK: memcached

  @inline(__always)
  private func encodeClassic(
    _ verb: Verb, _ kind: KeyKind, _ requested: [UInt32], _ start: Int, _ count: Int,
    _ output: inout RequestBuffer
  ) {
    let key = Int(requested[start])
    switch verb {
    case .get: output.append("get ")
    case .set: output.append("set ")
    case .delete: output.append("delete ")
    case .incr: output.append("incr ")
    case .append: output.append("append ")
    case .touch: output.append("touch ")
    case .mget:
      output.append("get")
      for index in start..<(start + count) {
        output.append(" ")
        space.appendKey(
          Int(requested[index]), kind, space.keyLength(Int(requested[index])), to: &output)
      }
      return output.append("\r\n")
    case .sadd, .sismember: preconditionFailure("memcached has no sets")
    }
    space.appendKey(key, kind, space.keyLength(key), to: &output)
    switch verb {
    case .incr: output.append(" 1\r\n")
    case .touch: output.append(" 3600\r\n")
    case .set, .append:
      let length = space.valueLength(key, kind)
      output.append(" 0 0 ")
      output.append(decimal: length)
      output.append("\r\n")
      space.appendValue(key, kind, length, to: &output)
      output.append("\r\n")
    case .get, .delete, .mget, .sadd, .sismember: output.append("\r\n")
    }
  }

  @inline(__always)
  private func encodeMeta(
    _ verb: Verb, _ kind: KeyKind, _ requested: [UInt32], _ start: Int, _ count: Int,
    _ output: inout RequestBuffer
  ) {
    let key = Int(requested[start])
    switch verb {
    case .get, .touch: output.append("mg ")
    case .set, .append: output.append("ms ")
    case .delete: output.append("md ")
    case .incr: output.append("ma ")
    case .mget:
      // Quiet: misses say nothing, and `mn` ends the reply.
      for index in start..<(start + count) {
        output.append("mg ")
        space.appendKey(
          Int(requested[index]), kind, space.keyLength(Int(requested[index])), to: &output)
        output.append(" k v q\r\n")
      }
      return output.append("mn\r\n")
    case .sadd, .sismember: preconditionFailure("memcached has no sets")
    }
    space.appendKey(key, kind, space.keyLength(key), to: &output)
    switch verb {
    case .get: output.append(" v\r\n")
    case .touch: output.append(" T3600\r\n")
    case .set, .append:
      let length = space.valueLength(key, kind)
      output.append(" ")
      output.append(decimal: length)
      output.append(verb == .append ? " MA\r\n" : "\r\n")
      space.appendValue(key, kind, length, to: &output)
      output.append("\r\n")
    case .delete, .incr, .mget, .sadd, .sismember: output.append("\r\n")
    }
  }
}
