import BenchClient
import BenchCore
import BenchPhone
import BenchProtocol
import Foundation

/// What the command prints: one line at a time, at once, for people or, with `--json`, as one object a line.
struct Lines: Sendable {
  let isJSON: Bool

  /// `print` into a pipe is held back until the program ends, so it is not used.
  func write(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

  /// A fault, on standard error.
  static func fail(_ text: String) { FileHandle.standardError.write(Data("Error: \(text)\n".utf8)) }

  func write(_ kind: String, _ text: String, _ fields: [String: JSONValue] = [:]) {
    guard isJSON else { return write(text) }
    let record = fields.merging(["type": .string(kind), "text": .string(text)]) { ours, _ in ours }
    let line = (try? JSONValue.object(record).canonical()) ?? Data()
    write(String(decoding: line, as: UTF8.self))
  }

  func write(_ news: PhoneNews) {
    switch news {
    case .note(let note): write("note", note.text, ["kind": .string(note.kind)])
    case .recovered(let launch):
      write(
        "recovered", "\(launch.launchID): \(launch.failure.message)",
        ["launch_id": .string(launch.launchID), "kind": .string(launch.failure.kind.word)])
    case .memoryKept(let bytes):
      write("memory_kept", "\(bytes >> 20) MiB stayed after the unload; start again", ["bytes": .int(bytes)])
    case .event(let launchID, let event): write(event, of: launchID)
    case .outcome(let launchID, .done):
      write("outcome", "\(launchID): done", ["launch_id": .string(launchID)])
    case .outcome(let launchID, .failed(let failure)):
      write(
        "outcome", "\(launchID): failed, \(failure.kind): \(failure.message)",
        ["launch_id": .string(launchID), "kind": .string(failure.kind.word)])
    }
  }

  private func write(_ event: Event, of launchID: String) {
    let shown = event.data.filter { ["phase", "index", "is_warmup", "is_final"].contains($0.key) }
    let words = [event.data["phase"]?.stringValue, event.data["index"]?.intValue.map(String.init)]
    let text = ([launchID, event.type.word] + words.compactMap(\.self)).joined(separator: " ")
    let fields: [String: JSONValue] = [
      "launch_id": .string(launchID), "event": .string(event.type.word), "seq": .int(event.seq),
      "t_ns": .int(event.tNs),
    ]
    write("event", text, shown.merging(fields) { _, ours in ours })
  }
}
