// What libFuzzer calls with bytes of its choice: `Tests/fuzz` builds and runs it.
//
// MARTLET_FUZZ names what the bytes are fed to. Whatever they are, nothing may crash, the session has to make progress,
// the replies may not depend on the pieces that the bytes arrive in, and what a crash and a restart leave has to be what
// was there.

import Martlet

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What is fed.
private enum Subject: String, CaseIterable {
  case memcached, redis, database, rdb
}

private let subject: Subject = {
  let name = unsafe getenv("MARTLET_FUZZ").map { unsafe String(cString: $0) } ?? ""
  guard let subject = Subject(rawValue: name) else {
    print("MARTLET_FUZZ is one of \(Subject.allCases.map(\.rawValue).joined(separator: ", ")), not '\(name)'")
    exit(64)
  }
  return subject
}()

/// libFuzzer, as a library (LLVM's documentation calls it that). It ends the process itself.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
  _ argc: UnsafeMutablePointer<CInt>,
  _ argv: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ tryOnce: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

@main
private enum Fuzz {
  static func main() {
    var count = CommandLine.argc
    var words = unsafe CommandLine.unsafeArgv
    exit(
      unsafe runFuzzer(&count, &words) { start, count in
        let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
        switch subject {
        case .memcached: SessionTrial(.memcached).run(bytes)
        case .redis: SessionTrial(.redis).run(bytes)
        case .database: tryDatabase(bytes)
        case .rdb: tryRDB(bytes)
        }
        return 0
      })
  }
}
