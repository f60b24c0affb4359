import BenchClient
import BenchCore
import BenchProbes
import BenchProtocol
import Foundation
import Observation

/// What the screen shows and does. Tested without a screen.
///
/// It changes on notes and outcomes only, never on the events of a launch: between the load and the end of one nothing
/// is drawn.
@MainActor @Observable
public final class PhoneModel {
  /// A launch as a row.
  public struct Row: Identifiable, Hashable, Sendable {
    public let id: String
    /// done, or the failure in one sentence.
    public let text: String
    public let isDone: Bool
  }

  /// Name of the host; nil = not paired.
  public private(set) var hostID: String?
  /// One line: what is going on.
  public private(set) var status = ""
  /// What the last try to pair or to run ended with; nil = well.
  public private(set) var fault: String?
  /// The launches of this life of the app, the newest first.
  public private(set) var launches: [Row] = []
  public private(set) var isRunning = false

  /// A link that was opened from outside the app and waits for a person's word; nil = none.
  public private(set) var offeredLink: String?

  private let home: Home
  private let probe: any DeviceProbe
  private let onStuck: @Sendable () -> Void
  private var session: PhoneSession?
  private var work: Task<Void, Never>?

  /// - Parameter onStuck: a runtime hangs; the process has to end.
  public init(home: Home, probe: any DeviceProbe, onStuck: @escaping @Sendable () -> Void = { exit(70) }) {
    self.home = home
    self.probe = probe
    self.onStuck = onStuck
    hostID = try? home.pairing().pairing.hostID
    status = hostID == nil ? "Not paired" : "Ready"
  }

  /// Show a link that was opened. Any page or message can open one, so nothing is sent before a person says so.
  public func offer(_ link: String) { offeredLink = link }

  /// What the button says: the address that would be asked; only "Pair" when the text is no link.
  public static func pairLabel(_ link: String) -> String {
    guard let link = try? PairingLink(parsing: link) else { return "Pair" }
    return "Pair with \(HostAddress(host: link.host, port: link.port))"
  }

  /// Pair with the host of a link, scanned or typed, on a person's word.
  public func pair(_ link: String, name: String) async {
    do {
      hostID = try await home.pair(with: try PairingLink(parsing: link), name: name).hostID
      (status, fault, offeredLink) = ("Paired", nil, nil)
    } catch {
      fault = "\(error)"
    }
  }

  /// Take jobs until ``stop()``.
  public func start() {
    guard !isRunning else { return }
    do {
      let session = try self.session ?? begin()
      self.session = session
      isRunning = true
      fault = nil
      work = Task { [weak self] in
        let end = await Self.end(of: session)
        self?.finish(end)
      }
    } catch {
      fault = "\(error)"
    }
  }

  /// End what is going on; a launch that runs is cancelled.
  public func stop() { work?.cancel() }

  /// Waits until nothing goes on.
  public func wait() async { await work?.value }

  /// Whether the app can be seen: a launch that goes on in the background is ended.
  public func note(scene: BlackBoxRecord.Scene) { session?.box.update { $0.scene = scene } }

  /// The system warned of too little memory.
  public func noteMemoryWarning() { session?.box.update { $0.nMemoryWarnings += 1 } }

  /// The system is about to end the app for a person.
  public func noteTermination() { session?.noteStop() }

  private func begin() throws -> PhoneSession {
    try PhoneSession(
      home: home, probe: probe,
      tell: { [weak self] news in Task { @MainActor in self?.take(news) } }, onStuck: onStuck)
  }

  private static func end(of session: PhoneSession) async -> Result<Courier.Reason, any Error> {
    do { return .success(try await session.run(CourierOptions())) } catch { return .failure(error) }
  }

  private func finish(_ end: Result<Courier.Reason, any Error>) {
    isRunning = false
    status = "Stopped"
    if case .failure(let error) = end { fault = "\(error)" }
  }

  private func take(_ news: PhoneNews) {
    switch news {
    case .note(let note): status = note.text
    case .event: break
    case .memoryKept(let bytes): fault = "\(bytes >> 20) MiB stayed in use: start the app again"
    case .recovered(let launch): add(launch.launchID, launch.failure)
    case .outcome(let launchID, .done): launches.insert(Row(id: launchID, text: "done", isDone: true), at: 0)
    case .outcome(let launchID, .failed(let failure)): add(launchID, failure)
    }
  }

  private func add(_ launchID: String, _ failure: Failure) {
    launches.insert(Row(id: launchID, text: "\(failure.kind): \(failure.message)", isDone: false), at: 0)
  }
}
