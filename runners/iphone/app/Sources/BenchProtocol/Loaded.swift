// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// What fields mean is said once, in runners/contract.py and docs/contract.md.

/// What an engine says once a model is ready; every field as in effect, not as asked.
public struct Loaded: Codable, Hashable, Sendable {
  /// From the call that opens the model to the moment it can generate.
  public var loadS: Double?
  public var weightsBytes: Int?
  public var kvBytes: Int?
  public var computeBytes: Int?
  public var backend: String?
  public var nThreads: Int?
  /// The engine's options in effect; null where it does not say.
  public var options: [String: JSONValue]
  public var model: [String: JSONValue]
  public var flags: [Flag]
  public var engineReported: [String: JSONValue]

  public init(
    loadS: Double? = nil, weightsBytes: Int? = nil, kvBytes: Int? = nil, computeBytes: Int? = nil,
    backend: String? = nil, nThreads: Int? = nil, options: [String: JSONValue] = [:],
    model: [String: JSONValue] = [:], flags: [Flag] = [], engineReported: [String: JSONValue] = [:]
  ) {
    self.loadS = loadS
    self.weightsBytes = weightsBytes
    self.kvBytes = kvBytes
    self.computeBytes = computeBytes
    self.backend = backend
    self.nThreads = nThreads
    self.options = options
    self.model = model
    self.flags = flags
    self.engineReported = engineReported
  }

  enum CodingKeys: String, CodingKey {
    case loadS = "load_s"
    case weightsBytes = "weights_bytes"
    case kvBytes = "kv_bytes"
    case computeBytes = "compute_bytes"
    case backend
    case nThreads = "n_threads"
    case options
    case model
    case flags
    case engineReported = "engine_reported"
  }

  public init(from decoder: any Decoder) throws {
    let record = try decoder.container(keyedBy: CodingKeys.self)
    loadS = try record.optional(.loadS)
    weightsBytes = try record.optional(.weightsBytes)
    kvBytes = try record.optional(.kvBytes)
    computeBytes = try record.optional(.computeBytes)
    backend = try record.optional(.backend)
    nThreads = try record.optional(.nThreads)
    options = try record.get(.options, or: [:])
    model = try record.get(.model, or: [:])
    flags = try record.get(.flags, or: [])
    engineReported = try record.get(.engineReported, or: [:])
  }
}

/// Which build of which engine.
public struct EngineFacts: Codable, Hashable, Sendable {
  public var engine: String
  public var version: String?
  public var build: [String: JSONValue]
  public var packages: [String: String]

  public init(
    engine: String, version: String? = nil, build: [String: JSONValue] = [:],
    packages: [String: String] = [:]
  ) {
    self.engine = engine
    self.version = version
    self.build = build
    self.packages = packages
  }

  enum CodingKeys: String, CodingKey {
    case engine
    case version
    case build
    case packages
  }

  public init(from decoder: any Decoder) throws {
    let record = try decoder.container(keyedBy: CodingKeys.self)
    engine = try record.get(.engine)
    version = try record.optional(.version)
    build = try record.get(.build, or: [:])
    packages = try record.get(.packages, or: [:])
  }
}
