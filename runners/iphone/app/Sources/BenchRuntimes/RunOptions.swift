import BenchProtocol

/// The options of a job, checked against those of the runtime and read by type.
public struct RunOptions: Hashable, Sendable {
  /// As asked.
  public let asked: [String: JSONValue]
  private let engine: String

  /// - Throws: ``RunFailure`` of kind `unsupported` for a name the runtime does not know.
  public init(_ asked: [String: JSONValue], for runtime: RuntimeDescription) throws {
    let unknown = asked.keys.filter { runtime.options[$0] == nil }.sorted()
    guard unknown.isEmpty else {
      throw RunFailure(
        .unsupported, "\(runtime.engine) has no option \(unknown.joined(separator: ", "))",
        remedy: "it has: \(runtime.options.keys.sorted().joined(separator: ", "))")
    }
    self.asked = asked
    engine = runtime.engine
  }

  /// A number that is not negative.
  public func number(_ name: String, or fallback: Double) throws -> Double {
    guard let value = asked[name] else { return fallback }
    guard let number = value.doubleValue, number >= 0 else { throw wrong(name, "a number from 0") }
    return number
  }

  /// A whole number that is not negative.
  public func integer(_ name: String, or fallback: Int) throws -> Int {
    guard let value = asked[name] else { return fallback }
    guard let number = value.intValue, number >= 0 else { throw wrong(name, "a whole number from 0") }
    return number
  }

  /// One of some words, or any text.
  public func text(_ name: String, or fallback: String, choices: [String] = []) throws -> String {
    guard let value = asked[name] else { return fallback }
    guard let text = value.stringValue else { throw wrong(name, "a text") }
    guard choices.isEmpty || choices.contains(text) else {
      throw wrong(name, "one of \(choices.map { $0.isEmpty ? "(nothing)" : $0 }.joined(separator: ", "))")
    }
    return text
  }

  private func wrong(_ name: String, _ wanted: String) -> RunFailure {
    let given = asked[name]?.stringValue ?? "\(asked[name] ?? .null)"
    return RunFailure(.unsupported, "option \(name) of \(engine) is \(wanted), not \(given)")
  }
}
