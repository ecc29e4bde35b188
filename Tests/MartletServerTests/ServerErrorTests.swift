// The words in which a server says why it doesn't start.
import MartletServer
import Testing

@Suite("A server's error says what to do next")
struct ServerErrorTests {
  @Test(
    "Each names the option or the command that helps",
    arguments: [
      (ServerError.portInUse(host: "::1", port: 6379), "--port"),
      (.cannotBind(host: "10.0.0.1", port: 6379, reason: "Cannot assign requested address"), "--host"),
      (.unixSocketInUse(path: "/run/s"), "--unix-socket"),
      (.cannotBindUnixSocket(path: "/run/s", reason: "Permission denied"), "--memcached-unix-socket"),
      (.folderNotWritable(path: "data", reason: "Permission denied"), "--data"),
      (.folderInUse(path: "data", pid: 42), "process 42"),
      (.folderInUse(path: "data", pid: nil), "--data"),
      (
        .databaseDamaged(path: "data/database.txt", line: 7, reason: "the checksum is wrong"), "line 7"
      ),
    ])
  func help(error: ServerError, hint: String) {
    #expect(error.description.contains(hint))
    #expect(!error.description.contains("\n"))
  }
}
