// What can be imported, and how it is told apart.

package enum ImportFormat: String, Sendable, CaseIterable {
  /// Commands or JSON lines, as an export writes them.
  case text, jsonl
  /// Redis's and Valkey's snapshots.
  case rdb
  /// Their append-only logs: a file, or a folder with a manifest.
  case aof

  /// How many bytes at the start are enough to tell, if there are as many.
  package static let headBytes = RDBFileReader.headBytes

  /// What a file is that begins with these bytes. What is nothing else is text.
  package static func recognised(_ head: RawSpan) -> ImportFormat {
    if RDBFileReader.isStart(head) { return .rdb }
    if AppendOnlyManifest.isStart(head) || head.begins(with: "#TS:") { return .aof }
    if head.byteCount >= 2, head.byte(0) == UInt8(ascii: "*"),
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(head.byte(1))
    {
      return .aof
    }
    return head.byteCount > 0 && head.byte(0) == UInt8(ascii: "{") ? .jsonl : .text
  }
}
