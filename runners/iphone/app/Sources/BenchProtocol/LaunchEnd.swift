// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// What fields mean is said once, in runners/contract.py and docs/contract.md.

/// What the last event of a launch says of all before it, so that a gap or a change shows.
public struct Seal: Codable, Hashable, Sendable {
  /// All events of the launch over all boots, the last one included.
  public var nEvents: Int
  /// Over the canonical line of every event before the last, each with a line feed.
  public var eventsSHA256: String
  /// The boots in order; nil when there was only one.
  public var boots: [String]?

  public init(nEvents: Int, eventsSHA256: String, boots: [String]?) {
    self.nEvents = nEvents
    self.eventsSHA256 = eventsSHA256
    self.boots = boots
  }
}

/// The launch went as asked. The journal adds the seal.
public struct Done: Codable, Hashable, Sendable {
  public var seal: Seal?

  public init(seal: Seal? = nil) { self.seal = seal }

  public init(from decoder: any Decoder) throws {
    seal = try Seal.optional(from: decoder)
  }

  public func encode(to encoder: any Encoder) throws {
    try seal?.encode(to: encoder)
    if seal == nil { _ = encoder.container(keyedBy: Seal.CodingKeys.self) }
  }
}

/// The launch gave no result. The journal adds the seal.
public struct Failure: Codable, Hashable, Sendable {
  public var kind: FailureKind
  /// What happened, in one sentence without the remedy.
  public var message: String
  /// What to try; nil when nothing is known to help.
  public var remedy: String?
  /// The engine's last words.
  public var detail: String?
  public var phase: Phase?
  /// True where it is only inferred from what a dead process left behind; else nil.
  public var isSuspected: Bool?
  public var seal: Seal?

  public init(
    kind: FailureKind, message: String, remedy: String? = nil, detail: String? = nil,
    phase: Phase? = nil, isSuspected: Bool? = nil, seal: Seal? = nil
  ) {
    self.kind = kind
    self.message = message
    self.remedy = remedy
    self.detail = detail
    self.phase = phase
    self.isSuspected = isSuspected
    self.seal = seal
  }

  enum CodingKeys: String, CodingKey {
    case kind
    case message
    case remedy
    case detail
    case phase
    case isSuspected = "suspected"
  }

  public init(from decoder: any Decoder) throws {
    let record = try decoder.container(keyedBy: CodingKeys.self)
    kind = try record.get(.kind)
    message = try record.get(.message, or: "")
    remedy = try record.optional(.remedy)
    detail = try record.optional(.detail)
    phase = try record.optional(.phase)
    isSuspected = try record.optional(.isSuspected)
    seal = try Seal.optional(from: decoder)
  }

  public func encode(to encoder: any Encoder) throws {
    var record = encoder.container(keyedBy: CodingKeys.self)
    try record.encode(kind, forKey: .kind)
    try record.encode(message, forKey: .message)
    try record.encodeIfPresent(remedy, forKey: .remedy)
    try record.encodeIfPresent(detail, forKey: .detail)
    try record.encodeIfPresent(phase, forKey: .phase)
    try record.encodeIfPresent(isSuspected, forKey: .isSuspected)
    try seal?.encode(to: encoder)
  }
}

extension Seal {
  enum CodingKeys: String, CodingKey {
    case nEvents = "n_events"
    case eventsSHA256 = "events_sha256"
    case boots
  }

  /// The seal among the other fields of an end; nil when its sender left it out.
  static func optional(from decoder: any Decoder) throws -> Seal? {
    let record = try decoder.container(keyedBy: CodingKeys.self)
    return record.contains(.nEvents) ? try Seal(from: decoder) : nil
  }
}
