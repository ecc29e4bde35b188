// `CLIENT TRACKING` and its kin: how a session begins to track what it reads, and what it keeps of that.

/// What a session keeps of its tracking. It belongs to one session and to the thread that runs it; when it goes, nothing is
/// tracked any more.
final class SessionTracking {
  let tracker: Tracker
  fileprivate(set) var prefixes: [[UInt8]] = []
  /// What `CLIENT CACHING` has said of the next command.
  var caching: Bool?
  private let context: ServerContext

  fileprivate init(_ tracker: Tracker, _ context: ServerContext) {
    self.tracker = tracker
    self.context = context
    context.attend(.tracking, true)
    context.tracking.begin(tracker, prefixes: [])
  }

  deinit { context.endTracking(tracker, prefixes) }

  /// Whether what the client reads now is entered.
  var entersReads: Bool {
    let options = tracker.options
    if options.broadcasts { return false }
    return options.isOptIn ? caching == true : options.isOptOut ? caching != false : true
  }

  /// Why some more prefixes can't be added, as an error of a reply; nil when they can.
  fileprivate func problem(with added: [[UInt8]]) -> String? {
    for (index, prefix) in added.enumerated() {
      let shown = String(decoding: prefix, as: UTF8.self)
      if let other = prefixes.first(where: { Self.overlap($0, prefix) }) {
        return
          "ERR Prefix '\(shown)' overlaps with an existing prefix '\(String(decoding: other, as: UTF8.self))'. "
          + "Prefixes for a single client must not overlap."
      }
      if let problem = Self.problem(of: prefix, among: added[(index + 1)...]) { return problem }
    }
    let bytes = (prefixes + added).reduce(0) { $0 + $1.count }
    guard prefixes.count + added.count <= Tracking.maximumPrefixes, bytes <= Tracking.maximumPrefixBytes
    else {
      return Self.tooMany
    }
    return nil
  }

  private static let tooMany =
    "ERR a client may have \(Tracking.maximumPrefixes) prefixes, of \(Tracking.maximumPrefixBytes) bytes together"

  private static func overlap(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    one.starts(with: other) || other.starts(with: one)
  }

  private static func problem(of prefix: [UInt8], among others: ArraySlice<[UInt8]>) -> String? {
    guard let other = others.first(where: { overlap($0, prefix) }) else { return nil }
    return "ERR Prefix '\(String(decoding: prefix, as: UTF8.self))' overlaps with another provided prefix "
      + "'\(String(decoding: other, as: UTF8.self))'. Prefixes for a single client must not overlap."
  }

  /// Why a client that doesn't track yet can't have some prefixes; nil when it can.
  fileprivate static func problem(withFirst added: [[UInt8]]) -> String? {
    for (index, prefix) in added.enumerated() {
      if let problem = problem(of: prefix, among: added[(index + 1)...]) { return problem }
    }
    let bytes = added.reduce(0) { $0 + $1.count }
    let fits = added.count <= Tracking.maximumPrefixes && bytes <= Tracking.maximumPrefixBytes
    return fits ? nil : tooMany
  }

  /// Has the client told of what begins with some more prefixes; of everything, if it has none at all.
  fileprivate func add(_ added: [[UInt8]]) {
    let added = added.isEmpty && prefixes.isEmpty ? [[]] : added
    prefixes += added
    context.tracking.begin(tracker, prefixes: added)
  }
}

extension ServerContext {
  /// Ends a client's tracking.
  fileprivate func endTracking(_ tracker: Tracker, _ prefixes: [[UInt8]]) {
    if tracking.end(tracker, prefixes: prefixes) == 0 {
      attend(.tracking, false)
      // Somebody may have begun meanwhile.
      if tracking.clientCount > 0 { attend(.tracking, true) }
    }
  }
}

extension SessionState {
  /// What `CLIENT CACHING` said holds for one command or transaction; those of `CLIENT` don't count.
  func forgetCaching(behind command: CommandEntry) {
    guard !isInTransaction, let tracking, tracking.caching != nil, command.id != .client else { return }
    tracking.caching = nil
  }

  /// Ends the client's tracking.
  mutating func endTracking() {
    tracking = nil
    attend(.tracker, false)
    client.update { $0.tracker = nil }
  }
}

extension Execution {
  /// Enters a client that tracks as one that has read the keys of a command, whose shards are locked.
  func enterReads(_ command: CommandEntry, _ words: borrowing Words, _ session: SessionState) {
    guard command.flags.contains(.readOnly), let tracking = session.tracking, tracking.entersReads else {
      return
    }
    for index in command.keyPositions(words) {
      context.tracking.enter(tracking.tracker, keyspace.place(words[index]))
    }
  }

  // MARK: CLIENT TRACKING and its kin

