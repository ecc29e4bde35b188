// The ends of connections, as they are shown.
import Martlet
import Testing

@Suite("An end of a connection")
struct EndpointTests {
  @Test(
    "is shown with its port, and is known to be on this machine or not",
    arguments: [
      (Endpoint.ipv4(0x7f00_0001, port: 6379), "127.0.0.1:6379", true),
      (.ipv4(0x7fff_fffe, port: 1), "127.255.255.254:1", true),
      (.ipv4(0xc0a8_0a80, port: 65535), "192.168.10.128:65535", false),
      (.ipv4(0x8000_007f, port: 0), "128.0.0.127:0", false),
      (.ipv6(0, 1, port: 6379), "[::1]:6379", true),
      (.ipv6(0x2001_0db8_0000_0000, 0x0000_0000_0000_00ff, port: 80), "[2001:db8::ff]:80", false),
      (.ipv6(0x0000_0000_0000_0001, 1, port: 80), "[::1:0:0:0:1]:80", false),
      (
        .ipv6(.max, .max, port: 11211), "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:11211", false
      ),
      (.ipv6(0, 0xffff_7f00_0001, port: 5), "[::ffff:127.0.0.1]:5", true),
      (.ipv6(0, 0xffff_0a00_0001, port: 5), "[::ffff:10.0.0.1]:5", false),
      (.unixSocket(path: "/run/martlet"), "/run/martlet:0", true),
      (.other("import"), "import", false),
    ])
  func shown(_ endpoint: Endpoint, _ text: String, _ isLocal: Bool) {
    #expect(endpoint.text == text)
    #expect(endpoint.isLocal == isLocal)
  }
}
