// Micro-benchmarks of the parts of the hot path: `Benchmarks/micro` builds and runs them.
import Benchmark
import HotRequests
import Martlet

let benchmarks: @Sendable () -> Void = {
  unsafe Benchmark.defaultConfiguration = .init(
    metrics: [.wallClock, .cpuTotal, .throughput, .instructions], warmupIterations: 3, scalingFactor: .kilo,
    maxDuration: .milliseconds(500), maxIterations: 10_000)
  benchmarkRequests()
  benchmarkTable()
  benchmarkItems()
  benchmarkText()
  benchmarkJournal()
  benchmarkLoading()
}

/// Something that can't be copied, for closures to share.
final class Box<Value: ~Copyable> {
  var value: Value

  init(_ value: consuming Value) { self.value = value }
}

/// Measures `body`, which does something as often as it is told, with something made before the first time.
///
/// - Parameters:
///   - scale: how often `body` is to do it for one sample.
///   - before: what each sample needs and isn't measured.
///   - after: the same, once it is measured.
func measure<Fixture>(
  _ name: String, scale: BenchmarkScalingFactor = .kilo, _ make: @escaping () -> Fixture,
  before: @escaping (Fixture, Int) -> Void = { _, _ in }, _ body: @escaping (Fixture, Int) -> Void,
  after: @escaping (Fixture, Int) -> Void = { _, _ in }
) {
  var fixture: Fixture?
  Benchmark(
    name, configuration: .init(scalingFactor: scale),
    closure: { benchmark in
      guard let fixture else { return benchmark.error("\(name): there is nothing to measure") }
      let times = benchmark.scaledIterations.count
      before(fixture, times)
      benchmark.startMeasurement()
      body(fixture, times)
      benchmark.stopMeasurement()
      after(fixture, times)
    },
    setup: { fixture = make() },
    teardown: { fixture = nil })
}

/// Whole requests, parsed, run and replied to: those that `Benchmarks/count` counts.
private func benchmarkRequests() {
  for request in HotRequest.all {
    // A sample of large ones is one request, since the journal's batch has no room for a thousand.
    measure(
      "request \(request.name)", scale: request.isLarge ? .one : .kilo, { Box(Feed(request)) },
      { feed, times in _ = feed.value.run(times) })
  }
}
