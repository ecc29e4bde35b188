// Places on the earth as the scores of a sorted set: longitude and latitude, of 26 bits each, with their bits in turn. Places
// that are near each other mostly have scores that are, so that an area is some ranges of scores.
//
// The numbers, the order of the boxes of a search and the formulas are those of Redis (geohash.c, geohash_helper.c, which
// come from yinqiwen's ardb), so that replies are the same digit for digit. The bits are interleaved as Sean Eron
// Anderson's "Bit Twiddling Hacks" has it; the way of naming boxes is Gustavo Niemeyer's geohash.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A place, in degrees.
struct GeoPosition: Equatable {
  static let longitudes = -180.0...180.0
  /// Those that Mercator's projection makes a square with the longitudes (EPSG:3857).
  static let latitudes = -85.05112878...85.05112878
  /// The mean radius of the earth (WGS 84), in metres.
  private static let earthRadius = 6372797.560856
  static let radiansPerDegree = Double.pi / 180

  let longitude: Double
  let latitude: Double

  var isValid: Bool { Self.longitudes.contains(longitude) && Self.latitudes.contains(latitude) }

  /// The distance on a sphere, in metres, by the haversine formula.
  func distance(to other: GeoPosition) -> Double {
    let v = sin((other.longitude * Self.radiansPerDegree - longitude * Self.radiansPerDegree) / 2)
    if v == 0 { return latitudeDistance(to: other) }
    let first = latitude * Self.radiansPerDegree
    let second = other.latitude * Self.radiansPerDegree
    let u = sin((second - first) / 2)
    let a = u * u + cos(first) * cos(second) * v * v
    return 2 * Self.earthRadius * asin(a.squareRoot())
  }

  /// The distance between their parallels, in metres.
  func latitudeDistance(to other: GeoPosition) -> Double {
    Self.earthRadius * abs(other.latitude * Self.radiansPerDegree - latitude * Self.radiansPerDegree)
  }

  /// How many degrees of latitude so many metres are.
  static func degrees(_ metres: Double) -> Double { metres / earthRadius / radiansPerDegree }

  /// How many degrees of longitude so many metres are at a latitude.
  static func degrees(_ metres: Double, atLatitude latitude: Double) -> Double {
    metres / earthRadius / cos(latitude * radiansPerDegree) / radiansPerDegree
  }
}

/// A box of the earth: one of 2^steps by 2^steps.
struct Geohash: Equatable {
  static let mostSteps = 26

  private(set) var bits: UInt64
  let steps: Int

  private static let evenBits: UInt64 = 0x5555_5555_5555_5555
  private static let oddBits: UInt64 = 0xaaaa_aaaa_aaaa_aaaa

  /// The box that a place is in.
  ///
  /// - Parameter latitudes: those that are divided; the standard's geohash divides all.
  init(_ place: GeoPosition, steps: Int, latitudes: ClosedRange<Double> = GeoPosition.latitudes) {
    let longitudes = GeoPosition.longitudes
    let scale = Double(1 << steps)
    let y = (place.latitude - latitudes.lowerBound) / (latitudes.upperBound - latitudes.lowerBound) * scale
    let x =
      (place.longitude - longitudes.lowerBound) / (longitudes.upperBound - longitudes.lowerBound) * scale
    bits = Self.spread(UInt32(y)) | Self.spread(UInt32(x)) << 1
    self.steps = steps
  }

  /// The smallest box of a score, whatever that is.
  init(score: Double) {
    steps = Self.mostSteps
    if score >= 0x1p63 {
      // What a processor makes of numbers that are too large.
      let rest = score - 0x1p63
      bits = rest < 0x1p63 ? UInt64(rest) ^ 1 << 63 : 0
    } else {
      bits = score >= -0x1p63 ? UInt64(bitPattern: Int64(score)) : 1 << 63
    }
  }

