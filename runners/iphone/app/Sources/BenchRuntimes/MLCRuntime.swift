#if canImport(MLCSwift)
  import BenchC
  import BenchProtocol
  import Foundation
  @preconcurrency import MLCSwift

  /// MLC on a phone. Stub type-checked; unverified on an iPhone.
  ///
  /// What it works round, each read in the source of MLCSwift at 79d603f0:
  /// - The prefix cache is on and cannot be switched off: `reset` before every generation.
  /// - A failed load aborts the process: the core has written `starting load` before it calls.
  /// - Usage comes as the last item of the stream, and an error as a finish reason followed by a usage of zeros.
  /// - A chunk is no token: counts come from the usage.
  /// - A quote in a path breaks the engine's configuration.
  /// - `reload` blocks although it is async: it runs on this actor, never on the main one.
  public actor MLCRuntime: LLMRuntime {
    public static let description = RuntimeDescription(
      engine: "mlc", version: info("MLCVersion"), formats: ["mlc"],
      options: ["n_ctx": "tokens of context; fixed when the model was packaged, so only compared"],
      build: ["fork_commit": info("MLCForkCommit").map(JSONValue.string) ?? .null])

    private let engine = MLCEngine()

    public init() {}

    public func load(_ model: ModelRef, options: RunOptions, nContextTokens: Int) async throws -> Loaded {
      guard let path = model.path else { throw RunFailure(.modelMissing, "the model has no folder") }
      let package = try Self.package(for: URL(fileURLWithPath: path))
      guard MLCPackage.isSafe(path), MLCPackage.isSafe(package.modelLib) else {
        throw RunFailure(
          .modelInvalid, "a quote or backslash in the model's path", remedy: "rename its folder")
      }
      await engine.unload()
      try Self.refuseIfTooLarge(package)
      let begunNs = bench_now_ns()
      await engine.reload(modelPath: path, modelLib: package.modelLib)
      let tookS = Double(bench_now_ns() - begunNs) / 1e9
      try await checkThatItAnswers()
      return Loaded(
        loadS: tookS, weightsBytes: model.tensorBytes, backend: "metal", options: ["n_ctx": .null],
        model: ["model_lib": .string(package.modelLib)])
    }

    public func generate(_ workload: Workload, into times: inout TokenTimes) async throws -> Generation {
      guard workload.kind == .generation, workload.nDepthTokens == 0 else {
        throw RunFailure(.unsupported, "MLCSwift offers chat only: no kernel workloads and no depth")
      }
      await engine.reset()
      let text = PromptText.drawn(workload.nPromptTokens, seed: workload.promptSeed)
      times.begin()
      // The stream is read here and not in a function of its own: `times` is ours alone while it is stamped.
      let stream = await ask(text, nTokens: workload.nGeneratedTokens)
      var answer = Answer()
      for await item in stream where answer.take(item) { times.stamp() }
      try Task.checkCancellation()
      return try report(answer, nDeliveries: times.count)
    }

    public func unload() async { await engine.unload() }

    private func ask(_ text: String, nTokens: Int) async -> AsyncStream<ChatCompletionStreamResponse> {
      await engine.chat.completions.create(
        messages: [ChatCompletionMessage(role: .user, content: text)], max_tokens: nTokens, seed: 0,
        stream: true,
        stream_options: StreamOptions(include_usage: true), temperature: 0)
    }

    /// `reload` throws nothing, so a short exchange shows whether the model is there at all.
    private func checkThatItAnswers() async throws {
      var answer = Answer()
      for await item in await ask("hello", nTokens: 1) { _ = answer.take(item) }
      try Task.checkCancellation()
      _ = try answer.usage()
    }

    private func report(_ answer: Answer, nDeliveries: Int) throws -> Generation {
      let usage = try answer.usage()
      guard let counts = TokenSpread.counts(nTokens: usage.completion_tokens, nDeliveries: nDeliveries) else {
        throw RunFailure(
          .backendMismatch, "MLC says \(usage.completion_tokens) tokens and delivered \(nDeliveries) chunks")
      }
      var generation = Generation(nPromptTokens: usage.prompt_tokens)
      let isOneEach = usage.completion_tokens == nDeliveries
      generation.granularity = isOneEach ? .token : .chunk
      generation.tokensPerDelivery = isOneEach ? nil : counts
      generation.areGapsExact = isOneEach
      generation.finishReason = answer.finishReason ?? "length"
      generation.engineReported = answer.reported(usage)
      return generation
    }

    /// What the packager wrote, from beside the model or from the app.
    private static func package(for folder: URL) throws -> MLCPackage {
      let name = "mlc-app-config.json"
      let inApp = Bundle.main.resourceURL?.appendingPathComponent("bundle").appendingPathComponent(name)
      let places = [folder.appendingPathComponent(name)] + (inApp.map { [$0] } ?? [])
      guard let json = places.lazy.compactMap({ try? Data(contentsOf: $0) }).first else {
        throw RunFailure(
          .modelInvalid, "there is no mlc-app-config.json", remedy: "mlc_llm package, then build again")
      }
      return try MLCPackage(of: folder.lastPathComponent, in: json)
    }

    /// A load that does not fit ends the process, so it is refused before.
    private static func refuseIfTooLarge(_ package: MLCPackage) throws {
      let available = bench_read_memory().available
      guard let wanted = package.estimatedBytes, available >= 0, Int64(wanted) > available else { return }
      throw RunFailure(
        .modelTooLarge,
        "the model needs about \(wanted >> 20) MiB and the app may take \(available >> 20) MiB",
        remedy: "choose a smaller model or context; check the entitlements of the build")
    }

    private static func info(_ key: String) -> String? {
      Bundle.main.object(forInfoDictionaryKey: key) as? String
    }
  }

  /// What has come of one request.
  private struct Answer {
    private(set) var text = ""
    private(set) var finishReason: String?
    private var last: CompletionUsage?

    /// Whether the item brought text.
    mutating func take(_ item: ChatCompletionStreamResponse) -> Bool {
      last = item.usage ?? last
      guard let choice = item.choices.first else { return false }
      finishReason = choice.finish_reason ?? finishReason
      guard let piece = choice.delta.content?.asText(), !piece.isEmpty else { return false }
      text += piece
      return true
    }

    /// - Throws: ``RunFailure`` when the engine reported an error, or said nothing.
    func usage() throws -> CompletionUsage {
      if finishReason == "error" { throw RunFailure(.crashed, "MLC ended the answer with an error: \(text)") }
      guard let last, last.completion_tokens > 0 else {
        throw RunFailure(.backendMismatch, "MLC gave no tokens and no word why")
      }
      return last
    }

    func reported(_ usage: CompletionUsage) -> [String: JSONValue] {
      var all: [String: JSONValue] = [
        "prompt_tokens": .int(usage.prompt_tokens), "completion_tokens": .int(usage.completion_tokens),
        "total_tokens": .int(usage.total_tokens), "text_sha256": .string(Crypto.sha256Hex(Array(text.utf8))),
        "text_head": .string(String(text.prefix(200))),
      ]
      if let extra = usage.extra {
        all["prefill_tokens_per_s"] = extra.prefill_tokens_per_s.map { JSONValue(Double($0)) }
        all["decode_tokens_per_s"] = extra.decode_tokens_per_s.map { JSONValue(Double($0)) }
        all["num_prefill_tokens"] = extra.num_prefill_tokens.map(JSONValue.int)
      }
      return all
    }
  }
#endif
