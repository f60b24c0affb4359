import BenchClient
import BenchProtocol
import Foundation

/// `phone pair LINK --home DIR [--name N]`
enum PairCommand {
  static func run(_ arguments: Arguments, _ lines: Lines) async throws -> Int32 {
    guard let text = arguments.words.first, arguments.words.count == 1 else {
      throw Arguments.Misuse(description: "pair needs one link, as `phibench bridge pair` shows it")
    }
    let home = try Home(path: try arguments.required("--home"))
    let lock = try home.lock()
    defer { withExtendedLifetime(lock) {} }
    let name = arguments.text("--name") ?? ProcessInfo.processInfo.hostName
    let pairing = try await home.pair(with: try PairingLink(parsing: text), name: name)
    lines.write(
      "paired", "paired with host \(pairing.hostID) as \(pairing.name) (\(pairing.deviceID))",
      [
        "host_id": .string(pairing.hostID), "device_id": .string(pairing.deviceID),
        "name": .string(pairing.name),
      ])
    return 0
  }
}
