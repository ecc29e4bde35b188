// Which key is next.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// How often each key is asked for.
package enum KeyDistribution: Sendable, Equatable {
  /// All the same.
  case uniform
  /// Few often and many seldom: the key at place n is asked for as often as 1 / n^theta says. The first key is the most
  /// popular one.
  case zipfian(theta: Double)
  /// One after the other, each thread its own part of them, and then from the beginning.
  case sequential

  /// What YCSB has for theta unless told otherwise.
  package static let usualTheta = 0.99

  /// The distribution that a text names: `uniform`, `zipfian`, `zipfian:0.8`, `sequential`.
  package init(_ text: String) throws(PlanError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    switch parts.first {
    case "uniform" where parts.count == 1: self = .uniform
    case "sequential" where parts.count == 1: self = .sequential
    case "zipfian" where parts.count == 1: self = .zipfian(theta: Self.usualTheta)
    case "zipfian" where parts.count == 2:
      guard let theta = Double(parts[1]), theta > 0, theta < 1 else {
        throw PlanError("--distribution \(text): theta is a number between 0 and 1, such as zipfian:0.99")
      }
      self = .zipfian(theta: theta)
    default:
      throw PlanError("--distribution \(text): choose uniform, zipfian, zipfian:THETA or sequential")
    }
  }

  package var text: String {
    switch self {
    case .uniform: "uniform"
    case .zipfian(let theta): "zipfian:\(theta)"
    case .sequential: "sequential"
    }
  }
}

/// The numbers of a zipfian distribution that are the same for each draw. (Gray and others: "Quickly Generating
/// Billion-Record Synthetic Databases", SIGMOD 1994, figure 6, as YCSB has it.)
struct Zipfian: Sendable {
  private let keys: Int
  private let zeta: Double
  private let alpha: Double
  private let eta: Double
  private let second: Double

  /// O(keys), once.
  init(keys: Int, theta: Double) {
    var sum = 0.0
    for place in 1...keys { sum += 1 / pow(Double(place), theta) }
    self.keys = keys
    zeta = sum
    alpha = 1 / (1 - theta)
    second = 1 + pow(0.5, theta)
    eta = (1 - pow(2 / Double(keys), 1 - theta)) / (1 - second / sum)
  }

  /// A key from 0 to below `keys`. O(1).
  @inline(__always)
  func draw(_ random: inout SeededRandom) -> Int {
    let unit = random.unit()
    let place = unit * zeta
    if place < 1 || keys == 1 { return 0 }
    if place < second { return 1 }
    return min(keys - 1, Int(Double(keys) * pow(eta * unit - eta + 1, alpha)))
  }
}

/// Draws one thread's keys.
package struct KeyChooser: Sendable {
  private enum Method {
    case uniform, sequential
    case zipfian(Zipfian)
  }

  private let keys: Int
  private let method: Method
  private var next: Int

  /// O(keys) if it is zipfian.
  package init(_ distribution: KeyDistribution, keys: Int) {
    self.keys = keys
    next = 0
    switch distribution {
    case .uniform: method = .uniform
    case .sequential: method = .sequential
    case .zipfian(let theta): method = .zipfian(Zipfian(keys: keys, theta: theta))
    }
  }

  /// The same; a sequence begins behind so large a part of the keys, from 0 to below 1.
  package func beginning(at share: Double) -> KeyChooser {
    var chooser = self
    chooser.next = min(keys - 1, Int(Double(keys) * share))
    return chooser
  }

  @inline(__always)
  package mutating func draw(_ random: inout SeededRandom) -> Int {
    switch method {
    case .uniform: return random.below(keys)
    case .zipfian(let zipfian): return zipfian.draw(&random)
    case .sequential:
      let key = next
      next = next + 1 == keys ? 0 : next + 1
      return key
    }
  }
}
