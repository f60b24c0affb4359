import BenchPhone
import SwiftUI
import UIKit

/// Pairing by a link, pasted or opened by the phone's camera; the button names the host it would ask.
struct PairView: View {
  let phone: PhoneModel
  @State private var link: String

  init(phone: PhoneModel) {
    self.phone = phone
    _link = State(wrappedValue: phone.offeredLink ?? "")
  }

  var body: some View {
    List {
      Section("On the host") {
        Text("phibench bridge serve --host 0.0.0.0")
        Text("phibench bridge pair")
      }
      Section("Scan the code with the camera, or paste the link") {
        TextField("phibench://pair?…", text: $link)
        Button(PhoneModel.pairLabel(link)) { pair() }.disabled(link.isEmpty)
        if let fault = phone.fault { Text(fault).foregroundStyle(.red) }
      }
    }
    .navigationTitle("Host")
    .onChange(of: phone.offeredLink) { _, offered in link = offered ?? link }
  }

  private func pair() {
    Task { await phone.pair(link, name: UIDevice.current.name) }
  }
}
