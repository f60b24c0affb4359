import BenchProtocol
import Foundation
import Testing

@testable import BenchClient

/// A home that is gone when the test ends, and a courier in it.
final class Phone: Sendable {
  let home: Home
  let notes = Log<Note>()
  let pauses = Log<Double>()

  init() throws {
    home = try Home(
      path: NSTemporaryDirectory() + "bench-" + Identifier.random(nBytes: 8),
      keys: nil)
  }

  deinit { try? FileManager.default.removeItem(atPath: home.path) }

  static func paired(with host: TestHost) async throws -> Phone {
    let phone = try Phone()
    _ = try await phone.home.pair(with: host.link, name: "Zoë")
    return phone
  }

  func courier(boot: String = "b0", gate: NetworkGate = NetworkGate()) throws -> Courier {
    try Courier(
      home: home, boot: boot, gate: gate, say: { [notes] in notes.add($0) },
      sleep: { [pauses] in pauses.add($0) })
  }

  func bridge(wallClockMs: @escaping @Sendable () -> Int = { Int(Date().timeIntervalSince1970 * 1000) })
    throws -> Bridge
  {
    let (pairing, key) = try home.pairing()
    return Bridge(pairing: pairing, key: key, transport: URLSessionTransport(), wallClockMs: wallClockMs)
  }

  /// A journal of `n` events, the last one the end when asked.
  @discardableResult
  func journal(_ launchID: String, boot: String = "b0", n: Int, hasEnd: Bool = true) throws -> LaunchFolder {
    let folder = try home.outbox.folder(of: launchID)
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    let journal = try folder.journal(boot: boot)
    for index in 0..<(hasEnd ? n - 1 : n) {
      try journal.append(.starting(Starting(phase: .iteration, index: index)))
    }
    if hasEnd { try journal.append(.done(Done())) }
    return folder
  }

  func lines(_ folder: LaunchFolder) throws -> [String] {
    try String(contentsOfFile: folder.journalPath, encoding: .utf8).split(separator: "\n").map(String.init)
  }

  static let hello: @Sendable () async -> HelloRequest = {
    HelloRequest(
      boot: "b0", device: DeviceSnapshot(fingerprint: "f", name: "Zoë", kind: "simulated", osName: "Linux"),
      reading: Reading(), runtimes: [], models: [], freeDiskBytes: nil, appVersion: "0")
  }

  /// One job, then stop.
  static var once: CourierOptions {
    var options = CourierOptions()
    options.idleExitS = 0
    return options
  }
}

/// What was said, from any task.
final class Log<Item: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var items: [Item] = []

  func add(_ item: Item) { lock.withLock { items.append(item) } }
  var all: [Item] { lock.withLock { items } }
}
