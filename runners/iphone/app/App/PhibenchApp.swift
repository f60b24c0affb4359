import BenchClient
import BenchPhone
import BenchProbes
import SwiftUI
import UIKit

/// The app: a screen around ``PhoneModel``. Stub type-checked; unverified on an iPhone.
@main
struct PhibenchApp: App {
  @State private var phone: Result<PhoneModel, any Error>
  @Environment(\.scenePhase) private var scenePhase
  private let battery: BatteryWatch

  init() {
    let state = BatteryState()
    battery = BatteryWatch(state)
    // Documents, so that Finder and the Files app can take the journals and bring models without a network.
    let documents = FileManager.default.urls(for: .documentDirectory, in: .userDomainMask)[0]
    let folder = documents.appendingPathComponent("bench").path
    phone = Result { PhoneModel(home: try Home(path: folder), probe: SystemProbe(battery: state)) }
  }

  var body: some Scene {
    WindowGroup {
      switch phone {
      case .success(let model): RootView(phone: model).onOpenURL { link in open(link, in: model) }
      case .failure(let error): Text("\(error)").padding()
      }
    }
    .onChange(of: scenePhase) { _, phase in note(phase) }
  }

  /// The camera of the phone opens the link of the code by itself.
  private func open(_ link: URL, in model: PhoneModel) {
    Task { await model.pair(link.absoluteString, name: UIDevice.current.name) }
  }

  private func note(_ phase: ScenePhase) {
    guard case .success(let model) = phone else { return }
    switch phase {
    case .active: model.note(scene: .active)
    case .background: model.note(scene: .background)
    default: model.note(scene: .inactive)
    }
  }
}
