// CRC-32C against the vectors of RFC 3720 and against the definition.
import Martlet
import MartletSimulation
import Testing

private func crc32c(_ bytes: [UInt8], continuing crc: UInt32 = 0) -> UInt32 {
  unsafe bytes.span.bytes.crc32c(continuing: crc)
}

/// Bit by bit, as the definition has it.
private func reference(_ bytes: [UInt8]) -> UInt32 {
  var crc = UInt32.max
  for byte in bytes {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
  }
  return ~crc
}

@Suite("CRC-32C")
struct ChecksumTests {
  private static let values: [(bytes: [UInt8], crc: UInt32)] = [
    ([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
    ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43),
    (Array(0..<32), 0x46dd_794e),
    (Array((0..<32).reversed()), 0x113f_db5c),
    (bytes("123456789"), 0xe306_9283),
    ([], 0),
  ]

  @Test("has the values of RFC 3720, B.4, and of the catalogue", arguments: values)
  func knownValues(bytes: [UInt8], expected: UInt32) {
    #expect(crc32c(bytes) == expected)
  }

  @Test("is the same in one piece, in two, and by definition")
  func pieces() {
    var random = RandomSource(seed: 5)
    for length in 0..<100 {
      let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
      let whole = crc32c(bytes)
      #expect(whole == reference(bytes))
      for cut in 0...length {
        #expect(crc32c(Array(bytes[cut...]), continuing: crc32c(Array(bytes[..<cut]))) == whole)
      }
    }
  }

  @Test(
    "is by definition where long runs are gone through in parts",
    arguments: [3071, 3072, 3073, 6143, 6144, 9999, 100_000])
  func longRuns(length: Int) {
    var random = RandomSource(seed: UInt64(length))
    let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
    let whole = crc32c(bytes)
    #expect(whole == reference(bytes))
    for cut in [1, 7, 1024, 3072] where cut < length {
      #expect(crc32c(Array(bytes[cut...]), continuing: crc32c(Array(bytes[..<cut]))) == whole)
    }
  }
}
