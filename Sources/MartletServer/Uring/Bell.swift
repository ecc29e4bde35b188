// How a thread that sleeps in a ring is woken.
#if os(Linux)
  internal import CMartlet

  /// A descriptor that can be rung from any thread, and that a ring listens to.
  struct Bell: ~Copyable, Sendable {
    let descriptor: CInt

    init() throws(SystemError) {
      descriptor = martlet_bell_make()
      guard descriptor >= 0 else { throw SystemError(code: -descriptor) }
    }

    deinit { Sockets.close(descriptor) }

    func ring() { martlet_bell_ring(descriptor) }
  }
#endif
