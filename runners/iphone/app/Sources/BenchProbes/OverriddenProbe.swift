import BenchProtocol
import Foundation

/// A probe with some of its readings replaced by those of a file, read anew at each look: a phone that is hot, on
/// battery or short of memory, for whoever plays one.
public struct OverriddenProbe: DeviceProbe {
  private let base: any DeviceProbe
  private let path: String

  /// - Parameter path: a JSON object with fields of a reading; a file that is not there changes nothing.
  public init(_ base: any DeviceProbe, path: String) {
    self.base = base
    self.path = path
  }

  public func snapshot(_ identity: DeviceIdentity) -> DeviceSnapshot { base.snapshot(identity) }
  public func forgetPeak() { base.forgetPeak() }
  public func isTraced() -> Bool? { base.isTraced() }

  public func reading() -> Reading {
    let fields = overrides
    guard !fields.isEmpty, var all = try? JSONValue(encoding: base.reading()).objectValue else {
      return base.reading()
    }
    all.merge(fields) { _, theirs in theirs }
    return (try? JSONValue.object(all).decoded(Reading.self)) ?? base.reading()
  }

  public func memory() -> MemoryNow {
    var memory = base.memory()
    let fields = overrides
    memory.footprintBytes = fields["footprint_bytes"]?.intValue ?? memory.footprintBytes
    memory.availableBytes = fields["free_memory_bytes"]?.intValue ?? memory.availableBytes
    return memory
  }

  public func thermalState() -> ThermalState? {
    ThermalState(word: overrides["thermal_state"]?.stringValue) ?? base.thermalState()
  }

  private var overrides: [String: JSONValue] {
    guard let data = FileManager.default.contents(atPath: path) else { return [:] }
    return (try? JSONValue(parsing: data).objectValue) ?? [:]
  }
}
