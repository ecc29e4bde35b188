// Connecting: the sockets of a run, each introduced to the server.

/// Sockets that the server has let in, and what it says it is.
struct Arrival {
  private(set) var sockets: [CInt] = []
  /// `redis 7.0.15`; nil if it doesn't say.
  private(set) var server: String?

  /// Connects as often as a plan asks for.
  init(_ plan: LoadPlan) throws(PlanError) {
    do {
      try connect(plan)
    } catch {
      for socket in sockets { Sockets.close(socket) }
      throw error
    }
  }

  private mutating func connect(_ plan: LoadPlan) throws(PlanError) {
    // Besides the connections: what the program has open anyway.
    let wanted = plan.connections + plan.threads + 64
    let allowed = Sockets.allow(wanted)
    guard allowed >= wanted else {
      throw PlanError(
        "\(plan.connections) connections need \(wanted) open files, and \(max(0, allowed)) are allowed: see ulimit -n"
      )
    }
    let milliseconds = Int(plan.patienceSeconds * 1000)
    let address = try connectFirst(plan, milliseconds)
    let exchanges = Handshake.exchanges(plan.wire, user: plan.user, password: plan.password)
    for exchange in exchanges { try carryOut(exchange, sockets[0], plan) }
    let answer = try carryOut(Handshake.question(plan.wire), sockets[0], plan, mayRefuse: true)
    guard Handshake.isSpoken(plan.wire, answer) else {
      throw PlanError(
        "\(plan.target.text) doesn't speak \(plan.wire.rawValue): it says \(Handshake.line(answer)). See --protocol"
      )
    }
    server = Handshake.server(plan.wire, answer)
    while sockets.count < plan.connections {
      let socket = address.connect(milliseconds: milliseconds)
      guard socket >= 0 else {
        throw PlanError(
          "connection \(sockets.count + 1) to \(address.text) failed: \(Sockets.reason(Int(socket)))")
      }
      sockets.append(socket)
      for exchange in exchanges { try carryOut(exchange, socket, plan) }
    }
  }

  /// Finds the address of the target that lets us in.
  private mutating func connectFirst(_ plan: LoadPlan, _ milliseconds: Int) throws(PlanError) -> SocketAddress
  {
    var failures: [String] = []
    for address in try SocketAddress.all(of: plan.target) {
      let socket = address.connect(milliseconds: milliseconds)
      if socket >= 0 {
        sockets.append(socket)
        return address
      }
      failures.append("\(address.text): \(Sockets.reason(Int(socket)))")
    }
    throw PlanError(
      "can't connect to \(plan.target.text) (\(failures.joined(separator: "; "))). Is the server running there?"
    )
  }

  /// - Parameter mayRefuse: whether a refusal is no reason to stop.
  @discardableResult
  private func carryOut(
    _ exchange: Handshake.Exchange, _ socket: CInt, _ plan: LoadPlan, mayRefuse: Bool = false
  ) throws(PlanError) -> [UInt8] {
    let sent = Sockets.sendAll(socket, exchange.request)
    guard sent >= 0 else { throw PlanError("\(plan.target.text): \(Sockets.reason(sent))") }
    var reply: [UInt8] = []
    while !exchange.isDone(reply) {
      let (bytes, result) = Sockets.receive(socket)
      guard result > 0 else {
        let reason =
          if result == 0 { "it closed the connection" } else if Sockets.isAgain(result) {
            "it says nothing for \(plan.patienceSeconds) s"
          } else { Sockets.reason(result) }
        throw PlanError("\(plan.target.text): \(reason). Does it speak \(plan.wire.rawValue)?")
      }
      reply += bytes
      guard reply.count <= Handshake.maximumReply else {
        throw PlanError("\(plan.target.text) doesn't speak \(plan.wire.rawValue), as far as can be seen")
      }
    }
    if let refusal = exchange.refusal(reply), !mayRefuse {
      throw PlanError("\(plan.target.text) refused: \(refusal)")
    }
    return reply
  }
}
