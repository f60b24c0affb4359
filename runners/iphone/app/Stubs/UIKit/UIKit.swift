// Apple, UIKit documentation, developer.apple.com/documentation/uikit (UIDevice, UIApplication), iOS 17; read 2026-11-26.
//
// Only what the probes and the app call, in our own words. UIDevice is of the main actor. `notifications(named:)` belongs to
// Apple's Foundation and stands here because the one on Linux lacks it.

@_exported import Foundation

@MainActor
open class UIDevice: NSObject {
  public enum BatteryState: Int, Sendable {
    case unknown, unplugged, charging, full
  }
  public static var current: UIDevice { fatalError() }
  open var isBatteryMonitoringEnabled: Bool {
    get { fatalError() }
    set { fatalError() }
  }
  open var name: String { fatalError() }
  open var batteryState: BatteryState { fatalError() }
  open var batteryLevel: Float { fatalError() }
  public nonisolated static var batteryLevelDidChangeNotification: NSNotification.Name { fatalError() }
  public nonisolated static var batteryStateDidChangeNotification: NSNotification.Name { fatalError() }
}

@MainActor
open class UIApplication: NSObject {
  public static var shared: UIApplication { fatalError() }
  open var isIdleTimerDisabled: Bool {
    get { fatalError() }
    set { fatalError() }
  }
  public nonisolated static var didReceiveMemoryWarningNotification: NSNotification.Name { fatalError() }
}

extension NotificationCenter {
  public final class Notifications: AsyncSequence, @unchecked Sendable {
    public struct AsyncIterator: AsyncIteratorProtocol {
      public mutating func next() async -> Notification? { fatalError() }
    }
    public func makeAsyncIterator() -> AsyncIterator { fatalError() }
  }
  public func notifications(named name: Notification.Name) -> Notifications { fatalError() }
}
