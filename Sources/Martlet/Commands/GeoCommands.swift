// Places: a sorted set whose members have places on the earth as their scores. See Geohash.swift.

internal let geoCommands: [CommandDeclaration] = [
  .init(
    "GEOADD", arity: -5, [.write, .denyOOM], keys: .one, .geo, since: "3.2.0",
    "O(log(N)) for each member, N being the members of the set",
    "key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]",
    "Adds members with places to a sorted set, or gives them other places."),
  .init(
    "GEODIST", arity: -4, [.readOnly], keys: .one, .geo, since: "3.2.0", "O(1)",
    "key member1 member2 [M | KM | FT | MI]", "Returns how far two members are from each other."),
  .init(
    "GEOHASH", arity: -2, [.readOnly], keys: .one, .geo, since: "3.2.0",
    "O(N), N being the members asked for",
    "key [member [member ...]]", "Returns the geohashes of members, as others write them."),
  .init(
    "GEOPOS", arity: -2, [.readOnly], keys: .one, .geo, since: "3.2.0", "O(N), N being the members asked for",
    "key [member [member ...]]", "Returns the longitudes and latitudes of members."),
  .init(
    "GEORADIUS", arity: -6, [.write, .denyOOM], keys: .oneAndStored, .geo, since: "3.2.0", searchComplexity,
    "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] "
      + "[ASC | DESC] [STORE key | STOREDIST key]",
    "Returns or stores the members in a circle around a place. GEOSEARCH does so, too."),
  .init(
    "GEORADIUSBYMEMBER", arity: -5, [.write, .denyOOM], keys: .oneAndStored, .geo, since: "3.2.0",
    searchComplexity,
    "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC] "
      + "[STORE key | STOREDIST key]",
    "Returns or stores the members in a circle around another. GEOSEARCH does so, too."),
  .init(
    "GEORADIUSBYMEMBER_RO", arity: -5, [.readOnly], keys: .one, .geo, since: "3.2.10", searchComplexity,
    "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]",
    "Returns the members in a circle around another. GEOSEARCH does so, too."),
  .init(
    "GEORADIUS_RO", arity: -6, [.readOnly], keys: .one, .geo, since: "3.2.10", searchComplexity,
    "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] "
      + "[ASC | DESC]", "Returns the members in a circle around a place. GEOSEARCH does so, too."),
  .init(
    "GEOSEARCH", arity: -7, [.readOnly], keys: .one, .geo, since: "6.2.0", searchComplexity,
    "key <FROMMEMBER member | FROMLONLAT longitude latitude> "
      + "<BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI>> "
      + "[ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]",
    "Returns the members in a circle or a box."),
  .init(
    "GEOSEARCHSTORE", arity: -8, [.write, .denyOOM], keys: .two, .geo, since: "6.2.0", searchComplexity,
    "destination source <FROMMEMBER member | FROMLONLAT longitude latitude> "
      + "<BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI>> "
      + "[ASC | DESC] [COUNT count [ANY]] [STOREDIST]",
    "Stores the members in a circle or a box as another sorted set."),
]

private let searchComplexity = "O(N+log(M)), N being the members in boxes around the area, M those of the set"

/// Which of the commands that search for places it is: without any of these `GEOSEARCH`.
struct GeoSearchForm: OptionSet {
  let rawValue: UInt8

  /// `GEORADIUS` and its kin: a circle around a place that comes before the options.
  static let around = GeoSearchForm(rawValue: 1)
  /// The same around a member.
  static let aroundMember = GeoSearchForm(rawValue: 2)
  /// It stores nothing.
  static let readOnly = GeoSearchForm(rawValue: 4)
  /// `GEOSEARCHSTORE`.
  static let stores = GeoSearchForm(rawValue: 8)

  var isOfRadius: Bool { !isDisjoint(with: [.around, .aroundMember]) }
}

/// What a search for places asks for.
private struct GeoSearch {
  var center: GeoPosition?
  /// Whether a center was named: in a set that isn't there nobody looks for it.
  var hasCenter = false
  var isAroundMember = false
  var shape: GeoArea.Shape?
  /// How many metres its unit is.
  var unit = 1.0
  var withDistance = false
  var withHash = false
  var withPosition = false
  /// Whether the nearest come first; nil for no order.
  var isAscending: Bool?
  /// How many are wanted at most; 0 for all.
  var count = 0
  /// Whether any so many will do.
  var isAnyEnough = false
  /// Which word names the key to store at.
  var destination: Int?
  var storesDistances = false

  var showsMore: Bool { withDistance || withHash || withPosition }
}

