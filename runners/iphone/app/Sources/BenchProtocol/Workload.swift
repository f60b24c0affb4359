// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// What fields mean is said once, in runners/contract.py and docs/contract.md.

/// What is asked of an arm.
///
/// The prompt is `nPromptTokens` random tokens drawn with `promptSeed`. A kernel workload has either prompt tokens
/// (prefill) or generated tokens (decode), never both.
public struct Workload: Codable, Hashable, Sendable {
  public var name: String
  public var kind: WorkloadKind
  public var nPromptTokens: Int
  public var nGeneratedTokens: Int
  public var nDepthTokens: Int
  public var promptSeed: Int
  public var promptPath: String?

  public init(
    name: String, kind: WorkloadKind = .generation, nPromptTokens: Int = 0,
    nGeneratedTokens: Int = 0, nDepthTokens: Int = 0, promptSeed: Int = 1, promptPath: String? = nil
  ) {
    self.name = name
    self.kind = kind
    self.nPromptTokens = nPromptTokens
    self.nGeneratedTokens = nGeneratedTokens
    self.nDepthTokens = nDepthTokens
    self.promptSeed = promptSeed
    self.promptPath = promptPath
  }

  enum CodingKeys: String, CodingKey {
    case name
    case kind
    case nPromptTokens = "n_prompt_tokens"
    case nGeneratedTokens = "n_generated_tokens"
    case nDepthTokens = "n_depth_tokens"
    case promptSeed = "prompt_seed"
    case promptPath = "prompt_path"
  }

  public init(from decoder: any Decoder) throws {
    let record = try decoder.container(keyedBy: CodingKeys.self)
    name = try record.get(.name)
    kind = try record.get(.kind, or: .generation)
    nPromptTokens = try record.get(.nPromptTokens, or: 0)
    nGeneratedTokens = try record.get(.nGeneratedTokens, or: 0)
    nDepthTokens = try record.get(.nDepthTokens, or: 0)
    promptSeed = try record.get(.promptSeed, or: 1)
    promptPath = try record.optional(.promptPath)
    if let fault { throw record.fault(.name, fault) }
  }

  /// Room that the whole of it takes in the context.
  public var nContextTokens: Int { nDepthTokens + nPromptTokens + nGeneratedTokens }

  /// What makes no sense in it; nil when it is sound.
  public var fault: String? {
    if min(nPromptTokens, nGeneratedTokens, nDepthTokens) < 0 {
      return "token counts cannot be negative"
    }
    if kind == .kernel && (nPromptTokens > 0) == (nGeneratedTokens > 0) {
      return "a kernel workload has prompt tokens or generated tokens, exactly one of the two"
    }
    if kind == .generation && min(nPromptTokens, nGeneratedTokens) < 1 {
      return "a generation workload needs at least one prompt token and one generated token"
    }
    return nil
  }
}
