// The direction of dependency, as docs/ARCHITECTURE.md has it: what a module may import, which rooms of the hot path
// may know which, and where unsafe code may be.
import Testing

@Suite("What may know what")
struct DependencyTests {
  /// The project's own modules that each module may import.
  private static let allowedModules: [String: Set<String>] = [
    "Martlet": ["CMartlet"],
    "MartletServer": ["CMartlet", "Martlet"],
    "MartletClient": [],
    "MartletBench": ["CMartletBench", "Martlet"],
    "MartletConsole": ["Martlet", "MartletClient"],
    "MartletTool": ["Martlet", "MartletBench", "MartletClient", "MartletConsole", "MartletServer"],
  ]
  private static let ownModules: Set<String> = [
    "CMartlet", "CMartletBench", "Martlet", "MartletServer", "MartletClient", "MartletBench",
    "MartletConsole",
    "MartletTool",
  ]

  @Test("The sources are found")
  func found() {
    #expect(SourceTree.files.count > 50)
    #expect(Set(SourceTree.files.map(\.module)).isSuperset(of: Self.allowedModules.keys))
    let sample = SourceTree.stripped("let a = \"// no \\\" comment\" // struct X\n/// class Y\nimport Z")
    #expect(sample == "let a = \"\" \n\nimport Z")
  }

  @Test("A module imports only those of the project that lie below it")
  func modules() {
    for file in SourceTree.files {
      guard let allowed = Self.allowedModules[file.module] else {
        Issue.record("\(file.path): a module that this test doesn't know")
        continue
      }
      for module in file.imports where Self.ownModules.contains(module) && !allowed.contains(module) {
        Issue.record("\(file.path) imports \(module)")
      }
    }
  }

  @Test("The hot path imports the system and nothing else")
  func hotPath() {
    let allowed: Set<String> = ["CMartlet", "Synchronization", "Glibc", "Musl", "Darwin"]
    for file in SourceTree.files where file.module == "Martlet" {
      for module in file.imports where !allowed.contains(module) {
        Issue.record("\(file.path) imports \(module)")
      }
    }
  }

  @Test("The console does no I/O: it imports neither NIO nor the system")
  func console() {
    let allowed: Set<String> = ["Martlet", "MartletClient"]
    for file in SourceTree.files where file.module == "MartletConsole" {
      for module in file.imports where !allowed.contains(module) {
        Issue.record("\(file.path) imports \(module)")
      }
    }
  }

  @Test("The server knows C where it meets the system's sockets only")
  func server() {
    for file in SourceTree.files
    where file.module == "MartletServer" && file.imports.contains("CMartlet") {
      #expect(["Listening", "Uring"].contains(file.room), "\(file.path) imports CMartlet")
    }
  }

  @Test(
    "The load generator knows of the store no more than its threads and clocks, and the system in few places")
  func bench() {
    for file in SourceTree.files where file.module == "MartletBench" {
      if file.imports.contains("Martlet") {
        #expect(["Drive", "Report"].contains(file.room), "\(file.path) imports Martlet")
      }
      if file.imports.contains("CMartletBench") {
        #expect(file.path == "Sources/MartletBench/Drive/Sockets.swift", "\(file.path) imports CMartletBench")
      }
    }
  }

  @Test("The server knows NIO in its transport only")
  func transport() {
    // Settings asks NIO how many cores there are.
    let allowed: Set<String> = [
      "Sources/MartletServer/Server.swift", "Sources/MartletServer/Settings/Settings.swift",
    ]
    for file in SourceTree.files
    where file.module == "MartletServer" && file.room != "NIO" && !allowed.contains(file.path) {
      for module in file.imports where module.hasPrefix("NIO") {
        Issue.record("\(file.path) imports \(module)")
      }
    }
    for file in SourceTree.files where ["MartletTool", "MartletConsole"].contains(file.module) {
      for module in file.imports where module.hasPrefix("NIO") {
        Issue.record("\(file.path) imports \(module)")
      }
    }
  }

