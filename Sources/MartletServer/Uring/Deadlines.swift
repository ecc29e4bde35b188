// When the connections of a lane that wait for data are to be called at the latest: a heap, so that none has a timer and the
// nearest is known.
#if os(Linux)
  /// Times of connections, at most one for each, in nanoseconds of `WallClock.monotonicNanoseconds()`.
  struct Deadlines {
    /// Each is before both of those at twice its place and one or two more.
    private var heap: [(time: Int64, key: SlotKey)] = []
    private var places: [SlotKey: Int] = [:]

    /// The nearest; `.max` when there is none.
    var first: Int64 { heap.first?.time ?? .max }

    /// Notes a time for a connection, in the place of another; `.max` is none. O(log n).
    mutating func set(_ time: Int64, for key: SlotKey) {
      if let place = places[key], heap[place].time == time { return }
      remove(key)
      guard time != .max else { return }
      heap.append((time, key))
      places[key] = heap.count - 1
      rise(heap.count - 1)
    }

    /// Forgets the time of a connection, if there is one. O(log n).
    mutating func remove(_ key: SlotKey) {
      guard let place = places.removeValue(forKey: key) else { return }
      let last = heap.removeLast()
      guard place < heap.count else { return }
      heap[place] = last
      places[last.key] = place
      rise(place)
      sink(places[last.key] ?? place)
    }

    /// Takes out a connection whose time has come; nil when there is none.
    mutating func takeDue(_ now: Int64) -> SlotKey? {
      guard let first = heap.first, first.time <= now else { return nil }
      remove(first.key)
      return first.key
    }

    private mutating func rise(_ start: Int) {
      var place = start
      while place > 0, heap[place].time < heap[(place - 1) / 2].time {
        swap(place, (place - 1) / 2)
        place = (place - 1) / 2
      }
    }

    private mutating func sink(_ start: Int) {
      var place = start
      while true {
        var least = place
        for child in [2 * place + 1, 2 * place + 2]
        where child < heap.count && heap[child].time < heap[least].time { least = child }
        if least == place { return }
        swap(place, least)
        place = least
      }
    }

    private mutating func swap(_ one: Int, _ other: Int) {
      heap.swapAt(one, other)
      places[heap[one].key] = one
      places[heap[other].key] = other
    }
  }
#endif
