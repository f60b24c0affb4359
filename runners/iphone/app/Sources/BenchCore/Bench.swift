import BenchC
import BenchProbes
import BenchProtocol
import BenchRuntimes

/// The part of a launch in which the network is closed: the load and the generations.
struct Bench: Sendable {
  let job: Job
  let journal: Journal
  let context: LaunchContext
  let runtime: any LLMRuntime
  let watch: Watch
  let readings: LaunchReadings
  let counter: TokenCounter

  /// In a launch with a duration the device is looked at this often, between two generations.
  private static let lookEveryNs = 5_000_000_000

  func load(_ description: RuntimeDescription) async throws {
    let model = try context.models.find(job.model)
    let options = try RunOptions(job.options, for: description)
    let nContext = try options.integer("n_ctx", or: job.workload.nContextTokens)
    try announce(.load, 0)
    let runtime = runtime
    let begunNs = bench_now_ns()
    var loaded = try await guarded {
      try await runtime.load(model, options: options, nContextTokens: nContext)
    }
    let tookS = Double(bench_now_ns() - begunNs) / 1e9
    loaded.loadS = loaded.loadS ?? tookS
    loaded.options["n_ctx"] = loaded.options["n_ctx"] ?? .int(nContext)
    loaded.flags += marks(description).filter { !loaded.flags.contains($0) }
    try record(.loaded(loaded))
    try look(.load)
  }

  /// Warm-ups, then the asked number of iterations, or as many as the duration holds.
  func generateAll() async throws {
    for index in 0..<job.nWarmups { _ = try await generate(.warmup, index) }
    let durationNs = Int((job.durationS ?? 0) * 1e9)
    let begunNs = Int(bench_now_ns())
    var firstT0Ns: Int?
    var passedNs = 0
    var lookedNs = begunNs
    var index = 0
    while index < job.nIterations || passedNs < durationNs {
      let trace = try await generate(.iteration, index)
      firstT0Ns = firstT0Ns ?? trace.t0Ns
      let nowNs = Int(bench_now_ns())
      // By the traces; by our own clock should an engine's stand still.
      passedNs = max(trace.t0Ns + (trace.dtNs.last ?? 0) - (firstT0Ns ?? 0), nowNs - begunNs)
      if job.durationS != nil, nowNs - lookedNs >= Self.lookEveryNs {
        lookedNs = nowNs
        try look(.iteration)
      }
      index += 1
    }
  }

  private func generate(_ phase: Phase, _ index: Int) async throws -> Trace {
    counter.reset()
    try announce(phase, index)
    let (runtime, workload, counter) = (runtime, job.workload, counter)
    let trace = try await guarded {
      // Every delivery has at least one token, except the one of a kernel prefill.
      var times = TokenTimes(capacity: workload.nGeneratedTokens, counter: counter)
      let generation = try await runtime.generate(workload, into: &times)
      times.end()
      return try Self.trace(times, generation)
    }
    try record(.iteration(Iteration(index: index, isWarmup: phase == .warmup, trace: trace)))
    return trace
  }

  /// A step under the watch's eye. Heat that was seen in it is written down after it.
  private func guarded<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) async throws -> T {
    watch.begin()
    let result: Result<T, any Error>
    do { result = .success(try await context.control.run(work)) } catch { result = .failure(error) }
    let hottest = watch.end()
    if let hottest, hottest != .nominal { try look(context.box.current.phase, hottest) }
    return try result.get()
  }

  /// The evidence of one generation.
  static func trace(_ times: borrowing TokenTimes, _ generation: Generation) throws -> Trace {
    guard times.nDropped == 0 else {
      throw RunFailure(
        .backendMismatch,
        "the engine delivered \(times.count + times.nDropped) times, room was for \(times.capacity)")
    }
    let trace = Trace(
      t0Ns: Int(times.t0Ns), dtNs: times.dtNs, granularity: generation.granularity,
      nTokens: generation.tokensPerDelivery ?? times.tokensPerDelivery,
      nPromptTokens: generation.nPromptTokens,
      nCachedTokens: generation.nCachedTokens, finishReason: generation.finishReason,
      tokenHash: generation.tokenHash, cpuTimeNs: times.cpuTimeNs, areGapsExact: generation.areGapsExact,
      engineReported: generation.engineReported)
    if let fault = trace.fault {
      throw RunFailure(.backendMismatch, "the engine's times make no sense: \(fault)")
    }
    return trace
  }

  private func look(_ phase: Phase?, _ hottest: ThermalState? = nil) throws {
    var reading = readings.now()
    if let hottest { reading.thermalState = hottest.word }
    try record(.reading(ReadingReport(reading: reading, phase: phase)))
  }

  private func announce(_ phase: Phase, _ index: Int) throws {
    context.box.update { record in
      record.phase = phase
      record.index = index
      record.nTokens = 0
    }
    try record(.starting(Starting(phase: phase, index: index)))
  }

  private func record(_ body: EventBody) throws { try context.record(body, in: journal) }

  private func marks(_ description: RuntimeDescription) -> [Flag] {
    (description.isSimulated ? [.simulated] : []) + (context.isReload ? [.reload] : [])
  }
}
