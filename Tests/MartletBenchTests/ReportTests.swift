// Histograms, numbers, and the shape of a report.
import Foundation
import MartletBench
import Testing

@Suite("The report")
struct ReportTests {
  @Test("A histogram's buckets meet, and are no wider than 0.4 % of what they hold")
  func buckets() {
    var next: Int64 = 0
    var index = 0
    while next < Histogram.limit {
      let bounds = Histogram.bounds(of: index)
      #expect(bounds.lowerBound == next)
      #expect(Double(bounds.upperBound - bounds.lowerBound) <= Double(bounds.lowerBound) / 256)
      next = bounds.upperBound + 1
      index += 1
    }
    #expect(next == Histogram.limit + 1)
  }

  @Test("Percentiles are those of the sorted values, up to a bucket")
  func percentiles() {
    var random = SeededRandom(seed: 1)
    var histogram = Histogram()
    var values: [Int64] = []
    for _ in 0..<100_000 {
      // From a nanosecond to minutes, all powers as likely.
      let value = Int64(random.next() >> (24 + random.below(40)))
      values.append(value)
      histogram.record(value)
    }
    values.sort()
    #expect(histogram.count == 100_000)
    #expect(histogram.minimum == values.first && histogram.maximum == values.last)
    for percent in [0.001, 1, 10, 50, 90, 99, 99.9, 100] {
      let exact = values[max(0, Int((percent / 100 * 100_000).rounded(.up)) - 1)]
      let found = histogram.percentile(percent)
      #expect(found >= exact && Double(found) <= Double(exact) * 1.004 + 1)
    }
    let mean = values.reduce(0.0) { $0 + Double($1) } / 100_000
    #expect(abs(histogram.mean - mean) < mean * 1e-9)
  }

  @Test("Histograms add up, and what came since an earlier one can be told")
  func sums() {
    var first = Histogram()
    var second = Histogram()
    for value in 1...1000 { first.record(Int64(value) * 1000) }
    for value in 1...1000 { second.record(Int64(value) * 1_000_000) }
    var both = first
    both.add(second)
    #expect(both.count == 2000 && both.minimum == 1000 && both.maximum == 1_000_000_000)
    let since = both.since(first)
    #expect(since.count == 1000)
    #expect(abs(since.mean - second.mean) < 1)
    #expect(since.percentile(50) == second.percentile(50))
    #expect(both.buckets.reduce(0) { $0 + $1.count } == 2000)
  }

  @Test("Nothing, and what is out of bounds, are no trouble")
  func extremes() {
    var histogram = Histogram()
    #expect(histogram.percentile(99) == 0 && histogram.mean == 0 && histogram.minimum == 0)
    histogram.record(-5)
    histogram.record(.max / 4)
    #expect(histogram.minimum == 0 && histogram.maximum == .max / 4)
    #expect(histogram.percentile(1) == 0)
  }

  @Test("Errors are counted by kind with the first text, and only so many kinds")
  func errors() {
    var log = ErrorLog()
    log.note(ErrorLog.kind(of: "ERR one"), "ERR one")
    log.note(ErrorLog.kind(of: "ERR two"), "ERR two", times: 2)
    #expect(log.kinds["ERR"]?.count == 3 && log.kinds["ERR"]?.first == "ERR one")
    for number in 0..<100 { log.note("kind\(number)", "text") }
    #expect(log.kinds.count <= ErrorLog.maximumKinds + 1)
    #expect(log.count == 103)
  }

  @Test("Numbers are written for people")
  func numbers() {
    #expect(Decimal.grouped(0) == "0" && Decimal.grouped(999) == "999")
    #expect(Decimal.grouped(1_234_567) == "1,234,567" && Decimal.grouped(-1234) == "-1,234")
    #expect(Decimal.text(3.14159, digits: 2) == "3.14" && Decimal.text(0.005, digits: 2) == "0.01")
    #expect(Decimal.text(-0.001, digits: 2) == "0.00" && Decimal.text(1234.5, digits: 1) == "1,234.5")
    #expect(Decimal.time(microseconds: 12.34) == "12.3 µs")
    #expect(Decimal.time(microseconds: 999.96) == "1.00 ms")
    #expect(Decimal.time(microseconds: 1_500_000) == "1.50 s")
    #expect(Decimal.bytes(1023) == "1,023 bytes" && Decimal.bytes(1536) == "1.5 KiB")
  }

