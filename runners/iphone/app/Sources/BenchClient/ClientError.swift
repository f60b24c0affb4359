import BenchProtocol

/// What went wrong between this phone and its host: what happened and what to try.
public enum ClientError: Error, Hashable, Sendable, CustomStringConvertible {
  /// There is no pairing in this home.
  case notPaired(home: String)
  /// Another process works in this home.
  case homeInUse(home: String)
  /// No reply.
  case unreachable(HostAddress, reason: String)
  /// A reply that the paired host did not sign for this request.
  case forgedReply(HostAddress, status: Int)
  /// The host takes nothing from this device any more; `isProven` when the host signed that.
  case revoked(isProven: Bool)
  /// The host knows no such device.
  case unknownDevice
  /// The host holds another key for this device.
  case wrongKey
  /// The host speaks another protocol.
  case otherProtocol(String)
  /// The host refused the time even after it was corrected.
  case clockRefused
  /// The host is too busy or cannot store now.
  case busy(String, retryAfterS: Double)
  /// The host knows no such launch, or it is another device's.
  case unknownLaunch(String)
  /// Any other refusal.
  case refused(status: Int, code: String, message: String)
  /// A reply that no bridge gives.
  case unexpected(HostAddress, status: Int)
  /// The host does not take the next event of a launch.
  case stuck(launchID: String, boot: String, seq: Int)
  /// One event is larger than the host takes.
  case eventTooLarge(launchID: String, boot: String, seq: Int)
  /// Whoever answered the pairing does not know the secret.
  case hostNotProven

  /// Whether waiting may help.
  public var isTransient: Bool {
    switch self {
    case .unreachable, .forgedReply, .busy, .clockRefused: true
    case .unexpected(_, let status): status >= 500 || status == 408
    case .refused(let status, _, _): status == 408 || status == 429 || status >= 500
    default: false
    }
  }

  /// Whether nothing further can come of talking to this host.
  public var isFinal: Bool {
    switch self {
    case .notPaired, .homeInUse, .revoked, .unknownDevice, .wrongKey, .otherProtocol: true
    default: false
    }
  }

  /// One sentence or two, for a person.
  public var description: String {
    switch self {
    case .notPaired(let home):
      "no host is paired in \(home); run `phibench bridge pair` there, then `phone pair LINK --home \(home)`"
    case .homeInUse(let home): "another process works in \(home); end that one or choose another --home"
    case .unreachable(let address, let reason):
      "no answer from \(address) (\(reason)); is `phibench bridge serve` running, and is this the same network?"
    case .forgedReply(let address, let status):
      "\(address) answered (\(status)) without the signature of the paired host; is another program there?"
    case .revoked(let isProven):
      "this device was revoked on the host\(isProven ? "" : " (so says an answer that is not signed)"); "
        + "pair it again with `phibench bridge pair`"
    case .unknownDevice: "the host knows no such device; pair it again with `phibench bridge pair`"
    case .wrongKey: "the host holds another key for this device; pair it again with `phibench bridge pair`"
    case .otherProtocol(let message): message
    case .clockRefused: "the host refuses this device's clock even when corrected; set date and time on both"
    case .busy(let message, _): message
    case .unknownLaunch(let launchID): "the host knows no launch \(launchID)"
    case .refused(let status, let code, let message): "refused (\(status) \(code)): \(message)"
    case .unexpected(let address, let status):
      "\(address) answered \(status), which no bridge does; is another program there?"
    case .stuck(let launchID, let boot, let seq):
      "the host does not take event \(seq) of boot \(boot) of launch \(launchID); its journal is kept"
    case .eventTooLarge(let launchID, let boot, let seq):
      "event \(seq) of boot \(boot) of launch \(launchID) is larger than the host takes; its journal is kept"
    case .hostNotProven:
      "whoever answered does not know the secret of this link; show a new code with `phibench bridge pair`"
    }
  }
}
