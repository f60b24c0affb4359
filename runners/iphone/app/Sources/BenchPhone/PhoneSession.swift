import BenchClient
import BenchCore
import BenchProbes
import BenchProtocol
import BenchRuntimes
import Foundation

/// One life of the app: what the last one left behind, the black box, and the way to the host.
///
/// The screen and the command `phone` are both thin around it.
public final class PhoneSession: Sendable {
  /// Version of the app, told to the host.
  public static let appVersion = "0.1"

  public let home: Home
  /// This life of the app.
  public let boot: String
  /// Launches of a dead life that were brought to their end at this start.
  public let recovered: [Recovery.Recovered]
  public let box: BlackBox
  private let lock: HomeLock
  private let probe: any DeviceProbe
  private let network = NetworkGate()
  private let tell: @Sendable (PhoneNews) -> Void
  private let onStuck: @Sendable () -> Void
  private let loads = LoadCounter()

  /// Bring what is unended to its end, then take over the black box.
  ///
  /// - Parameters:
  ///   - tell: told what happens, on whatever thread it happens.
  ///   - onStuck: a runtime hangs, and its launch was ended: the process has to end.
  /// - Throws: ``ClientError`` when another process works in this home; ``JournalError``.
  public init(
    home: Home, probe: any DeviceProbe, tell: @escaping @Sendable (PhoneNews) -> Void,
    onStuck: @escaping @Sendable () -> Void
  ) throws {
    self.home = home
    self.probe = probe
    self.tell = tell
    self.onStuck = onStuck
    lock = try home.lock()
    boot = Identifier.newBoot()
    let boxPath = home.path + "/black_box"
    recovered = Recovery(outbox: home.outbox, boot: boot).run(lastWords: BlackBox.lastWords(path: boxPath))
    box = try BlackBox(path: boxPath, boot: boot)
    box.watchSignals()
    for launch in recovered { tell(.recovered(launch)) }
  }

  /// A person ends the app: a launch that goes on is `cancelled`, even should the app be killed now.
  public func noteStop() { box.update { $0.isStopping = true } }

  /// Say hello, take jobs and run them until there is a reason to stop, or the task is cancelled.
  ///
  /// - Throws: ``ClientError``, ``JournalError``.
  public func run(_ options: CourierOptions) async throws -> Courier.Reason {
    let courier = try Courier(home: home, boot: boot, gate: network, say: { [tell] in tell(.note($0)) })
    let identity = DeviceIdentity(name: courier.pairing.name, installID: try installID())
    return try await courier.run(options) { [self] in
      hello(identity)
    } execute: { [self] launch in
      try await execute(launch, identity)
    }
  }

  private func execute(_ launch: Launch, _ identity: DeviceIdentity) async throws {
    var context = LaunchContext(
      probe: probe, identity: identity, box: box, network: network, control: LaunchControl(),
      appVersion: Self.appVersion, isReload: loads.next() > 0, models: shelf, onStuck: onStuck)
    context.isCancelled = launch.isCancelled
    context.onEvent = { [tell] in tell(.event(launch.job.launchID, $0)) }
    context.onMemoryKept = { [tell] in tell(.memoryKept($0)) }
    let outcome = try await LaunchRunner(launch.job, journal: launch.journal, context: context).run()
    tell(.outcome(launch.job.launchID, outcome))
  }

  private var shelf: ModelShelf { ModelShelf(path: home.path + "/Models") }

  private func hello(_ identity: DeviceIdentity) -> HelloRequest {
    let device = probe.snapshot(identity)
    let isRaised = MemoryLimit.isRaised(probe.memory(), physicalBytes: device.memoryBytes)
    return HelloRequest(
      boot: boot, device: device, reading: probe.reading(),
      runtimes: RuntimeCatalog.all.map { $0.description.facts }, models: shelf.described(),
      freeDiskBytes: freeDiskBytes, entitlements: Entitlements(increasedMemory: isRaised),
      appVersion: Self.appVersion)
  }

  private var freeDiskBytes: Int? {
    let facts = try? FileManager.default.attributesOfFileSystem(forPath: home.path)
    return (facts?[.systemFreeSize] as? NSNumber)?.intValue
  }

  /// Random, made once for this home; the fingerprint comes of it.
  private func installID() throws -> String {
    let path = home.path + "/install_id"
    if let data = FileManager.default.contents(atPath: path), data.count == 32 {
      return String(decoding: data, as: UTF8.self)
    }
    let made = Identifier.random(nBytes: 16)
    try Data(made.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    return made
  }
}

/// What happens in a session.
public enum PhoneNews: Sendable {
  /// Of the way to the host.
  case note(Note)
  /// A launch of a dead life of the app has its end now.
  case recovered(Recovery.Recovered)
  /// An event was written to the journal of a launch.
  case event(String, Event)
  /// So many bytes stayed after a model was unloaded: the app should be started again.
  case memoryKept(Int)
  /// A launch has ended.
  case outcome(String, LaunchOutcome)
}

/// How many launches this process has begun.
private final class LoadCounter: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0

  /// The count before this call.
  func next() -> Int {
    lock.withLock {
      defer { count += 1 }
      return count
    }
  }
}
