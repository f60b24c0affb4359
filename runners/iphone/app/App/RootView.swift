import BenchPhone
import SwiftUI
import UIKit

/// State, the button that starts and stops, and the way to the other two screens.
struct RootView: View {
  let phone: PhoneModel

  var body: some View {
    NavigationStack {
      List {
        Section("State") {
          Text(phone.status)
          if let fault = phone.fault { Text(fault).foregroundStyle(.red) }
          Button(phone.isRunning ? "Stop" : "Take jobs") { toggle() }
            .disabled(phone.hostID == nil)
        }
        Section("Host") {
          NavigationLink(phone.hostID ?? "Pair with a host") { PairView(phone: phone) }
        }
        Section("Launches") {
          NavigationLink("\(phone.launches.count) since the app began") { LaunchesView(phone: phone) }
        }
      }
      .navigationTitle("phibench")
    }
    // While jobs are taken the screen stays on: in the background nothing is measured.
    .onChange(of: phone.isRunning) { _, isRunning in UIApplication.shared.isIdleTimerDisabled = isRunning }
    .task { await noteMemoryWarnings() }
  }

  private func toggle() {
    if phone.isRunning { phone.stop() } else { phone.start() }
  }

  private func noteMemoryWarnings() async {
    let name = UIApplication.didReceiveMemoryWarningNotification
    for await _ in NotificationCenter.default.notifications(named: name).map({ _ in () }) {
      phone.noteMemoryWarning()
    }
  }
}
