import BenchProtocol
import BenchRuntimes
import Foundation
import Testing

@testable import BenchCore

/// A clock that runs only while somebody sleeps, and what the device says at each of its seconds.
private final class World: @unchecked Sendable {
  private let lock = NSLock()
  private var timeS = 0.0
  private var nAsked = 0
  private let says: @Sendable (Double) -> Reading
  var cancelAtS = Double.infinity

  init(_ says: @escaping @Sendable (Double) -> Reading) { self.says = says }

  var nowS: Double { lock.withLock { timeS } }
  var nQuestions: Int { lock.withLock { nAsked } }

  func keeper(_ gate: Gate) -> GateKeeper {
    GateKeeper(
      gate: gate, read: { self.says(self.nowS) }, clock: { self.nowS },
      sleep: { s in self.lock.withLock { self.timeS += s } },
      isCancelled: {
        self.lock.withLock {
          self.nAsked += 1
          return self.timeS >= self.cancelAtS
        }
      })
  }
}

private func reading(_ thermal: String?, free: Int? = nil, isLowPower: Bool? = nil) -> Reading {
  var reading = Reading()
  reading.thermalState = thermal
  reading.freeMemoryBytes = free
  reading.isLowPower = isLowPower
  return reading
}

@Suite struct GateKeeperTests {
  private let cool = Gate(isThermalNominal: true, nominalHoldS: 60, longestWaitS: 900)

  @Test func heatIsWaitedForUntilItHasHeld() async throws {
    let world = World { reading($0 < 100 ? "serious" : "nominal") }
    let admission = try await world.keeper(cool).admit()
    #expect(admission.unmet.isEmpty && admission.unknown.isEmpty)
    #expect(abs(admission.waitedS - 160) < 1.5)
  }

  @Test func aRelapseBeginsTheHoldAnew() async throws {
    let world = World { reading($0 >= 30 && $0 < 32 ? "fair" : "nominal") }
    #expect(abs(try await world.keeper(cool).admit().waitedS - 92) < 1.5)
  }

  @Test func afterTheLongestWaitItRunsFlagged() async throws {
    let world = World { _ in reading("fair") }
    let admission = try await world.keeper(cool).admit()
    #expect(admission.unmet == ["is_thermal_nominal"])
    #expect(abs(admission.waitedS - 900) < 1.5)
  }

  @Test func aHoldThatDoesNotEndInTimeIsUnmet() async throws {
    let world = World { _ in reading("nominal") }
    let gate = Gate(isThermalNominal: true, nominalHoldS: 60, longestWaitS: 10)
    #expect(try await world.keeper(gate).admit().unmet == ["is_thermal_nominal"])
  }

  @Test func whatOnlyAPersonCanChangeIsNotWaitedFor() async throws {
    let world = World { _ in reading(nil, isLowPower: true) }
    let gate = Gate(isLowPowerOff: true, isMainsPower: true, longestWaitS: 900)
    let admission = try await world.keeper(gate).admit()
    #expect(admission.unmet == ["is_low_power_off"] && admission.unknown == ["is_mains_power"])
    #expect(admission.waitedS == 0)
  }

  @Test func whatThePlatformDoesNotSayIsNamedAndNotWaitedFor() async throws {
    let world = World { _ in reading(nil) }
    let gate = Gate(
      maxOtherCpuCores: 0.5, isThermalNominal: true, minFreeBytes: 1, nominalHoldS: 60, longestWaitS: 9)
    let admission = try await world.keeper(gate).admit()
    #expect(admission.unknown == ["max_other_cpu_cores", "is_thermal_nominal", "min_free_bytes"])
    #expect(admission.waitedS == 0 && admission.unmet.isEmpty)
  }

  @Test func memoryIsWaitedFor() async throws {
    let world = World { reading(nil, free: $0 < 5 ? 99 : 100) }
    let admission = try await world.keeper(Gate(minFreeBytes: 100, longestWaitS: 60)).admit()
    #expect(admission.unmet.isEmpty && abs(admission.waitedS - 5) < 1.5)
  }

  @Test func theHostIsAskedAtOnceAndEveryHalfMinute() async throws {
    let world = World { _ in reading("fair") }
    _ = try await world.keeper(Gate(isThermalNominal: true, longestWaitS: 119)).admit()
    #expect(world.nQuestions == 4)
    let stopped = World { _ in reading("fair") }
    stopped.cancelAtS = 60
    let failure = await #expect(throws: RunFailure.self) { try await stopped.keeper(self.cool).admit() }
    #expect(failure?.kind == .cancelled && abs(stopped.nowS - 60) < 1.5)
  }
}

@Suite struct PeaksTests {
  @Test(arguments: [
    (10, 30, 25, 30),  // this launch set the system's peak
    (30, 30, 25, 25),  // an earlier one did
    (10, 20, 25, 25),  // a look saw more than the system says: the larger
  ])
  func theSystemsPeakCountsWhenItRose(_ start: Int, _ end: Int, _ seen: Int, _ wanted: Int) {
    #expect(Peaks.peak(start: start, end: end, seen: seen) == wanted)
  }

  @Test func unknownStaysUnknown() {
    #expect(Peaks.peak(start: nil, end: nil, seen: nil) == nil)
    #expect(Peaks.peak(start: nil, end: nil, seen: 5) == 5)
    #expect(Peaks.peak(start: nil, end: 7, seen: nil) == 7)
  }
}