  /// The rooms of the hot path that each room may know besides itself.
  private static let allowedRooms: [String: Set<String>] = [
    "Memory": [],
    "System": ["Memory"],
    "Access": ["Memory"],
    "RDB": ["Memory", "System"],
    "Keyspace": ["Memory"],
    "Effects": ["Keyspace", "Memory"],
    "Journal": ["Effects", "Keyspace", "Memory", "System"],
    "Checkpoint": ["Journal", "Effects", "Keyspace", "Memory", "System"],
    "Store": ["Checkpoint", "Journal", "Effects", "Keyspace", "Memory", "System"],
    "Commands": [
      "Dispatch", "Access", "Store", "Checkpoint", "Journal", "Effects", "Keyspace", "Memory", "RDB",
      "System",
    ],
    "Dispatch": [
      "Commands", "Access", "Store", "Checkpoint", "Journal", "Effects", "Keyspace", "Memory", "System",
    ],
    "Sessions": [
      "Dispatch", "Commands", "Access", "Store", "Checkpoint", "Journal", "Effects", "Keyspace", "Memory",
      "System",
    ],
    "Tools": [
      "Sessions", "Dispatch", "Commands", "Access", "Store", "Checkpoint", "Journal", "Effects", "Keyspace",
      "Memory", "RDB", "System",
    ],
    "Embedding": [
      "Dispatch", "Commands", "Access", "Store", "Checkpoint", "Journal", "Effects", "Keyspace", "Memory",
      "System",
    ],
  ]

  @Test("A room of the hot path names only types of the rooms below it")
  func rooms() {
    let files = SourceTree.files.filter { $0.module == "Martlet" }
    var declared: [String: Set<String>] = [:]
    for file in files {
      if Self.allowedRooms[file.room] == nil {
        Issue.record("\(file.path): a room that this test doesn't know")
      }
      declared[file.room, default: []].formUnion(file.declaredTypes)
    }
    for file in files {
      let words = file.words
      for (room, types) in declared
      where room != file.room && Self.allowedRooms[file.room]?.contains(room) == false {
        // A name that the room or one that it may know declares as well, as nested types do, says nothing.
        let known = ([file.room] + (Self.allowedRooms[file.room] ?? [])).reduce(into: Set<String>()) {
          $0.formUnion(declared[$1] ?? [])
        }
        for type in types.subtracting(known).intersection(words).sorted() {
          Issue.record("\(file.path) mentions \(type) of \(room)")
        }
      }
    }
  }

  /// Where unsafe code may be: rooms whose purpose it is, and files that meet the system or C.
  private static let unsafeRooms: Set<String> = [
    "Sources/Martlet/Memory", "Sources/Martlet/System", "Sources/MartletBench/Bytes",
  ]
  private static let unsafeFiles: [String: String] = [
    "Sources/Martlet/Keyspace/Keyspace.swift": "shards and locks at fixed addresses",
    "Sources/MartletServer/NIO/Lane.swift": "copies replies into NIO's buffers",
    "Sources/MartletServer/Uring/Ring.swift": "memory that is shared with the kernel",
    "Sources/MartletServer/Uring/Slots.swift": "connections at places that are used again",
    "Sources/MartletServer/Listening/ListeningSocket.swift": "system calls",
    "Sources/MartletServer/Listening/Sockets.swift": "system calls",
    "Sources/MartletServer/SystemError.swift": "strerror",
    "Sources/MartletServer/Log/CommandLog.swift": "write",
    "Sources/MartletServer/Log/LineLogHandler.swift": "system calls",
    "Sources/MartletServer/Settings/SettingsFile.swift": "the bytes of a file",
    "Sources/MartletServer/Settings/SettingsLoading.swift": "system calls",
    "Sources/MartletBench/Drive/Sockets.swift": "system calls",
    "Sources/MartletTool/CLI/HistoryFile.swift": "system calls",
    "Sources/MartletTool/CLI/ProcessArguments.swift": "argv",
    "Sources/MartletTool/CLI/StandardStream.swift": "system calls",
    "Sources/MartletTool/CLI/Terminal.swift": "the terminal",
    "Sources/MartletTool/Memcached/Background.swift": "posix_spawn",
    "Sources/MartletTool/Memcached/SystemUser.swift": "system calls",
  ]

  @Test("Unsafe code is where it is known to be, and nowhere else")
  func unsafeCode() {
    for file in SourceTree.files where file.words.contains("unsafe") {
      let folder = "Sources/\(file.module)/\(file.room)"
      if !Self.unsafeRooms.contains(folder) && Self.unsafeFiles[file.path] == nil {
        Issue.record("\(file.path) has unsafe code: avoid it, or add the file here with its reason")
      }
    }
    for path in Self.unsafeFiles.keys.sorted() {
      let isUnsafe = SourceTree.files.contains { $0.path == path && $0.words.contains("unsafe") }
      #expect(isUnsafe, "\(path) is no longer unsafe: take it off the list")
    }
  }
}
