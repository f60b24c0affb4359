import BenchProbes
import BenchProtocol
import BenchRuntimes

/// How a launch came through its gate.
public struct Admission: Hashable, Sendable {
  /// Seconds spent at the gate.
  public var waitedS: Double
  /// Conditions that did not hold when the launch was let through; none = it ran as it should.
  public var unmet: [String]
  /// Conditions of which the platform says nothing.
  public var unknown: [String]
  /// The last look.
  public var reading: Reading
}

/// The gate before a launch, as `collector/gates.py` has it for a local one: the same conditions, the same names.
///
/// What can pass by itself (heat, memory in use) is waited for, looking about once a second; what only a person can
/// change (power, a low-power mode) is not: the launch runs and its flag tells.
public struct GateKeeper: Sendable {
  /// Seconds between two looks.
  static let lookEveryS = 1.0
  /// Seconds between two questions to the host whether the launch was cancelled; they also keep the lease alive.
  static let askEveryS = 30.0
  private static let passing: Set = ["max_other_cpu_cores", "is_thermal_nominal", "min_free_bytes"]

  let gate: Gate
  let read: @Sendable () -> Reading
  /// Monotonic seconds.
  let clock: @Sendable () -> Double
  let sleep: @Sendable (Double) async throws -> Void
  let isCancelled: @Sendable () async -> Bool

  /// Wait until what can pass has passed, at most as long as the gate allows.
  ///
  /// - Throws: ``RunFailure`` of kind `cancelled` when the host says so; `CancellationError`.
  public func admit() async throws -> Admission {
    let begunS = clock()
    var askedS: Double?
    var nominalSinceS: Double?
    while true {
      let looked = read()
      let nowS = clock()
      var unmet = Self.unmet(gate, looked)
      nominalSinceS = holdsHeat(looked) ? nominalSinceS ?? nowS : nil
      if let nominalSinceS, nowS - nominalSinceS < gate.nominalHoldS { unmet.append("is_thermal_nominal") }
      if askedS.map({ nowS - $0 >= Self.askEveryS }) ?? true {
        askedS = nowS
        if await isCancelled() { throw RunFailure(.cancelled, "cancelled on the host before it began") }
      }
      let waitedS = nowS - begunS
      if !unmet.contains(where: Self.passing.contains) || waitedS >= gate.longestWaitS {
        return Admission(waitedS: waitedS, unmet: unmet, unknown: Self.unknown(gate, looked), reading: looked)
      }
      try await sleep(min(Self.lookEveryS, max(gate.longestWaitS - waitedS, 0.01)))
    }
  }

  /// Whether nominal heat is asked for and is there.
  private func holdsHeat(_ reading: Reading) -> Bool {
    gate.isThermalNominal == true && reading.thermalState == "nominal"
  }

  /// Conditions that a reading breaks, in the gate's order.
  static func unmet(_ gate: Gate, _ reading: Reading) -> [String] {
    conditions(gate, reading).filter { $0.holds == false }.map(\.name)
  }

  /// Conditions about which a reading says nothing.
  static func unknown(_ gate: Gate, _ reading: Reading) -> [String] {
    conditions(gate, reading).filter { $0.holds == nil }.map(\.name)
  }

  private static func conditions(_ gate: Gate, _ reading: Reading) -> [(name: String, holds: Bool?)] {
    var all: [(String, Bool?)] = []
    if let most = gate.maxOtherCpuCores {
      all.append(("max_other_cpu_cores", reading.otherCpuCores.map { $0 <= most }))
    }
    if gate.isThermalNominal == true {
      all.append(("is_thermal_nominal", reading.thermalState.map { $0 == "nominal" }))
    }
    if gate.isLowPowerOff == true { all.append(("is_low_power_off", reading.isLowPower.map { !$0 })) }
    if gate.isMainsPower == true { all.append(("is_mains_power", reading.isOnBattery.map { !$0 })) }
    if let least = gate.minFreeBytes {
      all.append(("min_free_bytes", reading.freeMemoryBytes.map { $0 >= least }))
    }
    return all
  }
}