/// A member that was found.
private struct GeoMatch {
  let member: Member
  let position: GeoPosition
  /// From the center, in metres.
  let distance: Double
}

extension Execution {
  // MARK: Words

  /// How many metres a unit is; nil when the reply says that there is no such unit.
  private mutating func unit(_ word: RawSpan) -> Double? {
    if word.equalsIgnoringCase("m") { return 1 }
    if word.equalsIgnoringCase("km") { return 1000 }
    if word.equalsIgnoringCase("ft") { return 0.3048 }
    if word.equalsIgnoringCase("mi") { return 1609.34 }
    reply.error("ERR unsupported unit provided. please use M, KM, FT, MI")
    return nil
  }

  /// The place that two words say; nil when the reply says what is wrong with them.
  private mutating func position(_ words: borrowing Words, at index: Int) -> GeoPosition? {
    guard let longitude = words[index].score, let latitude = words[index + 1].score else {
      reply.error(Self.notFloat)
      return nil
    }
    let position = GeoPosition(longitude: longitude, latitude: latitude)
    if position.isValid { return position }
    func text(_ number: Double) -> String {
      number.isInfinite ? (number < 0 ? "-inf" : "inf") : FixedDecimal(number, places: 6).bytes.text
    }
    reply.error("ERR invalid longitude,latitude pair \(text(longitude)),\(text(latitude))")
    return nil
  }

  /// A length and a unit; nil when the reply says what is wrong with them.
  private mutating func radius(_ words: borrowing Words, at index: Int) -> (metres: Double, unit: Double)? {
    guard let length = words[index].score else {
      reply.error("ERR need numeric radius")
      return nil
    }
    guard length >= 0 else {
      reply.error("ERR radius cannot be negative")
      return nil
    }
    return unit(words[index + 1]).map { (length * $0, $0) }
  }

  /// Two lengths and a unit; nil when the reply says what is wrong with them.
  private mutating func box(_ words: borrowing Words, at index: Int) -> (
    width: Double, height: Double, unit: Double
  )? {
    guard let width = words[index].score else {
      reply.error("ERR need numeric width")
      return nil
    }
    guard let height = words[index + 1].score else {
      reply.error("ERR need numeric height")
      return nil
    }
    guard width >= 0 && height >= 0 else {
      reply.error("ERR height or width cannot be negative")
      return nil
    }
    return unit(words[index + 2]).map { (width * $0, height * $0, $0) }
  }

  // MARK: Members

  mutating func addPositions(_ words: borrowing Words, _ database: Int, _ limits: SessionLimits) {
    var options: ScoreOptions = []
    var start = 2
    while start < words.count, let option = ScoreOptions(words[start]),
      option.isSubset(of: [.onlyAbsent, .onlyPresent, .countsChanges])
    {
      options.insert(option)
      start += 1
    }
    let triples = words.from(start)
    guard triples.count > 0, triples.count % 3 == 0, !options.isSuperset(of: [.onlyAbsent, .onlyPresent])
    else { return reply.error(Self.syntaxError) }
    var scores: [Double] = []
    for index in stride(from: 0, to: triples.count, by: 3) {
      guard let position = position(triples, at: index) else { return }
      scores.append(Geohash(position, steps: Geohash.mostSteps).scores.first)
    }
    addScores(keyspace.place(words[1]), database, scores, triples, step: 3, limits, options)
  }

  mutating func positions(_ words: borrowing Words, _ database: Int) {
    let (members, isRefused) = findMembers(.sortedSet, words, database)
    if isRefused { return }
    reply.array(words.count - 2)
    for index in 2..<words.count {
      if let member = members?.find(words[index]) {
        reply.position(Geohash(score: member.score).center)
      } else {
        reply.nullArray()
      }
    }
  }

  mutating func geohashes(_ words: borrowing Words, _ database: Int) {
    let (members, isRefused) = findMembers(.sortedSet, words, database)
    if isRefused { return }
    reply.array(words.count - 2)
    for index in 2..<words.count {
      if let member = members?.find(words[index]) {
        let name = Geohash.name(Geohash(score: member.score).center)
        reply.bulk(name.span.raw)
      } else {
        reply.null()
      }
    }
  }

  mutating func distance(_ words: borrowing Words, _ database: Int) {
    guard words.count <= 5 else { return reply.error(Self.syntaxError) }
    var unit = 1.0
    if words.count == 5 {
      guard let given = self.unit(words[4]) else { return }
      unit = given
    }
    let (members, isRefused) = findMembers(.sortedSet, words, database)
    if isRefused { return }
    guard let first = members?.find(words[2]), let second = members?.find(words[3]) else {
      return reply.null()
    }
    let distance = Geohash(score: first.score).center.distance(to: Geohash(score: second.score).center)
    reply.bulk(FixedDecimal(distance / unit, places: 4).bytes)
  }

