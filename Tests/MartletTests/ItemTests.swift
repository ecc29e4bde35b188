// Items: every shape of them, written, read, overwritten, resized and given another key or other metadata.
import Martlet
import MartletSimulation
import Testing

@Suite("An item")
struct ItemTests {
  private static let metadata: [ItemMetadata] = [0, 1, Int64.max].flatMap { expiry in
    [0, 1, UInt32.max].flatMap { flags in
      [0, 1, UInt64.max].map { cas in ItemMetadata(expiry: expiry, flags: flags, cas: cas) }
    }
  }
  private static let lengths = [0, 1, 7, 8, 100, 511, 2000, 2048, 70_000]

  private func filled(_ length: Int, _ seed: UInt8) -> [UInt8] {
    (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7) &+ seed }
  }

  private func expect(
    _ item: Item, key: [UInt8], value: [UInt8], _ metadata: ItemMetadata, version: UInt64,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(item.kind == .string, sourceLocation: sourceLocation)
    #expect(item.key.array == key, sourceLocation: sourceLocation)
    #expect(item.value.array == value, sourceLocation: sourceLocation)
    #expect(item.metadata == metadata, sourceLocation: sourceLocation)
    #expect(item.version == version, sourceLocation: sourceLocation)
    #expect(item.cas == (metadata.cas != 0 ? metadata.cas : version), sourceLocation: sourceLocation)
  }

  @Test("holds keys and values of any length, empty ones too, with any metadata")
  func shapes() {
    var allocator = Allocator()
    for metadata in Self.metadata {
      for keyLength in Self.lengths {
        for valueLength in Self.lengths {
          let (key, value) = (filled(keyLength, 1), filled(valueLength, 2))
          let item = unsafe Item.makeString(
            key.span.bytes, value.span.bytes, metadata, 1 << 56 - 1, &allocator)
          expect(item, key: key, value: value, metadata, version: 1 << 56 - 1)
          item.destroy(&allocator)
        }
      }
    }
    #expect(allocator.usedBytes == 0)
  }

  @Test("is overwritten in place for the same length and metadata, and for no other")
  func overwriting() {
    var allocator = Allocator()
    let key = bytes("key")
    for metadata in Self.metadata {
      let item = unsafe Item.makeString(key.span.bytes, bytes("value").span.bytes, metadata, 1, &allocator)
      let other = bytes("other")
      let isDone = unsafe item.overwrite(other.span.bytes, metadata, 2)
      #expect(isDone)
      expect(item, key: key, value: other, metadata, version: 2)
      let longer = bytes("longer")
      let isLongerDone = unsafe item.overwrite(longer.span.bytes, metadata, 3)
      #expect(!isLongerDone)
      for wrong in Self.metadata where wrong != metadata {
        let isWrongDone = unsafe item.overwrite(bytes("wrong").span.bytes, wrong, 3)
        #expect(!isWrongDone)
      }
      expect(item, key: key, value: other, metadata, version: 2)
      item.destroy(&allocator)
    }
  }

  @Test("grows with zeros and shrinks, at every border of the allocator")
  func resizing() {
    var allocator = Allocator()
    let key = bytes("key")
    for metadata in [ItemMetadata(), ItemMetadata(expiry: 5, flags: 6, cas: 7)] {
      for old in Self.lengths {
        for new in Self.lengths {
          let value = filled(old, 3)
          var item = unsafe Item.makeString(key.span.bytes, value.span.bytes, metadata, 1, &allocator)
          item = item.resized(to: new, version: 2, &allocator)
          let expected = Array(value.prefix(new)) + [UInt8](repeating: 0, count: max(0, new - old))
          expect(item, key: key, value: expected, metadata, version: 2)
          item.destroy(&allocator)
        }
      }
    }
  }

  @Test("keeps its value when it gets other metadata or another key")
  func remaking() {
    var allocator = Allocator()
    let value = filled(300, 4)
    for old in Self.metadata {
      for new in Self.metadata {
        let made = unsafe Item.makeString(bytes("key").span.bytes, value.span.bytes, old, 1, &allocator)
        let newKey = bytes("another key")
        let item = unsafe made.remade(key: newKey.span.bytes, metadata: new, version: 9, &allocator)
        expect(item, key: newKey, value: value, new, version: 9)
        item.destroy(&allocator)
      }
    }
  }

  @Test("An access time is as old as it is, when the count of quarters of a second has come round, too")
  func accessTimeComesRound() {
    let round: Int64 = (1 << 24) * 250
    let before = AccessTime(milliseconds: 7 * round - 1000)
    #expect(AccessTime(milliseconds: 7 * round - 1000).age(before) == 0)
    #expect(before.age(AccessTime(milliseconds: 7 * round + 2000)) == 3000)
    #expect(before.age(AccessTime(milliseconds: 8 * round - 1250)) == round - 250)
  }
}
