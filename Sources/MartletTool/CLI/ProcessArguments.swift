// The program's arguments and environment as the system keeps them: as bytes, since a key need not be UTF-8.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

enum ProcessArguments {
  /// All arguments as the program got them, its name first.
  private static let all: [[UInt8]] = (0..<Int(CommandLine.argc)).compactMap { index in
    guard let argument = unsafe CommandLine.unsafeArgv[index] else { return nil }
    return unsafe Array(UnsafeRawBufferPointer(start: argument, count: strlen(argument)))
  }

  /// The last arguments, as bytes.
  static func last(_ count: Int) -> [[UInt8]] {
    Array(all.suffix(count))
  }

  /// The bytes of an argument that was handed on as text, in which wrong UTF-8 was replaced.
  static func bytes(of argument: String) -> [UInt8] {
    all.first { String(decoding: $0, as: UTF8.self) == argument } ?? Array(argument.utf8)
  }

  /// Overwrites a secret wherever it ends an argument, so that the list of processes shows it no longer. What the
  /// other methods return stays what it was.
  static func hide(_ secret: String) {
    let secret = Array(secret.utf8)
    for (index, argument) in all.enumerated() where argument.reversed().starts(with: secret.reversed()) {
      guard let shown = unsafe CommandLine.unsafeArgv[index] else { continue }
      for position in (argument.count - secret.count)..<argument.count {
        unsafe shown[position] = CChar(UInt8(ascii: "*"))
      }
    }
  }
}

enum Environment {
  /// A variable's value; nil if it isn't set.
  static subscript(name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }
}
