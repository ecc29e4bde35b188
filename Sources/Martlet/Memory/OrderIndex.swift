// The order of a large sorted set: by score, and among equal scores by the bytes of the members.
//
// A B+-tree (Bayer and McCreight, 1972; Comer, "The Ubiquitous B-Tree", 1979) of the addresses of members, which a table
// finds by their keys and which the tree doesn't own. A node counts the members below each of its children, so that the
// rank of a member, and the member of a rank, are found on one way down: O(log n). A range of m members is O(log n + m).
//
// A leaf holds up to 63 addresses and has memory for as many as it needs, in steps of a cache line; so a member costs 8 to
// 10 bytes here. A node above holds for each of up to 31 children its address, the count, and the least member with its
// score, so that on the way down a member is looked at only among equal scores.
//
//     leaf     0   number of members (2 bytes), room for how many (2 bytes)
//              8   addresses of members, in their order
//     node     0   number of children (2 bytes)
//              8   addresses of children; counts; least scores; addresses of least members (31 of each)

/// A place in the order of members: some are before it, the others behind.
struct OrderPlace: ~Escapable {
  private enum Kind {
    case start, end, score, member, key
  }

  private let kind: Kind
  private let score: Double
  private let key: RawSpan
  /// Whether what is equal is before the place.
  private let isBehindEqual: Bool

  @_lifetime(copy key)
  private init(_ kind: Kind, _ score: Double, _ key: RawSpan, isBehindEqual: Bool) {
    self.kind = kind
    self.score = score
    self.key = key
    self.isBehindEqual = isBehindEqual
  }

  /// Before all members.
  @_lifetime(immortal)
  static func start() -> OrderPlace { OrderPlace(.start, 0, RawSpan(), isBehindEqual: false) }

  /// Behind all members.
  @_lifetime(immortal)
  static func end() -> OrderPlace { OrderPlace(.end, 0, RawSpan(), isBehindEqual: false) }

  /// Before or behind the members with a score.
  @_lifetime(immortal)
  init(score: Double, isBehindEqual: Bool) {
    self.init(.score, score, RawSpan(), isBehindEqual: isBehindEqual)
  }

  /// Before or behind a member, where all have the same score.
  @_lifetime(copy key)
  init(key: RawSpan, isBehindEqual: Bool) { self.init(.key, 0, key, isBehindEqual: isBehindEqual) }

  /// Just behind where a member with this score and key stands, or would stand.
  @_lifetime(copy key)
  init(behind score: Double, _ key: RawSpan) { self.init(.member, score, key, isBehindEqual: true) }

  /// Whether a member with this score is before the place.
  @inline(__always)
  fileprivate func isBehind(_ member: Member, _ memberScore: Double) -> Bool {
    switch kind {
    case .member:
      if memberScore != score { return memberScore < score }
      return !key.precedes(member.key)
    case .score: return isBehindEqual ? memberScore <= score : memberScore < score
    case .key: return isBehindEqual ? !key.precedes(member.key) : member.key.precedes(key)
    case .start: return false
    case .end: return true
    }
  }

  func isBehind(_ member: Member) -> Bool { isBehind(member, member.score) }
}

/// The members of one sorted set in their order.
@safe struct OrderIndex: ~Copyable {
  /// How many members a leaf holds at most, and by how many its room grows: with the header, a cache line each.
  static let leafMembers = 63
  private static let leafStep = 8
  private static let headerSize = 8
  /// How many children a node holds at most.
  static let children = 31
  private static let nodeSize = 1024
  /// A leaf or node with fewer than this part of what it may hold is joined with one beside it, if together they fill
  /// at most three quarters of one.
  private static let sparsePart = 4

  /// The topmost leaf or node; nil when there are no members.
  private var root: Node?
  /// How many levels of nodes are above the leaves.
  private var height = 0
  private(set) var count = 0
  /// The bytes of all leaves and nodes.
  private(set) var bytes = 0

  init() {}

  deinit {
    assert(root == nil, "an order ends empty")
  }

  /// A leaf or a node.
  @safe private struct Node {
    let start: UnsafeMutableRawPointer

    init(_ start: UnsafeMutableRawPointer) { unsafe self.start = unsafe start }

