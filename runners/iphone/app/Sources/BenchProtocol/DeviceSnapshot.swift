// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// What fields mean is said once, in runners/contract.py and docs/contract.md.

/// What a device is: the part that does not change between two launches.
public struct DeviceSnapshot: Codable, Hashable, Sendable {
  /// Tells two devices of a kind apart and cannot be turned back into a serial number.
  public var fingerprint: String
  public var name: String
  /// `iphone`, `mac`, `pc`, or `simulated` for the phone on Linux.
  public var kind: String
  public var osName: String
  public var osVersion: String?
  public var osBuild: String?
  public var machine: String?
  public var cpuModel: String?
  public var cpuFeatures: [String] = []
  public var nPhysicalCores: Int?
  public var nLogicalCores: Int?
  public var nUsableCores: Int?
  public var nPerformanceCores: Int?
  public var nEfficiencyCores: Int?
  public var nGpuCores: Int?
  public var affinity: [Int]?
  public var cgroupCpuQuota: Double?
  public var memoryBytes: Int?
  public var memoryLimitBytes: Int?
  public var swapBytes: Int?
  public var gpuWiredLimitBytes: Int?
  public var isVirtual: Bool?
  public var hypervisor: String?
  /// Apple's name of the model, such as `iPhone15,2`.
  public var productType: String?

  public init(fingerprint: String, name: String, kind: String, osName: String) {
    self.fingerprint = fingerprint
    self.name = name
    self.kind = kind
    self.osName = osName
  }

  enum CodingKeys: String, CodingKey {
    case fingerprint
    case name
    case kind
    case osName = "os_name"
    case osVersion = "os_version"
    case osBuild = "os_build"
    case machine
    case cpuModel = "cpu_model"
    case cpuFeatures = "cpu_features"
    case nPhysicalCores = "n_physical_cores"
    case nLogicalCores = "n_logical_cores"
    case nUsableCores = "n_usable_cores"
    case nPerformanceCores = "n_performance_cores"
    case nEfficiencyCores = "n_efficiency_cores"
    case nGpuCores = "n_gpu_cores"
    case affinity
    case cgroupCpuQuota = "cgroup_cpu_quota"
    case memoryBytes = "memory_bytes"
    case memoryLimitBytes = "memory_limit_bytes"
    case swapBytes = "swap_bytes"
    case gpuWiredLimitBytes = "gpu_wired_limit_bytes"
    case isVirtual = "is_virtual"
    case hypervisor
    case productType = "product_type"
  }

  public init(from decoder: any Decoder) throws {
    let record = try decoder.container(keyedBy: CodingKeys.self)
    fingerprint = try record.get(.fingerprint)
    name = try record.get(.name)
    kind = try record.get(.kind)
    osName = try record.get(.osName)
    osVersion = try record.optional(.osVersion)
    osBuild = try record.optional(.osBuild)
    machine = try record.optional(.machine)
    cpuModel = try record.optional(.cpuModel)
    cpuFeatures = try record.get(.cpuFeatures, or: [])
    nPhysicalCores = try record.optional(.nPhysicalCores)
    nLogicalCores = try record.optional(.nLogicalCores)
    nUsableCores = try record.optional(.nUsableCores)
    nPerformanceCores = try record.optional(.nPerformanceCores)
    nEfficiencyCores = try record.optional(.nEfficiencyCores)
    nGpuCores = try record.optional(.nGpuCores)
    affinity = try record.optional(.affinity)
    cgroupCpuQuota = try record.optional(.cgroupCpuQuota)
    memoryBytes = try record.optional(.memoryBytes)
    memoryLimitBytes = try record.optional(.memoryLimitBytes)
    swapBytes = try record.optional(.swapBytes)
    gpuWiredLimitBytes = try record.optional(.gpuWiredLimitBytes)
    isVirtual = try record.optional(.isVirtual)
    hypervisor = try record.optional(.hypervisor)
    productType = try record.optional(.productType)
  }
}
