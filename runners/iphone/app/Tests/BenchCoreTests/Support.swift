import BenchProbes
import BenchProtocol
import BenchRuntimes
import Foundation

@testable import BenchCore

/// A folder of the test's own, taken away with it.
final class Scratch: Sendable {
  let path: String

  init() {
    path = NSTemporaryDirectory() + "core-\(Identifier.newBoot())"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A device whose readings the test sets.
final class FakeProbe: DeviceProbe, @unchecked Sendable {
  private let lock = NSLock()
  private var now = Reading()
  private var memoryNow = MemoryNow()

  func set(_ change: (inout Reading, inout MemoryNow) -> Void) { lock.withLock { change(&now, &memoryNow) } }

  func snapshot(_ identity: DeviceIdentity) -> DeviceSnapshot {
    DeviceSnapshot(fingerprint: identity.fingerprint, name: identity.name, kind: "simulated", osName: "test")
  }
  func reading() -> Reading {
    lock.withLock {
      var reading = now
      reading.take(memoryNow)
      return reading
    }
  }
  func memory() -> MemoryNow { lock.withLock { memoryNow } }
  func thermalState() -> ThermalState? { lock.withLock { ThermalState(word: now.thermalState) } }
  func forgetPeak() {}
  func isTraced() -> Bool? { nil }
}

/// Everything a launch needs, in a folder of its own.
struct Rig {
  let scratch = Scratch()
  let probe = FakeProbe()
  let journal: Journal
  var context: LaunchContext

  init(boot: String = "b0") throws {
    journal = try Journal(path: scratch.path + "/journal.jsonl", boot: boot)
    context = LaunchContext(
      probe: probe, identity: DeviceIdentity(name: "desk", installID: "1"),
      box: try BlackBox(path: scratch.path + "/box", boot: boot), network: NetworkGate(),
      control: LaunchControl(),
      appVersion: "test", isReload: false, models: ModelShelf(path: scratch.path + "/Models"), onStuck: {})
    context.graceS = 600  // on a busy machine a runtime that listens comes back late, but it comes back
  }

  func run(_ job: Job) async throws -> LaunchOutcome {
    try await LaunchRunner(job, journal: journal, context: context).run()
  }

  /// What the journal holds.
  func events() throws -> [Event] {
    let data = FileManager.default.contents(atPath: journal.path) ?? Data()
    return try data.split(separator: UInt8(ascii: "\n")).map { try Wire.decode(Event.self, from: Data($0)) }
  }

  /// The types in order, with the phase of what is starting.
  func steps() throws -> [String] {
    try events().map { event in
      event.type == .starting ? "starting \(event.data["phase"]?.stringValue ?? "")" : event.type.word
    }
  }
}

func echoJob(
  _ options: [String: JSONValue] = [:], engine: String = "echo", format: String = "none", gate: Gate? = nil,
  nGenerated: Int = 10, nIterations: Int = 1, durationS: Double? = nil, timeoutS: Double = 900
) -> Job {
  Job(
    launchID: "run/3", model: ModelRef(model: "m", format: format, quant: "none"), engine: engine,
    workload: Workload(name: "w", nPromptTokens: 4, nGeneratedTokens: nGenerated), options: options,
    nIterations: nIterations, durationS: durationS, timeoutS: timeoutS, gate: gate)
}
