import BenchC
import BenchProtocol
import Foundation

/// The device under the app: an iPhone, a Mac, or a Linux machine that plays a phone.
///
/// The Apple branches are unverified on an iPhone: they were compiled against stubs and read in Apple's documentation.
///
/// Source: Apple, `task_info` (TASK_VM_INFO), `os_proc_available_memory`, `ProcessInfo.thermalState`,
/// `ProcessInfo.isLowPowerModeEnabled`, `UIDevice.batteryLevel`, `uname`, `sysctl` (kern.osversion); Linux, proc(5).
public struct SystemProbe: DeviceProbe {
  /// What the app's own code saw of the battery, which only its main thread may ask.
  public let battery: BatteryState

  public init(battery: BatteryState = BatteryState()) { self.battery = battery }

  public func snapshot(_ identity: DeviceIdentity) -> DeviceSnapshot {
    var device = DeviceSnapshot(
      fingerprint: identity.fingerprint, name: identity.name, kind: Platform.kind, osName: Platform.osName)
    let version = ProcessInfo.processInfo.operatingSystemVersion
    device.osVersion = "\(version.majorVersion).\(version.minorVersion).\(version.patchVersion)"
    device.osBuild = Platform.osBuild
    device.machine = Platform.architecture
    device.productType = Platform.productType
    device.nLogicalCores = ProcessInfo.processInfo.processorCount
    device.nUsableCores = ProcessInfo.processInfo.activeProcessorCount
    device.memoryBytes = Int(clamping: ProcessInfo.processInfo.physicalMemory)
    return device
  }

  public func reading() -> Reading {
    var reading = Reading()
    reading.take(memory())
    reading.takeUsage()
    reading.thermalState = thermalState()?.word
    reading.isLowPower = Platform.isLowPower
    reading.isOnBattery = battery.isOnBattery
    reading.batteryFrac = battery.frac
    return reading
  }

  public func memory() -> MemoryNow { MemoryNow(bench_read_memory()) }

  public func thermalState() -> ThermalState? { Platform.thermalState }

  public func forgetPeak() { _ = bench_reset_peak_memory() }

  public func isTraced() -> Bool? {
    let answer = bench_is_traced()
    return answer < 0 ? nil : answer == 1
  }
}

extension MemoryNow {
  init(_ memory: bench_memory) {
    func known(_ bytes: Int64) -> Int? { bytes < 0 ? nil : Int(bytes) }
    footprintBytes = known(memory.footprint)
    peakFootprintBytes = known(memory.peak_footprint)
    rssBytes = known(memory.resident)
    peakRssBytes = known(memory.peak_resident)
    anonBytes = known(memory.anonymous)
    fileBytes = known(memory.file)
    availableBytes = known(memory.available)
  }
}

extension Reading {
  /// Put the memory of the process into it.
  public mutating func take(_ memory: MemoryNow) {
    footprintBytes = memory.footprintBytes
    peakFootprintBytes = memory.peakFootprintBytes
    rssBytes = memory.rssBytes
    peakRssBytes = memory.peakRssBytes
    anonBytes = memory.anonBytes
    fileBytes = memory.fileBytes
    freeMemoryBytes = memory.availableBytes
  }

  /// Put what the system accounted to the process since its start into it.
  mutating func takeUsage() {
    var usage = rusage()
    guard getrusage(Platform.ourselves, &usage) == 0 else { return }
    cpuUserS = Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) / 1e6
    cpuSystemS = Double(usage.ru_stime.tv_sec) + Double(usage.ru_stime.tv_usec) / 1e6
    nMinorFaults = Int(usage.ru_minflt)
    nMajorFaults = Int(usage.ru_majflt)
    nVoluntarySwitches = Int(usage.ru_nvcsw)
    nInvoluntarySwitches = Int(usage.ru_nivcsw)
  }
}
