// How passwords are kept: by their SHA-256 digests, as Redis keeps them, so that its files of users work here and nobody
// reads a password from memory or from a file.
//
// SHA-256 by FIPS 180-4, section 6.2. A password is hashed when somebody gives one, and never on the way of another
// request: the few dozen lines here spare everybody who builds the store a cryptography library.

/// The SHA-256 digest of a password.
package struct PasswordHash: Sendable, Equatable {
  /// How many hexadecimal digits show one.
  package static let digitCount = 64

  private let words: SIMD8<UInt32>

  /// The digest of some bytes. O(n).
  package init(of bytes: RawSpan) {
    var state = Self.initial
    var start = 0
    while start + 64 <= bytes.byteCount {
      Self.compress(&state) { bytes.byte(start + $0) }
      start += 64
    }
    // A one, zeros, and the length in bits as 64 of them fill the last block, or two.
    let left = bytes.byteCount - start
    let padded = left + 9 <= 64 ? 64 : 128
    let bits = UInt64(bytes.byteCount) * 8
    for block in stride(from: 0, to: padded, by: 64) {
      Self.compress(&state) { index in
        let place = block + index
        if place < left { return bytes.byte(start + place) }
        if place == left { return 0x80 }
        return place >= padded - 8 ? UInt8(truncatingIfNeeded: bits >> UInt64((padded - 1 - place) * 8)) : 0
      }
    }
    words = state
  }

  /// The digest that 64 hexadecimal digits in lower case say; nil for anything else.
  package init?(_ digits: RawSpan) {
    guard digits.byteCount == Self.digitCount else { return nil }
    var words = SIMD8<UInt32>()
    for index in 0..<Self.digitCount {
      let byte = digits.byte(index)
      guard let value = hexadecimalValue(byte), !(UInt8(ascii: "A")...UInt8(ascii: "F")).contains(byte)
      else { return nil }
      words[index / 8] = words[index / 8] << 4 | UInt32(value)
    }
    self.words = words
  }

  /// The digest as 64 hexadecimal digits.
  package var text: String {
    var text = ByteQueue()
    for index in 0..<8 { text.append(hexadecimal: UInt64(words[index]), width: 8) }
    return text.bytes.text
  }

  /// Zero if both are the same, without a branch that depends on where they differ.
  func difference(_ other: PasswordHash) -> UInt {
    let differing = words ^ other.words
    var sum: UInt32 = 0
    for index in 0..<8 { sum |= differing[index] }
    return UInt(sum)
  }

  private static let initial = SIMD8<UInt32>(
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19)

  private static let constants: [UInt32] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
  ]

  /// Works one block of 64 bytes into the state.
  private static func compress(_ state: inout SIMD8<UInt32>, _ byte: (Int) -> UInt8) {
    func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 { word >> count | word << (32 - count) }
    var schedule = InlineArray<64, UInt32>(repeating: 0)
    for index in 0..<16 {
      for offset in 0..<4 { schedule[index] = schedule[index] << 8 | UInt32(byte(index * 4 + offset)) }
    }
    for index in 16..<64 {
      let early = schedule[index - 15]
      let late = schedule[index - 2]
      let small = rotated(early, 7) ^ rotated(early, 18) ^ early >> 3
      let large = rotated(late, 17) ^ rotated(late, 19) ^ late >> 10
      schedule[index] = schedule[index - 16] &+ small &+ schedule[index - 7] &+ large
    }
    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
    var (e, f, g, h) = (state[4], state[5], state[6], state[7])
    for index in 0..<64 {
      let sum = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
      let choice = e & f ^ ~e & g
      let first = h &+ sum &+ choice &+ constants[index] &+ schedule[index]
      let second = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) &+ (a & b ^ a & c ^ b & c)
      (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
    }
    state = state &+ SIMD8(a, b, c, d, e, f, g, h)
  }
}
