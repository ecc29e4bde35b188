// The file of users that `ACL SAVE` writes, in the format of Redis's `aclfile`: a line `user NAME RULE...` for each of
// them, with passwords as digests. Empty lines are allowed; comments aren't, since the next `ACL SAVE` would drop them.

package enum UsersFile {
  /// What it is called in the data folder.
  package static let name = "users.acl"
  /// It may have this many bytes.
  package static let maximumBytes = 16 << 20

  /// What is wrong with the lines.
  package struct Malformed: Error, CustomStringConvertible {
    package let description: String
  }

  /// The users that a file defines, by their names.
  ///
  /// - Throws: what is wrong with each line, in Redis's words.
  static func parse(
    _ text: RawSpan, _ path: String, _ vocabulary: CommandVocabulary
  ) throws(Malformed) -> [[UInt8]: UserRules] {
    var users: [[UInt8]: UserRules] = [:]
    var problems = ""
    let lines = text.array.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let words = line.split {
        $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r")
      }
      .map { Array($0) }
      if words.isEmpty { continue }
      let number = index + 1
      guard words.count >= 2, words[0] == Array("user".utf8) else {
        problems += "\(path):\(number) should start with user keyword followed by the username. "
        continue
      }
      guard words[1].count <= Users.maximumNameBytes, users.count < Users.maximumCount else {
        problems +=
          "\(path):\(number): there may be \(Users.maximumCount) users, with names of "
          + "\(Users.maximumNameBytes) bytes. "
        continue
      }
      guard users[words[1]] == nil else {
        problems +=
          "WARNING: Duplicate user '\(String(decoding: words[1], as: UTF8.self))' found on line \(number). "
        continue
      }
      do {
        users[words[1]] = try rules(Array(words.dropFirst(2)), vocabulary)
      } catch {
        problems += "\(path):\(number): \(error.text). "
      }
    }
    guard problems.isEmpty else {
      throw Malformed(
        description: problems
          + "WARNING: ACL errors detected, no change to the previously active ACL rules was performed")
    }
    return users
  }

  private static func rules(
    _ words: [[UInt8]], _ vocabulary: CommandVocabulary
  ) throws(RuleProblem) -> UserRules {
    var rules = UserRules(vocabulary)
    let joined: [[UInt8]]
    do { joined = try UserRules.joinSelectors(words) } catch { throw .unmatchedParenthesis }
    for rule in joined { try rules.apply(rule.span.raw) }
    return rules
  }
}
