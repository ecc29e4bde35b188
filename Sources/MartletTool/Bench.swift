// `martlet bench`: puts load on a server and shows what it does under it.
//
// Exit status: 0; 1 when there were errors, or when the server can't be talked to; 64 (EX_USAGE of sysexits.h) when an
// option is wrong.
import ArgumentParser
import MartletBench

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a memcached or Redis server under load.",
    discussion: """
      Works with any server of these protocols. Beware: it writes keys that begin with key:, num:, log: and set:, and \
      never deletes them, but for the verb delete.

      Closed loop, the usual way: each connection has --pipeline requests on their way, and each reply brings the next \
      request. It shows how much a server can do. But when the server stalls, so does the load: the requests that \
      would have come meanwhile are never sent, and the stall shows as one slow request for each connection.

      With --rate, requests come at fixed times whatever the server does, as those of real clients do, and the time \
      of each counts from when it was due, not from when it could be sent (no "coordinated omission"). A stall of a \
      second at 1000 a second then shows as a thousand slow requests. When all connections are full, what is due waits: \
      that is the backlog.

      Verbs of --mix: get, set, delete, incr, append, touch, mget (of --multiget keys), and with Redis sadd and \
      sismember (of one of --members members). The shares are proportions.

      Replies are checked: an error, a reply of another kind than the request's, and with --verify a value other than \
      the key's is counted and shown. Exit status 1 if there was any.

      EXAMPLES
        martlet bench --fill
        martlet bench --fill --port 11211 --mix get=90,set=10 --pipeline 16 --duration 30s
        martlet bench --rate 20k --distribution zipfian --percentiles
        martlet bench --protocol meta --port 11211 --mix mget --multiget 100 --verify --fill
        martlet bench --server-pid $(pidof redis-server) --json result.json --requests 1000000
      """,
    helpNames: .long)

  @Option(
    name: .customLong("protocol"),
    help: ArgumentHelp(
      "redis, resp3, memcached or meta (memcached's meta commands); by the port unless given.",
      valueName: "name"),
    completion: .list(Wire.allCases.map(\.rawValue)))
  var wire: String?

  @Option(name: [.customShort("h"), .long], help: "The server's name or address.")
  var host = "127.0.0.1"

  @Option(name: .shortAndLong, help: "The server's port. (default: 6379; 11211 with memcached's protocols)")
  var port: Int?

  @Option(help: ArgumentHelp("The server's Unix socket, in place of host and port.", valueName: "path"))
  var unixSocket: String?

  @Option(help: ArgumentHelp("The user's name; without it the default user.", valueName: "name"))
  var user: String?

  @Option(
    name: [.customShort("a"), .long],
    help: "The password. Others may see it in the list of processes: better set MARTLET_PASSWORD.")
  var password: String?

  @Flag(help: .hidden)
  var tls = false

  @Option(name: .shortAndLong, help: ArgumentHelp("Connections, in all.", valueName: "count"))
  var connections = 50

  @Option(name: .shortAndLong, help: ArgumentHelp("Threads that share the connections.", valueName: "count"))
  var threads = 1

  @Option(
    name: [.customShort("P"), .long],
    help: ArgumentHelp("Requests on their way on each connection.", valueName: "count"))
  var pipeline = 1

  @Option(
    help: ArgumentHelp(
      "Requests a second at fixed times, such as 20k; without it a closed loop.", valueName: "rate"))
  var rate: String?

  @Option(
    name: [.customShort("n"), .long],
    help: ArgumentHelp("How many requests to measure, in place of --duration.", valueName: "count"))
  var requests: Int?

  @Option(name: .shortAndLong, help: ArgumentHelp("How long to measure.", valueName: "time"))
  var duration = "10s"

  @Option(help: ArgumentHelp("How long to put load on it before that.", valueName: "time"))
  var warmup = "1s"

  @Option(name: .shortAndLong, help: ArgumentHelp("How many keys there are.", valueName: "count"))
  var keys = 100_000

  @Option(help: ArgumentHelp("Bytes of a key, or a range.", valueName: "bytes"))
  var keyBytes = "16"

  @Option(help: ArgumentHelp("Bytes of a value, or a range such as 10-1000.", valueName: "bytes"))
  var valueBytes = "32"

  @Option(help: ArgumentHelp("uniform, zipfian, zipfian:THETA or sequential.", valueName: "name"))
  var distribution = "uniform"

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The requests and their shares.", valueName: "verb=share,..."))
  var mix = "get=90,set=10"

  @Option(help: ArgumentHelp("Keys of each mget.", valueName: "count"))
  var multiget = 50

  @Option(help: ArgumentHelp("Members that the sets of sadd and sismember are of.", valueName: "count"))
  var members = 1000

  @Flag(help: "Store a value for every key first.")
  var fill = false

  @Flag(
    help:
      "Compare values with what they have to be. Needs keys that --fill has stored, with the same options.")
  var verify = false

  @Option(
    help: ArgumentHelp(
      "Another seed brings other keys by chance; the same brings the same.", valueName: "number"))
  var seed: UInt64 = 1

  @Option(
    help: ArgumentHelp(
      "The server's process, if it runs on this machine: shows its CPU time and memory.", valueName: "pid"))
  var serverPid: Int?

  @Option(
    help: ArgumentHelp("Write everything to a file; docs/BENCH.md has the format.", valueName: "file"),
    completion: .file())
  var json: String?

  @Flag(help: "Show the whole distribution of times.")
  var percentiles = false

  func run() async throws {
    let plan: LoadPlan
    do {
      plan = try self.plan()
      try plan.validate()
    } catch {
      throw ValidationError("\(error)")
    }
    try await ToolRun.run {
      let line = StandardStream.error.isTerminal ? StatusLine() : nil
      defer { line?.end() }
      let report = try Benchmark.run(plan, progress: line.map { line in { line.show($0.text) } })
      line?.end()
      for text in report.text(showsPercentiles: percentiles) { try StandardStream.output.write(text + "\n") }
      if let json { try write(report, to: json) }
      if report.errorCount > 0 { throw ExitCode.failure }
    }
  }

  /// What the options ask for.
  private func plan() throws -> LoadPlan {
    guard !tls else { throw PlanError("TLS is not there yet: connect without --tls") }
    if let password { ProcessArguments.hide(password) }
    var plan = LoadPlan(mix: try Mix(mix))
    if let wire {
      guard let known = Wire(rawValue: wire) else {
        throw PlanError("--protocol \(wire): choose redis, resp3, memcached or meta")
      }
      plan.wire = known
    } else {
      plan.wire = Wire.usual(port: port ?? plan.wire.usualPort)
    }
    if let port, !(1...65_535).contains(port) {
      throw PlanError("--port \(port): a port is a number from 1 to 65535")
    }
    plan.target = unixSocket.map { .unix(path: $0) } ?? .tcp(host: host, port: port ?? plan.wire.usualPort)
    plan.user = user
    plan.password = password ?? Environment["MARTLET_PASSWORD"]
    plan.connections = connections
    plan.threads = threads
    plan.pipeline = pipeline
    plan.multiget = multiget
    plan.members = members
    plan.rate = try rate.map { try LoadPlan.rate($0) }
    plan.requests = requests
    plan.durationSeconds = try LoadPlan.seconds("--duration", duration)
    plan.warmupSeconds = try LoadPlan.seconds("--warmup", warmup)
    plan.keys = keys
    plan.keyBytes = try LoadPlan.byteRange("--key-bytes", keyBytes)
    plan.valueBytes = try LoadPlan.byteRange("--value-bytes", valueBytes)
    plan.distribution = try KeyDistribution(distribution)
    plan.mix = try Mix(mix)
    plan.fills = fill
    plan.verifies = verify
    plan.seed = seed
    plan.serverPid = serverPid
    plan.program = "martlet bench \(MartletCommand.configuration.version)"
    return plan
  }

  private func write(_ report: BenchReport, to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try (encoder.encode(report) + [UInt8(ascii: "\n")]).write(to: URL(filePath: path))
  }
}

/// A line on a terminal that is written over.
private final class StatusLine {
  private var isShown = false

  func show(_ text: String) {
    isShown = true
    try? StandardStream.error.write("\r\u{1b}[K" + text)
  }

  func end() {
    guard isShown else { return }
    isShown = false
    try? StandardStream.error.write("\r\u{1b}[K")
  }
}
