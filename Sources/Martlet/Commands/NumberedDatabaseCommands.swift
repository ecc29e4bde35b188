// What moves data from one numbered database to another.

internal let numberedDatabaseCommands: [CommandDeclaration] = [
  .init(
    "MOVE", arity: 3, [.write, .fast], keys: .one, .generic, since: "1.0.0",
    "O(N), N being the value's bytes or members", "key db",
    "Moves a key to another numbered database, if it is free there."),
  .init(
    "SWAPDB", arity: 3, [.write, .allShards, .fast], .server, since: "4.0.0",
    "O(N), N being the absent keys that clients watch", "index1 index2",
    "Has two numbered databases change places, for all clients at once."),
]

extension Execution {
  mutating func move(_ words: borrowing Words, _ database: Int) {
    guard let number = words[2].decimal else { return reply.error(Self.notInteger) }
    guard let target = Int32(exactly: number) else {
      return reply.error("ERR value is out of range, value must between -2147483648 and 2147483647")
    }
    guard target >= 0 && target < keyspace.databaseCount else {
      return reply.error("ERR DB index is out of range")
    }
    guard target != database else {
      return reply.error("ERR source and destination objects are the same")
    }
    let key = keyspace.place(words[1])
    guard findToChange(key, database) != nil, findToChange(key, Int(target)) == nil else {
      return reply.integer(0)
    }
    move(key, database, to: Int(target))
    reply.integer(1)
  }

  mutating func swapDatabases(_ words: borrowing Words) {
    guard let first = words[1].decimal.flatMap({ Int32(exactly: $0) }) else {
      return reply.error("ERR invalid first DB index")
    }
    guard let second = words[2].decimal.flatMap({ Int32(exactly: $0) }) else {
      return reply.error("ERR invalid second DB index")
    }
    let databases = 0..<Int32(keyspace.databaseCount)
    guard databases.contains(first), databases.contains(second) else {
      return reply.error("ERR DB index is out of range")
    }
    if first != second { swapDatabases(Int(first), Int(second)) }
    reply.ok()
  }
}