  /// The lower 32 bits, each with a gap above it.
  private static func spread(_ number: UInt32) -> UInt64 {
    var bits = UInt64(number)
    bits = (bits | bits << 16) & 0x0000_ffff_0000_ffff
    bits = (bits | bits << 8) & 0x00ff_00ff_00ff_00ff
    bits = (bits | bits << 4) & 0x0f0f_0f0f_0f0f_0f0f
    bits = (bits | bits << 2) & 0x3333_3333_3333_3333
    return (bits | bits << 1) & evenBits
  }

  /// The even bits, closed up.
  private static func gathered(_ spread: UInt64) -> UInt32 {
    var bits = spread & evenBits
    bits = (bits | bits >> 1) & 0x3333_3333_3333_3333
    bits = (bits | bits >> 2) & 0x0f0f_0f0f_0f0f_0f0f
    bits = (bits | bits >> 4) & 0x00ff_00ff_00ff_00ff
    bits = (bits | bits >> 8) & 0x0000_ffff_0000_ffff
    return UInt32(truncatingIfNeeded: bits | bits >> 16)
  }

  /// The scores of the places in the box: from the first up to the second, which is not one of them.
  var scores: (first: Double, end: Double) {
    let shift = UInt64(52 - steps * 2)
    return (Double(bits << shift), Double((bits &+ 1) << shift))
  }

  private static func part(_ index: UInt32, _ steps: Int, _ range: ClosedRange<Double>) -> Double {
    range.lowerBound + (Double(index) / Double(1 << steps)) * (range.upperBound - range.lowerBound)
  }

  var latitudes: (low: Double, high: Double) {
    let index = Self.gathered(bits)
    return (
      Self.part(index, steps, GeoPosition.latitudes), Self.part(index &+ 1, steps, GeoPosition.latitudes)
    )
  }

  var longitudes: (low: Double, high: Double) {
    let index = Self.gathered(bits >> 1)
    return (
      Self.part(index, steps, GeoPosition.longitudes), Self.part(index &+ 1, steps, GeoPosition.longitudes)
    )
  }

  /// The place in its middle.
  var center: GeoPosition {
    let longitude = (longitudes.low + longitudes.high) / 2
    let latitude = (latitudes.low + latitudes.high) / 2
    return GeoPosition(
      longitude: min(max(longitude, GeoPosition.longitudes.lowerBound), GeoPosition.longitudes.upperBound),
      latitude: min(max(latitude, GeoPosition.latitudes.lowerBound), GeoPosition.latitudes.upperBound))
  }

  /// The box so far to the east and to the north, by one at the most; the earth is round in both directions.
  func neighbor(east: Int, north: Int) -> Geohash {
    var neighbor = self
    let unused = UInt64(64 - steps * 2)
    neighbor.bits =
      Self.moved(bits & Self.oddBits, by: east, Self.evenBits >> unused, Self.oddBits >> unused)
      | bits & Self.evenBits
    neighbor.bits =
      neighbor.bits & Self.oddBits
      | Self.moved(bits & Self.evenBits, by: north, Self.oddBits >> unused, Self.evenBits >> unused)
    return neighbor
  }

  /// Adds to a number whose bits have gaps.
  private static func moved(_ number: UInt64, by step: Int, _ gaps: UInt64, _ mask: UInt64) -> UInt64 {
    if step == 0 { return number }
    // What is carried over the gaps, or borrowed.
    return (step > 0 ? number &+ (gaps &+ 1) : (number | gaps) &- (gaps &+ 1)) & mask
  }

  private static let letters = Array("0123456789bcdefghjkmnpqrstuvwxyz".utf8)

  /// The standard's name of the box that a place is in, of eleven letters; the last one stands for bits that a score
  /// doesn't have.
  static func name(_ place: GeoPosition) -> [UInt8] {
    let hash = Geohash(place, steps: mostSteps, latitudes: -90...90)
    return (1...10).map { letters[Int(hash.bits >> UInt64(52 - $0 * 5)) & 31] } + [letters[0]]
  }
}

