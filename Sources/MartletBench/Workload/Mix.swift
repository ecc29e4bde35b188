// What is asked, and in what proportion.

/// One kind of request, by a name that holds for all protocols. docs/BENCH.md has what each sends.
package enum Verb: String, CaseIterable, Sendable, Codable {
  case get, set, delete, incr, append, touch, sadd, sismember, mget

  /// Which keys it is about.
  package var kind: KeyKind {
    switch self {
    case .get, .set, .delete, .touch, .mget: .value
    case .incr: .counter
    case .append: .log
    case .sadd, .sismember: .set
    }
  }
}

/// Keys of different kinds have names of their own, so that an INCR never meets a SET's value.
package enum KeyKind: Sendable, CaseIterable {
  case value, counter, log, set

  @inline(__always)
  var prefix: StaticString {
    switch self {
    case .value: "key:"
    case .counter: "num:"
    case .log: "log:"
    case .set: "set:"
    }
  }

  /// The bytes of every prefix.
  static let prefixBytes = 4
}

/// Verbs and their shares.
package struct Mix: Sendable, Equatable {
  /// A verb and how often it is chosen, in proportion to the others.
  package struct Part: Sendable, Equatable {
    package let verb: Verb
    package let weight: Double
  }

  package let parts: [Part]
  /// For each part: the numbers of 32 bits below which it is chosen.
  private let bounds: [UInt64]

  /// The mix that a text names: `get=90,set=10`. The weights are proportions and need not add up to 100; one alone may
  /// have none.
  package init(_ text: String) throws(PlanError) {
    var parts: [Part] = []
    for piece in text.split(separator: ",", omittingEmptySubsequences: false) {
      let words = piece.split(separator: "=", omittingEmptySubsequences: false)
      let name = words.first.map(String.init) ?? ""
      guard let verb = name == "multiget" ? .mget : Verb(rawValue: name) else {
        let known = Verb.allCases.map(\.rawValue).joined(separator: ", ")
        throw PlanError(
          "--mix \(text): \(name.isEmpty ? "a verb is missing" : "\(name) is none of \(known)")")
      }
      guard words.count <= 2, let weight = words.count == 2 ? Double(words[1]) : 1, weight > 0,
        weight.isFinite
      else {
        throw PlanError("--mix \(text): a share is a number above 0, as in get=90,set=10")
      }
      guard !parts.contains(where: { $0.verb == verb }) else {
        throw PlanError("--mix \(text): \(verb.rawValue) is there twice")
      }
      parts.append(Part(verb: verb, weight: weight))
    }
    self.parts = parts
    let sum = parts.reduce(0) { $0 + $1.weight }
    var running = 0.0
    var bounds = parts.map { part in
      running += part.weight
      return UInt64(running / sum * 0x1p32)
    }
    bounds[bounds.count - 1] = 1 << 32
    self.bounds = bounds
  }

  package var text: String {
    parts.map {
      "\($0.verb.rawValue)=\($0.weight == $0.weight.rounded() ? "\(Int($0.weight))" : "\($0.weight)")"
    }
    .joined(separator: ",")
  }

  /// The place of the next request's verb among the parts.
  @inline(__always)
  package func draw(_ random: inout SeededRandom) -> Int {
    if bounds.count == 1 { return 0 }
    let number = random.next() >> 32
    var index = 0
    while number >= bounds[index] { index += 1 }
    return index
  }
}
