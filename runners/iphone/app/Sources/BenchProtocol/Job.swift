// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// What fields mean is said once, in runners/contract.py and docs/contract.md.

/// One launch: one cell, with its warm-ups and iterations.
public struct Job: Codable, Hashable, Sendable {
  /// Made by the collector, `run_id/number`; every event belongs to it.
  public var launchID: String
  public var model: ModelRef
  public var engine: String
  public var workload: Workload
  /// Engine options of the arm; scalars only.
  public var options: [String: JSONValue]
  /// Generations of the full shape that are kept and marked.
  public var nWarmups: Int
  /// Measured generations; with `durationS` they repeat until that time is over.
  public var nIterations: Int
  public var durationS: Double?
  /// Longest silence between two events before the launch is given up.
  public var timeoutS: Double
  /// Evaluated by this device itself.
  public var gate: Gate?
  /// Means nothing on a phone.
  public var python: String?
  public var replicationUnit: ReplicationUnit
  public var protocolVersion: Int

  public init(
    launchID: String, model: ModelRef, engine: String, workload: Workload,
    options: [String: JSONValue] = [:], nWarmups: Int = 1, nIterations: Int = 1,
    durationS: Double? = nil, timeoutS: Double = 900.0, gate: Gate? = nil, python: String? = nil,
    replicationUnit: ReplicationUnit = .process, protocolVersion: Int = benchProtocolVersion
  ) {
    self.launchID = launchID
    self.model = model
    self.engine = engine
    self.workload = workload
    self.options = options
    self.nWarmups = nWarmups
    self.nIterations = nIterations
    self.durationS = durationS
    self.timeoutS = timeoutS
    self.gate = gate
    self.python = python
    self.replicationUnit = replicationUnit
    self.protocolVersion = protocolVersion
  }

  enum CodingKeys: String, CodingKey {
    case launchID = "launch_id"
    case model
    case engine
    case workload
    case options
    case nWarmups = "n_warmups"
    case nIterations = "n_iterations"
    case durationS = "duration_s"
    case timeoutS = "timeout_s"
    case gate
    case python
    case replicationUnit = "replication_unit"
    case protocolVersion = "protocol"
  }

  public init(from decoder: any Decoder) throws {
    let record = try decoder.container(keyedBy: CodingKeys.self)
    launchID = try record.get(.launchID)
    model = try record.get(.model)
    engine = try record.get(.engine)
    workload = try record.get(.workload)
    options = try record.get(.options, or: [:])
    nWarmups = try record.get(.nWarmups, or: 1)
    nIterations = try record.get(.nIterations, or: 1)
    durationS = try record.optional(.durationS)
    timeoutS = try record.get(.timeoutS, or: 900.0)
    gate = try record.optional(.gate)
    python = try record.optional(.python)
    replicationUnit = try record.get(.replicationUnit, or: .process)
    protocolVersion = try record.get(.protocolVersion, or: benchProtocolVersion)
    if let fault { throw record.fault(.launchID, fault) }
  }

  /// What makes no sense in it; nil when it is sound.
  public var fault: String? {
    if !Identifier.isLaunchID(launchID) {
      return "\(launchID) is no launch id; they look like run_id/number"
    }
    if nIterations < 1 || nWarmups < 0 {
      return "a job has at least one iteration and no negative number of warm-ups"
    }
    if timeoutS <= 0 || (durationS ?? 1) <= 0 { return "times must be positive" }
    if let name = options.first(where: { !$0.value.isScalar })?.key {
      return "option \(name) is no text, number or truth value"
    }
    return nil
  }
}
