// Where a command runs: one for each lane. It locks the shards of the command's keys, lets the command read and change
// them, and notes which version the reply will show.
//
// A change is first recorded, which gives it its version, and then made; both under the shard's lock, so that nobody
// sees one without the other.

/// What a session is between its requests.
package struct SessionState {
  /// What few sessions ever keep.
  private final class SeldomKept {
    var awaitedCheckpoint: Int?
    var databaseCopy: DatabaseSnapshot?
    var blocked: BlockedRequest?
    var queue: PushQueue?
    var subscriptions: Subscriptions?
    var tracking: SessionTracking?
    var monitoring: Monitoring?
  }

  package let client: ClientRecord
  /// Who the client is; nil while it may do nothing but say so.
  private(set) var user: User?
  let limits: SessionLimits
  /// The numbered database that commands use.
  var database = 0
  /// The highest version that its writes have made or shown; 0 before the first.
  private(set) var lastWritten: UInt64 = 0
  /// The highest version that replies which were left out would have shown: the next reply shows it.
  var shownLater: UInt64 = 0
  /// The commands queued and the keys watched; nil for a client that has never asked for either.
  var transaction: Transaction?
  private var seldomKept: SeldomKept?
  /// When the request that waits is to be replied to at the latest, in nanoseconds of
  /// `WallClock.monotonicNanoseconds()`; 0 when none waits.
  private var deadline: Int64 = 0
  // What takes less than a word is last, so that no room is lost between.
  var protocolVersion: UInt8 = 2
  /// Whether its replies wait for the disk as the server's setting has it; if not, they never wait.
  var waitsForDisk = true

  package init(_ client: ClientRecord, _ limits: SessionLimits, _ context: ServerContext) {
    self.client = client
    self.limits = limits
    user = context.users.initial
    client.become(user)
  }

  /// Whether the client has said who it is, if it has to.
  var isAuthenticated: Bool {
    @inline(__always) get { user != nil }
  }

  /// Whether the client may do everything that a protocol has: what clients of memcached's protocols have to be, which
  /// know no rules.
  var mayDoEverything: Bool {
    @inline(__always) get { !client.isGuarded }
  }

  /// The checkpoint that the request which waits has asked for.
  var awaitedCheckpoint: Int? {
    get { seldomKept?.awaitedCheckpoint }
    set { keep(newValue, as: \.awaitedCheckpoint) }
  }

  /// The database file as `DATABASE INFO` has last named it.
  var databaseCopy: DatabaseSnapshot? {
    get { seldomKept?.databaseCopy }
    set { keep(newValue, as: \.databaseCopy) }
  }

  /// The request that waits for data; nil when none does.
  var blocked: BlockedRequest? {
    get { seldomKept?.blocked }
    set { keep(newValue, as: \.blocked) }
  }

  /// What others have for the client; nil if it has never asked for something.
  var queue: PushQueue? {
    get { seldomKept?.queue }
    set { keep(newValue, as: \.queue) }
  }

  /// What the client listens to; nil if it has never listened.
  var subscriptions: Subscriptions? {
    get { seldomKept?.subscriptions }
    set { keep(newValue, as: \.subscriptions) }
  }

  /// What is kept of the client's tracking; nil if it doesn't track.
  var tracking: SessionTracking? {
    get { seldomKept?.tracking }
    set { keep(newValue, as: \.tracking) }
  }

  /// That the client sees what all say; nil if it doesn't.
  var monitoring: Monitoring? {
    get { seldomKept?.monitoring }
    set { keep(newValue, as: \.monitoring) }
  }

  private mutating func keep<Value>(
    _ value: Value?, as place: ReferenceWritableKeyPath<SeldomKept, Value?>
  ) {
    if seldomKept == nil && value != nil { seldomKept = SeldomKept() }
    seldomKept?[keyPath: place] = value
  }

  /// Makes the client a user, or with nil nobody.
  mutating func become(_ user: User?) {
    self.user = user
    client.become(user)
  }

  /// Makes it what it was when the connection began, but for what the client has written.
  mutating func reset(_ context: ServerContext) {
    endTransaction()
    database = 0
    protocolVersion = 2
    become(context.users.initial)
    waitsForDisk = true
    databaseCopy = nil
    endTracking()
    endMonitoring()
    endSubscriptions()
    attend(.ofClient.subtracting([.guarded, .owing]), false)
    client.update {
      $0.marks = []
      $0.name = ""
      $0.database = 0
      $0.protocolVersion = 2
    }
  }

  /// Notes what a write has shown.
  @inline(__always)
  mutating func noteWritten(_ version: UInt64) { lastWritten = max(lastWritten, version) }

  // MARK: Waiting

  /// Whether the next request is one that has begun to wait.
  var isWaiting: Bool {
    @inline(__always) get { deadline != 0 }
  }

  /// Has the request under way wait, until so many milliseconds after it began to (0: for as long as it takes); nil
  /// when that time is over.
  mutating func wait(milliseconds: Int) -> DispatchOutcome? {
    let now = WallClock.monotonicNanoseconds()
    if !isWaiting {
      deadline = milliseconds == 0 ? .max : now.advanced(byMilliseconds: milliseconds)
      client.isWaiting = true
    }
    guard deadline > now else { return nil }
    return .wait(until: deadline)
  }

  /// Has the request that waits find its time over.
  mutating func shortenWait() {
    if isWaiting { deadline = .min }
  }

  /// Whether the next request is one that waits for data: it is called when that has come.
  var waitsForData: Bool { blocked != nil }

  /// Ends a wait for data, the client being gone; false when the client has been served already.
  func abandonWait() -> Bool { blocked?.abandon() ?? true }

  /// Notes that the request that waited is replied to.
  mutating func endWait() {
    guard isWaiting else { return }
    deadline = 0
    client.isWaiting = false
  }
}

