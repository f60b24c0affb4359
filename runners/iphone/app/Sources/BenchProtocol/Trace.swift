// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// What fields mean is said once, in runners/contract.py and docs/contract.md.

/// The evidence of one generation: integer nanoseconds on one monotonic clock, never a metric.
public struct Trace: Codable, Hashable, Sendable {
  /// Monotonic time at which the request began, token ids ready.
  public var t0Ns: Int
  /// Rising; nanoseconds after `t0Ns` at which each delivery was visible to the caller.
  public var dtNs: [Int]
  public var granularity: Granularity
  /// Tokens of each delivery; nil = one each.
  public var nTokens: [Int]?
  /// Evaluated in this generation; `nCachedTokens` were taken from an earlier one.
  public var nPromptTokens: Int
  public var nCachedTokens: Int
  public var finishReason: String
  /// Of the generated token ids; nil where they are not known.
  public var tokenHash: String?
  /// Processor time of all threads of the process over the generation.
  public var cpuTimeNs: Int?
  public var areGapsExact: Bool
  /// The engine's own figures, verbatim.
  public var engineReported: [String: JSONValue]

  public init(
    t0Ns: Int, dtNs: [Int], granularity: Granularity = .token, nTokens: [Int]? = nil,
    nPromptTokens: Int = 0, nCachedTokens: Int = 0, finishReason: String = "length",
    tokenHash: String? = nil, cpuTimeNs: Int? = nil, areGapsExact: Bool = true,
    engineReported: [String: JSONValue] = [:]
  ) {
    self.t0Ns = t0Ns
    self.dtNs = dtNs
    self.granularity = granularity
    self.nTokens = nTokens
    self.nPromptTokens = nPromptTokens
    self.nCachedTokens = nCachedTokens
    self.finishReason = finishReason
    self.tokenHash = tokenHash
    self.cpuTimeNs = cpuTimeNs
    self.areGapsExact = areGapsExact
    self.engineReported = engineReported
  }

  enum CodingKeys: String, CodingKey {
    case t0Ns = "t0_ns"
    case dtNs = "dt_ns"
    case granularity
    case nTokens = "n_tokens"
    case nPromptTokens = "n_prompt_tokens"
    case nCachedTokens = "n_cached_tokens"
    case finishReason = "finish_reason"
    case tokenHash = "token_hash"
    case cpuTimeNs = "cpu_time_ns"
    case areGapsExact = "are_gaps_exact"
    case engineReported = "engine_reported"
  }

  public init(from decoder: any Decoder) throws {
    let record = try decoder.container(keyedBy: CodingKeys.self)
    t0Ns = try record.get(.t0Ns)
    dtNs = try record.get(.dtNs)
    granularity = try record.get(.granularity, or: .token)
    nTokens = try record.optional(.nTokens)
    nPromptTokens = try record.get(.nPromptTokens, or: 0)
    nCachedTokens = try record.get(.nCachedTokens, or: 0)
    finishReason = try record.get(.finishReason, or: "length")
    tokenHash = try record.optional(.tokenHash)
    cpuTimeNs = try record.optional(.cpuTimeNs)
    areGapsExact = try record.get(.areGapsExact, or: true)
    engineReported = try record.get(.engineReported, or: [:])
    if let fault { throw record.fault(.dtNs, fault) }
  }

  /// What makes no sense in it; nil when it is sound.
  public var fault: String? {
    guard let first = dtNs.first else { return "a trace has at least one time" }
    if first < 0 || zip(dtNs, dtNs.dropFirst()).contains(where: { $1 < $0 }) {
      return "token times must rise from t0 on"
    }
    guard let nTokens else { return nil }
    if nTokens.count != dtNs.count { return "n_tokens and dt_ns differ in length" }
    if nTokens.contains(where: { $0 < 0 }) {
      return "a delivery cannot carry a negative number of tokens"
    }
    return nil
  }
}
