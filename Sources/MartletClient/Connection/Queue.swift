// First in, first out, over an array: elements leave by moving a mark, and the room before it is given back in bulk.

/// A queue whose ends take constant time, amortised.
struct Queue<Element> {
  private var storage: [Element?] = []
  private var head = 0

  mutating func append(_ element: Element) {
    storage.append(element)
  }

  /// Removes the oldest element. The queue must not be empty.
  mutating func removeFirst() -> Element {
    guard let element = storage[head] else { preconditionFailure("the place before the head was read") }
    storage[head] = nil
    head += 1
    if head == storage.count {
      storage.removeAll(keepingCapacity: storage.capacity <= 4096)
      head = 0
    } else if head >= 1024, head * 2 >= storage.count {
      storage.removeFirst(head)
      head = 0
    }
    return element
  }
}

extension Queue: Sendable where Element: Sendable {}

extension Queue: RandomAccessCollection, MutableCollection {
  var startIndex: Int { head }
  var endIndex: Int { storage.count }

  subscript(index: Int) -> Element {
    get {
      guard let element = storage[index] else { preconditionFailure("the place before the head was read") }
      return element
    }
    _modify {
      guard var element = storage[index].take() else {
        preconditionFailure("the place before the head was read")
      }
      defer { storage[index] = element }
      yield &element
    }
  }
}
