import BenchProtocol

/// A fault that a person can understand and mend; ends the launch and never the app.
public struct RunFailure: Error, Hashable, Sendable, CustomStringConvertible {
  public let kind: FailureKind
  /// What happened, in one sentence without the remedy.
  public let message: String
  /// What to try; empty when nothing is known to help.
  public let remedy: String

  public init(_ kind: FailureKind, _ message: String, remedy: String = "") {
    self.kind = kind
    self.message = message
    self.remedy = remedy
  }

  public var description: String { remedy.isEmpty ? message : "\(message); try: \(remedy)" }
}
