/// Whether the signed build really has the entitlement for more memory: source trees lie, signed builds do not.
public enum MemoryLimit {
  /// Share of the physical memory from which on the limit can only be the raised one.
  ///
  /// Source: limits reported by others, never ours: 6 GB phones 2.1 to 2.9 GB without and 4.0 to 4.2 GB with it, 8 GB
  /// phones 3.4 GB without and 6.1 GB with it. Unverified, and systems change.
  static let raisedFrom = 0.58

  /// - Parameters:
  ///   - memory: of an app that has hardly begun.
  ///   - physicalBytes: of the device.
  /// - Returns: nil where the headroom is unknown.
  public static func isRaised(_ memory: MemoryNow, physicalBytes: Int?) -> Bool? {
    guard let footprint = memory.footprintBytes, let available = memory.availableBytes,
      let physicalBytes, physicalBytes > 0
    else { return nil }
    return Double(footprint + available) > raisedFrom * Double(physicalBytes)
  }
}
