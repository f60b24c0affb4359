// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// What fields mean is said once, in runners/contract.py and docs/contract.md.

/// The hyperparameters that fix the speed and the memory of a dense transformer.
public struct ModelShape: Codable, Hashable, Sendable {
  public var architecture: String
  public var nLayers: Int
  public var nEmbd: Int
  public var nFf: Int
  public var nHeads: Int
  public var nKvHeads: Int
  public var headDim: Int
  public var vocabSize: Int
  public var contextLength: Int
  public var isTied: Bool
  public var nParams: Int

  public init(
    architecture: String, nLayers: Int, nEmbd: Int, nFf: Int, nHeads: Int, nKvHeads: Int,
    headDim: Int, vocabSize: Int, contextLength: Int, isTied: Bool, nParams: Int
  ) {
    self.architecture = architecture
    self.nLayers = nLayers
    self.nEmbd = nEmbd
    self.nFf = nFf
    self.nHeads = nHeads
    self.nKvHeads = nKvHeads
    self.headDim = headDim
    self.vocabSize = vocabSize
    self.contextLength = contextLength
    self.isTied = isTied
    self.nParams = nParams
  }

  enum CodingKeys: String, CodingKey {
    case architecture
    case nLayers = "n_layers"
    case nEmbd = "n_embd"
    case nFf = "n_ff"
    case nHeads = "n_heads"
    case nKvHeads = "n_kv_heads"
    case headDim = "head_dim"
    case vocabSize = "vocab_size"
    case contextLength = "context_length"
    case isTied = "is_tied"
    case nParams = "n_params"
  }
}

/// One artifact: a model in one format at one place.
public struct ModelRef: Codable, Hashable, Sendable {
  /// Catalogue id such as `phi-3-mini-4k`, or the file's stem when it is in no catalogue.
  public var model: String
  /// `mlc`, `coreml`, `mlx`, `gguf`, or `none` for a runtime that needs no file.
  public var format: String
  public var quant: String
  /// Where it lies on the device that runs it; never sent to the host.
  public var path: String?
  public var nBytes: Int?
  public var tensorBytes: Int?
  /// What identifies the content: sha256 of the whole where known.
  public var digest: String?
  public var isSynthetic: Bool
  public var hasTokenizer: Bool
  public var shape: ModelShape?

  public init(
    model: String, format: String, quant: String, path: String? = nil, nBytes: Int? = nil,
    tensorBytes: Int? = nil, digest: String? = nil, isSynthetic: Bool = false,
    hasTokenizer: Bool = false, shape: ModelShape? = nil
  ) {
    self.model = model
    self.format = format
    self.quant = quant
    self.path = path
    self.nBytes = nBytes
    self.tensorBytes = tensorBytes
    self.digest = digest
    self.isSynthetic = isSynthetic
    self.hasTokenizer = hasTokenizer
    self.shape = shape
  }

  enum CodingKeys: String, CodingKey {
    case model
    case format
    case quant
    case path
    case nBytes = "n_bytes"
    case tensorBytes = "tensor_bytes"
    case digest
    case isSynthetic = "is_synthetic"
    case hasTokenizer = "has_tokenizer"
    case shape
  }

  public init(from decoder: any Decoder) throws {
    let record = try decoder.container(keyedBy: CodingKeys.self)
    model = try record.get(.model)
    format = try record.get(.format)
    quant = try record.get(.quant)
    path = try record.optional(.path)
    nBytes = try record.optional(.nBytes)
    tensorBytes = try record.optional(.tensorBytes)
    digest = try record.optional(.digest)
    isSynthetic = try record.get(.isSynthetic, or: false)
    hasTokenizer = try record.get(.hasTokenizer, or: false)
    shape = try record.optional(.shape)
  }
}
