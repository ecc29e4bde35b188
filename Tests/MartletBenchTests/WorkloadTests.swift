import MartletBench
// What is asked: mixes, keys, values, times.
import Testing

@Suite("The workload")
struct WorkloadTests {
  @Test("A mix is verbs with shares, in proportion")
  func mix() throws {
    let mix = try Mix("get=90,set=10")
    #expect(mix.parts.map(\.verb) == [.get, .set])
    #expect(mix.text == "get=90,set=10")
    #expect(try Mix("get").parts.map(\.weight) == [1])
    #expect(try Mix("multiget=1,touch=2.5").text == "mget=1,touch=2.5")
    var random = SeededRandom(seed: 7)
    var counts = [0, 0]
    for _ in 0..<100_000 { counts[mix.draw(&random)] += 1 }
    #expect((89_000...91_000).contains(counts[0]))
  }

  @Test(
    "What is no mix is refused, with its reason",
    arguments: [
      ("", "verb is missing"), ("get,", "verb is missing"), ("fetch=1", "fetch is none of"),
      ("get=0", "above 0"), ("get=-1", "above 0"), ("get=x", "above 0"), ("get=1=2", "above 0"),
      ("get=nan", "above 0"), ("get=inf", "above 0"), ("get=1,get=2", "twice"),
      ("get=1,mget=1,multiget=1", "twice"),
    ])
  func wrongMix(text: String, reason: String) {
    #expect { try Mix(text) } throws: { "\($0)".contains(reason) }
  }

