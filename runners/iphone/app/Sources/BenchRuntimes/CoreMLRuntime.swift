#if canImport(CoreML)
  import BenchC
  import BenchProtocol
  @preconcurrency import CoreML
  import Foundation

  /// A stateful 4-bit model under Core ML. Stub type-checked; unverified on an iPhone.
  ///
  /// The model takes `inputIds` (1, Q) and `causalMask` (1, 1, Q, E), gives `logits` (1, Q, V) and keeps `keyCache` and
  /// `valueCache` (layers, 1, kv heads, context, head dim) as states: Q tokens of this call, E in the cache afterwards.
  /// Predictions are made synchronously on this actor, so a stamp follows the logits at once.
  ///
  /// Source: Apple, Core ML documentation (MLModel, MLState, MLComputePlan; iOS 18).
  @available(iOS 18.0, macOS 15.0, *)
  public actor CoreMLRuntime: LLMRuntime {
    public static let description = RuntimeDescription(
      engine: "coreml", version: ProcessInfo.processInfo.operatingSystemVersionString, formats: ["coreml"],
      options: [
        "n_ctx": "tokens of context; the package's own is in effect",
        "compute_units": "cpu_only, cpu_and_gpu, cpu_and_neural_engine or all",
        "prefill_chunk": "prompt tokens a call; at most 32 on a Neural Engine",
      ])
    private static let units: [String: MLComputeUnits] = [
      "cpu_only": .cpuOnly, "cpu_and_gpu": .cpuAndGPU, "cpu_and_neural_engine": .cpuAndNeuralEngine,
      "all": .all,
    ]

    private var decoder: CoreMLDecoder?
    private var nVocabulary = 0

    public init() {}

    public func load(_ model: ModelRef, options: RunOptions, nContextTokens: Int) async throws -> Loaded {
      guard let path = model.path else { throw RunFailure(.modelMissing, "the model has no folder") }
      guard let shape = model.shape else {
        throw RunFailure(.modelInvalid, "model.json tells no shape of the model")
      }
      nVocabulary = shape.vocabSize
      let asked = try options.text("compute_units", or: "cpu_and_gpu", choices: Self.units.keys.sorted())
      let chunk = try options.integer("prefill_chunk", or: asked == "cpu_and_neural_engine" ? 32 : 128)
      let configuration = MLModelConfiguration()
      configuration.computeUnits = Self.units[asked] ?? .cpuAndGPU
      let compiled = try await CompiledModel.in(folder: path)
      let begunNs = bench_now_ns()
      let decoder = try CoreMLDecoder(at: compiled.url, configuration: configuration, chunk: max(1, chunk))
      let tookS = Double(bench_now_ns() - begunNs) / 1e9
      try decoder.refuse(nContextTokens: nContextTokens)
      let plan = try await ComputePlan(of: compiled.url, configuration: configuration)
      let check = try SelfCheck.beside(path)
      try check.map { try $0.compare(decoder.greedy($0.promptIds, count: $0.expectedIds.count), on: asked) }
      self.decoder = decoder
      var reported = plan.reported
      reported["compile_s"] = compiled.compileS.map { JSONValue($0) } ?? .null
      reported["self_check"] = .string(check == nil ? "absent" : "passed")
      return Loaded(
        loadS: tookS, weightsBytes: model.tensorBytes, kvBytes: decoder.kvBytes, backend: plan.mostly,
        options: [
          "compute_units": .string(asked), "prefill_chunk": .int(max(1, chunk)),
          "n_ctx": .int(decoder.nContext),
        ],
        flags: plan.mostly == "cpu" && asked != "cpu_only" ? [.cpuFallback] : [], engineReported: reported)
    }

    public func generate(_ workload: Workload, into times: inout TokenTimes) async throws -> Generation {
      guard let decoder else { throw RunFailure(.modelMissing, "no model is loaded") }
      let nFed = workload.nPromptTokens > 0 ? workload.nPromptTokens : workload.nGeneratedTokens
      let ids = PromptIds(nVocabulary: nVocabulary)
        .drawn(workload.nDepthTokens + nFed, seed: workload.promptSeed)
      let fed = Array(ids.dropFirst(workload.nDepthTokens))
      decoder.forget()
      if workload.nDepthTokens > 0 { _ = try decoder.prefill(Array(ids.prefix(workload.nDepthTokens))) }
      var generation = Generation(nPromptTokens: workload.nPromptTokens)
      if workload.nGeneratedTokens == 0 {
        times.begin()
        _ = try decoder.prefill(fed)
        times.stamp(0)
        generation.granularity = .total
      } else if workload.nPromptTokens == 0 {
        times.begin()
        for id in fed {
          _ = try decoder.next(after: id)
          times.stamp()
          try Task.checkCancellation()
        }
      } else {
        generation.tokenHash = TokenHash.of(try decode(fed, workload.nGeneratedTokens, decoder, &times))
      }
      return generation
    }

    public func unload() async { decoder = nil }

    /// The timed loop of a generation.
    private func decode(
      _ prompt: [Int32], _ nTokens: Int, _ decoder: CoreMLDecoder, _ times: inout TokenTimes
    ) throws -> [Int32] {
      var ids = [Int32](repeating: 0, count: nTokens)
      times.begin()
      ids[0] = try decoder.prefill(prompt)
      times.stamp()
      for i in 1..<max(1, nTokens) {
        ids[i] = try decoder.next(after: ids[i - 1])
        times.stamp()
        try Task.checkCancellation()
      }
      return ids
    }
  }
#endif
