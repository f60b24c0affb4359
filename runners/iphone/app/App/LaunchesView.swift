import BenchPhone
import SwiftUI

/// The launches of this life of the app, the newest first.
struct LaunchesView: View {
  let phone: PhoneModel

  var body: some View {
    List {
      ForEach(phone.launches) { launch in
        Section(launch.id) {
          Text(launch.text).foregroundStyle(launch.isDone ? .green : .red)
        }
      }
    }
    .navigationTitle("Launches")
  }
}