  // MARK: Searching

  /// `GEOSEARCH` and its kin.
  mutating func searchArea(_ words: borrowing Words, _ database: Int, _ form: GeoSearchForm) {
    let sourceIndex = form.contains(.stores) ? 2 : 1
    let item = find(keyspace.place(words[sourceIndex]), database)
    if let item, item.kind != .sortedSet { return replyWrongType() }
    let members = item?.members
    guard let search = readSearch(words, form, members) else { return }
    var matches: [GeoMatch] = []
    if let members, let center = search.center, let shape = search.shape {
      matches = find(in: GeoArea(center: center, shape: shape), members, search)
    }
    if let destination = search.destination {
      store(
        matches, at: keyspace.place(words[destination]), database, search,
        form.isOfRadius ? .storeAreaOfRadius : .storeArea)
    } else {
      show(matches, search)
    }
  }

  /// Reads what is searched for; nil when the reply says what is wrong.
  private mutating func readSearch(_ words: borrowing Words, _ form: GeoSearchForm, _ members: Members?)
    -> GeoSearch?
  {
    var search = GeoSearch()
    var start = form.contains(.stores) ? 3 : 2
    if form.contains(.stores) { search.destination = 1 }
    if form.contains(.around) {
      guard let center = position(words, at: 2), let (metres, unit) = radius(words, at: 4) else { return nil }
      search.center = center
      search.shape = .circle(radius: metres)
      search.unit = unit
      start = 6
    } else if form.contains(.aroundMember) {
      start = 5
      if let members {
        guard let center = position(of: words[2], in: members), let (metres, unit) = radius(words, at: 3)
        else { return nil }
        search.center = center
        search.shape = .circle(radius: metres)
        search.unit = unit
      }
    }
    var index = start
    while index < words.count {
      guard let next = readOption(words, at: index, form, members, &search) else { return nil }
      index = next
    }
    return check(search, words[0], form) ? search : nil
  }

  /// The place of a member; nil when the reply says that there is no such member.
  private mutating func position(of member: RawSpan, in members: Members) -> GeoPosition? {
    guard let found = members.find(member) else {
      reply.error("ERR could not decode requested zset member")
      return nil
    }
    return Geohash(score: found.score).center
  }

  /// Reads one option; where the next one is, or nil when the reply says what is wrong.
  private mutating func readOption(
    _ words: borrowing Words, at index: Int, _ form: GeoSearchForm, _ members: Members?,
    _ search: inout GeoSearch
  ) -> Int? {
    let word = words[index]
    let rest = words.count - index - 1
    let maySearch = !form.isOfRadius
    if word.equalsIgnoringCase("withdist") {
      search.withDistance = true
    } else if word.equalsIgnoringCase("withhash") {
      search.withHash = true
    } else if word.equalsIgnoringCase("withcoord") {
      search.withPosition = true
    } else if word.equalsIgnoringCase("any") {
      search.isAnyEnough = true
    } else if word.equalsIgnoringCase("asc") {
      search.isAscending = true
    } else if word.equalsIgnoringCase("desc") {
      search.isAscending = false
    } else if word.equalsIgnoringCase("count") && rest >= 1 {
      guard let count = words[index + 1].decimal else {
        reply.error(Self.notInteger)
        return nil
      }
      guard count > 0 else {
        reply.error("ERR COUNT must be > 0")
        return nil
      }
      search.count = count
      return index + 2
    } else if form.isOfRadius && !form.contains(.readOnly) && rest >= 1
      && (word.equalsIgnoringCase("store") || word.equalsIgnoringCase("storedist"))
    {
      search.destination = index + 1
      search.storesDistances = word.equalsIgnoringCase("storedist")
      return index + 2
    } else if form.contains(.stores) && word.equalsIgnoringCase("storedist") {
      search.storesDistances = true
    } else if maySearch && rest >= 1 && word.equalsIgnoringCase("frommember")
      && (!search.hasCenter || search.isAroundMember)
    {
      if let members {
        guard let center = position(of: words[index + 1], in: members) else { return nil }
        search.center = center
      }
      search.hasCenter = true
      search.isAroundMember = true
      return index + 2
    } else if maySearch && rest >= 2 && word.equalsIgnoringCase("fromlonlat") && !search.isAroundMember {
      guard let center = position(words, at: index + 1) else { return nil }
      search.center = center
      search.hasCenter = true
      return index + 3
    } else if maySearch && rest >= 2 && word.equalsIgnoringCase("byradius") && !search.isBox {
      guard let (metres, unit) = radius(words, at: index + 1) else { return nil }
      search.shape = .circle(radius: metres)
      search.unit = unit
      return index + 3
    } else if maySearch && rest >= 3 && word.equalsIgnoringCase("bybox") && !search.isCircle {
      guard let (width, height, unit) = box(words, at: index + 1) else { return nil }
      search.shape = .box(width: width, height: height)
      search.unit = unit
      return index + 4
    } else {
      reply.error(Self.syntaxError)
      return nil
    }
    return index + 1
  }

