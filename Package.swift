// swift-tools-version: 6.2

import PackageDescription

/// What every Swift target of the project is compiled with.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableExperimentalFeature("Lifetimes"),
]

/// Only `Tests/fuzz` sets this, to the path of libFuzzer: the hot path is then compiled with what the fuzzer needs to
/// see, and the fuzzer is among the targets.
let fuzzer = Context.environment["MARTLET_FUZZER"]
let coverage: [SwiftSetting] = fuzzer == nil ? [] : [.unsafeFlags(["-sanitize=fuzzer"])]

/// Only `Benchmarks/micro` sets this: the micro-benchmarks are then among the targets, and what they need among the
/// dependencies.
let hasMicroBenchmarks = Context.environment["MARTLET_BENCHMARKS"] != nil

let package = Package(
  name: "martlet",
  platforms: [.macOS(.v26)],
  products: [
    .executable(name: "martlet", targets: ["MartletTool"]),
    .library(name: "Martlet", targets: ["Martlet"]),
    .library(name: "MartletServer", targets: ["MartletServer"]),
    .library(name: "MartletClient", targets: ["MartletClient"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    // The few things Swift cannot reach: CRC-32C instructions, futex, io_uring.
    .target(name: "CMartlet"),

    // The store, the journal, the commands and the protocols: the whole hot path. It knows no socket.
    .target(name: "Martlet", dependencies: ["CMartlet"], swiftSettings: strict + coverage),

    // Sockets, settings, signals: what makes a server of the store.
    .target(
      name: "MartletServer",
      dependencies: [
        "CMartlet", "Martlet",
        .product(name: "Configuration", package: "swift-configuration"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),

    // The client library. It knows the protocol and nothing of the store.
    .target(
      name: "MartletClient",
      dependencies: [
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: strict),

    // The load generator for servers of both protocols, and its sockets. Of the store it uses threads and clocks.
    .target(name: "CMartletBench"),
    .target(name: "MartletBench", dependencies: ["CMartletBench", "Martlet"], swiftSettings: strict),

    // What the command-line program shows and understands: the line editor, hints, quoting, formatting. It does no I/O.
    .target(name: "MartletConsole", dependencies: ["Martlet", "MartletClient"], swiftSettings: strict),

    // The command-line program, `martlet`.
    .executableTarget(
      name: "MartletTool",
      dependencies: [
        "Martlet", "MartletBench", "MartletClient", "MartletConsole", "MartletServer",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),

    // The requests whose cost is watched, and a session to feed them to; and the program that does so a fixed number of
    // times, for counting instructions.
    .target(
      name: "HotRequests", dependencies: ["Martlet"], path: "Benchmarks/HotRequests", swiftSettings: strict),
    .executableTarget(
      name: "HotPath", dependencies: ["HotRequests"], path: "Benchmarks/HotPath", swiftSettings: strict),

    // What several test targets use.
    .target(name: "MartletTestSupport", path: "Tests/Support", swiftSettings: strict),
    // Databases that live and crash on a simulated disk, from seeds; and the program that has them do so for long.
    .target(
      name: "MartletSimulation", dependencies: ["Martlet"], path: "Tests/Simulation", swiftSettings: strict),
    .executableTarget(
      name: "simulate",
      dependencies: [
        "MartletSimulation", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Tests/Simulate", swiftSettings: strict),
    .testTarget(
      name: "MartletTests", dependencies: ["Martlet", "MartletSimulation", "MartletTestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "MartletProtocolTests", dependencies: ["HotRequests", "Martlet"], swiftSettings: strict),
    .testTarget(name: "MartletArchitectureTests", swiftSettings: strict),
    .testTarget(
      name: "MartletServerTests",
      dependencies: [
        "Martlet", "MartletServer", "MartletTestSupport", .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "MartletClientTests",
      dependencies: [
        "MartletClient",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: strict),
    .testTarget(name: "MartletBenchTests", dependencies: ["MartletBench"], swiftSettings: strict),
    .testTarget(
      name: "MartletConsoleTests", dependencies: ["Martlet", "MartletClient", "MartletConsole"],
      swiftSettings: strict),
  ]
)

if let fuzzer {
  package.targets.append(
    .executableTarget(
      name: "Fuzz", dependencies: ["Martlet", "MartletSimulation"], path: "Tests/Fuzz", exclude: ["Seeds"],
      swiftSettings: strict,
      linkerSettings: [.unsafeFlags([fuzzer]), .linkedLibrary("stdc++")]))
}

if hasMicroBenchmarks {
  package.dependencies.append(
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []))
  package.targets.append(
    .executableTarget(
      name: "Micro",
      dependencies: ["HotRequests", "Martlet", .product(name: "Benchmark", package: "benchmark")],
      path: "Benchmarks/Micro", swiftSettings: strict,
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]))
}