  /// A run of two threads that counted what it counts.
  private func report(_ change: (inout LoadPlan, inout Tally) -> Void = { _, _ in }) throws -> BenchReport {
    var plan = LoadPlan(mix: try Mix("get=90,set=10"))
    var tally = Tally(verbs: 2)
    for _ in 0..<900 { tally.verbs[0].latency.record(100_000) }
    for _ in 0..<100 { tally.verbs[1].latency.record(200_000) }
    tally.verbs[0].hits = 890
    tally.verbs[0].misses = 10
    tally.verbs[0].receivedBytes = 5000
    tally.elapsed = 2_000_000_000
    tally.busy = [500_000_000, 1_000_000_000]
    tally.sent = 1100
    tally.replies = 1100
    change(&plan, &tally)
    return BenchReport(
      plan, startedAt: 0, server: "redis 7.0.15", nil, tally,
      ServerUsage(seconds: 0.01, residentBytes: 1 << 20))
  }

  @Test("Figures follow from what was counted")
  func figures() throws {
    let report = try report()
    #expect(report.all.count == 1000 && report.all.perSecond == 500)
    #expect(report.verbs.map(\.name) == ["get", "set"] && report.verbs.map(\.count) == [900, 100])
    #expect(abs(report.verbs[0].latency.p50 - 100) < 0.5 && abs(report.all.latency.mean - 110) < 0.01)
    #expect(report.generator.busy == [0.25, 0.5] && !report.generator.isBottleneck)
    #expect(report.server?.cpuMicrosecondsPerRequest == 10)
    #expect(report.warnings.isEmpty && report.errorCount == 0)
    let text = report.text(showsPercentiles: true).joined(separator: "\n")
    #expect(text.contains("p99.9") && text.contains("100.0 µs") && text.contains("10.00 µs of CPU a request"))
  }

  @Test("The JSON has everything under the documented names, and can be read back")
  func json() throws {
    let report = try report { plan, tally in
      plan.rate = 1000
      tally.errors.note("ERR", "ERR no", times: 3)
    }
    let data = try JSONEncoder().encode(report)
    let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(
      Set(object.keys).isSuperset(of: [
        "format", "program", "startedAt", "processors", "serverVersion", "settings", "seconds", "all",
        "verbs",
        "errors", "errorCount", "schedule", "generator", "server", "sentWithWarmup", "repliesWithWarmup",
        "warnings",
      ]))
    #expect(object["format"] as? Int == 1 && object["startedAt"] as? String == "1970-01-01T00:00:00.000Z")
    let all = try #require(object["all"] as? [String: Any])
    #expect(
      Set(all.keys) == [
        "name", "count", "perSecond", "latency", "hits", "misses", "errors", "sentBytes", "receivedBytes",
        "histogram",
      ])
    #expect((all["histogram"] as? [[Double]])?.map { $0[1] } == [900, 100])
    let latency = try #require(all["latency"] as? [String: Double])
    #expect(Set(latency.keys) == ["mean", "minimum", "p50", "p90", "p99", "p999", "maximum"])
    let settings = try #require(object["settings"] as? [String: Any])
    #expect(settings["mix"] as? String == "get=90,set=10" && settings["rate"] as? Double == 1000)
    #expect(settings["password"] == nil)
    let back = try JSONDecoder().decode(BenchReport.self, from: data)
    #expect(back.errorCount == 3 && back.errors.map(\.first) == ["ERR no"])
  }

  @Test("Who reads the figures is warned of what spoils them")
  func warnings() throws {
    func warning(_ change: @escaping (inout LoadPlan, inout Tally) -> Void) throws -> String {
      try report(change).warnings.joined(separator: "\n")
    }
    #expect(try warning { $1.busy = [1_900_000_000, 0] }.contains("load generator ran 95 %"))
    #expect(
      try warning {
        $0.rate = 1000
        $1.unsent = 5
      }.contains("5 requests that were due were never sent"))
    #expect(
      try warning {
        $1.verbs[0].misses = 800
        $1.verbs[0].hits = 100
      }.contains("--fill"))
    #expect(try warning { $1.verbs = [VerbTally(), VerbTally()] }.contains("nothing was measured"))
  }
}
