// How long a client may keep the server waiting: for its next request, and for taking its replies. Both transports look at
// their connections now and then and ask here; no request reads a clock for it, and no connection has a timer.
import Martlet
import Synchronization

/// How long clients are waited for, by the settings.
package final class Patience: Sendable {
  /// A limit is looked at so many times before it is reached.
  private static let looks: Int64 = 8
  /// But not more often than this, in nanoseconds.
  private static let leastInterval: Int64 = 50_000_000

  private let idleBox: Atomic<Int64>
  /// How long a client may take nothing of what waits for it, in nanoseconds; 0 for as long as it likes.
  let write: Int64

  package init(idle: Duration, write: Duration) {
    idleBox = Atomic(idle.nanoseconds)
    self.write = write.nanoseconds
  }

  /// How long a client may send nothing and wait for nothing, in nanoseconds; 0 for as long as it likes.
  var idle: Int64 {
    get { idleBox.load(ordering: .relaxed) }
    set { idleBox.store(newValue, ordering: .relaxed) }
  }

  /// How often connections are to be looked at, in nanoseconds; nil for never.
  package var interval: Int64? {
    let limits = [idle, write].filter { $0 > 0 }
    return limits.min().map { max(Self.leastInterval, $0 / Self.looks) }
  }
}

/// Since when a connection keeps the server waiting. Times are in nanoseconds of `WallClock.monotonicNanoseconds()`.
package struct Waiting: Sendable {
  package enum Verdict: Equatable {
    case stays
    /// It has sent nothing for too long.
    case isIdle
    /// It has taken nothing for too long.
    case isStalled
  }

  /// Since when it has sent nothing or, when it is stalling, taken nothing.
  private var since: Int64 = 0
  /// How far its replies had got then.
  private var progress: UInt32 = 0
  /// What the system had of them at the last look.
  private var untaken: UInt32 = 0
  private var isStalling = false
  /// Something has come since the last look. This is all that a request does for it.
  private var isHeard = true

  package init() {}

  /// Notes that something has come.
  @inline(__always)
  package mutating func hear() { isHeard = true }

  /// Looks at a connection whose replies have all left.
  ///
  /// - Parameter isWaiting: whether it waits for the server, and not the server for it.
  package mutating func look(at now: Int64, isWaiting: Bool, _ patience: Patience) -> Verdict {
    if isHeard || isWaiting || isStalling {
      isHeard = false
      isStalling = false
      since = now
    }
    return patience.idle > 0 && now - since >= patience.idle ? .isIdle : .stays
  }

  /// Looks at a connection that has replies to take.
  ///
  /// - Parameters:
  ///   - progress: a number that changes whenever the system has taken over some of them.
  ///   - untaken: how many bytes the system has and the client hasn't.
  package mutating func look(
    at now: Int64, progress: UInt32, untaken: Int, _ patience: Patience
  ) -> Verdict {
    let untaken = UInt32(clamping: untaken)
    isHeard = false
    if !isStalling || progress != self.progress || untaken < self.untaken {
      isStalling = true
      since = now
      self.progress = progress
    }
    self.untaken = untaken
    return patience.write > 0 && now - since >= patience.write ? .isStalled : .stays
  }
}

extension Duration {
  /// Whole nanoseconds; the most that there can be, if it is longer than that.
  fileprivate var nanoseconds: Int64 {
    let (seconds, overflow) = components.seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? .max : seconds &+ components.attoseconds / 1_000_000_000
  }
}
