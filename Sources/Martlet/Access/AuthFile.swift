// The file of users, in the format of memcached's `-Y`: a line `name:password` for each of them. The name ends at the
// first colon; lines end with LF or CR LF. There are no comments and no empty lines, since a password may be anything.

/// What the file of users says.
package enum AuthFile {
  /// A file may have this many bytes: room for as many users as there may be.
  package static let maximumBytes =
    Users.maximumCount * (Users.maximumNameBytes + Users.maximumPasswordBytes + ":\r\n".utf8.count)

  /// What is wrong with a line; never what it says.
  package struct Malformed: Error, Equatable, CustomStringConvertible {
    /// Counted from 1.
    package let line: Int
    package let reason: String

    package var description: String { "line \(line): \(reason)" }
  }

  /// The names and passwords in the text of a file.
  package static func parse(_ text: RawSpan) throws(Malformed) -> [Credential] {
    var credentials: [Credential] = []
    var start = 0
    while start < text.byteCount {
      let newline = text.firstIndex(of: UInt8(ascii: "\n"), from: start) ?? text.byteCount
      let line = credentials.count + 1
      guard line <= Users.maximumCount else {
        throw Malformed(line: line, reason: "there may be \(Users.maximumCount) users")
      }
      let isCRLF = newline > start && text.byte(newline - 1) == UInt8(ascii: "\r")
      let entry = text.extracting(start..<(isCRLF ? newline - 1 : newline))
      guard let colon = entry.firstIndex(of: UInt8(ascii: ":")) else {
        throw Malformed(line: line, reason: "it has to be name:password")
      }
      let name = entry.extracting(0..<colon).array
      let password = entry.extracting(colon + 1..<entry.byteCount).array
      guard let credential = Credential(name: name, password: password) else {
        throw Malformed(
          line: line,
          reason: "a name has 1 to \(Users.maximumNameBytes) bytes, "
            + "and a password 1 to \(Users.maximumPasswordBytes)")
      }
      credentials.append(credential)
      start = newline + 1
    }
    return credentials
  }
}
