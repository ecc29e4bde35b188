// What one client of the Redis protocol says and hears about channels, and about tracking. The replies are those of Redis 7.0.15, taken from a
// raw socket.

enum PubSubConversations {
  private static let notAllowed =
    "only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n"

  private static func confirmation(_ word: String, _ name: String?, _ count: Int) -> String {
    let name = name.map { "$\($0.utf8.count)\r\n\($0)\r\n" } ?? "$-1\r\n"
    return "*3\r\n$\(word.utf8.count)\r\n\(word)\r\n\(name):\(count)\r\n"
  }

  private static func pushes(_ text: String) -> String {
    text.replacing("*3\r\n", with: ">3\r\n").replacing("$-1\r\n", with: "_\r\n")
  }

  private static func confirming(_ request: String, _ confirmations: String) -> Exchange {
    Exchange(request, confirmations, resp3: pushes(confirmations))
  }

  private static func trackingInfo(_ flags: [String], _ redirect: Int, _ prefixes: [String] = []) -> Exchange
  {
    func list(_ texts: [String]) -> String {
      "\(texts.count)\r\n" + texts.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
    }
    let rest = "$8\r\nredirect\r\n:\(redirect)\r\n$8\r\nprefixes\r\n*" + list(prefixes)
    return Exchange(
      "CLIENT TRACKINGINFO", "*6\r\n$5\r\nflags\r\n*" + list(flags) + rest,
      resp3: "%3\r\n$5\r\nflags\r\n~" + list(flags) + rest)
  }

  private static let switching =
    "before disabling tracking for this client, and then re-enabling it with a different mode."

