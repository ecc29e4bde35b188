// The list of the files that Redis 7 and Valkey keep their append-only log in: one line a file, `file NAME seq NUMBER type
// LETTER`, the letter b for the base, i for what came after it, h for what is no longer needed. The facts are those of aof.c in
// Redis 7.0 (https://github.com/redis/redis).

package enum AppendOnlyManifest {
  /// What the name of every manifest ends in.
  package static let nameEnd = ".manifest"
  /// No manifest is longer, in bytes.
  package static let maximumBytes = 1 << 20

  /// Whether bytes are the start of a manifest.
  package static func isStart(_ bytes: RawSpan) -> Bool { bytes.begins(with: "file ") }

  /// The names of the files, in the order in which they are to be read.
  package static func read(_ text: RawSpan) throws(ToolError) -> [String] {
    var base: String?
    var increments: [(number: Int, name: String)] = []
    var parser = RecordParser()
    var number = 0
    for line in text.array.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      let content = line.filter { $0 != UInt8(ascii: "\r") }
      guard let first = content.first, first != UInt8(ascii: "#") else { continue }
      func wrong(_ why: String) -> ToolError { ToolError("line \(number) of the manifest: \(why)") }
      let words = parser.parse(content.span.raw) { words in (0..<words.count).map { words[$0].text } } ?? []
      var facts: [String: String] = [:]
      for index in stride(from: 0, to: words.count - 1, by: 2) {
        facts[words[index].lowercased()] = words[index + 1]
      }
      guard words.count % 2 == 0, let name = facts["file"], let sequence = facts["seq"].flatMap({ Int($0) }),
        let type = facts["type"]
      else { throw wrong("it isn't file NAME seq NUMBER type LETTER") }
      guard !name.isEmpty, name != ".", name != "..", !name.contains("/") else {
        throw wrong("'\(name)' is no name of a file in the same folder")
      }
      switch type {
      case "b":
        guard base == nil else { throw wrong("there are two base files") }
        base = name
      case "i":
        if let last = increments.last, last.number >= sequence {
          throw wrong("the files are not in their order")
        }
        increments.append((sequence, name))
      case "h": break
      default: throw wrong("the type '\(type)' is not known")
      }
    }
    let names = [base].compactMap { $0 } + increments.map(\.name)
    guard !names.isEmpty else { throw ToolError("the manifest names no file") }
    return names
  }
}
