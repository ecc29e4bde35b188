// memcached's command lines, and what they come to.
import MartletConsole
import Testing

@Suite("memcached's command line")
struct MemcachedCommandLineTests {
  private static let settings: Set<String> = [
    "port", "memcached-port", "memcached-listen", "listen", "host", "memcached-unix-socket", "unix-socket",
    "unix-socket-mode", "backlog", "data", "durability", "max-connections", "memory-limit", "max-value-bytes",
    "idle-timeout", "threads", "log-level", "log-commands", "memcached-flush", "memcached-shutdown",
    "memcached-watch",
    "protected-mode",
    "evict",
  ]

  private static func read(_ text: String, settings: Set<String> = settings) throws -> MemcachedCommandLine {
    try MemcachedCommandLine(text.split(separator: " ").map(String.init), settings: settings)
  }

  @Test("Without a word it is memcached as it is by default, and no Redis")
  func defaults() throws {
    let line = try Self.read("")
    #expect(line.action == .serve && line.options.isEmpty && line.ignored.isEmpty && !line.runsInBackground)
    #expect(
      line.defaults == [
        "port": "0", "memcached-listen": "*", "memcached-port": "11211", "max-connections": "1024",
        "memory-limit": "64mb", "evict": "lru",
      ])
    #expect(try Self.read("", settings: ["port"]).defaults == ["port": "0"])
  }

  @Test(
    "Options become settings",
    arguments: [
      ("-p 11212", ["memcached-port": "11212"]), ("-p11212", ["memcached-port": "11212"]),
      ("--port=11212", ["memcached-port": "11212"]), ("--port 11212", ["memcached-port": "11212"]),
      ("--por 11212", ["memcached-port": "11212"]),
      ("-m 64", ["memory-limit": "64mb"]), ("-m64", ["memory-limit": "64mb"]),
      ("-m 0", ["memory-limit": "0"]),
      ("--memory-limit=1024", ["memory-limit": "1024mb"]), ("-m 2g", ["memory-limit": "2gb"]),
      ("--memory-limit 512mb", ["memory-limit": "512mb"]),
      ("-M", ["evict": "none"]), ("--disable-evictions", ["evict": "none"]),
      ("--evict volatile-ttl", ["evict": "volatile-ttl"]),
      ("-c 4096", ["max-connections": "4096"]), ("--conn-limit=5", ["max-connections": "5"]),
      ("-t 4", ["threads": "4"]), ("-b 511", ["backlog": "511"]), ("-U 0", [:]),
      ("-I 1m", ["max-value-bytes": "1048576"]), ("-I 512k", ["max-value-bytes": "524288"]),
      ("-I 2M", ["max-value-bytes": "2097152"]), ("-I8388608", ["max-value-bytes": "8388608"]),
      ("--max-item-size=128m", ["max-value-bytes": "134217728"]),
      ("-l 127.0.0.1", ["memcached-listen": "127.0.0.1"]),
      (
        "-l 10.0.0.1:11212,[::1]:11213 -l localhost",
        ["memcached-listen": "10.0.0.1:11212,[::1]:11213,localhost"]
      ),
      ("-l notls:127.0.0.1:11212", ["memcached-listen": "127.0.0.1:11212"]),
      (
        "-s /run/m -a 0770",
        ["memcached-unix-socket": "/run/m", "unix-socket-mode": "0770", "memcached-port": "0"]
      ),
      ("--unix-socket=/run/m", ["memcached-unix-socket": "/run/m", "memcached-port": "0"]),
      ("-F -A", ["memcached-flush": "no", "memcached-shutdown": "yes"]),
      ("-v", ["log-level": "debug"]), ("-vv", ["log-level": "debug", "log-commands": "yes"]),
      ("-v -v -v", ["log-level": "debug", "log-commands": "yes"]),
      ("-o idle_timeout=30,maxconns_fast", ["idle-timeout": "30s"]),
      ("-o idle_timeout=0", ["idle-timeout": "0"]),
      ("--extended idle_timeout=5", ["idle-timeout": "5s"]),
      ("--redis-port 6380", ["port": "6380"]),
      ("--redis-port=6380 -p 1", ["port": "6380", "memcached-port": "1"]),
      ("--data /srv --durability=never", ["data": "/srv", "durability": "never"]),
      ("--host ::1 --host 127.0.0.1", ["host": "::1,127.0.0.1"]),
      ("--protected-mode no --log-commands", ["protected-mode": "no", "log-commands": "yes"]),
      ("-m 64 --", ["memory-limit": "64mb"]),
    ])
  func options(text: String, expected: [String: String]) throws {
    let line = try Self.read(text)
    #expect(line.options == expected)
    #expect(line.ignored.isEmpty)
  }

  @Test("Debian's /etc/memcached.conf is taken")
  func debian() throws {
    let line = try Self.read(
      "-m 64 -p 11211 -u memcache -l 127.0.0.1 -l ::1 -P /var/run/memcached/memcached.pid -vv -c 1024 -k -M -r"
    )
    #expect(
      line.options == [
        "memory-limit": "64mb", "memcached-port": "11211", "memcached-listen": "127.0.0.1,::1",
        "log-level": "debug", "log-commands": "yes", "max-connections": "1024", "evict": "none",
      ])
    #expect(
      line.user == "memcache" && line.pidFile == "/var/run/memcached/memcached.pid" && line.verbosity == 2)
    #expect(line.ignored == ["-k", "-r"])
  }

  @Test("The command line of the distributions' units and of containers is taken")
  func others() throws {
    let fedora = try Self.read("-p 11211 -u memcached -m 64 -c 1024 -l 127.0.0.1,::1")
    #expect(fedora.options["memcached-listen"] == "127.0.0.1,::1")
    let container = try Self.read("--conn-limit=1024 --memory-limit=64 --threads=4")
    #expect(container.options == ["max-connections": "1024", "memory-limit": "64mb", "threads": "4"])
    let daemon = try Self.read("-dv -u nobody -P/run/m.pid -U0 -o modern,hashpower=20")
    #expect(daemon.runsInBackground && daemon.user == "nobody" && daemon.pidFile == "/run/m.pid")
    #expect(daemon.verbosity == 1 && daemon.ignored == ["-o modern", "-o hashpower=20"])
  }

  @Test("What has no meaning here is named, with its value")
  func ignored() throws {
    let line = try Self.read(
      "-n 72 -f 1.25 -L -k -R 20 -C -D : -B ascii -r -N 2 --slab-min-size=48 -o lru_crawler,no_lru_maintainer,slab_reassign"
    )
    #expect(
      line.ignored == [
        "-n 72", "-f 1.25", "-L", "-k", "-R 20", "-C", "-D :", "-B ascii", "-r", "-N 2", "--slab-min-size=48",
        "-o lru_crawler", "-o no_lru_maintainer", "-o slab_reassign",
      ])
    #expect(try Self.read("-o no_maxconns_fast").ignored == ["-o no_maxconns_fast"])
    #expect(try Self.read("-s /run/m -p 11212 -l ::1").ignored == ["-l ::1 beside -s", "-p 11212 beside -s"])
    #expect(try Self.read("-s /run/m -p 11212 -l ::1").options["memcached-port"] == "0")
    // What this server can't restrict because it doesn't do it at all.
    #expect(try Self.read("-X").ignored == ["-X"])
    #expect(try Self.read("-W").options == ["memcached-watch": "no"])
    #expect(try Self.read("-W", settings: []).ignored == ["-W"])
  }

  @Test(
    "What somebody would miss is refused, with what to do",
    arguments: [
      ("-Z", "TLS"), ("-U 11211", "UDP"), ("-e /dev/shm/m", "--data"), ("-o ssl_key=k", "TLS"),
      ("-o ext_path=/m:1g", "-m"), ("-o proxy_config=p", "proxy"), ("-Y users", "everybody"),
      ("-S", "everybody"),
    ])
  func refused(text: String, hint: String) throws {
    do {
      _ = try Self.read(text)
      Issue.record("\(text) was taken")
    } catch let problem as MemcachedCommandLine.Problem {
      #expect(problem.description.contains(hint))
      #expect(problem.description.hasPrefix(text.prefix(2)) && !problem.description.contains("\n"))
    }
  }

  @Test("Users and SASL are taken where the server knows them")
  func access() throws {
    let line = try Self.read("-Y /etc/users -S", settings: ["memcached-auth-file", "memcached-sasl"])
    #expect(line.options == ["memcached-auth-file": "/etc/users", "memcached-sasl": "yes"])
  }

  @Test(
    "What is wrong is refused",
    arguments: [
      "-x", "--nonsense", "-p", "-p x", "-p 70000", "-p -1", "-c 0", "-t 0", "-b 0", "-m x", "-m -1", "-m 1k",
      "-I 1",
      "-I 1g", "-I 1024m", "-I x", "-I -1m", "-o foo", "-o idle_timeout", "-o idle_timeout=x", "word",
      "-- word", "--li",
      "--version=1", "-l ,", "--data",
    ])
  func wrong(text: String) {
    #expect(throws: MemcachedCommandLine.Problem.self) { try Self.read(text) }
  }

  @Test("Help, version and license are only shown")
  func shown() throws {
    for (text, action) in [
      ("-h", MemcachedCommandLine.Action.showHelp), ("--help", .showHelp), ("-m 64 -h", .showHelp),
      ("-V", .showVersion), ("--version", .showVersion), ("-i", .showLicense),
    ] {
      #expect(try Self.read(text).action == action)
    }
    #expect(MemcachedCommandLine.help.split(separator: "\n").allSatisfy { $0.count <= 120 })
  }
}
