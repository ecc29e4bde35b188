// The system's error codes that the ring's completions are told apart by.
#if os(Linux)
  #if canImport(Glibc)
    import Glibc
  #else
    import Musl
  #endif

  /// Codes of `errno` under names that say what they mean here.
  enum ErrorCode {
    static let aborted = ECONNABORTED
    static let again = EAGAIN
    static let cancelled = ECANCELED
    static let interrupted = EINTR
    static let invalid = EINVAL
    static let noAccess = EACCES
    static let noBuffers = ENOBUFS
    static let noCall = ENOSYS
    static let notPermitted = EPERM
  }
#endif
