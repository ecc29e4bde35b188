// What others have for one client: messages of channels, events of keys, invalidations, what a monitor sees. Whoever has
// something puts it, as a whole push, into the client's queue and announces the queue to the client's lane, once until the
// lane has looked. The lane takes from it what the client takes, and puts it behind the replies that are on their way.
// A push that shows a version carries its mark, so that it waits for the disk as a reply does.
//
// Only clients that have asked for something have a queue. It is bounded: who takes too little of it is closed.

internal import Synchronization

/// How other lanes reach one. From any thread.
package protocol LaneDoor: AnyObject, Sendable {
  /// Something waits in the queue of a client of this lane, or the client is to be closed because of too much.
  func announce(_ queue: PushQueue)
  /// Has the session of a client of this lane called, which has waited for data; shards may be locked.
  func wake(_ client: ClientRecord)
  /// Closes a client of this lane, whatever it still has to be sent.
  func close(_ client: ClientRecord)
}

/// What others have for one client, in its order.
package final class PushQueue: Sendable {
  /// So much may wait for a client for whose class no limit is set, in bytes.
  static let maximumBytes = 256 << 20
  /// A lane takes so much at once, and the push that this ends in.
  private static let bytesAtOnce = 64 << 10
  /// The ends of pushes are noted at least so far from each other, in bytes.
  private static let endInterval = 16 << 10
  /// Memory that an empty queue keeps, in bytes.
  private static let bytesKept = 1 << 10

  private struct State: ~Copyable {
    var bytes = ByteQueue()
    /// How many of the first bytes have been taken.
    var taken = 0
    /// Some of the places in `bytes` where a push ends, rising.
    var ends: [Int] = []
    /// From which place in `bytes` on a version has to be durable; rising in both fields.
    var marks: [HoldMark] = []
    /// The lane has been told, and hasn't looked since.
    var isAnnounced = false
    var isClosed = false
    var isOverrun = false
    var protocolVersion: UInt8
    var waitsForDisk = true
    var limit: OutputLimits.Class = .normal
    /// Since when there is more than the soft limit, in nanoseconds of `WallClock.monotonicNanoseconds()`; 0 if there isn't.
    var largeSince: Int64 = 0

    init(protocolVersion: UInt8) { self.protocolVersion = protocolVersion }

    /// What it takes of memory, in bytes.
    var size: Int {
      bytes.count - taken + marks.count * MemoryLayout<HoldMark>.stride
        + ends.count * MemoryLayout<Int>.stride
    }

    mutating func empty() {
      bytes.removeAll(keeping: PushQueue.bytesKept)
      taken = 0
      ends = []
      marks = []
      largeSince = 0
    }

    /// Where to stop taking: some push ends there.
    func nextEnd() -> Int {
      if bytes.count - taken <= PushQueue.bytesAtOnce { return bytes.count }
      var next = bytes.count
      for end in ends where end > taken {
        if end - taken > PushQueue.bytesAtOnce && next < bytes.count { break }
        next = end
        if end - taken > PushQueue.bytesAtOnce { break }
      }
      return next
    }

    /// Notes that the first bytes up to `end` have been taken. Amortised O(1) a byte.
    mutating func advance(to end: Int) {
      taken = end
      if taken == bytes.count { return empty() }
      // What is left is moved when it is less than what goes.
      guard taken > bytes.count / 2 else { return }
      bytes.removeFirst(taken)
      let gone = taken
      ends = ends.compactMap { $0 > gone ? $0 - gone : nil }
      marks = marks.compactMap {
        $0.start >= gone ? HoldMark(start: $0.start - gone, version: $0.version) : nil
      }
      taken = 0
    }
  }

  package let client: ClientRecord
  private let door: (any LaneDoor)?
  private let limits: OutputLimits
  private let state: Guarded<State>

  /// - Parameters:
  ///   - door: that of the client's lane; nil where nothing takes what is pushed but the client's own session.
  init(_ client: ClientRecord, _ door: (any LaneDoor)?, _ limits: OutputLimits, protocolVersion: UInt8) {
    self.client = client
    self.door = door
    self.limits = limits
    state = Guarded(State(protocolVersion: protocolVersion))
  }

  // MARK: From any thread

  /// Puts a push behind those that wait.
  ///
  /// - Parameters:
  ///   - version: what has to be durable before the client may see it; 0 for nothing.
  ///   - onlyInVersion3: whether there is no such push in version 2 of the protocol.
  ///   - write: appends the push, in the version of the protocol that it is given.
  func push(
    until version: UInt64, onlyInVersion3: Bool = false, _ write: (inout ByteQueue, UInt8) -> Void
  ) {
    let isNews = state.withLock { state -> Bool in
      guard !state.isClosed, !onlyInVersion3 || state.protocolVersion >= 3 else { return false }
      let start = state.bytes.count
      write(&state.bytes, state.protocolVersion)
      if version > state.marks.last?.version ?? 0 && state.waitsForDisk {
        state.marks.append(HoldMark(start: start, version: version))
      }
      if state.bytes.count - (state.ends.last ?? state.taken) >= Self.endInterval {
        state.ends.append(state.bytes.count)
      }
      if isTooLarge(&state) {
        state.isOverrun = true
        state.isClosed = true
        state.empty()
      }
      defer { state.isAnnounced = true }
      return !state.isAnnounced || state.isOverrun
    }
    if isNews { door?.announce(self) }
  }

  /// Whether more waits than may.
  private func isTooLarge(_ state: inout State) -> Bool {
    let size = state.size
    let limit = limits[state.limit]
    if size > (limit.hard > 0 ? limit.hard : Self.maximumBytes) { return true }
    guard limit.soft > 0 && size > limit.soft else {
      state.largeSince = 0
      return false
    }
    let now = WallClock.monotonicNanoseconds()
    if state.largeSince == 0 { state.largeSince = now }
    return now - state.largeSince >= Int64(limit.seconds) * 1_000_000_000
  }

  /// How many bytes wait.
  var size: Int { state.withLock { $0.size } }

  /// Whether the client is to be closed because it has taken too little.
  package var isOverrun: Bool { state.withLock { $0.isOverrun } }

  // MARK: From the client's lane

  /// Has the lane take some of what waits, behind a reply; whether some is left.
  package func take(into reply: inout Reply) -> Bool {
    state.withLock { state in
      move(&state, to: &reply)
      if state.bytes.isEmpty { state.isAnnounced = false }
      return !state.bytes.isEmpty
    }
  }

  /// Has the client's session put all that waits behind a reply.
  func takeAll(into reply: inout Reply) {
    state.withLock { state in
      while !state.bytes.isEmpty { move(&state, to: &reply) }
    }
  }

  /// Has the client's session put some of what waits behind a reply. The lane looks for the rest.
  func takeSome(into reply: inout Reply) {
    state.withLock { move(&$0, to: &reply) }
  }

  private func move(_ state: inout State, to reply: inout Reply) {
    guard !state.bytes.isEmpty else { return }
    let end = state.nextEnd()
    let base = reply.buffer.count - state.taken
    for mark in state.marks where mark.start < end {
      reply.hold(from: max(reply.buffer.count, base + mark.start), until: mark.version)
    }
    reply.buffer.append(state.bytes.bytes.extracting(state.taken..<end))
    state.advance(to: end)
  }

  /// Forgets what waits.
  func removeAll() { state.withLock { $0.empty() } }

  /// Takes no more: the client is gone.
  func close() {
    state.withLock { state in
      state.isClosed = true
      state.empty()
    }
  }

  /// What the pushes from now on are written in.
  func setProtocolVersion(_ version: UInt8) { state.withLock { $0.protocolVersion = version } }

  /// Whether the pushes from now on wait for the disk.
  func setWaitsForDisk(_ waits: Bool) { state.withLock { $0.waitsForDisk = waits } }

  /// Whose limit holds.
  func setLimit(_ limit: OutputLimits.Class) { state.withLock { $0.limit = limit } }
}

