import BenchClient
import BenchProtocol

/// `phone show --home DIR`: the journals, one line a launch; with `--json` the events too. Asks nobody.
enum ShowCommand {
  static func run(_ arguments: Arguments, _ lines: Lines) throws -> Int32 {
    let home = try Home(path: try arguments.required("--home"))
    let strangers = Set((try? home.pairing().pairing).map(home.strangers) ?? [])
    for folder in home.outbox.launches() {
      try show(folder, isStranger: strangers.contains(folder), lines)
    }
    if !strangers.isEmpty {
      let note = Note.otherPairing(nLaunches: strangers.count)
      lines.write("note", note.text, ["kind": .string(note.kind), "n_launches": .int(strangers.count)])
    }
    return 0
  }

  private static func show(_ folder: LaunchFolder, isStranger: Bool, _ lines: Lines) throws {
    let state: String
    var fields: [String: JSONValue] = [
      "launch_id": .string(folder.launchID), "is_of_other_pairing": .bool(isStranger),
    ]
    let owner = isStranger ? ", of another pairing" : ""
    do {
      let (data, index) = try folder.read()
      state = index.hasEnd ? index.entries.last?.type.word ?? "" : index.entries.isEmpty ? "waiting" : "cut"
      let isWhole = try folder.sent.isWhole
      fields["n_events"] = .int(index.entries.count)
      fields["is_on_host"] = .bool(isWhole)
      fields["events"] = .array(
        try index.entries.map { entry in
          try JSONValue(parsing: data.dropFirst(entry.range.lowerBound).prefix(entry.range.count))
        })
      lines.write(
        "launch",
        "\(folder.launchID): \(state), \(index.entries.count) events\(isWhole ? ", on the host" : owner)",
        fields.merging(["state": .string(state)]) { ours, _ in ours })
    } catch let error as JournalError {
      fields["state"] = "damaged"
      lines.write("launch", "\(folder.launchID): \(error)\(owner)", fields)
    }
  }
}
