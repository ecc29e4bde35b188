// Finds what a person probably meant who misspelt a name.

/// Comparison of misspelt names with right ones.
enum Spelling {
  /// The name that is nearest to a misspelt one, or nil when none is near. Case and separators don't count, so
  /// `max_value_bytes` is nearest to `maxValueBytes`.
  static func nearest(to word: String, among names: [String]) -> String? {
    let letters = plain(word)
    let tolerance = max(1, letters.count / 3)
    return names.map { (name: $0, distance: distance(letters, plain($0))) }
      .filter { $0.distance <= tolerance }
      .min { $0.distance < $1.distance }?.name
  }

  private static func plain(_ word: String) -> [Character] {
    word.lowercased().filter { $0 != "-" && $0 != "_" }
  }

  /// The number of letters to insert, delete, replace or swap with their neighbours, to make one word of the other:
  /// the optimal string alignment distance. O(n·m).
  private static func distance(_ one: [Character], _ other: [Character]) -> Int {
    var beforePrevious: [Int] = []
    var previous = Array(0...other.count)
    for i in one.indices {
      var current = [i + 1]
      for j in other.indices {
        var least = min(
          previous[j + 1] + 1, current[j] + 1, previous[j] + (one[i] == other[j] ? 0 : 1))
        if i > 0, j > 0, one[i] == other[j - 1], one[i - 1] == other[j] {
          least = min(least, beforePrevious[j - 1] + 1)
        }
        current.append(least)
      }
      beforePrevious = previous
      previous = current
    }
    return previous[other.count]
  }
}
