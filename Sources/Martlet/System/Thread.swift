// A thread of the operating system, for the journal's work, which blocks.

internal import CMartlet

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A running thread that is joined once.
@safe package struct SystemThread: @unchecked Sendable {
  private let thread: pthread_t

  private final class Body {
    let name: StaticString
    let run: @Sendable () -> Void

    init(_ name: StaticString, _ run: @escaping @Sendable () -> Void) {
      self.name = name
      self.run = run
    }

    static func start(_ body: UnsafeMutableRawPointer) {
      let body = unsafe Unmanaged<Body>.fromOpaque(body).takeRetainedValue()
      body.name.withUTF8Buffer { text in
        unsafe text.withMemoryRebound(to: CChar.self) { unsafe martlet_name_thread($0.baseAddress) }
      }
      body.run()
    }
  }

  /// Starts a thread with a name of at most 15 bytes, which `top` and `perf` show.
  package init(name: StaticString, _ run: @escaping @Sendable () -> Void) {
    let body = unsafe Unmanaged.passRetained(Body(name, run)).toOpaque()
    #if canImport(Darwin)
      var started: pthread_t?
      let code = unsafe pthread_create(
        &started, nil,
        {
          unsafe Body.start($0)
          return nil
        }, body)
      precondition(code == 0, "no thread to be had: error \(code)")
      unsafe thread = started.unsafelyUnwrapped
    #else
      var started = pthread_t()
      let code = unsafe pthread_create(
        &started, nil,
        {
          unsafe Body.start($0.unsafelyUnwrapped)
          return nil
        }, body)
      precondition(code == 0, "no thread to be had: error \(code)")
      thread = started
    #endif
  }

  /// Waits until the thread has ended.
  package func join() { _ = pthread_join(thread, nil) }
}
