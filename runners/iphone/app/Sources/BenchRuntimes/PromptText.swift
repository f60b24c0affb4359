/// A prompt as text, for engines that take no token ids: plain English words, drawn from a seed.
///
/// How many tokens it really was only the engine can say, and its count goes into the trace.
public enum PromptText {
  /// Short and common, so that most tokenizers make one token of each.
  private static let words = [
    "the", "time", "water", "people", "house", "light", "world", "number", "paper", "music", "river", "stone",
    "green", "small", "early", "open", "clear", "round", "north", "table", "story", "field", "hand", "road",
    "letter", "morning", "city", "garden", "window", "summer", "voice", "ship",
  ]

  /// Tokens that a chat template usually adds; an estimate, since each model has its own.
  static let nTemplateTokens = 8

  /// Words for a prompt of about so many tokens, the template included.
  public static func drawn(_ nTokens: Int, seed: Int) -> String {
    var numbers = SplitMix64(seed: seed)
    let count = max(1, nTokens - nTemplateTokens)
    return (0..<count).map { _ in
      words[Int(numbers.next().multipliedFullWidth(by: UInt64(words.count)).high)]
    }.joined(separator: " ")
  }
}

/// Tokens of deliveries whose sizes an engine does not tell.
public enum TokenSpread {
  /// Counts that sum to what the engine says: one each, the rest spread evenly over those after the first.
  ///
  /// The first delivery keeps its one token, so that the rate from first to last is right; single gaps are not exact.
  ///
  /// - Returns: nil when there are fewer tokens than deliveries, which makes no sense.
  public static func counts(nTokens: Int, nDeliveries: Int) -> [Int]? {
    guard nDeliveries > 0, nTokens >= nDeliveries else { return nil }
    guard nDeliveries > 1 else { return [nTokens] }
    let (rest, slots) = (nTokens - nDeliveries, nDeliveries - 1)
    return [1] + (0..<slots).map { 1 + rest * ($0 + 1) / slots - rest * $0 / slots }
  }
}
