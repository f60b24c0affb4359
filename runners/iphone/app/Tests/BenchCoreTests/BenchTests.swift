import BenchProbes
import BenchProtocol
import BenchRuntimes
import Foundation
import Testing

@testable import BenchCore

/// What the spy saw; one test at a time uses it.
private final class Seen: @unchecked Sendable {
  static let shared = Seen()
  private let lock = NSLock()
  private var values: [String: Int] = [:]
  private var gate = NetworkGate()

  /// Through which the spy tries to send.
  var network: NetworkGate {
    get { lock.withLock { gate } }
    set { lock.withLock { gate = newValue } }
  }

  subscript(_ name: String) -> Int {
    get { lock.withLock { values[name] ?? 0 } }
    set { lock.withLock { values[name] = newValue } }
  }

  func forget() { lock.withLock { values = [:] } }
}

/// A runtime that misbehaves as its model is named.
private actor SpyRuntime: LLMRuntime {
  static let description = RuntimeDescription(
    engine: "spy", version: nil, formats: ["spy", "none"], options: [:])
  private var model = ""

  func load(_ model: ModelRef, options: RunOptions, nContextTokens: Int) async throws -> Loaded {
    self.model = model.model
    Seen.shared["path"] = model.path == nil ? 0 : 1
    let network = Seen.shared.network
    Task { try await network.pass { Seen.shared["sent"] += 1 } }
    try await Task.sleep(for: .milliseconds(50))  // an open gate would let it through by then
    return Loaded(loadS: 3)
  }

  func generate(_ workload: Workload, into times: inout TokenTimes) async throws -> Generation {
    Seen.shared["generations"] += 1
    Seen.shared["sent while timed"] += Seen.shared["sent"]
    times.begin()
    let n = model == "talks too much" ? workload.nGeneratedTokens + 1 : model == "is mute" ? 0 : 1
    for _ in 0..<n { times.stamp() }
    return Generation(nPromptTokens: 1)
  }

  func unload() async { Seen.shared["unloads"] += 1 }
}

@Suite(.serialized) struct BenchTests {
  private func run(_ model: String, on rig: Rig, path: String? = nil, format: String = "none") async throws
    -> LaunchOutcome
  {
    Seen.shared.forget()
    var rig = rig
    rig.context.runtime = { _ in SpyRuntime.self }
    Seen.shared.network = rig.context.network
    var job = echoJob(engine: "spy", format: format, nGenerated: 3)
    job.model.model = model
    job.model.path = path
    return try await rig.run(job)
  }

  @Test func theLoadTimeOfTheEngineStands() async throws {
    let rig = try Rig()
    #expect(try await run("ok", on: rig) == .done)
    #expect(try rig.events()[2].data["load_s"] == 3)
    #expect(Seen.shared["unloads"] == 1)
  }

  @Test(arguments: ["talks too much", "is mute"])
  func anEngineWhoseTimesMakeNoSenseFails(_ model: String) async throws {
    let rig = try Rig()
    guard case .failed(let failure) = try await run(model, on: rig) else {
      throw RunFailure(.protocolError, "the launch did not fail")
    }
    #expect(failure.kind == .backendMismatch && Seen.shared["unloads"] == 1)
  }

  @Test func nothingIsSentBetweenTheLoadAndTheEnd() async throws {
    let rig = try Rig()
    #expect(try await run("ok", on: rig) == .done)
    #expect(Seen.shared["generations"] == 2 && Seen.shared["sent while timed"] == 0)
    while Seen.shared["sent"] == 0 { await Task.yield() }  // and afterwards it is
  }

  @Test func aPathOfTheHostIsNotFollowed() async throws {
    #expect(try await run("ok", on: Rig(), path: "/etc/passwd") == .done)
    #expect(Seen.shared["path"] == 0)
    guard case .failed(let failure) = try await run("ok", on: Rig(), path: "/etc/passwd", format: "spy")
    else {
      throw RunFailure(.protocolError, "the launch did not fail")
    }
    #expect(failure.kind == .modelMissing)
  }

  @Test func aModelOnTheShelfIsFoundByItsDigestOrItsName() throws {
    let scratch = Scratch()
    let shelf = ModelShelf(path: scratch.path)
    try FileManager.default.createDirectory(atPath: scratch.path + "/phi", withIntermediateDirectories: true)
    var model = ModelRef(model: "phi-3", format: "mlc", quant: "q4f16_1", digest: "d1")
    try Wire.canonical(model).write(to: URL(fileURLWithPath: scratch.path + "/phi/model.json"))
    try Data("rubbish".utf8).write(to: URL(fileURLWithPath: scratch.path + "/model.json"))
    #expect(shelf.described() == [model])
    #expect(try shelf.find(model).path == scratch.path + "/phi")
    model.digest = nil
    #expect(try shelf.find(model).path == scratch.path + "/phi")
    model.digest = "d2"
    #expect(throws: RunFailure.self) { try shelf.find(model) }
  }

  @Test func whatAnEngineKeepsIsTold() async throws {
    var rig = try Rig()
    rig.probe.set { _, memory in memory.footprintBytes = 100 << 20 }
    let probe = rig.probe
    rig.context.onEvent = { event in
      if event.type == .loaded { probe.set { _, memory in memory.footprintBytes = 900 << 20 } }
    }
    rig.context.onMemoryKept = { Seen.shared["kept"] = $0 }
    #expect(try await run("ok", on: rig) == .done)
    #expect(Seen.shared["kept"] == 800 << 20)
    let final = try #require(try rig.events().first { $0.data["is_final"] == true })
    #expect(final.data["reading"]?["peak_footprint_bytes"] == .int(900 << 20))
  }

  @Test func noReadingOfALaunchTellsOfAnEarlierOne() async throws {
    let rig = try Rig()
    rig.probe.set { reading, memory in
      (memory.footprintBytes, memory.peakFootprintBytes) = (100 << 20, 5 << 30)  // an earlier, larger model
      (memory.rssBytes, memory.peakRssBytes) = (100 << 20, 5 << 30)
      (reading.cpuUserS, reading.nMinorFaults) = (1000, 1_000_000)
    }
    #expect(try await rig.run(echoJob(gate: Gate(longestWaitS: 1))) == .done)
    let told = try rig.events().compactMap { $0.data["reading"]?.objectValue }
    #expect(told.count == 4)  // hello, gate, load, final
    for reading in told {
      #expect(reading["peak_footprint_bytes"]?.intValue ?? 0 <= 100 << 20)
      #expect(reading["peak_rss_bytes"]?.intValue ?? 0 <= 100 << 20)
      #expect(reading["cpu_user_s"]?.doubleValue ?? 0 < 1 && reading["n_minor_faults"]?.intValue ?? 0 < 1)
    }
    #expect(told[3]["peak_footprint_bytes"] == .int(100 << 20) && told[3]["cpu_user_s"] == 0)
  }

  @Test func heatInAGenerationIsWrittenAfterIt() async throws {
    let rig = try Rig()
    rig.probe.set { reading, _ in reading.thermalState = "fair" }
    #expect(try await rig.run(echoJob(["decode_tok_per_s": 200], nGenerated: 60)) == .done)
    let hot = try rig.events().filter {
      $0.type == .reading && $0.data["reading"]?["thermal_state"] == "fair"
    }
    #expect(hot.count >= 2)
  }
}
