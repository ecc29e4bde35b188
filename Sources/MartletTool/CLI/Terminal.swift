// The thin part that touches the terminal: raw mode while a line is edited, keys, the width, and the promise that the
// terminal is left as it was found, however the program ends.
import MartletConsole

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

struct Terminal {
  /// How long an escape may wait for the rest of its sequence, in milliseconds; longer than a slow line takes, and
  /// shorter than a person notices.
  static let escapeTimeout: Int32 = 50

  private var decoder = KeyDecoder()

  /// Whether the terminal understands the sequences that the editor draws with.
  static var canEdit: Bool {
    let name = Environment["TERM"]
    return name != nil && name != "dumb" && StandardStream.output.isTerminal
  }

  init() {
    unsafe tcgetattr(STDIN_FILENO, &OriginalTerminal.settings)
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
      Self.setHandler(of: signal, OriginalTerminal.restoreAndEnd)
    }
  }

  /// How many columns the terminal has.
  var columns: Int {
    var size = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Runs `body` with each key handed over as it is pressed and nothing shown by the terminal itself.
  mutating func inRawMode<Value>(_ body: (inout Terminal) throws -> Value) rethrows -> Value {
    var raw = unsafe OriginalTerminal.settings
    raw.c_iflag &= ~tcflag_t(BRKINT | ICRNL | INPCK | ISTRIP | IXON)
    raw.c_cflag |= tcflag_t(CS8)
    raw.c_lflag &= ~tcflag_t(ECHO | ICANON | IEXTEN | ISIG)
    unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &raw)
    defer { unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &OriginalTerminal.settings) }
    return try body(&self)
  }

  /// The next key; the end of the input is Ctrl-D.
  mutating func nextKey() throws(StandardStream.Failure) -> Key {
    while true {
      if let key = decoder.next() { return key }
      if decoder.isInsideSequence, !hasInput(within: Self.escapeTimeout), let key = decoder.endSequence() {
        return key
      }
      let bytes = try StandardStream.input.read()
      if bytes.isEmpty { return .endOfInput }
      decoder.append(bytes)
    }
  }

  private func hasInput(within milliseconds: Int32) -> Bool {
    var descriptor = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&descriptor, 1, milliseconds) > 0
  }

  private static func setHandler(of signal: Int32, _ handler: @convention(c) (Int32) -> Void) {
    #if canImport(Darwin)
      _ = Darwin.signal(signal, handler)
    #elseif canImport(Musl)
      _ = Musl.signal(signal, handler)
    #else
      _ = Glibc.signal(signal, handler)
    #endif
  }
}

/// What a signal's handler needs. It is set once, before the handlers are, and only read afterwards.
private enum OriginalTerminal {
  nonisolated(unsafe) static var settings = termios()

  /// Puts the terminal back and ends as the signal would have. Only calls that a handler may make.
  static let restoreAndEnd: @convention(c) (Int32) -> Void = { number in
    unsafe tcsetattr(STDIN_FILENO, TCSANOW, &OriginalTerminal.settings)
    _exit(128 + number)
  }
}