    /// How many members or children it has.
    var count: Int {
      get { Int(unsafe start.load(as: UInt16.self)) }
      nonmutating set { unsafe start.storeBytes(of: UInt16(newValue), as: UInt16.self) }
    }

    /// The word at an index behind the header: in a leaf a member.
    private subscript(word index: Int) -> UInt64 {
      get { unsafe start.load(fromByteOffset: OrderIndex.headerSize + 8 * index, as: UInt64.self) }
      nonmutating set {
        unsafe start.storeBytes(
          of: newValue, toByteOffset: OrderIndex.headerSize + 8 * index, as: UInt64.self)
      }
    }

    /// Moves words to another index, or into another node.
    private func move(_ from: Int, _ length: Int, to target: Node, _ index: Int) {
      guard length > 0 else { return }
      unsafe (target.start + OrderIndex.headerSize + 8 * index).copyMemory(
        from: start + OrderIndex.headerSize + 8 * from, byteCount: 8 * length)
    }

    // MARK: Of a leaf

    /// How many members a leaf has room for.
    var room: Int {
      get { Int(unsafe start.load(fromByteOffset: 2, as: UInt16.self)) }
      nonmutating set { unsafe start.storeBytes(of: UInt16(newValue), toByteOffset: 2, as: UInt16.self) }
    }

    func member(_ index: Int) -> Member { Self.member(self[word: index]) }

    private static func member(_ word: UInt64) -> Member {
      unsafe Member(address: UnsafeMutableRawPointer(bitPattern: UInt(word)).unsafelyUnwrapped)
    }

    private static func word(_ member: Member) -> UInt64 { unsafe UInt64(UInt(bitPattern: member.address)) }

    func insert(_ member: Member, at index: Int) {
      move(index, count - index, to: self, index + 1)
      self[word: index] = Self.word(member)
      count += 1
    }

    func removeMember(at index: Int) {
      move(index + 1, count - index - 1, to: self, index)
      count -= 1
    }

    /// Moves the members from an index on behind those of another leaf.
    func moveMembers(from index: Int, behind other: Node) {
      move(index, count - index, to: other, other.count)
      other.count += count - index
      count = index
    }

    // MARK: Of a node

    func child(_ index: Int) -> Node {
      unsafe Node(UnsafeMutableRawPointer(bitPattern: UInt(self[word: index])).unsafelyUnwrapped)
    }

    func setChild(_ index: Int, _ child: Node) {
      self[word: index] = unsafe UInt64(UInt(bitPattern: child.start))
    }

    /// How many members are below a child.
    func members(_ index: Int) -> Int { Int(self[word: OrderIndex.children + index]) }

    func setMembers(_ index: Int, _ count: Int) { self[word: OrderIndex.children + index] = UInt64(count) }

    func leastScore(_ index: Int) -> Double {
      Double(bitPattern: self[word: 2 * OrderIndex.children + index])
    }

    func least(_ index: Int) -> Member { Self.member(self[word: 3 * OrderIndex.children + index]) }

    /// Notes the least member below a child, if it has become another.
    func setLeast(_ index: Int, _ member: Member) {
      let word = Self.word(member)
      if self[word: 3 * OrderIndex.children + index] == word { return }
      self[word: 3 * OrderIndex.children + index] = word
      self[word: 2 * OrderIndex.children + index] = member.score.bitPattern
    }

    /// Makes room for a child at an index; it is to be set then.
    func insertChild(at index: Int) {
      for part in 0..<4 {
        let first = part * OrderIndex.children
        move(first + index, count - index, to: self, first + index + 1)
        self[word: first + index] = 0
      }
      count += 1
    }

    func removeChild(at index: Int) {
      for part in 0..<4 {
        let first = part * OrderIndex.children
        move(first + index + 1, count - index - 1, to: self, first + index)
      }
      count -= 1
    }

    /// Moves the children from an index on behind those of another node.
    func moveChildren(from index: Int, behind other: Node) {
      for part in 0..<4 {
        let first = part * OrderIndex.children
        move(first + index, count - index, to: other, first + other.count)
      }
      other.count += count - index
      count = index
    }
  }

  // MARK: Memory

