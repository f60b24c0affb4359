import BenchProtocol
import Testing

@testable import BenchRuntimes

@Suite struct EchoTests {
  private let model = ModelRef(model: "none", format: "none", quant: "none")
  private let workload = Workload(name: "w", nPromptTokens: 8, nGeneratedTokens: 20)

  private func opened(_ options: [String: JSONValue]) async throws -> EchoRuntime {
    let echo = EchoRuntime()
    _ = try await echo.load(
      model, options: try RunOptions(options, for: EchoRuntime.description), nContextTokens: 28)
    return echo
  }

  @Test func twoGenerationsOfOneSeedAreTheSameAndThoseOfAnotherAreNot() async throws {
    var times = TokenTimes(capacity: 20)
    let one = try await opened([:]).generate(workload, into: &times)
    let same = try await opened(["seed": 1]).generate(workload, into: &times)
    let other = try await opened(["seed": 2]).generate(workload, into: &times)
    #expect(one.tokenHash == same.tokenHash && one.tokenHash != other.tokenHash)
    #expect(times.count == 20 && one.nPromptTokens == 8)
  }

  @Test func thePaceIsKept() async throws {
    var times = TokenTimes(capacity: 20)
    _ = try await opened(["decode_tok_per_s": 1000, "ttft_s": 0.02]).generate(workload, into: &times)
    let dt = times.dtNs
    #expect(dt[0] >= 20_000_000)
    #expect(dt[19] >= 39_000_000)  // a busy machine is late, never early
  }

  @Test(arguments: [("load", -1), ("prefill", 0), ("decode:5", 5)])
  func itFailsWhereItIsTold(_ place: String, _ nStamped: Int) async throws {
    var times = TokenTimes(capacity: 20)
    let failing: EchoRuntime
    do {
      failing = try await opened(["fail_at": .string(place)])
    } catch let failure as RunFailure {
      #expect(failure.kind == .backendMismatch && place == "load")
      return
    }
    await #expect(throws: RunFailure.self) { try await failing.failOnce(self.workload) }
    _ = try? await failing.generate(workload, into: &times)
    #expect(times.count == nStamped)
  }

  @Test func itFailsInTheGenerationThatIsNamed() async throws {
    let echo = try await opened(["fail_at": "decode:0", "fail_generation": 1])
    try await echo.failOnce(workload)
    await #expect(throws: RunFailure.self) { try await echo.failOnce(self.workload) }
    try await echo.failOnce(workload)
  }

  @Test(arguments: [["fail_at": "decode"], ["fail_at": "later"], ["fail_how": "softly"], ["ttft_s": "x"]])
  func nonsenseIsRefused(_ options: [String: String]) async throws {
    await #expect(throws: RunFailure.self) { try await self.opened(options.mapValues(JSONValue.string)) }
  }

  @Test func anUnknownOptionIsNamedWithThoseThereAre() throws {
    let failure = #expect(throws: RunFailure.self) {
      try RunOptions(["compute_units": "all"], for: EchoRuntime.description)
    }
    #expect(failure?.kind == .unsupported && failure?.message == "echo has no option compute_units")
    #expect(failure?.remedy.contains("decode_tok_per_s") == true)
  }

  @Test func cancellingEndsIt() async throws {
    let echo = try await opened(["decode_tok_per_s": 0.001])
    let task = Task { try await echo.failOnce(self.workload) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  @Test func anUnknownEngineIsNamedWithThoseThereAre() {
    let failure = #expect(throws: RunFailure.self) { try RuntimeCatalog.named("mlc2") }
    #expect(failure?.kind == .unavailable && failure?.remedy.contains("echo") == true)
  }

  @Test func thisBuildHasNoStubInIt() {
    #if !canImport(Darwin)
      #expect(RuntimeCatalog.all.map { $0.description.engine } == ["echo"])
    #endif
  }
}

extension EchoRuntime {
  /// One generation whose times nobody wants.
  func failOnce(_ workload: Workload) async throws {
    var times = TokenTimes(capacity: 100)
    _ = try await generate(workload, into: &times)
  }
}
