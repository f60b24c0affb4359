import BenchPhone
import SwiftUI
import UIKit

/// Pairing by text; the phone's camera does it by the code.
struct PairView: View {
  let phone: PhoneModel
  @State private var link = ""

  var body: some View {
    List {
      Section("On the host") {
        Text("phibench bridge serve --host 0.0.0.0")
        Text("phibench bridge pair")
      }
      Section("Scan the code with the camera, or paste the link") {
        TextField("phibench://pair?…", text: $link)
        Button("Pair") { pair() }.disabled(link.isEmpty)
        if let fault = phone.fault { Text(fault).foregroundStyle(.red) }
      }
    }
    .navigationTitle("Host")
  }

  private func pair() {
    Task { await phone.pair(link, name: UIDevice.current.name) }
  }
}