  /// Whether options fit together; if not, the reply says so.
  private mutating func check(_ search: GeoSearch, _ name: RawSpan, _ form: GeoSearchForm) -> Bool {
    if search.destination != nil && search.showsMore {
      let what = form.contains(.stores) ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS"
      reply.error("ERR \(what) is not compatible with WITHDIST, WITHHASH and WITHCOORD options")
    } else if !form.isOfRadius && !search.hasCenter {
      reply.error(
        "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for \(name.extracting(first: 128).text)"
      )
    } else if !form.isOfRadius && search.shape == nil {
      reply.error(
        "ERR exactly one of BYRADIUS and BYBOX can be specified for \(name.extracting(first: 128).text)")
    } else if search.isAnyEnough && search.count == 0 {
      reply.error("ERR the ANY argument requires COUNT argument")
    } else {
      return true
    }
    return false
  }

  /// The members in an area, in the order asked for.
  private func find(in area: GeoArea, _ members: Members, _ search: GeoSearch) -> [GeoMatch] {
    var matches: [GeoMatch] = []
    let limit = search.isAnyEnough ? search.count : Int.max
    for box in area.boxes where matches.count < limit {
      let (first, end) = box.scores
      let low = members.rank(of: OrderPlace(score: first, isBehindEqual: false))
      let high = members.rank(of: OrderPlace(score: end, isBehindEqual: false))
      guard low < high else { continue }
      members.forEach(in: low..<high) { member in
        if matches.count >= limit { return }
        let position = Geohash(score: member.score).center
        guard let distance = area.distance(to: position) else { return }
        matches.append(GeoMatch(member: member, position: position, distance: distance))
      }
    }
    // The nearest of all can't be chosen without an order.
    if let isAscending = search.isAscending ?? (search.count > 0 && !search.isAnyEnough ? true : nil) {
      let order = matches.indices.sorted { first, second in
        let (one, other) = (matches[first].distance, matches[second].distance)
        if one == other { return first < second }
        return isAscending ? one < other : one > other
      }
      matches = order.map { matches[$0] }
    }
    return search.count > 0 ? Array(matches.prefix(search.count)) : matches
  }

  private mutating func show(_ matches: [GeoMatch], _ search: GeoSearch) {
    reply.array(matches.count)
    let parts = [search.withDistance, search.withHash, search.withPosition].count { $0 }
    for match in matches {
      if parts > 0 { reply.array(1 + parts) }
      reply.bulk(match.member.key)
      if search.withDistance { reply.bulk(FixedDecimal(match.distance / search.unit, places: 4).bytes) }
      if search.withHash {
        let score = match.member.score
        reply.integer(score.magnitude < 0x1p63 ? Int(score) : Int.min)
      }
      if search.withPosition { reply.position(match.position) }
    }
  }

  private mutating func store(
    _ matches: [GeoMatch], at key: borrowing Key, _ database: Int, _ search: GeoSearch, _ event: KeyEvent
  ) {
    var scores: [Double] = []
    var chosen = ChosenMembers()
    for match in matches {
      scores.append(search.storesDistances ? match.distance / search.unit : match.member.score)
      chosen.append(match.member.key)
    }
    guard !chosen.isOverfull else { return reply.refuseAsTooLarge() }
    store(key, database, scores, chosen.words, event)
    reply.integer(scores.count)
  }
}

extension GeoSearch {
  fileprivate var isBox: Bool { if case .box = shape { true } else { false } }

  fileprivate var isCircle: Bool { if case .circle = shape { true } else { false } }
}

extension Reply {
  /// A longitude and a latitude.
  mutating func position(_ position: GeoPosition) {
    array(2)
    double(FixedDecimal(position.longitude, places: 17, isShortened: true).bytes)
    double(FixedDecimal(position.latitude, places: 17, isShortened: true).bytes)
  }
}
