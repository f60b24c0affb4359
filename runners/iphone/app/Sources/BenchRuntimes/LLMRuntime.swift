import BenchProtocol

/// What there is to know of a runtime before it is opened.
public struct RuntimeDescription: Hashable, Sendable {
  /// Name on the wire: `echo`, `mlc`, `coreml`.
  public let engine: String
  /// Version of the framework, nil where it does not say.
  public let version: String?
  /// Formats of models that it opens.
  public let formats: [String]
  /// Options that a job may set, with what they mean.
  public let options: [String: String]
  /// Whether it only plays the part of an engine.
  public let isSimulated: Bool
  /// What else is known of the build: commit of a fork, features.
  public let build: [String: JSONValue]

  public init(
    engine: String, version: String?, formats: [String], options: [String: String], isSimulated: Bool = false,
    build: [String: JSONValue] = [:]
  ) {
    self.engine = engine
    self.version = version
    self.formats = formats
    self.options = options
    self.isSimulated = isSimulated
    self.build = build
  }

  /// What the host is told in `hello` of the bridge.
  public var facts: RuntimeFacts {
    RuntimeFacts(
      engine: engine, version: version, formats: formats, options: options.keys.sorted(),
      isSimulated: isSimulated)
  }

  /// What the host is told in the `hello` event of a launch.
  public var engineFacts: EngineFacts {
    EngineFacts(
      engine: engine, version: version,
      build: build.merging(isSimulated ? ["is_simulated": true] : [:]) { ours, _ in ours })
  }
}

/// What a generation was, beside its times.
public struct Generation: Hashable, Sendable {
  /// What one stamp stands for.
  public var granularity: Granularity = .token
  /// Prompt tokens evaluated now, and taken from an earlier generation.
  public var nPromptTokens: Int
  public var nCachedTokens = 0
  public var finishReason = "length"
  /// Of the generated ids; nil where nothing was sampled or the engine hands over no ids.
  public var tokenHash: String?
  public var areGapsExact = true
  /// Tokens of each delivery where they are known only afterwards; nil = as stamped.
  public var tokensPerDelivery: [Int]?
  /// The engine's own figures, verbatim.
  public var engineReported: [String: JSONValue] = [:]

  public init(nPromptTokens: Int) { self.nPromptTokens = nPromptTokens }
}

/// One engine on the phone: a class or actor, one file, holding only calls into its framework.
///
/// The core calls `load` once, `generate` for each warm-up and iteration, `unload` at the end, one after another.
/// Every load may kill the app; the core has written it down before it calls.
public protocol LLMRuntime: AnyObject, Sendable {
  static var description: RuntimeDescription { get }

  init()

  /// Open a model with room for so many tokens.
  ///
  /// - Returns: what is in effect, as far as the framework says. `loadS` may stay nil, the core then takes the time
  ///   of this call.
  /// - Throws: ``RunFailure`` of the kind that says what is wrong.
  func load(_ model: ModelRef, options: RunOptions, nContextTokens: Int) async throws -> Loaded

  /// Run the workload once, from an empty context.
  ///
  /// Calls `times.begin()` when the prompt is ready and `times.stamp()` for each delivery, where the engine hands it
  /// over. Ends early with `CancellationError` when its task is cancelled.
  ///
  /// - Throws: ``RunFailure`` when the engine refused or computed rubbish.
  func generate(_ workload: Workload, into times: inout TokenTimes) async throws -> Generation

  /// Free everything. Called after a failure too.
  func unload() async
}
