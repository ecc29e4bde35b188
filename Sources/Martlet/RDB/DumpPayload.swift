// What DUMP gives and RESTORE takes: the type of a value and the value as in an RDB file, the version of the format (2 bytes)
// and the checksum of all that (8 bytes), both with the lowest byte first. The facts are those of cluster.c in Redis 7.0.
//
// Collections are written entry by entry and never packed: every Redis since 7.0, and Valkey, reads that, and packs it as its own
// settings say. Only hashes with fields that expire have no form that both know: they are written as Valkey 9 does.

package enum DumpPayload {
  private static let versionBytes = 2
  private static let checksumBytes = 8

  /// The bytes of a value with its type, and whose numbers they are; nil when the version isn't known or the checksum is
  /// wrong.
  @_lifetime(copy payload)
  package static func opened(_ payload: RawSpan) -> OpenedPayload? {
    let end = payload.byteCount - versionBytes - checksumBytes
    guard end >= 0, let dialect = RDBVersion.dialect(Int(payload.word(UInt16.self, at: end))) else {
      return nil
    }
    let sum = payload.extracting(0..<end + versionBytes).crc64(continuing: 0)
    guard sum == payload.word(UInt64.self, at: end + versionBytes) else { return nil }
    return OpenedPayload(body: payload.extracting(0..<end), dialect: dialect)
  }

  /// Writes a value. Members that have expired are left out.
  ///
  /// - Parameters:
  ///   - now: in milliseconds since 1970.
  ///   - most: how many bytes there may be.
  /// - Returns: false when there are more: then they aren't whole.
  static func write(_ item: Item, now: Int64, atMost most: Int, to bytes: inout ByteQueue) -> Bool {
    var version = RDBVersion.dumped
    switch item.kind {
    case .string:
      bytes.append(byte: RDBType.Written.string)
      bytes.append(rdbString: item.value)
    case .list:
      bytes.append(byte: RDBType.Written.list)
      bytes.append(rdbLength: item.list.count)
      var cursor = item.list.cursor(at: 0)
      while let element = cursor.next(), bytes.count <= most {
        if let integer = element.integer {
          bytes.append(rdbInteger: integer)
        } else {
          bytes.append(rdbString: element.text)
        }
      }
    case .set, .sortedSet, .hash:
      let members = item.members
      let expires = item.hasExpiringMembers
      if expires { version = RDBVersion.valkey }
      switch item.kind {
      case .set: bytes.append(byte: RDBType.Written.set)
      case .sortedSet: bytes.append(byte: RDBType.Written.sortedSet)
      default: bytes.append(byte: expires ? RDBType.Written.hashOfValkey : RDBType.Written.hash)
      }
      bytes.append(rdbLength: expires ? members.liveCount(now) : members.count)
      // A closure can't change what it is called with.
      var written = ByteQueue()
      _ = members.contains { member in
        if expires && member.hasExpired(now) { return false }
        written.append(rdbString: member.key)
        if member.hasValue { written.append(rdbString: member.value) }
        if expires { written.append(littleEndian: member.expires ? member.expiry : -1) }
        if member.hasScore { written.append(littleEndian: member.score.bitPattern) }
        return written.count > most
      }
      bytes.append(written.bytes)
    }
    guard bytes.count <= most else { return false }
    bytes.append(littleEndian: UInt16(version))
    bytes.append(littleEndian: bytes.bytes.crc64(continuing: 0))
    return true
  }
}

/// A payload whose checksum is right.
package struct OpenedPayload: ~Escapable {
  package let body: RawSpan
  package let dialect: RDBDialect

  @_lifetime(copy body)
  init(body: RawSpan, dialect: RDBDialect) {
    self.body = body
    self.dialect = dialect
  }
}

extension ByteQueue {
  /// Appends a length or a count as RDB files have them.
  mutating func append(rdbLength length: Int) {
    switch length {
    case 0..<1 << 6: append(byte: UInt8(length))
    case 0..<1 << 14: append(bigEndian: UInt16(length) | 0x4000)
    case 0..<1 << 32:
      append(byte: 0x80)
      append(bigEndian: UInt32(length))
    default:
      append(byte: 0x81)
      append(bigEndian: UInt64(length))
    }
  }

  /// Appends a string: what is written as a number of 32 bits as that number.
  mutating func append(rdbString string: RawSpan) {
    if string.byteCount <= 11, let integer = string.decimal, let short = Int32(exactly: integer) {
      return append(rdbShort: short)
    }
    append(rdbLength: string.byteCount)
    append(string)
  }

  mutating func append(rdbInteger integer: Int) {
    if let short = Int32(exactly: integer) { return append(rdbShort: short) }
    var digits = ByteQueue()
    digits.append(decimal: integer)
    append(rdbLength: digits.count)
    append(digits.bytes)
  }

  private mutating func append(rdbShort number: Int32) {
    if let byte = Int8(exactly: number) {
      append(byte: 0xc0)
      append(byte: UInt8(bitPattern: byte))
    } else if let short = Int16(exactly: number) {
      append(byte: 0xc1)
      append(littleEndian: short)
    } else {
      append(byte: 0xc2)
      append(littleEndian: number)
    }
  }
}
