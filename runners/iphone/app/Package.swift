// swift-tools-version: 6.0
// The part of phibench that runs on a phone. No outside package: it builds offline, on macOS, iOS and Linux.

import PackageDescription

let package = Package(
  name: "phibench",
  platforms: [.iOS(.v17), .macOS(.v14)],
  products: [
    .library(
      name: "Bench",
      targets: ["BenchProtocol", "BenchClient", "BenchProbes", "BenchRuntimes", "BenchCore", "BenchPhone"]),
    .executable(name: "phone", targets: ["phone"]),
  ],
  targets: [
    .target(name: "BenchC"),
    .target(name: "BenchProtocol", dependencies: ["BenchC"]),
    .target(name: "BenchClient", dependencies: ["BenchProtocol"]),
    .target(name: "BenchProbes", dependencies: ["BenchC", "BenchProtocol"]),
    .target(name: "BenchRuntimes", dependencies: ["BenchC", "BenchProtocol"]),
    .target(
      name: "BenchCore",
      dependencies: ["BenchC", "BenchProtocol", "BenchProbes", "BenchRuntimes"]),
    .target(
      name: "BenchPhone",
      dependencies: ["BenchProtocol", "BenchClient", "BenchProbes", "BenchRuntimes", "BenchCore"]),
    .executableTarget(
      name: "phone",
      dependencies: [
        "BenchC", "BenchProtocol", "BenchClient", "BenchProbes", "BenchRuntimes", "BenchCore", "BenchPhone",
      ]),
    .testTarget(
      name: "BenchProtocolTests", dependencies: ["BenchProtocol"], resources: [.copy("Golden")]),
    .testTarget(name: "BenchClientTests", dependencies: ["BenchClient"]),
    .testTarget(name: "BenchProbesTests", dependencies: ["BenchC", "BenchProbes"]),
    .testTarget(name: "BenchRuntimesTests", dependencies: ["BenchRuntimes"]),
    .testTarget(name: "BenchCoreTests", dependencies: ["BenchC", "BenchCore"]),
    .testTarget(name: "BenchPhoneTests", dependencies: ["BenchPhone"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c11
)
