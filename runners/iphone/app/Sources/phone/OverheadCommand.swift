import BenchC
import BenchCore
import BenchProbes
import BenchProtocol
import BenchRuntimes
import Foundation

/// `phone measure-overhead [--tokens N]`: processor time of the core around an echo, a token.
///
/// Everything from the hello to the end of the launch counts, over all threads: journal, watch, readings, JSON.
/// Exit code 1 when the bar is missed.
enum OverheadCommand {
  /// The bar, in microseconds of processor time a token.
  static let barUs = 5.0
  private static let perGeneration = 512

  static func run(_ arguments: Arguments, _ lines: Lines) async throws -> Int32 {
    let nTokens = try arguments.integer("--tokens", in: perGeneration...10_000_000) ?? 20_480
    let nIterations = (nTokens + perGeneration - 1) / perGeneration
    let folder = NSTemporaryDirectory() + "phone-overhead-\(Identifier.newBoot())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let coreUs = try await aroundEcho(nIterations, folder) / Double(nIterations * perGeneration)
    let echoUs = try await echoAlone(nIterations) / Double(nIterations * perGeneration)
    let isMet = coreUs <= barUs
    lines.write(
      "overhead",
      "core around echo \(text(coreUs)) us a token, echo alone \(text(echoUs)); bar \(text(barUs)): \(isMet ? "met" : "missed")",
      [
        "n_tokens": .int(nIterations * perGeneration), "core_us_per_token": JSONValue(coreUs),
        "echo_us_per_token": JSONValue(echoUs), "bar_us_per_token": JSONValue(barUs), "is_met": .bool(isMet),
      ])
    return isMet ? 0 : 1
  }

  private static func job(_ nIterations: Int) -> Job {
    Job(
      launchID: "overhead/1", model: ModelRef(model: "none", format: "none", quant: "none"), engine: "echo",
      workload: Workload(name: "overhead", nPromptTokens: 1, nGeneratedTokens: perGeneration), nWarmups: 0,
      nIterations: nIterations)
  }

  /// Microseconds of processor time of a whole launch.
  private static func aroundEcho(_ nIterations: Int, _ folder: String) async throws -> Double {
    let boot = Identifier.newBoot()
    let context = LaunchContext(
      probe: SystemProbe(), identity: DeviceIdentity(name: "overhead", installID: "overhead"),
      box: try BlackBox(path: folder + "/black_box", boot: boot), network: NetworkGate(),
      control: LaunchControl(),
      appVersion: "0", isReload: false, models: ModelShelf(path: folder), onStuck: {})
    let journal = try Journal(path: folder + "/journal.jsonl", boot: boot)
    let before = bench_cpu_time_ns()
    let outcome = try await LaunchRunner(job(nIterations), journal: journal, context: context).run()
    guard outcome == .done else { throw RunFailure(.crashed, "the launch did not end well: \(outcome)") }
    return Double(bench_cpu_time_ns() - before) / 1e3
  }

  private static func echoAlone(_ nIterations: Int) async throws -> Double {
    let echo = EchoRuntime()
    let workload = job(1).workload
    let before = bench_cpu_time_ns()
    for _ in 0..<nIterations {
      var times = TokenTimes(capacity: perGeneration)
      _ = try await echo.generate(workload, into: &times)
    }
    return Double(bench_cpu_time_ns() - before) / 1e3
  }

  private static func text(_ us: Double) -> String { String(format: "%.2f", us) }
}
