// Says in a person's words why no connection came about: the errors of SwiftNIO and of the system are translated here.
import NIOCore
import NIOPosix

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

enum ConnectFailure {
  static func clientError(_ error: any Error, address: String) -> ClientError {
    if let error = error as? ClientError { return error }
    if let failure = error as? NIOConnectionError {
      // "localhost" may be several addresses; the last one tried is as good as the others.
      if let last = failure.connectionErrors.last { return clientError(last.error, address: address) }
      return .couldNotConnect(address: address, reason: "the name could not be resolved")
    }
    if let failure = error as? IOError, failure.errnoCode == ECONNREFUSED {
      return .connectionRefused(address: address)
    }
    return .couldNotConnect(address: address, reason: reason(of: error))
  }

  static func reason(of error: any Error) -> String {
    switch error {
    case let error as IOError:
      switch error.errnoCode {
      case ECONNRESET: "the server reset it"
      case EPIPE: "the server closed it"
      case ETIMEDOUT: "the server stopped answering"
      case EHOSTUNREACH, ENETUNREACH: "no route to the host"
      default: "system error \(error.errnoCode)"
      }
    case ChannelError.connectTimeout: "no answer in time"
    case is SocketAddressError: "the name could not be resolved"
    default: "\(error)"
    }
  }
}
