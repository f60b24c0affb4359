/// The pairing under which a launch was taken: only its host knows the launch, and only of that device.
public struct LaunchOwner: Codable, Hashable, Sendable {
  /// Of the host that gave it out.
  public let hostID: String
  /// Under which the host knew this phone then.
  public let deviceID: String

  public init(hostID: String, deviceID: String) {
    self.hostID = hostID
    self.deviceID = deviceID
  }

  enum CodingKeys: String, CodingKey {
    case hostID = "host_id"
    case deviceID = "device_id"
  }
}
