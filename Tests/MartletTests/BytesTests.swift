// What reads and writes bytes by the word, against what Swift says byte by byte.
import Martlet
import MartletSimulation
import Testing

@Suite("Bytes")
struct BytesTests {
  private static let samples: [UInt64] = {
    var numbers: [UInt64] = [0, 1, 9, 42, .max, .max - 1, UInt64(Int.max), UInt64(Int.max) + 1]
    var power: UInt64 = 1
    for _ in 0..<19 {
      power *= 10
      numbers += [power - 1, power, power + 1]
    }
    return numbers
  }()

  @Test("Numbers are written and read as Swift writes and reads them", arguments: Self.samples)
  func numbers(_ number: UInt64) {
    var queue = ByteQueue()
    queue.append(decimal: number)
    #expect(queue.bytes.text == "\(number)")
    #expect(queue.bytes.unsignedDecimal == number)
    #expect(queue.bytes.decimal == Int("\(number)"))
  }

  @Test(
    "What isn't a number of 64 bits isn't read as one",
    arguments: [
      "", "-", "1x", "x1", "18446744073709551616", "99999999999999999999", "123456789012345678901", "1 ",
    ])
  func noNumbers(_ text: String) {
    #expect(Array(text.utf8).span.raw.unsignedDecimal == nil)
    #expect(Array(text.utf8).span.raw.decimal == nil)
  }

  @Test("Each place of a byte is found, and no other")
  func places() {
    var random = RandomSource(seed: 7)
    for length in 0..<200 {
      // Neighbours of a space, and the same with the top bit.
      let bytes = (0..<length).map { _ in
        [0x1f, 0x20, 0x21, 0x9f, 0xa0, 0xa1, 0, 0xff].randomElement(using: &random)! as UInt8
      }
      var found: [Int] = []
      bytes.span.raw.forEachIndex(of: 0x20) { found.append($0) }
      #expect(found == bytes.indices.filter { bytes[$0] == 0x20 })
    }
  }

  @Test("A beginning is compared whole")
  func beginnings() {
    let bytes = Array("get key".utf8)
    let areBeginnings = [
      bytes.span.raw.begins(with: "get "), bytes.span.raw.begins(with: "get key"),
      bytes.span.raw.begins(with: "get key "), bytes.span.raw.begins(with: "gets"),
    ]
    #expect(areBeginnings == [true, true, false, false])
  }
}
