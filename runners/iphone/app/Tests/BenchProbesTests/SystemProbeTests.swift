import BenchC
import BenchProtocol
import Foundation
import Testing

@testable import BenchProbes

@Suite struct SystemProbeTests {
  private let probe = SystemProbe()

  @Test func memoryThatIsTouchedIsSeen() throws {
    let before = try #require(probe.memory().rssBytes ?? probe.memory().footprintBytes)
    let n = 64 << 20
    let memory = UnsafeMutableRawPointer.allocate(byteCount: n, alignment: 4096)
    defer { memory.deallocate() }
    memset(memory, 1, n)
    let after = try #require(probe.memory().chargedBytes)
    #expect(after - before > n * 3 / 4)
    #expect(try #require(probe.memory().peakRssBytes ?? probe.memory().peakFootprintBytes) >= after - n / 4)
  }

  #if os(Linux)
    @Test func whatLinuxDoesNotSayIsNilAndNotZero() {
      let reading = probe.reading()
      #expect(reading.footprintBytes == nil && reading.peakFootprintBytes == nil)
      #expect(reading.thermalState == nil && reading.isLowPower == nil)
      #expect(reading.batteryFrac == nil && reading.isOnBattery == nil)
      #expect(reading.freeMemoryBytes ?? 0 > 0 && reading.cpuUserS != nil)
    }

    @Test func aPhoneOnLinuxSaysThatItIsSimulated() {
      let device = probe.snapshot(DeviceIdentity(name: "desk", installID: "abc"))
      #expect(device.kind == "simulated" && device.osName == "Linux" && device.productType == nil)
      #expect(device.memoryBytes ?? 0 > 1 << 20)
    }
  #endif

  @Test func theFingerprintTellsTwoInstallationsApartAndNotTheirName() {
    let one = DeviceIdentity(name: "a", installID: "1")
    #expect(one.fingerprint == DeviceIdentity(name: "b", installID: "1").fingerprint)
    #expect(one.fingerprint != DeviceIdentity(name: "a", installID: "2").fingerprint)
    #expect(one.fingerprint.count == 16)
  }

  @Test func unknownInCIsNil() {
    let memory = MemoryNow(
      bench_memory(
        footprint: 7, peak_footprint: -1, resident: 0, peak_resident: -1, anonymous: -1, file: -1,
        available: -1))
    #expect(memory.footprintBytes == 7 && memory.rssBytes == 0)
    #expect(memory.peakFootprintBytes == nil && memory.availableBytes == nil)
  }

  @Test func aBatteryLevelBelowZeroIsUnknown() {
    let battery = BatteryState()
    battery.note(level: 0.5, isOnBattery: true)
    #expect(SystemProbe(battery: battery).reading().batteryFrac == 0.5)
    #expect(SystemProbe(battery: battery).reading().isOnBattery == true)
    battery.note(level: -1, isOnBattery: nil)
    #expect(battery.frac == nil && battery.isOnBattery == nil)
  }

  @Test(arguments: [(2_867, 0, 6_144, false), (200, 3_900, 6_144, true), (100, 3_276, 8_192, false)])
  func theRaisedLimitIsInferredFromTheHeadroom(
    _ footprint: Int, _ free: Int, _ physical: Int, _ isRaised: Bool
  ) {
    var memory = MemoryNow()
    memory.footprintBytes = footprint << 20
    #expect(MemoryLimit.isRaised(memory, physicalBytes: physical << 20) == nil)
    memory.availableBytes = free << 20
    #expect(MemoryLimit.isRaised(memory, physicalBytes: physical << 20) == isRaised)
    #expect(MemoryLimit.isRaised(memory, physicalBytes: nil) == nil)
  }
}

@Suite struct OverriddenProbeTests {
  @Test func fieldsOfTheFileStandInsteadOfTheProbesAndAreReadAnew() throws {
    let path = NSTemporaryDirectory() + "reading-\(UUID().uuidString).json"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let probe = OverriddenProbe(SystemProbe(), path: path)
    let plain = probe.reading().thermalState
    #expect(plain == SystemProbe().reading().thermalState)
    try Data(#"{"thermal_state":"serious","free_memory_bytes":1000}"#.utf8).write(
      to: URL(fileURLWithPath: path))
    #expect(probe.reading().thermalState == "serious" && probe.thermalState() == .serious)
    #expect(probe.reading().freeMemoryBytes == 1000 && probe.memory().availableBytes == 1000)
    #expect(probe.reading().cpuUserS != nil)
    try Data(#"{"thermal_state":"nominal"}"#.utf8).write(to: URL(fileURLWithPath: path))
    #expect(probe.thermalState() == .nominal)
  }
}
