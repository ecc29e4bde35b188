// CONFIG: settings under the names that Redis has for them, shown, changed, and written back to the configuration file.

internal let configCommands: [CommandDeclaration] = [
  .init(
    "CONFIG", arity: -2, [], .server, since: "2.0.0", "Depends on the subcommand", "",
    "Commands about settings."),
  .init(
    "CONFIG GET", arity: -3, [.admin], .server, since: "2.0.0", "O(N), N being the settings",
    "parameter [parameter ...]", "Returns the settings whose names match patterns."),
  .init(
    "CONFIG RESETSTAT", arity: 2, [.admin], .server, since: "2.0.0", "O(N), N being the commands", "",
    "Has the statistics that INFO shows begin anew."),
  .init(
    "CONFIG REWRITE", arity: 2, [.admin], .server, since: "2.8.0", "O(N), N being the settings", "",
    "Writes the settings that CONFIG SET has changed to the configuration file."),
  .init(
    "CONFIG SET", arity: -4, [.admin, .sensitive], .server, since: "2.0.0", "O(N), N being the settings",
    "parameter value [parameter value ...]", "Changes settings while the server runs, all of them or none."),
]

extension Execution {
  mutating func config(_ words: borrowing Words, _ session: SessionState) {
    switch subcommand(words, session) {
    case "CONFIG GET": getConfig(words)
    case "CONFIG RESETSTAT":
      context.resetStatistics()
      reply.ok()
    case "CONFIG REWRITE":
      if let problem = context.rewriteSettings() { reply.error("ERR \(problem)") } else { reply.ok() }
    case "CONFIG SET":
      guard words.count % 2 == 0 else { return reply.error(Self.syntaxError) }
      setConfig(words)
    default: break
    }
  }

  private mutating func getConfig(_ words: borrowing Words) {
    var found: [ConfigParameter] = []
    for parameter in context.parameters {
      let name = parameter.name.utf8.span.raw
      for index in 2..<words.count where Glob.matches(words[index].lowercased.span.raw, name) {
        found.append(parameter)
        break
      }
    }
    reply.map(found.count)
    for parameter in found {
      reply.bulk(parameter.name)
      reply.bulk(parameter.get())
    }
  }

  private mutating func setConfig(_ words: borrowing Words) {
    let parameters = context.parameters
    var changes: [(parameter: ConfigParameter, value: String)] = []
    for index in stride(from: 2, to: words.count, by: 2) {
      let name = words[index].text.lowercased()
      guard let parameter = parameters.first(where: { $0.name == name }) else {
        return reply.error(
          "ERR Unknown option or number of arguments for CONFIG SET - '", words[index], "'"
        )
      }
      guard parameter.set != nil else {
        return replyConfigFailed(name, "can't set immutable config")
      }
      guard !changes.contains(where: { $0.parameter.name == name }) else {
        return replyConfigFailed(name, "duplicate parameter")
      }
      changes.append((parameter, words[index + 1].text))
    }
    changes = changes.filter { !$0.parameter.isSecret } + changes.filter { $0.parameter.isSecret }
    // What a value is worth only its own setting knows: one that is wrong has those before it be what they were.
    let before = changes.map { $0.parameter.get() }
    for (index, change) in changes.enumerated() {
      guard let problem = change.parameter.set?(change.value) else { continue }
      for earlier in (0..<index).reversed() { _ = changes[earlier].parameter.set?(before[earlier]) }
      return replyConfigFailed(change.parameter.name, problem)
    }
    reply.ok()
  }

  private mutating func replyConfigFailed(_ name: String, _ problem: String) {
    reply.error("ERR CONFIG SET failed (possibly related to argument '\(name)') - \(problem)")
  }
}
