import BenchC
import BenchProbes
import BenchProtocol
import BenchRuntimes
import Foundation

/// Runs one job from the gate to its end, and writes down each risky step before it is taken.
///
/// The network is closed from the load on, nothing is drawn, and a generation is nothing but calls of the runtime and
/// stamps into memory that was there before.
public struct LaunchRunner: Sendable {
  let job: Job
  let journal: Journal
  let context: LaunchContext

  public init(_ job: Job, journal: Journal, context: LaunchContext) {
    self.job = job
    self.journal = journal
    self.context = context
  }

  /// Run it. The journal has its end afterwards.
  ///
  /// - Throws: ``JournalError`` when the journal could not be written; it then has no end yet.
  public func run() async throws -> LaunchOutcome {
    context.box.update { record in
      record.launchID = job.launchID
      record.nTokens = 0
      record.isTraced = context.probe.isTraced() ?? false
    }
    defer { clearBox() }
    do {
      try await steps()
      return .done
    } catch let error as JournalError {
      context.box.update { $0.hasJournalFailed = true }
      throw error
    } catch {
      let failure = failure(of: error)
      try record(.failed(failure))
      return .failed(failure)
    }
  }

  /// The launch is over, so a later death is not about it. One that could not be written stays in the box.
  private func clearBox() {
    context.box.update { record in
      guard !record.hasJournalFailed else { return }
      record.launchID = ""
      record.phase = nil
    }
  }

  private func steps() async throws {
    let engine = Result { try context.runtime(job.engine) }
    let hello = context.probe.reading()
    try record(
      .hello(
        Hello(
          device: context.probe.snapshot(context.identity), engine: try? engine.get().description.engineFacts,
          reading: hello.beforeLaunch, startedAtUTC: Self.now(), appVersion: context.appVersion)))
    let runtime = try engine.get()
    try refuse(runtime.description)
    try await passGate()
    try refuseHeat()
    await context.network.close()
    do {
      try await measure(runtime.init(), runtime.description, from: hello)
      await context.network.open()
    } catch {
      await context.network.open()
      throw error
    }
  }

  private func measure(
    _ runtime: any LLMRuntime, _ description: RuntimeDescription, from hello: Reading
  ) async throws {
    context.probe.forgetPeak()
    let before = context.probe.memory()
    let counter = TokenCounter()
    let watch = Watch(
      probe: context.probe, box: context.box, counter: counter, control: context.control,
      timeoutS: job.timeoutS, graceS: context.graceS
    ) { giveUp($0) }
    watch.start()
    let readings = LaunchReadings(probe: context.probe, watch: watch, atStart: hello)
    let bench = Bench(
      job: job, journal: journal, context: context, runtime: runtime, watch: watch, readings: readings,
      counter: counter)
    do {
      try await bench.load(description)
      try await bench.generateAll()
      try report(readings)
      try record(.done(Done()))
    } catch {
      watch.stop()
      if !(error is JournalError) { try? report(readings) }
      await runtime.unload()
      throw error
    }
    watch.stop()
    await runtime.unload()
    await noteKeptMemory(since: before)
  }

  /// Engines free late: a moment is waited for the footprint to come back near what it was before the load.
  ///
  /// Resident memory is no measure of it: what is freed stays resident until the system wants it.
  private func noteKeptMemory(since before: MemoryNow) async {
    guard let start = before.footprintBytes else { return }
    var kept = 0
    for _ in 0..<20 {
      kept = (context.probe.memory().footprintBytes ?? start) - start
      if kept <= Self.keptAtMost { return }
      try? await Task.sleep(for: .seconds(0.1))
    }
    context.onMemoryKept(kept)
  }

  /// What an engine may keep before the process is to be started again; a chosen limit.
  private static let keptAtMost = 100 << 20

  /// The final reading: totals and peaks over the whole launch.
  private func report(_ readings: LaunchReadings) throws {
    try record(
      .reading(ReadingReport(reading: readings.now(), phase: context.box.current.phase, isFinal: true)))
  }

  /// The runtime neither answers nor comes back: the launch is ended without it, and then the process.
  private func giveUp(_ reason: RunFailure) {
    _ = try? record(.failed(failure(of: reason)))
    clearBox()
    context.onStuck()
  }

  private func passGate() async throws {
    guard let gate = job.gate else { return }
    try announce(.gate)
    let probe = context.probe
    let keeper = GateKeeper(
      gate: gate, read: { probe.reading() }, clock: { Double(bench_now_ns()) / 1e9 }, sleep: context.sleep,
      isCancelled: context.isCancelled)
    let admission = try await context.control.run { try await keeper.admit() }
    try record(
      .reading(
        ReadingReport(
          reading: admission.reading.beforeLaunch, phase: .gate, waitedS: admission.waitedS,
          unmet: admission.unmet,
          unknown: admission.unknown)))
  }

  private func announce(_ phase: Phase, index: Int? = nil) throws {
    context.box.update { record in
      record.phase = phase
      record.index = index ?? 0
    }
    try record(.starting(Starting(phase: phase, index: index)))
  }

  private func record(_ body: EventBody) throws { try context.record(body, in: journal) }

  private func refuse(_ runtime: RuntimeDescription) throws {
    if job.workload.promptPath != nil {
      throw RunFailure(
        .unsupported, "a prompt from a file is not read on a phone",
        remedy: "leave out prompt_path: random tokens")
    }
    guard job.workload.kind.isKnown else {
      throw RunFailure(.unsupported, "this app does not know workloads of kind \(job.workload.kind.word)")
    }
    guard runtime.formats.contains(job.model.format) else {
      throw RunFailure(
        .unsupported, "\(runtime.engine) does not open models of format \(job.model.format)",
        remedy: "it opens: \(runtime.formats.joined(separator: ", "))")
    }
  }

  private func refuseHeat() throws {
    guard context.probe.thermalState() == .critical else { return }
    throw RunFailure(.thermalAborted, "the phone is critically hot", remedy: "let it cool down")
  }

  private func failure(of error: any Error) -> Failure {
    let phase = context.box.current.phase
    switch error {
    case let failure as RunFailure:
      let remedy = failure.remedy.isEmpty ? nil : failure.remedy
      return Failure(kind: failure.kind, message: failure.message, remedy: remedy, phase: phase)
    case is CancellationError:
      return Failure(
        kind: .cancelled, message: "stopped by hand", remedy: "phibench run --resume", phase: phase)
    default:
      return Failure(kind: .crashed, message: "\(job.engine) failed: \(error)", phase: phase)
    }
  }

  private static func now() -> String {
    Date().formatted(
      .iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted))
  }
}
