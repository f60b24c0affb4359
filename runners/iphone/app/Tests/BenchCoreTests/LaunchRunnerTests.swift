import BenchProbes
import BenchProtocol
import BenchRuntimes
import Foundation
import Testing

@testable import BenchCore

@Suite struct LaunchRunnerTests {
  @Test func aLaunchWritesEachStepBeforeItIsTaken() async throws {
    let rig = try Rig()
    let outcome = try await rig.run(echoJob(gate: Gate(longestWaitS: 1), nIterations: 2))
    #expect(outcome == .done)
    #expect(
      try rig.steps() == [
        "hello", "starting gate", "reading", "starting load", "loaded", "reading", "starting warmup",
        "iteration",
        "starting iteration", "iteration", "starting iteration", "iteration", "reading", "done",
      ])
    let events = try rig.events()
    #expect(events.map(\.seq) == Array(0..<events.count))
    guard case .hello(let hello) = try events[0].body(), case .loaded(let loaded) = try events[4].body(),
      case .iteration(let iteration) = try events[9].body()
    else { throw RunFailure(.protocolError, "an event of another type") }
    #expect(hello.engine?.build["is_simulated"] == true && hello.device?.kind == "simulated")
    #expect(loaded.flags == [.simulated] && loaded.options["n_ctx"] == 14 && loaded.loadS ?? -1 >= 0)
    #expect(iteration.trace.dtNs.count == 10 && iteration.trace.fault == nil && !iteration.isWarmup)
    #expect(iteration.trace.nPromptTokens == 4 && iteration.trace.tokenHash != nil)
    #expect(events[12].data["is_final"] == true)
  }

  @Test func withoutAGateNoneSpeaks() async throws {
    let rig = try Rig()
    _ = try await rig.run(echoJob())
    #expect(try !rig.steps().contains("starting gate"))
  }

  @Test func aSecondLaunchOfAProcessSaysSo() async throws {
    var rig = try Rig()
    rig.context.isReload = true
    _ = try await rig.run(echoJob())
    #expect(try rig.events()[2].data["flags"] == ["simulated", "reload"])
  }

  @Test func aDurationIsFilledWithIterations() async throws {
    let rig = try Rig()
    let job = echoJob(["decode_tok_per_s": 1000], nGenerated: 50, durationS: 0.3)
    #expect(try await rig.run(job) == .done)
    let traces = try rig.events().compactMap { event -> Trace? in
      guard case .iteration(let iteration) = try event.body(), !iteration.isWarmup else { return nil }
      return iteration.trace
    }
    let last = try #require(traces.last)
    let first = try #require(traces.first)
    #expect(last.t0Ns + (last.dtNs.last ?? 0) - first.t0Ns >= 250_000_000 && traces.count >= 2)
  }

  private static let faults: [(Job, FailureKind, Phase?)] = [
    (echoJob(["fail_at": "load"]), .backendMismatch, .load),
    (echoJob(["fail_at": "prefill"]), .backendMismatch, .warmup),
    (echoJob(["fail_at": "decode:3", "fail_generation": 1]), .backendMismatch, .iteration),
    (echoJob(["threads": 2]), .unsupported, nil),
    (echoJob(engine: "mlx_swift"), .unavailable, nil),
    (echoJob(format: "gguf"), .unsupported, nil),
  ]

  @Test(arguments: faults)
  func aFaultEndsTheLaunchWithItsKind(_ job: Job, _ kind: FailureKind, _ phase: Phase?) async throws {
    let rig = try Rig()
    guard case .failed(let failure) = try await rig.run(job) else {
      throw RunFailure(.protocolError, "the launch did not fail")
    }
    #expect(failure.kind == kind && failure.phase == phase)
    let last = try #require(try rig.events().last)
    #expect(last.type == .failed && last.data["kind"]?.stringValue == kind.word)
    #expect(rig.context.box.current.launchID.isEmpty)
  }

  @Test func aCancelledLaunchIsNotLoaded() async throws {
    var rig = try Rig()
    rig.context.isCancelled = { true }
    guard case .failed(let failure) = try await rig.run(echoJob(gate: Gate())) else {
      throw RunFailure(.protocolError, "the launch did not fail")
    }
    #expect(failure.kind == .cancelled && failure.phase == .gate)
    #expect(try rig.steps() == ["hello", "starting gate", "failed"])
  }

  @Test func cancellingTheTaskEndsItAndSaysSo() async throws {
    let rig = try Rig()
    let task = Task { try await rig.run(echoJob(["decode_tok_per_s": 0.01])) }
    while try !rig.steps().contains("starting warmup") { await Task.yield() }
    task.cancel()
    guard case .failed(let failure) = try await task.value else {
      throw RunFailure(.protocolError, "the launch did not fail")
    }
    #expect(failure.kind == .cancelled)
    #expect(try rig.steps().suffix(2) == ["reading", "failed"])
  }

  @Test func criticalHeatEndsAGeneration() async throws {
    let rig = try Rig()
    rig.probe.set { reading, _ in reading.thermalState = "nominal" }
    let task = Task { try await rig.run(echoJob(["decode_tok_per_s": 0.01])) }
    while try !rig.steps().contains("starting warmup") { await Task.yield() }
    rig.probe.set { reading, _ in reading.thermalState = "critical" }
    guard case .failed(let failure) = try await task.value else {
      throw RunFailure(.protocolError, "the launch did not fail")
    }
    #expect(failure.kind == .thermalAborted)
  }

  @Test func leavingTheScreenEndsAGeneration() async throws {
    let rig = try Rig()
    let task = Task { try await rig.run(echoJob(["decode_tok_per_s": 0.01])) }
    while try !rig.steps().contains("starting warmup") { await Task.yield() }
    rig.context.box.update { $0.scene = .background }
    guard case .failed(let failure) = try await task.value else {
      throw RunFailure(.protocolError, "the launch did not fail")
    }
    #expect(failure.kind == .backgrounded)
  }

  @Test func aSilentRuntimeThatListensIsTimedOut() async throws {
    var rig = try Rig()
    rig.context.graceS = 600  // it comes back, however busy the machine is
    guard case .failed(let failure) = try await rig.run(echoJob(["decode_tok_per_s": 0.01], timeoutS: 1))
    else {
      throw RunFailure(.protocolError, "the launch did not fail")
    }
    #expect(failure.kind == .timedOut)
    #expect(try rig.steps().last == "failed")
  }

  @Test func aRuntimeThatHangsIsGivenUpWithItsLaunchEnded() async throws {
    let scratch = Scratch()
    let path = scratch.path
    await #expect(processExitsWith: .exitCode(70)) { [path = path as String] in
      var context = LaunchContext(
        probe: FakeProbe(), identity: DeviceIdentity(name: "d", installID: "1"),
        box: try BlackBox(path: path + "/box", boot: "b"), network: NetworkGate(), control: LaunchControl(),
        appVersion: "t", isReload: false, models: ModelShelf(path: path), onStuck: { exit(70) })
      context.graceS = 0.1
      let journal = try Journal(path: path + "/journal.jsonl", boot: "b")
      let job = echoJob(["fail_at": "decode:2", "fail_how": "hang"], timeoutS: 0.1)
      _ = try await LaunchRunner(job, journal: journal, context: context).run()
    }
    let journal = try Journal(path: path + "/journal.jsonl", boot: "c")
    #expect(journal.hasEnd)
  }

  @Test func aFullDiskIsToldAndNotHidden() async throws {
    let scratch = Scratch()
    let path = scratch.path
    await #expect(processExitsWith: .exitCode(28)) { [path = path as String] in
      signal(SIGXFSZ, SIG_IGN)
      let probe = FakeProbe()
      let box = try BlackBox(path: path + "/box", boot: "b")
      let context = LaunchContext(
        probe: probe, identity: DeviceIdentity(name: "d", installID: "1"), box: box, network: NetworkGate(),
        control: LaunchControl(), appVersion: "t", isReload: false, models: ModelShelf(path: path),
        onStuck: {})
      let journal = try Journal(path: path + "/journal.jsonl", boot: "b")
      var limit = rlimit(rlim_cur: 1500, rlim_max: 1500)
      #if canImport(Darwin)
        setrlimit(RLIMIT_FSIZE, &limit)
      #else
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      #endif
      do {
        _ = try await LaunchRunner(echoJob(), journal: journal, context: context).run()
      } catch is JournalError {
        exit(28)
      }
    }
    let words = try #require(BlackBox.lastWords(path: path + "/box"))
    #expect(words.hasJournalFailed && words.launchID == "run/3")
    #expect(Autopsy.verdict(lastWords: words, lastPhase: nil, nowNs: .max).kind == .unavailable)
    let journal = try Journal(path: path + "/journal.jsonl", boot: "c")
    #expect(!journal.hasEnd && journal.nEvents > 0)
  }
}