extension Int64 {
  /// So many milliseconds later, for a time in nanoseconds; at most `.max`.
  fileprivate func advanced(byMilliseconds milliseconds: Int) -> Int64 {
    let (nanoseconds, overflow) = Int64(milliseconds).multipliedReportingOverflow(by: 1_000_000)
    let (sum, carry) = addingReportingOverflow(nanoseconds)
    return overflow || carry ? .max : sum
  }
}

/// The means of one lane to run commands, one at a time.
package struct Execution: ~Copyable {
  let store: StoreCore
  let keyspace: Keyspace
  let journal: Journal
  let clock: WallClock
  let context: ServerContext
  let counters: LaneCountersReference
  let commands: CommandTable
  var random: RandomSource

  package var reply = Reply()
  /// The highest version that the reply under way shows.
  var shown: UInt64 = 0
  /// The commands of a transaction are being run: every shard that they need is locked, and none of them waits.
  var isRunningTransaction = false
  /// The words of the request under way. They are pinned, so that everything else can change while they are read.
  let ranges = Pinned(WordRanges())
  /// Values of at least so many bytes are lent to whoever sends the replies.
  private var lentFrom = Int.max
  /// The number of the client that makes the changes; 0 if it tracks nothing.
  var ownClient = 0
  private var record = ByteQueue()
  /// Keys at which values have been made and at which clients wait, to be served behind the command.
  var readyKeys: [ReadyKey] = []
  /// Those of them that are still to be served.
  var readySet: Set<ReadyKey> = []
  /// How long the request under way takes.
  var timing = RequestTiming()
  /// Which shard is squeezed next.
  var squeezedShard = 0
  /// When all shards were last looked through for memory to give back, in vain, and what was in use then.
  var squeezed: (time: AccessTime, usedBytes: Int)?

  /// - Parameter seed: for the members that commands take by chance.
  package init(_ store: StoreCore, _ context: ServerContext, seed: UInt64) {
    self.store = store
    keyspace = store.keyspace
    journal = store.journal
    clock = store.clock
    self.context = context
    counters = context.makeLaneCounters()
    commands = .shared
    random = RandomSource(seed: seed)
    reply.counters = counters
    context.watch(journal)
  }

  deinit { ranges.destroy() }

  /// Counts bytes that a session has consumed and replied.
  @inline(__always)
  package func noteTraffic(read: Int, written: Int) {
    counters.value.bytesRead.add(UInt64(read))
    counters.value.bytesWritten.add(UInt64(written))
  }

  /// Whether a reply that shows `version` may leave.
  package func mayShow(_ version: UInt64) -> Bool { journal.mayShow(version) }

  // MARK: Replying values

  /// Whether large values are lent instead of copied: then who takes a reply takes `reply.removeLent()`, too, and gives
  /// it to `takeBack` once it is sent.
  package var lendsValues: Bool {
    get { lentFrom != .max }
    set { lentFrom = newValue ? LentValue.minimumBytes : .max }
  }

  /// Replies a string, whose shard is locked.
  @inline(__always)
  mutating func replyBulk(_ item: Item, _ shard: ShardIndex) {
    if item.valueCount < lentFrom { reply.bulk(item.value) } else { lendBulk(item, shard) }
  }

  @inline(never)
  private mutating func lendBulk(_ item: Item, _ shard: ShardIndex) {
    guard reply.hasRoom(for: item.valueCount) else { return }
    reply.bulkHeader(item.valueCount)
    lend(item, shard)
    reply.buffer.append("\r\n")
  }

  /// Puts a string's bytes into the reply, as they are. There is room for them, and its shard is locked.
  @inline(__always)
  mutating func appendValue(_ item: Item, _ shard: ShardIndex) {
    if item.valueCount < lentFrom { reply.buffer.append(item.value) } else { lend(item, shard) }
  }

  @inline(never)
  private mutating func lend(_ item: Item, _ shard: ShardIndex) {
    reply.append(keyspace.lend(item, shard, position: reply.buffer.count))
  }

  /// Takes back what was lent, once it has been sent or copied. No shard is locked.
  package func takeBack(_ values: [LentValue]) {
    for value in values { keyspace.takeBack(value) }
  }

  // MARK: Locking

  /// Locks a shard for the request under way.
  @inline(__always)
  mutating func lock(_ shard: ShardIndex) {
    if !keyspace.tryLock(shard) { waitForLock(shard) }
  }

  /// Waits for a shard that somebody else has. From here on the request is timed.
  @inline(never)
  private mutating func waitForLock(_ shard: ShardIndex) {
    let start = WallClock.monotonicNanoseconds()
    if timing.started == 0 { timing.started = start }
    keyspace.lock(shard)
    timing.lockWait += WallClock.monotonicNanoseconds() - start
  }

  /// Locks a shard for a command that goes through them one by one.
  mutating func lockInTurn(_ shard: ShardIndex) {
    if !isRunningTransaction { lock(shard) }
  }

  func unlockInTurn(_ shard: ShardIndex) {
    if !isRunningTransaction { keyspace.unlock(shard) }
  }

  @inline(__always)
  mutating func beginReply() { shown = 0 }

  /// Holds the reply that began at `start` until what it shows is durable, unless its session doesn't wait for that.
  @inline(__always)
  mutating func endReply(from start: Int, waitsForDisk: Bool = true) {
    if shown != 0 && !journal.mayShow(shown) && waitsForDisk { reply.hold(from: start, until: shown) }
  }

  /// Holds the reply that began at `start` for the requests without a reply before it, too: it says as well that they
  /// have not failed.
  @inline(__always)
  mutating func showWhatWasQuiet(_ session: inout SessionState, from start: Int) {
    guard session.shownLater != 0 else { return }
    shown = session.shownLater
    endReply(from: start)
    session.shownLater = 0
  }

  // MARK: Reading

  /// The live item at a key; nil when there is none or it has expired. Either way the reply shows its version.
  @inline(__always)
  mutating func find(_ key: borrowing Key, _ database: Int) -> Item? {
    guard let item = look(key, database) else { return nil }
    item.noteRead(keyspace.accessTime)
    return item
  }

  /// The same for a command that looks only at what is known about a key: that doesn't count as a read of its value.
  @inline(__always)
  mutating func look(_ key: borrowing Key, _ database: Int) -> Item? {
    guard let item = keyspace[key.shard].shard.find(key.bytes, key.hash, database) else {
      shown = max(shown, keyspace[key.shard].shard.deletionVersion(key.hash))
      return nil
    }
    shown = max(shown, item.version)
    guard item.mayHaveExpired && item.hasExpired(clock.now()) else { return item }
    counters.value.expiredReads.add()
    return nil
  }

  /// The live item at a key that is about to be changed. One that has expired is deleted first.
  mutating func findToChange(_ key: borrowing Key, _ database: Int) -> Item? {
    guard let item = keyspace[key.shard].shard.find(key.bytes, key.hash, database) else {
      shown = max(shown, keyspace[key.shard].shard.absenceVersion(key.hash))
      return nil
    }
    shown = max(shown, item.version)
    if item.mayHaveExpired && item.hasExpired(clock.now()) {
      noteExpired(item)
      delete(key, database, .expired)
      return nil
    }
    return item
  }

  /// Says that the reply shows a shard as a whole.
  mutating func showAll(_ shard: ShardIndex) { shown = max(shown, keyspace[shard].shard.lastVersion) }

  // MARK: Changing: record, then change

  /// Sends the record to the journal; the change's version, which the reply then shows.
  @inline(__always)
  private mutating func commitRecord(_ database: Int) -> UInt64 {
    let version = journal.append(record.bytes, database: database)
    record.removeAll()
    shown = version
    return version
  }

  /// Sets a string.
  ///
  /// - Parameters:
  ///   - isChange: the value was made from the one before, so that whether it was read or claimed stays.
  ///   - event: what it is told as.
  @inline(__always)
  mutating func set(
    _ key: borrowing Key, _ database: Int, _ value: RawSpan, _ metadata: ItemMetadata, isChange: Bool = false,
    _ event: KeyEvent = .set
  ) {
    record.recordSet(key.bytes, value, metadata)
    let version = commitRecord(database)
    note(event, key, database)
    keyspace[key.shard].shard.setString(
      key.bytes, key.hash, database, value, metadata, version, isChange: isChange)
  }

  /// Sets pairs of keys and values in one change.
  mutating func setAll(_ pairs: borrowing Words, _ database: Int) {
    record.recordSetAll(pairs)
    let version = commitRecord(database)
    for index in stride(from: 0, to: pairs.count, by: 2) {
      let key = keyspace.place(pairs[index])
      note(.set, key, database)
      keyspace[key.shard].shard.setString(
        key.bytes, key.hash, database, pairs[index + 1], ItemMetadata(), version)
    }
  }

  /// Appends to a string, or makes one.
  mutating func append(_ key: borrowing Key, _ database: Int, _ value: RawSpan) {
    let end = keyspace[key.shard].shard.find(key.bytes, key.hash, database)?.valueCount ?? 0
    record.recordAppend(key.bytes, value)
    let version = commitRecord(database)
    note(.append, key, database)
    keyspace[key.shard].shard.writeString(key.bytes, key.hash, database, at: end, value, version)
  }

  mutating func prepend(_ key: borrowing Key, _ database: Int, _ value: RawSpan) {
    record.recordPrepend(key.bytes, value)
    let version = commitRecord(database)
    note(.prepend, key, database)
    keyspace[key.shard].shard.prependString(key.bytes, key.hash, database, value, version)
  }

  /// Writes into a string from `offset` on.
  ///
  /// - Parameter event: what it is told as; nil if it has been told.
  mutating func setRange(
    _ key: borrowing Key, _ database: Int, _ offset: Int, _ value: RawSpan, _ event: KeyEvent? = .setRange
  ) {
    record.recordSetRange(key.bytes, offset, value)
    let version = commitRecord(database)
    note(event, key, database)
    keyspace[key.shard].shard.writeString(key.bytes, key.hash, database, at: offset, value, version)
  }

  /// Deletes a key that is there.
  ///
  /// - Parameter event: what it is told as; nil if something else is made in its place, which is told.
  mutating func delete(_ key: borrowing Key, _ database: Int, _ event: KeyEvent? = .delete) {
    record.recordDelete(key.bytes)
    let version = commitRecord(database)
    note(event, key, database)
    keyspace[key.shard].shard.remove(key.bytes, key.hash, database, version)
  }

  /// Deletes several keys that are there in one change, so that no crash deletes only some; how many different ones
  /// they were.
  mutating func delete(_ keys: borrowing Words, _ database: Int) -> Int {
    record.recordDelete(keys)
    let version = commitRecord(database)
    var deleted = 0
    for index in 0..<keys.count {
      let key = keyspace.place(keys[index])
      if keyspace[key.shard].shard.remove(key.bytes, key.hash, database, version) {
        deleted += 1
        note(.delete, key, database, isNew: false)
      }
    }
    return deleted
  }

  /// Deletes a victim in a locked shard. No reply waits for that.
  mutating func evict(_ victim: Victim, _ shard: ShardIndex, _ event: KeyEvent) {
    let before = shown
    record.recordDelete(victim.item.key)
    let version = commitRecord(victim.database)
    note(event, keyspace.place(victim.item.key), victim.database, isNew: false)
    shown = before
    keyspace[shard].shard.evict(victim.item, victim.hash, victim.database, version)
  }

  /// Counts an item that has expired and is about to be deleted.
  func noteExpired(_ item: Item) {
    counters.value.expired.add()
    if !item.isFetched { counters.value.expiredUnfetched.add() }
  }

  /// Gives a key that is there an expiry in milliseconds since 1970, or with 0 takes it away.
  ///
  /// - Parameter isTold: whether it is a part of a change that has been told.
  mutating func setExpiry(
    _ key: borrowing Key, _ database: Int, _ milliseconds: Int64, isTold: Bool = false
  ) {
    record.recordExpiry(key.bytes, milliseconds)
    let version = commitRecord(database)
    if !isTold { note(milliseconds == 0 ? .persist : .expire, key, database) }
    keyspace[key.shard].shard.setExpiry(key.bytes, key.hash, database, milliseconds, version)
  }

  /// Marks a string that is there as out of date.
  ///
  /// - Parameters:
  ///   - expiry: its new expiry, in milliseconds since 1970, 0 for none; nil if it stays.
  ///   - cas: its new CAS token; 0 for the change's version.
  mutating func markStale(_ key: borrowing Key, _ database: Int, expiry: Int64?, cas: UInt64) {
    record.recordStale(key.bytes, expiry: expiry, cas: cas)
    let version = commitRecord(database)
    note(.stale, key, database)
    keyspace[key.shard].shard.markStale(
      key.bytes, key.hash, database, expiry: expiry, cas: cas, version)
  }

  mutating func rename(_ key: borrowing Key, _ newKey: borrowing Key, _ database: Int) {
    record.recordRename(key.bytes, newKey.bytes)
    let version = commitRecord(database)
    // Redis deletes what is in the way first: the new key is new, whatever there was.
    note(.new, newKey, database, isNew: false)
    note(.renameFrom, key, database, isNew: false)
    note(.renameTo, newKey, database, isNew: false)
    guard let item = keyspace[key.shard].shard.release(key.bytes, key.hash, database, version) else { return }
    keyspace[newKey.shard].shard.adopt(item, newKey.bytes, newKey.hash, database, version)
    noteMade(newKey, database)
  }

  mutating func copy(_ key: borrowing Key, _ database: Int, to newKey: borrowing Key, _ newDatabase: Int) {
    record.recordCopy(key.bytes, newKey.bytes, newDatabase)
    let version = commitRecord(database)
    note(.copyTo, newKey, newDatabase, isNew: true)
    guard let item = keyspace[key.shard].shard.copy(key.bytes, key.hash, database) else { return }
    keyspace[newKey.shard].shard.adopt(item, newKey.bytes, newKey.hash, newDatabase, version)
    noteMade(newKey, newDatabase)
  }

  /// Moves what is at a key into another database, where the key is free.
  mutating func move(_ key: borrowing Key, _ database: Int, to newDatabase: Int) {
    record.recordMove(key.bytes, newDatabase)
    let version = commitRecord(database)
    note(.new, key, newDatabase, isNew: false)
    note(.moveFrom, key, database, isNew: false)
    note(.moveTo, key, newDatabase, isNew: false)
    guard let item = keyspace[key.shard].shard.release(key.bytes, key.hash, database, version) else { return }
    keyspace[key.shard].shard.adopt(item, key.bytes, key.hash, newDatabase, version)
    noteMade(key, newDatabase)
  }

  /// Has two different databases change places. Every shard is locked.
  mutating func swapDatabases(_ first: Int, _ second: Int) {
    record.recordSwap(first, second)
    let version = commitRecord(0)
    noteAll()
    for shard in 0..<keyspace.shardCount { keyspace[shard].shard.swapDatabases(first, second, version) }
    journal.holdReplies(until: version)
    noteChanged(first)
    noteChanged(second)
  }

  /// Adds members to a collection or gives them other values, or makes one; how many are new.
  ///
  /// - Parameters:
  ///   - members: members of a set, or fields and values of a hash in turn.
  ///   - event: what it is told as; nil if it has been told.
  ///   - isNew: whether the key is told to be new; nil if it is when nothing is there.
  mutating func putMembers(
    _ kind: ItemKind, _ key: borrowing Key, _ database: Int, _ members: borrowing Words,
    _ event: KeyEvent?, _ expiry: FieldExpiry = .none, isNew: Bool? = nil
  ) -> Int {
    record.recordMembers(kind, key.bytes, members, expiry)
    let version = commitRecord(database)
    note(event, key, database, isNew: isNew)
    return keyspace[key.shard].shard.putMembers(
      kind, key.bytes, key.hash, database, members, expiry, version)
  }

  /// Gives members of a sorted set their scores, one after the other, or makes one.
  ///
  /// - Parameters:
  ///   - words: as many members as scores, each the last of `step` words.
  ///   - event: what it is told as; nil if it has been told.
  ///   - isNew: whether the key is told to be new; nil if it is when nothing is there.
  /// - Returns: how many are new, and how many others have got another score.
  mutating func putScores(
    _ key: borrowing Key, _ database: Int, _ scores: [Double], _ words: borrowing Words, step: Int,
    _ event: KeyEvent? = .addScores, isNew: Bool? = nil
  ) -> (added: Int, changed: Int) {
    record.recordScores(key.bytes, scores, words, step: step)
    let version = commitRecord(database)
    noteMade(key, database)
    note(event, key, database, isNew: isNew)
    return keyspace[key.shard].shard.putScores(
      key.bytes, key.hash, database, scores, words, step: step, version)
  }

  /// Takes the members of some ranks, which there are, out of a sorted set.
  mutating func removeRanks(
    _ key: borrowing Key, _ database: Int, _ ranks: Range<Int>, _ event: KeyEvent
  ) {
    record.recordRemoveRanks(key.bytes, ranks)
    let version = commitRecord(database)
    note(event, key, database)
    keyspace[key.shard].shard.removeRanks(key.bytes, key.hash, database, ranks, version)
    noteIfEmptied(key, database)
  }

  /// Takes members out of a collection that is there; how many were in it.
  @discardableResult
  mutating func removeMembers(
    _ kind: ItemKind, _ key: borrowing Key, _ database: Int, _ members: borrowing Words, _ event: KeyEvent
  ) -> Int {
    record.recordRemoveMembers(kind, key.bytes, members)
    let version = commitRecord(database)
    note(event, key, database)
    let removed = keyspace[key.shard].shard.removeMembers(key.bytes, key.hash, database, members, version)
    noteIfEmptied(key, database)
    return removed
  }

  /// Gives fields that are there an expiry in milliseconds since 1970, or with 0 takes it away.
  mutating func setFieldExpiry(
    _ key: borrowing Key, _ database: Int, _ fields: borrowing Words, _ milliseconds: Int64
  ) {
    record.recordFieldExpiry(key.bytes, fields, milliseconds)
    let version = commitRecord(database)
    note(milliseconds == 0 ? .persistFields : .expireFields, key, database)
    keyspace[key.shard].shard.setFieldExpiry(
      key.bytes, key.hash, database, fields, milliseconds, version)
  }

  /// Adds elements at an end of a list, or makes one; how many it then has.
  mutating func pushElements(
    _ key: borrowing Key, _ database: Int, _ words: borrowing Words, at end: ListEnd
  ) -> Int {
    pushElements(key, database, words, at: end, .push(at: end))
  }

  /// The same.
  ///
  /// - Parameters:
  ///   - event: what it is told as; nil if it has been told.
  ///   - isNew: whether the key is told to be new; nil if it is when nothing is there.
  mutating func pushElements(
    _ key: borrowing Key, _ database: Int, _ words: borrowing Words, at end: ListEnd, _ event: KeyEvent?,
    isNew: Bool? = nil
  ) -> Int {
    record.recordPush(key.bytes, words, at: end)
    let version = commitRecord(database)
    note(event, key, database, isNew: isNew)
    noteMade(key, database)
    return keyspace[key.shard].shard.pushElements(key.bytes, key.hash, database, words, at: end, version)
  }

  /// Takes elements from an end of a list, which has as many.
  mutating func popElements(_ key: borrowing Key, _ database: Int, _ count: Int, from end: ListEnd) {
    record.recordPop(key.bytes, count, from: end)
    let version = commitRecord(database)
    note(.pop(from: end), key, database)
    keyspace[key.shard].shard.popElements(key.bytes, key.hash, database, count, from: end, version)
    noteIfEmptied(key, database)
  }

  /// Moves an element of a list that is there to one of which it is known that it is a list or absent: two records in one
  /// group.
  mutating func moveElement(
    _ key: borrowing Key, _ database: Int, _ from: ListEnd, to newKey: borrowing Key, _ to: ListEnd
  ) {
    guard let item = keyspace[key.shard].shard.find(key.bytes, key.hash, database) else { return }
    var element = ChosenMembers()
    element.append(item.list.element(from == .head ? 0 : item.list.count - 1))
    let group = journal.beginGroup()
    // It is pushed first: a list of one element that is moved to its other end stays, with its expiry.
    let isNew = keyspace[newKey.shard].shard.find(newKey.bytes, newKey.hash, database) == nil
    record.recordPush(newKey.bytes, element.words, at: to)
    var version = commitRecord(database)
    note(.push(at: to), newKey, database, isNew: isNew)
    noteMade(newKey, database)
    _ = keyspace[newKey.shard].shard.pushElements(
      newKey.bytes, newKey.hash, database, element.words, at: to, version)
    record.recordPop(key.bytes, 1, from: from)
    version = commitRecord(database)
    note(.pop(from: from), key, database, isNew: false)
    keyspace[key.shard].shard.popElements(key.bytes, key.hash, database, 1, from: from, version)
    noteIfEmptied(key, database)
    journal.endGroup(group)
  }

  /// Keeps some elements of a list that is there, one at least, and takes the others out.
  mutating func trimList(_ key: borrowing Key, _ database: Int, to kept: Range<Int>) {
    record.recordTrim(key.bytes, to: kept)
    let version = commitRecord(database)
    note(.trim, key, database)
    keyspace[key.shard].shard.trimList(key.bytes, key.hash, database, to: kept, version)
  }

  /// Puts another element in the place of one that there is.
  mutating func setElement(_ key: borrowing Key, _ database: Int, _ index: Int, _ word: RawSpan) {
    record.recordSetElement(key.bytes, index, word)
    let version = commitRecord(database)
    note(.setElement, key, database)
    keyspace[key.shard].shard.setElement(key.bytes, key.hash, database, index, word, version)
  }

  /// Puts an element before or after the first one that is `pivot`, which is at `index`; how many there then are.
  mutating func insertElement(
    _ key: borrowing Key, _ database: Int, isAfter: Bool, _ pivot: RawSpan, at index: Int, _ word: RawSpan
  ) -> Int {
    record.recordInsertElement(key.bytes, isAfter: isAfter, pivot, word)
    let version = commitRecord(database)
    note(.insertElement, key, database)
    return keyspace[key.shard].shard.insertElement(
      key.bytes, key.hash, database, at: isAfter ? index + 1 : index, word, version)
  }

  /// Takes elements that are a word, of which there is one, out of a list; how many they were.
  ///
  /// - Parameter count: how many at most, from the head on, or for one below 0 from the tail; all for 0.
  mutating func removeElements(_ key: borrowing Key, _ database: Int, _ word: RawSpan, count: Int) -> Int {
    record.recordRemoveElements(key.bytes, count, word)
    let version = commitRecord(database)
    note(.removeElements, key, database)
    let removed = keyspace[key.shard].shard.removeElements(
      key.bytes, key.hash, database, word, most: count == 0 ? .max : Int(clamping: count.magnitude),
      from: count < 0 ? .tail : .head, version)
    noteIfEmptied(key, database)
    return removed
  }

  /// Empties one database. Every shard is locked.
  mutating func flush(_ database: Int) {
    record.recordFlush()
    let version = commitRecord(database)
    noteAll()
    for shard in 0..<keyspace.shardCount { keyspace[shard].shard.removeAll(database, version) }
  }

  /// Empties all databases. Every shard is locked.
  mutating func flushAll() {
    record.recordFlushAll()
    let version = commitRecord(0)
    noteAll()
    for shard in 0..<keyspace.shardCount {
      for database in 0..<keyspace.databaseCount { keyspace[shard].shard.removeAll(database, version) }
    }
  }
}
