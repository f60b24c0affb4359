#if canImport(UIKit)
  import Foundation
  import UIKit

  /// Keeps a ``BatteryState`` up to date on an iPhone. Stub type-checked, unverified on an iPhone.
  ///
  /// Source: Apple, UIDevice.isBatteryMonitoringEnabled, batteryLevel (-1 = unknown), batteryState.
  @MainActor
  public final class BatteryWatch {
    private let state: BatteryState
    private var tasks: [Task<Void, Never>] = []

    /// Start to watch.
    public init(_ state: BatteryState) {
      self.state = state
      UIDevice.current.isBatteryMonitoringEnabled = true
      look()
      let names = [UIDevice.batteryLevelDidChangeNotification, UIDevice.batteryStateDidChangeNotification]
      tasks = names.map { name in
        Task { [weak self] in
          for await _ in NotificationCenter.default.notifications(named: name).map({ _ in () }) {
            self?.look()
          }
        }
      }
    }

    deinit { for task in tasks { task.cancel() } }

    private func look() {
      let device = UIDevice.current
      let isOnBattery: Bool? =
        switch device.batteryState {
        case .unplugged: true
        case .charging, .full: false
        case .unknown: nil
        @unknown default: nil
        }
      state.note(level: Double(device.batteryLevel), isOnBattery: isOnBattery)
    }
  }
#endif
