import BenchClient
import BenchPhone
import BenchProbes
import SwiftUI
import UIKit

/// The app: a screen around ``PhoneModel``. Stub type-checked; unverified on an iPhone.
@main
struct PhibenchApp: App {
  @State private var phone: Result<PhoneModel, any Error>
  @State private var isAsking = false
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
      case .success(let model):
        RootView(phone: model)
          .onOpenURL { link in ask(about: link, model) }
          .onChange(of: model.offeredLink) { _, link in if link == nil { isAsking = false } }
          .sheet(isPresented: $isAsking) { NavigationStack { PairView(phone: model) } }
      case .failure(let error): Text("\(error)").padding()
      }
    }
    .onChange(of: scenePhase) { _, phase in note(phase) }
  }

  /// The camera opens the link of the code, but any page can open one as well: a person's tap pairs.
  private func ask(about link: URL, _ model: PhoneModel) {
    model.offer(link.absoluteString)
    isAsking = true
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
