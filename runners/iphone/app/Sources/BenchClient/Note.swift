import BenchProtocol

/// What the courier does, as it happens: for a screen, or a line of a log.
public enum Note: Hashable, Sendable {
  /// The host answered the hello.
  case connected(hostID: String, nUnfinished: Int)
  /// So many launches that are not on their host belong to another pairing: they stay where they are.
  case otherPairing(nLaunches: Int)
  /// Jobs were taken along.
  case took(launchIDs: [String])
  /// A launch begins.
  case began(launchID: String)
  /// A launch has its end in the journal.
  case ended(launchID: String)
  /// The host has a launch whole.
  case uploaded(launchID: String)
  /// A launch was moved out of the way, and why.
  case setAside(launchID: String, reason: String)
  /// Something did not work; `retryInS` is when it is tried again, nil when it is not.
  case trouble(String, retryInS: Double?)

  /// Name of the kind, for programs.
  public var kind: String {
    switch self {
    case .connected: "connected"
    case .otherPairing: "other_pairing"
    case .took: "took"
    case .began: "began"
    case .ended: "ended"
    case .uploaded: "uploaded"
    case .setAside: "set_aside"
    case .trouble: "trouble"
    }
  }

  /// One line, for a person.
  public var text: String {
    switch self {
    case .connected(let hostID, let n): "connected to host \(hostID), \(n) unfinished launches"
    case .otherPairing(let n):
      n == 1
        ? "1 launch belongs to another pairing; it is kept and not sent"
        : "\(n) launches belong to another pairing; they are kept and not sent"
    case .took(let launchIDs): "took \(launchIDs.joined(separator: ", "))"
    case .began(let launchID): "\(launchID) begins"
    case .ended(let launchID): "\(launchID) has ended"
    case .uploaded(let launchID): "\(launchID) is on the host"
    case .setAside(let launchID, let reason): "\(launchID) is set aside: \(reason)"
    case .trouble(let text, let retryInS):
      retryInS.map { "\(text) (again in \(Int($0.rounded(.up))) s)" } ?? text
    }
  }
}
