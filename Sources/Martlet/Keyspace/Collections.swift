// The changes of collections, of every type: members come, get another value or expiry, and go. One that becomes too
// large for it stops being packed; one whose last member goes is gone.

/// What becomes of the expiry of fields that are set.
enum FieldExpiry: Equatable {
  /// They have none.
  case none
  /// It stays what it is.
  case keep
  /// Milliseconds since 1970.
  case at(Int64)
}

extension ItemKind {
  /// How many words of a request or record make a member.
  var wordsPerMember: Int { self == .hash || self == .sortedSet ? 2 : 1 }
}

extension Shard {
  /// A collection that is being changed.
  struct Place {
    var item: Item
    let slot: TableSlot<Item>
    /// What follows it, if a cut does.
    let followed: CutCollection?
  }

  /// Adds members to the collection at a key, or gives them other values; the collection is made if there is none. How
  /// many are new.
  ///
  /// - Parameter words: members of a set, or fields and values of a hash in turn.
  mutating func putMembers(
    _ kind: ItemKind, _ key: RawSpan, _ hash: UInt64, _ database: Int, _ words: borrowing Words,
    _ expiry: FieldExpiry = .none, _ version: UInt64
  ) -> Int {
    let step = kind.wordsPerMember
    let limits = limits(kind)
    var place = openCollection(kind, key, hash, database, adding: words.count / step, version)
    var added = 0
    for index in stride(from: 0, to: words.count - step + 1, by: step) {
      let isNew: Bool
      if kind == .hash {
        let time: Int64 =
          switch expiry {
          case .none: 0
          case .at(let time): time
          case .keep: place.item.members.find(words[index])?.expiry ?? 0
          }
        isNew = put(MemberContent(words[index], words[index + 1], expiry: time), into: &place, limits)
      } else {
        isNew = put(MemberContent(words[index]), into: &place, limits)
      }
      if isNew { added += 1 }
    }
    noteExpiringMembers(of: place.item, database, hasGained: expiry != .none)
    publish()
    return added
  }

  /// Takes members out of a collection, which goes with its last one; how many were there.
  mutating func removeMembers(
    _ key: RawSpan, _ hash: UInt64, _ database: Int, _ members: borrowing Words, _ version: UInt64
  ) -> Int {
    touched(version)
    let tables = tables
    guard let item = tables[database].find(key, hash) else { return 0 }
    preserve(item, hash, database)
    item.version = version
    var place = place(key, hash, database)
    var removed = 0
    for index in 0..<members.count where remove(members[index], from: &place) { removed += 1 }
    if place.item.members.count == 0 {
      remove(key, hash, database, version)
    } else {
      noteExpiringMembers(of: place.item, database, hasGained: false)
    }
    publish()
    return removed
  }

  /// Gives fields that are there another expiry, in milliseconds since 1970; 0 takes it away.
  mutating func setFieldExpiry(
    _ key: RawSpan, _ hash: UInt64, _ database: Int, _ fields: borrowing Words, _ milliseconds: Int64,
    _ version: UInt64
  ) {
    touched(version)
    let tables = tables
    guard let item = tables[database].find(key, hash) else { return }
    preserve(item, hash, database)
    item.version = version
    item.noteWritten(accessTime)
    let limits = limits(item.kind)
    var place = place(key, hash, database)
    for index in 0..<fields.count {
      guard let member = place.item.members.find(fields[index]), member.expiry != milliseconds else {
        continue
      }
      // A packed member is about to be moved.
      let value = member.value.array
      _ = put(
        MemberContent(fields[index], value.span.raw, expiry: milliseconds), into: &place, limits)
    }
    noteExpiringMembers(of: place.item, database, hasGained: milliseconds != 0)
    publish()
  }

  /// Puts a collection at a key, where there is none.
  mutating func putCollection(
    _ collection: borrowing DetachedItem, _ key: RawSpan, _ hash: UInt64, _ database: Int, _ version: UInt64
  ) {
    let tables = tables
    let item = Item.makeCollection(
      collection.kind, key, collection.metadata, version, collection.content, count: collection.memberCount,
      isPacked: collection.isPacked, seed, &allocator)
    item.noteWritten(accessTime)
    countExpiry(database, old: false, new: item.expires)
    tables[database].insert(item, hash, &allocator)
    noteExpiringMembers(of: item, database, hasGained: collection.kind == .hash)
    publish()
  }

  /// The collection at a key, which is made if there is none, to add members to or give them other values.
  mutating func openCollection(
    _ kind: ItemKind, _ key: RawSpan, _ hash: UInt64, _ database: Int, adding count: Int, _ version: UInt64
  ) -> Place {
    touched(version)
    let tables = tables
    if let old = tables[database].find(key, hash) {
      preserve(old, hash, database)
      old.version = version
    } else {
      let isPacked = count <= limits(kind).entries
      let made = Item.makeCollection(kind, key, ItemMetadata(), version, isPacked: isPacked, seed, &allocator)
      tables[database].insert(made, hash, &allocator)
    }
    let place = place(key, hash, database)
    place.item.noteWritten(accessTime)
    return place
  }

  func place(_ key: RawSpan, _ hash: UInt64, _ database: Int) -> Place {
    let slot = tables[database].slot(key, hash)
    return Place(item: slot.entry, slot: slot, followed: followed(slot.entry))
  }

  // MARK: One member

  /// Puts a member into a collection; whether it is new.
  mutating func put(
    _ content: borrowing MemberContent, into place: inout Place, _ limits: PackingLimits
  ) -> Bool {
    if place.item.members.isPacked {
      if mayPack(content, into: place.item, limits) {
        let (item, isNew) = place.item.packing(content, &allocator)
        move(&place, to: item)
        return isNew
      }
      move(&place, to: place.item.withTable(seed, &allocator))
    }
    guard let table = place.item.members.table else { preconditionFailure("neither packed nor a table") }
    let old = table.find(content.key)
    if let old {
      if mayOverwrite(old, followed: place.followed) && table.overwrite(old, content, &allocator) {
        return false
      }
      putAside(table.replace(with: content, &allocator), followed: place.followed)
    } else {
      table.insert(content, &allocator)
    }
    noteAdded(content.key, followed: place.followed)
    return old == nil
  }

  private func mayPack(
    _ content: borrowing MemberContent, into item: Item, _ limits: PackingLimits
  ) -> Bool {
    content.longest <= limits.valueBytes && item.packedBytes + content.size <= PackingLimits.maximumBytes
      && (item.members.count < limits.entries || item.members.contains(content.key))
  }

  /// Takes a member out of a collection; whether it was there.
  mutating func remove(_ key: RawSpan, from place: inout Place) -> Bool {
    if let table = place.item.members.table {
      guard let member = table.takeOut(key, &allocator) else { return false }
      putAside(member, followed: place.followed)
      return true
    }
    guard let item = place.item.unpacking(key, &allocator) else { return false }
    move(&place, to: item)
    return true
  }

  private func move(_ place: inout Place, to item: Item) {
    place.item = item
    place.slot.point(to: item)
  }
}
