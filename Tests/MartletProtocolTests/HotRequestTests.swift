// What is counted and measured is what its name says.
import HotRequests
import Martlet
import Testing

@Suite("The requests whose cost is watched")
struct HotRequestTests {
  private func firstReply(_ request: HotRequest) -> String {
    var feed = Feed(request)
    return String(decoding: feed.firstReply(), as: UTF8.self)
  }

  @Test("Each is understood", arguments: HotRequest.all.map(\.name))
  func isUnderstood(_ name: String) throws {
    let request = try #require(HotRequest.all.first { $0.name == name })
    let reply = firstReply(request)
    if name.hasPrefix("bin") {
      var feed = Feed(request)
      let bytes = feed.firstReply()
      // The magic number of a reply, and a status of 0.
      #expect(bytes.first == 0x81 && bytes[6] == 0 && bytes[7] == 0)
    } else {
      #expect(!reply.isEmpty && !reply.hasPrefix("-"))
      #expect(!reply.contains("ERROR"))
    }
  }

  @Test("Those that find a value get it, as often as they ask", arguments: HotRequest.all.map(\.name))
  func hits(_ name: String) throws {
    let request = try #require(HotRequest.all.first { $0.name == name })
    guard name.contains("get") else { return }
    let length = request.isLarge ? 100_000 : 32
    let keys = name.hasSuffix("-50") ? 50 : request.count
    let letters = firstReply(request).count { $0 == "v" }
    // memcached's classic and Redis's replies say nothing with this letter, nor do the names of the keys.
    #expect(letters == (name.hasSuffix("-miss") ? 0 : keys * length))
  }

  @Test("A miss is told as one")
  func miss() throws {
    let redis = try #require(HotRequest.all.first { $0.name == "get-miss" })
    #expect(firstReply(redis) == "$-1\r\n")
    let memcached = try #require(HotRequest.all.first { $0.name == "mcget-miss" })
    #expect(firstReply(memcached) == "END\r\n")
  }

  @Test("Sets and counters change what is there")
  func writes() throws {
    for (name, reply) in [
      ("set", "+OK\r\n"), ("mcset", "STORED\r\n"), ("mcmset", "HD\r\n"), ("incr", ":1000001\r\n"),
      ("mcincr", "1000001\r\n"), ("sadd-srem", ":1\r\n:1\r\n"), ("set-100k", "+OK\r\n"),
    ] {
      let request = try #require(HotRequest.all.first { $0.name == name })
      #expect(firstReply(request) == reply, "\(name)")
    }
  }
}
