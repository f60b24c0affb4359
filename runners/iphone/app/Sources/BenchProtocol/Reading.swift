// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// What fields mean is said once, in runners/contract.py and docs/contract.md.

/// How a device or the app is now; every field nil where the platform does not say.
public struct Reading: Codable, Hashable, Sendable {
  public var rssBytes: Int?
  public var peakRssBytes: Int?
  public var anonBytes: Int?
  public var peakAnonBytes: Int?
  public var fileBytes: Int?
  public var peakFileBytes: Int?
  /// Apple's `phys_footprint`, which counts the buffers of Metal.
  public var footprintBytes: Int?
  public var peakFootprintBytes: Int?
  public var cpuUserS: Double?
  public var cpuSystemS: Double?
  public var nMinorFaults: Int?
  public var nMajorFaults: Int?
  public var nVoluntarySwitches: Int?
  public var nInvoluntarySwitches: Int?
  public var diskReadBytes: Int?
  public var freeMemoryBytes: Int?
  public var swapUsedBytes: Int?
  public var memoryPressure: String?
  public var otherCpuCores: Double?
  public var governor: String?
  public var frequencyHz: Double?
  public var temperatureC: Double?
  /// nominal, fair, serious or critical.
  public var thermalState: String?
  public var thermalPressure: String?
  public var throttleCount: Int?
  public var isOnBattery: Bool?
  /// 0...1.
  public var batteryFrac: Double?
  public var isLowPower: Bool?

  public init() {
  }

  enum CodingKeys: String, CodingKey {
    case rssBytes = "rss_bytes"
    case peakRssBytes = "peak_rss_bytes"
    case anonBytes = "anon_bytes"
    case peakAnonBytes = "peak_anon_bytes"
    case fileBytes = "file_bytes"
    case peakFileBytes = "peak_file_bytes"
    case footprintBytes = "footprint_bytes"
    case peakFootprintBytes = "peak_footprint_bytes"
    case cpuUserS = "cpu_user_s"
    case cpuSystemS = "cpu_system_s"
    case nMinorFaults = "n_minor_faults"
    case nMajorFaults = "n_major_faults"
    case nVoluntarySwitches = "n_voluntary_switches"
    case nInvoluntarySwitches = "n_involuntary_switches"
    case diskReadBytes = "disk_read_bytes"
    case freeMemoryBytes = "free_memory_bytes"
    case swapUsedBytes = "swap_used_bytes"
    case memoryPressure = "memory_pressure"
    case otherCpuCores = "other_cpu_cores"
    case governor
    case frequencyHz = "frequency_hz"
    case temperatureC = "temperature_c"
    case thermalState = "thermal_state"
    case thermalPressure = "thermal_pressure"
    case throttleCount = "throttle_count"
    case isOnBattery = "is_on_battery"
    case batteryFrac = "battery_frac"
    case isLowPower = "is_low_power"
  }
}
