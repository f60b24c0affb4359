import Foundation

/// The newest word about the battery. Only the main thread may ask for it on an iPhone, any thread may read it here.
public final class BatteryState: @unchecked Sendable {
  private let lock = NSLock()
  private var known: (frac: Double?, isOnBattery: Bool?) = (nil, nil)

  public init() {}

  /// Charge from 0 to 1; nil = unknown.
  public var frac: Double? { lock.withLock { known.frac } }

  /// Whether it is unplugged; nil = unknown.
  public var isOnBattery: Bool? { lock.withLock { known.isOnBattery } }

  /// Take what the system says.
  ///
  /// - Parameter level: charge from 0 to 1; a negative one, UIDevice's word for unknown, becomes nil.
  public func note(level: Double?, isOnBattery: Bool?) {
    let frac = level.flatMap { $0 < 0 ? nil : $0 }
    lock.withLock { known = (frac, isOnBattery) }
  }
}
