// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// What fields mean is said once, in runners/contract.py and docs/contract.md.

/// Doubt on a good result; each word is shown beside the number (meanings: `runners/contract.py`).
public enum Flag: WireWord {
  case synthetic, simulated, imported, chunked, cpuFallback, virtualised, ungated, hot,
    contended, onBattery, lowPower, coldCache, reload, notInterleaved, orphaned, server,
    outputChanged, gapsInexact, implausible
  case unknown(String)

  public static var words: [(word: String, value: Self)] {
    [
      ("synthetic", .synthetic),
      ("simulated", .simulated),
      ("imported", .imported),
      ("chunked", .chunked),
      ("cpu_fallback", .cpuFallback),
      ("virtualised", .virtualised),
      ("ungated", .ungated),
      ("hot", .hot),
      ("contended", .contended),
      ("on_battery", .onBattery),
      ("low_power", .lowPower),
      ("cold_cache", .coldCache),
      ("reload", .reload),
      ("not_interleaved", .notInterleaved),
      ("orphaned", .orphaned),
      ("server", .server),
      ("output_changed", .outputChanged),
      ("gaps_inexact", .gapsInexact),
      ("implausible", .implausible),
    ]
  }

  public var unknownWord: String? { if case .unknown(let word) = self { word } else { nil } }
}
