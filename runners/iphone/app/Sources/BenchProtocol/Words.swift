// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// What fields mean is said once, in runners/contract.py and docs/contract.md.

/// What one entry of a trace's `dt_ns` stands for.
public enum Granularity: WireWord {
  case token, chunk, total
  case unknown(String)

  public static var words: [(word: String, value: Self)] {
    [
      ("token", .token),
      ("chunk", .chunk),
      ("total", .total),
    ]
  }

  public var unknownWord: String? { if case .unknown(let word) = self { word } else { nil } }
}

/// Generation is what a user sees; kernel is llama-bench's pp and tg: no sampling, random tokens.
public enum WorkloadKind: WireWord {
  case generation, kernel
  case unknown(String)

  public static var words: [(word: String, value: Self)] {
    [
      ("generation", .generation),
      ("kernel", .kernel),
    ]
  }

  public var unknownWord: String? { if case .unknown(let word) = self { word } else { nil } }
}

/// What was made anew for a launch: the process, or only the loaded model.
public enum ReplicationUnit: WireWord {
  case process, reload
  case unknown(String)

  public static var words: [(word: String, value: Self)] {
    [
      ("process", .process),
      ("reload", .reload),
    ]
  }

  public var unknownWord: String? { if case .unknown(let word) = self { word } else { nil } }
}

/// The step that a `starting` event announces.
public enum Phase: WireWord {
  case gate, load, warmup, iteration
  case unknown(String)

  public static var words: [(word: String, value: Self)] {
    [
      ("gate", .gate),
      ("load", .load),
      ("warmup", .warmup),
      ("iteration", .iteration),
    ]
  }

  public var unknownWord: String? { if case .unknown(let word) = self { word } else { nil } }
}

/// The kinds of event, in the order in which a launch sends them.
public enum EventType: WireWord {
  case hello, starting, loaded, iteration, reading, done, failed
  case unknown(String)

  public static var words: [(word: String, value: Self)] {
    [
      ("hello", .hello),
      ("starting", .starting),
      ("loaded", .loaded),
      ("iteration", .iteration),
      ("reading", .reading),
      ("done", .done),
      ("failed", .failed),
    ]
  }

  public var unknownWord: String? { if case .unknown(let word) = self { word } else { nil } }

  /// Whether a launch is whole once this has arrived.
  public var isLast: Bool { self == .done || self == .failed }
}
