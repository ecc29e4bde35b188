// Bounds that hold whatever the settings say.

/// The store's own limits; settings may only be stricter.
package enum Limits {
  /// The longest key, in bytes.
  package static let keyBytes = 512 << 20
  /// The longest string value, in bytes.
  package static let valueBytes = 512 << 20
  /// All of a request together, in bytes.
  package static let requestBytes = 1 << 30
}
