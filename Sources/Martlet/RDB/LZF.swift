// Decompresses LZF, as Redis compresses strings of more than 20 bytes: Marc Lehmann's LibLZF
// (http://oldhome.schmorp.de/marc/liblzf.html). A byte below 32 says that as many bytes and one follow as they are. Any other
// says in its upper three bits how many bytes, less two, are to be repeated (7: the next byte adds to that), and in the lower
// five and the byte behind how far back they begin, less one.

enum LZF {
  /// Three bytes can become this many, so that no more than this for each byte can be right.
  private static let mostOfThree = 264

  /// Whether so many bytes can become as many as they say.
  static func isPossible(_ compressed: Int, _ count: Int) -> Bool {
    count / mostOfThree <= compressed / 3 + 1
  }

  /// Appends what compressed bytes are to others; whether they are well and become `count` bytes.
  static func decompress(_ bytes: RawSpan, count: Int, to output: inout ByteQueue) -> Bool {
    guard isPossible(bytes.byteCount, count) else { return false }
    let start = output.count
    let end = start + count
    var index = 0
    while index < bytes.byteCount {
      let control = Int(bytes.byte(index))
      index += 1
      if control < 32 {
        let length = control + 1
        guard index + length <= bytes.byteCount, output.count + length <= end else { return false }
        output.append(bytes.extracting(index..<index + length))
        index += length
        continue
      }
      var length = control >> 5
      if length == 7 {
        guard index < bytes.byteCount else { return false }
        length += Int(bytes.byte(index))
        index += 1
      }
      length += 2
      guard index < bytes.byteCount else { return false }
      let distance = (control & 31) << 8 + Int(bytes.byte(index)) + 1
      index += 1
      guard distance <= output.count - start, output.count + length <= end else { return false }
      // What is repeated may overlap with what it becomes.
      for _ in 0..<length { output.append(byte: output.bytes.byte(output.count - distance)) }
    }
    return output.count == end
  }
}
