import BenchProtocol

/// What can be asked of the device that the app runs on. Answers at once, never throws; nil = the platform is silent.
public protocol DeviceProbe: Sendable {
  /// What does not change between two launches.
  func snapshot(_ identity: DeviceIdentity) -> DeviceSnapshot

  /// How the device and this process are now. Some 0.1 ms, so never inside a timed region.
  func reading() -> Reading

  /// The part that is looked at ten times a second.
  func memory() -> MemoryNow

  /// Apart from the memory, because it changes slowly.
  func thermalState() -> ThermalState?

  /// Begin the peak of resident memory anew, where the system lets us.
  func forgetPeak()

  /// Whether a debugger is attached; a run under one is no measurement.
  func isTraced() -> Bool?
}

/// How the owner knows the device and how the host tells it from others.
public struct DeviceIdentity: Hashable, Sendable {
  /// What the owner calls it.
  public let name: String
  /// Random, made once; from it alone nobody learns a serial number.
  public let installID: String

  public init(name: String, installID: String) {
    self.name = name
    self.installID = installID
  }

  /// What the snapshot carries.
  public var fingerprint: String { String(Crypto.sha256Hex(Array("device\n\(installID)".utf8)).prefix(16)) }
}

/// Heat as Apple tells it: coarse, and the only figure an app gets.
public enum ThermalState: Int8, Hashable, Sendable {
  case nominal = 0
  case fair, serious, critical

  /// As written on the wire.
  public var word: String {
    switch self {
    case .nominal: "nominal"
    case .fair: "fair"
    case .serious: "serious"
    case .critical: "critical"
    }
  }

  /// The state of that word.
  public init?(word: String?) {
    guard let found = [Self.nominal, .fair, .serious, .critical].first(where: { $0.word == word }) else {
      return nil
    }
    self = found
  }
}

/// Memory of this process, in bytes; nil = the platform does not say.
public struct MemoryNow: Hashable, Sendable {
  /// Apple: `phys_footprint`, what the kernel's memory killer charges. Clean mapped weights are not in it.
  public var footprintBytes: Int?
  /// Apple: the highest footprint in the life of the process.
  public var peakFootprintBytes: Int?
  public var rssBytes: Int?
  /// Linux: since the peak was begun anew; Apple: in the life of the process.
  public var peakRssBytes: Int?
  public var anonBytes: Int?
  public var fileBytes: Int?
  /// iOS: what the app may still take (`os_proc_available_memory`); Linux: what the machine has left.
  public var availableBytes: Int?

  public init() {}

  /// What the memory killer or the machine sees of us: the footprint, or where there is none the resident memory.
  public var chargedBytes: Int? { footprintBytes ?? rssBytes }
}