  @Test("Distributions are named, and theta has to be one")
  func distributions() throws {
    for text in ["uniform", "sequential", "zipfian:0.5"] { #expect(try KeyDistribution(text).text == text) }
    #expect(try KeyDistribution("zipfian") == .zipfian(theta: 0.99))
    for text in ["", "zipf", "zipfian:", "zipfian:1", "zipfian:0", "zipfian:x", "uniform:1", "zipfian:0.5:1"]
    {
      #expect(throws: PlanError.self) { try KeyDistribution(text) }
    }
  }

  @Test("Uniform keys are all as likely")
  func uniform() {
    var random = SeededRandom(seed: 1)
    var chooser = KeyChooser(.uniform, keys: 100)
    var counts = [Int](repeating: 0, count: 100)
    for _ in 0..<1_000_000 { counts[chooser.draw(&random)] += 1 }
    // Ten thousand each, with a standard deviation of a hundred.
    #expect(counts.allSatisfy { (9_300...10_700).contains($0) })
  }

  @Test("Zipfian keys come as often as the formula says", arguments: [0.5, 0.99])
  func zipfian(theta: Double) {
    let keys = 1000
    let draws = 1_000_000
    var random = SeededRandom(seed: 2)
    var chooser = KeyChooser(.zipfian(theta: theta), keys: keys)
    var counts = [Int](repeating: 0, count: keys)
    for _ in 0..<draws { counts[chooser.draw(&random)] += 1 }
    let weights = (1...keys).map { 1 / power(Double($0), theta) }
    let sum = weights.reduce(0, +)
    // The first two are exact; the others are drawn from a smooth curve.
    for place in 0..<2 {
      let expected = Double(draws) * weights[place] / sum
      #expect(abs(Double(counts[place]) - expected) < 0.03 * expected)
    }
    let firstTenth = Double(counts[..<(keys / 10)].reduce(0, +)) / Double(draws)
    let expected = weights[..<(keys / 10)].reduce(0, +) / sum
    #expect(abs(firstTenth - expected) < 0.03)
    #expect(counts[(keys / 2)...].reduce(0, +) > 0)
  }

  /// e to the power of the logarithm, by squaring roots: enough digits for the test.
  private func power(_ base: Double, _ exponent: Double) -> Double {
    var result = 1.0
    var root = base
    var rest = exponent
    for _ in 0..<50 {
      root = root.squareRoot()
      rest *= 2
      if rest >= 1 {
        result *= root
        rest -= 1
      }
    }
    return result
  }

  @Test("Few keys are no trouble", arguments: [1, 2, 3])
  func fewKeys(count: Int) {
    for distribution in [KeyDistribution.uniform, .zipfian(theta: 0.99), .sequential] {
      var random = SeededRandom(seed: 3)
      var chooser = KeyChooser(distribution, keys: count)
      var seen = Set<Int>()
      for _ in 0..<1000 { seen.insert(chooser.draw(&random)) }
      #expect(seen == Set(0..<count))
    }
  }

  @Test("A sequence goes round from where its thread begins")
  func sequence() {
    var random = SeededRandom(seed: 4)
    var chooser = KeyChooser(.sequential, keys: 4).beginning(at: 0.5)
    #expect((0..<6).map { _ in chooser.draw(&random) } == [2, 3, 0, 1, 2, 3])
  }

  @Test("The same seed brings the same numbers, another others")
  func seeds() {
    func numbers(_ seed: UInt64) -> [UInt64] {
      var random = SeededRandom(seed: seed)
      return (0..<10).map { _ in random.next() }
    }
    #expect(numbers(5) == numbers(5))
    #expect(Set(numbers(5)).isDisjoint(with: numbers(6)))
  }

  @Test("Keys and values have the bytes that were asked for, and lengths of a range are all met")
  func lengths() {
    let space = KeySpace(keys: 1000, keyBytes: 7...20, valueBytes: 0...100, seed: 1)
    var keyLengths = Set<Int>()
    var valueLengths = Set<Int>()
    for key in 0..<1000 {
      var output = RequestBuffer()
      space.appendKey(key, .value, space.keyLength(key), to: &output)
      #expect(output.count == space.keyLength(key))
      keyLengths.insert(output.count)
      output.removeAll()
      space.appendValue(key, .value, space.valueLength(key, .value), to: &output)
      #expect(output.count == space.valueLength(key, .value))
      valueLengths.insert(output.count)
    }
    #expect(keyLengths == Set(7...20))
    #expect(valueLengths.isSubset(of: 0...100) && valueLengths.count > 90)
  }

  @Test("A value says whose it is, in every piece; another is noticed")
  func values() {
    for length in [0, 1, 5, 16, 20, 21, 100] {
      let space = KeySpace(keys: 100, keyBytes: 16...16, valueBytes: length...length, seed: 1)
      var value = RequestBuffer()
      space.appendValue(42, .value, length, to: &value)
      #expect("key:000000000042:\(length):".hasPrefix(value.bytes.text(from: 0, to: min(length, 17))))
      var scratch = RequestBuffer()
      for split in 0...length {
        #expect(space.isPiece(value.bytes.extracting(0..<split), at: 0, ofValue: 42, &scratch))
        #expect(space.isPiece(value.bytes.extracting(split..<length), at: split, ofValue: 42, &scratch))
      }
      if length >= 16 { #expect(!space.isPiece(value.bytes, at: 0, ofValue: 43, &scratch)) }
      // A byte more, and each byte changed.
      var bytes = value.bytes.text(from: 0, to: length).utf8.map { $0 }
      #expect(!space.isPiece((bytes + [97]).raw, at: 0, ofValue: 42, &scratch))
      for index in bytes.indices {
        bytes[index] ^= 1
        #expect(!space.isPiece(bytes.raw, at: 0, ofValue: 42, &scratch))
        bytes[index] ^= 1
      }
    }
  }

  @Test("A schedule counts what its times say")
  func schedule() {
    for rate in [0.5, 3, 1000, 123_456.7, 3_000_000] {
      let schedule = ArrivalSchedule(start: 5_000_000_000, rate: rate)
      #expect(schedule.time(of: 0) == 5_000_000_000)
      #expect(schedule.count(by: 4_999_999_999) == 0)
      for number in [1, 2, 3, 10, 1000, 99_999, 1_234_567] {
        let time = schedule.time(of: number)
        #expect(schedule.count(by: time) == number + 1)
        #expect(schedule.count(by: time - 1) == number)
      }
      let second = schedule.count(by: 5_000_000_000 + 999_999_999)
      #expect(abs(Double(second) - rate) <= 1)
    }
  }

  @Test("A stall is charged for every request that was due meanwhile")
  func stall() {
    // A server that takes a millisecond for nothing, and stands still in the fifth second; requests at 1000 a second.
    let schedule = ArrivalSchedule(start: 0, rate: 1000)
    var latency = Histogram()
    for number in 0..<10_000 {
      let due = schedule.time(of: number)
      let isStalled = (4_000_000_000..<5_000_000_000).contains(due)
      latency.record((isStalled ? 5_000_000_000 : due) + 100_000 - due)
    }
    // A tenth of all were due in the stall, and waited half a second on average.
    #expect(latency.percentile(89) < 200_000)
    #expect((490_000_000...510_000_000).contains(latency.percentile(95)))
    #expect((890_000_000...910_000_000).contains(latency.percentile(99)))
    #expect(latency.maximum == 1_000_100_000)
  }

  @Test("Amounts are read with their units")
  func amounts() throws {
    #expect(try LoadPlan.byteRange("--value-bytes", "32") == 32...32)
    #expect(try LoadPlan.byteRange("--value-bytes", "10-1000") == 10...1000)
    for text in ["", "-", "-1", "5-", "9-3", "a", "1-2-3"] {
      #expect(throws: PlanError.self) { try LoadPlan.byteRange("--value-bytes", text) }
    }
    #expect(try LoadPlan.seconds("--duration", "10") == 10)
    #expect(try LoadPlan.seconds("--duration", "500ms") == 0.5)
    #expect(try LoadPlan.seconds("--duration", "2m") == 120)
    #expect(throws: PlanError.self) { try LoadPlan.seconds("--duration", "10 days") }
    #expect(throws: PlanError.self) { try LoadPlan.seconds("--duration", "") }
    #expect(try LoadPlan.rate("20k/s") == 20_000)
    #expect(try LoadPlan.rate("1.5M") == 1_500_000)
    #expect(throws: PlanError.self) { try LoadPlan.rate("fast") }
  }

  @Test("A plan that can't be carried out says why")
  func plans() throws {
    var plan = LoadPlan(mix: try Mix("get"))
    try plan.validate()
    func reason(_ change: (inout LoadPlan) throws -> Void) throws -> String {
      var changed = plan
      try change(&changed)
      do {
        try changed.validate()
        return ""
      } catch {
        return error.description
      }
    }
    #expect(try reason { $0.connections = 0 }.contains("--connections"))
    #expect(try reason { $0.threads = 51 }.contains("--connections is 50"))
    #expect(try reason { $0.keyBytes = 8...8 }.contains("--key-bytes 9"))
    #expect(try reason { $0.durationSeconds = 0 }.contains("--duration"))
    #expect(
      try reason {
        $0.pipeline = 10_000; $0.connections = 50_000
      }.contains("in flight"))
    plan.wire = .meta
    #expect(try reason { $0.mix = try Mix("sadd") }.contains("sets"))
    #expect(try reason { $0.mix = try Mix("get,sismember") }.contains("sismember"))
    #expect(try reason { $0.keyBytes = 251...251 }.contains("250"))
  }
}
