// Words, records, numbers, patterns, checksums and hashes.
import Benchmark
import Martlet

/// Bytes to read from, and a buffer to write to.
private struct Text: ~Copyable {
  let bytes: [UInt8]
  var output = ByteQueue()
  var parser = RecordParser()

  init(_ text: String) { bytes = Array(text.utf8) }

  mutating func writeWord(_ times: Int) {
    let bytes = bytes
    for _ in 0..<times { output.append(word: bytes.span.raw) }
    output.removeAll()
  }

  mutating func parseRecord(_ times: Int) {
    let bytes = bytes
    for _ in 0..<times { blackHole(parser.parse(bytes.span.raw) { $0.count }) }
  }

  func readDecimal(_ times: Int) {
    for _ in 0..<times { blackHole(bytes.span.raw.decimal) }
  }

  mutating func writeDecimal(_ number: Int, _ times: Int) {
    for _ in 0..<times { output.append(decimal: number) }
    output.removeAll()
  }

  func match(_ pattern: [UInt8], _ times: Int) {
    for _ in 0..<times { blackHole(Glob.matches(pattern.span.raw, bytes.span.raw)) }
  }

  func checksum(_ times: Int) {
    var crc: UInt32 = 0
    for _ in 0..<times { crc = bytes.span.raw.crc32c(continuing: crc) }
    blackHole(crc)
  }

  func hash(_ seed: HashSeed, _ times: Int) {
    for _ in 0..<times { blackHole(seed.hash(bytes.span.raw)) }
  }
}

func benchmarkText() {
  let plain = String(repeating: "v", count: 32)
  let spaced = "two words, and \"quotes\", \u{e4}\u{f6}\u{fc}\n"
  let control = String(repeating: "\u{1}", count: 32)
  for (kind, word) in [("plain", plain), ("quoted", spaced), ("base64", control)] {
    measure("record write a word, \(kind)", { Box(Text(word)) }, { $0.value.writeWord($1) })
    var record = ByteQueue()
    record.append("SET key:000000000042 ")
    record.append(word: word.utf8.span.raw)
    let line = record.bytes.text
    measure("record parse a SET, \(kind)", { Box(Text(line)) }, { $0.value.parseRecord($1) })
  }
  measure("number read", { Box(Text("1234567890")) }, { $0.value.readDecimal($1) })
  measure("number write", { Box(Text("")) }, { $0.value.writeDecimal(1_234_567_890, $1) })
  for pattern in ["key:*42", "*:*:*:x", "key:[0-9]?*"] {
    measure(
      "glob \(pattern)", { Box(Text("key:000000000042")) }, { $0.value.match(Array(pattern.utf8), $1) })
  }
  for size in [64, 4096, 1 << 20] {
    measure(
      "crc32c of \(size) bytes", scale: size > 4096 ? .one : .kilo,
      { Box(Text(String(repeating: "v", count: size))) }, { $0.value.checksum($1) })
  }
  for size in [16, 250] {
    measure(
      "hash of \(size) bytes", { Box(Text(String(repeating: "k", count: size))) },
      { $0.value.hash(HashSeed(1), $1) })
  }
}
