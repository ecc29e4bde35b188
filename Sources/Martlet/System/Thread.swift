// Threads of the operating system, for work that blocks or that is shared.

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

  /// Has the calling thread run when others don't need the processor: it gets a tenth of the time of one that does.
  static func yieldToOthers() {
    #if !canImport(Darwin)
      // On Linux a thread has a priority of its own (setpriority(2), "C library/kernel differences").
      _ = setpriority(numericCast(PRIO_PROCESS.rawValue), 0, 10)
    #endif
  }

  /// Has the calling thread sleep.
  static func sleep(nanoseconds: Int64) {
    var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    _ = unsafe nanosleep(&time, nil)
  }

  /// Waits until the thread has ended.
  package func join() { _ = pthread_join(thread, nil) }
}

/// Work shared among threads.
enum Parallel {
  /// Runs `body` for each of 0..<`count`, each on a thread of its own (the first on the caller's), and waits for all.
  static func run(_ count: Int, _ body: @escaping @Sendable (_ index: Int) -> Void) {
    let others = (1..<max(1, count)).map { index in
      SystemThread(name: "martlet-worker") { body(index) }
    }
    body(0)
    for thread in others { thread.join() }
  }
}
