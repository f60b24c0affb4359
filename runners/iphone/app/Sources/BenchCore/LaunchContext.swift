import BenchProbes
import BenchProtocol
import BenchRuntimes

/// What a launch needs of the app around it.
public struct LaunchContext: Sendable {
  public var probe: any DeviceProbe
  public var identity: DeviceIdentity
  public var box: BlackBox
  /// Closed from the load to the end of the launch.
  public var network: NetworkGate
  public var control: LaunchControl
  public var appVersion: String
  /// Whether this process has loaded a model before.
  public var isReload: Bool
  /// Where a model that the job names lies on this device.
  public var models: ModelShelf
  /// Whether the host cancelled the launch; asked at the gate only.
  public var isCancelled: @Sendable () async -> Bool
  /// Called when a runtime neither answers nor comes back, with the journal ended: the process has to end.
  public var onStuck: @Sendable () -> Void
  /// The runtime of a name.
  public var runtime: @Sendable (String) throws -> any LLMRuntime.Type = { try RuntimeCatalog.named($0) }
  /// Told how much of the footprint stayed after the model was unloaded: the next launch would not begin clean.
  public var onMemoryKept: @Sendable (Int) -> Void = { _ in }
  /// Seconds a runtime gets to come back after it was cancelled for its silence.
  public var graceS = 5.0
  /// Told of each event once it is in the journal; never from inside a timed region.
  public var onEvent: @Sendable (Event) -> Void = { _ in }
  /// Waits at the gate.
  public var sleep: @Sendable (Double) async throws -> Void

  public init(
    probe: any DeviceProbe, identity: DeviceIdentity, box: BlackBox, network: NetworkGate,
    control: LaunchControl,
    appVersion: String, isReload: Bool, models: ModelShelf,
    isCancelled: @escaping @Sendable () async -> Bool = { false }, onStuck: @escaping @Sendable () -> Void,
    sleep: @escaping @Sendable (Double) async throws -> Void = { try await Task.sleep(for: .seconds($0)) }
  ) {
    self.probe = probe
    self.identity = identity
    self.box = box
    self.network = network
    self.control = control
    self.appVersion = appVersion
    self.isReload = isReload
    self.models = models
    self.isCancelled = isCancelled
    self.onStuck = onStuck
    self.sleep = sleep
  }
}

extension LaunchContext {
  /// Write an event and tell of it.
  func record(_ body: EventBody, in journal: Journal) throws { onEvent(try journal.append(body)) }
}

/// How a launch ended.
public enum LaunchOutcome: Hashable, Sendable {
  case done
  case failed(Failure)
}