/// How much may wait for clients, by their class: Redis's `client-output-buffer-limit`.
package final class OutputLimits: Sendable {
  package enum Class: Int, CaseIterable, Sendable {
    case normal, replica, pubsub

    /// The name that `CONFIG GET` gives it.
    var name: String { self == .replica ? "slave" : "\(self)" }

    init?(named name: some StringProtocol) {
      switch name.lowercased() {
      case "normal": self = .normal
      case "replica", "slave": self = .replica
      case "pubsub": self = .pubsub
      default: return nil
      }
    }
  }

  package struct Limit: Sendable, Equatable {
    /// With more than so many bytes a client is closed at once; 0 for no limit.
    package var hard: Int
    /// With more than so many for `seconds` it is closed, too; 0 for no limit.
    package var soft: Int
    package var seconds: Int
  }

  /// The defaults are Redis's.
  private let limits = Guarded<[Limit]>([
    Limit(hard: 0, soft: 0, seconds: 0), Limit(hard: 256 << 20, soft: 64 << 20, seconds: 60),
    Limit(hard: 32 << 20, soft: 8 << 20, seconds: 60),
  ])

  package init() {}

  package subscript(kind: Class) -> Limit { limits.withLock { $0[kind.rawValue] } }

  /// As it is written: `normal 0 0 0 slave …`.
  package var text: String {
    Class.allCases.map { kind in
      let limit = self[kind]
      return "\(kind.name) \(limit.hard) \(limit.soft) \(limit.seconds)"
    }.joined(separator: " ")
  }

  /// Takes what a text says, of one class or of several; false when it isn't one, and then nothing changes.
  ///
  /// - Parameter parseSize: reads a number of bytes that may have a unit.
  package func set(_ text: String, parseSize: (String) -> Int?) -> Bool {
    let words = text.split(separator: " ")
    guard !words.isEmpty && words.count % 4 == 0 else { return false }
    var changes: [(Class, Limit)] = []
    for start in stride(from: 0, to: words.count, by: 4) {
      guard let kind = Class(named: words[start]), let hard = parseSize(String(words[start + 1])),
        let soft = parseSize(String(words[start + 2])), let seconds = Int(words[start + 3]),
        hard >= 0, soft >= 0, (0...Int(Int32.max)).contains(seconds)
      else { return false }
      changes.append((kind, Limit(hard: hard, soft: soft, seconds: seconds)))
    }
    limits.withLock { limits in for (kind, limit) in changes { limits[kind.rawValue] = limit } }
    return true
  }
}
