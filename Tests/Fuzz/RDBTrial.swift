// Reads values, snapshots and append-only logs that are bytes of the fuzzer's choice.
import Martlet
import MartletSimulation

/// The first byte says what the rest is: a value for RESTORE, which gets a version and the right checksum, the rest of a
/// snapshot behind its first bytes, or a log. Nothing may crash; the pieces that the bytes come in may change nothing; and a
/// value that is taken has to come back from its own DUMP.
func tryRDB(_ input: [UInt8]) {
  guard let first = input.first else { return }
  let content = Array(input.dropFirst())
  switch first % 4 {
  case 0: tryValue(content, version: 10)
  case 1: tryValue(content, version: first & 4 == 0 ? 12 : 80)
  case 2:
    let head = Array((first & 4 == 0 ? "REDIS0012" : "VALKEY080").utf8)
    let (whole, pieces) = (readSnapshot(head + content, of: 4096), readSnapshot(head + content, of: 7))
    if whole != pieces { fatalError("in pieces it is \(pieces), in one it is \(whole)") }
  default:
    let (whole, pieces) = (readLog(content, of: 4096), readLog(content, of: 7))
    if whole != pieces { fatalError("in pieces it is \(pieces), in one it is \(whole)") }
  }
}

private func tryValue(_ value: [UInt8], version: UInt16) {
  var payload = ByteQueue()
  payload.append(value)
  payload.append(littleEndian: version)
  payload.append(littleEndian: payload.bytes.crc64(continuing: 0))
  var server = TestServer.inMemory(clock: WallClock(stoppedAt: 1000))
  func words(_ key: String, _ payload: [UInt8]) -> [[UInt8]] {
    ["RESTORE", key, "0"].map { Array($0.utf8) } + [payload]
  }
  let reply = text(server.redis(words("k", payload.bytes.array)))
  guard reply == "+OK\r\n" else {
    if !reply.hasPrefix("-ERR Bad data format") { fatalError("the reply is \(reply)") }
    return
  }
  let dumped = server.redis([Array("DUMP".utf8), Array("k".utf8)])
  guard let end = dumped.firstIndex(of: UInt8(ascii: "\n")), dumped.count > 5 else { return }
  let again = text(server.redis(words("again", Array(dumped[(end + 1)..<(dumped.count - 2)]))))
  let contents = server.store.contents()[0]
  guard again == "+OK\r\n", contents[Array("k".utf8)]?.content == contents[Array("again".utf8)]?.content
  else {
    fatalError("what DUMP gives is another value: \(again), \(contents)")
  }
}

/// Bytes that come so many at a time.
private func pieces(_ bytes: [UInt8], of length: Int) -> InputBytes {
  var start = 0
  return InputBytes { () throws(DiskError) -> [UInt8] in
    let piece = Array(bytes[start..<min(start + length, bytes.count)])
    start += piece.count
    return piece
  }
}

/// The commands that a snapshot becomes, and what ended it.
private func readSnapshot(_ bytes: [UInt8], of length: Int) -> [String] {
  var requests: [ImportParser.Request] = []
  var end = "whole"
  do {
    var snapshot = try RDBImport(pieces(bytes, of: length), now: 0)
    while try snapshot.next(&requests) {}
  } catch {
    end = "\(error)"
  }
  return requests.map { "\($0)" } + [end]
}

/// The same of a log.
private func readLog(_ bytes: [UInt8], of length: Int) -> [String] {
  var lines: [String] = []
  let log = AppendOnlyImport { lines.append("\($0) \($1) \($2)") }
  do {
    try log.read(pieces(bytes, of: length), "log", isLast: true) { _ in }
  } catch {
    lines.append("\(error)")
  }
  return lines + log.notes + ["\(log.keyCount) \(log.tally.leftOutText ?? "")"]
}
