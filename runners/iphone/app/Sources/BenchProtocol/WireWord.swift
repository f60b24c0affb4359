/// A closed list of words on the wire that a newer peer may have made longer.
///
/// One unknown word would otherwise make a whole message unreadable: it becomes `unknown` with the word kept.
public protocol WireWord: Codable, Hashable, Sendable, CustomStringConvertible {
  /// Every word this version knows.
  static var words: [(word: String, value: Self)] { get }
  static func unknown(_ word: String) -> Self
  /// The word of an `unknown`, nil otherwise.
  var unknownWord: String? { get }
}

extension WireWord {
  public init(word: String) {
    self = Self.words.first { $0.word == word }?.value ?? .unknown(word)
  }

  /// As written on the wire.
  public var word: String {
    unknownWord ?? Self.words.first { $0.value == self }?.word ?? ""
  }

  public var isKnown: Bool { unknownWord == nil }
  public var description: String { word }

  public init(from decoder: any Decoder) throws {
    self.init(word: try decoder.singleValueContainer().decode(String.self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(word)
  }
}