  private static func leafSize(_ room: Int) -> Int { headerSize + 8 * room }

  private mutating func makeLeaf(_ members: Int, _ allocator: inout Allocator) -> Node {
    let room = (members / Self.leafStep + 1) * Self.leafStep - 1
    let leaf = unsafe Node(allocator.allocate(Self.leafSize(room)))
    leaf.count = 0
    leaf.room = room
    bytes += Self.leafSize(room)
    return leaf
  }

  private mutating func makeNode(_ allocator: inout Allocator) -> Node {
    let node = unsafe Node(allocator.allocate(Self.nodeSize))
    node.count = 0
    bytes += Self.nodeSize
    return node
  }

  private mutating func free(_ node: Node, _ height: Int, _ allocator: inout Allocator) {
    let size = height == 0 ? Self.leafSize(node.room) : Self.nodeSize
    unsafe allocator.deallocate(node.start, size)
    bytes -= size
  }

  /// A leaf with another room and the same members; the old one is gone.
  private mutating func resized(_ leaf: Node, _ members: Int, _ allocator: inout Allocator) -> Node {
    let other = makeLeaf(members, &allocator)
    leaf.moveMembers(from: 0, behind: other)
    free(leaf, 0, &allocator)
    return other
  }

  // MARK: Finding

  /// How many of a leaf's members, or of a node's children by their least members, are before a place.
  @inline(__always)
  private func indexBehind(_ place: borrowing OrderPlace, _ node: Node, _ height: Int) -> Int {
    var low = 0
    var high = node.count
    while low < high {
      let middle = (low + high) / 2
      let isBehind: Bool
      if height == 0 {
        isBehind = place.isBehind(node.member(middle))
      } else {
        isBehind = place.isBehind(node.least(middle), node.leastScore(middle))
      }
      if isBehind { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The child that a place is in.
  private func childIndex(_ place: borrowing OrderPlace, _ node: Node, _ height: Int) -> Int {
    max(indexBehind(place, node, height) - 1, 0)
  }

  /// How many members are before a place. O(log n).
  func rank(of place: borrowing OrderPlace) -> Int {
    guard var node = root else { return 0 }
    var rank = 0
    for level in stride(from: height, to: 0, by: -1) {
      let index = childIndex(place, node, level)
      for before in 0..<index { rank += node.members(before) }
      node = node.child(index)
    }
    return rank + indexBehind(place, node, 0)
  }

  /// Visits the members of some ranks, in their order or against it. O(log n + m).
  func forEach(in ranks: Range<Int>, isReversed: Bool, _ body: (Member) -> Void) {
    guard let root, !ranks.isEmpty else { return }
    precondition(ranks.lowerBound >= 0 && ranks.upperBound <= count)
    visit(root, height, ranks, isReversed, body)
  }

  private func visit(
    _ node: Node, _ height: Int, _ ranks: Range<Int>, _ isReversed: Bool, _ body: (Member) -> Void
  ) {
    if height == 0 {
      if isReversed {
        for index in ranks.reversed() { body(node.member(index)) }
      } else {
        for index in ranks { body(node.member(index)) }
      }
      return
    }
    // The members of a child have the ranks from `first` on.
    var first = isReversed ? members(node, height) : 0
    for step in 0..<node.count {
      let index = isReversed ? node.count - 1 - step : step
      let members = node.members(index)
      if isReversed { first -= members }
      let part = ranks.clamped(to: first..<first + members)
      if !part.isEmpty {
        visit(
          node.child(index), height - 1, part.lowerBound - first..<part.upperBound - first, isReversed, body)
      }
      if !isReversed { first += members }
      if isReversed ? first <= ranks.lowerBound : first >= ranks.upperBound { return }
    }
  }

  // MARK: Changing

  /// Adds a member that isn't there yet. O(log n).
  mutating func insert(_ member: Member, _ allocator: inout Allocator) {
    count += 1
    guard var top = root else {
      let leaf = makeLeaf(1, &allocator)
      leaf.insert(member, at: 0)
      root = leaf
      return
    }
    let place = OrderPlace(behind: member.score, member.key)
    if let split = insert(member, place, into: &top, height, &allocator) {
      let node = makeNode(&allocator)
      height += 1
      add(top, to: node, at: 0, height)
      add(split, to: node, at: 1, height)
      top = node
    }
    root = top
  }

  /// Adds a member below a leaf or node, which may come to lie elsewhere; what has been split off and belongs behind it.
  private mutating func insert(
    _ member: Member, _ place: borrowing OrderPlace, into node: inout Node, _ height: Int,
    _ allocator: inout Allocator
  ) -> Node? {
    guard height > 0 else {
      return insert(member, at: indexBehind(place, node, 0), intoLeaf: &node, &allocator)
    }
    let index = childIndex(place, node, height)
    var child = node.child(index)
    let split = insert(member, place, into: &child, height - 1, &allocator)
    guard let split else {
      node.setChild(index, child)
      node.setMembers(index, node.members(index) + 1)
      node.setLeast(index, least(child, height - 1))
      return nil
    }
    refresh(node, index, child, height)
    return addChild(split, at: index + 1, to: node, height, &allocator)
  }

  private mutating func insert(
    _ member: Member, at index: Int, intoLeaf leaf: inout Node, _ allocator: inout Allocator
  ) -> Node? {
    let count = leaf.count
    guard count == Self.leafMembers else {
      if count == leaf.room { leaf = resized(leaf, count + 1, &allocator) }
      leaf.insert(member, at: index)
      return nil
    }
    // Who adds in order, from either end, leaves full leaves behind.
    if index == count || index == 0 {
      let other = makeLeaf(1, &allocator)
      other.insert(member, at: 0)
      if index == count { return other }
      let full = leaf
      leaf = other
      return full
    }
    let half = (count + 1) / 2
    let other = makeLeaf(count - half + 1, &allocator)
    leaf.moveMembers(from: half, behind: other)
    if index <= half {
      leaf.insert(member, at: index)
    } else {
      other.insert(member, at: index - half)
    }
    if leaf.room > leaf.count + Self.leafStep { leaf = resized(leaf, leaf.count, &allocator) }
    return other
  }

  /// Adds a child to a node; what has been split off and belongs behind it.
  private mutating func addChild(
    _ child: Node, at index: Int, to node: Node, _ height: Int, _ allocator: inout Allocator
  ) -> Node? {
    guard node.count == Self.children else {
      add(child, to: node, at: index, height)
      return nil
    }
    let other = makeNode(&allocator)
    if index == Self.children {
      add(child, to: other, at: 0, height)
      return other
    }
    let half = (Self.children + 1) / 2
    node.moveChildren(from: half, behind: other)
    if index <= half {
      add(child, to: node, at: index, height)
    } else {
      add(child, to: other, at: index - half, height)
    }
    return other
  }

  private func add(_ child: Node, to node: Node, at index: Int, _ height: Int) {
    node.insertChild(at: index)
    refresh(node, index, child, height)
  }

  /// Notes which child a node of this height has at an index, and what is below it.
  private func refresh(_ node: Node, _ index: Int, _ child: Node, _ height: Int) {
    node.setChild(index, child)
    node.setMembers(index, members(child, height - 1))
    node.setLeast(index, least(child, height - 1))
  }

  private func least(_ node: Node, _ height: Int) -> Member { height == 0 ? node.member(0) : node.least(0) }

  private func members(_ node: Node, _ height: Int) -> Int {
    if height == 0 { return node.count }
    var sum = 0
    for index in 0..<node.count { sum += node.members(index) }
    return sum
  }

  /// Takes out a member that is there, before its score changes or it is freed. O(log n).
  mutating func remove(_ member: Member, _ allocator: inout Allocator) {
    guard var top = root else { preconditionFailure("no such member in the order") }
    let place = OrderPlace(behind: member.score, member.key)
    remove(member, place, from: &top, height, &allocator)
    count -= 1
    while height > 0 && top.count == 1 {
      let child = top.child(0)
      free(top, height, &allocator)
      height -= 1
      top = child
    }
    if top.count == 0 {
      free(top, height, &allocator)
      root = nil
      height = 0
    } else {
      root = top
    }
  }

  private mutating func remove(
    _ member: Member, _ place: borrowing OrderPlace, from node: inout Node, _ height: Int,
    _ allocator: inout Allocator
  ) {
    guard height > 0 else {
      let index = indexBehind(place, node, 0) - 1
      guard index >= 0, unsafe node.member(index).address == member.address else {
        preconditionFailure("no such member in the order")
      }
      node.removeMember(at: index)
      if node.count > 0 && node.room - node.count >= 2 * Self.leafStep {
        node = resized(node, node.count, &allocator)
      }
      return
    }
    let index = childIndex(place, node, height)
    var child = node.child(index)
    remove(member, place, from: &child, height - 1, &allocator)
    if child.count == 0 {
      free(child, height - 1, &allocator)
      node.removeChild(at: index)
      return
    }
    node.setChild(index, child)
    node.setMembers(index, node.members(index) - 1)
    node.setLeast(index, least(child, height - 1))
    let capacity = height == 1 ? Self.leafMembers : Self.children
    guard child.count < capacity / Self.sparsePart, node.count > 1 else { return }
    joinChildren(index > 0 ? index - 1 : 0, of: node, height, &allocator)
  }

  /// Joins the child at an index with the one behind it, if that leaves some room.
  private mutating func joinChildren(_ index: Int, of node: Node, _ height: Int, _ allocator: inout Allocator)
  {
    var first = node.child(index)
    let second = node.child(index + 1)
    let sum = first.count + second.count
    let capacity = height == 1 ? Self.leafMembers : Self.children
    guard sum <= capacity * 3 / 4 else { return }
    if height == 1 {
      if first.room < sum { first = resized(first, sum, &allocator) }
      second.moveMembers(from: 0, behind: first)
    } else {
      second.moveChildren(from: 0, behind: first)
    }
    let members = node.members(index) + node.members(index + 1)
    free(second, height - 1, &allocator)
    node.removeChild(at: index + 1)
    node.setChild(index, first)
    node.setMembers(index, members)
  }

  // MARK: Freeing

  /// Frees up to `limit` leaves, the last ones first, of an order that is given up; how many. Afterwards no member can be
  /// found any more. O(limit log n).
  mutating func freeSome(_ limit: Int, _ allocator: inout Allocator) -> Int {
    var freed = 0
    while freed < limit, let top = root {
      if freeLastLeaf(top, height, &allocator) {
        root = nil
        height = 0
        count = 0
      }
      freed += 1
    }
    return freed
  }

  /// Frees the last leaf below a node, and what is left empty by that; whether the node is gone.
  private mutating func freeLastLeaf(_ node: Node, _ height: Int, _ allocator: inout Allocator) -> Bool {
    if height > 0 {
      let last = node.count - 1
      guard freeLastLeaf(node.child(last), height - 1, &allocator) else { return false }
      node.removeChild(at: last)
      if node.count > 0 { return false }
    }
    free(node, height, &allocator)
    return true
  }

  // MARK: For tests

  /// What is wrong with the tree: nil when counts, least members and the order are right. O(n).
  func problem() -> String? {
    guard let root else { return count == 0 ? nil : "an empty order counts \(count) members" }
    var previous: Member?
    var found = 0
    var problem: String?
    check(root, height, &previous, &found, &problem)
    if problem == nil && found != count { return "\(found) members, counted as \(count)" }
    return problem
  }

  private func check(
    _ node: Node, _ height: Int, _ previous: inout Member?, _ found: inout Int, _ problem: inout String?
  ) {
    if node.count == 0 { problem = "an empty node" }
    if height == 0 {
      for index in 0..<node.count {
        let member = node.member(index)
        if let previous {
          let place = OrderPlace(behind: previous.score, previous.key)
          if place.isBehind(member) { problem = "members out of their order" }
        }
        previous = member
        found += 1
      }
      return
    }
    for index in 0..<node.count {
      let child = node.child(index)
      if node.members(index) != members(child, height - 1) { problem = "a wrong count" }
      let least = least(child, height - 1)
      if unsafe least.address != node.least(index).address { problem = "a wrong least member" }
      if least.score != node.leastScore(index) { problem = "a wrong least score" }
      check(child, height - 1, &previous, &found, &problem)
    }
  }
}
