// A fixed amount of work on the hot path, for counting instructions and calls: `Benchmarks/count` runs it under
// callgrind. One thread, a store in memory, no sockets: a session is fed the same request again and again.
//
//     HotPath                prints the names of the requests
//     HotPath REQUEST        feeds a request, some rounds to warm up and as many to be counted; prints how many those are
import HotRequests

struct UsageError: Error {}

/// Callgrind counts what happens in here.
@inline(never)
func counted(_ feed: inout Feed, _ rounds: Int) -> Int { feed.run(rounds) / rounds }

let arguments = CommandLine.arguments
if arguments.count == 1 {
  for request in HotRequest.all { print(request.name) }
} else {
  guard arguments.count == 2, let request = HotRequest.all.first(where: { $0.name == arguments[1] }) else {
    print("usage: HotPath [REQUEST]")
    throw UsageError()
  }
  var feed = Feed(request)
  _ = feed.run(request.rounds)
  let replied = counted(&feed, request.rounds)
  print("\(request.rounds * request.count) requests, \(replied) bytes of replies to each input")
}