/// What is searched for places: a circle or a box.
struct GeoArea {
  enum Shape {
    /// Lengths in metres.
    case circle(radius: Double)
    case box(width: Double, height: Double)
  }

  /// Half the equator of Mercator's projection, in metres.
  private static let mercatorMaximum = 20037726.37

  let center: GeoPosition
  let shape: Shape

  /// How far a place is from the center, in metres; nil when it isn't in the area.
  func distance(to place: GeoPosition) -> Double? {
    switch shape {
    case .circle(let radius):
      let distance = center.distance(to: place)
      return distance <= radius ? distance : nil
    case .box(let width, let height):
      if place.latitudeDistance(to: center) > height / 2 { return nil }
      let abreast = GeoPosition(longitude: center.longitude, latitude: place.latitude)
      if place.distance(to: abreast) > width / 2 { return nil }
      return center.distance(to: place)
    }
  }

  /// How far the farthest place in the area is from its center, in metres.
  private var reach: Double {
    switch shape {
    case .circle(let radius): radius
    case .box(let width, let height): (width / 2 * (width / 2) + height / 2 * (height / 2)).squareRoot()
    }
  }

  /// The longitudes and latitudes that hold the area.
  private var bounds: (west: Double, south: Double, east: Double, north: Double) {
    let (halfWidth, halfHeight) =
      switch shape {
      case .circle(let radius): (radius, radius)
      case .box(let width, let height): (width / 2, height / 2)
      }
    let latitude = GeoPosition.degrees(halfHeight)
    // The parallel that is farther from the equator is the shorter one.
    let edge = center.latitude < 0 ? center.latitude - latitude : center.latitude + latitude
    let longitude = GeoPosition.degrees(halfWidth, atLatitude: edge)
    return (
      center.longitude - longitude, center.latitude - latitude, center.longitude + longitude,
      center.latitude + latitude
    )
  }

  /// In how many steps the earth is divided into boxes of which nine hold the area, about.
  private var estimatedSteps: Int {
    var length = reach
    if length == 0 { return Geohash.mostSteps }
    var steps = 1
    while length < Self.mercatorMaximum {
      length *= 2
      steps += 1
    }
    steps -= 2
    // Boxes are narrower near the poles.
    if abs(center.latitude) > 66 { steps -= 1 }
    if abs(center.latitude) > 80 { steps -= 1 }
    return min(max(steps, 1), Geohash.mostSteps)
  }

  /// The boxes that hold the area: the one in the middle, and those around it that are needed.
  var boxes: [Geohash] {
    let bounds = bounds
    var middle = Geohash(center, steps: estimatedSteps)
    let isTooSmall =
      middle.neighbor(east: 0, north: 1).latitudes.high < bounds.north
      || middle.neighbor(east: 0, north: -1).latitudes.low > bounds.south
      || middle.neighbor(east: 1, north: 0).longitudes.high < bounds.east
      || middle.neighbor(east: -1, north: 0).longitudes.low > bounds.west
    if middle.steps > 1 && isTooSmall { middle = Geohash(center, steps: middle.steps - 1) }
    var boxes = [middle]
    for (east, north) in [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)] {
      if middle.steps >= 2 {
        if north < 0 && middle.latitudes.low < bounds.south { continue }
        if north > 0 && middle.latitudes.high > bounds.north { continue }
        if east < 0 && middle.longitudes.low < bounds.west { continue }
        if east > 0 && middle.longitudes.high > bounds.east { continue }
      }
      let box = middle.neighbor(east: east, north: north)
      // Where there are few boxes, two neighbors may be the same one. As in Redis, only two in a row are noticed, and not
      // that the first one is the middle.
      if boxes.count > 1 && boxes[boxes.count - 1] == box { continue }
      boxes.append(box)
    }
    return boxes
  }
}
