// The digests of passwords, against the examples of the standard and of Redis.
import Martlet
import Testing

@Suite("Digests of passwords")
struct PasswordHashTests {
  private func digest(_ text: String) -> String {
    let bytes = Array(text.utf8)
    return PasswordHash(of: bytes.span.raw).text
  }

  /// The digest that digits say, as digits.
  private func read(_ digits: String) -> String? {
    let bytes = Array(digits.utf8)
    return PasswordHash(bytes.span.raw)?.text
  }

  /// The examples of FIPS 180 (csrc.nist.gov, "SHA256.pdf" and "SHA2_Additional.pdf"), and what Redis shows for "pw".
  @Test("They are SHA-256")
  func examples() {
    #expect(digest("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
        == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
    #expect(
      digest(String(repeating: "a", count: 1_000_000))
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    #expect(digest("pw") == "30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4")
  }

  @Test("All lengths around a block's end are digested differently, and the same twice")
  func lengths() {
    let digests = (0..<200).map { digest(String(repeating: "x", count: $0)) }
    #expect(Set(digests).count == digests.count)
    #expect(digests == (0..<200).map { digest(String(repeating: "x", count: $0)) })
  }

  @Test("64 digits in lower case are read back, and nothing else")
  func digits() {
    let text = digest("pw")
    #expect(read(text) == text)
    for wrong in [
      "", "30", text.uppercased(), text + "0", String(text.dropLast()) + "g", String(text.dropLast()) + " ",
    ] {
      #expect(read(wrong) == nil, "\(wrong)")
    }
  }
}