  static let all: [Conversation] = [
    Conversation(
      "CLIENT TRACKING, CACHING, GETREDIR, TRACKINGINFO",
      [
        trackingInfo(["off"], -1),
        Exchange("CLIENT GETREDIR", ":-1\r\n"),
        Exchange("CLIENT TRACKING", "-ERR wrong number of arguments for 'client|tracking' command\r\n"),
        Exchange("CLIENT TRACKING maybe", "-ERR syntax error\r\n"),
        Exchange("CLIENT TRACKING on", "+OK\r\n"),
        trackingInfo(["on"], 0),
        Exchange("CLIENT GETREDIR", ":0\r\n"),
        Exchange(
          "CLIENT TRACKING on OPTIN OPTOUT", "-ERR You can't specify both OPTIN mode and OPTOUT mode\r\n"),
        Exchange("CLIENT TRACKING on BCAST", "-ERR You can't switch BCAST mode on/off \(switching)\r\n"),
        Exchange("CLIENT TRACKING off", "+OK\r\n"),
        Exchange(
          "CLIENT TRACKING on BCAST PREFIX a PREFIX ab",
          "-ERR Prefix 'a' overlaps with another provided prefix 'ab'. Prefixes for a single client must not overlap.\r\n"
        ),
        Exchange("CLIENT TRACKING on PREFIX a", "-ERR PREFIX option requires BCAST mode to be enabled\r\n"),
        Exchange(
          "CLIENT TRACKING on BCAST OPTIN", "-ERR OPTIN and OPTOUT are not compatible with BCAST\r\n"),
        Exchange(
          "CLIENT TRACKING on REDIRECT 999999",
          "-ERR The client ID you want redirect to does not exist\r\n"),
        Exchange("CLIENT TRACKING on REDIRECT abc", "-ERR value is not an integer or out of range\r\n"),
        Exchange("CLIENT TRACKING on REDIRECT", "-ERR syntax error\r\n"),
        Exchange("CLIENT TRACKING on FOO", "-ERR syntax error\r\n"),
        Exchange("CLIENT TRACKING on BCAST PREFIX a PREFIX b NOLOOP", "+OK\r\n"),
        trackingInfo(["on", "bcast", "noloop"], 0, ["a", "b"]),
        Exchange(
          "CLIENT TRACKING on BCAST PREFIX a",
          "-ERR Prefix 'a' overlaps with an existing prefix 'a'. Prefixes for a single client must not overlap.\r\n"
        ),
        Exchange("CLIENT TRACKING on BCAST PREFIX c", "+OK\r\n"),
        trackingInfo(["on", "bcast"], 0, ["a", "b", "c"]),
        Exchange(
          "CLIENT CACHING yes",
          "-ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.\r\n"),
        Exchange("CLIENT TRACKING off", "+OK\r\n"),
        Exchange(
          "CLIENT CACHING yes",
          "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled\r\n"
        ),
        Exchange("CLIENT TRACKING on OPTIN", "+OK\r\n"),
        Exchange(
          "CLIENT CACHING no",
          "-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.\r\n"),
        Exchange("CLIENT CACHING yes", "+OK\r\n"),
        trackingInfo(["on", "optin", "caching-yes"], 0),
        Exchange("CLIENT CACHING foo", "-ERR syntax error\r\n"),
        Exchange(
          "CLIENT TRACKING on OPTOUT", "-ERR You can't switch OPTIN/OPTOUT mode \(switching)\r\n"),
        Exchange("CLIENT TRACKING off", "+OK\r\n"),
        Exchange("CLIENT TRACKING on OPTOUT", "+OK\r\n"),
        Exchange(
          "CLIENT CACHING yes",
          "-ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.\r\n"),
        Exchange("CLIENT CACHING no", "+OK\r\n"),
        trackingInfo(["on", "optout", "caching-no"], 0),
      ]),
    Conversation(
      "SUBSCRIBE and its kin",
      [
        Exchange("SUBSCRIBE", "-ERR wrong number of arguments for 'subscribe' command\r\n"),
        Exchange("PSUBSCRIBE", "-ERR wrong number of arguments for 'psubscribe' command\r\n"),
        Exchange("SSUBSCRIBE", "-ERR wrong number of arguments for 'ssubscribe' command\r\n"),
        confirming("SUBSCRIBE a", confirmation("subscribe", "a", 1)),
        confirming(
          "SUBSCRIBE a b", confirmation("subscribe", "a", 1) + confirmation("subscribe", "b", 2)),
        confirming(
          "PSUBSCRIBE a* b?", confirmation("psubscribe", "a*", 3) + confirmation("psubscribe", "b?", 4)),
        confirming(
          "SSUBSCRIBE s1 s1", confirmation("ssubscribe", "s1", 1) + confirmation("ssubscribe", "s1", 1)),
        confirming("UNSUBSCRIBE other", confirmation("unsubscribe", "other", 4)),
        confirming(
          "UNSUBSCRIBE b a", confirmation("unsubscribe", "b", 3) + confirmation("unsubscribe", "a", 2)),
        confirming("PUNSUBSCRIBE a*", confirmation("punsubscribe", "a*", 1)),
        confirming("PUNSUBSCRIBE", confirmation("punsubscribe", "b?", 0)),
        confirming("SUNSUBSCRIBE", confirmation("sunsubscribe", "s1", 0)),
        confirming("UNSUBSCRIBE", confirmation("unsubscribe", nil, 0)),
        confirming("PUNSUBSCRIBE", confirmation("punsubscribe", nil, 0)),
        confirming("SUNSUBSCRIBE", confirmation("sunsubscribe", nil, 0)),
        confirming("SUNSUBSCRIBE other", confirmation("sunsubscribe", "other", 0)),
        Exchange("PING", "+PONG\r\n"),
      ]),
    Conversation(
      "What a client that listens may say",
      [
        confirming("SUBSCRIBE a", confirmation("subscribe", "a", 1)),
        Exchange("GET k", "-ERR Can't execute 'get': \(notAllowed)", resp3: "_\r\n"),
        Exchange("PUBSUB NUMPAT", "-ERR Can't execute 'pubsub|numpat': \(notAllowed)", resp3: ":0\r\n"),
        Exchange("MULTI", "-ERR Can't execute 'multi': \(notAllowed)", resp3: "+OK\r\n"),
        Exchange("NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: \r\n"),
        Exchange("GET", "-ERR wrong number of arguments for 'get' command\r\n"),
        Exchange("PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n", resp3: "+QUEUED\r\n"),
        Exchange("PING hi", "*2\r\n$4\r\npong\r\n$2\r\nhi\r\n", resp3: "+QUEUED\r\n"),
        Exchange("RESET", "+RESET\r\n"),
        Exchange("PING", "+PONG\r\n"),
        Exchange("PUBSUB CHANNELS", "*0\r\n"),
        Exchange("GET k", "$-1\r\n"),
      ]),
    Conversation(
      "PUBLISH to nobody, PUBSUB",
      [
        Exchange("PUBLISH a m", ":0\r\n"),
        Exchange("SPUBLISH a m", ":0\r\n"),
        Exchange("PUBLISH a", "-ERR wrong number of arguments for 'publish' command\r\n"),
        Exchange("PUBSUB", "-ERR wrong number of arguments for 'pubsub' command\r\n"),
        Exchange("PUBSUB FOO", "-ERR unknown subcommand 'FOO'. Try PUBSUB HELP.\r\n"),
        Exchange("PUBSUB CHANNELS", "*0\r\n"),
        Exchange(
          "PUBSUB channels a b",
          "-ERR unknown subcommand or wrong number of arguments for 'channels'. Try PUBSUB HELP.\r\n"),
        Exchange("PUBSUB NUMSUB", "*0\r\n"),
        Exchange("PUBSUB NUMSUB a b", "*4\r\n$1\r\na\r\n:0\r\n$1\r\nb\r\n:0\r\n"),
        Exchange("PUBSUB NUMPAT", ":0\r\n"),
        Exchange("PUBSUB NUMPAT x", "-ERR wrong number of arguments for 'pubsub|numpat' command\r\n"),
        Exchange("PUBSUB SHARDCHANNELS", "*0\r\n"),
        Exchange("PUBSUB SHARDNUMSUB a", "*2\r\n$1\r\na\r\n:0\r\n"),
      ]),
    Conversation(
      "Listening in a transaction",
      [
        Exchange("MULTI", "+OK\r\n"),
        Exchange("SUBSCRIBE q1", "+QUEUED\r\n"),
        Exchange("PUBSUB NUMSUB q1", "+QUEUED\r\n"),
        Exchange("GET k", "+QUEUED\r\n"),
        Exchange("UNSUBSCRIBE", "+QUEUED\r\n"),
        confirmingInArray(
          "EXEC", 4,
          confirmation("subscribe", "q1", 1), "*2\r\n$2\r\nq1\r\n:1\r\n$-1\r\n",
          confirmation("unsubscribe", "q1", 0)),
        Exchange("GET k", "$-1\r\n", resp3: "_\r\n"),
      ]),
  ]

  private static func confirmingInArray(_ request: String, _ count: Int, _ replies: String...) -> Exchange {
    Exchange(
      request, "*\(count)\r\n" + replies.joined(), resp3: "*\(count)\r\n" + replies.map(pushes).joined())
  }
}
