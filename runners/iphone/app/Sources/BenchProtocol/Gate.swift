// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// What fields mean is said once, in runners/contract.py and docs/contract.md.

/// What must hold before a launch, and how long to wait for it before running flagged; nil = not asked.
public struct Gate: Codable, Hashable, Sendable {
  public var maxOtherCpuCores: Double?
  public var isThermalNominal: Bool?
  public var isLowPowerOff: Bool?
  public var isMainsPower: Bool?
  public var minFreeBytes: Int?
  public var nominalHoldS: Double
  public var longestWaitS: Double

  public init(
    maxOtherCpuCores: Double? = nil, isThermalNominal: Bool? = nil, isLowPowerOff: Bool? = nil,
    isMainsPower: Bool? = nil, minFreeBytes: Int? = nil, nominalHoldS: Double = 0.0,
    longestWaitS: Double = 0.0
  ) {
    self.maxOtherCpuCores = maxOtherCpuCores
    self.isThermalNominal = isThermalNominal
    self.isLowPowerOff = isLowPowerOff
    self.isMainsPower = isMainsPower
    self.minFreeBytes = minFreeBytes
    self.nominalHoldS = nominalHoldS
    self.longestWaitS = longestWaitS
  }

  enum CodingKeys: String, CodingKey {
    case maxOtherCpuCores = "max_other_cpu_cores"
    case isThermalNominal = "is_thermal_nominal"
    case isLowPowerOff = "is_low_power_off"
    case isMainsPower = "is_mains_power"
    case minFreeBytes = "min_free_bytes"
    case nominalHoldS = "nominal_hold_s"
    case longestWaitS = "longest_wait_s"
  }

  public init(from decoder: any Decoder) throws {
    let record = try decoder.container(keyedBy: CodingKeys.self)
    maxOtherCpuCores = try record.optional(.maxOtherCpuCores)
    isThermalNominal = try record.optional(.isThermalNominal)
    isLowPowerOff = try record.optional(.isLowPowerOff)
    isMainsPower = try record.optional(.isMainsPower)
    minFreeBytes = try record.optional(.minFreeBytes)
    nominalHoldS = try record.get(.nominalHoldS, or: 0.0)
    longestWaitS = try record.get(.longestWaitS, or: 0.0)
  }
}