  mutating func clientTracking(_ words: borrowing Words, _ session: inout SessionState) {
    var options = Tracker.Options()
    var prefixes: [[UInt8]] = []
    var index = 3
    while index < words.count {
      let option = words[index]
      if option.equalsIgnoringCase("redirect"), index + 1 < words.count {
        index += 1
        if options.redirect != 0 {
          return reply.error("ERR A client can only redirect to a single other client")
        }
        guard let id = words[index].decimal else { return reply.error(Self.notInteger) }
        guard context.clients.find(id) != nil else {
          return reply.error("ERR The client ID you want redirect to does not exist")
        }
        options.redirect = id
      } else if option.equalsIgnoringCase("bcast") {
        options.broadcasts = true
      } else if option.equalsIgnoringCase("optin") {
        options.isOptIn = true
      } else if option.equalsIgnoringCase("optout") {
        options.isOptOut = true
      } else if option.equalsIgnoringCase("noloop") {
        options.skipsOwn = true
      } else if option.equalsIgnoringCase("prefix"), index + 1 < words.count {
        index += 1
        prefixes.append(words[index].array)
      } else {
        return reply.error(Self.syntaxError)
      }
      index += 1
    }
    if words[2].equalsIgnoringCase("off") {
      session.endTracking()
    } else if words[2].equalsIgnoringCase("on") {
      if let problem = problem(with: options, prefixes, session) { return reply.error(problem) }
      begin(options, prefixes, &session)
    } else {
      return reply.error(Self.syntaxError)
    }
    reply.ok()
  }

  /// Why a client can't track so, as an error of a reply; nil when it can.
  private func problem(
    with options: Tracker.Options, _ prefixes: [[UInt8]], _ session: SessionState
  ) -> String? {
    if !options.broadcasts && !prefixes.isEmpty {
      return "ERR PREFIX option requires BCAST mode to be enabled"
    }
    let old = session.tracking?.tracker.options
    if let old, old.broadcasts != options.broadcasts {
      return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then "
        + "re-enabling it with a different mode."
    }
    if options.broadcasts && (options.isOptIn || options.isOptOut) {
      return "ERR OPTIN and OPTOUT are not compatible with BCAST"
    }
    if options.isOptIn && options.isOptOut {
      return "ERR You can't specify both OPTIN mode and OPTOUT mode"
    }
    if let old, options.isOptIn && old.isOptOut || options.isOptOut && old.isOptIn {
      return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then "
        + "re-enabling it with a different mode."
    }
    return session.tracking.map { $0.problem(with: prefixes) } ?? SessionTracking.problem(withFirst: prefixes)
  }

  private func begin(_ options: Tracker.Options, _ prefixes: [[UInt8]], _ session: inout SessionState) {
    if let tracking = session.tracking {
      tracking.tracker.options = options
    } else {
      let tracker = Tracker(session.pushQueue(context), options)
      session.tracking = SessionTracking(tracker, context)
      session.attend(.tracker, true)
      session.client.update { $0.tracker = tracker }
    }
    // Whoever is told in its place may never have asked for anything.
    if options.redirect != 0 { _ = context.clients.find(options.redirect)?.queue(context) }
    if options.broadcasts { session.tracking?.add(prefixes) }
  }

  mutating func clientCaching(_ words: borrowing Words, _ session: SessionState) {
    guard let tracking = session.tracking else {
      return reply.error(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
      )
    }
    let options = tracking.tracker.options
    if words[2].equalsIgnoringCase("yes") {
      guard options.isOptIn else {
        return reply.error("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
      }
      tracking.caching = true
    } else if words[2].equalsIgnoringCase("no") {
      guard options.isOptOut else {
        return reply.error("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
      }
      tracking.caching = false
    } else {
      return reply.error(Self.syntaxError)
    }
    reply.ok()
  }

  mutating func clientRedirection(_ session: SessionState) {
    reply.integer(session.tracking?.tracker.options.redirect ?? -1)
  }

  mutating func clientTrackingInfo(_ session: SessionState) {
    var flags: [String] = []
    if let tracking = session.tracking {
      let options = tracking.tracker.options
      flags.append("on")
      if options.broadcasts { flags.append("bcast") }
      if options.isOptIn {
        flags.append("optin")
        if tracking.caching == true { flags.append("caching-yes") }
      }
      if options.isOptOut {
        flags.append("optout")
        if tracking.caching == false { flags.append("caching-no") }
      }
      if options.skipsOwn { flags.append("noloop") }
      if tracking.tracker.isBroken { flags.append("broken_redirect") }
    } else {
      flags.append("off")
    }
    reply.map(3)
    reply.bulk("flags")
    reply.set(flags.count)
    for flag in flags { reply.bulk(flag) }
    reply.bulk("redirect")
    clientRedirection(session)
    reply.bulk("prefixes")
    let prefixes = session.tracking?.prefixes ?? []
    reply.array(prefixes.count)
    for prefix in prefixes { reply.bulk(prefix.span.raw) }
  }
}
